//! The targets of symbolic links: a pull request can add a link, and must not choose what is read.
#![expect(clippy::disallowed_methods, reason = "follows links of the file system")]

use std::path::{Component, Path, PathBuf};

/// Why a named path is not read although it exists.
const OUT_OF_REPOSITORY: &str = "it is reached by a symbolic link that points outside the Git repository";

/// Whether a link's target is in a folder.
pub(super) fn leads_into(link: &Path, folder: &Path) -> bool {
    match (std::fs::canonicalize(link), std::fs::canonicalize(folder)) {
        (Ok(target), Ok(folder)) => target.starts_with(folder),
        _ => false,
    }
}

/// Returns why a path that the user named is not read: one of its components is a link that is in a git repository
/// and leads out of it. A user who types `manifests/` means the repository's folder, and anyone who can change the
/// repository can make a link of it. A link outside of every repository is the operator's own.
pub(super) fn leads_out_of_repository(path: &Path) -> Option<String> {
    let absolute = std::path::absolute(path).ok()?;
    let mut real = PathBuf::new();
    for component in absolute.components() {
        let Component::Normal(name) = component else {
            match component {
                Component::ParentDir => drop(real.pop()),
                Component::CurDir => {}
                other => real.push(other),
            }
            continue;
        };
        let next = real.join(name);
        if !std::fs::symlink_metadata(&next).is_ok_and(|metadata| metadata.is_symlink()) {
            real = next;
            continue;
        }
        let target = std::fs::canonicalize(&next).ok()?;
        if repository(&real).is_some_and(|root| !target.starts_with(root)) {
            return Some(format!("{OUT_OF_REPOSITORY}; pass the target itself to read it"));
        }
        real = target;
    }
    None
}

/// Returns the root of the innermost git repository that contains a folder: `.git` is a folder, or a file in a
/// worktree.
fn repository(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|root| root.join(".git").exists())
}

/// Returns why an entry of a folder that is not a regular file is skipped, or `None` if nothing is lost by it: the
/// link's target is found elsewhere in the folder, or is of no interest.
pub(super) fn passed_over(link: &Path, root: &Path, is_candidate: fn(&Path) -> bool) -> Option<&'static str> {
    let Ok(target) = std::fs::canonicalize(link) else {
        return is_candidate(link).then_some("it is a symbolic link to a file that does not exist");
    };
    let is_folder = target.is_dir();
    if leads_into(link, root) || !is_folder && !is_candidate(link) {
        return None;
    }
    Some("it is a symbolic link that points outside the folder that is checked")
}
