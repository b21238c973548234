//! `unchecked-folder`: a GitOps object that deploys a folder outside the inputs.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/unchecked-folder.md")));

/// Reports each object whose folder is not in the inputs, so that what it deploys is not checked.
pub(super) struct UncheckedFolder;

impl Rule for UncheckedFolder {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.inventory.missing_folders.iter().map(|span| {
            let message =
                "this folder is deployed, and none of its manifests is in the inputs: its images are not checked";
            Finding::new(META.id, META.severity, message, *span, "not in the inputs").help(
                "check the whole repository, or what the tool deploys: `flux build kustomization NAME --path FOLDER | \
                 pullcheck -`, or `argocd app manifests NAME | pullcheck -`",
            )
        }));
    }
}
