//! Values of releases that are elsewhere in the inputs: in ConfigMaps, in files, and in the chart itself.

use pullcheck::input::gather::gather_sources;
use pullcheck::inventory::{Inventory, ReadOptions};
use pullcheck::resource::workload::{ImageText, Skip};
use pullcheck::text::source::{Encoding, Source};

const CHART: &str = "apiVersion: v2\nname: shop\nversion: 1.0.0\n";

struct Read {
    inventory: Inventory,
    files: Vec<(String, String)>,
}

fn read(files: &[(&str, &str)]) -> Read {
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
    let inventory = gather_sources(sources, ReadOptions::default()).inventory;
    Read { inventory, files: files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect() }
}

impl Read {
    /// `image < file: text of the line that decides it`; with `? ` in front if the chart completes the image.
    fn images(&self) -> Vec<String> {
        let shown = self.inventory.images.iter().map(|image| {
            let (file, text) = &self.files[image.text.span.source.0 as usize];
            let unknown = matches!(image.image, ImageText::Skipped(Skip::ChosenByChart));
            let mark = if unknown { "? " } else { "" };
            format!("{mark}{} < {file}: {}", image.text.value, &text[image.text.span.range()])
        });
        shown.collect()
    }

    fn unread(&self) -> Vec<Option<&str>> {
        self.inventory.releases.iter().map(|release| release.unread.as_deref()).collect()
    }
}

fn flux(spec: &str) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: shop, namespace: web}}\nspec:\n{spec}"
    )
}

fn argo(sources: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: shop, namespace: argocd}}\nspec:\n  \
         destination: {{namespace: web}}\n  sources:\n{sources}"
    )
}

const VALUES_FROM: &str =
    "  chartRef: {kind: OCIRepository, name: shop}\n  valuesFrom: [{kind: ConfigMap, name: shop-values}]\n";

#[test]
fn config_map_values_lie_under_those_of_the_release() {
    let release = flux(&format!("{VALUES_FROM}  values: {{image: {{tag: v2}}}}\n"));
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop-values, namespace: web}\ndata:\n  values.yaml: |\n    \
               image: {repository: quay.io/acme/shop, tag: v1}\n    side: {image: 'quay.io/acme/side:v1'}\n";
    let found = read(&[("a.yaml", &release), ("b.yaml", map)]);
    assert_eq!(
        found.images(),
        ["quay.io/acme/shop:v2 < a.yaml: v2", "quay.io/acme/side:v1 < b.yaml: 'quay.io/acme/side:v1'"]
    );
    assert_eq!(found.unread(), [None]);
}

#[test]
fn later_config_map_takes_precedence() {
    let map = |name: &str, tag: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{'values.yaml': 'image: {{repository: \
             quay.io/acme/shop, tag: {tag}}}'}}\n---\n"
        )
    };
    let release = flux(
        "  chartRef: {kind: OCIRepository, name: shop}\n  valuesFrom: [{kind: ConfigMap, name: one}, {kind: ConfigMap, \
         name: two}]\n",
    );
    let maps = map("one", "v1") + &map("two", "v2");
    assert_eq!(
        read(&[("a.yaml", &release), ("b.yaml", &maps)]).images(),
        ["quay.io/acme/shop:v2 < b.yaml: quay.io/acme/shop"]
    );
}

#[test]
fn generated_config_map_leads_to_its_file() {
    let kustomization = "resources: [a.yaml]\ngeneratorOptions: {disableNameSuffixHash: true}\nconfigMapGenerator:\n  - \
                         name: shop-values\n    files: [values.yaml=helm/values.yaml]\n";
    let files = |folder: &str| {
        [
            (format!("{folder}/a.yaml"), flux(VALUES_FROM)),
            (format!("{folder}/kustomization.yaml"), kustomization.to_owned()),
            (format!("{folder}/helm/values.yaml"), format!("image: quay.io/acme/{folder}:v1\n")),
        ]
    };
    // Each release takes the ConfigMap that is generated beside it.
    let all: Vec<(String, String)> = files("one").into_iter().chain(files("two")).collect();
    let all: Vec<(&str, &str)> = all.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let expected = ["one", "two"]
        .map(|folder| format!("quay.io/acme/{folder}:v1 < {folder}/helm/values.yaml: quay.io/acme/{folder}:v1"));
    assert_eq!(read(&all).images(), expected);
}

