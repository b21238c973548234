//! Which rule reports an image that fails, or could not be verified: one fault, one rule.

use crate::credential::dockerconfig::Entry;
use crate::credential::lifetime;
use crate::kubelet::probe::{Denial, Manifest, Outcome, TlsFault, Unknown};
use crate::kubelet::pull::{Blind, CandidateCredential, SecretState};
use crate::kubelet::verdict::{Cause, Verdict};
use crate::resource::secret::{IgnoredBecause, Producer, Secret, SecretContent};
use crate::resource::workload::{PodOrigin, ResourceId};
use crate::rules::engine::readable_secrets::entry_of;
use crate::rules::node_local_registry::{self, NodeLocalRegistry};
use crate::rules::registry_typo::{self, RegistryTypo};
use crate::rules::undefined_service_account::{self, UndefinedServiceAccount};
use crate::rules::{Context, ImageFacts, Rule};

/// The rule that reports an image's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribution {
    /// Reported by `image-not-found`.
    NotFound,
    /// `access-denied`: a credential of the pod was sent and refused.
    CredentialRefused(Denial),
    /// `access-denied`: the registry answers 403 to `HEAD`, and returns the image to `GET`.
    HeadRefused,
    /// `access-denied`: the registry refuses without asking for a credential, so that none is ever sent.
    NeverAsked,
    /// Reported by `expired-credentials`: every credential that was sent is refused and contains an expiry time that
    /// has passed.
    Expired,
    /// `public-image-broken-by-secret`: a credential was refused, and without any credential the image can be
    /// pulled.
    PublicBroken,
    /// `no-credentials-for-registry`: the pod has pull secrets, and none of their keys has a credential for the image.
    NoMatchingKey(Option<Denial>),
    /// `missing-pull-secret`: the pod has no credential to send.
    NoCredential(Option<Denial>),
    /// Reported by `plain-http-registry`.
    PlainHttp,
    /// Reported by `untrusted-certificate`.
    Untrusted(TlsFault),
    /// `invalid-hosts-toml`: the nodes' configuration of the registry cannot be used.
    NodeConfig,
    /// `unverified-image`: the registry gave no usable answer.
    NoAnswer(Unknown),
    /// `unverified-image`: a pull secret's content is unknown.
    HiddenSecret,
}

/// Assigns an image to a rule. The result is `None` if the image is pullable, if another rule reports the root
/// cause, or if there is nothing to report.
pub(crate) fn attribute(cx: &Context<'_>, facts: &ImageFacts<'_>) -> Option<Attribution> {
    // Each of these two rules reports the root cause, unless the operator turned it off.
    let runs = |rule: &dyn Rule| cx.settings.runs_in(facts.image.text.span.source, rule.meta());
    let typo = registry_typo::explains(facts) && runs(&RegistryTypo);
    if typo || node_local_registry::concerns(facts) && runs(&NodeLocalRegistry) {
        return None;
    }
    match facts.judged.verdict.cause()? {
        Cause::Absent => Some(Attribution::NotFound),
        Cause::Denied(Denial::Denied) | Cause::ServiceAccountUnknown if is_refused_by_head(facts) => {
            Some(Attribution::HeadRefused)
        }
        Cause::Denied(Denial::NoChallenge) => Some(Attribution::NeverAsked),
        Cause::Denied(_) if sent_credentials(facts).next().is_some() && is_never_asked(facts) => {
            Some(Attribution::NeverAsked)
        }
        Cause::Denied(denial) if sent_credentials(facts).next().is_some() => Some(if all_expired(cx, facts) {
            Attribution::Expired
        } else if is_public(facts) {
            Attribution::PublicBroken
        } else {
            Attribution::CredentialRefused(denial)
        }),
        Cause::Denied(denial) => no_credential(cx, facts, Some(denial)),
        Cause::ServiceAccountUnknown => no_credential(cx, facts, last_denial(facts)),
        // A secret that nothing produces belongs to `undefined-pull-secret`.
        Cause::SecretUnknown => (!has_secret_in(facts, &[SecretState::Missing])).then_some(Attribution::HiddenSecret),
        // Not asked because the operator chose so: the summary shows how many.
        Cause::Unknown(Unknown::Offline) => None,
        Cause::Unknown(Unknown::PlainHttp) => Some(Attribution::PlainHttp),
        Cause::Unknown(Unknown::NodeConfig) => Some(Attribution::NodeConfig),
        Cause::Unknown(Unknown::Tls(fault)) if fault != TlsFault::Other => Some(Attribution::Untrusted(fault)),
        Cause::Unknown(unknown) => Some(Attribution::NoAnswer(unknown)),
        Cause::InvalidName
        | Cause::Defect(_)
        | Cause::Platform
        | Cause::MalformedPullSecret
        | Cause::Expected
        | Cause::PulledByAnother
        | Cause::Finished
        | Cause::ChosenByChart
        | Cause::Placeholder
        | Cause::RewrittenByKustomize
        | Cause::RewrittenAtAdmission
        | Cause::SetByImageStream
        | Cause::Never => None,
    }
}

