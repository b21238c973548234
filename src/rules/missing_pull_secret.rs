//! `missing-pull-secret`: the registry refuses anonymous pulls, and the pod has no credential.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::kubelet::probe::{Denial, Evidence, Outcome};
use crate::kubelet::pull::AccountState;
use crate::kubelet::verdict::{Cause, Verdict};
use crate::resource::secret::{Producer, Secret, SecretContent};
use crate::resource::service_account::ServiceAccount;
use crate::rules::engine::meta::Meta;
use crate::rules::evidence::candidate_secrets::unnamed;
use crate::rules::evidence::registry_message::{host_of_answer, may_be_absent, quoted, refusals};
use crate::rules::selection::attribution::Attribution;
use crate::rules::selection::attribution::attribute;
use crate::rules::selection::attribution::doubt;
use crate::rules::selection::attribution::is_pulled_by_node;
use crate::rules::{Context, ImageFacts, Rule};
use crate::text::source::Span;

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/missing-pull-secret.md")));

/// Reports an image that the registry refuses without credentials, if the pod has none.
pub(super) struct MissingPullSecret;

impl Rule for MissingPullSecret {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        for facts in cx.images() {
            if let Some(Attribution::NoCredential(denial)) = attribute(cx, &facts) {
                out.push(finding(cx, &facts, denial));
            }
        }
    }
}

fn finding(cx: &Context<'_>, facts: &ImageFacts<'_>, denial: Option<Denial>) -> Finding {
    let unnamed = unnamed(cx, facts);
    let message = message(facts, denial) + &doubt(facts);
    let severity = facts.severity(&META);
    let finding = Finding::new(META.id, severity, message, facts.image.text.span, "pulled without credentials")
        .help(help(cx, facts, unnamed))
        .event(facts.judged.event.clone())
        .subject(facts.subject());
    let finding = unnamed.into_iter().fold(finding, |finding, secret| finding.related(secret.name.span, offer(secret)));
    let finding = nameless(cx, facts)
        .into_iter()
        .fold(finding, |finding, at| finding.related(at, "this entry names no secret, so the kubelet skips it"));
    match mountable(cx, facts, unnamed) {
        Some((_, at)) => finding.related(at, "`secrets` lists what pods can mount, not pull secrets"),
        None => finding,
    }
}

/// Returns the service account of the inputs that the pod runs as.
fn account<'a>(cx: &Context<'a>, facts: &ImageFacts<'_>) -> Option<&'a ServiceAccount> {
    match facts.judged.pull.account {
        AccountState::Inputs(at) => cx.inventory.service_accounts.get(at),
        _ => None,
    }
}

/// Returns the places where `imagePullSecrets` of the pod, or of its service account, has an entry without a name.
fn nameless(cx: &Context<'_>, facts: &ImageFacts<'_>) -> Vec<Span> {
    let own = facts.pod.pull_secrets.as_deref().filter(|list| !list.is_empty());
    let list = own.or_else(|| account(cx, facts).map(|account| account.pull_secrets.as_slice()));
    list.unwrap_or_default().iter().filter(|named| named.name.is_empty()).map(|named| named.span).collect()
}

/// Returns the service account that lists the pull secret under `secrets`, and the place.
fn mountable<'a>(
    cx: &Context<'a>,
    facts: &ImageFacts<'_>,
    unnamed: Option<&Secret>,
) -> Option<(&'a ServiceAccount, Span)> {
    let account = account(cx, facts).filter(|_| facts.pod.pull_secrets.as_ref().is_none_or(Vec::is_empty))?;
    let listed =
        account.mountable.iter().find(|listed| unnamed.is_some_and(|secret| secret.name.value == listed.name))?;
    Some((account, listed.span))
}

fn message(facts: &ImageFacts<'_>, denial: Option<Denial>) -> String {
    let none = if matches!(facts.judged.verdict, Verdict::Fails(_)) {
        "no pull secret reaches this pod"
    } else {
        "this pod names no pull secret"
    };
    format!("{}, and {none}", refusal(facts, denial))
}

