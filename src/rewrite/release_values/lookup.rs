//! Finds what releases refer to among the inputs.

use std::collections::{BTreeMap, BTreeSet};

use crate::resource;
use crate::resource::kustomization::{Generator, Kustomization, folder, is_file_name, member_path, normalise};
use crate::resource::workload::values::{
    ChartDefaults, ChartName, ChartSource, FileBase, FoundReference, FoundText, ReferenceLookup, ReferenceTarget,
    SourceTable, ValuesReference, defaults,
};
use crate::text::placeholder::is_placeholder;
use crate::text::source::{SourceId, SourceOrigin, Sources};
use crate::text::yaml::{self, Node, Piece, Place};

/// The files and ConfigMaps of the inputs.
pub struct InputLookup<'s> {
    sources: &'s Sources,
    files: BTreeMap<String, SourceId>,
    charts: SourceTable<'s>,
    config_maps: BTreeMap<String, Vec<ConfigMap>>,
}

/// A ConfigMap in the inputs, or one that a kustomization generates from files.
struct ConfigMap {
    /// The source that contains it, or its generator.
    source: SourceId,
    namespace: Option<String>,
    /// The folder of the kustomization that generates it.
    generated_in: Option<String>,
    data: BTreeMap<String, Data>,
    /// Whether more keys are possible.
    is_partial: bool,
}

/// The value of a key of a ConfigMap.
enum Data {
    Text { source: SourceId, text: String, place: Place, path: String },
    File(SourceId),
    Unknown,
}

/// The size of all ConfigMaps that are kept, in bytes.
const MAX_BYTES: usize = 64 << 20;

impl<'s> InputLookup<'s> {
    /// Collects what references may lead to.
    pub fn new<'r>(
        kustomizations: &[Kustomization],
        chart_sources: &'s [ChartSource],
        sources: &'s Sources,
        references: impl Iterator<Item = &'r ReferenceTarget>,
    ) -> Self {
        let files = sources.iter().filter(|(_, source)| *source.origin() == SourceOrigin::File && source.is_readable());
        let files = files.map(|(id, source)| (normalise(source.name()), id)).collect();
        let mut lookup = Self { sources, files, charts: SourceTable::new(chart_sources), config_maps: BTreeMap::new() };
        let names: BTreeSet<&str> = references.filter_map(ReferenceTarget::config_map).collect();
        if !names.is_empty() {
            lookup.read_config_maps(&names);
            lookup.read_generators(kustomizations, &names);
        }
        lookup
    }

    /// Returns the folder that the name of a source is in: for a tool's output, the folder that was rendered.
    pub fn folder_of(&self, source: SourceId) -> String {
        match self.sources.get(source).origin() {
            SourceOrigin::Rendered(rendering) => normalise(&rendering.folder),
            _ => normalise(folder(self.sources.get(source).name())),
        }
    }

    /// Returns the only file at a path below one of the folders that a source is in.
    fn below_roots(&self, source: SourceId, path: &str) -> Option<SourceId> {
        if is_placeholder(path) || path.split('/').any(|part| part == "..") {
            return None;
        }
        let own = self.folder_of(source);
        let found: BTreeSet<SourceId> =
            roots(&own).filter_map(|root| self.files.get(&member_path(root, path)).copied()).collect();
        found.first().copied().filter(|_| found.len() == 1)
    }

    /// Returns the file with a name, as [`normalise`] writes it.
    pub(crate) fn file_at(&self, name: &str) -> Option<SourceId> {
        self.files.get(&normalise(name)).copied()
    }

    /// Returns the folder of the chart that a release names by its path, if it is in the inputs.
    pub fn chart_folder(&self, source: SourceId, path: &str) -> Option<String> {
        let file = match path.split('/').any(|part| part == "..") {
            // Only Fleet and helmfile leave the folder of the file.
            true => *self.files.get(&member_path(&self.folder_of(source), &format!("{path}/Chart.yaml")))?,
            false => self.below_roots(source, &member_path(path.trim_start_matches('/'), "Chart.yaml"))?,
        };
        Some(folder(self.sources.get(file).name()).to_owned())
    }

    /// Whether the inputs have a folder at a path below one of the folders that a source is in.
    pub fn has_folder(&self, source: SourceId, path: &str) -> bool {
        let own = self.folder_of(source);
        roots(&own).any(|root| {
            let inside = format!("{}/", member_path(root, path.trim_start_matches('/')));
            self.files.range(inside.clone()..).next().is_some_and(|(file, _)| file.starts_with(&inside))
        })
    }

    fn file(&self, path: &str, base: &FileBase, source: SourceId, chart: Option<&str>) -> Option<SourceId> {
        match base {
            FileBase::Release => self.files.get(&member_path(&self.folder_of(source), path)).copied(),
            FileBase::Repository(_) => self.below_roots(source, path),
            FileBase::Chart => {
                let folder = self.chart_folder(source, chart?)?;
                self.files.get(&member_path(&folder, path)).copied()
            }
        }
    }

    fn read_config_maps(&mut self, names: &BTreeSet<&str>) {
        let mut left = MAX_BYTES;
        let sources = self.sources;
        for (id, source) in sources.iter().filter(|(_, source)| source.text().contains("ConfigMap")) {
            yaml::read(id, source.text(), true, &mut |piece| {
                let Piece::Document(document) = piece else { return };
                let mut objects = Vec::new();
                if let Some(root) = document.root() {
                    resource::objects(root, &mut objects);
                }
                for object in objects {
                    let name = object.name.name.filter(|name| names.contains(name.as_str()));
                    let Some(name) = name.filter(|_| object.name.kind == "ConfigMap") else { continue };
                    let mut data = BTreeMap::new();
                    for entry in object.node.get("data").into_iter().flat_map(Node::entries) {
                        let Some(key) = entry.key.text() else { continue };
                        data.insert(key.to_owned(), of_text(entry.value, key, &mut left));
                    }
                    let map = ConfigMap {
                        source: id,
                        namespace: object.name.namespace,
                        generated_in: None,
                        data,
                        is_partial: false,
                    };
                    self.config_maps.entry(name).or_default().push(map);
                }
            });
        }
    }

    fn read_generators(&mut self, kustomizations: &[Kustomization], names: &BTreeSet<&str>) {
        for own in kustomizations {
            let generates =
                |generator: &Generator| generator.kind == "ConfigMap" && names.contains(generator.name.as_str());
            if !own.origins.generators.iter().any(generates) || !is_file_name(self.sources.get(own.span.source).name())
            {
                continue;
            }
            let sources = self.sources;
            yaml::read(own.span.source, sources.get(own.span.source).text(), true, &mut |piece| {
                let Piece::Document(document) = piece else { return };
                let generators = document.root().and_then(|root| root.get("configMapGenerator"));
                for generator in generators.into_iter().flat_map(Node::items) {
                    let Some(name) = generator.str("name").filter(|name| names.contains(name)) else { continue };
                    let mut map = ConfigMap {
                        source: own.span.source,
                        namespace: None,
                        generated_in: Some(normalise(&own.folder)),
                        data: BTreeMap::new(),
                        is_partial: generator.get("behavior").is_some() || generator.get("envs").is_some(),
                    };
                    for file in generator.get("files").into_iter().flat_map(Node::items).filter_map(Node::as_str) {
                        let (key, path) = file.split_once('=').unwrap_or_else(|| (file_name(file), file));
                        let found = self.files.get(&member_path(&own.folder, path)).copied();
                        map.data.insert(key.to_owned(), found.map_or(Data::Unknown, Data::File));
                    }
                    for literal in generator.get("literals").into_iter().flat_map(Node::items) {
                        if let Some((key, _)) = literal.as_str().and_then(|text| text.split_once('=')) {
                            map.data.insert(key.to_owned(), Data::Unknown);
                        }
                    }
                    self.config_maps.entry(name.to_owned()).or_default().push(map);
                }
            });
        }
    }

    /// Returns the ConfigMap that a reference means: the one in the same source, which a tool may have printed, or one
    /// that is generated next to the release, or else the only one.
    fn config_map(&self, namespace: Option<&str>, name: &str, source: SourceId) -> Option<&ConfigMap> {
        let near = self.folder_of(source);
        let is_file = |id: SourceId| *self.sources.get(id).origin() == SourceOrigin::File;
        let is_possible =
            |map: &&ConfigMap| map.namespace.is_none() || namespace.is_none() || map.namespace.as_deref() == namespace;
        let all = self.config_maps.get(name)?.iter().filter(is_possible);
        // What a tool printed is in the inputs a second time.
        let all: Vec<&ConfigMap> =
            all.filter(|map| map.source == source || is_file(map.source) == is_file(source)).collect();
        let mut own = all.iter().filter(|map| map.source == source);
        if let (Some(only), None) = (own.next(), own.next()) {
            return Some(only);
        }
        let generated: Vec<&&ConfigMap> =
            all.iter().filter(|map| map.generated_in.as_deref() == Some(near.as_str())).collect();
        match (generated.as_slice(), all.as_slice()) {
            ([only], _) => Some(only),
            ([], [only]) => Some(only),
            _ => None,
        }
    }
}

