//! Images in the values of releases: HelmRelease, Application, HelmChart, `fleet.yaml`, and `helmCharts`.
#![expect(clippy::disallowed_methods, reason = "writes the files that the command reads")]

use std::fs;
use std::time::Instant;

use pullcheck::input::gather::gather_sources;
use pullcheck::inventory::{Inventory, ReadOptions};
use pullcheck::resource::workload::{ContainerKind, ImageText, PodOrigin, Skip};
use pullcheck::text::source::{Encoding, Source};
use pullcheck_support::{Registry, Run};
use serde_json::Value;
use tempfile::TempDir;

use crate::report_parsers;

fn gather(files: &[(&str, &str)]) -> Inventory {
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
    gather_sources(sources, ReadOptions::default()).inventory
}

/// A HelmRelease with this in its values, indented by four.
fn release(values: &str) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: shop, namespace: web}}\nspec:\n  \
         chart: {{spec: {{chart: shop}}}}\n  values:\n{values}"
    )
}

/// What is asked for, or `? ` before what is known of an image that the chart completes.
fn images(inventory: &Inventory) -> Vec<String> {
    let shown = inventory.images.iter().map(|image| {
        assert_eq!(image.container.kind, ContainerKind::Values);
        assert_eq!(inventory.pod(image.pod).origin, PodOrigin::Values);
        match &image.image {
            ImageText::Reference(_) => image.text.value.clone(),
            ImageText::Skipped(Skip::ChosenByChart) => format!("? {}", image.text.value),
            other => format!("{other:?} {}", image.text.value),
        }
    });
    shown.collect()
}

fn of_values(values: &str) -> Vec<String> {
    images(&gather(&[("a.yaml", &release(values))]))
}

#[test]
fn image_is_composed_as_its_chart_composes_it() {
    let cases = [
        ("image: {repository: ghcr.io/acme/web, tag: 1.9.0}", "ghcr.io/acme/web:1.9.0"),
        ("image: {registry: quay.io, repository: acme/web, tag: v1}", "quay.io/acme/web:v1"),
        ("image: {registry: quay.io, name: acme/web, tag: v1}", "quay.io/acme/web:v1"),
        ("web: {repository: quay.io/acme, image: web, tag: v1}", "quay.io/acme/web:v1"),
        ("web: {image: quay.io/acme/web, tag: v1}", "quay.io/acme/web:v1"),
        ("web: {image: quay.io/acme/web, imageTag: v1}", "quay.io/acme/web:v1"),
        ("web: {proxyImage: quay.io/acme/web, proxyImageTag: v1}", "quay.io/acme/web:v1"),
        ("web: {proxyImage: quay.io/acme/web, proxyTag: v1}", "quay.io/acme/web:v1"),
        ("web: {proxyImage: 'quay.io/acme/web:v1'}", "quay.io/acme/web:v1"),
        ("a: [{b: [{image: 'quay.io/acme/web:v1'}]}]", "quay.io/acme/web:v1"),
        ("images: {web: 'quay.io/acme/web:v1'}", "quay.io/acme/web:v1"),
        ("images: ['quay.io/acme/web:v1']", "quay.io/acme/web:v1"),
        ("image: acme/web:v1", "acme/web:v1"),
        // Helm prints a number as a float.
        ("image: {repository: quay.io/acme/web, tag: 1.10}", "quay.io/acme/web:1.1"),
        ("image: {repository: quay.io/acme/web, tag: '1.10'}", "quay.io/acme/web:1.10"),
        ("image: {repository: quay.io/acme/web, tag: 20240101}", "? quay.io/acme/web:20240101"),
        // The chart adds its own tag or registry.
        ("image: {repository: quay.io/acme/web}", "? quay.io/acme/web"),
        ("image: {repository: quay.io/acme/web, tag: ''}", "? quay.io/acme/web"),
        ("image: {repository: quay.io/acme/web, tag: }", "? quay.io/acme/web"),
        ("image: quay.io/acme/web", "? quay.io/acme/web"),
        ("image: web", "? web"),
        ("image: {repository: acme/web, tag: v1}", "? acme/web:v1"),
        ("image: {repository: acme, name: web, tag: v1, registry: quay.io}", "? quay.io/acme:v1"),
        ("image: {registry: quay.io, repository: ghcr.io/acme/web, tag: v1}", "? ghcr.io/acme/web:v1"),
        ("image: {repository: 'quay.io/acme/web:v1', tag: v2}", "? quay.io/acme/web:v1:v2"),
        // What reaches the pod as it is written.
        ("extraContainers: [{name: a, image: busybox}]", "busybox"),
        ("controllers: {a: {containers: {b: {image: {repository: busybox, tag: v1}}}}}", "busybox:v1"),
        ("controllers: {a: {initContainers: {b: {image: {repository: busybox, tag: v1}}}}}", "busybox:v1"),
        ("controllers: {a: {containers: {b: {image: {repository: busybox}}}}}", "? busybox"),
    ];
    for (values, expected) in cases {
        assert_eq!(of_values(&format!("    {values}\n")), [expected], "{values}");
    }
    let digest = format!("sha256:{}", "0a".repeat(32));
    for (parts, end) in [
        (format!("tag: v1, digest: '{digest}'"), format!(":v1@{digest}")),
        (format!("digest: '{digest}'"), format!("@{digest}")),
        (format!("tag: v1, sha: {}", "0a".repeat(32)), format!(":v1@{digest}")),
        (format!("tag: 'v1@{digest}'"), format!(":v1@{digest}")),
        (format!("tag: 'v1@{digest}', digest: ''"), format!(":v1@{digest}")),
    ] {
        let found = of_values(&format!("    image: {{repository: quay.io/acme/web, {parts}}}\n"));
        assert_eq!(found, [format!("quay.io/acme/web{end}")], "{parts}");
    }
}

