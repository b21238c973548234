//! YAML and JSON as trees with exact spans.
//!
//! The text is cut at document boundaries ([`split`]), and each piece is scanned and parsed into a flat arena as
//! kubectl's decoder does it ([`parse`]). [`Node`] reads it the way Kubernetes does: YAML 1.1 scalars ([`scalar`]),
//! aliases, merge keys, the last of duplicate keys. Nothing outside this folder uses the parser.

mod grammar;
mod json;
pub mod parse;
mod place;
pub mod scalar;
mod scan;
pub mod split;
mod tree;

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::ops::Range;

use crate::text::source::{SourceId, Span, Spanned};
pub use crate::text::yaml::parse::Piece;
pub use crate::text::yaml::parse::SyntaxError;
pub use crate::text::yaml::parse::read;
pub use crate::text::yaml::parse::read_as;
pub(crate) use crate::text::yaml::parse::read_masked;
pub use crate::text::yaml::place::Place;
use crate::text::yaml::scalar::Scalar;
use crate::text::yaml::scan::Text;
use crate::text::yaml::tree::{NodeKind, RawNode, ScalarType, Tree};

/// How many aliases may be followed while one document is read. A bomb of nested aliases would otherwise make a
/// small file as large as it likes; real manifests follow a few dozen.
const ALIAS_BUDGET: u32 = 100_000;

/// How deep merges within merges are followed.
const MAX_MERGES: u8 = 16;

/// The rule for a mapping that has a key and also merges one of that name: which of the two values is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MergeRule {
    /// The value that is written last, as in kubectl: go.yaml.in/yaml/v2 applies `<<` at its position.
    #[default]
    InOrder,
    /// The mapping's own value, as in kustomize: kyaml resolves merges before anything else (`RNode.DeAnchor`). It
    /// also reads YAML 1.2, in which `y`, `no` and `on` are strings, and prints those quoted.
    OwnFirst,
}

/// One parsed document.
#[derive(Debug)]
pub struct Document<'a> {
    source: SourceId,
    /// Offset of `text` in the source's text.
    base: u32,
    text: &'a str,
    tree: &'a Tree,
    rule: MergeRule,
    aliases_left: Cell<u32>,
    /// Scalars that are replaced by another text, by their nodes.
    filled: OnceCell<BTreeMap<u32, Filling>>,
    /// The places of the nodes in another text, from which this one was made.
    places: OnceCell<Vec<Span>>,
}

/// The text that replaces a scalar with the names of parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filling {
    /// The text after the replacement.
    pub text: String,
    /// Whether the type is to be resolved, like that of a plain scalar; otherwise the value is a string.
    pub typed: bool,
    /// The names of the parameters, with the places of their values.
    pub parameters: Vec<Spanned<String>>,
}

impl<'a> Document<'a> {
    fn new(source: SourceId, base: u32, text: &'a str, tree: &'a Tree, rule: MergeRule) -> Self {
        Self {
            source,
            base,
            text,
            tree,
            rule,
            aliases_left: Cell::new(ALIAS_BUDGET),
            filled: OnceCell::new(),
            places: OnceCell::new(),
        }
    }

    /// Sets the places of the nodes, in source order, for a text that was made from another one. Later calls have no
    /// effect.
    pub(crate) fn place_nodes(&self, places: Vec<Span>) {
        // A second list is ignored on purpose.
        let _ = self.places.set(places);
    }

