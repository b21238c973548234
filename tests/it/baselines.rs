//! `--write-baseline` and `--baseline`.
#![expect(clippy::disallowed_methods, reason = "makes the files that are read")]

use std::fs;
use std::path::Path;

use pullcheck_support::Run;
use serde_json::Value;
use tempfile::TempDir;

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n\
    - {name: a, image: Nginx}\n- {name: b, image: nginx}\n";

fn folder(pod: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.yaml"), pod).unwrap();
    folder
}

fn pullcheck(folder: &Path, args: &[&str]) -> Run {
    Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder).arg("--offline").args(args)
}

#[test]
fn baselined_findings_are_counted_and_new_ones_reported() {
    let folder = folder(&POD.replace("- {", "  - {"));
    let path = folder.path();
    let written = pullcheck(path, &["--write-baseline", "b.json", "a.yaml"]).output().assert_status(0);
    let said = "pullcheck: note: wrote 2 findings to the baseline b.json; 1 image was not verified, so its \
     faults are unknown\n";
    assert_eq!(written.stderr, said);
    written.assert_stdout_has("2 in the baseline");
    let first = fs::read_to_string(path.join("b.json")).unwrap();
    let again = pullcheck(path, &["--baseline", "b.json", "--fail-on", "note", "a.yaml"]).output().assert_status(0);
    assert_eq!((again.stderr.as_str(), again.stdout.contains("2 in the baseline")), ("", true), "{again}");
    // Moved, and one more of the same.
    let more = POD.replace("- {", "  - {").replace("metadata", "# moved\nmetadata") + "  - {name: b, image: nginx}\n";
    fs::write(path.join("a.yaml"), more).unwrap();
    let run = pullcheck(path, &["--baseline", "b.json", "--fail-on", "note", "--format", "json", "a.yaml"]);
    let report: Value = serde_json::from_str(&run.output().assert_status(1).stdout).unwrap();
    assert_eq!((&report["summary"]["baselined"], report["findings"].as_array().unwrap().len()), (&2.into(), 1));
    // Written over: all that is found now, whatever the old one knew.
    let args = ["--baseline", "b.json", "--write-baseline", "b.json", "--quiet", "."];
    assert_eq!(pullcheck(path, &args).output().assert_status(0).stderr, "");
    let second = fs::read_to_string(path.join("b.json")).unwrap();
    assert!(first != second && second.contains("\"count\": 2"), "{second}");
    assert_eq!(fs::read_dir(path).unwrap().count(), 2, "nothing else is left behind");
}

#[test]
fn fixed_baseline_findings_are_noted() {
    let folder = folder(&POD.replace("- {", "  - {"));
    pullcheck(folder.path(), &["--write-baseline", "b.json", "."]).output().assert_status(0);
    let args = ["--baseline", "b.json", "a.yaml"];
    fs::write(folder.path().join("a.yaml"), POD.replace("- {", "  - {").replace("Nginx", "nginx:1")).unwrap();
    let said = "pullcheck: note: 1 finding in the baseline b.json no longer occurs: regenerate it with \
     --write-baseline b.json\n";
    assert_eq!(pullcheck(folder.path(), &args).output().assert_status(0).stderr, said);
    // A rule that did not run has not said that it is mended.
    let off = pullcheck(folder.path(), &args).args(["--allow", "invalid-image-reference"]);
    assert_eq!(off.output().assert_status(0).stderr, "");
    let quiet = pullcheck(folder.path(), &args).arg("--quiet");
    assert_eq!(quiet.output().assert_status(0).stderr, "");
}

#[test]
fn baseline_that_matches_no_input_file_is_reported() {
    let folder = folder(&POD.replace("- {", "  - {"));
    pullcheck(folder.path(), &["--write-baseline", "b.json", "a.yaml"]).output().assert_status(0);
    let absolute = folder.path().join("a.yaml").display().to_string();
    let output = pullcheck(folder.path(), &["--baseline", "b.json", &absolute]).output().assert_status(1);
    assert!(output.stderr.contains("contains none of the files that were read"), "{output}");
}

#[test]
fn invalid_baseline_file_is_a_usage_error() {
    let folder = folder(POD);
    let path = folder.path();
    for (name, text) in [("list.json", "[]"), ("new.json", r#"{"version":9,"findings":[]}"#), ("x.json", "::error::x")]
    {
        fs::write(path.join(name), text).unwrap();
    }
    let long = format!(r#"{{"version":1,"a\n::error::x\u001b[1m{}":1,"findings":[]}}"#, "y".repeat(1 << 20));
    fs::write(path.join("long.json"), long).unwrap();
    fs::write(path.join("binary.json"), b"\xff\xfe").unwrap();
    for (name, words) in [
        ("absent.json", "--baseline absent.json: no such file; create it with --write-baseline"),
        ("list.json", "--baseline list.json: it is not a pullcheck baseline: "),
        ("new.json", "it has version 9, but this pullcheck reads version 1"),
        ("x.json", "it is not a pullcheck baseline: expected value"),
        ("binary.json", "it is not UTF-8"),
        ("long.json", r"unknown field `a\n::error::x\u{1b}[1myyy"),
        ("new\nline.json", r"--baseline new\nline.json: no such file"),
    ] {
        let output = pullcheck(path, &["--baseline", name, "a.yaml"]).output().assert_status(2);
        assert!(output.stderr.contains(words), "{output}");
        assert_eq!((output.stderr.lines().count(), output.stdout.as_str()), (1, ""), "{output}");
        assert!(output.stderr.len() < 3000, "{}", output.stderr.len());
    }
    pullcheck(path, &["--write-baseline", "no/b.json", "a.yaml"]).output().assert_status(2);
}

#[test]
fn incomplete_run_writes_no_baseline() {
    let folder = folder(&POD.replace("- {", "  - {"));
    fs::write(folder.path().join("b.json"), "old").unwrap();
    let run = pullcheck(folder.path(), &["--write-baseline", "b.json", "a.yaml", "absent.yaml"]);
    run.output().assert_status(2).assert_stderr_has(
        "the baseline b.json was not written: not all inputs could be \
     read",
    );
    fs::write(folder.path().join("a.yaml"), "a: 1\n").unwrap();
    let run = pullcheck(folder.path(), &["--write-baseline", "b.json", "a.yaml"]);
    run.output().assert_status(3).assert_stderr_has("was not written: nothing was checked");
    assert_eq!(fs::read_to_string(folder.path().join("b.json")).unwrap(), "old");
}
