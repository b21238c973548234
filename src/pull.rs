//! Which secrets and credentials one image use gets: the kubelet's resolution, from the manifests alone.
//!
//! Follows `plugin/pkg/admission/serviceaccount/admission.go`, `pkg/kubelet/kubelet_pods.go`
//! (`getPullSecretsForPod`) and `pkg/credentialprovider/secrets/secrets.go` of Kubernetes 1.36.

mod lookup;
mod sibling;

use crate::dockerconfig::DockerConfig;
use crate::inventory::Inventory;
use crate::keyring::{Credential, Keyring, is_wildcard, key_matches, shown_key};
use crate::reference::Reference;
use crate::rules::Settings;
use crate::secret::{Content, RefusedBy};
use crate::service_account::ServiceAccount;
use crate::source::{SourceId, Span};
use crate::workload::{ImageText, ImageUse, Pod, PodOrigin, SecretReference};
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
    /// What the operator's configuration has for the image where the pod has nothing: to explain a refusal, never to
    /// turn it into a pass.
    pub supplied: Vec<Credential>,
    /// What is not to be seen; empty when the list above is certain.
    pub blind: Vec<Blind>,
    /// Where no credential is sent: the pull secrets with one for this image that another workload of the same service
    /// account names itself. They show that the service account carries none, so that it is not blind.
    pub sibling_secrets: Vec<String>,
    /// The secret that breaks every pull of the pod.
    pub breaking: Option<BreakingSecret>,
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
/// configuration: it stands in for every referenced secret that the inputs do not define.
pub fn resolve(inventory: &Inventory, settings: &Settings, supplied: Option<&DockerConfig>) -> Vec<PullContext> {
    let mut supplied_ring = Keyring::default();
    supplied.into_iter().for_each(|config| supplied_ring.add(0, config));
    let resolver = Resolver { inventory, settings, supplied, supplied_ring };
    let pods: Vec<PodPull> = inventory.pods.iter().map(|pod| resolver.pod(pod)).collect();
    let siblings = Siblings::of(&resolver, &pods);
    let of_image = |image: &ImageUse| {
        let pod = image.pod.0 as usize;
        pods[pod].of_image(image, &inventory.pods[pod], &resolver, &siblings)
    };
    inventory.images.iter().map(of_image).collect()
}

fn service_account_name(pod: &Pod) -> &str {
    pod.service_account.as_ref().map_or("default", |name| &name.value)
}

struct Resolver<'a> {
    inventory: &'a Inventory,
    settings: &'a Settings,
    supplied: Option<&'a DockerConfig>,
    supplied_ring: Keyring,
}

/// What all images of one pod share.
struct PodPull {
    context: PullContext,
    keyring: Keyring,
    /// What each origin number of the keyring stands for.
    origins: Vec<KeyringOrigin>,
}

/// Where the credentials of a keyring come from.
struct KeyringOrigin {
    secret: String,
    /// The operator's configuration stands in for the secret.
    supplied: bool,
}

impl PodPull {
    fn add(&mut self, config: &DockerConfig, secret: &str, supplied: bool) {
        self.keyring.add(self.origins.len(), config);
        self.origins.push(KeyringOrigin { secret: secret.to_owned(), supplied });
    }

    fn of_image<'a>(
        &self,
        image: &ImageUse,
        pod: &'a Pod,
        resolver: &Resolver<'a>,
        siblings: &Siblings<'a>,
    ) -> PullContext {
        let mut context = self.context.clone();
        let ImageText::Reference(reference) = &image.image else { return context };
        for found in self.keyring.lookup(reference.name()) {
            let origin = &self.origins[found.origin];
            if origin.supplied && !resolver.may_send(reference, found.written_key) {
                context.blind.push(Blind::Secret(origin.secret.clone()));
                continue;
            }
            context.credentials.push(CandidateCredential {
                secret: Some(origin.secret.clone()),
                index_key: found.index_key.to_owned(),
                written_key: shown_key(found.written_key).into_owned(),
                credential: found.credential.clone(),
            });
        }
        if context.credentials.is_empty() {
            let explaining = resolver.supplied_ring.lookup(reference.name()).into_iter();
            let sendable = explaining.filter(|found| resolver.may_send(reference, found.written_key));
            context.supplied = sendable.map(|found| found.credential.clone()).collect();
        }
        if context.credentials.iter().all(|candidate| candidate.credential.is_anonymous()) {
            context.sibling_secrets = siblings.secrets_for(pod, reference);
            if !context.sibling_secrets.is_empty() && pod.origin != PodOrigin::Custom {
                context.blind.retain(|blind| !matches!(blind, Blind::ServiceAccount(_)));
            }
        }
        context
    }
}

