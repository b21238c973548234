//! Kustomizations of the inputs: which files they build from, what they change, and what is deployed in the end.

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
pub use patch::{Body, Change, Form, Merge, MergedImage, MergedPod, Operation, Patch, PatchFiles, Target};
pub use pattern::{Compiled, Matcher, Pattern};
pub use reference::{Selected, Variable};
pub use refusal::{Refusal, Remedy, Versions};
pub use transformer::{Aside, Effect, Replacement, Transformer};
pub use unrendered::{Unfollowed, Unrendered};

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

/// A kustomization, as far as it decides what is pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kustomization {
    /// The kustomization file's folder, `/`-separated, empty for the current folder.
    pub folder: String,
    /// The first key of the file.
    pub span: Span,
    /// The key of its `resources`, else its first one.
    pub members_span: Span,
    /// Whether it is a Component: it works on what another one has built.
    pub is_component: bool,
    /// `resources`, `bases`, `components`, `patches…` paths as written.
    pub members: Vec<String>,
    /// `resources` and `bases`, as written.
    pub resources: Vec<String>,
    /// `components`, as written.
    pub components: Vec<String>,
    /// All files and folders that it names, and as what.
    pub named: Vec<Named>,
    /// Those of them that are certainly not there.
    pub absent: Vec<Absent>,
    /// Why kustomize does not even read it.
    pub refusal: Option<Refusal>,
    /// Why kustomize does not build it by itself, though others can build from it.
    pub order: Option<Refusal>,
    /// What it patches.
    pub patches: Vec<Patch>,
    /// `transformers`.
    pub transformers: Vec<Transformer>,
    /// The key of `vars`.
    pub vars: Option<Span>,
    /// The names of `replicas`.
    pub replicas: Vec<Spanned<String>>,
    /// `replacements`.
    pub replacements: Vec<Replacement>,
    /// `images` and `imageTags`.
    pub images: Vec<ImageRule>,
    /// `namespace`.
    pub namespace: Option<String>,
    /// `namePrefix`.
    pub name_prefix: String,
    /// `nameSuffix`.
    pub name_suffix: String,
    /// `configurations`: they may say which fields of custom kinds hold images.
    pub configurations: Vec<String>,
    /// What is not followed without rendering it.
    pub unfollowed: Vec<Unfollowed>,
    /// Where its objects come from.
    pub origins: Origins,
}

/// Where the objects of a kustomization come from, and which of them it names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins {
    /// Where each of [`Kustomization::resources`] stands.
    pub resources: Vec<Span>,
    /// Where each of [`Kustomization::components`] stands.
    pub components: Vec<Span>,
    /// The value of `namespace`.
    pub namespace: Option<Span>,
    /// `configMapGenerator` and `secretGenerator`.
    pub generators: Vec<Generator>,
    /// Why kustomize does not take some of those.
    pub faults: Vec<Refusal>,
    /// `vars`.
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

/// The names under which kustomize finds one (`api/konfig/general.go`).
pub(crate) const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Whether kustomize takes a file of that name for one.
pub(crate) fn is_file_name(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    FILES.contains(&name)
}

/// Reads a kustomization file.
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
        replicas: fields.items("replicas").filter_map(|it| spanned_string(Fields::of(it).get("name")?)).collect(),
        replacements: fields.items("replacements").map(Replacement::read).collect(),
        images: images("images").chain(images("imageTags")).collect(),
        namespace: fields.str("namespace").map(str::to_owned),
        name_prefix: text("namePrefix"),
        name_suffix: text("nameSuffix"),
        configurations: strings(&["configurations"]),
        unfollowed: unrendered::read(&fields),
        origins: Origins::read(&fields),
    }
}

/// A kustomization file that says nothing: kustomize refuses it.
pub(crate) fn read_empty(file: &str, span: Span) -> Kustomization {
    Kustomization {
        folder: folder(file).to_owned(),
        span,
        members_span: span,
        is_component: false,
        members: Vec::new(),
        resources: Vec::new(),
        components: Vec::new(),
        named: Vec::new(),
        absent: Vec::new(),
        refusal: Some(Refusal::new(span, "kustomization.yaml is empty", "it is empty")),
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
    }
}

