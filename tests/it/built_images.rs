//! Images that Skaffold and DevSpace build: they replace the names in the manifests that they deploy.

use pullcheck::input::gather::gather_sources;
use pullcheck::inventory::ReadOptions;
use pullcheck::resource::workload::{ImageText, Skip};
use pullcheck::text::source::{Encoding, Rendering, Source};

/// How an image is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judged {
    /// As written.
    AsWritten,
    /// Asked for; it may be absent.
    MayBeAbsent,
    /// Not asked for.
    NotAsked,
}
use Judged::{AsWritten, MayBeAbsent, NotAsked};

fn pod(image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n  - {{name: web, image: {image}}}\n"
    )
}

/// Returns each image with how it is judged, in the order of the files.
fn judged(files: &[(&str, &str)]) -> Vec<(String, Judged)> {
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
    let inventory = gather_sources(sources, ReadOptions::default()).inventory;
    let images = inventory.images.iter().filter(|image| image.image != ImageText::Skipped(Skip::ReplacedByKustomize));
    let judged = images.map(|image| {
        let judged = match (&image.image, image.built_by) {
            (ImageText::Skipped(Skip::Built), Some(_)) => NotAsked,
            (ImageText::Reference(_), Some(_)) => MayBeAbsent,
            (ImageText::Reference(_), None) => AsWritten,
            other => panic!("{other:?}"),
        };
        assert_eq!(image.built_by.is_some(), image.decided_by.iter().any(|by| by.message.contains("builds")));
        (image.text.value.clone(), judged)
    });
    judged.collect()
}

/// Returns how one image in one file is judged next to a `skaffold.yaml` of this text.
fn beside(skaffold: &str, file: &str, image: &str) -> Judged {
    let skaffold = format!("apiVersion: skaffold/v4beta11\nkind: Config\n{skaffold}");
    judged(&[("shop/skaffold.yaml", &skaffold), (file, &pod(image))])[0].1
}

const WEB: &str = "build: {artifacts: [{image: web}]}\n";

#[test]
fn name_of_an_artifact_is_not_asked_for_in_manifests_of_skaffold() {
    assert_eq!(beside(WEB, "shop/k8s/web.yaml", "web"), NotAsked);
    assert_eq!(beside(WEB, "shop/k8s/web.yaml", "web:1"), NotAsked);
    assert_eq!(beside(WEB, "shop/k8s/web.yaml", "webb"), AsWritten);
    assert_eq!(beside(WEB, "shop/k8s/web.yaml", "docker.io/library/web"), AsWritten, "another name for Skaffold");
    let digest = format!("web@sha256:{}", "0a".repeat(32));
    assert_eq!(beside(WEB, "shop/k8s/web.yaml", &digest), AsWritten, "images with a digest are kept");
    assert_eq!(beside("build: {artifacts: [{image: 'web:1'}]}", "shop/k8s/web.yaml", "web:1"), AsWritten);
    assert_eq!(beside("build: {artifacts: [{image: ko://web}]}", "shop/k8s/web.yaml", "web"), NotAsked);
}

#[test]
fn tagged_image_of_a_registry_is_asked_for_and_may_be_absent() {
    let text = "build: {artifacts: [{image: ghcr.io/acme/web}]}";
    assert_eq!(beside(text, "shop/k8s/web.yaml", "ghcr.io/acme/web:1"), MayBeAbsent);
    assert_eq!(beside(text, "shop/k8s/web.yaml", "ghcr.io/acme/web"), NotAsked);
    assert_eq!(beside(text, "shop/k8s/web.yaml", "ghcr.io/acme/api:1"), AsWritten);
}

