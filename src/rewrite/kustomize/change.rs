//! The changes made by the patches in a kustomization.

use super::built::{BuiltPod, Item, Set, Why};
use super::identity::is_cluster_scoped;
use super::operation::operate;
use super::{Builder, MAX_CHECKS, keeping, missing};
use crate::inventory::Inventory;
use crate::resource::ResourceName;
use crate::resource::kustomization::image::{containers_parent, list_of, within_item};
use crate::resource::kustomization::patch::{Change, Merge, MergedImage, Patch, PatchForm};
use crate::resource::kustomization::unrendered::{Unfollowed, UnfollowedReason};
use crate::resource::kustomization::{Kustomization, Refusal};
use crate::resource::workload::{PodOrigin, SecretReference, kinds};
use crate::text::placeholder::is_placeholder;

/// Applies one patch to the pods.
pub(super) fn patch(builder: &mut Builder<'_>, own: &Kustomization, patch: &Patch, pods: &mut [BuiltPod]) {
    let changes = builder.changes(own, patch);
    let renames = keeping::may_rename(patch, changes.as_deref(), builder.sources);
    match missing::form(builder, own, patch) {
        // An empty patch changes nothing.
        Some(PatchForm::Empty) => return,
        Some(PatchForm::Operations { fault: Some(words) }) => {
            let is_meant = |pod: &BuiltPod| fit(builder.inventory, patch, None, pod) == Some(true);
            if patch.target.is_some() && pods.iter().any(|pod| !pod.is_deleted && is_meant(pod)) {
                builder.unmatched.push(Refusal::new(patch.span, words, "not an operation of JSON 6902"));
            }
        }
        _ => {}
    }
    let unfollowed = |reason| Unfollowed { reason, span: patch.span };
    // With a target, kustomize accepts at most one partial object.
    let merges = |changes: &[Change]| changes.iter().filter(|change| matches!(change, Change::Merge(_))).count();
    let changes = changes.filter(|changes| patch.target.is_none() || merges(changes) < 2);
    let Some(changes) = changes else {
        builder.reasons.push(unfollowed(UnfollowedReason::Patch));
        for pod in pods.iter_mut().filter(|pod| fit(builder.inventory, patch, None, pod) != Some(false)) {
            pod.blur(Why::of_patch(patch));
            pod.is_renamed = true;
        }
        return;
    };
    let cost = |pod: &BuiltPod| match &patch.target {
        Some(target) => {
            let object = &builder.inventory.resource(builder.inventory.pod(pod.pod).resource).name;
            target.cost(object, &pod.names, &pod.namespaces)
        }
        None => 1,
    };
    builder.checks += pods.iter().map(cost).sum::<usize>() * changes.len();
    if builder.checks > MAX_CHECKS {
        builder.is_exhausted = true;
        return;
    }
    for change in &changes {
        unmatched(builder, own, patch, change);
        if let (Some(target), Change::Operations(operations)) = (&patch.target, change)
            && let Some(first) =
                operations.first().filter(|operation| operation.op != "test" && operation.path.contains("ontainers["))
            && !builder.has_pods_only(target, &first.path)
        {
            builder.doubt.get_or_insert(Why::new(patch.span, "kustomize fails where an object has no such field"));
        }
        let (name, concerns) = match change {
            Change::Merge(merge) => (Some(&merge.name), merge.has_directive || concerns(merge)),
            Change::Operations(operations) => {
                (None, operations.iter().any(|operation| operation.adds_image || operation.is_of_pods()))
            }
        };
        let fits: Vec<Option<bool>> = pods.iter().map(|pod| fit(builder.inventory, patch, name, pod)).collect();
        for (pod, fits) in pods.iter_mut().zip(&fits).filter(|(pod, fits)| **fits != Some(false) && !pod.is_deleted) {
            if let Change::Operations(operations) = change
                && let Some(refusal) = missing::refusal(builder, patch, operations, pod)
            {
                match fits {
                    Some(true) => builder.unmatched.push(refusal),
                    // Labels are not looked up, so a selector may or may not select the object.
                    _ => drop(builder.doubt.get_or_insert(Why::new(
                        patch.span,
                        "kustomize fails if this patch selects an object that lacks the field",
                    ))),
                }
            }
            pod.is_changed = true;
            pod.is_renamed |= renames;
        }
        if let (None, Some(name)) = (&patch.target, name)
            && are_several(
                builder.inventory,
                pods.iter().zip(&fits).filter(|(_, fits)| **fits == Some(true)).map(|(pod, _)| pod),
            )
        {
            let (kind, name) = (&name.kind, name.name.as_deref().unwrap_or_default());
            let words = format!(
                "no resource matches strategic merge patch \"{kind}/{name}\": multiple matches for Id; failed to find \
                 unique target for patch"
            );
            let refusal = Refusal::new(patch.span, words, format!("several objects have had the name {kind} `{name}`"));
            builder.unmatched.push(refusal);
        }
        // Nothing follows a patch into the values of a release.
        for (pod, _) in pods.iter_mut().zip(&fits).filter(|(_, fits)| **fits != Some(false)) {
            if change.may_set_values() && builder.inventory.pod(pod.pod).origin == PodOrigin::Values {
                pod.blur_images(Why::of_patch(patch));
            }
        }
        if !concerns {
            continue;
        }
        let mut followed = true;
        if let (None, Some(name)) = (&patch.target, name)
            && fits.iter().all(|fits| *fits == Some(false))
        {
            // kustomize fails if only an object in another namespace has the name.
            let anywhere = ResourceName { namespace: None, ..name.clone() };
            for pod in pods.iter_mut() {
                if fit(builder.inventory, patch, Some(&anywhere), pod) != Some(false) {
                    pod.blur(Why::of_patch(patch));
                    followed = false;
                }
            }
        }
        for (pod, fits) in pods.iter_mut().zip(&fits) {
            match (*fits, change) {
                (Some(false), _) => {}
                (Some(true), Change::Merge(merge)) if pod.is_deleted => {
                    let kind = &merge.name.kind;
                    let words = format!("no matches for Id {kind}; failed to find unique target for patch");
                    let refusal = Refusal::new(patch.span, words, "another patch has removed its object");
                    builder.unmatched.extend(patch.target.is_none().then_some(refusal));
                }
                _ if pod.is_deleted => {}
                (None, _) => {
                    pod.blur(Why::of_patch(patch));
                    followed = false;
                }
                (Some(true), Change::Merge(merge)) => {
                    builder.merged.extend(merge.images.iter().filter_map(|image| image.image));
                    followed &= merge_object(builder.inventory, patch, merge, pod);
                    if pod.is_deleted {
                        builder.deleted.insert(builder.inventory.pod(pod.pod).resource);
                    }
                }
                (Some(true), Change::Operations(operations)) => {
                    for operation in operations {
                        if operation.misses(builder.inventory, pod) {
                            let (op, path) = (&operation.op, &operation.path);
                            let words = format!("{op} operation does not apply: doc is missing path: {path}");
                            let label = "an object that it selects has no such field";
                            builder.unmatched.push(Refusal::new(patch.span, words, label));
                        }
                        followed &= operate(builder.inventory, patch, operation, pod);
                    }
                }
            }
        }
        if !followed {
            builder.reasons.push(unfollowed(UnfollowedReason::Patch));
        }
    }
}

