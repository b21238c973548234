//! `wrong-secret-type`: a pull secret that the kubelet silently ignores because of its type.
//!
//! Follows `MakeDockerKeyring` of `pkg/credentialprovider/secrets/secrets.go`: a secret is used only as
//! `kubernetes.io/dockerconfigjson` with `.dockerconfigjson`, or as `kubernetes.io/dockercfg` with `.dockercfg`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::credential::dockerconfig::Format;
use crate::findings::finding::{Finding, Severity, Subject};
use crate::kubelet::verdict::Cause;
use crate::resource::ResourceName;
use crate::resource::secret::{IgnoredBecause, NamedFrom, Producer, Secret, SecretContent};
use crate::rules::engine::meta::Meta;
use crate::rules::selection::attribution::is_harmless;
use crate::rules::{Context, ImageFacts, Rule};
use crate::text::source::Span;

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/wrong-secret-type.md")));

/// Reports a pull secret that the kubelet ignores because of its type.
pub(super) struct WrongSecretType;

impl Rule for WrongSecretType {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        for (index, secret) in cx.inventory.secrets.iter().enumerate() {
            let SecretContent::Ignored(because) = &secret.content else { continue };
            let uses = uses(cx, index, secret);
            // A secret that no pod pulls with may have any type.
            if !uses.references.is_empty() {
                out.push(finding(cx, secret, because, &uses));
            }
        }
    }
}

/// How a secret is used as a pull secret.
struct Uses {
    /// The places that name it as a pull secret.
    references: BTreeSet<Span>,
    /// Whether every image that the secret was meant for was shown to be pullable without it.
    harmless: bool,
    /// The event of the first image that fails.
    event: Option<String>,
}

/// Whether the image fails because it lacks a credential: another fault's event does not belong here.
fn wants_credentials(facts: &ImageFacts<'_>) -> bool {
    let cause = facts.judged.verdict.cause();
    matches!(cause, Some(Cause::Denied(_) | Cause::SecretUnknown | Cause::ServiceAccountUnknown))
}

fn uses(cx: &Context<'_>, index: usize, secret: &Secret) -> Uses {
    let mut uses = Uses { references: BTreeSet::new(), harmless: true, event: None };
    for facts in cx.images_of_kubelets() {
        let mut named = facts.judged.pull.secrets.iter().filter(|named| named.object == Some(index)).peekable();
        if named.peek().is_some() && !is_harmless(&facts) {
            uses.harmless = false;
            uses.event = uses.event.or_else(|| facts.judged.event.clone().filter(|_| wants_credentials(&facts)));
        }
        uses.references.extend(named.map(|named| named.span));
    }
    let accounts = cx.inventory.service_accounts.iter();
    let default = cx.settings.cluster.namespace.as_deref();
    for account in accounts.filter(|account| secret.presence(account.namespace.as_deref(), default).is_some()) {
        let named = account.pull_secrets.iter().filter(|named| {
            let from = NamedFrom { source: named.span.source, kind: "ServiceAccount", builtin: true };
            secret.is_named(&named.name, from)
        });
        uses.references.extend(named.map(|named| named.span));
    }
    uses
}

fn finding(cx: &Context<'_>, secret: &Secret, because: &IgnoredBecause, uses: &Uses) -> Finding {
    let resource = &cx.inventory.resource(secret.resource).name;
    let name = &secret.name.value;
    let declared = secret.declared_type.as_ref();
    let (message, help, severity) = match because {
        IgnoredBecause::WrongType { has_docker_config } => (
            of_type(secret, resource),
            help_for_type(&secret.producer, *has_docker_config),
            if uses.harmless { Severity::Warning } else { META.severity },
        ),
        IgnoredBecause::MissingKey => (
            format!(
                "the pull secret {name:?}{} has no data key for its type: the API server rejects it",
                made_by(secret, resource)
            ),
            "`kubernetes.io/dockerconfigjson` requires the key `.dockerconfigjson`, and `kubernetes.io/dockercfg` \
             requires `.dockercfg`: change the type or the key"
                .to_owned(),
            META.severity,
        ),
    };
    let (at, label) = match (declared, because) {
        (Some(declared), IgnoredBecause::WrongType { .. }) => (declared.span, "not a pull secret type".to_owned()),
        (Some(declared), IgnoredBecause::MissingKey) => (declared.span, missing_key(&declared.value)),
        (None, _) => (secret.name.span, "no `type`".to_owned()),
    };
    let subject = Subject { resource: Some(resource.clone()), ..Subject::default() };
    let finding =
        Finding::new(META.id, severity, message, at, label).help(help).event(uses.event.clone()).subject(subject);
    uses.references.iter().fold(finding, |finding, &at| finding.related(at, "named as a pull secret here"))
}

/// Describes which Secret it is, and its type.
fn of_type(secret: &Secret, resource: &ResourceName) -> String {
    let name = format!("{:?}{}", secret.name.value, made_by(secret, resource));
    let of_type = match (&secret.declared_type, &secret.producer) {
        (Some(declared), _) => format!("the pull secret {name} has the type {:?}", declared.value),
        (None, Producer::SecretProviderClass) => {
            return format!("the pull secret {name} has no type, so the driver never creates it");
        }
        (None, _) => format!("the pull secret {name} has no type, which means `Opaque`"),
    };
    of_type + ": the kubelet ignores it without an event"
}

