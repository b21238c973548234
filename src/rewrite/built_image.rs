//! Images that a build tool builds, and writes into the manifests that it deploys.
//!
//! Follows Skaffold v2.24.0, `pkg/skaffold/kubernetes/manifest/images.go` and `visitor.go`, and DevSpace v6.4.0,
//! `pkg/devspace/config/loader/variable/legacy/replace.go`.

use std::collections::{BTreeMap, BTreeSet};

use super::bare_name;
use crate::inventory::Inventory;
use crate::resource::ResourceName;
use crate::resource::build_config::{BuildConfig, BuildTool, Manifests};
use crate::resource::kustomization::{Build, member_path, normalise};
use crate::resource::workload::{ContainerKind, DecidedBy, ImageText, ImageUse, PodOrigin, Skip};
use crate::text::go::glob;
use crate::text::source::{SourceId, SourceOrigin, Sources, Span};

/// The maximum number of steps for all configurations together. Beyond it, no more images are marked, and they are
/// asked for as written.
const MAX_STEPS: usize = 1_000_000;

/// The kinds of which Skaffold replaces every `image` (`TransformAllowlist`), as `Kind.group`.
const SKAFFOLD_KINDS: &[&str] = &[
    "Pod",
    "Service",
    "DaemonSet.apps",
    "Deployment.apps",
    "ReplicaSet.apps",
    "StatefulSet.apps",
    "CronJob.batch",
    "Job.batch",
    "DaemonSet.extensions",
    "Deployment.extensions",
    "ReplicaSet.extensions",
    "Service.serving.knative.dev",
    "Fleet.agones.dev",
    "GameServer.agones.dev",
    "Rollout.argoproj.io",
    "Workflow.argoproj.io",
    "CronWorkflow.argoproj.io",
    "WorkflowTemplate.argoproj.io",
    "ClusterWorkflowTemplate.argoproj.io",
    "Job.run.googleapis.com",
    "WorkerPool.run.googleapis.com",
];

