//! From paths to sources: files, folders, globs and standard input.
//!
//! This module touches the file system. Only regular files are read, none over 64 MiB, and a symbolic link never
//! leads out of the folder that was asked for: a pull request could add one.
#![expect(clippy::disallowed_methods, reason = "this module is the file system's edge")]

mod decode;
mod link;
mod members;
mod walk;

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::error::UsageError;
use crate::report::InputError;
use crate::text::source::{STDIN, Source, SourceOrigin};
pub(crate) use decode::decode;
use decode::decode_input;
use link::{leads_into, leads_out_of_repository};
pub(crate) use members::mark_absent;
pub(crate) use walk::{display, lexical};
use walk::{expand, glob_set, is_glob, walk};

/// Largest file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// How to walk folders.
#[derive(Debug, Clone, Default)]
pub struct WalkOptions {
    /// Globs of paths to leave out.
    pub exclude: Vec<String>,
    /// Walk hidden tool folders too (`.git` never).
    pub hidden: bool,
    /// Do not read ignore files.
    pub no_ignore: bool,
    /// File name to report for standard input.
    pub stdin_filename: Option<String>,
}

/// An input file that is yet to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The path as shown to the user, `/`-separated.
    pub name: String,
    /// The place to read it from.
    pub origin: InputOrigin,
    /// Whether the user named the file itself, and not a folder that contains it.
    pub named: bool,
}

/// The place to read an input from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputOrigin {
    /// The file at this path.
    File(PathBuf),
    /// The standard input.
    Stdin,
    /// The input is known to be unreadable, for this reason.
    Unreadable(String),
    /// An entry of a folder that is not followed, with the reason.
    PassedOver(String),
}

/// Why an input has no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// The input cannot be read, or is not text.
    Failed(String),
    /// The input was found in a folder, and is not followed.
    PassedOver(String),
}

/// Returns the inputs that paths match, in the order of the paths and sorted within each, and the faults of paths.
///
/// # Errors
/// A glob that cannot be parsed.
pub fn inputs(paths: &[String], options: &WalkOptions) -> Result<(Vec<Input>, Vec<InputError>), UsageError> {
    let exclude = glob_set(&options.exclude)?;
    let mut found = FoundInputs { inputs: Vec::new(), seen: HashSet::new(), errors: Vec::new() };
    for path in paths {
        if path == "-" {
            let name = options.stdin_filename.clone().unwrap_or_else(|| STDIN.into());
            found.push(Input { name, origin: InputOrigin::Stdin, named: true });
            continue;
        }
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => walk(Path::new(path), options, &exclude, &mut found),
            Ok(_) => found.named_file(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_glob(path) => {
                expand(path, options, &exclude, &mut found)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => found.error(path, "no such file or folder"),
            Err(error) => found.error(path, &error.to_string()),
        }
    }
    Ok((found.inputs, found.errors))
}

/// Returns the folders among the paths, which are walked as a whole.
pub fn folders(paths: &[String]) -> Vec<String> {
    let is_folder = |path: &&String| std::fs::metadata(path).is_ok_and(|metadata| metadata.is_dir());
    paths.iter().filter(is_folder).cloned().collect()
}

struct FoundInputs {
    inputs: Vec<Input>,
    seen: HashSet<String>,
    errors: Vec<InputError>,
}

impl FoundInputs {
    fn push(&mut self, input: Input) {
        if self.seen.insert(input.name.clone()) {
            self.inputs.push(input);
        }
    }

    fn passed_over(&mut self, path: &Path, why: &str) {
        self.push(Input { name: display(path), origin: InputOrigin::PassedOver(why.to_owned()), named: false });
    }

    fn error(&mut self, path: &str, message: &str) {
        self.errors.push(InputError { file: Some(path.to_owned()), message: message.to_owned() });
    }

    /// Returns a file that the user, or the user's shell, named. A link may point within its own folder and the
    /// current one, as mounted ConfigMaps do, and no further: the shell expands `*.yaml` to links that a stranger
    /// made.
    fn named_file(&mut self, path: &str) {
        let file = Path::new(path);
        let is_link = std::fs::symlink_metadata(file).is_ok_and(|metadata| metadata.is_symlink());
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let inside = !is_link || leads_into(file, parent) || leads_into(file, Path::new("."));
        let origin = if !inside {
            InputOrigin::Unreadable("it is a symbolic link that points outside its folder; pass the file itself".into())
        } else {
            leads_out_of_repository(file).map_or_else(|| InputOrigin::File(file.to_owned()), InputOrigin::Unreadable)
        };
        self.push(Input { name: display(file), origin, named: true });
    }
}

/// Reads an input. The second part of the result is the reason if it has no text.
pub fn read(input: &Input) -> (Source, Option<ReadError>) {
    let origin = match &input.origin {
        InputOrigin::Stdin => SourceOrigin::Stdin,
        InputOrigin::PassedOver(_) => SourceOrigin::PassedOver,
        InputOrigin::File(_) | InputOrigin::Unreadable(_) => SourceOrigin::File,
    };
    let bytes = match &input.origin {
        InputOrigin::Stdin => read_capped(io::stdin().lock()).map_err(ReadError::Failed),
        InputOrigin::File(path) => read_file(path).map_err(ReadError::Failed),
        InputOrigin::Unreadable(why) => Err(ReadError::Failed(why.clone())),
        InputOrigin::PassedOver(why) => Err(ReadError::PassedOver(why.clone())),
    };
    match bytes.and_then(|bytes| decode_input(bytes).map_err(ReadError::Failed)) {
        Ok((text, encoding)) => (Source::new(&input.name, text, encoding).from_origin(origin), None),
        Err(unread) => (Source::unreadable(&input.name).from_origin(origin), Some(unread)),
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a regular file".into());
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(too_large());
    }
    read_capped(File::open(path).map_err(|error| error.to_string())?)
}

pub(crate) fn read_capped(reader: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    reader.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE_BYTES { Err(too_large()) } else { Ok(bytes) }
}

fn too_large() -> String {
    format!("it is larger than {} MiB", MAX_FILE_BYTES >> 20)
}
