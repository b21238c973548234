//! Folders that a GitOps object deploys, and that kustomize has already rendered without its changes.

use std::collections::BTreeMap;

use super::Tree;
use crate::inventory::Inventory;
use crate::resource::deployer::Overrides;
use crate::resource::kustomization::Kustomization;
use crate::resource::workload::{DecidedBy, ImageText, Skip};
use crate::text::source::{SourceId, Sources, Span};

/// What the GitOps objects of a rendered folder do.
enum Change<'i> {
    /// They give its objects this namespace, at most.
    Namespace(&'i Overrides),
    /// They may change the images; the place of one of them.
    Unknown(Span),
}

/// Marks the images of rendered folders as unknown if a GitOps object may change them.
pub(in crate::rewrite) fn mark_rendered(
    inventory: &mut Inventory,
    kustomizations: &[Kustomization],
    sources: &Sources,
) {
    if inventory.deployments.is_empty() {
        return;
    }
    let tree = Tree::new(kustomizations, sources);
    if tree.rendered.is_empty() {
        return;
    }
    let deployments = std::mem::take(&mut inventory.deployments);
    let mut changes: BTreeMap<SourceId, Change<'_>> = BTreeMap::new();
    for deployment in &deployments {
        let overrides = &deployment.overrides;
        let is_plain = overrides.images.is_empty()
            && overrides.patches.is_empty()
            && overrides.components.is_empty()
            && overrides.doubt.is_none();
        let places = tree.folders_of(deployment, inventory, sources);
        for place in &places {
            let Some(&id) = tree.rendered.get(place) else { continue };
            let change = match changes.remove(&id) {
                None if is_plain && places.len() == 1 => Change::Namespace(overrides),
                _ => Change::Unknown(deployment.path.span),
            };
            changes.insert(id, change);
        }
    }
    for pod in &mut inventory.pods {
        let Some(Change::Namespace(overrides)) = changes.get(&pod.span.source) else { continue };
        if let Some(namespace) = &overrides.namespace {
            pod.namespace = Some(namespace.clone());
        }
    }
    let message = "a GitOps object changes what is rendered from this folder".to_owned();
    for image in &mut inventory.images {
        let Some(Change::Unknown(span)) = changes.get(&image.text.span.source) else { continue };
        if !matches!(image.image, ImageText::Skipped(_)) {
            image.image = ImageText::Skipped(Skip::RewrittenByKustomize);
            image.decided_by = vec![DecidedBy { span: *span, message: message.clone() }];
        }
    }
    drop(changes);
    inventory.deployments = deployments;
}