/// Marks the images that a build tool in the inputs builds and deploys. A tool replaces only images in the manifests
/// that it deploys, so images in other files are not concerned.
pub(super) fn mark(inventory: &mut Inventory, builds: &[Build<'_>], sources: &Sources) {
    if inventory.build_configs.is_empty() {
        return;
    }
    let configs = std::mem::take(&mut inventory.build_configs);
    let mut steps = MAX_STEPS;
    let files = Files::new(builds, sources);
    let deployed: Vec<BTreeSet<SourceId>> = configs.iter().map(|config| files.deployed(config, &mut steps)).collect();
    let mut images: BTreeMap<SourceId, Vec<usize>> = BTreeMap::new();
    for (at, image) in inventory.images.iter().enumerate() {
        images.entry(inventory.pod(image.pod).span.source).or_default().push(at);
    }
    let mut marked = BTreeMap::new();
    for group in together(&configs, sources, &mut steps) {
        let of_group = || group.iter().filter_map(|at| Some((configs.get(*at)?, deployed.get(*at)?)));
        let size: usize = of_group().map(|(config, deployed)| config.artifacts.len() + deployed.len()).sum();
        if !spend(&mut steps, size) {
            break;
        }
        let artifacts = of_group().flat_map(|(config, _)| &config.artifacts);
        let artifacts: BTreeMap<&str, Span> = artifacts.map(|name| (name.value.as_str(), name.span)).collect();
        let deployed: BTreeSet<SourceId> = of_group().flat_map(|(_, deployed)| deployed).copied().collect();
        let configs: Vec<&BuildConfig> = of_group().map(|(config, _)| config).collect();
        for at in deployed.iter().filter_map(|id| images.get(id)).flatten() {
            if !spend(&mut steps, 1 + configs.len()) {
                break;
            }
            let Some(image) = inventory.images.get(*at) else { continue };
            let pod = inventory.pod(image.pod);
            let places = std::iter::once(image.text.span).chain(image.decided_by.iter().map(|decision| decision.span));
            let is_whole = pod.origin != PodOrigin::Mention
                && places.into_iter().all(|place| deployed.contains(&place.source))
                && configs.iter().any(|config| replaces(config, image, &inventory.resource_of(image).name));
            let tool = configs.first().map(|config| config.tool).filter(|_| is_whole);
            let artifact = tool.and_then(|tool| Some((tool, *artifacts.get(name(tool, image)?.as_str())?)));
            if let Some(artifact) = artifact {
                marked.entry(*at).or_insert(artifact);
            }
        }
    }
    for (at, (tool, artifact)) in marked {
        if let Some(image) = inventory.images.get_mut(at) {
            set(image, tool, artifact);
        }
    }
    inventory.build_configs = configs;
}

/// Marks an image. A name without a registry or without a tag is only the name of the build, and no registry is
/// asked for it. Any other reference may exist: it is asked for, and may be absent.
fn set(image: &mut ImageUse, tool: BuildTool, artifact: Span) {
    let bare = bare_name(&image.text.value);
    let is_name_of_build = !bare.contains('/') || bare == image.text.value;
    let message = format!("{} builds `{bare}` here, and writes the image when it deploys", tool.name());
    image.decided_by.push(DecidedBy { span: artifact, message });
    image.built_by = Some(artifact);
    if is_name_of_build {
        image.image = ImageText::Skipped(Skip::Built);
    }
}

/// Returns the name by which a tool looks an image up among those that it builds; `None` if it keeps the image.
fn name(tool: BuildTool, image: &ImageUse) -> Option<String> {
    let ImageText::Reference(reference) = &image.image else { return None };
    match tool {
        // "Leave images referenced by digest as they are".
        BuildTool::Skaffold if reference.digest().is_some() => None,
        BuildTool::Skaffold => Some(bare_name(&image.text.value).to_owned()),
        // `GetStrippedDockerImageName`.
        BuildTool::DevSpace => {
            let name = reference.name();
            let name =
                name.strip_prefix("docker.io/").map_or(name, |name| name.strip_prefix("library/").unwrap_or(name));
            Some(name.to_owned())
        }
    }
}

/// Whether a tool replaces this field of such an object.
fn replaces(config: &BuildConfig, image: &ImageUse, object: &ResourceName) -> bool {
    // If a kustomization sets the image, the path is the kustomization's.
    let is_of_container =
        matches!(image.container.kind, ContainerKind::Container | ContainerKind::Init | ContainerKind::Ephemeral);
    let is_image = is_of_container || image.path.rsplit('.').next() == Some("image");
    match config.tool {
        BuildTool::DevSpace => is_image,
        // The objects in a List are not visited.
        BuildTool::Skaffold if !is_image || image.path.starts_with("items[") => false,
        BuildTool::Skaffold => {
            let group = object.group();
            let kind = if group.is_empty() { object.kind.clone() } else { format!("{}.{group}", object.kind) };
            let is_in = |list: &[String]| list.contains(&kind);
            (SKAFFOLD_KINDS.contains(&kind.as_str()) || is_in(&config.allowed_kinds)) && !is_in(&config.denied_kinds)
        }
    }
}

/// Returns the configurations that are built and deployed together: for each file, those in it, with all that they
/// require.
fn together(configs: &[BuildConfig], sources: &Sources, steps: &mut usize) -> Vec<BTreeSet<usize>> {
    let mut of_file: BTreeMap<SourceId, Vec<usize>> = BTreeMap::new();
    let mut by_name: BTreeMap<String, SourceId> = BTreeMap::new();
    for (at, config) in configs.iter().enumerate() {
        of_file.entry(config.span.source).or_default().push(at);
        by_name.insert(normalise(sources.get(config.span.source).name()), config.span.source);
    }
    let required = |config: &BuildConfig| -> Vec<usize> {
        let of = |path: &String| {
            let path = member_path(&config.folder, path);
            by_name.get(&path).or_else(|| by_name.get(&member_path(&path, "skaffold.yaml"))).copied()
        };
        let targets = config.required.iter().filter_map(|required| {
            let source = required.path.as_ref().map_or(Some(config.span.source), of)?;
            Some((of_file.get(&source)?, &required.names))
        });
        let named = targets.flat_map(|(configs_of, names)| {
            configs_of.iter().copied().filter(|at| {
                let name = configs.get(*at).and_then(|config| config.name.as_ref());
                names.is_empty() || name.is_some_and(|name| names.contains(name))
            })
        });
        named.collect()
    };
    let mut edges: Vec<Vec<usize>> = Vec::new();
    let largest = of_file.values().map(Vec::len).max().unwrap_or_default();
    for config in configs {
        let names: usize = config.required.iter().map(|required| 1 + required.names.len()).sum();
        edges.push(if spend(steps, names.saturating_mul(largest)) { required(config) } else { Vec::new() });
    }
    let mut groups = Vec::new();
    for own in of_file.values() {
        let (mut group, mut open) = (BTreeSet::new(), own.clone());
        while let Some(at) = open.pop() {
            if !group.insert(at) {
                continue;
            }
            let next = edges.get(at).map(Vec::as_slice).unwrap_or_default();
            if !spend(steps, 1 + next.len()) {
                return groups;
            }
            open.extend(next);
        }
        groups.push(group);
    }
    groups
}

fn spend(steps: &mut usize, cost: usize) -> bool {
    let left = steps.checked_sub(cost);
    *steps = left.unwrap_or_default();
    left.is_some()
}

/// The inputs by their paths.
struct Files {
    by_path: BTreeMap<String, SourceId>,
    /// What a build of a kustomization reads, by its folder.
    kustomizations: BTreeMap<String, BTreeSet<SourceId>>,
    /// The output of tools, by the folder that was rendered.
    rendered: BTreeMap<String, Vec<SourceId>>,
}

impl Files {
    fn new(builds: &[Build<'_>], sources: &Sources) -> Self {
        let (mut by_path, mut rendered) = (BTreeMap::new(), BTreeMap::<String, Vec<SourceId>>::new());
        for (id, source) in sources.iter() {
            match source.origin() {
                SourceOrigin::Rendered(rendering) => {
                    rendered.entry(normalise(&rendering.folder)).or_default().push(id);
                }
                _ => drop(by_path.insert(normalise(source.name()), id)),
            }
        }
        let own = builds.iter().map(|build| (build.kustomization.folder.as_str(), build.kustomization.span.source));
        let files: BTreeMap<&str, SourceId> = own.collect();
        let of = |build: &Build<'_>| {
            let kustomizations = build.folders.iter().filter_map(|folder| files.get(folder));
            let all = build.sources.iter().chain(kustomizations).copied().collect();
            (normalise(&build.kustomization.folder), all)
        };
        Self { by_path, kustomizations: builds.iter().map(of).collect(), rendered }
    }

    /// Returns the inputs that a configuration deploys.
    fn deployed(&self, config: &BuildConfig, steps: &mut usize) -> BTreeSet<SourceId> {
        let mut found = BTreeSet::new();
        for manifests in &config.manifests {
            let path = match manifests {
                Manifests::Files(path)
                | Manifests::FileOrFolder(path)
                | Manifests::Kustomization(path)
                | Manifests::Tree(path) => member_path(&config.folder, path),
            };
            let mut take = |ids: &mut dyn Iterator<Item = SourceId>| {
                for id in ids {
                    if !spend(steps, 1) {
                        return;
                    }
                    found.insert(id);
                }
            };
            match manifests {
                Manifests::Files(_) => match self.by_path.get(&path) {
                    Some(id) => take(&mut std::iter::once(*id)),
                    None => {
                        let literal = path.split_inclusive('/').take_while(|part| !glob::has_meta(part.as_bytes()));
                        let start: String = literal.collect();
                        for (file, id) in self.below(&start) {
                            if !spend(steps, 1 + path.len() / 8) {
                                return found;
                            }
                            if matches_path(&path, file) {
                                found.insert(id);
                            }
                        }
                    }
                },
                Manifests::FileOrFolder(_) => {
                    take(&mut self.by_path.get(&path).copied().into_iter());
                    let start = below_of(&path);
                    for (file, id) in self.below(&start) {
                        if !spend(steps, 1) {
                            return found;
                        }
                        if !file.get(start.len()..).unwrap_or_default().contains('/') {
                            found.insert(id);
                        }
                    }
                }
                Manifests::Kustomization(_) if self.kustomizations.contains_key(&path) => {
                    let read = self.kustomizations.get(&path).into_iter().flatten().copied();
                    take(&mut read.chain(self.outputs(&path)));
                }
                // A kustomization that is not in the inputs is taken to build what is in its folder.
                Manifests::Kustomization(_) | Manifests::Tree(_) => {
                    let start = below_of(&path);
                    let below = self.below(&start).map(|(_, id)| id);
                    take(&mut below.chain(self.outputs(&path)));
                }
            }
        }
        found
    }

    fn outputs(&self, folder: &str) -> impl Iterator<Item = SourceId> {
        self.rendered.get(folder).into_iter().flatten().copied()
    }

    /// Returns the files whose paths begin with a text.
    fn below<'a>(&'a self, start: &'a str) -> impl Iterator<Item = (&'a str, SourceId)> + use<'a> {
        let from = self.by_path.range(start.to_owned()..);
        from.take_while(move |(file, _)| file.starts_with(start)).map(|(file, id)| (file.as_str(), *id))
    }
}

/// Returns the text that the paths of all files below a folder begin with.
fn below_of(folder: &str) -> String {
    if folder.is_empty() || folder.ends_with('/') { folder.to_owned() } else { format!("{folder}/") }
}

/// Whether a file, or a folder that it is in, matches a pattern (`ExpandPathsGlob` of `pkg/skaffold/util/util.go`).
fn matches_path(pattern: &str, file: &str) -> bool {
    let depth = pattern.matches('/').count();
    let end = file.match_indices('/').nth(depth).map_or(file.len(), |(at, _)| at);
    let part = file.get(..end).unwrap_or_default();
    glob::matches(pattern.as_bytes(), part.as_bytes()) == Ok(true)
}
