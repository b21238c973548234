//! Charts of releases: Helm repositories, allowed hosts, limits.
#![expect(clippy::disallowed_methods, reason = "a test reads the file that was fetched")]

use std::time::Duration;

use pullcheck::registry::ClientOptions;
use pullcheck::registry::chart::{
    ChartCache, ChartError, ChartFetcher, ChartRequest, FetchOptions, FetchedChart, WantedChart,
};
use pullcheck::resource::chart::version_range::VersionReading;
use pullcheck_support::{Answer, Registry, chart_archive, gzip};

use super::quick;

const INDEX: &str = "/charts/index.yaml";

fn archive() -> Vec<u8> {
    chart_archive(&[("shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n")])
}

/// An index with one version of `shop`.
fn index(url: &str, digest: &str) -> Answer {
    let digest = if digest.is_empty() { String::new() } else { format!("    digest: {digest}\n") };
    let text = format!(
        "apiVersion: v1\nentries:\n  shop:\n  - apiVersion: v2\n    name: shop\n{digest}    urls:\n    - {url}\n    \
         version: 1.0.0\n"
    );
    Answer::status(200).header("Content-Type", "text/yaml").body(text)
}

fn options(servers: &[&Registry]) -> FetchOptions {
    let plain_http = servers.iter().map(|server| server.host().parse().unwrap()).collect();
    let client = ClientOptions { plain_http, ..quick() };
    FetchOptions { client, hosts: Vec::new(), credentials: None, cache: ChartCache::Nowhere }
}

