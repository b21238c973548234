//! `encoding/json`: its scanner, with its messages, and in [`reader`] a walk over what the scanner accepted.
//!
//! There is no recursion: nesting is a counter, so a hostile file costs at most Go's own 10,000 levels.

mod reader;

use std::ops::Range;

use super::quote::quote_byte;
use super::utf8::decode_rune;
pub(crate) use reader::{Reader, ValueKind, unquote};

/// `maxNestingDepth` of the scanner.
const MAX_DEPTH: usize = 10_000;

/// An error of the scanner, like Go's `SyntaxError`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonSyntaxError {
    /// The message, as in Go.
    pub(crate) message: String,
    /// The offending character; empty if the text ends too early.
    pub(crate) range: Range<usize>,
}

/// What can come next.
#[derive(Clone, Copy)]
enum Expect {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    AfterValue,
}

/// Checks like `checkValid` that the text is one JSON value and nothing else.
pub(crate) fn check(data: &[u8]) -> Result<(), JsonSyntaxError> {
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

/// Returns the end of the first value of a stream, as `Decoder.Decode` finds it; `None` if only blanks are left.
pub(crate) fn first(data: &[u8]) -> Result<Option<usize>, JsonSyntaxError> {
    let mut scanner = Scanner { data, at: 0, open: Vec::new() };
    let mut expect = Expect::Value;
    loop {
        scanner.skip_space();
        let Some(&byte) = data.get(scanner.at) else {
            let error = || JsonSyntaxError { message: "unexpected EOF".to_owned(), ..scanner.end() };
            return if scanner.open.is_empty() { Ok(None) } else { Err(error()) };
        };
        expect = scanner.step(expect, byte)?;
        if scanner.open.is_empty() {
            return Ok(Some(scanner.at));
        }
    }
}

/// Whether Go takes `name` for the struct field `field`: equal except for case. Unicode has two more characters (the
/// long s and the Kelvin sign) that differ from an ASCII letter by case alone.
pub(crate) fn folds_to(name: &str, field: &str) -> bool {
    let fold = |character: char| match character {
        'ſ' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    name.chars().map(fold).eq(field.chars().map(fold))
}

struct Scanner<'d> {
    data: &'d [u8],
    at: usize,
    /// The opening brackets that are not closed yet.
    open: Vec<u8>,
}

impl Scanner<'_> {
    fn step(&mut self, expect: Expect, byte: u8) -> Result<Expect, JsonSyntaxError> {
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

    fn value(&mut self, byte: u8) -> Result<Expect, JsonSyntaxError> {
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

    fn string(&mut self) -> Result<(), JsonSyntaxError> {
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

    fn escape(&mut self) -> Result<(), JsonSyntaxError> {
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

    fn number(&mut self) -> Result<(), JsonSyntaxError> {
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

    fn some_digits(&mut self, context: &str) -> Result<(), JsonSyntaxError> {
        if !self.data.get(self.at).is_some_and(u8::is_ascii_digit) {
            return Err(self.error(context));
        }
        self.digits();
        Ok(())
    }

    fn literal(&mut self, word: &str) -> Result<(), JsonSyntaxError> {
        for &expected in word.as_bytes() {
            if self.data.get(self.at) != Some(&expected) {
                let context = format!("in literal {word} (expecting '{}')", char::from(expected));
                return Err(self.error(&context));
            }
            self.at += 1;
        }
        Ok(())
    }

    /// Returns an error at the current character. At the end of the text Go feeds its scanner one more space, so a
    /// truncated number, literal or escape is reported at that character.
    fn error(&self, context: &str) -> JsonSyntaxError {
        let byte = self.data.get(self.at).copied().unwrap_or(b' ');
        let width = decode_rune(self.data.get(self.at..).unwrap_or_default()).1;
        JsonSyntaxError {
            message: format!("invalid character {} {context}", quote_byte(byte)),
            range: self.at..self.at + width,
        }
    }

    fn end(&self) -> JsonSyntaxError {
        JsonSyntaxError { message: "unexpected end of JSON input".to_owned(), range: self.data.len()..self.data.len() }
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}
