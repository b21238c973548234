//! The syntax of a template, after `envsubst/parse/{parse,scan}.go`.
//!
//! Upstream's scanner is not a grammar of Bash: where an argument ends, and which characters can be escaped, differs
//! with the function. The port therefore keeps its states, and its names where they are not misleading.

use std::ops::Range;

use super::{SubstitutionError, Uncertainty};
use crate::text::go::utf8::decode_rune;

/// The greatest depth of expressions within arguments. Upstream has no limit; nobody writes more than a few.
const MAX_DEPTH: usize = 64;

/// A run of literal bytes, or an expression with its range in the text.
#[derive(Debug)]
pub(super) enum Piece {
    Literal(Vec<u8>),
    Expression(Expression, Range<usize>),
}

/// An argument of a function.
#[derive(Debug)]
pub(super) enum Argument {
    Literal(Vec<u8>),
    Expression(Box<Expression>),
}

/// `${name}`, with a function and its arguments.
#[derive(Debug)]
pub(super) struct Expression {
    pub(super) name: String,
    pub(super) function: Function,
    pub(super) arguments: Vec<Argument>,
}

/// What an expression does with the value of its variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// `${a}`; also `${a,^}`, which upstream accepts and does not know.
    Plain,
    /// `${a:=x}`, `${a=x}`, `${a:-x}`, and likewise `${a:?x}` and `${a:+x}`.
    Default,
    /// `${#a}`.
    Length,
    /// `${a,}`.
    LowerFirst,
    /// `${a,,}`.
    Lower,
    /// `${a^}`.
    UpperFirst,
    /// `${a^^}`.
    Upper,
    /// `${a:1}`, `${a:1:2}`.
    Substring,
    /// `${a#x}`.
    TrimShortestPrefix,
    /// `${a##x}`.
    TrimLongestPrefix,
    /// `${a%x}`.
    TrimShortestSuffix,
    /// `${a%%x}`.
    TrimLongestSuffix,
    /// `${a/x/y}`.
    ReplaceFirst,
    /// `${a//x/y}`.
    ReplaceAll,
    /// `${a/#x/y}`.
    ReplacePrefix,
    /// `${a/%x/y}`.
    ReplaceSuffix,
}

/// Why a template cannot be evaluated.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Flux fails as well.
    Fails(SubstitutionError),
    /// A limit of this port.
    Undecided(Uncertainty),
}

impl From<SubstitutionError> for Stop {
    fn from(error: SubstitutionError) -> Self {
        Self::Fails(error)
    }
}

