//! Charts and other artifacts that objects fetch from registries.
#![expect(clippy::disallowed_methods, reason = "writes the files that the command reads")]

use std::fs;

use pullcheck_support::{Registry, Run};
use serde_json::Value;
use tempfile::TempDir;

use crate::report_parsers;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn oci_repository(host: &str, reference: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: shop, namespace: web}}\n\
         spec:\n  url: oci://{host}/acme/charts/shop\n  ref:\n    {reference}\n"
    )
}

fn report(folder: &TempDir, arguments: &[&str]) -> Value {
    let output = Run::new(env!("CARGO_BIN_EXE_pullcheck"))
        .within(folder.path())
        .args(arguments)
        .args(["--format", "json", "--retries", "0", "."])
        .output();
    report_parsers::report(&output.stdout).unwrap()
}

/// Verdict and cause of the only chart.
fn verdict(report: &Value) -> (Option<&str>, Option<&str>) {
    assert_eq!(report["charts"].as_array().map(Vec::len), Some(1), "{report:#}");
    (report["charts"][0]["verdict"].as_str(), report["charts"][0]["cause"].as_str())
}

#[test]
fn offline_charts_are_listed_and_not_verified() {
    let folder = folder(&[("a.yaml", &oci_repository("ghcr.io", "tag: 1.9.0"))]);
    let found = report(&folder, &["--offline"]);
    assert_eq!(verdict(&found), (Some("unverified"), Some("offline")));
    assert_eq!(found["charts"][0]["line"], 7);
    assert_eq!(found["charts"][0]["path"], "spec.ref.tag");
    assert_eq!(found["charts"][0]["value"], "ghcr.io/acme/charts/shop:1.9.0");
    assert_eq!(found["findings"], serde_json::json!([]));
    assert_eq!((&found["summary"]["image_uses"], &found["summary"]["charts_unverified"]), (&0.into(), &1.into()));
    let listed = report(&folder, &["--list-images"]);
    assert_eq!(verdict(&listed), (None, None));
    Run::new(env!("CARGO_BIN_EXE_pullcheck"))
        .within(folder.path())
        .args(["--offline", "--fail-on-unverified", "."])
        .output()
        .assert_status(4)
        .assert_stdout_has("1 chart unverified");
}

#[test]
fn each_repository_is_listed_once_and_each_tag_asked_once() {
    let server = Registry::start(|r| {
        r.image("acme/charts/shop", "1.9.0").tags(["1.9.0", "1.8.0"]);
    });
    let host = server.host();
    let texts: Vec<(String, String)> = ["semver: 1.x", "semver: ~1.8", "tag: 1.9.0", "tag: 1.9.0"]
        .iter()
        .enumerate()
        .map(|(at, reference)| (format!("{at}.yaml"), oci_repository(&host, reference)))
        .collect();
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let found = report(&folder(&files), &["--plain-http", &host]);
    let tags: Vec<&str> =
        found["charts"].as_array().unwrap().iter().filter_map(|chart| chart["tag"].as_str()).collect();
    assert_eq!(tags, ["1.9.0", "1.8.0", "1.9.0", "1.9.0"]);
    assert_eq!(found["summary"]["requests"], 2, "{found:#}");
}

#[test]
fn chart_that_a_patch_may_replace_is_not_missing() {
    let server = Registry::start(|r| {
        r.image("acme/charts/shop", "1.9.0");
    });
    let base = oci_repository(&server.host(), "tag: set-by-overlay");
    let patch = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: shop}\n\
                 spec:\n  ref: {tag: 1.9.0}\n";
    let of = |kustomization: &str| {
        let files = [("base.yaml", base.as_str()), ("patch.yaml", patch), ("kustomization.yaml", kustomization)];
        let found = report(&folder(&files), &["--plain-http", &server.host()]);
        let (verdict, cause) = verdict(&found);
        (verdict.map(str::to_owned), cause.map(str::to_owned))
    };
    let unknown = || (Some("unverified".to_owned()), Some("rewritten-by-kustomize".to_owned()));
    assert_eq!(of("resources: [base.yaml]\npatches:\n  - path: patch.yaml\n"), unknown());
    let of_kind = "resources: [base.yaml]\npatches:\n  - target: {kind: OCIRepository}\n    \
                   patch: '[{op: replace, path: /spec/ref/tag, value: 1.9.0}]'\n";
    assert_eq!(of(of_kind), unknown());
    let fails = || (Some("fails".to_owned()), Some("absent".to_owned()));
    let of_other = of_kind.replace("kind: OCIRepository", "kind: HelmRelease");
    assert_eq!(of(&of_other), fails());
    assert_eq!(of(&of_kind.replace("/spec/ref/tag", "/spec/interval")), fails());
}

#[test]
fn chart_of_release_is_asked_for_at_its_version() {
    let server = Registry::start(|r| {
        r.image("acme/charts/shop", "1.9.0").tags(["1.9.0"]);
    });
    let of = |version: &str| {
        let text = format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: shop, namespace: web}}\n\
             spec:\n  chart:\n    spec:\n      chart: shop\n      version: '{version}'\n      \
             sourceRef: {{kind: HelmRepository, name: acme}}\n---\n\
             apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: acme, namespace: web}}\n\
             spec: {{type: oci, url: 'oci://{}/acme/charts'}}\n",
            server.host()
        );
        let found = report(&folder(&[("a.yaml", &text)]), &["--plain-http", &server.host()]);
        let rules: Vec<String> = found["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["rule"] == "chart-not-found")
            .map(|finding| finding["line"].to_string())
            .collect();
        (verdict(&found).0.map(str::to_owned), rules)
    };
    assert_eq!(of("1.9.0"), (Some("pullable".to_owned()), Vec::new()));
    assert_eq!(of(">=1.0.0"), (Some("pullable".to_owned()), Vec::new()));
    assert_eq!(of("1.9.9"), (Some("fails".to_owned()), vec!["8".to_owned()]));
    assert_eq!(of(">=2.0.0"), (Some("fails".to_owned()), vec!["8".to_owned()]));
}
