//! Fills an arena, and records what kubectl's decoder refuses in it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{NodeKind, RawNode, ScalarType, Tree, decode};
use crate::text::go::base64::{self, Padding};
use crate::text::go::utf8::decode_rune;
use crate::text::yaml::scalar::{self, Scalar};
use crate::text::yaml::scan::{ScanError, Text};

/// How many nodes one document may have: 28 bytes each. The largest object that a cluster stores has some 100,000.
const MAX_NODES: usize = 4_000_000;

/// `maxNestingDepth` of Go's JSON decoder, which reads what the YAML was converted to.
const MAX_DEPTH: usize = 10_000;

/// How a collection is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::text::yaml) enum Layout {
    Block,
    /// A list whose dashes are at the column of their key.
    Indentless,
    Flow,
    /// `key: value` as an item of a flow sequence.
    Pair,
}

/// The properties in front of a node.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::text::yaml) struct Properties {
    /// The range of the anchor's name.
    pub(in crate::text::yaml) anchor: Option<(u32, u32)>,
    pub(in crate::text::yaml) tag: Tag,
}

/// The tag of a node, as far as it decides on a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::text::yaml) enum Tag {
    #[default]
    None,
    /// `!` alone: a string, but `<<` merges.
    NonSpecific,
    String,
    Bool,
    Int,
    Float,
    Null,
    Timestamp,
    Binary,
    Merge,
    /// Any other tag: the value is a string.
    Other,
}

impl Tag {
    /// Returns the type of a full tag.
    pub(in crate::text::yaml) fn of(tag: &str) -> Self {
        match tag.strip_prefix("tag:yaml.org,2002:") {
            Some("str") => Self::String,
            Some("bool") => Self::Bool,
            Some("int") => Self::Int,
            Some("float") => Self::Float,
            Some("null") => Self::Null,
            Some("timestamp") => Self::Timestamp,
            Some("binary") => Self::Binary,
            Some("merge") => Self::Merge,
            None if tag == "!" => Self::NonSpecific,
            _ => Self::Other,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Bool => "!!bool",
            Self::Int => "!!int",
            Self::Float => "!!float",
            Self::Null => "!!null",
            Self::Timestamp => "!!timestamp",
            _ => "!!str",
        }
    }
}

/// A collection that is not yet closed.
struct Open {
    id: u32,
    layout: Layout,
    next: Next,
}

/// The expected item in an open collection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Item,
    Key,
    Value,
    /// The value of `<<`.
    Merged,
}

/// Builds the tree of a document in an arena.
pub(in crate::text::yaml) struct Builder<'g, 't> {
    text: &'t str,
    tree: &'g mut Tree,
    open: Vec<Open>,
    /// The last node of each anchor.
    anchors: BTreeMap<&'t str, u32>,
    aliases: bool,
    /// The values of merge keys.
    merged: Vec<u32>,
    refused: Option<ScanError>,
}

impl<'g, 't> Builder<'g, 't> {
    pub(in crate::text::yaml) fn new(text: &'t str, tree: &'g mut Tree) -> Self {
        let anchors = BTreeMap::new();
        Self { text, tree, open: Vec::new(), anchors, aliases: false, merged: Vec::new(), refused: None }
    }

    /// Returns the texts that nodes point at, the comments, and the reason if kubectl's decoder refuses the
    /// document.
    pub(in crate::text::yaml) fn finish(self, owned: Vec<String>, comments: Vec<Range<u32>>) -> Option<ScanError> {
        self.tree.owned = owned;
        self.tree.comments = comments;
        let refused = self.refused.or_else(|| decode::merge_fault(self.tree, &self.merged));
        refused.or_else(|| self.aliases.then(|| decode::alias_fault(self.tree, self.text)).flatten())
    }

    fn refuse(&mut self, at: u32, message: impl Into<String>) {
        self.refused.get_or_insert_with(|| ScanError::new(at, message));
    }

