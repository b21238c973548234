//! What makes a Secret, and what is known of it before it is made: name, namespaces, type and state.

use pullcheck::input::gather::gather_sources;
use pullcheck::inventory::ReadOptions;
use pullcheck::kubelet::cluster::ClusterFacts;
use pullcheck::kubelet::pull;
use pullcheck::text::source::{Encoding, Source};

use crate::tables::secret_producers::{PRODUCERS, Producer};

/// The pull secrets of the last pod of some files, as state and reason.
fn pull_secrets(files: &[(&str, String)], closed: bool) -> Vec<(String, String)> {
    let sources = files.iter().map(|(name, text)| Source::new(*name, text.as_str(), Encoding::Utf8)).collect();
    let gathered = gather_sources(sources, ReadOptions::default());
    assert!(gathered.inventory.problems.is_empty(), "{:?}", gathered.inventory.problems);
    let settings = ClusterFacts { closed, ..ClusterFacts::default() };
    let pull = pull::resolve(&gathered.inventory, &settings, None).pop().expect("an image");
    let states =
        pull.secrets.iter().map(|secret| (secret.state.as_str().to_owned(), secret.reason.clone().unwrap_or_default()));
    states.collect()
}

fn workload(api_version: &str, kind: &str, namespace: Option<&str>, secret: &str) -> String {
    let namespace = namespace.map(|namespace| format!(", namespace: {namespace}")).unwrap_or_default();
    let spec =
        format!("{{imagePullSecrets: [{{name: {secret}}}], containers: [{{name: a, image: ghcr.io/acme/a:1}}]}}");
    let spec = if kind == "Pod" { spec } else { format!("{{template: {{spec: {spec}}}}}") };
    format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: web{namespace}}}\nspec: {spec}\n")
}

fn pod(namespace: Option<&str>, secret: &str) -> String {
    workload("v1", "Pod", namespace, secret)
}

#[test]
fn secret_producer_determines_type_and_state() {
    for Producer { what, yaml, namespace, name, kind, state, reason } in PRODUCERS {
        let text = format!("{yaml}---\n{}", pod(*namespace, name));
        let found = pull_secrets(&[("a.yaml", text)], false);
        assert_eq!(found.len(), 1, "{what}");
        assert_eq!(found[0].0, *state, "{what}: {found:?}");
        assert!(found[0].1.contains(reason), "{what}: {found:?}");
        let source = Source::new("a.yaml", *yaml, Encoding::Utf8);
        let gathered = gather_sources(vec![source], ReadOptions::default());
        let secret = gathered.inventory.secrets.iter().find(|secret| secret.name.value == *name);
        let declared = secret.and_then(|secret| secret.declared_type.as_ref()).map(|declared| declared.value.as_str());
        assert_eq!(declared, *kind, "{what}");
    }
}

const GENERATOR: &str = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [web.yaml]\n\
                         secretGenerator: [{name: regcred, type: kubernetes.io/dockerconfigjson, files: [.dockerconfigjson]}]\n";

