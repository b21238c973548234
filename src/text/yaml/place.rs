//! From the text of a scalar back to its place in the source.
//!
//! A value differs from its source if YAML folds lines, strips indentation or resolves escapes. All of these move,
//! add or drop white space only, or replace one character. So the two are walked side by side, and differences in
//! white space are ignored.

use std::ops::Range;

use crate::text::source::Span;

/// The place of a text that was taken out of a scalar: exact if that can be determined, otherwise the scalar as a
/// whole. Contains offsets only, nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    whole: Span,
    /// In the order of the text.
    pieces: Vec<Piece>,
}

/// A piece of the text and its source, as byte ranges. Ranges of equal length correspond byte by byte; otherwise the
/// piece is one character and its escape.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    text: Range<usize>,
    source: Range<usize>,
}

impl Place {
    /// Always returns the scalar as a whole: text that is decoded further (base64) cannot be mapped back.
    pub const fn whole(span: Span) -> Self {
        Self { whole: span, pieces: Vec::new() }
    }

    /// Computes the place of a scalar's `text`, which is `written` at `span`.
    pub(super) fn of_scalar(text: &str, written: &str, span: Span) -> Self {
        let pieces = Walk::new(written, span.start as usize).and_then(|walk| walk.pieces(text));
        Self { whole: span, pieces: pieces.unwrap_or_default() }
    }

    /// Returns the place of the scalar, quotes included.
    pub const fn scalar(&self) -> Span {
        self.whole
    }

    /// Returns the place of a byte range of the text, or the whole scalar if that cannot be determined. Leading and
    /// trailing white space of the range need not be in it. An empty range at the end of the text is the empty place
    /// after its last character.
    pub fn where_is(&self, range: &Range<usize>) -> Span {
        self.find(range).unwrap_or(self.whole)
    }

    /// Returns the place of a byte range of the text; `None` if it cannot be determined.
    pub fn find(&self, range: &Range<usize>) -> Option<Span> {
        let span = |start: usize, end: usize| Span::new(self.whole.source, start as u32, end as u32);
        let first = self.pieces.partition_point(|piece| piece.text.end <= range.start);
        if range.is_empty() {
            let at = self.pieces.get(first).map_or(self.pieces.last()?.source.end, |piece| piece.start_of(range.start));
            return Some(span(at, at));
        }
        let behind = self.pieces.partition_point(|piece| piece.text.start < range.end);
        let start = self.pieces.get(first)?.start_of(range.start);
        let end = self.pieces.get(behind.checked_sub(1)?)?.end_of(range.end);
        (start < end).then(|| span(start, end))
    }
}

impl Piece {
    fn is_verbatim(&self) -> bool {
        self.text.len() == self.source.len()
    }

    fn start_of(&self, at: usize) -> usize {
        let into = if self.is_verbatim() { at.saturating_sub(self.text.start) } else { 0 };
        self.source.start + into
    }

    fn end_of(&self, end: usize) -> usize {
        let short = if self.is_verbatim() { self.text.end.saturating_sub(end) } else { 0 };
        self.source.end - short
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Plain, literal and folded scalars: every character is written as itself.
    Verbatim,
    /// `''` is a quote.
    SingleQuoted,
    /// A backslash begins an escape.
    DoubleQuoted,
}

/// The walk over the source text.
struct Walk<'w> {
    written: &'w str,
    /// Offset of `written` in the source.
    base: usize,
    style: Style,
    at: usize,
}

/// The next piece of the source.
struct Token {
    /// `None` for a line break that a backslash removes.
    character: Option<char>,
    width: usize,
}

impl<'w> Walk<'w> {
    /// Returns `None` for a scalar that cannot be split into pieces.
    fn new(written: &'w str, base: usize) -> Option<Self> {
        let (style, start, end) = match written.as_bytes().first()? {
            b'|' | b'>' => (Style::Verbatim, written.find('\n')? + 1, written.len()),
            b'"' => (Style::DoubleQuoted, 1, written.len().checked_sub(1)?),
            b'\'' => (Style::SingleQuoted, 1, written.len().checked_sub(1)?),
            _ => (Style::Verbatim, 0, written.len()),
        };
        Some(Self { written: written.get(start..end)?, base: base + start, style, at: 0 })
    }

    /// Returns the pieces; `None` if the text turns out to differ from what is written.
    fn pieces(mut self, text: &str) -> Option<Vec<Piece>> {
        let mut pieces: Vec<Piece> = Vec::new();
        for (at, character) in text.char_indices() {
            let mut next = self.token();
            if is_space(character) {
                if next.as_ref().is_none_or(|token| token.character != Some(character)) {
                    continue;
                }
            } else {
                while let Some(blank) = next.as_ref().filter(|token| token.character.is_none_or(is_space)) {
                    self.at += blank.width;
                    next = self.token();
                }
            }
            let token = next.filter(|token| token.character == Some(character))?;
            let start = self.base + self.at;
            self.at += token.width;
            push(&mut pieces, at..at + character.len_utf8(), start..start + token.width);
        }
        Some(pieces)
    }

    fn token(&self) -> Option<Token> {
        let rest = self.written.get(self.at..)?;
        let character = rest.chars().next()?;
        Some(match (self.style, character) {
            (Style::SingleQuoted, '\'') if rest.starts_with("''") => Token { character: Some('\''), width: 2 },
            (Style::DoubleQuoted, '\\') => escape(rest)?,
            _ => Token { character: Some(character), width: character.len_utf8() },
        })
    }
}