/// Decides on `missing-pull-secret`, which reports an image only if nothing else explains why the pod has no
/// credential: a secret that is ignored, undefined or listed at the wrong place is reported there.
fn no_credential(cx: &Context<'_>, facts: &ImageFacts<'_>, denial: Option<Denial>) -> Option<Attribution> {
    let explained = has_secret_in(facts, &[SecretState::Ignored, SecretState::Missing, SecretState::Malformed])
        || cx.inventory.misplaced.iter().any(|misplaced| {
            misplaced.resource == facts.pod.resource || is_service_account_of(cx, misplaced.resource, facts)
        });
    if explained {
        return None;
    }
    if has_secret_in(facts, &[SecretState::Readable, SecretState::Supplied]) {
        return Some(Attribution::NoMatchingKey(denial));
    }
    // The pod is refused as long as its service account does not exist, and may get its pull secrets together with
    // it.
    let runs = cx.settings.runs_in(facts.image.text.span.source, UndefinedServiceAccount.meta());
    (!(runs && undefined_service_account::refuses_pod(cx, facts))).then_some(Attribution::NoCredential(denial))
}

/// Whether the registry returns to `GET` what it refuses to `HEAD`.
fn is_refused_by_head(facts: &ImageFacts<'_>) -> bool {
    let explained = facts.judged.answer.as_ref().and_then(|answer| answer.explained.as_ref());
    matches!(explained, Some(Outcome::Found(_))) && last_denial(facts) == Some(Denial::Denied)
}

/// Whether every attempt was refused before the registry asked for a credential.
fn is_never_asked(facts: &ImageFacts<'_>) -> bool {
    let attempts = facts.judged.answer.as_ref().map(|answer| answer.attempts.as_slice()).unwrap_or_default();
    let bare = |outcome: &Outcome| matches!(outcome, Outcome::Denied(_, evidence) if evidence.bare);
    !attempts.is_empty() && attempts.iter().all(|(_, outcome)| bare(outcome))
}

fn all_expired(cx: &Context<'_>, facts: &ImageFacts<'_>) -> bool {
    sent_credentials(facts).all(|sent| entry_of(cx, facts, sent).is_some_and(|(_, entry)| is_expired(cx, entry)))
}

/// Whether a credential contains an expiry time that has passed.
pub(crate) fn is_expired(cx: &Context<'_>, entry: &Entry) -> bool {
    let expiry = || lifetime::expiry(entry.credential.password.expose());
    cx.settings.now.is_some_and(|now| expiry().is_some_and(|expiry| expiry <= now))
}

/// Whether the registry was seen to return the image to anyone.
fn is_public(facts: &ImageFacts<'_>) -> bool {
    let anonymous = facts.judged.answer.as_ref().and_then(|answer| answer.anonymous.as_ref());
    matches!(anonymous, Some(Outcome::Found(Manifest { defect: None, .. })))
}

fn is_service_account_of(cx: &Context<'_>, resource: ResourceId, facts: &ImageFacts<'_>) -> bool {
    cx.inventory.service_accounts.iter().any(|account| {
        account.resource == resource
            && account.name == facts.judged.pull.service_account
            && (facts.pod.chosen.namespace
                || cx.same_namespace(account.namespace.as_deref(), facts.pod.namespace.as_deref()))
    })
}

fn has_secret_in(facts: &ImageFacts<'_>, states: &[SecretState]) -> bool {
    facts.judged.pull.secrets.iter().any(|secret| states.contains(&secret.state))
}

