//! Which Secret of the inputs a reference resolves to, and what is known about it.

use super::{Resolver, SecretState, Via};
use crate::inventory::Inventory;
use crate::resource::secret::{IgnoredBecause, NamedFrom, Presence, Producer, Secret, SecretContent};
use crate::resource::workload::{Pod, SecretReference, kinds};

/// A Secret that a reference resolves to.
#[derive(Clone, Copy)]
pub(super) struct SecretMatch<'a> {
    /// Index of the Secret in [`Inventory::secrets`].
    pub(super) index: usize,
    pub(super) secret: &'a Secret,
    /// How certain it is that the Secret is in the pod's namespace.
    pub(super) presence: Presence,
    /// Whether other Secrets with different content match as well. Which one the cluster has is then not known.
    pub(super) ambiguous: bool,
}

impl<'a> Resolver<'a> {
    /// Returns the Secret that the pod means, of several with one name. The pod's namespace must contain it, and a
    /// more certain match is preferred. Overlays that define the same name match only references in their own file.
    /// Within one file the last one takes precedence, because it is applied over the others.
    pub(super) fn secret(&self, pod: &Pod, reference: &SecretReference, via: Via) -> Option<SecretMatch<'a>> {
        let from = named_from(self.inventory, pod, reference, via);
        let default = self.cluster.namespace.as_deref();
        let in_reach = |secret: &Secret| !pod.hidden.contains(&secret.name.span.source);
        let found = self.inventory.secrets.iter().enumerate().filter(|(_, secret)| in_reach(secret));
        let found = found.filter_map(|(index, secret)| {
            let presence = secret.presence_in(pod.namespace_or(default), default)?;
            secret.is_named(&reference.name, from).then_some(SecretMatch { index, secret, presence, ambiguous: false })
        });
        let found = best(found, |found| (found.presence, found.secret.name.span.source == pod.span.source));
        let place = |found: &SecretMatch<'a>| (found.secret.namespace.as_deref(), found.secret.name.span.source);
        choose(found, place, |one, other| one.secret.content.means_the_same(&other.secret.content))
            .map(|(found, ambiguous)| SecretMatch { ambiguous, ..found })
    }

    /// Why no Secret was found, if the inputs show it.
    pub(super) fn why_missing(&self, pod: &Pod, name: &str) -> String {
        let elsewhere = self.inventory.secrets.iter().filter(|secret| secret.name.value == name);
        let own = pod.namespace_or(self.cluster.namespace.as_deref());
        let namespace = elsewhere
            .filter(|secret| !secret.is_for_many_namespaces())
            .filter_map(|secret| self.namespace(secret.namespace.as_deref()))
            .find(|namespace| own.is_some_and(|own| own != *namespace));
        match namespace {
            Some(namespace) => format!("the inputs contain it only in the namespace {namespace}"),
            None => "nothing in the inputs produces it".to_owned(),
        }
    }
}

/// Returns the candidates of the highest rank, in their order.
pub(super) fn best<T, R: Ord>(candidates: impl Iterator<Item = T>, rank: impl Fn(&T) -> R) -> Vec<T> {
    let mut highest = None;
    let mut best = Vec::new();
    for candidate in candidates {
        let own = Some(rank(&candidate));
        if own > highest {
            best.clear();
        }
        if own >= highest {
            best.push(candidate);
            highest = own;
        }
    }
    best
}

/// Returns the first of equal candidates, and whether another differs from it. If several are in one place, meaning
/// one namespace in one file, the last one is applied over the others.
pub(super) fn choose<T, P: PartialEq>(
    mut candidates: Vec<T>,
    place: impl Fn(&T) -> P,
    same: impl Fn(&T, &T) -> bool,
) -> Option<(T, bool)> {
    let mut last: Vec<T> = Vec::new();
    while let Some(candidate) = candidates.pop() {
        if !last.iter().any(|later| place(later) == place(&candidate)) {
            last.push(candidate);
        }
    }
    let first = last.pop()?;
    let ambiguous = last.iter().any(|other| !same(&first, other));
    Some((first, ambiguous))
}

/// The object and file that contain a reference, as kustomize sees them.
fn named_from<'a>(inventory: &'a Inventory, pod: &Pod, reference: &SecretReference, via: Via) -> NamedFrom<'a> {
    let kind = match via {
        Via::Pod => inventory.resource(pod.resource).name.kind.as_str(),
        Via::ServiceAccount => "ServiceAccount",
    };
    let builtin = via == Via::ServiceAccount || kinds::builtin(&inventory.resource(pod.resource).name).is_some();
    NamedFrom { source: reference.span.source, kind, builtin }
}

impl SecretMatch<'_> {
    /// The state of the Secret in the pod's namespace, and the reason.
    pub(super) fn state(&self, inventory: &Inventory) -> (SecretState, Option<String>) {
        if self.ambiguous {
            let reason =
                "the inputs contain several of this name that differ, and it is unknown which one the cluster has";
            return (SecretState::Opaque, Some(reason.to_owned()));
        }
        let state = match (&self.secret.content, self.presence) {
            // Whether the Secret exists is not known, so neither is what the kubelet finds.
            (SecretContent::Config(_) | SecretContent::Malformed(_), Presence::Perhaps(_)) => SecretState::Opaque,
            (SecretContent::Config(_), _) => SecretState::Readable,
            (SecretContent::Opaque, _) => SecretState::Opaque,
            (SecretContent::Ignored(_), _) => SecretState::Ignored,
            (SecretContent::Malformed(_), _) => SecretState::Malformed,
        };
        let mut reasons: Vec<String> = Vec::new();
        let producer = &self.secret.producer;
        let object = match producer {
            Producer::Generator(generator) => format!("secretGenerator of {}", generator.kustomization()),
            _ => inventory.resource(self.secret.resource).name.to_string(),
        };
        match (&self.secret.content, producer) {
            (SecretContent::Ignored(because), _) => {
                if !producer.is_object() {
                    reasons.push(format!("produced by the {object}"));
                }
                reasons.push(ignored_reason(because));
            }
            (SecretContent::Malformed(malformed), _) => reasons.push(malformed.message.clone()),
            (SecretContent::Opaque | SecretContent::Config(_), Producer::Mirror(_, source)) => {
                reasons.push(format!("its content is copied from {source}"))
            }
            (SecretContent::Opaque, _) if producer.is_object() => reasons.push(producer.hides().to_owned()),
            (SecretContent::Opaque, _) => reasons.push(format!("produced by the {object}, {}", producer.hides())),
            (SecretContent::Config(config), _) if config.has_unfilled() => {
                reasons.push("another program fills in a part of it later".to_owned());
            }
            (SecretContent::Config(_), _) => {}
        }
        match self.presence {
            Presence::Copied(copier) => reasons.push(format!("copied by {}", copier.as_str())),
            Presence::Perhaps(copier) => {
                reasons.push(format!("it is unknown whether {} copies it to this namespace", copier.as_str()));
            }
            Presence::Possible | Presence::Made => {}
        }
        (state, (!reasons.is_empty()).then(|| reasons.join("; ")))
    }
}

/// Why the kubelet ignores a secret, in a few words.
fn ignored_reason(because: &IgnoredBecause) -> String {
    match because {
        IgnoredBecause::WrongType { .. } => "the type is not kubernetes.io/dockerconfigjson".into(),
        IgnoredBecause::MissingKey => "the data key that the type requires is missing".into(),
    }
}
