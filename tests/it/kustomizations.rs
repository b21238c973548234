//! What kustomizations deploy, held against what the real tool renders.
#![expect(clippy::disallowed_methods, reason = "writes what the real tool reads")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use pullcheck::input::gather::gather_sources;
use pullcheck::inventory::{Inventory, ReadOptions};
use pullcheck::resource::workload::{ImageText, PodOrigin, Skip};
use pullcheck::text::source::{Encoding, Source, Sources};
use pullcheck_support::{Run, renderer as installed_renderer};

use crate::report_parsers;

type Files<'f> = &'f [(&'f str, &'f str)];

fn gather(files: Files<'_>) -> (Sources, Inventory) {
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
    let gathered = gather_sources(sources, ReadOptions::default());
    (gathered.sources, gathered.inventory)
}

/// Kind, namespace, container and image of what is pulled.
type Pulled = BTreeSet<(String, String, String, String)>;

fn pulled(inventory: &Inventory) -> Pulled {
    let uses = inventory.images.iter().filter(|image| !matches!(image.image, ImageText::Skipped(_)));
    let row = |image: &pullcheck::resource::workload::ImageUse| {
        let pod = inventory.pod(image.pod);
        (
            inventory.resource_of(image).name.kind.clone(),
            pod.namespace.clone().unwrap_or_default(),
            image.container.name.clone().unwrap_or_default(),
            image.text.value.clone(),
        )
    };
    uses.map(row).collect()
}

const BASE: (&str, &str) = ("base/kustomization.yaml", "resources: [web.yaml]\n");

const WEB: (&str, &str) = (
    "base/web.yaml",
    r#"apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      imagePullSecrets: [{name: regcred}]
      initContainers:
      - {name: init, image: "busybox:1.36"}
      containers:
      - {name: web, image: "reg.example:5000/acme/web:1"}
      - {name: side, image: "ghcr.io/acme/side@sha256:1111111111111111111111111111111111111111111111111111111111111111"}
      - {name: both, image: "ghcr.io/acme/both:1@sha256:1111111111111111111111111111111111111111111111111111111111111111"}
      - {name: bare, image: redis}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "@daily"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: job, image: "redis:7"}]}}}}
---
apiVersion: example.com/v1
kind: Shop
metadata: {name: shop}
spec: {parts: [{containers: [{name: part, image: "redis:7"}]}]}
"#,
);

