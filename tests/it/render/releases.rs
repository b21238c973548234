//! Charts of releases: what Helm is given, and where the images lead.

use std::env;

use pullcheck::input::gather;
use pullcheck::input::load::{self, WalkOptions};
use pullcheck::input::render::RenderOptions;
use pullcheck::inventory::ReadOptions;
use pullcheck::registry::Interrupter;
use pullcheck_support::{Run, renderer};

use super::{Stage, images, json, pod};

const CHART: &str = "apiVersion: v2\nname: shop\nversion: 1.0.0\n";
const VALUES: &str = "image: {repository: quay.io/acme/shop, tag: v1}\nside:\n  image: quay.io/acme/side:v1\n";
const TEMPLATE: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: '{{ .Release.Name }}-{{ .Release.Namespace }}'
spec:
  containers:
    - name: c
      image: '{{ .Values.image.repository }}:{{ .Values.image.tag }}'
    - name: s
      image: '{{ .Values.side.image }}'
    - name: x
      image: quay.io/acme/fixed:v1
";

fn release(values: &str) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: web, namespace: prod}}\nspec:\n  chart: \
         {{spec: {{chart: ./charts/shop, sourceRef: {{kind: GitRepository, name: ops}}}}}}\n{values}"
    )
}

fn staged(release: &str, more: &[(&str, &str)]) -> Stage {
    let mut files = vec![
        ("charts/shop/Chart.yaml", CHART),
        ("charts/shop/values.yaml", VALUES),
        ("charts/shop/templates/pod.yaml", TEMPLATE),
        ("apps/release.yaml", release),
    ];
    files.extend_from_slice(more);
    Stage::new(&files, &[])
}

/// A run with Helm and kustomize themselves.
fn real(stage: &Stage) -> Run {
    stage.run().env("PATH", env::var_os("PATH").unwrap()).args(["--format", "json", "."])
}