#[test]
fn values_outside_the_inputs_are_named() {
    let secret = VALUES_FROM.replace("ConfigMap", "Secret");
    let other_key = VALUES_FROM.replace("name: shop-values}", "name: shop-values, valuesKey: prod.yaml}");
    let target = VALUES_FROM.replace("name: shop-values}", "name: shop-values, targetPath: image.tag}");
    let other_namespace =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop-values, namespace: db}\ndata: {values.yaml: ''}\n";
    let map = other_namespace.replace("namespace: db", "namespace: web");
    for (spec, map) in [(VALUES_FROM, other_namespace), (&secret, &map), (&other_key, &map), (&target, &map)] {
        let found = read(&[("a.yaml", &flux(spec)), ("b.yaml", map)]);
        assert_eq!(found.unread(), [Some("spec.valuesFrom[0]")], "{spec}");
    }
    let optional = other_key.replace("valuesKey", "optional: true, valuesKey");
    assert_eq!(read(&[("a.yaml", &flux(&optional)), ("b.yaml", &map)]).unread(), [None]);
}

#[test]
fn chart_in_the_inputs_is_the_lowest_set_of_values() {
    let release = "  chart: {spec: {chart: ./charts/shop, sourceRef: {kind: GitRepository, name: ops}}}\n  values: {image: {tag: v2}}\n";
    let values = "image: {repository: quay.io/acme/shop, tag: v1}\nside: {image: 'quay.io/acme/side:v1'}\n";
    let files = [
        ("ops/apps/a.yaml", &*flux(release)),
        ("ops/charts/shop/Chart.yaml", CHART),
        ("ops/charts/shop/values.yaml", values),
    ];
    assert_eq!(
        read(&files).images(),
        [
            "quay.io/acme/shop:v2 < ops/apps/a.yaml: v2",
            "quay.io/acme/side:v1 < ops/charts/shop/values.yaml: 'quay.io/acme/side:v1'"
        ]
    );
    // The same name in a chart repository is another chart.
    let elsewhere = flux(&release.replace("GitRepository", "HelmRepository"));
    let files = [("ops/apps/a.yaml", elsewhere.as_str()), files[1], files[2]];
    assert_eq!(read(&files).images(), [""; 0]);
}

#[test]
fn argo_value_files_are_applied_in_the_order_of_argo_cd() {
    let sources = "    - repoURL: https://charts.example\n      chart: shop\n      helm:\n        valueFiles: [$ops/envs/all.yaml, \
                   $ops/envs/prod.yaml]\n        values: 'image: {registry: quay.io}'\n        parameters: [{name: image.tag, \
                   value: v4}]\n    - {repoURL: 'https://git.example/ops.git', ref: ops}\n";
    let files = [
        ("ops/apps/a.yaml", &*argo(sources)),
        ("ops/envs/all.yaml", "image: {registry: ghcr.io, repository: acme/shop, tag: v1}\n"),
        ("ops/envs/prod.yaml", "image: {tag: v2}\nother: {image: 'quay.io/acme/other:v1'}\n"),
    ];
    let found = read(&files);
    assert_eq!(
        found.images(),
        [
            "quay.io/acme/shop:v4 < ops/apps/a.yaml: v4",
            "quay.io/acme/other:v1 < ops/envs/prod.yaml: 'quay.io/acme/other:v1'",
        ]
    );
    assert_eq!(found.unread(), [None]);
}

#[test]
fn argo_value_files_are_found_in_the_chart_and_below_the_root() {
    let sources = "    - repoURL: https://git.example/ops.git\n      path: charts/shop\n      helm: {valueFiles: [prod.yaml, \
                   /envs/prod.yaml]}\n";
    let files = [
        ("ops/apps/a.yaml", &*argo(sources)),
        ("ops/charts/shop/Chart.yaml", CHART),
        ("ops/charts/shop/values.yaml", "image: {repository: quay.io/acme/shop, tag: v1}\n"),
        ("ops/charts/shop/prod.yaml", "image: {tag: v2}\n"),
        ("ops/envs/prod.yaml", "image: {tag: v3}\n"),
    ];
    assert_eq!(read(&files).images(), ["quay.io/acme/shop:v3 < ops/envs/prod.yaml: v3"]);
}

#[test]
fn argo_value_files_that_are_not_followed_are_named() {
    for file in
        ["$other/a.yaml", "https://values.example/a.yaml", "envs/*.yaml", "../../../a.yaml", "$ARGOCD_APP_NAME.yaml"]
    {
        let sources = format!(
            "    - {{repoURL: 'https://charts.example', chart: shop, helm: {{valueFiles: ['{file}']}}}}\n    - {{repoURL: \
             'https://git.example/ops.git', ref: ops}}\n"
        );
        let found = read(&[("ops/apps/a.yaml", &argo(&sources)), ("ops/a.yaml", "image: {tag: v1}\n")]);
        assert_eq!(found.unread(), [Some("spec.sources[0].helm.valueFiles[0]")], "{file}");
    }
}

