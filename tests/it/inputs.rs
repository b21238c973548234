//! Files, folders, globs and standard input; what is wrong with them, and the exit status each time.
#![expect(clippy::disallowed_methods, reason = "makes the files that are read")]

use std::fs;
use std::path::Path;

use pullcheck_support::Run;
use serde_json::Value;
use tempfile::TempDir;

const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'nginx:1.27'}]}\n";

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn pullcheck(within: &Path, args: &[&str]) -> Run {
    Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(within).arg("--offline").args(args)
}

/// Files of the images that are listed, in order.
fn listed(within: &Path, args: &[&str]) -> Vec<String> {
    let output = pullcheck(within, args).args(["--list-images", "--format", "json"]).output().assert_status(0);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let images = report["images"].as_array().unwrap();
    images.iter().map(|image| image["file"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_missing_path_is_named_and_the_others_are_checked() {
    let folder = folder(&[("good.yaml", POD.as_bytes())]);
    let output = pullcheck(folder.path(), &["absent.yaml", "good.yaml"]).output().assert_status(2);
    assert_eq!(output.stderr, "pullcheck: absent.yaml: no such file or folder\n");
    assert!(output.stdout.contains("1 file, 1 image"), "{}", output.stdout);
}

#[test]
fn an_empty_folder_is_nothing_to_check() {
    let folder = folder(&[]);
    let output = pullcheck(folder.path(), &["."]).output().assert_status(3);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stderr.contains("found no *.yaml, *.yml or *.json file in ."), "{}", output.stderr);
    pullcheck(folder.path(), &["--allow-empty", "."]).output().assert_status(0);
}

#[test]
fn folder_without_kubernetes_objects_is_nothing_to_check() {
    let folder = folder(&[("ci.yml", b"jobs: {build: {image: nginx}}\n"), ("notes.txt", POD.as_bytes())]);
    let output = pullcheck(folder.path(), &["."]).output().assert_status(3);
    assert!(output.stderr.contains("read 1 file in ., but none contains a Kubernetes object"), "{}", output.stderr);
}

#[test]
fn unusable_dockerconfigjson_stops_the_run() {
    let folder =
        folder(&[("p.yaml", POD.as_bytes()), ("bad.json", b"{\"auths\": [\"hunter2-hunter2\"]}"), ("no.json", b"!")]);
    let cases = [
        ("absent.json", "No such file"),
        ("bad.json", "cannot unmarshal array"),
        ("no.json", "neither JSON nor base64"),
    ];
    for (file, words) in cases {
        let output = pullcheck(folder.path(), &["--dockerconfigjson", file, "p.yaml"]).output().assert_status(2);
        assert_eq!((output.stderr.lines().count(), output.stdout.as_str()), (1, ""), "{file}");
        assert!(output.stderr.contains(words) && output.stderr.contains(file), "{}", output.stderr);
        assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
    }
    let run = pullcheck(folder.path(), &["p.yaml"]).env("PULLCHECK_DOCKERCONFIGJSON", "{\"auths\": 1}");
    run.output().assert_status(2).assert_stderr_has("PULLCHECK_DOCKERCONFIGJSON is not a dockerconfigjson");
}

#[test]
fn stdin_is_read_once_and_can_be_given_a_file_name() {
    let folder = folder(&[]);
    let run = pullcheck(folder.path(), &["--dockerconfigjson", "-", "-"]).stdin("{}");
    run.output().assert_status(2).assert_stderr_has("standard input can be read only once");
    let run =
        pullcheck(folder.path(), &["--stdin-filename", "rendered.yaml", "-"]).stdin(POD.replace("nginx", "Nginx"));
    run.output().assert_status(1).assert_stdout_has("rendered.yaml:4:");
}

#[test]
fn broken_documents_do_not_affect_other_documents() {
    let text = format!("{POD}---\napiVersion: v1\nkind: Pod\nspec: [\n---\n{}", POD.replace("nginx", "Redis"));
    let folder = folder(&[("a.yaml", text.as_bytes()), ("b.yaml", b"key: [\n")]);
    let output = pullcheck(folder.path(), &["--format", "json", "."]).output().assert_status(1);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let found: Vec<_> =
        findings.iter().map(|f| (f["rule"].as_str().unwrap(), f["severity"].as_str().unwrap())).collect();
    // The second file is YAML of who knows what: no error of ours.
    assert_eq!(found, [("invalid-yaml", "error"), ("invalid-image-reference", "error"), ("invalid-yaml", "note")]);
    assert_eq!(report["summary"]["image_uses"], 2);
    // Named, it is.
    pullcheck(folder.path(), &["b.yaml"]).output().assert_status(1);
}

#[test]
fn unreadable_file_is_a_finding() {
    let folder =
        folder(&[("bin.yaml", b"a\0b"), ("mixed.yaml", "a: \u{fffd}".as_bytes()), ("good.yaml", POD.as_bytes())]);
    let output = pullcheck(folder.path(), &["."]).output().assert_status(1);
    for words in ["bin.yaml", "it is a binary file", "3 files, 1 image"] {
        assert!(output.stdout.contains(words), "{words}: {}", output.stdout);
    }
}

/// What kubectl 1.32 sends of the same files (`kubectl label --local -o yaml`).
#[test]
fn non_utf8_file_is_read_as_in_kubectl() {
    let latin = |from: &str, to: &[u8]| {
        let at = POD.find(from).unwrap();
        [&POD.as_bytes()[..at], to, &POD.as_bytes()[at + from.len()..]].concat()
    };
    let comment = [b"# caf\xe9\n", POD.as_bytes()].concat();
    let image = latin("nginx", b"ngin\xe9");
    let folder = folder(&[("comment.yaml", &comment), ("image.yaml", &image)]);
    let output = pullcheck(folder.path(), &["--format", "json", "."]).output().assert_status(1);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let said =
        |finding: &Value| format!("{} {} {}", finding["severity"], finding["rule"], finding["file"]).replace('"', "");
    let found: Vec<String> = report["findings"].as_array().unwrap().iter().map(said).collect();
    assert_eq!(
        found,
        [
            "warning unreadable-input comment.yaml",
            "error invalid-image-reference image.yaml",
            "warning unreadable-input image.yaml"
        ]
    );
    let written = |at: usize, bytes: &[u8]| {
        let image = &report["images"][at];
        let range = image["byte_start"].as_u64().unwrap() as usize..image["byte_end"].as_u64().unwrap() as usize;
        bytes[range].to_vec()
    };
    assert_eq!(written(0, &comment), b"'nginx:1.27'");
    assert_eq!(written(1, &image), b"'ngin\xe9:1.27'");
    assert_eq!(report["images"][1]["value"], "ngin\u{fffd}:1.27");
}

#[test]
fn encodings_and_line_ends_make_no_difference() {
    let crlf = POD.replace('\n', "\r\n");
    let utf16: Vec<u8> = [0xfeff].into_iter().chain(crlf.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let bom = format!("\u{feff}{POD}");
    let folder = folder(&[("a.yaml", crlf.as_bytes()), ("b.yaml", &utf16), ("c.yaml", bom.as_bytes())]);
    let output = pullcheck(folder.path(), &["--list-images", "--format", "json", "."]).output().assert_status(0);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let places: Vec<_> =
        report["images"].as_array().unwrap().iter().map(|i| (i["line"].as_u64(), i["column"].as_u64())).collect();
    assert_eq!(places, [(Some(4), Some(38)); 3]);
    let image = &report["images"][1];
    let range = image["byte_start"].as_u64().unwrap() as usize..image["byte_end"].as_u64().unwrap() as usize;
    let expected: Vec<u8> = "'nginx:1.27'".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(utf16[range], expected);
}

#[test]
fn folder_walk_respects_ignore_files_and_excludes() {
    let pod = POD.as_bytes();
    let folder = folder(&[
        (".gitignore", b"ignored/\n"),
        ("ignored/a.yaml", pod),
        (".deploy/b.yml", pod),
        (".git/c.yaml", pod),
        (".terraform/d.yaml", pod),
        ("e.json", br#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c","image":"nginx:1"}]}}"#),
        ("f.yaml.j2", pod),
        ("g.txt", pod),
        ("skip me/h.yaml", pod),
    ]);
    let root = folder.path();
    assert_eq!(listed(root, &["."]), [".deploy/b.yml", "e.json", "f.yaml.j2", "skip me/h.yaml"]);
    assert_eq!(
        listed(root, &["--exclude", "skip me", "--hidden", "."]),
        [".deploy/b.yml", ".terraform/d.yaml", "e.json", "f.yaml.j2"]
    );
    assert_eq!(listed(root, &["--no-ignore", "ignored"]), ["ignored/a.yaml"]);
    assert_eq!(listed(root, &["**/*.y*ml"]), [".deploy/b.yml", "skip me/h.yaml"]);
    assert_eq!(listed(root, &["g.txt", "./g.txt", "e.json"]), ["g.txt", "e.json"]);
    pullcheck(root, &["*.toml"]).output().assert_status(2).assert_stderr_has("*.toml: the pattern matches no file");
}

#[cfg(unix)]
#[test]
fn symlinks_are_never_followed_out_of_the_folder() {
    use std::os::unix::fs::symlink;

    let outside = folder(&[("secret.yaml", POD.as_bytes()), ("more/x.yaml", POD.as_bytes())]);
    let folder = folder(&[("k8s/real.txt", POD.as_bytes())]);
    let root = folder.path().join("k8s");
    symlink(outside.path().join("secret.yaml"), root.join("leak.yaml")).unwrap();
    symlink(outside.path().join("more"), root.join("folder")).unwrap();
    symlink("real.txt", root.join("inside.yaml")).unwrap();
    symlink("loop.yaml", root.join("loop.yaml")).unwrap();
    assert_eq!(listed(&root, &["."]), ["inside.yaml"]);
    let output = pullcheck(&root, &["leak.yaml"]).output().assert_status(1);
    assert!(output.stdout.contains("symbolic link") && !output.stdout.contains("nginx"), "{}", output.stdout);
}

#[cfg(unix)]
#[test]
fn symlinks_skipped_in_a_folder_are_noted() {
    use std::os::unix::fs::symlink;

    let outside = folder(&[("secret.yaml", POD.as_bytes()), ("more/x.yaml", POD.as_bytes())]);
    let folder = folder(&[("k8s/real.txt", POD.as_bytes()), ("k8s/sub/a.yaml", POD.as_bytes())]);
    let root = folder.path().join("k8s");
    symlink(outside.path().join("secret.yaml"), root.join("leak.yaml")).unwrap();
    symlink(outside.path().join("more"), root.join("folder")).unwrap();
    symlink(outside.path().join("readme"), root.join("README")).unwrap();
    symlink("gone", root.join("gone.yaml")).unwrap();
    // What these lead to is read by itself.
    symlink("sub", root.join("again")).unwrap();
    symlink("sub/a.yaml", root.join("a.yaml")).unwrap();
    let output = pullcheck(&root, &["--format", "plain", "."]).output().assert_status(0);
    let told: Vec<_> =
        output.stdout.lines().map(|line| line.split(" not followed").next().unwrap_or_default()).collect();
    let note = |file: &str| format!("{file}: note[unreadable-input]");
    let of_the_inputs = told.iter().filter(|line| line.contains("unreadable-input")).copied().collect::<Vec<_>>();
    assert_eq!(of_the_inputs, [note("folder"), note("gone.yaml"), note("leak.yaml")], "{}", output.stdout);
    assert!(output.stdout.contains("a symbolic link that points outside the folder"), "{}", output.stdout);
    pullcheck(&root, &["."]).output().assert_status(0).assert_stdout_has("1 file, 1 image");
}

#[cfg(unix)]
#[test]
fn symlinks_out_of_the_git_repository_are_not_followed() {
    use std::os::unix::fs::symlink;

    let outside = folder(&[("x/broken.yaml", b"apiVersion: v1\nkind: Pod\nspec: [hunter2hunter2\n")]);
    let repository = folder(&[(".git/HEAD", b"ref: x\n"), ("real/p.yaml", POD.as_bytes())]);
    let root = repository.path();
    symlink(outside.path().join("x"), root.join("manifests")).unwrap();
    symlink("real", root.join("inside")).unwrap();
    for path in ["manifests", "manifests/", "manifests/broken.yaml", "manifests/*.yaml", "real/../manifests"] {
        let output = pullcheck(root, &["--format", "plain", path]).output().assert_status(1);
        assert!(output.stdout.contains("outside the Git repository"), "{path}: {}", output.stdout);
        assert!(!output.stdout.contains("hunter2") && !output.stdout.contains("invalid-yaml"), "{path}");
    }
    assert_eq!(listed(root, &["inside"]), ["inside/p.yaml"]);
    // The operator's own link, outside of every repository, leads where it will.
    let own = folder(&[]);
    symlink(root.join("real"), own.path().join("linked")).unwrap();
    assert_eq!(listed(own.path(), &["linked"]), ["linked/p.yaml"]);
}

#[test]
fn folder_without_a_readable_manifest_does_not_pass() {
    for text in ["key: [\n", "a: b: c\n"] {
        let folder = folder(&[("sub/b.yaml", text.as_bytes())]);
        let output = pullcheck(folder.path(), &["."]).output().assert_status(3);
        assert!(output.stdout.contains("note[invalid-yaml]"), "{}", output.stdout);
        output.assert_stderr_has("read 1 file in ., but none contains a Kubernetes object (see the report)");
        pullcheck(folder.path(), &["--allow-empty", "."]).output().assert_status(0);
    }
}

/// `kubectl get pods,jobs,rs,deploy -o yaml` of a cluster.
#[test]
fn finished_workloads_are_listed_and_skipped() {
    let spec = "spec: {imagePullSecrets: [{name: gone}], containers: [{name: c, image: 'Bad/Image:1'}]}";
    let object = |head: &str, name: &str, rest: &str| {
        format!("- {head}\n  metadata: {{name: {name}, namespace: n, uid: 1-2}}\n{rest}")
    };
    let template = format!("  spec: {{REPLICAS template: {{{spec}}}}}\n");
    let of = |replicas: &str| template.replace("REPLICAS", replicas);
    let pod = |phase: &str| format!("  {spec}\n  status: {{phase: {phase}}}\n");
    let done =
        "  status: {conditions: [{type: SuccessCriteriaMet, status: 'True'}, {type: Complete, status: 'True'}]}\n";
    let items = [
        object("apiVersion: v1\n  kind: Pod", "succeeded", &pod("Succeeded")),
        object("apiVersion: v1\n  kind: Pod", "failed", &pod("Failed")),
        object("apiVersion: v1\n  kind: Pod", "pending", &pod("Pending")),
        object("apiVersion: batch/v1\n  kind: Job", "complete", &format!("{}{done}", of(""))),
        object("apiVersion: batch/v1\n  kind: Job", "running", &of("")),
        object("apiVersion: apps/v1\n  kind: ReplicaSet", "old", &of("replicas: 0, ")),
        object("apiVersion: apps/v1\n  kind: ReplicaSet", "new", &of("replicas: 2, ")),
        object("apiVersion: apps/v1\n  kind: Deployment", "down", &of("replicas: 0, ")),
    ];
    let dump = format!("apiVersion: v1\nkind: List\nitems:\n{}", items.concat());
    let folder = folder(&[("dump.yaml", dump.as_bytes())]);
    let output = pullcheck(folder.path(), &["--format", "json", "."]).output().assert_status(1);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let images = report["images"].as_array().unwrap();
    let verdict = |image: &Value| {
        let word = |key: &str| image[key].as_str().unwrap_or_default().to_owned();
        (image["resource"]["name"].as_str().unwrap_or_default().to_owned(), word("verdict"), word("cause"))
    };
    let expected = [
        ("succeeded", "skipped", "finished"),
        ("failed", "skipped", "finished"),
        ("pending", "fails", "invalid-name"),
        ("complete", "skipped", "finished"),
        ("running", "fails", "invalid-name"),
        ("old", "skipped", "finished"),
        ("new", "fails", "invalid-name"),
        ("down", "fails", "invalid-name"),
    ];
    let expected = expected.map(|(name, verdict, cause)| (name.to_owned(), verdict.to_owned(), cause.to_owned()));
    assert_eq!(images.iter().map(verdict).collect::<Vec<_>>(), expected);
    let findings = report["findings"].as_array().unwrap();
    let over = ["succeeded", "failed", "complete", "old"];
    let about = |finding: &&Value| over.iter().any(|name| finding["resource"]["name"] == *name);
    assert_eq!(findings.iter().filter(about).count(), 0, "{findings:#?}");
    // A manifest that somebody wrote asks for no replicas today, and for some tomorrow.
    let written = dump.replace(", uid: 1-2", "");
    let run = pullcheck(folder.path(), &["--format", "json", "-"]).stdin(written).output().assert_status(1);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let old = report["images"].as_array().unwrap().iter().find(|image| image["resource"]["name"] == "old").unwrap();
    assert_eq!(old["verdict"], "fails");
}

#[cfg(unix)]
#[test]
fn named_pipe_is_not_read() {
    let folder = folder(&[("p.yaml", POD.as_bytes())]);
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("fifo.yaml")).status().unwrap();
    assert!(made.success());
    assert_eq!(listed(folder.path(), &["."]), ["p.yaml"]);
    let output = pullcheck(folder.path(), &["fifo.yaml"]).output().assert_status(1);
    assert!(output.stdout.contains("not a regular file"), "{}", output.stdout);
}

#[test]
fn file_over_the_size_limit_is_not_read() {
    let folder = folder(&[("p.yaml", POD.as_bytes())]);
    let large = fs::File::create(folder.path().join("large.yaml")).unwrap();
    large.set_len(pullcheck::input::load::MAX_FILE_BYTES + 1).unwrap();
    let output = pullcheck(folder.path(), &["."]).output().assert_status(1);
    assert!(output.stdout.contains("it is larger than 64 MiB"), "{}", output.stdout);
}

/// kubectl's decoder takes 10,000 levels. Several files, so that they are read by threads with a small stack of their
/// own.
#[test]
fn documents_up_to_the_kubectl_depth_limit_are_read() {
    const LEVELS: usize = 9_000;
    let head = |kind: &str| format!("{kind}\nmetadata: {{name: a}}\nspec: ");
    let unknown = head("apiVersion: foo.example/v1\nkind: Unknown");
    let workflow = head("apiVersion: argoproj.io/v1alpha1\nkind: Workflow");
    let list = "apiVersion: v1\nkind: List\nitems: ";
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: ";
    let maps = format!("{}x{}", "{a: ".repeat(LEVELS), "}".repeat(LEVELS));
    let lists = format!("{}x{}", "[".repeat(LEVELS), "]".repeat(LEVELS));
    let mut block = unknown.clone() + "\n";
    (0..1_000).for_each(|level| block.push_str(&format!("{}a:\n", " ".repeat(level + 1))));
    let kustomization = format!("resources: []\npatches: {lists}\n");
    let mut files: Vec<(String, String)> = vec![
        ("block.yaml".to_owned(), block),
        ("kustomization.yaml".to_owned(), kustomization),
        ("pod.yaml".to_owned(), POD.to_owned()),
    ];
    for (at, head) in [&unknown, &workflow, list, secret].into_iter().enumerate() {
        files.push((format!("{at}-maps.yaml"), format!("{head}{maps}\n")));
        files.push((format!("{at}-lists.yaml"), format!("{head}{lists}\n")));
    }
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let folder = folder(&files);
    let output = pullcheck(folder.path(), &["--format", "json", "."]).output().assert_status(1);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let rules: Vec<_> = report["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].clone()).collect();
    assert_eq!(rules, ["invalid-kustomization"], "{}", output.stdout);
    assert_eq!(report["images"].as_array().unwrap().len(), 1);
}

#[test]
fn hostile_documents_are_reported_and_others_are_checked() {
    let bomb = "apiVersion: v1\nkind: List\na: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nitems: &i\n- kind: List\n  items: &j\n  - kind: List\n    items: [*i, *i, *j, *j, *i]\n";
    let layers: String =
        (0..40).map(|n| format!("l{}: &l{} {{kind: List, items: [*l{n}, *l{n}, *l{n}]}}\n", n + 1, n + 1)).collect();
    let lists = format!(
        "kind: List\nl0: &l0 {{kind: Pod, spec: {{containers: [{{image: x}}]}}}}\n{layers}items: [*l40, *l7]\n"
    );
    let deep = format!("apiVersion: v1\nkind: Pod\nspec: {}", "[".repeat(10_000));
    let comments = format!("a:\n{}\n---\n{POD}", "# c\n".repeat(100_000));
    let folder = folder(&[
        ("bomb.yaml", bomb.as_bytes()),
        ("comments.yaml", comments.as_bytes()),
        ("deep.yaml", deep.as_bytes()),
        ("good.yaml", POD.as_bytes()),
        ("lists.yaml", lists.as_bytes()),
    ]);
    let output = pullcheck(folder.path(), &["--format", "json", "."]).output().assert_status(1);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let files = |rule: &str| -> Vec<String> {
        let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["rule"] == rule);
        findings.map(|finding| finding["file"].as_str().unwrap().to_owned()).collect()
    };
    // kubectl refuses all three; of the last it is told besides what was not read.
    assert_eq!(files("invalid-yaml"), ["bomb.yaml", "deep.yaml", "lists.yaml", "lists.yaml"]);
    let images = report["images"].as_array().unwrap();
    for file in ["comments.yaml", "good.yaml"] {
        assert!(images.iter().any(|image| image["file"] == file), "{file}");
    }
}

#[test]
fn suppression_in_the_wrong_case_is_reported() {
    for directive in ["Pullcheck: Ignore[x]", "PULLCHECK: IGNORE[x]", "PullCheck: ignore[x]"] {
        let folder = folder(&[("p.yaml", format!("# {directive}\n{POD}").as_bytes())]);
        let output = pullcheck(folder.path(), &["--format", "plain", "."]).output();
        assert!(output.stdout.contains("[invalid-suppression]"), "{directive}: {output}");
    }
}
