//! `empty-credentials`: entries without a user name, for which the runtime sends nothing.
//!
//! Follows `DockerConfigEntry` of `pkg/credentialprovider/config.go` for what is read, and containerd's `ParseAuth`
//! (`internal/cri/server/images/image_pull.go`) for what is sent.

use std::sync::LazyLock;

use crate::credential::dockerconfig::Entry;
use crate::credential::keyring::shown_key;
use crate::findings::finding::{Finding, Severity};
use crate::kubelet::verdict::Verdict;
use crate::rules::engine::meta::Meta;
use crate::rules::engine::readable_secrets::ReadableSecret;
use crate::rules::engine::readable_secrets::quoted;
use crate::rules::selection::attribution::Attribution;
use crate::rules::selection::attribution::attribute;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/empty-credentials.md")));

/// Reports pull secret entries that the kubelet matches but pulls anonymously with, because they have no user name.
pub(super) struct EmptyCredentials;

/// What an entry has in place of a user and password.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EmptyPart {
    IdentityToken,
    RegistryToken,
    Helper,
    NoUser,
    Nothing,
    /// `auths` in a `.dockercfg`, which the kubelet takes for a registry.
    AuthsInDockerCfg,
}

impl EmptyPart {
    const ALL: [Self; 6] =
        [Self::IdentityToken, Self::RegistryToken, Self::Helper, Self::NoUser, Self::Nothing, Self::AuthsInDockerCfg];

    fn of(readable: &ReadableSecret<'_>, entry: &Entry) -> Self {
        let hints = entry.hints;
        match () {
            () if entry.key == "auths" => Self::AuthsInDockerCfg,
            () if hints.identity_token => Self::IdentityToken,
            () if hints.registry_token => Self::RegistryToken,
            () if !entry.credential.password.is_empty() => Self::NoUser,
            () if readable.config.has_helpers => Self::Helper,
            () => Self::Nothing,
        }
    }

    const fn why(self) -> &'static str {
        match self {
            Self::IdentityToken => "there is only an identity token, which the kubelet does not read",
            Self::RegistryToken => "there is only a registry token, which the kubelet does not read",
            Self::Helper => {
                "the password is in a credential helper (`credsStore`, `credHelpers`) of the machine that wrote the \
                 file, and the kubelet does not run credential helpers"
            }
            Self::NoUser => "there is a password without a user name, and runtimes send nothing without a user name",
            Self::Nothing => "there is neither a user nor a password",
            Self::AuthsInDockerCfg => {
                "a `.dockercfg` has its registries at the top level, so `auths` is read as the name of one"
            }
        }
    }
}

impl Rule for EmptyCredentials {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        for readable in &cx.readable_secrets {
            let empty: Vec<&Entry> =
                readable.config.entries.iter().filter(|entry| is_at_fault(cx, readable, entry)).collect();
            for kind in EmptyPart::ALL {
                let of_kind = empty.iter().copied().filter(|entry| EmptyPart::of(readable, entry) == kind);
                out.extend(of_entries(cx, readable, kind, &of_kind.collect::<Vec<_>>()));
            }
            if readable.config.entries.is_empty() && !readable.config.unfilled {
                out.extend(without_entries(cx, readable));
            }
        }
    }
}

fn is_at_fault(cx: &Context<'_>, readable: &ReadableSecret<'_>, entry: &Entry) -> bool {
    // The finding of the refused image says the same, as an error.
    let is_reported =
        || readable.images_of(entry).any(|facts| matches!(attribute(cx, facts), Some(Attribution::NoMatchingKey(_))));
    entry.credential.is_anonymous()
        && !entry.hints.unfilled
        && !entry.hints.unfilled_key
        && !readable.is_shown_harmless(entry)
        && !is_reported()
}

fn of_entries(cx: &Context<'_>, readable: &ReadableSecret<'_>, kind: EmptyPart, entries: &[&Entry]) -> Option<Finding> {
    let (first, rest) = entries.split_first()?;
    let keys = quoted(entries.iter().map(|entry| shown_key(&entry.key)));
    let (key, send) = if rest.is_empty() { ("key", "sends") } else { ("keys", "send") };
    let name = &readable.secret.name.value;
    let message = format!(
        "the {key} {keys} of the pull secret {name:?} {send} no credentials, as if there were no secret: {}",
        kind.why()
    );
    let finding =
        readable.finding(cx, (&META, Severity::Warning), message, readable.key_span(first), "no user").help(HELP);
    Some(rest.iter().fold(finding, |finding, entry| finding.related(readable.key_span(entry), "no user")))
}

/// Reports a configuration in which the kubelet finds no registry at all, although one was meant, or a pod pulls
/// with it.
fn without_entries(cx: &Context<'_>, readable: &ReadableSecret<'_>) -> Option<Finding> {
    let name = &readable.secret.name.value;
    let config = readable.config;
    let (why, range) = match &config.outside_auths {
        Some(range) => ("its registries are next to `auths` instead of inside it", range.clone()),
        None if config.has_helpers => (EmptyPart::Helper.why(), 0..0),
        // Without a pod, another program may still create it; if the images are public, it is intended.
        None if readable.images.iter().all(|facts| matches!(facts.judged.verdict, Verdict::Pullable(_))) => {
            return None;
        }
        None => ("it contains no registry", 0..0),
    };
    let whole = config.place.as_ref().map_or(readable.secret.name.span, |place| place.scalar());
    let at = if range.is_empty() { whole } else { config.where_is(&range).unwrap_or(whole) };
    let message = format!("the pull secret {name:?} contains no credentials for the kubelet: {why}");
    Some(readable.finding(cx, (&META, Severity::Warning), message, at, "no credentials").help(HELP))
}

const HELP: &str = "recreate it with a user and a password or token: `kubectl create secret docker-registry … \
                    --docker-server=… --docker-username=… --docker-password=…`";
