//! A kind of an operator: where its objects hold images, and with what those are pulled.
//!
//! The table of the kinds that are known (`table.yaml`) and the `kinds` of a configuration file are written in the same
//! way and read here.

use std::fmt;
use std::sync::LazyLock;

use crate::resource::ResourceName;
use crate::source::{SourceId, Span};
use crate::workload::custom::path::FieldPath;
use crate::workload::kinds::BUILTIN;
use crate::yaml::{self, Node, Piece};

/// A kind, or several of one group that are built alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// API group, without version; empty for the core group.
    pub group: String,
    /// Kinds of the group.
    pub kinds: Vec<String>,
    /// Where the paths of the pods begin; the object itself where it is empty.
    pub at: FieldPath,
    /// The pods that are made of an object.
    pub pods: Vec<PodFields>,
    /// Objects of the kinds, one document each, that show its fields; of the table alone.
    pub example: Option<String>,
}

/// Where the images of a pod stand, and what it is pulled with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodFields {
    /// What there is one pod for; the other paths begin there.
    pub each: Vec<FieldPath>,
    /// A whole pod spec, whose own fields count as those of a pod do.
    pub pod_spec: Option<FieldPath>,
    /// Fields that hold an image.
    pub images: Vec<ScopedPath>,
    /// Mappings whose `baseImage` with `sha`, `tag` or `version` is the image where they have no `image`.
    pub image_parts: Vec<ScopedPath>,
    /// Containers: `name`, `image` and `imagePullPolicy` are read of each.
    pub containers: Vec<ScopedPath>,
    /// The same of those that run before.
    pub init_containers: Vec<ScopedPath>,
    /// Volumes, of which `image` counts.
    pub volumes: Vec<ScopedPath>,
    /// Names of pull secrets. The path shows what the field is: a list of objects (`imagePullSecrets[].name`), a list of
    /// names (`pullSecrets[]`) or one name (`imagePullSecret`).
    pub pull_secrets: Vec<ScopedPath>,
    /// Names of pull secrets that count in place of those where there are any.
    pub own_pull_secrets: Vec<ScopedPath>,
    /// The service account; the first that is there.
    pub service_account: Vec<ScopedPath>,
    /// Whether the operator makes a service account where none is named; else it is `default`.
    pub makes_service_account: bool,
    /// The namespace of the pods.
    pub namespace: PodNamespace,
    /// Whether the operator has a registry of its own for images that name none.
    pub completes_registry: bool,
    /// What the operator makes of it.
    pub passes: Passes,
}

/// A path from the place of the pod's fields, or with `/` in front from where the kind's paths begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopedPath {
    /// Whether it has `/` in front. An image there is one of all pods.
    pub is_shared: bool,
    /// The way from there.
    pub path: FieldPath,
}

impl fmt::Display for ScopedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_shared { "/" } else { "" }, self.path)
    }
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
    if !list.is_sequence() && !list.is_null() {
        faults.push((list.span(), "a list of kinds is wanted, each with `group`, `kind` and `pods`".into()));
    }
    let mut reader = Reader { faults };
    list.items().filter_map(|item| reader.kind(item)).collect()
}

struct Reader<'f> {
    faults: &'f mut Vec<(Span, String)>,
}

const KIND_KEYS: &[&str] = &["group", "kind", "at", "pods", "source", "example"];
const POD_KEYS: &[&str] = &[
    "each",
    "pod-spec",
    "images",
    "image-parts",
    "containers",
    "init-containers",
    "volumes",
    "pull-secrets",
    "own-pull-secrets",
    "service-account",
    "default-service-account",
    "namespace",
    "default-registry",
    "pulled-by",
    "credentials",
];

