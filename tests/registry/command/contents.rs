//! What is behind a name, looked into as far as a run wants to know: platforms, artifacts, the tag beside a digest.

use serde_json::{Value, json};

use super::Manifests;
use crate::environment::{Guard, Place};
use crate::push::{INDEX, Pusher};
use crate::server::PASSWORD;

/// One pod, and what is said of it.
struct Row<'r> {
    image: &'r str,
    /// The architecture that the pod's node selector asks for.
    selects: Option<&'r str>,
    args: &'r [&'r str],
    /// Verdict and cause.
    verdict: &'r str,
    /// Severity and rule.
    findings: &'r [&'r str],
    platforms: Value,
    /// What an open registry is asked, after `/v2/`.
    requests: &'r [&'r str],
}

impl Row<'_> {
    fn hold(&self, place: &Place) {
        let (manifests, name) = (Manifests::new(), self.image);
        manifests.secret("pull", &place.host(), PASSWORD);
        let mut spec = json!({"containers": [{"name": "c", "image": place.image(self.image)}],
            "imagePullSecrets": [{"name": "pull"}]});
        if let Some(architecture) = self.selects {
            spec["nodeSelector"] = json!({"kubernetes.io/arch": architecture});
        }
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": super::metadata("pod"), "spec": spec});
        manifests.add("pod", &pod);
        let mut options = place.options(manifests.folder());
        options.extend(["--format=json", "--fail-on=never", "--allow=committed-credentials"].map(String::from));
        options.extend(self.args.iter().map(|&arg| arg.to_owned()));
        place.request_count();
        let output = manifests.check(&options).assert_status(0);

        let report: Value = serde_json::from_str(&output.stdout).expect("the report is JSON");
        let image = &report["images"][0];
        let words = [&image["verdict"], &image["cause"]].map(|word| word.as_str().unwrap_or_default());
        assert_eq!(words.join(" ").trim(), self.verdict, "{name} {:?}\n{output}", self.args);
        let findings = report["findings"].as_array().into_iter().flatten();
        let words = findings
            .map(|finding| [&finding["severity"], &finding["rule"]].map(|word| word.as_str().unwrap_or_default()));
        assert_eq!(words.map(|words| words.join(" ")).collect::<Vec<_>>(), self.findings, "{name}\n{output}");
        assert_eq!(image["platforms"], self.platforms, "{name}");

        // The first answer is the challenge, and what it asks for is fetched once. CRI-O pings for it, wanted or not.
        let pings = self.args.contains(&"--runtime=cri-o");
        let more = match place.guard {
            Guard::Open => usize::from(pings),
            Guard::Basic => 1,
            Guard::Token => 2,
        };
        assert_eq!(report["summary"]["requests"], self.requests.len() + more, "{name} {:?}", self.args);
        if let Some(log) = place.registry_requests() {
            let log: Vec<String> = log.iter().map(|line| line.replacen(" /v2/", " ", 1)).collect();
            let (first, log) = if more == 0 { (None, &log[..]) } else { (Some(&*log[0]), &log[1..]) };
            let bare = if pings { "GET " } else { self.requests[0] };
            assert!(first.is_none_or(|first| first == bare), "{name} {:?} {first:?}", self.args);
            assert_eq!(log, self.requests, "{name} {:?}", self.args);
        }
    }
}

