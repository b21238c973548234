//! The edge at which a report becomes text:
//!
//! ```text
//! Report ─> masked ─> redacted ─> sanitised ─> rendered ─> redacted ─> String
//! ```
//!
//! *Masked*: what lies in [`Report::masked`] (the values of Secrets) is shown as `*`. *Redacted*: every string of the
//! report, and every piece of source text, passes the one [`redact::Redactor`], before layout could cut a secret in
//! two. *Sanitised*: [`sanitize`] makes visible what would steer a terminal or hide. *Rendered*: by one module per
//! [`Format`], none of which reads a string of the report but through `Edge`. *Redacted* again: text formats pass the
//! redactor as a whole, so that a string that went round `Edge` does not get out either. JSON does not: a password
//! that is an ordinary word would rewrite its keys; its types accept no string but the edge's instead.
//!
//! Nothing here decides anything: what is wrong was found by the rules.

mod edge;
pub mod human;
pub mod json;
pub mod list;
pub mod redact;
pub mod sanitize;
mod snippet;
mod window;

use crate::report::Report;
use crate::source::Sources;
use edge::Edge;
use redact::Redactor;

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people: snippets, help and a last line of counts; for `--list-images` a table.
    #[default]
    Human,
    /// The stable contract, version 1 (`report.schema.json`).
    Json,
}

/// What the reader's screen can show. The default fits a file or a pipe: ASCII, no colour, no wrapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Use ANSI colours.
    pub color: bool,
    /// Draw with Unicode characters, else in ASCII.
    pub unicode: bool,
    /// Columns of the terminal; `None` where lines are not to be wrapped.
    pub width: Option<usize>,
    /// The output is read by GitHub Actions, which obeys commands in it.
    pub github: bool,
}

/// The findings, as finished text that ends in a line feed.
pub fn render(format: Format, report: &Report, sources: &Sources, style: &Style, redactor: &Redactor) -> String {
    let edge = Edge::new(report, sources, style, redactor);
    match format {
        Format::Human => edge.finish(human::render(&edge)),
        Format::Json => json::render(&edge, json::Content::Check),
    }
}

/// The images (`--list-images`), as finished text that ends in a line feed.
pub fn render_images(format: Format, report: &Report, sources: &Sources, style: &Style, redactor: &Redactor) -> String {
    let edge = Edge::new(report, sources, style, redactor);
    match format {
        Format::Human => edge.finish(list::render(&edge)),
        Format::Json => json::render(&edge, json::Content::Images),
    }
}

#[cfg(test)]
mod fixture;
