//! `unlisted-pull-secret`: the service account allows only its own pull secrets, and the pod names another.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::findings::finding::{Finding, Severity, Subject};
use crate::kubelet::pull::AccountState;
use crate::resource::service_account::ServiceAccount;
use crate::resource::workload::SecretReference;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, ImageFacts, Rule};
use crate::text::placeholder::is_placeholder;

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/unlisted-pull-secret.md")));

/// Reports a pull secret that the pod's service account does not allow.
pub(super) struct UnlistedPullSecret;

impl Rule for UnlistedPullSecret {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        let mut seen = BTreeSet::new();
        for facts in cx.images_of_kubelets().filter(|facts| seen.insert(facts.image.pod)) {
            let AccountState::Inputs(at) = facts.judged.pull.account else { continue };
            let Some(account) =
                cx.inventory.service_accounts.get(at).filter(|account| account.enforces_mountable_secrets)
            else {
                continue;
            };
            // The missing name may be one that another program has yet to write.
            if account.pull_secrets.iter().any(|listed| is_placeholder(&listed.name)) {
                continue;
            }
            for (place, named) in facts.pod.pull_secrets.iter().flatten().enumerate() {
                if !is_placeholder(&named.name) && !account.pull_secrets.iter().any(|listed| listed.name == named.name)
                {
                    out.push(finding(&facts, account, place, named));
                }
            }
        }
    }
}

fn finding(facts: &ImageFacts<'_>, account: &ServiceAccount, at: usize, named: &SecretReference) -> Finding {
    let name = &named.name;
    let what = if name.is_empty() { "an entry without a name".to_owned() } else { format!("the pull secret {name:?}") };
    let message = format!(
        "the service account {:?} allows only the pull secrets in its own list, and {what} is not in it: the API \
         server rejects the pod",
        account.name
    );
    let custom = !facts.pod.origin.is_whole();
    let severity = if custom { Severity::Warning } else { META.severity };
    let event = format!(
        "imagePullSecrets[{at}].name=\"{name}\" is not allowed because service account {} does not reference that \
         imagePullSecret",
        account.name
    );
    let help = if name.is_empty() {
        "remove the entry".to_owned()
    } else {
        format!(
            "add `{{name: {name}}}` to `imagePullSecrets` of the service account, or remove the pod's own list so \
             that it gets the service account's"
        )
    };
    let subject = Subject { resource: Some(facts.resource.name.clone()), ..Subject::default() };
    let finding = Finding::new(META.id, severity, message, named.span, "not in the service account's list")
        .help(help)
        .event((!custom).then_some(event))
        .subject(subject);
    match account.pull_secrets.first() {
        Some(first) => finding.related(first.span, "the list that applies"),
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::pull::SecretState;
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, pullable};

    fn named(enforces: bool, listed: &[&str], name: &str, origin: PodOrigin) -> Vec<Severity> {
        let mut facts = Facts::default();
        let pod = facts.pod(origin);
        facts.image(pod, "ghcr.io/acme/api:1", pullable());
        facts.image(pod, "ghcr.io/acme/web:1", pullable());
        facts.name_secret(pod, name, SecretState::Assumed, None);
        facts.service_account(None, "default", listed);
        facts.inventory.service_accounts[0].enforces_mountable_secrets = enforces;
        facts.judged.iter_mut().for_each(|judged| judged.pull.account = AccountState::Inputs(0));
        facts.check(&UnlistedPullSecret).iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn unlisted_secret_is_an_error_only_if_the_account_enforces_it() {
        assert_eq!(named(true, &["a"], "b", PodOrigin::Template), [Severity::Error]);
        assert_eq!(named(true, &["a"], "b", PodOrigin::Custom), [Severity::Warning]);
        assert_eq!(named(true, &["a", "b"], "b", PodOrigin::Template), []);
        assert_eq!(named(false, &["a"], "b", PodOrigin::Template), []);
        assert_eq!(named(true, &["a"], "", PodOrigin::Template), [Severity::Error]);
        assert_eq!(named(true, &["a"], "${SECRET}", PodOrigin::Template), []);
    }
}