    /// Adds a scalar, with its place and its value.
    pub(in crate::text::yaml) fn scalar(
        &mut self,
        range: Range<u32>,
        text: Text,
        value: &str,
        plain: bool,
        properties: Properties,
    ) -> Result<(), ScanError> {
        let at = range.start;
        let is_key = self.open.last().is_some_and(|open| open.next == Next::Key);
        let mut text = text;
        let mut typed = match properties.tag {
            Tag::None if plain => ScalarType::Plain,
            Tag::None => ScalarType::String,
            Tag::Binary => {
                text = self.decode(at, value);
                ScalarType::String
            }
            tag => self.tagged(at, tag, value),
        };
        if is_key {
            let merges = typed == ScalarType::Plain || matches!(properties.tag, Tag::NonSpecific | Tag::Merge);
            if value == "<<" && merges {
                typed = ScalarType::Merge;
                self.tree.merges = true;
            } else {
                self.check_key(at, value, typed);
            }
        } else if matches!(typed, ScalarType::Plain | ScalarType::Number)
            && let Some(b'.' | b'+' | b'-') = value.as_bytes().first()
            && let Some(name) = scalar::not_finite(value)
        {
            self.refuse(at, format!("json: unsupported value: {name}"));
        }
        self.node(range, NodeKind::Scalar { text, typed }, properties)?;
        if typed == ScalarType::Merge
            && let Some(open) = self.open.last_mut()
        {
            open.next = Next::Merged;
        }
        Ok(())
    }

    /// Adds a scalar without any text.
    pub(in crate::text::yaml) fn empty(&mut self, at: u32, properties: Properties) -> Result<(), ScanError> {
        self.scalar(at..at, Text::Source { start: at, end: at }, "", true, properties)
    }

