//! Transfers the finished builds to the inventory: one image use for each image and each pod that is deployed.

use std::collections::{BTreeMap, BTreeSet};

use super::{BuiltPod, Item, PodState, Why, decided_by};
use crate::inventory::Inventory;
use crate::resource::kustomization::unrendered::{PartialBuild, Unfollowed, UnfollowedReason};
use crate::resource::kustomization::{Build, Kustomization};
use crate::resource::workload::pod::classify;
use crate::resource::workload::{DecidedBy, ImageText, ImageUse, InvalidImage, Pod, PodId, PodOrigin, Skip};
use crate::text::source::Spanned;

/// The result of building a root.
pub(super) struct BuiltRoot {
    /// Index of the root's kustomization.
    pub(super) root: usize,
    pub(super) pods: Vec<BuiltPod>,
    /// The parts that were not followed.
    pub(super) reasons: Vec<Unfollowed>,
}

/// The result of a build for one image use.
struct Variant<'o> {
    item: &'o Item,
    facts: &'o PodState,
}

/// Sets the first value of each use, and adds uses for the others. Returns the pods that were settled.
pub(super) fn emit(
    inventory: &mut Inventory,
    outcomes: &[BuiltRoot],
    seen: &BTreeSet<usize>,
    patches: &BTreeSet<PodId>,
) -> BTreeSet<PodId> {
    let mut variants: BTreeMap<usize, Vec<Variant<'_>>> = seen.iter().map(|at| (*at, Vec::new())).collect();
    for pod in outcomes.iter().flat_map(|outcome| &outcome.pods) {
        for item in &pod.items {
            let known = variants.entry(item.image).or_default();
            if !known.iter().any(|known| known.item == item && *known.facts == pod.facts) {
                known.push(Variant { item, facts: &pod.facts });
            }
        }
    }
    let patches_left = outcomes
        .iter()
        .flat_map(|outcome| &outcome.reasons)
        .find(|unfollowed| unfollowed.reason == UnfollowedReason::Patch);
    let doubt = patches_left.map(|unfollowed| Why::new(unfollowed.span, "this is not followed, and may change it"));
    let mut pods = Pods::default();
    let mut added = Vec::new();
    for (at, variants) in &variants {
        let Some(image) = inventory.images.get(*at).cloned() else { continue };
        let mut slot = None;
        for Variant { item, facts } in variants.iter().filter(|variant| variant.item.unknown.is_none()) {
            let pod = pods.of(image.pod, facts, &mut inventory.pods);
            if item.set.is_empty() && slot.is_none() {
                slot = Some(pod);
            } else {
                added.push(as_set(&image, item, pod));
            }
        }
        let unknown = variants.iter().find_map(|variant| Some((variant.facts, variant.item.unknown?)));
        let Some(kept) = inventory.images.get_mut(*at) else { continue };
        let is_skipped = matches!(kept.image, ImageText::Skipped(_));
        // Every build fills the placeholder in.
        let is_filled = kept.image == ImageText::Skipped(Skip::Placeholder) && !variants.is_empty();
        match (slot, unknown) {
            (Some(pod), _) => kept.pod = pod,
            (None, None) if is_filled => kept.image = ImageText::Skipped(Skip::ReplacedByKustomize),
            _ if is_skipped => {}
            (None, Some((_, why))) => skip(kept, why),
            // If something is not followed, a deleted object may still exist.
            (None, None) => match doubt {
                Some(why) => skip(kept, why),
                None => kept.image = ImageText::Skipped(Skip::ReplacedByKustomize),
            },
        }
        // The value is known in one build, and unknown in another.
        if let (Some(_), Some((facts, why))) = (slot, unknown.filter(|_| !is_skipped)) {
            let mut other = image.clone();
            other.pod = pods.of(image.pod, facts, &mut inventory.pods);
            skip(&mut other, why);
            added.push(other);
        }
    }
    // If the object of a patch is not in the inputs, its pull secrets are not known either.
    for id in patches.iter().filter(|id| !pods.settled.contains_key(id)) {
        if let Some(pod) = inventory.pods.get_mut(id.0 as usize) {
            pod.origin = uncertain(pod.origin);
        }
    }
    if !added.is_empty() {
        inventory.images.extend(added);
        inventory.images.sort_by_key(|image| image.text.span);
    }
    let copies = pods.settled.values().flatten().map(|(_, id)| *id);
    copies.chain(patches.iter().copied()).collect()
}

