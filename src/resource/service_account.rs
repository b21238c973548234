//! Service accounts: the pull secrets that pods without their own list get.

use crate::resource::Object;
use crate::resource::workload::duplicate;
use crate::resource::workload::duplicate::DuplicateKey;
use crate::resource::workload::misplaced::{MisplacedPullSecrets, Misplacement};
use crate::resource::workload::pod::secret_references;
use crate::resource::workload::value::is_to_be_written;
use crate::resource::workload::{ResourceId, SecretReference};
use crate::text::yaml::Node;

/// A ServiceAccount in the inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The namespace of the service account, if it names one.
    pub namespace: Option<String>,
    /// The name of the service account.
    pub name: String,
    /// The names in `imagePullSecrets`, in order, including empty ones.
    pub pull_secrets: Vec<SecretReference>,
    /// The names in `secrets`, which pods may mount.
    pub mountable: Vec<SecretReference>,
    /// Whether pods that run as the service account may only name its own pull secrets.
    pub enforces_mountable_secrets: bool,
    /// The object that defines it.
    pub resource: ResourceId,
}

impl ServiceAccount {
    /// Whether both have the same effect on a pod: the same pull secrets in the same order, enforced or not.
    pub fn means_the_same(&self, other: &Self) -> bool {
        let names = |account: &Self| account.pull_secrets.iter().map(|named| named.name.clone()).collect::<Vec<_>>();
        names(self) == names(other) && self.enforces_mountable_secrets == other.enforces_mountable_secrets
    }
}

/// The annotation that makes a service account enforce its lists
/// (`plugin/pkg/admission/serviceaccount/admission.go`).
const ENFORCE_MOUNTABLE_SECRETS: &[&str] = &["metadata", "annotations", "kubernetes.io/enforce-mountable-secrets"];

/// The texts that Go's `strconv.ParseBool` accepts as true.
const TRUE: &[&str] = &["1", "t", "T", "TRUE", "true", "True"];

/// The facts from a ServiceAccount object.
#[derive(Debug, Default)]
pub(crate) struct AccountFacts {
    /// The service account, if the object is one.
    pub(crate) account: Option<ServiceAccount>,
    /// The pull secrets, if they are misplaced.
    pub(crate) misplaced: Option<MisplacedPullSecrets>,
    /// Keys that occur twice.
    pub(crate) duplicate_keys: Vec<DuplicateKey>,
}

/// Reads a ServiceAccount object.
pub(crate) fn extract(object: &Object<'_>, resource: ResourceId) -> AccountFacts {
    let mut found = AccountFacts::default();
    if object.name.kind != "ServiceAccount" || object.name.api_version != "v1" {
        return found;
    }
    duplicate::find(object.node, &["metadata", "imagePullSecrets"], resource, None, &mut found.duplicate_keys);
    let entry = object.node.entry("imagePullSecrets");
    let is_string = |item: Node<'_>| item.as_str().is_some() && !is_to_be_written(item);
    if let Some(entry) = entry.filter(|entry| entry.value.items().any(is_string)) {
        let path = if object.path.is_empty() { String::new() } else { format!("{}.", object.path) };
        found.misplaced = Some(MisplacedPullSecrets {
            resource,
            span: entry.key.span(),
            fault: Misplacement::ListOfStrings,
            path: format!("{path}imagePullSecrets"),
            right_path: format!("{path}imagePullSecrets"),
            names: entry.value.items().filter_map(Node::as_str).map(str::to_owned).collect(),
        });
    }
    let annotation = object.node.at(ENFORCE_MOUNTABLE_SECRETS).and_then(Node::as_str);
    let enforces = annotation.is_some_and(|value| TRUE.contains(&value));
    let Some(name) = object.name.name.clone() else { return found };
    found.account = Some(ServiceAccount {
        namespace: object.name.namespace.clone(),
        name,
        pull_secrets: entry.map(|entry| secret_references(entry.value)).unwrap_or_default(),
        mountable: object.node.get("secrets").map(secret_references).unwrap_or_default(),
        enforces_mountable_secrets: enforces,
        resource,
    });
    found
}
