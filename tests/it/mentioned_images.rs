//! Images that only a flag, an environment variable or an annotation names.
#![expect(clippy::disallowed_methods, reason = "writes the files that the command reads")]

use std::fs;

use pullcheck::input::gather::gather_sources;
use pullcheck::inventory::{Inventory, ReadOptions};
use pullcheck::resource::workload::{ContainerKind, ImageText, PodOrigin};
use pullcheck::text::source::{Encoding, Source};
use pullcheck_support::Run;
use tempfile::TempDir;

use crate::report_parsers;

fn inventory(text: &str) -> Inventory {
    gather_sources(vec![Source::new("a.yaml", text, Encoding::Utf8)], ReadOptions::default()).inventory
}

/// A Deployment with this in its container, and these annotations of its pods.
fn deployment(container: &str, annotations: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: operator, namespace: system}}\nspec:\n  template:\n    \
         metadata: {{annotations: {{{annotations}}}}}\n    spec:\n      imagePullSecrets: [{{name: regcred}}]\n      containers:\n      \
         - name: operator\n        image: quay.io/acme/operator:1\n        {container}\n"
    )
}

/// Path, value and flagged text of every mention.
fn mentions(container: &str, annotations: &str) -> Vec<(String, String, String)> {
    let text = deployment(container, annotations);
    let found = inventory(&text);
    let of_mention = found.images.iter().filter(|image| found.pod(image.pod).origin == PodOrigin::Mention);
    let told = of_mention.map(|image| {
        assert_eq!(image.container.kind, ContainerKind::Other);
        let pod = found.pod(image.pod);
        assert_eq!((pod.namespace.as_deref(), &pod.pull_secrets), (Some("system"), &None));
        (image.path.clone(), image.text.value.clone(), text[image.text.span.range()].to_owned())
    });
    told.collect()
}

fn mention(path: &str, value: &str, flagged: &str) -> (String, String, String) {
    (format!("spec.template.{path}"), value.to_owned(), flagged.to_owned())
}

#[test]
fn images_in_container_flags_are_found() {
    let image = "quay.io/acme/reloader:1";
    let args = |item: &str| mentions(&format!("args: [-v, {item}]"), "");
    let at = |place: usize, flagged: &str| [mention(&format!("spec.containers[0].args[{place}]"), image, flagged)];
    assert_eq!(args(&format!("--prometheus-config-reloader={image}")), at(1, image));
    assert_eq!(args(&format!("-prometheus-config-reloader={image}")), at(1, image));
    assert_eq!(args(&format!("'--config-reloader-image={image}'")), at(1, image));
    assert_eq!(args(&format!("--acme-http01-solver-image, '{image}'")), at(2, &format!("'{image}'")));
    let escaped = "\"--config-reloader-image=quay.io\\u002facme/reloader:1\"";
    assert_eq!(args(escaped), at(1, escaped));
    let command = mentions(&format!("command: [longhorn-manager, --engine-image, {image}]"), "");
    assert_eq!(command, [mention("spec.containers[0].command[2]", image, image)]);
}

#[test]
fn images_in_variables_and_annotations_are_found() {
    let variable =
        |name: &str| mentions(&format!("env: [{{name: A, value: x}}, {{name: {name}, value: 'etcd:3'}}]"), "");
    assert_eq!(variable("RELATED_IMAGE_ETCD"), [mention("spec.containers[0].env[1].value", "etcd:3", "'etcd:3'")]);
    let annotation = |text: &str| mentions("", text);
    let proxy = "metadata.annotations['sidecar.istio.io/proxyImage']";
    let found = annotation("sidecar.istio.io/proxyImage: 'istio/proxyv2:1.22'");
    assert_eq!(found, [mention(proxy, "istio/proxyv2:1.22", "'istio/proxyv2:1.22'")]);
    assert_eq!(annotation("sidecar.istio.io/proxyImage: distroless"), [], "a name of an image of Istio's own");
    for name in ["dapr.io/sidecar-image", "vault.hashicorp.com/agent-image"] {
        assert_eq!(annotation(&format!("{name}: 'acme/agent:1'")).len(), 1, "{name}");
    }
}

#[test]
fn mention_assumes_no_default_service_account() {
    let text = deployment("args: ['--prometheus-config-reloader=quay.io/acme/reloader:1']", "");
    let found = inventory(&text);
    let mention = found.pods.iter().find(|pod| pod.origin == PodOrigin::Mention).expect("one");
    assert!(mention.service_account.is_none() && mention.chosen.service_account);
}

