//! Tokens to a tree: the states of `parserc.go` of go.yaml.in/yaml/v2 (v2.4.3), with its messages.
//!
//! The states are a stack and not calls, so that nesting costs only memory.

use crate::text::yaml::scan::{ScanError, Scanner, Text, Token, TokenKind};
use crate::text::yaml::tree::build::{Builder, Layout, Properties, Tag};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    DocumentContent,
    DocumentEnd,
    BlockNode,
    BlockSequenceFirst,
    BlockSequence,
    IndentlessSequence,
    BlockMappingFirst,
    BlockMappingKey,
    BlockMappingValue,
    FlowSequenceFirst,
    FlowSequence,
    FlowSequencePairKey,
    FlowSequencePairValue,
    FlowSequencePairEnd,
    FlowMappingFirst,
    FlowMappingKey,
    FlowMappingValue,
    FlowMappingNoValue,
}

/// How a chunk's first document ended: kubectl reads no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The chunk has no document, only blanks and comments.
    Empty,
    /// The document ends with the chunk.
    Whole,
    /// The document ends before this offset, and more text follows. With `...` it was ended on purpose.
    Before { at: u32, marked: bool },
}

pub(super) struct Grammar<'g, 't> {
    scanner: Scanner<'t>,
    builder: Builder<'g, 't>,
    states: Vec<State>,
    state: State,
    /// `%TAG` handles with their prefixes.
    handles: Vec<(String, String)>,
}

impl<'g, 't> Grammar<'g, 't> {
    pub(super) fn new(text: &'t str, builder: Builder<'g, 't>) -> Self {
        Self {
            scanner: Scanner::new(text),
            builder,
            states: vec![State::DocumentEnd],
            state: State::BlockNode,
            handles: Vec::new(),
        }
    }

    /// Reads the first document into the builder's tree. Text after its end is not read, as in kubectl. The second
    /// part of the result is why the decoder refuses what the parser accepted.
    pub(super) fn read(mut self) -> Result<(End, Option<ScanError>), ScanError> {
        let end = self.read_document();
        let refused = self.builder.finish(self.scanner.owned, self.scanner.comments);
        Ok((end?, refused))
    }

    fn read_document(&mut self) -> Result<End, ScanError> {
        let mut token = self.scanner.peek()?;
        match token.kind {
            TokenKind::StreamEnd => return Ok(End::Empty),
            TokenKind::Version | TokenKind::TagDirective | TokenKind::DocumentStart => {
                self.directives()?;
                token = self.scanner.peek()?;
                if token.kind != TokenKind::DocumentStart {
                    return Err(ScanError::new(token.start, "did not find expected <document start>"));
                }
                self.scanner.skip();
                self.state = State::DocumentContent;
            }
            _ => {}
        }
        while self.state != State::DocumentEnd {
            self.step()?;
        }
        let token = self.scanner.peek()?;
        Ok(match token.kind {
            TokenKind::StreamEnd => End::Whole,
            TokenKind::DocumentEnd => End::Before { at: token.end, marked: true },
            _ => End::Before { at: token.start, marked: false },
        })
    }

    fn directives(&mut self) -> Result<(), ScanError> {
        let mut versions = 0;
        loop {
            let token = self.scanner.peek()?;
            match token.kind {
                TokenKind::Version => {
                    versions += 1;
                    if versions > 1 {
                        return Err(ScanError::new(token.start, "found duplicate %YAML directive"));
                    }
                    let mut numbers = self.scanner.text(token.text).split('.').map(str::parse::<u8>);
                    if !matches!((numbers.next(), numbers.next()), (Some(Ok(1)), Some(Ok(1)))) {
                        return Err(ScanError::new(token.start, "found incompatible YAML document"));
                    }
                }
                TokenKind::TagDirective => {
                    let tag = tag_number(token.text).and_then(|number| self.scanner.tags.get(number));
                    let Some(tag) = tag else { return Ok(()) };
                    if self.handles.iter().any(|(handle, _)| *handle == tag.handle) {
                        return Err(ScanError::new(token.start, "found duplicate %TAG directive"));
                    }
                    self.handles.push((tag.handle.clone(), tag.suffix.clone()));
                }
                _ => return Ok(()),
            }
            self.scanner.skip();
        }
    }

