//! Releases of charts: the images in the values that an object sets for a chart, and what of the release is not read.
//!
//! The chart decides what it makes of its values, so that none of these images is certain to be pulled.

mod chart;
pub mod chart_defaults;
mod fleet;
mod group;
mod helm_operator;
mod helmfile;
mod number;
mod part;
mod reference;
mod release;
mod render_input;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

pub use self::chart::{ChartName, ChartPin, ChartSource, SourceReference, SourceTable};
pub use self::chart_defaults::{ChartDefaults, defaults};
pub(crate) use self::helmfile::{is_file_name as is_helmfile_name, passwords, repositories, template};
use self::part::{Part, PartPlace, References};
pub use self::reference::{
    FileBase, FoundReference, FoundText, NoLookup, ReferenceLookup, ReferenceTarget, ValuesReference,
};
use self::release::Reading;
pub(crate) use self::render_input::render_inputs_of;
pub use self::render_input::{ParameterText, RenderInput, RenderValues, render_inputs};
use self::walk::{FoundImage, FoundValues};
use crate::resource::workload::pod::secret_references;
use crate::resource::workload::{
    Chosen, Container, ContainerKind, ImageUse, Pod, PodId, PodOrigin, Resource, ResourceId, SecretReference,
    WorkloadFacts,
};
use crate::resource::{Object, ResourceName};
use crate::text::source::{Span, Spanned};
use crate::text::yaml::Node;

/// Index of a [`Release`] in [`crate::inventory::Inventory::releases`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReleaseId(pub u32);

/// The program that installs a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installer {
    /// Flux's helm-controller.
    Flux,
    /// Argo CD.
    ArgoCd,
    /// The helm-controller of k3s and RKE2.
    HelmController,
    /// Rancher's Fleet.
    Fleet,
    /// helmfile.
    Helmfile,
    /// Nothing in the inputs: a chart stands by itself.
    Unknown,
    /// kustomize, with `--enable-helm`.
    Kustomize,
}

/// A chart that an object installs with values of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The object that describes the release.
    pub resource: ResourceId,
    /// The place of the chart's name, or else of the object.
    pub span: Span,
    /// The program that installs it.
    pub installer: Installer,
    /// The name that Helm gets for the release; `None` if it is not known.
    pub name: Option<String>,
    /// The chart as the object names it.
    pub chart: ChartName,
    /// How many images its values contain.
    pub images: usize,
    /// How many images are incomplete, with those that have no name: the chart decides the rest.
    pub incomplete: usize,
    /// The path of the first incomplete image.
    pub first_incomplete: Option<String>,
    /// The path of the first field whose values are not read: they are elsewhere, or not YAML.
    pub unread: Option<String>,
    /// Where the values are that are elsewhere: other inputs may complete the release.
    pub references: Vec<ReferenceTarget>,
    /// Whether its chart was rendered with its values: its images are those of the rendered objects.
    pub is_rendered: bool,
    /// Why its chart could not be fetched, if that was tried.
    pub unfetched: Option<String>,
    /// The service account that the values name and the chart does not create.
    pub service_account: Option<Spanned<String>>,
    /// Whether the object is only a part of a release: a patch, or the values for a chart that another object names.
    pub is_partial: bool,
}

/// What tells a release from all others: its place, and its name, because an ApplicationSet makes several of one place.
pub type ReleaseKey = (Span, Option<String>);

impl Release {
    /// Returns what tells the release from all others.
    pub fn key(&self) -> ReleaseKey {
        (self.span, self.name.clone())
    }

    /// Whether images of the release may be missing from what was read. A kustomization with charts is reported as a
    /// whole.
    pub fn is_unchecked(&self) -> bool {
        let is_whole = self.is_rendered && self.unread.is_none();
        !self.is_partial && self.installer != Installer::Kustomize && !is_whole
    }
}

/// The most pull secrets that are read for a whole release.
const MAX_SECRETS: usize = 32;

/// Reads the releases in an object. Returns whether it is of a kind that describes releases.
pub(super) fn extract<'d>(object: &Object<'d>, resource: ResourceId, found: &mut WorkloadFacts<'d>) -> bool {
    found.chart_sources.extend(ChartSource::of(object));
    extract_with(object, resource, &NoLookup, found)
}

