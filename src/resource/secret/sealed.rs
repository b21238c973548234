//! SealedSecret: encrypted in the inputs, and a Secret of the same name and namespace in the cluster.
//!
//! Follows `Unseal` of sealed-secrets, `pkg/apis/sealedsecrets/v1alpha1/sealedsecret_expansion.go`: the name in the
//! template's metadata is overwritten, and an omitted type becomes `Opaque`.

use super::SecretFacts;
use crate::resource::Object;
use crate::resource::secret::copies::Copies;
use crate::resource::secret::producer::{Keys, SecretType};
use crate::resource::secret::{Producer, Secret, SecretContent};
use crate::resource::workload::ResourceId;
use crate::resource::workload::value::spanned_string;

pub(super) fn extract(object: &Object<'_>, resource: ResourceId, found: &mut SecretFacts) {
    let Some(name) = object.node.at(&["metadata", "name"]).and_then(spanned_string) else { return };
    let template = object.node.at(&["spec", "template"]);
    let encrypted = object.node.at(&["spec", "encryptedData"]);
    let secret_type = SecretType::of(template.and_then(|template| template.get("type")));
    let content = if encrypted.is_some_and(|data| data.entries().next().is_some()) {
        let plain = template.and_then(|template| template.get("data"));
        secret_type.content(&Keys::of_maps([encrypted, plain]))
    } else {
        // The deprecated `spec.data` is a whole Secret, including its type, encrypted as one value.
        SecretContent::Opaque
    };
    found.secrets.push(Secret {
        namespace: object.name.namespace.clone(),
        name,
        resource,
        declared_type: secret_type.written(),
        content,
        producer: Producer::SealedSecret,
        copies: Copies::of_annotations(template.and_then(|template| template.at(&["metadata", "annotations"]))),
        lent: Vec::new(),
    });
}
