//! Templates, image streams, builds and triggers of OpenShift.
#![expect(clippy::disallowed_methods, reason = "writes the files that the command reads")]

use std::fs;

use pullcheck::input::gather::{Gathered, gather_sources};
use pullcheck::inventory::{Inventory, ReadOptions};
use pullcheck::resource::workload::{ContainerKind, ImageText, ImageUse, Skip};
use pullcheck::text::source::{Encoding, Source};
use pullcheck_support::Run;
use serde_json::Value;
use tempfile::TempDir;

use crate::report_parsers;

fn gathered(files: &[(&str, &str)]) -> Gathered {
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
    gather_sources(sources, ReadOptions::default())
}

fn inventory(text: &str) -> Inventory {
    gathered(&[("a.yaml", text)]).inventory
}

/// A Template of one Pod whose container has this image, with these parameters.
fn template(image: &str, parameters: &str) -> String {
    format!(
        "apiVersion: template.openshift.io/v1\nkind: Template\nobjects:\n- apiVersion: v1\n  kind: Pod\n  metadata: {{name: web}}\n  \
         spec:\n    containers:\n    - name: web\n      image: {image}\nparameters:\n{parameters}"
    )
}

/// The value that is pulled, and the one that is written where it is another.
fn values(image: &ImageUse) -> (&str, Option<&str>) {
    (&image.text.value, image.written.as_deref())
}

#[test]
fn parameters_are_filled_in_with_their_defaults() {
    let text = template("'${REPO}/web:${TAG}'", "- {name: REPO, value: quay.io/acme}\n- {name: TAG, value: '1.0.0'}\n");
    let found = inventory(&text).images.remove(0);
    assert_eq!(values(&found), ("quay.io/acme/web:1.0.0", Some("${REPO}/web:${TAG}")));
    assert!(matches!(&found.image, ImageText::Reference(reference) if reference.tag() == Some("1.0.0")));
    assert_eq!(&text[found.text.span.range()], "'${REPO}/web:${TAG}'");
    let decided: Vec<(&str, &str)> =
        found.decided_by.iter().map(|decision| (&text[decision.span.range()], decision.message.as_str())).collect();
    let expected =
        [("quay.io/acme", "the parameter `REPO` is set here"), ("'1.0.0'", "the parameter `TAG` is set here")];
    assert_eq!(decided, expected);
}

#[test]
fn non_string_parameters_are_filled_in() {
    let text = template("${{IMAGE}}", "- {name: IMAGE, value: 'quay.io/acme/web:1'}\n");
    assert_eq!(values(&inventory(&text).images[0]), ("quay.io/acme/web:1", Some("${{IMAGE}}")));
    let number = template("${{IMAGE}}", "- {name: IMAGE, value: '12'}\n");
    assert!(matches!(inventory(&number).images[0].image, ImageText::Invalid(_)), "the API server wants a string");
    let string = template("${IMAGE}", "- {name: IMAGE, value: '12'}\n");
    assert!(matches!(inventory(&string).images[0].image, ImageText::Reference(_)));
}

#[test]
fn parameter_without_a_value_stays_a_placeholder() {
    for parameters in [
        "- {name: TAG}\n",
        "- {name: TAG, required: true}\n",
        "- {name: TAG, value: ''}\n",
        "- {name: TAG, generate: expression, from: '[a-z]{8}'}\n",
        "- {name: OTHER, value: x}\n",
        "- {name: TAG, value: x}\n- {name: TAG}\n- {name: TAG, value: ''}\n",
    ] {
        let found = inventory(&template("quay.io/acme/web:${TAG}", parameters)).images.remove(0);
        assert_eq!(found.image, ImageText::Skipped(Skip::Placeholder), "{parameters}");
        assert_eq!(values(&found), ("quay.io/acme/web:${TAG}", None), "{parameters}");
        assert!(found.decided_by.is_empty(), "{parameters}");
    }
}