/// Reads the releases in an object together with the values that they refer to.
pub(crate) fn extract_with<'d>(
    object: &Object<'d>,
    resource: ResourceId,
    lookup: &dyn ReferenceLookup,
    found: &mut WorkloadFacts<'d>,
) -> bool {
    let Some(readings) = of_object(object) else { return false };
    readings.into_iter().for_each(|reading| add(reading, object.node.span(), resource, lookup, found));
    true
}

/// A scalar in the values of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueText {
    /// Its key; empty for an item of a list.
    pub key: String,
    /// The text as written.
    pub text: String,
    /// Its place.
    pub span: Span,
}

/// Returns all scalars in the values of the releases in an object, by the place of the release: those that take
/// precedence come first.
pub(crate) fn texts_of(object: &Object<'_>, lookup: &dyn ReferenceLookup) -> Vec<(Span, Vec<ValueText>)> {
    let of_reading = |reading: Reading<'_>| {
        let chart = reading.release.chart.chart.clone();
        let references = References { lookup, file: object.node.span().source, chart: chart.as_deref() };
        let parameters = reading.parameters.iter().filter_map(|own| {
            let key = own.name.rsplit('.').next()?.to_owned();
            Some(ValueText { key, text: own.value.text()?.to_owned(), span: own.value.span() })
        });
        let mut found: Vec<ValueText> = parameters.collect();
        for part in reading.parts.iter().rev() {
            part.read(references, &mut |tree, place| walk::scalars(tree, place, 0, &mut found));
        }
        (reading.release.span, found)
    };
    of_object(object).into_iter().flatten().map(of_reading).collect()
}

/// Returns the releases of an object; `None` if it is of another kind.
fn of_object<'d>(object: &Object<'d>) -> Option<Vec<Reading<'d>>> {
    match (object.name.group(), object.name.kind.as_str()) {
        (helm_operator::GROUP, "HelmRelease") => Some(vec![helm_operator::of_operator(object)]),
        _ => release::of_object(object),
    }
}

/// A single value that takes precedence over the sets, such as Helm's `--set`.
struct Parameter<'d> {
    name: String,
    value: Node<'d>,
    /// The path of the value in the object.
    path: String,
    /// Whether the value is a string whatever it looks like.
    is_string: bool,
}

/// Reads the releases in a file whose root is not an object: `fleet.yaml`, `helmfile.yaml`, or a kustomization.
pub(crate) fn of_file<'d>(
    file: &str,
    root: Node<'d>,
    is_kustomization: bool,
    resource: ResourceId,
    lookup: &dyn ReferenceLookup,
) -> Option<(Resource, WorkloadFacts<'d>)> {
    let (readings, api_version, kind) = if is_kustomization {
        (release::of_kustomization(root), String::new(), "Kustomization")
    } else if let Some(readings) = fleet::of_fleet(file, root) {
        (readings, format!("{}/v1alpha1", fleet::FLEET_GROUP), fleet::FLEET_FILE)
    } else {
        (helmfile::of_helmfile(file, root)?, String::new(), helmfile::HELMFILE)
    };
    if readings.is_empty() {
        return None;
    }
    let mut found = WorkloadFacts::default();
    readings.into_iter().for_each(|reading| add(reading, root.span(), resource, lookup, &mut found));
    let name = ResourceName { api_version, kind: kind.to_owned(), ..ResourceName::default() };
    Some((Resource { name, span: root.span(), template: None }, found))
}

/// Reads the values in files of a chart that nothing in the inputs installs: later ones take precedence. `place` is in
/// its `Chart.yaml`.
pub(crate) fn extract_chart(
    chart: ChartName,
    place: Span,
    files: &[String],
    resource: ResourceId,
    lookup: &dyn ReferenceLookup,
    found: &mut WorkloadFacts<'_>,
) {
    let mut reading = Reading::at(Installer::Unknown, place);
    reading.release.chart = chart;
    reading.release.is_partial = true;
    reading.namespace.is_chosen = true;
    for file in files {
        let target = ReferenceTarget::File { path: file.clone(), base: FileBase::Release };
        let reference = ValuesReference { target, span: place, is_optional: false };
        reading.parts.push(Part::Elsewhere(reference, String::new()));
    }
    add(reading, place, resource, lookup, found);
}

