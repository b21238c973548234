//! Where reports go: `--format`, `--output`, and what GitHub Actions gets by itself.
#![expect(clippy::disallowed_methods, reason = "reads what was written")]

use std::fs;
use std::path::Path;

use pullcheck_support::Run;
use tempfile::TempDir;

use crate::report_parsers;

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: 'a b'}]}\n";

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("pod.yaml"), POD).unwrap();
    folder
}

fn pullcheck(folder: &Path) -> Run {
    Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder).args(["--offline", "pod.yaml"])
}

#[test]
fn one_run_writes_several_reports() {
    let folder = folder();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    fs::write(folder.path().join("out.sarif"), "old").unwrap();
    let run = pullcheck(folder.path()).args([
        "--color",
        "always",
        "--output",
        "sarif=out.sarif",
        "--output",
        "human=out.txt",
    ]);
    let output = run.args(["--output", "junit=out.xml"]).output().assert_status(1);
    assert!(output.stdout.contains("\u{1b}["), "{output}");
    assert!(read("out.txt").starts_with("error[invalid-image-reference]: "), "a file has no colour");
    report_parsers::sarif(&read("out.sarif")).unwrap();
    roxmltree::Document::parse(&read("out.xml")).unwrap();
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["out.sarif", "out.txt", "out.xml", "pod.yaml"]);
}

#[test]
fn dash_writes_the_report_to_stdout() {
    let folder = folder();
    let run = |args: &[&str]| pullcheck(folder.path()).args(args).output();
    let plain = run(&["--format", "plain"]).assert_status(1);
    assert!(plain.stdout.starts_with("pod.yaml:4:40: error[invalid-image-reference] "), "{plain}");
    assert_eq!(run(&["--output", "plain=-"]), plain);
    run(&["--output", "plain=-", "--format", "json"]).assert_status(2).assert_stderr_has("only one report");
}

#[test]
fn unwritable_output_is_a_usage_error_before_any_check() {
    let folder = folder();
    fs::create_dir(folder.path().join("folder")).unwrap();
    for (value, words) in [
        ("sarif=missing/out.sarif", "--output sarif=missing/out.sarif: "),
        ("sarif=folder", "--output sarif=folder: "),
        ("sarif", "write FORMAT=FILE"),
        ("sarif=", "write FORMAT=FILE"),
        ("tap=out", "unknown format `tap`; use one of human, plain, json"),
    ] {
        let output = pullcheck(folder.path()).args(["--output", value]).output();
        let output = output.assert_status(2).assert_stderr_has(words);
        assert_eq!(output.stdout, "", "{output}");
    }
    let twice = pullcheck(folder.path()).args(["--output", "json=out", "--output", "sarif=out"]).output();
    twice.assert_status(2).assert_stderr_has("two reports cannot be written to out");
}

#[test]
fn two_reports_in_the_same_file_are_a_usage_error() {
    let folder = folder();
    fs::create_dir(folder.path().join("sub")).unwrap();
    for args in
        [["--output", "json=out", "--output", "sarif=./out"], ["--output", "json=out", "--output", "plain=sub/../out"]]
    {
        let output = pullcheck(folder.path()).args(args).output().assert_status(2);
        assert!(output.stderr.contains("two reports cannot be written to "), "{output}");
    }
    let output = pullcheck(folder.path()).args(["--output", "json=out", "--write-baseline", "./out"]).output();
    output.assert_status(2).assert_stderr_has("a report and a baseline cannot both be written to ./out");
}

#[test]
#[cfg(target_os = "linux")]
fn full_disk_does_not_affect_other_reports() {
    let folder = folder();
    let run = pullcheck(folder.path()).args(["--output", "sarif=/dev/full", "--output", "plain=out"]);
    run.output().assert_status(2).assert_stderr_has("--output sarif=/dev/full: ");
    assert!(fs::read_to_string(folder.path().join("out")).unwrap().starts_with("pod.yaml:4:40: "));
}

#[test]
#[cfg(unix)]
fn broken_pipe_does_not_change_the_exit_status() {
    let folder = folder();
    // The pipe has no reader any more when the report is written: `sleep` on it has ended, by `wait`.
    let script = "mkfifo p; cat p >/dev/null & exec 3>p; kill $!; wait $! 2>/dev/null; \"$0\" --offline pod.yaml >&3";
    let run = Run::new("sh").within(folder.path()).args(["-c", script, env!("CARGO_BIN_EXE_pullcheck")]);
    run.output().assert_status(1);
}

#[test]
fn rejected_argument_is_escaped_in_the_error() {
    let folder = folder();
    let run = pullcheck(folder.path()).arg("--x\n::error::y \u{1b}]0;z\u{202e}##[group]").env("GITHUB_ACTIONS", "true");
    let output = run.output().assert_status(2).assert_stderr_has("unexpected argument '--x");
    let bad = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!output.stderr.contains(bad) && !output.stderr.contains("##["), "{output}");
    assert!(!output.stderr.lines().any(|line| line.trim_start().starts_with("::")), "{output}");
}

