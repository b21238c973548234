//! From paths to sources: files, folders, globs and standard input.
//!
//! This is where the file system is touched. Only regular files are read, none over 64 MiB, and a symbolic link never
//! leads out of the folder that was asked for: a pull request could bring one.
#![expect(clippy::disallowed_methods, reason = "this module is the file system's edge")]

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use ignore::{DirEntry, WalkBuilder};

use crate::error::UsageError;
use crate::report::InputError;
use crate::source::{Encoding, Source};

/// Largest file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// Endings of files that are taken from a folder.
const EXTENSIONS: &[&str] = &["yaml", "yml", "json"];

/// Endings behind one of those that mark a template, or a tool's output, of the same form (`deployment.yaml.j2`).
const TEMPLATE_EXTENSIONS: &[&str] =
    &["gotmpl", "injected", "j2", "jinja", "jinja2", "templ", "template", "tmpl", "tpl"];

/// Hidden folders that hold tools' state and never manifests. Other hidden folders are walked: people keep manifests
/// in `.deploy` and `.archive`.
const TOOL_FOLDERS: &[&str] = &[
    ".cache",
    ".direnv",
    ".eggs",
    ".git",
    ".hg",
    ".idea",
    ".mypy_cache",
    ".nox",
    ".npm",
    ".pnpm-store",
    ".pytest_cache",
    ".ruff_cache",
    ".svn",
    ".terraform",
    ".terragrunt-cache",
    ".tox",
    ".venv",
    ".vscode",
    ".yarn",
];

/// How folders are walked.
#[derive(Debug, Clone, Default)]
pub struct WalkOptions {
    /// Globs of paths to leave out.
    pub exclude: Vec<String>,
    /// Walk hidden tool folders too (`.git` never).
    pub hidden: bool,
    /// Do not read ignore files.
    pub no_ignore: bool,
    /// Name under which standard input is reported.
    pub stdin_filename: Option<String>,
}

/// An input file that is yet to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The path as it will be shown, `/`-separated.
    pub name: String,
    /// Where it is read from.
    pub origin: Origin,
    /// Whether the user named it, rather than a folder it was found in.
    pub named: bool,
}

/// Where an input is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// It is known already that it cannot be read.
    Unreadable(String),
}

