//! The exit status: severity × `--fail-on` × unverified × suppressed × baselined, and what counts before what.
#![expect(clippy::disallowed_methods, reason = "makes the files that are read")]

use std::fs;

use clap::Parser;
use pullcheck::cli::Exit;
use pullcheck::findings::finding::{Finding, Severity};
use pullcheck::findings::suppression::{Silenced, SilencedBy};
use pullcheck::options::Args;
use pullcheck::options::Options;
use pullcheck::report::{InputError, Report};
use pullcheck::text::source::{SourceId, Span};
use pullcheck_support::Run;
use tempfile::TempDir;

const SEVERITIES: [Severity; 3] = [Severity::Note, Severity::Warning, Severity::Error];

/// What becomes of the finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Reported,
    Suppressed,
    Baselined,
}

fn report(severity: Severity, fate: Fate, unverified: usize) -> Report {
    let mut report = Report::default();
    let finding = Finding::new("mutable-tag", severity, "m", Span::new(SourceId(0), 0, 1), "");
    let silenced = |by| vec![Silenced { finding: finding.clone(), by }];
    match fate {
        Fate::Reported => report.findings = vec![finding],
        Fate::Suppressed => report.silenced = silenced(SilencedBy::Suppression { reason: None }),
        Fate::Baselined => report.silenced = silenced(SilencedBy::Baseline),
    }
    report.summary.resources = 1;
    report.summary.unverified = unverified;
    report
}

fn options(args: &[&str]) -> Options {
    let args = ["pullcheck", "--offline"].into_iter().chain(args.iter().copied());
    Options::try_from(Args::try_parse_from(args).unwrap()).unwrap()
}

#[test]
fn severity_threshold_and_unverified_decide_exit_status() {
    for (fail_on, fails_from) in [("note", 0), ("warning", 1), ("error", 2), ("never", 3)] {
        for strict in [false, true] {
            let mut args = vec!["--fail-on", fail_on];
            args.extend(strict.then_some("--fail-on-unverified"));
            let options = options(&args);
            for (rank, severity) in SEVERITIES.into_iter().enumerate() {
                for fate in [Fate::Reported, Fate::Suppressed, Fate::Baselined] {
                    for unverified in [0, 1] {
                        let expected = if fate == Fate::Reported && rank >= fails_from {
                            Exit::Findings
                        } else if strict && unverified > 0 {
                            Exit::Unverified
                        } else {
                            Exit::Clean
                        };
                        let case = format!("{args:?} {severity:?} {fate:?} {unverified} unverified");
                        assert_eq!(Exit::of(&report(severity, fate, unverified), &options), expected, "{case}");
                    }
                }
            }
        }
    }
}

#[test]
fn usage_errors_outrank_findings_and_unverified_images() {
    let options = options(&["--fail-on-unverified"]);
    let mut report = report(Severity::Error, Fate::Reported, 1);
    report.errors = vec![InputError { file: None, message: String::new() }];
    let mut seen = vec![Exit::of(&report, &options)];
    report.errors.clear();
    seen.push(Exit::of(&report, &options));
    report.findings.clear();
    report.summary.resources = 0;
    seen.push(Exit::of(&report, &options));
    report.summary.unverified = 0;
    seen.push(Exit::of(&report, &options));
    report.summary.resources = 1;
    seen.push(Exit::of(&report, &options));
    assert_eq!(seen, [Exit::Usage, Exit::Findings, Exit::Unverified, Exit::NothingToCheck, Exit::Clean]);
}

#[test]
fn every_format_returns_the_same_exit_status() {
    let folder = TempDir::new().unwrap();
    let pod = |image: &str| format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: {image}\n");
    for (name, text) in [
        ("note.yaml", pod("'nginx:${TAG}'")),
        ("warning.yaml", pod("nginx")),
        ("error.yaml", pod("Nginx")),
        ("suppressed.yaml", pod("Nginx # pullcheck: ignore[invalid-image-reference]")),
        ("unverified.yaml", pod("nginx:1.27")),
        ("broken.yaml", "# pullcheck: ignore-file[invalid-yaml]\napiVersion: v1\nkind: Pod\na: [\n".to_owned()),
        ("other.yaml", "a: 1\n".to_owned()),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let cases: [(&[&str], i32); 15] = [
        (&["note.yaml"], 0),
        (&["note.yaml", "--fail-on", "note"], 1),
        (&["warning.yaml"], 0),
        (&["warning.yaml", "--fail-on", "warning"], 1),
        (&["error.yaml"], 1),
        (&["error.yaml", "--fail-on", "never"], 0),
        (&["error.yaml", "--allow", "invalid-image-reference"], 0),
        (&["suppressed.yaml"], 0),
        (&["suppressed.yaml", "--no-suppressions"], 1),
        (&["unverified.yaml"], 0),
        (&["unverified.yaml", "--fail-on-unverified"], 4),
        (&["unverified.yaml", "error.yaml", "--fail-on-unverified"], 1),
        (&["broken.yaml"], 0),
        (&["other.yaml"], 3),
        (&["error.yaml", "absent.yaml"], 2),
    ];
    for (args, status) in cases {
        for format in ["human", "plain", "json", "sarif", "github", "gitlab", "junit", "markdown"] {
            let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path()).arg("--offline");
            run.args(["--format", format]).args(args).output().assert_status(status);
        }
    }
}
