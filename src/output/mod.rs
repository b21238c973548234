//! The edge at which a report becomes text:
//!
//! ```text
//! Report ─> masked ─> redacted ─> sanitized ─> rendered ─> redacted ─> Write
//! ```
//!
//! *Masked*: everything in [`Report::masked`] (the values of Secrets) is shown as `*`.
//! *Redacted*: every string of the report, and every piece of source text, passes the one [`redact::Redactor`],
//! before layout could cut a secret in two.
//! *Sanitized*: [`sanitize`] makes visible what would steer a terminal or hide.
//! *Rendered*: by one module per [`Format`], none of which reads a string of the report except through `Edge`.
//! *Redacted* again: formats for people pass the redactor as a whole, so that a string that bypassed `Edge` does not
//! get out either. Formats for programs do not: a password that is an ordinary word would rewrite their keys,
//! commands or tags. Instead, their types, or the one function through which they escape, accept only strings of the
//! edge.
//!
//! Nothing here decides anything: the rules found what is wrong.

mod brief;
mod draw;
mod edge;
mod explain;
mod github;
mod gitlab;
mod human;
mod json;
mod junit;
mod list;
mod list_groups;
mod markdown;
mod numbered;
mod order;
mod plain;
pub mod redact;
pub mod sanitize;
mod sarif;
mod snippet;
mod window;

use std::io;

use crate::findings::finding::Severity;
use crate::report::Report;
use crate::text::source::Sources;
use edge::Edge;
pub use explain::{explain, markdown as explain_in_markdown};
use redact::Redactor;

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people: snippets, help and a last line of counts; for `--list-images` a table.
    #[default]
    Human,
    /// One line per finding, for editors and `grep`.
    Plain,
    /// The stable contract, version 1 (`report.schema.json`).
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands of GitHub Actions, which become annotations.
    Github,
    /// The code quality report of GitLab.
    Gitlab,
    /// JUnit XML: an image use is a test case.
    Junit,
    /// Markdown that fits into the comment of a pull request.
    Markdown,
}

impl Format {
    /// Returns the name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Plain => "plain",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
        }
    }

    /// Whether the format can show images without findings (`--list-images`).
    pub const fn lists_images(self) -> bool {
        matches!(self, Self::Human | Self::Json)
    }
}

/// What the reader's screen can show. The default suits a file or a pipe: ASCII, no color, no wrapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Use ANSI colors.
    pub color: bool,
    /// Draw with Unicode characters, else in ASCII.
    pub unicode: bool,
    /// Columns of the terminal; `None` if lines are not to be wrapped.
    pub width: Option<usize>,
    /// In the report for people, most findings of a rule that has many are shortened if their severity is below this
    /// one. `None`: all are shown in full.
    pub full_from: Option<Severity>,
}

/// The part of a report to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportPart {
    /// The findings and a summary, and for JSON everything else.
    Check,
    /// The findings alone; JSON stays complete.
    Findings,
    /// The list of images (`--list-images`).
    Images,
    /// The list of images in groups (`--by`); in JSON the same as [`Self::Images`].
    GroupedImages(Grouping),
}

/// What the images of a list have in common in each group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// The registry.
    Registry,
    /// The namespace of the pod.
    Namespace,
    /// The object that deploys the image, such as a HelmRelease.
    Release,
    /// The file that decides the image.
    File,
}

impl Grouping {
    /// Returns the name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Namespace => "namespace",
            Self::Release => "release",
            Self::File => "file",
        }
    }
}

/// Returns the address of the project's repository, if the package has one.
fn repository() -> Option<&'static str> {
    Some(env!("CARGO_PKG_REPOSITORY")).filter(|address| !address.is_empty())
}

/// Returns the address of a rule's page in the book, which GitHub Pages serves below the repository's owner.
fn page(rule: &str) -> Option<String> {
    let (owner, name) = repository()?.strip_prefix("https://github.com/")?.split_once('/')?;
    Some(format!("https://{owner}.github.io/{name}/rules/{rule}.html"))
}

/// Writes a report; it ends in a line feed. A format that cannot represent the images alone writes the findings.
///
/// # Errors
/// The writer fails.
pub fn write(
    out: &mut dyn io::Write,
    (format, content): (Format, ReportPart),
    (report, sources): (&Report, &Sources),
    style: &Style,
    redactor: &Redactor,
) -> io::Result<()> {
    let edge = Edge::new(report, sources, style, redactor);
    let text = match (format, content) {
        (Format::Human, ReportPart::Check) => human::render(&edge),
        (Format::Human, ReportPart::Findings) => human::render_findings(&edge),
        (Format::Human, ReportPart::Images) => list::render(&edge),
        (Format::Human, ReportPart::GroupedImages(grouping)) => list_groups::render(&edge, grouping),
        (Format::Markdown, _) => markdown::render(&edge, markdown::COMMENT),
        (Format::Plain, _) => return plain::write(&edge, out),
        (Format::Json, ReportPart::GroupedImages(_)) => return json::write(&edge, ReportPart::Images, out),
        (Format::Json, content) => return json::write(&edge, content, out),
        (Format::Sarif, _) => return sarif::write(&edge, out),
        (Format::Github, _) => return github::write(&edge, out),
        (Format::Gitlab, _) => return gitlab::write(&edge, out),
        (Format::Junit, _) => return junit::write(&edge, out),
    };
    out.write_all(edge.finish(text).as_bytes())
}

/// Returns the Markdown of a job summary of GitHub Actions, in at most `limit` bytes: whole faults, and a note about
/// those that are left out. The result is empty if not even the counts fit.
pub fn job_summary((report, sources): (&Report, &Sources), limit: usize, style: &Style, redactor: &Redactor) -> String {
    let edge = Edge::new(report, sources, style, redactor);
    let text = edge.finish(markdown::render(&edge, limit));
    if text.len() <= limit { text } else { String::new() }
}

/// Returns the findings, as finished text that ends in a line feed.
pub fn render(format: Format, report: &Report, sources: &Sources, style: &Style, redactor: &Redactor) -> String {
    text((format, ReportPart::Check), (report, sources), style, redactor)
}

/// Returns the images (`--list-images`), as finished text that ends in a line feed.
pub fn render_images(format: Format, report: &Report, sources: &Sources, style: &Style, redactor: &Redactor) -> String {
    text((format, ReportPart::Images), (report, sources), style, redactor)
}

/// Returns the images in groups (`--list-images --by`), as finished text that ends in a line feed.
pub fn render_grouped_images(
    (format, grouping): (Format, Grouping),
    report: &Report,
    sources: &Sources,
    style: &Style,
    redactor: &Redactor,
) -> String {
    text((format, ReportPart::GroupedImages(grouping)), (report, sources), style, redactor)
}

fn text(form: (Format, ReportPart), report: (&Report, &Sources), style: &Style, redactor: &Redactor) -> String {
    let mut out = Vec::new();
    // Writing to memory does not fail, and the output is always text.
    let _ = write(&mut out, form, report, style, redactor);
    String::from_utf8(out).unwrap_or_default()
}

/// Returns a message that does not belong to a report: an error before one, or a note on standard error.
pub fn message(text: &str, redactor: &Redactor) -> String {
    let text = redactor.redact(text);
    sanitize::break_commands(&sanitize::paragraph(&text)).into_owned()
}

/// Returns the wrapping of all texts: words are never broken, so that an image reference can still be copied.
fn words(columns: usize) -> textwrap::Options<'static> {
    textwrap::Options::new(columns)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
}
