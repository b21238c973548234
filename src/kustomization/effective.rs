//! What the builds make of the images that the inputs write: one image use for each image that is deployed in the end.
//!
//! Each kustomization that no other one builds from is followed as kustomize does it: resources, then components, then
//! patches, namespace, names and images, from the innermost outwards (`api/internal/target/kusttarget.go`,
//! `kusttarget_configplugin.go` of kustomize 5.5).

mod change;
mod emit;
mod scope;

use std::collections::{BTreeMap, BTreeSet};

use super::image::{self, ImageRule, Rewritten};
use super::patch::{Body, Change, Merge};
use super::unrendered::{Reason, Unfollowed};
use super::{Build, Kustomization, member_path, normalise};
use crate::inventory::Inventory;
use crate::source::{SourceId, Sources, Span, Spanned};
use crate::workload::placeholder::{Skip, is_placeholder};
use crate::workload::{Container, DecidedBy, ImageText, PodId, SecretReference};

/// Image uses that are carried through builds, at most: beyond that nobody reads the report, and what is built of what
/// could grow without bound.
const BUDGET: usize = 400_000;

/// Entries of `images:` that are held against images, at most.
const MAX_CHECKS: usize = 20_000_000;

/// Decisions that are kept of an image, at most: the first ones and the last.
const MAX_SET: usize = 16;

/// The longest value that is followed, in bytes; the kubelet takes no image that is as long.
const MAX_VALUE: usize = 4096;

/// Kustomizations that build from each other, at most.
const MAX_DEPTH: usize = 64;

/// An image on its way through a build.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    /// Index of the use that it began as.
    image: usize,
    /// The container and the path of its image, where a patch adds one.
    added: Option<(Container, String)>,
    /// What replaced the value, the last decision at the end; empty where it stands as it is written.
    set: Vec<Set>,
    /// Something changes it, and it is not known to what.
    is_unknown: bool,
}

/// A value from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Set {
    value: String,
    span: Span,
    path: String,
}

/// What a build decides of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    namespace: Option<String>,
    pull_secrets: Option<Vec<SecretReference>>,
    service_account: Option<Spanned<String>>,
    /// A patch changes in a way that is not followed what the pod pulls with.
    is_uncertain: bool,
    /// A patch says something of its nodes.
    has_other_demand: bool,
    /// Files of other builds of the same object, which this one does not have.
    hidden: BTreeSet<SourceId>,
}

/// A pod on its way through a build.
#[derive(Debug, Clone)]
pub(super) struct BuiltPod {
    pod: PodId,
    /// All names that its object had, the last one at the end.
    names: Vec<String>,
    /// All namespaces.
    namespaces: Vec<Option<String>>,
    facts: Facts,
    items: Vec<Item>,
    /// A patch moved containers within their lists.
    is_reordered: bool,
}