#[test]
fn parameters_apply_only_in_their_template() {
    let text = template("quay.io/acme/web:${TAG}", "- {name: TAG, value: '1'}\n");
    let pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: 'quay.io/acme/api:${TAG}'}]}\n";
    let found = inventory(&format!("{pod}---\n{text}---\n{pod}")).images;
    let filled: Vec<bool> = found.iter().map(|image| image.written.is_some()).collect();
    assert_eq!(filled, [false, true, false]);
    let indented = text.replace('\n', "\n  ");
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}\n", indented.trim_end());
    assert_eq!(inventory(&list).images[0].path, "items[0].objects[0].spec.containers[0].image");
    assert_eq!(inventory(&list).images[0].text.value, "quay.io/acme/web:1");
}

#[test]
fn names_and_namespaces_are_filled_in() {
    let text = "apiVersion: template.openshift.io/v1\nkind: Template\nparameters:\n- {name: APP, value: shop}\n\
                - {name: SPACE, value: prod}\nobjects:\n\
                - {apiVersion: v1, kind: ServiceAccount, metadata: {name: '${APP}'}, imagePullSecrets: [{name: '${APP}-pull'}]}\n\
                - {apiVersion: v1, kind: Secret, metadata: {name: '${APP}-pull'}, type: kubernetes.io/dockerconfigjson, data: {.dockerconfigjson: '${APP}'}}\n\
                - apiVersion: v1\n  kind: Pod\n  metadata: {name: '${APP}', namespace: '${SPACE}'}\n  \
                spec: {serviceAccountName: '${APP}', imagePullSecrets: [{name: '${APP}-pull'}], containers: [{image: a}]}\n\
                - {apiVersion: v1, kind: Pod, metadata: {name: b, namespace: fixed}, spec: {containers: [{image: b}]}}\n";
    let found = inventory(text);
    let pod = &found.pods[0];
    assert_eq!((pod.namespace.as_deref(), pod.service_account_name()), (Some("prod"), "shop"));
    assert_eq!(pod.pull_secrets.as_ref().unwrap()[0].name, "shop-pull");
    assert_eq!((found.secrets[0].name.value.as_str(), found.service_accounts[0].name.as_str()), ("shop-pull", "shop"));
    // `oc process` takes a namespace away that names no parameter.
    assert_eq!(found.pods[1].namespace, None);
    // What a Secret holds is not filled in, and the value that would be is masked.
    let masked: Vec<&str> = found.masked.iter().map(|span| &text[span.range()]).collect();
    assert!(masked.contains(&"shop") && masked.contains(&"'${APP}'"), "{masked:?}");
}

#[test]
fn images_set_by_a_trigger_are_not_checked() {
    let config = |trigger: &str, image: &str| {
        format!(
            "apiVersion: apps.openshift.io/v1\nkind: DeploymentConfig\nmetadata: {{name: web}}\nspec:\n  triggers:\n  - type: ImageChange\n    \
             imageChangeParams: {{{trigger}from: {{kind: ImageStreamTag, name: 'web:1'}}, containerNames: [web]}}\n  \
             template: {{spec: {{containers: [{{name: web, image: {image}}}]}}}}\n"
        )
    };
    for trigger in ["", "automatic: true, ", "automatic: false, ", "automatic: true, lastTriggeredImage: x, "] {
        for image in ["' '", "''", "'Not:an:Image'", "quay.io/acme/stale:1", "~"] {
            let found = inventory(&config(trigger, image)).images.remove(0);
            assert_eq!(found.image, ImageText::Skipped(Skip::SetByImageStream), "{trigger} {image}");
        }
    }
    let annotated = |more: &str, image: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  annotations:\n    image.openshift.io/triggers: \
             '[{{\"from\":{{\"kind\":\"ImageStreamTag\",\"name\":\"web:1\"}},\"fieldPath\":\"spec.template.spec.containers[?(@.name==\\\"web\\\")].image\"{more}}}]'\n\
             spec: {{template: {{spec: {{containers: [{{name: web, image: {image}}}]}}}}}}\n"
        )
    };
    let image = |more: &str, image: &str| inventory(&annotated(more, image)).images.remove(0).image;
    let set = ImageText::Skipped(Skip::SetByImageStream);
    assert_eq!(image("", "quay.io/acme/web:1"), set);
    assert_eq!(image(",\"paused\":false", "quay.io/acme/web:1"), set);
    // A trigger that is turned off leaves the image as it is written.
    assert!(matches!(image(",\"paused\":true", "quay.io/acme/web:1"), ImageText::Reference(_)));
    assert_eq!(image(",\"paused\":true", "' '"), set);
}