/// Says that the registry refuses the image, as the first half of a sentence.
pub(super) fn refusal(facts: &ImageFacts<'_>, denial: Option<Denial>) -> String {
    let text = &facts.image.text.value;
    let registry = host_of_answer(facts);
    let refuses = match no_token(facts) {
        true => format!("{registry} returns no token for {text:?} without credentials"),
        false => format!("{registry} refuses {text:?} without credentials"),
    };
    let quoted = quoted(facts);
    match denial.filter(|denial| may_be_absent(*denial)) {
        Some(_) => format!("{refuses} (it is private or does not exist; the registry does not say which){quoted}"),
        None => format!("{refuses}{quoted}"),
    }
}

/// Whether the token endpoint refused, as GitLab's does for images that are not public.
fn no_token(facts: &ImageFacts<'_>) -> bool {
    let of_token = |evidence: &Evidence| evidence.url.as_deref().is_some_and(|url| !url.contains("/manifests/"));
    refusals(facts).next().is_some_and(|evidence| evidence.status == Some(403) && of_token(evidence))
}

/// Describes what a pull secret in the inputs that the pod does not name could do.
fn offer(secret: &Secret) -> &'static str {
    match secret.content {
        SecretContent::Config(_) => "this pull secret has a credential for the image",
        _ => "this pull secret may have a credential for the image",
    }
}

fn help(cx: &Context<'_>, facts: &ImageFacts<'_>, unnamed: Option<&Secret>) -> String {
    let account = &facts.judged.pull.service_account;
    let named: Vec<_> = facts.judged.pull.sibling_secrets.iter().map(|name| format!("{{name: {name}}}")).collect();
    let plain = unnamed.filter(|secret| !matches!(secret.producer, Producer::Generator(_)));
    let mut help = if let Some(secret) = plain.filter(|_| named.is_empty()) {
        let name = &secret.name.value;
        format!(
            "add `imagePullSecrets: [{{name: {name}}}]` to the pod's spec or to the service account {account:?}: the \
             inputs contain that pull secret"
        )
    } else if named.is_empty() {
        format!(
            "add a secret with credentials to `imagePullSecrets` in the pod's spec or in the service account \
             {account:?}"
        )
    } else {
        format!(
            "add `imagePullSecrets: [{}]` to the pod's spec, as another workload of the service account {account:?} \
             does",
            named.join(", ")
        )
    };
    if let (Some((listing, _)), Some(secret)) = (mountable(cx, facts, unnamed), plain) {
        help = format!(
            "add `imagePullSecrets: [{{name: {}}}]` to the service account {:?}: it lists that secret under \
             `secrets`, which is only for mounting",
            secret.name.value, listing.name
        );
    } else if !nameless(cx, facts).is_empty() {
        let name = plain.map_or("<secret>", |secret| &secret.name.value);
        help = format!("set the secret's name: `imagePullSecrets: [{{name: {name}}}]`");
    }
    if let Some(dropped) = dropped(facts) {
        help = dropped;
    }
    if is_pulled_by_node(facts) {
        help = "nodes of that cloud, or with their own credentials, need no pull secret: supply the node's \
                credentials (`--dockerconfigjson FILE`) to check them, or name a pull secret"
            .to_owned();
    }
    help.push_str(with_supplied(facts));
    if facts.judged.verdict == Verdict::Unverified(Cause::ServiceAccountUnknown) && facts.pod.origin.is_whole() {
        help.push_str(&format!(
            ". The cluster's {account:?} may already have one: add that ServiceAccount to the inputs to include it, \
             or pass `--closed` if it has none"
        ));
    }
    help
}

/// Suggests a fix if the pod's own list drops the pull secret of its service account that has access to the image.
pub(super) fn dropped(facts: &ImageFacts<'_>) -> Option<String> {
    let pull = &facts.judged.pull;
    let first = pull.suppressed.first()?;
    Some(format!(
        "add `{{name: {first}}}` to the pod's own list, or remove that list: it replaces the pull secrets of the \
         service account {:?}, which has credentials for this registry",
        pull.service_account
    ))
}

