//! Patches that add containers and volumes, and patches that leave out what they are for: what kustomize 5.8.3 and 5.5.0
//! build, and that nothing of it is passed over.

use std::collections::BTreeSet;

use super::generate::Files;
use super::{said, write};

const WEB: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: 'app:1'}, {name: side, image: 'side:1'}]}
"#;

const JOB: &str = r#"apiVersion: batch/v1
kind: CronJob
metadata: {name: job}
spec:
  schedule: '@daily'
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: job, image: 'job:1'}]}}}}
"#;

/// Whether the images are told, or only that they are not known, or that kustomize refuses to build them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    All,
    Unknown,
    Refused,
}

fn operation(op: &str, path: &str, value: &str) -> String {
    let value = if value.is_empty() { String::new() } else { format!(", value: {value}") };
    format!("patches: [{{target: {{kind: Deployment|CronJob}}, patch: \"[{{op: {op}, path: {path}{value}}}]\"}}]\n")
        .replace("patch: \"[{op", "patch: \"- {op")
        .replace("}]\"}]", "}\"}]")
}

fn merge(patch: &str) -> String {
    format!("patches: [{{patch: \"{patch}\"}}]\n")
}

fn targeted(patch: &str) -> String {
    format!("patches: [{{target: {{kind: Deployment}}, patch: \"{patch}\"}}]\n")
}

