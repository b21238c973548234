//! `ineffective-registry-key`: an `auths` key that matches no image.
//!
//! Follows `BasicDockerKeyring.Add` of `pkg/credentialprovider/keyring.go`.

use std::sync::LazyLock;

use crate::credential::dockerconfig::Entry;
use crate::credential::keyring::{KeyFault, corrected, fault, is_meant_for, key_matches, shown_key};
use crate::findings::finding::{Finding, Severity};
use crate::rules::engine::meta::Meta;
use crate::rules::engine::readable_secrets::ReadableSecret;
use crate::rules::selection::attribution::Attribution;
use crate::rules::selection::attribution::attribute;
use crate::rules::{Context, ImageFacts, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/ineffective-registry-key.md")));

/// Reports a key under `auths` that cannot match any image name.
pub(super) struct IneffectiveRegistryKey;

impl Rule for IneffectiveRegistryKey {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        for readable in &cx.readable_secrets {
            out.extend(readable.credentials().filter_map(|entry| finding(cx, readable, entry)));
        }
    }
}

fn finding(cx: &Context<'_>, readable: &ReadableSecret<'_>, entry: &Entry) -> Option<Finding> {
    let written = &entry.key;
    let fault = fault(written)?;
    let corrected = corrected(written);
    let meant: Vec<&ImageFacts<'_>> = readable.images.iter().filter(|facts| is_for(facts, written)).collect();
    let uncertain = !fault.is_certain(written) && (meant.is_empty() || readable.matches_any(entry));
    // The finding of the refused image says the same, as an error.
    let is_reported = meant.iter().any(|facts| matches!(attribute(cx, facts), Some(Attribution::NoMatchingKey(_))));
    let covered = corrected.as_ref().is_some_and(|key| is_covered(readable, entry, key));
    if uncertain || is_reported || covered || entry.hints.unfilled_key || is_of_docker_login(written) {
        return None;
    }
    let never = if fault.is_certain(written) { "never matches" } else { "matches none of these images" };
    let name = &readable.secret.name.value;
    let message =
        format!("the key {:?} of the pull secret {name:?} {never}: {}", shown_key(written), fault.why(written));
    let finding = readable.finding(cx, (&META, Severity::Warning), message, readable.key_span(entry), label(fault));
    Some(match corrected {
        Some(key) => finding.help(format!("write the key as {key:?}")),
        None => {
            finding.help("use the registry's host as the key, exactly as in image names: `ghcr.io`, `reg.example:5000`")
        }
    })
}

fn label(fault: KeyFault) -> &'static str {
    match fault {
        KeyFault::NotAUrl | KeyFault::WhiteSpace => "the kubelet ignores it",
        _ => "matches no image",
    }
}

fn is_for(facts: &ImageFacts<'_>, written: &str) -> bool {
    facts.reference().is_some_and(|image| is_meant_for(written, image.name()))
}

/// Whether another key of the secret does what this one was meant to do: some tools write every spelling they know.
fn is_covered(readable: &ReadableSecret<'_>, entry: &Entry, corrected: &str) -> bool {
    let host = if corrected == "https://index.docker.io/v1/" { "docker.io" } else { corrected };
    let image = format!("{}/x/x", host.replace('*', "x").trim_end_matches('/'));
    let mut others = readable.config.entries.iter().filter(|other| other.key != entry.key);
    others.any(|other| !other.credential.is_anonymous() && key_matches(&other.key, &image))
}

/// Docker Desktop keeps two tokens of its own next to the credentials.
fn is_of_docker_login(written: &str) -> bool {
    written.ends_with("/v1/access-token") || written.ends_with("/v1/refresh-token")
}
