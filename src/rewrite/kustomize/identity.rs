//! Which objects kustomize finds in a file that is listed as a resource, and how it identifies them.
//!
//! Follows `api/resource/factory.go`, `kyaml/kio/byteio_reader.go`, `kyaml/yaml/rnode.go` and `kyaml/resid` of
//! kustomize 5.8.3.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::resource::kustomization::reference::shown_id;
use crate::resource::kustomization::refusal::Refusal;
use crate::resource::kustomization::template::is_template;
use crate::text::placeholder::is_placeholder;
use crate::text::source::{SourceId, Span};
use crate::text::yaml::{self, MergeRule, Node, Piece};

/// The placeholder for the namespace of a cluster-scoped object (`TotallyNotANamespace`).
const NO_NAMESPACE: &str = "_non_namespaceable_";

/// Maximum depth of Lists within Lists; the Kubernetes API does not nest them.
const MAX_LIST_DEPTH: u8 = 8;

/// The longest text of an object that is included in a message from kustomize, in characters.
const MAX_SHOWN: usize = 200;

/// A name and a namespace that an object has, or had before.
pub(super) type Name = (Rc<str>, Option<Rc<str>>);

/// What identifies an object in a build (`ResId`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Id {
    /// The value of `apiVersion`, such as `apps/v1`.
    pub(super) api_version: Rc<str>,
    /// The value of `kind`, such as `Deployment`.
    pub(super) kind: Rc<str>,
    /// The value of `metadata.name`.
    pub(super) name: Rc<str>,
    /// The value of `metadata.namespace`.
    pub(super) namespace: Option<Rc<str>>,
}

/// Identifies an object within a build: apiVersion, kind, name, and effective namespace. A build cannot contain two
/// objects with the same key.
pub(super) type Key = (Rc<str>, Rc<str>, Rc<str>, Rc<str>);

impl Id {
    pub(super) fn key(&self) -> Key {
        let namespace = match self.is_cluster_scoped() {
            true => NO_NAMESPACE.into(),
            false => effective(self.namespace.as_ref()),
        };
        (self.api_version.clone(), self.kind.clone(), self.name.clone(), namespace)
    }

    /// Whether kustomize knows that the kind is cluster-scoped. kustomize treats unknown kinds as namespaced.
    pub(super) fn is_cluster_scoped(&self) -> bool {
        is_cluster_scoped(&self.api_version, &self.kind)
    }

    /// The API group and version.
    pub(super) fn group_version(&self) -> (&str, &str) {
        self.api_version.split_once('/').unwrap_or(("", &self.api_version))
    }
}

/// Whether kustomize knows that a kind is cluster-scoped.
pub(super) fn is_cluster_scoped(api_version: &str, kind: &str) -> bool {
    CLUSTER_SCOPED.contains(&(api_version, kind))
}

/// Formats like `ResId.String`: `Deployment.v1.apps/web.[noNs]`.
impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (group, version) = self.group_version();
        let namespace = self.namespace.as_deref().unwrap_or_default();
        f.write_str(&shown_id([&self.kind, version, group, &self.name, namespace]))
    }
}

/// `EffectiveNamespace` of a namespaced object.
pub(super) fn effective(namespace: Option<&Rc<str>>) -> Rc<str> {
    namespace.filter(|text| !text.is_empty()).cloned().unwrap_or_else(|| "default".into())
}

/// An object in a file.
#[derive(Debug, Clone)]
pub(super) struct FileObject {
    /// The object's identity.
    pub(super) id: Id,
    /// The place of its name.
    pub(super) span: Span,
    /// The place of the whole object.
    pub(super) whole: Span,
    /// A duplicate key in a mapping of the object: kustomize builds the object, but fails to print it.
    pub(super) doubled: Option<(Span, Rc<str>)>,
}

/// The objects in a file.
#[derive(Debug, Default)]
pub(super) struct FileObjects {
    /// The objects whose identity is known.
    pub(super) objects: Vec<FileObject>,
    /// Why kustomize rejects the file.
    pub(super) fault: Option<Refusal>,
    /// Whether the list of objects is complete.
    pub(super) is_whole: bool,
}

/// Reads a file as kustomize does.
pub(super) fn read(source: SourceId, text: &str) -> FileObjects {
    if is_template(text) {
        return FileObjects::default();
    }
    let mut found = FileObjects { is_whole: true, ..FileObjects::default() };
    // kustomize reads one document up to each such line. If a document begins in another way, that is read as the end
    // of the file, or not at all.
    let mut documents = text.matches("\n---").count() + 1;
    let mut is_known = true;
    yaml::read_as(source, text, true, MergeRule::OwnFirst, &mut |piece| match piece {
        Piece::Document(document) => {
            let Some(root) = document.root() else { return };
            found.add(root, MAX_LIST_DEPTH);
            is_known &= documents > 0 && !document.is_alias_bomb();
            documents = documents.saturating_sub(1);
        }
        Piece::Skipped | Piece::Broken(_) | Piece::Refused(_) | Piece::Unread(_) => is_known = false,
    });
    if is_known { found } else { FileObjects::default() }
}

