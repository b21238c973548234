//! `whitespace-in-credentials`: a password with the line break that `echo` appends.
//!
//! Follows `decodeDockerConfigFieldAuth` of `pkg/credentialprovider/config.go`, which trims nothing.

use std::sync::LazyLock;

use crate::credential::dockerconfig::Entry;
use crate::credential::keyring::shown_key;
use crate::findings::finding::{Finding, Severity};
use crate::rules::engine::meta::Meta;
use crate::rules::engine::readable_secrets::ReadableSecret;
use crate::rules::evidence::password::{WITHOUT_WHITE_SPACE, white_space};
use crate::rules::selection::attribution::is_told_of_image;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/whitespace-in-credentials.md")));

/// Reports a user name or password that begins or ends with white space.
pub(super) struct WhitespaceInCredentials;

impl Rule for WhitespaceInCredentials {
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
    let what = white_space(&entry.credential)?;
    let is_reported = readable.images_of(entry).any(|facts| is_told_of_image(cx, facts));
    if is_reported || readable.is_shown_harmless(entry) {
        return None;
    }
    let (key, name) = (shown_key(&entry.key), &readable.secret.name.value);
    let message = format!("in the pull secret {name:?}, key {key:?}, {what}, and the kubelet sends it unchanged");
    Some(
        readable
            .finding(cx, (&META, Severity::Warning), message, readable.key_span(entry), what)
            .help(WITHOUT_WHITE_SPACE),
    )
}
