//! `registry-typo`: a host that is one edit away from a well-known registry, and is not one itself.

use std::sync::LazyLock;

use crate::findings::finding::{Edit, Finding, Fix, Safety, Severity};
use crate::image::host::{self, HostTypo};
use crate::kubelet::probe::{Denial, Outcome, TagList, Unknown};
use crate::kubelet::verdict::{Cause, Verdict};
use crate::rules::disallowed_registry::{Allowed, DisallowedRegistry};
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, ImageFacts, Rule};
use crate::text::source::Span;

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/registry-typo.md")));

/// Reports a host that differs from a well-known registry by one letter.
pub(super) struct RegistryTypo;

impl Rule for RegistryTypo {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        // A registry that is not allowed is reported as such, and the typo is the reason.
        let allowed = Allowed::of(cx.settings);
        let is_disallowed = |image| allowed.as_ref().is_some_and(|allowed| !allowed.allows(image));
        out.extend(cx.images().filter_map(|facts| {
            let typo = host_typo(&facts)?;
            if facts.reference().is_some_and(is_disallowed)
                && cx.settings.runs_in(facts.image.text.span.source, DisallowedRegistry.meta())
            {
                return None;
            }
            let host = facts.reference()?.registry();
            let severity = match facts.judged.verdict {
                Verdict::Fails(_) if explains(&facts) => Severity::Error,
                _ => META.severity,
            };
            let message = message(&facts, host, &typo);
            let finding = Finding::new(META.id, severity, message, facts.image.text.span, "one edit away");
            let finding = finding.help(format!("write `{}` instead of `{host}`", typo.meant));
            let finding = finding.event(facts.judged.event.clone()).subject(facts.subject());
            Some(finding.fix(host_fix(cx, &facts, host, typo.meant)))
        }));
    }
}

/// Returns a fix that writes the registry that was meant, if the host is at the start of the text, as in every full
/// name.
fn host_fix(cx: &Context<'_>, facts: &ImageFacts<'_>, host: &str, meant: &str) -> Option<Fix> {
    let rest = facts.image.text.value.strip_prefix(host)?;
    let place = facts.place_of(cx.sources, &facts.image.text.value)?;
    let span = Span::new(place.source, place.start, place.end - rest.len() as u32);
    let edits = vec![Edit { span, replacement: meant.to_owned() }];
    Some(Fix { title: format!("write `{meant}`"), safety: Safety::Unsafe, edits })
}

/// Returns the registry that was meant, unless the written one has proved to be a registry.
pub(crate) fn host_typo(facts: &ImageFacts<'_>) -> Option<HostTypo> {
    let typo = host::typo_in(facts.reference()?.registry())?;
    let pulled = !matches!(facts.judged.verdict, Verdict::NotPulled | Verdict::Skipped(_));
    (pulled && (typo.impostor || !is_registry(facts))).then_some(typo)
}

/// Whether the typo is why the image fails or could not be verified, so that no other rule needs to report it.
pub(crate) fn explains(facts: &ImageFacts<'_>) -> bool {
    let by_answer = matches!(
        facts.judged.verdict.cause(),
        Some(
            Cause::Absent | Cause::Denied(_) | Cause::Unknown(_) | Cause::ServiceAccountUnknown | Cause::SecretUnknown
        )
    );
    by_answer && host_typo(facts).is_some()
}

/// Whether the host answered as a registry does: with a manifest, a challenge, or an error code of the API.
fn is_registry(facts: &ImageFacts<'_>) -> bool {
    let Some(answer) = facts.judged.answer.as_deref() else { return false };
    if matches!(answer.tags, Some(TagList::Tags(_) | TagList::Incomplete(_) | TagList::NoRepository)) {
        return true;
    }
    let outcomes = answer.attempts.iter().map(|(_, outcome)| outcome);
    outcomes.chain(&answer.explained).any(|outcome| match outcome {
        Outcome::Found(_) | Outcome::Unknown(Unknown::RateLimited | Unknown::AuthServer, _) => true,
        Outcome::Absent(evidence) | Outcome::Denied(Denial::Denied, evidence) => evidence.code.is_some(),
        Outcome::Denied(..) => true,
        Outcome::Unknown(..) => false,
    })
}

