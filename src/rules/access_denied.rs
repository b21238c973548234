//! `access-denied`: the registry rejects the pod's own credentials.

use std::sync::LazyLock;

use crate::credential::keyring::shown_key;
use crate::findings::finding::Finding;
use crate::image::runtime::Runtime;
use crate::kubelet::probe::Denial;
use crate::kubelet::pull::CandidateCredential;
use crate::rules::engine::meta::Meta;
use crate::rules::engine::readable_secrets::entry_of;
use crate::rules::evidence::password::{WITHOUT_WHITE_SPACE, is_cut_robot, white_space};
use crate::rules::evidence::registry_message::{
    absent_to_anyone, host_of_answer, is_expired_token, may_be_absent, quoted, refusals,
};
use crate::rules::selection::attribution::Attribution;
use crate::rules::selection::attribution::attribute;
use crate::rules::selection::attribution::doubt;
use crate::rules::selection::attribution::is_expired;
use crate::rules::selection::attribution::sent_credentials;
use crate::rules::{Context, ImageFacts, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/access-denied.md")));

/// Reports an image whose registry rejects the credentials that the pod sends.
pub(super) struct AccessDenied;

impl Rule for AccessDenied {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        for facts in cx.images() {
            match attribute(cx, &facts) {
                Some(Attribution::CredentialRefused(denial)) => out.push(finding(cx, &facts, denial)),
                Some(Attribution::HeadRefused) => out.push(by_head(cx, &facts)),
                Some(Attribution::NeverAsked) => out.push(never_asked(cx, &facts)),
                _ => {}
            }
        }
    }
}

fn finding(cx: &Context<'_>, facts: &ImageFacts<'_>, denial: Denial) -> Finding {
    let registry = host_of_answer(facts);
    let text = &facts.image.text.value;
    let owners = owners(facts);
    let what = match denial {
        _ if is_expired_token(facts) => format!("{registry} rejected {text:?}: expired token in"),
        Denial::BadCredentials => format!("{registry} rejected the user and password in"),
        denial if may_be_absent(denial) => {
            format!("{text:?} does not exist, or {registry} denies access to it with the credentials in")
        }
        Denial::TokenRefused => {
            let status = refusals(facts).find_map(|evidence| evidence.status);
            match status {
                Some(status @ 400..) => {
                    format!(
                        "the token endpoint of {registry} rejected (HTTP {status}) the POST with the credentials in"
                    )
                }
                _ => {
                    format!("the token endpoint of {registry} returned {} no token for the credentials in", runtime(cx))
                }
            }
        }
        _ => format!("{registry} denied access to {text:?} with the credentials in"),
    };
    let absent = absent_to_anyone(facts);
    let message = format!("{what} {owners}{}{}{absent}{}", credential_faults(cx, facts), quoted(facts), doubt(facts));
    let finding = Finding::new(META.id, facts.severity(&META), message, facts.image.text.span, "refused")
        .help(match absent.is_empty() {
            true => help(cx, facts, denial).to_owned(),
            false => format!("check the name and the tag for typos; also {}", help(cx, facts, denial)),
        })
        .event(facts.judged.event.clone())
        .subject(facts.subject());
    sent_credentials(facts).fold(finding, |finding, sent| related(cx, facts, finding, sent))
}

/// Usually a proxy in front of the registry. No credential changes the answer.
fn by_head(cx: &Context<'_>, facts: &ImageFacts<'_>) -> Finding {
    let registry = host_of_answer(facts);
    let message = format!(
        "{registry}, or a proxy in front of it, answers 403 to the HEAD request that {} sends for {:?}, but returns \
         it to GET{}",
        runtime(cx),
        facts.image.text.value,
        doubt(facts)
    );
    Finding::new(META.id, facts.severity(&META), message, facts.image.text.span, "refused for HEAD only")
        .help(
            "fix the registry or the proxy in front of it, so that it answers HEAD as it answers GET; a pull secret \
             does not help, and CRI-O, which sends GET, gets the image",
        )
        .event(facts.judged.event.clone())
        .subject(facts.subject())
}

