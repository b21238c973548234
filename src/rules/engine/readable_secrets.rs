//! The credentials in the Secrets of the inputs, and which images they are for.

use std::collections::BTreeSet;

use crate::credential::dockerconfig::{DockerConfig, Entry};
use crate::credential::keyring::{key_matches, shown_key};
use crate::findings::finding::{Finding, Severity, Subject};
use crate::kubelet::pull::{CandidateCredential, Via};
use crate::kubelet::verdict::Verdict;
use crate::resource::secret::{Secret, SecretContent};
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, ImageFacts};
use crate::text::source::Span;

/// A readable pull secret of the inputs, with the images that use it.
#[derive(Debug)]
pub(crate) struct ReadableSecret<'a> {
    /// The Secret object.
    pub(crate) secret: &'a Secret,
    /// The decoded registry credentials.
    pub(crate) config: &'a DockerConfig,
    /// The images of the pods that name it, directly or through their service account.
    pub(crate) images: Vec<ImageFacts<'a>>,
    /// The places that name the secret.
    pub(crate) references: BTreeSet<Span>,
    /// Whether a service account names it: pods that are not in the inputs may use it too.
    pub(crate) by_account: bool,
}

/// Returns every readable pull secret, in the order of the inputs. Called once, by [`Context::new`], which stores
/// the result for the rules.
pub(in crate::rules) fn of_inputs<'a>(cx: &Context<'a>) -> Vec<ReadableSecret<'a>> {
    let mut place: Vec<Option<usize>> = Vec::with_capacity(cx.inventory.secrets.len());
    let mut all: Vec<ReadableSecret<'a>> = Vec::new();
    for secret in &cx.inventory.secrets {
        let SecretContent::Config(config) = &secret.content else {
            place.push(None);
            continue;
        };
        place.push(Some(all.len()));
        let by_account = cx.inventory.service_accounts.iter().any(|account| {
            cx.same_namespace(account.namespace.as_deref(), secret.namespace.as_deref())
                && account.pull_secrets.iter().any(|named| named.name == secret.name.value)
        });
        all.push(ReadableSecret { secret, config, images: Vec::new(), references: BTreeSet::new(), by_account });
    }
    for facts in cx.images() {
        let mut seen = BTreeSet::new();
        for named in &facts.judged.pull.secrets {
            let Some(at) = named.object.and_then(|object| place.get(object).copied().flatten()) else { continue };
            let Some(secret) = all.get_mut(at) else { continue };
            secret.references.insert(named.span);
            secret.by_account |= named.via == Via::ServiceAccount;
            if seen.insert(at) {
                secret.images.push(facts);
            }
        }
    }
    all
}

impl<'a> ReadableSecret<'a> {
    /// Returns the entries that send something: runtimes send nothing for an empty user name.
    pub(crate) fn credentials(&self) -> impl Iterator<Item = &'a Entry> + Clone + use<'a> {
        self.config.entries.iter().filter(|entry| !entry.credential.is_anonymous())
    }

    /// Returns the place of an entry's key, or of the secret's name if that place is unknown.
    pub(crate) fn key_span(&self, entry: &Entry) -> Span {
        self.config.where_is(&entry.key_range).unwrap_or(self.secret.name.span)
    }

    /// Returns the images that an entry is tried for.
    pub(crate) fn images_of<'h>(&'h self, entry: &'h Entry) -> impl Iterator<Item = &'h ImageFacts<'a>> {
        self.images.iter().filter(|facts| facts.judged.pull.credentials.iter().any(|sent| self.is_sent(entry, sent)))
    }

    fn is_sent(&self, entry: &Entry, sent: &CandidateCredential) -> bool {
        sent.secret.as_deref() == Some(&self.secret.name.value) && sent.written_key == shown_key(&entry.key)
    }

    /// Whether the entry was tried, and every image that it was tried for was shown to be pullable.
    pub(crate) fn is_shown_harmless(&self, entry: &Entry) -> bool {
        let mut tried = self.images_of(entry).peekable();
        tried.peek().is_some() && tried.all(|facts| matches!(facts.judged.verdict, Verdict::Pullable(_)))
    }

    /// Whether an entry's key matches an image of the pods that name the secret.
    pub(crate) fn matches_any(&self, entry: &Entry) -> bool {
        let mut references = self.images.iter().filter_map(ImageFacts::reference);
        references.any(|reference| key_matches(&entry.key, reference.name()))
    }

    /// Builds a finding about this secret, with labels at the places that name it.
    pub(crate) fn finding(
        &self,
        cx: &Context<'_>,
        (meta, severity): (&Meta, Severity),
        message: String,
        at: Span,
        label: impl Into<String>,
    ) -> Finding {
        let resource = Some(cx.inventory.resource(self.secret.resource).name.clone());
        let finding =
            Finding::new(meta.id, severity, message, at, label).subject(Subject { resource, ..Subject::default() });
        self.references.iter().fold(finding, |finding, &at| finding.related(at, "named as a pull secret here"))
    }
}

/// Returns the entry of the inputs that a credential comes from.
pub(crate) fn entry_of<'a>(
    cx: &Context<'a>,
    facts: &ImageFacts<'_>,
    sent: &CandidateCredential,
) -> Option<(&'a Secret, &'a Entry)> {
    let named = facts.judged.pull.secrets.iter().find(|named| sent.secret.as_deref() == Some(&named.name))?;
    let secret = cx.inventory.secrets.get(named.object?)?;
    let SecretContent::Config(config) = &secret.content else { return None };
    let entry = config.entries.iter().find(|entry| sent.written_key == shown_key(&entry.key))?;
    Some((secret, entry))
}

/// Formats names for a message: `"a"`, `"a" and "b"`, `"a", "b" and 3 more`.
pub(crate) fn quoted(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("{:?}", name.as_ref())).collect();
    match &names[..] {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [one, two, three] => format!("{one}, {two} and {three}"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_secret_lists_are_shortened() {
        assert_eq!(quoted(["a", "b"]), "\"a\" and \"b\"");
        assert_eq!(quoted(["a", "b", "c", "d", "e"]), "\"a\", \"b\" and 3 more");
    }
}
