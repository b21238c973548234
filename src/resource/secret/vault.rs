//! The kinds of the Vault Secrets Operator that write a Secret.
//!
//! Follows `Destination` of vault-secrets-operator, `api/v1beta1/common.go`: `type` only applies with `create: true`;
//! otherwise the Secret must already exist.

use super::SecretFacts;
use crate::resource::Object;
use crate::resource::secret::copies::Copies;
use crate::resource::secret::producer::{Keys, SecretType};
use crate::resource::secret::{Producer, Secret};
use crate::resource::workload::ResourceId;
use crate::resource::workload::value::spanned_string;
use crate::text::source::Spanned;
use crate::text::yaml::Node;
use crate::text::yaml::scalar::Scalar;

/// Kinds with a `spec.destination`.
pub(super) const KINDS: &[&str] = &["VaultStaticSecret", "VaultDynamicSecret", "VaultPKISecret", "HCPVaultSecretsApp"];

pub(super) fn extract(object: &Object<'_>, resource: ResourceId, found: &mut SecretFacts) {
    let Some(destination) = object.node.at(&["spec", "destination"]) else { return };
    let Some(name) = destination.get("name").and_then(spanned_string).filter(|name| !name.value.is_empty()) else {
        return;
    };
    let create = destination.get("create").and_then(Node::scalar);
    if matches!(create, None | Some(Scalar::Bool(false) | Scalar::Null)) {
        let written = (object.name.namespace.clone(), name.value);
        found.filled_in.push(Spanned { value: written, span: name.span });
        return;
    }
    let secret_type = SecretType::of(destination.get("type"));
    found.secrets.push(Secret {
        namespace: object.name.namespace.clone(),
        name,
        resource,
        // The keys are those of the secret in Vault, and those that `transformation` adds.
        content: secret_type.content(&Keys::AtLeast(Vec::new())),
        declared_type: secret_type.written(),
        producer: Producer::Vault,
        copies: Copies::of_annotations(destination.get("annotations")),
        lent: Vec::new(),
    });
}
