//! `configMapGenerator` and `secretGenerator`: what they make, and what kustomize does not take of them.
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
    /// `ConfigMap` or `Secret`.
    pub kind: &'static str,
    /// The object's name.
    pub name: String,
    /// Its namespace; empty where it has none.
    pub namespace: String,
    /// What becomes of an object that is there already.
    pub behavior: Behavior,
    /// The name, in the kustomization.
    pub span: Span,
}

/// What a generator does with an object of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behavior {
    /// Nothing is said, or nothing that kustomize knows: there must be none.
    Unspecified,
    /// There must be none.
    Create,
    /// There must be one: its data is replaced.
    Replace,
    /// There must be one: the data is added to its own.
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

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Merge => "merge",
        }
    }

    /// Whether there must be an object already.
    pub(crate) const fn needs_one(self) -> bool {
        matches!(self, Self::Replace | Self::Merge)
    }
}

/// The generators of a kustomization in the order in which they run, and why kustomize takes some of them not at all.
pub(crate) fn read(fields: &Fields<'_>) -> (Vec<Generator>, Vec<Refusal>) {
    let mut generators = Vec::new();
    let mut faults = Vec::new();
    for (key, kind) in [("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")] {
        for node in fields.items(key) {
            let own = Fields::of(node);
            let name = own.get("name").filter(|name| name.as_str().is_some_and(|name| !name.is_empty()));
            let Some(name) = name else {
                // kustomize says it of Secrets too.
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

/// The first key of an entry.
fn start(node: Node<'_>) -> Span {
    node.entries().next().map_or(node.span(), |entry| entry.key.span())
}

/// The first of its sources that kustomize does not take: literals are read before files.
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
            // An empty value is one.
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
