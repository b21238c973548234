//! Objects that add pull secrets to pods and service accounts, or create Secrets with names that the inputs do not
//! show: mutating policies, and programs that are known to do so.
//!
//! If one of them is in the inputs, the pull secrets that reach a pod cannot be determined from the manifests.

use super::SecretFacts;
use crate::resource::Object;
use crate::resource::secret::copies::{Copier, Copies, CopyTarget};
use crate::resource::secret::maker::KYVERNO;
use crate::resource::secret::{Producer, Secret, SecretContent};
use crate::resource::workload::value::spanned_string;
use crate::resource::workload::{ImageText, ImageUse, ResourceId};
use crate::text::source::Span;
use crate::text::yaml::Node;

/// An object that may add pull secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patcher {
    /// Description of the object in messages: `the ClusterPolicy add-secret`.
    pub what: String,
    /// The place of its name.
    pub span: Span,
    /// The namespace that it is limited to; `None` if it acts on all.
    pub namespace: Option<String>,
    /// The objects that it changes.
    pub patches: Patches,
    /// Whether it creates Secrets with names that are not known from the inputs.
    pub makes_secrets: bool,
}

/// The objects that a patcher adds pull secrets to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patches {
    /// None: it only creates Secrets.
    Nothing,
    /// Service accounts, which apply to pods without their own list.
    Accounts,
    /// Pods, including those with their own list.
    Pods,
}

/// Parts of the names of programs that create pull secrets and add them to service accounts.
const PROGRAMS: &[&str] = &[
    "imagepullsecret",
    "image-pull-secret",
    "pull-secret",
    "pullsecret",
    "registry-creds",
    "registry-credential",
    "registry-secret",
    "ecr-login",
    "ecr-secret",
    "ecr-creds",
    "ecr-cred-updater",
    "ecr-credentials-sync",
];

/// The key that patchers set, in whatever syntax.
const FIELD: &str = "imagePullSecrets";

/// Reads an object whose kind makes it a patcher.
pub(super) fn extract(object: &Object<'_>, resource: ResourceId, found: &mut SecretFacts) {
    let spec = object.node.get("spec");
    match (object.name.group(), object.name.kind.as_str()) {
        ("kyverno.io", "ClusterPolicy" | "Policy") => {
            for rule in spec.and_then(|spec| spec.get("rules")).into_iter().flat_map(Node::items) {
                of_kyverno(object, rule, resource, found);
            }
        }
        ("policies.kyverno.io", "MutatingPolicy" | "NamespacedMutatingPolicy")
        | ("admissionregistration.k8s.io", "MutatingAdmissionPolicy")
        | ("mutations.gatekeeper.sh", _)
            if spec.is_some_and(mentions_field) =>
        {
            push(object, Patches::Pods, false, found);
        }
        ("policies.kyverno.io", "GeneratingPolicy" | "NamespacedGeneratingPolicy") => {
            push(object, Patches::Nothing, true, found);
        }
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration") if is_known_webhook(object) => {
            push(object, Patches::Pods, true, found);
        }
        ("ops.alexellis.io", "ClusterPullSecret") => push(object, Patches::Accounts, false, found),
        (group, kind) if !group.is_empty() && kind.to_ascii_lowercase().contains("pullsecret") => {
            push(object, Patches::Accounts, true, found);
        }
        _ => {}
    }
}

/// Whether a webhook configuration, one of its webhooks, or the service behind it has the name of a program that adds
/// pull secrets.
fn is_known_webhook(object: &Object<'_>) -> bool {
    let mut webhooks = object.node.get("webhooks").into_iter().flat_map(Node::items);
    let service = |webhook: Node<'_>| webhook.at(&["clientConfig", "service", "name"])?.as_str().map(is_program);
    let is_known = |webhook: Node<'_>| webhook.str("name").is_some_and(is_program) || service(webhook) == Some(true);
    object.name.name.as_deref().is_some_and(is_program) || webhooks.any(is_known)
}

/// Reads the images of an object: some programs are known to add pull secrets to other objects.
pub(crate) fn of_images(images: &[ImageUse], what: &Object<'_>) -> Option<Patcher> {
    let image = images.iter().find(|image| match &image.image {
        ImageText::Reference(reference) => is_program(reference.repository().rsplit('/').next().unwrap_or_default()),
        _ => false,
    })?;
    Some(Patcher {
        what: format!("the {}", what.name),
        span: image.text.span,
        namespace: None,
        patches: Patches::Accounts,
        makes_secrets: true,
    })
}

fn is_program(name: &str) -> bool {
    PROGRAMS.iter().any(|part| name.contains(part))
}

fn push(object: &Object<'_>, patches: Patches, makes_secrets: bool, found: &mut SecretFacts) {
    let namespace = object.name.namespace.clone();
    let span = object.node.at(&["metadata", "name"]).unwrap_or(object.node).span();
    found.patchers.push(Patcher {
        what: format!("the {}", object.name),
        span,
        namespace: namespace.filter(|_| !object.name.kind.starts_with("Cluster")),
        patches,
        makes_secrets,
    });
}

/// Reads one rule in a Kyverno policy (`api/kyverno/v1/rule_types.go`).
fn of_kyverno(object: &Object<'_>, rule: Node<'_>, resource: ResourceId, found: &mut SecretFacts) {
    if rule.get("mutate").is_some_and(mentions_field) {
        push(object, Patches::Pods, false, found);
    }
    let Some(generate) = rule.get("generate") else { return };
    if mentions_field(generate) {
        push(object, Patches::Accounts, false, found);
    }
    if generate.get("cloneList").is_some() || generate.get("foreach").is_some() {
        push(object, Patches::Nothing, true, found);
    }
    let name = generate.get("name").and_then(spanned_string).filter(|_| generate.str("kind") == Some("Secret"));
    let Some(name) = name else { return };
    found.secrets.push(Secret {
        namespace: None,
        name,
        resource,
        declared_type: None,
        content: SecretContent::Opaque,
        producer: Producer::Operator(&KYVERNO),
        // The Secret is created in the namespaces where another object triggers the rule.
        copies: vec![Copies { by: Copier::Kyverno, to: vec![CopyTarget::Unknown] }],
        lent: Vec::new(),
    });
}

/// Whether a key or a text anywhere in a node contains the field's name. Aliases are not read again.
fn mentions_field(node: Node<'_>) -> bool {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if node.text().is_some_and(|text| text.contains(FIELD)) {
            return true;
        }
        if !node.is_alias() {
            open.extend(node.items());
            open.extend(node.entries().flat_map(|entry| [entry.key, entry.value]));
        }
    }
    false
}
