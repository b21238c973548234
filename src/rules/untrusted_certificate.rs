//! `untrusted-certificate`: the certificate of the registry, or of its token endpoint, is not trusted.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::image::runtime::Runtime;
use crate::kubelet::probe::{Evidence, Outcome, TlsFault, Unknown};
use crate::rules::engine::meta::Meta;
use crate::rules::selection::attribution::Attribution;
use crate::rules::selection::attribution::attribute;
use crate::rules::selection::attribution::doubt;
use crate::rules::{Context, ImageFacts, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/untrusted-certificate.md")));

/// Reports a registry, or its token endpoint, whose certificate is not trusted.
pub(super) struct UntrustedCertificate;

impl Rule for UntrustedCertificate {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.images().filter_map(|facts| match attribute(cx, &facts)? {
            Attribution::Untrusted(fault) => finding(cx, &facts, fault),
            _ => None,
        }));
    }
}

fn finding(cx: &Context<'_>, facts: &ImageFacts<'_>, fault: TlsFault) -> Option<Finding> {
    let registry = facts.reference()?.registry();
    let evidence = evidence(facts);
    let host = evidence.and_then(asked_host).unwrap_or(registry);
    // The message does not name the image: all images of one registry are one fault.
    let what = match fault {
        TlsFault::Expired => format!("the certificate of {host} has expired or is not yet valid"),
        TlsFault::WrongName if names_nobody(evidence) => format!(
            "the certificate of {host} contains no host name that Go accepts: the node prints `x509: certificate is \
             not valid for any names, but wanted to match {host}` or, if {host} is its common name, `x509: \
             certificate relies on legacy Common Name field, use SANs instead`"
        ),
        TlsFault::WrongName => format!("the certificate of {host} is for another name{}", names(evidence)),
        TlsFault::UnknownAuthority | TlsFault::Other => {
            format!("the certificate of {host} is signed by an authority that is unknown here")
        }
    };
    let message = what + &doubt(facts);
    let finding = Finding::new(META.id, facts.raised_severity(&META), message, facts.image.text.span, "not trusted");
    let finding = finding.help(help(fault, evidence, cx.settings.cluster.runtime)).event(facts.judged.event.clone());
    Some(finding.subject(facts.subject()))
}

/// Returns `: valid for a, b, not c`, in Go's wording.
fn names(evidence: Option<&Evidence>) -> String {
    let words = evidence.and_then(|evidence| evidence.message.as_deref()).unwrap_or_default();
    words.split_once("certificate is ").map(|(_, words)| format!(": {words}")).unwrap_or_default()
}

/// Whether the certificate has no subject alternative name.
fn names_nobody(evidence: Option<&Evidence>) -> bool {
    evidence
        .and_then(|evidence| evidence.message.as_deref())
        .is_some_and(|words| words.contains("not valid for any names"))
}

fn evidence<'a>(facts: &ImageFacts<'a>) -> Option<&'a Evidence> {
    let answer = facts.judged.answer.as_deref()?;
    answer.attempts.iter().rev().find_map(|(_, outcome)| match outcome {
        Outcome::Unknown(Unknown::Tls(_), evidence) => Some(evidence),
        _ => None,
    })
}

/// Returns the host that presented the certificate: the registry, its token endpoint, or the target of its redirect.
fn asked_host(evidence: &Evidence) -> Option<&str> {
    let (_, rest) = evidence.url.as_deref()?.split_once("://")?;
    rest.split('/').next().filter(|host| !host.is_empty())
}

fn help(fault: TlsFault, evidence: Option<&Evidence>, runtime: Runtime) -> String {
    if fault == TlsFault::Expired {
        return "renew it: the nodes see the same certificate and reject it too".to_owned();
    }
    if fault == TlsFault::WrongName && names_nobody(evidence) {
        return "give the registry a certificate with its name in the subject alternative names: `openssl req -addext \
                subjectAltName=DNS:NAME`"
            .to_owned();
    }
    if fault == TlsFault::WrongName {
        return "use the name that the certificate is for, or give the registry a certificate for the name in the image"
            .to_owned();
    }
    let place = match runtime {
        Runtime::Crio => "its PEM file in /etc/containers/certs.d/HOST/ca.crt or in the system's trust store",
        _ => "`ca = \"FILE\"` in /etc/containerd/certs.d/HOST/hosts.toml, or its PEM file in the system's trust store",
    };
    format!(
        "if the nodes trust that authority, pass it here too: `--ca-cert FILE`; if not, add it to every node: \
         {place}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::kubelet::probe::PullAnswer;
    use crate::kubelet::verdict::{Cause, Verdict};
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, answer};

    fn found(fault: TlsFault, url: &str, message: &str, verdict: fn(Cause) -> Verdict) -> (Severity, String) {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        let unknown = Unknown::Tls(fault);
        let judged = facts.image(pod, "reg.example/api:1", verdict(Cause::Unknown(unknown)));
        let evidence = Evidence { url: Some(url.to_owned()), message: Some(message.to_owned()), ..Evidence::default() };
        let attempts = vec![(None, Outcome::Unknown(unknown, evidence))];
        judged.answer = answer(PullAnswer { attempts, ..PullAnswer::default() });
        let found = facts.check(&UntrustedCertificate).remove(0);
        (found.severity, found.message)
    }

    #[test]
    fn each_certificate_fault_has_its_own_message() {
        let cases = [
            (
                TlsFault::UnknownAuthority,
                "https://reg.example/v2/api/manifests/1",
                "the certificate of reg.example is signed by an authority that is unknown here",
            ),
            (
                TlsFault::WrongName,
                "https://auth.example/token",
                "the certificate of auth.example is for another name: valid for other.example, not auth.example",
            ),
        ];
        for (fault, url, expected) in cases {
            let words =
                "tls: failed to verify certificate: x509: certificate is valid for other.example, not auth.example";
            let found = found(fault, url, words, Verdict::Unverified);
            assert_eq!(found, (Severity::Warning, expected.to_owned()));
        }
        let words = "tls: failed to verify certificate: x509: certificate is not valid for any names, but wanted to match \
                     reg.example";
        let (_, nobody) = found(TlsFault::WrongName, "https://reg.example/v2/", words, Verdict::Unverified);
        assert!(nobody.contains("any names, but wanted to match reg.example` or, if"), "{nobody}");
        assert!(
            nobody.ends_with("`x509: certificate relies on legacy Common Name field, use SANs instead`"),
            "{nobody}"
        );
        let expired = found(TlsFault::Expired, "https://reg.example/v2/", "", Verdict::Fails);
        let words = "the certificate of reg.example has expired or is not yet valid".to_owned();
        assert_eq!(expired, (Severity::Error, words));
    }
}
