//! The kinds of operators: which fields of their objects contain images, and with which credentials those are pulled.
//!
//! The built-in table (`table.yaml`) and the `kinds` of a configuration file have the same format and are both read
//! here.

mod read;

use std::fmt;
use std::sync::LazyLock;

use crate::resource::ResourceName;
use crate::resource::workload::custom::path::PathField;
use crate::text::source::SourceId;
use crate::text::yaml::{self, Piece};
pub use read::{FIELD_KEYS, read};

/// A kind, or several kinds of one group that have the same structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomKind {
    /// API group, without version; empty for the core group.
    pub group: String,
    /// The kinds in the group.
    pub kinds: Vec<String>,
    /// The base of the pods' paths; if it is empty, the object itself.
    pub at: PathField,
    /// The pods that an operator creates from an object.
    pub pods: Vec<PodFields>,
    /// Objects of the kinds, one document each, that show its fields; only in the table.
    pub example: Option<String>,
}

/// The fields that contain the images of a pod and its credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodFields {
    /// Paths to values for each of which there is one pod; the other paths start there.
    pub each: Vec<PathField>,
    /// Path of a whole pod spec, whose fields are read like those of a pod.
    pub pod_spec: Option<PathField>,
    /// Paths of fields that contain an image.
    pub images: Vec<ScopedPath>,
    /// Mappings whose `baseImage` and `sha`, `tag`, or `version` form one image if they have no `image`.
    pub image_parts: Vec<ScopedPath>,
    /// Mappings whose `registry`, `repository`, and `image` and `digest`, `tag`, or `version` form one image together.
    pub image_objects: Vec<ScopedPath>,
    /// Fields that can contain an image as `oci://…`; other values are ignored.
    pub image_uris: Vec<ScopedPath>,
    /// The tag for images and containers without one; the first path that exists is used. If none exists, the
    /// operator chooses the tag.
    pub tag: Vec<ScopedPath>,
    /// Lists of containers; the `name`, `image`, and `imagePullPolicy` of each are read.
    pub containers: Vec<ScopedPath>,
    /// Lists of init containers, read in the same way.
    pub init_containers: Vec<ScopedPath>,
    /// Lists of volumes; the `image` of each is read.
    pub volumes: Vec<ScopedPath>,
    /// Names of pull secrets. The path shows the form of the field: a list of objects (`imagePullSecrets[].name`), a
    /// list of names (`pullSecrets[]`), or one name (`imagePullSecret`).
    pub pull_secrets: Vec<ScopedPath>,
    /// Names of pull secrets that replace `pull-secrets`, if there are any.
    pub own_pull_secrets: Vec<ScopedPath>,
    /// Fields that look like names of pull secrets but are not.
    pub no_pull_secrets: Vec<ScopedPath>,
    /// The service account; the first path that exists is used.
    pub service_account: Vec<ScopedPath>,
    /// Whether the operator creates a service account if none is named; otherwise, `default` is used.
    pub makes_service_account: bool,
    /// The namespace of the pods.
    pub namespace: PodNamespace,
    /// Whether the operator uses its own registry for images that do not name one.
    pub completes_registry: bool,
    /// What the operator creates from the fields.
    pub passes: Passes,
}

/// A path relative to the pod's fields, or with a leading `/` relative to the base of the kind's paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopedPath {
    /// Whether it has a leading `/`. An image there is shared by all pods.
    pub is_shared: bool,
    /// The path after the `/`.
    pub path: PathField,
}

impl fmt::Display for ScopedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_shared { "/" } else { "" }, self.path)
    }
}

/// The namespace of the pods that an operator creates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PodNamespace {
    /// The namespace of the object.
    #[default]
    Own,
    /// Another namespace, which the object does not name.
    Unknown,
}

/// What an operator creates from the fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Passes {
    /// Pods with exactly these credentials.
    AsWritten,
    /// Pods with these images, and perhaps with more pull secrets or a service account of its own.
    #[default]
    WithMore,
    /// No pods: the operator pulls the images itself.
    ByItself,
}

/// The parsed kinds of the table.
static TABLE: LazyLock<Vec<CustomKind>> = LazyLock::new(|| {
    let mut kinds = Vec::new();
    yaml::read(SourceId(0), include_str!("../table.yaml"), true, &mut |piece| {
        if let Piece::Document(document) = piece {
            // The table is part of the program, and a test checks that it has no faults.
            kinds.extend(document.root().map(|root| read(root, &mut Vec::new())).unwrap_or_default());
        }
    });
    kinds
});

/// Returns the kinds of the table.
pub fn table() -> &'static [CustomKind] {
    &TABLE
}

/// Returns the kind of an object: from `own` first, then from the table.
impl CustomKind {
    /// Whether an object is of the kind.
    pub(in crate::resource::workload) fn is_of(&self, name: &ResourceName) -> bool {
        self.group == name.group() && self.kinds.contains(&name.kind)
    }
}

pub(super) fn of<'k>(name: &ResourceName, own: &'k [CustomKind]) -> Option<&'k CustomKind> {
    let is = |kind: &&CustomKind| kind.is_of(name);
    own.iter().find(is).or_else(|| TABLE.iter().find(is))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::Span;

    #[test]
    fn builtin_kind_table_is_valid() {
        let mut faults = Vec::new();
        yaml::read(SourceId(0), include_str!("../table.yaml"), true, &mut |piece| match piece {
            Piece::Document(document) => {
                read(document.root().expect("rows"), &mut faults);
            }
            Piece::Broken(error) => faults.push((error.at, error.message)),
            Piece::Refused(error) | Piece::Unread(error) => faults.push((error.at, error.message)),
            Piece::Skipped => faults.push((Span::new(SourceId(0), 0, 0), "skipped".into())),
        });
        let text = include_str!("../table.yaml");
        let shown: Vec<_> = faults.iter().map(|(span, message)| (&text[span.range()], message)).collect();
        assert!(shown.is_empty(), "{shown:?}");
        assert!(table().iter().all(|kind| kind.example.is_some()), "a row without an example");
    }
}
