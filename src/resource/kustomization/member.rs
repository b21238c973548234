//! The files and folders that a kustomization names.

use super::fields::Fields;
use crate::text::source::Span;
use crate::text::yaml::Node;

/// A path in a kustomization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// As it is written, without the key in front of a generator's file.
    pub path: String,
    /// The scalar.
    pub span: Span,
    /// What it has to lead to.
    pub role: Role,
}

/// What a path of a kustomization has to lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A file of objects, or the folder of a kustomization.
    Resource,
    /// The folder of a Component.
    Component,
    /// A patch.
    Patch,
    /// A file of a generator, behind a key that it may have.
    Keyed,
    /// Another file: an `env` of a generator, of `configurations`, `crds`, `replacements` or `openapi`.
    File,
}

/// A path that leads to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// Index in [`super::Kustomization::named`].
    pub named: usize,
    /// What is missing.
    pub what: Absence,
}

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// The file or folder.
    Path,
    /// A kustomization file in the folder.
    Kustomization,
    /// The folder: it is a file.
    Folder,
    /// Nothing, but it is a file that is not in or below the kustomization's own folder.
    Outside,
    /// A file: it is a folder.
    File,
}

/// All paths of a kustomization that are of this file system.
pub(crate) fn read(fields: &Fields<'_>) -> Vec<Named> {
    let mut named = Vec::new();
    let mut add = |node: Node<'_>, role| {
        // What stands in the kustomization itself has several lines.
        let path = node.as_str().filter(|path| !path.is_empty() && !path.contains('\n') && !is_remote(path));
        named.extend(path.map(|path| {
            // `key=path`; one that is neither is another fault.
            let keyed = path.split_once('=').filter(|(key, _)| role == Role::Keyed && !key.is_empty());
            Named { path: keyed.map_or(path, |(_, path)| path).to_owned(), span: node.span(), role }
        }));
    };
    let lists = [
        ("resources", Role::Resource),
        ("bases", Role::Resource),
        ("components", Role::Component),
        ("transformers", Role::Resource),
        ("generators", Role::Resource),
        ("validators", Role::Resource),
        ("patchesStrategicMerge", Role::Patch),
        ("crds", Role::File),
        ("configurations", Role::File),
    ];
    for (key, role) in lists {
        fields.items(key).for_each(|item| add(item, role));
    }
    for (key, role) in [("patches", Role::Patch), ("patchesJson6902", Role::Patch), ("replacements", Role::File)] {
        fields.items(key).filter_map(|item| Fields::of(item).get("path")).for_each(|path| add(path, role));
    }
    fields.get("openapi").and_then(|it| Fields::of(it).get("path")).into_iter().for_each(|it| add(it, Role::File));
    for generator in ["configMapGenerator", "secretGenerator"].into_iter().flat_map(|key| fields.items(key)) {
        let generator = Fields::of(generator);
        generator.items("envs").chain(generator.get("env")).for_each(|item| add(item, Role::File));
        generator.items("files").for_each(|item| add(item, Role::Keyed));
    }
    named.retain(|named| named.role != Role::Keyed || !named.path.is_empty() && !named.path.contains('='));
    named
}

/// Whether a path may lead to the network, or to what a variable names.
pub(crate) fn is_remote(path: &str) -> bool {
    path.contains([':', '?', '@', '$', '{', '}', '<', '%'])
        || path.starts_with('/')
        || path.contains("//")
        || path.contains(".git")
        || path.starts_with("github.com/")
}
