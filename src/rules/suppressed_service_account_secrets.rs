//! `suppressed-service-account-secrets`: the pod's own list drops pull secrets that the image needs.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::findings::finding::{Finding, Subject};
use crate::resource::workload::SecretReference;
use crate::rules::engine::meta::Meta;
use crate::rules::selection::attribution::Attribution;
use crate::rules::selection::attribution::attribute;
use crate::rules::selection::attribution::is_harmless;
use crate::rules::{Context, ImageFacts, Rule};

static META: LazyLock<Meta> =
    LazyLock::new(|| Meta::of_page(include_str!("../../rules/suppressed-service-account-secrets.md")));

/// Reports a pod's own `imagePullSecrets` that replace a useful list of its service account.
pub(super) struct SuppressedServiceAccountSecrets;

impl Rule for SuppressedServiceAccountSecrets {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        let mut seen = BTreeSet::new();
        for facts in cx.images().filter(|facts| !facts.judged.pull.suppressed.is_empty()) {
            // If the registry was asked and refused, the rule that reports the image gives this as the reason.
            let is_explained = attribute(cx, &facts).is_some_and(|attribution| {
                matches!(attribution, Attribution::NoCredential(_) | Attribution::NoMatchingKey(_))
            });
            let list = facts.pod.pull_secrets.as_deref().unwrap_or_default();
            if let Some(first) = list.first().filter(|_| !is_explained && !is_harmless(&facts))
                && seen.insert(first.span)
            {
                out.push(finding(&facts, list, first));
            }
        }
    }
}

fn finding(facts: &ImageFacts<'_>, list: &[SecretReference], first: &SecretReference) -> Finding {
    let pull = &facts.judged.pull;
    let account = &pull.service_account;
    let registry = facts.reference().map(|image| image.registry()).unwrap_or_default();
    let names: Vec<_> = pull.suppressed.iter().map(|name| format!("{name:?}")).collect();
    let names = names.join(" and ");
    let empty = list.iter().all(|reference| reference.name.is_empty());
    let own = if empty { "but names none" } else { "but has no credentials for it" };
    let message = format!(
        "this list replaces the pull secrets of the service account {account:?} {own}: {names} of that account has \
         credentials for {registry}"
    );
    let entries: Vec<_> = pull.suppressed.iter().take(1).map(|name| format!("`{{name: {name}}}`")).collect();
    let entry = entries.concat();
    let help = if empty {
        format!("remove the list, or add {entry} to it; the two lists are never merged")
    } else {
        format!("add {entry} to it; the two lists are never merged")
    };
    let subject = Subject { resource: Some(facts.resource.name.clone()), ..Subject::default() };
    Finding::new(META.id, META.severity, message, first.span, "the pod's own list").help(help).subject(subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::kubelet::probe::{Denial, Unknown};
    use crate::kubelet::pull::SecretState;
    use crate::kubelet::verdict::{Cause, Verdict};
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, pullable};

    fn findings(verdict: Verdict) -> Vec<Finding> {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        for image in ["ghcr.io/acme/api:1", "ghcr.io/acme/web:1"] {
            facts.image(pod, image, verdict.clone()).pull.suppressed = vec!["regcred".to_owned()];
        }
        facts.name_secret(pod, "quay", SecretState::Readable, None);
        facts.check(&SuppressedServiceAccountSecrets)
    }

    #[test]
    fn suppressed_secrets_that_may_be_needed_are_one_finding() {
        let found = findings(Verdict::Unverified(Cause::Unknown(Unknown::Offline)));
        assert_eq!(found.iter().map(|finding| finding.severity).collect::<Vec<_>>(), [Severity::Warning]);
        assert!(found[0].message.contains("\"regcred\" of that account has credentials for ghcr.io"));
    }

    #[test]
    fn unneeded_or_already_reported_secrets_are_not_flagged() {
        assert!(findings(pullable()).is_empty());
        assert!(findings(Verdict::NotPulled).is_empty());
        assert!(findings(Verdict::Fails(Cause::Denied(Denial::AuthRequired))).is_empty());
    }
}