#[test]
fn only_manifests_that_skaffold_deploys_are_concerned() {
    for (deployed, file, expected) in [
        // The default, `k8s/*.yaml`.
        ("", "shop/k8s/sub/web.yaml", AsWritten),
        ("", "shop/web.yaml", AsWritten),
        ("", "other/k8s/web.yaml", AsWritten),
        ("deploy: {kubectl: {}}", "shop/k8s/web.yaml", NotAsked),
        ("manifests: {rawYaml: [deploy/web.yaml]}", "shop/deploy/web.yaml", NotAsked),
        ("manifests: {rawYaml: [deploy/web.yaml]}", "shop/deploy/api.yaml", AsWritten),
        ("manifests: {rawYaml: [deploy/web.yaml]}", "shop/k8s/web.yaml", AsWritten),
        ("manifests: {rawYaml: ['../deploy/*']}", "deploy/sub/web.yaml", NotAsked),
        ("manifests: {rawYaml: ['deploy/**/*.yaml']}", "shop/deploy/a/web.yaml", NotAsked),
        ("manifests: {rawYaml: ['deploy/**/*.yaml']}", "shop/deploy/web.yaml", AsWritten),
        ("manifests: {rawYaml: ['https://acme.example/k8s/web.yaml']}", "shop/k8s/web.yaml", AsWritten),
        ("deploy: {kubectl: {manifests: [deploy/*.yaml]}}", "shop/deploy/web.yaml", NotAsked),
        ("manifests: {helm: {releases: [{name: a, chartPath: chart}]}}", "shop/chart/templates/web.yaml", NotAsked),
        ("deploy: {helm: {releases: [{name: a, remoteChart: web}]}}", "shop/k8s/web.yaml", AsWritten),
        ("manifests: {kustomize: {}}", "shop/web.yaml", NotAsked),
        ("profiles: [{name: a, manifests: {rawYaml: [a.yaml]}}]", "shop/a.yaml", NotAsked),
        ("profiles: [{name: a, manifests: {rawYaml: [a.yaml]}}]", "shop/k8s/web.yaml", NotAsked),
    ] {
        assert_eq!(beside(&format!("{WEB}{deployed}"), file, "web"), expected, "{deployed} {file}");
    }
}

#[test]
fn output_of_a_chart_that_skaffold_deploys_is_concerned() {
    let of = |folder: &str| {
        let head = "apiVersion: skaffold/v4beta11\nkind: Config\n";
        let deployed = "manifests: {helm: {releases: [{name: web, chartPath: chart}]}}\n";
        let skaffold = Source::new("shop/skaffold.yaml", format!("{head}{WEB}{deployed}"), Encoding::Utf8);
        let rendering = Rendering { tool: "helm template", folder: folder.to_owned(), release: None };
        let sources = vec![skaffold, Source::rendered(rendering, pod("web"))];
        let inventory = gather_sources(sources, ReadOptions::default()).inventory;
        inventory.images[0].image == ImageText::Skipped(Skip::Built)
    };
    assert!(of("./shop/chart") && !of("other/chart"));
}

#[test]
fn files_of_build_tools_have_no_images_of_their_own() {
    let skaffold = format!("apiVersion: skaffold/v4beta11\nkind: Config\n{WEB}");
    let devspace = "version: v2beta1\nimages: {web: {image: acme/web, tags: [a]}}\n";
    for (name, text) in [("skaffold.yaml", skaffold.as_str()), ("devspace.yaml", devspace)] {
        let source = Source::new(name, text, Encoding::Utf8);
        let inventory = gather_sources(vec![source], ReadOptions::default()).inventory;
        assert!(inventory.images.is_empty() && inventory.unchecked.is_empty() && inventory.problems.is_empty());
    }
}

#[test]
fn profile_builds_artifacts_too() {
    let text = "profiles: [{name: a, build: {artifacts: [{image: web}]}}]";
    assert_eq!(beside(text, "shop/k8s/web.yaml", "web"), NotAsked);
}

#[test]
fn kustomization_of_skaffold_reaches_its_bases_and_no_other_overlay() {
    let skaffold = "apiVersion: skaffold/v3\nkind: Config\nbuild: {artifacts: [{image: ghcr.io/acme/web}]}\n\
                    manifests: {kustomize: {paths: [dev]}}\n";
    let dev = "resources: [../base]\nimages: [{name: ghcr.io/acme/web, newTag: '2'}]\n";
    let prod = "resources: [../base]\nimages: [{name: ghcr.io/acme/web, newTag: '3'}]\n";
    let found = judged(&[
        ("skaffold.yaml", skaffold),
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", &pod("ghcr.io/acme/web:1")),
        ("dev/kustomization.yaml", dev),
        ("prod/kustomization.yaml", prod),
    ]);
    let of = |tag: &str| found.iter().find(|(text, _)| text.ends_with(tag)).map(|(_, judged)| *judged);
    assert_eq!((of(":2"), of(":3")), (Some(MayBeAbsent), Some(AsWritten)), "{found:?}");
}