/// Returns the credentials that are really sent: runtimes send nothing for an empty user name.
pub(crate) fn sent_credentials<'a>(facts: &ImageFacts<'a>) -> impl Iterator<Item = &'a CandidateCredential> + use<'a> {
    facts.judged.pull.credentials.iter().filter(|candidate| !candidate.credential.is_anonymous())
}

/// Whether an error about the image reports that its credentials are refused, with the reason if it is known.
pub(crate) fn is_told_of_image(cx: &Context<'_>, facts: &ImageFacts<'_>) -> bool {
    use Attribution::{CredentialRefused, Expired, NoMatchingKey, PublicBroken};
    matches!(attribute(cx, facts), Some(CredentialRefused(_) | PublicBroken | Expired | NoMatchingKey(_)))
}

/// Whether the image is an official one. Docker Hub has no private repositories under `library/`, so a refusal there
/// means that the image does not exist.
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

/// Whether a pull secret that the kubelet ignores may be harmless for the image: it was shown to be pullable, it is
/// never pulled, its pods are made by a controller that may pull with something else, or the nodes have credentials
/// for it.
pub(crate) fn is_harmless(facts: &ImageFacts<'_>) -> bool {
    let node =
        is_pulled_by_node(facts) || facts.judged.pull.credentials.iter().any(|credential| credential.secret.is_none());
    matches!(facts.judged.verdict, Verdict::Pullable(_) | Verdict::NotPulled)
        || !facts.pod.origin.is_whole()
        || node && !matches!(facts.judged.verdict, Verdict::Fails(_))
}

/// Whether the nodes may pull it with credentials of their own, which pullcheck cannot see.
pub(crate) fn is_pulled_by_node(facts: &ImageFacts<'_>) -> bool {
    facts.judged.pull.blind.iter().any(|blind| matches!(blind, Blind::Node(_)))
}

/// Returns a pull secret of that name that exists only in namespaces other than the pod's, or `None` if either
/// namespace is unknown.
pub(crate) fn elsewhere<'a>(cx: &Context<'a>, facts: &ImageFacts<'_>, name: &str) -> Option<&'a Secret> {
    let default = cx.settings.cluster.namespace.as_deref();
    let own = facts.pod.namespace_or(default)?;
    let no_pull_secret = SecretContent::Ignored(IgnoredBecause::WrongType { has_docker_config: false });
    cx.inventory.secrets.iter().find(|secret| {
        let named = match &secret.producer {
            Producer::Generator(generator) => generator.is_rendered_name(name),
            _ => secret.name.value == name,
        };
        named && secret.content != no_pull_secret && secret.presence(Some(own), default).is_none()
    })
}

