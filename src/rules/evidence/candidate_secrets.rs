//! Secrets that a pod could use, whether it names them or not.

use crate::credential::keyring::Keyring;
use crate::resource::kustomization::folder;
use crate::resource::secret::{Presence, Secret, SecretContent};
use crate::resource::workload::Pod;
use crate::rules::{Context, ImageFacts};
use crate::text::source::SourceId;

/// Whether a Secret is in the pod's namespace. If that is not known, two files that are far apart may be unrelated.
pub(crate) fn is_at_hand(cx: &Context<'_>, secret: &Secret, pod: &Pod) -> bool {
    let default = cx.settings.cluster.namespace.as_deref();
    let namespace = pod.namespace_or(default);
    match secret.presence_in(namespace, default) {
        Some(Presence::Made) if namespace.is_some() => true,
        Some(_) => lie_together(cx, pod.span.source, secret.name.span.source),
        None => false,
    }
}

/// Whether two files are in one folder, or one is in a folder above the other's.
fn lie_together(cx: &Context<'_>, a: SourceId, b: SourceId) -> bool {
    let (a, b) = (folder(cx.sources.get(a).name()), folder(cx.sources.get(b).name()));
    let is_within = |inner: &str, outer: &str| {
        outer.is_empty() || inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_within(a, b) || is_within(b, a)
}

/// Returns a pull secret at hand that the pod does not name, best first: one with a credential for the image,
/// otherwise one whose content is unknown.
pub(crate) fn unnamed<'a>(cx: &Context<'a>, facts: &ImageFacts<'_>) -> Option<&'a Secret> {
    let image = facts.reference()?;
    let opens = |secret: &Secret| match &secret.content {
        SecretContent::Config(config) => {
            let mut ring = Keyring::default();
            ring.add(0, config);
            ring.lookup(image.name()).iter().any(|found| !found.credential.is_anonymous()).then_some(true)
        }
        SecretContent::Opaque => secret.is_meant_for_pulls().then_some(false),
        SecretContent::Ignored(_) | SecretContent::Malformed(_) => None,
    };
    let named = |index: usize| facts.judged.pull.secrets.iter().any(|secret| secret.object == Some(index));
    let secrets = cx.inventory.secrets.iter().enumerate();
    let at_hand = secrets.filter(|(index, secret)| !named(*index) && is_at_hand(cx, secret, facts.pod));
    let ranked = at_hand.filter_map(|(index, secret)| Some((!opens(secret)?, index, secret)));
    ranked.min_by_key(|(hidden, index, _)| (*hidden, *index)).map(|(.., secret)| secret)
}
