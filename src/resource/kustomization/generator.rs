//! `configMapGenerator` and `secretGenerator`: the objects that they create, and the entries that kustomize rejects.
//!
//! Follows `api/internal/generators/utils.go`, `api/kv/kv.go` and `api/types/generationbehavior.go` of kustomize 5.8.3.

use std::collections::BTreeSet;

use super::fields::Fields;
use super::refusal::{Refusal, Remedy};
use crate::text::placeholder::is_placeholder;
use crate::text::source::Span;
use crate::text::yaml::Node;

/// A generator of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generator {
    /// The kind of the object: `ConfigMap` or `Secret`.
    pub kind: &'static str,
    /// The name of the object.
    pub name: String,
    /// The namespace of the object; empty if it has none.
    pub namespace: String,
    /// The effect on an object that already exists.
    pub behavior: Behavior,
    /// The place of the name in the kustomization.
    pub span: Span,
}

/// What a generator does with an existing object of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behavior {
    /// No value, or an unknown one: the object must not exist.
    Unspecified,
    /// The object must not exist.
    Create,
    /// The object must exist: its data is replaced.
    Replace,
    /// The object must exist: the new data is added to its own.
    Merge,
}

impl Behavior {
    fn read(text: &str) -> Self {
        match text {
            "replace" => Self::Replace,
            "merge" => Self::Merge,
            "create" => Self::Create,
            _ => Self::Unspecified,
        }
    }

    /// The name that kustomize prints.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Merge => "merge",
        }
    }

    /// Whether the object must already exist.
    pub(crate) const fn needs_one(self) -> bool {
        matches!(self, Self::Replace | Self::Merge)
    }
}

/// Reads the generators in a kustomization in the order in which they run, and why kustomize rejects some of them.
pub(crate) fn read(fields: &Fields<'_>) -> (Vec<Generator>, Vec<Refusal>) {
    let mut generators = Vec::new();
    let mut faults = Vec::new();
    for (key, kind) in [("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")] {
        for node in fields.items(key) {
            let own = Fields::of(node);
            let name = own.get("name").filter(|name| name.as_str().is_some_and(|name| !name.is_empty()));
            let Some(name) = name else {
                // kustomize prints this for Secrets, too.
                let words = "a configmap must have a name";
                faults.push(Refusal::new(start(node), words, "this generator has no `name`"));
                continue;
            };
            faults.extend(fault(&own, name.as_str().unwrap_or_default()));
            generators.push(Generator {
                kind,
                name: name.as_str().unwrap_or_default().to_owned(),
                namespace: own.str("namespace").unwrap_or_default().to_owned(),
                behavior: Behavior::read(own.str("behavior").unwrap_or_default()),
                span: name.span(),
            });
        }
    }
    (generators, faults)
}

/// The place of an entry's first key.
fn start(node: Node<'_>) -> Span {
    node.entries().next().map_or(node.span(), |entry| entry.key.span())
}

/// The first source that kustomize rejects: literals are read before files.
fn fault(own: &Fields<'_>, name: &str) -> Option<Refusal> {
    let mut keys = BTreeSet::new();
    let mut repeated = None;
    let mut add = |key: &str, span: Span| {
        if !keys.insert(key.to_owned()) && repeated.is_none() {
            let words = format!("configmap {name} illegally repeats the key `{key}`");
            repeated = Some(Refusal::new(span, words, "the key already exists"));
        }
    };
    let texts = |list: &str| own.items(list).filter_map(|node| Some((node, node.as_str()?))).collect::<Vec<_>>();
    for (node, text) in texts("literals") {
        match text.split_once('=') {
            // An empty value is valid.
            Some((key, _)) if !key.is_empty() => add(key, node.span()),
            _ if is_placeholder(text) => return None,
            _ => {
                let words = format!("invalid literal source {text}, expected key=value");
                let label = if text.starts_with('=') { "it has no key" } else { "it has no `=`" };
                let help = format!("write `{}=…`, or `{text}=` for an empty value", text.trim_start_matches('='));
                let remedy = if text.trim_start_matches('=').is_empty() || text.starts_with('=') {
                    Remedy::Advice("write `key=value`".to_owned())
                } else {
                    Remedy::Advice(help)
                };
                return Some(Refusal::new(node.span(), words, label).with_remedy(remedy));
            }
        }
    }
    for (node, text) in texts("files") {
        if is_placeholder(text) {
            return None;
        }
        let (words, label) = match (text.matches('=').count(), text.split_once('=')) {
            (0, _) => {
                add(text.trim_end_matches('/').rsplit('/').next().unwrap_or(text), node.span());
                continue;
            }
            (1, Some(("", path))) => {
                (format!("missing key name for file path {path:?} in source {text:?}"), "it has no key")
            }
            (1, Some((key, ""))) => {
                (format!("missing file path for key name {key:?} in source {text:?}"), "it has no path")
            }
            (1, Some((key, _))) => {
                add(key, node.span());
                continue;
            }
            _ => (format!("source {text:?} key name or file path contains '='"), "it has more than one `=`"),
        };
        let remedy = Remedy::Advice("write `key=path`, or only the path: its last part becomes the key".to_owned());
        return Some(Refusal::new(node.span(), words, label).with_remedy(remedy));
    }
    repeated
}