impl ReferenceLookup for InputLookup<'_> {
    fn defaults(&self, chart: &ChartName) -> Option<ChartDefaults> {
        defaults(&self.charts.complete(chart))
    }

    fn find(&self, reference: &ValuesReference, source: SourceId, chart: Option<&str>) -> FoundReference<'_> {
        let whole = |id: SourceId| {
            let text = self.sources.get(id).text();
            FoundReference::Text(FoundText { source: id, text, place: None, path: String::new() })
        };
        match &reference.target {
            ReferenceTarget::Unfollowed => FoundReference::Unknown,
            ReferenceTarget::Chart => {
                let folder = chart.and_then(|chart| self.chart_folder(source, chart));
                let values = folder.and_then(|folder| self.files.get(&member_path(&folder, "values.yaml")));
                values.copied().map_or(FoundReference::Absent, whole)
            }
            ReferenceTarget::File { path, base } => {
                self.file(path, base, source, chart).map_or(FoundReference::Unknown, whole)
            }
            ReferenceTarget::ConfigMap { namespace, name, key } => {
                let Some(map) = self.config_map(namespace.as_deref(), name, source) else {
                    return FoundReference::Unknown;
                };
                match map.data.get(key) {
                    Some(Data::File(id)) => whole(*id),
                    Some(Data::Text { source, text, place, path }) => FoundReference::Text(FoundText {
                        source: *source,
                        text,
                        place: Some(place.clone()),
                        path: path.clone(),
                    }),
                    None if reference.is_optional && !map.is_partial => FoundReference::Absent,
                    None | Some(Data::Unknown) => FoundReference::Unknown,
                }
            }
        }
    }
}

/// A folder and those that it is in.
fn roots(own: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(own), |root| Some(folder(root)).filter(|_| !root.is_empty()))
}

fn of_text(node: Node<'_>, key: &str, left: &mut usize) -> Data {
    let Some(text) = node.as_str().filter(|text| text.len() <= *left) else { return Data::Unknown };
    *left -= text.len();
    let path = format!("data['{}']", key.replace('\'', "\\'"));
    Data::Text { source: node.span().source, text: text.to_owned(), place: node.place(), path }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
