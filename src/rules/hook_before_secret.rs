//! `hook-before-secret`: a Helm hook pulls with a secret that is made only after it ran.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::finding::{Finding, Subject};
use crate::hook::Hook;
use crate::kustomization::folder;
use crate::pull::{PullSecret, SecretState, Via};
use crate::rules::meta::Meta;
use crate::rules::{Context, ImageFacts, Rule};
use crate::secret::{Producer, Secret};
use crate::source::{SourceId, Span};
use crate::verdict::Verdict;

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/hook-before-secret.md")));

/// The rule.
pub(super) struct HookBeforeSecret;

impl Rule for HookBeforeSecret {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        // One place names the secret for all images of its pod.
        let mut found: BTreeMap<Span, Finding> = BTreeMap::new();
        for facts in cx.images() {
            let Some(hook) = cx.inventory.hooks.get(&facts.pod.resource).filter(|hook| hook.before_install) else {
                continue;
            };
            for named in facts.judged.pull.secrets.iter().filter(|named| named.via == Via::Pod) {
                let Some(secret) = named.object.and_then(|object| cx.inventory.secrets.get(object)) else { continue };
                if is_wanted(&facts, named)
                    && is_of_one_chart(cx, facts.pod.span.source, secret)
                    && let Some(when) = made_later(cx, &facts, hook, secret)
                {
                    found.entry(named.span).or_insert_with(|| finding(&facts, named, secret, when));
                }
            }
        }
        out.extend(found.into_values());
    }
}

/// Whether the image may need it: where its content is known it has a credential for the image.
fn is_wanted(facts: &ImageFacts<'_>, named: &PullSecret) -> bool {
    match named.state {
        SecretState::Readable => {
            facts.judged.pull.credentials.iter().any(|candidate| candidate.secret.as_ref() == Some(&named.name))
        }
        SecretState::Opaque => !matches!(facts.judged.verdict, Verdict::Pullable(_) | Verdict::NotPulled),
        _ => false,
    }
}

/// A chart is rendered to one file, or to one folder. What lies elsewhere may have been in the cluster before.
fn is_of_one_chart(cx: &Context<'_>, hook: SourceId, secret: &Secret) -> bool {
    let folder_of = |id: SourceId| folder(cx.sources.get(id).name());
    folder_of(hook) == folder_of(secret.name.span.source)
}

/// When the Secret is made, where that is after the hook.
fn made_later(cx: &Context<'_>, facts: &ImageFacts<'_>, hook: &Hook, secret: &Secret) -> Option<&'static str> {
    if matches!(secret.producer, Producer::Generator(_)) {
        return None;
    }
    let made_by = cx.inventory.resource(secret.resource);
    match cx.inventory.hooks.get(&secret.resource) {
        None => Some("it is no hook: Helm makes it when all `pre-install` hooks are done"),
        Some(other) if !other.before_install => {
            Some("it is no `pre-install` hook: Helm makes it when all of those are done")
        }
        Some(other) => {
            let order = |hook: &Hook, name: Option<&String>| (hook.weight, name.cloned().unwrap_or_default());
            let later = order(other, made_by.name.name.as_ref()) > order(hook, facts.resource.name.name.as_ref());
            later.then_some("its turn comes later: hooks are made by weight, then by name, and each is waited for")
        }
    }
}

fn finding(facts: &ImageFacts<'_>, named: &PullSecret, secret: &Secret, when: &str) -> Finding {
    let name = &named.name;
    let message = format!(
        "a `pre-install` hook pulls with {name:?}, which is not there yet when a release is installed for the first time"
    );
    let help = "make the Secret a hook as well, of a lower weight: `helm.sh/hook: pre-install,pre-upgrade` and \
                `helm.sh/hook-weight: \"-10\"`; or install it before the release";
    let subject = Subject { resource: Some(facts.resource.name.clone()), ..Subject::default() };
    Finding::new(META.id, META.severity, message, named.span, "needed while hooks run")
        .help(help)
        .subject(subject)
        .related(secret.name.span, when)
}
