//! Parser events to arena trees, one document at a time.
//!
//! One arena is filled, handed out and reused, so that a file's memory is that of its largest document.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{Event, Parser, StrInput};

use crate::source::{SourceId, Span};
use crate::yaml::Document;
use crate::yaml::split::{json_stream, split};
use crate::yaml::tree::{Builder, Failure, Tree};

/// Line breaks in quoted scalars that are patched before a document is given up (see [`parse_chunk`]).
const MAX_PATCHES: usize = 256;

/// Comments that the parser may hold back until it knows what follows; 96 by default, which real files exceed.
const MAX_BUFFERED_COMMENTS: usize = 1 << 20;

/// What [`read`] hands out, in source order.
#[derive(Debug)]
pub enum Piece<'a> {
    /// A document that was parsed; empty ones too.
    Document(&'a Document<'a>),
    /// A document that cannot be parsed; what stands around it is still handed out.
    Broken(SyntaxError),
    /// A ConfigMap or CustomResourceDefinition that was not parsed.
    Skipped,
}

/// Why a document cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// The point at which the parser gave up: an empty span.
    pub at: Span,
    /// The document, or what is known of its extent.
    pub document: Span,
    /// The parser's words.
    pub message: String,
}

/// Reads all documents of a text: YAML, JSON or concatenated JSON. `parse_all` parses ConfigMaps and
/// CustomResourceDefinitions too.
pub fn read(source: SourceId, text: &str, parse_all: bool, sink: &mut dyn FnMut(Piece<'_>)) {
    let mut tree = Tree::default();
    if let Some(values) = json_stream(text) {
        for value in values {
            parse_chunk(source, text, value, &mut tree, sink);
        }
        return;
    }
    for chunk in split(text, parse_all) {
        if chunk.skip {
            sink(Piece::Skipped);
        } else {
            parse_chunk(source, text, chunk.range, &mut tree, sink);
        }
    }
}

/// Parses one chunk. A continuation line of a quoted scalar that stands no deeper than its key is legal for kubectl and
/// an error for this parser: its line break is replaced by a space, which keeps every offset and folds to the same
/// value, and the chunk is parsed again. When that does not help, the first error counts.
fn parse_chunk(source: SourceId, text: &str, range: Range<usize>, tree: &mut Tree, sink: &mut dyn FnMut(Piece<'_>)) {
    let base = range.start as u32;
    let chunk = &text[range];
    let mut reader = Reader { source, base, tree, sink, delivered: 0, patches: 0, first_error: None };
    let mut patched: Cow<'_, str> = Cow::Borrowed(chunk);
    while let Some(line_break) = reader.read(&patched) {
        patched = Cow::Owned(without_line_break(&patched, line_break));
    }
}

/// Whether a document marker stands behind a point, or before it on the same line.
fn may_go_on(text: &str, at: usize) -> bool {
    let line = memchr::memrchr(b'\n', &text.as_bytes()[..at]).unwrap_or(0);
    let rest = &text.as_bytes()[line..];
    ["\n...", "\n---", "\r...", "\r---"].iter().any(|marker| memchr::memmem::find(rest, marker.as_bytes()).is_some())
}

/// Replaces a line break (LF, or CR LF) by spaces.
fn without_line_break(text: &str, at: usize) -> String {
    let width = if text[..at].ends_with('\r') { 2 } else { 1 };
    let start = at + 1 - width;
    let mut patched = String::with_capacity(text.len());
    patched.push_str(&text[..start]);
    patched.push_str(&"  "[..width]);
    patched.push_str(&text[at + 1..]);
    patched
}

type Events<'t> = Parser<'t, StrInput<'t>>;

/// How reading a document ended.
enum Read {
    Document,
    EndOfStream,
}

struct Reader<'a, 's> {
    source: SourceId,
    base: u32,
    tree: &'a mut Tree,
    sink: &'s mut dyn FnMut(Piece<'_>),
    /// Documents of this chunk that were handed out already, by an earlier pass over less patched text.
    delivered: usize,
    patches: usize,
    first_error: Option<Failure>,
}

impl Reader<'_, '_> {
    /// Reads all documents of the chunk; the offset of a line break when the chunk is to be patched there and read
    /// again.
    fn read(&mut self, text: &str) -> Option<usize> {
        let options = granit_parser::options! { max_buffered_comment_events: MAX_BUFFERED_COMMENTS };
        let mut events = Parser::new_from_str_with_options(text, options);
        let mut number = 0;
        let mut start = 0;
        loop {
            self.tree.clear();
            match self.read_document(text, &mut events) {
                Ok(Read::EndOfStream) => {
                    if !self.tree.comments.is_empty() {
                        self.deliver(text, number);
                    }
                    return None;
                }
                Ok(Read::Document) => {
                    start = self.tree.nodes.first().map_or(start, |root| root.end as usize);
                    self.deliver(text, number);
                }
                Err(failure) => {
                    let line_break = memchr::memrchr(b'\n', &text.as_bytes()[..failure.at.min(text.len())]);
                    if failure.quoted_indent && self.patches < MAX_PATCHES && line_break.is_some() {
                        self.patches += 1;
                        self.first_error.get_or_insert(failure);
                        return line_break;
                    }
                    let failure_at = failure.at.min(text.len());
                    let failure = self.first_error.take().unwrap_or(failure);
                    let end = self.report(text, number, start, failure);
                    // Looking for the next document costs as much as parsing what is left of this one.
                    if !may_go_on(text, failure_at) || !matches!(events.proceed_next_document(), Ok(true)) {
                        return None;
                    }
                    start = end;
                }
            }
            number += 1;
        }
    }

    fn deliver(&mut self, text: &str, number: usize) {
        if number < self.delivered {
            return;
        }
        self.delivered = number + 1;
        // Comments come with the tokens around them, not in source order.
        self.tree.comments.sort_unstable_by_key(|range| range.start);
        (self.sink)(Piece::Document(&Document::new(self.source, self.base, text, self.tree)));
    }

    /// Hands out the error; the offset at which the broken document ends, as far as that is known.
    fn report(&mut self, text: &str, number: usize, start: usize, failure: Failure) -> usize {
        let at = failure.at.min(text.len());
        let end = text[at..].find("\n...").map_or(text.len(), |found| at + found + 1);
        if number >= self.delivered {
            self.delivered = number + 1;
            let span =
                |start: usize, end: usize| Span::new(self.source, self.base + start as u32, self.base + end as u32);
            let at = span(at, at);
            let error = SyntaxError { at, document: span(start.min(end), end), message: failure.message };
            (self.sink)(Piece::Broken(error));
        }
        end
    }

    fn read_document(&mut self, text: &str, events: &mut Events<'_>) -> Result<Read, Failure> {
        let mut builder = Builder::new(text, self.tree);
        let mut inside = false;
        loop {
            let Some(next) = events.next_event() else { return Ok(Read::EndOfStream) };
            let (event, span) = next?;
            let range = span.byte_range().map_or(0..0, |range| range.start as u32..range.end as u32);
            match event {
                Event::DocumentStart(..) => inside = true,
                Event::DocumentEnd if inside => break,
                Event::StreamEnd => return Ok(Read::EndOfStream),
                event => builder.push(event, range)?,
            }
        }
        // An error can come after the end of a document that only seems complete: it belongs to it, unless a marker
        // stands between.
        loop {
            match events.peek() {
                Some(Ok((Event::Comment(..), _))) => {
                    if let Some(Ok((event, span))) = events.next_event() {
                        let range = span.byte_range().map_or(0..0, |range| range.start as u32..range.end as u32);
                        builder.push(event, range)?;
                    }
                }
                Some(Err(error)) => {
                    let failure = Failure::from(error);
                    let end = builder.tree.nodes.first().map_or(0, |root| root.end as usize);
                    let between = text.get(end..failure.at).unwrap_or_default();
                    let marked = between.lines().skip(1).any(|line| line.starts_with("...") || line.starts_with("---"));
                    return if marked { Ok(Read::Document) } else { Err(failure) };
                }
                _ => return Ok(Read::Document),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Node;

    /// What was read: `key=value` pairs of each root mapping, or the error's message and place.
    fn pieces(text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        read(SourceId(0), text, false, &mut |piece| {
            seen.push(match piece {
                Piece::Document(document) => {
                    let entries = document.root().into_iter().flat_map(Node::entries);
                    let pairs = entries.map(|entry| {
                        format!("{}={}", entry.key.text().unwrap_or("?"), &text[entry.value.span().range()])
                    });
                    pairs.collect::<Vec<_>>().join(" ")
                }
                Piece::Broken(error) => format!("broken at {} in {:?}", error.at.start, &text[error.document.range()]),
                Piece::Skipped => "skipped".into(),
            });
        });
        seen
    }

    #[test]
    fn spans_are_exact() {
        assert_eq!(pieces("a: nginx  # c\n"), ["a=nginx"]);
        assert_eq!(pieces("é: \"x\\n\"\n"), ["é=\"x\\n\""]);
        assert_eq!(pieces("\u{feff}a: x\n---\nb: 'y'\n"), ["a=x", "b='y'"]);
        assert_eq!(pieces("a:\n  b: 1\n  c: [x, {y: z}]\n\n# end\n"), ["a=b: 1\n  c: [x, {y: z}]"]);
        assert_eq!(pieces("a:\n- {b: c}\n\n# end\nd: e\n"), ["a={b: c} d=e"]);
        assert_eq!(pieces("a:\nb: ~\n"), ["a= b=~"]);
        assert_eq!(pieces("a:\n  b: >-\n    x\n    y\n\n  c: |\n    z\n")[0], "a=b: >-\n    x\n    y\n\n  c: |\n    z");
        assert_eq!(pieces("b: >-\n  x\n  y\n\nc: |\n  z\n"), ["b=x\n  y c=z"]);
    }

    #[test]
    fn a_broken_document_costs_only_itself() {
        let text = "a: 1\n---\nb: [\n---\nc: 3\n";
        assert_eq!(pieces(text), ["a=1", "broken at 12 in \"---\\nb: [\\n\"", "c=3"]);
        assert_eq!(pieces("a: \"x\n---\nb: 2\n").len(), 2);
        assert_eq!(pieces("a: [\n...\nb: 2\n"), ["broken at 3 in \"a: [\\n\"", "b=2"]);
        assert_eq!(pieces("%YAML 1.1\n---\na: [\n---\nb: 2\n").last().map(String::as_str), Some("b=2"));
    }

    #[test]
    fn an_error_after_the_end_takes_the_document_with_it() {
        assert_eq!(pieces("{a: 1}\nb: 2\n").len(), 1);
        assert!(pieces("{a: 1}\nb: 2\n")[0].starts_with("broken"));
    }

    #[test]
    fn quoted_lines_at_their_keys_column_are_read_as_kubectl_does() {
        let text = "a: \"one\ntwo\"\nb: 2\n";
        assert_eq!(pieces(text), ["a=\"one\ntwo\" b=2"]);
        let text = "x: 0\n...\na: 'one\r\ntwo'\r\n";
        assert_eq!(pieces(text), ["x=0", "a='one\r\ntwo'"]);
    }

    #[test]
    fn long_comment_blocks_are_no_error() {
        let text = format!("a:\n{}  b: 1\n", "  # c\n".repeat(100_000));
        let mut comments = 0;
        read(SourceId(0), &text, false, &mut |piece| match piece {
            Piece::Document(document) => comments += document.comments().count(),
            other => panic!("{other:?}"),
        });
        assert_eq!(comments, 100_000);
    }

    #[test]
    fn hostile_nesting_is_an_error_and_not_a_crash() {
        for open in ["[", "{a: ", "- "] {
            assert!(pieces(&open.repeat(10_000))[0].starts_with("broken"), "{open}");
        }
    }

    #[test]
    fn json_streams_are_read_value_by_value() {
        assert_eq!(pieces("{\"a\":1}{\"b\":\"x\"}\n"), ["a=1", "b=\"x\""]);
    }
}
