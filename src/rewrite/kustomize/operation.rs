//! The effects of JSON 6902 operations on the images of a pod.

use super::built::{BuiltPod, Item, Set, Why};
use crate::inventory::Inventory;
use crate::resource::kustomization::image::{containers_parent, list_of, within_item};
use crate::resource::kustomization::patch::{Operation, Patch};
use crate::resource::workload::kinds;

impl Operation {
    /// Whether it is for a container that the pod certainly does not have: kustomize then fails.
    pub(super) fn misses(&self, inventory: &Inventory, pod: &BuiltPod) -> bool {
        let object = &inventory.resource(inventory.pod(pod.pod).resource).name;
        let Some(own) =
            containers_parent(&self.path).filter(|_| kinds::builtin(object).is_some() && pod.lost.is_none())
        else {
            return false;
        };
        let paths = pod.items.iter().filter_map(|item| item.path(inventory)).map(within_item);
        let mut parents = paths.filter_map(containers_parent);
        self.op != "test" && parents.next().is_some_and(|first| first != own)
    }

    /// Whether it could change what a pod pulls, or with which credentials.
    pub(super) fn is_of_pods(&self) -> bool {
        let last = self.path.rsplit(['.', ']']).next().unwrap_or_default();
        let whole = ["", "spec", "template", "jobTemplate", "volumes", "containers", "initContainers"];
        let names =
            ["image", "imagePullPolicy", "imagePullSecrets", "serviceAccountName", "serviceAccount", "reference"];
        self.op != "test" && (whole.contains(&last) || names.contains(&last) || self.path.contains("imagePullSecrets"))
    }
}

/// Applies one JSON 6902 operation; `false` if the result is not known.
pub(super) fn operate(inventory: &Inventory, patch: &Patch, operation: &Operation, pod: &mut BuiltPod) -> bool {
    if operation.op == "test" {
        return true;
    }
    let path = operation.path.as_str();
    // The value of a copy is not resolved.
    let is_copied = matches!(operation.op.as_str(), "copy" | "move") && operation.is_of_pods();
    if is_copied || operation.adds_image && operation.added.is_empty() {
        pod.blur(Why::of_patch(patch));
        return false;
    }
    if !operation.added.is_empty() {
        return add_images(inventory, patch, operation, pod);
    }
    let below = |whole: &str, part: &str| {
        whole == part || whole.strip_prefix(part).is_some_and(|rest| rest.starts_with(['.', '[']) || part.is_empty())
    };
    let (mut followed, mut is_met) = (true, false);
    // Adding or removing an item moves the items after it.
    let list = path.strip_suffix(']').and_then(|_| list_of(path));
    let is_appended = path.ends_with("[-]");
    let moved = pod.is_reordered.then(|| list_of(path)).flatten();
    for item in &mut pod.items {
        let Some(own) = item.path(inventory).map(within_item).map(str::to_owned) else { continue };
        let own = own.as_str();
        if moved.is_some_and(|list| list_of(own) == Some(list)) && path.ends_with(".image") {
            item.blur(Why::of_patch(patch));
            followed = false;
            continue;
        }
        match (&operation.value, operation.op.as_str()) {
            (Some(value), "replace" | "add") if own == path => {
                let set = Set { value: value.value.clone(), span: value.span, path: format!("{}.patch", patch.path) };
                item.set.push(set);
                item.unknown = None;
                is_met = true;
            }
            _ if list.is_some_and(|list| !is_appended && below(own, list)) || list.is_none() && below(own, path) => {
                item.blur(Why::of_patch(patch));
                followed = false;
            }
            _ if path.ends_with("imagePullPolicy") && list_of(own) == list_of(path) => {
                item.blur(Why::of_patch(patch));
                followed = false;
            }
            _ => {}
        }
    }
    // It is not known which item in its list it is for: the index is relative to the end, or an item was added before.
    if !is_met && (path.ends_with("].image") || path.ends_with("].image.reference")) {
        followed &= !blur_list(inventory, patch, path, pod);
    }
    let last = path.rsplit('.').next().unwrap_or_default();
    let is_of_credentials = path.contains("imagePullSecrets") || last.starts_with("serviceAccount");
    if is_of_credentials || list.is_none() && matches!(last, "" | "spec" | "template" | "jobTemplate") {
        pod.facts.is_uncertain = true;
        followed = false;
    }
    followed
}

/// Marks the images in one list as unknown. Returns whether there are any.
fn blur_list(inventory: &Inventory, patch: &Patch, path: &str, pod: &mut BuiltPod) -> bool {
    let mut found = false;
    for item in &mut pod.items {
        if item.path(inventory).is_some_and(|own| list_of(within_item(own)) == list_of(path)) {
            item.blur(Why::of_patch(patch));
            found = true;
        }
    }
    found
}

/// Adds the containers or volumes from a JSON 6902 operation; `false` if the result is not known.
fn add_images(inventory: &Inventory, patch: &Patch, operation: &Operation, pod: &mut BuiltPod) -> bool {
    let path = operation.path.as_str();
    let place = path.strip_suffix(']').and_then(|path| path.rsplit_once('['));
    let list = place.map_or(path, |(list, _)| list);
    let own = |item: &Item| item.path(inventory).map(|path| within_item(path).to_owned());
    let parent = list.rsplit_once('.').map_or("", |(parent, _)| parent);
    // In an object with several pods, only one has the list.
    let has_list =
        pod.items.iter().filter_map(own).filter_map(|path| containers_parent(&path)).any(|holder| holder == parent);
    let start = pod
        .items
        .iter()
        .map(|item| item.image)
        .find(|at| inventory.images.get(*at).is_some_and(|image| image.pod == pod.pod));
    let start = start.or_else(|| inventory.images.iter().position(|image| image.pod == pod.pod));
    let Some(start) = start.filter(|_| has_list) else {
        pod.blur(Why::of_patch(patch));
        return false;
    };
    match (place.map(|(_, index)| index), operation.op.as_str()) {
        (Some("-"), "add") => {}
        (Some(index), "add") if !index.starts_with('-') => pod.is_reordered = true,
        (Some(index), "replace") if !index.starts_with('-') && !pod.is_reordered => {
            let is_replaced = |own: &str| own.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
            pod.items.retain(|item| own(item).is_none_or(|own| !is_replaced(&own)));
        }
        (None, _) => {
            pod.items.retain(|item| own(item).is_none_or(|own| list_of(&own) != Some(list)));
        }
        _ => {
            pod.blur(Why::of_patch(patch));
            return false;
        }
    }
    for image in &operation.added {
        let set = Set { value: image.text.value.clone(), span: image.text.span, path: format!("{}.patch", patch.path) };
        let added = Some((image.container.clone(), image.path.clone()));
        pod.items.push(Item { image: start, added, set: vec![set], unknown: None });
    }
    true
}
