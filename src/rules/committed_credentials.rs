//! `committed-credentials`: a registry password that can be read in a file of the repository.

use std::sync::LazyLock;

use crate::credential::dockerconfig::Entry;
use crate::credential::keyring::shown_key;
use crate::credential::lifetime::short_lived;
use crate::findings::finding::Finding;
use crate::rules::engine::meta::Meta;
use crate::rules::engine::readable_secrets::quoted;
use crate::rules::evidence::password::is_stand_in;
use crate::rules::selection::attribution::is_expired;
use crate::rules::{Context, Rule};
use crate::text::source::{STDIN, Source, SourceOrigin};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/committed-credentials.md")));

/// Reports a registry password that is readable in a manifest, once for each Secret.
pub(super) struct CommittedCredentials;

impl Rule for CommittedCredentials {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        for readable in &cx.readable_secrets {
            if is_made_now(cx.sources.get(readable.secret.name.span.source)) {
                continue;
            }
            let real: Vec<&Entry> = readable.config.entries.iter().filter(|entry| is_real(cx, entry)).collect();
            let Some(first) = real.first() else { continue };
            let keys = quoted(real.iter().map(|entry| shown_key(&entry.key)));
            let name = &readable.secret.name.value;
            let message = format!(
                "the pull secret {name:?} contains a readable password for {keys}: anyone who can read this file has \
                 it"
            );
            let help = "revoke it, create a new one, and keep it out of the repository: use SealedSecrets, SOPS, or \
                        the External Secrets Operator, or create the secret by hand";
            let at = readable.key_span(first);
            out.push(readable.finding(cx, (&META, META.severity), message, at, "readable password").help(help));
        }
    }
}

/// Input from a pipe was rendered a moment ago and is not in a repository. What Helm rendered can be a value that
/// was decrypted for it. kustomize reads nothing but files.
fn is_made_now(source: &Source) -> bool {
    let of_helm = matches!(source.origin(), SourceOrigin::Rendered(rendering) if rendering.tool.starts_with("helm"));
    of_helm || source.name() == STDIN
}

/// Whether a password gives access, now and later.
fn is_real(cx: &Context<'_>, entry: &Entry) -> bool {
    let credential = &entry.credential;
    let dies = || is_expired(cx, entry) || short_lived(credential).is_some();
    !credential.password.is_empty() && !is_stand_in(credential) && !entry.hints.unfilled_key && !dies()
}
