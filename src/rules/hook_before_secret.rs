//! `hook-before-secret`: a Helm hook pulls with a secret that is created only after the hook ran.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::findings::finding::{Finding, Subject};
use crate::kubelet::pull::{PullSecret, SecretState, Via};
use crate::kubelet::verdict::Verdict;
use crate::resource::hook::Hook;
use crate::resource::kustomization::folder;
use crate::resource::secret::{Producer, Secret};
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, ImageFacts, Rule};
use crate::text::source::{SourceId, Span};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/hook-before-secret.md")));

/// Reports a pull secret that a Helm hook names but that is created after the hook.
pub(super) struct HookBeforeSecret;

impl Rule for HookBeforeSecret {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        // One place names the secret for all images of its pod.
        let mut found: BTreeMap<Span, Finding> = BTreeMap::new();
        for facts in cx.images_of_kubelets() {
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

/// Whether the image may need the secret: if the content is known, it has a credential for the image.
fn is_wanted(facts: &ImageFacts<'_>, named: &PullSecret) -> bool {
    match named.state {
        SecretState::Readable => {
            facts.judged.pull.credentials.iter().any(|candidate| candidate.secret.as_ref() == Some(&named.name))
        }
        SecretState::Opaque => !matches!(facts.judged.verdict, Verdict::Pullable(_) | Verdict::NotPulled),
        _ => false,
    }
}

/// Whether the Secret is rendered from the same chart: a chart is rendered to one file, or to one folder. Objects
/// elsewhere may have been in the cluster before.
fn is_of_one_chart(cx: &Context<'_>, hook: SourceId, secret: &Secret) -> bool {
    let folder_of = |id: SourceId| folder(cx.sources.get(id).name());
    folder_of(hook) == folder_of(secret.name.span.source)
}

/// Describes when the Secret is created, if that is after the hook.
fn made_later(cx: &Context<'_>, facts: &ImageFacts<'_>, hook: &Hook, secret: &Secret) -> Option<&'static str> {
    if matches!(secret.producer, Producer::Generator(_)) {
        return None;
    }
    let made_by = cx.inventory.resource(secret.resource);
    match cx.inventory.hooks.get(&secret.resource) {
        None => Some("not a hook: Helm creates it after all `pre-install` hooks"),
        Some(other) if !other.before_install => Some("not a `pre-install` hook: Helm creates it after all of those"),
        Some(other) => {
            let order = |hook: &Hook, name: Option<&String>| (hook.weight, name.cloned().unwrap_or_default());
            let later = order(other, made_by.name.name.as_ref()) > order(hook, facts.resource.name.name.as_ref());
            later.then_some("runs later: Helm creates hooks by weight, then by name, and waits for each")
        }
    }
}

fn finding(facts: &ImageFacts<'_>, named: &PullSecret, secret: &Secret, when: &str) -> Finding {
    let name = &named.name;
    let message = format!(
        "a `pre-install` hook pulls with {name:?}, which does not exist yet during the first installation of a \
         release"
    );
    let help = "make the Secret a hook too, with a lower weight: `helm.sh/hook: pre-install,pre-upgrade` and \
                `helm.sh/hook-weight: \"-10\"`; or install it before the release";
    let subject = Subject { resource: Some(facts.resource.name.clone()), ..Subject::default() };
    Finding::new(META.id, META.severity, message, named.span, "needed while hooks run")
        .help(help)
        .subject(subject)
        .related(secret.name.span, when)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::kubelet::verdict::Cause;
    use crate::resource::secret::SecretContent;
    use crate::resource::workload::{PodOrigin, ResourceId};
    use crate::rules::testing::{Facts, candidate, config, pullable};

    const UNKNOWN: Verdict = Verdict::Unverified(Cause::SecretUnknown);

    /// Returns the facts of a hook pod called `web` that names the secret `regcred`, with the weights of both.
    fn naming(pod_weight: i64, secret_hook: Option<Hook>, state: SecretState, verdict: Verdict) -> Facts {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        facts.image(pod, "ghcr.io/acme/api:1", verdict);
        let content = if state == SecretState::Readable { config() } else { SecretContent::Opaque };
        let object = facts.secret(None, "regcred", Some("kubernetes.io/dockerconfigjson"), content);
        facts.name_secret(pod, "regcred", state, Some(object));
        let resource = facts.inventory.secrets[object].resource;
        facts.inventory.hooks.insert(ResourceId(0), Hook { before_install: true, weight: pod_weight });
        facts.inventory.hooks.extend(secret_hook.map(|hook| (resource, hook)));
        facts
    }

    #[test]
    fn hooks_are_ordered_by_weight_and_then_by_name() {
        let before = |weight| Some(Hook { before_install: true, weight });
        let cases = [
            (0, None, true),
            (0, before(1), true),
            (0, before(-1), false),
            // `regcred` sorts before `web`.
            (0, before(0), false),
            (-5, before(-5), false),
            (-6, before(-5), true),
            (0, Some(Hook { before_install: false, weight: -9 }), true),
        ];
        for (weight, hook, late) in cases {
            let facts = naming(weight, hook.clone(), SecretState::Opaque, UNKNOWN);
            let expected = if late { vec![(Severity::Warning, "regcred")] } else { Vec::new() };
            assert_eq!(facts.flags(&HookBeforeSecret), expected, "{weight} {hook:?}");
        }
    }

    #[test]
    fn hook_not_run_before_install_is_not_flagged() {
        let mut facts = naming(0, None, SecretState::Opaque, UNKNOWN);
        facts.inventory.hooks.insert(ResourceId(0), Hook { before_install: false, weight: 0 });
        assert_eq!(facts.flags(&HookBeforeSecret), []);
    }

    #[test]
    fn secret_not_needed_by_the_image_is_not_flagged() {
        assert_eq!(naming(0, None, SecretState::Opaque, pullable()).flags(&HookBeforeSecret), []);
        let mut facts = naming(0, None, SecretState::Readable, UNKNOWN);
        assert_eq!(facts.flags(&HookBeforeSecret), []);
        facts.judged[0].pull.credentials.push(candidate(Some("regcred"), "ghcr.io", "user"));
        assert_eq!(facts.flags(&HookBeforeSecret), [(Severity::Warning, "regcred")]);
    }
}
