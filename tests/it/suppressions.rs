//! Comments and annotations that silence findings, in every place and style in which they are written.
#![expect(clippy::disallowed_methods, reason = "makes the files that are read")]

use std::fs;

use pullcheck_support::{Output, Run};
use serde_json::Value;
use tempfile::TempDir;

fn check(name: &str, bytes: impl AsRef<[u8]>, args: &[&str]) -> Output {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(name), bytes).unwrap();
    let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path());
    run.args(["--offline", "--format", "json", name]).args(args).output()
}

/// Rules of the findings in their order, how many are suppressed, how many images fail.
fn found(name: &str, bytes: impl AsRef<[u8]>, args: &[&str]) -> (String, u64, u64) {
    let report: Value = serde_json::from_str(&check(name, bytes, args).stdout).unwrap();
    let rules = report["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap());
    let count = |key: &str| report["summary"][key].as_u64().unwrap();
    (rules.collect::<Vec<_>>().join(" "), count("suppressed"), count("failing"))
}

fn pod(lines: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n{lines}")
}

#[test]
fn comment_suppresses_on_the_flagged_line_or_alone_above_it() {
    let silenced = [
        "  - image: Nginx # pullcheck: ignore[invalid-image-reference] known\n",
        "  # pullcheck: ignore[invalid-image-reference]\n  - image: Nginx\n",
        "  # pullcheck: ignore[invalid-image-reference]\n  # another\n\n  - image: Nginx # a third\n",
        "  - image: # pullcheck: ignore[invalid-image-reference]\n      Nginx\n",
        "  # pullcheck: ignore[invalid-image-reference]\n  - image: >-\n      Nginx\n",
        "  - image: >- # pullcheck: ignore[invalid-image-reference]\n      Nginx\n",
        "  - image: |\n      Nginx\n# pullcheck: ignore[invalid-image-reference]\n",
        "  - {name: a, image: Nginx} # pullcheck: ignore[invalid-image-reference]\n",
        "  - {name: a,\n     image: Nginx, # pullcheck: ignore[invalid-image-reference]\n     env: []}\n",
        "  - image: &a 'Nginx' # pullcheck: ignore[invalid-image-reference]\n",
        "  - image: \"Nginx\" # renovate: x # pullcheck: ignore[invalid-image-reference]\n",
    ];
    for (at, lines) in silenced.into_iter().enumerate() {
        // What stands behind a block scalar is not at its line.
        let expected = if at == 6 { 0 } else { 1 };
        let text = pod(lines);
        for text in [text.clone(), text.replace('\n', "\r\n"), format!("\u{feff}{text}"), format!("a: 1\n---\n{text}")]
        {
            let (rules, suppressed, failing) = found("a.yaml", &text, &[]);
            assert_eq!((suppressed, failing), (expected, 1), "{text}");
            assert_eq!(rules.is_empty(), expected == 1, "{text}: {rules}");
        }
    }
}

#[test]
fn comment_for_other_line_or_rule_suppresses_nothing() {
    for (lines, rules) in [
        (
            "  # pullcheck: ignore[invalid-image-reference]\n  - name: a\n    image: Nginx\n",
            "unused-suppression invalid-image-reference",
        ),
        (
            "  - image: Nginx\n    # pullcheck: ignore[invalid-image-reference]\n    name: a\n",
            "invalid-image-reference unused-suppression",
        ),
        ("  - image: Nginx # pullcheck: ignore[mutable-tag]\n", "invalid-image-reference unused-suppression"),
        ("  - image: Nginx\n    args: ['# pullcheck: ignore[invalid-image-reference]']\n", "invalid-image-reference"),
        ("  - args:\n    - |\n      # pullcheck: ignore[x]\n    image: Nginx\n", "invalid-image-reference"),
    ] {
        assert_eq!(found("a.yaml", pod(lines), &[]), (rules.to_owned(), 0, 1), "{lines}");
    }
    let text = pod("  - image: Nginx # pullcheck: ignore[invalid-image-reference]\n");
    assert_eq!(found("a.yaml", text, &["--no-suppressions"]), ("invalid-image-reference".to_owned(), 0, 1));
}

#[test]
fn alias_is_suppressed_at_its_own_line() {
    let text = pod("  - image: &a Nginx\n  - image: *a # pullcheck: ignore[invalid-image-reference]\n");
    assert_eq!(found("a.yaml", text, &[]), ("invalid-image-reference".to_owned(), 1, 2));
}

#[test]
fn file_is_suppressed_in_every_encoding() {
    let text = "# Source: shop/templates/web.yaml\r\n# pullcheck: ignore-file[invalid-image-reference] é𝄞\r\n---\r\n";
    let text = format!("{text}{}---\r\n{}", pod("  - image: Nginx\n"), pod("  - image: Web\n"));
    let utf16 = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(unit).collect()
    };
    for bytes in [text.clone().into_bytes(), utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)] {
        assert_eq!(found("a.yaml", bytes, &[]), (String::new(), 2, 2));
    }
}

