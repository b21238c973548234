//! A string that must never be printed.

use zeroize::Zeroizing;

/// A password or token. It has no `Display` and no `Serialize`, its `Debug` shows `***`, and its memory is
/// overwritten when it is dropped. The only access to the text is [`Sensitive::expose`], so that a search for that
/// word finds every place that reads a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Sensitive(Zeroizing<String>);

impl Sensitive {
    /// Wraps a text that must never be printed.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(Zeroizing::new(secret.into()))
    }

    /// The secret itself: for requests and the redactor, never for a message.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the secret is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::hash::Hash for Sensitive {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

impl std::fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}
