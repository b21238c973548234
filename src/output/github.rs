//! Workflow commands of GitHub Actions: `::error file=a.yaml,line=3,col=5,endLine=3,endColumn=9,title=…::message`.
//!
//! The runner reads a line with `ActionCommand.TryParseV2` (actions/runner, `src/Runner.Common/ActionCommand.cs`):
//! `%`, CR and LF must be escaped in the message, `:` and `,` in properties too. It keeps ten annotations of each
//! kind for a step and silently drops the rest. So the most useful ten are chosen, and a last line gives the number
//! of the others.

use std::io;

use super::edge::Edge;
use super::human::summary_line;
use super::order::faults;
use super::sanitize;
use crate::findings::finding::{Finding, Severity};
use crate::text::source::Span;

/// Annotations of one kind that GitHub shows for a step.
const MOST: usize = 10;

/// Writes the commands, errors first, and a line with the counts.
///
/// # Errors
/// The writer fails.
pub(super) fn write(edge: &Edge<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let kinds = [
        (Severity::Error, "error", "errors"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Note, "notice", "notes"),
    ];
    let faults = faults(&edge.report.findings);
    let mut left_out = Vec::new();
    for (severity, command, plural) in kinds {
        // Every fault appears once before any appears twice.
        let of_kind = || faults.iter().filter(|fault| fault.first.severity == severity);
        let others = of_kind().flat_map(|fault| fault.others.iter().copied());
        let chosen: Vec<&Finding> = of_kind().map(|fault| fault.first).chain(others).take(MOST).collect();
        let all: usize = of_kind().map(|fault| 1 + fault.others.len()).sum();
        for finding in &chosen {
            writeln!(out, "{}", annotation(edge, command, finding))?;
        }
        if all > chosen.len() {
            left_out.push(format!("{} of {all} {plural}", all - chosen.len()));
        }
    }
    if !left_out.is_empty() {
        let left_out = left_out.join(", ");
        writeln!(
            out,
            "pullcheck: no annotation for {left_out}: GitHub shows {MOST} of each kind; see the job summary"
        )?;
    }
    writeln!(out, "pullcheck: {}", summary_line(&edge.report.summary))
}

fn annotation(edge: &Edge<'_>, command: &str, finding: &Finding) -> String {
    let mut properties = place(edge, finding.primary.span);
    properties.push(("title", format!("pullcheck: {}", finding.rule)));
    let properties: Vec<String> = properties.iter().map(|(name, text)| format!("{name}={}", property(text))).collect();
    let help = finding.help.as_deref().map(|help| format!("\n{}", edge.paragraph(help))).unwrap_or_default();
    // A reader of an annotation seldom has the program at hand. The line is the last one, because the runner cuts a
    // message off after 4096 characters (`ExecutionContext.AddIssue`).
    let more = super::page(finding.rule).map(|page| format!("\nmore: {page}")).unwrap_or_default();
    let message = format!("{}{help}{more}", edge.line(&finding.message));
    format!("::{command} {}::{}", properties.join(","), data(&message))
}

/// Returns the place as properties. Columns are used only within one line: otherwise the runner drops them, with a
/// complaint.
fn place(edge: &Edge<'_>, span: Span) -> Vec<(&'static str, String)> {
    let file = edge.file(span.source);
    let mut properties = vec![("file", file.strip_prefix("./").unwrap_or(&file).to_owned())];
    if let Some(at) = edge.sources.locate(span) {
        properties.push(("line", at.start.line.to_string()));
        if at.start.line == at.end.line {
            properties.push(("col", at.start.column.to_string()));
        }
        properties.push(("endLine", at.end.line.to_string()));
        if at.start.line == at.end.line {
            properties.push(("endColumn", at.end.column.to_string()));
        }
    }
    properties
}

/// Escapes a text. Apart from what the runner reads, no text may contain what the older syntax of commands would
/// obey.
fn data(text: &str) -> String {
    let text = sanitize::break_commands(text);
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workflow_command_separators_are_escaped() {
        assert_eq!(data("100% a:b,c\r\nd"), "100%25 a:b,c%0D%0Ad");
        assert_eq!(property("a:b,c%2Cd"), "a%3Ab%2Cc%252Cd");
        assert_eq!(data("x ##[group]y"), "x ##\\[group]y");
    }
}
