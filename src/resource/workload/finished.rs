//! Completed workloads, as in a dump of a cluster: the kubelet no longer pulls images for them.

use crate::resource::Object;
use crate::text::yaml::Node;

/// Whether an object has completed, or is the template of an old revision without pods: a Pod in a final phase, a Job
/// with a final condition, or a ReplicaSet or ReplicationController with zero replicas. Only a cluster writes a
/// status, and an object in a dump has a `uid`; a manifest with zero replicas may be scaled up later.
pub(super) fn is_finished(object: &Object<'_>) -> bool {
    match (object.name.group(), object.name.kind.as_str()) {
        ("", "Pod") => {
            matches!(object.node.at(&["status", "phase"]).and_then(Node::as_str), Some("Succeeded" | "Failed"))
        }
        ("batch", "Job") => {
            let conditions = object.node.at(&["status", "conditions"]).into_iter().flat_map(Node::items);
            let is_final = |condition: Node<'_>| {
                matches!(condition.str("type"), Some("Complete" | "Failed")) && condition.str("status") == Some("True")
            };
            conditions.into_iter().any(is_final)
        }
        ("apps" | "extensions", "ReplicaSet") | ("", "ReplicationController") => {
            let is_dumped = object.node.get("status").is_some_and(Node::is_mapping)
                || object.node.at(&["metadata", "uid"]).is_some();
            is_dumped && object.node.at(&["spec", "replicas"]).and_then(Node::text) == Some("0")
        }
        _ => false,
    }
}
