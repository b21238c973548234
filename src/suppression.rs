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
//! metadata: { annotations: { pullcheck.dev/ignore: "mutable-tag,unpinned-image" } }    the whole object
//! ```
//!
//! A directive names its rules: one that silences everything would hide the next fault too.

mod comment;

use crate::finding::Finding;
use crate::resource::Object;
use crate::source::{Source, SourceId, Sources, Span, Spanned};
use crate::yaml::Node;
pub(crate) use comment::read;

/// The annotation that silences findings of an object.
pub const ANNOTATION: &str = "pullcheck.dev/ignore";

/// Which findings a suppression is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those whose flagged text touches this line (1-based) of the source.
    Line(SourceId, u32),
    /// All of a source.
    File(SourceId),
    /// Those whose flagged text lies in this object.
    Object(Span),
}

/// A directive that names at least one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// What it is about.
    pub scope: Scope,
    /// Ids as written; what is no rule is silenced nowhere and reported by `invalid-suppression`.
    pub rules: Vec<Spanned<String>>,
    /// Why, in the author's words.
    pub reason: Option<String>,
    /// The comment, or the annotation's value.
    pub span: Span,
}

/// A directive that silences nothing, because of how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misdirected {
    /// The comment, or the annotation's value.
    pub span: Span,
    /// What is wrong with it.
    pub fault: DirectiveFault,
}

/// What is wrong with a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DirectiveFault {
    /// It names no rule.
    NoRules,
    /// It is neither `ignore[…]` nor `ignore-file[…]`.
    Unknown,
    /// `ignore-file` below the file's first comment block.
    NotAtHead,
}

/// What the directives of a source say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suppressions {
    /// Those that silence something, in the order of source and place.
    pub valid: Vec<Suppression>,
    /// The others.
    pub invalid: Vec<Misdirected>,
}

impl Suppressions {
    /// Adds those of another source behind.
    pub fn append(&mut self, other: Self) {
        self.valid.extend(other.valid);
        self.invalid.extend(other.invalid);
    }

    /// Adds the annotation of an object, or of its pod template, given by `metadata`.
    pub(crate) fn add_annotation(&mut self, object: &Object<'_>, metadata: Option<Node<'_>>) {
        let annotations = metadata.and_then(|metadata| metadata.get("annotations"));
        let Some(value) = annotations.and_then(|all| all.get(ANNOTATION)) else { return };
        let span = value.span();
        let names = value.text().unwrap_or_default().split([',', ' ', '\n']);
        let named = names.map(str::trim).filter(|name| !name.is_empty());
        let rules: Vec<_> = named.map(|name| Spanned { value: name.to_owned(), span }).collect();
        if rules.is_empty() {
            self.invalid.push(Misdirected { span, fault: DirectiveFault::NoRules });
        } else {
            self.valid.push(Suppression { scope: Scope::Object(object.node.span()), rules, reason: None, span });
        }
    }
}

impl Suppression {
    /// Whether it speaks of a place.
    pub fn covers(&self, place: Span, sources: &Sources) -> bool {
        match self.scope {
            Scope::File(source) => place.source == source,
            Scope::Object(object) => {
                place.source == object.source && object.start <= place.start && place.end <= object.end
            }
            Scope::Line(source, line) => {
                place.source == source
                    && sources.locate(place).is_some_and(|at| (at.start.line..=at.end.line).contains(&line))
            }
        }
    }
}

/// Whether a source may hold a directive at all: asked of every file, so it must cost next to nothing.
pub(crate) fn may_have(source: &Source) -> bool {
    memchr::memmem::find(source.text().as_bytes(), b"pullcheck").is_some()
}

/// Takes out what the inputs silence. Which of the suppressions silenced something is told beside, in their order.
pub fn apply(
    findings: Vec<Finding>,
    suppressions: &[Suppression],
    sources: &Sources,
) -> (Vec<Finding>, Vec<Silenced>, Vec<Used>) {
    let mut used: Vec<Used> = suppressions.iter().map(|it| Used(vec![false; it.rules.len()])).collect();
    let (mut reported, mut silenced) = (Vec::new(), Vec::new());
    for finding in findings {
        let mut by = None;
        for (suppression, used) in suppressions.iter().zip(&mut used) {
            if suppression.covers(finding.primary.span, sources) {
                for (rule, used) in suppression.rules.iter().zip(&mut used.0) {
                    if rule.value == finding.rule {
                        *used = true;
                        by = by.or(Some(suppression));
                    }
                }
            }
        }
        match by {
            None => reported.push(finding),
            Some(suppression) => {
                let by = SilencedBy::Suppression { reason: suppression.reason.clone() };
                silenced.push(Silenced { finding, by });
            }
        }
    }
    (reported, silenced, used)
}

/// Which of a suppression's rules silenced something, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used(pub Vec<bool>);

/// A finding that is not reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silenced {
    /// The finding.
    pub finding: Finding,
    /// What silences it.
    pub by: SilencedBy,
}

/// What silences a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SilencedBy {
    /// A comment or an annotation.
    Suppression {
        /// Why, in the author's words.
        reason: Option<String>,
    },
    /// The baseline.
    Baseline,
}
