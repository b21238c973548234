//! The values of the variables that Flux replaces after a build.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::inventory::Inventory;
use crate::resource;
use crate::resource::deployer::envsubst::{Strictness, Substituted, Variable, is_variable_name, substitute, value_of};
use crate::resource::deployer::{Deployment, VariableSource, Variables};
use crate::text::source::{Sources, Spanned};
use crate::text::yaml::{self, Node, Piece};

/// Maximum number of names of ConfigMaps that are searched for.
const MAX_NAMES: usize = 1_000;

/// Maximum number of objects that one deployment takes variables from.
const MAX_SOURCES: usize = 64;

/// The variables of one object.
type Values = BTreeMap<String, Spanned<String>>;

/// The variables of a deployment as far as the inputs show them.
#[derive(Debug, Clone, Default)]
pub(in crate::rewrite) struct KnownVariables {
    /// What sets the variables, the last one first: it takes precedence.
    layers: Vec<Layer>,
    /// Whether Flux fails because of the name of a variable.
    is_broken: bool,
}

/// An object that sets variables.
#[derive(Debug, Clone)]
enum Layer {
    /// The deployment itself.
    Own(Rc<Values>),
    /// A ConfigMap in the inputs.
    ConfigMap(Rc<Values>),
    /// An object that is not in the inputs, or cannot be read. Any variable may be in it.
    Unseen,
}

/// What is known about a variable.
#[derive(Debug, Clone, Copy)]
pub(in crate::rewrite) enum Known<'v> {
    /// Its value with the place, and the field that contains it.
    Value(&'v Spanned<String>, &'static str),
    /// Nothing sets it.
    Unset,
    /// An object outside the inputs may set it.
    Unknown,
}

impl KnownVariables {
    /// Looks a variable up.
    pub(in crate::rewrite) fn get(&self, name: &str) -> Known<'_> {
        if self.is_broken {
            return Known::Unknown;
        }
        for layer in &self.layers {
            let (values, field) = match layer {
                Layer::Own(values) => (values, "spec.postBuild.substitute"),
                Layer::ConfigMap(values) => (values, "data"),
                Layer::Unseen => return Known::Unknown,
            };
            if let Some(value) = values.get(name) {
                return Known::Value(value, field);
            }
        }
        Known::Unset
    }
}

impl KnownVariables {
    /// A text after Flux has replaced its variables; `None` if that is not known.
    pub(in crate::rewrite) fn replaced(&self, text: &str) -> Option<String> {
        let lookup = |name: &str| match self.get(name) {
            Known::Value(value, _) => Variable::Value(value.value.clone()),
            Known::Unset => Variable::Unset,
            Known::Unknown => Variable::Unknown,
        };
        match substitute(text, Strictness::Strict, &lookup) {
            Ok(Substituted::Known { text, .. }) => Some(text),
            _ => None,
        }
    }
}

/// A ConfigMap in the inputs.
struct ConfigMap {
    namespace: Option<String>,
    values: Rc<Values>,
    /// Whether all names are valid.
    is_valid: bool,
}

/// Returns the variables of each deployment; `None` if Flux leaves its texts as they are.
pub(in crate::rewrite) fn read(inventory: &Inventory, sources: &Sources) -> Vec<Option<KnownVariables>> {
    let from = inventory.deployments.iter().filter_map(|deployment| deployment.variables.as_ref());
    let from = from.flat_map(|variables| &variables.from).filter(|source| source.kind == "ConfigMap");
    let mut wanted = BTreeSet::new();
    for source in from {
        if wanted.len() < MAX_NAMES {
            wanted.insert(source.name.as_str());
        }
    }
    let maps = config_maps(&wanted, sources);
    let is_patched = patches_deployments(inventory);
    let known = |deployment: &Deployment| {
        let variables = deployment.variables.as_ref()?;
        let own = variables.own.iter().cloned().collect::<Values>();
        let mut is_broken = !own.keys().all(|name| is_variable_name(name));
        let mut layers = vec![Layer::Own(Rc::new(own))];
        for source in variables.from.iter().rev().take(MAX_SOURCES) {
            let map = found(source, variables, &maps);
            is_broken |= map.is_some_and(|map| !map.is_valid);
            layers.push(map.map_or(Layer::Unseen, |map| Layer::ConfigMap(Rc::clone(&map.values))));
        }
        if is_patched || variables.from.len() > MAX_SOURCES {
            layers.push(Layer::Unseen);
        }
        Some(KnownVariables { layers, is_broken })
    };
    inventory.deployments.iter().map(known).collect()
}

/// The ConfigMap that a deployment means. Texts from Secrets are not shown, so that they are not known either.
fn found<'m>(
    source: &VariableSource,
    variables: &Variables,
    maps: &'m BTreeMap<String, Vec<ConfigMap>>,
) -> Option<&'m ConfigMap> {
    let is_near = |map: &&ConfigMap| {
        map.namespace.is_none() || variables.namespace.is_none() || map.namespace == variables.namespace
    };
    let named = maps.get(&source.name).filter(|_| source.kind == "ConfigMap")?;
    let mut found = named.iter().filter(is_near);
    found.next().filter(|_| found.next().is_none())
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
fn config_maps(wanted: &BTreeSet<&str>, sources: &Sources) -> BTreeMap<String, Vec<ConfigMap>> {
    let mut maps: BTreeMap<String, Vec<ConfigMap>> = BTreeMap::new();
    // A name is a DNS subdomain.
    let is_outside = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    let names_one = |text: &str| text.split(is_outside).any(|word| wanted.contains(word));
    for (id, source) in sources.iter().filter(|_| !wanted.is_empty()) {
        if !source.text().contains("ConfigMap") || !names_one(source.text()) {
            continue;
        }
        yaml::read(id, source.text(), true, &mut |piece| {
            let Piece::Document(document) = piece else { return };
            let mut objects = Vec::new();
            if let Some(root) = document.root() {
                resource::objects(root, &mut objects);
            }
            for object in objects {
                let Some(name) = object.name.name.filter(|name| wanted.contains(name.as_str())) else { continue };
                if object.name.kind != "ConfigMap" || object.name.api_version != "v1" {
                    continue;
                }
                let data = object.node.get("data").into_iter().flat_map(Node::entries).filter_map(|entry| {
                    let value = Spanned { value: value_of(entry.value.text()?), span: entry.value.span() };
                    Some((entry.key.text()?.to_owned(), value))
                });
                let values: Values = data.collect();
                let is_valid = values.keys().all(|name| is_variable_name(name));
                let map = ConfigMap { namespace: object.name.namespace, values: Rc::new(values), is_valid };
                maps.entry(name).or_default().push(map);
            }
        });
    }
    maps
}