/// The inputs that paths stand for, in the order of the paths and sorted within each; and what is wrong with paths.
///
/// # Errors
/// A glob that cannot be parsed.
pub fn inputs(paths: &[String], options: &WalkOptions) -> Result<(Vec<Input>, Vec<InputError>), UsageError> {
    let exclude = glob_set(&options.exclude)?;
    let mut found = Found { inputs: Vec::new(), seen: HashSet::new(), errors: Vec::new() };
    for path in paths {
        if path == "-" {
            let name = options.stdin_filename.clone().unwrap_or_else(|| "<stdin>".into());
            found.push(Input { name, origin: Origin::Stdin, named: true });
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

struct Found {
    inputs: Vec<Input>,
    seen: HashSet<String>,
    errors: Vec<InputError>,
}

impl Found {
    fn push(&mut self, input: Input) {
        if self.seen.insert(input.name.clone()) {
            self.inputs.push(input);
        }
    }

    fn error(&mut self, path: &str, message: &str) {
        self.errors.push(InputError { file: Some(path.to_owned()), message: message.to_owned() });
    }

    /// A file that the user, or the user's shell, named. A link may lead about its own folder and the current one, as
    /// mounted ConfigMaps do, and no further: the shell expands `*.yaml` to links that a stranger made.
    fn named_file(&mut self, path: &str) {
        let file = Path::new(path);
        let is_link = std::fs::symlink_metadata(file).is_ok_and(|metadata| metadata.is_symlink());
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let inside = !is_link || leads_into(file, parent) || leads_into(file, Path::new("."));
        let origin = if inside {
            Origin::File(file.to_owned())
        } else {
            Origin::Unreadable("it is a symbolic link that leads out of its folder; name the file itself".into())
        };
        self.push(Input { name: display(file), origin, named: true });
    }
}

fn glob_set(globs: &[String]) -> Result<GlobSet, UsageError> {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        let bad = |error: globset::Error| UsageError::new(format!("--exclude {glob}: {}", error.kind()));
        builder.add(Glob::new(glob).map_err(bad)?);
        // A pattern without a slash means a name anywhere, as in .gitignore.
        builder.add(Glob::new(&format!("**/{glob}")).map_err(bad)?);
    }
    builder.build().map_err(|error| UsageError::new(format!("--exclude: {error}")))
}

fn is_glob(path: &str) -> bool {
    path.contains(['*', '?', '[', '{'])
}

/// Expands a glob that the shell left as it is: walks the folder in front of the first wildcard.
fn expand(pattern: &str, options: &WalkOptions, exclude: &GlobSet, found: &mut Found) -> Result<(), UsageError> {
    let glob = globset::GlobBuilder::new(pattern.trim_start_matches("./")).literal_separator(true).build();
    let glob = glob.map_err(|error| UsageError::new(format!("{pattern}: {}", error.kind())))?.compile_matcher();
    let literal: PathBuf = Path::new(pattern)
        .components()
        .take_while(|component| !component.as_os_str().to_str().is_none_or(is_glob))
        .collect();
    let root = if literal.as_os_str().is_empty() { Path::new(".") } else { &literal };
    let before = found.inputs.len();
    for entry in entries(root, options, exclude, found) {
        let name = display(entry.path());
        if glob.is_match(&name) {
            add_entry(root, &entry, true, found);
        }
    }
    if found.inputs.len() == before {
        found.error(pattern, "the pattern matches no file");
    }
    Ok(())
}

fn walk(root: &Path, options: &WalkOptions, exclude: &GlobSet, found: &mut Found) {
    for entry in entries(root, options, exclude, found) {
        if is_candidate(entry.path()) {
            add_entry(root, &entry, false, found);
        }
    }
}

fn entries(root: &Path, options: &WalkOptions, exclude: &GlobSet, found: &mut Found) -> Vec<DirEntry> {
    let hidden = options.hidden;
    let exclude = exclude.clone();
    let mut builder = WalkBuilder::new(root);
    builder.standard_filters(!options.no_ignore).require_git(false).hidden(false).follow_links(false);
    builder.sort_by_file_path(Path::cmp).filter_entry(move |entry| {
        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
        let tool = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name == ".git" || !hidden && entry.depth() > 0 && TOOL_FOLDERS.contains(&name));
        let left_out = is_folder && tool || exclude.is_match(display(entry.path()));
        !left_out
    });
    let mut files = Vec::new();
    for entry in builder.build() {
        match entry {
            Ok(entry) if entry.file_type().is_some_and(|kind| !kind.is_dir()) => files.push(entry),
            Ok(_) => {}
            Err(error) => found.push(unreadable_entry(root, &error)),
        }
    }
    files
}

fn unreadable_entry(root: &Path, error: &ignore::Error) -> Input {
    let path = match error {
        ignore::Error::WithPath { path, .. } => path.clone(),
        ignore::Error::WithDepth { err, .. } => match err.as_ref() {
            ignore::Error::WithPath { path, .. } => path.clone(),
            _ => root.to_owned(),
        },
        _ => root.to_owned(),
    };
    let message = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
    Input { name: display(&path), origin: Origin::Unreadable(message), named: false }
}

fn add_entry(root: &Path, entry: &DirEntry, named: bool, found: &mut Found) {
    let path = entry.path();
    let Some(kind) = entry.file_type() else { return };
    // A link to a file that the walk meets by itself would be read twice.
    let is_detour = |path: &Path| {
        let target = std::fs::canonicalize(path).unwrap_or_default();
        leads_into(path, root) && target.is_file() && (named || !is_candidate(&target))
    };
    if kind.is_file() || kind.is_symlink() && is_detour(path) {
        found.push(Input { name: display(path), origin: Origin::File(path.to_owned()), named });
    }
}

/// Whether a link's target lies in a folder.
fn leads_into(link: &Path, folder: &Path) -> bool {
    match (std::fs::canonicalize(link), std::fs::canonicalize(folder)) {
        (Ok(target), Ok(folder)) => target.starts_with(folder),
        _ => false,
    }
}

fn is_candidate(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let is_yaml = |name: &str| name.rsplit_once('.').is_some_and(|(_, ending)| EXTENSIONS.contains(&ending));
    let template = name.rsplit_once('.').filter(|(_, ending)| TEMPLATE_EXTENSIONS.contains(ending));
    let inner = template.map(|(stem, _)| stem);
    // `hello.yaml.cni.injected`: what stands between is some tool's variant.
    let inner_is_yaml = inner.is_some_and(|stem| EXTENSIONS.iter().any(|ending| has_component(stem, ending)));
    is_yaml(name) || inner_is_yaml || name == "Kustomization"
}

fn has_component(name: &str, ending: &str) -> bool {
    name.split('.').skip(1).any(|component| component == ending)
}

/// The path as it is shown: without a leading `./`, `/` as separator.
fn display(path: &Path) -> String {
    let text = path.to_string_lossy();
    let text = if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() };
    text.strip_prefix("./").filter(|rest| !rest.is_empty()).map(str::to_owned).unwrap_or(text)
}

