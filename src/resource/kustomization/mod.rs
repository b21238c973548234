//! Kustomizations in the inputs: which files they build from, what they change, and what is deployed in the end.

pub(crate) mod decode;
pub(crate) mod fields;
pub(crate) mod generator;
pub(crate) mod go_types;
pub(crate) mod image;
pub(crate) mod member;
pub(crate) mod patch;
pub(crate) mod pattern;
pub(crate) mod reference;
pub(crate) mod refusal;
pub(crate) mod template;
pub(crate) mod transformer;
pub(crate) mod unrendered;
pub(crate) mod values;

use std::collections::{BTreeMap, BTreeSet};

pub use generator::{Behavior, Generator};
pub use image::ImageRule;
pub use member::{Absence, Absent, Named, Role};
pub(crate) use patch::operations;
pub use patch::{Body, Change, Merge, MergedImage, MergedPod, ObjectSelector, Operation, Patch, PatchFiles, PatchForm};
pub use pattern::{Compiled, Matcher, Pattern};
pub use reference::{Selected, Variable};
pub use refusal::{Refusal, Remedy, Versions};
pub use transformer::{Aside, Effect, Replacement, Transformer};
pub use unrendered::{DeployerDoubt, PartialBuild, Unfollowed};

use fields::Fields;

use crate::resource::workload::value::spanned_string;
use crate::text::source::{SourceId, Sources, Span, Spanned};
use crate::text::yaml::Node;

/// Keys that name files and folders a kustomization is built from.
const MEMBER_KEYS: &[&str] = &[
    "resources",
    "bases",
    "components",
    "patchesStrategicMerge",
    "patches",
    "patchesJson6902",
    "generators",
    "transformers",
    "validators",
];

/// A kustomization, as far as it affects what is pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kustomization {
    /// The kustomization file's folder, `/`-separated, empty for the current folder.
    pub folder: String,
    /// The first key in the file.
    pub span: Span,
    /// The `resources` key, or the first key of the file if there is none.
    pub members_span: Span,
    /// Whether it is a Component, which changes objects that another kustomization built.
    pub is_component: bool,
    /// Paths in `resources`, `bases`, `components`, and `patches…`, as written.
    pub members: Vec<String>,
    /// Paths in `resources` and `bases`, as written.
    pub resources: Vec<String>,
    /// Paths in `components`, as written.
    pub components: Vec<String>,
    /// All files and folders that the kustomization names, each with its role.
    pub named: Vec<Named>,
    /// The named paths that certainly do not exist.
    pub absent: Vec<Absent>,
    /// Why kustomize refuses to read the kustomization.
    pub refusal: Option<Refusal>,
    /// Why kustomize does not build the kustomization on its own, although others can build from it.
    pub order: Option<Refusal>,
    /// Entries of all patch lists.
    pub patches: Vec<Patch>,
    /// Entries of `transformers`.
    pub transformers: Vec<Transformer>,
    /// The key of `vars`.
    pub vars: Option<Span>,
    /// The names in `replicas`.
    pub replicas: Vec<Spanned<String>>,
    /// Entries of `replacements`.
    pub replacements: Vec<Replacement>,
    /// Entries of `images` and `imageTags`.
    pub images: Vec<ImageRule>,
    /// The value of `namespace`.
    pub namespace: Option<String>,
    /// The value of `namePrefix`.
    pub name_prefix: String,
    /// The value of `nameSuffix`.
    pub name_suffix: String,
    /// Paths in `configurations`, which may define which fields of custom kinds contain images.
    pub configurations: Vec<String>,
    /// Parts whose effect is only known after rendering.
    pub unfollowed: Vec<Unfollowed>,
    /// The sources of the kustomization's objects.
    pub origins: Origins,
    /// The GitOps object that builds the folder with changes of its own; `None` for the kustomization as written.
    pub deployed_by: Option<DeployedBy>,
}

/// How a GitOps object builds a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployedBy {
    /// Index in [`crate::inventory::Inventory::deployments`].
    pub deployment: usize,
    /// Index of the folder's own kustomization; `None` if the folder has none.
    pub base: Option<usize>,
    /// Why it is not known what is deployed, with the place.
    pub doubt: Option<(Span, DeployerDoubt)>,
}

