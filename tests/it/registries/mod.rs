//! How registries answer, and what is made of it: one row for each answer that was observed, from a pod and its pull
//! secret to verdict, cause, rules and event, with every request that it costs.
//!
//! Each registry stands in its own name behind TLS; the scripted server answers for it, and for the hosts of its tokens.

mod aws;
mod causes;
mod clouds;
mod hubs;
mod self_hosted;
mod transport;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use pullcheck::check;
use pullcheck::findings::finding::Finding;
use pullcheck::image::reference::Reference;
use pullcheck::input::gather;
use pullcheck::inventory::ReadOptions;
use pullcheck::options::Args;
use pullcheck::options::Options;
use pullcheck::registry::{Client, ClientOptions, Concurrency, ConnectTo, Lookup, Progress, Proxies, Resolving};
use pullcheck::report::{ImageReport, Report};
use pullcheck::text::source::{Encoding, Source};
use pullcheck_support::{Answer, Logged, Registry, Script};
use serde_json::json;

/// One answer and what it means.
#[derive(Clone, Copy)]
struct Row<'r> {
    /// What the row shows.
    name: &'r str,
    /// As the pod has it.
    image: &'r str,
    /// User and password of the pod's pull secret for the registry.
    login: Option<(&'r str, &'r str)>,
    /// More options.
    args: &'r [&'r str],
    /// Verdict, and cause where there is one.
    verdict: &'r str,
    /// Severity and rule of each finding on the image.
    rules: &'r [&'r str],
    /// Words of the message or the help.
    says: &'r str,
    /// What the runtime says, without the words around it that are always the same; empty where nothing certain is known.
    event: &'r str,
    /// In order: `HEAD 1.9`, `GET tags`, `GET auth.example/token as bob`.
    requests: &'r [&'r str],
}

/// A pod without credentials, in a cluster whose manifests are all known, on nodes without credentials of their own.
const ROW: Row<'static> = Row {
    name: "",
    image: "",
    login: None,
    args: &[],
    verdict: "pullable",
    rules: &[],
    says: "",
    event: "",
    requests: &[],
};

const BASE: [&str; 6] = ["pullcheck", "--closed", "--node-credentials", "none", "--timeout", "5s"];

/// Runs each row against a server of its own that answers by this script for these hosts.
fn rows(hosts: &[&str], script: impl Fn(&mut Script), rows: &[Row<'_>]) {
    for row in rows {
        let server = Registry::start_tls(|r| {
            script(r);
            for host in hosts {
                r.also_named(host);
            }
        });
        row.hold(&server, hosts);
    }
}

impl Row<'_> {
    /// Runs it against a server and compares everything.
    #[track_caller]
    fn hold(&self, server: &Registry, hosts: &[&str]) {
        let mut client = quick(options(self.args).client);
        client.ca_certs = vec![server.ca_pem().as_bytes().to_vec()];
        client.connect_to =
            hosts.iter().map(|host| ConnectTo { host: host.parse().unwrap(), address: server.address() }).collect();
        let report = self.run(client);
        self.compare(&report, &server.requests());
    }

    /// Runs it with a client of these settings.
    fn run(&self, client: ClientOptions) -> Report {
        run(&[(self.image, self.login)], self.args, client)
    }

    #[track_caller]
    fn compare(&self, report: &Report, requests: &[Logged]) {
        let [image] = report.images.as_slice() else { panic!("{}: {} images", self.name, report.images.len()) };
        let on_it: Vec<&Finding> = report.findings.iter().filter(|found| found.subject.image.is_some()).collect();
        let told = |found: &&Finding| format!("{} {}", found.severity.as_str(), found.rule);
        let rules: Vec<String> = on_it.iter().map(told).collect();
        let words: String = on_it
            .iter()
            .map(|finding| format!("{}\n{}\n", finding.message, finding.help.as_deref().unwrap_or("")))
            .collect();
        assert_eq!(verdict(image), self.verdict, "{}: verdict\n{words}", self.name);
        assert_eq!(rules, self.rules, "{}: rules\n{words}", self.name);
        assert!(words.contains(self.says), "{}: {:?} is not in\n{words}", self.name, self.says);
        assert_eq!(event(image), self.event, "{}: event", self.name);
        let registry = image.reference.as_ref().map(|reference| reference.registry.clone()).unwrap_or_default();
        let requests: Vec<String> = requests.iter().map(|request| shown(request, &registry)).collect();
        assert_eq!(requests, self.requests, "{}: requests", self.name);
    }
}

fn options(args: &[&str]) -> Options {
    Options::try_from(Args::try_parse_from(BASE.iter().chain(args)).unwrap()).unwrap()
}

/// Settings with which a test never waits long and never leaves this machine.
fn quick(client: ClientOptions) -> ClientOptions {
    ClientOptions { retry_delay: Duration::from_millis(1), proxies: Proxies::Off, ..client }
}

