//! Go templates as trees, as far as `text/template/parse/parse.go` and Helm's charts need it.

use std::ops::Range;

use crate::report::template::lex::{Token, tokens};

/// A part of a template.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// Text outside of actions.
    Text(Range<usize>),
    /// An action that writes its result.
    Emit(Range<usize>, Expr),
    /// `$x := …` and `$x = …`.
    Assign(String, Expr),
    /// `if` and `with`, with their `else` branches: the offset, condition and body of each.
    Branches { start: usize, with: bool, branches: Vec<Branch> },
    /// `range`, with its variables and body.
    Loop { start: usize, names: Vec<String>, body: Vec<Node> },
}

/// One branch of an `if` or `with`.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    /// The condition, with the variable that it sets; `None` for `else`.
    pub(super) condition: Option<(Option<String>, Expr)>,
    pub(super) body: Vec<Node>,
}

/// An expression in an action.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    /// The dot: `.`
    Dot,
    /// A variable: `$` or `$x`.
    Var(String),
    /// A string literal.
    Str(String),
    /// A number, `true` or `false`.
    Word(String),
    /// The keyword `nil`.
    Nil,
    /// A chain of fields: `x.a.b`
    Field(Box<Expr>, Vec<String>),
    /// A function and its arguments.
    Call(String, Vec<Expr>),
    /// Syntax that is not understood.
    Unknown,
}

/// A parsed template file.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) body: Vec<Node>,
    /// The named templates of the file.
    pub(super) defines: Vec<(String, Vec<Node>)>,
}

/// How deep blocks within blocks are followed.
const MAX_DEPTH: usize = 64;

/// How deep parentheses within parentheses are read.
const MAX_PARENTHESES: usize = 16;

/// How many commands of one pipeline are read: each becomes an argument of the next.
const MAX_PIPES: usize = 16;

pub(super) fn parse(text: &str) -> Parsed {
    let mut parser = Parser { text, tokens: tokens(text), at: 0, defines: Vec::new(), depth: 0 };
    let mut body = Vec::new();
    // A superfluous `end` ends nothing.
    while parser.at < parser.tokens.len() {
        let (nodes, _) = parser.block();
        body.extend(nodes);
    }
    Parsed { body, defines: parser.defines }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    at: usize,
    defines: Vec<(String, Vec<Node>)>,
    depth: usize,
}

/// The keyword that ended a block.
enum End {
    End,
    /// The rest of an `else`: `if …`, `with …`, or nothing.
    Else(Range<usize>),
}

impl Parser<'_> {
    fn block(&mut self) -> (Vec<Node>, End) {
        let mut nodes = Vec::new();
        while let Some(token) = self.tokens.get(self.at).cloned() {
            self.at += 1;
            let (outer, inner) = match token {
                Token::Text(range) => {
                    nodes.push(Node::Text(range));
                    continue;
                }
                Token::Action(outer, inner) => (outer, inner),
            };
            let (word, rest) = keyword(self.text, &inner);
            match word {
                "end" => return (nodes, End::End),
                "else" => return (nodes, End::Else(rest)),
                "if" | "with" => nodes.push(self.branches(word == "with", outer.start, rest)),
                "range" => {
                    let (names, _) = assigned(&self.text[rest]);
                    let (mut body, mut end) = self.nested();
                    while let End::Else(_) = end {
                        let (more, next) = self.nested();
                        body.extend(more);
                        end = next;
                    }
                    nodes.push(Node::Loop { start: outer.start, names, body });
                }
                "define" | "block" => {
                    let name = words(&self.text[rest]).into_iter().next();
                    let (body, _) = self.nested();
                    if let Some(Word::Str(name)) = name {
                        self.defines.push((name, body));
                    }
                }
                "break" | "continue" => {}
                "template" => nodes.push(Node::Emit(outer, expression(&format!("include {}", &self.text[rest])))),
                _ if self.text[inner.clone()].trim_start().starts_with("/*") => {}
                _ => match assigned(&self.text[inner]) {
                    (names, expr) if names.is_empty() => nodes.push(Node::Emit(outer, expression(expr))),
                    (names, expr) => {
                        let value = expression(expr);
                        nodes.extend(names.into_iter().map(|name| Node::Assign(name, value.clone())));
                    }
                },
            }
        }
        (nodes, End::End)
    }

    fn nested(&mut self) -> (Vec<Node>, End) {
        if self.depth >= MAX_DEPTH {
            self.at = self.tokens.len();
            return (Vec::new(), End::End);
        }
        self.depth += 1;
        let block = self.block();
        self.depth -= 1;
        block
    }

    fn branches(&mut self, with: bool, start: usize, condition: Range<usize>) -> Node {
        let mut branches = Vec::new();
        let mut condition = Some(condition);
        loop {
            let parsed = condition.take().map(|range| {
                let (names, expr) = assigned(&self.text[range]);
                (names.into_iter().next(), expression(expr))
            });
            let last = parsed.is_none();
            let (body, end) = self.nested();
            branches.push(Branch { condition: parsed, body });
            let End::Else(rest) = end else { break };
            condition = match keyword(self.text, &rest) {
                ("if" | "with", rest) => Some(rest),
                _ if last => break,
                _ => None,
            };
        }
        Node::Branches { start, with, branches }
    }
}

/// Returns the first word of an action, and the range of what follows.
fn keyword<'t>(text: &'t str, range: &Range<usize>) -> (&'t str, Range<usize>) {
    let inner = &text[range.clone()];
    let trimmed = inner.trim_start();
    let word = trimmed.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    let start = range.start + (inner.len() - trimmed.len()) + word.len();
    (word, start..range.end)
}

