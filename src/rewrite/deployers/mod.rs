//! Folders that GitOps objects deploy: what Flux and Argo CD build from them.
//!
//! Both change the folder's kustomization in place: an override replaces a field, it is not an overlay.

mod applications;
mod releases;
mod rendered;
mod substitution;
mod variables;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use applications::complete;
pub(super) use releases::doubt_releases;
pub(super) use rendered::mark_rendered;
pub(super) use substitution::Refusals;
pub(super) use variables::{Known, KnownVariables};

use crate::inventory::Inventory;
use crate::resource::deployer::application_set::{UNKNOWN, fits};
use crate::resource::deployer::argo_directory::{Filter, SKIPPED, UnknownPattern};
use crate::resource::deployer::image_override::{self, FluxMerge, ImageEntry, merge_images, set_images};
use crate::resource::deployer::own_repository::{OwnRepositories, without_end};
use crate::resource::deployer::{Deployer, Deployment, Overrides};
use crate::resource::kustomization::{
    DeployedBy, DeployerDoubt, ImageRule, Kustomization, folder, is_file_name, member_path, normalise, without_file,
};
use crate::text::placeholder::is_placeholder;
use crate::text::source::{Source, SourceId, SourceOrigin, Sources, Span, Spanned};

/// Maximum number of entries in all kustomizations that are derived: members, images and patches.
const MAX_ENTRIES: usize = 1_000_000;

/// Returns the variables of each deployment; `None` if its texts are left as they are.
pub(super) fn variables(inventory: &Inventory, sources: &Sources) -> Vec<Option<KnownVariables>> {
    variables::read(inventory, sources)
}

/// Returns the kustomizations that GitOps objects build, one for each folder that one of them deploys.
pub(super) fn derive(
    inventory: &mut Inventory,
    kustomizations: &[Kustomization],
    sources: &Sources,
) -> Vec<Kustomization> {
    if inventory.deployments.is_empty() {
        return Vec::new();
    }
    let tree = Tree::new(kustomizations, sources);
    let places: Vec<Vec<String>> =
        inventory.deployments.iter().map(|deployment| tree.folders_of(deployment, inventory, sources)).collect();
    inventory.missing_folders = missing(inventory, &places, &tree, sources);
    let inventory = &*inventory;
    let found = inventory.deployments.iter().zip(&places).filter(|(_, places)| !places.is_empty());
    let own = OwnRepositories::new(found.filter_map(|(own, _)| Some((own.deployer, own.repository()?))));
    let mut entries = 0;
    let mut given_up = BTreeSet::new();
    let mut variables = None;
    let mut derived = Vec::new();
    for (at, (deployment, places)) in inventory.deployments.iter().zip(&places).enumerate() {
        let span = deployment.path.span;
        let by = deployment.deployer;
        let generated_from = deployment.generated_from.iter().map(|url| without_end(url));
        let is_pattern = deployment.path.value.contains(UNKNOWN);
        let mut doubt = if places.len() > 1 && !is_pattern {
            Some((span, DeployerDoubt::AmbiguousPath))
        } else if !deployment.repository().into_iter().chain(generated_from).all(|name| own.contains(by, name)) {
            Some((span, DeployerDoubt::OtherRepository))
        } else {
            deployment.overrides.doubt
        };
        let directory = Filter::new(deployment.directory.as_ref());
        if let (Err(UnknownPattern), None) = (&directory, doubt) {
            doubt = Some((span, DeployerDoubt::Field));
        }
        for place in places.iter().filter(|place| !tree.rendered.contains_key(*place)) {
            if entries > MAX_ENTRIES {
                doubt = Some((span, DeployerDoubt::TooMany));
                // Once is enough for the images of a folder to be unknown.
                if !given_up.insert(place) {
                    continue;
                }
            }
            let base = tree.kustomizations.get(place).copied().filter(|_| deployment.directory.is_none());
            let built = match base.and_then(|base| kustomizations.get(base)) {
                Some(base) if base.is_component => continue,
                Some(base) => base.clone(),
                None => {
                    if deployment.is_kustomization && doubt.is_none() {
                        doubt = Some((span, DeployerDoubt::Failing));
                    }
                    let members = match deployment.deployer {
                        Deployer::Flux => tree.members(place),
                        Deployer::ArgoCd => tree.plain_files(place, directory.as_ref().ok(), sources),
                    };
                    without_kustomization(place, members, span)
                }
            };
            let mut built = overridden(built, &deployment.overrides, deployment.deployer);
            // Flux replaces variables after the build.
            if built.namespace.as_deref().is_some_and(|name| name.contains("${")) {
                let known = variables.get_or_insert_with(|| variables::read(inventory, sources));
                let known = known.get(at).and_then(Option::as_ref);
                built.namespace = built.namespace.map(|name| known.and_then(|own| own.replaced(&name)).unwrap_or(name));
            }
            entries += 1 + built.members.len() + built.named.len() + built.images.len() + built.patches.len();
            built.deployed_by = Some(DeployedBy { deployment: at, base, doubt });
            derived.push(built);
        }
    }
    derived
}