#[test]
fn annotation_suppresses_only_its_object_or_pod_template() {
    let annotated = |annotation: &str, image: &str| {
        format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"annotations":{{{annotation}}}}},"spec":{{"containers":[{{"image":"{image}"}}]}}}}"#
        )
    };
    let ignore = r#""pullcheck.dev/ignore":"short-name,invalid-image-reference""#;
    let (first, second) = (annotated(ignore, "Nginx"), annotated("", "Web"));
    let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{first},{second}]}}"#);
    for (name, text) in [
        ("list.json", list),
        ("stream.json", format!("{first}{second}")),
        ("two.yaml", format!("{first}\n---\n{second}\n")),
    ] {
        assert_eq!(found(name, text, &[]), ("invalid-image-reference".to_owned(), 1, 2), "{name}");
    }
    let template = "    metadata:\n      annotations: {pullcheck.dev/ignore: \"invalid-image-reference\"}\n";
    let spec = "    spec:\n      containers: [{image: Nginx}]\n";
    let job = "  jobTemplate:\n    spec:\n      template:\n";
    let indented = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
    for text in [
        format!("apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n{template}{spec}"),
        format!("apiVersion: batch/v1\nkind: CronJob\nspec:\n{job}{}", indented(&format!("{template}{spec}"))),
        format!("apiVersion: example.com/v1\nkind: Shop\nspec:\n  web:\n{template}{spec}"),
    ] {
        let (rules, suppressed, _) = found("a.yaml", &text, &[]);
        assert_eq!((rules.as_str(), suppressed), ("", 1), "{text}");
    }
}

#[test]
fn shared_annotation_is_used_when_one_object_matches() {
    let text = "apiVersion: v1\nkind: List\nitems:\n\
        - {apiVersion: v1, kind: Pod, metadata: &m {annotations: {pullcheck.dev/ignore: mutable-tag}}, spec: {containers: [{image: nginx}]}}\n\
        - {apiVersion: v1, kind: Pod, metadata: *m, spec: {containers: [{image: 'nginx:1'}]}}\n";
    assert_eq!(found("a.yaml", text, &[]), (String::new(), 1, 0));
}

#[test]
fn suppression_of_an_unchecked_rule_is_not_unused() {
    let skipped = pod("  - image: 'nginx:${TAG}' # pullcheck: ignore[mutable-tag, unresolved-placeholder]\n");
    assert_eq!(found("a.yaml", skipped, &[]), (String::new(), 1, 0));
    let offline = pod("  - image: nginx:1 # pullcheck: ignore[image-not-found, access-denied, missing-pull-secret]\n");
    assert_eq!(found("a.yaml", offline, &[]).0, "");
    let off = pod("  - image: nginx:1 # pullcheck: ignore[short-name, mutable-tag]\n");
    assert_eq!(found("a.yaml", &off, &["--allow", "mutable-tag"]).0, "");
    assert_eq!(found("a.yaml", &off, &["--warn", "short-name"]), ("unused-suppression".to_owned(), 1, 0));
    let config_map = "apiVersion: v1\nkind: ConfigMap\ndata: {a: b} # pullcheck: ignore[mutable-tag]\n";
    assert_eq!(found("a.yaml", config_map, &["--allow-empty"]).0, "");
    let broken = format!(
        "# pullcheck: ignore-file[mutable-tag, invalid-yaml]\n{}---\napiVersion: v1\nkind: Pod\na: [\n",
        pod("  - image: nginx:1\n")
    );
    assert_eq!(found("a.yaml", broken, &[]), (String::new(), 1, 0));
}

#[test]
fn human_report_counts_suppressed() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.yaml"), pod("  - image: Nginx # pullcheck: ignore[invalid-image-reference]\n"))
        .unwrap();
    let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path()).args(["--offline", "."]);
    assert_eq!(run.output().assert_status(0).stdout, "1 file, 1 image: 1 failing; 1 suppressed\n");
}

#[test]
fn no_suppressions_and_no_ignore_show_all_findings() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("a.yaml", &pod("  - image: Nginx # pullcheck: ignore[invalid-image-reference] \u{202e} ##[error]x\n"));
    write(
        "b.yaml",
        &pod("  - image: Web\n")
            .replace("{name", "{annotations: {pullcheck.dev/ignore: invalid-image-reference}, name"),
    );
    write("c.yaml", &pod("  - image: Api\n"));
    write(".gitignore", "c.yaml\n");
    let run = |args: &[&str]| {
        let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path());
        run.args(["--offline", "--format", "plain", "."]).args(args).output()
    };
    assert_eq!(run(&[]).assert_status(0).stdout, "");
    let output = run(&["--no-suppressions", "--no-ignore"]).assert_status(1);
    assert_eq!(output.stdout.lines().count(), 3, "{output}");
}

#[test]
fn many_suppressions_are_matched_quickly() {
    let head = "# pullcheck: ignore-file[mutable-tag]\n".repeat(20_000);
    let lines = "  - image: nginx # pullcheck: ignore[mutable-tag]\n".repeat(20_000);
    let report: Value = serde_json::from_str(&check("a.yaml", format!("{head}{}", pod(&lines)), &[]).stdout).unwrap();
    // Of those for the file one is enough.
    assert_eq!((&report["summary"]["suppressed"], &report["summary"]["notes"]), (&20_000.into(), &19_999.into()));
}