async fn platforms_are_compared(place: Option<Place>) {
    let Some(place) = place else { return };
    let pusher = place.pusher();
    let index = pusher.index("shop/web", "2").await;
    let single = pusher.image("shop/api", "1").await;
    let config = pusher.pulled("shop/api", "1").await.1["config"]["digest"].as_str().map(str::to_owned);
    let config = config.expect("an image has a configuration");

    let both = json!(["linux/amd64", "linux/arm64"]);
    let [amd64, _, _] = parts(&pusher, "shop/web", "amd64").await;
    let [arm64, _, _] = parts(&pusher, "shop/web", "arm64").await;
    let get = format!("GET shop/web/manifests/{index}");
    // Of each platform that the nodes are known to have, the image is asked for too.
    let [amd64, arm64] = [amd64, arm64].map(|child| format!("HEAD shop/web/manifests/{child}"));
    let looked = ["HEAD shop/web/manifests/2", &get, &amd64, &arm64];
    let for_arm64 = [looked[0], &get, &arm64];
    let row = |selects, args, verdict, findings| Row {
        image: "shop/web:2",
        selects,
        args,
        verdict,
        findings,
        platforms: both.clone(),
        requests: &looked[..2],
    };
    let none = Row { platforms: Value::Null, requests: &looked[..1], ..row(None, &[], "pullable", &[]) };
    let mismatch: &[&str] = &["error platform-mismatch"];
    let rows = [
        none,
        Row { requests: &looked, ..row(None, &["--platform=linux/amd64,linux/arm64"], "pullable", &[]) },
        Row { requests: &for_arm64, ..row(Some("arm64"), &[], "pullable", &[]) },
        Row {
            requests: &for_arm64,
            ..row(Some("arm64"), &["--platform=linux/amd64,linux/arm64,linux/s390x"], "pullable", &[])
        },
        row(None, &["--platform=linux/s390x"], "fails platform", mismatch),
        row(Some("s390x"), &[], "fails platform", mismatch),
        row(Some("s390x"), &["--runtime=containerd-1"], "fails platform", mismatch),
        row(Some("s390x"), &["--runtime=cri-o"], "fails platform", mismatch),
        Row {
            requests: &looked[..3],
            ..row(None, &["--platform=linux/amd64,linux/s390x"], "unverified platform", &["warning platform-mismatch"])
        },
    ];
    rows.iter().for_each(|row| row.hold(&place));

    let get = [format!("GET shop/api/manifests/{single}"), format!("GET shop/api/blobs/{config}")];
    let looked = ["HEAD shop/api/manifests/1", &get[0], &get[1]];
    let row = |selects, verdict, findings| Row {
        image: "shop/api:1",
        selects: Some(selects),
        args: &[],
        verdict,
        findings,
        platforms: json!(["linux/amd64"]),
        requests: &looked,
    };
    [row("amd64", "pullable", &[]), row("arm64", "fails platform", mismatch)].iter().for_each(|row| row.hold(&place));
}

async fn artifacts_are_no_images(place: Option<Place>) {
    let Some(place) = place else { return };
    let pusher = place.pusher();
    let chart = pusher.helm_chart("shop/charts/web", "1.0.0").await;
    let named_otherwise = pusher.helm_chart("shop/web", "1.0.0").await;
    assert_eq!(chart, named_otherwise, "the same manifest");
    let row = |image, args, verdict, findings, requests| Row {
        image,
        selects: None,
        args,
        verdict,
        findings,
        platforms: Value::Null,
        requests,
    };
    let unsupported: &[&str] = &["error unsupported-manifest"];
    let head = |name: &str| format!("HEAD shop/{name}/manifests/1.0.0");
    let get = |name: &str| format!("GET shop/{name}/manifests/{chart}");
    let (head_chart, get_chart, head_web, get_web) = (head("charts/web"), get("charts/web"), head("web"), get("web"));
    let looked = [head_chart.as_str(), &get_chart];
    let looked_by_platform = [head_web.as_str(), &get_web];
    let pinned = format!("shop/charts/web:1.0.0@{chart}");
    let pinned_looked = [format!("HEAD shop/charts/web/manifests/{chart}"), get_chart.clone()];
    let pinned_looked = pinned_looked.each_ref().map(String::as_str);
    let rows = [
        row("shop/charts/web:1.0.0", &[], "fails not-an-image", unsupported, &looked),
        row("shop/charts/web:1.0.0", &["--runtime=cri-o"], "fails not-an-image", unsupported, &looked),
        row(&pinned, &[], "fails not-an-image", unsupported, &pinned_looked),
        row("shop/web:1.0.0", &["--platform=linux/amd64"], "fails not-an-image", unsupported, &looked_by_platform),
        // Nothing in the name speaks for a chart, and nobody asks what the image is for: one request has to do.
        row("shop/web:1.0.0", &[], "pullable", &[], &looked_by_platform[..1]),
    ];
    rows.iter().for_each(|row| row.hold(&place));
}

