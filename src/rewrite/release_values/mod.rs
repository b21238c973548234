//! Releases whose values are elsewhere in the inputs: in a ConfigMap, in a file, or in the chart itself.

mod generated;
mod lookup;

use std::collections::{BTreeMap, BTreeSet};

pub use generated::render_inputs_of_sets;
pub use lookup::InputLookup;

use crate::inventory::Inventory;
use crate::resource::workload::values::{self, ReferenceLookup, Release, ReleaseId, SourceTable, ValueText};
use crate::resource::workload::{ImageUse, PodId, ResourceId, WorkloadFacts};
use crate::resource::{self, ResourceName, kustomization};
use crate::text::source::{SourceId, Sources, Span};
use crate::text::yaml::{self, Piece};

/// Reads the releases again that refer to values in other inputs.
pub(super) fn complete(inventory: &mut Inventory, sources: &Sources) {
    let mut objects: BTreeMap<SourceId, BTreeMap<Span, ResourceId>> = BTreeMap::new();
    let charts = SourceTable::new(&inventory.chart_sources);
    let has_defaults = |release: &Release| {
        (release.incomplete > 0 || release.images > 0) && values::defaults(&charts.complete(&release.chart)).is_some()
    };
    for release in &inventory.releases {
        let resource = inventory.resource(release.resource);
        let is_generated = resource.name.kind == generated::KIND;
        if release.references.is_empty() && !is_generated && !has_defaults(release) {
            continue;
        }
        let span = resource.span;
        objects.entry(span.source).or_default().insert(span, release.resource);
    }
    if objects.is_empty() {
        return;
    }
    let references = inventory.releases.iter().flat_map(|release| &release.references);
    let lookup = InputLookup::new(&inventory.kustomizations, &inventory.chart_sources, sources, references);
    let read = objects.into_iter().flat_map(|(source, objects)| read(source, sources, &objects, &lookup));
    let read: Vec<_> = read.collect();
    for (object, facts) in read {
        replace(inventory, object, facts);
    }
}

/// Reads the releases of some objects of a source. Nothing else of the facts is used.
fn read(
    source: SourceId,
    sources: &Sources,
    wanted: &BTreeMap<Span, ResourceId>,
    lookup: &InputLookup,
) -> Vec<(ResourceId, WorkloadFacts<'static>)> {
    let mut found = Vec::new();
    let name = sources.get(source).name();
    let mut sets = generated::Sets::new(sources);
    let mut add = |id: ResourceId, facts: WorkloadFacts<'_>| {
        let WorkloadFacts { pods, images, releases, .. } = facts;
        found.push((id, WorkloadFacts { pods, images, releases, ..WorkloadFacts::default() }));
    };
    yaml::read(source, sources.get(source).text(), false, &mut |piece| {
        let Piece::Document(document) = piece else { return };
        let Some(root) = document.root() else { return };
        let mut objects = Vec::new();
        resource::objects(root, &mut objects);
        for object in objects {
            let Some(&id) = wanted.get(&object.node.span()) else { continue };
            let mut facts = WorkloadFacts::default();
            if object.name.kind == generated::KIND {
                sets.extract(&object, name, id, lookup, &mut facts);
                // Without an Application, the template is all there is.
                if !facts.releases.is_empty() {
                    add(id, facts);
                    continue;
                }
            }
            if values::extract_with(&object, id, lookup, &mut facts) {
                add(id, facts);
            }
        }
        let Some(&id) = wanted.get(&root.span()) else { return };
        if let Some((_, facts)) = values::of_file(name, root, kustomization::is_kustomization(name, root), id, lookup) {
            add(id, facts);
        }
    });
    found
}

/// Returns the releases in a file as they are written, with their objects.
pub(super) fn releases_in(
    file: SourceId,
    sources: &Sources,
    lookup: &dyn ReferenceLookup,
) -> Vec<(ResourceName, Vec<Release>, Vec<ImageUse>)> {
    let mut found = Vec::new();
    yaml::read(file, sources.get(file).text(), false, &mut |piece| {
        let Piece::Document(document) = piece else { return };
        let mut objects = Vec::new();
        if let Some(root) = document.root() {
            resource::objects(root, &mut objects);
        }
        for object in objects {
            let mut facts = WorkloadFacts::default();
            if values::extract_with(&object, ResourceId(0), lookup, &mut facts) {
                found.push((object.name.clone(), facts.releases, facts.images));
            }
        }
    });
    found
}

/// Returns the scalars in the values of the releases in a file, by the place of the release.
pub(super) fn texts_in(file: SourceId, sources: &Sources, lookup: &InputLookup<'_>) -> Vec<(Span, Vec<ValueText>)> {
    let mut found = Vec::new();
    yaml::read(file, sources.get(file).text(), false, &mut |piece| {
        let Piece::Document(document) = piece else { return };
        let mut objects = Vec::new();
        if let Some(root) = document.root() {
            resource::objects(root, &mut objects);
        }
        found.extend(objects.iter().flat_map(|object| values::texts_of(object, lookup)));
    });
    found
}

/// Puts the releases of an object in the place of those that were read without the values elsewhere.
fn replace(inventory: &mut Inventory, object: ResourceId, facts: WorkloadFacts<'static>) {
    let old = inventory.releases.iter().zip(0..).filter(|(release, _)| release.resource == object);
    let mut ids: Vec<ReleaseId> = old.map(|(_, at)| ReleaseId(at)).collect();
    let replaced: BTreeSet<ReleaseId> = ids.iter().copied().collect();
    let is_old = |inventory: &Inventory, image: &ImageUse| {
        let release = inventory.pods.get(image.pod.0 as usize).and_then(|pod| pod.release);
        release.is_some_and(|id| replaced.contains(&id))
    };
    let images = std::mem::take(&mut inventory.images);
    let (mut kept, mut at) = (Vec::with_capacity(images.len()), None);
    for image in images {
        if is_old(inventory, &image) {
            at.get_or_insert(kept.len());
        } else {
            kept.push(image);
        }
    }
    let behind = || kept.partition_point(|image| inventory.pod(image.pod).resource <= object);
    let at = at.unwrap_or_else(behind);
    let pods = inventory.pods.len() as u32;
    let new = facts.images.into_iter().map(|image| ImageUse { pod: PodId(image.pod.0 + pods), ..image });
    kept.splice(at..at, new);
    inventory.images = kept;
    // A template is replaced by any number of releases.
    for id in ids.split_off(facts.releases.len().min(ids.len())) {
        if let Some(old) = inventory.releases.get_mut(id.0 as usize) {
            old.is_partial = true;
        }
    }
    let more = facts.releases.len() - ids.len();
    let next = inventory.releases.len() as u32;
    ids.extend((next..).map(ReleaseId).take(more));
    inventory.releases.extend(facts.releases.iter().rev().take(more).rev().cloned());
    let of_release = |id: ReleaseId| ids.get(id.0 as usize).copied();
    inventory.pods.extend(facts.pods.into_iter().map(|mut pod| {
        pod.release = pod.release.and_then(of_release);
        pod
    }));
    for (id, release) in ids.iter().zip(facts.releases) {
        if let Some(old) = inventory.releases.get_mut(id.0 as usize) {
            let unfetched = old.unfetched.take();
            *old = release;
            old.unfetched = unfetched;
        }
    }
}
