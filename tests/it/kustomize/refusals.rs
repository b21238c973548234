//! What a run says of a kustomization that kustomize refuses, and of what it may refuse.

use std::path::Path;

use pullcheck::resource::workload::{ImageText, Skip};
use pullcheck_support::Run;
use serde_json::Value;
use tempfile::TempDir;

use super::generate::Files;
use super::write;
use crate::report_parsers;

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {a: \
                   b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec:\n      containers:\n        - {name: app, \
                   image: 'reg.example/shop/web:1.0'}\n";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let files: Files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    write(folder.path(), &files);
    folder
}

/// Exit status and report of a run without a network.
fn report(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder);
    let output = run.args(["--offline", "--format", "json"]).args(arguments).output();
    (output.status.unwrap(), report_parsers::report(&output.stdout).unwrap_or_else(|error| panic!("{error}")))
}

/// Severity, message and line of what the rule says.
fn said(report: &Value) -> Vec<(String, String, u64)> {
    let findings = report["findings"].as_array().unwrap().iter();
    let own = findings.filter(|finding| finding["rule"] == "invalid-kustomization");
    own.map(|finding| {
        let text = |key: &str| finding[key].as_str().unwrap().to_owned();
        (text("severity"), text("message"), finding["line"].as_u64().unwrap())
    })
    .collect()
}

#[test]
fn unquoted_numeric_tag_is_an_error_with_a_fix() {
    let kustomization = "resources: [web.yaml]\nimages:\n  - name: reg.example/shop/web\n    newTag: 7284872\n";
    let folder = folder(&[("kustomization.yaml", kustomization), ("web.yaml", WEB)]);
    let (status, report) = report(folder.path(), &["."]);
    assert_eq!(status, 1);
    let [(severity, message, line)] = &said(&report)[..] else { panic!("{report}") };
    let words = "json: cannot unmarshal number into Go struct field Image.images.newTag of type string";
    assert!(severity == "error" && message.ends_with(words) && *line == 4, "{message}");
    let finding = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["rule"] == "invalid-kustomization")
        .unwrap();
    assert_eq!(finding["help"], "quote it, because YAML reads it as a number: `newTag: \"7284872\"`");
    let edit = &finding["fixes"][0]["edits"][0];
    assert_eq!((&finding["fixes"][0]["safety"], &edit["replacement"]), (&"safe".into(), &"\"7284872\"".into()));
    // What the base says is not what will be deployed.
    let inventory = gathered(&[("kustomization.yaml", kustomization), ("web.yaml", WEB)]);
    let [image] = &inventory.images[..] else { panic!("one image") };
    assert_eq!(image.image, ImageText::Skipped(Skip::RewrittenByKustomize));
    assert_eq!(image.decided_by[0].message, "kustomize refuses this, and builds nothing");
}

fn gathered(files: &[(&str, &str)]) -> pullcheck::inventory::Inventory {
    use pullcheck::input::gather::gather_sources;
    use pullcheck::inventory::ReadOptions;
    use pullcheck::text::source::{Encoding, Source};
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
    gather_sources(sources, ReadOptions::default()).inventory
}

#[test]
fn refused_base_skips_the_images_in_its_overlays() {
    let inventory = gathered(&[
        ("base/kustomization.yaml", "resources: [web.yaml]\nimages: [{name: x, tag: '1'}]\n"),
        ("base/web.yaml", WEB),
        ("other/kustomization.yaml", "resources: [pod.yaml]\n"),
        (
            "other/pod.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: c:1}]}\n",
        ),
        ("over/kustomization.yaml", "resources: [../base, ../other]\n"),
    ]);
    assert!(inventory.images.iter().all(|image| image.image == ImageText::Skipped(Skip::RewrittenByKustomize)));
    assert_eq!(inventory.refusals.len(), 1);
    assert!(inventory.unrendered.is_empty(), "the error says it");
}