/// Whether kustomize would read it as a kustomization. People call other objects' files so too: a Kustomization of
/// Flux, or a resource that another kustomization names by its file.
fn is_judged(file: &str, fields: &Fields<'_>) -> bool {
    let version = fields.str("apiVersion").unwrap_or_default();
    let is_own = version.starts_with("kustomize.config.k8s.io/");
    let is_others = version.split_once('/').is_some_and(|(group, _)| group.contains('.') && !is_own);
    let kind = fields.str("kind").unwrap_or_default();
    let is_object = !version.is_empty() && !is_own && !matches!(kind, "" | "Kustomization" | "Component");
    is_file_name(file) && !is_others && !is_object
}

/// The value of a field, its key in any case.
pub(crate) fn field<'a>(node: Node<'a>, name: &str) -> Option<Node<'a>> {
    Fields::of(node).get(name)
}

/// A member's path from the folder that the inputs are named from.
pub(crate) fn member_path(folder: &str, member: &str) -> String {
    if folder.is_empty() { normalise(member) } else { normalise(&format!("{folder}/{member}")) }
}

/// What one kustomization is built from, directly or through others.
#[derive(Debug)]
pub struct Build<'k> {
    /// The kustomization.
    pub kustomization: &'k Kustomization,
    /// Files.
    pub sources: BTreeSet<SourceId>,
    /// Folders of the kustomizations, its own among them.
    pub folders: BTreeSet<&'k str>,
}

/// What a member's path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Member {
    /// A file.
    File(SourceId),
    /// The kustomization at this index.
    Folder(usize),
}

/// The files among the inputs that kustomizations are built from.
#[cfg(feature = "cli")]
pub(crate) fn files<'k>(
    kustomizations: impl IntoIterator<Item = &'k Kustomization>,
    sources: &Sources,
) -> BTreeSet<SourceId> {
    let members = members(kustomizations, sources).into_iter().flatten();
    members.filter_map(|member| if let Member::File(id) = member { Some(id) } else { None }).collect()
}

/// What each kustomization names, as far as it is among the inputs.
fn members<'k>(
    kustomizations: impl IntoIterator<Item = &'k Kustomization>,
    sources: &Sources,
) -> Vec<BTreeSet<Member>> {
    let kustomizations: Vec<&Kustomization> = kustomizations.into_iter().collect();
    let folders: BTreeMap<String, usize> =
        kustomizations.iter().enumerate().map(|(at, it)| (normalise(&it.folder), at)).collect();
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

/// Steps from kustomizations to what they name, at most; builds that take more are cut short.
const MAX_STEPS: usize = 20_000_000;

/// The builds of all kustomizations.
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

/// Kustomizations that no other one builds from.
pub(crate) fn root_indices(builds: &[Build<'_>]) -> Vec<usize> {
    let mut included = BTreeSet::new();
    for build in builds {
        let own = build.kustomization.folder.as_str();
        included.extend(build.folders.iter().copied().filter(|folder| *folder != own));
    }
    (0..builds.len()).filter(|at| !included.contains(builds[*at].kustomization.folder.as_str())).collect()
}

/// The namespaces that are given to what each source holds: of each build that is no part of another, the outermost one
/// that is set on the way to the source. `None` leaves the objects their own.
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

/// The entry of `images:` that makes one value another, where a single one of the kustomization in a folder, and of those
/// that it is built from, does: the place of the scalar, its path and the part of an image that it is.
pub(crate) fn setting(
    builds: &[Build<'_>],
    folder: &str,
    from: &str,
    to: &str,
) -> Option<(Span, String, &'static str)> {
    let build = builds.iter().find(|build| normalise(&build.kustomization.folder) == normalise(folder))?;
    let within = builds.iter().filter(|it| build.folders.contains(it.kustomization.folder.as_str()));
    let mut found = within.flat_map(|it| &it.kustomization.images).filter_map(|rule| match rule.apply(from) {
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

/// The folder of a file, empty for the current one.
pub fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path without `.` and, as far as they have something to cancel, `..`.
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
    fn paths_are_normalised() {
        assert_eq!(normalise("./a/../b//c"), "b/c");
        assert_eq!(normalise("../a"), "../a");
        assert_eq!(normalise("/a/b/.."), "/a");
    }
}
