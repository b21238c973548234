//! `undefined-pull-secret`: a pod names a pull secret that nothing in the inputs produces.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::findings::finding::{Finding, Severity, Subject};
use crate::kubelet::pull::{PullSecret, SecretState};
use crate::resource::secret::{IgnoredBecause, Producer, Secret, SecretContent};
use crate::rules::engine::meta::Meta;
use crate::rules::evidence::candidate_secrets::is_at_hand;
use crate::rules::selection::attribution::elsewhere;
use crate::rules::selection::attribution::is_harmless;
use crate::rules::{Context, ImageFacts, Rule};
use crate::text::placeholder::is_placeholder;
use crate::text::source::Span;

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/undefined-pull-secret.md")));

/// Reports an `imagePullSecrets` entry that matches no Secret in the inputs.
pub(super) struct UndefinedPullSecret;

impl Rule for UndefinedPullSecret {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        // One place names the secret for all images of its pod, or for all pods of its service account.
        let mut missing: BTreeMap<Span, Missing<'_>> = BTreeMap::new();
        for facts in cx.images_of_kubelets() {
            for secret in facts.judged.pull.secrets.iter().filter(|named| named.state == SecretState::Missing) {
                // Reported by `pull-secret-in-other-namespace`.
                if elsewhere(cx, &facts, &secret.name).is_some() {
                    continue;
                }
                let found = missing.entry(secret.span).or_insert(Missing { secret, facts, harmless: true });
                found.harmless &= is_harmless(&facts);
            }
        }
        out.extend(missing.values().map(|missing| finding(cx, missing)));
    }
}

/// A name that matches no Secret.
struct Missing<'a> {
    secret: &'a PullSecret,
    /// An image whose pod names it.
    facts: ImageFacts<'a>,
    /// Whether all its images were shown to be pullable without it.
    harmless: bool,
}

fn finding(cx: &Context<'_>, missing: &Missing<'_>) -> Finding {
    let name = &missing.secret.name;
    let namespace = missing.facts.pod.namespace_or(cx.settings.cluster.namespace.as_deref());
    let place = namespace.map(|namespace| format!(" in the namespace {namespace:?}")).unwrap_or_default();
    let meant = meant(cx, missing);
    let hidden = &cx.inventory.unrecognisable;
    let certain = cx.inventory.knows_all_secrets();
    let severity = match (cx.settings.cluster.closed, meant) {
        // An object whose name is encrypted, or a placeholder, may be the one that is named.
        (true, _) if !missing.harmless && certain => Severity::Error,
        (true, _) | (false, Some(_)) => Severity::Warning,
        (false, None) => META.severity,
    };
    if let Some(why) = no_name(name).filter(|_| !is_placeholder(name)) {
        let message = format!("{name:?} is not a valid Secret name: {why}, so the kubelet pulls without it");
        let severity =
            if cx.settings.cluster.closed && !missing.harmless { Severity::Error } else { Severity::Warning };
        let subject = Subject { resource: Some(missing.facts.resource.name.clone()), ..Subject::default() };
        let help = match meant {
            Some(_) => help(cx, missing, meant),
            None => "write only the name of a Secret in the pod's own namespace".to_owned(),
        };
        return Finding::new(META.id, severity, message, missing.secret.span, "not a valid Secret name")
            .help(help)
            .event(Some(event(name)))
            .subject(subject);
    }
    let message = if cx.settings.cluster.closed && certain {
        format!("the pull secret {name:?} does not exist{place}: the kubelet pulls without it")
    } else {
        format!(
            "nothing in the inputs defines the pull secret {name:?}{place}: unless the cluster already has it, the \
             kubelet pulls without it"
        )
    };
    let subject = Subject { resource: Some(missing.facts.resource.name.clone()), ..Subject::default() };
    let finding = Finding::new(META.id, severity, message, missing.secret.span, "no such secret in the inputs")
        .help(help(cx, missing, meant))
        .event((cx.settings.cluster.closed && certain).then(|| event(name)))
        .subject(subject);
    let finding = hidden.first().into_iter().fold(finding, |finding, &at| {
        finding.related(at, "this object's kind or name is encrypted or templated; it may be the missing secret")
    });
    let makers = cx.inventory.patchers.iter().find(|patcher| patcher.makes_secrets);
    let finding = makers.into_iter().fold(finding, |finding, maker| {
        finding.related(maker.span, format!("{} creates Secrets, and this may be one of them", maker.what))
    });
    match meant {
        Some((Meant::NearlySo, meant)) => finding.related(meant.name.span, "similar name"),
        Some((Meant::Producer, meant)) => finding.related(meant.name.span, "the Secret gets this name"),
        Some((Meant::Generator, meant)) => finding.related(meant.name.span, "generated under another name"),
        None => finding,
    }
}