/// The paths of deployments that lead to nothing in the inputs.
fn missing(inventory: &Inventory, places: &[Vec<String>], tree: &Tree<'_>, sources: &Sources) -> Vec<Span> {
    let found = inventory.deployments.iter().zip(places).filter(|(own, places)| {
        // Without a path, nothing shows which folder is the root.
        let is_root = normalise(own.path.value.trim_start_matches('/')).is_empty();
        places.is_empty() && !is_root && !tree.may_have(own, inventory, sources)
    });
    found.map(|(own, _)| own.path.span).collect::<BTreeSet<Span>>().into_iter().collect()
}

/// The folders of the inputs.
struct Tree<'k> {
    /// The kustomization in each folder.
    kustomizations: BTreeMap<String, usize>,
    /// The paths of all sources, in order.
    files: BTreeMap<String, SourceId>,
    /// The folders of Helm charts.
    charts: BTreeSet<&'k str>,
    /// The output of kustomize for the folders that it has rendered.
    rendered: BTreeMap<String, SourceId>,
}

impl<'k> Tree<'k> {
    fn new(kustomizations: &[Kustomization], sources: &'k Sources) -> Self {
        let files =
            kustomizations.iter().enumerate().filter(|(_, own)| is_file_name(sources.get(own.span.source).name()));
        let charts = sources.iter().filter_map(|(_, source)| source.name().strip_suffix("/Chart.yaml"));
        Self {
            kustomizations: files.map(|(at, own)| (normalise(&own.folder), at)).collect(),
            files: sources.iter().map(|(id, source)| (normalise(source.name()), id)).collect(),
            charts: charts.collect(),
            rendered: sources.iter().filter_map(rendered_folder).collect(),
        }
    }

    /// The folders in the inputs that a deployment may mean: its path below each folder that its own file is in.
    fn folders_of(&self, deployment: &Deployment, inventory: &Inventory, sources: &Sources) -> Vec<String> {
        let path = deployment.path.value.trim_start_matches('/');
        let file = sources.get(inventory.resource(deployment.resource).span.source).name();
        if path.split('/').any(|part| part == "..") {
            return Vec::new();
        }
        if path.contains(UNKNOWN) {
            return if changes_images(&deployment.overrides) { self.folders_like(path, file) } else { Vec::new() };
        }
        if is_placeholder(path) {
            return Vec::new();
        }
        // Without a path, nothing shows which folder is the root.
        let is_root = normalise(path).is_empty();
        let found: BTreeSet<String> = roots(file)
            .into_iter()
            .filter(|_| !is_root)
            .map(|root| member_path(root, path))
            .filter(|place| self.has(place) && !self.charts.contains(place.as_str()))
            .collect();
        found.into_iter().collect()
    }

    /// Whether a folder in the inputs may be the one of a deployment, even if it is a chart.
    fn may_have(&self, deployment: &Deployment, inventory: &Inventory, sources: &Sources) -> bool {
        let path = deployment.path.value.trim_start_matches('/');
        let file = sources.get(inventory.resource(deployment.resource).span.source).name();
        if path.contains(UNKNOWN) {
            let is_open = normalise(path).chars().all(|c| c == UNKNOWN);
            return !is_open && !self.folders_like(path, file).is_empty();
        }
        let is_outside = path.split('/').any(|part| part == "..");
        !is_outside && roots(file).into_iter().any(|root| self.has(&member_path(root, path)))
    }

    fn has(&self, place: &str) -> bool {
        self.kustomizations.contains_key(place) || self.below(place).next().is_some()
    }

