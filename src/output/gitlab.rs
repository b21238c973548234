//! The code quality report of GitLab, an array of issues in the form of Code Climate's engine specification
//! (`docs.gitlab.com/ci/testing/code_quality`). It cannot represent silenced findings, so they are left out.

use std::io;

use serde::Serialize;

use super::edge::{Edge, Value};
use super::json::{Each, write_json};
use super::numbered::{self, Numbered};
use super::sanitize;
use crate::findings::finding::Severity;

/// Writes issue by issue.
///
/// # Errors
/// The writer fails.
pub(super) fn write(edge: &Edge<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let reported: Vec<_> = numbered::all(edge).into_iter().filter(|numbered| numbered.silenced.is_none()).collect();
    write_json(&Each(&reported, |numbered| issue(edge, numbered)), out)
}

#[derive(Serialize)]
struct Issue<'a> {
    r#type: &'static str,
    check_name: &'static str,
    description: Value<'static>,
    categories: [&'static str; 1],
    severity: &'static str,
    fingerprint: &'a str,
    location: Location,
}

/// `lines` is what GitLab shows, `positions` is exact to the character.
#[derive(Serialize)]
struct Location {
    path: Value<'static>,
    lines: Lines,
    #[serde(skip_serializing_if = "Option::is_none")]
    positions: Option<Positions>,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
    end: u32,
}

#[derive(Serialize)]
struct Positions {
    begin: Position,
    end: Position,
}

#[derive(Serialize)]
struct Position {
    line: u32,
    column: u32,
}

impl From<crate::text::source::Position> for Position {
    fn from(at: crate::text::source::Position) -> Self {
        Self { line: at.line, column: at.column }
    }
}

fn issue<'a>(edge: &Edge<'_>, Numbered { finding, fingerprint, .. }: &'a Numbered<'_>) -> Issue<'a> {
    let span = finding.primary.span;
    let at = edge.sources.locate(span);
    // A file that could not be read has no place, but GitLab requires a line.
    let lines = at.map_or(Lines { begin: 1, end: 1 }, |at| Lines { begin: at.start.line, end: at.end.line });
    let help = finding.help.as_deref().map(|help| format!("\n{help}")).unwrap_or_default();
    let description = format!("{}{help}", finding.message);
    Issue {
        r#type: "issue",
        check_name: finding.rule,
        description: edge.shaped(&description, |text| sanitize::clip(text, sanitize::MESSAGE).into_owned()),
        categories: ["Bug Risk"],
        severity: match finding.severity {
            Severity::Error => "critical",
            Severity::Warning => "major",
            Severity::Note => "info",
        },
        fingerprint,
        location: Location {
            path: edge.shaped_clear(edge.sources.get(span.source).name(), relative),
            lines,
            positions: at.map(|at| Positions { begin: at.start.into(), end: at.end.into() }),
        },
    }
}

/// GitLab compares paths with those of the repository as text.
fn relative(name: &str) -> String {
    name.strip_prefix("./").unwrap_or(name).to_owned()
}
