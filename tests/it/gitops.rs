//! Folders that Flux and Argo CD deploy, with the changes that their objects make.

use std::collections::BTreeSet;

use pullcheck::input::gather::gather_sources;
use pullcheck::inventory::{Inventory, ReadOptions};
use pullcheck::resource::workload::{ImageText, ImageUse, Skip};
use pullcheck::text::source::{Encoding, Rendering, Source, Sources};

const FLUX: &str = include_str!("gitops/flux.txt");

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec: {containers: [{name: web, image: 'ghcr.io/acme/web:1.0'}]}
";

fn gathered(files: &[(&str, &str)]) -> (Inventory, Sources) {
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
    let gathered = gather_sources(sources, ReadOptions::default());
    (gathered.inventory, gathered.sources)
}

fn flux(spec: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: apps, namespace: \
         flux-system}}\nspec:\n  path: ./apps/web\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n{spec}"
    )
}

fn argo(source: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: web}}\nspec:\n  destination: \
         {{namespace: shop}}\n  source:\n    repoURL: https://git.example/acme/deploy\n    path: apps/web\n{source}"
    )
}

fn is_known(image: &&ImageUse) -> bool {
    !matches!(image.image, ImageText::Skipped(_))
}

/// The images that are checked, with the text at the place that decides each.
fn checked(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let (inventory, sources) = gathered(files);
    let uses = inventory.images.iter().filter(is_known);
    uses.map(|image| (image.text.value.clone(), sources.slice(image.text.span).to_owned())).collect()
}

fn expanded(line: &str) -> String {
    if line == "@vars" {
        return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: vars, namespace: flux-system}\ndata: {REG: cm.io, TAG: \
                cm-tag}\n"
            .to_owned();
    }
    let words: Vec<&str> = line.splitn(3, ' ').collect();
    match words.as_slice() {
        ["@flux", name, spec] => format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, namespace: \
             flux-system}}\nspec: {spec}\n"
        ),
        ["@deployment", name, rest] => {
            let (namespace, images) = rest.split_once(' ').unwrap();
            let namespace = if namespace == "-" { String::new() } else { format!(", namespace: {namespace}") };
            let containers =
                images.split(' ').enumerate().map(|(at, image)| format!("{{name: c{at}, image: '{image}'}}"));
            let containers = containers.collect::<Vec<_>>().join(", ");
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}{namespace}}}\nspec: {{template: {{spec: \
                 {{containers: [{containers}]}}}}}}\n"
            )
        }
        _ => format!("{line}\n"),
    }
}

#[test]
fn folders_deployed_by_flux_match_its_own_builds() {
    let (mut whole, mut cases) = (0, 0);
    for case in FLUX.split("\n=== ").skip(1) {
        let (files, answer) = case.split_once("=> ").unwrap();
        let (number, files) = files.split_once('\n').unwrap();
        let sources = files.split("--- ").skip(1).map(|file| {
            let (name, lines) = file.split_once('\n').unwrap();
            let documents: Vec<String> = lines.lines().map(expanded).collect();
            Source::new(name, documents.join("---\n"), Encoding::Utf8)
        });
        let inventory = gather_sources(sources.collect(), ReadOptions::default()).inventory;
        let mut words = answer.split_whitespace();
        let is_whole = words.next() == Some("all");
        let built: BTreeSet<&str> = words.collect();
        let known: BTreeSet<&str> = inventory.images.iter().filter(is_known).map(|image| &*image.text.value).collect();
        assert!(known.is_subset(&built), "{number}: {known:?}, but Flux deploys {built:?}");
        let is_told = |image: &&ImageUse| {
            matches!(image.image, ImageText::Skipped(Skip::Placeholder | Skip::RewrittenByKustomize))
        };
        let unknown = inventory.images.iter().filter(is_told).count();
        assert_eq!(known == built && unknown == 0, is_whole, "{number}: {known:?} of {built:?}, {unknown} unknown");
        assert!(known == built || unknown > 0, "{number}: an image is passed over");
        whole += usize::from(is_whole);
        cases += 1;
    }
    assert_eq!((cases, whole), (45, 40));
}

