//! Where images are found, and where not.

use pullcheck::input::gather::gather_sources;
use pullcheck::inventory::{Inventory, ReadOptions};
use pullcheck::resource::workload::misplaced::Misplacement;
use pullcheck::resource::workload::{ImageText, InvalidImage, Skip};
use pullcheck::text::source::{Encoding, Source};

fn inventory(files: &[(&str, &str)]) -> Inventory {
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
    gather_sources(sources, ReadOptions::default()).inventory
}

/// `path=value` of every image.
fn images(text: &str) -> Vec<String> {
    let found = inventory(&[("a.yaml", text)]).images;
    found.iter().map(|image| format!("{}={}", image.path, image.text.value)).collect()
}

#[test]
fn pod_spec_is_found_in_every_builtin_kind() {
    let spec = "{containers: [{name: c, image: 'a:1'}]}";
    let rows = [
        ("v1", "Pod", format!("spec: {spec}"), "spec"),
        ("v1", "PodTemplate", format!("template: {{spec: {spec}}}"), "template.spec"),
        ("v1", "ReplicationController", format!("spec: {{template: {{spec: {spec}}}}}"), "spec.template.spec"),
        ("apps/v1", "Deployment", format!("spec: {{template: {{spec: {spec}}}}}"), "spec.template.spec"),
        ("apps/v1beta2", "ReplicaSet", format!("spec: {{template: {{spec: {spec}}}}}"), "spec.template.spec"),
        ("apps/v1", "StatefulSet", format!("spec: {{template: {{spec: {spec}}}}}"), "spec.template.spec"),
        ("extensions/v1beta1", "DaemonSet", format!("spec: {{template: {{spec: {spec}}}}}"), "spec.template.spec"),
        ("batch/v1", "Job", format!("spec: {{template: {{spec: {spec}}}}}"), "spec.template.spec"),
        (
            "batch/v1beta1",
            "CronJob",
            format!("spec: {{jobTemplate: {{spec: {{template: {{spec: {spec}}}}}}}}}"),
            "spec.jobTemplate.spec.template.spec",
        ),
    ];
    for (api_version, kind, body, path) in rows {
        let text = format!("apiVersion: {api_version}\nkind: {kind}\n{body}\n");
        assert_eq!(images(&text), [format!("{path}.containers[0].image=a:1")], "{text}");
    }
}

#[test]
fn every_image_field_of_a_pod_spec_is_read() {
    let text = "apiVersion: v1\nkind: Pod\nspec:\n  initContainers: [{image: i}]\n  containers: [{image: a}, {image: b}]\n  \
                ephemeralContainers: [{image: e}]\n  volumes:\n  - {name: v, image: {reference: 'r:1', pullPolicy: Always}}\n  \
                - {name: w, rbd: {image: not-an-image}}\n  - {name: x, emptyDir: {}}\n";
    let found = images(text);
    let expected = [
        "spec.initContainers[0].image=i",
        "spec.containers[0].image=a",
        "spec.containers[1].image=b",
        "spec.ephemeralContainers[0].image=e",
        "spec.volumes[0].image.reference=r:1",
    ];
    assert_eq!(found, expected);
}

#[test]
fn images_in_lists_and_templates_are_found() {
    let pod = "spec: {containers: [{image: a}]}";
    let list = format!("kind: List\napiVersion: v1\nitems:\n- {{apiVersion: v1, kind: Pod, {pod}}}\n");
    assert_eq!(images(&list), ["items[0].spec.containers[0].image=a"]);
    let typed = format!("kind: PodList\napiVersion: v1\nitems:\n- {{{pod}}}\n");
    assert_eq!(images(&typed), ["items[0].spec.containers[0].image=a"]);
    let nested =
        format!("kind: List\napiVersion: v1\nitems: [{{kind: PodList, apiVersion: v1, items: [{{{pod}}}]}}]\n");
    assert_eq!(images(&nested), ["items[0].items[0].spec.containers[0].image=a"]);
    let template = format!(
        "kind: Template\napiVersion: template.openshift.io/v1\nobjects:\n- {{apiVersion: v1, kind: Pod, {pod}}}\n"
    );
    assert_eq!(images(&template), ["objects[0].spec.containers[0].image=a"]);
}

#[test]
fn unknown_kinds_are_searched_for_containers_only() {
    let text = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec:\n  image: no\n  deep:\n  - pod-x:\n      \
                containers: [{name: c, image: 'a:1'}]\n      imagePullSecrets: [{name: s}]\n  env: [{name: image, value: no}]\n\
                status: {containers: [{image: no}]}\n";
    assert_eq!(images(text), ["spec.deep[0].pod-x.containers[0].image=a:1"]);
    assert!(images("services: {web: {image: nginx}}\ncontainers: [{image: nginx}]\n").is_empty());
    assert!(images("apiVersion: v1\nkind: PersistentVolume\nspec: {rbd: {image: no}}\n").is_empty());
    assert!(images("apiVersion: v1\nkind: ConfigMap\ndata: {a: \"kind: Pod\"}\n").is_empty());
}