    /// Replaces the text of scalars. A document is filled in once; later calls have no effect.
    pub(crate) fn fill(&self, fillings: impl IntoIterator<Item = (Node<'a>, Filling)>) {
        let fillings: BTreeMap<u32, Filling> = fillings.into_iter().map(|(node, filling)| (node.id, filling)).collect();
        if !fillings.is_empty() {
            // A second filling is ignored on purpose.
            let _ = self.filled.set(fillings);
        }
    }

    /// Returns the top node; `None` if the document contains only comments.
    pub fn root(&'a self) -> Option<Node<'a>> {
        (!self.tree.nodes.is_empty()).then_some(Node { document: self, id: 0 })
    }

    /// Spans of the comments from `#` to the end of the line, in source order.
    pub fn comments(&self) -> impl Iterator<Item = Span> {
        self.tree.comments.iter().map(|range| self.span(range.start, range.end))
    }

    /// Whether more aliases were followed than a reasonable document has; what was read is incomplete then.
    pub fn is_alias_bomb(&self) -> bool {
        self.aliases_left.get() == 0
    }

    /// Adds to the number of things that are reached through an alias, each of which costs as much as following one.
    /// Returns `false` once there are too many: what was read is incomplete then.
    pub(crate) fn may_repeat(&self, things: usize) -> bool {
        let things = u32::try_from(things).unwrap_or(u32::MAX);
        let left = self.aliases_left.get().saturating_sub(things);
        self.aliases_left.set(left);
        left > 0
    }

    /// Returns the offset of the document's text in the source's.
    pub(crate) const fn base(&self) -> u32 {
        self.base
    }

    /// Returns the document's text, with anything up to the next `---` that is not part of it.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// Whether a mapping in it has a merge key, so that the two rules may differ.
    pub fn has_merges(&self) -> bool {
        self.tree.merges
    }

    /// Returns the source that the document was read from.
    pub fn source(&self) -> SourceId {
        self.source
    }

    fn span(&self, start: u32, end: u32) -> Span {
        Span::new(self.source, self.base + start, self.base + end)
    }
}

/// A node of a document. Copying it is free.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    document: &'a Document<'a>,
    id: u32,
}

/// A key and its value.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The key of the entry.
    pub key: Node<'a>,
    /// The value; an alias is not yet followed.
    pub value: Node<'a>,
}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} at {:?}", self.raw().kind, self.range())
    }
}