#[test]
fn missing_resource_is_an_error_if_its_folder_was_read() {
    let kustomization = "resources: [web.yaml, gone.yaml, ../base, part]\n";
    let files = [
        ("over/kustomization.yaml", kustomization),
        ("over/web.yaml", WEB),
        ("over/part/notes.txt", "x\n"),
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", &WEB.replace("name: web", "name: other")),
    ];
    let whole = folder(&files);
    let (status, found) = report(whole.path(), &["."]);
    let [(severity, message, 1)] = &said(&found)[..] else { panic!("{found}") };
    assert!(severity == "error" && message.contains("'gone.yaml': no such file"), "{message}");
    let finding = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["rule"] == "invalid-kustomization")
        .unwrap();
    assert_eq!(finding["related"].as_array().unwrap().len(), 1, "`part` has no kustomization");
    assert_eq!(status, 1);
    // A folder above which nothing was read may have anything beside it.
    let (_, found) = report(whole.path(), &["base", "over/kustomization.yaml"]);
    assert_eq!(said(&found), []);
    let (_, found) = report(whole.path(), &["over", "--exclude", "gone.yaml", "--exclude", "part"]);
    assert_eq!(said(&found), []);
    // However the folder is called.
    for (within, folder) in [("over", ".."), ("base", "../over"), ("base", "../over/../over")] {
        let (_, found) = report(&whole.path().join(within), &[folder]);
        assert_eq!(said(&found).len(), 1, "{folder}: {found}");
    }
    // Made by another step, as those who do not commit it know.
    let ignored = folder(&[files[0], files[1], files[3], files[4], (".gitignore", "gone.yaml\npart/\n")]);
    let (_, found) = report(ignored.path(), &["."]);
    assert_eq!(said(&found), []);
}

#[test]
fn missing_resource_ignored_by_git_config_is_not_an_error() {
    let files = [("over/kustomization.yaml", "resources: [web.yaml, gone.yaml]\n"), ("over/web.yaml", WEB)];
    let missing = |folder: &Path, home: &Path| {
        let run = pullcheck_support::Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder).env("HOME", home);
        let output = run.args(["--offline", "--format", "json", "."]).output();
        said(&serde_json::from_str(&output.stdout).unwrap()).len()
    };
    // `core.excludesFile` of the user.
    let home = folder(&[(".gitconfig", "[core]\n  excludesFile = ~/hidden\n"), ("hidden", "gone.yaml\n")]);
    let repository = folder(&[files[0], files[1], (".git/HEAD", "ref: refs/heads/main\n")]);
    let none = folder(&[]);
    assert_eq!((missing(repository.path(), none.path()), missing(repository.path(), home.path())), (1, 0));
    // A linked worktree, whose repository stands elsewhere.
    let main = folder(&[(".git/info/exclude", "gone.yaml\n"), (".git/worktrees/side/commondir", "../..\n")]);
    let link = |to: &str| format!("gitdir: {}/.git/worktrees/{to}\n", main.path().display());
    for (to, expected) in [("side", 0), ("other", 1)] {
        let side = folder(&[files[0], files[1], (".git", &link(to))]);
        assert_eq!(missing(side.path(), none.path()), expected, "{to}");
    }
}