#[test]
fn deciding_line_of_a_flux_image_is_in_the_flux_object() {
    let object = flux("  images: [{name: ghcr.io/acme/web, newTag: '2.0'}]\n");
    let with_file =
        [("ks.yaml", &*object), ("apps/web/web.yaml", WEB), ("apps/web/kustomization.yaml", "resources: [web.yaml]")];
    let expected = [("ghcr.io/acme/web:2.0".to_owned(), "'2.0'".to_owned())];
    assert_eq!(checked(&with_file), expected);
    assert_eq!(checked(&with_file[..2]), expected, "Flux lists the files of a folder without a kustomization");
}

#[test]
fn substituted_image_is_decided_by_the_variable() {
    let web = WEB.replace("web:1.0", "web:${TAG}");
    let own = flux("  postBuild: {substitute: {TAG: '3.1'}}\n");
    let files = |object: &str| checked(&[("ks.yaml", object), ("apps/web/web.yaml", &web)]);
    assert_eq!(files(&own), [("ghcr.io/acme/web:3.1".to_owned(), "'3.1'".to_owned())]);
    let from = flux("  postBuild: {substituteFrom: [{kind: ConfigMap, name: settings}]}\n");
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: flux-system}\ndata: {TAG: '4'}\n";
    assert_eq!(files(&format!("{from}---\n{map}")), [("ghcr.io/acme/web:4".to_owned(), "'4'".to_owned())]);
    assert_eq!(files(&from), [], "the ConfigMap is not in the inputs");
    let secret = flux("  postBuild: {substituteFrom: [{kind: Secret, name: settings}], substitute: {OTHER: a}}\n");
    assert_eq!(files(&secret), []);
    assert_eq!(files(&flux("  postBuild: {substitute: {OTHER: a}}\n")), [], "Flux versions disagree");
}

#[test]
fn image_of_the_base_is_not_checked_when_the_gitops_object_is_not_followed() {
    let sources =
        [("a/ks.yaml", flux("")), ("a/apps/web/web.yaml", WEB.to_owned()), ("apps/web/web.yaml", WEB.to_owned())];
    let files: Vec<(&str, &str)> = sources.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let (inventory, _) = gathered(&files);
    let reasons: Vec<&str> =
        inventory.images.iter().flat_map(|image| &image.decided_by).map(|decision| &*decision.message).collect();
    assert_eq!(reasons, ["several folders in the inputs have this path"; 2]);
    assert!(!inventory.images.iter().any(|image| is_known(&image)));
}

#[test]
fn path_is_relative_to_any_folder_above_the_object() {
    let object = flux("  targetNamespace: shop\n");
    let (inventory, _) = gathered(&[("repo/clusters/prod/ks.yaml", &object), ("repo/apps/web/web.yaml", WEB)]);
    assert_eq!(inventory.pods[0].namespace.as_deref(), Some("shop"));
    let elsewhere = gathered(&[("one/clusters/ks.yaml", &object), ("other/apps/web/web.yaml", WEB)]).0;
    assert_eq!(elsewhere.pods[0].namespace, None);
}

#[test]
fn one_folder_deployed_twice_has_two_uses_of_an_image() {
    let first = flux("  targetNamespace: one\n  images: [{name: ghcr.io/acme/web, newTag: '2'}]\n");
    let second = flux("  targetNamespace: two\n  images: [{name: ghcr.io/acme/web, newTag: '3'}]\n");
    let files = [("ks.yaml", &*format!("{first}---\n{second}")), ("apps/web/web.yaml", WEB)];
    let (inventory, _) = gathered(&files);
    let uses = inventory.images.iter().filter(is_known);
    let uses: Vec<(&str, Option<&str>)> =
        uses.map(|image| (&*image.text.value, inventory.pod(image.pod).namespace.as_deref())).collect();
    assert_eq!(uses, [("ghcr.io/acme/web:2", Some("one")), ("ghcr.io/acme/web:3", Some("two"))]);
}

