//! `missing-pull-secret`: the registry refuses anonymous pulls and no credential reaches the pod.

use std::sync::LazyLock;

use crate::finding::{Finding, Severity};
use crate::probe::{Denial, Outcome};
use crate::pull::Via;
use crate::rules::blame::{Blame, blame, sent_credentials};
use crate::rules::meta::Meta;
use crate::rules::{Context, ImageFacts, Rule};
use crate::verdict::Verdict;
use crate::workload::PodOrigin;

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/missing-pull-secret.md")));

/// The rule.
pub(super) struct MissingPullSecret;

impl Rule for MissingPullSecret {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        for facts in cx.images() {
            if let Some(Blame::NoCredential(denial)) = blame(cx, &facts) {
                out.push(finding(cx, &facts, denial));
            }
        }
    }
}

fn finding(cx: &Context<'_>, facts: &ImageFacts<'_>, denial: Option<Denial>) -> Finding {
    let sibling = sibling_secret(cx, facts);
    // An operator may add pull secrets of its own to the pods of a kind that is not known.
    let certain = facts.pod.origin != PodOrigin::Custom
        && (matches!(facts.judged.verdict, Verdict::Fails(_)) || sibling.is_some());
    let severity = if certain { META.severity } else { Severity::Warning };
    let message = message(facts, denial);
    let finding = Finding::new(META.id, severity, message, facts.image.text.span, "pulled without credentials")
        .help(help(facts, sibling, certain))
        .event(facts.judged.event.clone())
        .subject(facts.subject());
    let useless = facts.judged.pull.secrets.iter();
    let registry = facts.reference().map(|image| image.registry()).unwrap_or_default();
    useless.fold(finding, |finding, secret| {
        finding.related(secret.span, format!("{:?} has no credential for {registry}", secret.name))
    })
}

fn message(facts: &ImageFacts<'_>, denial: Option<Denial>) -> String {
    let text = &facts.image.text.value;
    let registry = facts.reference().map(|image| image.registry()).unwrap_or_default();
    let refusal = match denial {
        Some(Denial::DeniedOrAbsent) => format!(
            "{registry} refuses to give {text:?} to anyone without credentials (it is private or does not exist: the \
             registry does not tell)"
        ),
        _ => format!("{registry} refuses to give {text:?} to anyone without credentials"),
    };
    let none = if facts.judged.pull.secrets.is_empty() {
        "no pull secret reaches this pod"
    } else {
        "none of this pod's pull secrets has one that matches"
    };
    format!("{refusal}, and {none}")
}

fn help(facts: &ImageFacts<'_>, sibling: Option<&str>, certain: bool) -> String {
    let account = &facts.judged.pull.service_account;
    let mut help = match sibling {
        Some(secret) => format!(
            "add `imagePullSecrets: [{{name: {secret}}}]` to the pod's spec, as another workload of the service \
             account {account:?} does"
        ),
        None => format!(
            "name a secret with credentials under `imagePullSecrets` of the pod's spec, or of the service account \
             {account:?}"
        ),
    };
    let supplied = facts.judged.answer.as_ref().and_then(|answer| answer.supplied.as_ref());
    help.push_str(match supplied {
        Some(Outcome::Found(_)) => ". The supplied credentials open it",
        Some(Outcome::Denied(..)) => ". The supplied credentials do not open it either",
        Some(Outcome::Absent(_)) => ". Asked with the supplied credentials the registry says that it does not exist",
        Some(Outcome::Unknown(..)) | None => "",
    });
    if !certain && facts.pod.origin != PodOrigin::Custom {
        help.push_str(&format!(
            ". If that service account, which is not in the inputs, carries one: `--service-account {account}=SECRET`"
        ));
    }
    help
}

