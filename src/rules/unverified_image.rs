//! `unverified-image`: pullcheck could not determine whether the image can be pulled. Never a pass, and never
//! "absent".

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::kubelet::probe::{Evidence, Outcome, Unknown};
use crate::kubelet::pull::Blind;
use crate::kubelet::verdict::{Cause, Verdict, found_by, is_found_by_anyone};
use crate::resource::workload::rewriter::Rewriter;
use crate::rules::chart_not_found;
use crate::rules::engine::meta::Meta;
use crate::rules::evidence::registry_message::host_of;
use crate::rules::missing_pull_secret::with_supplied;
use crate::rules::selection::attribution::Attribution;
use crate::rules::selection::attribution::attribute;
use crate::rules::{Context, ImageFacts, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/unverified-image.md")));

/// Reports an image for which the registry gave no usable answer.
pub(super) struct UnverifiedImage;

impl Rule for UnverifiedImage {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(chart_not_found::unverified(cx, &META));
        out.extend(cx.inventory.rewriters.iter().filter_map(|rewriter| rewritten(cx, rewriter)));
        out.extend(cx.images().filter_map(|facts| {
            // The message names no image and no address: all images of a host that is down are one fault.
            let (message, help) = match attribute(cx, &facts)? {
                Attribution::NoAnswer(unknown) => {
                    let what =
                        if is_there(&facts) { "the image exists, but its content could not be read: " } else { "" };
                    (format!("{what}{}", no_answer(&facts, unknown)?), what_to_do(&facts, unknown))
                }
                Attribution::HiddenSecret => hidden_secret(&facts)?,
                Attribution::NotFound
                | Attribution::CredentialRefused(_)
                | Attribution::HeadRefused
                | Attribution::NeverAsked
                | Attribution::Expired
                | Attribution::PublicBroken
                | Attribution::NoMatchingKey(_)
                | Attribution::NoCredential(_)
                | Attribution::PlainHttp
                | Attribution::NodeConfig
                | Attribution::Untrusted(_) => return None,
            };
            let message = format!("unknown whether this image can be pulled: {message}");
            let finding = Finding::new(META.id, META.severity, message, facts.image.text.span, "not verified");
            Some(finding.help(help).subject(facts.subject()))
        }));
    }
}

/// One note for all images that something may replace, at the object that replaces them.
fn rewritten(cx: &Context<'_>, rewriter: &Rewriter) -> Option<Finding> {
    let default = cx.settings.cluster.namespace.as_deref();
    let count = cx
        .images()
        .filter(|facts| facts.judged.verdict == Verdict::Unverified(Cause::RewrittenAtAdmission))
        .filter(|facts| rewriter.covers(facts.pod.namespace_or(default)))
        .count();
    let images = match count {
        0 => return None,
        1 => "1 image".to_owned(),
        many => format!("{many} images"),
    };
    let message = format!(
        "unknown whether {images} can be pulled: {} may replace images when pods are created, and the kubelet pulls \
         the replacements",
        rewriter.what
    );
    let help = "check the pods in the cluster: `kubectl get pods -A -o yaml | pullcheck -`; or check without this \
                object to check the images as written";
    Some(Finding::new(META.id, META.severity, message, rewriter.span, "may replace images").help(help.to_owned()))
}

/// Whether the manifest was found, and only its content is missing.
fn is_there(facts: &ImageFacts<'_>) -> bool {
    facts.judged.answer.as_deref().and_then(found_by).is_some()
}