#[test]
fn registry_for_all_images_leaves_names_incomplete() {
    for registry in ["global: {imageRegistry: reg.example}", "imageRegistry: reg.example"] {
        let values = format!("    {registry}\n    image: {{repository: quay.io/acme/web, tag: v1}}\n");
        assert_eq!(of_values(&values), ["? quay.io/acme/web:v1"], "{registry}");
    }
    assert_eq!(
        of_values("    global: {imageRegistry: ''}\n    image: {repository: quay.io/acme/web, tag: v1}\n"),
        ["quay.io/acme/web:v1"]
    );
}

#[test]
fn values_that_are_not_images_are_not_listed() {
    for values in [
        "repository: quay.io/acme/web",
        "backup: {repository: 's3:backups/web'}",
        "sync: {repository: 'https://git.example/acme/web.git', tag: v1}",
        "sync: {repository: 'git@git.example:acme/web.git', tag: v1}",
        "image: https://acme.example/logo.png",
        "image: logo.png",
        "logoImage: acme",
        "image: {tag: v1}",
        "image: {}",
        "image: 12",
        "name: web\n    tag: v1",
        "web: {name: quay.io/acme/web, version: v1}",
    ] {
        assert_eq!(of_values(&format!("    {values}\n")), [""; 0], "{values}");
    }
    let found = gather(&[("a.yaml", &release("    image: {tag: v1}\n"))]);
    assert_eq!(found.releases[0].first_incomplete.as_deref(), Some("spec.values.image"));
}

#[test]
fn placeholders_in_values_are_skipped() {
    for values in [
        "image: {repository: '${REGISTRY}/web', tag: v1}",
        "image: {repository: quay.io/acme/web, tag: '${TAG}'}",
        "image: '{{ .Values.image }}'",
        "image: {repository: '{{ registry }}', tag: v1}",
    ] {
        let found = gather(&[("a.yaml", &release(&format!("    {values}\n")))]);
        let skipped: Vec<_> = found.images.iter().map(|image| &image.image).collect();
        assert_eq!(skipped, [&ImageText::Skipped(Skip::Placeholder)], "{values}");
    }
}

