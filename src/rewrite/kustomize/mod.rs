//! Applies kustomize builds to the images in the inputs: one image use for each image that is finally deployed.
//!
//! Each kustomization that no other one builds from is followed as kustomize does it: resources, then components,
//! then patches, namespace, names, and images, from the innermost outwards (`api/internal/target/kusttarget.go`,
//! `kusttarget_configplugin.go` of kustomize 5.8.3).

mod account;
mod accumulate;
mod built;
mod change;
mod deploy;
mod emit;
mod identity;
mod keeping;
mod missing;
mod operation;
mod refused;
mod scope;
mod transform;

use std::collections::{BTreeMap, BTreeSet};

use built::{BuiltPod, Item, PodState, Set, Why};
use refused::Refused;

use crate::inventory::Inventory;
use crate::resource::kustomization::patch::{self, Body, Change, Merge, MergedPod, Patch};
use crate::resource::kustomization::unrendered::{Unfollowed, UnfollowedReason};
use crate::resource::kustomization::{
    Aside, Build, DeployerDoubt, Effect, Kustomization, Refusal, Replacement, by_folder, member_path, normalise,
    root_indices,
};
use crate::resource::workload::{DecidedBy, PodId, ResourceId};
use crate::rewrite::deployers;
use crate::text::placeholder::is_placeholder;
use crate::text::source::{SourceId, Sources, Span, Spanned};

/// Maximum number of image uses that are carried through builds. Nobody reads a longer report, and nested builds
/// could otherwise grow without bound.
const BUDGET: usize = 400_000;

/// Maximum number of comparisons of `images:` entries with images.
const MAX_CHECKS: usize = 20_000_000;

/// Maximum number of decisions that are kept for an image: the first ones and the last.
const MAX_SET: usize = 16;

/// The longest value that is followed, in bytes; the kubelet does not accept an image that long.
const MAX_VALUE: usize = 4096;

/// Maximum depth of kustomizations that build from each other.
const MAX_DEPTH: usize = 64;