fn no_answer(facts: &ImageFacts<'_>, unknown: Unknown) -> Option<String> {
    let evidence = evidence(facts);
    let registry = facts.reference()?.registry();
    let registry = evidence.map_or(registry, |evidence| host_of(evidence, registry));
    let status = evidence.and_then(|evidence| evidence.status).map(|status| format!(" (HTTP {status})"));
    let status = status.unwrap_or_default();
    let words = evidence.and_then(|evidence| evidence.message.as_deref()).map(|words| format!(": {words}"));
    let words = words.unwrap_or_default();
    Some(match unknown {
        // A message without a status is our own.
        Unknown::RateLimited if status.is_empty() && !words.is_empty() => {
            let host = failing(evidence, registry);
            format!("{host} limits the rate of requests, so the rest of its images was not checked")
        }
        Unknown::RateLimited => format!("{registry} limits the rate of requests{status}"),
        Unknown::RegistryError => format!("{registry} fails{status}{words}"),
        Unknown::AuthServer => format!("{registry} returns no token{status}{words}"),
        // The message gives the reason; the status belongs to another image's answer.
        Unknown::CredentialWithheld => format!("{registry} was not asked{words}"),
        Unknown::Tls(_) => format!("TLS handshake with {registry} failed{words}"),
        Unknown::Dns | Unknown::NoSuchHost => format!("the name {registry} does not resolve here{words}"),
        Unknown::Network => format!("{registry} cannot be reached from here{words}"),
        Unknown::Timeout => format!("{registry} did not answer in time{words}"),
        Unknown::PlainHttp => format!("{registry} uses plain HTTP, but the runtime requires HTTPS"),
        Unknown::HostStopped => {
            format!(
                "{} failed too often, so the rest of its images was not checked{words}",
                failing(evidence, registry)
            )
        }
        Unknown::Deadline => "the time limit of the run was reached".to_owned(),
        Unknown::Interrupted => "the run was interrupted".to_owned(),
        Unknown::NodeLocal if let Some(onward) = onward(facts) => {
            format!("{} refers to {}{words}", facts.reference()?.registry(), onward.host)
        }
        Unknown::NodeLocal => {
            format!("{registry} is an address of the node or the cluster, which is not reachable from here")
        }
        // Reported by `invalid-hosts-toml`.
        Unknown::NodeConfig | Unknown::Offline => return None,
    })
}

/// Another host that the registry refers to, for a token or by a redirect, and that is not contacted.
struct Onward<'a> {
    host: &'a str,
    /// Whether no option allows contacting the host: a link-local address, or the metadata service of a cloud.
    forbidden: bool,
    is_address: bool,
    plain: bool,
}

fn onward<'a>(facts: &ImageFacts<'a>) -> Option<Onward<'a>> {
    let registry = facts.reference()?.registry();
    let evidence = evidence(facts)?;
    let words = evidence.message.as_deref()?;
    let (scheme, rest) = evidence.url.as_deref()?.split_once("://")?;
    let host = rest.split('/').next().filter(|host| *host != registry)?;
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    let is_address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    Some(Onward { host, forbidden: words.contains("metadata"), is_address, plain: scheme == "http" })
}

impl Onward<'_> {
    fn help(&self) -> String {
        let host = self.host;
        match self.forbidden {
            true => format!(
                "no option makes pullcheck contact {host}, because a registry must not lead it to a cloud metadata \
                 service; if the nodes use that address, check on one of them, or fix the address that the registry \
                 returns"
            ),
            false if self.is_address && self.plain => format!(
                "if this machine reaches {host} as the nodes do, pass that address, not the registry: `--plain-http \
                 {host}`"
            ),
            false if self.is_address => format!(
                "no option redirects HTTPS requests to an IP address: let the registry return a host name instead of {host}; \
                 until then only the nodes can check it"
            ),
            false => format!(
                "if this machine reaches {host} as the nodes do, pass that host, not the registry: `--connect-to \
                 {host}=ADDRESS:PORT`"
            ),
        }
    }
}

/// Returns the name in lower case, if a first part with capitals was taken for a registry.
fn in_capitals(facts: &ImageFacts<'_>) -> Option<String> {
    let registry = facts.reference()?.registry();
    let text = &facts.image.text.value;
    let is_word = !registry.contains(['.', ':']) && registry.bytes().any(|byte| byte.is_ascii_uppercase());
    let rest = text.strip_prefix(registry).filter(|_| is_word)?;
    Some(format!("{}{rest}", registry.to_ascii_lowercase()))
}

/// Returns the host that failed: the registry, or the one that issues its tokens.
fn failing<'a>(evidence: Option<&'a Evidence>, registry: &'a str) -> &'a str {
    let url = evidence.and_then(|evidence| evidence.url.as_deref());
    let host = url.and_then(|url| url.split_once("://")).and_then(|(_, rest)| rest.split('/').next());
    host.unwrap_or(registry)
}

fn evidence<'a>(facts: &ImageFacts<'a>) -> Option<&'a Evidence> {
    let answer = facts.judged.answer.as_deref()?;
    let unread = || {
        let content = answer.content.as_ref().and_then(|content| content.as_ref().err());
        content.or_else(|| answer.config.as_ref().and_then(|config| config.as_ref().err()))
    };
    let unknown = answer.attempts.iter().rev().find_map(|(_, outcome)| match outcome {
        Outcome::Unknown(_, evidence) => Some(evidence),
        _ => None,
    });
    unknown.or_else(|| unread().map(|unread| &unread.evidence))
}

