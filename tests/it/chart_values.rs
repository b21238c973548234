//! The values of charts that no release in the inputs installs.
#![expect(clippy::disallowed_methods, reason = "writes the files that the command reads")]

use std::fs;

use pullcheck::input::gather::gather_sources;
use pullcheck::inventory::{Inventory, ReadOptions};
use pullcheck::resource::workload::{ContainerKind, ImageText, PodOrigin, Skip};
use pullcheck::text::source::{Encoding, Source};
use pullcheck_support::{Run, renderer};
use serde_json::Value;
use tempfile::TempDir;

const CHART: (&str, &str) = ("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
const VALUES: (&str, &str) = ("web/values.yaml", "image: {repository: quay.io/acme/web, tag: v1}\n");

fn gather(files: &[(&str, &str)]) -> Inventory {
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
    gather_sources(sources, ReadOptions::default()).inventory
}

/// What is asked for, or `? ` before what is known of an image that the chart completes.
fn images(files: &[(&str, &str)]) -> Vec<String> {
    let inventory = gather(files);
    let of_values = inventory.images.iter().filter(|image| image.container.kind == ContainerKind::Values);
    let shown = of_values.map(|image| {
        assert_eq!(inventory.pod(image.pod).origin, PodOrigin::Values);
        match &image.image {
            ImageText::Reference(_) => image.text.value.clone(),
            ImageText::Skipped(Skip::ChosenByChart) => format!("? {}", image.text.value),
            other => format!("{other:?} {}", image.text.value),
        }
    });
    shown.collect()
}

#[test]
fn values_beside_a_chart_are_read() {
    assert_eq!(images(&[CHART, VALUES]), ["quay.io/acme/web:v1"]);
    assert!(images(&[VALUES]).is_empty());
    let inventory = gather(&[CHART, VALUES]);
    assert_eq!(inventory.resource_of(&inventory.images[0]).name.to_string(), "Chart.yaml web");
    assert_eq!(inventory.images[0].path, "image.repository");
    // The chart decides on the tag.
    assert_eq!(
        images(&[CHART, ("web/values.yaml", "image: {repository: quay.io/acme/web}\n")]),
        ["? quay.io/acme/web"]
    );
    let library = ("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\ntype: library\n");
    assert!(images(&[library, VALUES]).is_empty());
}

#[test]
fn file_beside_the_values_is_read_on_top_of_them() {
    for name in ["values-prod.yaml", "values.prod.yaml", "values_prod.yml"] {
        let name = format!("web/{name}");
        let found = images(&[CHART, VALUES, (&name, "image: {tag: v2}\nsidecar: {image: 'quay.io/acme/side:1'}\n")]);
        assert_eq!(found, ["quay.io/acme/web:v1", "quay.io/acme/web:v2", "quay.io/acme/side:1"], "{name}");
    }
    for name in
        ["web/values-example.yaml", "web/ci/test-values.yaml", "web/values.schema.json", "web/files/values.yaml"]
    {
        assert_eq!(images(&[CHART, VALUES, (name, "image: {tag: v2}\n")]), ["quay.io/acme/web:v1"], "{name}");
    }
}

#[test]
fn values_of_a_subchart_count_unless_its_chart_changes_them() {
    let sub = ("web/charts/db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.0.0\n");
    let values = ("web/charts/db/values.yaml", "image: {repository: quay.io/acme/db, tag: v1}\n");
    assert_eq!(images(&[CHART, sub, values]), ["quay.io/acme/db:v1"]);
    let condition = "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: db, condition: db.enabled}]\n";
    assert!(images(&[("web/Chart.yaml", condition), sub, values]).is_empty());
    assert!(
        images(&[CHART, ("web/values.yaml", "db: {image: {tag: v2}}\n"), sub, values])
            .iter()
            .all(|image| { !image.ends_with("/db:v1") })
    );
}

#[test]
fn values_of_a_chart_that_a_release_installs_are_those_of_the_release() {
    let helmfile = "releases:\n- {name: a, chart: ./web, values: [{image: {tag: v2}}]}\n";
    let found = images(&[CHART, VALUES, ("helmfile.yaml", helmfile)]);
    assert_eq!(found, ["quay.io/acme/web:v2"]);
}

#[test]
fn finding_in_values_is_a_note_and_shows_no_secret() {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("web")).unwrap();
    fs::write(folder.path().join(CHART.0), CHART.1).unwrap();
    let values = "admin:\n  pass: hunter2hunter2\nimage:\n  repository: quay.io/acme/web\n  tag: latest\n";
    fs::write(folder.path().join(VALUES.0), values).unwrap();
    let output =
        Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path()).args(["--offline", "-v", "."]).output();
    assert!(output.stdout.contains("note[mutable-tag]"), "{output}");
    assert!(output.stdout.contains("repository: quay.io/acme/web"), "{output}");
    assert!(!output.stdout.contains("hunter2"), "{output}");
}

#[test]
fn finding_leads_to_the_values_of_the_operator() {
    if renderer(&["helm"]).is_none() {
        return;
    }
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("web/templates")).unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(CHART.0, CHART.1);
    write(VALUES.0, VALUES.1);
    write(
        "web/templates/pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: c\n    image: \"{{ \
         .Values.image.repository }}:{{ .Values.image.tag }}\"\n",
    );
    write("mine.yaml", "admin:\n  pass: hunter2hunter2\nimage:\n  tag: latest\n");
    let run = || {
        let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path());
        run.args(["--offline", "--render", "--values", "mine.yaml", "web"])
    };
    let report: Value = serde_json::from_str(&run().args(["--format", "json"]).output().stdout).unwrap();
    let finding = report["findings"].as_array().unwrap().iter().find(|own| own["rule"] == "mutable-tag").unwrap();
    let places: Vec<(&str, u64)> = finding["related"]
        .as_array()
        .unwrap()
        .iter()
        .map(|place| (place["file"].as_str().unwrap(), place["line"].as_u64().unwrap()))
        .collect();
    assert!(places.contains(&("mine.yaml", 4)) && !places.contains(&("web/values.yaml", 2)), "{places:?}");
    assert!(!run().output().stdout.contains("hunter2"));
}

#[test]
fn part_of_a_name_is_not_listed_without_its_registry() {
    let values =
        "controller: {image: {image: ingress/controller, tag: v1}, side: {repository: ingress/side, tag: v1}}\n";
    let files = [("shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"), ("shop/values.yaml", values)];
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
    let inventory = gather_sources(sources, ReadOptions::default()).inventory;
    let listed: Vec<_> = inventory.images.iter().map(|image| image.text.value.as_str()).collect();
    assert_eq!(listed, ["ingress/side:v1"]);
}
