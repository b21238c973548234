//! Finds the configuration file and reads its text.
#![expect(clippy::disallowed_methods, reason = "finds and reads the configuration")]

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::error::UsageError;
use crate::input::load;
use crate::text::source::{Source, Sources};

/// The name of the file, and a common variant of it.
const NAMES: [&str; 2] = [".pullcheck.yaml", ".pullcheck.yml"];

/// Largest configuration that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// A configuration file, with its place.
#[derive(Debug)]
pub(super) struct ConfigFile {
    /// The text of the file: the only source.
    pub(super) sources: Sources,
    /// The folder of the file, relative to the current one; empty for the current folder itself.
    pub(super) folder: PathBuf,
    /// Whether the file was found in the repository, rather than named by the operator.
    pub(super) discovered: bool,
}

impl ConfigFile {
    /// Returns the path as shown to the user.
    pub(super) fn name(&self) -> &str {
        self.sources.iter().next().map_or("", |(_, source)| source.name())
    }
}

/// Reads the file that the operator names. It may be a link, as in mounted ConfigMaps.
///
/// # Errors
/// The file cannot be read.
pub(super) fn named(path: &Path) -> Result<ConfigFile, UsageError> {
    let shown = load::display(path);
    let sources = read(path, &shown).map_err(|why| UsageError::new(format!("--config {shown}: {why}")))?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    Ok(ConfigFile { sources, folder, discovered: false })
}

/// Looks for a file in `start` and upward, up to the root of the git repository. Outside of a repository it looks in
/// `start` alone, because the folders above can be anybody's. The nearest file is used.
///
/// # Errors
/// There are two in one folder, or it is not a file that can be read.
pub(super) fn find(start: &Path) -> Result<Option<ConfigFile>, UsageError> {
    // The content of `.git` does not matter: a worktree has a file there.
    let is_root = |folder: &Path| fs::symlink_metadata(folder.join(".git")).is_ok();
    let above = start.ancestors().position(is_root).unwrap_or(0);
    for (steps, folder) in start.ancestors().take(above + 1).enumerate() {
        let shown: PathBuf = std::iter::repeat_n("..", steps).collect();
        let there = NAMES.iter().filter(|name| exists(&folder.join(name)));
        match there.copied().collect::<Vec<_>>().as_slice() {
            [] => {}
            [name] => return discovered(&folder.join(name), shown, name).map(Some),
            _ => {
                let shown = NAMES.map(|name| load::display(&shown.join(name)));
                let hint = "remove one of them, because neither takes precedence";
                return Err(UsageError::new(format!("both {} and {} exist: {hint}", shown[0], shown[1])));
            }
        }
    }
    Ok(None)
}

/// Whether an entry exists; one that cannot be examined exists and will be refused.
fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).map_or_else(|error| !is_absent(error.kind()), |_| true)
}

fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn discovered(path: &Path, folder: PathBuf, name: &str) -> Result<ConfigFile, UsageError> {
    let shown = load::display(&folder.join(name));
    let refuse = |why: String| UsageError::new(format!("{shown}: {why}"));
    let metadata = fs::symlink_metadata(path).map_err(|error| refuse(error.to_string()))?;
    if metadata.is_symlink() {
        let why = "it is a symbolic link, and a pull request could link to any file on this machine";
        return Err(refuse(format!("{why}; pass the file with --config, or pass --no-config")));
    }
    let sources = read(path, &shown).map_err(refuse)?;
    Ok(ConfigFile { sources, folder, discovered: true })
}

fn read(path: &Path, shown: &str) -> Result<Sources, String> {
    let metadata = fs::metadata(path).map_err(|error| match is_absent(error.kind()) {
        true => "no such file".to_owned(),
        false => error.to_string(),
    })?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err("it is larger than 1 MiB".to_owned());
    }
    let (text, encoding) = load::decode(bytes)?;
    Ok(Sources::new(vec![Source::new(shown, text, encoding)]))
}