    fn step(&mut self) -> Result<(), ScanError> {
        match self.state {
            State::DocumentContent => self.document_content(),
            State::DocumentEnd => Ok(()),
            State::BlockNode => self.node(true, false),
            State::BlockSequenceFirst => {
                self.scanner.skip();
                self.block_sequence()
            }
            State::BlockSequence => self.block_sequence(),
            State::IndentlessSequence => self.indentless_sequence(),
            State::BlockMappingFirst => {
                self.scanner.skip();
                self.block_mapping_key()
            }
            State::BlockMappingKey => self.block_mapping_key(),
            State::BlockMappingValue => self.block_mapping_value(),
            State::FlowSequenceFirst => {
                self.scanner.skip();
                self.flow_sequence(true)
            }
            State::FlowSequence => self.flow_sequence(false),
            State::FlowSequencePairKey => self.flow_sequence_pair_key(),
            State::FlowSequencePairValue => self.flow_sequence_pair_value(),
            State::FlowSequencePairEnd => {
                let token = self.scanner.peek()?;
                self.builder.end(token.start);
                self.state = State::FlowSequence;
                Ok(())
            }
            State::FlowMappingFirst => {
                self.scanner.skip();
                self.flow_mapping_key(true)
            }
            State::FlowMappingKey => self.flow_mapping_key(false),
            State::FlowMappingValue => self.flow_mapping_value(),
            State::FlowMappingNoValue => {
                let token = self.scanner.peek()?;
                self.empty(token.start, State::FlowMappingKey)
            }
        }
    }

    fn pop(&mut self) {
        self.state = self.states.pop().unwrap_or(State::DocumentEnd);
    }

    /// Adds an empty scalar, and enters the state after it.
    fn empty(&mut self, at: u32, state: State) -> Result<(), ScanError> {
        self.state = state;
        self.builder.empty(at, Properties::default())
    }

    /// Adds a node, and enters the state after it.
    fn node_then(&mut self, state: State, block: bool, indentless: bool) -> Result<(), ScanError> {
        self.states.push(state);
        self.node(block, indentless)
    }

    /// Takes the token that was seen last, and returns the next step.
    fn next(&mut self) -> Result<Token, ScanError> {
        self.scanner.skip();
        self.scanner.peek()
    }

    fn document_content(&mut self) -> Result<(), ScanError> {
        let token = self.scanner.peek()?;
        match token.kind {
            TokenKind::Version
            | TokenKind::TagDirective
            | TokenKind::DocumentStart
            | TokenKind::DocumentEnd
            | TokenKind::StreamEnd => {
                self.pop();
                self.builder.empty(token.start, Properties::default())
            }
            _ => self.node(true, false),
        }
    }

