//! Whether kustomize can decode a kustomization: by the rules of `Kustomization.Unmarshal` and of the checks that
//! `KustTarget.Load` makes afterwards (`api/types/kustomization.go`, `api/internal/target/kusttarget.go` of kustomize
//! 5.8.3).

use super::fields::{Fields, folds_to};
use super::go_types::{GoField, KUSTOMIZATION, Struct, Type};
use super::refusal::{Refusal, Remedy, Versions};
use super::values;
use crate::resource::workload::value::is_unquoted_template;
use crate::text::placeholder::is_placeholder;
use crate::text::yaml::scalar::Scalar;
use crate::text::yaml::{Entry, Node};

/// Returns why kustomize refuses the document of a kustomization file; `None` if kustomize decodes it.
pub(crate) fn refusal(root: Node<'_>) -> Option<Refusal> {
    let first = || root.entries().next().map_or(root.span(), |entry| entry.key.span());
    if root.is_null() {
        return Some(Refusal::new(root.span(), "kustomization.yaml is empty", "it is empty"));
    }
    if let Some(refusal) = unconvertible(root) {
        return refusal;
    }
    let mut decoder = Decoder { path: String::new(), holder: KUSTOMIZATION.name, found: None, newer: None };
    decoder.decode_struct(root, &KUSTOMIZATION, "types.Kustomization");
    if root.document().is_alias_bomb() {
        return None;
    }
    if let Some(refusal) = decoder.found {
        return refusal;
    }
    let fields = Fields::of(root);
    let is_empty = |field: &&GoField| match field.kind {
        Type::Text(_) => fields.str(field.key).is_none_or(str::is_empty),
        _ => fields.get(field.key).is_none(),
    };
    if KUSTOMIZATION.fields.iter().filter(|field| field.via.is_empty()).all(|field| is_empty(&field)) {
        let label = "none of its fields has a value";
        return Some(Refusal::new(first(), "kustomization.yaml is empty", label));
    }
    enforced(&fields).or_else(|| values::refusal(&fields)).or(decoder.newer)
}

/// The checks of `EnforceFields`.
fn enforced(fields: &Fields<'_>) -> Option<Refusal> {
    let field = |key: &str| fields.get(key).filter(|node| node.as_str() != Some(""));
    let kind = field("kind");
    let name = kind.and_then(Node::as_str).unwrap_or("Kustomization");
    if let Some(kind) = kind.filter(|_| !matches!(name, "Kustomization" | "Component")) {
        return Some(Refusal::new(kind.span(), "kind should be Kustomization or Component", "another kind"));
    }
    let required = match name {
        "Component" => "kustomize.config.k8s.io/v1alpha1",
        _ => "kustomize.config.k8s.io/v1beta1",
    };
    let version = field("apiVersion").filter(|node| node.as_str() != Some(required))?;
    let words = format!("apiVersion for {name} should be {required}");
    Some(Refusal::new(version.span(), words, "another version").with_remedy(Remedy::Replace(required.to_owned())))
}

/// Content that the YAML reader, or the conversion from YAML to JSON, rejects: keys that are null or not scalars, and
/// infinite numbers. The outer `None` is a document without such content.
fn unconvertible(root: Node<'_>) -> Option<Option<Refusal>> {
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        for Entry { key, value } in node.entries() {
            if is_unquoted_template(value) {
                return Some(None);
            }
            if key.text().is_none() {
                return Some(Some(Refusal::new(key.span(), "yaml: invalid map key", "not a scalar")));
            }
            if key.is_null() {
                let words = "unsupported map key of type: %!s(<nil>), key: <nil>";
                return Some(Some(Refusal::new(key.span(), words, "the key is null")));
            }
            open.extend(Some(value).filter(|value| !value.is_alias()));
        }
        open.extend(node.items().filter(|item| !item.is_alias()));
        if node.scalar() == Some(Scalar::Number) {
            let text = node.text().unwrap_or_default().to_ascii_lowercase();
            let printed = match text.trim_start_matches(['+', '-']) {
                ".inf" if text.starts_with('-') => "-Inf",
                ".inf" => "+Inf",
                ".nan" => "NaN",
                _ => continue,
            };
            let words = format!("json: unsupported value: {printed}");
            return Some(Some(Refusal::new(node.span(), words, "JSON has no such number").with_remedy(quoted(node))));
        }
    }
    None
}

/// Decodes in the order of the JSON, and keeps the first fault.
struct Decoder {
    /// Path of the current value.
    path: String,
    /// The name of the struct that contains it.
    holder: &'static str,
    /// The first fault; the inner `None` is a fault that is not reported.
    found: Option<Option<Refusal>>,
    /// The refusal for a field that only newer versions know.
    newer: Option<Refusal>,
}

impl Decoder {
    fn decode(&mut self, node: Node<'_>, kind: &'static Type) {
        if self.found.is_some() || node.is_null() {
            return;
        }
        match kind {
            Type::Any => {}
            Type::Text(name) if node.as_str().is_none() => self.mismatch(node, name),
            Type::Bool if !matches!(node.scalar(), Some(Scalar::Bool(_))) => self.mismatch(node, "bool"),
            Type::Integer(name) if !is_integer(node) => self.mismatch(node, name),
            Type::Text(_) | Type::Bool | Type::Integer(_) => {}
            Type::Map(name, _) if !node.is_mapping() => self.mismatch(node, name),
            Type::Map(_, inner) => Fields::of(node).iter().for_each(|entry| self.decode(entry.value, inner)),
            Type::List(name, _) if !node.is_sequence() => self.mismatch(node, name),
            Type::List(_, inner) => node.items().for_each(|item| self.decode(item, inner)),
            Type::Struct(inner) => self.decode_struct(node, inner, &format!("types.{}", inner.name)),
        }
    }

