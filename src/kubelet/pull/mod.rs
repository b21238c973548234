//! The pull secrets and credentials of one image use: the kubelet's resolution, from the manifests alone.
//!
//! Follows `plugin/pkg/admission/serviceaccount/admission.go`, `pkg/kubelet/kubelet_pods.go` (`getPullSecretsForPod`)
//! and `pkg/credentialprovider/secrets/secrets.go` of Kubernetes 1.37.

mod lookup;
mod pod;
mod pod_pull;
mod resolver;
mod ring;
mod sibling;

use std::sync::Arc;

use crate::credential::dockerconfig::DockerConfig;
use crate::credential::pair::Credential;
use crate::image::node::Nodes;
use crate::image::pull_policy::PullPolicy;
use crate::inventory::Inventory;
use crate::kubelet::cluster::ClusterFacts;
use crate::kubelet::operator::NodeIdentity;
use crate::resource::workload::{ImageUse, Pod};
use crate::text::source::Span;
use pod_pull::PodPull;
use resolver::Resolver;
use sibling::Siblings;

/// The list by which a pull secret reaches the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// The pod's own `imagePullSecrets`.
    Pod,
    /// The service account's `imagePullSecrets`.
    ServiceAccount,
}

impl Via {
    /// The name in JSON output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::ServiceAccount => "service-account",
        }
    }
}

/// The state of a referenced secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretState {
    /// The secret is in the inputs, and its credentials are readable.
    Readable,
    /// Something in the inputs produces the secret, but its content is not visible.
    Opaque,
    /// The operator supplied the content, or a configuration that replaces what the inputs lack.
    Supplied,
    /// The secret is not in the inputs, but the operator declares that it exists.
    Assumed,
    /// Nothing in the inputs produces it.
    Missing,
    /// The secret exists, but the kubelet ignores it: its type is wrong, or its type and key do not match.
    Ignored,
    /// The secret exists, and breaks every pull of the pod.
    Malformed,
}

impl SecretState {
    /// The name in JSON output.
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
    /// The secret's name in `imagePullSecrets`.
    pub name: String,
    /// The place in the inputs that names the secret.
    pub span: Span,
    /// The list that contains the name.
    pub via: Via,
    /// What is known about the secret.
    pub state: SecretState,
    /// The reason, for states that need one.
    pub reason: Option<String>,
    /// Index in [`Inventory::secrets`] of the object in the inputs.
    pub object: Option<usize>,
}

/// One credential that the kubelet tries for an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateCredential {
    /// The secret that contains the credential; `None` for the operator's configuration in place of the node's own.
    pub secret: Option<String>,
    /// The kubelet's index key.
    pub index_key: String,
    /// The `auths` key as written.
    pub written_key: String,
    /// The credential that is sent.
    pub credential: Credential,
}

/// A possible source of further credentials that is not visible here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blind {
    /// The service account is not in the inputs: it may carry pull secrets.
    ServiceAccount(String),
    /// The content of this referenced secret is unknown.
    Secret(String),
    /// An object in the inputs, by its name, that may add pull secrets to the pod or to its service account.
    Patched(String),
    /// The nodes authenticate by themselves at this registry, and no supplied credential replaces theirs.
    Node(NodeIdentity),
}

/// The state of a pod's service account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AccountState {
    /// The account is in the inputs: index in [`Inventory::service_accounts`].
    Inputs(usize),
    /// The operator declared it.
    Declared,
    /// Several accounts of that name match the pod, and differ. Which one the pod gets is not known.
    Ambiguous,
    /// Nothing in the inputs defines it.
    #[default]
    Undefined,
}

/// The credentials of one image use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PullContext {
    /// The pull policy that the kubelet follows; `None` if the API server refuses the written one.
    pub pull_policy: Option<PullPolicy>,
    /// Effective service account name.
    pub service_account: String,
    /// What is known about the service account.
    pub account: AccountState,
    /// The effective list, without empty names.
    pub secrets: Vec<PullSecret>,
    /// The credentials that the kubelet tries, in its order. Empty means one anonymous pull.
    pub credentials: Vec<CandidateCredential>,
    /// A pull secret with an entry for the image that another program will fill in later. The kubelet then pulls with
    /// that credential, and no longer without one.
    pub unfilled: Option<String>,
    /// The operator's credentials for the image if the pod has none. They only explain a refusal, and never turn it
    /// into a pass.
    pub supplied: Vec<Credential>,
    /// The sources that are not visible here. Empty if the list above is certain.
    pub blind: Vec<Blind>,
    /// Set if no credential is sent: the pull secrets for this image that another workload of the same service
    /// account names itself. They show that the service account has none, so it is not a blind spot.
    pub sibling_secrets: Vec<String>,
    /// Pull secrets of the service account with a credential for this image that the pod's own list drops. Empty if a
    /// secret in the pod's own list has one.
    pub suppressed: Vec<String>,
    /// The secret that breaks every pull of the pod.
    pub breaking: Option<BreakingSecret>,
    /// Whether something in the inputs may replace the pod's image with another.
    pub rewritten: bool,
    /// The nodes that the image has to fit; empty if none are known.
    pub nodes: Arc<[Nodes]>,
}

/// A pull secret that the API server accepts but the kubelet cannot decode. No image of the pod can be pulled, not
/// even a public one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakingSecret {
    /// The secret's name in `imagePullSecrets`.
    pub name: String,
    /// The kubelet's error message.
    pub message: String,
}

/// Resolves the credentials of every image use of the inventory, in its order. `supplied` is the operator's
/// configuration. It replaces every referenced secret that the inputs do not define, and the nodes' own identity.
pub fn resolve(inventory: &Inventory, cluster: &ClusterFacts, supplied: Option<&DockerConfig>) -> Vec<PullContext> {
    let resolver = Resolver::new(inventory, cluster, supplied);
    let pods: Vec<PodPull<'_>> = inventory.pods.iter().map(|pod| resolver.pod(pod)).collect();
    let siblings = Siblings::of(&resolver, &pods);
    let of_image = |image: &ImageUse| {
        let pod = image.pod.0 as usize;
        pods[pod].of_image(image, &inventory.pods[pod], &resolver, &siblings)
    };
    inventory.images.iter().map(of_image).collect()
}

/// Resolves the credentials of images that are not in the inventory, each with the pod that has its pull secrets.
pub fn resolve_others(
    inventory: &Inventory,
    cluster: &ClusterFacts,
    supplied: Option<&DockerConfig>,
    others: &[(Pod, ImageUse)],
) -> Vec<PullContext> {
    let resolver = Resolver::new(inventory, cluster, supplied);
    let siblings = Siblings::of(&resolver, &[]);
    others.iter().map(|(pod, image)| resolver.pod(pod).of_image(image, pod, &resolver, &siblings)).collect()
}
