//! A text to the parts of a template.

/// Maximum depth of parentheses and of `if`.
const MAX_DEPTH: u8 = 32;

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Print(Pipeline),
    If { branches: Vec<(Pipeline, Vec<Part>)>, otherwise: Vec<Part> },
}

/// Commands that are joined by `|`; each is a list of operands.
pub(super) type Pipeline = Vec<Vec<Operand>>;

/// An operand of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operand {
    /// `.a.b`, `$.a.b`, or `.` without names.
    Field(Vec<String>),
    Text(String),
    Integer(i64),
    Bool(bool),
    Nil,
    /// `(…).a.b`
    Inner(Pipeline, Vec<String>),
    Function(String),
}

/// Parses a template; `None` if it contains anything that is not followed, or that Go does not accept.
pub(super) fn parse(text: &str) -> Option<Vec<Part>> {
    let mut pieces = pieces(text)?.into_iter();
    let (parts, end) = list(&mut pieces, 0)?;
    end.is_none().then_some(parts)
}

/// A text between actions, or the inside of an action.
enum Piece<'t> {
    Text(&'t str),
    Action(&'t str),
}

const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

fn pieces(text: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut trims = false;
    loop {
        let (before, after) = match rest.split_once("{{") {
            Some((before, after)) => (before, Some(after)),
            None => (rest, None),
        };
        let mut before = if trims { before.trim_start_matches(SPACE) } else { before };
        let trims_before = after.is_some_and(|after| after.starts_with('-') && after[1..].starts_with(SPACE));
        if trims_before {
            before = before.trim_end_matches(SPACE);
        }
        pieces.push(Piece::Text(before));
        let Some(after) = after else { return Some(pieces) };
        let inside = if trims_before { &after[1..] } else { after };
        if let Some(comment) = inside.trim_start_matches(SPACE).strip_prefix("/*") {
            let (_, after) = comment.split_once("*/")?;
            trims = after.starts_with(SPACE);
            let after = after.trim_start_matches(SPACE);
            rest = if trims { after.strip_prefix("-}}")? } else { after.strip_prefix("}}")? };
            continue;
        }
        let end = action_end(inside)?;
        let action = &inside[..end];
        rest = &inside[end + 2..];
        let trimmed = action.strip_suffix('-').filter(|action| action.ends_with(SPACE));
        trims = trimmed.is_some();
        pieces.push(Piece::Action(trimmed.unwrap_or(action).trim_matches(SPACE)));
    }
}

/// The place of the `}}` that ends an action.
fn action_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'}' if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            b'`' => at += 2 + text[at + 1..].find('`')?,
            b'"' => {
                at += 1;
                while *bytes.get(at)? != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// What ends a list of parts.
enum End {
    Else(Option<Pipeline>),
    End,
}

fn list<'t>(pieces: &mut impl Iterator<Item = Piece<'t>>, depth: u8) -> Option<(Vec<Part>, Option<End>)> {
    let mut parts = Vec::new();
    while let Some(piece) = pieces.next() {
        let action = match piece {
            Piece::Text(text) => {
                parts.push(Part::Text(text.to_owned()));
                continue;
            }
            Piece::Action(action) => action,
        };
        let (word, rest) = action.split_once(SPACE).unwrap_or((action, ""));
        match (word, rest.trim_start_matches(SPACE)) {
            ("end", "") => return Some((parts, Some(End::End))),
            ("else", "") => return Some((parts, Some(End::Else(None)))),
            ("else", rest) => {
                let condition = rest.strip_prefix("if").filter(|rest| rest.starts_with(SPACE))?;
                return Some((parts, Some(End::Else(Some(pipeline(condition)?)))));
            }
            ("if", rest) if depth < MAX_DEPTH => {
                let mut condition = Some(pipeline(rest)?);
                let (mut branches, mut otherwise) = (Vec::new(), Vec::new());
                loop {
                    let (inner, end) = list(pieces, depth + 1)?;
                    match condition.take() {
                        Some(condition) => branches.push((condition, inner)),
                        None => otherwise = inner,
                    }
                    match end? {
                        End::End => break,
                        End::Else(next) => condition = next,
                    }
                }
                parts.push(Part::If { branches, otherwise });
            }
            _ => parts.push(Part::Print(pipeline(action)?)),
        }
    }
    Some((parts, None))
}

fn pipeline(text: &str) -> Option<Pipeline> {
    let mut tokens = Tokens { rest: text };
    let pipeline = tokens.pipeline(0)?;
    tokens.rest.is_empty().then_some(pipeline)
}

struct Tokens<'t> {
    rest: &'t str,
}

