//! Why kustomize refuses to build a kustomization.

use crate::text::source::Span;

/// A fault in a kustomization that makes kustomize refuse to build it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The place of the fault.
    pub span: Span,
    /// A short description of what is at the place.
    pub label: String,
    /// The message that kustomize prints, without the paths around it.
    pub words: String,
    /// Other places with the same fault: kustomize stops at the first one.
    pub others: Vec<Span>,
    /// Related places, each with a short description.
    pub related: Vec<(Span, &'static str)>,
    /// The versions of kustomize that refuse it.
    pub versions: Versions,
    /// The change that would fix it.
    pub remedy: Remedy,
}

/// The versions of kustomize that refuse something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// All versions: 5.5.0 as in kubectl 1.32, 5.8.1 as in kubectl 1.37, 5.8.3.
    All,
    /// Versions like 5.5.0; newer ones accept it.
    Older,
    /// All versions before 5.8.3.
    BeforeLast,
    /// All versions, unless they are configured to load files from anywhere, as Flux does.
    Restricted,
}

impl Versions {
    /// Whether some versions or tools build it as it is: the objects that it builds are then checked.
    pub(crate) const fn is_built_by_some(self) -> bool {
        matches!(self, Self::Older | Self::Restricted)
    }
}

/// A change that fixes a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// No change is certain to fix it.
    None,
    /// Put this scalar in quotes.
    Quote(String),
    /// Rename the key to this one.
    Rename(String),
    /// Replace the value with this one.
    Replace(String),
    /// Create a file or folder at this path, or remove the reference to it.
    Member(String),
    /// Advice in a full sentence.
    Advice(String),
}

impl Refusal {
    /// Creates a refusal for all versions.
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

    /// Sets the change that fixes it.
    pub(crate) fn with_remedy(self, remedy: Remedy) -> Self {
        Self { remedy, ..self }
    }

    /// Adds a related place.
    pub(crate) fn related_to(mut self, span: Span, what: &'static str) -> Self {
        self.related.push((span, what));
        self
    }

    /// Sets the versions that refuse it.
    pub(crate) fn of(self, versions: Versions) -> Self {
        Self { versions, ..self }
    }
}
