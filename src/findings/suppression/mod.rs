//! What the inputs themselves silence: comments and annotations.
//!
//! ```text
//! image: nginx            # pullcheck: ignore[mutable-tag] pinned by the cluster's policy
//!
//! # pullcheck: ignore[mutable-tag, unpinned-image] the line below
//! image: nginx
//!
//! # pullcheck: ignore-file[unresolved-placeholder] in the first comment block of a file
//!
//! metadata: { annotations: { pullcheck.dev/ignore: "mutable-tag,unpinned-image" } }    the whole object, or pod template
//! ```
//!
//! A directive names its rules: one that silences everything would hide the next fault too.

mod annotation;
mod comment;
mod index;

use crate::findings::finding::Finding;
use crate::text::source::{Source, SourceId, Sources, Span, Spanned};
pub(crate) use comment::read;
pub(crate) use index::lines_of;

/// The annotation that silences findings of an object.
pub const ANNOTATION: &str = "pullcheck.dev/ignore";

/// The part of the inputs that a suppression applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Findings whose flagged text begins or ends on this line (1-based) of the source, or is the value that the
    /// line leads up to: `image:`, `image: >-`.
    Line(SourceId, u32),
    /// The whole source.
    File(SourceId),
    /// Findings whose flagged text is in this object, or pod template.
    Object(Span),
}

impl Scope {
    /// Returns the source that the scope is in.
    pub const fn source(self) -> SourceId {
        match self {
            Self::Line(source, _) | Self::File(source) | Self::Object(Span { source, .. }) => source,
        }
    }
}

/// A directive that names at least one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// The part of the inputs that the suppression applies to.
    pub scope: Scope,
    /// Ids as written. An unknown rule silences nothing and is reported by `invalid-suppression`.
    pub rules: Vec<Spanned<String>>,
    /// The reason, in the author's words.
    pub reason: Option<String>,
    /// The comment, or the annotation's value.
    pub span: Span,
}

/// A directive that silences nothing because it is written incorrectly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misdirected {
    /// The comment, or the annotation's key or value.
    pub span: Span,
    /// What is wrong with the directive.
    pub fault: DirectiveFault,
}

/// What is wrong with a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DirectiveFault {
    /// No rule is named in brackets.
    NoRules,
    /// The bracket is not closed.
    Unclosed,
    /// The verb is neither `ignore[…]` nor `ignore-file[…]`.
    Unknown,
    /// The directive is `ignore[…]` without `pullcheck:` in front of it.
    NoColon,
    /// `ignore-file` below the file's first comment block.
    NotAtHead,
    /// The annotation names no rule.
    EmptyAnnotation,
    /// The annotation is not a string: the API server refuses the object.
    NotAString,
    /// An annotation with pullcheck's prefix that does not exist.
    UnknownAnnotation,
}

/// The directives of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suppressions {
    /// Directives that silence something, in the order of source and place.
    pub valid: Vec<Suppression>,
    /// Directives that silence nothing because of a fault.
    pub invalid: Vec<Misdirected>,
}

impl Suppressions {
    /// Appends the directives of another source.
    pub fn append(&mut self, other: Self) {
        self.valid.extend(other.valid);
        self.invalid.extend(other.invalid);
    }
}

/// Whether a source may contain a directive at all. This is called for every file, so it must cost next to nothing.
pub(crate) fn may_have(source: &Source) -> bool {
    let bytes = source.text().as_bytes();
    let is_name = |at: usize| bytes.get(at..at + 9).is_some_and(|word| word.eq_ignore_ascii_case(b"pullcheck"));
    memchr::memchr2_iter(b'u', b'U', bytes).any(|at| at > 0 && is_name(at - 1))
}

/// Removes the findings that the inputs silence. Also returns which of the suppressions silenced something, in their
/// order.
pub fn apply(
    findings: Vec<Finding>,
    suppressions: &[Suppression],
    sources: &Sources,
) -> (Vec<Finding>, Vec<Silenced>, Vec<Used>) {
    let mut used: Vec<Used> =
        suppressions.iter().map(|suppression| Used(vec![false; suppression.rules.len()])).collect();
    let index = index::Index::new(suppressions);
    let (mut reported, mut silenced) = (Vec::new(), Vec::new());
    for finding in findings {
        let mut by = None;
        for (at, rule) in index.about(finding.rule, finding.primary.span, sources) {
            if let Some(used) = used.get_mut(at).and_then(|used| used.0.get_mut(rule)) {
                *used = true;
            }
            by = by.or(suppressions.get(at));
        }
        match by {
            None => reported.push(finding),
            Some(suppression) => silenced.push(Silenced::by(suppression, finding)),
        }
    }
    (reported, silenced, used)
}

/// For each rule of a suppression, in order, whether it silenced something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used(pub Vec<bool>);

/// A finding that is not reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silenced {
    /// The finding that is silenced.
    pub finding: Finding,
    /// The suppression or baseline that silences it.
    pub by: SilencedBy,
}

impl Silenced {
    /// Silenced by a comment or an annotation.
    pub(crate) fn by(suppression: &Suppression, finding: Finding) -> Self {
        Self { finding, by: SilencedBy::Suppression { reason: suppression.reason.clone() } }
    }
}

/// What silences a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SilencedBy {
    /// A comment or an annotation.
    Suppression {
        /// The reason, in the author's words.
        reason: Option<String>,
    },
    /// An entry of the baseline.
    Baseline,
}