#[test]
fn placeholders_are_skipped_and_invalid_images_reported() {
    let kind = |value: &str| {
        let text = format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: {value}\n");
        inventory(&[("a.yaml", &text)]).images[0].image.clone()
    };
    for value in ["'{{ .Values.image }}'", "${X}", "$(X)", "<X>/app", "ko://a/b", "gcr.io/PROJECT_ID/a", "{a: {b: c}}"]
    {
        let expected = if value.starts_with("{a") {
            ImageText::Invalid(InvalidImage::NotAString)
        } else {
            ImageText::Skipped(Skip::Placeholder)
        };
        assert_eq!(kind(value), expected, "{value}");
    }
    assert_eq!(kind("{{ .Values.image }}"), ImageText::Skipped(Skip::Placeholder));
    assert_eq!(kind("''"), ImageText::Invalid(InvalidImage::Empty));
    assert_eq!(kind("~"), ImageText::Invalid(InvalidImage::Empty));
    assert_eq!(kind("1.5"), ImageText::Invalid(InvalidImage::NotAString));
    assert!(matches!(kind("Nginx"), ImageText::Invalid(InvalidImage::Unparsable(_))));
    assert!(matches!(kind("auto"), ImageText::Reference(_)));
}

#[test]
fn auto_image_is_skipped_where_istio_injects_it() {
    let pod = |metadata: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {metadata}\nspec: {{containers: [{{name: c, image: auto}}]}}\n"
        );
        inventory(&[("a.yaml", &text)]).images[0].image.clone()
    };
    assert_eq!(pod("{annotations: {inject.istio.io/templates: gateway}}"), ImageText::Skipped(Skip::Injected));
    assert_eq!(pod("{labels: {sidecar.istio.io/inject: 'true'}}"), ImageText::Skipped(Skip::Injected));
    assert!(matches!(pod("{labels: {app: x}}"), ImageText::Reference(_)));
}

#[test]
fn kustomization_rewrites_the_images_of_its_base() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'app:1'}, {name: d, \
               image: other}]}\n";
    let found = inventory(&[
        ("overlay/kustomization.yaml", "resources: [../base]\nimages: [{name: app, newTag: '2'}]\n"),
        ("base/kustomization.yaml", "resources: [pod.yaml]\n"),
        ("base/pod.yaml", pod),
        ("elsewhere/pod.yaml", pod),
    ]);
    let listed: Vec<_> = found
        .images
        .iter()
        .map(|image| (image.text.value.as_str(), image.image == ImageText::Skipped(Skip::ReplacedByKustomize)))
        .collect();
    let expected = [("app:2", false), ("app:1", true), ("other", false), ("app:1", false), ("other", false)];
    assert_eq!(listed, expected);
}

#[test]
fn images_set_by_openshift_image_streams_are_skipped() {
    let triggered = "apiVersion: apps.openshift.io/v1\nkind: DeploymentConfig\nspec:\n  triggers:\n  - imageChangeParams: \
                     {containerNames: [web]}\n  template: {spec: {containers: [{name: web, image: ' '}, {name: b, image: 'b:1'}]}}\n";
    let found = inventory(&[("a.yaml", triggered)]).images;
    assert_eq!(found[0].image, ImageText::Skipped(Skip::SetByImageStream));
    assert!(matches!(found[1].image, ImageText::Reference(_)));
    let stream = "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: {name: web}\nspec: {lookupPolicy: {local: true}}\n";
    let pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: 'web:latest'}]}\n";
    let found = inventory(&[("s.yaml", stream), ("p.yaml", pod)]).images;
    assert_eq!(found[0].image, ImageText::Skipped(Skip::SetByImageStream));
}

#[test]
fn misplaced_pull_secrets_are_found() {
    let faults = |text: &str| -> Vec<(Misplacement, String)> {
        inventory(&[("a.yaml", text)]).misplaced.into_iter().map(|secrets| (secrets.fault, secrets.path)).collect()
    };
    let deployment = |spec: &str, pod: &str, container: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nspec: {{{spec}template: {{spec: {{{pod}containers: [{{name: c, {container}image: a}}]}}}}}}\n"
        )
    };
    let list = "imagePullSecrets: [{name: s}], ";
    assert_eq!(faults(&deployment("", list, "")), []);
    assert_eq!(faults(&deployment(list, "", "")), [(Misplacement::InWorkloadSpec, "spec.imagePullSecrets".into())]);
    let in_container = (Misplacement::InContainer, "spec.template.spec.containers[0].imagePullSecrets".into());
    assert_eq!(faults(&deployment("", "", list)), [in_container]);
    let misspelt = (Misplacement::Misspelt, "spec.template.spec.imagePullSecret".into());
    assert_eq!(faults(&deployment("", "imagePullSecret: [{name: s}], ", "")), [misspelt]);
    let strings = (Misplacement::ListOfStrings, "spec.template.spec.imagePullSecrets".into());
    assert_eq!(faults(&deployment("", "imagePullSecrets: [s], ", "")), [strings]);
    let single = (Misplacement::NotAList, "spec.template.spec.imagePullSecrets".into());
    assert_eq!(faults(&deployment("", "imagePullSecrets: {name: s}, ", "")), [single]);
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\nimagePullSecrets: [s]\n";
    assert_eq!(faults(account), [(Misplacement::ListOfStrings, "imagePullSecrets".into())]);
}