impl FileObjects {
    fn add(&mut self, node: Node<'_>, depth: u8) {
        let is_empty = match (node.is_mapping(), node.is_sequence()) {
            (true, _) => node.entries().next().is_none(),
            (_, true) => node.items().next().is_none(),
            _ => node.is_null(),
        };
        if is_empty {
            return;
        }
        let metadata = node.get("metadata").filter(|metadata| metadata.is_mapping());
        // kyaml and this crate differ in which of two duplicate values takes precedence.
        let has_twice = |node: Node<'_>, keys: [&str; 3]| {
            keys.iter().any(|key| node.entries().filter(|entry| entry.key.text() == Some(key)).count() > 1)
        };
        let is_doubtful = has_twice(node, ["apiVersion", "kind", "metadata"])
            || metadata.is_some_and(|metadata| has_twice(metadata, ["name", "namespace", "namespace"]));
        if depth == 0 || is_doubtful {
            self.is_whole = false;
            return;
        }
        let kind = scalar(node, "kind");
        let name = metadata.map_or("", |metadata| scalar(metadata, "name"));
        if kind.ends_with("List") {
            match node.get("items") {
                Some(items) if items.is_sequence() => {
                    let may_repeat = || !items.is_alias() || node.document().may_repeat(items.size());
                    for item in items.items() {
                        if item.is_alias() && !node.document().may_repeat(item.size()) || !may_repeat() {
                            self.is_whole = false;
                            return;
                        }
                        self.add(item, depth - 1);
                    }
                    return;
                }
                Some(items) if items.is_null() => return,
                Some(_) => {
                    self.is_whole = false;
                    return;
                }
                None if name.is_empty() => {
                    self.is_whole = false;
                    return;
                }
                None => {}
            }
        }
        if let Some(fault) = fault(node, metadata, kind, name) {
            self.is_whole = false;
            self.fault.get_or_insert(fault);
            return;
        }
        let namespace = metadata.map_or("", |metadata| scalar(metadata, "namespace"));
        let api_version = scalar(node, "apiVersion");
        // Text that another program has yet to write or decrypt is not known, and neither is a value that may not be
        // a string.
        let is_open = |text: &str| is_placeholder(text) || text.contains("ENC[");
        let is_name = |text: &str| text.len() < MAX_SHOWN;
        let parts = [kind, name, namespace, api_version];
        if parts.into_iter().any(is_open) || !parts.into_iter().all(is_name) {
            self.is_whole = false;
            return;
        }
        let at = metadata.and_then(|metadata| metadata.get("name")).map_or(node.span(), Node::span);
        let namespace = Some(namespace).filter(|text| !text.is_empty()).map(Rc::from);
        self.objects.push(FileObject {
            id: Id { api_version: api_version.into(), kind: kind.into(), name: name.into(), namespace },
            span: at,
            whole: node.span(),
            doubled: doubled(node),
        });
    }
}

/// A duplicate key in a mapping of an object. Objects that are not printed, or that have merge keys, are not searched.
fn doubled(node: Node<'_>) -> Option<(Span, Rc<str>)> {
    if node.document().has_merges() {
        return None;
    }
    let is_local =
        |node: Node<'_>| node.at(&["metadata", "annotations", "config.kubernetes.io/local-config"]).is_some();
    let mut found = None;
    let mut open = vec![node];
    while let Some(at) = open.pop() {
        let mut keys = BTreeSet::new();
        for entry in at.entries() {
            let Some(key) = entry.key.written() else { continue };
            let span = entry.key.span();
            if !keys.insert(key) && found.as_ref().is_none_or(|(first, _): &(Span, _)| span < *first) {
                found = Some((span, Rc::from(key)));
            }
        }
        let below = at.entries().map(|entry| entry.value).chain(at.items());
        open.extend(below.filter(|below| !below.is_alias()));
    }
    found.filter(|_| !is_local(node))
}

/// The text of a scalar field; empty if there is none (`GetMeta`).
fn scalar<'a>(node: Node<'a>, key: &str) -> &'a str {
    node.get(key).filter(|value| !value.is_null()).and_then(Node::written).unwrap_or_default()
}

