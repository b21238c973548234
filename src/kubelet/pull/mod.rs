//! Which secrets and credentials one image use gets: the kubelet's resolution, from the manifests alone.
//!
//! Follows `plugin/pkg/admission/serviceaccount/admission.go`, `pkg/kubelet/kubelet_pods.go`
//! (`getPullSecretsForPod`) and `pkg/credentialprovider/secrets/secrets.go` of Kubernetes 1.37.

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
use crate::resource::workload::ImageUse;
use crate::text::source::Span;
use pod_pull::PodPull;
use resolver::Resolver;
use sibling::Siblings;

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
    /// The operator gave its content, or a configuration that stands in for what the inputs lack.
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
    /// Index in [`Inventory::secrets`] of the object in the inputs.
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
    /// Something in the inputs may add pull secrets to the pod, or to its service account: what it is called.
    Patched(String),
    /// The nodes authenticate by themselves at this registry, and nothing that was supplied stands in for them.
    Node(NodeIdentity),
}

/// What is known of the service account of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AccountState {
    /// It is in the inputs: index in [`Inventory::service_accounts`].
    Inputs(usize),
    /// The operator declared it.
    Declared,
    /// Several of its name fit the pod, and differ: which one the pod gets is not known.
    Ambiguous,
    /// Nothing in the inputs defines it.
    #[default]
    Undefined,
}

/// The credentials of one image use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PullContext {
    /// The pull policy that the kubelet goes by; `None` where the API server refuses what is written.
    pub pull_policy: Option<PullPolicy>,
    /// Effective service account name.
    pub service_account: String,
    /// What is known of it.
    pub account: AccountState,
    /// The effective list, empty names left out.
    pub secrets: Vec<PullSecret>,
    /// What the kubelet tries, in its order. Empty means one anonymous pull.
    pub credentials: Vec<CandidateCredential>,
    /// A pull secret with an entry for the image that another program has yet to write: the kubelet pulls with what it
    /// will hold, and without a credential no more.
    pub unfilled: Option<String>,
    /// What the operator's configuration has for the image where the pod has nothing: to explain a refusal, never to
    /// turn it into a pass.
    pub supplied: Vec<Credential>,
    /// What is not to be seen; empty when the list above is certain.
    pub blind: Vec<Blind>,
    /// Where no credential is sent: the pull secrets with one for this image that another workload of the same service
    /// account names itself. They show that the service account carries none, so that it is not blind.
    pub sibling_secrets: Vec<String>,
    /// Pull secrets of the service account with a credential for this image, where nothing that the pod's own list
    /// brings has one: that list drops them.
    pub suppressed: Vec<String>,
    /// The secret that breaks every pull of the pod.
    pub breaking: Option<BreakingSecret>,
    /// Whether something in the inputs may write another image into the pod than its object has.
    pub rewritten: bool,
    /// The nodes that the image has to fit; empty where nothing is known of them.
    pub nodes: Arc<[Nodes]>,
}

/// A pull secret that the API server takes and the kubelet cannot decode: no image of the pod can be pulled, public ones
/// included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakingSecret {
    /// Its name.
    pub name: String,
    /// The kubelet's words.
    pub message: String,
}

/// Resolves the credentials of every image use of the inventory, in its order. `supplied` is the operator's
/// configuration: it stands in for every referenced secret that the inputs do not define, and for the nodes' own
/// identity.
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
