//! ExternalSecret and ClusterExternalSecret: Secrets that the External Secrets Operator fetches.
//!
//! Follows `apis/externalsecrets/v1` of external-secrets: `target.name` takes precedence over the object's own name,
//! an omitted type is `Opaque`, and with the creation policies `Merge` and `None` no Secret is created.

use super::SecretFacts;
use crate::resource::Object;
use crate::resource::secret::copies::{Copier, Copies, CopyTarget};
use crate::resource::secret::producer::{Keys, SecretType};
use crate::resource::secret::{Producer, Secret};
use crate::resource::workload::ResourceId;
use crate::resource::workload::value::spanned_string;
use crate::text::placeholder::is_placeholder;
use crate::text::source::Spanned;
use crate::text::yaml::Node;

pub(super) fn extract(object: &Object<'_>, resource: ResourceId, found: &mut SecretFacts) {
    let cluster = object.name.kind == "ClusterExternalSecret";
    let outer = object.node.get("spec");
    let spec = if cluster { outer.and_then(|spec| spec.get("externalSecretSpec")) } else { outer };
    let target = spec.and_then(|spec| spec.get("target"));
    let in_target = |key: &str| target.and_then(|target| target.get(key));
    // An ExternalSecret may create objects of other kinds, too.
    if in_target("manifest").is_some() {
        return;
    }
    let named = |node: Option<Node<'_>>| node.and_then(spanned_string).filter(|name| !name.value.is_empty());
    let given = outer.filter(|_| cluster).and_then(|spec| spec.get("externalSecretName"));
    let own = || named(object.node.at(&["metadata", "name"]));
    let Some(name) = named(in_target("name")).or_else(|| named(given)).or_else(own) else { return };
    let namespace = object.name.namespace.clone().filter(|_| !cluster);
    if let Some("Merge" | "None") = in_target("creationPolicy").and_then(Node::as_str) {
        if in_target("creationPolicy").and_then(Node::as_str) == Some("Merge") {
            found.filled_in.push(Spanned { value: (namespace, name.value), span: name.span });
        }
        return;
    }
    let template = in_target("template");
    let secret_type = SecretType::of(template.and_then(|template| template.get("type")));
    let annotations = template.and_then(|template| template.at(&["metadata", "annotations"]));
    let mut copies = Copies::of_annotations(annotations);
    if cluster {
        copies.push(Copies { by: Copier::ClusterExternalSecret, to: outer.map(namespaces).unwrap_or_default() });
    }
    found.secrets.push(Secret {
        namespace,
        name,
        resource,
        content: secret_type.content(&keys(spec, template)),
        declared_type: secret_type.written(),
        producer: Producer::ExternalSecret { cluster },
        copies,
        lent: Vec::new(),
    });
}

/// The keys of the template if it has any; otherwise the fetched keys, or both with `mergePolicy: Merge`.
fn keys<'a>(spec: Option<Node<'a>>, template: Option<Node<'a>>) -> Keys<'a> {
    let has_items = |node: Option<Node<'_>>| node.is_some_and(|node| node.items().next().is_some());
    let data_from = spec.and_then(|spec| spec.get("dataFrom"));
    let fetched = Keys::of_items(spec.and_then(|spec| spec.get("data")), "secretKey");
    let fetched = if data_from.is_some_and(|from| !from.is_null()) { fetched.or_more() } else { fetched };
    let data = template.and_then(|template| template.get("data")).filter(|data| !data.is_null());
    let template_from = template.and_then(|template| template.get("templateFrom"));
    if data.is_none() && !has_items(template_from) {
        return fetched;
    }
    let rendered = Keys::of_maps([data]);
    let rendered = if has_items(template_from) { rendered.or_more() } else { rendered };
    match template.and_then(|template| template.get("mergePolicy")) {
        None => rendered,
        Some(policy) if policy.as_str() == Some("Replace") => rendered,
        Some(_) => rendered.and(fetched),
    }
}

/// The namespaces where a ClusterExternalSecret creates its Secrets. Those that a selector picks are not known.
fn namespaces(spec: Node<'_>) -> Vec<CopyTarget> {
    let listed = spec.get("namespaces").into_iter().flat_map(Node::items);
    let mut targets: Vec<_> = listed
        .map(|name| match name.as_str() {
            Some(name) if !is_placeholder(name) => CopyTarget::Namespace(name.to_owned()),
            _ => CopyTarget::Unknown,
        })
        .collect();
    let unlisted = spec.get("namespaces").is_some_and(|list| !list.is_sequence() && !list.is_null());
    if unlisted || spec.get("namespaceSelector").is_some() || spec.get("namespaceSelectors").is_some() {
        targets.push(CopyTarget::Unknown);
    }
    targets
}