#[test]
fn every_kind_of_release_is_read_with_its_namespace() {
    let group = "{image: {repository: quay.io/acme/web, tag: v1}}";
    let text = "\"image: {repository: quay.io/acme/web, tag: v1}\"";
    let argo = |kind: &str, spec: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: {kind}\nmetadata: {{name: a, namespace: argocd}}\nspec: {spec}\n"
        )
    };
    let destination = "destination: {namespace: web}";
    let source = |helm: &str| format!("{{repoURL: 'https://charts.example', chart: c, helm: {{{helm}}}}}");
    let parameters = "parameters: [{name: image.repository, value: quay.io/acme/web}, {name: image.tag, value: v1}]";
    let k3s = |kind: &str, spec: &str| {
        format!(
            "apiVersion: helm.cattle.io/v1\nkind: {kind}\nmetadata: {{name: a, namespace: kube-system}}\nspec: {{{spec}}}\n"
        )
    };
    let cases = [
        ("a.yaml", release("    image: {repository: quay.io/acme/web, tag: v1}\n"), Some("web")),
        (
            "a.yaml",
            format!(
                "apiVersion: helm.toolkit.fluxcd.io/v2beta2\nkind: HelmRelease\nmetadata: {{name: a, namespace: flux}}\n\
                 spec: {{targetNamespace: web, chartRef: {{kind: OCIRepository, name: c}}, values: {group}}}\n"
            ),
            Some("web"),
        ),
        (
            "a.yaml",
            argo("Application", &format!("{{{destination}, source: {}}}", source(&format!("values: {text}")))),
            Some("web"),
        ),
        (
            "a.yaml",
            argo(
                "Application",
                &format!(
                    "{{{destination}, source: {}}}",
                    source(&format!("valuesObject: {group}, values: 'image: a:1'"))
                ),
            ),
            Some("web"),
        ),
        (
            "a.yaml",
            argo("Application", &format!("{{{destination}, sources: [{{repoURL: x}}, {}]}}", source(parameters))),
            Some("web"),
        ),
        (
            "a.yaml",
            argo(
                "ApplicationSet",
                &format!("{{template: {{spec: {{{destination}, source: {}}}}}}}", source(&format!("values: {text}"))),
            ),
            Some("web"),
        ),
        ("a.yaml", argo("Application", &format!("{{source: {}}}", source(parameters))), None),
        ("a.yaml", k3s("HelmChart", &format!("chart: c, targetNamespace: web, valuesContent: {text}")), Some("web")),
        (
            "a.yaml",
            k3s("HelmChart", "chart: c, set: {image.repository: quay.io/acme/web, image.tag: v1}"),
            Some("kube-system"),
        ),
        ("a.yaml", k3s("HelmChartConfig", &format!("valuesContent: {text}")), None),
        ("fleet.yaml", format!("defaultNamespace: web\nhelm: {{chart: c, values: {group}}}\n"), Some("web")),
        (
            "a/fleet.yml",
            format!("namespace: web\ntargetCustomizations: [{{name: a}}, {{name: b, helm: {{values: {group}}}}}]\n"),
            Some("web"),
        ),
        (
            "kustomization.yaml",
            format!("namespace: web\nhelmCharts: [{{name: c, valuesInline: {group}}}]\n"),
            Some("web"),
        ),
    ];
    for (name, text, namespace) in &cases {
        let found = gather(&[(name, text)]);
        assert_eq!(images(&found), ["quay.io/acme/web:v1"], "{text}");
        let pod = found.pod(found.images[0].pod);
        assert_eq!((pod.namespace.as_deref(), pod.release.map(|id| id.0)), (*namespace, Some(0)), "{text}");
        assert_eq!(found.releases.len(), 1, "{text}");
        assert!(found.unchecked.is_empty(), "{text}");
    }
    for (name, text) in [
        ("a.yaml", "namespace: web\nhelm: {chart: c}\n"),
        ("fleet.yaml", "namespace: web\nkustomize: {dir: over}\n"),
        ("fleet.yaml", "helm: {releaseName: web}\n"),
        ("a.yaml", argo("Application", "{source: {repoURL: x, path: deploy}}").as_str()),
    ] {
        assert_eq!(gather(&[(name, text)]).releases.len(), 0, "{text}");
    }
}

#[test]
fn single_values_override_those_of_the_sets() {
    let text = "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nmetadata: {name: a}\nspec:\n  chart: c\n  set:\n    image.tag: v2\n    \
                web.image: quay.io/acme/web:v3\n  valuesContent: |\n    image:\n      repository: quay.io/acme/api\n      tag: v1\n    \
                web:\n      image: quay.io/acme/web:v1\n";
    let found = gather(&[("a.yaml", text)]);
    assert_eq!(images(&found), ["quay.io/acme/api:v2", "quay.io/acme/web:v3"]);
    assert_eq!(&text[found.images[0].decided_by[0].span.range()], "v2");
    assert_eq!(&text[found.images[1].text.span.range()], "quay.io/acme/web:v3");
}

