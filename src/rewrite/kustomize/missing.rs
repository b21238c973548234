//! JSON 6902 operations that fail on the object they apply to.

use super::Builder;
use super::built::BuiltPod;
use crate::resource::kustomization::patch::{Body, Operation, Patch, PatchForm};
use crate::resource::kustomization::{Kustomization, Refusal, member_path};
use crate::text::yaml::{self, Node, Piece};

/// The form of a patch; `None` if it is not in the inputs.
pub(super) fn form(builder: &mut Builder<'_>, own: &Kustomization, patch: &Patch) -> Option<PatchForm> {
    match (&patch.form, &patch.body) {
        (Some(form), _) => Some(form.clone()),
        (None, Body::File(file)) => {
            let id = *builder.files.get(&member_path(&own.folder, file))?;
            let sources = builder.sources;
            Some(builder.forms.entry(id).or_insert_with(|| PatchForm::of(sources.get(id).text())).clone())
        }
        (None, _) => None,
    }
}

/// Returns why operations fail on a pod's object, if it is unchanged: a field in a path does not exist.
pub(super) fn refusal(
    builder: &mut Builder<'_>,
    patch: &Patch,
    operations: &[Operation],
    pod: &BuiltPod,
) -> Option<Refusal> {
    if pod.is_changed || pod.lost.is_some() {
        return None;
    }
    // An operation may need a field that an earlier one adds.
    let last = operations.iter().position(|operation| !matches!(operation.op.as_str(), "test" | "replace"));
    let operations = operations.get(..=last.unwrap_or(operations.len().saturating_sub(1)))?;
    let mut operations = operations.iter().filter(|operation| is_looked_up(operation)).peekable();
    operations.peek()?;
    let text = builder.sources.slice(builder.inventory.resource(builder.inventory.pod(pod.pod).resource).span);
    builder.checks += text.len() / 16;
    let mut found = None;
    // The source id does not matter here.
    yaml::read(crate::text::source::SourceId(0), text, true, &mut |piece| {
        // A part of a list, of JSON, or of a document with anchors may not be valid on its own.
        let Piece::Document(document) = piece else { return };
        let Some(root) = document.root().filter(|root| root.get("kind").is_some()) else { return };
        found = operations.clone().find_map(|operation| missing(operation, root));
    });
    Some(Refusal::new(patch.span, found?, "an object that it selects has no such field"))
}

/// Whether an operation is for a field that only the object itself, or another patch, can contain: labels,
/// annotations, and replicas may also come from other fields of kustomizations.
fn is_looked_up(operation: &Operation) -> bool {
    let of_others = ["metadata", "labels", "annotations", "selector", "replicas"];
    operation.pointer.starts_with("/spec/")
        && matches!(operation.op.as_str(), "replace" | "remove" | "add")
        && !operation.pointer.contains('~')
        && !operation.pointer.split('/').any(|step| of_others.iter().any(|key| step.contains(key)))
}

/// The message of evanphx/json-patch 4.12 for a field that does not exist.
fn missing(operation: &Operation, root: Node<'_>) -> Option<String> {
    let (op, pointer) = (operation.op.as_str(), operation.pointer.as_str());
    let (parent, last) = pointer.rsplit_once('/')?;
    let mut node = root;
    for step in parent.split('/').skip(1) {
        match child(node, step)? {
            Some(child) => node = child,
            None => {
                let pointer = if op == "replace" { pointer.to_owned() } else { format!("\"{pointer}\"") };
                return Some(format!("{op} operation does not apply: doc is missing path: {pointer}: missing value"));
            }
        }
    }
    if child(node, last)?.is_some() {
        return None;
    }
    match op {
        "remove" if node.is_mapping() => Some(format!(
            "error in remove for path: '{pointer}': Unable to remove nonexistent key: {last}: missing value"
        )),
        "remove" => Some(format!(
            "error in remove for path: '{pointer}': Unable to access invalid index: {last}: invalid index referenced"
        )),
        _ => None,
    }
}

/// The field or item at a step. The outer `None` means that it is not known.
fn child<'a>(node: Node<'a>, step: &str) -> Option<Option<Node<'a>>> {
    if node.is_mapping() {
        return if node.entries().any(|entry| entry.key.is_merge()) { None } else { Some(node.get(step)) };
    }
    if node.is_sequence() {
        let index: usize = step.parse().ok()?;
        return Some(node.items().nth(index));
    }
    None
}