/// Follows all builds and gives every image use the values that are deployed. Returns the pods that were settled.
pub(crate) fn apply(
    inventory: &mut Inventory,
    kustomizations: &[Kustomization],
    builds: &[Build<'_>],
    sources: &Sources,
) -> BTreeSet<PodId> {
    if kustomizations.is_empty() {
        return BTreeSet::new();
    }
    let roots = root_indices(builds);
    let variables = deployers::variables(inventory, sources);
    let written = kustomizations.iter().take_while(|own| own.deployed_by.is_none()).count();
    let Refused { refusals: mut refused, doubts, forms } = refused::read(&kustomizations[..written], sources);
    // A GitOps object builds from the same files.
    let bases: Vec<Option<usize>> =
        kustomizations[written..].iter().map(|own| own.deployed_by.as_ref().and_then(|by| by.base)).collect();
    for base in bases {
        refused.push(base.and_then(|base| refused.get(base)).cloned().unwrap_or_default());
    }
    let mut builder = Builder::new(inventory, kustomizations, sources, &refused);
    // Only the patches of transformers are left to read.
    builder.forms = forms;
    let mut unmatched = Vec::new();
    let mut substitutions = deployers::Refusals::default();
    let resource_sources = builder.resource_sources();
    let renaming: Vec<bool> = kustomizations.iter().map(|own| builder.may_rename(own)).collect();
    let mut outcomes = Vec::new();
    for &root in &roots {
        builder.reasons.clear();
        builder.is_exhausted = false;
        builder.root_sources = builds[root].sources.intersection(&resource_sources).copied().collect();
        let folders = builds[root].folders.iter();
        let parts = folders.filter_map(|folder| builder.folders.get(&normalise(folder)).copied());
        let deployed_by = kustomizations[root].deployed_by.as_ref();
        let parts: Vec<usize> = parts.chain(deployed_by.map(|_| root)).collect();
        builder.has_renames = parts.iter().any(|part| renaming[*part]);
        builder.root_namespaces = namespaces_of(parts.iter().map(|part| &kustomizations[*part]));
        builder.unmatched.clear();
        builder.deleted.clear();
        builder.doubt = None;
        let mut pods = builder.build(root, None, 0);
        if builder.is_exhausted {
            // Once is enough: an unknown value is reported for the image, whichever build it is in.
            let fresh: BTreeSet<SourceId> = builds[root].sources.difference(&builder.given_up).copied().collect();
            pods = builder.all_unknown(&fresh, kustomizations[root].span);
            builder.given_up.extend(fresh);
        }
        if builder.is_all_known() && !kustomizations[root].is_component && deployed_by.is_none() {
            let found = std::mem::take(&mut builder.unmatched);
            builder.reasons.extend(
                found.iter().map(|refusal| Unfollowed { reason: UnfollowedReason::Refused, span: refusal.span }),
            );
            unmatched.extend(found);
        }
        if let Some(refusal) = builder.unmatched.first().filter(|_| deployed_by.is_some()) {
            builder.doubt.get_or_insert(Why::new(refusal.span, "kustomize may refuse this: no object has this name"));
        }
        let mut substitution = None;
        if let Some(by) = deployed_by
            && let Some(deployment) = inventory.deployments.get(by.deployment)
        {
            let variables = variables.get(by.deployment).and_then(Option::as_ref);
            builder.deploy(deployment, variables, &mut pods);
            if variables.is_some() {
                let mut texts = builder.root_sources.iter();
                substitution = texts.find_map(|source| substitutions.of(*source, sources));
            }
        }
        let substitution = substitution.map(|span| (span, DeployerDoubt::Substitution));
        if let Some((span, doubt)) = deployed_by.and_then(|by| by.doubt).or(substitution) {
            pods.iter_mut().for_each(|pod| pod.blur(Why::new(span, doubt.words())));
            builder.reasons.push(Unfollowed { reason: UnfollowedReason::Deployer(doubt), span });
        }
        if let Some(span) = parts.iter().find_map(|part| doubts.get(part)) {
            let words = "kustomize may refuse this, depending on the objects in the build";
            builder.doubt.get_or_insert(Why::new(*span, words));
        }
        if let Some(why) = builder.doubt {
            pods.iter_mut().for_each(|pod| pod.blur_images(why));
            builder.reasons.push(Unfollowed { reason: UnfollowedReason::Patch, span: why.span });
        }
        // A build that fails produces nothing.
        if let Some(refused) = builder.reasons.iter().find(|unfollowed| unfollowed.reason == UnfollowedReason::Refused)
        {
            let why = Why::new(refused.span, "kustomize refuses this, and builds nothing");
            pods.iter_mut().flat_map(|pod| &mut pod.items).for_each(|item| item.unknown = Some(why));
        }
        for pod in &mut pods {
            if let Some(why) = pod.lost {
                pod.blur_images(why);
            }
        }
        pods.retain(|pod| !pod.is_deleted);
        outcomes.push(emit::BuiltRoot { root, pods, reasons: std::mem::take(&mut builder.reasons) });
    }
    let patched = builder.patch_pods();
    let accounts = account::accounts(&builder, builds);
    let seen = builder.seen(&outcomes, builds);
    scope::hide(inventory, kustomizations, builds, &mut outcomes);
    emit::unrendered(inventory, kustomizations, builds, &outcomes);
    let reported: BTreeSet<Span> = refused.iter().flatten().map(|refusal| refusal.span).collect();
    unmatched.retain(|refusal| !reported.contains(&refusal.span));
    inventory.refusals.extend(refused.into_iter().flatten().chain(unmatched));
    inventory.refusals.sort_by_key(|refusal| refusal.span);
    inventory.refusals.dedup();
    accounts.into_iter().for_each(|account| account.add_to(inventory));
    emit::emit(inventory, &outcomes, &seen, &patched)
}

/// The namespaces that a build gives to objects, with the folders of the kustomizations that set them; `None` if
/// transformers, replacements, or placeholders may set others.
fn namespaces_of<'k>(parts: impl Iterator<Item = &'k Kustomization> + Clone) -> Option<Vec<(&'k str, &'k str)>> {
    let is_open = |own: &Kustomization| {
        let is_unknown = own.namespace.as_deref().is_some_and(is_placeholder);
        is_unknown || !own.transformers.is_empty() || !own.replacements.is_empty()
    };
    let known = parts.clone().filter_map(|own| Some((own.folder.as_str(), own.namespace.as_deref()?))).collect();
    (!parts.clone().any(is_open)).then_some(known)
}

