//! The arena that parser events are put into.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{ErrorKind, Event, ScalarStyle, ScanError, StructureStyle};

/// Nodes that one document may have: 24 bytes each. The largest object that a cluster stores has some 100,000.
const MAX_NODES: usize = 4_000_000;

/// An arena of nodes in source order; a node's children follow it directly.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<RawNode>,
    /// Scalar values that are not the source text itself: escapes, folding.
    pub(super) owned: Vec<String>,
    pub(super) comments: Vec<Range<u32>>,
}

#[derive(Debug)]
pub(super) struct RawNode {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Index of the first node after this one and all that is below it.
    pub(super) next: u32,
    pub(super) kind: NodeKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeKind {
    Scalar {
        text: Text,
        /// Plain and untagged: its type is to be resolved.
        plain: bool,
    },
    Sequence,
    Mapping,
    Alias {
        target: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    Source { start: u32, end: u32 },
    Owned { index: u32 },
}

/// Why reading a document stopped short.
pub(super) struct Failure {
    /// Byte offset in the chunk.
    pub(super) at: usize,
    pub(super) message: String,
    /// Whether it is an indentation that kubectl accepts.
    pub(super) quoted_indent: bool,
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Self {
        Self {
            at: error.marker().byte_offset().unwrap_or_default(),
            message: error.info(),
            quoted_indent: matches!(error.kind(), ErrorKind::InvalidQuotedScalarIndent),
        }
    }
}

impl Tree {
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.owned.clear();
        self.comments.clear();
    }
}

/// Fills an arena from parser events.
pub(super) struct Builder<'a> {
    text: &'a str,
    pub(super) tree: &'a mut Tree,
    /// Collections that are not yet closed: their nodes, and whether they are in flow style.
    open: Vec<(u32, StructureStyle)>,
    /// The node of each anchor, by the parser's number for it.
    anchors: Vec<(usize, u32)>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(text: &'a str, tree: &'a mut Tree) -> Self {
        Self { text, tree, open: Vec::new(), anchors: Vec::new() }
    }

    pub(super) fn push(&mut self, event: Event<'_>, range: Range<u32>) -> Result<(), Failure> {
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                let mut range = range;
                if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
                    // The parser's span of a block scalar runs into the indentation of what follows.
                    let text = self.text.get(range.start as usize..range.end as usize).unwrap_or_default();
                    range.end = range.start + text.trim_end().len() as u32;
                }
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let text = self.keep(value, &range, plain);
                self.node(range, NodeKind::Scalar { text, plain }, anchor)?;
            }
            Event::SequenceStart(style, anchor, _) => self.start(range, NodeKind::Sequence, style, anchor)?,
            Event::MappingStart(style, anchor, _) => self.start(range, NodeKind::Mapping, style, anchor)?,
            Event::SequenceEnd | Event::MappingEnd => self.end(&range),
            Event::Alias(anchor) => {
                // Anchors are numbered in the order of their nodes.
                let known = self.anchors.binary_search_by_key(&anchor, |(number, _)| *number);
                let target = known.map_or(u32::MAX, |at| self.anchors[at].1);
                self.node(range, NodeKind::Alias { target }, 0)?;
            }
            Event::Comment(..) => self.tree.comments.push(range),
            _ => {}
        }
        Ok(())
    }

    /// Where a scalar's value is to be found. An empty plain scalar arrives as `~`; its empty span tells.
    fn keep(&mut self, value: Cow<'_, str>, range: &Range<u32>, plain: bool) -> Text {
        if plain && range.is_empty() {
            return Text::Source { start: range.start, end: range.start };
        }
        let start = (value.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        if let Cow::Borrowed(borrowed) = value
            && start.checked_add(borrowed.len()).is_some_and(|end| end <= self.text.len())
        {
            return Text::Source { start: start as u32, end: (start + borrowed.len()) as u32 };
        }
        self.tree.owned.push(value.into_owned());
        Text::Owned { index: self.tree.owned.len() as u32 - 1 }
    }

    fn node(&mut self, range: Range<u32>, kind: NodeKind, anchor: usize) -> Result<u32, Failure> {
        let id = self.tree.nodes.len();
        if id >= MAX_NODES {
            let message = format!("the document has more than {MAX_NODES} values");
            return Err(Failure { at: range.start as usize, message, quoted_indent: false });
        }
        let id = id as u32;
        self.tree.nodes.push(RawNode { start: range.start, end: range.end, next: id + 1, kind });
        if anchor != 0 {
            self.anchors.push((anchor, id));
        }
        Ok(id)
    }

    fn start(
        &mut self,
        range: Range<u32>,
        kind: NodeKind,
        style: StructureStyle,
        anchor: usize,
    ) -> Result<(), Failure> {
        let id = self.node(range, kind, anchor)?;
        self.open.push((id, style));
        Ok(())
    }

    fn end(&mut self, range: &Range<u32>) {
        let Some((id, style)) = self.open.pop() else { return };
        let next = self.tree.nodes.len() as u32;
        // The parser's end of a block collection lies behind trailing comments and blanks: the last child's is exact.
        let last = self.tree.nodes.last().map_or(range.end, |last| last.end);
        let node = &mut self.tree.nodes[id as usize];
        node.next = next;
        node.end = if style == StructureStyle::Flow { range.end } else { last.max(node.end) };
        let end = node.end;
        if let Some((parent, _)) = self.open.last() {
            let parent = &mut self.tree.nodes[*parent as usize];
            parent.end = parent.end.max(end);
        }
    }
}