#[test]
fn place_in_a_text_is_its_line() {
    for (header, quoted) in [("values: |", false), ("values: |-", false), ("values: \"", true)] {
        let block = "\n          # Überschrift\n          image:\n            repository: \"quay.io/acme/web\"\n            tag: v1\n          \
                     initContainers:\n            - name: a\n              image: quay.io/acme/init:v1\n";
        let body = match quoted {
            false => block.to_owned(),
            true => "image: {repository: \\\"quay.io/acme/web\\\", tag: v1}\\ninitContainers: [{name: a, image: \
                     'quay.io/acme/init:v1'}]\"\n"
                .to_owned(),
        };
        let text = format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: a}}\nspec:\n  source:\n    chart: c\n    helm:\n      \
             {header}{body}"
        );
        let found = gather(&[("a.yaml", &text)]);
        let shown: Vec<_> =
            found.images.iter().map(|image| (image.path.as_str(), &text[image.text.span.range()])).collect();
        let quote = if quoted { "\\\"" } else { "\"" };
        let init = if quoted { "'quay.io/acme/init:v1'" } else { "quay.io/acme/init:v1" };
        let repository = format!("{quote}quay.io/acme/web{quote}");
        assert_eq!(
            shown,
            [
                ("spec.source.helm.values['image.repository']", repository.as_str()),
                ("spec.source.helm.values['initContainers[0].image']", init)
            ],
            "{text}"
        );
        assert_eq!(&text[found.images[0].decided_by[0].span.range()], "v1");
    }
}

#[test]
fn text_that_is_no_mapping_is_reported_as_not_read() {
    for values in ["'{{ toYaml .values }}'", "'[a, b]'", "'a: b: c'", "\"a: 1\\n b: 2\""] {
        let text = format!(
            "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nmetadata: {{name: a}}\nspec: {{chart: c, valuesContent: {values}}}\n"
        );
        let found = gather(&[("a.yaml", &text)]);
        assert_eq!(found.releases[0].unread.as_deref(), Some("spec.valuesContent"), "{values}");
    }
    let elsewhere = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: a}\nspec: {chartRef: {name: c}, \
                     valuesFrom: [{kind: ConfigMap, name: b}]}\n";
    assert_eq!(gather(&[("a.yaml", elsewhere)]).releases[0].unread.as_deref(), Some("spec.valuesFrom[0]"));
}

#[test]
fn pull_secrets_of_values_are_those_of_the_pod() {
    let names = |values: &str| -> Vec<Vec<String>> {
        let found = gather(&[("a.yaml", &release(values))]);
        let secrets = |image: &pullcheck::resource::workload::ImageUse| {
            found.pod(image.pod).pull_secrets.iter().flatten().map(|secret| secret.name.clone()).collect()
        };
        found.images.iter().map(secrets).collect()
    };
    let image = "    image: {repository: quay.io/acme/web, tag: v1}\n";
    for list in ["imagePullSecrets: [{name: a}]", "imagePullSecrets: [a]", "global: {imagePullSecrets: [a]}"] {
        assert_eq!(names(&format!("    {list}\n{image}")), [["a"]], "{list}");
    }
    assert_eq!(names(image), [[""; 0]]);
    let two = "    global: {imagePullSecrets: [a]}\n    image: {repository: quay.io/acme/web, tag: v1, pullSecrets: [b]}\n    \
               init: {image: {repository: quay.io/acme/init, tag: v1}}\n";
    assert_eq!(names(two), [vec!["b", "a"], vec!["a"]]);
    let spec =
        "    template: {spec: {imagePullSecrets: [{name: c}], containers: [{name: a, image: 'quay.io/acme/a:v1'}]}}\n";
    assert_eq!(names(spec), [["c"]]);
    let both = "    imagePullSecrets: [{name: c}]\n    extraContainers: [{name: a, image: 'quay.io/acme/a:v1'}]\n";
    assert_eq!(names(both), [["c"]]);
}

#[test]
fn kustomize_moves_a_release_but_not_its_target() {
    let target = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: b}\nspec: {targetNamespace: fixed, \
                  chartRef: {name: c}, values: {image: 'quay.io/acme/web:v1'}}\n";
    let own = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: a}\nspec: {chartRef: {name: c}, values: \
               {image: 'quay.io/acme/web:v1'}}\n";
    let files = [
        (
            "kustomization.yaml",
            "namespace: media\nresources: [a.yaml, b.yaml]\nimages: [{name: quay.io/acme/web, newTag: v9}]\n",
        ),
        ("a.yaml", own),
        ("b.yaml", target),
    ];
    let found = gather(&files);
    let namespaces: Vec<_> = found.images.iter().map(|image| found.pod(image.pod).namespace.as_deref()).collect();
    assert_eq!(namespaces, [Some("media"), Some("fixed")]);
    assert_eq!(images(&found), ["quay.io/acme/web:v1", "quay.io/acme/web:v1"], "kustomize changes containers only");
}

