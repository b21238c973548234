//! Finds pod specs in objects of kinds that pullcheck does not know: any mapping with a `containers:` list like a
//! pod's.
//!
//! A bare `image:` key in an unknown kind is never treated as an image.

use crate::resource::Object;
use crate::resource::workload::path::join;
use crate::resource::workload::pod::{CONTAINER_LISTS, PodSpec};
use crate::resource::workload::trigger::Triggered;
use crate::resource::workload::{PodOrigin, ResourceId};
use crate::text::yaml::Node;

/// A step from a node to one below it.
pub(in crate::resource::workload) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// Callback with a pod spec, its parent node, and the path to it.
type Visitor<'f, 'a> = dyn FnMut(Node<'a>, Option<Node<'a>>, &[Step<'a>]) + 'f;

/// Finds every mapping of an object that looks like a pod spec. `status` is skipped, because it describes the past,
/// not what will be pulled.
pub(super) fn pod_specs<'a>(
    object: &Object<'a>,
    resource: ResourceId,
    triggered: &[Triggered],
    specs: &mut Vec<PodSpec<'a>>,
) {
    let mut steps = Vec::new();
    for entry in object.node.entries() {
        let Some(key) = entry.key.text().filter(|key| *key != "status") else { continue };
        steps.push(Step::Key(key));
        walk(entry.value, None, &mut steps, &mut |node, parent, steps| {
            specs.push(PodSpec {
                resource,
                origin: PodOrigin::Custom,
                namespace: object.name.namespace.clone(),
                metadata: parent.and_then(|parent| parent.get("metadata")),
                template: parent,
                node,
                path: join(&object.path, &render(steps)),
                triggered: triggered.to_vec(),
            });
        });
        steps.pop();
    }
}

/// Aliases are not followed: their target is visited in its own place.
fn walk<'a>(node: Node<'a>, parent: Option<Node<'a>>, steps: &mut Vec<Step<'a>>, found: &mut Visitor<'_, 'a>) {
    if node.is_alias() {
        return;
    }
    let is_pod_spec = is_pod_spec(node);
    if is_pod_spec {
        found(node, parent, steps);
    }
    for entry in node.entries() {
        let key = entry.key.text().unwrap_or_default();
        // Some kinds have a pod spec within a pod spec, but none within a container.
        if is_pod_spec && CONTAINER_LISTS.iter().any(|(list, _)| *list == key) {
            continue;
        }
        steps.push(Step::Key(key));
        walk(entry.value, Some(node), steps, found);
        steps.pop();
    }
    for (at, item) in node.items().enumerate() {
        steps.push(Step::Index(at));
        walk(item, Some(node), steps, found);
        steps.pop();
    }
}

/// Whether a node is a mapping with a list of containers, at least one of which has an image.
fn is_pod_spec(node: Node<'_>) -> bool {
    let lists = CONTAINER_LISTS.iter().filter_map(|(list, _)| node.get(list)).filter(|list| list.is_sequence());
    lists.flat_map(Node::items).any(|item| item.get("image").is_some_and(|image| image.text().is_some()))
}

pub(in crate::resource::workload) fn render(steps: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Index(at) => path.push_str(&format!("[{at}]")),
            Step::Key(key) if key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
            }
            Step::Key(key) => path.push_str(&format!("['{}']", key.replace('\'', "\\'"))),
        }
    }
    path
}
