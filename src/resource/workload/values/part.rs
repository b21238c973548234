//! The forms in which a release has values: a mapping, a YAML text within a string, or a reference.

use super::reference::{FoundReference, ReferenceLookup, ReferenceTarget, ValuesReference};
use crate::resource::workload::custom::walk::{Step, render};
use crate::resource::workload::path::join;
use crate::text::source::{SourceId, Span};
use crate::text::yaml::{self, Node, Piece, Place};

/// One set of values, with its path in the document.
pub(super) enum Part<'d> {
    /// A mapping.
    Tree(Node<'d>, String),
    /// A scalar whose text is YAML.
    Text(Node<'d>, String),
    /// Values that are elsewhere.
    Elsewhere(ValuesReference, String),
}

/// The place of a set of values in the file.
pub(super) struct PartPlace<'p> {
    path: &'p str,
    /// The place of the text; `None` for nodes that have their own places.
    text: Option<Place>,
}

impl PartPlace<'_> {
    /// Returns the place in the file of a node's span: within the text if it can be followed there, otherwise the
    /// whole scalar.
    pub(super) fn span(&self, span: Span) -> Span {
        self.text.as_ref().map_or(span, |place| place.where_is(&span.range()))
    }

    /// Returns the path of a field. One within a text is quoted: it is not a field of the object.
    pub(super) fn path(&self, steps: &[Step<'_>]) -> String {
        match &self.text {
            None => join(self.path, &render(steps)),
            Some(_) => format!("{}['{}']", self.path, render(steps).replace('\'', "\\'")),
        }
    }
}

/// Looks up the references of one release.
#[derive(Clone, Copy)]
pub(super) struct References<'l> {
    pub(super) lookup: &'l dyn ReferenceLookup,
    /// The file that describes the release.
    pub(super) file: SourceId,
    /// The path of its chart as written.
    pub(super) chart: Option<&'l str>,
}

impl<'l> References<'l> {
    pub(super) fn find(&self, reference: &ValuesReference) -> FoundReference<'l> {
        self.lookup.find(reference, self.file, self.chart)
    }
}

impl Part<'_> {
    /// Where the values are, if they are elsewhere.
    pub(super) fn target(&self) -> Option<&ReferenceTarget> {
        match self {
            Self::Elsewhere(reference, _) => Some(&reference.target),
            Self::Tree(..) | Self::Text(..) => None,
        }
    }

    pub(super) fn path(&self) -> &str {
        match self {
            Self::Tree(_, path) | Self::Text(_, path) | Self::Elsewhere(_, path) => path,
        }
    }

    /// Passes the root of the values on. Returns `false` for a text that Helm would not accept as values, or that a
    /// template has yet to produce, and for values that are not in the inputs.
    pub(super) fn read(&self, references: References<'_>, sink: &mut dyn FnMut(Node<'_>, &PartPlace<'_>)) -> bool {
        match self {
            Self::Tree(node, path) => {
                sink(*node, &PartPlace { path, text: None });
                true
            }
            Self::Text(node, path) => {
                let Some(text) = node.as_str() else { return node.is_null() };
                read_text(SourceId(0), text, &PartPlace { path, text: Some(node.place()) }, sink)
            }
            Self::Elsewhere(reference, _) => match references.find(reference) {
                FoundReference::Text(found) => {
                    let place = PartPlace { path: &found.path, text: found.place };
                    read_text(found.source, found.text, &place, sink)
                }
                FoundReference::Absent => true,
                FoundReference::Unknown => false,
            },
        }
    }
}

fn read_text(
    source: SourceId,
    text: &str,
    place: &PartPlace<'_>,
    sink: &mut dyn FnMut(Node<'_>, &PartPlace<'_>),
) -> bool {
    let (mut is_first, mut is_read) = (true, true);
    yaml::read(source, text, true, &mut |piece| match piece {
        // Helm reads the first document only.
        Piece::Document(document) if is_first => {
            if let Some(root) = document.root() {
                is_first = false;
                is_read &= root.is_mapping() || root.is_null();
                sink(root, place);
                is_read &= !document.is_alias_bomb();
            }
        }
        Piece::Broken(_) | Piece::Refused(_) if is_first => is_read = false,
        _ => {}
    });
    is_read
}
