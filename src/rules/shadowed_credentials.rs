//! `shadowed-credentials`: a credential that is never tried, or not reliably tried first, because of another one.
//!
//! Follows `Lookup` of `pkg/credentialprovider/keyring.go`: all matching keys are tried, but the Docker Hub fallback
//! entry only if no key matches directly. Paths are plain prefixes.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::credential::dockerconfig::Entry;
use crate::credential::keyring::{index_key, key_matches, shown_key};
use crate::findings::finding::{Finding, Severity};
use crate::kubelet::verdict::Verdict;
use crate::rules::engine::meta::Meta;
use crate::rules::engine::readable_secrets::ReadableSecret;
use crate::rules::engine::readable_secrets::entry_of;
use crate::rules::selection::attribution::is_told_of_image;
use crate::rules::selection::attribution::sent_credentials;
use crate::rules::{Context, ImageFacts, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/shadowed-credentials.md")));

/// Reports a credential that another key overrides.
pub(super) struct ShadowedCredentials;

impl Rule for ShadowedCredentials {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        for readable in &cx.readable_secrets {
            let entries = readable.config.entries.iter();
            out.extend(entries.clone().filter_map(|entry| hidden_by_direct_key(cx, readable, entry)));
            out.extend(entries.filter_map(|entry| crossing(cx, readable, entry)));
            out.extend(in_random_order(cx, readable));
            out.extend(replaced(cx, readable));
        }
    }
}

/// Whether a fault in the image's credentials can still matter. A refusal alone does not explain why the right
/// credentials were not sent.
fn is_open(facts: &ImageFacts<'_>) -> bool {
    !matches!(facts.judged.verdict, Verdict::Pullable(_) | Verdict::NotPulled | Verdict::Skipped(_))
}

/// A direct key for `docker.io` keeps the fallback entry `index.docker.io` from being used.
fn hidden_by_direct_key(cx: &Context<'_>, readable: &ReadableSecret<'_>, entry: &Entry) -> Option<Finding> {
    if index_key(&entry.key).as_deref() != Some("index.docker.io") || entry.credential.is_anonymous() {
        return None;
    }
    let (facts, sent) = readable.images.iter().filter(|facts| is_open(facts)).find_map(|facts| {
        let image = facts.reference().filter(|image| image.registry() == "docker.io")?;
        let sent = sent_credentials(facts).next()?;
        let tried = sent_credentials(facts).any(|sent| sent.credential == entry.credential);
        (!tried && key_matches(&entry.key, image.name())).then_some((facts, sent))
    })?;
    let (key, name) = (shown_key(&entry.key), &readable.secret.name.value);
    let image = &facts.image.text.value;
    let message = format!(
        "the credentials under the key {key:?} of the pull secret {name:?} are never tried for {image:?}, because \
         the key {:?} matches it directly",
        sent.written_key
    );
    let finding = readable
        .finding(cx, (&META, Severity::Warning), message, readable.key_span(entry), "used only if no other key matches")
        .help(format!("put the right credentials under {:?}, or remove that key", shown_key(&sent.written_key)));
    let hiding = entry_of(cx, facts, sent).and_then(|(secret, entry)| span_of(cx, secret, entry));
    Some(hiding.into_iter().fold(finding, |finding, at| finding.related(at, "this key matches directly")))
}

fn span_of(
    cx: &Context<'_>,
    secret: &crate::resource::secret::Secret,
    entry: &Entry,
) -> Option<crate::text::source::Span> {
    let readable = cx.readable_secrets.iter().find(|readable| readable.secret.resource == secret.resource)?;
    Some(readable.key_span(entry))
}

/// Reports a path that ends within a component of the image's repository, so that it was probably not meant for it.
fn crossing(cx: &Context<'_>, readable: &ReadableSecret<'_>, entry: &Entry) -> Option<Finding> {
    let key = index_key(&entry.key)?;
    let (_, path) = key.split_once('/')?;
    let facts = readable.images_of(entry).filter(|facts| is_open(facts)).find(|facts| {
        let crosses = |key: &str| {
            let path = key.split_once('/').map_or("", |(_, path)| path);
            let rest = facts.reference().and_then(|image| image.repository().strip_prefix(path));
            path.ends_with(|c: char| c.is_ascii_alphanumeric())
                && rest.is_some_and(|rest| !rest.starts_with('/') && !rest.is_empty())
        };
        sent_credentials(facts).next().is_some() && sent_credentials(facts).all(|sent| crosses(&sent.index_key))
    })?;
    let (written, name) = (shown_key(&entry.key), &readable.secret.name.value);
    let image = &facts.image.text.value;
    let message = format!(
        "the key {written:?} of the pull secret {name:?} also matches {image:?}, which is then pulled only with its \
         credentials: `{path}` is a plain prefix that does not end with `/`"
    );
    Some(
        readable
            .finding(cx, (&META, Severity::Warning), message, readable.key_span(entry), "plain prefix")
            .help(format!("end the key with a slash: {:?}", format!("{key}/"))),
    )
}

/// Reports two keys of one secret with the same index key: the kubelet iterates over them in Go's random order.
fn in_random_order(cx: &Context<'_>, readable: &ReadableSecret<'_>) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for entry in readable.credentials() {
        let Some(key) = index_key(&entry.key) else { continue };
        let same = |other: &&Entry| other.key != entry.key && index_key(&other.key).as_ref() == Some(&key);
        let differs = |other: &&Entry| other.credential != entry.credential && !other.credential.is_anonymous();
        let Some(other) = readable.config.entries.iter().filter(same).find(differs) else { continue };
        // If all credentials were refused, their order does not matter.
        let matters = |facts: &&ImageFacts<'_>| is_open(facts) && !is_told_of_image(cx, facts);
        if readable.images_of(entry).find(matters).is_none() || !seen.insert(key.clone()) {
            continue;
        }
        let (name, a, b) = (&readable.secret.name.value, shown_key(&entry.key), shown_key(&other.key));
        let message = format!(
            "the keys {a:?} and {b:?} of the pull secret {name:?} are the same to the kubelet (`{key}`) but have \
             different credentials, which are tried in random order"
        );
        let finding = readable
            .finding(cx, (&META, Severity::Warning), message, readable.key_span(other), "the same key again")
            .help("keep the one with the right credentials");
        found.push(finding.related(readable.key_span(entry), "the same key"));
    }
    found
}

/// Reports the same key twice in the JSON text.
fn replaced(cx: &Context<'_>, readable: &ReadableSecret<'_>) -> Vec<Finding> {
    let used = |key: &str| {
        let mut images = readable.images.iter().filter(|facts| is_open(facts));
        images.any(|facts| facts.reference().is_some_and(|image| key_matches(key, image.name())))
    };
    let replaced = readable.config.replaced.iter().filter(|(key, _)| used(key));
    let finding = |(key, range): &(String, std::ops::Range<usize>)| {
        let name = &readable.secret.name.value;
        let message = format!(
            "duplicate key {:?} in the pull secret {name:?}, with different credentials: the last one wins",
            shown_key(key)
        );
        let at = readable.config.where_is(range).unwrap_or(readable.secret.name.span);
        readable
            .finding(cx, (&META, Severity::Warning), message, at, "replaced by a later one")
            .help("keep the one with the right credentials")
    };
    replaced.map(finding).collect()
}
