//! The registry's own words about an image that it refuses, for the texts of findings.

use crate::kubelet::probe::{Denial, Evidence, Outcome, PullAnswer};
use crate::rules::ImageFacts;

/// Words that registries send with every refusal and that carry no information.
const EMPTY: [&str; 16] = [
    "access denied",
    "access forbidden",
    "access to the requested resource is not authorized",
    "access to the resource is denied",
    "authentication required",
    "denied",
    "forbidden",
    "manifest unknown",
    "name unknown",
    "not found",
    "repository name not known to registry",
    "requested access to the resource is denied",
    "the named manifest is not known to the registry",
    "unauthorized",
    "you are not authorized to access this resource",
    "unauthorized: authentication required",
];

/// Returns the registry's refusals or "not found" answers: first the answer to `GET`, then the answer to the last
/// attempt that failed this way.
pub(in crate::rules) fn refusals<'a>(facts: &ImageFacts<'a>) -> impl Iterator<Item = &'a Evidence> + use<'a> {
    let answer: Option<&'a PullAnswer> = facts.judged.answer.as_deref();
    let explained = answer.and_then(|answer| answer.explained.as_ref());
    let attempts = answer.into_iter().flat_map(|answer| answer.attempts.iter().rev()).map(|(_, outcome)| outcome);
    explained.into_iter().chain(attempts).filter_map(|outcome| match outcome {
        Outcome::Absent(evidence) | Outcome::Denied(_, evidence) => Some(evidence),
        Outcome::Found(_) | Outcome::Unknown(..) => None,
    })
}

/// Returns the host whose answer decides: a mirror or the target of a redirect may have given it. The result is the
/// registry itself if nothing else is known, or if its own API or a token endpoint answered.
pub(in crate::rules) fn host_of_answer<'a>(facts: &ImageFacts<'a>) -> &'a str {
    let Some(registry) = facts.reference().map(|image| image.registry()) else { return "" };
    match refusals(facts).next() {
        Some(evidence) => host_of(evidence, registry),
        None => registry,
    }
}

/// Returns the host of a request for a manifest, if it is not the registry's.
pub(in crate::rules) fn host_of<'a>(evidence: &'a Evidence, registry: &'a str) -> &'a str {
    let url = evidence.url.as_deref().filter(|url| url.contains("/manifests/"));
    let host = url.and_then(|url| url.split_once("://")).and_then(|(_, rest)| rest.split('/').next());
    let is_own = |host: &&str| {
        registry.strip_suffix(":443").unwrap_or(registry) == *host
            || (registry == "docker.io" && *host == "registry-1.docker.io")
    };
    host.filter(|host| !is_own(host)).unwrap_or(registry)
}

/// Returns the registry's own words, if they carry information.
pub(in crate::rules) fn words<'a>(facts: &ImageFacts<'a>) -> Option<&'a str> {
    let messages = refusals(facts).filter_map(|evidence| evidence.message.as_deref()).map(str::trim);
    messages.into_iter().find(|message| {
        let plain = message.trim_end_matches('.').to_ascii_lowercase();
        !plain.is_empty() && !EMPTY.contains(&plain.as_str())
    })
}

/// Returns the registry's own words for the end of a sentence.
pub(in crate::rules) fn quoted(facts: &ImageFacts<'_>) -> String {
    words(facts).map(|words| format!(" (it says: {words})")).unwrap_or_default()
}

/// Returns the end of a sentence that says that the image does not exist, if the registry said so without
/// credentials: the refusal alone would hide it.
pub(in crate::rules) fn absent_to_anyone(facts: &ImageFacts<'_>) -> &'static str {
    match facts.judged.answer.as_ref().and_then(|answer| answer.anonymous.as_ref()) {
        Some(Outcome::Absent(_)) => "; without credentials, the registry reports that the image does not exist",
        _ => "",
    }
}

/// Whether the registry reports that the token has expired. ECR answers 403 then, without a challenge.
pub(in crate::rules) fn is_expired_token(facts: &ImageFacts<'_>) -> bool {
    words(facts).is_some_and(|words| words.to_ascii_lowercase().contains("token has expired"))
}

/// Whether a refusal can also mean that the image does not exist. Some registries give a token to anyone and then
/// refuse it (quay.io, Harbor), others refuse the token (ghcr.io, Artifact Registry, GitLab). Both hide what the
/// client may not see.
pub(in crate::rules) const fn may_be_absent(denial: Denial) -> bool {
    matches!(denial, Denial::DeniedOrAbsent | Denial::Auth)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::verdict::{Cause, Verdict};
    use crate::resource::workload::PodOrigin;
    use crate::rules::Context;
    use crate::rules::testing::{Facts, answer, evidence};
    use crate::text::source::Sources;

    fn of(attempt: Option<&str>, explained: Option<&str>, read: fn(&ImageFacts<'_>) -> String) -> String {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        let judged = facts.image(pod, "ghcr.io/a/b:1", Verdict::Fails(Cause::Denied(Denial::Denied)));
        let refused = |message: Option<&str>| {
            let message = message.map(str::to_owned);
            Outcome::Denied(Denial::Denied, Evidence { message, ..evidence(403) })
        };
        let explained = explained.map(|message| refused(Some(message)));
        let attempts = vec![(None, refused(attempt))];
        judged.answer = answer(PullAnswer { attempts, explained, ..PullAnswer::default() });
        let sources = Sources::default();
        let context = Context::new(&sources, &facts.inventory, &facts.judged, &facts.settings);
        context.images().map(|facts| read(&facts)).collect()
    }

    #[test]
    fn only_informative_registry_messages_are_quoted() {
        assert_eq!(of(None, None, quoted), "");
        assert_eq!(of(Some("Authentication required."), None, quoted), "");
        assert_eq!(
            of(Some("denied"), Some("IP 192.0.2.1 is not allowed"), quoted),
            " (it says: IP 192.0.2.1 is not allowed)"
        );
        assert_eq!(of(Some("the plan has ended"), Some("denied"), quoted), " (it says: the plan has ended)");
    }

    #[test]
    fn expired_token_message_is_recognized() {
        let expired = "Your authorization token has expired. Reauthenticate and try again.";
        let is = |facts: &ImageFacts<'_>| is_expired_token(facts).to_string();
        assert_eq!(of(None, Some(expired), is), "true");
        assert_eq!(of(None, Some("no basic auth credentials"), is), "false");
    }

    #[test]
    fn answering_host_is_named() {
        let at = |url: &str| Evidence { url: Some(url.to_owned()), ..Evidence::default() };
        for (registry, url, host) in [
            ("reg.example", "https://reg.example/v2/a/manifests/1", "reg.example"),
            ("reg.example:443", "https://reg.example/v2/a/manifests/1", "reg.example:443"),
            ("reg.example", "https://mirror.example/v2/a/manifests/1", "mirror.example"),
            ("docker.io", "https://registry-1.docker.io/v2/a/manifests/1", "docker.io"),
            ("docker.io", "https://mirror.gcr.io/v2/a/manifests/1", "mirror.gcr.io"),
            ("ghcr.io", "https://auth.example/token", "ghcr.io"),
        ] {
            assert_eq!(host_of(&at(url), registry), host, "{url}");
        }
    }
}