/// Returns the addition to a message about an image of an unknown kind, or about one that the nodes may still be
/// able to pull.
pub(crate) fn doubt(facts: &ImageFacts<'_>) -> String {
    match (facts.pod.origin, &facts.judged.verdict) {
        (PodOrigin::Custom | PodOrigin::Mention, _) => {
            format!(" (unknown how the controller of `{}` handles it)", facts.resource.name.kind)
        }
        (PodOrigin::Unrendered, _) => " (unknown whether the rendered chart changes it)".to_owned(),
        (_, Verdict::Unverified(_)) if is_pulled_by_node(facts) => {
            " (unless the nodes' own credentials grant access)".to_owned()
        }
        (_, Verdict::Unverified(_))
            if facts.judged.pull.blind.iter().any(|source| matches!(source, Blind::Secret(_))) =>
        {
            " (unless the hidden pull secret grants access)".to_owned()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::kubelet::probe::Defect;
    use crate::rules::RULES;
    use crate::rules::testing::{Facts, candidate};

    const DENIALS: [Denial; 5] =
        [Denial::BadCredentials, Denial::DeniedOrAbsent, Denial::Auth, Denial::AuthRequired, Denial::Denied];

    /// Returns the rules that report an image with this verdict.
    fn rules(verdict: Verdict, with_credential: bool) -> Vec<(&'static str, Severity)> {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        let judged = facts.image(pod, "ghcr.io/acme/api:1", verdict);
        if with_credential {
            judged.pull.credentials.push(candidate(Some("regcred"), "ghcr.io", "user"));
        }
        let on = RULES.iter().filter(|rule| rule.meta().enabled);
        let found = on.flat_map(|rule| facts.check(*rule));
        found.map(|finding| (finding.rule, finding.severity)).collect()
    }

    #[test]
    fn failing_image_gets_one_error_from_one_rule() {
        for denial in DENIALS {
            let refused = Verdict::Fails(Cause::Denied(denial));
            assert_eq!(rules(refused.clone(), true), [("access-denied", Severity::Error)], "{denial:?}");
            assert_eq!(rules(refused, false), [("missing-pull-secret", Severity::Error)], "{denial:?}");
        }
        use Defect::{BrokenProxy, BrokenRegistry, NotAnImage, Schema1, TooBig};
        for defect in [Schema1, NotAnImage, TooBig, BrokenProxy, BrokenRegistry] {
            let verdict = Verdict::Fails(Cause::Defect(defect));
            assert_eq!(rules(verdict, false), [("unsupported-manifest", Severity::Error)], "{defect:?}");
        }
        assert_eq!(rules(Verdict::Fails(Cause::Absent), true), [("image-not-found", Severity::Error)]);
        let expired = Verdict::Fails(Cause::Unknown(Unknown::Tls(TlsFault::Expired)));
        assert_eq!(rules(expired, true), [("untrusted-certificate", Severity::Error)]);
        let plain = Verdict::Fails(Cause::Unknown(Unknown::PlainHttp));
        assert_eq!(rules(plain, true), [("plain-http-registry", Severity::Error)]);
    }

    #[test]
    fn unverified_image_is_reported_but_never_as_an_error() {
        use Unknown::{AuthServer, Deadline, Dns, HostStopped, Network, NoSuchHost, NodeLocal};
        use Unknown::{Interrupted, RateLimited, RegistryError, Timeout};
        let tls = Unknown::Tls(TlsFault::Other);
        let unknowns = [AuthServer, Deadline, Dns, NoSuchHost, HostStopped, Network, NodeLocal];
        for unknown in unknowns.into_iter().chain([RateLimited, RegistryError, Timeout, Interrupted, tls]) {
            let verdict = Verdict::Unverified(Cause::Unknown(unknown));
            assert_eq!(rules(verdict, true), [("unverified-image", Severity::Note)], "{unknown:?}");
        }
        let plain = Verdict::Unverified(Cause::Unknown(Unknown::PlainHttp));
        assert_eq!(rules(plain, true), [("plain-http-registry", Severity::Warning)]);
        for fault in [TlsFault::UnknownAuthority, TlsFault::WrongName] {
            let untrusted = Verdict::Unverified(Cause::Unknown(Unknown::Tls(fault)));
            assert_eq!(rules(untrusted, true), [("untrusted-certificate", Severity::Warning)], "{fault:?}");
        }
        assert_eq!(rules(Verdict::Unverified(Cause::Expected), true), []);
        let blind = Verdict::Unverified(Cause::ServiceAccountUnknown);
        assert_eq!(rules(blind, false), [("missing-pull-secret", Severity::Warning)]);
    }

    #[test]
    fn offline_image_is_not_reported() {
        assert_eq!(rules(Verdict::Unverified(Cause::Unknown(Unknown::Offline)), true), []);
    }

    #[test]
    fn disabled_rule_leaves_its_images_to_other_rules() {
        use crate::rules::engine::levels::Level;
        let cases = [
            ("gchr.io/a/b:1", "registry-typo", Verdict::Fails(Cause::Absent), Attribution::NotFound),
            (
                "localhost:5000/b:1",
                "node-local-registry",
                Verdict::Unverified(Cause::Unknown(Unknown::NodeLocal)),
                Attribution::NoAnswer(Unknown::NodeLocal),
            ),
        ];
        for (text, rule, verdict, expected) in cases {
            for (off, expected) in [(false, None), (true, Some(expected))] {
                let mut facts = Facts::default();
                let pod = facts.pod(PodOrigin::Template);
                facts.image(pod, text, verdict.clone());
                if off {
                    facts.settings.levels.set(rule, Level::Off).expect("a rule");
                }
                assert_eq!(facts.attributions(), [expected], "{rule} off: {off}");
            }
        }
    }
}
