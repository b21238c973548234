//! The built command against a real registry: what a user would see.

mod budget;
mod charts;
mod contents;
mod releases;
mod setups;

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pullcheck_support::{Output, Run};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::authority::{Authority, NAME};
use crate::push::{INDEX, Pusher};
use crate::server::{PASSWORD, Server, Setup, USER};

/// A folder of manifests to be checked.
struct Manifests(TempDir);

impl Manifests {
    /// A namespace whose default service account is known to carry no pull secret.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let manifests = Self(folder);
        manifests
            .add("account", &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata("default")}));
        manifests
    }

    /// A pod with this image and these pull secrets.
    fn pod(&self, name: &str, image: &str, pull_secrets: &[&str]) {
        self.pod_of(name, &[image.to_owned()], pull_secrets);
    }

    /// A pod with these images and these pull secrets.
    fn pod_of(&self, name: &str, images: &[String], pull_secrets: &[&str]) {
        let pull_secrets: Vec<Value> = pull_secrets.iter().map(|name| json!({ "name": name })).collect();
        let container = |(at, image): (usize, &String)| json!({"name": format!("c{at}"), "image": image});
        let containers: Vec<Value> = images.iter().enumerate().map(container).collect();
        let spec = json!({"containers": containers, "imagePullSecrets": pull_secrets});
        self.add(name, &json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata(name), "spec": spec}));
    }

    /// A pull secret with this password.
    fn secret(&self, name: &str, host: &str, password: &str) {
        let auth = auth(USER, password);
        let config = json!({"auths": {host: {"auth": auth}}}).to_string();
        let data = json!({".dockerconfigjson": BASE64_STANDARD.encode(config)});
        let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata(name),
            "type": "kubernetes.io/dockerconfigjson", "data": data});
        self.add(name, &object);
    }

    fn add(&self, name: &str, object: &Value) {
        fs::write(self.0.path().join(format!("{name}.json")), object.to_string()).expect("a manifest is written");
    }

    /// Runs the command on the folder.
    fn check(&self, options: &[String]) -> Output {
        Run::new(binary()).within(self.0.path()).args(options).arg(".").output()
    }

    /// Where files may stand that are not to be checked.
    fn folder(&self) -> &Path {
        self.0.path()
    }
}

/// The command that is tested: the one that was built with the tests, or the one that `PULLCHECK_BIN` names. What is
/// released is built without the tests' dependencies, and must not need them.
fn binary() -> PathBuf {
    let named = std::env::var_os("PULLCHECK_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_pullcheck").into());
    std::path::absolute(named).expect("a path to the command")
}

/// `auth` of a docker configuration.
fn auth(user: &str, password: &str) -> String {
    BASE64_STANDARD.encode(format!("{user}:{password}"))
}

fn metadata(name: &str) -> Value {
    json!({"name": name, "namespace": "shop"})
}

/// A field of every image, by the name of its pod, in the order of the report.
fn images(output: &Output, field: &str) -> Vec<(String, Value)> {
    let report: Value = serde_json::from_str(&output.stdout).expect("the report is JSON");
    let images = report["images"].as_array().expect("a list of images");
    let name = |image: &Value| image["resource"]["name"].as_str().unwrap_or_default().to_owned();
    images.iter().map(|image| (name(image), image[field].clone())).collect()
}

#[tokio::test]
async fn good_missing_and_wrong_credentials_are_distinguished() {
    let Some(server) = Server::start(&Setup::htpasswd()) else { return };
    Pusher::guarded(&server).image("shop/api", "1").await;
    let (manifests, image) = (Manifests::new(), format!("{}/shop/api:1", server.host()));
    manifests.secret("good-secret", &server.host(), PASSWORD);
    manifests.secret("old-secret", &server.host(), "a-password-of-last-year");
    manifests.pod("pod-good", &image, &["good-secret"]);
    manifests.pod("pod-none", &image, &[]);
    manifests.pod("pod-wrong", &image, &["old-secret"]);
    let plain = format!("--plain-http={}", server.host());

    let json = manifests.check(&[plain.clone(), "--format=json".into()]).assert_status(1);
    let verdicts = [("pod-good", "pullable"), ("pod-none", "fails"), ("pod-wrong", "fails")];
    assert_eq!(images(&json, "verdict"), verdicts.map(|(pod, verdict)| (pod.to_owned(), json!(verdict))));
    let report: Value = serde_json::from_str(&json.stdout).expect("the report is JSON");
    let rules: Vec<_> = report["findings"].as_array().into_iter().flatten().map(|finding| &finding["rule"]).collect();
    assert_eq!(rules, ["committed-credentials", "missing-pull-secret", "access-denied"]);

    let human = manifests.check(&[plain]).assert_status(1).assert_stdout_has("1 pullable, 2 failing");
    for output in [json, human] {
        for secret in [PASSWORD, "a-password-of-last-year"] {
            assert!(!output.to_string().contains(secret), "a password is printed\n{output}");
            let auth = auth(USER, secret);
            assert!(!output.to_string().contains(&auth), "a password is printed in base64\n{output}");
        }
    }
}

#[tokio::test]
async fn missing_tag_is_reported_with_a_suggestion() {
    let Some(server) = Server::start(&Setup::open()) else { return };
    let pusher = Pusher::open(&server);
    let digest = pusher.index("shop/web", "2.14.1").await;
    let manifests = Manifests::new();
    manifests.pod("pod-there", &format!("{}/shop/web:2.14.1", server.host()), &[]);
    manifests.pod("pod-typo", &format!("{}/shop/web:2.14.l", server.host()), &[]);
    let plain = format!("--plain-http={}", server.host());
    let json = manifests.check(&[plain.clone(), "--format=json".into()]).assert_status(1);
    assert_eq!(
        images(&json, "digest"),
        [("pod-there".to_owned(), json!(digest)), ("pod-typo".to_owned(), json!(null))]
    );
    assert_eq!(images(&json, "media_type")[0].1, json!(INDEX));
    manifests.check(&[plain]).assert_status(1).assert_stdout_has("did you mean `2.14.1`?");
}

#[tokio::test]
async fn ca_cert_option_makes_the_registry_trusted() {
    let authority = Authority::new();
    let Some(server) = Server::start(&Setup::tls(&authority)) else { return };
    Pusher::tls(&server, &authority).image("shop/api", "1").await;
    let manifests = Manifests::new();
    manifests.pod("pod", &format!("{NAME}/shop/api:1"), &[]);
    let ca = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(ca.path(), authority.root()).expect("the certificate is written");
    let connect = format!("--connect-to={NAME}={}", server.address());
    let trusting = [connect.clone(), format!("--ca-cert={}", ca.path().display())];
    manifests.check(&trusting).assert_status(0).assert_stdout_has("1 pullable");
    let json = manifests.check(&[connect, "--format=json".into()]).assert_status(0);
    assert_eq!(images(&json, "verdict")[0].1, json!("unverified"), "never a pass, never a certain failure");
    assert_eq!(images(&json, "cause")[0].1, json!("tls"));
}
