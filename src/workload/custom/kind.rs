//! A kind of an operator: where its objects hold images, and with what those are pulled.
//!
//! The table of the kinds that are known (`table.yaml`) and the `kinds` of a configuration file are written in the same
//! way and read here.

use std::sync::LazyLock;

use crate::resource::ResourceName;
use crate::source::{SourceId, Span};
use crate::workload::custom::path::FieldPath;
use crate::yaml::{self, Entry, Node, Piece};

/// A kind, or several of one group that are built alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// API group, without version; empty for the core group.
    pub group: String,
    /// Kinds of the group.
    pub kinds: Vec<String>,
    /// The pods that are made of an object.
    pub pods: Vec<PodFields>,
    /// Objects of the kinds, one document each, that show its fields; of the table alone.
    pub example: Option<String>,
}

/// Where the images of a pod stand, and what it is pulled with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodFields {
    /// What there is one pod for; the object itself where it is empty. The other paths begin there.
    pub each: FieldPath,
    /// A whole pod spec, whose own fields count as those of a pod do.
    pub pod_spec: Option<FieldPath>,
    /// Fields that hold an image.
    pub images: Vec<FieldPath>,
    /// Containers: `name`, `image` and `imagePullPolicy` are read of each.
    pub containers: Vec<FieldPath>,
    /// The same of those that run before.
    pub init_containers: Vec<FieldPath>,
    /// Volumes, of which `image` counts.
    pub volumes: Vec<FieldPath>,
    /// Names of pull secrets. The path shows what the field is: a list of objects (`imagePullSecrets[].name`), a list of
    /// names (`pullSecrets[]`) or one name (`imagePullSecret`).
    pub pull_secrets: Vec<ScopedPath>,
    /// The service account; the first that is there.
    pub service_account: Vec<ScopedPath>,
    /// The namespace of the pods.
    pub namespace: PodNamespace,
    /// What the operator makes of it.
    pub passes: Passes,
}

/// A path from the place of the pod's fields, or with `/` in front from the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopedPath {
    /// Whether it begins at the object.
    pub from_object: bool,
    /// The way from there.
    pub path: FieldPath,
}

/// The namespace of the pods that an operator makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PodNamespace {
    /// That of the object.
    #[default]
    Own,
    /// Another one, which the object does not name.
    Unknown,
}

/// What an operator makes of the fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Passes {
    /// Pods with exactly these credentials.
    AsWritten,
    /// Pods with these images, and perhaps with more pull secrets or a service account of its own.
    #[default]
    WithMore,
    /// No pods: it pulls the images itself.
    ByItself,
}

/// The kinds of the table.
static TABLE: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let mut kinds = Vec::new();
    yaml::read(SourceId(0), include_str!("table.yaml"), true, &mut |piece| {
        if let Piece::Document(document) = piece {
            // The table is part of the program, and a test reads it: there is no fault.
            kinds.extend(document.root().map(|root| read(root, &mut Vec::new())).unwrap_or_default());
        }
    });
    kinds
});

/// The kinds of the table.
pub fn table() -> &'static [Kind] {
    &TABLE
}

/// The kind of an object: of `own` first, then of the table.
pub(super) fn of<'k>(name: &ResourceName, own: &'k [Kind]) -> Option<&'k Kind> {
    let is = |kind: &&Kind| kind.group == name.group() && kind.kinds.contains(&name.kind);
    own.iter().find(is).or_else(|| TABLE.iter().find(is))
}

/// Reads a list of kinds. What is wrong goes to `faults`, with its place.
pub fn read(list: Node<'_>, faults: &mut Vec<(Span, String)>) -> Vec<Kind> {
    if !list.is_sequence() {
        faults.push((list.span(), "a list of kinds is wanted, each with `group`, `kind` and `pods`".into()));
    }
    let mut reader = Reader { faults };
    list.items().filter_map(|item| reader.kind(item)).collect()
}

struct Reader<'f> {
    faults: &'f mut Vec<(Span, String)>,
}

const KIND_KEYS: &[&str] = &["group", "kind", "pods", "source", "example"];
const POD_KEYS: &[&str] = &[
    "each",
    "pod-spec",
    "images",
    "containers",
    "init-containers",
    "volumes",
    "pull-secrets",
    "service-account",
    "namespace",
    "pulled-by",
    "credentials",
];

