//! The release in a `fleet.yaml`, and those of Flux's former Helm Operator.

use pullcheck::input::gather::gather_sources;
use pullcheck::inventory::{Inventory, ReadOptions};
use pullcheck::resource::workload::{ImageText, Skip};
use pullcheck::text::source::{Encoding, Source};

fn gather(files: &[(&str, &str)]) -> Inventory {
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
    gather_sources(sources, ReadOptions::default()).inventory
}

/// What is asked for, or `? ` before what is known of an image that something else decides.
fn images(files: &[(&str, &str)]) -> Vec<String> {
    let inventory = gather(files);
    let shown = inventory.images.iter().map(|image| match &image.image {
        ImageText::Reference(_) => image.text.value.clone(),
        ImageText::Skipped(Skip::ChosenByChart) => format!("? {}", image.text.value),
        other => format!("{other:?} {}", image.text.value),
    });
    shown.collect()
}

const ROOT: &str = "helm:\n  chart: web\n  repo: https://charts.example\n  values:\n    image: {repository: quay.io/acme/web, tag: \
                    v1}\n    side: {image: 'quay.io/acme/side:1'}\n";

fn of(more: &str) -> Vec<String> {
    images(&[("a/fleet.yaml", &format!("{ROOT}{more}")), ("a/prod.yaml", "image: {tag: file}\n")])
}

#[test]
fn values_of_a_target_are_on_top_of_those_for_all_clusters() {
    let target = "targetCustomizations:\n- name: prod\n  helm: {values: {image: {tag: v2}}}\n";
    // No other cluster may get what the only target changes.
    assert_eq!(of(target), ["quay.io/acme/web:v2", "quay.io/acme/side:1", "? quay.io/acme/web:v1"]);
    let two = format!("{target}- name: test\n  helm: {{values: {{debug: true}}}}\n");
    assert_eq!(of(&two), ["quay.io/acme/web:v2", "quay.io/acme/side:1", "quay.io/acme/web:v1"]);
    let file = "targetCustomizations:\n- name: prod\n  helm: {valuesFiles: [prod.yaml], values: {image: {tag: v2}}}\n";
    assert_eq!(of(file), ["quay.io/acme/web:file", "quay.io/acme/side:1", "? quay.io/acme/web:v1"]);
    let off = "targetCustomizations:\n- {name: prod, doNotDeploy: true, helm: {values: {image: {tag: v2}}}}\n";
    assert_eq!(of(off), ["quay.io/acme/web:v1", "quay.io/acme/side:1"]);
}

#[test]
fn namespace_of_targets_is_unknown_if_they_choose_their_own() {
    let of = |more: &str| {
        let inventory = gather(&[("fleet.yaml", &format!("namespace: shop\n{ROOT}{more}"))]);
        inventory.pods.iter().map(|pod| pod.namespace.clone()).collect::<Vec<_>>()
    };
    assert!(of("").iter().all(|namespace| namespace.as_deref() == Some("shop")));
    let target = "targetCustomizations:\n- {name: prod, namespace: other, helm: {values: {a: b}}}\n";
    assert!(of(target).iter().all(Option::is_none));
}

#[test]
fn config_map_is_on_top_of_all_values() {
    let map = |namespace: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m, namespace: {namespace}}}\ndata:\n  values.yaml: |\n    \
             image: {{tag: map}}\n"
        )
    };
    let fleet =
        |reference: &str| format!("namespace: shop\n{ROOT}  valuesFrom: [{{configMapKeyRef: {{{reference}}}}}]\n");
    let of =
        |reference: &str, namespace: &str| images(&[("fleet.yaml", &fleet(reference)), ("m.yaml", &map(namespace))]);
    assert_eq!(of("name: m", "shop"), ["quay.io/acme/web:map", "quay.io/acme/side:1"]);
    assert_eq!(of("name: m, namespace: x", "x"), ["quay.io/acme/web:map", "quay.io/acme/side:1"]);
    // What is not known may replace both images.
    assert_eq!(of("name: m", "other"), ["? quay.io/acme/web:v1", "? quay.io/acme/side:1"]);
    assert_eq!(of("name: m, key: other.yaml", "shop"), ["? quay.io/acme/web:v1", "? quay.io/acme/side:1"]);
    let secret = format!("{ROOT}  valuesFrom: [{{secretKeyRef: {{name: s}}}}]\n");
    assert_eq!(images(&[("fleet.yaml", &secret)]), ["? quay.io/acme/web:v1", "? quay.io/acme/side:1"]);
}

#[test]
fn folder_of_the_file_is_its_chart_if_it_names_none() {
    let chart = ("a/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
    let values = ("a/values.yaml", "image: {repository: quay.io/acme/web, tag: v1}\n");
    let fleet = "helm: {releaseName: x, values: {image: {tag: v2}}, valuesFiles: [b.yaml]}\n";
    // Fleet reads the files only if the chart is named.
    let files = [chart, values, ("a/fleet.yaml", fleet), ("a/b.yaml", "image: {tag: v3}\n")];
    assert_eq!(images(&files), ["quay.io/acme/web:v2"]);
    let inventory = gather(&files);
    assert_eq!(inventory.releases[0].chart.chart.as_deref(), Some("a"));
}

#[test]
fn former_helm_operator_is_read_like_flux() {
    let release = |more: &str| {
        format!(
            "apiVersion: helm.fluxcd.io/v1\nkind: HelmRelease\nmetadata: {{name: web, namespace: shop}}\nspec:\n  chart: \
             {{repository: 'https://charts.example', name: web, version: 1.2.3}}\n{more}  values: {{image: {{repository: \
             quay.io/acme/web, tag: v1}}}}\n"
        )
    };
    let inventory = gather(&[("a.yaml", &release(""))]);
    let own = &inventory.releases[0];
    assert_eq!(own.name.as_deref(), Some("shop-web"));
    assert_eq!(
        (own.chart.repository.as_deref(), own.chart.version.as_deref()),
        (Some("https://charts.example"), Some("1.2.3"))
    );
    assert_eq!(inventory.pods[0].namespace.as_deref(), Some("shop"));
    assert_eq!(images(&[("a.yaml", &release(""))]), ["quay.io/acme/web:v1"]);
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, namespace: shop}\ndata:\n  values.yaml: |\n    image: {tag: \
               map}\n    side: {image: 'quay.io/acme/side:1'}\n";
    let from = "  valuesFrom: [{configMapKeyRef: {name: m}}]\n";
    assert_eq!(images(&[("a.yaml", &release(from)), ("m.yaml", map)]), ["quay.io/acme/web:v1", "quay.io/acme/side:1"]);
}

#[test]
fn account_that_the_values_name_gives_its_pull_secrets() {
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: shop}\nimagePullSecrets: [{name: reg}]\n";
    let secrets = |values: &str| {
        let fleet = format!("namespace: shop\n{ROOT}    serviceAccount: {values}\n");
        let inventory = gather(&[("fleet.yaml", &fleet), ("account.yaml", account)]);
        let pod = inventory.pod(inventory.images[0].pod);
        pod.pull_secrets.iter().flatten().map(|secret| secret.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(secrets("{create: false, name: web}"), ["reg"]);
    for other in ["{create: true, name: web}", "{name: web}", "{create: false, name: other}"] {
        assert!(secrets(other).is_empty(), "{other}");
    }
}