fn message(facts: &ImageFacts<'_>, host: &str, typo: &HostTypo) -> String {
    let meant = typo.meant;
    if typo.impostor {
        return format!(
            "{host} is not {meant}: it is a known look-alike that asks for credentials, and it receives the pod's"
        );
    }
    match facts.judged.verdict.cause() {
        Some(Cause::Unknown(Unknown::NoSuchHost)) => {
            format!("the host {host} does not exist: it is one edit away from {meant}")
        }
        None | Some(Cause::Unknown(Unknown::Offline) | Cause::MalformedPullSecret) => {
            format!("{host} is one edit away from {meant} and is not a well-known registry")
        }
        // A 404 without an error code, as to a HEAD request, does not reveal who sent it.
        Some(Cause::Absent) => format!("{host} does not have this image and is one edit away from {meant}"),
        Some(_) => format!("{host} is one edit away from {meant} and did not answer as a registry does"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::probe::{Evidence, Manifest, PullAnswer};
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, answer, evidence};

    fn found(text: &str, outcome: Outcome, verdict: Verdict) -> Vec<(Severity, String)> {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        let judged = facts.image(pod, text, verdict);
        judged.answer = answer(PullAnswer { attempts: vec![(None, outcome)], ..PullAnswer::default() });
        facts.check(&RegistryTypo).into_iter().map(|finding| (finding.severity, finding.message)).collect()
    }

    #[test]
    fn nonexistent_host_one_edit_away_is_an_error() {
        let (cause, words) = (Cause::Unknown(Unknown::NoSuchHost), Evidence::default());
        let found = found("gchr.io/a/b:1", Outcome::Unknown(Unknown::NoSuchHost, words), Verdict::Fails(cause));
        let message = "the host gchr.io does not exist: it is one edit away from ghcr.io".to_owned();
        assert_eq!(found, [(Severity::Error, message)]);
    }

    #[test]
    fn host_that_answers_as_a_registry_is_not_flagged() {
        let coded = || Evidence { code: Some("MANIFEST_UNKNOWN".to_owned()), ..evidence(404) };
        let (absent, limited) = (Cause::Absent, Cause::Unknown(Unknown::RateLimited));
        let auth = Cause::Denied(Denial::AuthRequired);
        let registries = [
            (Outcome::Found(Manifest::default()), Verdict::Pullable(Manifest::default())),
            (Outcome::Absent(coded()), Verdict::Fails(absent)),
            (Outcome::Denied(Denial::AuthRequired, evidence(401)), Verdict::Fails(auth)),
            (Outcome::Unknown(Unknown::RateLimited, evidence(429)), Verdict::Unverified(limited)),
        ];
        for (outcome, verdict) in registries {
            assert_eq!(found("quay.ip/a/b:1", outcome.clone(), verdict), [], "{outcome:?}");
        }
        let page = found("quay.ip/a/b:1", Outcome::Absent(evidence(404)), Verdict::Fails(absent));
        let message = "quay.ip does not have this image and is one edit away from quay.io".to_owned();
        assert_eq!(page, [(Severity::Error, message)]);
    }

    #[test]
    fn typosquatting_host_is_flagged_even_if_it_answers() {
        let verdict = Verdict::Pullable(Manifest::default());
        let found = found("ghrc.io/a/b:1", Outcome::Found(Manifest::default()), verdict);
        assert_eq!(found.iter().map(|(severity, _)| *severity).collect::<Vec<_>>(), [Severity::Warning]);
    }

    #[test]
    fn fix_replaces_only_the_host() {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        facts.image(pod, "gchr.io/gchr.io/b:1", Verdict::Unverified(Cause::Unknown(Unknown::Offline)));
        let found = facts.check(&RegistryTypo).remove(0);
        let edit = &found.fixes[0].edits[0];
        assert_eq!((edit.span.start, edit.span.end - edit.span.start), (found.primary.span.start, 7));
        assert_eq!(edit.replacement, "ghcr.io");
    }
}
