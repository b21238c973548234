//! Objects of kinds that are not built in. The fields of kinds in the table and the configuration are known; in any
//! other kind, a `containers:` list like a pod's is read.
//!
//! A bare `image:` key in an unknown kind is never treated as an image, but is reported as unchecked.

mod embedded;
mod form;
pub mod kind;
mod parts;
pub mod path;
mod pods;
pub mod unchecked;
pub(in crate::resource::workload) mod walk;

use std::collections::BTreeSet;

use crate::resource::Object;
use crate::resource::workload::custom::kind::CustomKind;
use crate::resource::workload::custom::path::Field;
use crate::resource::workload::custom::pods::Making;
use crate::resource::workload::path::join;
use crate::resource::workload::pod::PodSpec;
use crate::resource::workload::trigger::Triggered;
use crate::resource::workload::{ImageText, ImageUse, Pod, PodId, ResourceId, Skip, WorkloadFacts, mention};
use crate::text::source::Span;
use crate::text::yaml::Node;

/// Reads the pods and images of an object.
pub(super) fn extract<'d>(
    object: &Object<'d>,
    resource: ResourceId,
    triggered: &[Triggered],
    kinds: &[CustomKind],
    found: &mut WorkloadFacts<'d>,
) {
    let first = found.images.len();
    embedded::extract(object, resource, kinds, found);
    let new_spans = found.images.iter().skip(first).map(|image| image.text.span);
    let mut known: BTreeSet<Span> = new_spans.collect();
    if let Some(kind) = kind::of(&object.name, kinds) {
        for root in kind.at.fields(&Field::root(object.node, "")) {
            for fields in &kind.pods {
                form::check(object, resource, &root, fields, &mut found.misplaced);
                Making { object, resource, triggered, root: &root, fields }.run(&mut known, found);
            }
        }
    }
    walk(object, resource, triggered, &known, found);
    if kind::of(&object.name, kinds).is_none() && !embedded::is_holder(object) {
        unchecked::note(object, resource, found);
    }
}

/// Lists the images of an object that another program creates from it, or merges with one in the cluster. They are
/// not checked.
pub(super) fn list<'d>(object: &Object<'d>, resource: ResourceId, found: &mut WorkloadFacts<'d>) {
    let first = found.images.len();
    walk(object, resource, &[], &BTreeSet::new(), found);
    for image in found.images.iter_mut().skip(first) {
        image.image = ImageText::Skipped(Skip::PulledByAnother);
    }
}

/// Lists the images of the objects that a Kyverno policy creates when another object triggers it
/// (`api/kyverno/v1/rule_types.go`). Their data may be filled in and merged with existing objects.
pub(super) fn list_generated<'d>(object: &Object<'d>, resource: ResourceId, found: &mut WorkloadFacts<'d>) {
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
            list(&Object { name, node, path: format!("{path}.data") }, resource, found);
        }
    }
}

/// Searches the fields that the kind does not cover, or all fields of an unknown kind.
fn walk<'d>(
    object: &Object<'d>,
    resource: ResourceId,
    triggered: &[Triggered],
    known: &BTreeSet<Span>,
    found: &mut WorkloadFacts<'d>,
) {
    let mut specs = Vec::new();
    walk::pod_specs(object, resource, triggered, &mut specs);
    for spec in specs {
        let pod = PodId(found.pods.len() as u32);
        let mut images = Vec::new();
        spec.images(pod, &mut images);
        let count = images.len();
        images.retain(|image| !known.contains(&image.text.span));
        if images.is_empty() && count > 0 {
            continue;
        }
        add(&spec, spec.pod(), images, found);
    }
}

/// Adds a pod with its images.
fn add<'d>(spec: &PodSpec<'d>, pod: Pod, images: Vec<ImageUse>, found: &mut WorkloadFacts<'d>) {
    found.pods.push(pod);
    if let Some(template) = spec.template {
        found.templates.push((template.span(), spec.metadata));
    }
    found.images.extend(images);
    mention::extract(spec, found);
    spec.duplicate_keys(&mut found.duplicate_keys);
}
