//! Releases that GitOps objects change before they are installed.

use std::collections::BTreeMap;

use super::Tree;
use crate::inventory::Inventory;
use crate::resource::deployer::Overrides;
use crate::resource::kustomization::{Build, Kustomization};
use crate::resource::workload::PodOrigin;
use crate::text::source::{SourceId, SourceOrigin, Sources};

/// What is done to the objects of a source.
#[derive(Debug, Clone, Copy, Default)]
struct Changes {
    /// Any field may change.
    any: bool,
    /// The namespace is set.
    namespace: bool,
}

impl Changes {
    /// Entries of `images` change pods only.
    fn add(&mut self, overrides: &Overrides, is_doubtful: bool) {
        let changes = !overrides.patches.is_empty() || !overrides.components.is_empty() || overrides.doubt.is_some();
        self.any |= changes || is_doubtful;
        self.namespace |= overrides.namespace.is_some();
    }
}

/// Marks the pods of rendered charts as uncertain if a GitOps object may change the release, which was rendered as it
/// is written.
pub(in crate::rewrite) fn doubt_releases(
    inventory: &mut Inventory,
    kustomizations: &[Kustomization],
    builds: &[Build<'_>],
    sources: &Sources,
) {
    let of_release = sources.iter().filter_map(|(id, source)| match source.origin() {
        SourceOrigin::Rendered(rendering) => Some((id, rendering.release.as_ref()?.span.source)),
        _ => None,
    });
    let files: BTreeMap<SourceId, SourceId> = of_release.collect();
    if files.is_empty() || inventory.deployments.is_empty() {
        return;
    }
    let mut changes: BTreeMap<SourceId, Changes> = BTreeMap::new();
    for build in builds {
        let Some(by) = &build.kustomization.deployed_by else { continue };
        let Some(deployment) = inventory.deployments.get(by.deployment) else { continue };
        for source in &build.sources {
            changes.entry(*source).or_default().add(&deployment.overrides, by.doubt.is_some());
        }
    }
    let tree = Tree::new(kustomizations, sources);
    for deployment in inventory.deployments.iter().filter(|_| !tree.rendered.is_empty()) {
        let places = tree.folders_of(deployment, inventory, sources);
        for id in places.iter().filter_map(|place| tree.rendered.get(place)) {
            changes.entry(*id).or_default().add(&deployment.overrides, places.len() > 1);
        }
    }
    for pod in &mut inventory.pods {
        let changes = files.get(&pod.span.source).and_then(|file| changes.get(file)).copied().unwrap_or_default();
        if changes.any && pod.origin.is_certain() {
            pod.origin = PodOrigin::Unrendered;
        }
        if changes.namespace {
            pod.namespace = None;
            pod.chosen.namespace = true;
        }
    }
}
