//! The values of a chart, with the place of every scalar.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::text::source::{Source, SourceId, Span};
use crate::text::yaml::scalar::Scalar;
use crate::text::yaml::{self, Node, Piece};

/// A value of a values file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Null,
    Scalar(Leaf),
    List(Vec<Rc<Tree>>),
    Map(BTreeMap<String, Rc<Tree>>),
}

/// A scalar with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf {
    pub(crate) text: String,
    pub(crate) span: Span,
    /// The path in its file: `image.tag`.
    pub(crate) path: String,
    /// Whether a condition takes the value for false: an empty string, `false`, a zero.
    pub(crate) is_empty: bool,
}

/// How deep values within values are read.
const MAX_DEPTH: u8 = 24;

/// Reads the values of a file; `None` if it contains no mapping.
pub(crate) fn read(id: SourceId, source: &Source) -> Option<Rc<Tree>> {
    let mut found = None;
    yaml::read(id, source.text(), true, &mut |piece| {
        let Piece::Document(document) = piece else { return };
        if let Some(root) = document.root().filter(|root| root.is_mapping() && found.is_none()) {
            found = Some(Rc::new(tree(root, "", MAX_DEPTH)));
        }
    });
    found
}

fn tree(node: Node<'_>, path: &str, depth: u8) -> Tree {
    let Some(depth) = depth.checked_sub(1) else { return Tree::Null };
    if node.is_mapping() {
        let entry = |entry: yaml::Entry<'_>| {
            let key = entry.key.text()?;
            let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            Some((key.to_owned(), Rc::new(tree(entry.value, &path, depth))))
        };
        return Tree::Map(node.entries().filter_map(entry).collect());
    }
    if node.is_sequence() {
        let items = node.items().enumerate();
        return Tree::List(items.map(|(at, item)| Rc::new(tree(item, &format!("{path}[{at}]"), depth))).collect());
    }
    let (Some(scalar), Some(text)) = (node.scalar(), node.text()) else { return Tree::Null };
    let is_empty = match scalar {
        Scalar::Null => return Tree::Null,
        Scalar::Bool(value) => !value,
        Scalar::Number => text.parse::<f64>() == Ok(0.0),
        _ => text.is_empty(),
    };
    Tree::Scalar(Leaf { text: text.to_owned(), span: node.span(), path: path.to_owned(), is_empty })
}

impl Tree {
    /// Returns the value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Rc<Self>> {
        match self {
            Self::Map(map) => map.get(key),
            _ => None,
        }
    }
}

/// Returns the values of a subchart: its own, under what its parent sets for it (`pkg/chartutil/coalesce.go`: the
/// parent takes precedence, and its null removes a key).
pub(crate) fn coalesce(over: &Rc<Tree>, under: &Rc<Tree>) -> Rc<Tree> {
    let (Tree::Map(over), Tree::Map(below)) = (over.as_ref(), under.as_ref()) else { return Rc::clone(over) };
    let mut merged = below.clone();
    for (key, value) in over {
        let value = match (value.as_ref(), merged.get(key)) {
            (Tree::Null, _) => {
                merged.remove(key);
                continue;
            }
            (Tree::Map(_), Some(under)) => coalesce(value, under),
            _ => Rc::clone(value),
        };
        merged.insert(key.clone(), value);
    }
    Rc::new(Tree::Map(merged))
}

/// Returns the values that a subchart is rendered with: what its parent sets under its name, its own below that, and
/// `global` of the parent above both.
pub(crate) fn for_subchart(parent: &Rc<Tree>, key: &str, own: &Rc<Tree>) -> Rc<Tree> {
    let mut over = match parent.get(key).map(AsRef::as_ref) {
        Some(Tree::Map(map)) => map.clone(),
        _ => BTreeMap::new(),
    };
    if let Some(global) = parent.get("global").filter(|tree| matches!(tree.as_ref(), Tree::Map(_))) {
        let merged = over.get("global").map_or_else(|| Rc::clone(global), |below| coalesce(global, below));
        over.insert("global".to_owned(), merged);
    }
    coalesce(&Rc::new(Tree::Map(over)), own)
}
