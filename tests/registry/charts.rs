//! `--fetch-charts` against a real registry: charts as `helm push` puts them there.

use std::process::Command;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use pullcheck::credential::pair::Credential;
use pullcheck::credential::sensitive::Sensitive;
use pullcheck::registry::chart::{
    ChartCache, ChartCredentials, ChartError, ChartFetcher, ChartRequest, FetchOptions, WantedChart,
};
use pullcheck::registry::{ClientOptions, Proxies};
use pullcheck::resource::chart::version_range::VersionReading;
use pullcheck_support::{chart_archive, renderer};

use crate::push::Pusher;
use crate::server::{PASSWORD, Server, Setup, USER};

/// The archive of a chart `shop` with one Deployment.
fn archive(version: &str) -> Vec<u8> {
    let chart = format!("apiVersion: v2\nname: shop\nversion: {version}\nappVersion: '{version}'\n");
    chart_archive(&[
        ("shop/Chart.yaml", &chart),
        ("shop/values.yaml", "image: ghcr.io/acme/shop\n"),
        (
            "shop/templates/pod.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: '{{ .Release.Name }}'}\nspec: {containers: [{name: a, image: \
             '{{ .Values.image }}:{{ .Chart.AppVersion }}'}]}\n",
        ),
    ])
}

fn options(server: &Server) -> FetchOptions {
    crate::install_tls_provider();
    let client = ClientOptions {
        plain_http: vec![server.host().parse().expect("a host")],
        proxies: Proxies::Off,
        ..ClientOptions::default()
    };
    FetchOptions { client, hosts: Vec::new(), credentials: None, cache: ChartCache::Nowhere }
}

fn fetcher(options: &FetchOptions) -> ChartFetcher {
    ChartFetcher::new(options).expect("options that work")
}

fn wanted(server: &Server, repository: &str, wanted: WantedChart) -> ChartRequest {
    ChartRequest::oci(&format!("oci://{}/{repository}", server.host()), wanted).expect("a good location")
}

fn version(server: &Server, text: &str) -> ChartRequest {
    wanted(server, "charts/shop", WantedChart::Version(text.to_owned(), VersionReading::Helm))
}

#[tokio::test]
async fn chart_is_fetched_by_tag_digest_and_range() {
    let Some(server) = Server::start(&Setup::open()) else { return };
    let pusher = Pusher::open(&server);
    let mut digests = Vec::new();
    for version in ["1.2.3", "1.10.0+build.7", "2.0.0-rc.1"] {
        digests.push(pusher.chart("charts/shop", version, &archive(version)).await);
    }
    let fetcher = fetcher(&options(&server));
    let tag = |tag: &str| wanted(&server, "charts/shop", WantedChart::Tag(tag.to_owned()));
    let digest = |digest: &str| wanted(&server, "charts/shop", WantedChart::Digest(digest.to_owned()));
    let requests = [
        (version(&server, "1.2.3"), 0),
        (version(&server, "1.10.0+build.7"), 1),
        (version(&server, "^1"), 1),
        (version(&server, ""), 1),
        (version(&server, ">=1-0"), 2),
        (tag("1.10.0_build.7"), 1),
        (digest(&digests[0]), 0),
    ];
    for (request, expected) in requests {
        let fetched = fetcher.fetch(&request).await.unwrap_or_else(|error| panic!("{request:?}: {error}"));
        let version = ["1.2.3", "1.10.0+build.7", "2.0.0-rc.1"][expected];
        assert_eq!((fetched.version.as_str(), &fetched.digest), (version, &digests[expected]), "{request:?}");
        assert_eq!(std::fs::read(&fetched.path).expect("the archive is there"), archive(version));
    }
}

#[tokio::test]
async fn chart_that_is_wanted_twice_is_asked_for_once() {
    let Some(server) = Server::start(&Setup::open()) else { return };
    Pusher::open(&server).chart("charts/shop", "1.0.0", &archive("1.0.0")).await;
    let fetcher = fetcher(&options(&server));
    server.requests();
    let request = version(&server, "1.0.0");
    let together = join_all((0..5).map(|_| fetcher.fetch(&request))).await;
    assert!(together.iter().all(|fetched| fetched == &together[0] && fetched.is_ok()), "{together:?}");
    fetcher.fetch(&request).await.expect("it was fetched");
    let requests = server.requests();
    assert_eq!(requests.len(), 2, "a manifest and a layer: {requests:?}");
}

#[tokio::test]
async fn missing_version_and_repository_are_told_apart() {
    let Some(server) = Server::start(&Setup::open()) else { return };
    let pusher = Pusher::open(&server);
    for version in ["1.2.3", "1.3.0"] {
        pusher.chart("charts/shop", version, &archive(version)).await;
    }
    let fetcher = fetcher(&options(&server));
    let host = server.host();
    let table = [
        (version(&server, "1.2.4"), format!("oci://{host}/charts/shop has no version 1.2.4; did you mean 1.2.3?")),
        (version(&server, "^2"), format!("oci://{host}/charts/shop has no version ^2; did you mean 1.3.0?")),
        (version(&server, "latest"), format!("oci://{host}/charts/shop has no version latest")),
        (
            wanted(&server, "charts/none", WantedChart::Tag("1.0.0".to_owned())),
            format!("the registry {host} has no repository charts/none"),
        ),
        (
            wanted(&server, "charts/none", WantedChart::Version("^1".to_owned(), VersionReading::Helm)),
            format!("the registry {host} has no repository charts/none"),
        ),
    ];
    for (request, words) in table {
        let error = fetcher.fetch(&request).await.expect_err("there is none");
        assert!(error.is_certain(), "{error:?}");
        assert_eq!(error.to_string(), words);
    }
    let absent = format!("sha256:{}", "0".repeat(64));
    let error = fetcher.fetch(&wanted(&server, "charts/shop", WantedChart::Digest(absent.clone()))).await;
    assert!(matches!(&error, Err(ChartError::NoVersion { wanted, .. }) if *wanted == absent), "{error:?}");
}

