//! The files and folders that a kustomization names.

use super::fields::Fields;
use crate::text::source::Span;
use crate::text::yaml::Node;

/// A path that a kustomization names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The path as written, without the key before a generator's file.
    pub path: String,
    /// The place of the scalar.
    pub span: Span,
    /// The required target of the path.
    pub role: Role,
}

/// The required target of a path in a kustomization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A file with objects, or the folder of a kustomization.
    Resource,
    /// The folder of a Component.
    Component,
    /// A file with a patch.
    Patch,
    /// A file for a generator, optionally after a key.
    Keyed,
    /// Another file: an `env` of a generator, or an entry in `configurations`, `crds`, `replacements` or `openapi`.
    File,
}

/// A path whose required target does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// Index in [`super::Kustomization::named`].
    pub named: usize,
    /// The reason why there is no usable target.
    pub what: Absence,
}

/// Why the target of a path is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// The file or folder does not exist.
    Path,
    /// The folder does not contain a kustomization file.
    Kustomization,
    /// The path is a file, but must be a folder.
    Folder,
    /// The file exists, but is not in or below the kustomization's own folder.
    Outside,
    /// The path is a folder, but must be a file.
    File,
}

/// Reads all paths of a kustomization that are in this file system.
pub(crate) fn read(fields: &Fields<'_>) -> Vec<Named> {
    let mut named = Vec::new();
    let mut add = |node: Node<'_>, role| {
        // Inline content in the kustomization has several lines.
        let path = node.as_str().filter(|path| !path.is_empty() && !path.contains('\n') && !is_remote(path));
        named.extend(path.map(|path| {
            // `key=path`; anything else is a different fault.
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
    fields
        .get("openapi")
        .and_then(|node| Fields::of(node).get("path"))
        .into_iter()
        .for_each(|path| add(path, Role::File));
    for generator in ["configMapGenerator", "secretGenerator"].into_iter().flat_map(|key| fields.items(key)) {
        let generator = Fields::of(generator);
        generator.items("envs").chain(generator.get("env")).for_each(|item| add(item, Role::File));
        generator.items("files").for_each(|item| add(item, Role::Keyed));
    }
    named.retain(|named| named.role != Role::Keyed || !named.path.is_empty() && !named.path.contains('='));
    named
}

/// Whether a path may lead to the network, or depends on a variable.
pub(crate) fn is_remote(path: &str) -> bool {
    path.contains([':', '?', '@', '$', '{', '}', '<', '%'])
        || path.starts_with('/')
        || path.contains("//")
        || path.contains(".git")
        || path.starts_with("github.com/")
}
