//! Pods and their images on the way through a build.

use std::collections::BTreeSet;

use crate::inventory::Inventory;
use crate::resource::kustomization::Patch;
use crate::resource::workload::{Container, PodId, SecretReference};
use crate::text::source::{SourceId, Span, Spanned};

/// An image on its way through a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Index of the use that it began as.
    pub(super) image: usize,
    /// The container and the path of its image, where a patch adds one.
    pub(super) added: Option<(Container, String)>,
    /// What replaced the value, the last decision at the end; empty where it stands as it is written.
    pub(super) set: Vec<Set>,
    /// What changes it in a way that is not followed.
    pub(super) unknown: Option<Why>,
}

/// What makes a value unknown, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Why {
    pub(super) span: Span,
    pub(super) words: &'static str,
}

impl Why {
    pub(super) const fn new(span: Span, words: &'static str) -> Self {
        Self { span, words }
    }

    /// Of a patch that is not followed.
    pub(super) const fn of_patch(patch: &Patch) -> Self {
        Self::new(patch.span, "this patch may change it in a way that pullcheck does not follow")
    }
}

/// A value from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) value: String,
    pub(super) span: Span,
    pub(super) path: String,
}

/// What a build decides of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) namespace: Option<String>,
    pub(super) pull_secrets: Option<Vec<SecretReference>>,
    pub(super) service_account: Option<Spanned<String>>,
    /// A patch changes in a way that is not followed what the pod pulls with.
    pub(super) is_uncertain: bool,
    /// A patch says something of its nodes.
    pub(super) has_other_demand: bool,
    /// Files of other builds of the same object, which this one does not have.
    pub(super) hidden: BTreeSet<SourceId>,
}

/// A pod on its way through a build.
#[derive(Debug, Clone)]
pub(super) struct BuiltPod {
    pub(super) pod: PodId,
    /// All names that its object had, the last one at the end.
    pub(super) names: Vec<String>,
    /// All namespaces.
    pub(super) namespaces: Vec<Option<String>>,
    pub(super) facts: Facts,
    pub(super) items: Vec<Item>,
    /// Something has changed it, or may have: it has fields that it is not written with.
    pub(super) is_changed: bool,
    /// A patch moved containers within their lists.
    pub(super) is_reordered: bool,
    /// A patch took it away.
    pub(super) is_deleted: bool,
    /// A patch may have taken it away, or done anything else to it.
    pub(super) lost: Option<Why>,
}

impl BuiltPod {
    /// Its images are not known any more.
    pub(super) fn blur_images(&mut self, why: Why) {
        self.items.iter_mut().for_each(|item| item.blur(why));
    }

    /// Nothing of it is known any more.
    pub(super) fn blur(&mut self, why: Why) {
        self.lost.get_or_insert(why);
        self.blur_images(why);
        self.blur_credentials();
    }

    /// What it pulls with is not known any more.
    pub(super) const fn blur_credentials(&mut self) {
        self.facts.is_uncertain = true;
    }
}

impl Item {
    /// It is not known any more. What was first to make it so is told.
    pub(super) fn blur(&mut self, why: Why) {
        self.unknown.get_or_insert(why);
    }

    /// Where its field stands in its object.
    pub(super) fn path<'i>(&'i self, inventory: &'i Inventory) -> Option<&'i str> {
        let added = self.added.as_ref().map(|(_, path)| path.as_str());
        added.or_else(|| inventory.images.get(self.image).map(|image| image.path.as_str()))
    }
}
