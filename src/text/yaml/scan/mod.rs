//! Characters to tokens, as in kubectl.
//!
//! kubectl reads YAML with go.yaml.in/yaml/v2 (v2.4.3), the Go form of libyaml. This scanner accepts and refuses the
//! same texts with the same messages; the behavior of `scannerc.go` there is the reference, its quirks included. In
//! contrast to it, every token knows its bytes, and comments are kept.

mod block;
mod cursor;
mod indicator;
mod property;
mod quoted;

use std::ops::Range;

use cursor::{Cursor, Mark};

/// `max_flow_level` and `max_indents` of the scanner.
const MAX_DEPTH: usize = 10_000;

/// The maximum distance of a key from its `:`, in characters.
const MAX_KEY: u32 = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    StreamEnd,
    Version,
    TagDirective,
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias,
    Anchor,
    Tag,
    /// A scalar that is neither quoted nor a block.
    Plain,
    Quoted,
}

/// Where a text is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    Source { start: u32, end: u32 },
    Owned { index: u32 },
    Decoded { index: u32 },
}

/// A token, with its place in the chunk. `text` is a scalar's value, the name of an anchor or alias, or the number
/// of a tag in [`Scanner::tags`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) text: Text,
}

impl Token {
    const fn new(kind: TokenKind, start: u32, end: u32) -> Self {
        Self { kind, start, end, text: Text::Source { start: 0, end: 0 } }
    }
}

/// A tag as it is written, with `%` escapes resolved: the handle, and what follows it.
#[derive(Debug, Default)]
pub(super) struct Tag {
    pub(super) handle: String,
    pub(super) suffix: String,
}

/// Why kubectl refuses a document, with the message of its decoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScanError {
    /// Byte offset in the chunk of the text to fix.
    pub(super) at: usize,
    pub(super) message: String,
}

impl ScanError {
    pub(super) fn new(at: u32, message: impl Into<String>) -> Self {
        Self { at: at as usize, message: message.into() }
    }
}

/// A token that becomes a key if a `:` follows.
#[derive(Debug, Clone, Copy)]
struct SimpleKey {
    possible: bool,
    /// Whether only a key is allowed at this place.
    required: bool,
    /// Whether the queue waits for its `:`. The decoder forgets that for a `[]` or `{}` with nothing in it.
    listed: bool,
    token: usize,
    mark: Mark,
}