/// The places in a kustomization that its objects come from, and the objects that it names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins {
    /// The place of each entry in [`Kustomization::resources`].
    pub resources: Vec<Span>,
    /// The place of each entry in [`Kustomization::components`].
    pub components: Vec<Span>,
    /// The place of the value of `namespace`.
    pub namespace: Option<Span>,
    /// Entries of `configMapGenerator` and `secretGenerator`.
    pub generators: Vec<Generator>,
    /// Why kustomize rejects some of the generators.
    pub faults: Vec<Refusal>,
    /// Entries of `vars`.
    pub variables: Vec<Variable>,
}

impl Origins {
    fn read(fields: &Fields<'_>) -> Self {
        let spans = |keys: &[&str]| {
            let items = keys.iter().flat_map(|key| fields.items(key));
            items.filter(|item| item.as_str().is_some()).map(Node::span).collect()
        };
        let (generators, faults) = generator::read(fields);
        Self {
            resources: spans(&["resources", "bases"]),
            components: spans(&["components"]),
            namespace: fields.get("namespace").map(Node::span),
            generators,
            faults,
            variables: reference::variables(fields),
        }
    }
}

/// Whether a document is a kustomization: by its file's name, or by its kind.
pub fn is_kustomization(file: &str, root: Node<'_>) -> bool {
    is_file_name(file)
        || root.str("apiVersion").is_some_and(|version| version.starts_with("kustomize.config.k8s.io/"))
            && matches!(root.str("kind"), Some("Kustomization" | "Component"))
}

/// The file names that kustomize recognizes as a kustomization (`api/konfig/general.go`).
pub(crate) const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Whether kustomize recognizes a file with that name as a kustomization.
pub(crate) fn is_file_name(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    FILES.contains(&name)
}

/// Reads a kustomization from the root node of its file.
pub fn read(file: &str, root: Node<'_>) -> Kustomization {
    let fields = Fields::of(root);
    let members = MEMBER_KEYS.iter().flat_map(|key| fields.items(key));
    let members = members.filter_map(|member| match member.is_mapping() {
        true => Fields::of(member).str("path"),
        false => member.as_str(),
    });
    let strings = |keys: &[&str]| -> Vec<String> {
        let items = keys.iter().flat_map(|key| fields.items(key));
        items.filter_map(Node::as_str).map(str::to_owned).collect()
    };
    let images = |list| fields.items(list).enumerate().filter_map(move |(at, entry)| ImageRule::read(list, at, entry));
    let first = root.entries().next().map_or(root.span(), |entry| entry.key.span());
    let members_key = ["resources", "bases", "components"].into_iter().find_map(|key| fields.entry(key));
    let text = |key: &str| fields.str(key).unwrap_or_default().to_owned();
    Kustomization {
        folder: folder(file).to_owned(),
        span: first,
        members_span: members_key.map_or(first, |entry| entry.key.span()),
        is_component: fields.str("kind") == Some("Component"),
        members: members.map(str::to_owned).collect(),
        resources: strings(&["resources", "bases"]),
        components: strings(&["components"]),
        named: member::read(&fields),
        absent: Vec::new(),
        refusal: if is_judged(file, &fields) { decode::refusal(root) } else { None },
        order: if is_judged(file, &fields) { values::order(&fields) } else { None },
        patches: patch::read(&fields),
        transformers: transformer::read(&fields),
        vars: fields.entry("vars").map(|entry| entry.key.span()),
        replicas: fields.items("replicas").filter_map(|item| spanned_string(Fields::of(item).get("name")?)).collect(),
        replacements: fields.items("replacements").map(Replacement::read).collect(),
        images: images("images").chain(images("imageTags")).collect(),
        namespace: fields.str("namespace").map(str::to_owned),
        name_prefix: text("namePrefix"),
        name_suffix: text("nameSuffix"),
        configurations: strings(&["configurations"]),
        unfollowed: unrendered::read(&fields),
        origins: Origins::read(&fields),
        deployed_by: None,
    }
}

/// Returns the kustomization for an empty file, which kustomize refuses to build.
pub(crate) fn read_empty(file: &str, span: Span) -> Kustomization {
    Kustomization {
        refusal: Some(Refusal::new(span, "kustomization.yaml is empty", "it is empty")),
        ..without_file(folder(file), span)
    }
}

