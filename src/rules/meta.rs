//! Reads what `rules/<id>.md` says of a rule.

use crate::finding::Severity;

/// The front matter and the text of a rule's page.
#[derive(Debug)]
pub struct Meta {
    /// Stable, kebab-case.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// The default severity.
    pub severity: Severity,
    /// Version that brought the rule.
    pub since: &'static str,
    /// Whether it needs the registry.
    pub online: bool,
    /// Whether it offers a fix.
    pub fix: bool,
    /// The Markdown below the front matter.
    pub body: &'static str,
}
