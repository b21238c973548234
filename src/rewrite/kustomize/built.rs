//! Pods and their images on the way through a build.

use std::collections::BTreeSet;

use crate::inventory::Inventory;
use crate::resource::kustomization::Patch;
use crate::resource::workload::{Container, PodId, SecretReference};
use crate::text::source::{SourceId, Span, Spanned};

/// An image as it passes through a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Index of the image use that it started from.
    pub(super) image: usize,
    /// The container and the path of its image, if a patch adds it.
    pub(super) added: Option<(Container, String)>,
    /// The values that replaced it, in order; empty if it is still as written.
    pub(super) set: Vec<Set>,
    /// The reason why its value is not known.
    pub(super) unknown: Option<Why>,
}

/// The reason why a value is not known, with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Why {
    pub(super) span: Span,
    pub(super) words: &'static str,
}

impl Why {
    pub(super) const fn new(span: Span, words: &'static str) -> Self {
        Self { span, words }
    }

    /// The reason for a patch that is not followed.
    pub(super) const fn of_patch(patch: &Patch) -> Self {
        Self::new(patch.span, "this patch may change it in a way that pullcheck does not follow")
    }
}

/// A value that is set elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) value: String,
    pub(super) span: Span,
    pub(super) path: String,
}

/// The properties of a pod that a build decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PodState {
    pub(super) namespace: Option<String>,
    pub(super) pull_secrets: Option<Vec<SecretReference>>,
    pub(super) service_account: Option<Spanned<String>>,
    /// Whether a patch changes the pod's credentials in a way that is not followed.
    pub(super) is_uncertain: bool,
    /// Whether a patch changes the constraints on its nodes.
    pub(super) has_other_demand: bool,
    /// Files that only other builds of the same object include.
    pub(super) hidden: BTreeSet<SourceId>,
}

/// A pod as it passes through a build.
#[derive(Debug, Clone)]
pub(super) struct BuiltPod {
    pub(super) pod: PodId,
    /// All names that the object has had, the current one last.
    pub(super) names: Vec<String>,
    /// All namespaces that it has had, the current one last.
    pub(super) namespaces: Vec<Option<String>>,
    pub(super) facts: PodState,
    pub(super) items: Vec<Item>,
    /// Whether something may have changed it: it then has fields other than those written.
    pub(super) is_changed: bool,
    /// Whether a patch moved containers within their lists.
    pub(super) is_reordered: bool,
    /// Whether a patch or replacement may have given its object another kind, name, or namespace.
    pub(super) is_renamed: bool,
    /// Whether a patch deleted it.
    pub(super) is_deleted: bool,
    /// Why it may have been deleted or changed in any way.
    pub(super) lost: Option<Why>,
}

impl BuiltPod {
    /// Marks its images as unknown.
    pub(super) fn blur_images(&mut self, why: Why) {
        self.items.iter_mut().for_each(|item| item.blur(why));
    }

    /// Marks everything about it as unknown.
    pub(super) fn blur(&mut self, why: Why) {
        self.lost.get_or_insert(why);
        self.blur_images(why);
        self.blur_credentials();
    }

    /// Marks its credentials as unknown.
    pub(super) const fn blur_credentials(&mut self) {
        self.facts.is_uncertain = true;
    }
}

impl Item {
    /// Marks the value as unknown. The first reason is kept.
    pub(super) fn blur(&mut self, why: Why) {
        self.unknown.get_or_insert(why);
    }

    /// Path of the image field in its object.
    pub(super) fn path<'i>(&'i self, inventory: &'i Inventory) -> Option<&'i str> {
        let added = self.added.as_ref().map(|(_, path)| path.as_str());
        added.or_else(|| inventory.images.get(self.image).map(|image| image.path.as_str()))
    }
}
