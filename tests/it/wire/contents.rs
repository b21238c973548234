//! What is read of images that are there: by whom it is wanted, what it costs, and what cannot be read.

use pullcheck::check;
use pullcheck::findings::finding::Finding;
use pullcheck::image::platform::Platform;
use pullcheck::image::runtime::Runtime;
use pullcheck::input::gather;
use pullcheck::inventory::ReadOptions;
use pullcheck::registry::{Client, Concurrency, Progress};
use pullcheck::report::{ImageReport, Report};
use pullcheck::rules::Settings;
use pullcheck::text::source::{Encoding, Source};
use pullcheck_support::{Access, Answer, Bearer, Registry};

use super::{block_on, plain};

/// A pod whose spec begins with `asks`, with these images.
pub(super) fn pod(asks: &str, images: &[String]) -> String {
    let containers = images.iter().enumerate().map(|(at, image)| format!("  - {{name: c{at}, image: '{image}'}}\n"));
    let containers: String = containers.collect();
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n{asks}  containers:\n{containers}")
}

const ARM64: &str = "  nodeSelector: {kubernetes.io/arch: arm64}\n";

/// Checks manifests against a server; the requests that it took.
pub(super) fn run(server: &Registry, settings: &Settings, manifests: &[String]) -> (Report, usize) {
    let sources = manifests.iter().map(|text| Source::new("a.yaml", text.as_str(), Encoding::Utf8)).collect();
    let gathered = gather::gather_sources(sources, ReadOptions { named: true, ..ReadOptions::default() });
    let before = server.count();
    let (_, report) = block_on(async {
        let client = Client::new(plain(server)).unwrap();
        check::check(
            gathered,
            settings,
            None,
            Some((&client, Concurrency { all: 64, per_registry: 8 })),
            &Progress::default(),
        )
        .await
    });
    (report, server.count() - before)
}

pub(super) fn cluster(platforms: &[&str]) -> Settings {
    let mut settings = Settings::default();
    settings.cluster.operator.platforms = platforms.iter().map(|text| text.parse().unwrap()).collect();
    settings
}

pub(super) fn verdicts(report: &Report) -> Vec<(&str, Option<&str>)> {
    let verdict = |image: &ImageReport| (image.verdict.unwrap_or_default(), image.cause);
    report.images.iter().map(verdict).collect::<Vec<_>>()
}

pub(super) fn said<'r>(report: &'r Report, rule: &str) -> Vec<&'r Finding> {
    report.findings.iter().filter(|finding| finding.rule == rule).collect()
}

#[test]
fn contents_are_not_fetched_without_a_declared_platform() {
    let server = Registry::start(|r| {
        r.index("acme/api", "1", &["linux/amd64"]);
        r.image("acme/web", "1");
    });
    let images = ["api:1", "web:1"].map(|name| format!("{}/acme/{name}", server.host()));
    let (report, requests) = run(&server, &Settings::default(), &[pod("", &images)]);
    assert_eq!(verdicts(&report), [("pullable", None), ("pullable", None)]);
    assert_eq!(requests, 2);
    assert!(report.images.iter().all(|image| image.platforms.is_none() && image.size.is_none()));
}

#[test]
fn an_index_and_a_single_image_cost_three_requests_each() {
    let server = Registry::start(|r| {
        r.index("acme/api", "1", &["linux/amd64", "linux/arm64", "unknown/unknown"]);
        r.repository("acme/web").image_for("1", "linux/arm64", 7_000_000);
    });
    let image = |name: &str| format!("{}/acme/{name}", server.host());
    let (report, requests) = run(&server, &Settings::default(), &[pod(ARM64, &[image("api:1")])]);
    // Tag, index, and whether the image is there that it names for the node.
    assert_eq!((verdicts(&report), requests), (vec![("pullable", None)], 3));
    let platforms = |report: &Report| report.images[0].platforms.clone().unwrap_or_default();
    assert_eq!(platforms(&report), ["linux/amd64", "linux/arm64"]);
    assert_eq!(report.images[0].size, None);
    let (report, requests) = run(&server, &Settings::default(), &[pod(ARM64, &[image("web:1")])]);
    assert_eq!((verdicts(&report), requests), (vec![("pullable", None)], 3));
    assert_eq!(platforms(&report), ["linux/arm64"]);
    assert!(report.images[0].size.is_some_and(|size| (7_000_000..7_001_000).contains(&size)));
}

