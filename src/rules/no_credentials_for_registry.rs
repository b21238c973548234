//! `no-credentials-for-registry`: the pod has pull secrets, and none of their keys has a credential for the image.
//!
//! Follows `Lookup` and `URLsMatch` of `pkg/credentialprovider/keyring.go`.

use std::sync::LazyLock;

use crate::credential::dockerconfig::Entry;
use crate::credential::keyring::{corrected, fault, index_key, is_meant_for, mismatch, shown_key};
use crate::findings::finding::{Finding, Severity};
use crate::image::host::is_slip;
use crate::kubelet::probe::Denial;
use crate::kubelet::pull::SecretState;
use crate::kubelet::verdict::Verdict;
use crate::rules::engine::meta::Meta;
use crate::rules::engine::readable_secrets::ReadableSecret;
use crate::rules::engine::readable_secrets::entry_of;
use crate::rules::engine::readable_secrets::quoted;
use crate::rules::evidence::password::is_stand_in;
use crate::rules::missing_pull_secret::{dropped, refusal, with_supplied};
use crate::rules::selection::attribution::Attribution;
use crate::rules::selection::attribution::attribute;
use crate::rules::selection::attribution::doubt;
use crate::rules::{Context, ImageFacts, Rule};
use crate::text::source::Span;

static META: LazyLock<Meta> =
    LazyLock::new(|| Meta::of_page(include_str!("../../rules/no-credentials-for-registry.md")));

/// Reports pull secrets that contain no credential for the image.
pub(super) struct NoCredentialsForRegistry;

impl Rule for NoCredentialsForRegistry {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        for facts in cx.images() {
            if let Some(Attribution::NoMatchingKey(denial)) = attribute(cx, &facts) {
                out.push(refused(cx, &facts, denial));
            }
        }
        out.extend(cx.readable_secrets.iter().filter_map(|secret| unused(cx, secret)));
    }
}

/// A key that looks as if it should have matched.
struct NearMiss {
    why: String,
    key: String,
    secret: String,
    corrected: Option<String>,
    at: Span,
}

/// Reports an image that is refused without credentials.
fn refused(cx: &Context<'_>, facts: &ImageFacts<'_>, denial: Option<Denial>) -> Finding {
    let anonymous = facts.judged.pull.credentials.iter().find_map(|sent| {
        let (secret, entry) = entry_of(cx, facts, sent)?;
        Some((
            &secret.name.value,
            entry,
            cx.readable_secrets.iter().find(|readable| readable.secret.name == secret.name)?.key_span(entry),
        ))
    });
    let (reason, help, label) = if let Some((secret, entry, at)) = anonymous {
        let reason = format!(
            "the key {:?} of the pull secret {secret:?} has no user, so no credentials are sent",
            shown_key(&entry.key)
        );
        let help = format!("add a user and a password to the key {:?}", shown_key(&entry.key));
        (reason, help, Some((at, "matches, but has no user")))
    } else if let Some(near) =
        near_miss_of(&cx.readable_secrets, facts).or_else(|| slip_of(&cx.readable_secrets, facts))
    {
        let reason =
            format!("the key {:?} of the pull secret {:?} does not match it: {}", near.key, near.secret, near.why);
        (reason, help(facts, near.corrected.as_deref()), Some((near.at, "does not match the image")))
    } else {
        let names = facts.judged.pull.secrets.iter();
        let names = names.filter(|secret| matches!(secret.state, SecretState::Readable | SecretState::Supplied));
        let reason = format!("no key of the pull secret {} matches it", quoted(names.map(|secret| &secret.name)));
        (reason, help(facts, None), None)
    };
    let message = format!("{}, and {reason}{}", refusal(facts, denial), doubt(facts));
    let finding =
        Finding::new(META.id, facts.severity(&META), message, facts.image.text.span, "pulled without credentials")
            .help(dropped(facts).unwrap_or(help) + with_supplied(facts))
            .event(facts.judged.event.clone())
            .subject(facts.subject());
    let registry = facts.reference().map(|image| image.registry()).unwrap_or_default();
    let finding = label.into_iter().fold(finding, |finding, (at, label)| finding.related(at, label));
    facts.judged.pull.secrets.iter().fold(finding, |finding, named| {
        finding.related(named.span, format!("{:?} has no credentials for {registry}", named.name))
    })
}

fn help(facts: &ImageFacts<'_>, corrected: Option<&str>) -> String {
    match (corrected, facts.reference()) {
        (Some(key), _) => format!("write the key as {key:?}"),
        (None, Some(image)) => format!("add credentials to the secret under the key {:?}", key_for(image.registry())),
        (None, None) => "add credentials for the registry to the secret".to_owned(),
    }
}

/// Returns the key to write for a registry.
fn key_for(registry: &str) -> &str {
    if registry == "docker.io" { "https://index.docker.io/v1/" } else { registry }
}