/// Cases with one root each, in the folder `over` unless they say otherwise.
fn cases() -> BTreeMap<&'static str, Vec<(&'static str, &'static str)>> {
    let over = |text: &'static str| vec![BASE, WEB, ("over/kustomization.yaml", text)];
    BTreeMap::from([
        ("nothing", over("resources: [../base]\n")),
        ("a tag", over("resources: [../base]\nnamespace: shop\nimages: [{name: redis, newTag: '8'}]\n")),
        ("a port", over("resources: [../base]\nimages: [{name: 'reg.example:5000/acme/web', newTag: '2'}]\n")),
        (
            "digests",
            over(
                "resources: [../base]\nimages:\n- {name: redis, digest: 'sha256:2222222222222222222222222222222222222222222222222222222222222222'}\n- {name: ghcr.io/acme/side, newTag: '3'}\n- {name: ghcr.io/acme/both, newName: quay.io/acme/both}\n- {name: busybox, newTag: '1.37', digest: 'sha256:2222222222222222222222222222222222222222222222222222222222222222'}\n",
            ),
        ),
        ("a name only", over("resources: [../base]\nimages: [{name: redis, newName: valkey/valkey}]\n")),
        (
            "a later entry sees the earlier one's result",
            over("resources: [../base]\nimages: [{name: redis, newName: valkey}, {name: valkey, newTag: '8'}]\n"),
        ),
        (
            "the same name twice",
            over("resources: [../base]\nimages: [{name: redis, newTag: '8'}, {name: redis, newTag: '9'}]\n"),
        ),
        ("a suffix is put twice", over("resources: [../base]\nimages: [{name: redis, tagSuffix: -alpine}]\n")),
        (
            "a dot is any character",
            over(
                "resources: [../base]\nimages: [{name: ghcr-io/acme/side, newTag: '9'}, {name: ghcr.io.acme.both, newTag: '9'}]\n",
            ),
        ),
        (
            "a chain",
            vec![
                BASE,
                WEB,
                (
                    "middle/kustomization.yaml",
                    "resources: [../base]\nnamespace: mid\nimages: [{name: redis, newName: valkey/valkey}]\n",
                ),
                (
                    "over/kustomization.yaml",
                    "resources: [../middle]\nnamespace: top\nimages: [{name: redis, newTag: '8'}, {name: valkey/valkey, newTag: '9'}]\n",
                ),
            ],
        ),
        (
            "a component",
            vec![
                BASE,
                WEB,
                (
                    "tags/kustomization.yaml",
                    "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nimages: [{name: redis, newTag: '8'}]\n",
                ),
                (
                    "over/kustomization.yaml",
                    "resources: [../base]\ncomponents: [../tags]\nimages: [{name: busybox, newTag: '1.37'}]\n",
                ),
            ],
        ),
        (
            "two bases under two names",
            vec![
                BASE,
                WEB,
                (
                    "a/kustomization.yaml",
                    "resources: [../base]\nnamePrefix: a-\nimages: [{name: redis, newTag: 'a'}]\n",
                ),
                (
                    "b/kustomization.yaml",
                    "resources: [../base]\nnamePrefix: b-\nimages: [{name: redis, newTag: 'b'}]\n",
                ),
                ("over/kustomization.yaml", "resources: [../a, ../b]\n"),
            ],
        ),
        (
            "a strategic merge",
            vec![
                BASE,
                WEB,
                (
                    "over/patch.yaml",
                    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: web, image: 'acme/web:patched'}, {name: new, image: 'acme/new:1'}]}}}\n",
                ),
                (
                    "over/kustomization.yaml",
                    "resources: [../base]\npatches: [{path: patch.yaml}]\nimages: [{name: acme/web, newTag: both}]\n",
                ),
            ],
        ),
        (
            "patches in the kustomization",
            over(
                "resources: [../base]\npatches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec:\n      template:\n        spec:\n          containers:\n          - name: bare\n            image: \"redis:inline\"\n          - name: added\n            image: busybox:added\n- target: {kind: CronJob, name: night.*}\n  patch: |-\n    - op: replace\n      path: /spec/jobTemplate/spec/template/spec/containers/0/image\n      value: redis:pointer\n",
            ),
        ),
        (
            "an old list of patches",
            over(
                "resources: [../base]\npatchesStrategicMerge:\n- |-\n  apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: web}\n  spec: {template: {spec: {initContainers: [{name: init, image: 'busybox:old'}]}}}\n",
            ),
        ),
        (
            "a list of a custom kind is replaced",
            over(
                "resources: [../base]\npatches:\n- target: {kind: Shop}\n  patch: |-\n    apiVersion: example.com/v1\n    kind: Shop\n    metadata: {name: any}\n    spec: {parts: [{containers: [{name: other, image: 'redis:other'}]}]}\n",
            ),
        ),
    ])
}

/// The renderer of this machine, with the arguments before the folder.
fn renderer() -> Option<[&'static str; 2]> {
    let (program, _) = installed_renderer(&["kustomize", "kubectl"])?;
    Some([program, if program == "kubectl" { "kustomize" } else { "build" }])
}

fn rendered(command: &[&str], files: Files<'_>) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let output = Command::new(command[0]).args(&command[1..]).arg("over").current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn images_match_those_that_kustomize_renders() {
    let Some(command) = renderer() else { return };
    for (case, files) in cases() {
        let text = rendered(&command, &files);
        let (_, expected) = gather(&[("rendered.yaml", &text)]);
        let (_, found) = gather(&files);
        assert_eq!(pulled(&found), pulled(&expected), "{case}");
        assert!(found.unrendered.is_empty(), "{case}: {:?}", found.unrendered);
    }
}