async fn tags_beside_digests_are_compared(place: Option<Place>) {
    let Some(place) = place else { return };
    let pusher = place.pusher();
    let old = pusher.image("shop/api", "1").await;
    let new = pusher.image_for("shop/api", "1", "arm64").await;
    assert_ne!(old, new);
    let index = pusher.index("shop/web", "2").await;
    let (_, entries) = pusher.pulled("shop/web", "2").await;
    let entry = entries["manifests"][1]["digest"].as_str().expect("an entry has a digest").to_owned();

    let head = |name: &str, target: &str| format!("HEAD shop/{name}/manifests/{target}");
    let (tag, web) = (head("api", "1"), head("web", "2"));
    let (stale, fresh, gone) = (head("api", &old), head("api", &new), head("api", "0"));
    let (whole, part, get) = (head("web", &index), head("web", &entry), format!("GET shop/web/manifests/{index}"));
    let images = [
        format!("shop/api:1@{old}"),
        format!("shop/api:1@{new}"),
        format!("shop/api:0@{old}"),
        format!("shop/web:2@{index}"),
        format!("shop/web:2@{entry}"),
    ];
    let found: &[&str] = &["warning stale-digest"];
    let cases: [(&[&str], &[&str]); 5] = [
        (found, &[&stale, &tag]),
        (&[], &[&fresh, &tag]),
        (found, &[&stale, &gone]),
        (&[], &[&whole, &web]),
        (&[], &[&part, &web, &get]),
    ];
    for (image, (findings, requests)) in images.iter().zip(cases) {
        let row = Row {
            image,
            selects: None,
            args: &["--warn=stale-digest"],
            verdict: "pullable",
            findings,
            platforms: Value::Null,
            requests,
        };
        row.hold(&place);
        Row { args: &[], findings: &[], requests: &requests[..1], ..row }.hold(&place);
    }
}

/// The digests of an image's manifest, configuration and layer.
async fn parts(pusher: &Pusher<'_>, repository: &str, tag: &str) -> [String; 3] {
    let (digest, manifest) = pusher.pulled(repository, tag).await;
    let digest_at = |pointer| manifest.pointer(pointer).and_then(Value::as_str).expect("a descriptor has a digest");
    [digest, digest_at("/config/digest").to_owned(), digest_at("/layers/0/digest").to_owned()]
}

/// What each depth asks for, and that an index which lies is found out where its images are read.
async fn each_depth_looks_as_far_as_it_says(place: Option<Place>) {
    let Some(place) = place else { return };
    let pusher = place.pusher();
    let index = pusher.index("shop/web", "2").await;
    let [child, config, layer] = parts(&pusher, "shop/web", "arm64").await;
    pusher.image("shop/api", "1").await;
    let [single, single_config, single_layer] = parts(&pusher, "shop/api", "1").await;
    let lies = pusher.index_of("shop/lies", "3", &[("arm64", "amd64")]).await;
    let [lied, lied_config, lied_layer] = parts(&pusher, "shop/lies", "amd64").await;

    let both = json!(["linux/amd64", "linux/arm64"]);
    let get = |name: &str, digest: &str| format!("GET shop/{name}/manifests/{digest}");
    let head = |name: &str, target: &str| format!("HEAD shop/{name}/manifests/{target}");
    let blob = |method: &str, name: &str, digest: &str| format!("{method} shop/{name}/blobs/{digest}");
    let web = [
        head("web", "2"),
        get("web", &index),
        get("web", &child),
        blob("GET", "web", &config),
        blob("HEAD", "web", &layer),
    ];
    let web_at_head = [head("web", "2"), get("web", &index), head("web", &child)];
    let api =
        [head("api", "1"), get("api", &single), blob("GET", "api", &single_config), blob("HEAD", "api", &single_layer)];
    let wrong = [
        head("lies", "3"),
        get("lies", &lies),
        get("lies", &lied),
        blob("GET", "lies", &lied_config),
        blob("HEAD", "lies", &lied_layer),
    ];
    let wrong_at_head = [head("lies", "3"), get("lies", &lies), head("lies", &lied)];
    let (arm64, pullable, lie) = ("--platform=linux/arm64", "pullable", "fails index-lies");
    let unsupported: &[&str] = &["error unsupported-manifest"];
    type Case<'c> = (&'c str, &'c [&'c str], &'c str, &'c [&'c str], &'c Value, &'c [String]);
    let cases: [Case<'_>; 10] = [
        ("shop/web:2", &["--depth=head", arm64], pullable, &[], &both, &web_at_head),
        ("shop/web:2", &["--depth=manifest", arm64], pullable, &[], &both, &web[..4]),
        ("shop/web:2", &["--depth=layers", arm64], pullable, &[], &both, &web),
        ("shop/web:2", &["--depth=layers", arm64, "--runtime=cri-o"], pullable, &[], &both, &web),
        ("shop/api:1", &["--depth=head"], pullable, &[], &Value::Null, &api[..1]),
        ("shop/api:1", &["--depth=manifest"], pullable, &[], &json!(["linux/amd64"]), &api[..3]),
        ("shop/api:1", &["--depth=layers"], pullable, &[], &json!(["linux/amd64"]), &api),
        ("shop/lies:3", &["--depth=head", arm64], pullable, &[], &json!(["linux/arm64"]), &wrong_at_head),
        ("shop/lies:3", &["--depth=manifest", arm64], lie, unsupported, &json!(["linux/arm64"]), &wrong[..4]),
        ("shop/lies:3", &["--depth=layers", arm64], lie, unsupported, &json!(["linux/arm64"]), &wrong),
    ];
    for (image, args, verdict, findings, platforms, requests) in cases {
        let requests: Vec<&str> = requests.iter().map(String::as_str).collect();
        let platforms = platforms.clone();
        Row { image, selects: None, args, verdict, findings, platforms, requests: &requests }.hold(&place);
    }
}