/// Reads an input. The second part says why it is not readable as text.
pub fn read(input: &Input) -> (Source, Option<String>) {
    let bytes = match &input.origin {
        Origin::Stdin => read_capped(io::stdin().lock()),
        Origin::File(path) => read_file(path),
        Origin::Unreadable(message) => Err(message.clone()),
    };
    match bytes.and_then(decode) {
        Ok((text, encoding)) => (Source::new(&input.name, text, encoding), None),
        Err(message) => (Source::unreadable(&input.name), Some(message)),
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

fn read_capped(reader: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    reader.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE_BYTES { Err(too_large()) } else { Ok(bytes) }
}

fn too_large() -> String {
    format!("it is larger than {} MiB", MAX_FILE_BYTES >> 20)
}

/// Bytes to text: UTF-8, or UTF-16 with a byte order mark, which Kubernetes' YAML library takes too.
fn decode(bytes: Vec<u8>) -> Result<(String, Encoding), String> {
    let encoding = match bytes.as_slice() {
        [0xff, 0xfe, ..] => Encoding::Utf16Le,
        [0xfe, 0xff, ..] => Encoding::Utf16Be,
        _ => Encoding::Utf8,
    };
    let text = match encoding {
        Encoding::Utf8 => String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            if error.as_bytes().contains(&0) { "it is a binary file".into() } else { not_utf8(at) }
        })?,
        Encoding::Utf16Le => utf16(&bytes[2..], u16::from_le_bytes)?,
        Encoding::Utf16Be => utf16(&bytes[2..], u16::from_be_bytes)?,
    };
    if memchr::memchr(0, text.as_bytes()).is_some() { Err("it is a binary file".into()) } else { Ok((text, encoding)) }
}

fn not_utf8(at: usize) -> String {
    format!("it is not valid UTF-8 (byte {at})")
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("it is not valid UTF-16 (odd number of bytes)".into());
    }
    let units = pairs.iter().map(|pair| unit(*pair));
    char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| "it is not valid UTF-16".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_and_their_templates_are_candidates() {
        for name in ["a.yaml", "a.yml", "b/c.json", "x.yaml.j2", "hello.yaml.cni.injected", "k/Kustomization"] {
            assert!(is_candidate(Path::new(name)), "{name}");
        }
        for name in ["a.txt", "yaml", "a.yaml.bak", "a.yaml.gpg", "a.tpl", "a.YAML~", "notes.j2"] {
            assert!(!is_candidate(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn encodings() {
        let decode = |bytes: &[u8]| decode(bytes.to_vec()).map(|(text, _)| text);
        assert_eq!(decode(b"\xff\xfea\0:\0"), Ok("a:".into()));
        assert_eq!(decode(b"\xfe\xff\0a\0:"), Ok("a:".into()));
        assert_eq!(decode("\u{feff}a".as_bytes()), Ok("\u{feff}a".into()));
        assert_eq!(decode(b"ab\xff"), Err("it is not valid UTF-8 (byte 2)".into()));
        assert_eq!(decode(b"a\0b"), Err("it is a binary file".into()));
        assert_eq!(decode(b"\xff\xfea"), Err("it is not valid UTF-16 (odd number of bytes)".into()));
    }
}