/// Reports an image for which no credential is sent, because a credential is sent only if a 401 asks for one in a
/// way that the runtime understands.
fn never_asked(cx: &Context<'_>, facts: &ImageFacts<'_>) -> Finding {
    let registry = host_of_answer(facts);
    let status = refusals(facts).find_map(|evidence| evidence.status);
    let status = status.map(|status| format!(" with {status}")).unwrap_or_default();
    let owners = owners(facts);
    let unsent = match owners.is_empty() {
        true => "would send no credentials".to_owned(),
        false => format!("never sends the credentials in {owners}"),
    };
    let message = format!(
        "{registry} refuses {:?}{status} without an authentication challenge that {runtime} can answer, so {runtime} \
         {unsent}{}{}",
        facts.image.text.value,
        quoted(facts),
        doubt(facts),
        runtime = runtime(cx),
    );
    let finding =
        Finding::new(META.id, facts.severity(&META), message, facts.image.text.span, "refused without a challenge")
            .help(
                "fix the registry or the proxy in front of it: runtimes send credentials only after a 401 with \
                 `WWW-Authenticate: Bearer …` or `Basic …`, so another password or pull secret changes nothing",
            )
            .event(facts.judged.event.clone())
            .subject(facts.subject());
    sent_credentials(facts).fold(finding, |finding, sent| related(cx, facts, finding, sent))
}

