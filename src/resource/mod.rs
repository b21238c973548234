//! Kubernetes objects and their names, including the objects within Lists and Templates.

pub mod build_config;
pub mod chart;
pub mod deployer;
pub mod hook;
pub mod kustomization;
pub mod secret;
pub mod service_account;
pub mod workload;

use crate::resource::workload::openshift::template;
use crate::text::placeholder::is_placeholder;
use crate::text::yaml::Node;

/// What identifies a Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResourceName {
    /// The value of `apiVersion`, such as `apps/v1`; empty if the object has none.
    pub api_version: String,
    /// The value of `kind`, such as `Deployment`; empty if the object has none.
    pub kind: String,
    /// The value of `metadata.namespace`; `None` if the object names none, or a placeholder.
    pub namespace: Option<String>,
    /// The value of `metadata.name`, or `metadata.generateName` followed by `*`.
    pub name: Option<String>,
}

impl ResourceName {
    /// The API group: the part before the `/` of the apiVersion; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.rsplit_once('/').map_or("", |(group, _)| group)
    }
}

impl std::fmt::Display for ResourceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.kind.is_empty() { "object" } else { &self.kind })?;
        match (&self.namespace, &self.name) {
            (Some(namespace), Some(name)) => write!(f, " {namespace}/{name}"),
            (None, Some(name)) => write!(f, " {name}"),
            _ => Ok(()),
        }
    }
}

/// An object of a document, with its path from the document's root (`items[0]`, empty for the root itself).
#[derive(Debug, Clone)]
pub struct Object<'a> {
    /// The apiVersion, kind, namespace, and name.
    pub name: ResourceName,
    /// The root node of the object.
    pub node: Node<'a>,
    /// Path from the document's root.
    pub path: String,
}

/// Maximum depth of Lists within Lists; the Kubernetes API does not nest them.
const MAX_LIST_DEPTH: u8 = 8;

/// Collects the Kubernetes objects of a document: the root, or the items of a List and the objects of an OpenShift
/// Template. A root without `kind` is not an object. Returns whether all were found: `false` if Lists are nested too
/// deep.
pub fn objects<'a>(root: Node<'a>, found: &mut Vec<Object<'a>>) -> bool {
    collect(root, String::new(), Holder::default(), MAX_LIST_DEPTH, found)
}

/// What the surrounding List or Template determines about an object.
#[derive(Default, Clone, Copy)]
struct Holder<'h> {
    /// The kind and apiVersion for objects that omit them.
    default: Option<&'h ResourceName>,
    /// Whether the object is in a Template.
    is_template: bool,
    /// Whether an alias leads to the object: it may then occur any number of times.
    is_repeated: bool,
}

fn collect<'a>(node: Node<'a>, path: String, holder: Holder<'_>, depth: u8, found: &mut Vec<Object<'a>>) -> bool {
    let inherited = |key: &str, from: fn(&ResourceName) -> &str| {
        node.str(key).or_else(|| holder.default.map(from)).unwrap_or_default().to_owned()
    };
    let kind = inherited("kind", |name| &name.kind);
    let api_version = inherited("apiVersion", |name| &name.api_version);
    if kind.is_empty() {
        return true;
    }
    if depth == 0 {
        return false;
    }
    let members = match kind.as_str() {
        _ if template::is_template(&kind, node) => Some(("objects", None)),
        _ => kind.strip_suffix("List").filter(|_| node.get("items").is_some_and(Node::is_sequence)).map(|item_kind| {
            // The items of a typed list (`PodList`) may take kind and apiVersion from the list.
            let name = ResourceName { api_version: api_version.clone(), kind: item_kind.into(), ..Default::default() };
            ("items", Some(name).filter(|name| !name.kind.is_empty()))
        }),
    };
    if let Some((key, default)) = members {
        let mut complete = true;
        for (at, item) in node.get(key).into_iter().flat_map(Node::items).enumerate() {
            let path = if path.is_empty() { format!("{key}[{at}]") } else { format!("{path}.{key}[{at}]") };
            let is_repeated = holder.is_repeated || node.is_alias() || item.is_alias();
            // Beyond this limit the document is known to be incomplete, and nothing in it is read repeatedly.
            if is_repeated && !node.document().may_repeat(if item.is_alias() { item.size() } else { 1 }) {
                break;
            }
            let holder = Holder { default: default.as_ref(), is_template: key == "objects", is_repeated };
            complete &= collect(item, path, holder, depth - 1, found);
        }
        return complete;
    }
    let metadata = node.get("metadata");
    let name = metadata.and_then(|metadata| {
        let generated = || metadata.str("generateName").map(|prefix| format!("{prefix}*"));
        metadata.str("name").map(str::to_owned).or_else(generated)
    });
    let namespace = metadata.and_then(|metadata| metadata.get("namespace"));
    let counts = |namespace: &Node<'_>| namespace.written().is_some_and(template::keeps_namespace);
    let namespace = namespace.filter(|namespace| !holder.is_template || counts(namespace));
    let namespace = namespace.and_then(Node::as_str).map(str::to_owned);
    // A placeholder that another program has yet to fill in is not a known namespace.
    let namespace = namespace.filter(|namespace| !namespace.is_empty() && !is_placeholder(namespace));
    found.push(Object { name: ResourceName { api_version, kind, namespace, name }, node, path });
    true
}