#[test]
fn only_kinds_that_skaffold_transforms_are_concerned() {
    let job = "apiVersion: example.com/v1\nkind: Shop\nspec: {containers: [{name: a, image: web}]}\n";
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  spec: {containers: [{name: a, image: web}]}\n";
    let head = format!("apiVersion: skaffold/v4beta11\nkind: Config\n{WEB}");
    let allowed = format!("{head}resourceSelector: {{allow: [{{groupKind: Shop.example.com}}]}}\n");
    let denied = format!("{head}resourceSelector: {{deny: [{{groupKind: Pod}}]}}\n");
    for (skaffold, text, expected) in [
        (&head, job, AsWritten),
        (&allowed, job, NotAsked),
        (&head, list, AsWritten),
        (&denied, &pod("web"), AsWritten),
    ] {
        assert_eq!(judged(&[("skaffold.yaml", skaffold), ("k8s/a.yaml", text)])[0].1, expected, "{skaffold}{text}");
    }
}

#[test]
fn required_configurations_are_deployed_together() {
    let head = "apiVersion: skaffold/v4beta11\nkind: Config\n";
    let named = |name: &str| format!("{head}metadata: {{name: {name}}}\nbuild: {{artifacts: [{{image: {name}}}]}}\n");
    let root = format!("{head}requires: [{{path: app, configs: [web]}}]\nmanifests: {{rawYaml: [all.yaml]}}\n");
    let app = format!("{}---\n{}", named("web"), named("api"));
    let all = format!("{}---\n{}", pod("web"), pod("api"));
    let found = judged(&[("skaffold.yaml", &root), ("app/skaffold.yaml", &app), ("all.yaml", &all)]);
    assert_eq!(found, [("web".to_owned(), NotAsked), ("api".to_owned(), AsWritten)]);
    let circular = format!("{head}requires: [{{path: skaffold.yaml}}]\n{WEB}");
    let found = judged(&[("skaffold.yaml", &circular), ("k8s/a.yaml", &pod("web"))]);
    assert_eq!(found[0].1, NotAsked);
}

#[test]
fn devspace_replaces_images_of_its_kubectl_deployments() {
    let devspace = |deployment: &str| {
        format!(
            "version: v2beta1\nimages:\n  web: {{image: acme/web}}\n  db: {{image: '${{DB}}'}}\n\
             deployments:\n  web: {deployment}\n"
        )
    };
    for (deployment, file, image, expected) in [
        ("{kubectl: {manifests: [k8s]}}", "shop/k8s/web.yaml", "acme/web", NotAsked),
        ("{kubectl: {manifests: [k8s/*]}}", "shop/k8s/web.yaml", "docker.io/acme/web:1", MayBeAbsent),
        ("{kubectl: {manifests: [k8s]}}", "shop/k8s/sub/web.yaml", "acme/web", AsWritten),
        ("{kubectl: {manifests: [k8s]}}", "k8s/web.yaml", "acme/web", AsWritten),
        ("{updateImageTags: false, kubectl: {manifests: [k8s]}}", "shop/k8s/web.yaml", "acme/web", AsWritten),
        (
            "{kubectl: {kustomize: true, manifests: [k8s/kustomization.yaml]}}",
            "shop/k8s/web.yaml",
            "acme/web",
            NotAsked,
        ),
        ("{helm: {}}", "shop/k8s/web.yaml", "acme/web", AsWritten),
    ] {
        let found = judged(&[("shop/devspace.yaml", &devspace(deployment)), (file, &pod(image))]);
        assert_eq!(found[0].1, expected, "{deployment} {file} {image}");
    }
}

#[test]
fn circular_and_repeated_configurations_end_in_time() {
    let names: Vec<String> = (0..300).map(|at| format!("f{at}/skaffold.yaml")).collect();
    let requires: String = names.iter().map(|name| format!("- path: ../{name}\n")).collect();
    let text = format!("apiVersion: skaffold/v4beta11\nkind: Config\n{WEB}requires:\n{requires}");
    let pod = pod("web");
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), text.as_str())).collect();
    files.push(("f0/k8s/web.yaml", &pod));
    assert_eq!(judged(&files).len(), 1);
}
