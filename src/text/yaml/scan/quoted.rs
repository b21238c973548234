//! Plain and quoted scalars.

use super::cursor::Cursor;
use super::{ScanError, Scanner, Token, TokenKind};
use crate::text::yaml::scan::Text;

/// A value that is the source text itself for as long as possible.
struct Value {
    start: usize,
    /// Start of the text that is not yet in `owned`.
    run: usize,
    owned: Option<String>,
}

impl Value {
    const fn new(start: usize) -> Self {
        Self { start, run: start, owned: None }
    }

    /// Called at the first point at which the value differs from what is written: stores the text so far.
    fn flush(&mut self, cursor: &Cursor<'_>, end: usize) -> &mut String {
        let pending = cursor.slice(self.run, end);
        let owned = self.owned.get_or_insert_default();
        owned.push_str(pending);
        owned
    }

    fn finish(mut self, cursor: &Cursor<'_>, end: usize, pool: &mut Vec<String>) -> Text {
        if self.owned.is_none() {
            return Text::Source { start: self.start as u32, end: end as u32 };
        }
        self.flush(cursor, end);
        pool.push(self.owned.unwrap_or_default());
        Text::Owned { index: pool.len() as u32 - 1 }
    }
}

/// Line breaks, as they are folded.
#[derive(Default)]
struct Breaks {
    leading: Option<char>,
    trailing: String,
}

impl Breaks {
    fn fold(&mut self, into: &mut String) {
        match self.leading {
            Some('\n') if self.trailing.is_empty() => into.push(' '),
            Some('\n') | None => into.push_str(&self.trailing),
            Some(other) => {
                into.push(other);
                into.push_str(&self.trailing);
            }
        }
        self.leading = None;
        self.trailing.clear();
    }
}

/// Characters that end a run of ordinary characters of a plain scalar, or have to be examined.
static SPECIAL: [bool; 256] = special(b"\0\t\n\r :,?[]{}");
/// End characters of runs in the two kinds of quoted scalars; see [`SPECIAL`].
static SPECIAL_SINGLE: [bool; 256] = special(b"\0\t\n\r '");
static SPECIAL_DOUBLE: [bool; 256] = special(b"\0\t\n\r \"\\");

const fn special(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    let mut byte = 0x80;
    while byte < 256 {
        table[byte] = true;
        byte += 1;
    }
    table
}

