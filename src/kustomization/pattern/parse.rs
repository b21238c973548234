//! From the text of a pattern to the steps that match it (`regexp/syntax` of Go).

use super::Step;

/// Steps of a program, at most: repetitions of repetitions grow fast.
const MAX_STEPS: usize = 1_000;

/// Groups within groups, at most.
const MAX_DEPTH: usize = 50;

/// What Go repeats at most.
const MAX_REPEAT: usize = 1_000;

/// Compiles a pattern.
pub(super) fn compile(pattern: &str) -> Result<Vec<Step>, Fault> {
    let mut parser = Parser { chars: pattern.chars().collect(), at: 0 };
    let tree = parser.alternatives(0)?;
    // A `)` that opens nothing.
    if parser.at != parser.chars.len() {
        return Err(Fault::Invalid);
    }
    let mut steps = Vec::new();
    if emit(&tree, &mut steps).is_none() || steps.len() >= MAX_STEPS {
        return Err(Fault::Unknown);
    }
    steps.push(Step::Match);
    Ok(steps)
}

/// Why a pattern is not compiled.
pub(super) enum Fault {
    /// Go refuses it.
    Invalid,
    /// It says more than is read here.
    Unknown,
}

enum Tree {
    One { ranges: Vec<(char, char)>, negated: bool },
    Start,
    End,
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Repeat { inner: Box<Tree>, least: usize, most: Option<usize> },
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

    fn alternatives(&mut self, depth: usize) -> Result<Tree, Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::Unknown);
        }
        let mut all = vec![self.sequence(depth)?];
        while self.take('|') {
            all.push(self.sequence(depth)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Tree::Any(all) })
    }

    fn sequence(&mut self, depth: usize) -> Result<Tree, Fault> {
        let mut items = Vec::new();
        while let Some(c) = self.peek().filter(|c| !matches!(c, '|' | ')')) {
            self.at += 1;
            let item = match c {
                '^' => Tree::Start,
                '$' => Tree::End,
                '.' => Tree::One { ranges: vec![('\n', '\n')], negated: true },
                '(' => self.group(depth)?,
                '[' => self.class()?,
                '\\' => self.escape()?,
                '*' | '+' | '?' => return Err(Fault::Invalid),
                '{' if self.bounds()?.is_some() => return Err(Fault::Invalid),
                c => one(c),
            };
            items.push(self.repeated(item)?);
        }
        Ok(if items.len() == 1 { items.remove(0) } else { Tree::All(items) })
    }

    fn group(&mut self, depth: usize) -> Result<Tree, Fault> {
        // Of `(?…` only the group that is not captured; names and flags are not read.
        if self.take('?') && !self.take(':') {
            return Err(Fault::Unknown);
        }
        let inner = self.alternatives(depth + 1)?;
        if self.take(')') { Ok(inner) } else { Err(Fault::Invalid) }
    }

    /// What follows an item and repeats it.
    fn repeated(&mut self, item: Tree) -> Result<Tree, Fault> {
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
        // Whether it takes as little as it can makes no difference to whether it fits.
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
            return Err(Fault::Invalid);
        }
        Ok(Tree::Repeat { inner: Box::new(item), least, most })
    }

    /// `n}`, `n,}` or `n,m}` behind a `{`, which is a character of its own where none of them follows. Nothing is taken
    /// then.
    fn bounds(&mut self) -> Result<Option<(usize, Option<usize>)>, Fault> {
        let rest = &self.chars[self.at..];
        let Some(end) = rest.iter().take(20).position(|c| *c == '}') else { return Ok(None) };
        let text: String = rest[..end].iter().collect();
        let number = |text: &str| -> Option<usize> {
            let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let is_padded = text.len() > 1 && text.starts_with('0');
            if is_number && !is_padded { Some(text.parse().unwrap_or(usize::MAX)) } else { None }
        };
        let bounds = match text.split_once(',') {
            None => number(&text).map(|n| (n, Some(n))),
            Some((least, "")) => number(least).map(|n| (n, None)),
            Some((least, most)) => number(least).zip(number(most)).map(|(least, most)| (least, Some(most))),
        };
        let Some((least, most)) = bounds else { return Ok(None) };
        if least > MAX_REPEAT || most.is_some_and(|most| most > MAX_REPEAT || most < least) {
            return Err(Fault::Invalid);
        }
        self.at += end + 1;
        Ok(Some((least, most)))
    }

    fn escape(&mut self) -> Result<Tree, Fault> {
        let c = self.peek().ok_or(Fault::Invalid)?;
        self.at += 1;
        match c {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' => Ok(Tree::One { ranges: perl(c), negated: c.is_ascii_uppercase() }),
            c if c.is_ascii_punctuation() => Ok(one(c)),
            'a'..='z' | 'A'..='Z' | '0'..='9' => Err(Fault::Unknown),
            _ => Err(Fault::Invalid),
        }
    }

    fn class(&mut self) -> Result<Tree, Fault> {
        let negated = self.take('^');
        let mut ranges = Vec::new();
        let mut is_first = true;
        loop {
            match self.peek() {
                None => return Err(Fault::Invalid),
                Some(']') if !is_first => break,
                // A hyphen in the middle is refused by some dialects, and Go is one of them in part.
                Some('-') if !is_first && self.chars.get(self.at + 1).is_none_or(|c| *c != ']') => {
                    return Err(Fault::Unknown);
                }
                Some('[') if self.chars.get(self.at + 1) == Some(&':') => return Err(Fault::Unknown),
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
                _ => return Err(Fault::Invalid),
            }
        }
        self.at += 1;
        Ok(Tree::One { ranges, negated })
    }

    /// One character of a class; `None` where it was a class in itself.
    fn class_char(&mut self, ranges: &mut Vec<(char, char)>) -> Result<Option<char>, Fault> {
        let c = self.peek().ok_or(Fault::Invalid)?;
        self.at += 1;
        if c != '\\' {
            return Ok(Some(c));
        }
        match self.escape()? {
            Tree::One { ranges: escaped, negated: false } => match escaped.as_slice() {
                [(first, last)] if first == last => Ok(Some(*first)),
                _ => {
                    ranges.extend(escaped);
                    Ok(None)
                }
            },
            _ => Err(Fault::Unknown),
        }
    }
}

