//! The objects that a kustomization takes values from: `vars`, and the sources of `replacements`.
//!
//! Follows `api/types/var.go`, `api/internal/accumulator/resaccumulator.go` and `api/filters/replacement` of kustomize
//! 5.8.3.

use super::fields::Fields;
use super::transformer::Replacement;
use crate::text::placeholder::is_placeholder;
use crate::text::source::Span;

/// A reference to an object, whose parts are literal texts, not patterns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selected {
    /// The API group; empty for the core group, or in the source of a replacement for any.
    pub group: String,
    /// The API version; in the source of a replacement, empty for any.
    pub version: String,
    /// The kind; in the source of a replacement, empty for any.
    pub kind: String,
    /// The name; in the source of a replacement, empty for any.
    pub name: String,
    /// The namespace; empty for any.
    pub namespace: String,
}

/// An entry in `vars`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The name of the variable.
    pub name: String,
    /// The object that provides the value.
    pub object: Selected,
    /// Path of the field that provides the value.
    pub path: String,
    /// The place of the entry's `objref`, or else of the entry.
    pub span: Span,
}

impl Selected {
    /// Whether a part is a placeholder that another program has yet to fill in.
    pub(crate) fn is_open(&self) -> bool {
        self.parts().into_iter().any(is_placeholder)
    }

    fn parts(&self) -> [&str; 5] {
        [&self.kind, &self.version, &self.group, &self.name, &self.namespace]
    }

    /// The object that provides the value of a replacement.
    pub(crate) fn of(replacement: &Replacement) -> Option<Self> {
        let source = replacement.source.as_ref()?;
        let text =
            |field: &Option<super::Matcher>| field.as_ref().map(|matcher| matcher.text.clone()).unwrap_or_default();
        Some(Self {
            group: text(&source.group),
            version: text(&source.version),
            kind: text(&source.kind),
            name: text(&source.name),
            namespace: text(&source.namespace),
        })
    }

    /// Formats the reference as kustomize prints it.
    pub(crate) fn id(&self) -> String {
        shown_id(self.parts())
    }
}

impl Variable {
    /// Formats the variable as kustomize prints it.
    pub(crate) fn shown(&self) -> String {
        let kind = shown_kind([&self.object.kind, &self.object.version, &self.object.group]);
        format!("{{{} {kind} {{{}}}}}", self.name, self.path)
    }
}

/// Reads `vars`.
pub(crate) fn variables(fields: &Fields<'_>) -> Vec<Variable> {
    let variable = |node| {
        let own = Fields::of(node);
        let object = own.get("objref");
        let referred = object.map(Fields::of).unwrap_or_default();
        let text = |key: &str| referred.str(key).unwrap_or_default().to_owned();
        let (mut group, mut version) = (text("group"), text("version"));
        let api_version = text("apiVersion");
        match *api_version.split('/').collect::<Vec<_>>() {
            [of_group, of_version] => (group, version) = (of_group.to_owned(), of_version.to_owned()),
            [of_version] if !of_version.is_empty() => of_version.clone_into(&mut version),
            _ => {}
        }
        let path = own
            .get("fieldref")
            .map(Fields::of)
            .and_then(|fields| fields.str("fieldPath"))
            .filter(|path| !path.is_empty());
        Variable {
            name: own.str("name").unwrap_or_default().to_owned(),
            object: Selected { group, version, kind: text("kind"), name: text("name"), namespace: text("namespace") },
            path: path.unwrap_or("metadata.name").to_owned(),
            span: object.map_or(node.span(), |object| object.span()),
        }
    };
    fields.items("vars").map(variable).collect()
}

/// Formats kind, version, group, name, and namespace as kustomize prints them.
pub(crate) fn shown_id([kind, version, group, name, namespace]: [&str; 5]) -> String {
    let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
    let kind = shown_kind([kind, version, group]);
    format!("{kind}/{}.{}", or(name, "[noName]"), or(namespace, "[noNs]"))
}

/// Formats kind, version, and group as kustomize prints them.
pub(crate) fn shown_kind([kind, version, group]: [&str; 3]) -> String {
    let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
    format!("{}.{}.{}", or(kind, "[noKind]"), or(version, "[noVer]"), or(group, "[noGrp]"))
}
