//! Folders that Applications of Argo CD deploy which are not in the inputs as they are: those of ApplicationSets, and
//! those that a file in the folder changes.

use pullcheck::input::gather::gather_sources;
use pullcheck::inventory::{Inventory, ReadOptions};
use pullcheck::resource::workload::{ImageText, ImageUse};
use pullcheck::text::source::{Encoding, Source, Sources};

const KUSTOMIZATION: &str = "resources: [web.yaml]";

fn gathered(files: &[(&str, &str)]) -> (Inventory, Sources) {
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
    let gathered = gather_sources(sources, ReadOptions::default());
    (gathered.inventory, gathered.sources)
}

fn is_known(image: &&ImageUse) -> bool {
    !matches!(image.image, ImageText::Skipped(_))
}

fn workload(image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  template:\n    spec: {{containers: \
         [{{name: web, image: '{image}'}}]}}\n"
    )
}

fn set(generators: &str, source: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: apps}}\nspec:\n  generators:\n    \
         {generators}\n  template:\n    metadata: {{name: '{{{{path.basename}}}}'}}\n    spec:\n      destination: \
         {{namespace: '{{{{namespace}}}}'}}\n      source:\n        repoURL: https://git.example/acme/deploy\n        \
         {source}\n"
    )
}

fn application(source: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: shop, namespace: argocd}}\nspec:\n  \
         source:\n    repoURL: https://git.example/acme/deploy\n    path: apps/web\n    {source}\n"
    )
}

/// The images that are checked, with the namespace of each and the text at the place that decides it.
fn checked(files: &[(&str, &str)]) -> Vec<(String, String, String)> {
    let (inventory, sources) = gathered(files);
    let uses = inventory.images.iter().filter(is_known);
    let all = uses.map(|image| {
        let namespace = inventory.pod(image.pod).namespace.clone().unwrap_or_default();
        (image.text.value.clone(), namespace, sources.slice(image.text.span).to_owned())
    });
    all.collect()
}

fn images(files: &[(&str, &str)]) -> Vec<String> {
    checked(files).into_iter().map(|(image, ..)| image).collect()
}

/// Why images are not known.
fn doubts(files: &[(&str, &str)]) -> Vec<String> {
    let (inventory, _) = gathered(files);
    assert!(inventory.images.iter().all(|image| !is_known(&image)), "an image is checked");
    inventory.images.iter().flat_map(|image| &image.decided_by).map(|decision| decision.message.clone()).collect()
}

fn triple(image: &str, namespace: &str, place: &str) -> (String, String, String) {
    (image.to_owned(), namespace.to_owned(), place.to_owned())
}

#[test]
fn each_element_of_a_list_is_a_use_decided_by_its_value() {
    let set = set(
        "- list: {elements: [{namespace: one, tag: '1.1'}, {namespace: two, tag: '1.2'}]}",
        "path: apps/web\n        kustomize: {images: ['ghcr.io/acme/web:{{tag}}']}",
    );
    let web = workload("ghcr.io/acme/web:1.0");
    let files =
        [("sets/set.yaml", &*set), ("apps/web/web.yaml", &*web), ("apps/web/kustomization.yaml", KUSTOMIZATION)];
    let expected = [triple("ghcr.io/acme/web:1.1", "one", "'1.1'"), triple("ghcr.io/acme/web:1.2", "two", "'1.2'")];
    assert_eq!(checked(&files), expected);
}

#[test]
fn folders_of_a_git_generator_are_built_and_excluded_ones_are_not() {
    let set = set(
        "- git: {repoURL: 'https://git.example/acme/deploy', directories: [{path: 'apps/*'}, {path: apps/db, exclude: \
         true}], values: {namespace: 'ns-{{path.basename}}'}}",
        "path: '{{path}}'\n        kustomize: {namespace: '{{values.namespace}}'}",
    );
    let (web, api, db) =
        (workload("ghcr.io/acme/web:1"), workload("ghcr.io/acme/api:2"), workload("ghcr.io/acme/db:3"));
    let files = [
        ("sets/set.yaml", &*set),
        ("apps/api/web.yaml", &*api),
        ("apps/api/kustomization.yaml", KUSTOMIZATION),
        ("apps/db/web.yaml", &*db),
        ("apps/db/kustomization.yaml", KUSTOMIZATION),
        ("apps/web/web.yaml", &*web),
        ("apps/web/kustomization.yaml", KUSTOMIZATION),
    ];
    let namespaces: Vec<(String, String)> = checked(&files).into_iter().map(|(image, own, _)| (image, own)).collect();
    let expected = [("ghcr.io/acme/api:2", "ns-api"), ("ghcr.io/acme/db:3", ""), ("ghcr.io/acme/web:1", "ns-web")];
    assert_eq!(namespaces, expected.map(|(image, own)| (image.to_owned(), own.to_owned())));
}