/// Notes a partial object that does not match any object, which kustomize refuses. It may be meant for objects that
/// generators create, or that are not read.
fn unmatched(builder: &mut Builder<'_>, own: &Kustomization, patch: &Patch, change: &Change) {
    let (None, Change::Merge(merge)) = (&patch.target, change) else { return };
    let Some(name) = merge.name.name.as_deref() else { return };
    let kind = merge.name.kind.as_str();
    let is_open = matches!(kind, "" | "ConfigMap" | "Secret" | "CustomResourceDefinition");
    let is_kind = |resource: &ResourceName| resource.kind == kind && resource.api_version == merge.name.api_version;
    if is_open || is_placeholder(name) {
        return;
    }
    let namespace = effective(merge.name.namespace.as_deref());
    let is_anywhere = is_cluster_scoped(&merge.name.api_version, kind) || builder.may_move_to(own, namespace);
    let is_there = |resource: &ResourceName| is_anywhere || effective(resource.namespace.as_deref()) == namespace;
    if builder.may_have(|resource| is_kind(resource) && is_there(resource), name, patch.span) {
        return;
    }
    let words = format!("no resource matches strategic merge patch \"{kind}/{name}\": no matches for Id");
    let is_other = |resource: &ResourceName| resource.kind == kind && resource.name.as_deref() == Some(name);
    let label = match builder.inventory.resources.iter().any(|resource| is_other(&resource.name)) {
        true => format!("the {kind} `{name}` has another apiVersion or namespace"),
        false => format!("there is no {kind} `{name}` to patch"),
    };
    builder.add_missing_name(Refusal::new(patch.span, words, label));
}

/// Whether the pods belong to more than one object of a build.
pub(super) fn are_several<'p>(inventory: &Inventory, pods: impl Iterator<Item = &'p BuiltPod>) -> bool {
    let objects = pods.map(|pod| (inventory.pod(pod.pod).resource, pod.names.last(), pod.namespaces.last()));
    let objects: std::collections::BTreeSet<_> = objects.collect();
    objects.len() > 1
}

/// The namespace by which kustomize compares objects: an omitted one equals `default` (`IsNsEquals` of
/// `kyaml/resid/resid.go`, kustomize 5.8.3).
fn effective(namespace: Option<&str>) -> &str {
    namespace.filter(|namespace| !namespace.is_empty()).unwrap_or("default")
}

fn concerns(merge: &Merge) -> bool {
    let says = |pod: &crate::resource::kustomization::patch::MergedPod| {
        pod.pull_secrets.is_some() || pod.service_account.is_some() || pod.has_demand
    };
    merge.reorders || !merge.images.is_empty() || merge.pods.iter().any(says)
}