impl<'a> Resolver<'a> {
    /// Whether a credential of the operator's configuration may be sent to an image's registry: one under a wildcard
    /// key would otherwise reach any host that a stranger's manifest names.
    fn may_send(&self, reference: &Reference, written_key: &str) -> bool {
        let allowed = || self.settings.credential_hosts.iter().any(|glob| key_matches(glob, reference.registry()));
        !is_wildcard(written_key) || allowed()
    }

    fn pod(&self, pod: &Pod) -> PodPull {
        let account_name = service_account_name(pod);
        let mut context = PullContext { service_account: account_name.to_owned(), ..PullContext::default() };
        let account = self.service_account(pod, account_name);
        let (references, via) = match (&pod.pull_secrets, account) {
            // All or nothing: a list of the pod's own, even `[{}]`, drops the service account's.
            (Some(own), _) => (own.as_slice(), Via::Pod),
            (None, Some(account)) => (account.pull_secrets.as_slice(), Via::ServiceAccount),
            (None, None) => (&[][..], Via::ServiceAccount),
        };
        let unknown_account = pod.pull_secrets.is_none() && account.is_none() && !self.settings.closed;
        // An operator may give the pods of its own kinds more secrets than the object shows.
        if unknown_account || pod.origin == PodOrigin::Custom {
            context.blind.push(Blind::ServiceAccount(account_name.to_owned()));
        }
        let mut pull = PodPull { context, keyring: Keyring::default(), origins: Vec::new() };
        for reference in references.iter().filter(|reference| !reference.name.is_empty()) {
            self.add_secret(pod, reference, via, &mut pull);
        }
        pull
    }

    fn add_secret(&self, pod: &Pod, reference: &SecretReference, via: Via, pull: &mut PodPull) {
        let found = self.secret(pod, reference, via);
        let (state, reason) = match found {
            Some(found) => {
                let (state, reason) = found.state(self.inventory);
                match (&state, &found.secret.content) {
                    (SecretState::Readable, Content::Config(config)) => pull.add(config, &reference.name, false),
                    (SecretState::Opaque, _) => pull.context.blind.push(Blind::Secret(reference.name.clone())),
                    // What the API server refuses never comes to exist, so the kubelet goes without it.
                    (SecretState::Malformed, Content::Malformed(malformed))
                        if malformed.refused_by == RefusedBy::Kubelet =>
                    {
                        let message = malformed.message.clone();
                        let breaking = BreakingSecret { name: reference.name.clone(), message };
                        pull.context.breaking.get_or_insert(breaking);
                    }
                    _ => {}
                }
                (state, reason)
            }
            None => match self.supplied {
                Some(config) => {
                    // Twice the same configuration would be twice the same attempt.
                    if !pull.context.secrets.iter().any(|secret| secret.state == SecretState::Supplied) {
                        pull.add(config, &reference.name, true);
                    }
                    let why = self.why_missing(pod, &reference.name);
                    (SecretState::Supplied, Some(format!("{why}; the supplied dockerconfigjson stands in for it")))
                }
                None => {
                    // An object whose name is encrypted may be the one that is named.
                    if !self.settings.closed || !self.inventory.unrecognisable.is_empty() {
                        pull.context.blind.push(Blind::Secret(reference.name.clone()));
                    }
                    (SecretState::Missing, Some(self.why_missing(pod, &reference.name)))
                }
            },
        };
        let object = found.map(|found| found.index);
        let secret = PullSecret { name: reference.name.clone(), span: reference.span, via, state, reason, object };
        pull.context.secrets.push(secret);
    }

    fn service_account(&self, pod: &Pod, name: &str) -> Option<&'a ServiceAccount> {
        let accounts = self.inventory.service_accounts.iter().filter(|account| account.name == name);
        let place = |account: &&ServiceAccount| self.inventory.resource(account.resource).span.source;
        self.nearest(pod, accounts, |account| account.namespace.as_deref(), place)
    }

    /// Of several objects of one name the one that the pod means: its namespace must fit, one that is written out is
    /// better than one that is not, and overlays that define the same name keep to their own file.
    fn nearest<T>(
        &self,
        pod: &Pod,
        candidates: impl Iterator<Item = T>,
        namespace: impl Fn(&T) -> Option<&'a str>,
        source: impl Fn(&T) -> SourceId,
    ) -> Option<T> {
        let effective = |written: Option<&str>| written.or(self.settings.namespace.as_deref()).map(str::to_owned);
        let wanted = effective(pod.namespace.as_deref());
        let rank = |candidate: &T| {
            let has = effective(namespace(candidate));
            let fits = wanted.is_none() || has.is_none() || wanted == has;
            fits.then(|| (wanted == has, source(candidate) == pod.span.source))
        };
        let mut best: Option<(T, (bool, bool))> = None;
        for candidate in candidates {
            let Some(rank) = rank(&candidate) else { continue };
            if best.as_ref().is_none_or(|(_, other)| rank > *other) {
                best = Some((candidate, rank));
            }
        }
        best.map(|(candidate, _)| candidate)
    }
}