#[test]
fn placeholder_values_are_not_type_checked() {
    for (text, expected) in [
        ("resources: [web.yaml]\nreplicas: \"{{ .n }}\"\n", 0),
        ("resources: [web.yaml]\nreplicas: [{name: web, count: '{{ n }}'}]\n", 0),
        ("resources: [web.yaml]\nreplicas:\n- name: web\n  count: ${N}\n", 0),
        ("resources: [web.yaml]\nreplicas: [{name: web, count: ${N}}]\n", 0),
        ("resources: [web.yaml]\ngeneratorOptions: {disableNameSuffixHash: '<% x %>', immutable: '${X}'}\n", 0),
        ("resources: [web.yaml]\nreplicas: [{name: web, count: two}]\n", 1),
        ("resources: [web.yaml]\nreplicas: some\n", 1),
    ] {
        let folder = folder(&[("kustomization.yaml", text), ("web.yaml", WEB)]);
        let (_, found) = report(folder.path(), &["."]);
        assert_eq!(said(&found).len(), expected, "{text}{found}");
        let errors =
            found["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "error").count();
        assert_eq!(errors, expected, "{text}{found}");
    }
}

#[test]
fn templated_kustomization_may_list_missing_files() {
    for text in [
        "#@ load(\"@ytt:data\", \"data\")\nresources:\n- web.yaml\n#@ if data.values.x:\n- gone.yaml\n#@ end\n",
        "resources:\n- web.yaml\n# {{ if .x }}\n- gone.yaml\n# {{ end }}\n",
        "namePrefix: \"{{ x }}-\"\nresources: [web.yaml, gone.yaml]\n",
    ] {
        let folder = folder(&[("kustomization.yaml", text), ("web.yaml", WEB)]);
        let (_, found) = report(folder.path(), &["."]);
        assert_eq!(said(&found), [], "{text}");
        let rules: Vec<_> = found["findings"].as_array().unwrap().iter().map(|finding| &finding["rule"]).collect();
        assert!(rules.iter().any(|rule| rule.as_str().unwrap().starts_with("unrendered-")), "{text}{rules:?}");
    }
}

#[test]
fn kustomization_cycles_are_refused() {
    let folder = folder(&[
        ("kustomization.yaml", "resources: [a, c]\n"),
        ("a/kustomization.yaml", "resources: [../b, ../c]\n"),
        ("b/kustomization.yaml", "resources: [web.yaml, ../a]\n"),
        ("b/web.yaml", WEB),
        ("c/kustomization.yaml", "resources: [web.yaml]\n"),
        ("c/web.yaml", WEB),
    ]);
    let (status, found) = report(folder.path(), &["."]);
    let said = said(&found);
    let is_cycle = |(_, message, _): &(String, String, u64)| message.contains("cycle detected: candidate root '../");
    assert!(said.len() == 2 && said.iter().all(is_cycle), "{said:?}");
    assert_eq!(status, 1);
}

#[test]
fn a_broken_file_that_a_kustomization_names_is_an_error() {
    let folder = folder(&[
        ("kustomization.yaml", "resources: [web.yaml, part.yaml]\n"),
        ("web.yaml", WEB),
        ("part.yaml", "a: [b\n"),
        ("other.yaml", "a: [b\n"),
    ]);
    let (_, found) = report(folder.path(), &["."]);
    let broken = found["findings"].as_array().unwrap().iter().filter(|finding| finding["rule"] == "invalid-yaml");
    let broken: Vec<_> =
        broken.map(|finding| (finding["file"].as_str().unwrap(), finding["severity"].as_str().unwrap())).collect();
    assert_eq!(broken, [("other.yaml", "note"), ("part.yaml", "error")]);
}

#[cfg(unix)]
#[test]
fn symlink_is_not_followed_to_find_a_missing_file() {
    let outside = folder(&[("there.txt", "x")]);
    let inside = folder(&[("kustomization.yaml", "resources: [link/gone.yaml, link/there.txt]\n")]);
    std::os::unix::fs::symlink(outside.path(), inside.path().join("link")).unwrap();
    let (_, found) = report(inside.path(), &["."]);
    assert_eq!(said(&found), []);
}

#[test]
fn other_files_named_kustomization_are_not_checked() {
    for text in [
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: x}\nspec: {path: ./x}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
        "images:\n- name: app\n  newTag: {{ .tag }}\n",
        "images:\n- {name: app, newTag: '${TAG}'}\n",
    ] {
        let folder = folder(&[("kustomization.yaml", text)]);
        assert_eq!(said(&report(folder.path(), &["."]).1), [], "{text}");
    }
    let folder = folder(&[("values.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nx: 1\n")]);
    assert_eq!(said(&report(folder.path(), &["."]).1), [], "kustomize does not find it");
}

#[test]
fn refusal_by_only_some_versions_is_a_warning() {
    for (text, words) in [
        ("resources: [web.yaml]\nimages: [{name: '[', newTag: x}]\n", "before 5.8.3"),
        ("resources: [web.yaml]\nlabels: [{pairs: {a: b}, includeVolumeClaimTemplates: true}]\n", "kustomize 5.5"),
    ] {
        let folder = folder(&[("kustomization.yaml", text), ("web.yaml", WEB)]);
        let (status, report) = report(folder.path(), &["."]);
        let [(severity, message, 2)] = &said(&report)[..] else { panic!("{report}") };
        assert!(severity == "warning" && message.contains(words) && status == 0, "{message}");
    }
}

/// kustomize 5.8.3: "security; file '…' is not in or below '…'", for each of them; Flux and
/// `--load-restrictor LoadRestrictionsNone` build it.
#[test]
fn file_outside_the_folder_is_a_warning_and_still_read() {
    for text in [
        "resources: [../shared/web.yaml]\n",
        "resources: [web.yaml]\npatches: [{path: ../shared/patch.yaml}]\n",
        "resources: [web.yaml]\nconfigMapGenerator: [{name: a, files: [x=../shared/web.yaml]}]\n",
    ] {
        let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n";
        let folder = folder(&[
            ("over/kustomization.yaml", text),
            ("over/web.yaml", WEB),
            ("shared/web.yaml", WEB),
            ("shared/patch.yaml", patch),
        ]);
        let (status, found) = report(folder.path(), &["."]);
        let [(severity, message, _)] = &said(&found)[..] else { panic!("{text} {found}") };
        assert!(severity == "warning" && message.contains("is not in or below") && status == 0, "{message}");
        let causes: Vec<&str> =
            found["images"].as_array().unwrap().iter().map(|image| image["cause"].as_str().unwrap()).collect();
        assert!(causes.iter().all(|cause| *cause == "offline"), "{causes:?}");
    }
    // A folder may lie anywhere, and a way out and back in is none.
    let folder = folder(&[
        ("over/kustomization.yaml", "resources: [../shared, ../over/web.yaml]\n"),
        ("over/web.yaml", WEB),
        ("shared/kustomization.yaml", "resources: [pod.yaml]\n"),
        ("shared/pod.yaml", &WEB.replace("name: web", "name: other")),
    ]);
    assert_eq!(said(&report(folder.path(), &["."]).1), []);
}

