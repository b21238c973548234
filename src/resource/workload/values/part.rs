//! The forms in which an object contains values: a mapping, or a YAML text within a string.

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
}

/// The place of a set of values in the file.
pub(super) struct PartPlace<'p> {
    path: &'p str,
    /// The place of the text; `None` for a mapping, whose nodes have their own places.
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

impl Part<'_> {
    pub(super) fn path(&self) -> &str {
        match self {
            Self::Tree(_, path) | Self::Text(_, path) => path,
        }
    }

    /// Passes the root of the values on. Returns `false` for a text that Helm would not accept as values, or that a
    /// template has yet to produce.
    pub(super) fn read(&self, sink: &mut dyn FnMut(Node<'_>, &PartPlace<'_>)) -> bool {
        match self {
            Self::Tree(node, path) => {
                sink(*node, &PartPlace { path, text: None });
                true
            }
            Self::Text(node, path) => {
                let Some(text) = node.as_str() else { return node.is_null() };
                let place = PartPlace { path, text: Some(node.place()) };
                let (mut is_first, mut is_read) = (true, true);
                yaml::read(SourceId(0), text, true, &mut |piece| match piece {
                    // Helm reads the first document only.
                    Piece::Document(document) if is_first => {
                        if let Some(root) = document.root() {
                            is_first = false;
                            is_read &= root.is_mapping() || root.is_null();
                            sink(root, &place);
                            is_read &= !document.is_alias_bomb();
                        }
                    }
                    Piece::Broken(_) | Piece::Refused(_) if is_first => is_read = false,
                    _ => {}
                });
                is_read
            }
        }
    }
}