#[test]
fn image_is_not_known_if_only_the_cluster_knows_its_tag() {
    let set = set(
        "- clusters: {}",
        "path: 'apps/web'\n        kustomize: {images: ['ghcr.io/acme/web:{{metadata.labels.tag}}']}",
    );
    let web = workload("ghcr.io/acme/web:1.0");
    let files = [("set.yaml", &*set), ("apps/web/web.yaml", &*web), ("apps/web/kustomization.yaml", KUSTOMIZATION)];
    assert_eq!(doubts(&files), ["the ApplicationSet fills this in with a value that is not in the inputs"]);
    let moved = set.replace("'apps/web'", "'apps/{{name}}'").replace("{{metadata.labels.tag}}", "2");
    let files = [("set.yaml", &*moved), files[1], files[2]];
    assert_eq!(doubts(&files).len(), 1, "any folder in `apps` may be meant");
}

#[test]
fn image_is_known_if_the_cluster_decides_only_where_it_runs() {
    let set = set(
        "- matrix: {generators: [{clusters: {}}, {git: {repoURL: 'https://git.example/acme/deploy', directories: \
         [{path: 'apps/*'}]}}]}",
        "path: '{{path}}'\n        kustomize: {images: ['ghcr.io/acme/web:2'], namespace: '{{name}}'}",
    );
    let web = workload("ghcr.io/acme/web:1.0");
    let files = [("set.yaml", &*set), ("apps/web/web.yaml", &*web), ("apps/web/kustomization.yaml", KUSTOMIZATION)];
    assert_eq!(checked(&files), [triple("ghcr.io/acme/web:2", "", "'ghcr.io/acme/web:2'")]);
}

#[test]
fn go_template_outside_the_subset_leaves_the_image_unknown() {
    let of = |tag: &str| {
        let set = set("- list: {elements: [{tag: '3'}]}", "path: apps/web\n        kustomize: {images: [IMAGE]}");
        let set = set.replace("spec:\n  gen", "spec:\n  goTemplate: true\n  gen").replace("{{namespace}}", "x");
        set.replace("{{path.basename}}", "web").replace("IMAGE", &format!("'ghcr.io/acme/web:{tag}'"))
    };
    let web = workload("ghcr.io/acme/web:1.0");
    let files = |set: &str| -> Vec<(String, String)> {
        [("set.yaml", set), ("apps/web/web.yaml", &web), ("apps/web/kustomization.yaml", KUSTOMIZATION)]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .to_vec()
    };
    let of = |tag: &str| {
        let files = files(&of(tag));
        images(&files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>())
    };
    assert_eq!(of("{{ .tag }}"), ["ghcr.io/acme/web:3"]);
    assert_eq!(of("{{ .none | default .tag }}"), ["ghcr.io/acme/web:3"]);
    assert_eq!(of("{{ .tag | sha256sum }}"), [""; 0]);
    assert_eq!(of("{{ .tag | lower 1 }}"), [""; 0], "Argo CD generates nothing");
}

#[test]
fn parameters_from_another_repository_are_not_taken_from_the_inputs() {
    let set = set(
        "- git: {repoURL: 'https://git.example/acme/other', files: [{path: 'envs/*.yaml'}]}",
        "path: apps/web\n        kustomize: {images: ['ghcr.io/acme/web:{{tag}}']}",
    );
    let web = workload("ghcr.io/acme/web:1.0");
    let files = [
        ("set.yaml", &*set),
        ("apps/web/web.yaml", &*web),
        ("apps/web/kustomization.yaml", KUSTOMIZATION),
        ("envs/one.yaml", "tag: '9'"),
    ];
    assert_eq!(doubts(&files), ["this may be a folder in another repository"]);
    let own = set.replace("acme/other", "acme/deploy");
    let files = [("set.yaml", &*own), files[1], files[2], files[3]];
    assert_eq!(images(&files), ["ghcr.io/acme/web:9"]);
}