/// Whether the operator's credentials give access to the image.
pub(super) fn with_supplied(facts: &ImageFacts<'_>) -> &'static str {
    match facts.judged.answer.as_ref().and_then(|answer| answer.supplied.as_ref()) {
        Some(Outcome::Found(_)) => ". The supplied credentials grant access",
        Some(Outcome::Denied(..)) => ". The supplied credentials do not grant access either",
        Some(Outcome::Absent(_)) => ". With the supplied credentials, the registry reports that it does not exist",
        Some(Outcome::Unknown(..)) | None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::dockerconfig::{DockerConfig, Format};
    use crate::findings::finding::Severity;
    use crate::kubelet::probe::{Manifest, PullAnswer};
    use crate::kubelet::pull::SecretState;
    use crate::resource::workload::{PodId, PodOrigin, SecretReference};
    use crate::rules::testing::{Facts, answer, candidate, config, evidence};

    const REFUSED: Verdict = Verdict::Fails(Cause::Denied(Denial::AuthRequired));
    const IMAGE: &str = "ghcr.io/acme/api:1";

    fn refused(origin: PodOrigin, verdict: Verdict) -> (Facts, PodId) {
        let mut facts = Facts::default();
        let pod = facts.pod(origin);
        facts.image(pod, IMAGE, verdict);
        (facts, pod)
    }

    #[test]
    fn unverified_refusal_is_a_warning() {
        let (facts, _) = refused(PodOrigin::Template, REFUSED);
        assert_eq!(facts.flags(&MissingPullSecret), [(Severity::Error, IMAGE)]);
        let (facts, _) = refused(PodOrigin::Template, Verdict::Unverified(Cause::ServiceAccountUnknown));
        assert_eq!(facts.flags(&MissingPullSecret), [(Severity::Warning, IMAGE)]);
        let (facts, _) = refused(PodOrigin::Custom, Verdict::Unverified(Cause::Denied(Denial::AuthRequired)));
        assert_eq!(facts.flags(&MissingPullSecret), [(Severity::Warning, IMAGE)]);
    }

    #[test]
    fn help_names_the_secrets_of_a_sibling() {
        let (mut facts, _) = refused(PodOrigin::Template, REFUSED);
        facts.judged[0].pull.sibling_secrets = vec!["a".to_owned(), "b".to_owned()];
        let help = facts.check(&MissingPullSecret).pop().and_then(|finding| finding.help).unwrap_or_default();
        assert!(help.starts_with("add `imagePullSecrets: [{name: a}, {name: b}]` to the pod's spec"), "{help}");
    }

    #[test]
    fn help_offers_a_pull_secret_from_the_inputs() {
        let opening = br#"{"auths": {"ghcr.io": {"auth": "Ym9iOmh1bnRlcjI="}}}"#;
        let opening = DockerConfig::decode(opening, Format::DockerConfigJson).expect("a configuration");
        let kind = Some("kubernetes.io/dockerconfigjson");
        let (mut facts, _) = refused(PodOrigin::Template, REFUSED);
        let offer = |facts: &Facts| {
            let found = facts.check(&MissingPullSecret).remove(0);
            (found.help.unwrap_or_default(), found.related.into_iter().map(|label| label.message).collect::<Vec<_>>())
        };
        facts.secret(None, "database", Some("Opaque"), SecretContent::Opaque);
        facts.secret(None, "empty", kind, config());
        facts.secret(Some("build"), "other", kind, SecretContent::Opaque);
        facts.settings.cluster.namespace = Some("shop".to_owned());
        assert!(offer(&facts).1.is_empty());
        facts.secret(None, "sealed", kind, SecretContent::Opaque);
        assert!(offer(&facts).0.starts_with("add `imagePullSecrets: [{name: sealed}]`"));
        facts.secret(Some("shop"), "regcred", kind, SecretContent::Config(opening));
        assert!(offer(&facts).0.starts_with("add `imagePullSecrets: [{name: regcred}]`"));
        assert_eq!(offer(&facts).1, ["this pull secret has a credential for the image"]);
    }

    #[test]
    fn finding_points_at_a_nameless_secret_entry() {
        let (mut facts, pod) = refused(PodOrigin::Template, REFUSED);
        let span = facts.write("{}");
        let nameless = SecretReference { name: String::new(), span };
        facts.inventory.pods[pod.0 as usize].pull_secrets = Some(vec![nameless]);
        let found = facts.check(&MissingPullSecret).remove(0);
        assert_eq!(found.help.as_deref(), Some("set the secret's name: `imagePullSecrets: [{name: <secret>}]`"));
        assert_eq!((found.related.len(), found.related[0].span), (1, span));
    }

    #[test]
    fn finding_points_at_a_secret_listed_only_for_mounting() {
        let opening = br#"{"auths": {"ghcr.io": {"auth": "Ym9iOmh1bnRlcjI="}}}"#;
        let opening = DockerConfig::decode(opening, Format::DockerConfigJson).expect("a configuration");
        let (mut facts, _) = refused(PodOrigin::Template, REFUSED);
        facts.secret(None, "regcred", None, SecretContent::Config(opening));
        facts.service_account(None, "default", &[]);
        facts.judged[0].pull.account = AccountState::Inputs(0);
        let help = |facts: &Facts| facts.check(&MissingPullSecret).remove(0).help.unwrap_or_default();
        assert!(help(&facts).starts_with("add `imagePullSecrets: [{name: regcred}]` to the pod's spec"));
        let span = facts.write("regcred");
        facts.inventory.service_accounts[0].mountable = vec![SecretReference { name: "regcred".to_owned(), span }];
        let expected = "add `imagePullSecrets: [{name: regcred}]` to the service account \"default\"";
        assert!(help(&facts).starts_with(expected), "{}", help(&facts));
        assert!(facts.check(&MissingPullSecret)[0].related.iter().any(|label| label.span == span));
    }

    #[test]
    fn token_endpoint_refusal_is_reported_as_such() {
        let (mut facts, _) = refused(PodOrigin::Template, Verdict::Fails(Cause::Denied(Denial::DeniedOrAbsent)));
        let url = Some("https://gitlab.example/jwt/auth".to_owned());
        let denied = Outcome::Denied(Denial::DeniedOrAbsent, Evidence { url, ..evidence(403) });
        facts.judged[0].answer = answer(PullAnswer { attempts: vec![(None, denied)], ..PullAnswer::default() });
        let message = facts.check(&MissingPullSecret).remove(0).message;
        let expected = "ghcr.io returns no token for \"ghcr.io/acme/api:1\" without credentials (it is private";
        assert!(message.starts_with(expected), "{message}");
    }

    #[test]
    fn faulty_named_secret_is_left_to_its_own_rule() {
        for state in [SecretState::Ignored, SecretState::Missing, SecretState::Malformed] {
            let (mut facts, pod) = refused(PodOrigin::Template, REFUSED);
            facts.name_secret(pod, "regcred", state.clone(), None);
            assert_eq!(facts.flags(&MissingPullSecret), [], "{state:?}");
        }
        let (mut facts, pod) = refused(PodOrigin::Template, REFUSED);
        let object = facts.secret(None, "regcred", None, config());
        facts.name_secret(pod, "regcred", SecretState::Readable, Some(object));
        assert_eq!(facts.flags(&MissingPullSecret), [], "no-credentials-for-registry");
    }

    #[test]
    fn credential_without_a_user_is_ignored() {
        let (mut facts, _) = refused(PodOrigin::Template, REFUSED);
        facts.judged[0].pull.credentials.push(candidate(Some("regcred"), "ghcr.io", ""));
        assert_eq!(facts.flags(&MissingPullSecret), [(Severity::Error, IMAGE)]);
        facts.judged[0].pull.credentials.push(candidate(Some("regcred"), "ghcr.io", "user"));
        assert_eq!(facts.flags(&MissingPullSecret), []);
    }

    #[test]
    fn help_reports_whether_supplied_credentials_grant_access() {
        let cases = [
            (Outcome::Found(Manifest::default()), "grant access"),
            (Outcome::Denied(Denial::Denied, evidence(403)), "do not grant access either"),
            (Outcome::Absent(evidence(404)), "reports that it does not exist"),
        ];
        for (supplied, expected) in cases {
            let (mut facts, _) = refused(PodOrigin::Template, REFUSED);
            facts.judged[0].answer = answer(PullAnswer { supplied: Some(supplied), ..PullAnswer::default() });
            let help = facts.check(&MissingPullSecret).pop().and_then(|finding| finding.help).unwrap_or_default();
            assert!(help.ends_with(expected), "{help}");
        }
    }

    #[test]
    fn ambiguous_refusal_is_not_reported_as_private() {
        let (facts, _) = refused(PodOrigin::Template, Verdict::Fails(Cause::Denied(Denial::DeniedOrAbsent)));
        assert!(facts.check(&MissingPullSecret)[0].message.contains("it is private or does not exist"));
    }
}