#[test]
fn argo_application_sets_namespace_and_patches() {
    let object = argo(
        "    kustomize:\n      patches:\n        - target: {kind: Deployment}\n          patch: |\n            - op: \
         replace\n              path: /spec/template/spec/containers/0/image\n              value: ghcr.io/acme/web:5\n",
    );
    let files =
        [("app.yaml", &*object), ("apps/web/web.yaml", WEB), ("apps/web/kustomization.yaml", "resources: [web.yaml]")];
    let (inventory, _) = gathered(&files);
    let uses: Vec<&str> = inventory.images.iter().filter(is_known).map(|image| &*image.text.value).collect();
    assert_eq!(uses, ["ghcr.io/acme/web:5"]);
    let image = inventory.images.iter().find(is_known).unwrap();
    assert_eq!(inventory.pod(image.pod).namespace.as_deref(), Some("shop"));
}

#[test]
fn argo_images_are_set_as_kustomize_edit_does() {
    let images = |list: &str| {
        let object = argo(&format!("    kustomize:\n      images: [{list}]\n"));
        let kustomization =
            "resources: [web.yaml]\nimages: [{name: ghcr.io/acme/web, newName: reg.example/web, newTag: '7'}]\n";
        let files =
            [("app.yaml", &*object), ("apps/web/web.yaml", WEB), ("apps/web/kustomization.yaml", kustomization)];
        checked(&files)
    };
    let image = |value: &str, place: &str| vec![(value.to_owned(), place.to_owned())];
    assert_eq!(images("'ghcr.io/acme/web:9'"), image("ghcr.io/acme/web:9", "'ghcr.io/acme/web:9'"));
    let renamed = "ghcr.io/acme/web=quay.io/w";
    assert_eq!(images(renamed), image("quay.io/w:1.0", renamed), "an override replaces the whole entry");
    let kept = "'ghcr.io/acme/web=*:9'";
    assert_eq!(images(kept), image("reg.example/web:9", kept), "`*` keeps what the entry has");
    assert_eq!(images("other:1"), image("reg.example/web:7", "'7'"));
    assert_eq!(images("'ghcr.io/acme/web:$ARGOCD_APP_REVISION'"), [], "only the cluster knows the revision");
}

#[test]
fn flux_image_entry_is_unknown_where_versions_disagree() {
    let object = flux("  images: [{name: ghcr.io/acme/web, newName: quay.io/w}]\n");
    let kustomization = |entry: &str| format!("resources: [web.yaml]\nimages: [{{name: ghcr.io/acme/web, {entry}}}]\n");
    let of = |entry: &str| {
        let kustomization = kustomization(entry);
        checked(&[("ks.yaml", &object), ("apps/web/web.yaml", WEB), ("apps/web/kustomization.yaml", &kustomization)])
    };
    assert_eq!(of("newTag: '7'"), [], "older versions drop the tag");
    assert_eq!(of("newName: reg.example/web"), [("quay.io/w:1.0".to_owned(), "quay.io/w".to_owned())]);
}

#[test]
fn folder_in_another_repository_is_not_judged_as_its_own() {
    let own = flux("").replace("apps/web", "apps/api");
    let third =
        flux("  images: [{name: ghcr.io/acme/web, newTag: '2'}]\n").replace("name: flux-system}", "name: upstream}");
    let other = flux("").replace("apps/web", "apps/db");
    let objects = [own, other, third].join("---\n");
    let files = [("ks.yaml", &*objects), ("apps/web/web.yaml", WEB), ("apps/api/a.yaml", WEB), ("apps/db/a.yaml", WEB)];
    let (inventory, sources) = gathered(&files);
    let unknown = inventory.images.iter().filter(|image| !is_known(image));
    let files: Vec<&str> = unknown.map(|image| sources.get(image.text.span.source).name()).collect();
    assert_eq!(files, ["apps/web/web.yaml"]);
}

