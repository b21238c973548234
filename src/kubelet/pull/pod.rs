//! The pull context that a pod's images share, and each image's part of it.

use super::pod_pull::PodPull;
use super::ring::{FoundCredential, is_unknown};
use super::sibling::Siblings;
use super::{Blind, CandidateCredential, PullContext, Resolver, Via};
use crate::credential::keyring::{Match, shown_key};
use crate::image::pull_policy::{PullPolicy, default_pull_policy};
use crate::image::reference::Reference;
use crate::resource::workload::{ImageText, ImageUse, InvalidImage, Pod, PodOrigin};

impl<'a> PodPull<'a> {
    /// Returns the pull context of one image of the pod.
    pub(super) fn of_image(
        &self,
        image: &ImageUse,
        pod: &'a Pod,
        resolver: &Resolver<'a>,
        siblings: &Siblings<'a>,
    ) -> PullContext {
        let mut context = self.context.clone();
        let always = resolver.cluster.operator.always_pull_images;
        context.pull_policy = effective_policy(image, pod.origin, always);
        let ImageText::Reference(reference) = &image.image else { return context };
        self.add_secrets(reference, resolver, &mut context);
        add_node(reference, resolver, &mut context);
        if context.credentials.is_empty() {
            let explaining = resolver.supplied_ring.lookup(reference.name()).into_iter();
            let sendable = explaining.filter(|found| resolver.knows(reference, found));
            context.supplied = sendable.map(|found| found.credential.clone()).collect();
        }
        if context.credentials.iter().all(|candidate| candidate.credential.is_anonymous()) {
            context.sibling_secrets = siblings.secrets_for(pod, reference);
            if !context.sibling_secrets.is_empty() && pod.origin.is_whole() {
                context.blind.retain(|blind| !matches!(blind, Blind::ServiceAccount(_)));
            }
            context.suppressed = self.suppressed(reference, pod, resolver, &context);
        }
        context
    }

    fn add_secrets(&self, reference: &Reference, resolver: &Resolver<'a>, context: &mut PullContext) {
        for found in self.ring.lookup(reference.name()) {
            if resolver.may_use(reference, &found) {
                let secret = Some(found.secret().to_owned());
                context.credentials.push(CandidateCredential::of(secret, &found.entry));
            } else {
                if !found.origin.supplied {
                    context.unfilled.get_or_insert_with(|| found.secret().to_owned());
                }
                context.blind.push(Blind::Secret(found.secret().to_owned()));
            }
        }
        context.blind.extend(self.ring.open_secrets().map(|secret| Blind::Secret(secret.to_owned())));
    }

    /// The service account's secrets that would provide a credential, if it is certain that nothing else does.
    fn suppressed(
        &self,
        reference: &Reference,
        pod: &Pod,
        resolver: &Resolver<'a>,
        context: &PullContext,
    ) -> Vec<String> {
        if !pod.origin.is_whole() || !context.blind.is_empty() {
            return Vec::new();
        }
        let sent = self
            .dropped
            .lookup(reference.name())
            .find(|found| resolver.may_use(reference, found) && !found.entry.credential.is_anonymous());
        sent.map(|found| found.origin.secrets.clone()).unwrap_or_default()
    }
}

/// Adds the node's own credentials. They come after those of the secrets, from a separate keyring
/// (`pkg/credentialprovider/secrets/secrets.go`: a union of the secrets' ring and the node's).
fn add_node(reference: &Reference, resolver: &Resolver<'_>, context: &mut PullContext) {
    let Some(identity) = resolver.cluster.operator.node_credentials.identity(reference) else { return };
    let mut known = false;
    for found in resolver.supplied_ring.lookup(reference.name()) {
        if !resolver.knows(reference, &found) {
            continue;
        }
        known = true;
        // The same configuration already replaces a secret.
        let tried = |candidate: &CandidateCredential| {
            candidate.written_key == shown_key(found.written_key) && candidate.credential == *found.credential
        };
        if !context.credentials.iter().any(tried) {
            context.credentials.push(CandidateCredential::of(None, &found));
        }
    }
    if !known {
        context.blind.push(Blind::Node(identity));
    }
}

impl CandidateCredential {
    fn of(secret: Option<String>, found: &Match<'_>) -> Self {
        Self {
            secret,
            index_key: found.index_key.to_owned(),
            written_key: shown_key(found.written_key).into_owned(),
            credential: found.credential.clone(),
        }
    }
}

impl Resolver<'_> {
    /// Whether a pull secret's credential for an image is known here and may be sent.
    pub(super) fn may_use(&self, reference: &Reference, found: &FoundCredential<'_, '_>) -> bool {
        let may_send = !found.origin.supplied || self.may_send(reference, found.entry.written_key);
        may_send && !found.is_unknown()
    }

    /// Whether the operator's credential for an image is known here and may be sent.
    fn knows(&self, reference: &Reference, found: &Match<'_>) -> bool {
        let unknown = self.supplied.is_some_and(|config| is_unknown(config, found.written_key));
        !unknown && self.may_send(reference, found.written_key)
    }
}

/// The pull policy that the kubelet follows: the declared one, else the default for the reference. `always` is the
/// admission plugin AlwaysPullImages. The plugin sees only pods, and runs before they are validated, so it fixes a
/// wrong policy of a Pod but not of a template.
pub(super) fn effective_policy(image: &ImageUse, origin: PodOrigin, always: bool) -> Option<PullPolicy> {
    let policy = match &image.declared_policy {
        Some(declared) if !declared.value.is_empty() => PullPolicy::parse(&declared.value),
        // The tag of `null` or a number is not known.
        _ if matches!(image.image, ImageText::Invalid(InvalidImage::Empty | InvalidImage::NotAString)) => {
            Some(PullPolicy::IfNotPresent)
        }
        _ => Some(default_pull_policy(&image.text.value)),
    };
    let mended = always && (policy.is_some() || origin == PodOrigin::Pod);
    if mended { Some(PullPolicy::Always) } else { policy }
}

/// The list from which the effective pull secrets come.
pub(super) const fn via(pod: &Pod) -> Via {
    if pod.pull_secrets.is_some() { Via::Pod } else { Via::ServiceAccount }
}