/// Names the object that creates the Secret, if that is not the object that has its name.
fn made_by(secret: &Secret, resource: &ResourceName) -> String {
    let kind = match secret.producer {
        Producer::Generator(_) => "secretGenerator",
        _ if secret.producer.is_object() => return String::new(),
        _ => resource.kind.as_str(),
    };
    let article = if kind.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" };
    format!(", which {article} {kind} generates,")
}

fn missing_key(declared: &str) -> String {
    let format =
        [Format::DockerConfigJson, Format::DockerCfg].into_iter().find(|format| format.secret_type() == declared);
    format.map_or_else(String::new, |format| format!("without the key `{}`", format.data_key()))
}

fn help_for_type(producer: &Producer, has_docker_config: bool) -> String {
    let key = if has_docker_config { "" } else { ", and put the configuration under the key `.dockerconfigjson`" };
    let remake = "the type of an existing Secret is immutable: delete it first";
    if producer.is_object() {
        format!("set `type: kubernetes.io/dockerconfigjson`{key}; {remake}")
    } else {
        format!("set `{}` to `kubernetes.io/dockerconfigjson`{key}; {remake}", producer.type_path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::probe::Denial;
    use crate::kubelet::pull::SecretState;
    use crate::kubelet::verdict::{Cause, Verdict};
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, pullable};

    const OPAQUE: SecretContent = SecretContent::Ignored(IgnoredBecause::WrongType { has_docker_config: true });

    fn named_by_a_pod(kind: Option<&str>, verdict: Verdict) -> Facts {
        let mut facts = Facts::default();
        let object = facts.secret(None, "regcred", kind, OPAQUE);
        let pod = facts.pod(PodOrigin::Template);
        facts.image(pod, "ghcr.io/acme/api:1", verdict);
        facts.name_secret(pod, "regcred", SecretState::Ignored, Some(object));
        facts
    }

    #[test]
    fn finding_points_at_the_type_or_else_the_name() {
        let mut facts = named_by_a_pod(Some("Opaque"), Verdict::Fails(Cause::Denied(Denial::DeniedOrAbsent)));
        facts.judged[0].event = Some("pull access denied".to_owned());
        assert_eq!(facts.flags(&WrongSecretType), [(Severity::Error, "Opaque")]);
        let found = facts.check(&WrongSecretType).remove(0);
        assert_eq!((found.related.len(), found.event.as_deref()), (1, Some("pull access denied")));
        let mut facts = named_by_a_pod(None, Verdict::Fails(Cause::Absent));
        facts.judged[0].event = Some("not found".to_owned());
        assert_eq!(facts.flags(&WrongSecretType), [(Severity::Error, "regcred")]);
        // The event belongs to another fault.
        assert_eq!(facts.check(&WrongSecretType).remove(0).event, None);
    }

    #[test]
    fn wrong_type_is_a_warning_if_no_image_needs_the_secret() {
        let mut facts = named_by_a_pod(Some("Opaque"), pullable());
        assert_eq!(facts.flags(&WrongSecretType), [(Severity::Warning, "Opaque")]);
        let pod = facts.inventory.images[0].pod;
        let secrets = facts.judged[0].pull.secrets.clone();
        facts.image(pod, "ghcr.io/acme/web:1", Verdict::Fails(Cause::Absent)).pull.secrets = secrets;
        assert_eq!(facts.flags(&WrongSecretType), [(Severity::Error, "Opaque")]);
    }

    #[test]
    fn secret_not_used_for_pulling_is_not_flagged() {
        let mut facts = Facts::default();
        facts.secret(Some("shop"), "app", Some("Opaque"), OPAQUE);
        assert_eq!(facts.flags(&WrongSecretType), []);
        facts.service_account(Some("other"), "default", &["app"]);
        assert_eq!(facts.flags(&WrongSecretType), []);
        facts.service_account(Some("shop"), "default", &["app"]);
        assert_eq!(facts.flags(&WrongSecretType), [(Severity::Warning, "Opaque")]);
    }

    #[test]
    fn finding_names_the_key_that_the_type_requires() {
        let mut facts = Facts::default();
        let content = SecretContent::Ignored(IgnoredBecause::MissingKey);
        facts.secret(None, "regcred", Some("kubernetes.io/dockercfg"), content);
        facts.service_account(None, "default", &["regcred"]);
        assert_eq!(facts.flags(&WrongSecretType), [(Severity::Error, "kubernetes.io/dockercfg")]);
        assert_eq!(facts.check(&WrongSecretType)[0].primary.message, "without the key `.dockercfg`");
    }

    #[test]
    fn help_also_adds_the_missing_key() {
        assert!(help_for_type(&Producer::Itself, false).contains("under the key `.dockerconfigjson`"));
        assert!(!help_for_type(&Producer::Itself, true).contains("under the key"));
    }
}