#[test]
fn span_is_the_scalar_that_sets_the_image() {
    let files = [
        BASE,
        WEB,
        (
            "over/kustomization.yaml",
            "resources: [../base]\nimages:\n- name: redis\n  newName: valkey/valkey\n  newTag: '8'\n",
        ),
    ];
    let (sources, inventory) = gather(&files);
    let set: Vec<_> = inventory.images.iter().filter(|image| image.text.value == "valkey/valkey:8").collect();
    assert_eq!(set.len(), 3);
    for image in set {
        assert_eq!(sources.slice(image.text.span), "'8'");
        assert_eq!(image.path, "images[0].newTag");
        let workload = image.decided_by.last().unwrap();
        assert_eq!(Some(sources.slice(workload.span).trim_matches('"')), image.written.as_deref());
    }
    let skipped = inventory.images.iter().filter(|image| image.image == ImageText::Skipped(Skip::ReplacedByKustomize));
    assert_eq!(skipped.count(), 3, "the base's own are listed");
}

#[test]
fn each_overlay_has_its_own_pods() {
    let files = [
        BASE,
        WEB,
        (
            "dev/kustomization.yaml",
            "resources: [../base, secret.yaml]\nnamespace: dev\nimages: [{name: redis, newTag: dev}]\n",
        ),
        ("dev/secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: regcred}\n"),
        ("prod/kustomization.yaml", "resources: [../base]\nnamespace: prod\n"),
    ];
    let (_, inventory) = gather(&files);
    let of = |image: &str| -> Vec<String> {
        let uses = inventory.images.iter().filter(|usage| usage.text.value == image);
        let uses = uses.filter(|usage| !matches!(usage.image, ImageText::Skipped(_)));
        uses.filter_map(|usage| inventory.pod(usage.pod).namespace.clone()).collect()
    };
    assert_eq!(of("redis:dev"), ["dev", "dev", "dev"]);
    assert_eq!(of("redis:7"), ["prod", "prod"]);
    let mut both = of("busybox:1.36");
    both.sort();
    assert_eq!(both, ["dev", "prod"]);
    let hides = |namespace: &str| {
        let mut pods = inventory.pods.iter().filter(|pod| pod.namespace.as_deref() == Some(namespace));
        pods.any(|pod| !pod.hidden.is_empty())
    };
    assert!(hides("prod") && !hides("dev"), "the Secret of dev does not serve prod");
}

#[test]
fn patched_image_uses_the_pull_secrets_in_its_base() {
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: NAME}\nspec: {template: {spec: {containers: [{name: web, image: 'acme/web:patched'}]}}}\n";
    let pod_of = |name: &str| {
        let patch = patch.replace("NAME", name);
        let files = [
            BASE,
            WEB,
            ("over/patch.yaml", patch.as_str()),
            ("over/kustomization.yaml", "resources: [../base]\npatches: [{path: patch.yaml}]\n"),
        ];
        let (_, inventory) = gather(&files);
        let image = inventory.images.iter().find(|image| image.text.value == "acme/web:patched").unwrap();
        let pod = inventory.pod(image.pod);
        let secrets: Vec<String> = pod.pull_secrets.iter().flatten().map(|secret| secret.name.clone()).collect();
        (secrets, pod.origin)
    };
    assert_eq!(pod_of("web"), (vec!["regcred".to_owned()], PodOrigin::Template));
    assert_eq!(pod_of("elsewhere"), (vec![], PodOrigin::Patched), "what it patches is not to be seen");
}

#[test]
fn pull_secrets_in_a_patch_reach_pods_in_the_base() {
    let files = [
        BASE,
        WEB,
        (
            "over/kustomization.yaml",
            "resources: [../base]\npatches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec: {template: {spec: {serviceAccountName: puller, imagePullSecrets: [{name: more}]}}}\n",
        ),
    ];
    let (_, inventory) = gather(&files);
    let image = inventory.images.iter().find(|image| image.text.value == "redis").unwrap();
    let pod = inventory.pod(image.pod);
    assert_eq!(pod.service_account_name(), "puller");
    let names: Vec<&str> = pod.pull_secrets.iter().flatten().map(|named| named.name.as_str()).collect();
    assert_eq!(names, ["more", "regcred"]);
}