#[test]
fn patched_values_are_not_taken_for_the_final_ones() {
    let base = release("    image: {repository: quay.io/acme/web, tag: v1}\n");
    let verdicts = |patch: &str| -> Vec<ImageText> {
        let kustomization =
            format!("resources: [a.yaml]\npatches:\n- target: {{kind: HelmRelease}}\n  patch: |\n    {patch}\n");
        let found = gather(&[("kustomization.yaml", &kustomization), ("a.yaml", &base)]);
        found.images.into_iter().map(|image| image.image).collect()
    };
    let unknown = [ImageText::Skipped(Skip::RewrittenByKustomize)];
    let merge = "{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: shop}, spec: ";
    for patch in [
        format!("{merge}{{values: {{image: {{tag: v2}}}}}}}}"),
        "- {op: replace, path: /spec/values/image/tag, value: v2}".to_owned(),
        "- {op: add, path: /spec/values, value: {}}".to_owned(),
    ] {
        assert_eq!(verdicts(&patch), unknown, "{patch}");
    }
    for patch in [format!("{merge}{{interval: 1h}}}}"), "- {op: add, path: /spec/interval, value: 1h}".to_owned()] {
        assert!(matches!(verdicts(&patch)[..], [ImageText::Reference(_)]), "{patch}");
    }
}

#[test]
fn post_renderer_leaves_images_incomplete() {
    for (renderer, expected) in [
        ("{kustomize: {images: [{name: quay.io/acme/web, newTag: v2}]}}", "? quay.io/acme/web:v1"),
        ("{kustomize: {patches: [{patch: 'spec: {image: a}'}]}}", "? quay.io/acme/web:v1"),
        ("{kustomize: {patches: [{patch: 'spec: {replicas: 2}'}]}}", "quay.io/acme/web:v1"),
    ] {
        let text = format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: a}}\nspec: {{chartRef: {{name: c}}, \
             postRenderers: [{renderer}], values: {{image: 'quay.io/acme/web:v1'}}}}\n"
        );
        assert_eq!(images(&gather(&[("a.yaml", &text)])), [expected], "{renderer}");
    }
}

fn run(files: &[(&str, &str)], args: &[&str]) -> (Value, Option<i32>) {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path());
    let output = run.args(["--format", "json"]).args(args).arg(".").output();
    (report_parsers::report(&output.stdout).unwrap(), output.status)
}

#[test]
fn report_names_the_release_and_the_chart_of_its_source() {
    let source = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: c}\nspec: {url: \
                  'oci://ghcr.io/acme/charts/web', ref: {tag: 1.2.3}}\n---\n";
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: shop, namespace: web}\nspec: {chartRef: \
                   {kind: OCIRepository, name: c}, values: {image: {repository: quay.io/acme/web}}}\n---\napiVersion: v1\nkind: \
                   Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: 'quay.io/acme/pod:v1'}]}\n";
    let (report, status) = run(&[("a.yaml", &format!("{source}{release}"))], &["--offline", "--fail-on-unverified"]);
    let expected = serde_json::json!({"kind": "HelmRelease", "namespace": "web", "name": "shop", "chart":
        "oci://ghcr.io/acme/charts/web", "version": "1.2.3"});
    let of_kind =
        |kind: &str| report["images"].as_array().unwrap().iter().find(|image| image["container"]["kind"] == kind);
    let image = of_kind("values").unwrap();
    assert_eq!(image["release"], expected);
    assert_eq!((&image["container"]["kind"], &image["verdict"]), (&"values".into(), &"unverified".into()));
    assert_eq!(image["cause"], "chosen-by-chart");
    assert_eq!(of_kind("container").unwrap()["release"], Value::Null);
    assert_eq!((&report["summary"]["unverified"], status), (&2.into(), Some(4)));
    let note = &report["findings"][0];
    assert_eq!((&note["rule"], &note["severity"]), (&"unrendered-release".into(), &"note".into()));
    assert!(note["message"].as_str().unwrap().contains("`spec.values.image.repository` is incomplete"), "{note}");
    let command = "`helm template shop oci://ghcr.io/acme/charts/web --version 1.2.3 --namespace web --values FILE | pullcheck -`";
    assert_eq!(note["help"], format!("check what is deployed: {command}, or pass `--render --fetch-charts`"));
}