#[test]
fn azure_pipelines_commands_in_input_are_neutralized() {
    let folder = folder();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: \"##vso[task.prependpath]x\"}\n\
               spec: {containers: [{name: c, image: \"a b ##vso[task.setvariable variable=PATH]x\"}]}\n";
    fs::write(folder.path().join("pod.yaml"), pod).unwrap();
    for (variable, value) in [("TF_BUILD", "True"), ("TEAMCITY_VERSION", "2026.1"), ("GITHUB_ACTIONS", "true")] {
        for format in ["human", "plain", "json", "sarif", "github", "gitlab", "junit", "markdown"] {
            let run = pullcheck(folder.path()).args(["--format", format, "##vso[z].yaml"]).env(variable, value);
            let output = run.output().assert_status(2);
            assert!(!output.stdout.contains("##vso[") && !output.stderr.contains("##vso["), "{format}: {output}");
        }
    }
}

#[test]
#[cfg(unix)]
fn output_follows_symlinks_and_appends_to_streams() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("real")).unwrap();
    fs::write(path("real/out"), "old").unwrap();
    std::os::unix::fs::symlink("real/out", path("link")).unwrap();
    pullcheck(folder.path()).args(["--output", "plain=link"]).output().assert_status(1);
    assert!(fs::symlink_metadata(path("link")).unwrap().is_symlink());
    assert!(fs::read_to_string(path("real/out")).unwrap().starts_with("pod.yaml:4:40: "));
    // Standard error is a file here, as in many a CI job: what stands in it stays.
    let script = "exec 2>log; echo before >&2; \"$0\" --offline --format json --output plain=/dev/stderr pod.yaml";
    let run = Run::new("sh").within(folder.path()).args(["-c", script, env!("CARGO_BIN_EXE_pullcheck")]);
    run.output().assert_status(1);
    let log = fs::read_to_string(path("log")).unwrap();
    assert!(log.starts_with("before\npod.yaml:4:40: "), "{log}");
}

#[test]
fn image_list_supports_only_human_and_json() {
    let folder = folder();
    for format in ["plain", "sarif", "github", "gitlab", "junit", "markdown"] {
        for args in [["--format".to_owned(), format.to_owned()], ["--output".to_owned(), format!("{format}=out")]] {
            let output = pullcheck(folder.path()).arg("--list-images").args(&args).output();
            output.assert_status(2).assert_stderr_has("--list-images cannot be written as");
        }
    }
    let output =
        pullcheck(folder.path()).args(["--list-images", "--output", "json=out.json"]).output().assert_status(0);
    assert!(output.stdout.starts_with("IMAGE"), "{output}");
    assert!(fs::read_to_string(folder.path().join("out.json")).unwrap().contains("\"images\""));
}

#[test]
fn image_list_is_grouped_only_if_it_is_requested() {
    let folder = folder();
    let run = |args: &[&str]| pullcheck(folder.path()).args(args).output();
    run(&["--by", "registry"]).assert_status(2).assert_stderr_has("--list-images");
    run(&["--list-images", "--by", "node"]).assert_status(2).assert_stderr_has("registry, namespace, release, file");
    run(&["--list-images", "--by", "file"]).assert_status(0).assert_stdout_has("pod.yaml\n    1  ");
    let json = |args: &[&str]| run(&[&["--list-images", "--format", "json"], args].concat()).assert_status(0).stdout;
    assert_eq!(json(&["--by", "release"]), json(&[]));
}

#[test]
fn github_actions_gets_annotations_and_a_summary() {
    let folder = folder();
    let summary = folder.path().join("summary.md");
    let run = || pullcheck(folder.path()).env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary);
    let output = run().output().assert_status(1);
    let command = output.stdout.lines().find_map(report_parsers::Command::parse).unwrap();
    assert_eq!((command.name.as_str(), command.property("line")), ("error", Some("4")));
    let first = fs::read_to_string(&summary).unwrap();
    assert!(first.starts_with("## pullcheck: 1 error\n"), "{first}");
    run().output();
    assert_eq!(fs::read_to_string(&summary).unwrap(), format!("{first}\n{first}"));
    // Another format has a file of its own, and the list of images is for people.
    run().args(["--format", "human"]).output().assert_stdout_has("error[invalid-image-reference]: ");
    run().arg("--list-images").output().assert_stdout_has("IMAGE");
    assert_eq!(fs::read_to_string(&summary).unwrap(), format!("{first}\n{first}"));
    fs::write(&summary, "x".repeat((1 << 20) - 100)).unwrap();
    run().output().assert_status(1);
    assert_eq!(fs::metadata(&summary).unwrap().len(), (1 << 20) - 100, "no room");
    let lost = run().env("GITHUB_STEP_SUMMARY", "missing/summary.md").output().assert_status(1);
    lost.assert_stderr_has("the job summary missing/summary.md cannot be written");
}

