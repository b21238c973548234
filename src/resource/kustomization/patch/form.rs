//! How kustomize interprets the text of a patch.
//!
//! `PatchTransformer.Config` tries both forms: partial objects, each of which needs a kind and a name
//! (`kyaml/yaml/rnode.go`, `GetValidatedMetadata`), and operations of JSON 6902 (`jsonPatchFromBytes`).

use crate::text::source::SourceId;
use crate::text::yaml::{self, MergeRule, Node, Piece};

/// The form of a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchForm {
    /// No content: comments, null, `{}`, `[]`.
    Empty,
    /// Partial objects, with their number.
    Objects(usize),
    /// JSON 6902 operations, with the fault that makes kustomize fail if there is an object to apply them to.
    Operations {
        /// The message that kustomize prints.
        fault: Option<String>,
    },
    /// Neither form, with the field that kustomize misses in an object.
    Neither(&'static str),
    /// A template, or text that cannot be read.
    Unknown,
}

impl PatchForm {
    /// Determines the form of a patch's text.
    pub(crate) fn of(text: &str) -> Self {
        if text.contains("{{") || text.contains("#@") {
            return Self::Unknown;
        }
        let mut forms = Vec::new();
        // The source id does not matter here.
        yaml::read_as(SourceId(0), text, true, MergeRule::OwnFirst, &mut |piece| match piece {
            Piece::Document(document) => forms.extend(document.root().map(Self::of_document)),
            Piece::Skipped => {}
            Piece::Refused(_) | Piece::Unread(_) | Piece::Broken(_) => forms.push(Self::Unknown),
        });
        forms.retain(|form| *form != Self::Empty);
        if forms.contains(&Self::Unknown) {
            return Self::Unknown;
        }
        let is_object = |form: &Self| matches!(form, Self::Objects(_));
        match forms.as_slice() {
            [] => Self::Empty,
            [one] => one.clone(),
            forms if forms.iter().all(is_object) => Self::Objects(forms.len()),
            forms => match forms.iter().find(|form| matches!(form, Self::Neither(_))) {
                Some(neither) => neither.clone(),
                None if forms.iter().any(is_object) => Self::Neither(NO_METADATA),
                // Several lists of operations.
                None => Self::Unknown,
            },
        }
    }

    fn of_document(root: Node<'_>) -> Self {
        if root.is_sequence() {
            let mut items = root.items();
            return match items.next() {
                None => Self::Empty,
                Some(first) if first.is_mapping() && items.all(Node::is_mapping) => {
                    Self::Operations { fault: root.items().find_map(fault) }
                }
                Some(_) => Self::Neither(NO_METADATA),
            };
        }
        if !root.is_mapping() {
            return if root.is_null() { Self::Empty } else { Self::Neither(NO_METADATA) };
        }
        if root.entries().next().is_none() {
            return Self::Empty;
        }
        // Anything but a plain string is left to the reader of resources.
        let (kind, name) = (root.get("kind"), root.at(&["metadata", "name"]));
        let is_odd = |node: Option<Node<'_>>| node.is_some_and(|node| node.as_str().is_none() && !node.is_null());
        let is_odd = is_odd(kind) || is_odd(name) || root.entries().any(|entry| entry.key.is_merge());
        let kind = kind.and_then(Node::as_str).unwrap_or_default();
        if is_odd || kind.ends_with("List") {
            return Self::Unknown;
        }
        match name.and_then(Node::as_str) {
            _ if kind.is_empty() => Self::Neither(NO_METADATA),
            None | Some("") => Self::Neither("missing metadata.name in object"),
            Some(_) => Self::Objects(1),
        }
    }
}

const NO_METADATA: &str = "missing Resource metadata";

/// Returns why an operation cannot be applied to any object (`Patch.ApplyIndentWithOptions` of evanphx/json-patch
/// 4.12).
fn fault(operation: Node<'_>) -> Option<String> {
    let op = operation.str("op").unwrap_or("unknown");
    if !matches!(op, "add" | "remove" | "replace" | "move" | "test" | "copy") {
        return Some(format!("Unexpected kind: {op}"));
    }
    if matches!(op, "move" | "copy") && operation.str("from").is_none() {
        return Some(format!("{op} operation failed to decode from: operation, missing from field: missing value"));
    }
    let words = || format!("{op} operation failed to decode path: operation missing path field: missing value");
    operation.str("path").is_none().then(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_of_a_patch_is_detected() {
        let object = "kind: Deployment\nmetadata: {name: web}\n";
        for (text, form) in [
            ("# nothing\n", PatchForm::Empty),
            ("{}\n---\nnull\n---\n[]\n", PatchForm::Empty),
            (object, PatchForm::Objects(1)),
            (&format!("{object}---\n{object}---\n# nothing\n"), PatchForm::Objects(2)),
            ("metadata: {name: web}\n", PatchForm::Neither(NO_METADATA)),
            ("kind: Deployment\n", PatchForm::Neither("missing metadata.name in object")),
            ("- replicas\n", PatchForm::Neither(NO_METADATA)),
            ("text\n", PatchForm::Neither(NO_METADATA)),
            (&format!("{object}---\n- {{op: add, path: /a, value: b}}\n"), PatchForm::Neither(NO_METADATA)),
            ("[{op: remove, path: /spec/replicas}]\n", PatchForm::Operations { fault: None }),
            ("- {Op: remove}\n", PatchForm::Operations { fault: Some("Unexpected kind: unknown".to_owned()) }),
            ("metadata: {name: '{{ .name }}'}\n", PatchForm::Unknown),
            ("kind: [\n", PatchForm::Unknown),
        ] {
            assert_eq!(PatchForm::of(text), form, "{text}");
        }
    }
}
