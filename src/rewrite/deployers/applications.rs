//! Applications that are not in the inputs as they are deployed: those that ApplicationSets generate, and those that a
//! `.argocd-source` file in their folder changes.

use std::collections::{BTreeMap, BTreeSet};

use super::Tree;
use crate::inventory::Inventory;
use crate::resource;
use crate::resource::deployer::application_set::{
    self, Application, Budget, Repository, UNKNOWN, is_match, with_source_files,
};
use crate::resource::deployer::{Deployer, Deployment, Overrides, of_application};
use crate::resource::kustomization::{DeployerDoubt, Kustomization, folder};
use crate::resource::workload::ResourceId;
use crate::text::source::{SourceId, Sources, Span};
use crate::text::yaml::{self, Piece};

/// The beginning of the names of files that change the Applications of a folder.
const SOURCE_FILE: &str = ".argocd-source";

/// Maximum number of folders of Applications that are generated.
const MAX_DEPLOYMENTS: usize = 20_000;

/// Maximum number of paths with parts that are not known, for which all folders are looked at.
const MAX_PATTERNS: usize = 1_000;

/// Adds the Applications that ApplicationSets generate, and changes those that have a `.argocd-source` file.
pub(in crate::rewrite) fn complete(inventory: &mut Inventory, kustomizations: &[Kustomization], sources: &Sources) {
    let wanted = wanted(inventory, sources);
    if wanted.is_empty() {
        return;
    }
    let tree = Tree::new(kustomizations, sources);
    let repository = Repository::new(sources);
    let mut budget = Budget::default();
    let mut added = Vec::new();
    let mut patterns = 0;
    let mut changed: BTreeMap<usize, Option<Deployment>> = BTreeMap::new();
    let mut by_resource: BTreeMap<ResourceId, Vec<usize>> = BTreeMap::new();
    for (at, deployment) in inventory.deployments.iter().enumerate() {
        by_resource.entry(deployment.resource).or_default().push(at);
    }
    let files = SourceFiles { tree: &tree, repository: &repository, inventory, sources };
    for (id, spans) in wanted {
        let source = sources.get(id);
        yaml::read(id, source.text(), true, &mut |piece| {
            let Piece::Document(document) = piece else { return };
            let mut objects = Vec::new();
            if let Some(root) = document.root() {
                resource::objects(root, &mut objects);
            }
            for object in objects {
                let span = object.node.span();
                let Some(&resource) = spans.get(&span) else { continue };
                if object.name.kind == "Application" {
                    let application = Application::of(object.node, &mut budget.values);
                    for &at in by_resource.get(&resource).into_iter().flatten() {
                        if let Some(new) = files.change(&application, &inventory.deployments[at], &mut budget, span) {
                            changed.insert(at, new);
                        }
                    }
                    continue;
                }
                for application in application_set::generate(object.node, source.name(), &repository, &mut budget) {
                    if added.len() >= MAX_DEPLOYMENTS {
                        break;
                    }
                    for mut own in of_application(&application, resource, span) {
                        if own.path.value.contains(UNKNOWN) {
                            patterns += 1;
                            if patterns > MAX_PATTERNS {
                                own.path.value = UNKNOWN.to_string();
                                own.overrides = Overrides::default();
                            }
                        }
                        let new = files.change(&application, &own, &mut budget, span);
                        added.push(doubted(own, new));
                    }
                }
            }
        });
    }
    for (at, new) in changed {
        let own = &mut inventory.deployments[at];
        *own = doubted(own.clone(), Some(new));
    }
    inventory.deployments.extend(added);
}

/// The deployment after a change; a change that is not followed makes it doubtful.
fn doubted(own: Deployment, new: Option<Option<Deployment>>) -> Deployment {
    match new {
        None => own,
        Some(Some(new)) => new,
        Some(None) => {
            let mut own = own;
            own.overrides.doubt.get_or_insert((own.path.span, DeployerDoubt::SourceFile));
            own
        }
    }
}

/// The objects to read again: their places in each source.
fn wanted(inventory: &Inventory, sources: &Sources) -> BTreeMap<SourceId, BTreeMap<Span, ResourceId>> {
    let mut wanted: BTreeMap<SourceId, BTreeMap<Span, ResourceId>> = BTreeMap::new();
    let mut add = |id: ResourceId| {
        let span = inventory.resource(id).span;
        wanted.entry(span.source).or_default().insert(span, id);
    };
    for (at, resource) in inventory.resources.iter().enumerate() {
        if resource.name.kind == "ApplicationSet" && resource.name.group() == "argoproj.io" {
            add(ResourceId(at as u32));
        }
    }
    let has_files = sources.iter().any(|(_, source)| file_name(source.name()).starts_with(SOURCE_FILE));
    for deployment in inventory.deployments.iter().filter(|_| has_files) {
        if deployment.deployer == Deployer::ArgoCd {
            add(deployment.resource);
        }
    }
    wanted
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Finds the `.argocd-source` files of folders.
struct SourceFiles<'i> {
    tree: &'i Tree<'i>,
    repository: &'i Repository<'i>,
    inventory: &'i Inventory,
    sources: &'i Sources,
}

impl SourceFiles<'_> {
    /// The deployment after the files in its folder have changed it: `Some(None)` if their effect is not known, and
    /// `None` if there are none.
    fn change(
        &self,
        application: &Application,
        own: &Deployment,
        budget: &mut Budget,
        around: Span,
    ) -> Option<Option<Deployment>> {
        let (name, at) = own.application.as_ref()?;
        let places = self.tree.folders_of(own, self.inventory, self.sources);
        let [place] = places.as_slice() else { return None };
        let names: BTreeSet<&str> = self
            .tree
            .below(place)
            .filter(|file| folder(file) == place && file_name(file).starts_with(SOURCE_FILE))
            .map(file_name)
            .collect();
        if names.is_empty() {
            return None;
        }
        let namespace = self.inventory.resource(own.resource).name.namespace.as_deref();
        let mut files = Vec::new();
        let own_names = [Some(format!("-{name}")), namespace.map(|namespace| format!("-{namespace}_{name}"))];
        for end in std::iter::once(Some(String::new())).chain(own_names).flatten() {
            let wanted = format!("{SOURCE_FILE}{end}.yaml");
            if end.contains(UNKNOWN) {
                let pattern: Vec<u8> = wanted.bytes().map(|byte| if byte == 0 { b'*' } else { byte }).collect();
                if names.iter().any(|name| is_match(&pattern, name.as_bytes())) {
                    return Some(None);
                }
            } else if names.contains(wanted.as_str()) {
                files.push(format!("{place}/{wanted}"));
            }
        }
        // Of the last two, only one is read: the other one is for another namespace of Argo CD.
        if files.len() > 1 && files.iter().filter(|file| !file.ends_with(&format!("{SOURCE_FILE}.yaml"))).count() > 1 {
            return Some(None);
        }
        if files.is_empty() {
            return None;
        }
        let changed = with_source_files(application, *at, &files, self.repository, budget);
        let changed = changed.map(|changed| of_application(&changed, own.resource, around));
        let is_own = |new: &Deployment| new.application.as_ref().is_some_and(|(_, place)| place == at);
        Some(changed.and_then(|all| all.into_iter().find(is_own)))
    }
}