const fn runtime(cx: &Context<'_>) -> &'static str {
    match cx.settings.cluster.runtime {
        Runtime::Crio => "CRI-O",
        _ => "containerd",
    }
}

/// Describes what is visibly wrong with the credentials that were sent, for the end of a sentence.
pub(super) fn credential_faults(cx: &Context<'_>, facts: &ImageFacts<'_>) -> String {
    let of_entry = |sent: &CandidateCredential| {
        let (_, entry) = entry_of(cx, facts, sent)?;
        let what = match () {
            () if is_expired(cx, entry) => "the token has expired",
            () if let Some(white_space) = white_space(&entry.credential) => white_space,
            () if is_cut_robot(&entry.credential) => "the user is Harbor's `robot$…`, truncated by a shell",
            () if entry.hints.identity_token => {
                "an `identitytoken`, which the kubelet does not read; it sends only the user and password"
            }
            () if entry.hints.registry_token => {
                "a `registrytoken`, which the kubelet does not read; it sends only the user and password"
            }
            () if entry.credential.password.is_empty() && cx.settings.cluster.runtime.is_containerd() => {
                "no password, and containerd sends nothing without one"
            }
            () => return None,
        };
        Some(format!(" (key {:?}: {what})", shown_key(&entry.key)))
    };
    sent_credentials(facts).find_map(of_entry).unwrap_or_default()
}

/// Names the owner of the credentials that were sent.
pub(super) fn owners(facts: &ImageFacts<'_>) -> String {
    let mut names: Vec<String> = Vec::new();
    for sent in sent_credentials(facts) {
        let name = match &sent.secret {
            Some(secret) => format!("the pull secret {secret:?}"),
            None => "the supplied configuration (used in place of the node's)".to_owned(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(" and ")
}

fn help(cx: &Context<'_>, facts: &ImageFacts<'_>, denial: Denial) -> &'static str {
    let has_space = |sent| entry_of(cx, facts, sent).is_some_and(|(_, entry)| white_space(&entry.credential).is_some());
    let is_cut = |sent| entry_of(cx, facts, sent).is_some_and(|(_, entry)| is_cut_robot(&entry.credential));
    let has_token = |sent| {
        entry_of(cx, facts, sent).is_some_and(|(_, entry)| entry.hints.identity_token || entry.hints.registry_token)
    };
    match denial {
        _ if is_expired_token(facts) => {
            "ECR tokens expire after 12 hours, so a secret with one must be renewed continuously: let the nodes \
             authenticate by themselves (with the role of the nodes or of the service account), or let a controller \
             renew it"
        }
        Denial::BadCredentials if sent_credentials(facts).any(has_space) => WITHOUT_WHITE_SPACE,
        _ if sent_credentials(facts).any(is_cut) => {
            "a shell expands `$` and the name after it inside double quotes: use single quotes, \
             `--docker-username='robot$…'`, and recreate the secret"
        }
        _ if sent_credentials(facts).any(has_token) => {
            "set a user and a password, or a token that the registry accepts as a password: only the docker client \
             uses identity tokens"
        }
        Denial::BadCredentials => {
            "renew the password or token: create a new one, test it with `docker login`, and replace the secret"
        }
        Denial::TokenRefused if refusals(facts).any(|evidence| evidence.status.is_some_and(|status| status < 400)) => {
            "fix the token endpoint or the proxy in front of it: runtimes cannot read its answer; another password \
             changes nothing"
        }
        Denial::TokenRefused => {
            "fix the token endpoint or the proxy in front of it, so that it answers `POST` as it answers `GET`; \
             another password changes nothing, and CRI-O, which sends GET, may get the image"
        }
        denial if may_be_absent(denial) => {
            "check the name for typos; if it is right, give the account read access to the repository"
        }
        _ => "give the account read access to the repository (a token needs the read scope), or use another account",
    }
}

/// Points at the place where the pod, or its service account, names the secret, and at the Secret itself.
pub(super) fn related(
    cx: &Context<'_>,
    facts: &ImageFacts<'_>,
    finding: Finding,
    sent: &CandidateCredential,
) -> Finding {
    let Some(named) = facts.judged.pull.secrets.iter().find(|named| sent.secret.as_deref() == Some(&named.name)) else {
        return finding;
    };
    let finding = match finding.related.iter().any(|label| label.span == named.span) {
        true => finding,
        false => finding.related(named.span, format!("its key {:?} matches the image", sent.written_key)),
    };
    match named.object.and_then(|object| cx.inventory.secrets.get(object)) {
        Some(secret) if finding.related.iter().all(|label| label.span != secret.name.span) => {
            finding.related(secret.name.span, "credentials defined here")
        }
        _ => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::dockerconfig::{DockerConfig, Format};
    use crate::findings::finding::Severity;
    use crate::kubelet::probe::{Evidence, Manifest, Outcome, PullAnswer};
    use crate::kubelet::pull::SecretState;
    use crate::kubelet::verdict::{Cause, Verdict};
    use crate::resource::secret::SecretContent;
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, answer, candidate, config, evidence};

    const IMAGE: &str = "ghcr.io/acme/api:1";

    fn refused(denial: Denial, user: &str) -> Facts {
        let mut facts = Facts::default();
        let object = facts.secret(None, "regcred", None, config());
        let pod = facts.pod(PodOrigin::Template);
        let judged = facts.image(pod, IMAGE, Verdict::Fails(Cause::Denied(denial)));
        judged.pull.credentials.push(candidate(Some("regcred"), "https://ghcr.io", user));
        facts.name_secret(pod, "regcred", SecretState::Readable, Some(object));
        facts
    }

    #[test]
    fn finding_requires_a_sent_credential() {
        assert_eq!(refused(Denial::Denied, "user").flags(&AccessDenied), [(Severity::Error, IMAGE)]);
        assert_eq!(refused(Denial::Denied, "").flags(&AccessDenied), []);
    }

    #[test]
    fn message_reflects_the_kind_of_refusal() {
        let cases = [
            (Denial::BadCredentials, "ghcr.io rejected the user and password in the pull secret \"regcred\""),
            (Denial::DeniedOrAbsent, "does not exist, or ghcr.io denies access to it with the credentials in"),
            (Denial::Auth, "does not exist, or ghcr.io denies access to it with the credentials in"),
            (Denial::Denied, "ghcr.io denied access to \"ghcr.io/acme/api:1\" with the credentials in"),
        ];
        for (denial, expected) in cases {
            let message = refused(denial, "user").check(&AccessDenied).remove(0).message;
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn expired_token_is_distinguished_from_missing_permission() {
        let mut facts = refused(Denial::Denied, "AWS");
        let said = |message: &str| {
            let evidence = Evidence { message: Some(message.to_owned()), ..evidence(403) };
            let explained = Some(Outcome::Denied(Denial::Denied, evidence));
            answer(PullAnswer { explained, ..PullAnswer::default() })
        };
        facts.judged[0].answer = said("Your authorization token has expired. Reauthenticate and try again.");
        let expired = facts.check(&AccessDenied).remove(0);
        assert!(expired.message.contains("expired token in the pull secret"), "{}", expired.message);
        assert!(expired.help.is_some_and(|help| help.contains("12 hours")));
        facts.judged[0].answer = said("the organization forbids classic tokens");
        let refused = facts.check(&AccessDenied).remove(0).message;
        assert!(refused.ends_with("(it says: the organization forbids classic tokens)"), "{refused}");
    }

    #[test]
    fn help_removes_whitespace_instead_of_renewing_password() {
        let mut facts = refused(Denial::BadCredentials, "user");
        let help = |facts: &Facts| facts.check(&AccessDenied).remove(0).help.unwrap_or_default();
        assert!(help(&facts).starts_with("renew the password"));
        // The user info before the host is not shown, and is not used to find the entry.
        for key in ["https://ghcr.io", "https://me:x@ghcr.io"] {
            let text = format!(r#"{{"auths": {{"{key}": {{"username": "user", "password": "p\n"}}}}}}"#);
            let config = DockerConfig::decode(text.as_bytes(), Format::DockerConfigJson).expect("a configuration");
            facts.inventory.secrets[0].content = SecretContent::Config(config);
            facts.judged[0].pull.credentials = vec![candidate(Some("regcred"), &shown_key(key), "user")];
            assert_eq!(help(&facts), WITHOUT_WHITE_SPACE, "{key}");
        }
    }

    #[test]
    fn finding_points_at_the_matching_key_and_the_secret() {
        let related = refused(Denial::Denied, "user").check(&AccessDenied).remove(0).related;
        let messages: Vec<_> = related.iter().map(|label| label.message.as_str()).collect();
        assert_eq!(messages, ["its key \"https://ghcr.io\" matches the image", "credentials defined here"]);
    }

    fn found(facts: &Facts) -> (Severity, String, String) {
        let finding = facts.check(&AccessDenied).remove(0);
        (finding.severity, finding.message, finding.help.unwrap_or_default())
    }

    /// Returns the facts of an image that was refused once, with the answer to `GET`.
    fn answered(denial: Denial, bare: bool, explained: Option<Outcome>, user: &str) -> Facts {
        let mut facts = refused(denial, user);
        let evidence = Evidence { bare, ..evidence(403) };
        let attempts = vec![(Some(0), Outcome::Denied(denial, evidence))];
        facts.judged[0].answer = answer(PullAnswer { attempts, explained, ..PullAnswer::default() });
        facts
    }

    #[test]
    fn head_only_refusal_is_not_blamed_on_the_credentials() {
        let there = || Some(Outcome::Found(Manifest::default()));
        for user in ["user", ""] {
            let (severity, message, help) = found(&answered(Denial::Denied, true, there(), user));
            assert_eq!(severity, Severity::Error);
            assert!(message.contains("answers 403 to the HEAD request that containerd sends for"), "{message}");
            assert!(help.contains("a pull secret does not help"), "{help}");
        }
        let mut facts = answered(Denial::Denied, true, there(), "");
        facts.judged[0].verdict = Verdict::Unverified(Cause::ServiceAccountUnknown);
        assert_eq!(found(&facts).0, Severity::Warning);
        let refused = found(&answered(Denial::Denied, false, None, "user")).1;
        assert!(refused.contains("denied access to \"ghcr.io/acme/api:1\" with the credentials"), "{refused}");
    }

    #[test]
    fn credentials_that_were_never_sent_are_not_blamed() {
        let (_, message, help) = found(&answered(Denial::Denied, true, None, "user"));
        let expected = "ghcr.io refuses \"ghcr.io/acme/api:1\" with 403 without an authentication challenge that \
                        containerd can answer, so containerd never sends the credentials in the pull secret \"regcred\"";
        assert_eq!(message, expected);
        assert!(help.contains("another password or pull secret changes nothing"), "{help}");
        let (_, message, _) = found(&answered(Denial::NoChallenge, true, None, ""));
        assert!(message.ends_with("so containerd would send no credentials"), "{message}");
        let mut crio = answered(Denial::NoChallenge, true, None, "user");
        crio.settings.cluster.runtime = Runtime::Crio;
        assert!(found(&crio).1.contains("CRI-O never sends"), "{}", found(&crio).1);
    }

    #[test]
    fn message_also_reports_an_absent_image() {
        let mut facts = refused(Denial::BadCredentials, "user");
        let anonymous = Some(Outcome::Absent(evidence(404)));
        facts.judged[0].answer = answer(PullAnswer { anonymous, ..PullAnswer::default() });
        let (_, message, help) = found(&facts);
        assert!(message.contains("rejected the user and password"), "{message}");
        assert!(message.ends_with("; without credentials, the registry reports that the image does not exist"));
        assert!(help.starts_with("check the name and the tag for typos; also renew the password"), "{help}");
    }

    #[test]
    fn visible_fault_in_the_secret_entry_is_explained() {
        let table = [
            (r#""username": "robot", "password": "p""#, "Harbor's `robot$…`, truncated by a shell", "single quotes"),
            (r#""username": "u", "password": "p", "identitytoken": "t""#, ": an `identitytoken`", "docker client"),
            (r#""username": "u", "password": "p", "registrytoken": "t""#, ": a `registrytoken`", "docker client"),
            (r#""username": "u""#, ": no password", "renew the password"),
        ];
        for (entry, words, help) in table {
            let mut facts = refused(Denial::BadCredentials, "user");
            let text = format!(r#"{{"auths": {{"https://ghcr.io": {{{entry}}}}}}}"#);
            let config = DockerConfig::decode(text.as_bytes(), Format::DockerConfigJson).expect("a configuration");
            facts.inventory.secrets[0].content = SecretContent::Config(config);
            let found = found(&facts);
            assert!(found.1.contains(words) && found.2.contains(help), "{found:?}");
        }
    }

    #[test]
    fn public_image_is_left_to_another_rule() {
        let mut facts = refused(Denial::BadCredentials, "user");
        let anonymous = Some(Outcome::Found(Manifest::default()));
        facts.judged[0].answer = answer(PullAnswer { anonymous, ..PullAnswer::default() });
        assert_eq!(facts.flags(&AccessDenied), []);
    }
}
