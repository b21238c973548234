//! Objects of kinds that are not built in: those of the table and of the configuration by their fields, and whatever
//! has a `containers:` list like a pod's in any other.
//!
//! A bare `image:` key of an unknown kind is never taken for an image; that it is not checked is told.

mod embedded;
pub(crate) mod fleet;
mod form;
pub mod kind;
mod making;
mod parts;
pub mod path;
mod unchecked;
mod walk;

use std::collections::BTreeSet;

use crate::inventory::Inventory;
use crate::resource::Object;
use crate::source::Span;
use crate::workload::custom::kind::Kind;
use crate::workload::custom::making::Making;
use crate::workload::custom::path::Field;
use crate::workload::mention;
use crate::workload::openshift::Triggered;
use crate::workload::placeholder::Skip;
use crate::workload::pod::PodSpec;
use crate::workload::{ImageText, ImageUse, Pod, PodId, ResourceId};
use crate::yaml::Node;
pub(in crate::workload) use walk::join;

/// Reads the pods and images of an object.
pub(super) fn extract(
    object: &Object<'_>,
    resource: ResourceId,
    triggered: &[Triggered],
    kinds: &[Kind],
    inventory: &mut Inventory,
) {
    let first = inventory.images.len();
    embedded::extract(object, resource, kinds, inventory);
    let held = inventory.images.iter().skip(first).map(|image| image.text.span);
    let mut known: BTreeSet<Span> = held.collect();
    if let Some(kind) = kind::of(&object.name, kinds) {
        for root in kind.at.fields(&Field::root(object.node, "")) {
            for fields in &kind.pods {
                form::check(object, resource, &root, fields, &mut inventory.misplaced);
                Making { object, resource, triggered, root: &root, fields }.run(&mut known, inventory);
            }
        }
    }
    walk(object, resource, triggered, &known, inventory);
    if kind::of(&object.name, kinds).is_none() && !embedded::is_holder(object) {
        unchecked::note(object, resource, inventory);
    }
}

/// Lists the images of an object that another program makes of the object, or merges with one of the cluster: they are not
/// judged.
pub(super) fn list(object: &Object<'_>, resource: ResourceId, inventory: &mut Inventory) {
    let first = inventory.images.len();
    walk(object, resource, &[], &BTreeSet::new(), inventory);
    for image in inventory.images.iter_mut().skip(first) {
        image.image = ImageText::Skipped(Skip::PulledByAnother);
    }
}

/// Lists the images of the objects that a policy of Kyverno makes where another object triggers it
/// (`api/kyverno/v1/rule_types.go`): their data may be filled in and merged with what is there.
pub(super) fn list_generated(object: &Object<'_>, resource: ResourceId, inventory: &mut Inventory) {
    let rules = object.node.at(&["spec", "rules"]).into_iter().flat_map(Node::items);
    for (at, rule) in rules.enumerate() {
        let Some(generate) = rule.get("generate") else { continue };
        let path = join(&object.path, &format!("spec.rules[{at}].generate"));
        let each = generate.get("foreach").into_iter().flat_map(Node::items).enumerate();
        let each = each.map(|(at, each)| (each, format!("{path}.foreach[{at}]")));
        for (holder, path) in std::iter::once((generate, path.clone())).chain(each) {
            let Some(node) = holder.get("data") else { continue };
            let mut name = object.name.clone();
            name.namespace = None;
            list(&Object { name, node, path: format!("{path}.data") }, resource, inventory);
        }
    }
}

/// What the kind's fields leave, and all of a kind that is not known.
fn walk(
    object: &Object<'_>,
    resource: ResourceId,
    triggered: &[Triggered],
    known: &BTreeSet<Span>,
    inventory: &mut Inventory,
) {
    let mut specs = Vec::new();
    walk::pod_specs(object, resource, triggered, &mut specs);
    for spec in specs {
        let pod = PodId(inventory.pods.len() as u32);
        let mut images = Vec::new();
        spec.images(pod, &mut images);
        let found = images.len();
        images.retain(|image| !known.contains(&image.text.span));
        if images.is_empty() && found > 0 {
            continue;
        }
        add(&spec, spec.pod(), images, inventory);
    }
}

/// Adds a pod with its images.
fn add(spec: &PodSpec<'_>, pod: Pod, images: Vec<ImageUse>, inventory: &mut Inventory) {
    inventory.pods.push(pod);
    if let Some(template) = spec.template {
        inventory.suppressions.add_annotation(template.span(), spec.metadata);
    }
    inventory.images.extend(images);
    mention::extract(spec, inventory);
    spec.duplicate_keys(&mut inventory.duplicate_keys);
}
