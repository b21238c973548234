//! `pull-secret-in-other-namespace`: the pull secret that a pod names exists only in another namespace.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::findings::finding::{Finding, Severity, Subject};
use crate::kubelet::pull::{PullSecret, SecretState};
use crate::resource::secret::{CopyTarget, Secret};
use crate::rules::engine::meta::Meta;
use crate::rules::selection::attribution::elsewhere;
use crate::rules::selection::attribution::is_harmless;
use crate::rules::{Context, ImageFacts, Rule};
use crate::text::source::Span;

static META: LazyLock<Meta> =
    LazyLock::new(|| Meta::of_page(include_str!("../../rules/pull-secret-in-other-namespace.md")));

/// Reports an `imagePullSecrets` entry whose Secret is in another namespace.
pub(super) struct PullSecretInOtherNamespace;

impl Rule for PullSecretInOtherNamespace {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        // One place names the secret for all images of its pod, or for all pods of its service account.
        let mut stray: BTreeMap<Span, Stray<'_>> = BTreeMap::new();
        for facts in cx.images_of_kubelets() {
            for named in facts.judged.pull.secrets.iter().filter(|named| named.state == SecretState::Missing) {
                let Some(secret) = elsewhere(cx, &facts, &named.name) else { continue };
                let found = stray.entry(named.span).or_insert(Stray { named, secret, facts, harmless: true });
                found.harmless &= is_harmless(&facts);
            }
        }
        out.extend(stray.values().filter_map(|stray| finding(cx, stray)));
    }
}

/// A name whose Secret is in another namespace.
struct Stray<'a> {
    named: &'a PullSecret,
    secret: &'a Secret,
    /// An image whose pod names it.
    facts: ImageFacts<'a>,
    /// Whether all its images were shown to be pullable without it.
    harmless: bool,
}

fn finding(cx: &Context<'_>, stray: &Stray<'_>) -> Option<Finding> {
    let name = &stray.named.name;
    let default = cx.settings.cluster.namespace.as_deref();
    let own = stray.facts.pod.namespace_or(default)?;
    let certain = cx.settings.cluster.closed && cx.inventory.knows_all_secrets();
    let severity = if certain && !stray.harmless { Severity::Error } else { META.severity };
    let places = places(stray.secret, default);
    let unless = if certain { "" } else { ", unless the cluster has one with that name there" };
    let message = format!(
        "the pull secret {name:?} is in {places}, so a pod in the namespace {own:?} cannot use it{unless}: the \
         kubelet pulls without it"
    );
    let help = format!(
        "add the Secret to the namespace {own:?} too, or let a controller copy it there; a reference to a pull \
         secret cannot name a namespace"
    );
    let subject = Subject { resource: Some(stray.facts.resource.name.clone()), ..Subject::default() };
    let finding = Finding::new(META.id, severity, message, stray.named.span, "looked up in the pod's own namespace");
    let event = certain.then(|| {
        format!("Unable to retrieve some image pull secrets ({name}); attempting to pull the image may not succeed.")
    });
    Some(finding.help(help).event(event).subject(subject).related(stray.secret.name.span, format!("in {places}")))
}

/// Lists the namespaces of a secret for a message.
fn places(secret: &Secret, default: Option<&str>) -> String {
    let targets = secret.copies.iter().flat_map(|copies| &copies.to).filter_map(|target| match target {
        CopyTarget::Namespace(name) => Some(name.as_str()),
        CopyTarget::Matching(_) | CopyTarget::Everywhere | CopyTarget::Unknown => None,
    });
    let own = secret.namespace.as_deref().or_else(|| default.filter(|_| !secret.is_for_many_namespaces()));
    let names: Vec<_> = own.into_iter().chain(targets).map(|name| format!("{name:?}")).collect();
    match names.as_slice() {
        [] => "no namespace".to_owned(),
        [only] => format!("the namespace {only}"),
        _ => format!("the namespaces {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::verdict::{Cause, Verdict};
    use crate::resource::secret::{Copier, Copies};
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, config, pullable};
    use crate::rules::undefined_pull_secret::UndefinedPullSecret;

    fn naming(own: Option<&str>, other: Option<&str>, verdict: Verdict) -> Facts {
        let mut facts = Facts::default();
        let pod = facts.pod_in(PodOrigin::Template, own);
        facts.image(pod, "ghcr.io/acme/api:1", verdict);
        facts.secret(other, "regcred", Some("kubernetes.io/dockerconfigjson"), config());
        facts.name_secret(pod, "regcred", SecretState::Missing, None);
        facts
    }

    const UNKNOWN: Verdict = Verdict::Unverified(Cause::SecretUnknown);

    #[test]
    fn secret_in_other_namespace_is_not_also_undefined() {
        let mut facts = naming(Some("shop"), Some("build"), UNKNOWN);
        assert_eq!(facts.flags(&PullSecretInOtherNamespace), [(Severity::Warning, "regcred")]);
        assert_eq!(facts.flags(&UndefinedPullSecret), []);
        facts.settings.cluster.closed = true;
        assert_eq!(facts.flags(&PullSecretInOtherNamespace), [(Severity::Error, "regcred")]);
        let mut facts = naming(Some("shop"), Some("build"), pullable());
        facts.settings.cluster.closed = true;
        assert_eq!(facts.flags(&PullSecretInOtherNamespace), [(Severity::Warning, "regcred")]);
    }

    #[test]
    fn unknown_namespace_is_not_flagged() {
        for (own, other) in [(None, Some("build")), (Some("shop"), None), (None, None)] {
            let facts = naming(own, other, UNKNOWN);
            assert_eq!(facts.flags(&PullSecretInOtherNamespace), [], "{own:?} {other:?}");
        }
        let mut facts = naming(None, Some("build"), UNKNOWN);
        facts.settings.cluster.namespace = Some("shop".to_owned());
        assert_eq!(facts.flags(&PullSecretInOtherNamespace), [(Severity::Warning, "regcred")]);
    }

    #[test]
    fn secret_copied_into_the_namespace_is_not_flagged() {
        let mut facts = naming(Some("shop"), Some("build"), UNKNOWN);
        let to = vec![CopyTarget::Namespace("shop".to_owned())];
        facts.inventory.secrets[0].copies.push(Copies { by: Copier::Reflector, to });
        assert_eq!(facts.flags(&PullSecretInOtherNamespace), []);
    }
}