fn near_miss_of(secrets: &[ReadableSecret<'_>], facts: &ImageFacts<'_>) -> Option<NearMiss> {
    let is_of_pod =
        |readable: &&ReadableSecret<'_>| readable.images.iter().any(|image| std::ptr::eq(image.image, facts.image));
    secrets.iter().filter(is_of_pod).find_map(|readable| near_miss(readable, facts))
}

fn near_miss(readable: &ReadableSecret<'_>, facts: &ImageFacts<'_>) -> Option<NearMiss> {
    let repository = facts.reference()?.name();
    let mut entries = readable.credentials();
    entries.find_map(|entry| {
        Some(NearMiss {
            why: mismatch(&entry.key, repository)?,
            key: shown_key(&entry.key).into_owned(),
            secret: readable.secret.name.value.clone(),
            corrected: corrected(&entry.key).filter(|_| is_meant_for(&entry.key, repository)),
            at: readable.key_span(entry),
        })
    })
}

/// Returns a key whose host is one edit away from the image's, if nothing else explains why no key matches.
fn slip_of(secrets: &[ReadableSecret<'_>], facts: &ImageFacts<'_>) -> Option<NearMiss> {
    let registry = facts.reference()?.registry();
    let is_of_pod =
        |readable: &&ReadableSecret<'_>| readable.images.iter().any(|image| std::ptr::eq(image.image, facts.image));
    secrets.iter().filter(is_of_pod).find_map(|readable| {
        readable.credentials().find_map(|entry| {
            let key = index_key(&entry.key)?;
            let host = key.split('/').next()?;
            is_slip(host, registry).then(|| NearMiss {
                why: format!("{host} is one edit away from {registry}"),
                key: shown_key(&entry.key).into_owned(),
                secret: readable.secret.name.value.clone(),
                corrected: Some(key_for(registry).to_owned()),
                at: readable.key_span(entry),
            })
        })
    })
}

/// Reports a secret that is useless to every pod that names it.
fn unused(cx: &Context<'_>, readable: &ReadableSecret<'_>) -> Option<Finding> {
    let entries = &readable.config.entries;
    let useful = |entry: &Entry| readable.matches_any(entry) || is_stand_in_key(entry);
    // Empty entries belong to `empty-credentials`, and a key that matches nothing to `ineffective-registry-key`.
    let ineffective = |entry: &Entry| fault(&entry.key).is_some_and(|fault| fault.is_certain(&entry.key));
    let silent = readable.images.is_empty()
        || readable.config.is_open()
        || readable.credentials().next().is_none()
        || entries.iter().any(|entry| useful(entry) || ineffective(entry) || is_meant_for_one(readable, entry))
        || !readable.images.iter().all(|facts| is_told(facts))
        || readable.images.iter().any(|facts| matches!(attribute(cx, facts), Some(Attribution::NoMatchingKey(_))));
    if silent {
        return None;
    }
    let near = readable.images.iter().find_map(|facts| near_miss(readable, facts));
    let pulled = readable.images.iter().all(|facts| matches!(facts.judged.verdict, Verdict::Pullable(_)));
    if near.is_none() && (readable.by_account || pulled) {
        return None;
    }
    let name = &readable.secret.name.value;
    let keys = quoted(entries.iter().map(|entry| shown_key(&entry.key)));
    let (reason, at, help) = match near {
        Some(near) => (
            format!("the key {:?} does not match: {}", near.key, near.why),
            near.at,
            near.corrected.map(|key| format!("write the key as {key:?}")),
        ),
        None => (format!("it only has credentials for {keys}"), readable.secret.name.span, None),
    };
    let message = format!("the pull secret {name:?} matches no image of the pods that name it: {reason}");
    let help = help.unwrap_or_else(|| {
        let mut registries: Vec<_> = readable
            .images
            .iter()
            .filter_map(|facts| facts.reference())
            .map(|reference| reference.registry())
            .collect();
        registries.dedup();
        let keys = quoted(registries.into_iter().take(3).map(key_for));
        format!("for these images the key is {keys}; if they need no credentials, remove the reference")
    });
    Some(readable.finding(cx, (&META, Severity::Warning), message, at, "matches no image here").help(help))
}

fn is_stand_in_key(entry: &Entry) -> bool {
    entry.hints.unfilled_key || is_stand_in(&entry.credential) && entry.key.is_empty()
}

fn is_meant_for_one(readable: &ReadableSecret<'_>, entry: &Entry) -> bool {
    let mut references = readable.images.iter().filter_map(ImageFacts::reference);
    fault(&entry.key).is_some() && references.any(|image| is_meant_for(&entry.key, image.name()))
}

/// Whether it is known what will be pulled, and what creates the pod. An image that cannot be parsed may match the
/// secret once it is fixed.
fn is_told(facts: &ImageFacts<'_>) -> bool {
    facts.reference().is_some() && facts.pod.origin.is_whole()
}