fn help(cx: &Context<'_>, missing: &Missing<'_>, meant: Option<(Meant, &Secret)>) -> String {
    let Some((how, meant)) = meant else {
        return if cx.settings.cluster.closed {
            "add a Secret with that name and the type `kubernetes.io/dockerconfigjson`, or remove the reference"
                .to_owned()
        } else {
            "add the Secret to the inputs, or supply the content of the cluster's pull secrets: `--dockerconfigjson \
             FILE`"
                .to_owned()
        };
    };
    match how {
        Meant::NearlySo => format!("did you mean `{}`?", meant.name.value),
        Meant::Producer => {
            let kind = &cx.inventory.resource(meant.resource).name.kind;
            format!("use the Secret's name `{}`, not that of the {kind} that generates it", meant.name.value)
        }
        Meant::Generator => help_generated(missing, meant),
    }
}

/// Explains why kustomize leaves the plain name of a generated Secret unchanged, and how to have it rewritten or
/// make it correct as written.
fn help_generated(missing: &Missing<'_>, meant: &Secret) -> String {
    let Producer::Generator(generator) = &meant.producer else { return String::new() };
    let adds = match (generator.hashed, generator.full_name == meant.name.value) {
        (true, true) => "a hash",
        (true, false) => "a hash and a prefix or suffix",
        (false, _) => "a prefix or suffix",
    };
    let plain = match (generator.hashed, generator.full_name.as_str()) {
        (true, name) if name == meant.name.value => "set `generatorOptions: {disableNameSuffixHash: true}`".to_owned(),
        (true, name) => format!("set `generatorOptions: {{disableNameSuffixHash: true}}` and use `{name}`"),
        (false, name) => format!("use `{name}`"),
    };
    let kind = &missing.facts.resource.name.kind;
    if generator.build.contains(&missing.secret.span.source) {
        format!(
            "kustomize adds {adds} to this name, but does not know that a {kind} refers to Secrets: configure it \
             (`configurations:` with a `nameReference`), or {plain}"
        )
    } else {
        format!(
            "kustomize adds {adds} to this name, but rewrites it only in objects of the same build: add this object \
             to the `resources` of that kustomization, or {plain}"
        )
    }
}

/// Returns why no Secret can have the name (`IsDNS1123Subdomain` of apimachinery), or `None` if one can.
fn no_name(name: &str) -> Option<&'static str> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    match () {
        () if name.contains('/') => Some("a slash is not allowed, and a namespace cannot be given"),
        () if name.bytes().any(|byte| byte.is_ascii_uppercase()) => Some("uppercase letters are not allowed"),
        () if name.contains('_') => Some("underscores are not allowed"),
        () if name.len() > 253 => Some("the maximum is 253 characters"),
        () if !name.bytes().all(|byte| inner(byte) || matches!(byte, b'-' | b'.')) => {
            Some("only lowercase letters, digits, `-`, and `.` are allowed")
        }
        () if !name
            .split('.')
            .all(|part| part.bytes().next().is_some_and(inner) && part.bytes().next_back().is_some_and(inner)) =>
        {
            Some("each part between dots must begin and end with a letter or digit")
        }
        () => None,
    }
}

/// Returns the event of `pkg/kubelet/kubelet_pods.go`, `getPullSecretsForPod`.
fn event(name: &str) -> String {
    format!("Unable to retrieve some image pull secrets ({name}); attempting to pull the image may not succeed.")
}

/// Why another Secret may be the one that was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Meant {
    /// The object that produces the Secret has the name.
    Producer,
    /// The Secret is generated under that name, and gets another one.
    Generator,
    /// The names differ by a typo.
    NearlySo,
}

