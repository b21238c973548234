//! The files that folders and globs match.
//!
//! A symbolic link never leads out of the folder that was asked for: a pull request could add one.
#![expect(clippy::disallowed_methods, reason = "walks the file system")]

use std::path::{Component, Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use ignore::{DirEntry, WalkBuilder};

use crate::error::UsageError;
use crate::input::load::link::{leads_into, leads_out_of_repository, passed_over};
use crate::input::load::{FoundInputs, Input, InputOrigin, WalkOptions};

/// Extensions of files that are read from a folder.
const EXTENSIONS: &[&str] = &["yaml", "yml", "json"];

/// Extensions after one of those that mark a template, or a tool's output, of the same form (`deployment.yaml.j2`).
const TEMPLATE_EXTENSIONS: &[&str] =
    &["erb", "gotmpl", "injected", "j2", "jinja", "jinja2", "templ", "template", "tmpl", "tpl"];

/// Hidden folders that contain tools' state and never manifests. Other hidden folders are walked: people keep
/// manifests in `.deploy` and `.archive`.
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

pub(super) fn glob_set(globs: &[String]) -> Result<GlobSet, UsageError> {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        let bad = |error: globset::Error| UsageError::new(format!("--exclude {glob}: {}", error.kind()));
        builder.add(Glob::new(glob).map_err(bad)?);
        // A pattern without a slash means a name anywhere, as in .gitignore.
        builder.add(Glob::new(&format!("**/{glob}")).map_err(bad)?);
    }
    builder.build().map_err(|error| UsageError::new(format!("--exclude: {error}")))
}

pub(super) fn is_glob(path: &str) -> bool {
    path.contains(['*', '?', '[', '{'])
}

/// Expands a glob that the shell left unchanged: walks the folder in front of the first wildcard.
pub(super) fn expand(
    pattern: &str,
    options: &WalkOptions,
    exclude: &GlobSet,
    found: &mut FoundInputs,
) -> Result<(), UsageError> {
    let glob = globset::GlobBuilder::new(pattern.trim_start_matches("./")).literal_separator(true).build();
    let glob = glob.map_err(|error| UsageError::new(format!("{pattern}: {}", error.kind())))?.compile_matcher();
    let literal: PathBuf = Path::new(pattern)
        .components()
        .take_while(|component| !component.as_os_str().to_str().is_none_or(is_glob))
        .collect();
    let root = if literal.as_os_str().is_empty() { Path::new(".") } else { &literal };
    if let Some(why) = leads_out_of_repository(root) {
        found.push(Input { name: display(root), origin: InputOrigin::Unreadable(why), named: true });
        return Ok(());
    }
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

pub(super) fn walk(root: &Path, options: &WalkOptions, exclude: &GlobSet, found: &mut FoundInputs) {
    if let Some(why) = leads_out_of_repository(root) {
        found.push(Input { name: display(root), origin: InputOrigin::Unreadable(why), named: true });
        return;
    }
    for entry in entries(root, options, exclude, found) {
        add_entry(root, &entry, false, found);
    }
}

fn entries(root: &Path, options: &WalkOptions, exclude: &GlobSet, found: &mut FoundInputs) -> Vec<DirEntry> {
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
    Input { name: display(&path), origin: InputOrigin::Unreadable(message), named: false }
}

fn add_entry(root: &Path, entry: &DirEntry, named: bool, found: &mut FoundInputs) {
    let path = entry.path();
    let Some(kind) = entry.file_type() else { return };
    // A link to a file that the walk finds by itself would be read twice.
    let is_detour = |path: &Path| {
        let target = std::fs::canonicalize(path).unwrap_or_default();
        leads_into(path, root) && target.is_file() && (named || !is_candidate(&target))
    };
    if kind.is_file() && (named || is_candidate(path)) {
        found.push(Input { name: display(path), origin: InputOrigin::File(path.to_owned()), named });
    } else if kind.is_symlink() {
        if (named || is_candidate(path)) && is_detour(path) {
            found.push(Input { name: display(path), origin: InputOrigin::File(path.to_owned()), named });
        } else if let Some(why) = passed_over(path, root, is_candidate) {
            found.passed_over(path, why);
        }
    } else if !kind.is_dir() && !kind.is_file() && is_candidate(path) {
        found.passed_over(path, "it is not a regular file");
    }
}

fn is_candidate(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let is_yaml = |name: &str| name.rsplit_once('.').is_some_and(|(_, ending)| EXTENSIONS.contains(&ending));
    let template = name.rsplit_once('.').filter(|(_, ending)| TEMPLATE_EXTENSIONS.contains(ending));
    let inner = template.map(|(stem, _)| stem);
    // `hello.yaml.cni.injected`: the part in between is some tool's variant.
    let inner_is_yaml = inner.is_some_and(|stem| EXTENSIONS.iter().any(|ending| has_component(stem, ending)));
    is_yaml(name) || inner_is_yaml || name == "Kustomization"
}

fn has_component(name: &str, ending: &str) -> bool {
    name.split('.').skip(1).any(|component| component == ending)
}

/// Returns the path as shown to the user: without a leading `./`, `/` as separator.
pub(crate) fn display(path: &Path) -> String {
    let text = path.to_string_lossy();
    let text = if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() };
    text.strip_prefix("./").filter(|rest| !rest.is_empty()).map(str::to_owned).unwrap_or(text)
}

/// Returns a path without `.` and `..`, by its text alone: no link is followed.
pub(crate) fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
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
}
