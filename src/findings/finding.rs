//! A fault with its place: what rules produce and outputs print.

use crate::resource::ResourceName;
use crate::resource::workload::Container;
use crate::text::source::Span;

/// The severity of a finding. Only what would certainly fail, given the known facts, is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing, but not a problem by itself.
    Note,
    /// A pull that is likely to fail, or to surprise.
    Warning,
    /// A pull, or an apply, that fails.
    Error,
}

impl Severity {
    /// `error`, `warning` or `note`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A place with a message about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place that the message is about.
    pub span: Span,
    /// A few words next to the place.
    pub message: String,
}

/// A change to the inputs that fixes a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What the fix does, in a few words.
    pub title: String,
    /// Whether the fix can be applied without review.
    pub safety: Safety,
    /// The replacements that make up the fix.
    pub edits: Vec<Edit>,
}

/// Whether a fix can be applied without review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// The deployed result stays the same, or what certainly failed now works as intended.
    Safe,
    /// The fix is a guess at what was meant.
    Unsafe,
}

impl Safety {
    /// Returns the name in JSON output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Unsafe => "unsafe",
        }
    }
}

/// One replacement of text in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The text to remove.
    pub span: Span,
    /// The text to insert in its place.
    pub replacement: String,
}

/// The object and container that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject {
    /// The Kubernetes object, if the finding is about one.
    pub resource: Option<ResourceName>,
    /// The container within the object.
    pub container: Option<Container>,
    /// The image as written.
    pub image: Option<String>,
}

/// One fault at one place. A finding cannot be built without a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The id of the rule that reports it.
    pub rule: &'static str,
    /// The severity under the operator's settings.
    pub severity: Severity,
    /// What is wrong, in one or two sentences. The message does not name the place: findings with the same rule,
    /// message and help are one fault, and human output lists their places together.
    pub message: String,
    /// The flagged text, with its label.
    pub primary: Label,
    /// Other places that belong to the finding.
    pub related: Vec<Label>,
    /// The advice on what to change.
    pub help: Option<String>,
    /// The event text that `kubectl describe pod` would show.
    pub event: Option<String>,
    /// The object and container that the finding is about.
    pub subject: Subject,
    /// Possible fixes, the likeliest first.
    pub fixes: Vec<Fix>,
    /// The template that wrote the flagged text, as a renderer's comment names it: `shop/templates/deployment.yaml`.
    pub template: Option<String>,
}

impl Finding {
    /// Creates a finding with its place and the label of the place.
    pub fn new(
        rule: &'static str,
        severity: Severity,
        message: impl Into<String>,
        at: Span,
        label: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            severity,
            message: message.into(),
            primary: Label { span: at, message: label.into() },
            related: Vec::new(),
            help: None,
            event: None,
            subject: Subject::default(),
            fixes: Vec::new(),
            template: None,
        }
    }

    /// Offers a fix, if there is one.
    #[must_use]
    pub fn fix(mut self, fix: Option<Fix>) -> Self {
        self.fixes.extend(fix);
        self
    }

    /// Sets the advice on what to change.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a related place with its label.
    #[must_use]
    pub fn related(mut self, at: Span, message: impl Into<String>) -> Self {
        self.related.push(Label { span: at, message: message.into() });
        self
    }

    /// Sets the event that the kubelet will report.
    #[must_use]
    pub fn event(mut self, event: Option<String>) -> Self {
        self.event = event;
        self
    }

    /// Sets the object and container that the finding is about.
    #[must_use]
    pub fn subject(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self
    }

    /// Returns a key that survives moved lines: rule, file, object, container and image, hashed (FNV-1a, 64 bit,
    /// hex).
    pub fn fingerprint(&self, file: &str) -> String {
        let resource = self.subject.resource.as_ref();
        let container = self.subject.container.as_ref();
        let parts = [
            self.rule,
            file,
            resource.map_or("", |r| &r.kind),
            resource.and_then(|r| r.namespace.as_deref()).unwrap_or(""),
            resource.and_then(|r| r.name.as_deref()).unwrap_or(""),
            container.map_or("", |c| c.kind.as_str()),
            container.and_then(|c| c.name.as_deref()).unwrap_or(""),
            self.subject.image.as_deref().unwrap_or(""),
        ];
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in parts.join("\u{1f}").bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        format!("{hash:016x}")
    }
}