    fn node(&mut self, block: bool, indentless: bool) -> Result<(), ScanError> {
        let mut token = self.scanner.peek()?;
        if token.kind == TokenKind::Alias {
            self.pop();
            self.builder.alias(token.start..token.end, self.scanner.text(token.text))?;
            self.scanner.skip();
            return Ok(());
        }
        let start = token.start;
        let (mut properties, mut tag, mut end) = (Properties::default(), None, token.start);
        let mut seen = None;
        while matches!(token.kind, TokenKind::Anchor | TokenKind::Tag) && seen != Some(token.kind) {
            if properties.anchor.is_some() && tag.is_some() {
                break;
            }
            if token.kind == TokenKind::Anchor {
                properties.anchor = anchor_name(token.text);
            } else {
                tag = Some(token);
            }
            seen = Some(token.kind);
            end = token.end;
            token = self.next()?;
        }
        if let Some(tag) = tag {
            properties.tag = self.resolve(tag)?;
        }
        let (mapping, layout, state) = match token.kind {
            TokenKind::BlockEntry if indentless => (false, Layout::Indentless, State::IndentlessSequence),
            TokenKind::Plain | TokenKind::Quoted => {
                self.pop();
                let value = self.scanner.text(token.text);
                let plain = token.kind == TokenKind::Plain;
                self.builder.scalar(token.start..token.end, token.text, value, plain, properties)?;
                self.scanner.skip();
                return Ok(());
            }
            TokenKind::FlowSequenceStart => (false, Layout::Flow, State::FlowSequenceFirst),
            TokenKind::FlowMappingStart => (true, Layout::Flow, State::FlowMappingFirst),
            TokenKind::BlockSequenceStart if block => (false, Layout::Block, State::BlockSequenceFirst),
            TokenKind::BlockMappingStart if block => (true, Layout::Block, State::BlockMappingFirst),
            _ if seen.is_some() => {
                self.pop();
                return self.builder.empty(end, properties);
            }
            _ => {
                let at = if token.kind == TokenKind::StreamEnd { start } else { token.start };
                return Err(ScanError::new(at, "did not find expected node content"));
            }
        };
        self.state = state;
        self.builder.start(token.start, mapping, layout, properties)
    }

    /// Returns the type that a tag gives its scalar.
    fn resolve(&self, token: Token) -> Result<Tag, ScanError> {
        let tag = tag_number(token.text).and_then(|number| self.scanner.tags.get(number));
        let Some(tag) = tag else { return Ok(Tag::None) };
        if tag.handle.is_empty() {
            return Ok(Tag::of(&tag.suffix));
        }
        let prefix = match self.handles.iter().find(|(handle, _)| *handle == tag.handle) {
            Some((_, prefix)) => prefix.as_str(),
            None if tag.handle == "!!" => "tag:yaml.org,2002:",
            None if tag.handle == "!" => "!",
            None => return Err(ScanError::new(token.start, "found undefined tag handle")),
        };
        Ok(Tag::of(&format!("{prefix}{}", tag.suffix)))
    }

    fn block_sequence(&mut self) -> Result<(), ScanError> {
        let token = self.scanner.peek()?;
        match token.kind {
            TokenKind::BlockEntry => match self.next()?.kind {
                TokenKind::BlockEntry | TokenKind::BlockEnd => self.empty(token.end, State::BlockSequence),
                _ => self.node_then(State::BlockSequence, true, false),
            },
            TokenKind::BlockEnd => {
                self.close(token);
                Ok(())
            }
            _ => Err(ScanError::new(token.start, "did not find expected '-' indicator")),
        }
    }

    /// Ends the innermost collection with a token of its own.
    fn close(&mut self, token: Token) {
        self.pop();
        self.builder.end(token.end);
        self.scanner.skip();
    }

    fn indentless_sequence(&mut self) -> Result<(), ScanError> {
        let token = self.scanner.peek()?;
        if token.kind != TokenKind::BlockEntry {
            self.pop();
            self.builder.end(token.start);
            return Ok(());
        }
        match self.next()?.kind {
            TokenKind::BlockEntry | TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => {
                self.empty(token.end, State::IndentlessSequence)
            }
            _ => self.node_then(State::IndentlessSequence, true, false),
        }
    }

    fn block_mapping_key(&mut self) -> Result<(), ScanError> {
        let token = self.scanner.peek()?;
        match token.kind {
            TokenKind::Key => match self.next()?.kind {
                TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => {
                    self.empty(token.end, State::BlockMappingValue)
                }
                _ => self.node_then(State::BlockMappingValue, true, true),
            },
            TokenKind::BlockEnd => {
                self.close(token);
                Ok(())
            }
            _ => Err(ScanError::new(token.start, "did not find expected key")),
        }
    }

