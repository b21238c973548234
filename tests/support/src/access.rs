//! Who may read a scripted repository, and how all others are refused.

/// Who may read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Access {
    /// Everyone, without a challenge.
    #[default]
    Open,
    /// These users and passwords, by a Basic challenge.
    Basic(Vec<(String, String)>),
    /// By a token.
    Bearer(Bearer),
}

/// A repository behind a token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// Users that may read.
    pub readers: Vec<(String, String)>,
    /// Users whose password is right but that may not read.
    pub strangers: Vec<(String, String)>,
    /// How those are refused.
    pub refusal: Refusal,
    /// How anonymous pulls are refused; `None` lets them in.
    pub anonymous: Option<Refusal>,
}

/// How a token registry says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A token is given, and the manifest answers 401 with `error="insufficient_scope"` (Docker Hub).
    InsufficientScope,
    /// A token is given, and the manifest answers 401 without `error=` (quay.io).
    Unauthorized,
    /// A token is given, and the manifest answers 403.
    Forbidden,
    /// The token endpoint answers 403 `DENIED` (ghcr.io, Artifact Registry).
    TokenForbidden,
    /// The token endpoint answers 401.
    TokenUnauthorized,
}

impl Bearer {
    /// Anonymous pulls are let in, but with a token.
    pub fn public() -> Self {
        Self { readers: vec![], strangers: vec![], refusal: Refusal::InsufficientScope, anonymous: None }
    }

    /// Only this user reads; all others are refused as Docker Hub does.
    pub fn private(user: &str, password: &str) -> Self {
        let readers = vec![(user.to_owned(), password.to_owned())];
        Self { readers, anonymous: Some(Refusal::InsufficientScope), ..Self::public() }
    }

    /// Refuses everyone in this way.
    #[must_use]
    pub fn refusing(mut self, refusal: Refusal) -> Self {
        self.refusal = refusal;
        self.anonymous = self.anonymous.map(|_| refusal);
        self
    }

    /// Adds a user whose password is right but that may not read.
    #[must_use]
    pub fn stranger(mut self, user: &str, password: &str) -> Self {
        self.strangers.push((user.to_owned(), password.to_owned()));
        self
    }
}