#[test]
fn source_files_change_the_application_of_their_folder() {
    let plain = application("kustomize: {images: ['ghcr.io/acme/web:2']}");
    let web = workload("ghcr.io/acme/web:1.0");
    let of = |name: &str, text: &str| {
        let files = [
            ("app.yaml", &*plain),
            ("apps/web/web.yaml", &*web),
            ("apps/web/kustomization.yaml", KUSTOMIZATION),
            (name, text),
        ];
        checked(&files).into_iter().map(|(image, _, place)| (image, place)).collect::<Vec<_>>()
    };
    let image = |value: &str, place: &str| vec![(value.to_owned(), place.to_owned())];
    let text = "kustomize: {images: [ghcr.io/acme/web:7]}";
    let changed = image("ghcr.io/acme/web:7", "ghcr.io/acme/web:7");
    assert_eq!(of("apps/web/.argocd-source.yaml", text), changed);
    assert_eq!(of("apps/web/.argocd-source-shop.yaml", text), changed);
    assert_eq!(of("apps/web/.argocd-source-other.yaml", text), image("ghcr.io/acme/web:2", "'ghcr.io/acme/web:2'"));
    assert_eq!(of("apps/web/.argocd-source.yaml", "- no mapping"), []);
    assert_eq!(
        of("apps/web/.argocd-source.yaml", "path: apps/api\n"),
        image("ghcr.io/acme/web:2", "'ghcr.io/acme/web:2'")
    );
}

#[test]
fn files_of_a_plain_folder_are_those_that_argo_cd_reads() {
    let (web, inner) = (workload("ghcr.io/acme/web:1"), workload("ghcr.io/acme/inner:1"));
    let of = |source: &str| {
        let app = application(&format!("{source}\n  destination: {{namespace: shop}}"));
        let files = [
            ("app.yaml", &*app),
            ("apps/web/web.yaml", &*web),
            ("apps/web/more/inner.yml", &*inner),
            (
                "apps/web/more/kustomization.yaml",
                "resources: [inner.yml]\nimages: [{name: ghcr.io/acme/inner, newTag: '9'}]",
            ),
        ];
        let in_shop = checked(&files).into_iter().filter(|(_, namespace, _)| namespace == "shop");
        in_shop.map(|(image, ..)| image).collect::<Vec<_>>()
    };
    let (web, inner) = ("ghcr.io/acme/web:1", "ghcr.io/acme/inner:1");
    assert_eq!(of("directory: {}"), [web]);
    assert_eq!(of("directory: {recurse: true}"), [web, inner], "a kustomization in it is a file like others");
    assert_eq!(of("directory: {recurse: true, exclude: '{more/*,x}'}"), [web]);
    assert_eq!(of("directory: {recurse: true, exclude: '*er.yml'}"), [web], "a star matches slashes");
    assert_eq!(of("directory: {recurse: true, include: 'more/*'}"), [inner]);
    assert_eq!(of("directory: {recurse: true, include: '[w]*'}"), [""; 0], "classes are not followed");
    assert_eq!(of("directory: {}\n    kustomize: {}"), [""; 0], "Argo CD fails");
    assert_eq!(of("kustomize: {namePrefix: a-}"), [""; 0], "it is no kustomization");
}

#[test]
fn path_outside_the_inputs_is_told_once() {
    let set = set(
        "- list: {elements: [{namespace: one, app: web}, {namespace: two, app: none}, {namespace: three, app: none}]}",
        "path: 'apps/{{app}}'",
    );
    let web = workload("ghcr.io/acme/web:1.0");
    let missing = |set: &str| {
        let (inventory, sources) = gathered(&[("set.yaml", set), ("apps/web/web.yaml", &web)]);
        inventory.missing_folders.iter().map(|span| sources.slice(*span).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(missing(&set), ["none", "none"], "the elements decide");
    assert_eq!(missing(&set.replace("none", "web")), [""; 0]);
    assert_eq!(missing(&set.replace("apps/{{app}}", "{{other}}")).len(), 1);
}

#[test]
fn merge_keys_of_yaml_are_followed() {
    let set = set(
        "- list: {elements: [{<<: *common, namespace: one}, {<<: [*common], tag: '3'}]}",
        "path: apps/web\n        kustomize: {images: ['ghcr.io/acme/web:{{tag}}']}",
    );
    let set = set.replace("spec:\n  gen", "x-common: &common {tag: '2', namespace: all}\nspec:\n  gen");
    let web = workload("ghcr.io/acme/web:1.0");
    let files = [("set.yaml", &*set), ("apps/web/web.yaml", &*web), ("apps/web/kustomization.yaml", KUSTOMIZATION)];
    let expected = [triple("ghcr.io/acme/web:2", "one", "'2'"), triple("ghcr.io/acme/web:3", "all", "'3'")];
    assert_eq!(checked(&files), expected);
}