/// Adds a character; one that continues the last piece byte by byte becomes part of it.
fn push(pieces: &mut Vec<Piece>, text: Range<usize>, source: Range<usize>) {
    match pieces.last_mut() {
        Some(last)
            if last.is_verbatim()
                && text.len() == source.len()
                && last.text.end == text.start
                && last.source.end == source.start =>
        {
            last.text.end = text.end;
            last.source.end = source.end;
        }
        _ => pieces.push(Piece { text, source }),
    }
}

/// Parses an escape of a double-quoted scalar (YAML 1.2 §5.7): those of JSON and some more.
fn escape(rest: &str) -> Option<Token> {
    let letter = rest.chars().nth(1)?;
    let digits = |count: usize| {
        let code = u32::from_str_radix(rest.get(2..2 + count)?, 16).ok()?;
        Some(Token { character: Some(char::from_u32(code)?), width: 2 + count })
    };
    let character = match letter {
        'x' => return digits(2),
        'u' => return digits(4),
        'U' => return digits(8),
        '\r' if rest.starts_with("\\\r\n") => return Some(Token { character: None, width: 3 }),
        '\n' | '\r' => return Some(Token { character: None, width: 2 }),
        '0' => '\0',
        'a' => '\u{7}',
        'b' => '\u{8}',
        't' => '\t',
        'n' => '\n',
        'v' => '\u{b}',
        'f' => '\u{c}',
        'r' => '\r',
        'e' => '\u{1b}',
        'N' => '\u{85}',
        '_' => '\u{a0}',
        'L' => '\u{2028}',
        'P' => '\u{2029}',
        other => other,
    };
    Some(Token { character: Some(character), width: 1 + letter.len_utf8() })
}

/// Whether YAML folds, strips or adds the character.
const fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::SourceId;
    use crate::text::yaml::{Node, Piece, read};

    /// Returns the source text of `needle` in the value of `v`.
    fn written(text: &str, needle: &str) -> String {
        let mut found = None;
        read(SourceId(0), text, false, &mut |piece| {
            let Piece::Document(document) = piece else { panic!("{piece:?}") };
            let value = document.root().and_then(|root| root.get("v")).expect("v");
            let decoded = value.text().expect("a scalar");
            let at = decoded.find(needle).expect("the needle is in the value");
            found = Some(text[value.place().where_is(&(at..at + needle.len())).range()].to_owned());
        });
        found.expect("a document")
    }

    #[test]
    fn place_locates_the_source_text_of_a_value() {
        let cases = [
            ("v: '{\"a\": 1}'\n", "\"a\"", "\"a\""),
            ("v: '{\"it''s\": 1}'\n", "\"it's\"", "\"it''s\""),
            ("v: \"{\\\"a.b\\\": 1}\"\n", "\"a.b\"", "\\\"a.b\\\""),
            ("{\"v\": \"{\\u0022é\\u0022:\\n1}\"}\n", "\"é\"", "\\u0022é\\u0022"),
            ("v: |\n    {\n      \"a\": 1,\n      \"b c\": 2\n    }\n", "\"b c\"", "\"b c\""),
            ("v: |2-\n    {\"a\":\n    \"b\"}\nw: 1\n", "\"b\"", "\"b\""),
            ("v: >-\n  {\"a\":\n  1,\n\n  \"b\": 2}\n", "\"b\"", "\"b\""),
            ("v: |  # why\r\n  {\r\n  \"b\": 2}\r\n", "\"b\"", "\"b\""),
            ("v: '{\"a\":\n  1,\n\n  \"b\": 2}'\n", "\"b\"", "\"b\""),
            ("v: \"{'a': \\\n  1, \\\n  \\ 'b': 2}\"\n", "'b'", "'b'"),
            ("v: a b\n  c d\n", "c", "c"),
            ("v: >-\n  one\n  two\n", "one two", "one\n  two"),
            ("v: plain\n", "lai", "lai"),
            ("v: !!str |\n  {\"a\"}\n", "\"a\"", "\"a\""),
        ];
        for (text, needle, expected) in cases {
            assert_eq!(written(text, needle), expected, "{text}");
        }
    }

    #[test]
    fn unmappable_value_is_located_at_the_whole_scalar() {
        assert_eq!(written("w: &x '{\"a\": 1}'\nv: *x\n", "\"a\""), "*x");
        let span = Span::new(SourceId(0), 0, 5);
        assert_eq!(Place::of_scalar("abc", "'abd'", span).where_is(&(0..2)), span);
        assert_eq!(Place::whole(span).where_is(&(0..2)), span);
    }

    #[test]
    fn end_of_truncated_text_is_after_its_last_character() {
        let text = "v: '{\"a\": '\n";
        read(SourceId(0), text, false, &mut |piece| {
            let Piece::Document(document) = piece else { panic!("{piece:?}") };
            let value = document.root().and_then(|root| root.get("v")).expect("v");
            let end = value.text().map_or(0, str::len);
            let place = Node::place(value).where_is(&(end..end));
            assert_eq!((place.start, place.end), (10, 10));
        });
    }
}