#[test]
fn patch_file_without_a_valid_patch_is_refused() {
    let object = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n";
    for (list, patch, refused) in [
        ("patches: [{path: p.yaml}]", "spec: {replicas: 2}\n", "unable to parse SM or JSON patch"),
        ("patches: [{path: p.yaml}]", "- {op: remove, path: /spec/replicas}\n", "must specify a target"),
        (
            "patches: [{path: p.yaml, target: {kind: Deployment}}]",
            "- {op: drop, path: /spec}\n",
            "Unexpected kind: drop",
        ),
        ("patchesStrategicMerge: [p.yaml]", "# nothing\n", "patch appears to be empty"),
        ("patchesStrategicMerge: [p.yaml]", "kind: Deployment\n", "missing metadata.name in object"),
        ("patchesStrategicMerge: [p.yaml]", "- {op: remove, path: /spec/replicas}\n", "missing Resource metadata"),
        ("patches: [{path: p.yaml}]", object, ""),
        ("patches: [{path: p.yaml}]", "metadata: {name: '{{ .name }}'}\n", ""),
    ] {
        let kustomization = format!("resources: [web.yaml]\n{list}\n");
        let inventory = gathered(&[("kustomization.yaml", &kustomization), ("web.yaml", WEB), ("p.yaml", patch)]);
        let words: Vec<&str> = inventory.refusals.iter().map(|refusal| refusal.words.as_str()).collect();
        let fits = if refused.is_empty() { words.is_empty() } else { words.len() == 1 && words[0].contains(refused) };
        assert!(fits, "{list} {patch} {words:?}");
    }
    // 5.5.0: "illegally qualifies as both an SM and JSON patch"; 5.8.3 takes it for nothing.
    let files = [
        ("kustomization.yaml", "resources: [web.yaml]\npatches: [{path: p.yaml}]\n"),
        ("web.yaml", WEB),
        ("p.yaml", "# nothing\n"),
    ];
    let inventory = gathered(&files);
    let [refusal] = &inventory.refusals[..] else { panic!("{:?}", inventory.refusals) };
    assert_eq!(refusal.versions, pullcheck::resource::kustomization::Versions::Older);
    assert!(matches!(inventory.images[..], [ref image] if !matches!(image.image, ImageText::Skipped(_))));
}

/// kustomize 5.8.3 reads them of the kustomization that it is told to build, and of no other.
#[test]
fn sort_options_are_checked_only_in_the_build_root() {
    let options = "sortOptions: {order: newest}\n";
    let base = format!("resources: [web.yaml]\n{options}");
    let files = [("base/kustomization.yaml", base.as_str()), ("base/web.yaml", WEB)];
    assert_eq!(gathered(&files).refusals.len(), 1);
    let files = [files[0], files[1], ("over/kustomization.yaml", "resources: [../base]\n")];
    assert_eq!(gathered(&files).refusals, []);
}

#[test]
fn empty_and_duplicate_kustomizations_are_refused() {
    for files in [
        &[("kustomization.yaml", "# nothing yet\n")][..],
        &[("kustomization.yaml", "namespace: ''\n")],
        &[("kustomization.yaml", "namespace: a\n"), ("kustomization.yml", "namespace: a\n")],
    ] {
        let folder = folder(files);
        let (status, report) = report(folder.path(), &["."]);
        assert_eq!((status, said(&report).len()), (1, 1), "{files:?}");
    }
}

#[test]
fn patch_without_a_target_is_refused_if_all_inputs_are_known() {
    let patch = |name: &str| WEB.replace("{name: web}", &format!("{{name: {name}}}"));
    let refused = |name: &str, more: &str| {
        let kustomization = format!("resources: [web.yaml{more}]\npatches: [{{path: patch.yaml}}]\n");
        let files = [("kustomization.yaml", kustomization.as_str()), ("web.yaml", WEB), ("patch.yaml", &patch(name))];
        gathered(&files).refusals.iter().map(|refusal| refusal.words.clone()).collect::<Vec<_>>()
    };
    assert_eq!(refused("web", ""), Vec::<String>::new());
    let words = "no resource matches strategic merge patch \"Deployment/gone\": no matches for Id";
    assert_eq!(refused("gone", ""), [words]);
    // What is fetched may have it.
    assert_eq!(refused("gone", ", 'https://example.com/x.yaml'"), Vec::<String>::new());
}

