//! The inputs as a Git repository: the folders and files that `git` generators list.

use std::collections::{BTreeMap, BTreeSet};

use super::data::Data;
use crate::resource::kustomization::{folder, normalise};
use crate::text::source::{SourceId, Sources, Span};
use crate::text::yaml::{self, Piece};

/// The files of the inputs.
#[derive(Debug)]
pub(crate) struct Repository<'s> {
    sources: &'s Sources,
    files: BTreeMap<String, SourceId>,
    folders: BTreeSet<String>,
}

impl<'s> Repository<'s> {
    /// Collects the files of the inputs.
    pub(crate) fn new(sources: &'s Sources) -> Self {
        let files: BTreeMap<String, SourceId> =
            sources.iter().map(|(id, source)| (normalise(source.name()), id)).collect();
        let mut folders = BTreeSet::new();
        for file in files.keys() {
            let mut own = folder(file);
            while !own.is_empty() && folders.insert(own.to_owned()) {
                own = folder(own);
            }
        }
        Self { sources, files, folders }
    }

    /// The folders in which a repository may begin: those above a file.
    pub(super) fn roots(file: &str) -> Vec<String> {
        let mut roots = vec![normalise(folder(file))];
        while let Some(root) = roots.last().filter(|root| !root.is_empty()) {
            let outer = folder(root).to_owned();
            roots.push(outer);
        }
        roots
    }

    /// The folders below a root, relative to it, without hidden ones.
    pub(super) fn folders<'r>(&'r self, root: &str) -> impl Iterator<Item = &'r str> + use<'r, 's> {
        let is_visible = |path: &&str| !path.split('/').any(|part| part.starts_with('.'));
        below(self.folders.iter(), root).filter(is_visible)
    }

    /// The files below a root, relative to it.
    pub(super) fn files<'r>(&'r self, root: &str) -> impl Iterator<Item = &'r str> + use<'r, 's> {
        below(self.files.keys(), root)
    }

    /// The first document of a file, by its path from a root; `None` if it cannot be read.
    pub(super) fn read(&self, root: &str, file: &str, left: &mut usize) -> Option<Data> {
        let path = if root.is_empty() { file.to_owned() } else { format!("{root}/{file}") };
        let id = *self.files.get(&path)?;
        first(id, self.sources.get(id).text(), left)
    }

    /// Parses a text that is part of an input; all of it has the same place.
    pub(super) fn parse(&self, text: &str, span: Option<Span>, left: &mut usize) -> Option<Data> {
        let mut data = first(span?.source, text, left)?;
        place(&mut data, span);
        Some(data)
    }
}

fn below<'r, I: Iterator<Item = &'r String>>(paths: I, root: &str) -> impl Iterator<Item = &'r str> + use<'r, I> {
    let prefix = if root.is_empty() { String::new() } else { format!("{root}/") };
    paths.filter_map(move |path| path.strip_prefix(&prefix))
}

fn first(id: SourceId, text: &str, left: &mut usize) -> Option<Data> {
    let mut read = None;
    let mut is_first = true;
    yaml::read(id, text, true, &mut |piece| {
        if let Piece::Document(document) = piece
            && is_first
        {
            read = document.root().map(|root| Data::read(root, left));
        }
        is_first = false;
    });
    read
}

/// Gives all of a value the same place.
fn place(data: &mut Data, span: Option<Span>) {
    data.span = span;
    match &mut data.value {
        super::Value::List(items) => items.iter_mut().for_each(|item| place(item, span)),
        super::Value::Map(map) => map.values_mut().for_each(|item| place(item, span)),
        _ => {}
    }
}

/// Whether git lists a file for a pattern (`git ls-files`, `wildmatch` without `WM_PATHNAME`): a `*` matches slashes
/// too. `None` if the pattern has anything else than `*` and `?`.
pub(super) fn lists(pattern: &str, file: &str) -> Option<bool> {
    if pattern.contains(['[', '\\']) || pattern.starts_with([':', '.', '/']) || pattern.is_empty() {
        return None;
    }
    let folder = pattern.strip_suffix('/').unwrap_or(pattern);
    let is_below = file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    Some(is_below || file == pattern || is_match(pattern.as_bytes(), file.as_bytes()))
}

/// Whether a text matches a pattern with `*` and `?`. It goes back to the last star only.
pub(crate) fn is_match(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut next) = (0, 0);
    let mut star = None;
    while let Some(byte) = text.get(at) {
        match pattern.get(next) {
            Some(b'*') => {
                star = Some((next, at));
                next += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                at += 1;
                next += 1;
            }
            _ => match star.as_mut() {
                Some((own, from)) => {
                    *from += 1;
                    at = *from;
                    next = *own + 1;
                }
                None => return false,
            },
        }
    }
    pattern[next..].iter().all(|byte| *byte == b'*')
}

/// Whether a path fits a path of which parts are not known.
pub(crate) fn fits(path: &str, known: &str) -> bool {
    let pattern: Vec<u8> = known.bytes().map(|byte| if byte == 0 { b'*' } else { byte }).collect();
    is_match(&pattern, path.as_bytes())
}