    /// The files below a folder.
    fn below<'t>(&'t self, place: &str) -> impl Iterator<Item = &'t str> + use<'t, 'k> {
        self.files_below(place).map(|(file, _)| file)
    }

    fn files_below<'t>(&'t self, place: &str) -> impl Iterator<Item = (&'t str, SourceId)> + use<'t, 'k> {
        let prefix = format!("{place}/");
        let files = self.files.range(prefix.clone()..);
        files.map(|(file, id)| (file.as_str(), *id)).take_while(move |(file, _)| file.starts_with(&prefix))
    }

    /// The folders that a path with parts that are not known may lead to, from any folder above a file.
    fn folders_like(&self, path: &str, file: &str) -> Vec<String> {
        let path = normalise(path);
        let own = normalise(folder(file));
        let mut roots: Vec<&str> =
            own.match_indices('/').map(|(end, _)| &own[..end]).chain([own.as_str(), ""]).collect();
        roots.dedup();
        let with_files = self.files.keys().map(|file| folder(file)).filter(|place| !self.charts.contains(place));
        let mut places: Vec<&str> = with_files.collect();
        places.dedup();
        let below = |place: &&str, root: &str| {
            if root.is_empty() {
                Some(place.to_string())
            } else {
                Some(place.strip_prefix(root)?.strip_prefix('/')?.to_owned())
            }
        };
        let found = places.into_iter().filter(|place| {
            roots.iter().filter_map(|root| below(place, root)).any(|place| !place.is_empty() && fits(&place, &path))
        });
        found.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The files and folders that Flux builds from a folder without a kustomization, relative to it: all manifests
    /// below it, and a folder with a kustomization as a whole (`scanManifests` of fluxcd/pkg
    /// `kustomize/kustomize_generator.go`).
    fn members(&self, place: &str) -> BTreeSet<String> {
        let member = |file: &str| {
            let path = file.get(place.len() + 1..)?;
            let mut ends = path.match_indices('/').map(|(end, _)| end);
            let is_built = |end: &usize| self.kustomizations.contains_key(&file[..place.len() + 1 + end]);
            let inner = ends.find(is_built).map(|end| path[..end].to_owned());
            inner.or_else(|| (path.ends_with(".yaml") || path.ends_with(".yml")).then(|| path.to_owned()))
        };
        self.below(place).filter_map(member).collect()
    }

    /// The files of a folder that Argo CD deploys as they are, relative to it. Without a filter, it is not known
    /// which.
    fn plain_files(&self, place: &str, filter: Option<&Filter>, sources: &Sources) -> BTreeSet<String> {
        let below = self.files_below(place).filter_map(|(file, id)| Some((file.get(place.len() + 1..)?, id)));
        let is_deployed = |(path, id): &(&str, SourceId)| {
            let is_meant = filter.is_none_or(|filter| filter.deploys(path));
            is_meant && !sources.get(*id).text().contains(SKIPPED)
        };
        below.filter(is_deployed).map(|(path, _)| path.to_owned()).collect()
    }
}

/// The folders above a file, in which a repository may begin.
fn roots(file: &str) -> Vec<&str> {
    let mut roots = vec![folder(file)];
    while let Some(root) = roots.last().filter(|root| !root.is_empty()) {
        roots.push(folder(root));
    }
    roots
}

/// Whether overrides may change images, apart from a path that is not known.
fn changes_images(overrides: &Overrides) -> bool {
    let of_path = [DeployerDoubt::Parameter, DeployerDoubt::Generation];
    let may_change = |(_, doubt): &(Span, DeployerDoubt)| !of_path.contains(doubt);
    !overrides.images.is_empty()
        || !overrides.patches.is_empty()
        || !overrides.components.is_empty()
        || overrides.doubt.as_ref().is_some_and(may_change)
}

/// The folder of a source that kustomize has rendered.
fn rendered_folder((id, source): (SourceId, &Source)) -> Option<(String, SourceId)> {
    match source.origin() {
        SourceOrigin::Rendered(rendering) if rendering.tool != "helm template" => {
            Some((normalise(&rendering.folder), id))
        }
        _ => None,
    }
}

/// The kustomization that Flux generates for a folder without one.
fn without_kustomization(place: &str, members: BTreeSet<String>, span: Span) -> Kustomization {
    let members: Vec<String> = members.into_iter().collect();
    let mut own = without_file(place, span);
    own.origins.resources = vec![span; members.len()];
    own.resources.clone_from(&members);
    own.members = members;
    own
}