    fn decode_struct(&mut self, node: Node<'_>, kind: &'static Struct, name: &str) {
        if !node.is_mapping() {
            return self.mismatch(node, name);
        }
        let (holder, length) = (std::mem::replace(&mut self.holder, kind.name), self.path.len());
        for Entry { key, value } in Fields::of(node).iter() {
            if self.found.is_some() {
                break;
            }
            let text = key.text().unwrap_or_default();
            let Some(field) = kind.fields.iter().find(|field| folds_to(text, field.key)) else {
                self.unknown(key, kind);
                break;
            };
            if field.is_newer && self.newer.is_none() {
                let words = format!("json: unknown field {}", quoted_by_go(text));
                let refusal = Refusal::new(key.span(), words, "unknown to kustomize 5.5");
                self.newer = Some(refusal.of(Versions::Older));
            }
            if !self.path.is_empty() {
                self.path.push('.');
            }
            self.path.push_str(field.via);
            self.path.push_str(field.key);
            self.decode(value, field.kind);
            self.path.truncate(length);
        }
        self.holder = holder;
    }

    fn unknown(&mut self, key: Node<'_>, kind: &Struct) {
        let text = key.text().unwrap_or_default();
        let words = format!("json: unknown field {}", quoted_by_go(text));
        let remedy = meant(text, kind).map_or(Remedy::None, |field| Remedy::Rename(field.to_owned()));
        self.found = Some(Some(Refusal::new(key.span(), words, "no field of this name").with_remedy(remedy)));
    }

    fn mismatch(&mut self, node: Node<'_>, name: &str) {
        // `newTag: {{ .tag }}` is parsed as a mapping.
        if is_unquoted_template(node) {
            self.found = Some(None);
            return;
        }
        // `count: "{{ n }}"` has another type once it is filled in.
        if node.as_str().is_some_and(is_placeholder) {
            self.found = Some(None);
            return;
        }
        let (what, label) = match node.scalar() {
            None if node.is_mapping() => ("object".to_owned(), "a mapping"),
            None if node.is_sequence() => ("array".to_owned(), "a list"),
            Some(Scalar::String(_)) => ("string".to_owned(), "a string"),
            Some(Scalar::Bool(_)) => ("bool".to_owned(), "a boolean"),
            Some(Scalar::Number) if name.starts_with("int") => {
                (format!("number {}", node.text().unwrap_or_default()), "a number")
            }
            Some(Scalar::Number) => ("number".to_owned(), "a number"),
            // An alias whose anchor does not exist.
            None | Some(Scalar::Null) => {
                self.found = Some(None);
                return;
            }
        };
        let place = if self.path.is_empty() {
            format!("Go value of type {name}")
        } else {
            format!("Go struct field {}.{} of type {name}", self.holder, self.path)
        };
        let remedy = match node.scalar() {
            Some(Scalar::Number | Scalar::Bool(_)) if matches!(name, "string" | "types.PatchStrategicMerge") => {
                quoted(node)
            }
            _ => Remedy::None,
        };
        let refusal = Refusal::new(node.span(), format!("json: cannot unmarshal {what} into {place}"), label);
        self.found = Some(Some(refusal.with_remedy(remedy)));
    }
}

/// Suggests quotes for an unquoted scalar, which make it a string.
fn quoted(node: Node<'_>) -> Remedy {
    match node.text() {
        Some(text) if node.is_plain() => Remedy::Quote(text.to_owned()),
        _ => Remedy::None,
    }
}

/// Whether a scalar is an integer of at most 64 bits.
fn is_integer(node: Node<'_>) -> bool {
    let Some(Scalar::Number) = node.scalar() else { return false };
    let digits: String = node.text().unwrap_or_default().chars().filter(|c| *c != '_').collect();
    let (sign, unsigned) = match digits.strip_prefix(['+', '-']) {
        Some(rest) => (if digits.starts_with('-') { "-" } else { "" }, rest),
        None => ("", digits.as_str()),
    };
    let (number, radix) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&unsigned[2..], 16),
        [b'0', b'b' | b'B', ..] => (&unsigned[2..], 2),
        [b'0', b'o' | b'O', ..] => (&unsigned[2..], 8),
        [b'0', _, ..] => (&unsigned[1..], 8),
        _ => (unsigned, 10),
    };
    // A float without a fraction is printed as an integer: `1e3` is 1000.
    let float = || unsigned.parse::<f64>().is_ok_and(|value| value.fract() == 0.0 && value < 9e18);
    i64::from_str_radix(&format!("{sign}{number}"), radix).is_ok() || float()
}

/// Formats a text like Go's `%q`.
fn quoted_by_go(text: &str) -> String {
    format!("{text:?}")
}

/// The field that a misspelled key may be meant as.
fn meant(key: &str, kind: &Struct) -> Option<&'static str> {
    let lower = key.to_ascii_lowercase().replace(['_', '-'], "");
    if kind.name == "Image" {
        match lower.as_str() {
            "tag" => return Some("newTag"),
            "image" | "repository" => return Some("name"),
            _ => {}
        }
    }
    let distance = |field: &&GoField| strsim::osa_distance(&lower, &field.key.to_ascii_lowercase());
    let nearest = kind.fields.iter().min_by_key(distance)?;
    (distance(&nearest) * 3 <= nearest.key.len()).then_some(nearest.key)
}