const STREAM: &str = "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: {name: web}\nspec:\n  \
                      lookupPolicy: {local: true}\n  dockerImageRepository: quay.io/acme/all\n  tags:\n  \
                      - {name: '1', from: {kind: DockerImage, name: 'quay.io/acme/web:1.0.0'}}\n  \
                      - {name: local, from: {kind: DockerImage, name: 'quay.io/acme/web:2'}, referencePolicy: {type: Local}}\n  \
                      - {name: other, from: {kind: ImageStreamTag, name: 'web:1'}}\n  \
                      - {name: of-another, from: {kind: ImageStreamImage, name: 'web@sha256:0'}}\n";

#[test]
fn image_stream_lists_the_images_it_imports() {
    let found = inventory(STREAM).images;
    let listed: Vec<(&str, &str)> =
        found.iter().map(|image| (image.path.as_str(), image.text.value.as_str())).collect();
    let expected = [
        ("spec.dockerImageRepository", "quay.io/acme/all"),
        ("spec.tags[0].from.name", "quay.io/acme/web:1.0.0"),
        ("spec.tags[1].from.name", "quay.io/acme/web:2"),
    ];
    assert_eq!(listed, expected);
    let by_another = ImageText::Skipped(Skip::PulledByAnother);
    assert!(found.iter().all(|image| image.container.kind == ContainerKind::Other && image.image == by_another));
}

#[test]
fn trigger_resolves_its_image_stream_tag() {
    let set = |tag: &str, more: &[(&str, &str)]| {
        let config = format!(
            "apiVersion: apps.openshift.io/v1\nkind: DeploymentConfig\nmetadata: {{name: web}}\nspec:\n  triggers:\n  - \
             imageChangeParams: {{from: {{kind: ImageStreamTag, name: '{tag}'}}, containerNames: [web]}}\n  \
             template: {{spec: {{containers: [{{name: web, image: ' '}}]}}}}\n"
        );
        let files: Vec<(&str, &str)> = [("d.yaml", config.as_str())].iter().chain(more).copied().collect();
        let image = gathered(&files).inventory.images.remove(0);
        assert_eq!(image.image, ImageText::Skipped(Skip::SetByImageStream), "{tag}");
        (image.text.value, image.written, image.decided_by.len())
    };
    let stream = [("s.yaml", STREAM)];
    let blank = |decisions| (" ".to_owned(), None, decisions);
    assert_eq!(set("web:1", &stream), ("quay.io/acme/web:1.0.0".to_owned(), Some(" ".to_owned()), 1));
    // Through the cluster's own registry, under a name that the inputs do not tell.
    assert_eq!(set("web:local", &stream), blank(1));
    assert_eq!(set("web:other", &stream), blank(1));
    assert_eq!(set("web:of-another", &stream), blank(0));
    assert_eq!(set("web:9", &stream), blank(0));
    assert_eq!(set("web:1", &[]), blank(0));
    let elsewhere = STREAM.replace("{name: web}", "{name: web, namespace: elsewhere}");
    assert_eq!(set("web:1", &[("s.yaml", STREAM), ("t.yaml", &elsewhere)]), blank(0), "any of the two");
}

#[test]
fn bare_image_name_resolves_through_an_image_stream() {
    let pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: 'web:1'}]}\n";
    let found = gathered(&[("p.yaml", pod), ("s.yaml", STREAM)]).inventory.images.remove(0);
    assert_eq!(values(&found), ("quay.io/acme/web:1.0.0", Some("web:1")));
    assert_eq!(found.image, ImageText::Skipped(Skip::SetByImageStream));
}

