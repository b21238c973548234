//! `expired-credentials`: a credential that states itself that it has expired, or that is too short-lived for a
//! manifest.

use std::sync::LazyLock;

use crate::credential::dockerconfig::Entry;
use crate::credential::keyring::shown_key;
use crate::credential::lifetime::{self, day, expiry};
use crate::findings::finding::{Finding, Severity};
use crate::kubelet::verdict::Verdict;
use crate::rules::engine::meta::Meta;
use crate::rules::engine::readable_secrets::ReadableSecret;
use crate::rules::evidence::password::is_stand_in;
use crate::rules::evidence::registry_message::absent_to_anyone;
use crate::rules::selection::attribution::Attribution;
use crate::rules::selection::attribution::attribute;
use crate::rules::selection::attribution::is_expired;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/expired-credentials.md")));

/// Reports a token in a pull secret that has expired or expires soon.
pub(super) struct ExpiredCredentials;

impl Rule for ExpiredCredentials {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        for readable in &cx.readable_secrets {
            let real = readable.credentials().filter(|entry| !is_stand_in(&entry.credential));
            out.extend(real.filter_map(|entry| finding(cx, readable, entry)));
        }
    }
}

fn finding(cx: &Context<'_>, readable: &ReadableSecret<'_>, entry: &Entry) -> Option<Finding> {
    let (key, name) = (shown_key(&entry.key), &readable.secret.name.value);
    let short = lifetime::short_lived(&entry.credential);
    let at = readable.key_span(entry);
    let renew = "create a new one and replace the secret";
    if !is_expired(cx, entry) {
        let short = short?;
        let message = format!(
            "the key {key:?} of the pull secret {name:?} contains {}: pods that start later cannot pull with it",
            short.as_str()
        );
        let finding = readable.finding(cx, (&META, Severity::Warning), message, at, "short-lived");
        return Some(finding.help(short.instead()));
    }
    let mut refused = readable.images_of(entry).filter(|facts| {
        attribute(cx, facts) == Some(Attribution::Expired) && matches!(facts.judged.verdict, Verdict::Fails(_))
    });
    let refused = refused.next();
    let severity = if refused.is_some() { META.severity } else { Severity::Warning };
    let end = expiry(entry.credential.password.expose()).map(day).unwrap_or_default();
    let absent = refused.map_or("", absent_to_anyone);
    let accepted = if readable.is_shown_harmless(entry) { ", but the registry still accepts it" } else { "" };
    let message =
        format!("the token under the key {key:?} of the pull secret {name:?} expired on {end}{accepted}{absent}");
    let help = short.map_or_else(|| renew.to_owned(), |short| format!("{renew}, or {}", short.instead()));
    let event = refused.and_then(|facts| facts.judged.event.clone());
    Some(readable.finding(cx, (&META, severity), message, at, "expired").help(help).event(event))
}