/// The same for each way in which a registry is set up.
macro_rules! everywhere {
    ($($setup:ident: $test:ident),*) => {$(
        mod $test {
            use crate::environment::Place;

            #[tokio::test]
            async fn platform_mismatches_are_found() {
                super::platforms_are_compared(Place::$setup()).await;
            }

            #[tokio::test]
            async fn artifacts_are_not_images() {
                super::artifacts_are_no_images(Place::$setup()).await;
            }

            #[tokio::test]
            async fn each_depth_sends_its_expected_requests() {
                super::each_depth_looks_as_far_as_it_says(Place::$setup()).await;
            }

            #[tokio::test]
            async fn tags_are_compared_with_their_digests() {
                super::tags_beside_digests_are_compared(Place::$setup()).await;
            }
        }
    )*};
}

everywhere!(open: an_open_registry, htpasswd: a_registry_with_passwords, tls: a_registry_with_a_certificate, token: a_registry_with_tokens);

/// Two more for each image, however many share what they look into: the index is read, and the image within it for the
/// nodes' platform is asked for.
#[tokio::test]
async fn an_index_costs_two_requests_more() {
    let Some(place) = Place::token() else { return };
    let pusher = place.pusher();
    let manifests = Manifests::new();
    manifests.secret("pull", &place.host(), PASSWORD);
    let mut images = Vec::new();
    for number in 0..20 {
        let name = format!("app-{number}");
        let index = pusher.index(&format!("shop/{name}"), "1").await;
        images.extend([place.image(&format!("shop/{name}:1")), place.image(&format!("shop/{name}:1@{index}"))]);
    }
    manifests.pod_of("pod", &images, &["pull"]);
    let mut options = place.options(manifests.folder());
    options.extend(["--format=json", "--fail-on=never", "--platform=linux/amd64"].map(String::from));
    place.request_count();
    let output = manifests.check(&options).assert_status(0);
    let report: Value = serde_json::from_str(&output.stdout).expect("the report is JSON");
    assert_eq!(report["summary"]["pullable"], 40);
    assert_eq!(report["images"][0]["media_type"], INDEX);
    let log = place.server.requests();
    let count = |method: &str| log.iter().filter(|line| line.starts_with(method)).count();
    // A tag and its digest are two questions, what stands there is read once; the first answer is the challenge.
    assert_eq!((count("HEAD "), count("GET ")), (40 + 20 + 1, 20), "{log:?}");
    assert_eq!(place.token_requests().len(), 20);
}
