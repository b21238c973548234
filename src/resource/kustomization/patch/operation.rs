//! JSON 6902 patches, which are lists of operations.

use super::MergedImage;
use crate::resource::workload::pod::{CONTAINER_LISTS, container_image, secret_references, volume_image};
use crate::resource::workload::{self, PodId, SecretReference};
use crate::text::source::{SourceId, Spanned};
use crate::text::yaml::Node;

/// An operation in a JSON 6902 patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The value of `op`.
    pub op: String,
    /// The value of `path`, as written.
    pub pointer: String,
    /// The value of `path` in pullcheck's notation: `spec.containers[0].image`.
    pub path: String,
    /// The value, if it is a string.
    pub value: Option<Spanned<String>>,
    /// Whether the value contains the image of a container.
    pub adds_image: bool,
    /// The images of the containers and volumes in the value, if it is one of them or a list of them.
    pub added: Vec<MergedImage>,
    /// The pull secrets that it adds; `None` if the value contains none, or the operation removes them.
    pub pull_secrets: Option<Vec<SecretReference>>,
}

/// Whether a list of operations is neither JSON nor YAML in the form that kustomize accepts: a text that begins with
/// `[` must be JSON (`jsonPatchFromBytes`).
pub(crate) fn is_broken_json(text: &str) -> bool {
    text.starts_with('[') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_err()
}

/// The operations in a JSON 6902 patch; `None` if the document is not one.
pub(crate) fn operations(root: Node<'_>) -> Option<Vec<Operation>> {
    let is_operation = |node: Node<'_>| node.str("op").is_some() && node.str("path").is_some();
    if !root.is_sequence() || root.items().next().is_none() || !root.items().all(is_operation) {
        return None;
    }
    let operation = |node: Node<'_>| {
        let value = node.get("value");
        let (op, path) = (node.str("op")?, dotted(node.str("path")?));
        let added = value.filter(|_| matches!(op, "add" | "replace")).map(|value| added_images(&path, value));
        Some(Operation {
            op: op.to_owned(),
            pointer: node.str("path")?.to_owned(),
            path,
            value: value.and_then(workload::value::spanned_string),
            adds_image: value.is_some_and(has_image),
            added: added.unwrap_or_default(),
            pull_secrets: value.and_then(|value| added_secrets(node, value)),
        })
    };
    // A value that is moved no longer exists in its old place.
    let taken = |node: Node<'_>| {
        let from = node.str("from").filter(|_| node.str("op") == Some("move"))?;
        Some(Operation {
            op: "remove".to_owned(),
            pointer: from.to_owned(),
            path: dotted(from),
            value: None,
            adds_image: false,
            added: Vec::new(),
            pull_secrets: None,
        })
    };
    Some(root.items().flat_map(|node| taken(node).into_iter().chain(operation(node))).collect())
}

/// The pull secrets that an operation adds at `/imagePullSecrets`, or at an item in it.
fn added_secrets(node: Node<'_>, value: Node<'_>) -> Option<Vec<SecretReference>> {
    let path = node.str("path").filter(|path| path.contains("/imagePullSecrets"))?;
    if !matches!(node.str("op"), Some("add" | "replace")) {
        return None;
    }
    if path.ends_with("/imagePullSecrets") {
        return value.is_sequence().then(|| secret_references(value));
    }
    let name = value.get("name").filter(|name| name.as_str().is_some())?;
    Some(vec![SecretReference { name: name.as_str()?.to_owned(), span: name.span() }])
}

/// The images of the containers or volumes that are added at a path; empty if they are not known to be containers or
/// volumes, or are never pulled.
fn added_images(path: &str, value: Node<'_>) -> Vec<MergedImage> {
    let list = path.strip_suffix(']').and_then(|path| path.rsplit_once('[')).map_or(path, |(list, _)| list);
    let key = list.rsplit('.').next().unwrap_or_default();
    let image = |item: Node<'_>, path: &str| match CONTAINER_LISTS.iter().find(|(name, _)| *name == key) {
        Some((_, kind)) => container_image(PodId(0), *kind, item, path, false, false),
        None if key == "volumes" => volume_image(PodId(0), item, path),
        None => None,
    };
    let is_never = |item: Node<'_>| {
        let policy = item.str("imagePullPolicy").or_else(|| item.get("image")?.str("pullPolicy"));
        policy == Some("Never")
    };
    let items: Vec<(Node<'_>, String)> = if list != path {
        vec![(value, path.to_owned())]
    } else {
        value.items().enumerate().map(|(at, item)| (item, format!("{path}[{at}]"))).collect()
    };
    if items.iter().any(|(item, _)| is_never(*item) || !item.is_mapping()) {
        return Vec::new();
    }
    let images = items.iter().filter_map(|(item, path)| image(*item, path));
    images
        .map(|image| MergedImage { container: image.container, path: image.path, text: image.text, image: None })
        .collect()
}

fn has_image(value: Node<'_>) -> bool {
    let mut open = vec![value];
    while let Some(node) = open.pop() {
        if node.get("image").is_some() {
            return true;
        }
        open.extend(node.entries().map(|entry| entry.value).chain(node.items()).filter(|node| !node.is_alias()));
    }
    false
}

/// Converts `/spec/containers/0/image` to `spec.containers[0].image`. The position after the last item, `-`, becomes
/// `[-]`; `-1` is relative to the end.
fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        if !step.is_empty() && step.strip_prefix('-').unwrap_or(&step).bytes().all(|b| b.is_ascii_digit()) {
            path.push_str(&format!("[{step}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&step);
        }
    }
    path
}

/// JSON 6902 patches in the inputs, by file.
pub type PatchFiles = std::collections::BTreeMap<SourceId, Vec<Vec<Operation>>>;
