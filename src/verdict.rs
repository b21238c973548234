//! Whether the kubelet will be able to pull, from everything that is known.

use crate::probe::{Defect, Denial, Manifest, Unknown};

/// Why an image is not, or not known to be, pullable. The strings are part of the JSON contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The reference cannot be parsed.
    InvalidName,
    /// No such tag, digest or repository.
    Absent,
    /// The registry refuses.
    Denied(Denial),
    /// The manifest is there but cannot be used.
    Defect(Defect),
    /// No entry of the index fits the node.
    Platform,
    /// The registry gave no usable answer, or was not asked.
    Unknown(Unknown),
    /// A pull secret breaks every pull of the pod.
    MalformedPullSecret,
    /// Anonymous pulls are refused and the service account is not in the inputs.
    ServiceAccountUnknown,
    /// Anonymous pulls are refused and a referenced secret's content is unknown.
    SecretUnknown,
    /// It is said to be pushed later.
    Expected,
    /// A placeholder.
    Placeholder,
    /// A kustomization rewrites it.
    RewrittenByKustomize,
    /// An OpenShift image stream sets it.
    SetByImageStream,
    /// Pull policy `Never`.
    Never,
}

impl Cause {
    /// As JSON output names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidName => "invalid-name",
            Self::Absent => "absent",
            Self::Denied(Denial::BadCredentials) => "bad-credentials",
            Self::Denied(Denial::DeniedOrAbsent) => "denied-or-absent",
            Self::Denied(Denial::Auth) => "auth",
            Self::Denied(Denial::AuthRequired) => "auth-required",
            Self::Denied(Denial::Denied) => "denied",
            Self::Defect(Defect::Schema1) => "schema1",
            Self::Defect(Defect::NotAnImage) => "not-an-image",
            Self::Defect(Defect::TooBig) => "too-big",
            Self::Defect(Defect::BrokenProxy) => "broken-proxy",
            Self::Defect(Defect::BrokenRegistry) => "broken-registry",
            Self::Platform => "platform",
            Self::Unknown(Unknown::RateLimited) => "rate-limited",
            Self::Unknown(Unknown::RegistryError) => "registry-error",
            Self::Unknown(Unknown::AuthServer) => "auth-server",
            Self::Unknown(Unknown::Tls) => "tls",
            Self::Unknown(Unknown::Dns) => "dns",
            Self::Unknown(Unknown::Network) => "network",
            Self::Unknown(Unknown::Timeout) => "timeout",
            Self::Unknown(Unknown::PlainHttp) => "plain-http",
            Self::Unknown(Unknown::HostStopped) => "host-stopped",
            Self::Unknown(Unknown::Deadline) => "deadline",
            Self::Unknown(Unknown::Offline) => "offline",
            Self::Unknown(Unknown::NodeLocal) => "node-local",
            Self::MalformedPullSecret => "malformed-pull-secret",
            Self::ServiceAccountUnknown => "service-account-unknown",
            Self::SecretUnknown => "secret-unknown",
            Self::Expected => "expected",
            Self::Placeholder => "placeholder",
            Self::RewrittenByKustomize => "rewritten-by-kustomize",
            Self::SetByImageStream => "set-by-image-stream",
            Self::Never => "never",
        }
    }
}

/// What pullcheck says of one image use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The kubelet's attempts were made, in its order, and one was answered with this manifest.
    Pullable(Manifest),
    /// It will fail.
    Fails(Cause),
    /// It could not be told.
    Unverified(Cause),
    /// What is written is not what will be pulled.
    Skipped(Cause),
    /// The kubelet never asks a registry.
    NotPulled,
}

impl Verdict {
    /// As JSON output names it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pullable(_) => "pullable",
            Self::Fails(_) => "fails",
            Self::Unverified(_) => "unverified",
            Self::Skipped(_) => "skipped",
            Self::NotPulled => "not-pulled",
        }
    }

    /// Why; `None` when pullable.
    pub const fn cause(&self) -> Option<Cause> {
        match self {
            Self::Pullable(_) => None,
            Self::Fails(cause) | Self::Unverified(cause) | Self::Skipped(cause) => Some(*cause),
            Self::NotPulled => Some(Cause::Never),
        }
    }
}