/// Why kustomize does not accept a document as an object (`GetValidatedMetadata`).
fn fault(node: Node<'_>, metadata: Option<Node<'_>>, kind: &str, name: &str) -> Option<Refusal> {
    if !kind.is_empty() && !name.is_empty() {
        return None;
    }
    let has = |node: Node<'_>, key: &str| {
        node.get(key).is_some_and(|value| {
            let is_empty_collection = value.is_mapping() && value.entries().next().is_none()
                || value.is_sequence() && value.items().next().is_none();
            !value.is_null() && !is_empty_collection
        })
    };
    let says_something = ["apiVersion", "kind"].iter().any(|key| has(node, key))
        || metadata.is_some_and(|metadata| {
            ["name", "namespace", "labels", "annotations"].iter().any(|key| has(metadata, key))
        });
    let first = node.entries().next().map_or_else(|| first_line(node), |entry| entry.key.span());
    if !says_something {
        let label = if node.is_sequence() { "a list, not an object" } else { "not a Kubernetes object" };
        return Some(Refusal::new(first, "missing Resource metadata", label));
    }
    let object = shown_meta(node, metadata, kind, name);
    if kind.is_empty() {
        return Some(Refusal::new(first, format!("missing kind in object {object}"), "an object without `kind`"));
    }
    let at = node.entry("metadata").map_or(first, |entry| entry.key.span());
    let label = match metadata.and_then(|metadata| metadata.entry("generateName")) {
        Some(_) => "it has a `generateName` but no `name`",
        None => "it has no `name`",
    };
    Some(Refusal::new(at, format!("missing metadata.name in object {object}"), label))
}

/// The place of the first line of a node.
fn first_line(node: Node<'_>) -> Span {
    let span = node.span();
    let start = (span.start - node.document().base()) as usize;
    let text = node.document().text().get(start..).unwrap_or_default();
    let length = text.find(['\n', '\r']).unwrap_or(text.len()) as u32;
    Span::new(span.source, span.start, span.end.min(span.start + length))
}

/// Formats a `ResourceMeta` like Go's `%v`.
fn shown_meta(node: Node<'_>, metadata: Option<Node<'_>>, kind: &str, name: &str) -> String {
    let map = |key: &str| {
        let entries = metadata.and_then(|metadata| metadata.get(key)).into_iter().flat_map(Node::entries);
        let entries: BTreeMap<&str, &str> = entries
            .take(MAX_SHOWN)
            .filter_map(|entry| Some((entry.key.written()?, entry.value.written().unwrap_or_default())))
            .collect();
        let entries: Vec<String> = entries.into_iter().map(|(key, value)| format!("{key}:{value}")).collect();
        format!("map[{}]", entries.join(" "))
    };
    let namespace = metadata.map_or("", |metadata| scalar(metadata, "namespace"));
    let version = scalar(node, "apiVersion");
    let shown = format!("{{{{{version} {kind}}} {{{{{name} {namespace}}} {} {}}}}}", map("labels"), map("annotations"));
    match shown.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

/// `precomputedIsNamespaceScoped` of `kyaml/openapi/openapi.go`, as far as 5.5.0 knows it.
const CLUSTER_SCOPED: [(&str, &str); 36] = [
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    ("admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io/v1beta1", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"),
    ("apiregistration.k8s.io/v1", "APIService"),
    ("apiregistration.k8s.io/v1beta1", "APIService"),
    ("certificates.k8s.io/v1", "CertificateSigningRequest"),
    ("certificates.k8s.io/v1beta1", "CertificateSigningRequest"),
    ("flowcontrol.apiserver.k8s.io/v1beta1", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io/v1beta1", "PriorityLevelConfiguration"),
    ("networking.k8s.io/v1", "IngressClass"),
    ("networking.k8s.io/v1beta1", "IngressClass"),
    ("node.k8s.io/v1", "RuntimeClass"),
    ("node.k8s.io/v1beta1", "RuntimeClass"),
    ("policy/v1beta1", "PodSecurityPolicy"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRoleBinding"),
    ("scheduling.k8s.io/v1", "PriorityClass"),
    ("scheduling.k8s.io/v1beta1", "PriorityClass"),
    ("storage.k8s.io/v1", "CSIDriver"),
    ("storage.k8s.io/v1", "CSINode"),
    ("storage.k8s.io/v1", "StorageClass"),
    ("storage.k8s.io/v1", "VolumeAttachment"),
    ("storage.k8s.io/v1beta1", "CSIDriver"),
    ("storage.k8s.io/v1beta1", "CSINode"),
    ("storage.k8s.io/v1beta1", "StorageClass"),
    ("storage.k8s.io/v1beta1", "VolumeAttachment"),
    ("v1", "ComponentStatus"),
    ("v1", "Namespace"),
    ("v1", "Node"),
    ("v1", "NodeProxyOptions"),
    ("v1", "PersistentVolume"),
];