/// Whether a patch applies to a pod's object; `None` if it may.
fn fit(inventory: &Inventory, patch: &Patch, name: Option<&ResourceName>, pod: &BuiltPod) -> Option<bool> {
    let object = &inventory.resource(inventory.pod(pod.pod).resource).name;
    let fit = match (&patch.target, name) {
        (Some(target), _) => target.fits(object, &pod.names, &pod.namespaces),
        (None, None) => None,
        (None, Some(name)) => {
            let is_named = name.name.as_ref().is_some_and(|name| pod.names.contains(name));
            let own = effective(name.namespace.as_deref());
            let same_namespace = pod.namespaces.iter().any(|namespace| effective(namespace.as_deref()) == own);
            let is_meant = name.kind == object.kind && name.group() == object.group() && is_named && same_namespace;
            // kustomize does not find an object of another version, and fails.
            if is_meant && name.api_version != object.api_version { None } else { Some(is_meant) }
        }
    };
    // The object's present name and namespace are not known, and its kind may be another.
    let is_by_name = patch.target.as_ref().is_none_or(|target| target.name.is_some() || target.namespace.is_some());
    fit.filter(|fits| !pod.is_renamed || *fits && !is_by_name)
}

/// Merges a partial object; `false` if the result is not known.
fn merge_object(inventory: &Inventory, patch: &Patch, merge: &Merge, pod: &mut BuiltPod) -> bool {
    if merge.deletes {
        pod.is_deleted = true;
        return true;
    }
    if merge.has_directive {
        pod.blur(Why::of_patch(patch));
        return false;
    }
    let object = &inventory.resource(inventory.pod(pod.pod).resource).name;
    let is_builtin = kinds::builtin(object).is_some();
    if is_builtin && merge.name.kind != object.kind && !merge.name.kind.is_empty() {
        let parent = |path: &str| containers_parent(within_item(path));
        let own = pod.items.iter().filter_map(|item| item.path(inventory)).find_map(parent);
        let mut images = merge.images.iter().filter_map(|image| parent(&image.path));
        // A pod template in an object that has none, or the other way round: the template is added, and nothing reads
        // it.
        match images.next() {
            Some(other) if own.as_ref() == Some(&other) => {}
            Some(_) => return true,
            None => {
                pod.blur_credentials();
                return true;
            }
        }
    }
    if !is_builtin {
        // Without a schema, a list is replaced as a whole.
        if merge.reorders && merge.images.is_empty() {
            pod.blur(Why::of_patch(patch));
            return false;
        }
        let path = |item: &Item| item.path(inventory).unwrap_or_default().to_owned();
        let lists: Vec<&str> = merge.images.iter().filter_map(|image| list_of(&image.path)).collect();
        pod.items.retain(|item| list_of(&path(item)).is_none_or(|list| !lists.contains(&list)));
    }
    pod.is_reordered |= merge.reorders && is_builtin;
    let mut followed = true;
    for image in &merge.images {
        followed &= merge_image(inventory, patch, image, is_builtin, pod);
    }
    for merged in &merge.pods {
        if let Some(secrets) = &merged.pull_secrets {
            let own = pod.facts.pull_secrets.take().filter(|_| is_builtin).unwrap_or_default();
            let mut merged: Vec<SecretReference> = secrets.clone();
            merged.extend(own.into_iter().filter(|own| !secrets.iter().any(|secret| secret.name == own.name)));
            pod.facts.pull_secrets = Some(merged);
        }
        if merged.service_account.is_some() {
            pod.facts.service_account.clone_from(&merged.service_account);
        }
        pod.facts.has_other_demand |= merged.has_demand;
    }
    followed
}

fn merge_image(
    inventory: &Inventory,
    patch: &Patch,
    image: &MergedImage,
    is_builtin: bool,
    pod: &mut BuiltPod,
) -> bool {
    let container = |item: &Item| {
        let of_use = || inventory.images.get(item.image).map(|image| image.container.clone());
        item.added.as_ref().map(|(container, _)| container.clone()).or_else(of_use)
    };
    let set = || Set { value: image.text.value.clone(), span: image.text.span, path: format!("{}.patch", patch.path) };
    if image.container.name.is_none() {
        pod.blur(Why::of_patch(patch));
        return false;
    }
    let merged = pod.items.iter_mut().find(|item| is_builtin && container(item).as_ref() == Some(&image.container));
    match (merged, image.image) {
        (Some(item), Some(at)) => {
            *item = Item { image: at, added: None, set: Vec::new(), unknown: None };
        }
        (Some(item), None) => {
            item.set.push(set());
            item.unknown = None;
        }
        (None, Some(at)) => {
            pod.items.push(Item { image: at, added: None, set: Vec::new(), unknown: None });
        }
        // An added container needs a use to start from: any use of the pod as written.
        (None, None) => match inventory.images.iter().position(|image| image.pod == pod.pod) {
            Some(at) => pod.items.push(Item {
                image: at,
                added: Some((image.container.clone(), image.path.clone())),
                set: vec![set()],
                unknown: None,
            }),
            None => return false,
        },
    }
    true
}
