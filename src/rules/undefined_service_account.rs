//! `undefined-service-account`: a pod names a service account that nothing defines.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::findings::finding::{Finding, Severity, Subject};
use crate::kubelet::pull::AccountState;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, ImageFacts, Rule};
use crate::text::placeholder::is_placeholder;
use crate::text::source::{Span, Spanned};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/undefined-service-account.md")));

/// Reports a service account that is not in the inputs.
pub(super) struct UndefinedServiceAccount;

impl Rule for UndefinedServiceAccount {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        let mut pods: BTreeMap<Span, (&Spanned<String>, ImageFacts<'_>)> = BTreeMap::new();
        for facts in cx.images() {
            if let Some(name) = undefined(&facts) {
                pods.entry(name.span).or_insert((name, facts));
            }
        }
        out.extend(pods.values().map(|(name, facts)| finding(cx, name, facts)));
    }
}

/// Returns the service account that an image's pod names and nothing defines.
fn undefined<'a>(facts: &ImageFacts<'a>) -> Option<&'a Spanned<String>> {
    // Every namespace has a `default` service account: a controller creates it.
    let named =
        facts.pod.service_account.as_ref().filter(|name| name.value != "default" && !is_placeholder(&name.value));
    named.filter(|_| facts.judged.pull.account == AccountState::Undefined)
}

/// Whether the API server certainly refuses an image's pod, before anything is pulled.
pub(crate) fn refuses_pod(cx: &Context<'_>, facts: &ImageFacts<'_>) -> bool {
    cx.settings.cluster.closed && facts.pod.origin.is_whole() && undefined(facts).is_some()
}

fn finding(cx: &Context<'_>, name: &Spanned<String>, facts: &ImageFacts<'_>) -> Finding {
    let namespace = facts.pod.namespace_or(cx.settings.cluster.namespace.as_deref());
    let place = namespace.map(|namespace| format!(" in the namespace {namespace:?}")).unwrap_or_default();
    let account = &name.value;
    // An object whose name is encrypted, or a placeholder, may be the one that is named.
    let certain = cx.settings.cluster.closed && cx.inventory.unrecognisable.is_empty();
    let (severity, message, event) = if !certain {
        let unless = "unless the cluster already has it, the API server rejects its pods";
        let message = format!("nothing in the inputs defines the service account {account:?}{place}: {unless}");
        (META.severity, message, None)
    } else if !facts.pod.origin.is_whole() {
        let unless = format!(
            "unless the controller of `{}` creates it, the API server rejects the pods",
            facts.resource.name.kind
        );
        (Severity::Warning, format!("the service account {account:?} does not exist{place}: {unless}"), None)
    } else {
        let message = format!("the service account {account:?} does not exist{place}: the API server rejects the pod");
        (Severity::Error, message, namespace.map(|namespace| event(namespace, account)))
    };
    let subject = Subject { resource: Some(facts.resource.name.clone()), ..Subject::default() };
    Finding::new(META.id, severity, message, name.span, "no such service account")
        .help(help(cx, name, namespace))
        .event(event)
        .subject(subject)
}

/// Returns the event of `plugin/pkg/admission/serviceaccount/admission.go`, `Admit`.
fn event(namespace: &str, name: &str) -> String {
    format!("error looking up service account {namespace}/{name}: serviceaccount {name:?} not found")
}

fn help(cx: &Context<'_>, name: &Spanned<String>, namespace: Option<&str>) -> String {
    let others = cx.inventory.service_accounts.iter();
    let elsewhere =
        others.filter(|account| account.name == name.value).find_map(|account| account.namespace.as_deref());
    if let Some(elsewhere) = elsewhere.filter(|_| namespace.is_some()) {
        return format!(
            "a pod can only run as a service account in its own namespace, and that one is in {elsewhere:?}: define \
             one with that name here too"
        );
    }
    let near = cx.inventory.service_accounts.iter().filter(|account| {
        cx.same_namespace(account.namespace.as_deref(), namespace)
            && (1..=2.min(name.value.len() / 3)).contains(&strsim::osa_distance(&account.name, &name.value))
    });
    match near.map(|account| account.name.as_str()).next() {
        Some(near) => format!("did you mean `{near}`?"),
        None => "add the ServiceAccount to the inputs, or declare it with its pull secrets: `--service-account \
                 NAME=SECRET,…`"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, pullable};

    fn naming(name: &str, origin: PodOrigin) -> Facts {
        let mut facts = Facts::default();
        let pod = facts.pod_in(origin, Some("shop"));
        facts.inventory.pods[0].service_account = Some(facts.spanned(name));
        facts.image(pod, "ghcr.io/acme/api:1", pullable());
        facts.image(pod, "ghcr.io/acme/web:1", pullable());
        facts
    }

    #[test]
    fn undefined_account_is_one_finding_for_all_images_in_a_pod() {
        let mut facts = naming("ci", PodOrigin::Template);
        assert_eq!(facts.flags(&UndefinedServiceAccount), [(Severity::Note, "ci")]);
        facts.settings.cluster.closed = true;
        assert_eq!(facts.flags(&UndefinedServiceAccount), [(Severity::Error, "ci")]);
        let mut custom = naming("ci", PodOrigin::Custom);
        custom.settings.cluster.closed = true;
        assert_eq!(custom.flags(&UndefinedServiceAccount), [(Severity::Warning, "ci")]);
    }

    #[test]
    fn the_default_and_placeholders_are_never_undefined() {
        for name in ["default", "${ACCOUNT}", "{{ .Values.account }}"] {
            let mut facts = naming(name, PodOrigin::Template);
            facts.settings.cluster.closed = true;
            assert_eq!(facts.flags(&UndefinedServiceAccount), [], "{name}");
        }
    }

    #[test]
    fn help_suggests_the_intended_service_account() {
        let help = |namespace, there| {
            let mut facts = naming("builder", PodOrigin::Template);
            facts.service_account(namespace, there, &[]);
            facts.check(&UndefinedServiceAccount).remove(0).help.unwrap_or_default()
        };
        assert_eq!(help(Some("shop"), "bulider"), "did you mean `bulider`?");
        assert!(help(Some("other"), "builder").contains("that one is in \"other\""));
    }
}