/// Returns the kustomization of a folder that has no kustomization file. The span stands for its places.
pub(crate) fn without_file(folder: &str, span: Span) -> Kustomization {
    Kustomization {
        folder: folder.to_owned(),
        span,
        members_span: span,
        is_component: false,
        members: Vec::new(),
        resources: Vec::new(),
        components: Vec::new(),
        named: Vec::new(),
        absent: Vec::new(),
        refusal: None,
        order: None,
        patches: Vec::new(),
        transformers: Vec::new(),
        vars: None,
        replicas: Vec::new(),
        replacements: Vec::new(),
        images: Vec::new(),
        namespace: None,
        name_prefix: String::new(),
        name_suffix: String::new(),
        configurations: Vec::new(),
        unfollowed: Vec::new(),
        origins: Origins::default(),
        deployed_by: None,
    }
}

/// Whether kustomize would read the file as a kustomization. Files with other objects often have the same name: a
/// Flux Kustomization, or a resource that another kustomization names by its file.
fn is_judged(file: &str, fields: &Fields<'_>) -> bool {
    let version = fields.str("apiVersion").unwrap_or_default();
    let is_own = version.starts_with("kustomize.config.k8s.io/");
    let is_others = version.split_once('/').is_some_and(|(group, _)| group.contains('.') && !is_own);
    let kind = fields.str("kind").unwrap_or_default();
    let is_object = !version.is_empty() && !is_own && !matches!(kind, "" | "Kustomization" | "Component");
    is_file_name(file) && !is_others && !is_object
}

/// Returns the value of a field; the case of its key does not matter.
pub(crate) fn field<'a>(node: Node<'a>, name: &str) -> Option<Node<'a>> {
    Fields::of(node).get(name)
}

/// Returns a member's path relative to the folder that input names are relative to.
pub(crate) fn member_path(folder: &str, member: &str) -> String {
    if folder.is_empty() { normalise(member) } else { normalise(&format!("{folder}/{member}")) }
}

/// All files and folders that one kustomization is built from, directly or through others.
#[derive(Debug)]
pub struct Build<'k> {
    /// The kustomization that is built.
    pub kustomization: &'k Kustomization,
    /// Files that the build reads.
    pub sources: BTreeSet<SourceId>,
    /// Folders of all kustomizations in the build, including its own.
    pub folders: BTreeSet<&'k str>,
}

/// The target of a member's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Member {
    /// A file in the inputs.
    File(SourceId),
    /// The kustomization at this index.
    Folder(usize),
}

/// Returns the input files that kustomizations are built from.
#[cfg(feature = "cli")]
pub(crate) fn files<'k>(
    kustomizations: impl IntoIterator<Item = &'k Kustomization>,
    sources: &Sources,
) -> BTreeSet<SourceId> {
    let members = members(kustomizations, sources).into_iter().flatten();
    members.filter_map(|member| if let Member::File(id) = member { Some(id) } else { None }).collect()
}

/// Returns the files and folders that each kustomization names, as far as they are in the inputs.
fn members<'k>(
    kustomizations: impl IntoIterator<Item = &'k Kustomization>,
    sources: &Sources,
) -> Vec<BTreeSet<Member>> {
    let kustomizations: Vec<&Kustomization> = kustomizations.into_iter().collect();
    let folders = by_folder(kustomizations.iter().copied());
    let files: BTreeMap<String, SourceId> = sources.iter().map(|(id, source)| (normalise(source.name()), id)).collect();
    let of = |own: &&Kustomization| {
        let led = |member: &String| {
            let path = member_path(&own.folder, member);
            let file = files.get(&path).map(|id| Member::File(*id));
            file.or_else(|| folders.get(&path).map(|at| Member::Folder(*at)))
        };
        own.members.iter().filter_map(led).collect()
    };
    kustomizations.iter().map(of).collect()
}

/// Returns the index of the kustomization in each folder. Those of GitOps objects are not built by others.
pub(crate) fn by_folder<'k>(kustomizations: impl Iterator<Item = &'k Kustomization>) -> BTreeMap<String, usize> {
    let written = kustomizations.enumerate().filter(|(_, own)| own.deployed_by.is_none());
    written.map(|(at, own)| (normalise(&own.folder), at)).collect()
}

/// Maximum number of steps from kustomizations to their members; longer builds are cut short.
const MAX_STEPS: usize = 20_000_000;

/// Returns the builds of all kustomizations.
pub fn builds<'k>(kustomizations: &'k [Kustomization], sources: &Sources) -> Vec<Build<'k>> {
    if kustomizations.is_empty() {
        return Vec::new();
    }
    let members = members(kustomizations, sources);
    let mut steps = MAX_STEPS;
    (0..kustomizations.len()).map(|at| build(at, kustomizations, &members, &mut steps)).collect()
}