#[test]
fn unfollowed_kustomization_parts_are_noted_once() {
    for (text, part) in [
        ("resources: [../base, 'https://example.com/x.yaml']\n", "remote"),
        ("resources: [../base, ../gone]\n", "../gone"),
        ("resources: [../base]\nhelmCharts: [{name: x}]\n", "helmCharts"),
        ("resources: [../base]\npatches: [{path: gone.yaml}]\n", "patches"),
        (
            "resources: [../base]\npatches:\n- target: {kind: Deployment}\n  patch: '[{\"op\": \"remove\", \"path\": \"/spec/template/spec/containers/0\"}]'\n",
            "patches",
        ),
        ("resources: [../base]\ntransformers: [x.yaml]\n", "transformers"),
    ] {
        let (_, inventory) = gather(&[BASE, WEB, ("over/kustomization.yaml", text)]);
        let [unrendered] = &inventory.unrendered[..] else { panic!("{text}: {:?}", inventory.unrendered) };
        assert!(unrendered.parts.iter().any(|words| words.contains(part)), "{:?}", unrendered.parts);
        let of_web = inventory.images.iter().find(|image| image.text.value.ends_with("/web:1")).unwrap();
        let is_touched = matches!(part, "patches" | "transformers");
        assert_eq!(of_web.image == ImageText::Skipped(Skip::RewrittenByKustomize), is_touched, "{text}");
    }
}

#[test]
fn mutually_recursive_kustomizations_terminate() {
    let pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: c, image: 'app:1'}]}\n";
    let (_, inventory) = gather(&[
        ("a/kustomization.yaml", "resources: [../b, pod.yaml]\nimages: [{name: app, newTag: '2'}]\n"),
        ("b/kustomization.yaml", "resources: [../a]\n"),
        ("a/pod.yaml", pod),
    ]);
    assert!(inventory.images.iter().any(|image| image.text.value == "app:1"));
}

/// What is left out of a build, or written by `replacements`, is not judged as it stands.
#[test]
fn images_removed_by_a_build_are_not_checked() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  initContainers: [{name: i, image: init:1}]\n  \
               containers: [{name: web, image: web:1}]\n";
    let other = "apiVersion: v1\nkind: Pod\nmetadata: {name: other}\nspec: {containers: [{name: o, image: other:1}]}\n";
    let patch = |spec: &str| {
        format!(
            "resources: [pod.yaml, other.yaml]\npatches:\n- patch: |-\n    apiVersion: v1\n    kind: Pod\n    metadata: \
             {{name: web}}\n    {spec}\n"
        )
    };
    let replacement = "resources: [pod.yaml, other.yaml]\nreplacements:\n- source: {kind: Pod, name: other, fieldPath: \
                       spec.containers}\n  targets:\n  - select: {kind: Pod, name: web}\n    fieldPaths: [spec.containers]\n";
    for kustomization in [
        patch("spec: {initContainers: null}"),
        patch("spec:\n      initContainers:"),
        patch("spec: {containers: [{name: web, image: null}]}"),
        patch("spec: ~"),
        replacement.to_owned(),
    ] {
        let (_, inventory) =
            gather(&[("kustomization.yaml", &kustomization), ("pod.yaml", pod), ("other.yaml", other)]);
        let names: Vec<_> =
            pulled(&inventory).into_iter().map(|image| image.3).filter(|image| image != "other:1").collect();
        assert!(names.is_empty(), "{kustomization} {names:?}");
    }
    let local = pod.replace("{name: web}", "{name: web, annotations: {config.kubernetes.io/local-config: 'true'}}");
    let (_, inventory) = gather(&[("kustomization.yaml", "resources: [pod.yaml]\n"), ("pod.yaml", &local)]);
    assert_eq!(pulled(&inventory), Pulled::new());
}

#[test]
fn replaced_namespace_makes_pull_secrets_uncertain() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: a}\nspec: {containers: [{name: web, image: \
               web:1}]}\n";
    let kustomization = "resources: [pod.yaml]\nconfigMapGenerator: [{name: x, literals: [ns=b]}]\n\
                         replacements:\n- source: {kind: ConfigMap, name: x, fieldPath: data.ns}\n  \
                         targets:\n  - select: {kind: Pod}\n    fieldPaths: [metadata.namespace]\n";
    let (_, inventory) = gather(&[("kustomization.yaml", kustomization), ("pod.yaml", pod)]);
    assert_eq!(pulled(&inventory).len(), 1);
    assert!(inventory.pods.iter().all(|pod| pod.origin == PodOrigin::Patched));
}