/// File, line and image of each use, with the name of its object.
fn shown(stage: &Stage) -> Vec<String> {
    let report = json(&real(stage).output());
    let images = report["images"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let line = |image: &serde_json::Value| {
        format!(
            "{}/{}: {} < {}:{}",
            text(&image["resource"]["namespace"]),
            text(&image["resource"]["name"]),
            text(&image["value"]),
            text(&image["file"]),
            image["line"]
        )
    };
    images.map(line).collect()
}

#[test]
fn helm_gets_the_values_name_and_namespace_of_the_release() {
    let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: blue, namespace: argocd}\nspec:\n  \
               destination: {namespace: shops}\n  source:\n    repoURL: https://git.example/ops.git\n    path: shop\n    helm:\n      \
               releaseName: green\n      valueFiles: [prod.yaml]\n      valuesObject: {a: 1, b: \"1\", c: [true, null]}\n      \
               parameters: [{name: image.tag, value: 'v2,v3'}, {name: x, value: '1', forceString: true}]\n";
    let script = "for word in \"$@\"; do case $word in --values=*) cat \"${word#--values=}\";; *) echo \"$word\";; esac; done \
                  > \"$0.words\"; echo '# nothing'";
    let files = [
        ("shop/Chart.yaml", CHART),
        ("shop/prod.yaml", "d: 1\n"),
        ("shop/templates/a.yaml", "a: 1\n"),
        ("app.yaml", app),
    ];
    let stage = Stage::new(&files, &[("helm", script)]);
    stage.run().arg(".").output();
    assert_eq!(
        stage.written("helm", "words"),
        "template\ngreen\n./shop\n--kube-version=1.37.0\n--namespace=shops\n--skip-tests\nd: 1\n{\"a\":1,\"b\":\"1\",\"c\":[true,null]}\
         --set=image.tag=v2\\,v3\n--set-string=x=1\n"
    );
}

#[test]
fn images_lead_to_the_values_of_the_release() {
    if renderer(&["helm"]).is_none() {
        return;
    }
    let stage = staged(&release("  values:\n    image:\n      tag: v2\n"), &[]);
    let template = "charts/shop/templates/pod.yaml";
    assert_eq!(
        shown(&stage),
        [
            "prod/web-prod: quay.io/acme/shop:v2 < apps/release.yaml:8".to_owned(),
            format!("prod/web-prod: quay.io/acme/fixed:v1 < {template}:12"),
            "prod/web-prod: quay.io/acme/side:v1 < charts/shop/values.yaml:3".to_owned(),
        ]
    );
    let report = json(&real(&stage).output());
    assert_eq!(report["images"][0]["release"]["kind"], "HelmRelease", "{report}");
    assert!(!report.to_string().contains("unrendered-"), "{report}");
}

#[test]
fn two_releases_of_a_chart_are_two_uses_and_its_own_values_are_none() {
    if renderer(&["helm"]).is_none() {
        return;
    }
    let one = release("  values: {side: {image: 'quay.io/acme/a:v1'}, image: {tag: a}}\n");
    let two = one.replace("name: web,", "name: api,").replace("a:v1", "b:v1").replace("tag: a", "tag: b");
    let stage = staged(&one, &[("apps/two.yaml", &two)]);
    let found = images(&json(&real(&stage).output()));
    let mut found: Vec<&str> = found.iter().map(|(_, image)| image.as_str()).collect();
    found.sort_unstable();
    let expected =
        ["a:v1", "b:v1", "fixed:v1", "fixed:v1", "shop:a", "shop:b"].map(|end| format!("quay.io/acme/{end}"));
    assert_eq!(found, expected);
}

#[test]
fn release_that_kustomize_patches_is_rendered_with_the_patch() {
    if renderer(&["helm"]).is_none() || renderer(&["kustomize", "kubectl"]).is_none() {
        return;
    }
    let kustomization = "resources: [../../apps]\npatches:\n  - target: {kind: HelmRelease}\n    patch: |\n      - {op: add, \
                         path: /spec/values/side, value: {image: 'quay.io/acme/patched:v1'}}\n";
    let more = [
        ("apps/kustomization.yaml", "resources: [release.yaml]\n"),
        ("clusters/prod/kustomization.yaml", kustomization),
    ];
    let stage = staged(&release("  values:\n    image:\n      tag: v2\n"), &more);
    let found = shown(&stage);
    assert!(found.contains(&"prod/web-prod: quay.io/acme/shop:v2 < apps/release.yaml:8".to_owned()), "{found:#?}");
    assert!(found.iter().any(|line| line.contains("quay.io/acme/patched:v1")), "{found:#?}");
}

#[test]
fn unknown_values_make_the_images_uncertain() {
    if renderer(&["helm"]).is_none() {
        return;
    }
    let stage = staged(&release("  valuesFrom: [{kind: Secret, name: shop}]\n"), &[]);
    let report = json(&real(&stage).output());
    let findings = report["findings"].as_array().unwrap();
    let message =
        findings.iter().find(|finding| finding["rule"] == "unrendered-release").unwrap()["message"].to_string();
    assert!(message.contains("without the values that come from `spec.valuesFrom[0]`"), "{message}");
}

#[test]
fn failure_of_helm_stands_at_the_release() {
    if renderer(&["helm"]).is_none() {
        return;
    }
    let stage =
        staged(&release("  values: {image: 'quay.io/acme/shop:v1'}\n"), &[("b.yaml", &pod("b", "quay.io/acme/b:1"))]);
    let report = json(&real(&stage).output());
    let findings = report["findings"].as_array().unwrap();
    let failed = findings.iter().find(|finding| finding["rule"] == "render-failed").unwrap();
    assert_eq!((failed["file"].as_str(), failed["line"].as_u64()), (Some("apps/release.yaml"), Some(5)), "{failed}");
    // Its values are still read.
    assert!(images(&report).contains(&("apps/release.yaml".to_owned(), "quay.io/acme/shop:v1".to_owned())), "{report}");
}

#[test]
fn config_of_k3s_takes_precedence_over_the_chart_in_the_object() {
    if renderer(&["helm"]).is_none() {
        return;
    }
    let stage = staged(&release(""), &[]);
    // The archive of the same chart, as `tar cz | base64` prints it.
    let archive = std::process::Command::new("tar")
        .args(["-czf", "-", "-C"])
        .arg(stage.folder.path().join("charts"))
        .arg("shop")
        .output()
        .unwrap();
    let content = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(archive.stdout)
    };
    let objects = format!(
        "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nmetadata: {{name: shop, namespace: kube-system}}\nspec:\n  \
         targetNamespace: shops\n  chartContent: {content}\n  valuesContent: 'image: {{tag: v2}}'\n  set: {{side.image: \
         quay.io/acme/set:v1}}\n---\napiVersion: helm.cattle.io/v1\nkind: HelmChartConfig\nmetadata: {{name: shop, namespace: \
         kube-system}}\nspec: {{valuesContent: 'image: {{tag: v3}}'}}\n"
    );
    let stage = Stage::new(&[("k3s.yaml", &objects)], &[]);
    let found = shown(&stage);
    let expected = ["shop:v3", "set:v1", "fixed:v1"].map(|end| format!("shops/shop-shops: quay.io/acme/{end}"));
    for image in &expected {
        assert!(found.iter().any(|line| line.starts_with(image.as_str())), "{image}: {found:#?}");
    }
}