fn one(c: char) -> Tree {
    Tree::One { ranges: vec![(c, c)], negated: false }
}

/// `\d`, `\w` and `\s`, which are ASCII in Go.
fn perl(c: char) -> Vec<(char, char)> {
    match c.to_ascii_lowercase() {
        'd' => vec![('0', '9')],
        'w' => vec![('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        _ => vec![('\t', '\n'), ('\u{c}', '\r'), (' ', ' ')],
    }
}

/// Adds the steps of a tree; `None` where they are too many.
fn emit(tree: &Tree, steps: &mut Vec<Step>) -> Option<()> {
    if steps.len() >= MAX_STEPS {
        return None;
    }
    match tree {
        Tree::One { ranges, negated } => steps.push(Step::One { ranges: ranges.clone(), negated: *negated }),
        Tree::Start => steps.push(Step::Start),
        Tree::End => steps.push(Step::End),
        Tree::All(items) => items.iter().try_for_each(|item| emit(item, steps))?,
        Tree::Any(items) => {
            let mut ends = Vec::new();
            for (at, item) in items.iter().enumerate() {
                let split = steps.len();
                let is_last = at + 1 == items.len();
                if !is_last {
                    steps.push(Step::Split(split + 1, 0));
                }
                emit(item, steps)?;
                if !is_last {
                    ends.push(steps.len());
                    steps.push(Step::Jump(0));
                    steps[split] = Step::Split(split + 1, steps.len());
                }
            }
            let end = steps.len();
            ends.into_iter().for_each(|at| steps[at] = Step::Jump(end));
        }
        Tree::Repeat { inner, least, most } => {
            for _ in 0..*least {
                emit(inner, steps)?;
            }
            match most {
                None => {
                    let split = steps.len();
                    steps.push(Step::Split(split + 1, 0));
                    emit(inner, steps)?;
                    steps.push(Step::Jump(split));
                    steps[split] = Step::Split(split + 1, steps.len());
                }
                Some(most) => {
                    let mut splits = Vec::new();
                    for _ in *least..*most {
                        splits.push(steps.len());
                        steps.push(Step::Split(steps.len() + 1, 0));
                        emit(inner, steps)?;
                    }
                    let end = steps.len();
                    splits.into_iter().for_each(|at| steps[at] = Step::Split(at + 1, end));
                }
            }
        }
    }
    Some(())
}
