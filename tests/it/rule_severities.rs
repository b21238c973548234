//! `--deny`, `--warn`, `--note`, `--allow`: what the operator makes of the rules.

use pullcheck_support::Run;
use serde_json::Value;

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: a, image: \
                   nginx}\n  - {name: b, image: 'ghcr.io/acme/api:1'}\n";

fn pullcheck(args: &[&str]) -> Run {
    Run::new(env!("CARGO_BIN_EXE_pullcheck")).args(["--offline", "-"]).args(args).stdin(POD)
}

/// Rule, severity and image of every finding, and the exit status.
fn found(args: &[&str]) -> (Vec<String>, Option<i32>) {
    let output = pullcheck(args).args(["--format", "json"]).output();
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    let words =
        findings.map(|finding| ["severity", "rule", "image"].map(|key| finding[key].as_str().unwrap()).join(" "));
    (words.collect(), output.status)
}

#[test]
fn options_set_severities_and_turn_rules_on_and_off() {
    let cases: [(&[&str], &[&str], i32); 7] = [
        (&[], &["warning mutable-tag nginx"], 0),
        (&["--deny", "mutable-tag"], &["error mutable-tag nginx"], 1),
        (&["--note", "mutable-tag"], &["note mutable-tag nginx"], 0),
        (&["--allow", "mutable-tag"], &[], 0),
        (&["--warn", "short-name", "--deny", "all"], &["error mutable-tag nginx", "warning short-name nginx"], 1),
        (&["--note", "short-name", "--allow", "all"], &["note short-name nginx"], 0),
        (
            &["--deny", "unpinned-image", "--allow", "mutable-tag"],
            &["error unpinned-image nginx", "error unpinned-image ghcr.io/acme/api:1"],
            1,
        ),
    ];
    for (args, expected, status) in cases {
        let expected = expected.iter().map(|&words| words.to_owned()).collect::<Vec<_>>();
        assert_eq!(found(args), (expected, Some(status)), "{args:?}");
    }
}

#[test]
fn unknown_or_conflicting_rule_option_is_a_usage_error() {
    let refused = |args: &[&str]| pullcheck(args).output().assert_status(2).stderr;
    let meant = "pullcheck: --warn shortname: unknown rule `shortname`; did you mean `short-name`?\n";
    assert_eq!(refused(&["--warn", "shortname"]), meant);
    assert!(refused(&["--deny", "x"]).contains("run `pullcheck --list-rules`"));
    assert!(refused(&["--deny", "mutable-tag", "--allow", "mutable-tag"]).contains("two severities"));
}

#[test]
fn a_rule_that_is_off_is_listed_as_off() {
    let output = Run::new(env!("CARGO_BIN_EXE_pullcheck")).arg("--list-rules").output().assert_status(0);
    let level = |rule: &str| {
        let line = output.stdout.lines().find(|line| line.starts_with(&format!("{rule} "))).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!((level("short-name").as_str(), level("mutable-tag").as_str()), ("off", "warning"));
}