#[test]
fn image_annotation_takes_its_tag_from_version_annotation() {
    let with_tag = "config.linkerd.io/proxy-image: cr.acme.example/proxy, config.linkerd.io/proxy-version: v1";
    let text = deployment("", with_tag);
    let found = inventory(&text).images.remove(1);
    assert_eq!(
        (found.text.value.as_str(), found.written.as_deref()),
        ("cr.acme.example/proxy:v1", Some("cr.acme.example/proxy"))
    );
    assert_eq!(&text[found.decided_by[0].span.range()], "v1");
    assert_eq!(mentions("", "config.linkerd.io/proxy-image: cr.acme.example/proxy"), [], "its tag is not known");
}

#[test]
fn values_that_are_not_images_are_not_listed() {
    for item in
        ["--config-reloader-image=$(IMAGE)", "--config-reloader-image=", "--config-reloader-image", "--other=a:1"]
    {
        assert_eq!(mentions(&format!("args: ['{item}']"), ""), [], "{item}");
    }
    for value in ["'{{ .Values.image }}'", "${X}", "Not an image", "~", "12", "''"] {
        assert_eq!(mentions(&format!("env: [{{name: RELATED_IMAGE_A, value: {value}}}]"), ""), [], "{value}");
    }
    let from = "env: [{name: RELATED_IMAGE_A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]";
    assert_eq!(mentions(from, ""), []);
}

#[test]
fn images_mentioned_in_pods_and_unknown_kinds_are_found() {
    let spec = "spec: {containers: [{name: c, image: a, args: ['--nop-image=b:1']}]}";
    let paths = |text: &str| inventory(text).images.into_iter().map(|image| image.path).collect::<Vec<_>>();
    let pod = format!("apiVersion: v1\nkind: Pod\nmetadata: {{annotations: {{dapr.io/sidecar-image: d}}}}\n{spec}\n");
    let expected =
        ["spec.containers[0].image", "spec.containers[0].args[0]", "metadata.annotations['dapr.io/sidecar-image']"];
    assert_eq!(paths(&pod), expected);
    let unknown = format!("apiVersion: example.com/v1\nkind: Widget\nspec: {{deep: {{{spec}}}}}\n");
    assert_eq!(paths(&unknown), ["spec.deep.spec.containers[0].image", "spec.deep.spec.containers[0].args[0]"]);
}

#[test]
fn kustomize_images_do_not_change_flags() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{image: 'a:1', args: \
               ['--nop-image=a:1']}]}\n";
    let kustomization = "resources: [pod.yaml]\nimages: [{name: a, newTag: '2'}]\n";
    let files = [("kustomization.yaml", kustomization), ("pod.yaml", pod)];
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
    let images = gather_sources(sources, ReadOptions::default()).inventory.images;
    let flags = images.iter().filter(|image| image.path.ends_with("args[0]"));
    let tags = flags.map(|flag| if let ImageText::Reference(reference) = &flag.image { reference.tag() } else { None });
    assert_eq!(tags.collect::<Vec<_>>(), [Some("1")], "{images:?}");
}

#[test]
fn template_parameters_in_flags_are_filled_in() {
    let text = "apiVersion: v1\nkind: Template\nparameters: [{name: TAG, value: '2'}]\nobjects:\n- apiVersion: v1\n  kind: Pod\n  \
                spec: {containers: [{name: c, image: a, args: ['--nop-image=b:${TAG}']}]}\n";
    let found = inventory(text).images.remove(1);
    assert_eq!((found.text.value.as_str(), found.written.as_deref()), ("b:2", Some("b:${TAG}")));
    assert_eq!(&text[found.text.span.range()], "b:${TAG}");
    assert_eq!(found.decided_by.len(), 1);
}

#[test]
fn findings_on_a_mention_are_only_notes() {
    let folder = TempDir::new().unwrap();
    let text = deployment("args: ['--config-reloader-image=quay.io/acme/reloader:latest']", "");
    fs::write(folder.path().join("a.yaml"), text).unwrap();
    let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path());
    let output = run.args(["--offline", "--format", "json", "a.yaml"]).output();
    let report = report_parsers::report(&output.stdout).unwrap();
    let of_mention = |finding: &&serde_json::Value| finding["image"] == "quay.io/acme/reloader:latest";
    let found: Vec<_> = report["findings"].as_array().unwrap().iter().filter(of_mention).collect();
    assert!(found.iter().any(|finding| finding["rule"] == "mutable-tag"), "{report:#}");
    assert!(found.iter().all(|finding| finding["severity"] == "note"), "{found:#?}");
    let listed = &report["images"][1];
    assert_eq!((&listed["container"]["kind"], &listed["verdict"]), (&"other".into(), &"unverified".into()));
}
