//! Applications as they are generated or changed, before they are read.

use std::collections::BTreeSet;

use super::data::{Data, Json, Value};
use crate::text::source::Span;
use crate::text::yaml::Node;

/// Fields of a source that `.argocd-source.yaml` does not change (`mergeSourceParameters` in
/// `reposerver/repository/repository.go`).
const FIXED: [&str; 4] = ["chart", "path", "repoURL", "targetRevision"];

/// An Application that an ApplicationSet generates, or that a file changes.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    pub(super) data: Data,
    /// Whether it is not known if it is generated like this.
    pub(super) is_uncertain: bool,
    pub(super) repositories: BTreeSet<String>,
}

impl Application {
    /// Reads an Application of at most so many values.
    pub(crate) fn of(object: Node<'_>, left: &mut usize) -> Self {
        Self { data: Data::read(object, left), is_uncertain: false, repositories: BTreeSet::new() }
    }

    /// Whether it is not known if it exists like this.
    pub(crate) const fn is_uncertain(&self) -> bool {
        self.is_uncertain
    }

    /// The repositories in which its parameters were found.
    pub(crate) fn repositories(&self) -> impl Iterator<Item = &str> {
        self.repositories.iter().map(String::as_str)
    }

    /// The Application as JSON, with [`super::UNKNOWN`] for parts that are not known, and the places of its nodes.
    pub(super) fn write(&self, around: Span) -> Json {
        let mut json = Json::default();
        json.write(&self.data, around);
        json
    }

    /// The JSON of the Application, and the places of its nodes.
    pub(crate) fn json(&self, around: Span) -> (String, Vec<Span>) {
        let json = self.write(around);
        (json.text, json.places)
    }

    /// Changes a source as a `.argocd-source.yaml` does, which is a JSON merge patch.
    pub(super) fn merge(&mut self, at: Option<usize>, change: &Data) {
        let Value::Map(fields) = &mut self.data.value else { return };
        let Some(Value::Map(spec)) = fields.get_mut("spec").map(|spec| &mut spec.value) else { return };
        let source = match at {
            None => spec.get_mut("source"),
            Some(at) => match spec.get_mut("sources").map(|sources| &mut sources.value) {
                Some(Value::List(sources)) => sources.get_mut(at),
                _ => None,
            },
        };
        let Some(source) = source else { return };
        let kept: Vec<Option<Data>> = FIXED.iter().map(|key| source.get(key).cloned()).collect();
        merge_patch(source, change);
        let Value::Map(source) = &mut source.value else { return };
        for (key, kept) in FIXED.iter().zip(kept) {
            match kept {
                Some(kept) => drop(source.insert((*key).to_owned(), kept)),
                None => drop(source.remove(*key)),
            }
        }
    }
}

/// Applies a JSON merge patch (RFC 7396).
pub(super) fn merge_patch(own: &mut Data, patch: &Data) {
    let Value::Map(changes) = &patch.value else {
        *own = patch.clone();
        return;
    };
    if !matches!(own.value, Value::Map(_)) {
        *own = Data { value: Value::Map(Default::default()), span: patch.span };
    }
    let Value::Map(map) = &mut own.value else { return };
    for (key, change) in changes {
        match change.value {
            Value::Null => drop(map.remove(key)),
            _ => merge_patch(map.entry(key.clone()).or_insert_with(|| Value::Null.into()), change),
        }
    }
}
