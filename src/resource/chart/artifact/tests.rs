use super::*;
use crate::resource::{kustomization, objects};
use crate::text::yaml::{self, Piece};

/// What the artifacts of a file are: repository, what is wanted, and the text at the place that decides it.
fn artifacts(file: &str, text: &str) -> Vec<(String, String, String)> {
    let (mut references, mut repositories) = (Vec::new(), Vec::new());
    yaml::read(SourceId(0), text, true, &mut |piece| {
        let Piece::Document(document) = piece else { return };
        let Some(root) = document.root() else { return };
        let mut found = Vec::new();
        objects(root, &mut found);
        for object in found {
            let facts = extract(&object, ResourceId(0));
            references.extend(facts.references);
            repositories.extend(facts.repositories);
        }
        references.extend(of_file(file, root, kustomization::is_kustomization(file, root), ResourceId(0)));
    });
    let found = resolve(&references, &repositories);
    let shown = |artifact: ChartArtifact| {
        let wanted = match artifact.wanted {
            Wanted::Tag(tag) => format!("tag {tag}"),
            Wanted::Digest(digest) => format!("digest {digest}"),
            Wanted::Range(range) => format!("range {}", range.text),
            Wanted::Placeholder(text) => format!("placeholder {text}"),
        };
        (artifact.repository, wanted, text[artifact.span.range()].to_owned())
    };
    found.into_iter().map(shown).collect()
}

fn one(file: &str, text: &str) -> (String, String, String) {
    let mut found = artifacts(file, text);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn oci_repository(rest: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata:\n  name: shop\nspec:\n  \
         url: oci://ghcr.io/acme/shop/\n{rest}"
    )
}

fn shown(repository: &str, wanted: &str, place: &str) -> (String, String, String) {
    (repository.to_owned(), wanted.to_owned(), place.to_owned())
}

#[test]
fn digest_counts_before_range_and_range_before_tag() {
    let of = |rest: &str| one("a.yaml", &oci_repository(rest));
    assert_eq!(of(""), shown("ghcr.io/acme/shop", "tag latest", "oci://ghcr.io/acme/shop/"));
    assert_eq!(of("  ref: {tag: 1.9.0}\n"), shown("ghcr.io/acme/shop", "tag 1.9.0", "1.9.0"));
    assert_eq!(of("  ref: {tag: 1.9.0, semver: 2.x}\n"), shown("ghcr.io/acme/shop", "range 2.x", "2.x"));
    let all = "  ref: {tag: 1.9.0, semver: 2.x, digest: 'sha256:00'}\n";
    assert_eq!(of(all), shown("ghcr.io/acme/shop", "digest sha256:00", "'sha256:00'"));
}

#[test]
fn suspended_source_is_not_fetched() {
    assert!(artifacts("a.yaml", &oci_repository("  suspend: true\n")).is_empty());
}

#[test]
fn variable_of_another_program_is_open() {
    let text = oci_repository("  ref: {tag: \"${VERSION}\"}\n");
    assert_eq!(one("a.yaml", &text).1, "placeholder ${VERSION}");
}

fn release(version: &str, repository: &str) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: shop, namespace: web}}\nspec:\n  \
         chart:\n    spec:\n      chart: shop\n{version}      sourceRef: {{kind: HelmRepository, name: acme}}\n---\n\
         apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: acme, namespace: web}}\n\
         spec:\n  url: {repository}\n"
    )
}

#[test]
fn chart_of_helm_repository_is_in_its_registry() {
    let oci = "oci://ghcr.io/acme/charts/";
    let of = |version: &str| one("a.yaml", &release(version, oci));
    let repository = "ghcr.io/acme/charts/shop";
    assert_eq!(of("      version: 1.9.0\n"), shown(repository, "tag 1.9.0", "1.9.0"));
    assert_eq!(of("      version: 1.9.0+b1\n"), shown(repository, "tag 1.9.0_b1", "1.9.0+b1"));
    assert_eq!(of("      version: 1.9.x\n"), shown(repository, "range 1.9.x", "1.9.x"));
    assert_eq!(of(""), shown(repository, "range *", "shop"));
    assert!(artifacts("a.yaml", &release("", "https://charts.example.com")).is_empty());
}

#[test]
fn chart_of_unknown_or_ambiguous_repository_is_left_out() {
    let known = release("", "oci://ghcr.io/acme/charts");
    let twice = format!("{known}---\n{}", known.split("---\n").last().unwrap().replace("acme/charts", "other"));
    assert!(artifacts("a.yaml", &twice).is_empty());
    assert!(artifacts("a.yaml", known.split("---\n").next().unwrap()).is_empty());
}

#[test]
fn argo_source_without_scheme_is_registry() {
    let of = |url: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: shop}}\nspec:\n  source:\n    \
             repoURL: {url}\n    chart: shop\n    targetRevision: 1.9.0\n"
        )
    };
    let expected = shown("ghcr.io/acme/charts/shop", "tag 1.9.0", "1.9.0");
    assert_eq!(one("a.yaml", &of("ghcr.io/acme/charts")), expected);
    assert!(artifacts("a.yaml", &of("https://charts.example.com")).is_empty());
    assert!(artifacts("a.yaml", &of("git@git.example.com:acme/charts.git")).is_empty());
}

#[test]
fn charts_that_helm_fetches_are_read_in_each_kind() {
    let expected = shown("ghcr.io/acme/charts/shop", "tag 1.9.0", "1.9.0");
    let k3s = "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nmetadata: {name: shop}\nspec:\n  \
               chart: oci://ghcr.io/acme/charts/shop\n  version: 1.9.0\n";
    assert_eq!(one("a.yaml", k3s), expected);
    let fleet = "helm:\n  chart: oci://ghcr.io/acme/charts/shop\n  version: 1.9.0\n";
    assert_eq!(one("shop/fleet.yaml", fleet), expected);
    let kustomize = "helmCharts:\n  - name: shop\n    repo: oci://ghcr.io/acme/charts\n    version: 1.9.0\n";
    assert_eq!(one("kustomization.yaml", kustomize), expected);
    assert!(artifacts("a.yaml", &k3s.replace("oci://ghcr.io/acme/charts/shop", "shop")).is_empty());
}
