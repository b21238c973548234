//! `file:line:column: severity[rule] message`: one finding a line, and nothing else, for the quickfix list of an editor
//! and for `grep`.

use std::io;

use super::edge::Edge;

/// Writes line by line.
///
/// # Errors
/// The writer fails.
pub(super) fn write(edge: &Edge<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    for finding in &edge.report.findings {
        let place = edge.path_place(finding.primary.span);
        let (severity, message) = (finding.severity.as_str(), edge.line(&finding.message));
        let line = format!("{place}: {severity}[{}] {message}\n", finding.rule);
        out.write_all(edge.without_commands(line).as_bytes())?;
    }
    Ok(())
}
