//! Which files and folders that kustomizations name are certainly not there.
//!
//! Only what lies in a folder that the user named is looked for, and nothing is followed out of it: no link, no `..`
//! above it. What an ignore file or `--exclude` names may be made later, or is left out on purpose.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use ignore::gitignore::Gitignore;

use crate::inventory::{Inventory, ReadOptions};
use crate::kustomization::{Absence, Absent, FILES, Role, normalise};
use crate::load::walk::{display, glob_set, lexical};

/// Tells the kustomizations of a source which of their paths lead to nothing.
pub(crate) fn mark_absent(inventory: &mut Inventory, options: ReadOptions<'_>) {
    for own in &mut inventory.kustomizations {
        let Some(root) = options.folders.iter().map(Path::new).find(|root| is_within(Path::new(&own.folder), root))
        else {
            continue;
        };
        let absent = own.named.iter().enumerate().filter_map(|(named, it)| {
            let path = lexical_within(root, &own.folder, &it.path)?;
            let what = absence(root, &path, it.role).filter(|_| !is_left_out(&path, options.exclude))?;
            Some(Absent { named, what })
        });
        own.absent = absent.collect();
    }
}

fn is_within(path: &Path, root: &Path) -> bool {
    let (root, path) = (plain(root), PathBuf::from(normalise(&display(path))));
    root == Path::new(".") && !path.is_absolute() && !path.starts_with("..") || path.starts_with(root)
}

/// A folder without `.` and `..` within it, `.` for the current one.
fn plain(folder: &Path) -> PathBuf {
    let text = normalise(&display(folder));
    PathBuf::from(if text.is_empty() { ".".to_owned() } else { text })
}

/// The path of a member; `None` where it leads out of the root.
fn lexical_within(root: &Path, folder: &str, member: &str) -> Option<PathBuf> {
    let path = Path::new(&normalise(folder)).join(member);
    let is_above = |component: &Component<'_>| *component == Component::ParentDir;
    // `..` at the start of the root is where everything begins.
    let above = plain(root).components().take_while(is_above).count();
    let mut depth = 0_usize;
    for component in path.components().skip(above) {
        match component {
            Component::ParentDir => depth = depth.checked_sub(1)?,
            Component::Normal(_) => depth += 1,
            _ => {}
        }
    }
    Some(PathBuf::from(normalise(&display(&path)))).filter(|path| is_within(path, root))
}

/// What is missing on the way to a path; `None` where nothing is, or where that is not known.
fn absence(root: &Path, path: &Path, role: Role) -> Option<Absence> {
    let shown = plain(root);
    let below = if shown == Path::new(".") { path } else { path.strip_prefix(&shown).ok()? };
    let mut at = root.to_owned();
    let mut is_folder = true;
    for component in below.components() {
        at.push(component);
        match std::fs::symlink_metadata(&at) {
            Ok(metadata) if metadata.is_symlink() => return None,
            Ok(metadata) => is_folder = metadata.is_dir(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Some(Absence::Path),
            Err(_) => return None,
        }
    }
    if is_folder && matches!(role, Role::Patch | Role::Keyed | Role::File) {
        return Some(Absence::File);
    }
    let is_build = matches!(role, Role::Resource | Role::Component) && is_folder;
    let has_none = || {
        FILES.iter().all(|name| {
            std::fs::symlink_metadata(at.join(name)).is_err_and(|error| error.kind() == ErrorKind::NotFound)
        })
    };
    (is_build && has_none()).then_some(Absence::Kustomization)
}

/// Whether an ignore file, of git or another, or `--exclude` names a path or a folder above it.
fn is_left_out(path: &Path, exclude: &[String]) -> bool {
    let Ok(exclude) = glob_set(exclude) else { return true };
    if path.ancestors().any(|path| exclude.is_match(display(path))) {
        return true;
    }
    let Ok(whole) = std::path::absolute(path).map(|whole| lexical(&whole)) else { return true };
    let files = || FILES.iter().map(|name| whole.join(name)).chain([whole.clone()]);
    // Those above the root count too, as git has them.
    for folder in whole.ancestors().skip(1) {
        for name in [".gitignore", ".ignore", ".git/info/exclude"] {
            let file = folder.join(name);
            if !file.is_file() {
                continue;
            }
            let mut builder = ignore::gitignore::GitignoreBuilder::new(folder);
            let ignored: Gitignore = match builder.add(&file).map_or_else(|| builder.build(), Err) {
                Ok(ignored) => ignored,
                Err(_) => return true,
            };
            if files().any(|path| ignored.matched_path_or_any_parents(&path, false).is_ignore()) {
                return true;
            }
        }
        // What is above a repository is not its.
        if folder.join(".git").exists() {
            break;
        }
    }
    false
}