fn what_to_do(facts: &ImageFacts<'_>, unknown: Unknown) -> String {
    let pause = || evidence(facts).and_then(|evidence| evidence.retry_after).map(pause);
    let help = match unknown {
        Unknown::RateLimited => {
            let later = pause().unwrap_or_else(|| "later".to_owned());
            return format!(
                "run again {later}, or supply credentials (`--dockerconfigjson`), which have their own limit"
            );
        }
        // The answer is the same each time.
        Unknown::AuthServer
            if evidence(facts).and_then(|evidence| evidence.status).is_some_and(|status| status < 500) =>
        {
            return "fix the token endpoint or the proxy in front of it: the nodes get the same answer".to_owned();
        }
        Unknown::RegistryError | Unknown::AuthServer => {
            let later = pause().unwrap_or_else(|| "later".to_owned());
            return format!("run again {later}; if it persists, the nodes will get the same answer");
        }
        Unknown::Tls(_) => "check which TLS versions and which client certificate the registry requires",
        Unknown::Dns | Unknown::NoSuchHost if let Some(name) = in_capitals(facts) => {
            return format!(
                "a first part with uppercase letters is read as a registry, because repositories are lowercase: \
                 write `{name}`, or add the intended registry"
            );
        }
        Unknown::Dns | Unknown::NoSuchHost => {
            "check the host for typos; if only the nodes can resolve it: `--connect-to HOST=ADDRESS:PORT`"
        }
        Unknown::Network | Unknown::Timeout => {
            "check that this machine can reach the registry; the nodes may use another route"
        }
        Unknown::PlainHttp => "if the nodes are configured for it: `--plain-http HOST`",
        Unknown::HostStopped => {
            "run again when it answers; `-v` prints the number of requests. If only the nodes can reach it: \
             `--connect-to HOST=ADDRESS:PORT`"
        }
        Unknown::CredentialWithheld => {
            "fix the credentials first: sending a wrong password for every image can lock the account. If they are \
             right and only this image needs them, check its manifest in a separate run"
        }
        Unknown::Deadline => "run again with a longer `--deadline`",
        Unknown::Interrupted => "run again",
        Unknown::NodeLocal if let Some(onward) = onward(facts) => return onward.help(),
        Unknown::NodeLocal => "if this machine can reach the same registry, pass `--plain-http` or `--connect-to`",
        Unknown::NodeConfig | Unknown::Offline => "",
    };
    help.to_owned()
}

/// Describes how long to wait before the next request, roughly: images that were asked for one after the other are
/// one fault.
fn pause(seconds: u64) -> String {
    match seconds {
        0..=60 => "in a minute".to_owned(),
        61..=5400 => format!("in {} minutes, as it requests", seconds.div_ceil(300) * 5),
        _ => format!("in {} hours, as it requests", seconds.div_ceil(3600)),
    }
}

fn hidden_secret(facts: &ImageFacts<'_>) -> Option<(String, String)> {
    let registry = facts.reference()?.registry();
    let answer = facts.judged.answer.as_deref();
    if let Some(unfilled) = facts.judged.pull.unfilled.as_ref().filter(|_| answer.is_some_and(is_found_by_anyone)) {
        return Some((
            format!(
                "the image is public, but the pull secret {unfilled:?} has an entry for {registry} with a \
                 placeholder: the kubelet pulls with the final value and does not fall back to an anonymous pull"
            ),
            "check the rendered manifests, or remove the entry: a public image needs no credentials".to_owned(),
        ));
    }
    let hidden = facts.judged.pull.blind.iter().find_map(|blind| match blind {
        Blind::Secret(name) => Some(name),
        Blind::ServiceAccount(_) | Blind::Patched(_) | Blind::Node(_) => None,
    });
    let with_supplied = with_supplied(facts);
    let Some(hidden) = hidden else { return patched(facts, registry) };
    let mut secrets = facts.judged.pull.secrets.iter();
    let reason = secrets.find(|secret| secret.name == *hidden).and_then(|secret| secret.reason.as_ref());
    let why = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    Some((
        format!(
            "{registry} requires credentials, but the content of the pull secret {hidden:?} is not visible here{why}"
        ),
        match with_supplied.strip_prefix(". ") {
            Some(words) => words.to_owned(),
            None => "check it with your own credentials: `--dockerconfigjson FILE`".to_owned(),
        },
    ))
}