/// A secret with a credential for this image that a workload of the same service account has to name itself: the sign
/// that the service account carries none.
pub(crate) fn sibling_secret<'a>(cx: &Context<'a>, facts: &ImageFacts<'_>) -> Option<&'a str> {
    let wanted = facts.reference()?;
    let siblings = cx.images().filter(|other| {
        other.judged.pull.service_account == facts.judged.pull.service_account
            && other.reference().is_some_and(|image| image.registry() == wanted.registry())
            && cx.same_namespace(other.pod.namespace.as_deref(), facts.pod.namespace.as_deref())
    });
    siblings.flat_map(|other| sent_credentials(&other).map(move |sent| (other, sent))).find_map(|(other, sent)| {
        let secret = sent.secret.as_deref()?;
        let own = other.judged.pull.secrets.iter().any(|named| named.via == Via::Pod && named.name == secret);
        // The key fits the sibling's registry, so it fits this one; its path is a plain prefix.
        let path = sent.index_key.split_once('/').map_or("", |(_, path)| path);
        (own && wanted.repository().starts_with(path)).then_some(secret)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{Manifest, PullAnswer};
    use crate::pull::SecretState;
    use crate::rules::testing::{Facts, answer, candidate, config, evidence, pullable};
    use crate::verdict::Cause;
    use crate::workload::PodId;

    const REFUSED: Verdict = Verdict::Fails(Cause::Denied(Denial::AuthRequired));
    const IMAGE: &str = "ghcr.io/acme/api:1";

    fn refused(origin: PodOrigin, verdict: Verdict) -> (Facts, PodId) {
        let mut facts = Facts::default();
        let pod = facts.pod(origin);
        facts.image(pod, IMAGE, verdict);
        (facts, pod)
    }

    #[test]
    fn the_service_account_decides_how_certain_it_is() {
        let (facts, _) = refused(PodOrigin::Template, REFUSED);
        assert_eq!(facts.flags(&MissingPullSecret), [(Severity::Error, IMAGE)]);
        let (facts, _) = refused(PodOrigin::Template, Verdict::Unverified(Cause::ServiceAccountUnknown));
        assert_eq!(facts.flags(&MissingPullSecret), [(Severity::Warning, IMAGE)]);
        let (facts, _) = refused(PodOrigin::Custom, REFUSED);
        assert_eq!(facts.flags(&MissingPullSecret), [(Severity::Warning, IMAGE)]);
    }

    #[test]
    fn a_sibling_that_names_a_matching_secret_makes_it_certain() {
        let cases = [
            ("ghcr.io", "regcred", Severity::Error),
            ("ghcr.io/acme", "regcred", Severity::Error),
            ("ghcr.io/acme/web", "regcred", Severity::Warning),
            ("ghcr.io", "of-the-service-account", Severity::Warning),
        ];
        for (key, named, severity) in cases {
            let (mut facts, _) = refused(PodOrigin::Template, Verdict::Unverified(Cause::ServiceAccountUnknown));
            let sibling = facts.pod(PodOrigin::Template);
            let judged = facts.image(sibling, "ghcr.io/acme/web:1", pullable());
            judged.pull.credentials.push(candidate(Some("regcred"), key, "user"));
            facts.name_secret(sibling, named, SecretState::Readable, None);
            assert_eq!(facts.flags(&MissingPullSecret), [(severity, IMAGE)], "{key} {named}");
        }
    }

    #[test]
    fn a_fault_that_explains_it_is_reported_in_its_own_place() {
        for state in [SecretState::Ignored, SecretState::Missing, SecretState::Malformed] {
            let (mut facts, pod) = refused(PodOrigin::Template, REFUSED);
            facts.name_secret(pod, "regcred", state.clone(), None);
            assert_eq!(facts.flags(&MissingPullSecret), [], "{state:?}");
        }
        let (mut facts, pod) = refused(PodOrigin::Template, REFUSED);
        let object = facts.secret(None, "regcred", None, config());
        facts.name_secret(pod, "regcred", SecretState::Readable, Some(object));
        let found = facts.check(&MissingPullSecret);
        assert!(found[0].message.ends_with("none of this pod's pull secrets has one that matches"));
        assert_eq!(found[0].related[0].message, "\"regcred\" has no credential for ghcr.io");
    }

    #[test]
    fn a_credential_without_a_user_is_none() {
        let (mut facts, _) = refused(PodOrigin::Template, REFUSED);
        facts.judged[0].pull.credentials.push(candidate(Some("regcred"), "ghcr.io", ""));
        assert_eq!(facts.flags(&MissingPullSecret), [(Severity::Error, IMAGE)]);
        facts.judged[0].pull.credentials.push(candidate(Some("regcred"), "ghcr.io", "user"));
        assert_eq!(facts.flags(&MissingPullSecret), []);
    }

    #[test]
    fn says_whether_the_supplied_credential_would_open_it() {
        let cases = [
            (Outcome::Found(Manifest::default()), "open it"),
            (Outcome::Denied(Denial::Denied, evidence(403)), "do not open it either"),
            (Outcome::Absent(evidence(404)), "says that it does not exist"),
        ];
        for (supplied, expected) in cases {
            let (mut facts, _) = refused(PodOrigin::Template, REFUSED);
            facts.judged[0].answer = answer(PullAnswer { supplied: Some(supplied), ..PullAnswer::default() });
            let help = facts.check(&MissingPullSecret).pop().and_then(|finding| finding.help).unwrap_or_default();
            assert!(help.ends_with(expected), "{help}");
        }
    }

    #[test]
    fn never_says_private_where_the_registry_does_not_tell() {
        let (facts, _) = refused(PodOrigin::Template, Verdict::Fails(Cause::Denied(Denial::DeniedOrAbsent)));
        assert!(facts.check(&MissingPullSecret)[0].message.contains("it is private or does not exist"));
    }
}