#[test]
fn rendered_folder_is_unknown_if_the_gitops_object_changes_its_images() {
    let of = |spec: &str| {
        let rendering = Rendering { tool: "kustomize build", folder: "apps/web".to_owned(), release: None };
        let sources = vec![
            Source::new("ks.yaml", flux(spec), Encoding::Utf8),
            Source::new("apps/web/web.yaml", "", Encoding::Utf8),
            Source::rendered(rendering, WEB),
        ];
        gather_sources(sources, ReadOptions::default()).inventory
    };
    let moved = of("  targetNamespace: shop\n");
    assert_eq!(moved.pods[0].namespace.as_deref(), Some("shop"));
    assert!(is_known(&&moved.images[0]));
    let changed = of("  images: [{name: ghcr.io/acme/web, newTag: '2'}]\n");
    assert_eq!(changed.images[0].image, ImageText::Skipped(Skip::RewrittenByKustomize));
}

#[test]
fn own_repository_is_unknown_if_two_are_named_as_often() {
    let own = flux("  images: [{name: ghcr.io/acme/web, newTag: '2'}]\n");
    let other = own.replace("apps/web", "apps/api").replace("name: flux-system}", "name: upstream}");
    let objects = [own, other].join("---\n");
    let files = [("ks.yaml", &*objects), ("apps/web/web.yaml", WEB), ("apps/api/a.yaml", WEB)];
    assert_eq!(checked(&files), []);
}

#[test]
fn images_behind_a_component_outside_the_inputs_are_unknown() {
    let kustomization = "resources: [web.yaml]\ncomponents: ['https://git.example/acme/parts//mirror?ref=v1']\n";
    assert_eq!(checked(&[("kustomization.yaml", kustomization), ("web.yaml", WEB)]), []);
    let object = flux("  components: [../../parts/mirror]\n");
    assert_eq!(checked(&[("ks.yaml", &object), ("apps/web/web.yaml", WEB)]), []);
}

#[test]
fn variable_in_a_namespace_is_replaced() {
    let of = |spec: &str, kustomization: &str| {
        let object = flux(spec);
        let files = [("ks.yaml", &*object), ("apps/web/web.yaml", WEB), ("apps/web/kustomization.yaml", kustomization)];
        gathered(&files).0.pods[0].namespace.clone()
    };
    let plain = "resources: [web.yaml]";
    let set = "  postBuild: {substitute: {NS: shop}}\n";
    assert_eq!(of(&format!("  targetNamespace: ${{NS}}\n{set}"), plain).as_deref(), Some("shop"));
    assert_eq!(of(set, "resources: [web.yaml]\nnamespace: '${NS:=own}-1'").as_deref(), Some("shop-1"));
    assert_eq!(of("  targetNamespace: ${NS}\n", plain), None, "it stays a variable");
    assert_eq!(of("  targetNamespace: ${NO}\n  postBuild: {substitute: {NS: shop}}\n", plain), None);
}

#[test]
fn text_that_flux_cannot_replace_leaves_the_images_of_the_build_unknown() {
    let of = |text: &str, spec: &str| {
        let object = flux(spec);
        let map =
            format!("# ${{a b}}\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m}}\ndata: {{a: '{text}'}}\n");
        checked(&[("ks.yaml", &object), ("apps/web/web.yaml", WEB), ("apps/web/map.yaml", &map)]).len()
    };
    let set = "  postBuild: {substitute: {NS: shop}}\n";
    assert_eq!(of("${NS} $${x y} ${NS:0:2}", set), 1);
    assert_eq!(of("${NS with}", set), 0, "Flux deploys nothing");
    assert_eq!(of("${NS with}", ""), 1, "nothing is replaced");
}
