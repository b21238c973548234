//! Which files and folders that kustomizations name certainly do not exist.
//!
//! Only paths in a folder that the user named are looked up, and nothing is followed out of it: no link, no `..`
//! above it. A path that an ignore file or `--exclude` names may be created later, or is left out on purpose.

use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::input::load::walk::{display, glob_set, lexical};
use crate::inventory::{Inventory, ReadOptions};
use crate::resource::kustomization::{Absence, Absent, FILES, Role, normalise};

/// Marks the paths that do not exist in the kustomizations of a source.
pub(crate) fn mark_absent(inventory: &mut Inventory, options: ReadOptions<'_>) {
    for own in &mut inventory.kustomizations {
        let Some(root) = options.folders.iter().map(Path::new).find(|root| is_within(Path::new(&own.folder), root))
        else {
            continue;
        };
        let absent = own.named.iter().enumerate().filter_map(|(named, member)| {
            let path = lexical_within(root, &own.folder, &member.path)?;
            let found = look(root, &path)?;
            let what = match found {
                PathKind::Nothing(what) if is_folder_role(member.role) || what == Absence::Path => {
                    Some(what).filter(|_| !is_left_out(&path, options.exclude))
                }
                PathKind::Folder if !is_folder_role(member.role) => Some(Absence::File),
                PathKind::File if member.role == Role::Component => Some(Absence::Folder),
                // A resource may be a folder too, and folders may be anywhere.
                PathKind::File => Some(Absence::Outside).filter(|_| !is_below(&path, &own.folder)),
                PathKind::Nothing(_) => Some(Absence::File),
                PathKind::Folder => None,
            }?;
            Some(Absent { named, what })
        });
        own.absent = absent.collect();
    }
}

fn is_within(path: &Path, root: &Path) -> bool {
    let (root, path) = (plain(root), PathBuf::from(normalise(&display(path))));
    root == Path::new(".") && !path.is_absolute() && !path.starts_with("..") || path.starts_with(root)
}

/// Returns a folder without `.` and `..` within it, `.` for the current one.
fn plain(folder: &Path) -> PathBuf {
    let text = normalise(&display(folder));
    PathBuf::from(if text.is_empty() { ".".to_owned() } else { text })
}

/// Returns the path of a member; `None` if it leads out of the root.
fn lexical_within(root: &Path, folder: &str, member: &str) -> Option<PathBuf> {
    let path = Path::new(&normalise(folder)).join(member);
    let is_above = |component: &Component<'_>| *component == Component::ParentDir;
    // `..` at the start of the root is the starting point of all paths.
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

/// The kind of entry at a path.
enum PathKind {
    /// Nothing, or a folder without a kustomization.
    Nothing(Absence),
    File,
    /// The folder of a kustomization.
    Folder,
}

const fn is_folder_role(role: Role) -> bool {
    matches!(role, Role::Resource | Role::Component)
}

/// Whether a path is the folder itself or below it.
fn is_below(path: &Path, folder: &str) -> bool {
    is_within(path, Path::new(if folder.is_empty() { "." } else { folder }))
}

/// Returns the entry at a path; `None` if that is not known, or if a link leads elsewhere.
fn look(root: &Path, path: &Path) -> Option<PathKind> {
    let shown = plain(root);
    let below = if shown == Path::new(".") { path } else { path.strip_prefix(&shown).ok()? };
    let mut at = root.to_owned();
    let mut is_folder = true;
    for component in below.components() {
        at.push(component);
        match std::fs::symlink_metadata(&at) {
            Ok(metadata) if metadata.is_symlink() => return None,
            Ok(metadata) => is_folder = metadata.is_dir(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Some(PathKind::Nothing(Absence::Path)),
            Err(_) => return None,
        }
    }
    if !is_folder {
        return Some(PathKind::File);
    }
    let is_none =
        |name: &&str| std::fs::symlink_metadata(at.join(name)).is_err_and(|error| error.kind() == ErrorKind::NotFound);
    Some(if FILES.iter().all(is_none) { PathKind::Nothing(Absence::Kustomization) } else { PathKind::Folder })
}

/// Whether an ignore file, of git or another, or `--exclude` names a path or a folder above it.
fn is_left_out(path: &Path, exclude: &[String]) -> bool {
    let Ok(exclude) = glob_set(exclude) else { return true };
    if path.ancestors().any(|path| exclude.is_match(display(path))) {
        return true;
    }
    let Ok(whole) = std::path::absolute(path).map(|whole| lexical(&whole)) else { return true };
    let files = || FILES.iter().map(|name| whole.join(name)).chain([whole.clone()]);
    // What git ignores in all repositories of the user (`core.excludesFile`), from the root of each.
    let root = whole.ancestors().skip(1).find(|folder| folder.join(".git").exists()).or(whole.ancestors().last());
    let (everywhere, _) = GitignoreBuilder::new(root.unwrap_or(&whole)).build_global();
    let is_named =
        |ignored: &Gitignore| files().any(|path| ignored.matched_path_or_any_parents(&path, false).is_ignore());
    if is_named(&everywhere) {
        return true;
    }
    // Ignore files above the root apply too, as in git.
    for folder in whole.ancestors().skip(1) {
        for file in [folder.join(".gitignore"), folder.join(".ignore"), repository(folder).join("info/exclude")] {
            if !file.is_file() {
                continue;
            }
            let mut builder = GitignoreBuilder::new(folder);
            let ignored: Gitignore = match builder.add(&file).map_or_else(|| builder.build(), Err) {
                Ok(ignored) => ignored,
                Err(_) => return true,
            };
            if is_named(&ignored) {
                return true;
            }
        }
        // Ignore files above a repository do not belong to it.
        if folder.join(".git").exists() {
            break;
        }
    }
    false
}

/// Returns git's data of the repository of a folder: `.git`, or the target of the file of a linked worktree
/// (`gitrepository-layout`: `gitdir: PATH`, and `commondir` there).
fn repository(folder: &Path) -> PathBuf {
    let own = folder.join(".git");
    let first_line = |file: &Path| {
        let mut text = String::new();
        let read = std::fs::File::open(file).and_then(|handle| handle.take(MAX_LINK).read_to_string(&mut text));
        read.ok().and_then(|_| text.lines().next().map(str::to_owned))
    };
    if !own.is_file() {
        return own;
    }
    let Some(git) = first_line(&own).and_then(|line| Some(folder.join(line.strip_prefix("gitdir:")?.trim()))) else {
        return own;
    };
    match first_line(&git.join("commondir")) {
        Some(common) => git.join(common.trim()),
        None => git,
    }
}

/// The longest file that refers to a repository, in bytes.
const MAX_LINK: u64 = 64 << 10;
