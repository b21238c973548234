//! JUnit XML, for the test tab of a CI system: a file is a suite, an image use is a test case.
//!
//! A case fails if it has findings of severity error. An unverified image is skipped, never passed. Lesser findings
//! are in `system-out`, and findings about no image are cases of their own. Readers take one `failure` of a case, so
//! all errors of a case are in one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use super::edge::Edge;
use super::human::describe;
use super::sanitize::Brackets;
use crate::findings::finding::{Finding, Severity, Subject};
use crate::report::ImageReport;
use crate::text::source::{SourceId, Span};

/// Writes suite by suite.
///
/// # Errors
/// The writer fails.
pub(super) fn write(edge: &Edge<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let suites = suites(edge);
    let counts = suites.values().flatten().fold(Counts::default(), Counts::add);
    let errors = edge.report.errors.len();
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    let total = counts.cases + errors;
    let attributes =
        format!(r#"tests="{total}" failures="{}" errors="{errors}" skipped="{}""#, counts.failures, counts.skipped);
    writeln!(out, r#"<testsuites name="pullcheck" {attributes}>"#)?;
    input_errors(edge, out)?;
    for (source, cases) in &suites {
        let name = escaped(&edge.file(*source));
        let Counts { cases: tests, failures, skipped } = cases.iter().fold(Counts::default(), Counts::add);
        let attributes = format!(r#"tests="{tests}" failures="{failures}" errors="0" skipped="{skipped}""#);
        writeln!(out, r#"  <testsuite name="{name}" {attributes}>"#)?;
        for case in cases {
            out.write_all(case.render(edge, &name).as_bytes())?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn input_errors(edge: &Edge<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let errors = &edge.report.errors;
    if errors.is_empty() {
        return Ok(());
    }
    let count = errors.len();
    writeln!(out, r#"  <testsuite name="inputs" tests="{count}" failures="0" errors="{count}" skipped="0">"#)?;
    for error in errors {
        let name = escaped(&edge.clear_line(error.file.as_deref().unwrap_or("input")));
        let message = escaped(&edge.line(&error.message));
        writeln!(out, r#"    <testcase classname="inputs" name="{name}"><error message="{message}"/></testcase>"#)?;
    }
    writeln!(out, "  </testsuite>")
}

/// A test case of a suite.
struct Case<'a> {
    /// The image; `None` for findings that are about no image.
    image: Option<&'a ImageReport>,
    findings: Vec<&'a Finding>,
    span: Span,
}

/// How a case ended.
enum End {
    Passed,
    Failed,
    Skipped(String),
}

#[derive(Default)]
struct Counts {
    cases: usize,
    failures: usize,
    skipped: usize,
}

impl Counts {
    fn add(self, case: &Case<'_>) -> Self {
        let end = case.end();
        Self {
            cases: self.cases + 1,
            failures: self.failures + usize::from(matches!(end, End::Failed)),
            skipped: self.skipped + usize::from(matches!(end, End::Skipped(_))),
        }
    }
}

/// Returns the cases of each file, in the order of their places.
fn suites<'a>(edge: &Edge<'a>) -> BTreeMap<SourceId, Vec<Case<'a>>> {
    let mut suites: BTreeMap<SourceId, Vec<Case<'a>>> = BTreeMap::new();
    // One line of a kustomization sets the image of several workloads: the place alone does not identify the
    // workload.
    let mut by_both: BTreeMap<(Span, String), usize> = BTreeMap::new();
    let mut by_span: BTreeMap<Span, usize> = BTreeMap::new();
    let mut by_subject: BTreeMap<(SourceId, String), usize> = BTreeMap::new();
    for image in &edge.report.images {
        let cases = suites.entry(image.span.source).or_default();
        let subject = describe(&subject(image));
        by_both.entry((image.span, subject.clone())).or_insert(cases.len());
        by_span.entry(image.span).or_insert(cases.len());
        by_subject.entry((image.span.source, subject)).or_insert(cases.len());
        cases.push(Case { image: Some(image), findings: Vec::new(), span: image.span });
    }
    for finding in &edge.report.findings {
        let span = finding.primary.span;
        let cases = suites.entry(span.source).or_default();
        let subject = describe(&finding.subject);
        let of_container = || {
            finding.subject.container.as_ref()?;
            by_subject.get(&(span.source, subject.clone()))
        };
        let at_place = by_both.get(&(span, subject.clone())).or_else(|| by_span.get(&span));
        match at_place.or_else(of_container).and_then(|&at| cases.get_mut(at)) {
            Some(case) => case.findings.push(finding),
            None => cases.push(Case { image: None, findings: vec![finding], span }),
        }
    }
    for cases in suites.values_mut() {
        cases.sort_by_key(|case| case.span);
    }
    suites
}

fn subject(image: &ImageReport) -> Subject {
    Subject { resource: Some(image.resource.clone()), container: Some(image.container.clone()), image: None }
}

impl Case<'_> {
    fn end(&self) -> End {
        if self.findings.iter().any(|finding| finding.severity == Severity::Error) {
            return End::Failed;
        }
        let Some(image) = self.image else { return End::Passed };
        let cause = image.cause.unwrap_or("unknown");
        match image.verdict {
            Some("pullable") => End::Passed,
            // The error is silenced, or has a lower severity.
            Some("fails") => End::Skipped(format!("fails ({cause}), but no error is reported for it")),
            Some("not-pulled") => End::Skipped("not pulled: the pull policy is Never".to_owned()),
            Some(verdict) => End::Skipped(format!("{verdict}: {cause}")),
            None => End::Skipped("not checked".to_owned()),
        }
    }

    fn name(&self) -> String {
        match (self.image, self.findings.first()) {
            (Some(image), _) => {
                format!("{}: {}", describe(&subject(image)), image.resolved.as_ref().unwrap_or(&image.value))
            }
            (None, Some(finding)) => {
                let subject = describe(&finding.subject);
                if subject.is_empty() { finding.rule.to_owned() } else { format!("{}: {subject}", finding.rule) }
            }
            (None, None) => String::new(),
        }
    }

    fn render(&self, edge: &Edge<'_>, file: &str) -> String {
        let name = escaped(&edge.name_line(&self.name()));
        let line = edge.sources.locate(self.span).map(|at| format!(r#" line="{}""#, at.start.line)).unwrap_or_default();
        let mut out = format!(r#"    <testcase classname="{file}" name="{name}" file="{file}"{line}"#);
        let (errors, others): (Vec<&Finding>, Vec<&Finding>) =
            self.findings.iter().partition(|finding| finding.severity == Severity::Error);
        let mut inner = String::new();
        match (self.end(), errors.first()) {
            (End::Failed, Some(first)) => {
                let message = escaped(&edge.line(&first.message));
                let text = escaped(&errors.iter().map(|finding| finding_text(edge, finding)).collect::<String>());
                let _ = writeln!(inner, r#"      <failure type="{}" message="{message}">{text}</failure>"#, first.rule);
            }
            (End::Skipped(why), _) => {
                let _ = writeln!(inner, r#"      <skipped message="{}"/>"#, escaped(&edge.line(&why)));
            }
            (End::Passed | End::Failed, _) => {}
        }
        if !others.is_empty() {
            let text = escaped(&others.iter().map(|finding| finding_text(edge, finding)).collect::<String>());
            let _ = writeln!(inner, "      <system-out>{text}</system-out>");
        }
        match inner.is_empty() {
            true => out.push_str("/>\n"),
            false => {
                let _ = write!(out, ">\n{inner}    </testcase>\n");
            }
        }
        out
    }
}

/// Returns a finding in a few lines.
fn finding_text(edge: &Edge<'_>, finding: &Finding) -> String {
    let place = edge.path_place(finding.primary.span);
    let message = edge.line(&finding.message);
    let mut out = format!("{place}: {}[{}] {message}\n", finding.severity.as_str(), finding.rule);
    for (name, text) in [("help", &finding.help), ("kubectl describe pod would show", &finding.event)] {
        if let Some(text) = text {
            let _ = writeln!(out, "{name}: {}", edge.paragraph(text).replace('\n', "\n  "));
        }
    }
    out
}

/// Escapes text for an element or an attribute, in which the edge has made controls visible already. Characters that
/// XML 1.0 does not have (apart from controls, two noncharacters) are made visible too. What GitHub Actions would
/// obey is written differently, which no reader of XML notices.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut last = ['\0'; 2];
    let mut brackets = Brackets::default();
    for c in text.chars() {
        let command = brackets.completes(c);
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            ':' if last[1] == ':' => out.push_str("&#58;"),
            '[' if command => out.push_str("&#91;"),
            '\u{fffe}' | '\u{ffff}' => out.extend(c.escape_default()),
            _ => out.push(c),
        }
        last = [last[1], c];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_workflow_commands_are_escaped() {
        assert_eq!(escaped("<a b='\"'>&]]>"), "&lt;a b=&apos;&quot;&apos;&gt;&amp;]]&gt;");
        assert_eq!(escaped("##[error] ::error::\u{ffff}"), "##&#91;error] :&#58;error:&#58;\\u{ffff}");
        assert_eq!(escaped("##vso[x]"), "##vso&#91;x]");
        assert_eq!(escaped(":::"), ":&#58;&#58;");
    }
}