/// How certain the images of a stage's release are: an absent one is an error, or something less.
fn pod_certainty(stage: &Stage) -> Vec<bool> {
    let (inputs, errors) = load::inputs(&[stage.folder.path().display().to_string()], &WalkOptions::default()).unwrap();
    let options = RenderOptions { path: env::var_os("PATH").unwrap(), ..RenderOptions::default() };
    let gathered = gather::gather_rendered(&inputs, errors, ReadOptions::default(), &options, &Interrupter::default());
    let inventory = gathered.unwrap().unwrap().0.inventory;
    inventory.images.iter().map(|image| inventory.pod(image.pod).origin.is_certain()).collect()
}

#[test]
fn release_that_flux_may_change_is_uncertain() {
    if renderer(&["helm"]).is_none() {
        return;
    }
    let flux = |spec: &str| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: apps, namespace: \
             flux-system}}\nspec:\n  path: ./apps\n  sourceRef: {{kind: GitRepository, name: ops}}\n{spec}"
        )
    };
    let patch = "  patches: [{target: {kind: HelmRelease}, patch: '[{\"op\": \"add\", \"path\": \"/spec/values/side\", \"value\": {}}]'}]\n";
    let plain = release("  values: {image: {tag: v2}}\n");
    let variable = release("  values: {image: {tag: v2}, host: '${HOST}'}\n");
    for (text, spec, is_certain) in [(&plain, "", true), (&plain, patch, false), (&variable, "", false)] {
        let stage = staged(text, &[("clusters/apps.yaml", &flux(spec))]);
        let found = pod_certainty(&stage);
        assert_eq!(found, [is_certain; 3], "{spec} {text}");
    }
}

#[test]
fn tests_of_the_chart_are_rendered_only_if_they_run() {
    if renderer(&["helm"]).is_none() {
        return;
    }
    let test = "apiVersion: v1\nkind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\nspec:\n  containers:\n    - \
                name: t\n      image: quay.io/acme/test:v1\n";
    for (spec, count) in [("", 3), ("  test: {enable: true}\n", 4)] {
        let stage = staged(&release(spec), &[("charts/shop/templates/tests/t.yaml", test)]);
        assert_eq!(images(&json(&real(&stage).output())).len(), count, "{spec}");
    }
}

#[test]
fn chart_of_another_repository_is_not_rendered() {
    if renderer(&["helm"]).is_none() {
        return;
    }
    let own = release("  values: {image: {tag: a}}\n");
    let other =
        own.replace("name: web,", "name: other,").replace("name: ops", "name: upstream").replace("tag: a", "tag: b");
    let more = own.replace("name: web,", "name: api,").replace("tag: a", "tag: c");
    let stage = staged(&own, &[("apps/other.yaml", &other), ("apps/more.yaml", &more)]);
    let found = shown(&stage);
    let of = |tag: &str| found.iter().find(|line| line.contains(&format!("shop:{tag} "))).cloned().unwrap_or_default();
    assert!(of("a").starts_with("prod/web-prod") && of("c").starts_with("prod/api-prod"), "{found:#?}");
    assert!(!of("b").contains("-prod:"), "{found:#?}");
}

#[test]
fn config_of_k3s_is_that_of_its_namespace() {
    let script = "for word in \"$@\"; do case $word in --values=*) cat \"${word#--values=}\"; echo;; esac; done > \"$0.words\"; \
                  echo '# nothing'";
    let chart = "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nmetadata: {name: shop, namespace: kube-system}\nspec: \
                 {chartContent: AAAA, valuesContent: 'a: 1'}\n";
    let config = |namespace: &str, values: &str| {
        format!(
            "---\napiVersion: helm.cattle.io/v1\nkind: HelmChartConfig\nmetadata: {{name: shop, namespace: {namespace}}}\nspec: \
             {{valuesContent: '{values}'}}\n"
        )
    };
    let text = format!("{chart}{}{}", config("kube-system", "b: 2"), config("web", "c: 3"));
    let stage = Stage::new(&[("k3s.yaml", &text)], &[("helm", script)]);
    stage.run().arg(".").output();
    assert_eq!(stage.written("helm", "words"), "a: 1\nb: 2\n");
}
