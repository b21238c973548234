//! Secrets of the inputs, and what the kubelet makes of them as pull secrets.

use crate::dockerconfig::DockerConfig;
use crate::source::{Span, Spanned};
use crate::workload::ResourceId;

/// A Secret, or an object that produces one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its namespace, when it names one.
    pub namespace: Option<String>,
    /// The Secret's name.
    pub name: Spanned<String>,
    /// The object.
    pub resource: ResourceId,
    /// `type` with its place; `None` where it is left out (the API server fills in `Opaque`).
    pub declared_type: Option<Spanned<String>>,
    /// What it holds.
    pub content: Content,
}

/// What the kubelet finds in a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Credentials, by registry key.
    Config(DockerConfig),
    /// Ignored without a word, because of its type or because type and key do not go together.
    Ignored(IgnoredBecause),
    /// It cannot be decoded.
    Malformed(Malformed),
    /// Not to be seen from here: encrypted, or filled in later.
    Opaque,
}

/// Why the kubelet ignores a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IgnoredBecause {
    /// Its type is neither `kubernetes.io/dockerconfigjson` nor `kubernetes.io/dockercfg`.
    WrongType {
        /// Whether it has the key of a pull secret, so that the type is the only fault.
        has_docker_config: bool,
    },
    /// The type is right, but the data key that goes with it is missing: the API server refuses it.
    MissingKey,
}

/// Why a secret cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The words of the API server or the kubelet.
    pub message: String,
    /// The value.
    pub span: Span,
    /// Who refuses it.
    pub refused_by: RefusedBy,
}

/// When a malformed secret shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusedBy {
    /// At apply.
    ApiServer,
    /// At the pull, for every image of the pod.
    Kubelet,
}