/// Checks one pod for each image.
fn run(images: &[(&str, Option<(&str, &str)>)], args: &[&str], client: ClientOptions) -> Report {
    let options = options(args);
    let text: String = images.iter().enumerate().map(|(at, (image, login))| manifest(at, image, *login)).collect();
    let gathered = gather::gather_sources(vec![Source::new("pod.yaml", text, Encoding::Utf8)], ReadOptions::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_, report) = runtime.block_on(async {
        let client = Client::with_lookup(client, Arc::new(NoNames)).unwrap();
        check::check(
            gathered,
            &options.settings,
            None,
            Some((&client, Concurrency { all: 64, per_registry: 1 })),
            &Progress::default(),
        )
        .await
    });
    runtime.shutdown_background();
    report
}

fn manifest(at: usize, image: &str, login: Option<(&str, &str)>) -> String {
    let container = json!([{"name": "app", "image": image}]);
    let name = format!("app-{at}");
    let metadata = json!({"name": name});
    let Some((user, password)) = login else {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": container}});
        return format!("---\n{pod}\n");
    };
    let registry = Reference::parse(image).unwrap().registry().to_owned();
    let key = if registry == "docker.io" { "https://index.docker.io/v1/".to_owned() } else { registry };
    let config = json!({"auths": {key: {"username": user, "password": password}}}).to_string();
    let spec = json!({"imagePullSecrets": [metadata], "containers": container});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec});
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": config},
    });
    format!("---\n{secret}\n---\n{pod}\n")
}

/// No name leads off this machine: the registries that are there have an address of their own.
struct NoNames;

impl Lookup for NoNames {
    fn lookup(&self, _: &str) -> Resolving {
        Box::pin(std::future::ready(Err(io::Error::other("Name or service not known"))))
    }
}

fn verdict(image: &ImageReport) -> String {
    let verdict = image.verdict.unwrap_or("-");
    image.cause.map_or(verdict.to_owned(), |cause| format!("{verdict} {cause}"))
}

/// The event without what the kubelet and containerd put before every cause.
fn event(image: &ImageReport) -> String {
    let event = image.event.clone().unwrap_or_default();
    let full = Reference::parse(&image.value).map(|reference| reference.containerd_ref()).unwrap_or_default();
    let kubelet = format!("Failed to pull image {:?}: ", image.value);
    let containerd = format!("failed to pull and unpack image {full:?}: failed to resolve image: ");
    event.replacen(&kubelet, "", 1).replacen(&containerd, "", 1)
}

/// A request in the fewest words. That a manifest is asked for in all forms is a matter of course.
fn shown(request: &Logged, registry: &str) -> String {
    let what = match request.path.rsplit_once("/manifests/") {
        Some((_, target)) => {
            let accept = request.accept.as_deref().unwrap_or_default();
            for form in
                ["manifest.v2+json", "manifest.list.v2+json", "image.manifest.v1+json", "image.index.v1+json", "*/*"]
            {
                assert!(accept.contains(form), "{} is not asked for: some registries then answer 404", form);
            }
            target.to_owned()
        }
        None if request.path.ends_with("/tags/list") => "tags".to_owned(),
        None => request.path.clone(),
    };
    let own = registry == request.host || (registry, request.host.as_str()) == ("docker.io", "registry-1.docker.io");
    let is_api = !what.starts_with('/');
    let place = match (own && is_api, is_api) {
        (true, _) => what,
        (false, true) => format!("{} at {}", what, request.host),
        (false, false) => format!("{}{what}", request.host),
    };
    let by = match (&request.user, &request.authorization) {
        (Some(user), _) => format!(" as {user}"),
        (None, Some(_)) => " with a token".to_owned(),
        (None, None) => String::new(),
    };
    format!("{} {place}{by}", request.method)
}

/// A manifest that is there.
fn there() -> Answer {
    Answer::status(200)
        .header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
        .header("Docker-Content-Digest", &format!("sha256:{}", "0a".repeat(32)))
        .body(r#"{"schemaVersion":2}"#)
}

/// A challenge for a token.
fn bearer(realm: &str) -> Answer {
    let challenge = format!(r#"Bearer realm="{realm}",service="registry",scope="repository:any:pull""#);
    Answer::error(401, "UNAUTHORIZED", "authentication required").header("WWW-Authenticate", &challenge)
}

/// A challenge for user and password.
fn basic() -> Answer {
    Answer::error(401, "UNAUTHORIZED", "authentication required")
        .header("WWW-Authenticate", r#"Basic realm="registry""#)
}

/// What a token endpoint hands out.
fn token() -> Answer {
    Answer::status(200).json(&json!({"token": "opaque", "expires_in": 300}))
}

const DENIED: &str = "pull access denied, repository does not exist or may require authorization: ";
