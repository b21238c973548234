//! A stream to documents, one at a time, as kubectl splits it.
//!
//! One arena is filled, passed on and reused, so that a file's memory is that of its largest document.

use std::ops::Range;

use crate::text::source::{SourceId, Span};
use crate::text::yaml::grammar::{End, Grammar};
use crate::text::yaml::scan::ScanError;
use crate::text::yaml::split::{Chunk, json_stream, split};
use crate::text::yaml::tree::Tree;
use crate::text::yaml::tree::build::Builder;
use crate::text::yaml::{Document, MergeRule, json};

/// The pieces that [`read`] returns, in source order.
#[derive(Debug)]
pub enum Piece<'a> {
    /// A document that was parsed; empty ones too.
    Document(&'a Document<'a>),
    /// A document that cannot be parsed; the documents around it are still returned.
    Broken(SyntaxError),
    /// A fault for which kubectl refuses a document, at its place; the document is returned all the same.
    Refused(SyntaxError),
    /// A part of the text that kubectl never reads, without a message.
    Unread(SyntaxError),
    /// A ConfigMap or CustomResourceDefinition that was not parsed.
    Skipped,
}

/// Why kubectl refuses a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// The text to fix; the empty span at the point where the parser gave up.
    pub at: Span,
    /// The document, or the known part of its extent.
    pub document: Span,
    /// The message of the decoder.
    pub message: String,
}

