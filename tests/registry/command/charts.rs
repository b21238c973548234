//! Charts that objects fetch, from a real registry.

use serde_json::{Value, json};

use super::{Manifests, auth};
use crate::push::Pusher;
use crate::server::{PASSWORD, Server, Setup, USER};

/// An OCIRepository with this reference.
fn source(manifests: &Manifests, name: &str, url: &str, reference: Value, secret: Option<&str>) {
    let mut spec = json!({"interval": "1h", "url": format!("oci://{url}"), "ref": reference});
    if let Some(secret) = secret {
        spec["secretRef"] = json!({ "name": secret });
    }
    let metadata = json!({"name": name, "namespace": "shop"});
    let object = json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "OCIRepository", "metadata": metadata,
        "spec": spec});
    manifests.add(name, &object);
}

/// Verdict, cause and tag of every chart, by the name of its object.
fn charts(report: &Value) -> Vec<(String, String, Value, Value)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let charts = report["charts"].as_array().expect("a list of charts");
    let of = |chart: &Value| {
        (text(&chart["resource"]["name"]), text(&chart["verdict"]), chart["cause"].clone(), chart["tag"].clone())
    };
    charts.iter().map(of).collect()
}

#[tokio::test]
async fn tag_digest_and_range_are_looked_up() {
    let Some(server) = Server::start(&Setup::open()) else { return };
    let pusher = Pusher::open(&server);
    let mut digest = String::new();
    for tag in ["1.8.0", "1.9.0", "2.0.0-rc.1"] {
        digest = pusher.image("charts/shop", tag).await;
    }
    let (manifests, url) = (Manifests::new(), format!("{}/charts/shop", server.host()));
    source(&manifests, "a-there", &url, json!({"tag": "1.9.0"}), None);
    source(&manifests, "b-gone", &url, json!({"tag": "1.9.l"}), None);
    source(&manifests, "c-range", &url, json!({"semver": "1.x"}), None);
    source(&manifests, "d-no-range", &url, json!({"semver": ">=2.0.0"}), None);
    source(&manifests, "e-digest", &url, json!({ "digest": digest }), None);
    source(&manifests, "f-no-digest", &url, json!({"digest": format!("sha256:{}", "0a".repeat(32))}), None);
    source(&manifests, "g-no-repository", &format!("{url}s"), json!({"semver": "*"}), None);
    let plain = format!("--plain-http={}", server.host());

    let output = manifests.check(&[plain.clone(), "--format=json".into()]).assert_status(0);
    let report: Value = serde_json::from_str(&output.stdout).expect("the report is JSON");
    let absent = || json!("absent");
    let expected = [
        ("a-there", "pullable", Value::Null, json!("1.9.0")),
        ("b-gone", "fails", absent(), json!("1.9.l")),
        ("c-range", "pullable", Value::Null, json!("1.9.0")),
        ("d-no-range", "fails", absent(), Value::Null),
        ("e-digest", "pullable", Value::Null, Value::Null),
        ("f-no-digest", "fails", absent(), Value::Null),
        ("g-no-repository", "fails", absent(), Value::Null),
    ];
    let expected = expected.map(|(name, verdict, cause, tag)| (name.to_owned(), verdict.to_owned(), cause, tag));
    assert_eq!(charts(&report), expected);
    assert_eq!(report["summary"]["image_uses"], 0);
    assert_eq!((&report["summary"]["charts"], &report["summary"]["charts_failing"]), (&json!(7), &json!(4)));
    manifests
        .check(&[plain, "--fail-on=warning".into()])
        .assert_status(1)
        .assert_stdout_has("did you mean `1.9.0`?")
        .assert_stdout_has("4 charts not found");
}

#[tokio::test]
async fn private_chart_is_asked_for_with_the_secret_of_its_source() {
    let Some(server) = Server::start(&Setup::htpasswd()) else { return };
    Pusher::guarded(&server).image("charts/shop", "1.9.0").await;
    let (manifests, url) = (Manifests::new(), format!("{}/charts/shop", server.host()));
    manifests.secret("registry-login", &server.host(), PASSWORD);
    for (name, tag) in [("a-there", "1.9.0"), ("b-gone", "1.9.9")] {
        source(&manifests, name, &url, json!({ "tag": tag }), Some("registry-login"));
    }
    source(&manifests, "c-range", &url, json!({"semver": ">=1"}), Some("registry-login"));
    source(&manifests, "d-anonymous", &url, json!({"tag": "1.9.0"}), None);
    let plain = format!("--plain-http={}", server.host());
    let output = manifests.check(&[plain.clone(), "--format=json".into()]).assert_status(0);
    let report: Value = serde_json::from_str(&output.stdout).expect("the report is JSON");
    let verdicts: Vec<(String, String)> =
        charts(&report).into_iter().map(|(name, verdict, ..)| (name, verdict)).collect();
    let expected =
        [("a-there", "pullable"), ("b-gone", "fails"), ("c-range", "pullable"), ("d-anonymous", "unverified")];
    assert_eq!(verdicts, expected.map(|(name, verdict)| (name.to_owned(), verdict.to_owned())));
    assert!(!output.to_string().contains(&auth(USER, PASSWORD)), "a password is printed\n{output}");
    manifests.check(&[plain, "--fail-on-unverified".into()]).assert_status(4);
}