#[test]
fn absent_image_is_a_warning_and_all_else_a_note() {
    let server = Registry::start(|script| {
        script.image("acme/web", "v1");
    });
    let host = server.host();
    let values = format!(
        "    imagePullSecrets: [{{name: nowhere}}]\n    web: {{image: {{repository: {host}/acme/web, tag: v1, pullPolicy: Sometimes}}}}\n    \
         gone: {{image: {{repository: {host}/acme/web, tag: v2}}}}\n    bad: {{image: '{host}/Acme/web:v1'}}\n    moving: {{image: '{host}/acme/web:latest'}}\n"
    );
    let (report, status) = run(&[("a.yaml", &release(&values))], &["--plain-http", &host, "--no-cache", "--closed"]);
    let findings = report["findings"].as_array().unwrap();
    let of = |severity: &str| -> Vec<(&str, &str)> {
        let found = findings.iter().filter(|finding| finding["severity"] == severity);
        found.map(|finding| (finding["rule"].as_str().unwrap(), finding["image"].as_str().unwrap_or(""))).collect()
    };
    let (gone, moving) = (format!("{host}/acme/web:v2"), format!("{host}/acme/web:latest"));
    assert_eq!(of("error"), [], "{report:#}");
    assert_eq!(of("warning"), [("image-not-found", gone.as_str()), ("image-not-found", moving.as_str())], "{report:#}");
    assert!(of("note").iter().any(|(rule, _)| *rule == "invalid-image-reference"), "{report:#}");
    assert_eq!(status, Some(0));
}

#[test]
fn hostile_values_are_read_in_linear_time() {
    let deep = format!("    a: {}{}\n", "{a: ".repeat(5_000), "}".repeat(5_000));
    let wide = format!("    a: {{{}}}\n", "imageTag: v1, xImage: 'q.io/a:1', ".repeat(20_000));
    let mut bomb = "    a0: &a0 {image: {repository: quay.io/acme/web, tag: v1}}\n".to_owned();
    for at in 1..40 {
        bomb.push_str(&format!("    a{at}: &a{at} {{x: *a{0}, y: *a{0}, <<: *a{0}}}\n", at - 1));
    }
    let long = format!("    image: {{repository: 'quay.io/{}', tag: v1}}\n", "a".repeat(2_000_000));
    let key = format!("    ? {}\n    : {{{}}}\n", "k".repeat(1_000_000), "aImage: 'q.io/a:1', ".repeat(10_000));
    let secrets = format!("    imagePullSecrets: [{}]\n", "{name: a}, ".repeat(50_000));
    let parameters =
        format!("    a: 1\n{}", "    b: {image: {repository: q.io/a, tag: 1, pullSecrets: [b]}}\n".repeat(10_000));
    let text = |values: &str| {
        let quoted = serde_json::to_string(&values.replace("\n    ", "\n").trim_start()).unwrap();
        format!(
            "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nmetadata: {{name: a}}\nspec:\n  chart: c\n  valuesContent: {quoted}\n"
        )
    };
    for values in [&deep, &wide, &bomb, &long, &key, &secrets, &parameters] {
        for file in [release(values), text(values)] {
            let start = Instant::now();
            let found = std::thread::Builder::new()
                .stack_size(64 << 20)
                .spawn(move || gather(&[("a.yaml", &file)]).images.len())
                .unwrap()
                .join();
            assert!(found.is_ok());
            assert!(start.elapsed().as_secs() < 20, "{}", &values[..60]);
        }
    }
    assert_eq!(of_values(&bomb), ["quay.io/acme/web:v1"]);
}

#[test]
fn helm_chart_with_a_config_of_its_name_is_left_to_the_chart() {
    let object = |kind: &str, name: &str, tag: &str| {
        let values = format!("image: {{repository: ghcr.io/acme/web, tag: '{tag}'}}");
        format!(
            "apiVersion: helm.cattle.io/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  valuesContent: |\n    \
             {values}\n"
        )
    };
    let chart = object("HelmChart", "web", "1");
    let of = |config: &str| images(&gather(&[("a.yaml", &chart), ("b.yaml", config)]));
    assert_eq!(of(&object("HelmChartConfig", "other", "2")), ["ghcr.io/acme/web:1", "ghcr.io/acme/web:2"]);
    assert_eq!(of(&object("HelmChartConfig", "web", "2")), ["? ghcr.io/acme/web:1", "ghcr.io/acme/web:2"]);
}
