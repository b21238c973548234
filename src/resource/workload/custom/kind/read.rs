//! Reads kinds from the table or from a configuration, and reports faults in them.

use crate::resource::workload::custom::kind::{CustomKind, Passes, PodFields, PodNamespace, ScopedPath};
use crate::resource::workload::custom::path::PathField;
use crate::resource::workload::kinds::BUILTIN;
use crate::text::source::Span;
use crate::text::yaml::Node;

/// Reads a list of kinds. Faults are added to `faults`, with their place.
pub fn read(list: Node<'_>, faults: &mut Vec<(Span, String)>) -> Vec<CustomKind> {
    if !list.is_sequence() && !list.is_null() {
        faults.push((list.span(), "expected a list of kinds, each with `group`, `kind`, and `pods`".into()));
    }
    let mut reader = Reader { faults };
    let mut kinds: Vec<CustomKind> = Vec::new();
    for item in list.items() {
        let Some(kind) = reader.kind(item) else { continue };
        let is_there =
            |name: &String| kinds.iter().any(|other| other.group == kind.group && other.kinds.contains(name));
        if let Some(name) = kind.kinds.iter().find(|name| is_there(name)) {
            let message = format!("`{name}` of this group is listed above, and that entry wins: remove one of them");
            reader.fault(item.get("kind").unwrap_or(item).span(), message);
        }
        kinds.push(kind);
    }
    kinds
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
    "image-objects",
    "image-uris",
    "tag",
    "containers",
    "init-containers",
    "volumes",
    "pull-secrets",
    "own-pull-secrets",
    "no-pull-secrets",
    "service-account",
    "default-service-account",
    "namespace",
    "default-registry",
    "pulled-by",
    "credentials",
];

/// The keys of a pod that lead to its data: without any of them, the entry would hide the content of an object.
pub const FIELD_KEYS: &[&str] = &[
    "pod-spec",
    "images",
    "image-parts",
    "image-objects",
    "image-uris",
    "containers",
    "init-containers",
    "volumes",
    "pull-secrets",
];