#[test]
fn known_chart_completes_an_image_whose_tag_is_set() {
    let repository = |url: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: charts, namespace: web}}\nspec: {{url: \
             '{url}'}}\n"
        )
    };
    let release = |chart: &str, version: &str, values: &str| {
        flux(&format!(
            "  chart: {{spec: {{chart: {chart}, version: {version}, sourceRef: {{kind: HelmRepository, name: charts}}}}}}\n  values: \
             {values}\n"
        ))
    };
    let nginx = "https://kubernetes.github.io/ingress-nginx";
    let jetstack = "https://charts.jetstack.io";
    let cases = [
        (
            jetstack,
            "cert-manager",
            "1.15.0",
            "{image: {tag: v9}}",
            "quay.io/jetstack/cert-manager-controller:v9 < a.yaml: v9",
        ),
        (
            nginx,
            "ingress-nginx",
            "4.11.0",
            "{controller: {image: {tag: v9, digest: ''}}}",
            "registry.k8s.io/ingress-nginx/controller:v9 < a.yaml: v9",
        ),
        // Without a digest in the values, that of the chart stays.
        (
            nginx,
            "ingress-nginx",
            "4.11.0",
            "{controller: {image: {tag: v9}}}",
            "? registry.k8s.io/ingress-nginx/controller:v9 < a.yaml: v9",
        ),
        // The chart decides the tag.
        (
            jetstack,
            "cert-manager",
            "1.15.0",
            "{image: {repository: reg.example/cm}}",
            "? reg.example/cm < a.yaml: reg.example/cm",
        ),
    ];
    for (url, chart, version, values, expected) in cases {
        let found = read(&[("a.yaml", &release(chart, version, values)), ("b.yaml", &repository(url))]);
        assert_eq!(found.images(), [expected], "{chart} {values}");
    }
    // Another publisher, and a version that is not in the table.
    for (url, version) in [("https://charts.example", "1.15.0"), (jetstack, "99.0.0")] {
        let text = release("cert-manager", version, "{image: {tag: v9}}");
        assert_eq!(read(&[("a.yaml", &text), ("b.yaml", &repository(url))]).images(), [""; 0], "{url} {version}");
    }
}

#[test]
fn application_set_is_one_release_for_each_application() {
    let set = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: shops, namespace: argocd}\nspec:\n  \
               generators:\n    - list:\n        elements:\n          - {env: dev, tag: v2}\n          - {env: prod, tag: v1}\n  \
               template:\n    metadata: {name: 'shop-{{env}}'}\n    spec:\n      destination: {namespace: '{{env}}'}\n      source:\n        \
               repoURL: https://charts.example\n        chart: shop\n        helm:\n          values: |\n            image: \
               {repository: quay.io/acme/shop, tag: '{{tag}}'}\n";
    let found = read(&[("a.yaml", set)]);
    let named: Vec<_> = found.inventory.releases.iter().filter(|release| !release.is_partial).collect();
    let names: Vec<_> = named.iter().map(|release| release.name.as_deref()).collect();
    assert_eq!(names, [Some("shop-dev"), Some("shop-prod")]);
    let images: Vec<_> = found.inventory.images.iter().map(|image| image.text.value.as_str()).collect();
    assert_eq!(images, ["quay.io/acme/shop:v2", "quay.io/acme/shop:v1"]);
    let namespaces = found.inventory.images.iter().map(|image| found.inventory.pod(image.pod).namespace.as_deref());
    assert_eq!(namespaces.collect::<Vec<_>>(), [Some("dev"), Some("prod")]);
    // What only the cluster knows leaves the image unknown.
    let clusters = set.replace(
        "    - list:\n        elements:\n          - {env: dev, tag: v2}\n          - {env: prod, tag: v1}\n",
        "    - clusters: {}\n",
    );
    let found = read(&[("a.yaml", &clusters)]);
    assert!(
        found.inventory.images.iter().all(|image| matches!(image.image, ImageText::Skipped(_))),
        "{:?}",
        found.images()
    );
}

#[test]
fn null_and_empty_values_clear_those_below_them() {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop-values}\ndata:\n  values.yaml: |\n    image: {repository: \
               quay.io/acme/shop, tag: v1}\n    side: {image: 'quay.io/acme/side:v1'}\n    other: {image: {repository: \
               quay.io/acme/other, tag: v1}}\n";
    for cleared in
        ["{image: {tag: null}, side: null, other: {image: null}}", "{image: {tag: ''}, side: {image: ''}, other: null}"]
    {
        let release = flux(&format!("{VALUES_FROM}  values: {cleared}\n"));
        // The chart decides the tag.
        let found = read(&[("a.yaml", &release), ("b.yaml", map)]).images();
        assert_eq!(found, ["? quay.io/acme/shop < b.yaml: quay.io/acme/shop"], "{cleared}");
    }
}
