//! A kind of an operator: where its objects hold images, and with what those are pulled.
//!
//! The table of the kinds that are known (`table.yaml`) and the `kinds` of a configuration file are written in the same
//! way and read here.

mod read;

use std::fmt;
use std::sync::LazyLock;

use crate::resource::ResourceName;
use crate::resource::workload::custom::path::FieldPath;
use crate::text::source::SourceId;
use crate::text::yaml::{self, Piece};
pub use read::{FIELD_KEYS, read};

/// A kind, or several of one group that are built alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// API group, without version; empty for the core group.
    pub group: String,
    /// Kinds of the group.
    pub kinds: Vec<String>,
    /// Where the paths of the pods begin; the object itself where it is empty.
    pub at: FieldPath,
    /// The pods that are created from an object.
    pub pods: Vec<PodFields>,
    /// Objects of the kinds, one document each, that show its fields; of the table alone.
    pub example: Option<String>,
}

/// Where the images of a pod stand, and what it is pulled with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodFields {
    /// Values for each of which there is one pod; the other paths start at them.
    pub each: Vec<FieldPath>,
    /// A whole pod spec, whose fields are read like those of a pod.
    pub pod_spec: Option<FieldPath>,
    /// Fields that hold an image.
    pub images: Vec<ScopedPath>,
    /// Mappings whose `baseImage` and `sha`, `tag`, or `version` form one image where they have no `image`.
    pub image_parts: Vec<ScopedPath>,
    /// Mappings whose `registry`, `repository`, and `image` and `digest`, `tag`, or `version` form one image together.
    pub image_objects: Vec<ScopedPath>,
    /// Fields that can contain an image as `oci://…`; what else they hold is none.
    pub image_uris: Vec<ScopedPath>,
    /// The tag of the images and containers that have none; the first that is there. Where there is none, the operator
    /// chooses it.
    pub tag: Vec<ScopedPath>,
    /// Containers; the `name`, `image`, and `imagePullPolicy` of each are read.
    pub containers: Vec<ScopedPath>,
    /// Containers that run before those, read in the same way.
    pub init_containers: Vec<ScopedPath>,
    /// Volumes; the `image` of each is read.
    pub volumes: Vec<ScopedPath>,
    /// Names of pull secrets. The path shows what the field is: a list of objects (`imagePullSecrets[].name`), a list of
    /// names (`pullSecrets[]`) or one name (`imagePullSecret`).
    pub pull_secrets: Vec<ScopedPath>,
    /// Names of pull secrets that replace `pull-secrets`, if there are any.
    pub own_pull_secrets: Vec<ScopedPath>,
    /// Fields that look like names of pull secrets but are not.
    pub no_pull_secrets: Vec<ScopedPath>,
    /// The service account; the first that is there.
    pub service_account: Vec<ScopedPath>,
    /// Whether the operator makes a service account where none is named; else it is `default`.
    pub makes_service_account: bool,
    /// The namespace of the pods.
    pub namespace: PodNamespace,
    /// Whether the operator has a registry of its own for images that name none.
    pub completes_registry: bool,
    /// What the operator makes of it.
    pub passes: Passes,
}

/// A path from the place of the pod's fields, or with `/` in front from where the kind's paths begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopedPath {
    /// Whether it has `/` in front. An image there is one of all pods.
    pub is_shared: bool,
    /// The way from there.
    pub path: FieldPath,
}

impl fmt::Display for ScopedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_shared { "/" } else { "" }, self.path)
    }
}

/// The namespace of the pods that an operator makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PodNamespace {
    /// That of the object.
    #[default]
    Own,
    /// Another one, which the object does not name.
    Unknown,
}

/// What an operator makes of the fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Passes {
    /// Pods with exactly these credentials.
    AsWritten,
    /// Pods with these images, and perhaps with more pull secrets or a service account of its own.
    #[default]
    WithMore,
    /// No pods: it pulls the images itself.
    ByItself,
}

/// The kinds of the table.
static TABLE: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let mut kinds = Vec::new();
    yaml::read(SourceId(0), include_str!("../table.yaml"), true, &mut |piece| {
        if let Piece::Document(document) = piece {
            // The table is part of the program, and a test reads it: there is no fault.
            kinds.extend(document.root().map(|root| read(root, &mut Vec::new())).unwrap_or_default());
        }
    });
    kinds
});

/// The kinds of the table.
pub fn table() -> &'static [Kind] {
    &TABLE
}

/// The kind of an object: of `own` first, then of the table.
pub(super) fn of<'k>(name: &ResourceName, own: &'k [Kind]) -> Option<&'k Kind> {
    let is = |kind: &&Kind| kind.group == name.group() && kind.kinds.contains(&name.kind);
    own.iter().find(is).or_else(|| TABLE.iter().find(is))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::Span;

    #[test]
    fn the_table_has_no_fault() {
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