    fn decode(&mut self, at: u32, value: &str) -> Text {
        let Ok(bytes) = base64::decode(value.as_bytes(), Padding::Required) else {
            self.refuse(at, "!!binary value contains invalid base64 data");
            return Text::Source { start: at, end: at };
        };
        // Invalid UTF-8 is lost on the way to JSON, byte by byte.
        let mut decoded = String::with_capacity(bytes.len());
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (character, width) = decode_rune(rest);
            decoded.push(character);
            rest = rest.get(width..).unwrap_or_default();
        }
        self.tree.decoded.push(decoded);
        Text::Decoded { index: self.tree.decoded.len() as u32 - 1 }
    }

    /// Returns the type of a tagged scalar; one that does not fit its tag is refused.
    fn tagged(&mut self, at: u32, tag: Tag, value: &str) -> ScalarType {
        let (typed, found) = match tag {
            Tag::Bool | Tag::Int | Tag::Float | Tag::Null | Tag::Timestamp => match scalar::resolve(value) {
                Scalar::Null => (ScalarType::Null, Tag::Null),
                Scalar::Bool(_) => (ScalarType::Bool, Tag::Bool),
                Scalar::Number if scalar::is_integer(value) => (ScalarType::Number, Tag::Int),
                Scalar::Number => (ScalarType::Number, Tag::Float),
                Scalar::String(_) if scalar::is_timestamp(value) && tag == Tag::Timestamp => {
                    (ScalarType::String, Tag::Timestamp)
                }
                Scalar::String("<<") => (ScalarType::String, Tag::Merge),
                Scalar::String(_) => (ScalarType::String, Tag::String),
            },
            _ => return ScalarType::String,
        };
        let fits = found == tag || tag == Tag::Float && found == Tag::Int && !scalar::is_beyond_signed(value);
        if !fits {
            let found = if found == Tag::Merge { "!!merge" } else { found.name() };
            self.refuse(at, format!("cannot decode {found} `{value}` as a {}", tag.name()));
        }
        typed
    }

    fn check_key(&mut self, at: u32, value: &str, typed: ScalarType) {
        let resolved = match typed {
            ScalarType::Plain => scalar::resolve(value),
            ScalarType::Null => Scalar::Null,
            ScalarType::Number => Scalar::Number,
            _ => return,
        };
        match resolved {
            Scalar::Null => self.refuse(at, "unsupported map key of type: %!s(<nil>)"),
            Scalar::Number if scalar::is_beyond_signed(value) => {
                self.refuse(at, "unsupported map key of type: uint64");
            }
            _ => {}
        }
    }

    /// Adds an alias; `name` is that of its anchor.
    pub(in crate::text::yaml) fn alias(&mut self, range: Range<u32>, name: &str) -> Result<(), ScanError> {
        let Some(&target) = self.anchors.get(name) else {
            return Err(ScanError::new(range.start, format!("unknown anchor '{name}' referenced")));
        };
        self.aliases = true;
        if self.open.last().is_some_and(|open| open.next == Next::Key) {
            match self.tree.nodes.get(target as usize).map(|node| node.kind) {
                Some(NodeKind::Scalar { text: Text::Source { start, end }, typed }) => {
                    let value = self.text.get(start as usize..end as usize).unwrap_or_default();
                    self.check_key(range.start, value, typed);
                }
                Some(NodeKind::Mapping) => self.refuse(range.start, INVALID_MAP),
                Some(NodeKind::Sequence) => self.refuse(range.start, INVALID_SEQUENCE),
                _ => {}
            }
        }
        self.node(range, NodeKind::Alias { target }, Properties::default())
    }

    /// Opens a collection of nodes.
    pub(in crate::text::yaml) fn start(
        &mut self,
        at: u32,
        mapping: bool,
        layout: Layout,
        properties: Properties,
    ) -> Result<(), ScanError> {
        if self.open.last().is_some_and(|open| open.next == Next::Key) {
            self.refuse(at, if mapping { INVALID_MAP } else { INVALID_SEQUENCE });
        }
        if self.open.len() == MAX_DEPTH {
            self.refuse(at, "while decoding JSON: exceeded max depth");
        }
        let id = self.tree.nodes.len() as u32;
        self.node(at..at, if mapping { NodeKind::Mapping } else { NodeKind::Sequence }, properties)?;
        self.open.push(Open { id, layout, next: if mapping { Next::Key } else { Next::Item } });
        Ok(())
    }

    /// Closes the innermost collection; `at` is the end of its closing token.
    pub(in crate::text::yaml) fn end(&mut self, at: u32) {
        let Some(Open { id, layout, .. }) = self.open.pop() else { return };
        let next = self.tree.nodes.len() as u32;
        // The end of a block collection is after trailing comments and blanks: the last child's is exact.
        let last = self.tree.nodes.last().map_or(at, |last| last.end);
        let Some(node) = self.tree.nodes.get_mut(id as usize) else { return };
        node.next = next;
        node.end = if layout == Layout::Flow { at } else { last.max(node.end) };
        let end = node.end;
        if let Some(parent) = self.open.last().and_then(|open| self.tree.nodes.get_mut(open.id as usize)) {
            parent.end = parent.end.max(end);
        }
    }

    fn node(&mut self, range: Range<u32>, kind: NodeKind, properties: Properties) -> Result<(), ScanError> {
        let id = self.tree.nodes.len();
        if id >= MAX_NODES {
            return Err(ScanError::new(range.start, format!("the document has more than {MAX_NODES} values")));
        }
        let id = id as u32;
        if let Some(open) = self.open.last_mut() {
            if open.next == Next::Merged {
                self.merged.push(id);
            }
            open.next = match open.next {
                Next::Item => Next::Item,
                Next::Key => Next::Value,
                Next::Value | Next::Merged => Next::Key,
            };
        }
        if let Some((start, end)) = properties.anchor
            && let Some(name) = self.text.get(start as usize..end as usize)
        {
            self.anchors.insert(name, id);
        }
        self.tree.nodes.push(RawNode { start: range.start, end: range.end, next: id + 1, kind });
        Ok(())
    }
}

/// The decoder prints the key after it.
const INVALID_MAP: &str = "invalid map key: map[interface {}]interface {}{…}";
const INVALID_SEQUENCE: &str = "invalid map key: []interface {}{…}";
