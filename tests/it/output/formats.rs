//! What each format says of one report.

use std::collections::BTreeSet;
use std::path::Path;

use pullcheck::findings::finding::{Finding, Severity};
use pullcheck::findings::suppression::{Silenced, SilencedBy};
use pullcheck::output::redact::Redactor;
use pullcheck::output::{self, Format, Style};
use pullcheck::report::Report;
use pullcheck::text::source::{SourceId, Sources, Span};
use serde_json::{Value, json};

use super::shop;
use crate::report_parsers::{self, Command};

fn text(format: Format, (report, sources): &(Report, Sources)) -> String {
    output::render(format, report, sources, &Style::default(), &Redactor::default())
}

/// The shop with its findings but the first two silenced.
fn silenced() -> (Report, Sources) {
    let (mut report, sources) = shop();
    let by = [
        SilencedBy::Baseline,
        SilencedBy::Suppression { reason: Some("mirrored".to_owned()) },
        SilencedBy::Suppression { reason: None },
    ];
    let rest = report.findings.split_off(2);
    report.silenced = rest.into_iter().zip(by).map(|(finding, by)| Silenced { finding, by }).collect();
    (report, sources)
}

/// `count` findings of one severity, every second of one and the same fault.
fn many(severity: Severity, count: u32) -> Vec<Finding> {
    let message = |at: u32| if at.is_multiple_of(2) { "the same".to_owned() } else { format!("fault {at}") };
    (0..count)
        .map(|at| Finding::new("mutable-tag", severity, message(at), Span::new(SourceId(0), at, at + 1), ""))
        .collect()
}

#[test]
fn plain_prints_one_line_per_finding() {
    let (mut report, sources) = shop();
    report.findings.swap(0, 1);
    let expected = "\
shop/api.yaml:13:18: error[image-not-found] ghcr.io/acme/api has no tag 1.9
";
    let shown = text(Format::Plain, &(report, sources));
    assert!(shown.starts_with(expected), "{shown}");
    assert!(shown.ends_with("\nshop/broken.yaml: error[unreadable-input] permission denied\n"), "{shown}");
    assert_eq!(shown.lines().count(), 5);
}

#[test]
fn sarif_fits_the_official_schema() {
    for report in [shop(), silenced(), (Report::default(), Sources::default())] {
        report_parsers::sarif(&text(Format::Sarif, &report)).expect("valid");
    }
    let broken = text(Format::Sarif, &shop()).replace("\"startLine\"", "\"firstLine\"");
    assert!(report_parsers::sarif(&broken).is_err(), "the schema is no formality");
}