fn build<'k>(
    at: usize,
    kustomizations: &'k [Kustomization],
    members: &[BTreeSet<Member>],
    steps: &mut usize,
) -> Build<'k> {
    let mut build = Build { kustomization: &kustomizations[at], sources: BTreeSet::new(), folders: BTreeSet::new() };
    let mut open = vec![at];
    while let Some(at) = open.pop() {
        let (Some(own), Some(members)) = (kustomizations.get(at), members.get(at)) else { continue };
        if !build.folders.insert(own.folder.as_str()) {
            continue;
        }
        let Some(left) = steps.checked_sub(1 + members.len()) else { break };
        *steps = left;
        for member in members {
            match member {
                Member::File(source) => drop(build.sources.insert(*source)),
                Member::Folder(inner) => open.push(*inner),
            }
        }
    }
    build
}

/// Returns the kustomizations that no other one builds from. A folder that a GitOps object builds is not built as
/// written.
pub(crate) fn root_indices(builds: &[Build<'_>]) -> Vec<usize> {
    let is_deployed = |build: &Build<'_>| build.kustomization.deployed_by.is_some();
    let mut included = BTreeSet::new();
    for build in builds {
        let own = build.kustomization.folder.as_str();
        included.extend(build.folders.iter().copied().filter(|folder| *folder != own || is_deployed(build)));
    }
    let is_root = |at: &usize| {
        let build = &builds[*at];
        is_deployed(build) || !included.contains(build.kustomization.folder.as_str())
    };
    (0..builds.len()).filter(is_root).collect()
}

/// Returns the namespaces that builds give to the objects of each source. For each build that is not part of another,
/// this is the outermost namespace set on the way to the source. `None` means that objects keep their own.
pub fn namespaces(builds: &[Build<'_>], sources: &Sources) -> BTreeMap<SourceId, BTreeSet<Option<String>>> {
    let members = members(builds.iter().map(|build| build.kustomization), sources);
    let mut steps = MAX_STEPS;
    let mut namespaces: BTreeMap<SourceId, BTreeSet<Option<String>>> = BTreeMap::new();
    for root in root_indices(builds) {
        let mut seen = BTreeSet::new();
        let mut open: Vec<(usize, Option<&String>)> = vec![(root, None)];
        while let Some((at, outer)) = open.pop() {
            let (Some(build), Some(members)) = (builds.get(at), members.get(at)) else { continue };
            let own = build.kustomization.namespace.as_ref().filter(|name| !name.is_empty());
            let namespace = outer.or(own);
            if !seen.insert((at, namespace)) {
                continue;
            }
            let Some(left) = steps.checked_sub(1 + members.len()) else { break };
            steps = left;
            for member in members {
                match member {
                    Member::File(source) => drop(namespaces.entry(*source).or_default().insert(namespace.cloned())),
                    Member::Folder(inner) => open.push((*inner, namespace)),
                }
            }
        }
    }
    namespaces
}

/// Returns the `images:` entry that rewrites one value to another, if exactly one does in a folder's kustomization
/// and those that it is built from: the place of the scalar, its path, and the part of the image that it sets.
pub(crate) fn setting(
    builds: &[Build<'_>],
    folder: &str,
    from: &str,
    to: &str,
) -> Option<(Span, String, &'static str)> {
    let build = builds.iter().find(|build| normalise(&build.kustomization.folder) == normalise(folder))?;
    let within = builds.iter().filter(|part| build.folders.contains(part.kustomization.folder.as_str()));
    let mut found = within.flat_map(|part| &part.kustomization.images).filter_map(|rule| match rule.apply(from) {
        image::Rewritten::To(value, deciding) if value == to => {
            let (span, path) = image::decision(rule, deciding)?;
            let part = match path.rsplit('.').next() {
                Some("digest") => "digest",
                Some("newName") => "repository",
                _ => "tag",
            };
            Some((span, path, part))
        }
        _ => None,
    });
    let one = found.next()?;
    found.next().is_none().then_some(one)
}

/// Returns the folder of a file; empty for the current folder.
pub fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Normalizes a path: removes `.`, and each `..` that has a preceding part to cancel.
pub(crate) fn normalise(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." && parts.last().is_some_and(|last| *last != "..") {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalized() {
        assert_eq!(normalise("./a/../b//c"), "b/c");
        assert_eq!(normalise("../a"), "../a");
        assert_eq!(normalise("/a/b/.."), "/a");
    }
}