/// Reads all documents of a text: YAML, JSON or concatenated JSON. `parse_all` parses ConfigMaps and
/// CustomResourceDefinitions too.
pub fn read(source: SourceId, text: &str, parse_all: bool, sink: &mut dyn FnMut(Piece<'_>)) {
    read_as(source, text, parse_all, MergeRule::InOrder, sink);
}

/// Reads like [`read`], with another rule for merge keys than kubectl's.
pub fn read_as(source: SourceId, text: &str, parse_all: bool, rule: MergeRule, sink: &mut dyn FnMut(Piece<'_>)) {
    let mut reader = Reader { source, text, rule, tree: Tree::default(), json_fault: None, sink };
    // kubectl removes it from each file before anything else (`FileVisitor` of k8s.io/cli-runtime, v0.36.3).
    let mut start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    if let Some(stream) = json_stream(&text[start..]) {
        let base = start;
        stream.values.into_iter().for_each(|value| reader.read_json(value.start + base..value.end + base));
        if let Some((at, message)) = stream.refused {
            reader.refuse(at + base..at + base, at + base..text.len(), message);
        }
        start += stream.rest;
        reader.json_fault = stream.fault.map(|(at, message)| ScanError::new((at + base) as u32, message));
    }
    let mut before = start;
    for chunk in split(&text[start..], parse_all) {
        reader.read_chunk(&chunk, start, before);
        before = chunk.range.start + start;
    }
}

/// Reads one document through a mask of its length: masked text is read as the mask has it, everything else as
/// written.
///
/// # Errors
/// The document cannot be read with the mask either; the byte offset at which the parser gives up.
pub(crate) fn read_masked(at: Span, text: &str, mask: &str, sink: &mut dyn FnMut(&Document<'_>)) -> Result<(), usize> {
    let mut tree = Tree::default();
    match Grammar::new(mask, Builder::new(mask, &mut tree)).read() {
        Ok((_, None)) => {}
        Ok((_, Some(failure))) | Err(failure) => return Err(failure.at),
    }
    sink(&Document::new(at.source, at.start, text, &tree, MergeRule::InOrder));
    Ok(())
}

struct Reader<'a, 's> {
    source: SourceId,
    text: &'a str,
    rule: MergeRule,
    tree: Tree,
    /// Why the first document is not JSON.
    json_fault: Option<ScanError>,
    sink: &'s mut dyn FnMut(Piece<'_>),
}

impl Reader<'_, '_> {
    fn read_json(&mut self, range: Range<usize>) {
        self.tree.clear();
        let value = &self.text[range.clone()];
        let read = json::read(value, &mut self.tree).map(|refused| (End::Whole, refused));
        self.deliver(range, read, None);
    }

    /// Reads one document. `base` is the offset at which the chunks' text begins, and `before` is the start of the
    /// previous document.
    fn read_chunk(&mut self, chunk: &Chunk, base: usize, before: usize) {
        let mut range = chunk.content + base..chunk.range.end + base;
        if self.text[range.clone()].starts_with('\u{feff}') {
            range.start += '\u{feff}'.len_utf8();
        }
        if let Some(refused) = &chunk.refused {
            let at = refused.start + base..refused.end + base;
            let message = format!("invalid Yaml document separator: {}", &self.text[at.clone()]);
            // kubectl finds the line while it still reads the document before it, which is lost too.
            self.refuse(at, before..range.end, message);
        }
        let text = &self.text[range.clone()];
        self.tree.clear();
        let read = match control_character(text) {
            Some(at) => Err(ScanError::new(at as u32, "control characters are not allowed")),
            None => Grammar::new(text, Builder::new(text, &mut self.tree)).read(),
        };
        let read = match (self.json_fault.take(), read) {
            (Some(fault), Err(_) | Ok((_, Some(_)))) => {
                Err(ScanError { at: fault.at.saturating_sub(range.start), ..fault })
            }
            (_, read) => read,
        };
        // The document is read for its syntax alone.
        if chunk.skip && read.is_ok() {
            return (self.sink)(Piece::Skipped);
        }
        self.deliver(range, read, chunk.refused.as_ref());
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.source, range.start as u32, range.end as u32)
    }

    fn error(&self, at: Range<usize>, document: Range<usize>, message: String) -> SyntaxError {
        SyntaxError { at: self.span(at), document: self.span(document), message }
    }

    fn refuse(&mut self, at: Range<usize>, document: Range<usize>, message: String) {
        let error = self.error(at, document, message);
        (self.sink)(Piece::Refused(error));
    }

    fn deliver(
        &mut self,
        range: Range<usize>,
        read: Result<(End, Option<ScanError>), ScanError>,
        refused: Option<&Range<usize>>,
    ) {
        let point = |failure: &ScanError| {
            let at = (range.start + failure.at).min(range.end);
            at..at
        };
        match read {
            // If the stream is refused before, kubectl never gets here.
            Err(_) if refused.is_some() => {}
            Err(failure) => {
                let error = self.error(point(&failure), self.extent(&range), failure.message);
                (self.sink)(Piece::Broken(error));
            }
            Ok((end, fault)) => {
                if end != End::Empty || !self.tree.comments.is_empty() {
                    let text = &self.text[range.clone()];
                    let document = Document::new(self.source, range.start as u32, text, &self.tree, self.rule);
                    (self.sink)(Piece::Document(&document));
                }
                if let Some(failure) = fault {
                    self.refuse(point(&failure), range.clone(), failure.message);
                }
                if let End::Before { at, marked } = end {
                    self.tell_unread(range.start + at as usize..range.end, marked);
                }
            }
        }
    }

    /// Returns the range that belongs to a broken document. A range of directives alone is extended to the next
    /// `---`: the text that they were written for shows whether it is meant as a manifest.
    fn extent(&self, range: &Range<usize>) -> Range<usize> {
        let text = &self.text[range.clone()];
        let is_directive = text.lines().all(|line| line.trim().is_empty() || line.starts_with(['#', '%']));
        if !is_directive {
            return range.clone();
        }
        let next = self.text[range.end..].find("\n---").map_or(self.text.len(), |found| range.end + found + 1);
        range.start..next
    }

    fn tell_unread(&mut self, range: Range<usize>, marked: bool) {
        let text = &self.text[range.clone()];
        let is_nothing =
            |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#') || line.trim_end() == "...";
        if text.lines().all(is_nothing) {
            return;
        }
        let start = range.end - text.trim_start().len();
        let what = if marked { "`...` ends the document" } else { "the document ends here" };
        let line_end = self.text[start..range.end].find(['\r', '\n']).map_or(range.end, |width| start + width);
        let error = self.error(start..line_end, start..range.end, what.to_owned());
        (self.sink)(Piece::Unread(error));
    }
}

/// Returns the first character that YAML allows nowhere, by the ranges of `readerc.go`.
fn control_character(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_doubtful =
        |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r') || matches!(byte, 0x7f | 0xc2 | 0xef);
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|&byte| is_doubtful(byte)) {
        at += found;
        let allowed = match (bytes[at], bytes.get(at + 1), bytes.get(at + 2)) {
            (0xc2, Some(&second), _) => second == 0x85 || second >= 0xa0,
            (0xef, Some(0xbf), Some(0xbe | 0xbf)) => false,
            (byte, ..) => byte == 0xef,
        };
        if !allowed {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::yaml::Node;

    /// Returns what was read: `key=value` pairs of each root mapping, or the error's message and place.
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
                Piece::Refused(error) => format!("refused {:?}: {}", &text[error.at.range()], error.message),
                Piece::Unread(error) => format!("unread {:?}", &text[error.document.range()]),
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
        assert_eq!(pieces("a:\n- {b: c}\n\n# end\nd: e\n"), ["a=- {b: c} d=e"]);
        assert_eq!(pieces("a:\nb: ~\n"), ["a= b=~"]);
        assert_eq!(pieces("a:\n  b: >-\n    x\n    y\n\n  c: |\n    z\n")[0], "a=b: >-\n    x\n    y\n\n  c: |\n    z");
        assert_eq!(pieces("b: >-\n  x\n  y\n\nc: |\n  z\n"), ["b=x\n  y c=z"]);
    }

    #[test]
    fn broken_document_does_not_affect_other_documents() {
        let text = "a: 1\n---\nb: [\n---\nc: 3\n";
        assert_eq!(pieces(text), ["a=1", "broken at 14 in \"b: [\\n\"", "c=3"]);
        assert_eq!(pieces("a: \"x\n---\nb: 2\n").len(), 2);
        assert!(pieces("a: [\n...\nb: 2\n")[0].starts_with("broken at 5"));
        let text = "%YAML 1.1\n---\na: [\n---\nb: 2\n";
        assert_eq!(pieces(text).last().map(String::as_str), Some("b=2"));
        assert_eq!(pieces(text)[0], "broken at 10 in \"%YAML 1.1\\n---\\na: [\\n\"");
    }

    #[test]
    fn only_one_document_is_read_between_markers() {
        assert_eq!(pieces("{a: 1}\nb: 2\n"), ["a=1", "unread \"b: 2\\n\""]);
        assert_eq!(pieces("a: 1\n...\nb: 2\n---\nc: 3\n"), ["a=1", "unread \"b: 2\\n\"", "c=3"]);
        assert_eq!(pieces("a: 1\n...\n# c\n"), ["a=1"]);
        assert_eq!(pieces("---\n{\"a\":1}{\"b\":2}\n"), ["a=1", "unread \"{\\\"b\\\":2}\\n\""]);
    }

    #[test]
    fn refused_document_is_still_returned() {
        assert_eq!(pieces("a: 1\n~: 2\n"), ["a=1 ~=2", "refused \"\": unsupported map key of type: %!s(<nil>)"]);
        assert_eq!(pieces("--- {a: 1}\n"), ["refused \"{a: 1}\": invalid Yaml document separator: {a: 1}", "a=1"]);
        assert_eq!(pieces("a: .inf\n")[1], "refused \"\": json: unsupported value: +Inf");
        assert_eq!(
            pieces("a: &x 1\nb: {<<: *x}\n")[1].split(": ").nth(1),
            Some("map merge requires map or sequence of maps as the value")
        );
    }

    #[test]
    fn unindented_quoted_lines_are_read_as_in_kubectl() {
        let text = "a: \"one\ntwo\"\nb: 2\n";
        assert_eq!(pieces(text), ["a=\"one\ntwo\" b=2"]);
        assert_eq!(pieces("a: 'one\r\ntwo'\r\n"), ["a='one\r\ntwo'"]);
    }

    #[test]
    fn long_comment_blocks_are_not_an_error() {
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
        for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", "x")] {
            let text = |depth: usize| open.repeat(depth) + &close.repeat(if close == "x" { 1 } else { depth });
            assert!(!pieces(&text(9_999))[0].starts_with("broken"), "{open}");
            assert!(pieces(&text(10_001))[0].starts_with("broken"), "{open}");
            assert!(pieces(&open.repeat(100_000))[0].starts_with("broken"), "{open}");
        }
    }

    #[test]
    fn json_streams_are_read_value_by_value() {
        assert_eq!(pieces("{\"a\":1}{\"b\":\"x\"}\n"), ["a=1", "b=\"x\""]);
    }
}