struct Builder<'k> {
    inventory: &'k Inventory,
    kustomizations: &'k [Kustomization],
    /// The refusals of each kustomization.
    refused: &'k [Vec<Refusal>],
    folders: BTreeMap<String, usize>,
    files: BTreeMap<String, SourceId>,
    sources: &'k Sources,
    /// The pods in each source.
    pods: BTreeMap<SourceId, Vec<PodId>>,
    /// The indices of the image uses of each pod.
    images: Vec<Vec<usize>>,
    /// The indices of the resources in each source.
    resources: BTreeMap<SourceId, Vec<usize>>,
    /// Finished builds of kustomizations that several others build from.
    finished: BTreeMap<usize, (Vec<BuiltPod>, Vec<Unfollowed>)>,
    /// Kustomizations that are being built, outermost first.
    open: Vec<usize>,
    /// The parts of the current root that were not followed.
    reasons: Vec<Unfollowed>,
    /// Image uses in patches that were merged into an object.
    merged: BTreeSet<usize>,
    /// The changes in patch files that were already read.
    patch_files: BTreeMap<SourceId, Vec<Change>>,
    /// The forms of the patch files.
    forms: BTreeMap<SourceId, patch::PatchForm>,
    /// Namespaces that kustomizations of the current root give to objects, with their folders; `None` if not all are
    /// known.
    root_namespaces: Option<Vec<(&'k str, &'k str)>>,
    /// Whether patches or replacements of the current root may rename objects: no name is then certainly missing.
    has_renames: bool,
    /// What the texts of objects contain, as far as they were looked at.
    marks: BTreeMap<ResourceId, deploy::Marks>,
    /// The sources of the current root.
    root_sources: BTreeSet<SourceId>,
    /// References to objects that the current root does not have.
    unmatched: Vec<Refusal>,
    /// Objects that a patch of the current root deleted.
    deleted: BTreeSet<ResourceId>,
    /// The place in the current root that kustomize may refuse.
    doubt: Option<Why>,
    /// The sources of builds that are too large to follow.
    given_up: BTreeSet<SourceId>,
    spent: usize,
    checks: usize,
    is_exhausted: bool,
}

