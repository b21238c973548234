//! When an image is pulled.

use crate::image::reference::Reference;

/// `imagePullPolicy`, as the API server takes it (case-sensitive).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PullPolicy {
    /// Pull at every start.
    Always,
    /// Pull where the node lacks it.
    IfNotPresent,
    /// Never pull.
    Never,
}

impl PullPolicy {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }

    /// The policy of that exact spelling.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "Always" => Some(Self::Always),
            "IfNotPresent" => Some(Self::IfNotPresent),
            "Never" => Some(Self::Never),
            _ => None,
        }
    }
}

/// The `imagePullPolicy` that the API server fills in (`SetDefaults_Container` in `pkg/apis/core/v1/defaults.go`):
/// `Always` for the tag `latest`, in that spelling, written or not, and even where a digest stands beside it. An image
/// that cannot be parsed gets `IfNotPresent`.
pub fn default_pull_policy(text: &str) -> PullPolicy {
    match Reference::parse(text) {
        Ok(reference) if reference.tag() == Some("latest") => PullPolicy::Always,
        _ => PullPolicy::IfNotPresent,
    }
}
