//! The pull policy of a container.

use crate::image::reference::Reference;

/// `imagePullPolicy`, as the API server accepts it (case-sensitive).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PullPolicy {
    /// Pull at every start.
    Always,
    /// Pull if the node does not have the image.
    IfNotPresent,
    /// Never pull the image.
    Never,
}

impl PullPolicy {
    /// The spelling in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }

    /// Parses the policy in its exact spelling.
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
/// `Always` for the tag `latest`, in that spelling, written or not, and even if there is a digest beside it. An image
/// that cannot be parsed gets `IfNotPresent`.
pub fn default_pull_policy(text: &str) -> PullPolicy {
    match Reference::parse(text) {
        Ok(reference) if reference.tag() == Some("latest") => PullPolicy::Always,
        _ => PullPolicy::IfNotPresent,
    }
}