/// Follows all builds and gives every image use the values that are deployed. The answer is the pods that were settled.
pub fn apply(
    inventory: &mut Inventory,
    kustomizations: &[Kustomization],
    builds: &[Build<'_>],
    sources: &Sources,
) -> BTreeSet<PodId> {
    if kustomizations.is_empty() {
        return BTreeSet::new();
    }
    let roots = root_indices(builds);
    let mut builder = Builder::new(inventory, kustomizations, sources);
    let mut outcomes = Vec::new();
    for &root in &roots {
        builder.reasons.clear();
        builder.is_exhausted = false;
        let mut pods = builder.build(root, None, 0);
        if builder.is_exhausted {
            pods = builder.all_unknown(&builds[root].sources);
        }
        outcomes.push(emit::Outcome { root, pods, reasons: std::mem::take(&mut builder.reasons) });
    }
    let patched = builder.patch_pods();
    let accounts = change::accounts(&builder, builds);
    let seen = builder.seen(&outcomes, builds);
    scope::hide(inventory, kustomizations, builds, &mut outcomes);
    emit::unrendered(inventory, kustomizations, builds, &outcomes);
    accounts.into_iter().for_each(|account| account.add_to(inventory));
    emit::emit(inventory, &outcomes, &seen, &patched)
}

/// Kustomizations that no other one builds from.
pub(super) fn root_indices(builds: &[Build<'_>]) -> Vec<usize> {
    let mut included = BTreeSet::new();
    for build in builds {
        let own = build.kustomization.folder.as_str();
        included.extend(build.folders.iter().copied().filter(|folder| *folder != own));
    }
    (0..builds.len()).filter(|at| !included.contains(builds[*at].kustomization.folder.as_str())).collect()
}

impl BuiltPod {
    /// Its images are not known any more.
    pub(super) fn blur_images(&mut self) {
        self.items.iter_mut().for_each(|item| item.is_unknown = true);
    }

    /// What it pulls with is not known any more.
    pub(super) const fn blur_credentials(&mut self) {
        self.facts.is_uncertain = true;
    }
}

struct Builder<'k> {
    inventory: &'k Inventory,
    kustomizations: &'k [Kustomization],
    folders: BTreeMap<String, usize>,
    files: BTreeMap<String, SourceId>,
    sources: &'k Sources,
    /// Pods of each source.
    pods: BTreeMap<SourceId, Vec<PodId>>,
    /// Image uses of each pod.
    images: Vec<Vec<usize>>,
    /// Resources of each source.
    resources: BTreeMap<SourceId, Vec<usize>>,
    /// Finished builds of kustomizations that several build from.
    finished: BTreeMap<usize, (Vec<BuiltPod>, Vec<Unfollowed>)>,
    /// Kustomizations that are being built.
    open: Vec<usize>,
    /// What was not followed in the root at hand.
    reasons: Vec<Unfollowed>,
    /// Image uses of patches that were merged into an object.
    merged: BTreeSet<usize>,
    /// Patch files that were met, with what they hold.
    patch_files: BTreeMap<SourceId, Vec<Change>>,
    spent: usize,
    checks: usize,
    is_exhausted: bool,
}

impl<'k> Builder<'k> {
    fn new(inventory: &'k Inventory, kustomizations: &'k [Kustomization], sources: &'k Sources) -> Self {
        let mut images = vec![Vec::new(); inventory.pods.len()];
        for (at, image) in inventory.images.iter().enumerate() {
            images.get_mut(image.pod.0 as usize).into_iter().for_each(|list: &mut Vec<usize>| list.push(at));
        }
        let mut pods: BTreeMap<SourceId, Vec<PodId>> = BTreeMap::new();
        for (at, pod) in inventory.pods.iter().enumerate() {
            pods.entry(pod.span.source).or_default().push(PodId(at as u32));
        }
        let mut resources: BTreeMap<SourceId, Vec<usize>> = BTreeMap::new();
        for (at, resource) in inventory.resources.iter().enumerate() {
            resources.entry(resource.span.source).or_default().push(at);
        }
        Self {
            inventory,
            kustomizations,
            folders: kustomizations.iter().enumerate().map(|(at, it)| (normalise(&it.folder), at)).collect(),
            files: sources.iter().map(|(id, source)| (normalise(source.name()), id)).collect(),
            sources,
            pods,
            images,
            resources,
            finished: BTreeMap::new(),
            open: Vec::new(),
            reasons: Vec::new(),
            merged: BTreeSet::new(),
            patch_files: BTreeMap::new(),
            spent: 0,
            checks: 0,
            is_exhausted: false,
        }
    }

    /// What a kustomization builds; a Component from what is there.
    fn build(&mut self, at: usize, there: Option<Vec<BuiltPod>>, depth: usize) -> Vec<BuiltPod> {
        let is_component = there.is_some();
        let mut pods = there.unwrap_or_default();
        if let Some((finished, reasons)) = self.finished.get(&at).filter(|_| !is_component) {
            let (finished, reasons) = (finished.clone(), reasons.clone());
            self.spend(&finished);
            self.reasons.extend(reasons);
            return finished;
        }
        if depth > MAX_DEPTH || self.spent > BUDGET {
            self.is_exhausted = true;
        }
        let kustomizations = self.kustomizations;
        let Some(own) = kustomizations.get(at).filter(|_| !self.open.contains(&at) && !self.is_exhausted) else {
            return pods;
        };
        self.open.push(at);
        let outer = std::mem::take(&mut self.reasons);
        self.reasons.extend(own.unfollowed.iter().cloned());
        for member in &own.resources {
            let path = member_path(&own.folder, member);
            if let Some(&source) = self.files.get(&path) {
                pods.extend(self.of_source(source));
            } else if let Some(&inner) = self.folders.get(&path) {
                pods.extend(self.build(inner, None, depth + 1));
            } else {
                self.missing(own, member);
            }
        }
        for member in &own.components {
            match self.folders.get(&member_path(&own.folder, member)).copied() {
                Some(inner) => pods = self.build(inner, Some(pods), depth + 1),
                None => self.missing(own, member),
            }
        }
        self.transform(own, &mut pods);
        self.open.pop();
        self.spend(&pods);
        if !is_component && !self.is_exhausted {
            self.finished.insert(at, (pods.clone(), self.reasons.clone()));
        }
        let inner = std::mem::replace(&mut self.reasons, outer);
        self.reasons.extend(inner);
        pods
    }

    fn missing(&mut self, own: &Kustomization, member: &str) {
        let is_remote = member.contains("://") || member.starts_with("git@") || member.starts_with("github.com/");
        let reason = if is_remote || member.contains("?ref=") {
            Reason::Remote(member.to_owned())
        } else {
            Reason::Missing(member.to_owned())
        };
        self.reasons.push(Unfollowed { reason, span: own.members_span });
    }

    fn spend(&mut self, pods: &[BuiltPod]) {
        self.spent += pods.iter().map(|pod| 1 + pod.items.len()).sum::<usize>();
    }

    /// The pods of a file, as they are written.
    fn of_source(&self, source: SourceId) -> Vec<BuiltPod> {
        let pods = self.pods.get(&source).into_iter().flatten();
        pods.map(|&id| self.as_built_from(id)).collect()
    }

    /// What `config.kubernetes.io/local-config` keeps from being deployed is not followed: any value but `false` may
    /// (`IgnoreLocal` of `api/internal/target/kusttarget.go`).
    fn as_built_from(&self, id: PodId) -> BuiltPod {
        let mut pod = self.as_written(id);
        let text = self.sources.slice(self.inventory.resource(self.inventory.pod(id).resource).span);
        if text.contains("config.kubernetes.io/local-config") {
            pod.blur_images();
        }
        pod
    }

    fn as_written(&self, id: PodId) -> BuiltPod {
        let pod = self.inventory.pod(id);
        let images = self.images.get(id.0 as usize).into_iter().flatten();
        let item = |&image| Item { image, added: None, set: Vec::new(), is_unknown: false };
        BuiltPod {
            pod: id,
            names: self.inventory.resource(pod.resource).name.name.iter().cloned().collect(),
            namespaces: vec![pod.namespace.clone()],
            facts: Facts {
                namespace: pod.namespace.clone(),
                pull_secrets: pod.pull_secrets.clone(),
                service_account: pod.service_account.clone(),
                is_uncertain: false,
                has_other_demand: false,
                hidden: BTreeSet::new(),
            },
            items: images.map(item).collect(),
            is_reordered: false,
        }
    }

    /// What stands for a build that is too large to be followed.
    fn all_unknown(&self, sources: &BTreeSet<SourceId>) -> Vec<BuiltPod> {
        let mut pods: Vec<BuiltPod> = sources.iter().flat_map(|source| self.of_source(*source)).collect();
        pods.iter_mut().flat_map(|pod| &mut pod.items).for_each(|item| item.is_unknown = true);
        pods
    }

    fn transform(&mut self, own: &Kustomization, pods: &mut [BuiltPod]) {
        for patch in &own.patches {
            change::patch(self, own, patch, pods);
        }
        let namespace = own.namespace.as_ref().filter(|namespace| !namespace.is_empty());
        for pod in pods.iter_mut() {
            if let Some(namespace) = namespace {
                let read = self.inventory.pod(pod.pod);
                let is_elsewhere =
                    read.namespace.is_none() && self.inventory.resource(read.resource).name.namespace.is_some();
                let namespace = Some(namespace.clone()).filter(|it| !is_placeholder(it) && !is_elsewhere);
                pod.facts.namespace.clone_from(&namespace);
                pod.namespaces.push(namespace);
            }
            if !own.name_prefix.is_empty() || !own.name_suffix.is_empty() {
                let name = pod.names.last().map(|name| format!("{}{name}{}", own.name_prefix, own.name_suffix));
                pod.names.extend(name);
            }
            self.checks += own.images.len() * pod.items.len();
            if self.checks > MAX_CHECKS {
                self.is_exhausted = true;
                return;
            }
            for rule in &own.images {
                pod.items.iter_mut().for_each(|item| self.rewrite(own, rule, item));
            }
        }
        for unfollowed in &own.unfollowed {
            unfollowed.reason.mark(pods);
        }
    }

    /// One entry of `images:`.
    fn rewrite(&self, own: &Kustomization, rule: &ImageRule, item: &mut Item) {
        let Some(image) = self.inventory.images.get(item.image) else { return };
        let is_whole = matches!(
            image.image,
            ImageText::Reference(_) | ImageText::Invalid(_) | ImageText::Skipped(Skip::Placeholder | Skip::Injected)
        );
        let path = item.added.as_ref().map_or(image.path.as_str(), |(_, path)| path);
        // Newer versions rewrite the images of volumes too, and `configurations` may name any field.
        let covered = image::passes(path);
        let may_be_covered = covered == 0 && (own.has_configurations || image::is_volume(path));
        let passes = if may_be_covered { 1 } else { covered };
        if item.is_unknown || !is_whole {
            return;
        }
        for pass in 0..passes {
            let value = item.set.last().map_or(image.text.value.as_str(), |set| &set.value);
            match rule.apply(value) {
                Rewritten::Unmatched => {}
                Rewritten::Unknown => item.is_unknown = true,
                Rewritten::To(..) if may_be_covered => item.is_unknown = true,
                Rewritten::To(value, deciding) => {
                    let Some((span, path)) = image::decision(rule, deciding) else { continue };
                    if pass > 0 && item.set.last().is_some_and(|set| set.span == span) {
                        item.set.pop();
                    }
                    if value.len() > MAX_VALUE {
                        item.is_unknown = true;
                        return;
                    }
                    if item.set.len() >= MAX_SET {
                        item.set.pop();
                    }
                    item.set.push(Set { value, span, path });
                }
            }
        }
    }

    /// What a patch file holds; `None` where that is not known.
    fn changes_of(&mut self, source: SourceId) -> Option<Vec<Change>> {
        if !self.patch_files.contains_key(&source) {
            let changes = self.read_changes(source);
            self.patch_files.insert(source, changes);
        }
        self.patch_files.get(&source).filter(|changes| !changes.is_empty()).cloned()
    }

    fn read_changes(&self, source: SourceId) -> Vec<Change> {
        if self.inventory.problems.iter().any(|problem| problem.span.source == source) {
            return Vec::new();
        }
        let merge = |&at: &usize| {
            let resource = &self.inventory.resources[at];
            let pods: Vec<PodId> = self
                .pods
                .get(&source)
                .into_iter()
                .flatten()
                .copied()
                .filter(|pod| self.inventory.pod(*pod).resource.0 as usize == at)
                .collect();
            let images = pods.iter().flat_map(|pod| self.images.get(pod.0 as usize).into_iter().flatten());
            let images = images.filter_map(|&at| Some((Some(at), self.inventory.images.get(at)?)));
            let text = self.sources.slice(resource.span);
            let pods = pods.iter().map(|pod| self.inventory.pod(*pod));
            Change::Merge(Merge::new(resource.name.clone(), pods, images, text))
        };
        let merges = self.resources.get(&source).into_iter().flatten().map(merge);
        let operations = self.inventory.patch_files.get(&source).into_iter().flatten();
        merges.chain(operations.map(|operations| Change::Operations(operations.clone()))).collect()
    }

    /// Pods that stand in patches.
    fn patch_pods(&self) -> BTreeSet<PodId> {
        let resources: BTreeSet<SourceId> = self
            .kustomizations
            .iter()
            .flat_map(|own| own.resources.iter().map(|member| member_path(&own.folder, member)))
            .filter_map(|path| self.files.get(&path).copied())
            .collect();
        let patches = self.kustomizations.iter().flat_map(|own| {
            own.patches.iter().filter_map(|patch| match &patch.body {
                Body::File(file) => self.files.get(&member_path(&own.folder, file)).copied(),
                _ => None,
            })
        });
        let patches = patches.filter(|source| !resources.contains(source));
        patches.flat_map(|source| self.pods.get(&source).into_iter().flatten().copied()).collect()
    }

    /// Image uses that are part of a build, whatever became of them.
    fn seen(&self, outcomes: &[emit::Outcome], builds: &[Build<'_>]) -> BTreeSet<usize> {
        let patches = self.patch_pods();
        let sources = outcomes.iter().flat_map(|outcome| &builds[outcome.root].sources);
        let pods = sources.flat_map(|source| self.pods.get(source).into_iter().flatten());
        let pods = pods.filter(|pod| !patches.contains(pod));
        let images = pods.flat_map(|pod| self.images.get(pod.0 as usize).into_iter().flatten().copied());
        images.chain(self.merged.iter().copied()).collect()
    }
}

/// The places that decided a value before the last one.
fn decided_by(written: &Spanned<String>, set: &[Set]) -> Vec<DecidedBy> {
    let workload = DecidedBy { span: written.span, message: "the workload's own line".to_owned() };
    let earlier = set
        .iter()
        .rev()
        .skip(1)
        .map(|set| DecidedBy { span: set.span, message: format!("{} makes it {}, before", set.path, set.value) });
    earlier.chain(std::iter::once(workload)).collect()
}