impl Reader<'_> {
    fn fault(&mut self, at: Span, message: impl Into<String>) {
        self.faults.push((at, message.into()));
    }

    fn kind(&mut self, node: Node<'_>) -> Option<Kind> {
        if !node.is_mapping() {
            self.fault(node.span(), "a kind is a mapping with `group`, `kind` and `pods`");
            return None;
        }
        self.keys(node, KIND_KEYS, "a kind");
        let group = self.group(node);
        let kinds = self.names(node);
        let at = node.get("at").and_then(|value| self.path(value)).unwrap_or_default();
        let pods: Vec<PodFields> =
            node.get("pods").into_iter().flat_map(Node::items).map(|pod| self.pod(pod)).collect();
        if pods.is_empty() {
            let span = node.entry("pods").map_or(node.span(), |entry| entry.key.span());
            self.fault(span, "a kind needs `pods`, a list with one item for each pod that is made of an object");
        }
        self.refuse_builtin(group.as_deref(), node);
        let example = node.str("example").map(str::to_owned);
        Some(Kind { group: group?, kinds, at, pods, example })
    }

    fn group(&mut self, node: Node<'_>) -> Option<String> {
        let Some(value) = node.get("group") else {
            self.fault(node.span(), "a kind needs its `group`: what stands before the `/` of `apiVersion`");
            return None;
        };
        match value.as_str() {
            Some(group) if group.contains('/') => {
                self.fault(
                    value.span(),
                    "a group has no version: what stands before the `/` of `apiVersion` is wanted",
                );
                None
            }
            Some(group) => Some(group.to_owned()),
            None => {
                self.fault(value.span(), "the group is text, such as `example.com`");
                None
            }
        }
    }

    fn names(&mut self, node: Node<'_>) -> Vec<String> {
        let Some(value) = node.get("kind") else {
            self.fault(node.span(), "a kind needs `kind`: its name, or a list of names");
            return Vec::new();
        };
        let names: Vec<String> = one_or_more(value)
            .into_iter()
            .filter_map(|item| {
                let name = item.as_str().filter(|name| !name.is_empty());
                if name.is_none() {
                    self.fault(item.span(), "the name of a kind is wanted");
                }
                name.map(str::to_owned)
            })
            .collect();
        if value.items().next().is_none() && value.is_sequence() {
            self.fault(value.span(), "the name of a kind is wanted");
        }
        names
    }

    /// What is built in is read the way the API server does, whatever a file says.
    fn refuse_builtin(&mut self, group: Option<&str>, node: Node<'_>) {
        for item in node.get("kind").map(one_or_more).unwrap_or_default() {
            let (Some(kind), Some(group)) = (item.as_str(), group) else { continue };
            if BUILTIN.iter().any(|builtin| builtin.is(group, kind)) {
                let of = if group.is_empty() { "the core group".to_owned() } else { format!("the group `{group}`") };
                let message = format!("`{kind}` of {of} is built in, and its pods are read without a row");
                self.fault(item.span(), message);
            }
        }
    }

    fn pod(&mut self, node: Node<'_>) -> PodFields {
        if !node.is_mapping() {
            self.fault(node.span(), "a mapping with the fields of a pod is wanted");
            return PodFields::default();
        }
        self.keys(node, POD_KEYS, "a pod");
        let pod_spec = node.get("pod-spec").and_then(|value| self.path(value));
        let by_default = if pod_spec.is_some() { Passes::AsWritten } else { Passes::WithMore };
        let each: Vec<FieldPath> = match node.get("each") {
            None => vec![FieldPath::default()],
            Some(value) => one_or_more(value).into_iter().filter_map(|path| self.path(path)).collect(),
        };
        let unknown_namespace = self.is_second(node, "namespace", ["own", "unknown"]);
        PodFields {
            each,
            pod_spec,
            images: self.scoped(node, "images"),
            image_parts: self.scoped(node, "image-parts"),
            containers: self.scoped(node, "containers"),
            init_containers: self.scoped(node, "init-containers"),
            volumes: self.scoped(node, "volumes"),
            pull_secrets: self.scoped(node, "pull-secrets"),
            own_pull_secrets: self.scoped(node, "own-pull-secrets"),
            service_account: self.scoped(node, "service-account"),
            makes_service_account: self.is_second(node, "default-service-account", ["default", "unknown"]),
            namespace: if unknown_namespace { PodNamespace::Unknown } else { PodNamespace::Own },
            completes_registry: self.is_second(node, "default-registry", ["docker.io", "unknown"]),
            passes: self.passes(node, by_default),
        }
    }

    /// Whether a key has the second of its two values; the first counts where it is left out.
    fn is_second(&mut self, node: Node<'_>, key: &str, [first, second]: [&str; 2]) -> bool {
        let Some(value) = node.get(key) else { return false };
        let is_second = value.as_str() == Some(second);
        if !is_second && value.as_str() != Some(first) {
            self.fault(value.span(), format!("{key}: it is `{first}` or `{second}`"));
        }
        is_second
    }

    fn passes(&mut self, node: Node<'_>, by_default: Passes) -> Passes {
        let by_operator = self.is_second(node, "pulled-by", ["kubelet", "operator"]);
        let with_more = self.is_second(node, "credentials", ["as-written", "and-more"]);
        match node.get("credentials") {
            _ if by_operator => Passes::ByItself,
            None => by_default,
            Some(_) if with_more => Passes::WithMore,
            Some(_) => Passes::AsWritten,
        }
    }

    fn scoped(&mut self, node: Node<'_>, key: &str) -> Vec<ScopedPath> {
        let values: Vec<Node<'_>> = node.get(key).map(one_or_more).unwrap_or_default();
        let read = |value: Node<'_>| {
            let text = value.as_str().unwrap_or_default();
            let path = self.parsed(text.strip_prefix('/').unwrap_or(text), value.span())?;
            Some(ScopedPath { is_shared: text.starts_with('/'), path })
        };
        values.into_iter().filter_map(read).collect()
    }

    fn path(&mut self, value: Node<'_>) -> Option<FieldPath> {
        self.parsed(value.as_str().unwrap_or_default(), value.span())
    }

    fn parsed(&mut self, text: &str, span: Span) -> Option<FieldPath> {
        FieldPath::parse(text).map_err(|message| self.fault(span, format!("not a path of fields: {message}"))).ok()
    }

    fn keys(&mut self, node: Node<'_>, known: &[&str], what: &str) {
        let mut seen: Vec<&str> = Vec::new();
        for entry in node.entries() {
            match entry.key.text() {
                Some(key) if seen.contains(&key) => {
                    self.fault(entry.key.span(), format!("`{key}` is set twice; leave one of them out"));
                }
                Some(key) if known.contains(&key) => seen.push(key),
                key => self.fault(entry.key.span(), unknown(key.unwrap_or_default(), known, what)),
            }
        }
    }
}

/// What is said of a key that there is not, with the one that may be meant.
fn unknown(key: &str, known: &[&str], what: &str) -> String {
    // What is as long as a file is no slip of the pen, and comparing it would take its time.
    let meant: String = key.chars().take(100).map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect();
    let near = known.iter().map(|known| (strsim::osa_distance(&meant, known), known)).min();
    let shown: String = key.chars().take(100).collect();
    match near.filter(|(distance, known)| distance * 3 <= known.len()) {
        Some((_, near)) => format!("unknown key `{shown}`; did you mean `{near}`?"),
        None => format!("unknown key `{shown}`; {what} has {}", known.join(", ")),
    }
}

/// The items of a list, or the one value.
fn one_or_more(node: Node<'_>) -> Vec<Node<'_>> {
    if node.is_sequence() { node.items().collect() } else { vec![node] }
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