fn add<'d>(
    reading: Reading<'d>,
    whole: Span,
    resource: ResourceId,
    lookup: &dyn ReferenceLookup,
    found: &mut WorkloadFacts<'d>,
) {
    let id = ReleaseId(found.releases.len() as u32);
    let parts = reading.parts.iter().chain(reading.targets.iter().flatten());
    let mut targets: Vec<ReferenceTarget> = parts.filter_map(Part::target).cloned().collect();
    targets.dedup();
    let chart = reading.release.chart.chart.clone();
    let references = References { lookup, file: whole.source, chart: chart.as_deref() };
    let mut unread = reading.unread;
    let defaults = lookup.defaults(&reading.release.chart);
    let parameters = &reading.parameters;
    let mut sets = Sets { references, defaults, parameters, secrets: Vec::new(), account: None, unread: None };
    let FoundValues { mut images, nameless, first_nameless } = match reading.targets.is_empty() {
        true => sets.read(&reading.parts.iter().collect::<Vec<_>>()),
        false => sets.read_targets(&reading.parts, &reading.targets),
    };
    let Sets { mut secrets, account, unread: of_sets, .. } = sets;
    unread = of_sets.or(unread);
    if reading.is_post_rendered || reading.is_doubtful {
        images.iter_mut().for_each(FoundImage::doubt);
    }
    secrets.truncate(MAX_SECRETS);
    let mut release = Release {
        resource,
        images: images.len(),
        incomplete: nameless,
        first_incomplete: first_nameless,
        unread,
        references: targets,
        service_account: account,
        ..reading.release
    };
    let pod = |span, own: Vec<SecretReference>| {
        let mut all = own;
        let is_new = |secret: &&SecretReference| !all.iter().any(|own| own.span == secret.span);
        let more: Vec<SecretReference> = secrets.iter().filter(is_new).cloned().collect();
        all.extend(more);
        Pod {
            resource,
            origin: PodOrigin::Values,
            span,
            namespace: reading.namespace.value.clone(),
            service_account: None,
            pull_secrets: Some(all).filter(|all| !all.is_empty()),
            demand: Default::default(),
            chosen: Chosen { namespace: reading.namespace.is_chosen, service_account: true },
            hidden: Default::default(),
            release: Some(id),
        }
    };
    // A release without images has a pod too: a patch of its values may add one.
    let shared = PodId(found.pods.len() as u32);
    found.pods.push(pod(whole, Vec::new()));
    let mut pods: BTreeMap<Span, PodId> = BTreeMap::new();
    for FoundImage { path, text, written, image, decided_by, policy, secrets: own, is_incomplete } in images {
        if is_incomplete {
            release.incomplete += 1;
            release.first_incomplete.get_or_insert_with(|| path.clone());
        }
        let id = match own.first().map(|secret| secret.span) {
            None => shared,
            Some(span) => *pods.entry(span).or_insert_with(|| {
                found.pods.push(pod(whole, own));
                PodId(found.pods.len() as u32 - 1)
            }),
        };
        found.images.push(ImageUse {
            pod: id,
            container: Container { kind: ContainerKind::Values, name: None },
            path,
            text,
            written,
            decided_by,
            stream_tag: None,
            image,
            declared_policy: policy,
            built_by: None,
        });
    }
    found.releases.push(release);
}

/// Reads the sets of values of one release.
struct Sets<'s, 'd> {
    references: References<'s>,
    /// What the chart uses by default.
    defaults: Option<ChartDefaults>,
    parameters: &'s [Parameter<'d>],
    /// The pull secrets of all pods.
    secrets: Vec<SecretReference>,
    account: Option<Spanned<String>>,
    /// The path of the lowest set that is not read as a whole.
    unread: Option<String>,
}