#[tokio::test]
async fn other_artifacts_are_no_charts() {
    let Some(server) = Server::start(&Setup::open()) else { return };
    let pusher = Pusher::open(&server);
    pusher.image("charts/image", "1.0.0").await;
    pusher.index("charts/index", "1.0.0").await;
    pusher.helm_chart("charts/broken", "1.0.0").await;
    pusher.flux_artifact("charts/flux", "1.0.0", &archive("1.0.0")).await;
    let fetcher = fetcher(&options(&server));
    let table = [
        ("image", "it is a container image"),
        ("index", "it is an index of several images"),
        ("broken", "it is not a gzip archive"),
        ("flux", "it is an artifact of Flux with a folder of sources"),
    ];
    for (name, words) in table {
        let tag = WantedChart::Tag("1.0.0".to_owned());
        let error = fetcher.fetch(&wanted(&server, &format!("charts/{name}"), tag)).await.expect_err("no chart");
        let expected = format!("oci://{}/charts/{name}:1.0.0 is not a chart: {words}", server.host());
        assert_eq!(error.to_string(), expected);
        assert!(!error.is_certain());
    }
}

/// Credentials as an operator supplies them.
#[derive(Debug)]
struct Passwords(Vec<(&'static str, &'static str)>);

impl ChartCredentials for Passwords {
    fn of<'a>(&'a self, repository: &'a str) -> BoxFuture<'a, Vec<Credential>> {
        assert!(repository.ends_with("/charts/shop"), "{repository}");
        let credential = |&(user, password): &(&str, &str)| Credential {
            username: Sensitive::new(user),
            password: Sensitive::new(password),
        };
        async move { self.0.iter().map(credential).collect() }.boxed()
    }
}

#[tokio::test]
async fn private_chart_needs_the_credentials_of_the_operator() {
    let Some(server) = Server::start(&Setup::htpasswd()) else { return };
    let pusher = Pusher::guarded(&server);
    pusher.chart("charts/shop", "1.0.0", &archive("1.0.0")).await;
    for text in ["1.0.0", "^1"] {
        let error = fetcher(&options(&server)).fetch(&version(&server, text)).await.expect_err("it is private");
        assert!(matches!(&error, ChartError::Denied { .. }) && !error.is_certain(), "{error:?}");
        assert!(error.to_string().contains("--dockerconfigjson"), "{error}");

        let known = FetchOptions { credentials: Some(Arc::new(Passwords(vec![(USER, PASSWORD)]))), ..options(&server) };
        let fetched = fetcher(&known).fetch(&version(&server, text)).await;
        assert_eq!(fetched.map(|fetched| fetched.version), Ok("1.0.0".to_owned()));

        let wrong = FetchOptions { credentials: Some(Arc::new(Passwords(vec![(USER, "wrong")]))), ..options(&server) };
        let error = fetcher(&wrong).fetch(&version(&server, text)).await.expect_err("the password is wrong");
        assert!(matches!(&error, ChartError::Denied { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("wrong"), "{error:?}");
    }
    let both = Arc::new(Passwords(vec![("nobody", "wrong"), (USER, PASSWORD)]));
    let both = FetchOptions { credentials: Some(both), ..options(&server) };
    fetcher(&both).fetch(&version(&server, "1.0.0")).await.expect("the second credential is tried");
}

#[tokio::test]
async fn cached_archive_is_not_asked_for_again_but_its_manifest_is() {
    let Some(server) = Server::start(&Setup::open()) else { return };
    let pusher = Pusher::open(&server);
    pusher.chart("charts/shop", "1.0.0", &archive("1.0.0")).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = FetchOptions { cache: ChartCache::Folder(folder.path().to_owned()), ..options(&server) };
    fetcher(&options).fetch(&version(&server, "^1")).await.expect("it is there");
    server.requests();
    let next = fetcher(&options);
    let fetched = next.fetch(&version(&server, "^1")).await.expect("it is there");
    let requests = server.requests();
    assert_eq!(requests.len(), 2, "tags and manifest: {requests:?}");
    assert!(!requests.iter().any(|request| request.contains("/blobs/")), "{requests:?}");
    assert_eq!(std::fs::read(&fetched.path).expect("the archive is there"), archive("1.0.0"));
}

/// The lead from a chart's place to its pods: what is fetched, helm renders.
#[tokio::test]
async fn fetched_chart_is_rendered_by_helm() {
    let Some((_, folder)) = renderer(&["helm"]) else { return };
    let Some(server) = Server::start(&Setup::open()) else { return };
    Pusher::open(&server).chart("charts/shop", "1.4.2", &archive("1.4.2")).await;
    let fetcher = fetcher(&options(&server));
    let fetched = fetcher.fetch(&version(&server, "~1.4")).await.expect("it is there");
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut helm = Command::new(folder.join("helm"));
    let helm = helm.args(["template", "blue"]).arg(&fetched.path).env_clear().env("HOME", home.path());
    let output = helm.output().expect("helm runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("name: 'blue'") || text.contains("name: blue"), "{text}");
    assert!(text.contains("ghcr.io/acme/shop:1.4.2"), "{text}");
}