#[test]
fn sarif_contains_rule_location_and_message() {
    let json = report_parsers::sarif(&text(Format::Sarif, &shop())).expect("valid");
    let run = &json["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let result = &run["results"][1];
    let index = result["ruleIndex"].as_u64().expect("an index") as usize;
    let rule = &run["tool"]["driver"]["rules"][index];
    assert_eq!((&rule["id"], &rule["name"]), (&json!("image-not-found"), &json!("ImageNotFound")));
    assert_eq!(rule["defaultConfiguration"], json!({"enabled": true, "level": "error"}));
    assert_eq!(run["tool"]["driver"]["informationUri"], "https://github.com/pullcheck/pullcheck");
    assert_eq!(rule["helpUri"], "https://pullcheck.github.io/pullcheck/rules/image-not-found.html");
    assert!(!rule["help"]["markdown"].as_str().expect("help").contains("## Examples"));
    assert_eq!(result["level"], "error");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"], json!({"uri": "shop/api.yaml", "uriBaseId": "%SRCROOT%"}));
    let message = result["message"]["text"].as_str().expect("a message");
    assert!(message.starts_with("ghcr.io/acme/api has no tag 1.9\n\nuse 1.9.0"), "{message}");
    assert_eq!(run["results"][0]["relatedLocations"][0]["message"]["text"], "must be kubernetes.io/dockerconfigjson");
    // A file without text has a line, which GitHub insists on, and nothing that looks like a place.
    let unreadable = &run["results"][4]["locations"][0]["physicalLocation"]["region"];
    assert_eq!(unreadable, &json!({"startLine": 1}));
    let invocation = &run["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(invocation["toolExecutionNotifications"][1]["message"]["text"], "the cache folder cannot be written");
    let security: Vec<&Value> = run["tool"]["driver"]["rules"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|rule| rule["properties"].get("security-severity").is_some())
        .map(|rule| &rule["id"])
        .collect();
    assert_eq!(security, ["committed-credentials"]);
}

#[test]
fn sarif_marks_suppressed_findings() {
    let json = report_parsers::sarif(&text(Format::Sarif, &silenced())).expect("valid");
    let results = json["runs"][0]["results"].as_array().expect("results");
    let marks: Vec<&Value> = results.iter().map(|result| &result["suppressions"]).collect();
    let baseline = json!([{"kind": "external", "justification": "in the baseline"}]);
    let comment = json!([{"kind": "inSource", "justification": "mirrored"}]);
    assert_eq!(marks, [&json!([]), &json!([]), &baseline, &comment, &json!([{"kind": "inSource"}])]);
    let none = report_parsers::sarif(&text(Format::Sarif, &shop())).expect("valid");
    assert_eq!(none["runs"][0]["results"][0].get("suppressions"), None);
    let hashes = |json: &Value| {
        let results = json["runs"][0]["results"].as_array().cloned().unwrap_or_default();
        results.iter().map(|result| result["partialFingerprints"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(hashes(&json), hashes(&none), "a finding stays the same one when it is silenced");
}

#[test]
fn equal_fingerprints_are_numbered() {
    let (mut report, sources) = shop();
    report.findings = many(Severity::Warning, 3);
    let report = (report, sources);
    let gitlab: Value = serde_json::from_str(&text(Format::Gitlab, &report)).expect("JSON");
    let sarif = report_parsers::sarif(&text(Format::Sarif, &report)).expect("valid");
    for (at, number) in [":1", ":2", ":3"].into_iter().enumerate() {
        let fingerprint = gitlab[at]["fingerprint"].as_str().expect("a fingerprint");
        assert!(fingerprint.ends_with(number), "{fingerprint}");
        let hash = &sarif["runs"][0]["results"][at]["partialFingerprints"]["primaryLocationLineHash"];
        assert_eq!(hash, fingerprint);
    }
}

#[test]
fn sarif_omits_results_over_the_code_scanning_limit() {
    let (mut report, sources) = shop();
    report.findings = many(Severity::Note, 25_001);
    report.findings.push(Finding::new(
        "image-not-found",
        Severity::Error,
        "m",
        Span::new(SourceId(0), 30_000, 30_000),
        "",
    ));
    let json = report_parsers::sarif(&text(Format::Sarif, &(report, sources))).expect("valid");
    let results = json["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), 25_000);
    assert_eq!(results[24_999]["ruleId"], "image-not-found");
    let notices = json["runs"][0]["invocations"][0]["toolExecutionNotifications"].as_array().expect("notifications");
    let told = notices.last().expect("one")["message"]["text"].as_str().expect("words");
    assert!(told.starts_with("2 results are omitted"), "{told}");
}

#[test]
fn github_annotates_the_most_severe_findings_first() {
    let (mut report, sources) = shop();
    report.findings.rotate_left(2);
    let shown = text(Format::Github, &(report, sources));
    let commands: Vec<Command> = shown.lines().filter_map(Command::parse).collect();
    let names: Vec<&str> = commands.iter().map(|command| command.name.as_str()).collect();
    assert_eq!(names, ["error", "error", "error", "error", "notice"], "{shown}");
    let not_found = commands.iter().find(|command| command.property("file") == Some("shop/web.yaml")).expect("one");
    let property = |name| not_found.property(name).expect("a property");
    assert_eq!(property("title"), "pullcheck: image-not-found");
    assert_eq!([property("line"), property("col"), property("endLine"), property("endColumn")], ["9", "38", "9", "60"]);
    assert_eq!(
        not_found.message,
        "ghcr.io/acme/api has no tag 1.9\nuse 1.9.0, the nearest of its 14 tags\n\
         more: https://pullcheck.github.io/pullcheck/rules/image-not-found.html"
    );
    assert_eq!(
        shown.lines().last(),
        Some("pullcheck: 3 files, 3 images: 2 failing, 1 unverified; 4 errors, 1 note"),
        "{shown}"
    );
}

#[test]
fn github_annotates_ten_per_kind_and_distinct_faults_first() {
    let (mut report, sources) = shop();
    report.findings = many(Severity::Error, 18);
    report.findings.extend(many(Severity::Warning, 9));
    let shown = text(Format::Github, &(report, sources));
    let commands: Vec<Command> = shown.lines().filter_map(Command::parse).collect();
    let messages = |name: &str| -> Vec<String> {
        commands.iter().filter(|command| command.name == name).map(|command| command.message.clone()).collect()
    };
    let errors = messages("error");
    assert_eq!((errors.len(), messages("warning").len()), (10, 9));
    assert_eq!(errors.iter().filter(|message| message.lines().next() == Some("the same")).count(), 1, "{errors:?}");
    assert!(shown.contains("\npullcheck: no annotation for 8 of 18 errors: GitHub shows 10 of each kind"), "{shown}");
}

#[test]
fn github_annotations_have_columns_only_within_a_line() {
    let (mut report, sources) = shop();
    report.findings.truncate(1);
    report.findings[0].primary.span = Span::new(SourceId(0), 0, 30);
    let shown = text(Format::Github, &(report, sources));
    let command = shown.lines().find_map(Command::parse).expect("one");
    let names: Vec<&str> = command.properties.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["file", "line", "endLine", "title"]);
}

#[test]
fn pages_linked_in_github_annotations_exist() {
    let shown = text(Format::Github, &shop());
    let commands = shown.lines().filter_map(Command::parse);
    let pages: BTreeSet<String> = commands
        .filter_map(|command| {
            Some(command.message.rsplit_once("\nmore: ")?.1.split_once(".io/pullcheck/")?.1.to_owned())
        })
        .collect();
    assert!(pages.len() > 1, "{shown}");
    for page in pages {
        let source = page.replace(".html", ".md");
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src").join(source).is_file(), "there is no {page}");
    }
}

#[test]
fn gitlab_report_is_an_array_of_issues() {
    let json: Value = serde_json::from_str(&text(Format::Gitlab, &shop())).expect("JSON");
    let issues = json.as_array().expect("an array");
    let severities: Vec<&Value> = issues.iter().map(|issue| &issue["severity"]).collect();
    assert_eq!(severities, ["critical", "critical", "info", "critical", "critical"]);
    assert_eq!(issues[1]["check_name"], "image-not-found");
    let place = json!({
        "path": "shop/api.yaml",
        "lines": {"begin": 13, "end": 13},
        "positions": {"begin": {"line": 13, "column": 18}, "end": {"line": 13, "column": 38}},
    });
    assert_eq!(issues[1]["location"], place);
    assert_eq!(issues[4]["location"], json!({"path": "shop/broken.yaml", "lines": {"begin": 1, "end": 1}}));
    assert_eq!(serde_json::from_str::<Value>(&text(Format::Gitlab, &silenced())).expect("JSON")[2], Value::Null);
}

#[test]
fn junit_has_a_case_for_each_image() {
    let (mut report, sources) = shop();
    let mut unverified = report.images[0].clone();
    unverified.value = "registry.example.com/x".into();
    unverified.span = report.findings[2].primary.span;
    unverified.container.name = Some("proxy".into());
    (unverified.verdict, unverified.cause) = (Some("unverified"), Some("timeout"));
    let mut pullable = unverified.clone();
    pullable.span = Span::new(SourceId(2), 0, 4);
    (pullable.verdict, pullable.cause) = (Some("pullable"), None);
    report.images.extend([unverified, pullable]);
    let shown = text(Format::Junit, &(report, sources));
    let document = roxmltree::Document::parse(&shown).expect("XML");
    let root = document.root_element();
    let numbers = |node: roxmltree::Node<'_, '_>| {
        ["tests", "failures", "errors", "skipped"].map(|name| node.attribute(name).unwrap_or_default().to_owned())
    };
    assert_eq!(numbers(root), ["8", "4", "2", "1"], "{shown}");
    let case = |name: &str| {
        let named =
            |node: &roxmltree::Node<'_, '_>| node.attribute("name").is_some_and(|value| value.starts_with(name));
        let case = document.descendants().filter(|node| node.has_tag_name("testcase")).find(named);
        case.unwrap_or_else(|| panic!("{name} in {shown}"))
    };
    let inner = |name: &str| {
        case(name).children().filter(|node| node.is_element()).map(|node| node.tag_name().name()).collect::<Vec<_>>()
    };
    assert_eq!(inner("Deployment shop/api, container api: ghcr.io/acme/api:1.9"), ["failure"]);
    assert_eq!(inner("Deployment shop/api, container proxy: registry"), ["skipped", "system-out"]);
    assert_eq!(inner("wrong-secret-type: Deployment shop/api"), ["failure"]);
    assert_eq!(inner("unreadable-input"), ["failure"]);
    assert_eq!(inner("shop/broken.yaml"), ["error"]);
    for suite in root.children().filter(|node| node.has_tag_name("testsuite")) {
        let cases: Vec<_> = suite.children().filter(|node| node.has_tag_name("testcase")).collect();
        let with = |tag: &str| cases.iter().filter(|case| case.children().any(|inner| inner.has_tag_name(tag))).count();
        let counted = [cases.len(), with("failure"), with("error"), with("skipped")].map(|count| count.to_string());
        assert_eq!(numbers(suite), counted, "{shown}");
    }
}

#[test]
fn junit_never_passes_failing_or_unverified_images() {
    for (verdict, cause) in
        [("fails", Some("absent")), ("unverified", Some("dns")), ("skipped", None), ("not-pulled", Some("never"))]
    {
        let (mut report, sources) = shop();
        report.findings.clear();
        report.errors.clear();
        (report.images[0].verdict, report.images[0].cause) = (Some(verdict), cause);
        let shown = text(Format::Junit, &(report, sources));
        assert!(shown.contains("<skipped message="), "{shown}");
    }
}

#[test]
fn markdown_is_grouped_by_fault_and_fits_a_comment() {
    let shown = text(Format::Markdown, &shop());
    let expected = "\
## pullcheck: 4 errors, 1 note

| files | images | failing | unverified |
| ---: | ---: | ---: | ---: |
| 3 | 3 | 2 | 1 |

### ❌ error: wrong-secret-type
";
    assert!(shown.starts_with(expected), "{shown}");
    let fault = "\
### ❌ error: image-not-found

`ghcr.io/acme/api` has no tag `1.9`

- `shop/api.yaml:13:18` in Deployment `shop/api`, container api
- `shop/web.yaml:9:38` in CronJob nightly, init container migrate

**Help:** use `1.9.0`, the nearest of its 14 tags
";
    assert!(shown.contains(fault), "{shown}");
    let (mut report, sources) = shop();
    report.findings = many(Severity::Error, 10_000);
    let long = text(Format::Markdown, &(report, sources));
    assert!(long.len() <= 65_536 && long.len() > 60_000, "{}", long.len());
    assert!(
        long.trim_end().ends_with("more faults not shown here:** the report has reached its size limit."),
        "{long}"
    );
}

#[test]
fn job_summary_stays_within_its_size_limit() {
    let (mut report, sources) = shop();
    report.findings = many(Severity::Error, 2_000);
    for limit in [0, 10, 1_000, 50_000, 1 << 20] {
        let shown = output::job_summary((&report, &sources), limit, &Style::default(), &Redactor::default());
        assert!(shown.len() <= limit, "{} of {limit}", shown.len());
        assert_eq!(shown.is_empty(), limit < 1_000);
    }
}
