//! Whether the changes in a kustomization keep the ids of objects.

use crate::resource::kustomization::patch::{Body, Change, Patch, operations};
use crate::resource::kustomization::transformer::Replacement;
use crate::text::source::Sources;
use crate::text::yaml::{self, MergeRule, Piece};

/// Whether a patch certainly neither renames nor deletes an object. `file` is the result for its file, if it is known.
pub(super) fn patch_keeps(patch: &Patch, sources: &Sources, file: Option<bool>) -> bool {
    if may_allow_changes(patch, sources) {
        return false;
    }
    match &patch.body {
        Body::Inline(changes) => changes.iter().all(change_keeps),
        Body::File(_) => file == Some(true),
        Body::Unknown | Body::Refused(_) => false,
    }
}

/// Whether a patch may have `allowNameChange` or `allowKindChange`, in its entry or in one that it merges or aliases.
fn may_allow_changes(patch: &Patch, sources: &Sources) -> bool {
    let written = sources.slice(patch.span);
    written.contains("llow") || written.contains("LLOW") || written.contains("<<") || written.starts_with('*')
}

/// Whether a patch may give an object another kind, name or namespace. `changes` are those of its text or file, if they
/// are known.
pub(super) fn may_rename(patch: &Patch, changes: Option<&[Change]>, sources: &Sources) -> bool {
    let renames = |change: &Change| match change {
        Change::Merge(_) => false,
        Change::Operations(operations) => {
            operations.iter().any(|operation| operation.op != "test" && !path_keeps(&operation.path))
        }
    };
    may_allow_changes(patch, sources) || changes.is_none_or(|changes| changes.iter().any(renames))
}

fn change_keeps(change: &Change) -> bool {
    match change {
        Change::Merge(merge) => !merge.has_directive && !merge.deletes,
        Change::Operations(operations) => operations.iter().all(|operation| path_keeps(&operation.path)),
    }
}

/// Whether a patch file certainly neither renames nor deletes an object.
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

/// Whether a path in a JSON 6902 patch or a replacement does not affect the id of an object.
fn path_keeps(path: &str) -> bool {
    let mut parts = path.split(['.', '/']);
    match (parts.next(), parts.next()) {
        (None | Some("" | "kind" | "apiVersion" | "*"), _) => false,
        (Some("metadata"), Some("labels" | "annotations")) => true,
        (Some(first), _) => first != "metadata" && !first.starts_with(['[', '*']),
    }
}

/// Whether a replacement certainly renames nothing.
pub(super) fn replacement_keeps(replacement: &Replacement) -> bool {
    replacement.path.is_none()
        && replacement.targets.iter().all(|target| {
            // Without paths, the name is replaced.
            !target.paths.is_empty() && target.paths.iter().all(|path| path_keeps(path))
        })
}