fn shop(server: &Registry, version: &str) -> ChartRequest {
    let url = format!("http://{}/charts", server.host());
    ChartRequest::in_repository(&url, "shop", version, VersionReading::Helm).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(bytes);
    format!("sha256:{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// What a request leads to, and the bytes of the archive.
fn fetch(options: &FetchOptions, request: &ChartRequest) -> Result<(FetchedChart, Vec<u8>), ChartError> {
    runtime().block_on(async {
        let fetcher = ChartFetcher::new(options).unwrap();
        let fetched = fetcher.fetch(request).await?;
        let bytes = std::fs::read(&fetched.path).unwrap();
        Ok((fetched, bytes))
    })
}

#[test]
fn chart_of_a_helm_repository_is_fetched_without_credentials() {
    let digest = sha256(&archive());
    for (url, stated) in [("shop-1.0.0.tgz", digest.as_str()), ("/charts/shop-1.0.0.tgz", "")] {
        let server = Registry::start(|r| {
            r.answer("GET", INDEX, [index(url, stated.trim_start_matches("sha256:"))]);
            r.answer("GET", "/charts/shop-1.0.0.tgz", [Answer::status(200).body(archive())]);
        });
        let url = format!("http://bob:s3cret@{}/charts/", server.host());
        let request = ChartRequest::in_repository(&url, "shop", "^1", VersionReading::Helm).unwrap();
        let (fetched, bytes) = fetch(&options(&[&server]), &request).unwrap();
        assert_eq!((fetched.version.as_str(), &fetched.digest), ("1.0.0", &digest));
        assert_eq!(bytes, archive());
        assert_eq!(server.lines(), ["GET /charts/index.yaml", "GET /charts/shop-1.0.0.tgz"]);
        assert!(server.requests().iter().all(|request| request.authorization.is_none()));
    }
}

#[test]
fn one_index_serves_all_charts_of_a_repository() {
    let server = Registry::start(|r| {
        r.answer("GET", INDEX, [index("shop-1.0.0.tgz", "")]);
        r.answer("GET", "/charts/shop-1.0.0.tgz", [Answer::status(200).body(archive())]);
    });
    let url = format!("http://{}/charts", server.host());
    let other = ChartRequest::in_repository(&url, "shpo", "", VersionReading::Helm).unwrap();
    runtime().block_on(async {
        let fetcher = ChartFetcher::new(&options(&[&server])).unwrap();
        fetcher.fetch(&shop(&server, "1.x")).await.unwrap();
        fetcher.fetch(&shop(&server, "1.x")).await.unwrap();
        let error = fetcher.fetch(&other).await.unwrap_err();
        assert_eq!(error.to_string(), format!("the index of {url} has no chart shpo; did you mean shop?"));
        let error = fetcher.fetch(&shop(&server, "2.x")).await.unwrap_err();
        let words = format!("chart shop of {url} has no version 2.x; did you mean 1.0.0?");
        assert!(error.is_certain() && error.to_string() == words, "{error}");
        assert_eq!(fetcher.requests(), 2);
    });
    assert_eq!(server.count(), 2);
}

#[test]
fn index_can_lead_to_a_registry() {
    let server = Registry::start(|r| {
        let config = br#"{"name":"shop"}"#;
        let manifest = serde_json::json!({"schemaVersion": 2,
            "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": sha256(config), "size": 15},
            "layers": [{"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
                "digest": sha256(&archive()), "size": archive().len()}]});
        let manifest = Answer::status(200)
            .header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
            .body(manifest.to_string());
        r.answer("GET", "/v2/acme/shop/manifests/1.0.0", [manifest]);
        r.answer("GET", &format!("/v2/acme/shop/blobs/{}", sha256(&archive())), [Answer::status(200).body(archive())]);
    });
    server.change(|r| {
        r.answer("GET", INDEX, [index(&format!("oci://{}/acme/shop:1.0.0", server.host()), "")]);
    });
    let (fetched, bytes) = fetch(&options(&[&server]), &shop(&server, "")).unwrap();
    assert_eq!((fetched.version.as_str(), bytes), ("1.0.0", archive()));
}

#[test]
fn archive_with_another_digest_is_refused() {
    let server = Registry::start(|r| {
        r.answer("GET", INDEX, [index("shop-1.0.0.tgz", &"a1".repeat(32))]);
        r.answer("GET", "/charts/shop-1.0.0.tgz", [Answer::status(200).body(archive())]);
    });
    let error = fetch(&options(&[&server]), &shop(&server, "1.0.0")).unwrap_err();
    assert!(matches!(&error, ChartError::DigestMismatch { expected, .. } if expected.contains("a1a1")), "{error:?}");
    assert!(!error.is_certain(), "neither Helm nor Flux checks it");
}

#[test]
fn layer_with_another_digest_is_refused() {
    let server = Registry::start(|r| {
        let layer = format!("sha256:{}", "a1".repeat(32));
        let manifest = serde_json::json!({"schemaVersion": 2, "layers": [{"digest": layer, "size": 9,
            "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip"}]});
        r.answer("GET", "/v2/acme/shop/manifests/1", [Answer::status(200).json(&manifest)]);
        r.answer("GET", &format!("/v2/acme/shop/blobs/{layer}"), [Answer::status(200).body(archive())]);
    });
    let location = format!("oci://{}/acme/shop", server.host());
    let request = ChartRequest::oci(&location, WantedChart::Tag("1".to_owned())).unwrap();
    let error = fetch(&options(&[&server]), &request).unwrap_err();
    assert!(matches!(&error, ChartError::DigestMismatch { expected, .. } if expected.contains("a1a1")), "{error:?}");
    let pinned = WantedChart::Digest(format!("sha256:{}", "b2".repeat(32)));
    let path = format!("/v2/acme/shop/manifests/sha256:{}", "b2".repeat(32));
    server.change(|r| _ = r.answer("GET", &path, [Answer::status(200).json(&serde_json::json!({}))]));
    let error = fetch(&options(&[&server]), &ChartRequest::oci(&location, pinned).unwrap()).unwrap_err();
    assert!(matches!(&error, ChartError::DigestMismatch { expected, .. } if expected.contains("b2b2")), "{error:?}");
}

#[test]
fn hosts_that_are_not_listed_are_never_asked() {
    let other = Registry::start(|r| {
        r.answer("GET", "/shop-1.0.0.tgz", [Answer::status(200).body(archive())]);
    });
    let server = Registry::start(|r| {
        r.answer("GET", INDEX, [index(&format!("http://{}/shop-1.0.0.tgz", other.host()), "")]);
    });
    let open = options(&[&server, &other]);
    assert!(fetch(&open, &shop(&server, "")).is_ok());
    other.forget();
    let listed = |hosts: &[&str]| {
        let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        fetch(&FetchOptions { hosts, ..open.clone() }, &shop(&server, "")).map(|_| ())
    };
    assert_eq!(listed(&[&server.host(), &other.host()]), Ok(()));
    other.forget();
    assert_eq!(listed(&[&server.host()]), Err(ChartError::HostNotAllowed(other.host())));
    assert_eq!(other.count(), 0);
    server.forget();
    assert_eq!(listed(&[&other.host(), "*.example"]), Err(ChartError::HostNotAllowed(server.host())));
    assert_eq!(server.count(), 0);
    let location = format!("oci://{}/acme/shop", server.host());
    let request = ChartRequest::oci(&location, WantedChart::Tag("1".to_owned())).unwrap();
    let hosts = vec!["ghcr.io".parse().unwrap()];
    let error = fetch(&FetchOptions { hosts, ..open.clone() }, &request).unwrap_err();
    assert!(error.to_string().contains("--chart-hosts"), "{error}");
    assert_eq!(server.count(), 0);
}

#[test]
fn loopback_is_asked_only_if_an_option_names_it() {
    let server = Registry::start(|_| {});
    let closed = FetchOptions { client: quick(), ..options(&[]) };
    let port = server.address().port();
    let oci = |host: String| ChartRequest::oci(&format!("oci://{host}/acme/shop"), WantedChart::Tag("1".to_owned()));
    let http =
        |host: String| ChartRequest::in_repository(&format!("http://{host}/charts"), "shop", "", VersionReading::Helm);
    let hosts = [format!("127.0.0.1:{port}"), format!("localhost:{port}"), "charts.flux-system.svc".to_owned()];
    for host in hosts.iter().chain(&["169.254.169.254".to_owned()]) {
        for request in [oci(host.clone()).unwrap(), http(host.clone()).unwrap()] {
            let error = fetch(&closed, &request).unwrap_err();
            assert!(
                matches!(error, ChartError::Network { .. }) && error.to_string().contains("not contacted"),
                "{error}"
            );
        }
    }
    assert_eq!(server.count(), 0);
}

#[test]
fn repository_cannot_lead_to_this_machine_or_to_metadata() {
    for place in ["http://169.254.169.254/shop-1.0.0.tgz", "http://127.0.0.1:9/shop.tgz", "https://localhost/shop.tgz"]
    {
        let server = Registry::start(|r| {
            r.answer("GET", INDEX, [index(place, "")]);
            r.answer("GET", "/moved/index.yaml", [Answer::status(302).header("Location", place)]);
        });
        let connect_to = vec![format!("charts.example={}", server.address()).parse().unwrap()];
        let options = FetchOptions { client: ClientOptions { connect_to, ..quick() }, ..options(&[]) };
        for path in ["charts", "moved"] {
            let url = format!("http://charts.example/{path}");
            let request = ChartRequest::in_repository(&url, "shop", "", VersionReading::Helm).unwrap();
            let error = fetch(&options, &request).unwrap_err();
            assert!(!error.is_certain() && error.to_string().ends_with("not contacted"), "{place}: {error}");
        }
        assert_eq!(server.count(), 2, "one index each");
    }
}

#[test]
fn large_answers_are_cut_off() {
    let server = Registry::start(|r| {
        r.answer("GET", INDEX, [index("shop-1.0.0.tgz", "")]);
        r.answer("GET", "/charts/shop-1.0.0.tgz", [Answer::status(200).body(gzip(b"")).padded(20 << 20)]);
        r.answer("GET", "/large/index.yaml", [Answer::status(200).body("apiVersion: v1\n").padded(50 << 20)]);
    });
    let error = fetch(&options(&[&server]), &shop(&server, "")).unwrap_err();
    let what = format!("http://{}/charts/shop-1.0.0.tgz", server.host());
    assert_eq!(error, ChartError::TooLarge { what, limit: 20 });
    let url = format!("http://{}/large", server.host());
    let request = ChartRequest::in_repository(&url, "shop", "", VersionReading::Helm).unwrap();
    let error = fetch(&options(&[&server]), &request).unwrap_err();
    assert_eq!(error, ChartError::TooLarge { what: format!("{url}/index.yaml"), limit: 50 });
}

#[test]
fn each_failure_has_its_cause() {
    let table = [
        (Answer::status(404), "network"),
        (Answer::status(401), "denied"),
        (Answer::status(403), "denied"),
        (Answer::status(500), "network"),
        (Answer::status(200).body("<html>"), "network"),
        (Answer::hang(), "timeout"),
    ];
    for (answer, expected) in table {
        let shown = format!("{answer:?}");
        let server = Registry::start(|r| _ = r.answer("GET", INDEX, [answer]));
        let mut options = options(&[&server]);
        options.client.timeout = Duration::from_millis(300);
        let error = fetch(&options, &shop(&server, "")).unwrap_err();
        let cause = match &error {
            ChartError::Network { .. } => "network",
            ChartError::Denied { .. } => "denied",
            ChartError::Timeout { .. } => "timeout",
            other => panic!("{shown}: {other:?}"),
        };
        assert!(cause == expected && !error.is_certain(), "{shown}: {error:?}");
    }
}

#[test]
fn range_over_a_cut_off_tag_list_is_unknown() {
    let tags: Vec<String> = (0..100).map(|patch| format!("1.0.{patch}")).collect();
    let server = Registry::start(|r| {
        r.image("acme/many", "1").tags(tags.iter().map(String::as_str)).page(4);
        r.image("acme/few", "1").tags(tags.iter().map(String::as_str)).page(10);
    });
    let range = |name: &str| {
        let wanted = WantedChart::Version("^1".to_owned(), VersionReading::Helm);
        ChartRequest::oci(&format!("oci://{}/acme/{name}", server.host()), wanted).unwrap()
    };
    let error = fetch(&options(&[&server]), &range("many")).unwrap_err();
    assert!(matches!(error, ChartError::TagsUnknown { .. }) && !error.is_certain(), "{error:?}");
    let error = fetch(&options(&[&server]), &range("few")).unwrap_err();
    assert!(!matches!(error, ChartError::TagsUnknown { .. }), "{error:?}");
    assert!(server.lines().contains(&"GET /v2/acme/few/manifests/1.0.99".to_owned()), "{:?}", server.lines());
}

#[test]
fn run_asks_for_a_limited_number_of_charts() {
    let hosts = vec!["ghcr.io".parse().unwrap()];
    let request = |patch: usize| {
        let version = format!("1.0.{patch}");
        ChartRequest::in_repository("https://charts.example", "shop", &version, VersionReading::Helm).unwrap()
    };
    runtime().block_on(async {
        let fetcher = ChartFetcher::new(&FetchOptions { hosts, ..options(&[]) }).unwrap();
        for patch in 0..500 {
            let error = fetcher.fetch(&request(patch)).await.unwrap_err();
            assert_eq!(error, ChartError::HostNotAllowed("charts.example".to_owned()));
        }
        let error = fetcher.fetch(&request(500)).await.unwrap_err();
        assert!(matches!(error, ChartError::RunLimit(_)) && !error.is_certain(), "{error:?}");
        let known = fetcher.fetch(&request(0)).await.unwrap_err();
        assert!(matches!(known, ChartError::HostNotAllowed(_)), "what is known is still told: {known:?}");
    });
}

#[test]
fn interrupted_fetch_ends_at_once() {
    let server = Registry::start(|r| _ = r.answer("GET", INDEX, [Answer::hang()]));
    runtime().block_on(async {
        let fetcher = ChartFetcher::new(&options(&[&server])).unwrap();
        let interrupter = fetcher.interrupter();
        let request = shop(&server, "");
        let (fetched, ()) = tokio::join!(fetcher.fetch(&request), async { interrupter.interrupt() });
        assert_eq!(fetched, Err(ChartError::Interrupted));
    });
}