/// Kustomizations of strangers that grow with each entry, each other or each step.
#[test]
fn hostile_kustomizations_terminate() {
    let suffixes = format!("- {{name: '.*', tagSuffix: {}}}\n", "x".repeat(50)).repeat(10_000);
    let grown = format!("resources: [../base]\nimages:\n{suffixes}");
    let (_, inventory) = gather(&[BASE, WEB, ("o/kustomization.yaml", &grown)]);
    // Far too long for the kubelet, and not followed to its end.
    assert!(pulled(&inventory).iter().all(|image| image.3.len() <= 4096));
    let tags: String = (0..5_000).map(|at| format!("- {{name: '.*web', newTag: 't{at}'}}\n")).collect();
    let set = format!("resources: [../base]\nimages:\n{tags}");
    let (_, inventory) = gather(&[BASE, WEB, ("o/kustomization.yaml", &set)]);
    let web = inventory.images.iter().find(|image| image.text.value == "reg.example:5000/acme/web:t4999");
    assert!(web.is_some_and(|image| image.decided_by.len() < 20));
    let circle: Vec<(String, String)> = (0..200)
        .map(|at| {
            let others: String =
                (0..200).filter(|other| *other != at).map(|other| format!("- ../k{other}\n")).collect();
            (format!("k{at}/kustomization.yaml"), format!("resources:\n- ../base\n{others}"))
        })
        .collect();
    let patterns: String = (0..2_000).map(|_| "- {name: '(a|b|.*)*x{100}', newTag: x}\n").collect();
    let slow = format!("resources: [../base]\nimages:\n{patterns}");
    let _ = gather(&[BASE, WEB, ("o/kustomization.yaml", &slow)]);
    let bomb: String = (1..40).map(|at| format!("a{at}: &a{at} [*a{0}, *a{0}, *a{0}]\n", at - 1)).collect();
    let aliases = format!("a0: &a0 [x]\n{bomb}images: *a39\n");
    let _ = gather(&[BASE, WEB, ("o/kustomization.yaml", &aliases)]);
    let merges: String = (1..40).map(|at| format!("m{at}: &m{at} {{<<: [*m{0}, *m{0}]}}\n", at - 1)).collect();
    let merged = format!("m0: &m0 {{a: b}}\n{merges}images: [*m39]\nresources: [../base]\n");
    let _ = gather(&[BASE, WEB, ("o/kustomization.yaml", &merged)]);
    let mut files: Vec<(&str, &str)> = vec![BASE, WEB, ("o/kustomization.yaml", "resources: [../k0]\n")];
    files.extend(circle.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    let _ = gather(&files);
}

#[test]
fn images_entry_gives_each_workload_its_own_finding() {
    let deployment = |name: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  template:\n    spec:\n      \
             containers:\n        - {{name: {name}, image: app}}\n"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    for name in ["api", "worker"] {
        fs::write(folder.path().join(format!("{name}.yaml")), deployment(name)).unwrap();
    }
    let kustomization = "resources: [api.yaml, worker.yaml]\nimages: [{name: app, newTag: latest}]\n";
    fs::write(folder.path().join("kustomization.yaml"), kustomization).unwrap();
    let run = || Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path());
    let report = report_parsers::report(&run().args(["--offline", "--format", "json", "."]).output().stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["rule"] == "mutable-tag");
    let places: Vec<(&str, &str)> = findings
        .map(|finding| {
            let related = finding["related"].as_array().unwrap();
            assert_eq!(related.len(), 1, "{finding}");
            (finding["resource"]["name"].as_str().unwrap(), related[0]["file"].as_str().unwrap())
        })
        .collect();
    assert_eq!(places, [("api", "api.yaml"), ("worker", "worker.yaml")]);
    // So does each test of a test report.
    let junit = run().args(["--offline", "--deny", "mutable-tag", "--format", "junit", "."]).output();
    junit.assert_status(1).assert_stdout_has(r#"tests="4" failures="2""#);
}
