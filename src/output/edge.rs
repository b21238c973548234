//! The one way from a report's strings and source text to an output.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use serde::Serialize;

use super::redact::Redactor;
use super::{Style, sanitize};
use crate::report::Report;
use crate::text::source::{SourceId, Sources, Span};

/// A string without secrets, as JSON may contain. Only [`Edge::value`] and its relatives create it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Value<'a>(Cow<'a, str>);

/// A report with all that is needed to show it.
pub(super) struct Edge<'a> {
    pub(super) report: &'a Report,
    pub(super) sources: &'a Sources,
    pub(super) style: &'a Style,
    redactor: &'a Redactor,
    masked: Vec<Span>,
    hidden: Vec<OnceCell<Vec<Range<usize>>>>,
}

impl<'a> Edge<'a> {
    pub(super) fn new(report: &'a Report, sources: &'a Sources, style: &'a Style, redactor: &'a Redactor) -> Self {
        let mut masked = report.masked.clone();
        masked.sort_unstable();
        let hidden = sources.iter().map(|_| OnceCell::new()).collect();
        Self { report, sources, style, redactor, masked, hidden }
    }

    /// For a data format, which escapes for itself.
    pub(super) fn value<'t>(&self, text: &'t str) -> Value<'t> {
        Value(self.redactor.redact(text))
    }

    /// Returns the path of a file, the name or kind of an object, or the id of a rule: these are not secrets,
    /// whatever a Secret contains.
    pub(super) fn clear<'t>(&self, text: &'t str) -> Value<'t> {
        Value(Cow::Borrowed(text))
    }

    /// For a data format: returns what `shape` makes of a name that is not a secret.
    pub(super) fn shaped_clear(&self, text: &str, shape: impl FnOnce(&str) -> String) -> Value<'static> {
        Value(Cow::Owned(shape(text)))
    }

    /// Returns a value out of the manifests that could contain a secret, for a data format: an image, a registry's
    /// key.
    pub(super) fn name<'t>(&self, text: &'t str) -> Value<'t> {
        Value(self.redactor.redact_name(text))
    }

    /// For a data format: returns what `shape` makes of a redacted text.
    pub(super) fn shaped(&self, text: &str, shape: impl FnOnce(&str) -> String) -> Value<'static> {
        Value(Cow::Owned(shape(&self.redactor.redact(text))))
    }

    /// Returns such a value after it was given another shape.
    pub(super) fn shaped_name(&self, text: &str, shape: impl FnOnce(&str) -> String) -> Value<'static> {
        Value(Cow::Owned(shape(&self.redactor.redact_name(text))))
    }

    /// For one line of a text format.
    pub(super) fn line(&self, text: &str) -> String {
        sanitize::line(&sanitize::clip(&self.redactor.redact(text), sanitize::MESSAGE)).into_owned()
    }

    /// For a text format, with the line breaks that a rule's author wrote.
    pub(super) fn paragraph(&self, text: &str) -> String {
        sanitize::paragraph(&sanitize::clip(&self.redactor.redact(text), sanitize::MESSAGE)).into_owned()
    }

    /// Returns the path of a source, for a text format.
    pub(super) fn file(&self, source: SourceId) -> String {
        self.clear_line(self.sources.get(source).name())
    }

    /// Returns `file:line:column`, or the file alone if nothing of it could be read.
    pub(super) fn place(&self, span: Span) -> String {
        let file = self.file(span.source);
        match self.sources.locate(span) {
            Some(at) => format!("{file}:{}:{}", at.start.line, at.start.column),
            None => file,
        }
    }

    /// Returns a path or a name that is not a secret, for one line of a text.
    pub(super) fn clear_line(&self, text: &str) -> String {
        sanitize::line(&sanitize::clip(text, sanitize::MESSAGE)).into_owned()
    }

    /// Returns a value out of the manifests that could contain a secret, for one line of a text that programs read:
    /// they compare it.
    pub(super) fn name_line(&self, text: &str) -> String {
        sanitize::line(&sanitize::clip(&self.redactor.redact_name(text), sanitize::MESSAGE)).into_owned()
    }

    /// Returns `file:line:column` for programs.
    pub(super) fn path_place(&self, span: Span) -> String {
        let path = self.file(span.source);
        match self.sources.locate(span) {
            Some(at) => format!("{path}:{}:{}", at.start.line, at.start.column),
            None => path,
        }
    }

    /// Returns the bytes of a source that must not be shown: disjoint, in order. The result is computed once per
    /// source, so that many findings in one file cost one search.
    pub(super) fn hidden(&self, source: SourceId) -> &[Range<usize>] {
        let Some(cell) = self.hidden.get(source.0 as usize) else { return &[] };
        cell.get_or_init(|| {
            let mut ranges = self.redactor.ranges(self.sources.get(source).text());
            let first = self.masked.partition_point(|span| span.source < source);
            let masked = self.masked[first..].iter().take_while(|span| span.source == source);
            ranges.extend(masked.map(|span| span.range()));
            ranges.sort_unstable_by_key(|range| range.start);
            ranges.into_iter().fold(Vec::new(), |mut merged: Vec<Range<usize>>, range| {
                match merged.last_mut().filter(|last| last.end >= range.start) {
                    Some(last) => last.end = last.end.max(range.end),
                    None => merged.push(range),
                }
                merged
            })
        })
    }

    /// Redacts a finished text once more, as the last step.
    pub(super) fn finish(&self, text: String) -> String {
        let text = match self.redactor.redact(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(redacted) => redacted,
        };
        self.without_commands(text)
    }

    /// The last pass over a text that programs read: each of its strings has passed the redactor alone.
    pub(super) fn without_commands(&self, text: String) -> String {
        match sanitize::break_commands(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(broken) => broken,
        }
    }
}