impl Reader<'_> {
    fn fault(&mut self, at: Span, message: impl Into<String>) {
        self.faults.push((at, message.into()));
    }

    fn kind(&mut self, node: Node<'_>) -> Option<Kind> {
        self.keys(node, KIND_KEYS);
        let group = node.str("group").map(str::to_owned);
        let kinds: Vec<String> = node.get("kind").into_iter().flat_map(strings).map(|it| it.0.to_owned()).collect();
        let pods: Vec<PodFields> =
            node.get("pods").into_iter().flat_map(Node::items).map(|pod| self.pod(pod)).collect();
        if group.is_none() || kinds.is_empty() || pods.is_empty() {
            self.fault(node.span(), "a kind has a `group`, a `kind` and at least one of `pods`");
        }
        let example = node.str("example").map(str::to_owned);
        Some(Kind { group: group?, kinds, pods, example })
    }

    fn pod(&mut self, node: Node<'_>) -> PodFields {
        self.keys(node, POD_KEYS);
        let namespace = match node.entry("namespace").map(|entry| (entry, entry.value.as_str())) {
            None | Some((_, Some("own"))) => PodNamespace::Own,
            Some((_, Some("unknown"))) => PodNamespace::Unknown,
            Some((entry, _)) => {
                self.fault(entry.value.span(), "`own` or `unknown` is wanted");
                PodNamespace::Unknown
            }
        };
        let pod_spec = node.get("pod-spec").and_then(|value| self.path(value));
        let by_default = if pod_spec.is_some() { Passes::AsWritten } else { Passes::WithMore };
        PodFields {
            each: node.get("each").and_then(|value| self.path(value)).unwrap_or_default(),
            pod_spec,
            images: self.paths(node, "images"),
            containers: self.paths(node, "containers"),
            init_containers: self.paths(node, "init-containers"),
            volumes: self.paths(node, "volumes"),
            pull_secrets: self.scoped(node, "pull-secrets"),
            service_account: self.scoped(node, "service-account"),
            namespace,
            passes: self.passes(node).unwrap_or(by_default),
        }
    }

    fn passes(&mut self, node: Node<'_>) -> Option<Passes> {
        let word = |key: &str| node.entry(key).map(|Entry { value, .. }| (value.as_str(), value.span()));
        match (word("pulled-by"), word("credentials")) {
            (None, None) | (Some((Some("kubelet"), _)), None) => None,
            (Some((Some("operator"), _)), _) => Some(Passes::ByItself),
            (_, Some((Some("as-written"), _))) => Some(Passes::AsWritten),
            (_, Some((Some("and-more"), _))) => Some(Passes::WithMore),
            (_, Some((_, span))) => {
                self.fault(span, "`as-written` or `and-more` is wanted");
                None
            }
            (Some((_, span)), None) => {
                self.fault(span, "`kubelet` or `operator` is wanted");
                None
            }
        }
    }

    fn paths(&mut self, node: Node<'_>, key: &str) -> Vec<FieldPath> {
        let values: Vec<Node<'_>> = node.get(key).map(one_or_more).unwrap_or_default();
        values.into_iter().filter_map(|value| self.path(value)).collect()
    }

    fn scoped(&mut self, node: Node<'_>, key: &str) -> Vec<ScopedPath> {
        let values: Vec<Node<'_>> = node.get(key).map(one_or_more).unwrap_or_default();
        let read = |value: Node<'_>| {
            let text = value.as_str().unwrap_or_default();
            let path = self.parsed(text.trim_start_matches('/'), value.span())?;
            Some(ScopedPath { from_object: text.starts_with('/'), path })
        };
        values.into_iter().filter_map(read).collect()
    }

    fn path(&mut self, value: Node<'_>) -> Option<FieldPath> {
        self.parsed(value.as_str().unwrap_or_default(), value.span())
    }

    fn parsed(&mut self, text: &str, span: Span) -> Option<FieldPath> {
        FieldPath::parse(text).map_err(|message| self.fault(span, format!("not a path of fields: {message}"))).ok()
    }

    fn keys(&mut self, node: Node<'_>, known: &[&str]) {
        for entry in node.entries() {
            if !entry.key.text().is_some_and(|key| known.contains(&key)) {
                self.fault(entry.key.span(), format!("an unknown key; one of {} is wanted", known.join(", ")));
            }
        }
    }
}

/// The items of a list, or the one value.
fn one_or_more(node: Node<'_>) -> Vec<Node<'_>> {
    if node.is_sequence() { node.items().collect() } else { vec![node] }
}

fn strings(node: Node<'_>) -> impl Iterator<Item = (&str, Span)> {
    one_or_more(node).into_iter().filter_map(|item| Some((item.as_str()?, item.span())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_no_fault() {
        let mut faults = Vec::new();
        yaml::read(SourceId(0), include_str!("table.yaml"), true, &mut |piece| match piece {
            Piece::Document(document) => {
                read(document.root().expect("rows"), &mut faults);
            }
            Piece::Broken(error) => faults.push((error.at, error.message)),
            Piece::Skipped => faults.push((Span::new(SourceId(0), 0, 0), "skipped".into())),
        });
        let text = include_str!("table.yaml");
        let shown: Vec<_> = faults.iter().map(|(span, message)| (&text[span.range()], message)).collect();
        assert!(shown.is_empty(), "{shown:?}");
        assert!(table().iter().all(|kind| kind.example.is_some()), "a row without an example");
    }
}