/// Returns the Secret of the same namespace that was probably meant.
fn meant<'a>(cx: &Context<'a>, missing: &Missing<'_>) -> Option<(Meant, &'a Secret)> {
    let name = missing.secret.name.as_str();
    let no_pull_secret = SecretContent::Ignored(IgnoredBecause::WrongType { has_docker_config: false });
    let secrets = cx.inventory.secrets.iter();
    let candidates =
        secrets.filter(|secret| secret.content != no_pull_secret && is_at_hand(cx, secret, missing.facts.pod));
    let ranked = candidates.filter_map(|secret| {
        let candidate = secret.name.value.as_str();
        let producer = cx.inventory.resource(secret.resource).name.name.as_deref();
        if let (true, Producer::Generator(generator)) = (candidate == name, &secret.producer) {
            let other_build = !generator.build.contains(&missing.secret.span.source);
            return Some((Meant::Generator, usize::from(other_build), secret));
        }
        if !secret.producer.is_object() && producer == Some(name) {
            return Some((Meant::Producer, 0, secret));
        }
        Some((Meant::NearlySo, edits(name, candidate)?, secret))
    });
    ranked.min_by_key(|(how, edits, _)| (*how, *edits)).map(|(how, _, secret)| (how, secret))
}

/// Returns the edit distance of two names if it is small for their length: in a name of three letters, two edits
/// make another name.
fn edits(name: &str, candidate: &str) -> Option<usize> {
    let limit = (name.len() / 3).min(2);
    if candidate.len().abs_diff(name.len()) > limit {
        return None;
    }
    Some(strsim::osa_distance(name, candidate)).filter(|edits| (1..=limit).contains(edits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::verdict::{Cause, Verdict};
    use crate::resource::secret::SecretGenerator;
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, config, pullable};
    use crate::text::source::SourceId;

    fn naming(name: &str, verdict: Verdict) -> Facts {
        let mut facts = Facts::default();
        let pod = facts.pod_in(PodOrigin::Template, Some("shop"));
        facts.image(pod, "ghcr.io/acme/api:1", verdict.clone());
        facts.image(pod, "ghcr.io/acme/web:1", verdict);
        facts.name_secret(pod, name, SecretState::Missing, None);
        facts
    }

    #[test]
    fn undefined_secret_is_one_note_for_all_images_in_a_pod() {
        let facts = naming("regcred", Verdict::Unverified(Cause::SecretUnknown));
        assert_eq!(facts.flags(&UndefinedPullSecret), [(Severity::Note, "regcred")]);
    }

    #[test]
    fn producer_name_is_reported_as_a_near_miss() {
        let mut facts = naming("registry-access", Verdict::Unverified(Cause::SecretUnknown));
        let secret =
            facts.secret(Some("shop"), "regcred", Some("kubernetes.io/dockerconfigjson"), SecretContent::Opaque);
        let resource = facts.resource("ExternalSecret", Some("shop"), "registry-access");
        facts.inventory.secrets[secret].resource = resource;
        assert_eq!(facts.flags(&UndefinedPullSecret), [(Severity::Note, "registry-access")]);
        facts.inventory.secrets[secret].producer = Producer::ExternalSecret { cluster: false };
        assert_eq!(facts.flags(&UndefinedPullSecret), [(Severity::Warning, "registry-access")]);
        let help = facts.check(&UndefinedPullSecret).remove(0).help;
        assert_eq!(
            help.as_deref(),
            Some("use the Secret's name `regcred`, not that of the ExternalSecret that generates it")
        );
    }

    #[test]
    fn fully_encrypted_document_may_define_the_secret() {
        let mut facts = naming("regcred", Verdict::Unverified(Cause::SecretUnknown));
        facts.settings.cluster.closed = true;
        assert_eq!(facts.flags(&UndefinedPullSecret), [(Severity::Error, "regcred")]);
        let hidden = facts.write("ENC[AES256_GCM,data:a]");
        facts.inventory.unrecognisable.push(hidden);
        assert_eq!(facts.flags(&UndefinedPullSecret), [(Severity::Warning, "regcred")]);
    }

    #[test]
    fn a_near_miss_in_the_same_namespace_is_a_warning() {
        let cases = [
            ("regcred", "regcerd", Some("shop"), Severity::Warning),
            ("regcred", "regcerd", None, Severity::Warning),
            ("regcred", "regcerd", Some("other"), Severity::Note),
            ("regcred", "pull-secret", Some("shop"), Severity::Note),
            ("hub", "hum", Some("shop"), Severity::Warning),
            ("hub", "sub2", Some("shop"), Severity::Note),
        ];
        for (name, there, namespace, severity) in cases {
            let mut facts = naming(name, Verdict::Unverified(Cause::SecretUnknown));
            facts.secret(namespace, there, None, config());
            assert_eq!(facts.flags(&UndefinedPullSecret), [(severity, name)], "{name} {there} {namespace:?}");
        }
    }

    #[test]
    fn ordinary_secret_is_not_a_near_miss() {
        let mut facts = naming("app-secrets", Verdict::Unverified(Cause::SecretUnknown));
        let ordinary = SecretContent::Ignored(IgnoredBecause::WrongType { has_docker_config: false });
        facts.secret(Some("shop"), "app-secret", None, ordinary);
        assert_eq!(facts.flags(&UndefinedPullSecret), [(Severity::Note, "app-secrets")]);
    }

    #[test]
    fn help_explains_a_generated_secret_name() {
        let help = |kind: &str, full_name: &str, hashed: bool, same_build: bool| {
            let mut facts = naming("regcred", Verdict::Fails(Cause::Absent));
            facts.inventory.resources[0].name.kind = kind.to_owned();
            let object = facts.secret(None, "regcred", None, config());
            facts.inventory.secrets[object].producer = Producer::Generator(SecretGenerator {
                folder: String::new(),
                full_name: full_name.to_owned(),
                hashed,
                custom_references: false,
                build: same_build.then_some(SourceId(0)).into_iter().collect(),
            });
            facts.check(&UndefinedPullSecret).remove(0).help.unwrap_or_default()
        };
        let known = help("Deployment", "regcred", true, false);
        assert!(known.contains("adds a hash to this name") && known.contains("`resources`"), "{known}");
        assert!(known.ends_with("or set `generatorOptions: {disableNameSuffixHash: true}`"), "{known}");
        let unknown = help("Rollout", "prod-regcred", true, true);
        assert!(unknown.contains("does not know that a Rollout refers to Secrets"), "{unknown}");
        assert!(unknown.ends_with("{disableNameSuffixHash: true}` and use `prod-regcred`"), "{unknown}");
        let affixed = help("Deployment", "prod-regcred", false, false);
        assert!(
            affixed.contains("adds a prefix or suffix to") && affixed.ends_with("or use `prod-regcred`"),
            "{affixed}"
        );
    }

    #[test]
    fn invalid_secret_name_is_reported_as_such() {
        for name in ["a/b", "My_Secret", "my_secret", "-a", "a.", "a..b", "ä", &"a".repeat(254)] {
            let mut facts = naming(name, Verdict::Unverified(Cause::SecretUnknown));
            assert_eq!(facts.flags(&UndefinedPullSecret), [(Severity::Warning, name)]);
            assert!(facts.check(&UndefinedPullSecret)[0].message.contains("is not a valid Secret name"), "{name}");
            facts.settings.cluster.closed = true;
            assert_eq!(facts.flags(&UndefinedPullSecret), [(Severity::Error, name)]);
        }
        for name in ["a", "a.b-c", "1a", "a--b"] {
            assert_eq!(no_name(name), None, "{name}");
        }
    }

    #[test]
    fn undefined_secret_is_an_error_with_closed_inputs() {
        let mut facts = naming("regcred", Verdict::Fails(Cause::Absent));
        facts.settings.cluster.closed = true;
        assert_eq!(facts.flags(&UndefinedPullSecret), [(Severity::Error, "regcred")]);
        assert!(facts.check(&UndefinedPullSecret)[0].event.is_some());
        let mut facts = naming("regcred", pullable());
        facts.settings.cluster.closed = true;
        assert_eq!(facts.flags(&UndefinedPullSecret), [(Severity::Warning, "regcred")]);
    }

    #[test]
    fn supplied_or_assumed_secret_is_not_flagged() {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        facts.image(pod, "ghcr.io/acme/api:1", pullable());
        facts.name_secret(pod, "a", SecretState::Supplied, None);
        facts.name_secret(pod, "b", SecretState::Assumed, None);
        assert_eq!(facts.flags(&UndefinedPullSecret), []);
    }
}
