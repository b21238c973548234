//! Work that is over, as a dump of a cluster shows it: the kubelet pulls nothing for it any more.

use crate::resource::Object;
use crate::text::yaml::Node;

/// Whether an object has run to its end, or is the template of an old revision that has no pods: a Pod whose phase is
/// final, a Job with a final condition, a ReplicaSet or ReplicationController of no replicas. Only a cluster writes a
/// status, and an object of a dump has a `uid`; a manifest that asks for no replicas is scaled up some day.
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
