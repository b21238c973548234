//! Which rule speaks of an image that fails, or could not be told: one fault, one rule.

use crate::probe::{Denial, Outcome, Unknown};
use crate::pull::{CandidateCredential, SecretState};
use crate::rules::{Context, ImageFacts};
use crate::verdict::{Cause, Verdict};

/// The rule that an image's verdict belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// `image-not-found`.
    NotFound,
    /// `access-denied`: a credential of the pod was sent and refused.
    CredentialRefused(Denial),
    /// `missing-pull-secret`: the pod has no credential to send.
    NoCredential(Option<Denial>),
    /// `unverified-image`: the registry gave no usable answer.
    NoAnswer(Unknown),
    /// `unverified-image`: a pull secret's content is not to be seen.
    HiddenSecret,
}

/// Assigns an image to a rule; `None` where it is pullable, where another rule names the fault at its root, or where
/// there is nothing to say.
pub(crate) fn blame(cx: &Context<'_>, facts: &ImageFacts<'_>) -> Option<Blame> {
    match facts.judged.verdict.cause()? {
        Cause::Absent => Some(Blame::NotFound),
        Cause::Denied(Denial::DeniedOrAbsent) if is_official_image(facts) => Some(Blame::NotFound),
        Cause::Denied(denial) if sent_credentials(facts).next().is_some() => Some(Blame::CredentialRefused(denial)),
        Cause::Denied(denial) => no_credential(cx, facts, Some(denial)),
        Cause::ServiceAccountUnknown => no_credential(cx, facts, last_denial(facts)),
        // A secret that nothing produces is `undefined-pull-secret`'s.
        Cause::SecretUnknown => (!has_secret_in(facts, &[SecretState::Missing])).then_some(Blame::HiddenSecret),
        // Not asked because the operator said so: the summary counts it.
        Cause::Unknown(Unknown::Offline) => None,
        Cause::Unknown(unknown) => Some(Blame::NoAnswer(unknown)),
        Cause::InvalidName
        | Cause::Defect(_)
        | Cause::Platform
        | Cause::MalformedPullSecret
        | Cause::Expected
        | Cause::Placeholder
        | Cause::RewrittenByKustomize
        | Cause::SetByImageStream
        | Cause::Never => None,
    }
}

/// `missing-pull-secret` speaks only where nothing else says why the pod has no credential: a secret that is ignored,
/// undefined or listed at the wrong place is reported there.
fn no_credential(cx: &Context<'_>, facts: &ImageFacts<'_>, denial: Option<Denial>) -> Option<Blame> {
    let explained = has_secret_in(facts, &[SecretState::Ignored, SecretState::Missing, SecretState::Malformed])
        || cx.inventory.misplaced.iter().any(|misplaced| misplaced.resource == facts.pod.resource);
    (!explained).then_some(Blame::NoCredential(denial))
}

fn has_secret_in(facts: &ImageFacts<'_>, states: &[SecretState]) -> bool {
    facts.judged.pull.secrets.iter().any(|secret| states.contains(&secret.state))
}

/// The credentials that are really sent: runtimes send nothing for an empty user name.
pub(crate) fn sent_credentials<'a>(facts: &ImageFacts<'a>) -> impl Iterator<Item = &'a CandidateCredential> + use<'a> {
    facts.judged.pull.credentials.iter().filter(|candidate| !candidate.credential.is_anonymous())
}

/// Docker Hub has no private repositories under `library/`: a refusal there means that there is no such image.
pub(crate) fn is_official_image(facts: &ImageFacts<'_>) -> bool {
    facts.reference().is_some_and(|image| image.registry() == "docker.io" && image.repository().starts_with("library/"))
}

fn last_denial(facts: &ImageFacts<'_>) -> Option<Denial> {
    let answer = facts.judged.answer.as_deref()?;
    answer.attempts.iter().rev().find_map(|(_, outcome)| match outcome {
        Outcome::Denied(denial, _) => Some(*denial),
        _ => None,
    })
}

/// Whether the image was shown to be pullable, or is never pulled.
pub(crate) fn is_harmless(facts: &ImageFacts<'_>) -> bool {
    matches!(facts.judged.verdict, Verdict::Pullable(_) | Verdict::NotPulled)
}