#[test]
fn kustomize_rewrites_secret_names_in_built_in_kinds() {
    let state = |api_version, kind, file: &str, name: &str, kustomization: String| {
        let files = [("k/kustomization.yaml", kustomization), (file, workload(api_version, kind, None, name))];
        pull_secrets(&files, false).remove(0).0
    };
    let plain = || GENERATOR.to_owned();
    let with = |line: &str| format!("{GENERATOR}{line}\n");
    let cases = [
        ("a pod of the build", state("v1", "Pod", "k/web.yaml", "regcred", plain()), "opaque"),
        ("a deployment", state("apps/v1", "Deployment", "k/web.yaml", "regcred", plain()), "opaque"),
        ("not this kind", state("v1", "ReplicationController", "k/web.yaml", "regcred", plain()), "missing"),
        ("no custom kind", state("argoproj.io/v1alpha1", "Rollout", "k/web.yaml", "regcred", plain()), "missing"),
        (
            "unless it is told",
            state("argoproj.io/v1alpha1", "Rollout", "k/web.yaml", "regcred", with("configurations: [c.yaml]")),
            "opaque",
        ),
        ("outside of the build", state("v1", "Pod", "o/web.yaml", "regcred", plain()), "missing"),
        ("the rendered name", state("v1", "Pod", "o/web.yaml", "regcred-2h7d59g6kt", plain()), "opaque"),
        ("no hash", state("v1", "Pod", "o/web.yaml", "regcred-production", plain()), "missing"),
        ("with a prefix", state("v1", "Pod", "o/web.yaml", "a-regcred-2h7d59g6kt", with("namePrefix: a-")), "opaque"),
        ("without a prefix", state("v1", "Pod", "o/web.yaml", "regcred-2h7d59g6kt", with("namePrefix: a-")), "missing"),
        (
            "without a hash",
            state("v1", "Pod", "o/web.yaml", "regcred", with("generatorOptions: {disableNameSuffixHash: true}")),
            "opaque",
        ),
    ];
    for (what, found, expected) in cases {
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn overlay_rewrites_secret_names_in_its_base() {
    let files = [
        ("base/kustomization.yaml", "resources: [web.yaml]\n".to_owned()),
        ("prod/kustomization.yaml", GENERATOR.replace("web.yaml", "../base") + "namespace: prod\n"),
        ("base/web.yaml", pod(None, "regcred")),
    ];
    assert_eq!(pull_secrets(&files, false)[0].0, "opaque");
    assert!(pull_secrets(&files, false)[0].1.starts_with("produced by the secretGenerator of prod,"));
    let generator = GENERATOR.replace("type: kubernetes.io/dockerconfigjson, ", "");
    let files = [("kustomization.yaml", generator.clone()), ("web.yaml", pod(None, "regcred"))];
    assert_eq!(pull_secrets(&files, false)[0].0, "ignored");
    let patch = "patches: [{target: {kind: Secret}, patch: \"[]\"}]\n";
    let files = [("kustomization.yaml", generator + patch), ("web.yaml", pod(None, "regcred"))];
    assert_eq!(pull_secrets(&files, false)[0].0, "opaque");
}

#[test]
fn kustomization_sets_the_namespace_on_its_objects() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: regcred, namespace: shop}\ntype: \
                  kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: '{}'}\n";
    let state = |kustomizations: &[(&'static str, &str)]| {
        let kustomizations = kustomizations.iter().map(|(name, text)| (*name, (*text).to_owned()));
        let files: Vec<_> = kustomizations
            .chain([("s/secret.yaml", secret.to_owned()), ("w/web.yaml", pod(None, "regcred"))])
            .collect();
        pull_secrets(&files, false).remove(0).0
    };
    let (web, other) = ("namespace: web\nresources: [web.yaml]\n", "namespace: shop\nresources: [../w/web.yaml]\n");
    assert_eq!(state(&[]), "readable");
    assert_eq!(state(&[("w/kustomization.yaml", web)]), "missing");
    assert_eq!(state(&[("w/kustomization.yaml", web), ("v/kustomization.yaml", other)]), "readable");
}

#[test]
fn fully_encrypted_object_may_be_the_missing_pull_secret() {
    let encrypted = "apiVersion: ENC[AES256_GCM,data:a,iv:b,tag:c,type:str]\n\
                     kind: ENC[AES256_GCM,data:a,iv:b,tag:c,type:str]\n\
                     metadata: {name: 'ENC[AES256_GCM,data:a,iv:b,tag:c,type:str]'}\n\
                     spec: {containers: [{name: a, image: 'ENC[AES256_GCM,data:a,iv:b,tag:c,type:str]'}]}\n\
                     sops: {version: 3.9.0}\n";
    let files = [("a.yaml", encrypted.to_owned()), ("b.yaml", pod(None, "regcred"))];
    let sources = files.iter().map(|(name, text)| Source::new(*name, text.as_str(), Encoding::Utf8)).collect();
    let gathered = gather_sources(sources, ReadOptions::default());
    assert_eq!((gathered.inventory.images.len(), gathered.inventory.unrecognisable.len()), (1, 1));
    let closed = ClusterFacts { closed: true, ..ClusterFacts::default() };
    let blind = |inventory| pull::resolve(inventory, &closed, None).remove(0).blind;
    assert_eq!(blind(&gathered.inventory), [pull::Blind::Secret("regcred".to_owned())]);
    let source = Source::new("b.yaml", pod(None, "regcred"), Encoding::Utf8);
    assert_eq!(blind(&gather_sources(vec![source], ReadOptions::default()).inventory), []);
}
