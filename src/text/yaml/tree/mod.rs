//! The arena of a document.

pub(super) mod build;
mod decode;

use super::scan::Text;
use std::ops::Range;

/// An arena of nodes in source order; a node's children follow it directly.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<RawNode>,
    /// Scalar values that are not the source text itself: escapes, folding.
    pub(super) owned: Vec<String>,
    /// The decoded contents of `!!binary` scalars.
    pub(super) decoded: Vec<String>,
    pub(super) comments: Vec<Range<u32>>,
    /// Whether a mapping has a merge key; only then does the order of its keys matter.
    pub(super) merges: bool,
}

#[derive(Debug)]
pub(super) struct RawNode {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Index of the first node after this one and all below it.
    pub(super) next: u32,
    pub(super) kind: NodeKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeKind {
    Scalar { text: Text, typed: ScalarType },
    Sequence,
    Mapping,
    Alias { target: u32 },
}

/// The type that a scalar's style and tag give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScalarType {
    /// Plain and untagged: the text decides.
    Plain,
    /// Quoted, a block, or tagged with a tag that is treated as a string.
    String,
    Null,
    Bool,
    Number,
    /// The key `<<`, if it merges.
    Merge,
}

impl Tree {
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.owned.clear();
        self.decoded.clear();
        self.comments.clear();
        self.merges = false;
    }
}
