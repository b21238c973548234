//! Parses patterns like Go's `regexp/syntax` (Go 1.26) into the tree that `regex-automata` compiles.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, Look, Repetition};

/// Maximum depth of nested groups.
const MAX_DEPTH: usize = 50;

/// Maximum count of a repetition in Go.
const MAX_REPEAT: u32 = 1_000;

/// Why a pattern cannot be parsed.
pub(crate) enum PatternError {
    /// Go rejects the pattern.
    Invalid,
    /// The pattern uses syntax that is not supported here.
    Unknown,
}

/// Parses a whole pattern.
pub(crate) fn parse(pattern: &str) -> Result<Hir, PatternError> {
    let mut parser = Parser { chars: pattern.chars().collect(), at: 0 };
    let tree = parser.alternatives(0)?;
    // The rest begins with an unmatched `)`.
    if parser.at == parser.chars.len() { Ok(tree) } else { Err(PatternError::Invalid) }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take(&mut self, wanted: char) -> bool {
        let is_there = self.peek() == Some(wanted);
        self.at += usize::from(is_there);
        is_there
    }

    fn alternatives(&mut self, depth: usize) -> Result<Hir, PatternError> {
        if depth > MAX_DEPTH {
            return Err(PatternError::Unknown);
        }
        let mut all = vec![self.sequence(depth)?];
        while self.take('|') {
            all.push(self.sequence(depth)?);
        }
        Ok(Hir::alternation(all))
    }

    fn sequence(&mut self, depth: usize) -> Result<Hir, PatternError> {
        let mut items = Vec::new();
        while let Some(c) = self.peek().filter(|c| !matches!(c, '|' | ')')) {
            self.at += 1;
            let item = match c {
                '^' => Hir::look(Look::Start),
                '$' => Hir::look(Look::End),
                '.' => class(&[('\n', '\n')], true),
                '(' => self.group(depth)?,
                '[' => self.class()?,
                '\\' => self.escape()?,
                '*' | '+' | '?' => return Err(PatternError::Invalid),
                '{' if self.bounds()?.is_some() => return Err(PatternError::Invalid),
                c => one(c),
            };
            items.push(self.repeated(item)?);
        }
        Ok(Hir::concat(items))
    }

    fn group(&mut self, depth: usize) -> Result<Hir, PatternError> {
        // Of `(?…`, only non-capturing groups are supported; names and flags are not.
        if self.take('?') && !self.take(':') {
            return Err(PatternError::Unknown);
        }
        let inner = self.alternatives(depth + 1)?;
        if self.take(')') { Ok(inner) } else { Err(PatternError::Invalid) }
    }

    /// Parses the repetition that follows an item.
    fn repeated(&mut self, item: Hir) -> Result<Hir, PatternError> {
        let (least, most) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                self.at += 1;
                match self.bounds()? {
                    Some(bounds) => {
                        self.at -= 1;
                        bounds
                    }
                    None => {
                        self.at -= 1;
                        return Ok(item);
                    }
                }
            }
            _ => return Ok(item),
        };
        self.at += 1;
        // A lazy repetition matches the same texts.
        self.take('?');
        let again = match self.peek() {
            Some('*' | '+' | '?') => true,
            Some('{') => {
                self.at += 1;
                let start = self.at;
                let is_bounds = self.bounds()?.is_some();
                self.at = start - 1;
                is_bounds
            }
            _ => false,
        };
        if again {
            return Err(PatternError::Invalid);
        }
        Ok(Hir::repetition(Repetition { min: least, max: most, greedy: true, sub: Box::new(item) }))
    }

    /// Parses `n}`, `n,}` or `n,m}` after a `{`. If none of them follows, the `{` is an ordinary character, and
    /// nothing is consumed.
    fn bounds(&mut self) -> Result<Option<(u32, Option<u32>)>, PatternError> {
        let rest = &self.chars[self.at..];
        let Some(end) = rest.iter().take(20).position(|c| *c == '}') else { return Ok(None) };
        let text: String = rest[..end].iter().collect();
        let number = |text: &str| -> Option<u32> {
            let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let is_padded = text.len() > 1 && text.starts_with('0');
            if is_number && !is_padded { Some(text.parse().unwrap_or(u32::MAX)) } else { None }
        };
        let bounds = match text.split_once(',') {
            None => number(&text).map(|n| (n, Some(n))),
            Some((least, "")) => number(least).map(|n| (n, None)),
            Some((least, most)) => number(least).zip(number(most)).map(|(least, most)| (least, Some(most))),
        };
        let Some((least, most)) = bounds else { return Ok(None) };
        if least > MAX_REPEAT || most.is_some_and(|most| most > MAX_REPEAT || most < least) {
            return Err(PatternError::Invalid);
        }
        self.at += end + 1;
        Ok(Some((least, most)))
    }

    fn escape(&mut self) -> Result<Hir, PatternError> {
        let (ranges, negated) = self.escaped()?;
        Ok(class(&ranges, negated))
    }

    /// The characters that an escape matches; if the second part is true, those that it does not match.
    fn escaped(&mut self) -> Result<(Vec<(char, char)>, bool), PatternError> {
        let c = self.peek().ok_or(PatternError::Invalid)?;
        self.at += 1;
        match c {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' => Ok((perl(c), c.is_ascii_uppercase())),
            c if c.is_ascii_punctuation() => Ok((vec![(c, c)], false)),
            'a'..='z' | 'A'..='Z' | '0'..='9' => Err(PatternError::Unknown),
            _ => Err(PatternError::Invalid),
        }
    }

    fn class(&mut self) -> Result<Hir, PatternError> {
        let negated = self.take('^');
        let mut ranges = Vec::new();
        let mut is_first = true;
        loop {
            match self.peek() {
                None => return Err(PatternError::Invalid),
                Some(']') if !is_first => break,
                // Some dialects reject a hyphen in the middle of a class, and so does Go in some cases.
                Some('-') if !is_first && self.chars.get(self.at + 1).is_none_or(|c| *c != ']') => {
                    return Err(PatternError::Unknown);
                }
                Some('[') if self.chars.get(self.at + 1) == Some(&':') => return Err(PatternError::Unknown),
                Some(_) => {}
            }
            is_first = false;
            let Some(first) = self.class_char(&mut ranges)? else { continue };
            let is_range = self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|c| *c != ']');
            if !is_range {
                ranges.push((first, first));
                continue;
            }
            self.at += 1;
            match self.class_char(&mut ranges)? {
                Some(last) if last >= first => ranges.push((first, last)),
                _ => return Err(PatternError::Invalid),
            }
        }
        self.at += 1;
        Ok(class(&ranges, negated))
    }

    /// Parses one character of a class; `None` if it was a class itself.
    fn class_char(&mut self, ranges: &mut Vec<(char, char)>) -> Result<Option<char>, PatternError> {
        let c = self.peek().ok_or(PatternError::Invalid)?;
        self.at += 1;
        if c != '\\' {
            return Ok(Some(c));
        }
        match self.escaped()? {
            (_, true) => Err(PatternError::Unknown),
            (escaped, false) => match escaped.as_slice() {
                [(first, last)] if first == last => Ok(Some(*first)),
                _ => {
                    ranges.extend(escaped);
                    Ok(None)
                }
            },
        }
    }
}

fn one(c: char) -> Hir {
    class(&[(c, c)], false)
}

/// A character in these inclusive ranges, or with `negated`, outside them.
fn class(ranges: &[(char, char)], negated: bool) -> Hir {
    let ranges = ranges.iter().map(|(first, last)| ClassUnicodeRange::new(*first, *last));
    let mut class = ClassUnicode::new(ranges);
    if negated {
        class.negate();
    }
    Hir::class(Class::Unicode(class))
}

/// The ranges of `\d`, `\w` and `\s`, which are ASCII only in Go.
fn perl(c: char) -> Vec<(char, char)> {
    match c.to_ascii_lowercase() {
        'd' => vec![('0', '9')],
        'w' => vec![('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        _ => vec![('\t', '\n'), ('\u{c}', '\r'), (' ', ' ')],
    }
}