/// Parses the variables of `$a, $b := expr`, and the expression.
fn assigned(text: &str) -> (Vec<String>, &str) {
    let trimmed = text.trim();
    let is_name = |name: &str| {
        name.strip_prefix('$')
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_alphanumeric() || c == '_'))
    };
    if let Some(at) = trimmed.find('=') {
        let left = trimmed[..at].trim_end_matches(':');
        let names: Vec<&str> = left.split(',').map(str::trim).collect();
        if names.iter().all(|name| is_name(name)) {
            return (names.into_iter().map(str::to_owned).collect(), &trimmed[at + 1..]);
        }
    }
    (Vec::new(), trimmed)
}

#[derive(Debug, Clone, PartialEq)]
enum Word {
    Str(String),
    /// A path, name or number as written, fields included.
    Plain(String),
    Pipe,
    Open,
    /// The end of a parenthesis, with the fields that follow it.
    Close(Vec<String>),
}

fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '"' => {
                let end = string_end(rest);
                words.push(Word::Str(unescape(&rest[1..end])));
                end + 1
            }
            '`' => {
                let end = rest[1..].find('`').map_or(rest.len(), |at| at + 1);
                words.push(Word::Str(rest[1..end].to_owned()));
                end + 1
            }
            '|' => {
                words.push(Word::Pipe);
                1
            }
            '(' => {
                words.push(Word::Open);
                1
            }
            ')' => {
                let fields = &rest[1..];
                let len = if fields.starts_with('.') { plain_end(fields) } else { 0 };
                let path = fields[..len].split('.').filter(|part| !part.is_empty()).map(str::to_owned);
                words.push(Word::Close(path.collect()));
                1 + len
            }
            _ => {
                let end = plain_end(rest).max(first.len_utf8());
                words.push(Word::Plain(rest[..end].to_owned()));
                end
            }
        };
        rest = rest.get(taken..).unwrap_or_default().trim_start();
    }
    words
}

fn plain_end(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || matches!(c, '|' | '(' | ')' | '"' | '`' | ',')).unwrap_or(text.len())
}

/// Returns the offset of the closing quote of the string at the start of the text.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    text.len()
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('t')) => out.push('\t'),
            ('\\', Some(other)) => out.push(other),
            _ => out.push(c),
        }
    }
    out
}

fn expression(text: &str) -> Expr {
    let words = words(text);
    let mut at = 0;
    let expr = pipeline(&words, &mut at, MAX_PARENTHESES);
    if at == words.len() { expr } else { Expr::Unknown }
}

/// Parses commands joined by `|`: the result of each is the last argument of the next.
fn pipeline(words: &[Word], at: &mut usize, depth: usize) -> Expr {
    let mut piped = None;
    let mut pipes = 0;
    loop {
        let mut command = command(words, at, depth);
        if let Some(before) = piped.take() {
            command = match command {
                Expr::Call(name, mut arguments) => {
                    arguments.push(before);
                    Expr::Call(name, arguments)
                }
                _ => Expr::Unknown,
            };
        }
        if words.get(*at) != Some(&Word::Pipe) {
            return command;
        }
        *at += 1;
        pipes += 1;
        if pipes > MAX_PIPES {
            return Expr::Unknown;
        }
        piped = Some(command);
    }
}

fn command(words: &[Word], at: &mut usize, depth: usize) -> Expr {
    let Some(first) = operand(words, at, depth) else { return Expr::Unknown };
    let mut arguments = Vec::new();
    while !matches!(words.get(*at), None | Some(Word::Pipe | Word::Close(_))) {
        match operand(words, at, depth) {
            Some(argument) => arguments.push(argument),
            None => return Expr::Unknown,
        }
    }
    match first {
        Expr::Call(name, none) if none.is_empty() => Expr::Call(name, arguments),
        value if arguments.is_empty() => value,
        _ => Expr::Unknown,
    }
}

fn operand(words: &[Word], at: &mut usize, depth: usize) -> Option<Expr> {
    let word = words.get(*at)?;
    *at += 1;
    Some(match word {
        Word::Str(text) => Expr::Str(text.clone()),
        Word::Open => {
            let inner = pipeline(words, at, depth.checked_sub(1)?);
            let Some(Word::Close(path)) = words.get(*at) else { return None };
            *at += 1;
            if path.is_empty() { inner } else { Expr::Field(Box::new(inner), path.clone()) }
        }
        Word::Plain(text) => plain(text),
        Word::Pipe | Word::Close(_) => return None,
    })
}

fn plain(text: &str) -> Expr {
    let path = |text: &str| text.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let with = |base: Expr, path: Vec<String>| if path.is_empty() { base } else { Expr::Field(Box::new(base), path) };
    if text.starts_with('$') {
        let (name, rest) = text.split_once('.').unwrap_or((text, ""));
        return with(Expr::Var(name.to_owned()), path(rest));
    }
    if text.starts_with('.') {
        return with(Expr::Dot, path(text));
    }
    match text {
        "nil" => Expr::Nil,
        "true" | "false" => Expr::Word(text.to_owned()),
        _ if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => Expr::Word(text.to_owned()),
        _ if text.chars().all(|c| c.is_alphanumeric() || c == '_') => Expr::Call(text.to_owned(), Vec::new()),
        _ => Expr::Unknown,
    }
}