impl Scanner<'_> {
    pub(super) fn fetch_plain(&mut self) -> Result<(), ScanError> {
        self.save_key()?;
        self.key_allowed = false;
        let token = self.scan_plain()?;
        self.push(token);
        Ok(())
    }

    fn scan_plain(&mut self) -> Result<Token, ScanError> {
        let in_flow = self.in_flow();
        let indent = self.indent + 1;
        let cursor = &mut self.cursor;
        let start = cursor.pos();
        let mut end = start;
        let mut value = Value::new(start);
        let mut breaks = Breaks::default();
        let mut broken = false;
        loop {
            if cursor.at(0) == b'#' || cursor.is_at_marker() {
                break;
            }
            let from = cursor.pos();
            loop {
                while !SPECIAL[cursor.at(0) as usize] {
                    cursor.advance(1);
                }
                match cursor.at(0) {
                    b':' if !cursor.is_blankz(1) => cursor.advance(1),
                    b',' | b'?' | b'[' | b']' | b'{' | b'}' if !in_flow => cursor.advance(1),
                    0x80.. if !cursor.is_break(0) => cursor.skip(),
                    _ => break,
                }
            }
            if cursor.pos() > from {
                if broken {
                    breaks.fold(value.flush(cursor, end));
                    value.run = from;
                    broken = false;
                }
                end = cursor.pos();
            }
            if !(cursor.is_blank() || cursor.is_break(0)) {
                break;
            }
            loop {
                if cursor.is_blank() {
                    if broken && cursor.column() < indent && cursor.at(0) == b'\t' {
                        // kubectl names the line of the tab, and so does this scanner.
                        let message = "found a tab character that violates indentation";
                        return Err(ScanError::new(cursor.offset(), message));
                    }
                    cursor.advance(1);
                } else if cursor.is_break(0) {
                    let read = cursor.read_line();
                    if broken {
                        breaks.trailing.push(read);
                    } else {
                        breaks.leading = Some(read);
                        broken = true;
                    }
                } else {
                    break;
                }
            }
            if !in_flow && cursor.column() < indent {
                break;
            }
        }
        if broken {
            self.key_allowed = true;
        }
        let text = value.finish(&self.cursor, end, &mut self.owned);
        Ok(Token { text, ..Token::new(TokenKind::Plain, start as u32, end as u32) })
    }

    pub(super) fn fetch_quoted(&mut self, single: bool) -> Result<(), ScanError> {
        self.save_key()?;
        self.key_allowed = false;
        let token = self.scan_quoted(single)?;
        self.push(token);
        Ok(())
    }

    fn scan_quoted(&mut self, single: bool) -> Result<Token, ScanError> {
        let (quote, special) = if single { (b'\'', &SPECIAL_SINGLE) } else { (b'"', &SPECIAL_DOUBLE) };
        let cursor = &mut self.cursor;
        let open = cursor.offset();
        cursor.advance(1);
        let mut value = Value::new(cursor.pos());
        let mut breaks = Breaks::default();
        loop {
            // The error is reported at the opening quote: that is the place to look for the missing one.
            if cursor.is_at_marker() {
                return Err(ScanError::new(open, "found unexpected document indicator"));
            }
            if cursor.at(0) == 0 {
                return Err(ScanError::new(open, "found unexpected end of stream"));
            }
            let mut broken = false;
            loop {
                while !special[cursor.at(0) as usize] {
                    cursor.advance(1);
                }
                match cursor.at(0) {
                    b'\'' if single && cursor.at(1) == b'\'' => {
                        value.flush(cursor, cursor.pos()).push('\'');
                        cursor.advance(2);
                        value.run = cursor.pos();
                    }
                    b'\\' if !single && cursor.is_break(1) => {
                        value.flush(cursor, cursor.pos());
                        cursor.advance(1);
                        cursor.skip_line();
                        broken = true;
                        value.run = cursor.pos();
                        break;
                    }
                    b'\\' if !single => {
                        let character = escape(cursor, open)?;
                        let at = value.flush(cursor, cursor.pos() - character.1);
                        at.push(character.0);
                        value.run = cursor.pos();
                    }
                    0x80.. if !cursor.is_break(0) => cursor.skip(),
                    _ => break,
                }
            }
            if cursor.at(0) == quote {
                break;
            }
            let blanks = cursor.pos();
            loop {
                if cursor.is_blank() {
                    cursor.advance(1);
                } else if cursor.is_break(0) {
                    if broken {
                        let read = cursor.read_line();
                        breaks.trailing.push(read);
                    } else {
                        value.flush(cursor, blanks);
                        breaks.leading = Some(cursor.read_line());
                        broken = true;
                    }
                } else {
                    break;
                }
            }
            if broken {
                breaks.fold(value.owned.get_or_insert_default());
                value.run = cursor.pos();
            }
        }
        let text = value.finish(&self.cursor, self.cursor.pos(), &mut self.owned);
        self.cursor.advance(1);
        Ok(Token { text, ..Token::new(TokenKind::Quoted, open, self.cursor.offset()) })
    }
}

/// Returns the character of the escape at this position, and the number of its bytes.
fn escape(cursor: &mut Cursor<'_>, open: u32) -> Result<(char, usize), ScanError> {
    let digits = match cursor.at(1) {
        b'x' => 2,
        b'u' => 4,
        b'U' => 8,
        other => {
            let character = match other {
                b'0' => '\0',
                b'a' => '\x07',
                b'b' => '\x08',
                b't' | b'\t' => '\t',
                b'n' => '\n',
                b'v' => '\x0b',
                b'f' => '\x0c',
                b'r' => '\r',
                b'e' => '\x1b',
                b' ' | b'"' | b'\'' | b'\\' => char::from(other),
                b'N' => '\u{85}',
                b'_' => '\u{a0}',
                b'L' => '\u{2028}',
                b'P' => '\u{2029}',
                _ => return Err(ScanError::new(cursor.offset(), "found unknown escape character")),
            };
            cursor.advance(2);
            return Ok((character, 2));
        }
    };
    let mut value = 0_u32;
    for at in 0..digits {
        let Some(digit) = char::from(cursor.at(2 + at)).to_digit(16) else {
            // The misspelling is the decoder's own.
            return Err(ScanError::new(cursor.offset(), "did not find expected hexdecimal number"));
        };
        value = value.wrapping_shl(4) | digit;
    }
    let Some(character) = char::from_u32(value) else {
        return Err(ScanError::new(open, "found invalid Unicode character escape code"));
    };
    cursor.advance(2 + digits);
    Ok((character, 2 + digits))
}
