//! The values of the variables that Flux replaces after a build.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::Inventory;
use crate::resource;
use crate::resource::deployer::envsubst::{is_variable_name, value_of};
use crate::resource::deployer::{Deployment, VariableSource, Variables};
use crate::text::source::{Sources, Spanned};
use crate::text::yaml::{self, Node, Piece};

/// Maximum number of names of ConfigMaps that are searched for.
const MAX_NAMES: usize = 256;

/// The variables of a deployment as far as the inputs show them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::rewrite) struct KnownVariables {
    /// The values, each with the place and the path of the field that sets it.
    pub(in crate::rewrite) values: BTreeMap<String, (Spanned<String>, String)>,
    /// Whether Flux fails because of the name of a variable.
    pub(in crate::rewrite) is_broken: bool,
    /// Whether an object that is not in the inputs, or cannot be read, may set more variables or replace values of
    /// [`Self::replaceable`].
    pub(in crate::rewrite) is_open: bool,
    /// The variables whose value such an object may replace.
    pub(in crate::rewrite) replaceable: BTreeSet<String>,
}

/// A ConfigMap in the inputs.
struct ConfigMap {
    namespace: Option<String>,
    data: Vec<(String, Spanned<String>)>,
}

/// Returns the variables of each deployment; `None` if Flux leaves its texts as they are.
pub(in crate::rewrite) fn read(inventory: &Inventory, sources: &Sources) -> Vec<Option<KnownVariables>> {
    let variables = |deployment: &Deployment| deployment.variables.clone();
    let wanted: BTreeSet<String> = inventory
        .deployments
        .iter()
        .filter_map(variables)
        .flat_map(|variables| variables.from)
        .filter(|source| source.kind == "ConfigMap")
        .map(|source| source.name)
        .take(MAX_NAMES)
        .collect();
    let maps = config_maps(&wanted, sources);
    let is_patched = patches_deployments(inventory);
    let known = |deployment: &Deployment| {
        let variables = deployment.variables.as_ref()?;
        let mut known = KnownVariables { is_open: is_patched, ..KnownVariables::default() };
        for source in &variables.from {
            known.add(source, variables, &maps);
        }
        for (name, value) in &variables.own {
            known.replaceable.remove(name);
            known.values.insert(name.clone(), (value.clone(), format!("spec.postBuild.substitute.{name}")));
        }
        // Flux fails if the name of any of them is not valid.
        known.is_broken = !known.values.keys().all(|name| is_variable_name(name));
        Some(known)
    };
    inventory.deployments.iter().map(known).collect()
}

impl KnownVariables {
    fn add(&mut self, source: &VariableSource, variables: &Variables, maps: &BTreeMap<String, Vec<ConfigMap>>) {
        let is_near = |map: &&ConfigMap| {
            map.namespace.is_none() || variables.namespace.is_none() || map.namespace == variables.namespace
        };
        let found = maps.get(&source.name).into_iter().flatten().filter(is_near);
        let mut found = found.filter(|_| source.kind == "ConfigMap");
        // Texts from Secrets are not shown, so that they are not known either.
        let (Some(map), None) = (found.next(), found.next()) else {
            self.is_open = true;
            self.replaceable = self.values.keys().cloned().collect();
            return;
        };
        for (name, value) in &map.data {
            self.replaceable.remove(name);
            self.values.insert(name.clone(), (value.clone(), format!("data.{name}")));
        }
    }
}

/// Whether a patch in the inputs may change Flux Kustomizations: they then have fields other than those written.
fn patches_deployments(inventory: &Inventory) -> bool {
    let patches = inventory.kustomizations.iter().flat_map(|own| &own.patches);
    let patches = patches.chain(inventory.deployments.iter().flat_map(|deployment| &deployment.overrides.patches));
    let mut targets = patches.filter_map(|patch| patch.target.as_ref());
    targets.any(|target| match &target.kind {
        Some(kind) => kind.fits("Kustomization") != Some(false),
        None => target.group.as_ref().is_none_or(|group| group.fits("kustomize.toolkit.fluxcd.io") != Some(false)),
    })
}

/// Reads the ConfigMaps with these names.
fn config_maps(wanted: &BTreeSet<String>, sources: &Sources) -> BTreeMap<String, Vec<ConfigMap>> {
    let mut maps: BTreeMap<String, Vec<ConfigMap>> = BTreeMap::new();
    for (id, source) in sources.iter() {
        let text = source.text();
        if !text.contains("ConfigMap") || !wanted.iter().any(|name| text.contains(name.as_str())) {
            continue;
        }
        yaml::read(id, text, true, &mut |piece| {
            let Piece::Document(document) = piece else { return };
            let mut objects = Vec::new();
            if let Some(root) = document.root() {
                resource::objects(root, &mut objects);
            }
            for object in objects {
                let Some(name) = object.name.name.filter(|name| wanted.contains(name)) else { continue };
                if object.name.kind != "ConfigMap" || object.name.api_version != "v1" {
                    continue;
                }
                let data = object.node.get("data").into_iter().flat_map(Node::entries).filter_map(|entry| {
                    let value = Spanned { value: value_of(entry.value.text()?), span: entry.value.span() };
                    Some((entry.key.text()?.to_owned(), value))
                });
                let map = ConfigMap { namespace: object.name.namespace, data: data.collect() };
                maps.entry(name).or_default().push(map);
            }
        });
    }
    maps
}