impl<'k> Builder<'k> {
    fn new(
        inventory: &'k Inventory,
        kustomizations: &'k [Kustomization],
        sources: &'k Sources,
        refused: &'k [Vec<Refusal>],
    ) -> Self {
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
            refused,
            folders: by_folder(kustomizations.iter()),
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
            forms: BTreeMap::new(),
            root_namespaces: None,
            has_renames: false,
            marks: BTreeMap::new(),
            root_sources: BTreeSet::new(),
            unmatched: Vec::new(),
            deleted: BTreeSet::new(),
            doubt: None,
            given_up: BTreeSet::new(),
            spent: 0,
            checks: 0,
            is_exhausted: false,
        }
    }

    /// Returns the pods that a kustomization builds. A Component starts from the pods in `there`.
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
        let refused = self.refused.get(at).into_iter().flatten();
        let is_built = |refusal: &&Refusal| refusal.versions.is_built_by_some();
        let refused = refused.filter(|refusal| !is_built(refusal));
        self.reasons
            .extend(refused.map(|refusal| Unfollowed { reason: UnfollowedReason::Refused, span: refusal.span }));
        for member in &own.resources {
            let path = member_path(&own.folder, member);
            if self.spent + pods.len() > BUDGET {
                self.is_exhausted = true;
                pods.clear();
                break;
            }
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
                None => {
                    self.missing(own, member);
                    let why = Why::new(own.members_span, "a Component that is not in the inputs may change it");
                    pods.iter_mut().for_each(|pod| pod.blur(why));
                }
            }
        }
        self.transform(own, &mut pods);
        self.open.pop();
        self.spend(&pods);
        if !is_component && !self.is_exhausted && self.unmatched.is_empty() {
            self.finished.insert(at, (pods.clone(), self.reasons.clone()));
        }
        let inner = std::mem::replace(&mut self.reasons, outer);
        self.reasons.extend(inner);
        pods
    }

    /// Whether all objects of the current root are in the inputs.
    fn is_all_known(&self) -> bool {
        let is_open = |reason: &UnfollowedReason| {
            matches!(
                reason,
                UnfollowedReason::Remote(_)
                    | UnfollowedReason::Missing(_)
                    | UnfollowedReason::Generators
                    | UnfollowedReason::Charts
                    | UnfollowedReason::Transformers(_)
            )
        };
        let is_broken = self.inventory.problems.iter().any(|problem| self.root_sources.contains(&problem.span.source));
        !is_broken && !self.is_exhausted && !self.reasons.iter().any(|unfollowed| is_open(&unfollowed.reason))
    }

    /// Whether an object of the current root may have the name, with any prefix and suffix. If only a deleted object
    /// matches, kustomize may refuse the reference to it.
    fn may_have(&mut self, is_kind: impl Fn(&crate::resource::ResourceName) -> bool, name: &str, span: Span) -> bool {
        let resources = self.root_sources.iter().filter_map(|source| self.resources.get(source)).flatten();
        let mut named = resources.filter(|&&at| {
            let own = &self.inventory.resources[at].name;
            is_kind(own) && own.name.as_deref().is_none_or(|own| name.contains(own))
        });
        let Some(&first) = named.next() else { return false };
        let is_deleted = |at: &usize| self.deleted.contains(&ResourceId(*at as u32));
        if is_deleted(&first) && named.all(is_deleted) {
            self.doubt.get_or_insert(Why::new(span, "kustomize may refuse this: the object that it names was removed"));
        }
        true
    }

    /// Whether a kustomization may give objects other kinds, names or namespaces by patches or replacements.
    fn may_rename(&mut self, own: &'k Kustomization) -> bool {
        let mut patches = self.patches(own).into_iter();
        let sources = self.sources;
        let keeps = |replacement: &Replacement| match &replacement.path {
            None => keeping::replacement_keeps(replacement),
            Some(file) => {
                self.replacements_of(own, file).is_some_and(|mut inner| inner.all(keeping::replacement_keeps))
            }
        };
        !own.replacements.iter().all(keeps)
            || patches.any(|patch| keeping::may_rename(patch, self.changes(own, patch).as_deref(), sources))
    }

    /// The replacements in a file; `None` if they are not known.
    fn replacements_of(
        &self,
        own: &Kustomization,
        file: &str,
    ) -> Option<impl Iterator<Item = &'k Replacement> + use<'k>> {
        let source = self.files.get(&member_path(&own.folder, file))?;
        let asides = self.inventory.asides.get(source)?;
        let list = |aside: &'k Aside| if let Aside::Replacements(list) = aside { Some(list) } else { None };
        let lists: Option<Vec<&'k Vec<Replacement>>> = asides.iter().map(list).collect();
        lists.map(|lists| lists.into_iter().flatten())
    }

    /// Takes a refusal because of a name that no object has. If objects may have been renamed, it is only a doubt.
    fn add_missing_name(&mut self, refusal: Refusal) {
        if self.has_renames {
            let words = "kustomize fails unless another patch has given an object this name";
            self.doubt.get_or_insert(Why::new(refusal.span, words));
        } else {
            self.unmatched.push(refusal);
        }
    }

    /// The changes that a patch makes; `None` if they are not known.
    fn changes(&mut self, own: &Kustomization, patch: &Patch) -> Option<Vec<Change>> {
        match &patch.body {
            Body::File(file) => {
                let source = self.files.get(&member_path(&own.folder, file)).copied();
                source.and_then(|source| self.changes_of(source))
            }
            Body::Inline(changes) => Some(changes.clone()),
            Body::Unknown | Body::Refused(_) => None,
        }
    }

    /// Whether an object of the current root may have been given a namespace before a kustomization patches it. The
    /// kustomization's own `namespace` is applied later.
    fn may_move_to(&self, own: &Kustomization, namespace: &str) -> bool {
        let is_other = |(folder, known): &(&str, &str)| *known == namespace && *folder != own.folder;
        is_placeholder(namespace) || self.root_namespaces.as_ref().is_none_or(|known| known.iter().any(is_other))
    }

    fn missing(&mut self, own: &Kustomization, member: &str) {
        let is_remote = member.contains("://") || member.starts_with("git@") || member.starts_with("github.com/");
        let reason = if is_remote || member.contains("?ref=") {
            UnfollowedReason::Remote(member.to_owned())
        } else {
            UnfollowedReason::Missing(member.to_owned())
        };
        self.reasons.push(Unfollowed { reason, span: own.members_span });
    }

    fn spend(&mut self, pods: &[BuiltPod]) {
        self.spent += pods.iter().map(|pod| 1 + pod.items.len()).sum::<usize>();
    }

    /// The pods of a file as written.
    fn of_source(&self, source: SourceId) -> Vec<BuiltPod> {
        let pods = self.pods.get(&source).into_iter().flatten();
        pods.map(|&id| self.as_built_from(id)).collect()
    }

    /// A pod with `config.kubernetes.io/local-config` is not followed: any value but `false` may keep it from being
    /// deployed (`IgnoreLocal` of `api/internal/target/kusttarget.go`).
    fn as_built_from(&self, id: PodId) -> BuiltPod {
        let mut pod = self.as_written(id);
        let text = self.sources.slice(self.inventory.resource(self.inventory.pod(id).resource).span);
        if text.contains("config.kubernetes.io/local-config") {
            let span = self.inventory.pod(id).span;
            let words = "config.kubernetes.io/local-config may exclude it from the output";
            pod.blur_images(Why::new(span, words));
        }
        pod
    }

    fn as_written(&self, id: PodId) -> BuiltPod {
        let pod = self.inventory.pod(id);
        let images = self.images.get(id.0 as usize).into_iter().flatten();
        let item = |&image| Item { image, added: None, set: Vec::new(), unknown: None };
        BuiltPod {
            pod: id,
            names: self.inventory.resource(pod.resource).name.name.iter().cloned().collect(),
            namespaces: vec![self.inventory.resource(pod.resource).name.namespace.clone()],
            facts: PodState {
                namespace: pod.namespace.clone(),
                pull_secrets: pod.pull_secrets.clone(),
                service_account: pod.service_account.clone(),
                is_uncertain: false,
                has_other_demand: false,
                hidden: BTreeSet::new(),
            },
            items: images.map(item).collect(),
            is_changed: false,
            is_renamed: false,
            is_reordered: false,
            is_deleted: false,
            lost: None,
        }
    }

    /// The pods of a build that is too large to follow, with unknown images.
    fn all_unknown(&self, sources: &BTreeSet<SourceId>, span: Span) -> Vec<BuiltPod> {
        let mut pods: Vec<BuiltPod> = sources.iter().flat_map(|source| self.of_source(*source)).collect();
        let why = Why::new(span, "this build is too large for pullcheck to follow");
        pods.iter_mut().for_each(|pod| pod.blur_images(why));
        pods
    }

    /// The changes in a patch file; `None` if they are not known.
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
            let mut merge = Merge::new(resource.name.clone(), pods, images, text);
            let mut accounts = self.inventory.service_accounts.iter();
            if let Some(account) = accounts.find(|account| account.resource.0 as usize == at) {
                merge.pods.push(MergedPod {
                    pull_secrets: Some(account.pull_secrets.clone()),
                    service_account: None,
                    has_demand: false,
                });
            }
            Change::Merge(merge)
        };
        let merges = self.resources.get(&source).into_iter().flatten().map(merge);
        let operations = self.inventory.patch_files.get(&source).into_iter().flatten();
        merges.chain(operations.map(|operations| Change::Operations(operations.clone()))).collect()
    }

    /// The patches of a kustomization, including those of its transformers.
    fn patches(&self, own: &'k Kustomization) -> Vec<&'k Patch> {
        let effects =
            own.transformers.iter().flat_map(|transformer| self.effects(own, transformer).unwrap_or_default());
        let of_transformers = effects.flat_map(|effect| match effect {
            Effect::Patches(patches) => patches.as_slice(),
            _ => &[],
        });
        own.patches.iter().chain(of_transformers).collect()
    }

    /// The files that are listed in `resources` of any kustomization.
    fn resource_sources(&self) -> BTreeSet<SourceId> {
        let members = self.kustomizations.iter().flat_map(|own| {
            own.resources.iter().filter_map(|member| self.files.get(&member_path(&own.folder, member)).copied())
        });
        members.collect()
    }

    /// The pods that are defined in patches.
    fn patch_pods(&self) -> BTreeSet<PodId> {
        let resources = self.resource_sources();
        let patches = self.kustomizations.iter().flat_map(|own| {
            self.patches(own).into_iter().filter_map(|patch| match &patch.body {
                Body::File(file) => self.files.get(&member_path(&own.folder, file)).copied(),
                _ => None,
            })
        });
        let patches = patches.filter(|source| !resources.contains(source));
        patches.flat_map(|source| self.pods.get(&source).into_iter().flatten().copied()).collect()
    }

    /// The image uses that are part of a build, whether or not they are deployed.
    fn seen(&self, outcomes: &[emit::BuiltRoot], builds: &[Build<'_>]) -> BTreeSet<usize> {
        let patches = self.patch_pods();
        let sources = outcomes.iter().flat_map(|outcome| &builds[outcome.root].sources);
        let pods = sources.flat_map(|source| self.pods.get(source).into_iter().flatten());
        let pods = pods.filter(|pod| !patches.contains(pod));
        let images = pods.flat_map(|pod| self.images.get(pod.0 as usize).into_iter().flatten().copied());
        images.chain(self.merged.iter().copied()).collect()
    }
}

/// The places that set a value before the last one.
fn decided_by(written: &Spanned<String>, set: &[Set]) -> Vec<DecidedBy> {
    let workload = DecidedBy { span: written.span, message: "the workload's own line".to_owned() };
    let earlier = set
        .iter()
        .rev()
        .skip(1)
        .map(|set| DecidedBy { span: set.span, message: format!("{} makes it {}, before", set.path, set.value) });
    earlier.chain(std::iter::once(workload)).collect()
}