/// kustomize reads the first document; the others may say what they like.
#[test]
fn only_the_first_kustomization_document_applies() {
    let inventory = gathered(&[
        ("kustomization.yaml", "resources: [web.yaml]\n---\nimages: [{name: reg.example/shop/web, newTag: '2'}]\n"),
        ("web.yaml", WEB),
    ]);
    let values: Vec<&str> = inventory.images.iter().map(|image| image.text.value.as_str()).collect();
    assert_eq!((values, inventory.refusals.len()), (vec!["reg.example/shop/web:1.0"], 0));
}

#[test]
fn broken_kustomization_without_a_kind_is_an_error() {
    let folder = folder(&[("kustomization.yaml", "images: [*gone]\n")]);
    let (status, report) = report(folder.path(), &["."]);
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(
        (status, findings[0]["rule"].as_str(), findings[0]["severity"].as_str()),
        (1, Some("invalid-yaml"), Some("error"))
    );
}

#[test]
fn label_transformer_in_a_file_leaves_images_known() {
    let label = "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: labels}\nlabels: {env: dev}\nfieldSpecs: \
                 [{path: metadata/labels, create: true}]\n";
    let with = |transformer: &str| {
        gathered(&[
            ("base/kustomization.yaml", "resources: [web.yaml]\n"),
            ("base/web.yaml", WEB),
            ("over/kustomization.yaml", "resources: [../base]\ntransformers: [labels.yaml]\n"),
            ("over/labels.yaml", transformer),
        ])
    };
    let known = with(label);
    assert!(matches!(known.images[0].image, ImageText::Reference(_)) && known.unrendered.is_empty());
    let unknown = with("apiVersion: example.com/v1\nkind: Sidecar\nmetadata: {name: x}\n");
    assert_eq!(unknown.images[0].image, ImageText::Skipped(Skip::RewrittenByKustomize));
    assert_eq!(unknown.images[0].decided_by[0].message, "this transformer may set it");
    assert!(unknown.unrendered[0].parts[0].contains("labels.yaml"), "{:?}", unknown.unrendered[0].parts);
}

/// Pods pull with the secrets that a patch adds to their service account.
#[test]
fn patch_on_a_service_account_adds_its_pull_secrets() {
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: puller}\n";
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {serviceAccountName: puller, containers: [{name: c, \
               image: 'reg.example/a:1'}]}\n";
    let merge = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: NAME}\nimagePullSecrets: [{name: creds}]\n";
    let inline = |target: &str, patch: &str| {
        let patch: String = patch.lines().map(|line| format!("    {line}\n")).collect();
        format!("patches:\n- {target}\n  patch: |-\n{patch}")
    };
    let target = "target: {kind: ServiceAccount}";
    let add = "- {op: add, path: /imagePullSecrets, value: [{name: creds}]}\n";
    for (lines, file) in [
        (inline("options: {}", &merge.replace("NAME", "puller")), None),
        (inline(target, &merge.replace("NAME", "any")), None),
        (inline(target, add), None),
        (inline(target, "- {op: add, path: /imagePullSecrets/-, value: {name: creds}}\n"), None),
        ("patchesStrategicMerge: [p.yaml]\n".to_owned(), Some(merge.replace("NAME", "puller"))),
        (format!("patches: [{{path: p.yaml, {target}}}]\n"), Some(merge.replace("NAME", "any"))),
        (format!("patches: [{{path: p.yaml, {target}}}]\n"), Some(add.to_owned())),
    ] {
        let kustomization = format!("resources: [account.yaml, pod.yaml]\n{lines}");
        let mut files =
            vec![("kustomization.yaml", kustomization.as_str()), ("account.yaml", account), ("pod.yaml", pod)];
        files.extend(file.as_deref().map(|text| ("p.yaml", text)));
        let inventory = gathered(&files);
        let named = inventory.service_accounts.iter().filter(|account| account.name == "puller");
        let secrets: Vec<&str> =
            named.flat_map(|account| &account.pull_secrets).map(|secret| secret.name.as_str()).collect();
        assert!(
            secrets.contains(&"creds") && !secrets.iter().any(|name| name.contains('$')),
            "{kustomization}{secrets:?}"
        );
        assert!(inventory.refusals.is_empty(), "{:?}", inventory.refusals);
    }
}
