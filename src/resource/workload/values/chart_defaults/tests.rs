use super::*;

fn named(chart: &str, repository: Option<&str>, version: &str) -> ChartName {
    ChartName {
        chart: Some(chart.to_owned()),
        repository: repository.map(str::to_owned),
        version: Some(version.to_owned()),
        source: None,
        pin: None,
    }
}

fn ingress(version: &str) -> Option<ChartDefaults> {
    defaults(&named("ingress-nginx", Some("https://kubernetes.github.io/ingress-nginx"), version))
}

#[test]
fn every_line_of_table_is_read() {
    let lines = |word: &str| {
        let is_of = |line: &&str| line.split_ascii_whitespace().next() == Some(word);
        include_str!("table.txt").lines().filter(is_of).count()
    };
    let charts: Vec<&Chart> = TABLE.values().flatten().collect();
    assert_eq!(charts.len(), lines("chart"));
    assert_eq!(charts.iter().map(|chart| chart.urls.len()).sum::<usize>(), lines("at"));
    assert_eq!(charts.iter().map(|chart| chart.rows.len()).sum::<usize>(), lines("image"));
    assert!(charts.len() >= 20, "{}", charts.len());
}

#[test]
fn each_chart_has_source_and_url() {
    let text = include_str!("table.txt");
    let blocks: Vec<&str> =
        text.split("\n\n").filter(|block| block.contains("\nchart ") || block.starts_with("chart ")).collect();
    for block in blocks {
        let has = |word: &str| block.lines().any(|line| line.starts_with(word));
        assert!(has("source https://github.com/") && has("at ") && has("image "), "{block}");
    }
}

#[test]
fn rows_of_one_path_do_not_overlap() {
    for chart in TABLE.values().flatten() {
        for (at, row) in chart.rows.iter().enumerate() {
            assert!(row.first <= row.last, "{row:?}");
            for other in chart.rows.iter().skip(at + 1).filter(|other| other.path == row.path) {
                assert!(other.first > row.last || other.last < row.first, "{row:?}\n{other:?}");
            }
        }
    }
}

#[test]
fn names_and_tags_are_valid_references() {
    for row in TABLE.values().flatten().flat_map(|chart| &chart.rows) {
        let image = row.image;
        let registry = image.registry.map(|registry| format!("{registry}/")).unwrap_or_default();
        let tag = match image.tag {
            DefaultTag::Literal(tag) => tag,
            DefaultTag::AppVersion | DefaultTag::Varying => "1",
        };
        let whole = format!("{registry}{}:{tag}", image.repository);
        assert!(crate::image::reference::Reference::parse(&whole).is_ok(), "{whole}");
    }
}

#[test]
fn registry_of_chart_changed_with_its_version() {
    let registry = |version| ingress(version)?.at("controller.image")?.registry;
    assert_eq!(registry("4.1.3"), Some("k8s.gcr.io"));
    assert_eq!(registry("4.1.4"), Some("registry.k8s.io"));
    let cert_manager = |version| {
        let chart = named("cert-manager", Some("https://charts.jetstack.io/"), version);
        defaults(&chart)?.at("cainjector.image").map(|image| image.repository)
    };
    assert_eq!(cert_manager("v1.14.0"), Some("quay.io/jetstack/cert-manager-controller"));
    assert_eq!(cert_manager("v1.14.1"), Some("quay.io/jetstack/cert-manager-cainjector"));
}

#[test]
fn digest_of_chart_stays_beside_tag_of_values() {
    let image = ingress("4.11.3").and_then(|chart| chart.at("controller.image")).unwrap();
    assert!(image.has_digest && image.repository_is_whole && image.reads_registry);
    assert_eq!((image.name_key, image.digest_use), ("image", DigestUse::AfterTag));
    assert_eq!(image.changed_by().collect::<Vec<_>>(), ["controller.image.chroot"]);
    let other = ingress("4.11.3").and_then(|chart| chart.at("defaultBackend.image")).unwrap();
    assert!(!other.has_digest);
    assert_eq!(other.tag, DefaultTag::Literal("1.5"));
}

#[test]
fn versions_that_were_not_read_are_unknown() {
    for version in ["*", "4.x", ">=4.1.0", "4.1", "99.0.0", "4.1.4-beta.1", "", "sha256:00"] {
        assert!(ingress(version).and_then(|chart| chart.at("controller.image")).is_none(), "{version}");
    }
    let chart =
        ChartName { version: None, ..named("ingress-nginx", Some("https://kubernetes.github.io/ingress-nginx"), "") };
    assert!(defaults(&chart).is_none());
}

#[test]
fn chart_of_same_name_elsewhere_is_another_chart() {
    assert!(defaults(&named("ingress-nginx", Some("https://charts.example.com"), "4.1.4")).is_none());
    assert!(defaults(&named("ingress-nginx", None, "4.1.4")).is_none());
    assert!(defaults(&named("oci://registry.example.com/charts/cert-manager", None, "v1.14.1")).is_none());
}

#[test]
fn chart_in_registry_is_found_in_each_spelling() {
    let is_known = |chart: &str, repository| defaults(&named(chart, repository, "v1.14.1")).is_some();
    assert!(is_known("oci://quay.io/jetstack/charts/cert-manager", None));
    assert!(is_known("cert-manager", Some("oci://quay.io/jetstack/charts")));
    assert!(is_known("cert-manager", Some("quay.io/jetstack/charts/")));
    assert!(!is_known("cert-manager", Some("quay.io/jetstack")));
}

#[test]
fn values_elsewhere_change_the_image_of_some_charts() {
    let chart = named("cert-manager", Some("https://charts.jetstack.io"), "v1.20.0");
    let image = defaults(&chart).and_then(|chart| chart.at("webhook.image")).unwrap();
    assert_eq!(image.changed_by().collect::<Vec<_>>(), ["imageRegistry", "imageNamespace"]);
    let chart = named("kube-prometheus-stack", Some("https://prometheus-community.github.io/helm-charts"), "85.4.0");
    let image = defaults(&chart).and_then(|chart| chart.at("prometheus.prometheusSpec.image")).unwrap();
    assert_eq!((image.registry, image.repository), (Some("quay.io"), "prometheus/prometheus"));
    assert!(!image.repository_is_whole && image.digest_use == DigestUse::Sha);
}
