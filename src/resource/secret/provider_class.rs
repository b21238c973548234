//! SecretProviderClass: the Secrets Store CSI driver creates Secrets from mounted content, as soon as a pod mounts it.
//!
//! Follows `pkg/util/secretutil/secret.go` of secrets-store-csi-driver; without a type it creates none.

use super::SecretFacts;
use crate::resource::Object;
use crate::resource::secret::copies::Copies;
use crate::resource::secret::producer::{Keys, SecretType};
use crate::resource::secret::{Producer, Secret};
use crate::resource::workload::ResourceId;
use crate::resource::workload::value::spanned_string;
use crate::text::yaml::Node;

pub(super) fn extract(object: &Object<'_>, resource: ResourceId, found: &mut SecretFacts) {
    for item in object.node.at(&["spec", "secretObjects"]).into_iter().flat_map(Node::items) {
        let Some(name) = item.get("secretName").and_then(spanned_string) else { continue };
        let secret_type = SecretType::of(item.get("type"));
        found.secrets.push(Secret {
            namespace: object.name.namespace.clone(),
            name,
            resource,
            content: secret_type.content(&Keys::of_items(item.get("data"), "key")),
            declared_type: secret_type.written(),
            producer: Producer::SecretProviderClass,
            copies: Copies::of_annotations(item.get("annotations")),
            lent: Vec::new(),
        });
    }
}
