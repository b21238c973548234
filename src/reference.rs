//! Image references, exactly as the kubelet parses them.

/// A parsed and normalised reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Reference {
    /// Parses as `ParseImageName` does.
    pub fn parse(_text: &str) -> Result<Self, ReferenceError> {
        Err(ReferenceError::Format)
    }

    /// The registry: `docker.io`, `ghcr.io`, `reg.local:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository path, `library/` filled in for Docker Hub.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `latest` where neither tag nor digest is written; `None` where only a digest is.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, `algorithm:hex`.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }
}

/// Why a reference cannot be parsed; its `Display` is the text of distribution/reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ReferenceError {
    /// Anything that the grammar does not allow.
    #[error("invalid reference format")]
    Format,
}
