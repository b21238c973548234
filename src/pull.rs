//! Which secrets and credentials one image use gets: the kubelet's resolution, from the manifests alone.
//!
//! Follows `plugin/pkg/admission/serviceaccount/admission.go`, `pkg/kubelet/kubelet_pods.go`
//! (`getPullSecretsForPod`) and `pkg/credentialprovider/secrets/secrets.go` of Kubernetes 1.36.

use crate::keyring::Credential;
use crate::source::Span;

/// Through what a pull secret reaches the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// The pod's own `imagePullSecrets`.
    Pod,
    /// Its service account's.
    ServiceAccount,
}

impl Via {
    /// As JSON output names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::ServiceAccount => "service-account",
        }
    }
}

/// What is known of a referenced secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretState {
    /// In the inputs, and its credentials are readable.
    Readable,
    /// Something in the inputs produces it, but its content is not to be seen.
    Opaque,
    /// Not in the inputs; the operator's dockerconfigjson stands in for it.
    Supplied,
    /// Not in the inputs; the operator says that it exists.
    Assumed,
    /// Nothing in the inputs produces it.
    Missing,
    /// It is there, and the kubelet ignores it: wrong type, or type and key do not go together.
    Ignored,
    /// It is there, and breaks every pull of the pod.
    Malformed,
}

impl SecretState {
    /// As JSON output names it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Readable => "readable",
            Self::Opaque => "opaque",
            Self::Supplied => "supplied",
            Self::Assumed => "assumed",
            Self::Missing => "missing",
            Self::Ignored => "ignored",
            Self::Malformed => "malformed",
        }
    }
}

/// One name of the effective `imagePullSecrets`, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSecret {
    /// The secret's name.
    pub name: String,
    /// Where it is named.
    pub span: Span,
    /// Through what it reaches the pod.
    pub via: Via,
    /// What is known of it.
    pub state: SecretState,
    /// Why, where the state wants a reason.
    pub reason: Option<String>,
    /// Index in [`crate::inventory::Inventory::secrets`] of the object in the inputs.
    pub object: Option<usize>,
}

/// One credential that the kubelet tries for an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateCredential {
    /// The secret it comes from; `None` for the operator's configuration standing in for the node.
    pub secret: Option<String>,
    /// The kubelet's index key.
    pub index_key: String,
    /// The `auths` key as written.
    pub written_key: String,
    /// What is sent.
    pub credential: Credential,
}

/// What could still add a credential that is not to be seen from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blind {
    /// The service account is not in the inputs: it may carry pull secrets.
    ServiceAccount(String),
    /// This referenced secret's content is unknown.
    Secret(String),
}

/// The credentials of one image use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PullContext {
    /// Effective service account name.
    pub service_account: String,
    /// The effective list, empty names left out.
    pub secrets: Vec<PullSecret>,
    /// What the kubelet tries, in its order. Empty means one anonymous pull.
    pub credentials: Vec<CandidateCredential>,
    /// What is not to be seen; empty when the list above is certain.
    pub blind: Vec<Blind>,
    /// Name of a secret that breaks every pull of the pod, with the kubelet's words.
    pub malformed: Option<(String, String)>,
}
