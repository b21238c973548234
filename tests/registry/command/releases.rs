//! Releases whose charts are in the registry: fetched, rendered by Helm, and their images asked for.

use std::fs;

use pullcheck_support::{Run, chart_archive, renderer};
use serde_json::{Value, json};

use super::binary;
use crate::push::Pusher;
use crate::server::{Server, Setup};

fn chart(host: &str) -> Vec<u8> {
    let values = format!("image:\n  repository: {host}/shop/web\n");
    chart_archive(&[
        ("shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.2.0\nappVersion: 1.0.0\n"),
        ("shop/values.yaml", &values),
        (
            "shop/templates/pod.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: '{{ .Release.Name }}'}\nspec: {containers: [{name: a, image: '{{ \
             .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}'}]}\n",
        ),
    ])
}

/// A registry with the chart and its image, and its host; `None` if it or Helm is not installed.
async fn registry() -> Option<(Server, String)> {
    renderer(&["helm"])?;
    let server = Server::start(&Setup::open())?;
    let (pusher, host) = (Pusher::open(&server), server.host());
    pusher.chart("charts/shop", "1.2.0", &chart(&host)).await;
    pusher.image("shop/web", "1.0.0").await;
    Some((server, host))
}

/// A Flux release by a range of versions, and Argo CD's by a version.
fn releases(host: &str, tag: &str, version: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {{name: shop, namespace: web}}
spec:
  url: oci://{host}/charts/shop
  ref: {{semver: '>=1.0.0 <2'}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: flux, namespace: web}}
spec:
  chartRef: {{kind: OCIRepository, name: shop}}
  values:
    image:
      tag: '{tag}'
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: argo, namespace: argocd}}
spec:
  destination: {{namespace: prod}}
  source:
    repoURL: {host}/charts
    chart: shop
    targetRevision: {version}
"
    )
}

fn check(text: &str, host: &str, options: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("releases.yaml"), text).expect("a manifest is written");
    let run = Run::new(binary()).within(folder.path()).env("PATH", std::env::var_os("PATH").expect("a PATH"));
    let run = run.args(["--render", "--no-cache", "--format=json"]).arg(format!("--plain-http={host}"));
    let output = run.args(options).arg(".").output();
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}

/// `object image verdict line` of each pod.
fn pods(report: &Value) -> Vec<String> {
    let images = report["images"].as_array().expect("a list of images").iter();
    let pods = images.filter(|image| image["resource"]["kind"] == "Pod");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let shown = pods.map(|image| {
        let object = format!("{}/{}", text(&image["resource"]["namespace"]), text(&image["resource"]["name"]));
        let tag = text(&image["reference"]["tag"]);
        format!("{object} {tag} {} {}", text(&image["verdict"]), image["line"])
    });
    shown.collect()
}

#[tokio::test]
async fn images_of_fetched_charts_are_checked_at_the_lines_of_their_releases() {
    let Some((_server, host)) = registry().await else { return };
    let report = check(&releases(&host, "7.7", "1.2.0"), &host, &["--fetch-charts"]);
    assert_eq!(pods(&report), ["web/flux 7.7 fails 15", "prod/argo 1.0.0 pullable 24"], "{report}");
    let findings = report["findings"].as_array().expect("a list of findings");
    let missing = findings.iter().find(|finding| finding["rule"] == "image-not-found").expect("the tag is missing");
    assert_eq!((&missing["severity"], &missing["line"]), (&json!("error"), &json!(15)), "{missing}");
    assert!(!report.to_string().contains("unrendered-release"), "{report}");
    assert_eq!(report["summary"]["unrendered_releases"], 0);
}

#[tokio::test]
async fn chart_that_is_not_fetched_leaves_its_release_unverified() {
    let Some((_server, host)) = registry().await else { return };
    let text = releases(&host, "1.0.0", "9.9.9");
    let message = |options: &[&str]| {
        let report = check(&text, &host, options);
        let findings = report["findings"].as_array().expect("a list of findings").clone();
        let found = findings.iter().find(|finding| finding["rule"] == "unrendered-release").expect("a note").clone();
        assert_eq!(found["severity"], "note");
        (found["message"].as_str().unwrap_or_default().to_owned(), report["summary"]["unrendered_releases"].clone())
    };
    let (missing, count) = message(&["--fetch-charts"]);
    assert!(missing.contains("has no version 9.9.9; did you mean 1.2.0?"), "{missing}");
    assert_eq!(count, 1);
    let (elsewhere, count) = message(&["--fetch-charts", "--chart-hosts=ghcr.io"]);
    assert!(elsewhere.contains("is not among the hosts of --chart-hosts"), "{elsewhere}");
    assert_eq!(count, 2);
    let (unasked, _) = message(&[]);
    assert!(unasked.contains("is not rendered"), "{unasked}");
}

#[tokio::test]
async fn dependency_that_a_chart_lacks_is_fetched_into_a_copy() {
    let Some((_server, host)) = registry().await else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let umbrella = format!(
        "apiVersion: v2\nname: all\nversion: 0.1.0\ndependencies:\n  - {{name: shop, version: 1.x, repository: 'oci://{host}/charts'}}\n"
    );
    for (file, text) in [("all/Chart.yaml", umbrella.as_str()), ("all/values.yaml", "shop: {image: {tag: 1.0.0}}\n")] {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        fs::write(path, text).expect("the chart is written");
    }
    let run = Run::new(binary()).within(folder.path()).env("PATH", std::env::var_os("PATH").expect("a PATH"));
    let run = run.args(["--render", "--fetch-charts", "--no-cache", "--format=json", "."]);
    let output = run.arg(format!("--plain-http={host}")).output();
    let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"));
    assert_eq!(report["summary"]["pullable"], 1, "{report}");
    assert!(!folder.path().join("all/charts").exists());
}