impl Tokens<'_> {
    /// Reads up to the closing parenthesis or the end.
    fn pipeline(&mut self, depth: u8) -> Option<Pipeline> {
        let mut commands = vec![Vec::new()];
        loop {
            self.rest = self.rest.trim_start_matches(SPACE);
            let command = commands.last_mut()?;
            match self.rest.chars().next() {
                None | Some(')') => break,
                Some('|') => {
                    self.rest = &self.rest[1..];
                    commands.push(Vec::new());
                }
                Some(_) => {
                    let operand = self.operand(depth)?;
                    // Operands are separated by space.
                    let ends = self.rest.chars().next().is_none_or(|c| SPACE.contains(&c) || matches!(c, '|' | ')'));
                    if !ends {
                        return None;
                    }
                    command.push(operand);
                }
            }
        }
        let is_callable = |operand: &Operand| matches!(operand, Operand::Function(_));
        let is_valid = |(at, command): (usize, &Vec<Operand>)| match command.split_first() {
            // Go does not accept `nil` alone.
            None | Some((Operand::Nil, _)) => false,
            // Only a function takes arguments, and the value before `|`.
            Some((first, arguments)) => is_callable(first) || at == 0 && arguments.is_empty(),
        };
        commands.iter().enumerate().all(is_valid).then_some(commands)
    }

    fn operand(&mut self, depth: u8) -> Option<Operand> {
        let first = self.rest.chars().next()?;
        match first {
            '.' => self.names().map(Operand::Field),
            '$' => {
                self.rest = &self.rest[1..];
                self.names().map(Operand::Field)
            }
            '(' if depth < MAX_DEPTH => {
                self.rest = &self.rest[1..];
                let inner = self.pipeline(depth + 1)?;
                self.rest = self.rest.strip_prefix(')')?;
                self.names().map(|names| Operand::Inner(inner, names))
            }
            '`' => {
                let (text, rest) = self.rest[1..].split_once('`')?;
                self.rest = rest;
                Some(Operand::Text(text.to_owned()))
            }
            '"' => self.string(),
            '0'..='9' | '-' => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
                let number = self.take(is_part);
                let digits = number.strip_prefix('-').unwrap_or(number);
                // A leading zero means octal.
                let is_decimal = digits == "0" || !digits.starts_with('0');
                (is_decimal && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(())?;
                number.parse().ok().map(Operand::Integer)
            }
            c if c.is_ascii_alphabetic() => Some(match self.take(|c| c.is_ascii_alphanumeric() || c == '_') {
                "true" => Operand::Bool(true),
                "false" => Operand::Bool(false),
                "nil" => Operand::Nil,
                "range" | "with" | "define" | "template" | "block" | "break" | "continue" | "if" | "else" | "end" => {
                    return None;
                }
                name => Operand::Function(name.to_owned()),
            }),
            _ => None,
        }
    }

    fn take(&mut self, is_part: impl Fn(char) -> bool) -> &str {
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Reads `.a.b`; nothing is `.` itself.
    fn names(&mut self) -> Option<Vec<String>> {
        let mut names = Vec::new();
        while let Some(rest) = self.rest.strip_prefix('.') {
            self.rest = rest;
            let name = self.take(|c| c.is_ascii_alphanumeric() || c == '_').to_owned();
            if name.is_empty() {
                // Only a single dot has no name.
                return names.is_empty().then_some(names);
            }
            names.push(name);
        }
        Some(names)
    }

    fn string(&mut self) -> Option<Operand> {
        let mut text = String::new();
        let mut chars = self.rest[1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 2..];
                    return Some(Operand::Text(text));
                }
                '\\' => text.push(match chars.next()?.1 {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    c @ ('"' | '\\') => c,
                    _ => return None,
                }),
                '\n' => return None,
                c => text.push(c),
            }
        }
        None
    }
}
