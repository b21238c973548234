//! Why kustomize does not build a kustomization.

use crate::text::source::Span;

/// A fault of a kustomization for which kustomize refuses to build it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The place.
    pub span: Span,
    /// What is there, in a few words.
    pub label: String,
    /// What kustomize prints, without the paths around it.
    pub words: String,
    /// Other places with the same fault: kustomize stops at the first.
    pub others: Vec<Span>,
    /// What else it is about: places, and what is there.
    pub related: Vec<(Span, &'static str)>,
    /// Which versions refuse it.
    pub versions: Versions,
    /// What would fix it.
    pub remedy: Remedy,
}

/// Which versions of kustomize refuse something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// All: 5.5.0 as in kubectl 1.32, 5.8.1 as in kubectl 1.37, 5.8.3.
    All,
    /// Those like 5.5.0; newer ones take it.
    Older,
    /// All before 5.8.3.
    BeforeLast,
    /// All, unless they are told to load files from anywhere; Flux does.
    Restricted,
}

impl Versions {
    /// Whether someone builds it as it is: what it builds is judged then.
    pub(crate) const fn is_built_by_some(self) -> bool {
        matches!(self, Self::Older | Self::Restricted)
    }
}

/// What fixes a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing that could be told for certain.
    None,
    /// Quotes around this scalar.
    Quote(String),
    /// Another key in place of this one.
    Rename(String),
    /// Another value in place of this one.
    Replace(String),
    /// A file or folder of this path has to be there, or not to be named.
    Member(String),
    /// What to do, in a sentence.
    Advice(String),
}

impl Refusal {
    /// A refusal of all versions.
    pub(crate) fn new(span: Span, words: impl Into<String>, label: impl Into<String>) -> Self {
        let (label, words) = (label.into(), words.into());
        Self {
            span,
            label,
            words,
            others: Vec::new(),
            related: Vec::new(),
            versions: Versions::All,
            remedy: Remedy::None,
        }
    }

    /// Says what fixes it.
    pub(crate) fn with_remedy(self, remedy: Remedy) -> Self {
        Self { remedy, ..self }
    }

    /// Points at another place.
    pub(crate) fn related_to(mut self, span: Span, what: &'static str) -> Self {
        self.related.push((span, what));
        self
    }

    /// Says which versions refuse.
    pub(crate) fn of(self, versions: Versions) -> Self {
        Self { versions, ..self }
    }
}