impl Reader<'_> {
    fn fault(&mut self, at: Span, message: impl Into<String>) {
        self.faults.push((at, message.into()));
    }

    fn kind(&mut self, node: Node<'_>) -> Option<CustomKind> {
        if !node.is_mapping() {
            self.fault(node.span(), "a kind must be a mapping with `group`, `kind`, and `pods`");
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
            self.fault(span, "a kind needs `pods`, a list with one item for each pod that is created from an object");
        }
        self.refuse_builtin(group.as_deref(), node);
        let example = node.str("example").map(str::to_owned);
        Some(CustomKind { group: group?, kinds, at, pods, example })
    }

    fn group(&mut self, node: Node<'_>) -> Option<String> {
        let Some(value) = node.get("group") else {
            self.fault(node.span(), "a kind needs its `group`: the part of `apiVersion` before the `/`");
            return None;
        };
        match value.as_str() {
            Some(group) if group.contains('/') => {
                self.fault(value.span(), "a group has no version: expected the part of `apiVersion` before the `/`");
                None
            }
            Some(group) => Some(group.to_owned()),
            None => {
                self.fault(value.span(), "the group must be text, for example `example.com`");
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
                    self.fault(item.span(), "expected the name of a kind");
                }
                name.map(str::to_owned)
            })
            .collect();
        if value.items().next().is_none() && value.is_sequence() {
            self.fault(value.span(), "expected the name of a kind");
        }
        names
    }

    /// Rejects built-in kinds: they are always read like the API server does, whatever a file specifies.
    fn refuse_builtin(&mut self, group: Option<&str>, node: Node<'_>) {
        for item in node.get("kind").map(one_or_more).unwrap_or_default() {
            let (Some(kind), Some(group)) = (item.as_str(), group) else { continue };
            if BUILTIN.iter().any(|builtin| builtin.is(group, kind)) {
                let of = if group.is_empty() { "the core group".to_owned() } else { format!("the group `{group}`") };
                let message = format!("`{kind}` of {of} is built in, and needs no entry");
                self.fault(item.span(), message);
            }
        }
    }

    fn pod(&mut self, node: Node<'_>) -> PodFields {
        if !node.is_mapping() {
            self.fault(node.span(), "expected a mapping with the fields of a pod");
            return PodFields::default();
        }
        self.keys(node, POD_KEYS, "a pod");
        if !FIELD_KEYS.iter().any(|key| node.get(key).is_some()) {
            self.fault(node.span(), format!("this pod has nothing to read: it needs one of {}", FIELD_KEYS.join(", ")));
        }
        let pod_spec = node.get("pod-spec").and_then(|value| self.path(value));
        let by_default = if pod_spec.is_some() { Passes::AsWritten } else { Passes::WithMore };
        let each: Vec<PathField> = match node.get("each") {
            None => vec![PathField::default()],
            Some(value) => self.paths(value).into_iter().filter_map(|path| self.path(path)).collect(),
        };
        let unknown_namespace = self.is_second(node, "namespace", ["own", "unknown"]);
        PodFields {
            each,
            pod_spec,
            images: self.scoped(node, "images"),
            image_parts: self.scoped(node, "image-parts"),
            image_objects: self.scoped(node, "image-objects"),
            image_uris: self.scoped(node, "image-uris"),
            tag: self.scoped(node, "tag"),
            containers: self.scoped(node, "containers"),
            init_containers: self.scoped(node, "init-containers"),
            volumes: self.scoped(node, "volumes"),
            pull_secrets: self.scoped(node, "pull-secrets"),
            own_pull_secrets: self.scoped(node, "own-pull-secrets"),
            no_pull_secrets: self.scoped(node, "no-pull-secrets"),
            service_account: self.scoped(node, "service-account"),
            makes_service_account: self.is_second(node, "default-service-account", ["default", "unknown"]),
            namespace: if unknown_namespace { PodNamespace::Unknown } else { PodNamespace::Own },
            completes_registry: self.is_second(node, "default-registry", ["docker.io", "unknown"]),
            passes: self.passes(node, by_default),
        }
    }

    /// Whether a key has the second of its two values; the first one is the default.
    fn is_second(&mut self, node: Node<'_>, key: &str, [first, second]: [&str; 2]) -> bool {
        let Some(value) = node.get(key) else { return false };
        let is_second = value.as_str() == Some(second);
        if !is_second && value.as_str() != Some(first) {
            self.fault(value.span(), format!("{key}: expected `{first}` or `{second}`"));
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
        let values = node.get(key).map(|value| self.paths(value)).unwrap_or_default();
        let read = |value: Node<'_>| {
            let text = value.as_str().unwrap_or_default();
            let path = self.parsed(text.strip_prefix('/').unwrap_or(text), value.span())?;
            Some(ScopedPath { is_shared: text.starts_with('/'), path })
        };
        values.into_iter().filter_map(read).collect()
    }

    /// The items in a list of paths, or the single path. An empty list would hide the existing fields.
    fn paths<'a>(&mut self, value: Node<'a>) -> Vec<Node<'a>> {
        let paths = one_or_more(value);
        if paths.is_empty() {
            self.fault(value.span(), "the path is empty: remove the key if there is none");
        }
        paths
    }

    fn path(&mut self, value: Node<'_>) -> Option<PathField> {
        self.parsed(value.as_str().unwrap_or_default(), value.span())
    }

    fn parsed(&mut self, text: &str, span: Span) -> Option<PathField> {
        PathField::parse(text).map_err(|message| self.fault(span, format!("not a path of fields: {message}"))).ok()
    }

    fn keys(&mut self, node: Node<'_>, known: &[&str], what: &str) {
        let mut seen: Vec<&str> = Vec::new();
        for entry in node.entries() {
            match entry.key.text() {
                Some(key) if seen.contains(&key) => {
                    self.fault(entry.key.span(), format!("`{key}` is set twice; remove one of them"));
                }
                Some(key) if known.contains(&key) => seen.push(key),
                key => self.fault(entry.key.span(), unknown(key.unwrap_or_default(), known, what)),
            }
        }
    }
}

/// The message for an unknown key, with the closest known one.
fn unknown(key: &str, known: &[&str], what: &str) -> String {
    // A text of excessive length is not a typo, and comparing it would take too long.
    let meant: String = key.chars().take(100).map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect();
    let near = known.iter().map(|known| (strsim::osa_distance(&meant, known), known)).min();
    let shown: String = key.chars().take(100).collect();
    match near.filter(|(distance, known)| distance * 3 <= known.len()) {
        Some((_, near)) => format!("unknown key `{shown}`; did you mean `{near}`?"),
        None => format!("unknown key `{shown}`; {what} has {}", known.join(", ")),
    }
}

/// The items in a list, or the single value.
fn one_or_more(node: Node<'_>) -> Vec<Node<'_>> {
    if node.is_sequence() { node.items().collect() } else { vec![node] }
}