#[test]
fn content_is_read_once_for_many_pods() {
    let server = Registry::start(|r| {
        r.index("acme/api", "1", &["linux/amd64", "linux/arm64"]).index("2", &["linux/amd64"]);
        let digest = r.repository("acme/api").digest("1").unwrap().to_owned();
        let (media_type, _, bytes) = r.repository("acme/api").content(&digest).unwrap();
        let (media_type, bytes) = (media_type.to_owned(), bytes.to_owned());
        r.repository("acme/api").manifest("same", &media_type, bytes);
    });
    let image = |tag: &str| format!("{}/acme/api:{tag}", server.host());
    let pods: Vec<_> = ["1", "1", "same", "2"].iter().map(|tag| pod(ARM64, &[image(tag)])).collect();
    let (report, requests) = run(&server, &Settings::default(), &pods);
    let fails = ("fails", Some("platform"));
    assert_eq!(verdicts(&report), [("pullable", None), ("pullable", None), ("pullable", None), fails]);
    assert_eq!(requests, 3 + 2 + 1, "three tags, two indexes, one image: {:?}", server.lines());
}

#[test]
fn the_event_names_the_digest_of_the_index() {
    let mut digest = String::new();
    let server = Registry::start(|r| {
        let held = r.index("acme/api", "1", &["linux/amd64"]);
        digest = held.digest("1").unwrap().to_owned();
        r.image("acme/single", "1");
    });
    let images = ["api:1", "single:1"].map(|name| format!("{}/acme/{name}", server.host()));
    let (report, _) = run(&server, &Settings::default(), &[pod(ARM64, &images)]);
    let found = said(&report, "platform-mismatch");
    assert_eq!(found.len(), 2);
    let expected = format!("no match for platform in manifest {digest}: not found");
    assert!(found[0].event.as_ref().is_some_and(|event| event.ends_with(&expected)), "{:?}", found[0].event);
    assert_eq!(found[1].event, None, "a single image is pulled");
    assert!(found[1].message.contains("exec format error"), "{}", found[1].message);
    assert_eq!(found[0].related.len(), 1);
    assert_eq!(report.images[0].digest.as_deref(), Some(digest.as_str()));
    assert_eq!(report.images[0].platforms.as_deref(), Some(["linux/amd64".to_owned()].as_slice()));

    let mut crio = Settings::default();
    crio.cluster.runtime = Runtime::Crio;
    let selector = "  nodeSelector: {kubernetes.io/arch: arm64, kubernetes.io/os: linux}\n";
    let (report, _) = run(&server, &crio, &[pod(selector, &images[..1])]);
    let event = said(&report, "platform-mismatch")[0].event.clone().unwrap();
    assert!(
        event.contains(r#"no image found in image index for architecture "arm64", variant "v8", OS "linux""#),
        "{event}"
    );
}

#[test]
fn unreadable_content_is_never_pullable() {
    let busy = |server: &mut pullcheck_support::Script, name: &str, status: u16| {
        let digest = server.index(name, "1", &["linux/amd64"]).digest("1").unwrap().to_owned();
        server.answer("GET", &format!("/v2/{name}/manifests/{digest}"), [Answer::status(status)]);
    };
    let server = Registry::start(|r| {
        busy(r, "acme/limited", 429);
        busy(r, "acme/gone", 404);
        // The bytes are not those of the digest.
        r.repository("acme/forged").at("1", &format!("sha256:{}", "ab".repeat(32)));
        let digest = r.index("acme/page", "1", &["linux/amd64"]).digest("1").unwrap().to_owned();
        r.answer("GET", &format!("/v2/acme/page/manifests/{digest}"), [Answer::status(200).body("<html>")]);
    });
    for (name, verdict, cause, rule) in [
        ("limited", "unverified", "rate-limited", "unverified-image"),
        // By its tag it is there, and by the digest that the registry names it is not: no node can fetch it.
        ("gone", "fails", "content-missing", "unsupported-manifest"),
        ("forged", "fails", "content-mismatch", "unsupported-manifest"),
        ("page", "fails", "content-mismatch", "unsupported-manifest"),
    ] {
        let images = [format!("{}/acme/{name}:1", server.host())];
        let (report, _) = run(&server, &cluster(&["linux/amd64"]), &[pod("", &images)]);
        assert_eq!(verdicts(&report), [(verdict, Some(cause))], "{name}");
        assert_eq!(said(&report, rule).len(), 1, "{name}");
    }
}

#[test]
fn contents_are_read_with_the_credential_that_opened_the_image() {
    let server = Registry::start(|r| {
        r.index("acme/api", "1", &["linux/amd64"]).access(Access::Bearer(Bearer::public()));
    });
    let images = [format!("{}/acme/api:1", server.host())];
    let (report, requests) = run(&server, &cluster(&["linux/amd64"]), &[pod("", &images)]);
    assert_eq!(verdicts(&report), [("pullable", None)]);
    assert_eq!(requests, 5, "challenge, token, HEAD, GET and HEAD of the image: {:?}", server.lines());
}

/// With few pulls left, none is spent on what is only nice to know, and what had to be known is not made up.
#[test]
fn content_is_not_read_when_few_pulls_remain() {
    let server = Registry::start(|r| {
        let held = r.index("acme/api", "1", &["linux/amd64"]);
        let (media_type, digest, bytes) = held.content("1").unwrap();
        let answer = Answer::status(200)
            .header("Content-Type", media_type)
            .header("Docker-Content-Digest", digest)
            .header("ratelimit-remaining", "3;w=21600")
            .body(bytes.to_vec());
        held.answer("1", answer);
    });
    let images = [format!("{}/acme/api:1", server.host())];
    let (report, requests) = run(&server, &cluster(&["linux/amd64"]), &[pod("", &images)]);
    assert_eq!((verdicts(&report), requests), (vec![("unverified", Some("rate-limited"))], 1));
    let (report, requests) = run(&server, &Settings::default(), &[pod("", &images)]);
    assert_eq!((verdicts(&report), requests), (vec![("pullable", None)], 1));
}

#[test]
fn index_size_is_that_of_its_largest_node_image() {
    let server = Registry::start(|r| {
        r.repository("acme/api").index_of("1", &["linux/amd64", "linux/arm64", "linux/s390x"], 5_000_000);
    });
    let images = [format!("{}/acme/api:1", server.host())];
    let mut settings = Settings { max_image_size: Some(1_000_000), ..Settings::default() };
    settings.levels.turn_on("large-image", pullcheck::findings::finding::Severity::Warning);
    let (report, requests) = run(&server, &settings, &[pod("", &images)]);
    assert_eq!((verdicts(&report), requests), (vec![("pullable", None)], 3), "index and linux/amd64");
    assert!(report.images[0].size.is_some_and(|size| (5_000_000..5_001_000).contains(&size)));
    assert_eq!(said(&report, "large-image").len(), 1);
    settings.cluster.operator.platforms =
        ["linux/amd64", "linux/arm64"].map(|text| text.parse::<Platform>().unwrap()).to_vec();
    let (_, requests) = run(&server, &settings, &[pod("", &images)]);
    assert_eq!(requests, 4, "the index and one image for each platform");
}

/// A digest of one platform is not stale as long as the index that the tag leads to has it.
#[test]
fn a_digest_within_the_index_of_its_tag_is_not_stale() {
    let (mut within, mut other) = (String::new(), String::new());
    let server = Registry::start(|r| {
        let held = r.index("acme/api", "1", &["linux/amd64"]);
        let index = String::from_utf8(held.content("1").unwrap().2.to_vec()).unwrap();
        within = index.split('"').find(|text| text.starts_with("sha256:")).unwrap().to_owned();
        held.image("0");
        other = held.digest("0").unwrap().to_owned();
    });
    let mut settings = Settings::default();
    settings.levels.turn_on("stale-digest", pullcheck::findings::finding::Severity::Warning);
    for (digest, count) in [(&within, 0), (&other, 1)] {
        let images = [format!("{}/acme/api:1@{digest}", server.host())];
        let (report, requests) = run(&server, &settings, &[pod("", &images)]);
        assert_eq!((said(&report, "stale-digest").len(), requests), (count, 3), "{digest}");
    }
}