/// Marks a use whose value is not known.
fn skip(image: &mut ImageUse, why: Why) {
    image.image = ImageText::Skipped(Skip::RewrittenByKustomize);
    image.decided_by = vec![DecidedBy { span: why.span, message: why.words.to_owned() }];
}

/// The final image use for an item.
fn as_set(image: &ImageUse, item: &Item, pod: PodId) -> ImageUse {
    let Some(set) = item.set.last() else { return ImageUse { pod, ..image.clone() } };
    let is_new = item.added.is_some();
    let is_empty = set.value.is_empty();
    let judged = if is_empty { ImageText::Invalid(InvalidImage::Empty) } else { classify(&set.value, false) };
    let decided_by = if is_new { Vec::new() } else { decided_by(&image.text, &item.set) };
    ImageUse {
        pod,
        container: item.added.as_ref().map_or_else(|| image.container.clone(), |(container, _)| container.clone()),
        path: set.path.clone(),
        text: Spanned { value: set.value.clone(), span: set.span },
        written: (!is_new).then(|| image.text.value.clone()),
        decided_by,
        image: judged,
        stream_tag: None,
        built_by: None,
        declared_policy: image.declared_policy.clone().filter(|_| !is_new),
    }
}

/// The pods of the builds: the first one replaces the pod that was read.
#[derive(Default)]
struct Pods<'o> {
    settled: BTreeMap<PodId, Vec<(&'o PodState, PodId)>>,
    /// The pods as they were read.
    read: BTreeMap<PodId, Pod>,
}

impl<'o> Pods<'o> {
    fn of(&mut self, id: PodId, facts: &'o PodState, pods: &mut Vec<Pod>) -> PodId {
        let known = self.settled.entry(id).or_default();
        if let Some((_, known)) = known.iter().find(|(known, _)| *known == facts) {
            return *known;
        }
        let Some(place) = pods.get_mut(id.0 as usize) else { return id };
        let read = self.read.entry(id).or_insert_with(|| place.clone());
        let built = facts.built(read);
        if known.is_empty() {
            *place = built;
            known.push((facts, id));
            return id;
        }
        let copy = PodId(pods.len() as u32);
        pods.push(built);
        known.push((facts, copy));
        copy
    }
}

impl PodState {
    fn built(&self, read: &Pod) -> Pod {
        Pod {
            namespace: self.namespace.clone(),
            pull_secrets: self.pull_secrets.clone(),
            service_account: self.service_account.clone(),
            demand: if self.has_other_demand { Default::default() } else { read.demand.clone() },
            origin: if self.is_uncertain { uncertain(read.origin) } else { read.origin },
            hidden: self.hidden.clone(),
            ..read.clone()
        }
    }
}

/// The origin of a pod whose credentials may be different.
const fn uncertain(origin: PodOrigin) -> PodOrigin {
    match origin {
        PodOrigin::Pod | PodOrigin::Template => PodOrigin::Patched,
        other => other,
    }
}

/// Notes the builds that are only partly followed.
pub(super) fn unrendered(
    inventory: &mut Inventory,
    kustomizations: &[Kustomization],
    builds: &[Build<'_>],
    outcomes: &[BuiltRoot],
) {
    // Refusals by kustomize have their own finding.
    let is_told =
        |outcome: &BuiltRoot| outcome.reasons.iter().any(|unfollowed| unfollowed.reason == UnfollowedReason::Refused);
    for outcome in outcomes.iter().filter(|outcome| !outcome.reasons.is_empty() && !is_told(outcome)) {
        let own = &kustomizations[outcome.root];
        let is_rendered = builds[outcome.root].folders.iter().any(|folder| inventory.rendered.contains(*folder));
        // The objects that a Component changes are only known from the kustomization that uses it.
        if is_rendered || own.is_component {
            continue;
        }
        inventory.unrendered.push(PartialBuild::new(own, &outcome.reasons));
    }
}