pub(super) struct Scanner<'t> {
    cursor: Cursor<'t>,
    tokens: Vec<Token>,
    head: usize,
    /// The number of tokens that were taken.
    taken: usize,
    /// Whether the head of the queue is known to be complete.
    ready: bool,
    indent: i32,
    indents: Vec<i32>,
    /// One for each flow level; the numbers of their tokens never decrease.
    keys: Vec<SimpleKey>,
    key_allowed: bool,
    ended: bool,
    pub(super) tags: Vec<Tag>,
    /// Values that are not the source text itself.
    pub(super) owned: Vec<String>,
    pub(super) comments: Vec<Range<u32>>,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let cursor = Cursor::new(text);
        let first = SimpleKey { possible: false, required: false, listed: false, token: 0, mark: cursor.mark() };
        Self {
            cursor,
            tokens: Vec::with_capacity(16),
            head: 0,
            taken: 0,
            ready: false,
            indent: -1,
            indents: Vec::new(),
            keys: vec![first],
            key_allowed: true,
            ended: false,
            tags: Vec::new(),
            owned: Vec::new(),
            comments: Vec::new(),
        }
    }

    /// Returns the text of a value, an anchor or an alias.
    pub(super) fn text(&self, text: Text) -> &str {
        match text {
            Text::Source { start, end } => self.cursor.text.get(start as usize..end as usize).unwrap_or_default(),
            Text::Owned { index } => self.owned.get(index as usize).map(String::as_str).unwrap_or_default(),
            Text::Decoded { .. } => "",
        }
    }

    /// Returns the next token without taking it.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<Token, ScanError> {
        if !self.ready {
            self.fetch_more()?;
        }
        Ok(self.tokens[self.head])
    }

    /// Takes the token that was seen last.
    #[inline]
    pub(super) fn skip(&mut self) {
        self.ready = false;
        self.taken += 1;
        self.head += 1;
        if self.head == self.tokens.len() {
            self.head = 0;
            self.tokens.clear();
        }
    }

    /// Scans until the head of the queue cannot turn into a key any more.
    fn fetch_more(&mut self) -> Result<(), ScanError> {
        loop {
            if self.head != self.tokens.len() {
                let at = self.keys.partition_point(|key| key.token < self.taken);
                let heads = self.keys[at..].iter().take_while(|key| key.token == self.taken);
                let Some(into) = { heads }.position(|key| key.possible && key.listed) else { break };
                let at = at + into;
                if !self.is_valid(at)? {
                    break;
                }
            }
            if self.ended {
                let end = self.cursor.offset();
                self.tokens.push(Token::new(TokenKind::StreamEnd, end, end));
                break;
            }
            self.fetch()?;
        }
        self.ready = true;
        Ok(())
    }

    fn fetch(&mut self) -> Result<(), ScanError> {
        self.scan_to_next_token();
        let column = self.cursor.column();
        self.unroll_indent(column);
        let first = self.cursor.at(0);
        if column == 0 {
            match first {
                b'%' => return self.fetch_directive(),
                b'-' if self.cursor.is_marker(b'-') => return self.fetch_marker(TokenKind::DocumentStart),
                b'.' if self.cursor.is_marker(b'.') => return self.fetch_marker(TokenKind::DocumentEnd),
                _ => {}
            }
        }
        let in_flow = self.in_flow();
        match first {
            0 => self.fetch_stream_end(),
            b'[' => self.fetch_flow_start(TokenKind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(TokenKind::FlowMappingStart),
            b']' => self.fetch_flow_end(TokenKind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(TokenKind::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if self.cursor.is_blankz(1) => self.fetch_block_entry(),
            b'?' if in_flow || self.cursor.is_blankz(1) => self.fetch_key(),
            b':' if in_flow || self.cursor.is_blankz(1) => self.fetch_value(),
            b'*' => self.fetch_anchor(TokenKind::Alias),
            b'&' => self.fetch_anchor(TokenKind::Anchor),
            b'!' => self.fetch_tag(),
            b'|' if !in_flow => self.fetch_block_scalar(true),
            b'>' if !in_flow => self.fetch_block_scalar(false),
            b'\'' => self.fetch_quoted(true),
            b'"' => self.fetch_quoted(false),
            b'-' if !matches!(self.cursor.at(1), b' ' | b'\t') => self.fetch_plain(),
            b'?' | b':' if !in_flow && !self.cursor.is_blankz(1) => self.fetch_plain(),
            b'-' | b'?' | b':' | b'|' | b'>' | b'%' | b'@' | b'`' | b'#' => self.no_token(),
            _ if self.cursor.is_blankz(0) => self.no_token(),
            _ => self.fetch_plain(),
        }
    }

    fn no_token(&self) -> Result<(), ScanError> {
        Err(self.here("found character that cannot start any token"))
    }

    fn here(&self, message: &str) -> ScanError {
        ScanError::new(self.cursor.offset(), message)
    }

    fn in_flow(&self) -> bool {
        self.keys.len() > 1
    }

    fn push(&mut self, token: Token) {
        self.tokens.push(token);
    }

    /// Returns the number of the token that is pushed next.
    fn next_number(&self) -> usize {
        self.taken + self.tokens.len() - self.head
    }

    /// Inserts a token before the one with a number, or at the end if that one was taken already.
    fn insert(&mut self, number: usize, token: Token) {
        let at = number.checked_sub(self.taken).map_or(self.tokens.len(), |into| self.head + into);
        self.tokens.insert(at.min(self.tokens.len()), token);
    }

    fn is_valid(&mut self, at: usize) -> Result<bool, ScanError> {
        let key = self.keys[at];
        if !key.possible {
            return Ok(false);
        }
        let now = self.cursor.mark();
        if key.mark.line < now.line || key.mark.index + MAX_KEY < now.index {
            if key.required {
                return Err(no_colon(&key));
            }
            self.keys[at].possible = false;
            return Ok(false);
        }
        Ok(true)
    }

    fn save_key(&mut self) -> Result<(), ScanError> {
        if self.key_allowed {
            let required = !self.in_flow() && self.indent == self.cursor.column();
            let key = SimpleKey {
                possible: true,
                required,
                listed: true,
                token: self.next_number(),
                mark: self.cursor.mark(),
            };
            self.remove_key()?;
            let last = self.keys.len() - 1;
            self.keys[last] = key;
        }
        Ok(())
    }

    fn remove_key(&mut self) -> Result<(), ScanError> {
        let last = self.keys.len() - 1;
        let key = &mut self.keys[last];
        if key.possible {
            if key.required {
                return Err(no_colon(key));
            }
            key.possible = false;
        }
        Ok(())
    }

    /// Opens a block collection if the column is deeper than the indentation.
    fn roll_indent(
        &mut self,
        column: i32,
        number: Option<usize>,
        kind: TokenKind,
        start: u32,
    ) -> Result<(), ScanError> {
        if self.in_flow() || self.indent >= column {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column;
        if self.indents.len() > MAX_DEPTH {
            return Err(ScanError::new(start, format!("exceeded max depth of {MAX_DEPTH}")));
        }
        let token = Token::new(kind, start, start);
        match number {
            Some(number) => self.insert(number, token),
            None => self.push(token),
        }
        Ok(())
    }

    fn unroll_indent(&mut self, column: i32) {
        if self.in_flow() {
            return;
        }
        while self.indent > column {
            let at = self.cursor.offset();
            self.push(Token::new(TokenKind::BlockEnd, at, at));
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    /// Skips blanks, comments and line breaks.
    fn scan_to_next_token(&mut self) {
        loop {
            while self.cursor.at(0) == b' ' || (self.cursor.at(0) == b'\t' && (self.in_flow() || !self.key_allowed)) {
                self.cursor.advance(1);
            }
            if self.cursor.at(0) == b'#' {
                self.scan_comment();
            }
            if !self.cursor.is_break(0) {
                return;
            }
            self.cursor.skip_line();
            if !self.in_flow() {
                self.key_allowed = true;
            }
        }
    }

    fn scan_comment(&mut self) {
        let start = self.cursor.offset();
        self.cursor.skip_to_break();
        self.comments.push(start..self.cursor.offset());
    }
}

/// kubectl names the line after it; the line to fix is the one without a `:`.
fn no_colon(key: &SimpleKey) -> ScanError {
    ScanError::new(key.mark.offset, "could not find expected ':'")
}
