//! `encoding/json`: its scanner, with its messages, and a reader over what the scanner let through.
//!
//! No recursion anywhere: nesting is counted, so a hostile file costs at most Go's own 10,000 levels.

use std::ops::Range;

use super::quote::quote_byte;
use super::utf8::decode_rune;

/// `maxNestingDepth` of the scanner.
const MAX_DEPTH: usize = 10_000;

/// `SyntaxError`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// Go's text.
    pub(crate) message: String,
    /// The offending byte; the length of the text where it ends too early.
    pub(crate) at: usize,
}

/// What may come next.
#[derive(Clone, Copy)]
enum Expect {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    AfterValue,
}

/// `checkValid`: whether the text is one JSON value and nothing else.
pub(crate) fn check(data: &[u8]) -> Result<(), SyntaxError> {
    let mut scanner = Scanner { data, at: 0, open: Vec::new() };
    let mut expect = Expect::Value;
    loop {
        scanner.skip_space();
        let Some(&byte) = data.get(scanner.at) else {
            return match expect {
                Expect::AfterValue if scanner.open.is_empty() => Ok(()),
                _ => Err(scanner.end()),
            };
        };
        expect = scanner.step(expect, byte)?;
    }
}

struct Scanner<'d> {
    data: &'d [u8],
    at: usize,
    /// The opening brackets that wait for their end.
    open: Vec<u8>,
}

impl Scanner<'_> {
    fn step(&mut self, expect: Expect, byte: u8) -> Result<Expect, SyntaxError> {
        match (expect, byte) {
            (Expect::ValueOrEnd, b']') | (Expect::KeyOrEnd, b'}') => Ok(self.close()),
            (Expect::Value | Expect::ValueOrEnd, _) => self.value(byte),
            (Expect::Key | Expect::KeyOrEnd, b'"') => self.string().map(|()| Expect::Colon),
            (Expect::Key | Expect::KeyOrEnd, _) => Err(self.error("looking for beginning of object key string")),
            (Expect::Colon, b':') => Ok(self.take(Expect::Value)),
            (Expect::Colon, _) => Err(self.error("after object key")),
            (Expect::AfterValue, _) => match (self.open.last(), byte) {
                (None, _) => Err(self.error("after top-level value")),
                (Some(b'{'), b',') => Ok(self.take(Expect::Key)),
                (Some(b'{'), b'}') | (Some(b'['), b']') => Ok(self.close()),
                (Some(b'{'), _) => Err(self.error("after object key:value pair")),
                (Some(_), b',') => Ok(self.take(Expect::Value)),
                (Some(_), _) => Err(self.error("after array element")),
            },
        }
    }

    fn value(&mut self, byte: u8) -> Result<Expect, SyntaxError> {
        match byte {
            b'{' | b'[' => {
                if self.open.len() == MAX_DEPTH {
                    return Err(self.error("exceeded max depth"));
                }
                self.open.push(byte);
                return Ok(self.take(if byte == b'{' { Expect::KeyOrEnd } else { Expect::ValueOrEnd }));
            }
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.literal("true")?,
            b'f' => self.literal("false")?,
            b'n' => self.literal("null")?,
            _ => return Err(self.error("looking for beginning of value")),
        }
        Ok(Expect::AfterValue)
    }

    fn take(&mut self, next: Expect) -> Expect {
        self.at += 1;
        next
    }

    fn close(&mut self) -> Expect {
        self.open.pop();
        self.take(Expect::AfterValue)
    }

    fn skip_space(&mut self) {
        self.at += self.data.iter().skip(self.at).take_while(|&&byte| is_space(byte)).count();
    }

    fn string(&mut self) -> Result<(), SyntaxError> {
        self.at += 1;
        loop {
            match self.data.get(self.at) {
                None => return Err(self.end()),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => return Err(self.error("in string literal")),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), SyntaxError> {
        self.at += 1;
        match self.data.get(self.at) {
            Some(b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"') => self.at += 1,
            Some(b'u') => {
                for _ in 0..4 {
                    self.at += 1;
                    if !self.data.get(self.at).is_some_and(u8::is_ascii_hexdigit) {
                        return Err(self.error("in \\u hexadecimal character escape"));
                    }
                }
                self.at += 1;
            }
            _ => return Err(self.error("in string escape code")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        if self.data.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        match self.data.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.error("in numeric literal")),
        }
        if self.data.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.some_digits("after decimal point in numeric literal")?;
        }
        if matches!(self.data.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.data.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    fn digits(&mut self) {
        self.at += self.data.iter().skip(self.at).take_while(|byte| byte.is_ascii_digit()).count();
    }

    fn some_digits(&mut self, context: &str) -> Result<(), SyntaxError> {
        if !self.data.get(self.at).is_some_and(u8::is_ascii_digit) {
            return Err(self.error(context));
        }
        self.digits();
        Ok(())
    }

    fn literal(&mut self, word: &str) -> Result<(), SyntaxError> {
        for &expected in word.as_bytes() {
            if self.data.get(self.at) != Some(&expected) {
                let context = format!("in literal {word} (expecting '{}')", char::from(expected));
                return Err(self.error(&context));
            }
            self.at += 1;
        }
        Ok(())
    }

    /// At the end of the text Go feeds its scanner one more space, so that is the character which a cut number,
    /// literal or escape is said to stumble over.
    fn error(&self, context: &str) -> SyntaxError {
        let byte = self.data.get(self.at).copied().unwrap_or(b' ');
        SyntaxError { message: format!("invalid character {} {context}", quote_byte(byte)), at: self.at }
    }

    fn end(&self) -> SyntaxError {
        SyntaxError { message: "unexpected end of JSON input".to_owned(), at: self.data.len() }
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// What kind of value comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

impl Kind {
    /// As Go's `UnmarshalTypeError` names it.
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

/// A place in a text that [`check`] let through. On any other text it gives nonsense, but neither panics nor hangs.
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

    /// The kind of the value that comes next.
    pub(crate) fn kind(&mut self) -> Kind {
        match self.peek() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            _ => Kind::Null,
        }
    }

    /// The next key of the object that the reader stands at or in, quotes included; `None` behind its end. The
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

    /// Goes over the next value, whatever it holds, and says where it stands.
    pub(crate) fn skip_value(&mut self) -> Range<usize> {
        self.numbers(|_, _| {})
    }

    /// Goes over the next value and shows every number in it.
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

    /// The string at a range that the reader gave out, quotes included.
    pub(crate) fn text(&self, range: &Range<usize>) -> String {
        let quoted = self.data.get(range.clone()).unwrap_or_default();
        unquote(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default())
    }
}

/// `unquoteBytes`: escapes resolved; every byte that is not UTF-8 and every half of a surrogate pair becomes U+FFFD.
fn unquote(raw: &[u8]) -> String {
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

/// The character of `\uXXXX`, or of two that make a surrogate pair, and how many bytes it takes.
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

/// `getu4`.
fn four_digits(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}