impl Sets<'_, '_> {
    /// Reads sets of values: later ones take precedence.
    fn read(&mut self, parts: &[&Part<'_>]) -> FoundValues {
        let references = self.references;
        let mut values = FoundValues::default();
        let mut overrides = walk::Overrides::new(self.parameters);
        let mut layers = walk::Layers::default();
        let mut doubted = None;
        if parts.len() > 1 {
            for part in parts {
                let mut words = Default::default();
                part.read(references, &mut |tree, place| words = walk::words(tree, place));
                layers.add(words);
            }
        }
        for (at, part) in parts.iter().enumerate().rev() {
            let mut is_whole = true;
            layers.turn_to(at);
            let is_read = part.read(references, &mut |tree, place| {
                self.secrets.extend(release_secrets(tree, place));
                if self.account.is_none() {
                    self.account = service_account(tree, place);
                }
                is_whole &= walk::images(tree, place, &mut overrides, &mut layers, self.defaults, &mut values);
            });
            if !(is_read && is_whole) {
                self.unread = Some(part.path().to_owned());
            }
            if !is_read {
                doubted.get_or_insert(values.images.len());
            }
        }
        // Values that are not read may replace the images in the sets below.
        values.images.iter_mut().skip(doubted.unwrap_or(usize::MAX)).for_each(FoundImage::doubt);
        overrides.rest(&mut values.images);
        values
    }

    /// Reads the values for each target on top of those for all clusters, and then the last target, which stands for
    /// the clusters that no other is for. What all others change may not be deployed like that anywhere.
    fn read_targets(&mut self, parts: &[Part<'_>], targets: &[Vec<Part<'_>>]) -> FoundValues {
        let mut found = FoundValues::default();
        let mut known = BTreeSet::new();
        for (at, target) in targets.iter().enumerate() {
            let values = self.read(&parts.iter().chain(target).collect::<Vec<_>>());
            found.nameless = found.nameless.max(values.nameless);
            found.first_nameless = found.first_nameless.or(values.first_nameless);
            for mut image in values.images {
                if !known.insert((image.text.span, image.path.clone(), image.text.value.clone())) {
                    continue;
                }
                if at + 1 == targets.len() {
                    image.doubt();
                }
                found.images.push(image);
            }
        }
        found
    }
}

/// The service account that the values name for the pods of a release, if the chart is told not to create it.
fn service_account(tree: Node<'_>, place: &PartPlace<'_>) -> Option<Spanned<String>> {
    let account = tree.get("serviceAccount")?;
    let is_given = account.get("create").is_some_and(|create| create.text() == Some("false"));
    let name = account.get("name").filter(|_| is_given)?;
    Some(spanned(name.as_str().filter(|name| !name.is_empty())?.to_owned(), name, place))
}

/// The pull secrets that the values give to all pods of a release.
fn release_secrets(tree: Node<'_>, place: &PartPlace<'_>) -> Vec<SecretReference> {
    let lists: [&[&str]; 3] =
        [&["imagePullSecrets"], &["global", "imagePullSecrets"], &["defaultPodOptions", "imagePullSecrets"]];
    lists.into_iter().filter_map(|path| tree.at(path)).flat_map(|list| secrets_of(list, place)).collect()
}

/// The names in a list of pull secrets: mappings as in a pod, or plain names.
fn secrets_of(list: Node<'_>, place: &PartPlace<'_>) -> Vec<SecretReference> {
    let plain = |item: Node<'_>| Some(SecretReference { name: item.as_str()?.to_owned(), span: item.span() });
    let mut names: Vec<SecretReference> = list.items().take(MAX_SECRETS).filter_map(plain).collect();
    if names.is_empty() {
        names = secret_references(list);
    }
    names.truncate(MAX_SECRETS);
    names.retain(|name| !name.name.is_empty());
    names.iter_mut().for_each(|name| name.span = place.span(name.span));
    names
}

/// The namespace that a release is installed in.
#[derive(Debug, Clone, Default)]
struct TargetNamespace {
    value: Option<String>,
    /// Whether the object chooses another namespace than its own.
    is_chosen: bool,
}

/// Returns a text with its place in the file.
fn spanned(value: String, node: Node<'_>, place: &PartPlace<'_>) -> Spanned<String> {
    Spanned { value, span: place.span(node.span()) }
}