/// A Secret may hold any word: what is no secret is shown as it is, and what the Secret says stays hidden.
#[test]
fn secret_values_do_not_mask_paths_names_or_rules() {
    let folder = TempDir::new().unwrap();
    let secret = |name: &str, word: &str| {
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData: {{value: {word}}}\n---\n")
    };
    let words = [
        "password",
        "1password-connect",
        "invalid-image-reference",
        "findings",
        "deploy",
        "Deployment",
        "failing",
        "warnings",
    ];
    let secrets: String = words.iter().map(|word| secret("s", word)).collect();
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: password-reset, namespace: deploy}\nspec:\n  \
                template:\n    spec:\n      serviceAccountName: password\n      imagePullSecrets: [{name: \
                1password-connect}]\n      containers: [{name: password, image: 'ghcr.io/Password/x:1'}]\n";
    fs::create_dir(folder.path().join("deploy")).unwrap();
    fs::write(folder.path().join("deploy/1password-connect.yaml"), format!("{secrets}{text}")).unwrap();
    let run = |format: &str| {
        let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path());
        run.args(["--offline", "--format", format, "deploy"]).output().assert_status(1).stdout
    };
    for format in ["human", "plain", "json", "sarif", "github", "gitlab", "junit", "markdown"] {
        let shown = run(format);
        assert!(!shown.contains("1***") && !shown.contains("***-") && !shown.contains(" ***"), "{format}: {shown}");
        for word in ["deploy/1password-connect.yaml", "invalid-image-reference", "pull secret"] {
            assert!(shown.contains(word), "{word} in {format}: {shown}");
        }
    }
    let json: serde_json::Value = serde_json::from_str(&run("json")).unwrap();
    let image = &json["images"][0];
    assert_eq!(image["file"], "deploy/1password-connect.yaml");
    assert_eq!(image["resource"]["kind"], "Deployment");
    assert_eq!(image["resource"]["namespace"], "deploy");
    assert_eq!(image["service_account"], "password");
    assert!(json["findings"].as_array().unwrap().iter().any(|finding| finding["rule"] == "invalid-image-reference"));
}

/// Nobody has to say that the log's reader obeys commands.
#[test]
fn workflow_commands_are_neutralized_outside_github_too() {
    let folder = TempDir::new().unwrap();
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: '##[error]p'}\nspec: {containers: [{name: c, image: \
                \"##[add-mask]a\\n::error::b\"}]}\n";
    fs::write(folder.path().join("p.yaml"), text).unwrap();
    for format in ["human", "plain", "markdown", "json", "junit", "gitlab", "sarif"] {
        let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path());
        let output = run.args(["--offline", "--format", format, "."]).output().assert_status(1);
        assert!(!output.stdout.contains("##["), "{format}: {}", output.stdout);
        assert!(!output.stdout.lines().any(|line| line.trim_start().starts_with("::")), "{format}: {}", output.stdout);
    }
}

/// What nobody can parse holds a password as well as what somebody can.
#[test]
fn malformed_secret_does_not_show_its_values() {
    const PASSWORD: &str = "hunter2verysecret";
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'nginx:1'}]}\n";
    let head = "apiVersion: v1\nkind: Secret\nmetadata: {name: m}\n";
    let json = format!("{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"stringData\":{{\"a\":\"{PASSWORD}\"}}}}");
    let broken = format!("data: {{a: {PASSWORD}}}\n   b: c\n");
    let cases = [
        format!("{pod}--- {json}\n"),
        format!("{pod}---  {{kind: Secret, stringData: {{a: {PASSWORD}}}}}\n"),
        format!("{head}stringData:\n  a: !!int {PASSWORD}\n"),
        format!("{head}stringData:\n  a: *{PASSWORD}\n"),
        format!("{pod}...\nkind: Secret\nstringData: {{a: {PASSWORD}}}\n"),
        format!("---\n{{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}}{json}\n"),
        format!("kind: !!str Secret\n{broken}"),
        format!("kind: &k Secret\n{broken}"),
        format!("kind:\n  Secret\n{broken}"),
        format!("? kind\n: Secret\n{broken}"),
        format!("{head}stringData: {{{{ {PASSWORD} }}}}\n"),
    ];
    let kustomizations = [
        format!("secretGenerator:\n- name: pull\n  literals: password={PASSWORD}\n"),
        format!("secretGenerator:\n- name: pull\n  literals: [password={PASSWORD}\n"),
        format!("patches:\n- bogus: 1\n  patch: |\n    kind: Secret\n    stringData: {{a: {PASSWORD}}}\n"),
    ];
    let files = cases.iter().map(|text| ("manifest.yaml", text));
    for (name, text) in files.chain(kustomizations.iter().map(|text| ("kustomization.yaml", text))) {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(name), text).unwrap();
        for format in ["human", "plain", "json", "sarif", "github", "gitlab", "junit", "markdown"] {
            let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path());
            let output = run.args(["--offline", "--format", format, name]).output();
            assert!(!output.to_string().contains(PASSWORD), "{format} of {text}: {output}");
        }
    }
}