#[test]
fn build_config_lists_the_images_it_pulls_and_pushes() {
    let text = "apiVersion: build.openshift.io/v1\nkind: BuildConfig\nmetadata: {name: web}\nspec:\n  strategy:\n    \
                sourceStrategy: {from: {kind: DockerImage, name: 'quay.io/acme/builder:1'}, pullSecret: {name: puller}}\n  \
                source:\n    images:\n    - {from: {kind: ImageStreamTag, name: 'tools:1'}}\n    \
                - {from: {kind: DockerImage, name: 'quay.io/acme/tools:1'}}\n  \
                output: {to: {kind: DockerImage, name: 'quay.io/acme/web:1'}, pushSecret: {name: pusher}}\n";
    let found = inventory(text);
    let secret = |image: &ImageUse| {
        let secrets = found.pod(image.pod).pull_secrets.as_ref();
        secrets.map_or(String::new(), |secrets| secrets[0].name.clone())
    };
    let listed: Vec<(&str, &str, String)> =
        found.images.iter().map(|image| (image.path.as_str(), image.text.value.as_str(), secret(image))).collect();
    let expected = [
        ("spec.strategy.sourceStrategy.from.name", "quay.io/acme/builder:1", "puller".to_owned()),
        ("spec.source.images[1].from.name", "quay.io/acme/tools:1", String::new()),
        ("spec.output.to.name", "quay.io/acme/web:1", "pusher".to_owned()),
    ];
    assert_eq!(listed, expected);
    assert!(found.images.iter().all(|image| image.image == ImageText::Skipped(Skip::PulledByAnother)));
}

#[test]
fn a_custom_deployer_is_pulled_by_the_kubelet() {
    let text = "apiVersion: apps.openshift.io/v1\nkind: DeploymentConfig\nspec:\n  strategy: {customParams: {image: 'quay.io/acme/deployer:1'}}\n  \
                template: {spec: {containers: [{name: web, image: 'quay.io/acme/web:1'}]}}\n";
    let found = inventory(text).images;
    let deployer = found.iter().find(|image| image.path == "spec.strategy.customParams.image").unwrap();
    assert!(matches!(deployer.image, ImageText::Reference(_)));
    assert_eq!(found.len(), 2);
}

fn findings(text: &str) -> Vec<Value> {
    findings_with(text, &[])
}

fn findings_with(text: &str, options: &[&str]) -> Vec<Value> {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.yaml"), text).unwrap();
    let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path());
    let output = run.args(["--offline", "--format", "json", "a.yaml"]).args(options.iter().copied()).output();
    let report = report_parsers::report(&output.stdout).unwrap();
    report["findings"].as_array().unwrap().clone()
}

#[test]
fn a_finding_points_at_the_parameter() {
    let text = template("quay.io/acme/Web:${TAG}", "- name: TAG\n  value: '1'\n");
    let found = findings(&text);
    assert_eq!((&found[0]["rule"], &found[0]["severity"]), (&"invalid-image-reference".into(), &"error".into()));
    assert_eq!((&found[0]["image"], &found[0]["line"]), (&"quay.io/acme/Web:1".into(), &10.into()));
    let related = &found[0]["related"].as_array().unwrap()[0];
    assert_eq!((&related["line"], &related["message"]), (&13.into(), &"the parameter `TAG` is set here".into()));
    let placeholder = findings(&template("quay.io/acme/Web:${TAG}", "- name: TAG\n"));
    assert!(placeholder.iter().all(|finding| finding["severity"] == "note"), "{placeholder:?}");
}

#[test]
fn streams_and_builds_give_no_findings() {
    let build = "---\napiVersion: build.openshift.io/v1\nkind: BuildConfig\nmetadata: {name: web}\nspec:\n  strategy:\n    \
                 dockerStrategy: {from: {kind: DockerImage, name: 'Not An Image'}, pullSecret: {name: nowhere}}\n  \
                 output: {to: {kind: DockerImage, name: 'quay.io/acme/web:${TAG}'}, pushSecret: {name: pusher}}\n---\n\
                 apiVersion: v1\nkind: Secret\nmetadata: {name: pusher}\nstringData: {password: x}\n";
    for options in [&[][..], &["--closed"]] {
        assert_eq!(findings_with(&format!("{STREAM}{build}"), options), Vec::<Value>::new());
    }
}
