//! Kinds from the configuration that did not yield any image.

use std::collections::BTreeSet;

use super::Inventory;
use crate::resource::workload::custom::kind::CustomKind;
use crate::resource::workload::{Resource, ResourceId};

/// Returns the kinds from the configuration that have objects in the inputs, but no images in any of them: the group,
/// the kind, and the number of objects. Otherwise, a typo in a path would look like a run without faults.
pub fn kinds_without_images<'k>(own: &'k [CustomKind], inventory: &Inventory) -> Vec<(&'k str, &'k str, usize)> {
    if own.is_empty() {
        return Vec::new();
    }
    let fruitful: BTreeSet<ResourceId> =
        inventory.images.iter().map(|image| inventory.pod(image.pod).resource).collect();
    let names = own.iter().flat_map(|kind| kind.kinds.iter().map(|name| (kind.group.as_str(), name.as_str())));
    let without_images = names.filter_map(|(group, kind)| {
        let of_kind = |resource: &Resource| resource.name.group() == group && resource.name.kind == kind;
        let objects =
            (0..).zip(&inventory.resources).filter(|(_, resource)| of_kind(resource)).map(|(id, _)| ResourceId(id));
        let objects: Vec<ResourceId> = objects.collect();
        let has_none = !objects.is_empty() && objects.iter().all(|id| !fruitful.contains(id));
        has_none.then_some((group, kind, objects.len()))
    });
    without_images.collect()
}