/// Compares the images that are told with those that kustomize prints.
fn check(rows: &[(String, &str, &str, Told)]) {
    let mut faults = Vec::new();
    for (text, object, images, told) in rows {
        let files = Files::from([
            ("kustomization.yaml".to_owned(), format!("resources: [web.yaml]\n{text}")),
            ("web.yaml".to_owned(), (*object).to_owned()),
        ]);
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &files);
        let said = said(folder.path());
        let known: BTreeSet<&str> = said.known.iter().map(|image| image.2.as_str()).collect();
        let images: BTreeSet<&str> = images.split_whitespace().collect();
        let fits = match told {
            Told::All => said.refusal.is_none() && !said.is_partial && known == images,
            Told::Unknown => said.refusal.is_none() && said.is_partial && known.is_subset(&images),
            Told::Refused => said.refusal.is_some() && known.is_empty(),
        };
        if !fits {
            faults.push(format!("{text}{images:?}\n{said:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn json_patch_operations_add_images() {
    let spec = |rest: &str| format!("/spec/template/spec/{rest}");
    let job = |rest: &str| format!("/spec/jobTemplate/spec/template/spec/{rest}");
    let list = "[{name: z, image: 'z:9'}]";
    let one = "{name: z, image: 'z:9'}";
    check(&[
        (operation("add", &spec("initContainers"), list), WEB, "app:1 side:1 z:9", Told::All),
        (operation("add", &spec("ephemeralContainers"), list), WEB, "app:1 side:1 z:9", Told::All),
        (
            operation("add", &spec("volumes"), "[{name: z, image: {reference: 'z:9'}}]"),
            WEB,
            "app:1 side:1 z:9",
            Told::All,
        ),
        (operation("add", &job("initContainers"), list), JOB, "job:1 z:9", Told::All),
        (operation("add", &spec("containers"), list), WEB, "z:9", Told::All),
        (operation("replace", &spec("containers"), list), WEB, "z:9", Told::All),
        (operation("add", &spec("containers/-"), one), WEB, "app:1 side:1 z:9", Told::All),
        (operation("add", &spec("containers/0"), one), WEB, "app:1 side:1 z:9", Told::All),
        (operation("replace", &spec("containers/1"), one), WEB, "app:1 z:9", Told::All),
        (operation("replace", &spec("containers/-1"), one), WEB, "app:1 z:9", Told::Unknown),
        (operation("replace", &spec("containers/-1/image"), "'z:9'"), WEB, "app:1 z:9", Told::Unknown),
        (operation("remove", &spec("containers/-1"), ""), WEB, "app:1", Told::Unknown),
        (
            operation("add", &spec("initContainers"), "[{name: z, image: 'z:9', imagePullPolicy: Never}]"),
            WEB,
            "app:1 side:1 z:9",
            Told::Unknown,
        ),
        (
            operation("copy", &format!("{}, from: {}", spec("containers/-"), spec("containers/0")), ""),
            WEB,
            "app:1 side:1",
            Told::Unknown,
        ),
    ]);
}

#[test]
fn strategic_merge_patches_add_images() {
    let web = "apiVersion: apps/v1\\nkind: Deployment\\nmetadata: {name: web}\\n";
    let pod = |list: &str, name: &str| {
        format!("{web}spec: {{template: {{spec: {{{list}: [{{name: {name}, image: 'z:9'}}]}}}}}}")
    };
    let volume = format!("{web}spec: {{template: {{spec: {{volumes: [{{name: z, image: {{reference: 'z:9'}}}}]}}}}}}");
    check(&[
        (merge(&pod("containers", "z")), WEB, "app:1 side:1 z:9", Told::All),
        (merge(&pod("initContainers", "z")), WEB, "app:1 side:1 z:9", Told::All),
        // A boolean in YAML 1.1, and a string in what kustomize reads.
        (merge(&pod("containers", "n")), WEB, "app:1 side:1 z:9", Told::All),
        (merge(&volume), WEB, "app:1 side:1 z:9", Told::All),
    ]);
}

#[test]
fn merges_without_a_name_are_refused() {
    let rest = "spec: {template: {spec: {containers: [{name: app, image: 'z:9'}]}}}";
    let named = format!("apiVersion: apps/v1\\nkind: Deployment\\nmetadata: {{name: web}}\\n{rest}");
    check(&[
        (targeted(&format!("kind: Deployment\\nmetadata: {{name: web}}\\n{rest}")), WEB, "z:9 side:1", Told::Unknown),
        (targeted(&format!("apiVersion: apps/v1\\nkind: Deployment\\n{rest}")), WEB, "", Told::Refused),
        // With a target kustomize takes one partial object only.
        (targeted(&format!("{named}\\n---\\n{named}")), WEB, "", Told::Refused),
    ]);
}

#[test]
fn missing_namespace_matches_the_default_namespace() {
    let patch = "spec: {template: {spec: {containers: [{name: app, image: 'z:9'}]}}}";
    let named =
        format!("apiVersion: apps/v1\\nkind: Deployment\\nmetadata: {{name: web, namespace: default}}\\n{patch}");
    let unnamed = format!("apiVersion: apps/v1\\nkind: Deployment\\nmetadata: {{name: web}}\\n{patch}");
    let at = |namespace: &str| WEB.replace("{name: web}", &format!("{{name: web, namespace: {namespace}}}"));
    let both = |namespace: &str| format!("{}---\n{}", at(namespace), at("foo"));
    check(&[
        (merge(&named), WEB, "z:9 side:1", Told::All),
        (merge(&unnamed), &at("default"), "z:9 side:1", Told::All),
        // "no matches for Id Deployment.v1.apps/web.[noNs]"
        (merge(&unnamed), &at("foo"), "", Told::Refused),
        // The other one is in another namespace, so that the patch has one target.
        (merge(&unnamed), &both("default"), "z:9 side:1 app:1", Told::All),
        (merge(&unnamed), &both("bar"), "", Told::Refused),
    ]);
}

/// kustomize 5.8.3: "doc is missing path: /spec/nope/x", if the labels fit, and otherwise it builds.
#[test]
fn selector_patch_on_a_missing_path_is_left_unverified() {
    for label in ["web", "other"] {
        let text = format!(
            "patches: [{{target: {{labelSelector: app={label}}}, patch: \"- {{op: replace, path: /spec/nope/x, value: \
             1}}\"}}]\n"
        );
        check(&[(text, WEB, "", Told::Unknown)]);
    }
}

/// kustomize 5.8.3 and 5.5.0 build them all: the second patch is for the object by its new name.
#[test]
fn patches_on_a_renamed_object_are_left_unverified() {
    let patch = "spec: {template: {spec: {containers: [{name: app, image: 'z:9'}]}}}";
    let json = |field: &str, value: &str| {
        format!(
            "  - target: {{kind: Deployment}}\n    patch: '[{{\"op\":\"add\",\"path\":\"/{field}\",\"value\":\"{value}\"}}]'\n"
        )
    };
    let then = |first: &str, second: &str| {
        format!(
            "patches:\n{first}  - patch: \"apiVersion: apps/v1\\nkind: Deployment\\nmetadata: {second}\\n{patch}\"\n"
        )
    };
    let allowed = "  - target: {kind: Deployment}\n    options: {allowNameChange: true}\n    patch: \"apiVersion: \
                   apps/v1\\nkind: Deployment\\nmetadata: {name: api}\"\n";
    check(&[
        (then(&json("metadata/name", "api"), "{name: api}"), WEB, "z:9 side:1", Told::Unknown),
        (then(&json("metadata/namespace", "q"), "{name: web, namespace: q}"), WEB, "z:9 side:1", Told::Unknown),
        (then(allowed, "{name: api}"), WEB, "z:9 side:1", Told::Unknown),
    ]);
    let (replicas, renaming) = ("replicas: [{name: api, count: 2}]\n", json("metadata/name", "api"));
    check(&[(format!("{replicas}patches:\n{renaming}"), WEB, "app:1 side:1", Told::Unknown)]);
}

#[test]
fn yaml_1_1_booleans_are_accepted_as_names() {
    // kustomize prints them quoted.
    for word in ["y", "n", "yes", "No", "on", "OFF"] {
        let object = WEB.replace("{name: web}", &format!("{{name: {word}, namespace: {word}}}"));
        check(&[(String::new(), object.as_str(), "app:1 side:1", Told::All)]);
    }
}

#[test]
fn numeric_and_boolean_names_are_refused() {
    // kustomize prints them as they are, and the API server takes no number or boolean.
    for name in ["7", "true"] {
        let files = Files::from([
            ("kustomization.yaml".to_owned(), "resources: [web.yaml]\n".to_owned()),
            ("web.yaml".to_owned(), WEB.replace("{name: web}", &format!("{{name: {name}}}"))),
        ]);
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &files);
        assert!(said(folder.path()).refusal.is_some(), "{name}");
    }
}

#[test]
fn a_merge_for_another_version_or_namespace_is_refused() {
    // kustomize fails: "no matches for Id".
    let patch = "spec: {template: {spec: {containers: [{name: app, image: 'z:9'}]}}}";
    let version = format!("apiVersion: apps/v1beta1\\nkind: Deployment\\nmetadata: {{name: web}}\\n{patch}");
    let namespace =
        format!("apiVersion: apps/v1\\nkind: Deployment\\nmetadata: {{name: web, namespace: foo}}\\n{patch}");
    check(&[(merge(&version), WEB, "", Told::Refused), (merge(&namespace), WEB, "", Told::Refused)]);
}
