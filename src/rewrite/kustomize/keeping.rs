//! Whether what a kustomization changes leaves objects the ids that they have.

use crate::resource::kustomization::patch::{Body, Change, Patch, operations};
use crate::resource::kustomization::transformer::Replacement;
use crate::text::source::Sources;
use crate::text::yaml::{self, MergeRule, Piece};

/// Whether a patch neither renames nor takes away anything, for certain; whether its file does is known.
pub(super) fn patch_keeps(patch: &Patch, sources: &Sources, file: Option<bool>) -> bool {
    let written = sources.slice(patch.span);
    // `allowNameChange`, `allowKindChange`, in this entry or in what it takes over from another.
    if written.contains("llow") || written.contains("LLOW") || written.contains("<<") || written.starts_with('*') {
        return false;
    }
    match &patch.body {
        Body::Inline(changes) => changes.iter().all(change_keeps),
        Body::File(_) => file == Some(true),
        Body::Unknown | Body::Refused(_) => false,
    }
}

fn change_keeps(change: &Change) -> bool {
    match change {
        Change::Merge(merge) => !merge.has_directive && !merge.deletes,
        Change::Operations(operations) => operations.iter().all(|operation| path_keeps(&operation.path)),
    }
}

/// The same of a file.
pub(super) fn file_keeps(text: &str) -> bool {
    let mut keeps = !text.contains("$patch");
    yaml::read_as(crate::text::source::SourceId(0), text, true, MergeRule::OwnFirst, &mut |piece| match piece {
        Piece::Document(document) => {
            let Some(root) = document.root() else { return };
            keeps &= match operations(root) {
                Some(operations) => operations.iter().all(|operation| path_keeps(&operation.path)),
                None => root.is_mapping() || root.is_null(),
            };
        }
        Piece::Skipped | Piece::Broken(_) | Piece::Refused(_) | Piece::Unread(_) => keeps = false,
    });
    keeps
}

/// Of JSON 6902 and of replacements: whether what stands at a path has no say in what an object is called.
fn path_keeps(path: &str) -> bool {
    let mut parts = path.split(['.', '/']);
    match (parts.next(), parts.next()) {
        (None | Some("" | "kind" | "apiVersion" | "*"), _) => false,
        (Some("metadata"), Some("labels" | "annotations")) => true,
        (Some(first), _) => first != "metadata" && !first.starts_with(['[', '*']),
    }
}

/// Whether a replacement renames nothing, for certain.
pub(super) fn replacement_keeps(replacement: &Replacement) -> bool {
    replacement.path.is_none()
        && replacement.targets.iter().all(|target| {
            // Without any it is the name that is replaced.
            !target.paths.is_empty() && target.paths.iter().all(|path| path_keeps(path))
        })
}
