//! A walk over JSON that is known to be well formed.

use std::ops::Range;

use super::is_space;
use crate::text::go::utf8::decode_rune;

/// The kind of the next value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueKind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

impl ValueKind {
    /// Returns the name in Go's `UnmarshalTypeError`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::Null => "null",
        }
    }
}

/// A position in a text that [`super::check`] accepted. On any other text the results are meaningless, but it
/// neither panics nor loops forever.
pub(crate) struct Reader<'d> {
    data: &'d [u8],
    at: usize,
}

impl<'d> Reader<'d> {
    pub(crate) const fn new(data: &'d [u8]) -> Self {
        Self { data, at: 0 }
    }

    fn peek(&mut self) -> Option<u8> {
        self.at += self.data.iter().skip(self.at).take_while(|&&byte| is_space(byte)).count();
        self.data.get(self.at).copied()
    }

    /// Returns the kind of the next value.
    pub(crate) fn kind(&mut self) -> ValueKind {
        match self.peek() {
            Some(b'{') => ValueKind::Object,
            Some(b'[') => ValueKind::Array,
            Some(b'"') => ValueKind::String,
            Some(b't' | b'f') => ValueKind::Bool,
            Some(b'-' | b'0'..=b'9') => ValueKind::Number,
            _ => ValueKind::Null,
        }
    }

    /// Returns the next key of the object at or in which the reader is, quotes included; `None` after its end. The
    /// member's value must be read or skipped before the next call.
    pub(crate) fn next_key(&mut self) -> Option<Range<usize>> {
        if matches!(self.peek()?, b'{' | b',') {
            self.at += 1;
        }
        if self.peek()? == b'}' {
            self.at += 1;
            return None;
        }
        let key = self.skip_string();
        self.peek()?;
        self.at += 1;
        Some(key)
    }

    /// Whether another element comes next in the array at or in which the reader is. The element must be read or
    /// skipped before the next call.
    #[cfg(feature = "cli")]
    pub(crate) fn next_element(&mut self) -> bool {
        if matches!(self.peek(), Some(b'[' | b',')) {
            self.at += 1;
        }
        match self.peek() {
            None => false,
            Some(b']') => {
                self.at += 1;
                false
            }
            Some(_) => true,
        }
    }

    fn skip_string(&mut self) -> Range<usize> {
        let start = self.at;
        self.at += 1;
        while let Some(&byte) = self.data.get(self.at) {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                break;
            }
        }
        self.at = self.at.min(self.data.len());
        start..self.at
    }

    /// Skips the next value of any kind, and returns its range.
    pub(crate) fn skip_value(&mut self) -> Range<usize> {
        self.numbers(|_, _| {})
    }

    /// Skips the next value and calls `number` for every number in it.
    pub(crate) fn numbers(&mut self, mut number: impl FnMut(&str, Range<usize>)) -> Range<usize> {
        self.peek();
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => _ = self.skip_string(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                b',' | b':' => self.at += 1,
                _ => {
                    let word = self.skip_word();
                    if let Some(text) = self.data.get(word.clone()).and_then(|word| std::str::from_utf8(word).ok())
                        && text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
                    {
                        number(text, word);
                    }
                }
            }
            if depth == 0 {
                break;
            }
        }
        start..self.at
    }

    fn skip_word(&mut self) -> Range<usize> {
        let start = self.at;
        let ends = |byte: &&u8| !is_space(**byte) && !matches!(byte, b',' | b':' | b'}' | b']');
        self.at += self.data.iter().skip(start).take_while(ends).count().max(1);
        start..self.at
    }

    /// Returns the string at a range that the reader returned, quotes included.
    pub(crate) fn text(&self, range: &Range<usize>) -> String {
        let quoted = self.data.get(range.clone()).unwrap_or_default();
        unquote(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default())
    }
}

/// Unquotes like `unquoteBytes`: escapes are resolved; every byte that is not UTF-8 and every half of a surrogate
/// pair becomes U+FFFD.
pub(crate) fn unquote(raw: &[u8]) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while !rest.is_empty() {
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        let (before, after) = rest.split_at(plain);
        push_utf8(before, &mut out);
        rest = after;
        match rest {
            [b'\\', b'u', ..] => {
                let (character, width) = unicode_escape(rest);
                out.push(character);
                rest = &rest[width..];
            }
            [b'\\', escaped, tail @ ..] => {
                out.push(match escaped {
                    b'b' => '\u{08}',
                    b'f' => '\u{0c}',
                    b'n' => '\n',
                    b'r' => '\r',
                    b't' => '\t',
                    &other => char::from(other),
                });
                rest = tail;
            }
            _ => rest = &[],
        }
    }
    out
}

fn push_utf8(mut bytes: &[u8], out: &mut String) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        out.push_str(text);
        return;
    }
    while !bytes.is_empty() {
        let (character, width) = decode_rune(bytes);
        out.push(character);
        bytes = &bytes[width..];
    }
}

/// Returns the character of `\uXXXX`, or of two that make a surrogate pair, and the number of bytes that it takes.
fn unicode_escape(text: &[u8]) -> (char, usize) {
    let first = four_digits(text).unwrap_or_default();
    if let Some(character) = char::from_u32(first) {
        return (character, 6.min(text.len()));
    }
    let second = text.get(6..).and_then(four_digits).unwrap_or_default();
    if (0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(&second) {
        let pair = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
    }
    (char::REPLACEMENT_CHARACTER, 6)
}

/// Parses four hexadecimal digits, like Go's `getu4`.
fn four_digits(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}