    fn block_mapping_value(&mut self) -> Result<(), ScanError> {
        let token = self.scanner.peek()?;
        if token.kind != TokenKind::Value {
            return self.empty(token.start, State::BlockMappingKey);
        }
        match self.next()?.kind {
            TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => self.empty(token.end, State::BlockMappingKey),
            _ => self.node_then(State::BlockMappingKey, true, true),
        }
    }

    fn flow_sequence(&mut self, first: bool) -> Result<(), ScanError> {
        let mut token = self.scanner.peek()?;
        if token.kind != TokenKind::FlowSequenceEnd {
            if !first {
                if token.kind != TokenKind::FlowEntry {
                    return Err(ScanError::new(token.start, "did not find expected ',' or ']'"));
                }
                token = self.next()?;
            }
            if token.kind == TokenKind::Key {
                self.builder.start(token.start, true, Layout::Pair, Properties::default())?;
                self.state = State::FlowSequencePairKey;
                self.scanner.skip();
                return Ok(());
            }
            if token.kind != TokenKind::FlowSequenceEnd {
                return self.node_then(State::FlowSequence, false, false);
            }
        }
        self.close(token);
        Ok(())
    }

    fn flow_sequence_pair_key(&mut self) -> Result<(), ScanError> {
        let token = self.scanner.peek()?;
        match token.kind {
            TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowSequenceEnd => {
                // The decoder consumes the token, so that the `:` of `[? : x]` is gone.
                self.scanner.skip();
                self.empty(token.end, State::FlowSequencePairValue)
            }
            _ => self.node_then(State::FlowSequencePairValue, false, false),
        }
    }

    fn flow_sequence_pair_value(&mut self) -> Result<(), ScanError> {
        let token = self.scanner.peek()?;
        if token.kind == TokenKind::Value
            && !matches!(self.next()?.kind, TokenKind::FlowEntry | TokenKind::FlowSequenceEnd)
        {
            return self.node_then(State::FlowSequencePairEnd, false, false);
        }
        self.empty(token.start, State::FlowSequencePairEnd)
    }

    fn flow_mapping_key(&mut self, first: bool) -> Result<(), ScanError> {
        let mut token = self.scanner.peek()?;
        if token.kind != TokenKind::FlowMappingEnd {
            if !first {
                if token.kind != TokenKind::FlowEntry {
                    return Err(ScanError::new(token.start, "did not find expected ',' or '}'"));
                }
                token = self.next()?;
            }
            if token.kind == TokenKind::Key {
                token = self.next()?;
                return match token.kind {
                    TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowMappingEnd => {
                        self.empty(token.start, State::FlowMappingValue)
                    }
                    _ => self.node_then(State::FlowMappingValue, false, false),
                };
            }
            if token.kind != TokenKind::FlowMappingEnd {
                return self.node_then(State::FlowMappingNoValue, false, false);
            }
        }
        self.close(token);
        Ok(())
    }

    fn flow_mapping_value(&mut self) -> Result<(), ScanError> {
        let token = self.scanner.peek()?;
        if token.kind == TokenKind::Value
            && !matches!(self.next()?.kind, TokenKind::FlowEntry | TokenKind::FlowMappingEnd)
        {
            return self.node_then(State::FlowMappingKey, false, false);
        }
        let at = if token.kind == TokenKind::Value { token.end } else { token.start };
        self.empty(at, State::FlowMappingKey)
    }
}

/// Returns the number of the tag that a token refers to.
const fn tag_number(text: Text) -> Option<usize> {
    match text {
        Text::Owned { index } => Some(index as usize),
        _ => None,
    }
}

/// Returns the range of the name of an anchor.
const fn anchor_name(text: Text) -> Option<(u32, u32)> {
    match text {
        Text::Source { start, end } => Some((start, end)),
        _ => None,
    }
}