/// Parses a whole text. As upstream, the text ends at the first NUL that is not within an argument.
pub(super) fn parse(text: &str) -> Result<Vec<Piece>, Stop> {
    let mut scanner = Scanner { text: text.as_bytes(), at: 0, width: 0, token: Vec::new() };
    let mut pieces = Vec::new();
    loop {
        let start = scanner.at;
        match scanner.scan(TEXT, |_, _| true) {
            Token::Word => pieces.push(Piece::Literal(std::mem::take(&mut scanner.token))),
            Token::Open => {
                let expression = scanner.expression(MAX_DEPTH)?;
                pieces.push(Piece::Expression(expression, start..scanner.at));
            }
            _ => return Ok(pieces),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Illegal,
    End,
    Word,
    Open,
    Close,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Dollar,
    All,
}

/// Which tokens the scanner recognizes.
#[derive(Clone, Copy)]
struct Mode {
    word: bool,
    open: bool,
    close: bool,
    escapes: Escapes,
}

const TEXT: Mode = Mode { word: true, open: true, close: false, escapes: Escapes::Dollar };
const WORD: Mode = Mode { word: true, open: false, close: false, escapes: Escapes::None };
const WORD_OR_CLOSE: Mode = Mode { close: true, ..WORD };
const CLOSE: Mode = Mode { word: false, ..WORD_OR_CLOSE };
const ARGUMENT: Mode = Mode { open: true, ..WORD };
const ESCAPED_ARGUMENT: Mode = Mode { escapes: Escapes::All, ..ARGUMENT };

/// Whether a token can contain a character; the number is the token's length in bytes with it.
type Accept = fn(char, usize) -> bool;

/// Marks the end, which upstream cannot tell from a NUL in the text.
const END: char = '\0';

struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
    /// The width of what was read last, which may have been a look at the next character.
    width: usize,
    token: Vec<u8>,
}

impl Scanner<'_> {
    fn read(&mut self) -> char {
        let (character, width) = if self.at >= self.text.len() { (END, 0) } else { decode_rune(&self.text[self.at..]) };
        self.width = width;
        self.at += width;
        character
    }

    fn unread(&mut self) {
        self.at -= self.width;
    }

    fn peek(&mut self) -> char {
        let character = self.read();
        self.unread();
        character
    }

    fn scan(&mut self, mode: Mode, accept: Accept) -> Token {
        self.token.clear();
        let start = self.at;
        let character = self.read();
        match character {
            END => Token::End,
            '$' if self.is_opened(mode) => Token::Open,
            '}' if mode.close => Token::Close,
            _ if mode.word && self.scan_word(character, start, mode, accept) => Token::Word,
            _ => Token::Illegal,
        }
    }

    /// Reads the rest of a word whose first character was read.
    fn scan_word(&mut self, first: char, start: usize, mode: Mode, accept: Accept) -> bool {
        if !self.take_escaped(first, mode) {
            let length = self.at - start;
            if !accept(first, length) {
                return false;
            }
            self.token.extend_from_slice(&self.text[start..self.at]);
        }
        loop {
            let start = self.at;
            let character = self.read();
            if character == END {
                self.unread();
                return true;
            }
            if character == '$' && self.is_opened(mode) {
                self.at = start;
                return true;
            }
            if self.take_escaped(character, mode) {
                continue;
            }
            let length = self.token.len() + self.at - start;
            if !accept(character, length) {
                self.at = start;
                return true;
            }
            self.token.extend_from_slice(&self.text[start..self.at]);
        }
    }

    /// Whether a `{` follows a `$`; reads it.
    fn is_opened(&mut self, mode: Mode) -> bool {
        let is_open = mode.open && self.text.get(self.at) == Some(&b'{');
        self.at += usize::from(is_open);
        is_open
    }

    /// Whether a character escapes the next one; takes that one into the token.
    fn take_escaped(&mut self, character: char, mode: Mode) -> bool {
        let next = self.text.get(self.at).copied();
        let is_escape = match character {
            '$' => mode.escapes != Escapes::None && next == Some(b'$'),
            '\\' => mode.escapes == Escapes::All && matches!(next, Some(b'/' | b'\\')),
            _ => false,
        };
        if is_escape {
            self.token.extend(next);
            self.at += 1;
        }
        is_escape
    }

    /// Scans a word that must be there.
    fn word(&mut self, accept: Accept, error: SubstitutionError) -> Result<&[u8], SubstitutionError> {
        if self.scan(WORD, accept) == Token::Word { Ok(&self.token) } else { Err(error) }
    }

    fn close(&mut self) -> Result<(), SubstitutionError> {
        let is_closed = self.scan(CLOSE, |_, _| false) == Token::Close;
        if is_closed { Ok(()) } else { Err(SubstitutionError::BadSubstitution) }
    }

    fn name(&mut self, error: SubstitutionError) -> Result<String, SubstitutionError> {
        let name = self.word(is_name_character, error)?;
        Ok(String::from_utf8_lossy(name).into_owned())
    }

    /// Parses an expression from after its `${` to its `}`.
    fn expression(&mut self, depth: usize) -> Result<Expression, Stop> {
        use SubstitutionError::{BadSubstitution, MissingClosingBrace, VariableName};
        if depth == 0 {
            return Err(Stop::Undecided(Uncertainty::Limit));
        }
        if self.peek() == '#' {
            self.word(|c, length| c == '#' && length == 1, BadSubstitution)?;
            let name = self.name(BadSubstitution)?;
            self.close()?;
            return Ok(Expression { name, function: Function::Length, arguments: Vec::new() });
        }
        let name = self.name(VariableName)?;
        let (function, arguments) = match self.peek() {
            ':' => {
                self.read();
                let next = self.peek();
                // Upstream steps back by the width of the character it peeked at: at the end not at all, and before
                // a longer character to where no colon is. Both are errors below.
                self.unread();
                if matches!(next, '=' | '-' | '?' | '+') { self.default(depth)? } else { self.substring(depth)? }
            }
            '=' => self.default(depth)?,
            ',' | '^' => {
                let function = match self.word(|c, length| matches!(c, ',' | '^') && length < 3, BadSubstitution)? {
                    b"," => Function::LowerFirst,
                    b",," => Function::Lower,
                    b"^" => Function::UpperFirst,
                    b"^^" => Function::Upper,
                    _ => Function::Plain,
                };
                self.close()?;
                (function, Vec::new())
            }
            '/' => self.replacement(depth)?,
            '#' => self.trim(depth, |c, length| c == '#' && length < 3)?,
            '%' => self.trim(depth, |c, length| c == '%' && length < 3)?,
            _ if self.scan(CLOSE, |_, _| false) == Token::Close => (Function::Plain, Vec::new()),
            _ => return Err(MissingClosingBrace.into()),
        };
        Ok(Expression { name, function, arguments })
    }

    fn argument(&mut self, mode: Mode, accept: Accept, depth: usize) -> Result<Argument, Stop> {
        match self.scan(mode, accept) {
            Token::Open => Ok(Argument::Expression(Box::new(self.expression(depth - 1)?))),
            Token::Word => Ok(Argument::Literal(std::mem::take(&mut self.token))),
            _ => Err(SubstitutionError::Argument.into()),
        }
    }

    fn default(&mut self, depth: usize) -> Result<(Function, Vec<Argument>), Stop> {
        let accept: Accept = if self.peek() == '=' {
            |c, length| c == '=' && length == 1
        } else {
            |c, length| matches!((length, c), (1, ':') | (2, '=' | '-' | '?' | '+'))
        };
        self.word(accept, SubstitutionError::BadSubstitution)?;
        let mut arguments = Vec::new();
        while self.peek() != '}' {
            arguments.push(self.argument(ARGUMENT, is_not_closing, depth)?);
        }
        self.close()?;
        Ok((Function::Default, arguments))
    }

    fn substring(&mut self, depth: usize) -> Result<(Function, Vec<Argument>), Stop> {
        self.word(|c, length| c == ':' && length == 1, SubstitutionError::BadSubstitution)?;
        let mut arguments = vec![self.argument(ARGUMENT, |c, _| c != ':' && c != '}', depth)?];
        match self.scan(WORD_OR_CLOSE, |c, _| c == ':') {
            Token::Close => return Ok((Function::Substring, arguments)),
            Token::Word => {}
            _ => return Err(SubstitutionError::BadSubstitution.into()),
        }
        arguments.push(self.argument(ARGUMENT, is_not_closing, depth)?);
        self.close()?;
        Ok((Function::Substring, arguments))
    }

    fn trim(&mut self, depth: usize, accept: Accept) -> Result<(Function, Vec<Argument>), Stop> {
        let function = match self.word(accept, SubstitutionError::BadSubstitution)? {
            b"#" => Function::TrimShortestPrefix,
            b"##" => Function::TrimLongestPrefix,
            b"%" => Function::TrimShortestSuffix,
            _ => Function::TrimLongestSuffix,
        };
        let pattern = self.argument(ARGUMENT, is_not_closing, depth)?;
        self.close()?;
        Ok((function, vec![pattern]))
    }

    fn replacement(&mut self, depth: usize) -> Result<(Function, Vec<Argument>), Stop> {
        let is_mark: Accept = |c, length| matches!((length, c), (1, '/') | (2, '/' | '#' | '%'));
        let function = match self.word(is_mark, SubstitutionError::BadSubstitution)? {
            b"//" => Function::ReplaceAll,
            b"/#" => Function::ReplacePrefix,
            b"/%" => Function::ReplaceSuffix,
            _ => Function::ReplaceFirst,
        };
        // The argument ends at a slash only, even behind the closing brace.
        let mut arguments = vec![self.argument(ESCAPED_ARGUMENT, |c, _| c != '/', depth)?];
        self.word(|c, _| c == '/', SubstitutionError::BadSubstitution)?;
        if self.peek() != '}' {
            arguments.push(self.argument(ESCAPED_ARGUMENT, is_not_closing, depth)?);
        }
        self.close()?;
        Ok((function, arguments))
    }
}

fn is_not_closing(character: char, _: usize) -> bool {
    character != '}'
}

/// A letter, a digit, or `_`. Beyond ASCII this accepts more than Go's tables, so that the evaluation can stop there.
fn is_name_character(character: char, _: usize) -> bool {
    character == '_' || character.is_alphanumeric()
}
