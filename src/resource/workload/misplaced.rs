//! `imagePullSecrets` at a place, or in a form, where no pod ever sees them.

use crate::resource::workload::ResourceId;
use crate::resource::workload::kinds::BuiltinKind;
use crate::resource::workload::value::is_to_be_written;
use crate::text::source::Span;
use crate::text::yaml::Node;

/// The form of a field that names pull secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretsForm {
    /// A list of objects, each with a `name`.
    Objects,
    /// A list of secret names.
    Names,
    /// A single secret name.
    Name,
}

/// `imagePullSecrets`, or a key that is meant as such, without any effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MisplacedPullSecrets {
    /// The object that contains the key.
    pub resource: ResourceId,
    /// The place of the key.
    pub span: Span,
    /// The reason why it has no effect.
    pub fault: Misplacement,
    /// Path of the key in its object: `spec.template.spec.containers[0].imagePullSecrets`.
    pub path: String,
    /// Path where it would have an effect: `spec.template.spec.imagePullSecrets`.
    pub right_path: String,
    /// The secret names in its value.
    pub names: Vec<String>,
}

/// Why misplaced pull secrets have no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Misplacement {
    /// The key is in a container.
    InContainer,
    /// The key is in a workload's own `spec`, beside `template`.
    InWorkloadSpec,
    /// The key is in `metadata`, or at the top of the object.
    OutsideSpec,
    /// The key is spelled `imagePullSecret`, or in another way that the API does not know.
    Misspelt,
    /// The value is a list of strings instead of objects with a `name`.
    ListOfStrings,
    /// The value is not a list.
    NotAList,
    /// The field belongs to a kind that is not built in, and must have this form instead.
    OtherForm(SecretsForm),
    /// The kind is not built in and has a different field for pull secrets, with this form.
    OtherField(SecretsForm),
}

const KEY: &str = "imagePullSecrets";

/// Searches one object of a built-in kind. `path` is the object's own path in its document.
pub(super) fn find(
    object: Node<'_>,
    path: &str,
    resource: ResourceId,
    builtin: &BuiltinKind,
    found: &mut Vec<MisplacedPullSecrets>,
) {
    let join = |keys: &[&str]| {
        let mut all: Vec<&str> = Vec::with_capacity(keys.len() + 1);
        all.extend((!path.is_empty()).then_some(path));
        all.extend(keys);
        all.join(".")
    };
    let spec_path = join(builtin.pod_spec);
    let right_path = format!("{spec_path}.{KEY}");
    let mut search = Search { resource, right_path: &right_path, found };
    // Search every level above the pod spec, and the metadata beside it.
    for depth in 0..builtin.pod_spec.len() {
        let keys = &builtin.pod_spec[..depth];
        let Some(level) = object.at(keys) else { return };
        let fault = if depth == 0 { Misplacement::OutsideSpec } else { Misplacement::InWorkloadSpec };
        search.any_spelling(level, &join(keys), fault);
        if let Some(metadata) = level.get("metadata") {
            let keys: Vec<&str> = keys.iter().copied().chain(["metadata"]).collect();
            search.any_spelling(metadata, &join(&keys), Misplacement::OutsideSpec);
        }
    }
    let Some(spec) = object.at(builtin.pod_spec) else { return };
    search.pod_spec(spec, &spec_path);
}

struct Search<'f> {
    resource: ResourceId,
    right_path: &'f str,
    found: &'f mut Vec<MisplacedPullSecrets>,
}

impl Search<'_> {
    fn pod_spec(&mut self, spec: Node<'_>, path: &str) {
        self.misspelt(spec, path);
        if let Some(entry) = spec.entry(KEY) {
            let value = entry.value;
            let strings = value.items().filter(|item| item.as_str().is_some() && !is_to_be_written(*item)).count();
            if is_to_be_written(value) {
                // The final value of a placeholder is not known.
            } else if !value.is_null() && !value.is_sequence() {
                self.push(entry.key, value, path, Misplacement::NotAList);
            } else if strings > 0 {
                self.push(entry.key, value, path, Misplacement::ListOfStrings);
            }
        }
        for list in ["initContainers", "containers", "ephemeralContainers"] {
            for (at, container) in spec.get(list).into_iter().flat_map(Node::items).enumerate() {
                self.any_spelling(container, &format!("{path}.{list}[{at}]"), Misplacement::InContainer);
            }
        }
    }

    fn any_spelling(&mut self, node: Node<'_>, path: &str, fault: Misplacement) {
        for entry in node.entries() {
            if entry.key.text().is_some_and(is_meant) {
                self.push(entry.key, entry.value, path, fault);
            }
        }
    }

    fn misspelt(&mut self, node: Node<'_>, path: &str) {
        for entry in node.entries() {
            if entry.key.text().is_some_and(|key| key != KEY && is_meant(key)) {
                self.push(entry.key, entry.value, path, Misplacement::Misspelt);
            }
        }
    }

    fn push(&mut self, key: Node<'_>, value: Node<'_>, path: &str, fault: Misplacement) {
        let written = key.text().unwrap_or(KEY);
        let single = value.as_str().into_iter();
        let items = value.items().filter_map(|item| item.as_str().or_else(|| item.str("name")));
        self.found.push(MisplacedPullSecrets {
            resource: self.resource,
            span: key.span(),
            fault,
            path: if path.is_empty() { written.to_owned() } else { format!("{path}.{written}") },
            right_path: self.right_path.to_owned(),
            names: single.chain(items).map(str::to_owned).collect(),
        });
    }
}

/// Whether a key is the right one or a common misspelling. The API server knows only the exact key.
fn is_meant(key: &str) -> bool {
    ["imagePullSecrets", "imagePullSecret", "pullSecrets", "image_pull_secrets"]
        .iter()
        .any(|spelling| spelling.eq_ignore_ascii_case(key))
}