/// Returns message and help if something adds pull secrets, which pullcheck cannot see.
fn patched(facts: &ImageFacts<'_>, registry: &str) -> Option<(String, String)> {
    let what = facts.judged.pull.blind.iter().find_map(|blind| match blind {
        Blind::Patched(what) => Some(what),
        Blind::Secret(_) | Blind::ServiceAccount(_) | Blind::Node(_) => None,
    })?;
    let message = format!("{registry} requires credentials, and {what} may add pull secrets to the pod");
    let help =
        "add the pull secret to the pod's spec too, or check it with your own credentials: `--dockerconfigjson FILE`";
    Some((message, help.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::kubelet::probe::{Manifest, PullAnswer, Unread};
    use crate::kubelet::pull::SecretState;
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, answer, evidence};

    #[test]
    fn images_on_one_host_are_one_fault() {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        for text in ["ghcr.io/a/a:1", "ghcr.io/b/b:2"] {
            let judged = facts.image(pod, text, Verdict::Unverified(Cause::Unknown(Unknown::RateLimited)));
            let outcome = Outcome::Unknown(Unknown::RateLimited, evidence(429));
            judged.answer = answer(PullAnswer { attempts: vec![(None, outcome)], ..PullAnswer::default() });
        }
        let found = facts.check(&UnverifiedImage);
        assert_eq!(found.len(), 2);
        assert_eq!((&found[0].message, &found[0].help), (&found[1].message, &found[1].help));
        assert_eq!(
            found[0].message,
            "unknown whether this image can be pulled: ghcr.io limits the rate of requests (HTTP 429)"
        );
        assert_eq!(found[0].severity, Severity::Note);
    }

    #[test]
    fn unreadable_content_of_an_existing_image_is_reported() {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        let judged = facts.image(pod, "ghcr.io/a/a:1", Verdict::Unverified(Cause::Unknown(Unknown::RegistryError)));
        let attempts = vec![(None, Outcome::Found(Manifest::default()))];
        let evidence =
            Evidence { message: Some("the image's configuration names no platform".to_owned()), ..evidence(200) };
        let config = Some(Err(Unread { defect: None, unknown: Unknown::RegistryError, evidence }));
        judged.answer = answer(PullAnswer { attempts, config, ..PullAnswer::default() });
        assert_eq!(
            facts.check(&UnverifiedImage)[0].message,
            "unknown whether this image can be pulled: the image exists, but its content could not be read: ghcr.io \
             fails (HTTP 200): the image's configuration names no platform"
        );
    }

    #[test]
    fn message_includes_registry_and_prober_reasons() {
        let said = |unknown: Unknown, seen: Evidence| {
            let mut facts = Facts::default();
            let pod = facts.pod(PodOrigin::Template);
            let judged = facts.image(pod, "ghcr.io/a/a:1", Verdict::Unverified(Cause::Unknown(unknown)));
            let attempts = vec![(None, Outcome::Unknown(unknown, seen))];
            judged.answer = answer(PullAnswer { attempts, ..PullAnswer::default() });
            let found = facts.check(&UnverifiedImage).remove(0);
            format!("{} -> {}", found.message, found.help.unwrap_or_default())
        };
        let words = |words: &str| Evidence { message: Some(words.to_owned()), ..Evidence::default() };
        let stopped = said(Unknown::HostStopped, words("dial tcp: connect: connection refused"));
        assert!(stopped.contains("was not checked: dial tcp: connect: connection refused"), "{stopped}");
        let timeout = said(Unknown::Timeout, words("i/o timeout"));
        assert!(timeout.contains("did not answer in time: i/o timeout"), "{timeout}");
        for (seconds, expected) in [(7, "run again in a minute,"), (290, "in 5 minutes,"), (21_000, "in 6 hours,")] {
            let limited = said(Unknown::RateLimited, Evidence { retry_after: Some(seconds), ..evidence(429) });
            assert!(limited.contains(expected), "{limited}");
        }
        assert!(said(Unknown::RateLimited, evidence(429)).contains("run again later,"));
        assert!(said(Unknown::Interrupted, Evidence::default()).contains("the run was interrupted"));
        assert!(said(Unknown::Deadline, Evidence::default()).contains("`--deadline`"));
    }

    fn message_and_help(text: &str, unknown: Unknown, seen: Evidence) -> (String, String) {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        let judged = facts.image(pod, text, Verdict::Unverified(Cause::Unknown(unknown)));
        let attempts = vec![(None, Outcome::Unknown(unknown, seen))];
        judged.answer = answer(PullAnswer { attempts, ..PullAnswer::default() });
        let found = facts.check(&UnverifiedImage).remove(0);
        (found.message, found.help.unwrap_or_default())
    }

    #[test]
    fn message_names_the_host_that_the_registry_refers_to() {
        let onward = |url: &str, words: &str| {
            let evidence =
                Evidence { url: Some(url.to_owned()), message: Some(words.to_owned()), ..Evidence::default() };
            message_and_help("reg.example/a:1", Unknown::NodeLocal, evidence)
        };
        let words = "auth.corp leads to a private address, which is not contacted";
        let (message, help) = onward("https://auth.corp/token", words);
        assert!(message.ends_with(
            ": reg.example refers to auth.corp: auth.corp leads to a private address, which is not contacted"
        ));
        assert!(help.ends_with("not the registry: `--connect-to auth.corp=ADDRESS:PORT`"), "{help}");
        let (_, help) = onward("http://10.0.0.5/token", "10.0.0.5 is a private address, which is not contacted");
        assert!(help.ends_with("`--plain-http 10.0.0.5`"), "{help}");
        let (_, help) = onward("https://10.0.0.5/token", "10.0.0.5 is a private address, which is not contacted");
        assert!(!help.contains("--connect-to") && !help.contains("--plain-http"), "{help}");
        let words = "169.254.169.254 is a link-local or metadata address, which is not contacted";
        let (_, help) = onward("http://169.254.169.254/token", words);
        assert!(help.starts_with("no option makes pullcheck contact 169.254.169.254"), "{help}");
        let (message, help) = message_and_help("reg.example/a:1", Unknown::NodeLocal, Evidence::default());
        assert!(message.contains("an address of the node") && help.contains("--connect-to"), "the registry itself");
    }

    #[test]
    fn help_for_a_broken_token_endpoint_is_to_fix_it() {
        for (status, fixable) in [(200, true), (411, true), (500, false)] {
            let (_, help) = message_and_help("reg.example/a:1", Unknown::AuthServer, evidence(status));
            assert_eq!(help.starts_with("fix the token endpoint"), fixable, "{status}: {help}");
        }
    }

    #[test]
    fn help_lowercases_a_name_treated_as_a_registry() {
        let (_, help) = message_and_help("NVIDIA/cuda:12", Unknown::NoSuchHost, Evidence::default());
        assert!(help.contains("write `nvidia/cuda:12`"), "{help}");
        for text in ["Reg.example/cuda:12", "reg.example/cuda:12"] {
            let (_, help) = message_and_help(text, Unknown::NoSuchHost, Evidence::default());
            assert!(help.starts_with("check the host for typos"), "{help}");
        }
    }

    #[test]
    fn images_not_meant_to_be_checked_are_not_flagged() {
        for cause in [Cause::Unknown(Unknown::Offline), Cause::Expected, Cause::ServiceAccountUnknown] {
            let mut facts = Facts::default();
            let pod = facts.pod(PodOrigin::Template);
            facts.image(pod, "ghcr.io/a/a:1", Verdict::Unverified(cause));
            assert_eq!(facts.flags(&UnverifiedImage), [], "{cause:?}");
        }
    }

    #[test]
    fn hidden_secret_is_reported_unless_it_is_undefined() {
        for (state, count) in [(SecretState::Opaque, 1), (SecretState::Assumed, 1), (SecretState::Missing, 0)] {
            let mut facts = Facts::default();
            let pod = facts.pod(PodOrigin::Template);
            let judged = facts.image(pod, "ghcr.io/a/a:1", Verdict::Unverified(Cause::SecretUnknown));
            judged.pull.blind.push(Blind::Secret("regcred".to_owned()));
            facts.name_secret(pod, "regcred", state.clone(), None);
            assert_eq!(facts.check(&UnverifiedImage).len(), count, "{state:?}");
        }
    }
}