/// The folder's kustomization after the changes of the GitOps object.
fn overridden(mut own: Kustomization, overrides: &Overrides, deployer: Deployer) -> Kustomization {
    if let Some(namespace) = &overrides.namespace {
        own.namespace = Some(namespace.clone());
    }
    if let Some(prefix) = &overrides.name_prefix {
        own.name_prefix.clone_from(prefix);
    }
    if let Some(suffix) = &overrides.name_suffix {
        own.name_suffix.clone_from(suffix);
    }
    // kustomize applies `patchesJson6902` last.
    let last = own.patches.iter().position(|patch| patch.path.starts_with("patchesJson6902["));
    let at = last.unwrap_or(own.patches.len());
    own.patches.splice(at..at, overrides.patches.iter().cloned());
    // `kustomize edit add component`, which Argo CD runs, leaves out one that is there.
    let is_new = |there: &[String], path: &String| deployer == Deployer::Flux || !there.contains(path);
    for component in &overrides.components {
        if !is_new(&own.components, &component.value) {
            continue;
        }
        own.components.push(component.value.clone());
        own.members.push(component.value.clone());
        own.origins.components.push(component.span);
    }
    own.images = match deployer {
        _ if overrides.images.is_empty() => own.images,
        Deployer::Flux => flux_images(&own.images, &overrides.images),
        Deployer::ArgoCd => argo_images(&own.images, &overrides.images),
    };
    own
}

/// The `images` after Flux has merged its own into them. Versions that disagree about an entry leave it unknown: Flux
/// replaced the whole entry until kustomize-controller 1.9.3, and keeps the fields that it does not set since 1.9.4.
fn flux_images(own: &[ImageRule], given: &[ImageRule]) -> Vec<ImageRule> {
    let (older, own): (Vec<&ImageRule>, Vec<&ImageRule>) =
        own.iter().partition(|rule| rule.path.starts_with("imageTags"));
    let entries: Vec<_> = own.iter().map(|rule| image_override::entry(rule)).collect();
    let overrides: Vec<_> = given.iter().map(image_override::entry).collect();
    let merged = [FluxMerge::Fields, FluxMerge::Entry].map(|rule| merge_images(&entries, &overrides, rule));
    let [newer, before] = &merged;
    let given = by_name(given);
    let rules = newer.iter().zip(before).enumerate().map(|(at, (newer, before))| {
        let kept = own.get(at).filter(|rule| image_override::entry(rule) == *newer && is_same(newer, before));
        let origin = given.get(newer.name.value.as_str()).copied();
        kept.map_or_else(|| changed(newer, origin, !is_same(newer, before)), |rule| (*rule).clone())
    });
    rules.chain(older.into_iter().cloned()).collect()
}

/// Whether two entries have the same effect, wherever they are written.
fn is_same(one: &ImageEntry<Spanned<String>>, other: &ImageEntry<Spanned<String>>) -> bool {
    one.clone().map(|text| text.value) == other.clone().map(|text| text.value)
}

/// The `images` after `kustomize edit set image`.
fn argo_images(own: &[ImageRule], given: &[ImageRule]) -> Vec<ImageRule> {
    let entries: Vec<_> = own.iter().map(image_override::entry).collect();
    let overrides: Vec<_> = given.iter().map(image_override::entry).collect();
    let set = set_images(&entries, &overrides);
    let (own, given) = (by_name(own), by_name(given));
    let rules = set.iter().map(|entry| {
        let kept = own.get(entry.name.value.as_str()).filter(|rule| image_override::entry(rule) == *entry);
        let origin = given.get(entry.name.value.as_str()).copied();
        kept.map_or_else(|| changed(entry, origin, false), |rule| (*rule).clone())
    });
    rules.collect()
}

/// The first rule of each name.
fn by_name(rules: &[ImageRule]) -> BTreeMap<&str, &ImageRule> {
    rules.iter().rev().map(|rule| (rule.name.value.as_str(), rule)).collect()
}

/// The rule of an entry that the GitOps object sets.
fn changed(entry: &ImageEntry<Spanned<String>>, origin: Option<&ImageRule>, is_unknown: bool) -> ImageRule {
    let path = origin.map_or_else(String::new, |rule| rule.path.clone());
    let rule = image_override::rule(path, entry.clone());
    ImageRule { is_broken: is_unknown || origin.is_some_and(|rule| rule.is_broken), ..rule }
}