impl<'a> Node<'a> {
    fn raw(self) -> &'a RawNode {
        &self.document.tree.nodes[self.id as usize]
    }

    fn range(self) -> Range<u32> {
        self.raw().start..self.raw().end
    }

    /// Returns the node's place. For a scalar it includes the quotes; for an alias it is the alias.
    pub fn span(self) -> Span {
        let range = self.range();
        let placed = self.document.places.get().and_then(|places| places.get(self.id as usize));
        placed.copied().unwrap_or_else(|| self.document.span(range.start, range.end))
    }

    /// Returns the document that contains the node.
    pub fn document(self) -> &'a Document<'a> {
        self.document
    }

    /// Returns the node that an alias refers to, or the node itself if it is not an alias. The result is `None` if
    /// the alias is part of its own target or the document follows too many.
    fn target(self) -> Option<Self> {
        let mut node = self;
        while let NodeKind::Alias { target } = node.raw().kind {
            let left = self.document.aliases_left.get().checked_sub(1)?;
            self.document.aliases_left.set(left);
            let holder = self.document.tree.nodes.get(target as usize)?;
            let cyclic = target <= self.id && self.id < holder.next;
            if left == 0 || cyclic {
                return None;
            }
            node = Node { document: self.document, id: target };
        }
        Some(node)
    }

    /// Returns the number of nodes in this subtree; for an alias, in its target.
    pub(crate) fn size(self) -> usize {
        self.target().map_or(1, |node| node.raw().next.saturating_sub(node.id) as usize)
    }

    /// Whether the node is an alias.
    pub fn is_alias(self) -> bool {
        matches!(self.raw().kind, NodeKind::Alias { .. })
    }

    /// Whether the node is a mapping, or an alias of one.
    pub fn is_mapping(self) -> bool {
        self.target().is_some_and(|node| node.raw().kind == NodeKind::Mapping)
    }

    /// Whether the node is a sequence, or an alias of one.
    pub fn is_sequence(self) -> bool {
        self.target().is_some_and(|node| node.raw().kind == NodeKind::Sequence)
    }

    /// Returns the scalar's text after escapes and folding, whatever its type; `None` for collections.
    pub fn text(self) -> Option<&'a str> {
        match self.target()?.filling() {
            Some(filling) => Some(&filling.text),
            None => self.written(),
        }
    }

    /// Returns the text that replaces the scalar; `None` if it is used as written.
    pub(crate) fn filling(self) -> Option<&'a Filling> {
        self.document.filled.get()?.get(&self.target()?.id)
    }

    /// Returns the scalar's text as written, whatever replaces it.
    pub(crate) fn written(self) -> Option<&'a str> {
        let node = self.target()?;
        match node.raw().kind {
            NodeKind::Scalar { text, .. } => Some(match text {
                Text::Source { start, end } => node.document.text.get(start as usize..end as usize)?,
                Text::Owned { index } => node.document.tree.owned.get(index as usize)?,
                Text::Decoded { index } => node.document.tree.decoded.get(index as usize)?,
            }),
            _ => None,
        }
    }

    /// Returns the place of the scalar's text, byte by byte. For an alias, the place is that of the alias.
    pub fn place(self) -> Place {
        self.place_of(self.text())
    }

    /// Returns the place of the text as written, whatever replaces it.
    pub(crate) fn written_place(self) -> Place {
        self.place_of(self.written())
    }

    fn place_of(self, text: Option<&str>) -> Place {
        let range = self.range();
        let written = self.document.text.get(range.start as usize..range.end as usize);
        match (self.is_alias(), text, written) {
            (false, Some(text), Some(written)) if self.document.places.get().is_none() => {
                Place::of_scalar(text, written, self.span())
            }
            _ => Place::whole(self.span()),
        }
    }

    /// Returns the scalar as Kubernetes reads it; `None` for collections.
    pub fn scalar(self) -> Option<Scalar<'a>> {
        let node = self.target()?;
        if let Some(filling) = node.filling() {
            return Some(if filling.typed { scalar::resolve(&filling.text) } else { Scalar::String(&filling.text) });
        }
        let NodeKind::Scalar { typed, .. } = node.raw().kind else { return None };
        let text = node.text()?;
        Some(match typed {
            ScalarType::Plain if self.document.rule == MergeRule::OwnFirst && scalar::is_word(text) => {
                Scalar::String(text)
            }
            ScalarType::Plain => scalar::resolve(text),
            ScalarType::String | ScalarType::Merge => Scalar::String(text),
            ScalarType::Null => Scalar::Null,
            ScalarType::Bool => scalar::boolean(text).map_or(Scalar::String(text), Scalar::Bool),
            ScalarType::Number => Scalar::Number,
        })
    }

    /// Returns the field name of a key: JSON has strings only, so `1_0` is `10` and `y` is `true`. The result is
    /// `None` for collections, and for `<<` if it merges.
    pub fn key(self) -> Option<Cow<'a, str>> {
        let node = self.target()?;
        let NodeKind::Scalar { typed, .. } = node.raw().kind else { return None };
        let text = node.text()?;
        match typed {
            ScalarType::Plain | ScalarType::Number | ScalarType::Bool => Some(scalar::key(text)),
            ScalarType::String | ScalarType::Null => Some(Cow::Borrowed(text)),
            ScalarType::Merge => None,
        }
    }

    /// Returns the value of a string field: a string, not a number, boolean or null.
    pub fn as_str(self) -> Option<&'a str> {
        match self.scalar()? {
            Scalar::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the node is null: empty, `~`, `null`.
    pub fn is_null(self) -> bool {
        self.scalar() == Some(Scalar::Null)
    }

    /// Whether the value is a token without quotes that another program fills in, and that YAML parses as something
    /// else: a comment in `image: #@ data.values.image` (ytt) and `image: #{IMAGE}#` (Replace Tokens), a list in
    /// `[[ image ]]`, a mapping in `{IMAGE}`.
    pub(crate) fn is_unquoted_token(self) -> bool {
        let Range { start, end } = self.range();
        if start == end {
            let rest = self.document.text.get(end as usize..).unwrap_or_default().trim_start_matches([' ', '\t']);
            return rest.starts_with("#@") || rest.starts_with("#{");
        }
        let written = self.document.text.get(start as usize..end as usize).unwrap_or_default();
        let between = |open, close| written.strip_prefix(open).and_then(|rest: &str| rest.strip_suffix(close));
        let is_of = |text: &str, more: &[char]| {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') || more.contains(&c);
            text.contains(|c: char| c.is_ascii_alphabetic()) && text.chars().all(is_name)
        };
        // Without the blanks it is a list in a list, and in lower case a mapping.
        between("[[ ", " ]]").is_some_and(|text| is_of(text, &[' ', '$', '|', '"', '\'']))
            || between("{", "}")
                .is_some_and(|text| is_of(text, &[]) && !text.contains(|c: char| c.is_ascii_lowercase()))
    }

    /// Returns the items of a sequence; none for anything else.
    pub fn items(self) -> impl Iterator<Item = Node<'a>> {
        let node = self.target().filter(|node| node.raw().kind == NodeKind::Sequence);
        node.into_iter().flat_map(Self::children)
    }

    /// Returns the entries of a mapping as written, duplicates and `<<` included; none for anything else.
    pub fn entries(self) -> impl Iterator<Item = Entry<'a>> {
        let node = self.target().filter(|node| node.raw().kind == NodeKind::Mapping);
        let mut children = node.into_iter().flat_map(Self::children);
        std::iter::from_fn(move || Some(Entry { key: children.next()?, value: children.next()? }))
    }

    /// Returns the nodes directly below this one, in source order.
    fn children(self) -> impl Iterator<Item = Node<'a>> {
        let end = self.raw().next;
        let mut at = self.id + 1;
        std::iter::from_fn(move || {
            let child = (at < end).then_some(Node { document: self.document, id: at })?;
            at = child.raw().next;
            Some(child)
        })
    }

    /// Returns the entry of a key, as the reader of the document chooses it ([`MergeRule`]): the last of duplicates,
    /// and what `<<` merges.
    pub fn entry(self, key: &str) -> Option<Entry<'a>> {
        if !self.document.tree.merges {
            return self.entries().filter(|entry| entry.key.text() == Some(key)).last();
        }
        self.entry_within(key, MAX_MERGES)
    }

    fn entry_within(self, key: &str, merges: u8) -> Option<Entry<'a>> {
        let (mut own, mut merged) = (None, None);
        for entry in self.entries() {
            if entry.key.is_merge() {
                let found = merges.checked_sub(1).and_then(|left| entry.value.merged_entry(key, left));
                merged = found.or(merged);
                if found.is_some() && self.document.rule == MergeRule::InOrder {
                    own = None;
                }
            } else if entry.key.text() == Some(key) {
                own = Some(entry);
            }
        }
        own.or(merged)
    }

    /// Returns the entry of a key in the value of `<<`; if that is several mappings, in the first that has it.
    fn merged_entry(self, key: &str, merges: u8) -> Option<Entry<'a>> {
        if self.is_sequence() {
            self.items().find_map(|item| item.entry_within(key, merges))
        } else {
            self.entry_within(key, merges)
        }
    }

    /// Whether the node is the key `<<`, which merges its value.
    pub(crate) fn is_merge(self) -> bool {
        matches!(self.raw().kind, NodeKind::Scalar { typed: ScalarType::Merge, .. })
    }

    /// Whether the node is a scalar without quotes or tag.
    pub(crate) fn is_plain(self) -> bool {
        matches!(self.raw().kind, NodeKind::Scalar { typed: ScalarType::Plain, .. })
    }

    /// Returns the value of a key; see [`Node::entry`].
    pub fn get(self, key: &str) -> Option<Node<'a>> {
        self.entry(key).map(|entry| entry.value)
    }

    /// Returns the value at the end of a path of keys.
    pub fn at(self, path: &[&str]) -> Option<Node<'a>> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Returns the string at a key.
    pub fn str(self, key: &str) -> Option<&'a str> {
        self.get(key)?.as_str()
    }
}

#[cfg(test)]
mod tests;
