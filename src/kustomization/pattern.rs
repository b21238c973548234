//! The regular expressions of kustomizations: names of images, and the fields of a selector. They are Go's (`regexp`),
//! put into a frame that kustomize makes by putting texts together: `^` + name + `(:TAG)?(@DIGEST)?$`. A name with a
//! bare `|` or `*` therefore says something else than it seems to: `web|api` fits all that begins with `web`.
//!
//! What names need is read as Go reads it: characters, classes, groups, alternatives, repetitions. The rest of the
//! language (flags, Unicode classes, `\b`) is not told. Matching follows all ways at once, as Go does: it takes time in
//! the length of the pattern times that of the text.

/// A compiled pattern, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// It can be matched.
    Program(Vec<Step>),
    /// Go refuses to compile it.
    Invalid,
    /// It says more than is read here.
    Unknown,
}

/// One step of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A character of these ranges, or with `negated` one of no range.
    One {
        /// Inclusive ranges.
        ranges: Vec<(char, char)>,
        /// Whether the others are meant.
        negated: bool,
    },
    /// Goes on at both.
    Split(usize, usize),
    /// Goes on there.
    Jump(usize),
    /// Only at the start of the text.
    Start,
    /// Only at its end.
    End,
    /// The end of the pattern.
    Match,
}

/// Steps of a program, at most: repetitions of repetitions grow fast.
const MAX_STEPS: usize = 1_000;

/// Groups within groups, at most.
const MAX_DEPTH: usize = 50;

/// What Go repeats at most.
const MAX_REPEAT: usize = 1_000;

impl Pattern {
    /// Compiles a pattern as Go's `regexp.Compile` does.
    pub fn new(pattern: &str) -> Self {
        let mut parser = Parser { chars: pattern.chars().collect(), at: 0 };
        let tree = match parser.alternatives(0) {
            Ok(tree) if parser.at == parser.chars.len() => tree,
            // A `)` that opens nothing.
            Ok(_) | Err(Fault::Invalid) => return Self::Invalid,
            Err(Fault::Unknown) => return Self::Unknown,
        };
        let mut steps = Vec::new();
        if emit(&tree, &mut steps).is_none() || steps.len() >= MAX_STEPS {
            return Self::Unknown;
        }
        steps.push(Step::Match);
        Self::Program(steps)
    }

    /// Whether it is found in a text, as `MatchString` says; `None` where that is not told.
    pub fn is_match(&self, text: &str) -> Option<bool> {
        let Self::Program(steps) = self else { return None };
        let mut current = States::new(steps.len());
        let mut next = States::new(steps.len());
        let mut chars = text.chars();
        let mut is_start = true;
        loop {
            let c = chars.next();
            // It may begin anywhere.
            if current.add(steps, 0, is_start, c.is_none()) {
                return Some(true);
            }
            let Some(c) = c else { return Some(false) };
            let is_end = chars.as_str().is_empty();
            next.clear();
            for at in 0..current.list.len() {
                let state = current.list[at];
                let Some(Step::One { ranges, negated }) = steps.get(state) else { continue };
                let is_within = ranges.iter().any(|(first, last)| (*first..=*last).contains(&c));
                if is_within != *negated && next.add(steps, state + 1, false, is_end) {
                    return Some(true);
                }
            }
            std::mem::swap(&mut current, &mut next);
            is_start = false;
        }
    }

    /// What matching it costs for each character of a text.
    pub fn cost(&self) -> usize {
        match self {
            Self::Program(steps) => steps.len(),
            Self::Invalid | Self::Unknown => 1,
        }
    }
}

/// The states that are alive.
struct States {
    list: Vec<usize>,
    is_in: Vec<bool>,
}

impl States {
    fn new(steps: usize) -> Self {
        Self { list: Vec::new(), is_in: vec![false; steps] }
    }

    fn clear(&mut self) {
        self.list.drain(..).for_each(|at| self.is_in[at] = false);
    }

    /// Adds a state and all that are reached from it without a character; `true` where the match is among them.
    fn add(&mut self, steps: &[Step], state: usize, is_start: bool, is_end: bool) -> bool {
        let mut open = vec![state];
        while let Some(at) = open.pop() {
            match self.is_in.get_mut(at) {
                Some(is_in) if !*is_in => *is_in = true,
                _ => continue,
            }
            self.list.push(at);
            match &steps[at] {
                Step::Match => return true,
                Step::Split(one, other) => open.extend([*other, *one]),
                Step::Jump(to) => open.push(*to),
                Step::Start if is_start => open.push(at + 1),
                Step::End if is_end => open.push(at + 1),
                Step::Start | Step::End | Step::One { .. } => {}
            }
        }
        false
    }
}

enum Fault {
    Invalid,
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

/// Whether a pattern of a selector fits a whole text (`NewSelectorRegex` of `api/types/selector.go`); `None` where that
/// is not told.
pub(super) fn fits(pattern: &str, text: &str) -> Option<bool> {
    if is_plain(pattern) {
        return Some(pattern == text);
    }
    Pattern::new(&format!("^(?:{pattern})$")).is_match(text)
}

/// Whether all characters of a pattern stand for themselves.
pub(super) fn is_plain(pattern: &str) -> bool {
    !pattern.contains(['\\', '.', '+', '*', '?', '(', ')', '|', '[', ']', '{', '}', '^', '$'])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Go 1.26 says (`regexp.MatchString`); `x` where it does not compile.
    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, texts) in [
            ("^web$", &[("web", true), ("web2", false), ("aweb", false)][..]),
            ("^quay.io$", &[("quayXio", true), ("quay\nio", false)]),
            ("^web|api$", &[("website", true), ("myapi", true), ("ap", false)]),
            ("^(web|api)$", &[("web", true), ("website", false)]),
            ("^(?:web|api)$", &[("api", true), ("apis", false)]),
            ("^*$", &[("anything", true), ("", true)]),
            ("^*web$", &[("myweb", true), ("web2", false)]),
            ("^?web$", &[("myweb", true)]),
            ("^+web$", &[("myweb", false), ("web", true)]),
            ("^a{2,3}$", &[("a", false), ("aa", true), ("aaa", true), ("aaaa", false)]),
            ("^a{2}{b$", &[("aa{b", true)]),
            ("^a{,2}$", &[("a{,2}", true)]),
            ("^a{x}$", &[("a{x}", true)]),
            ("^[a-c]+-[^0-9]$", &[("abc-x", true), ("abc-1", false)]),
            ("^[]a]$", &[("]", true)]),
            (r"^a\.b$", &[("a.b", true), ("axb", false)]),
            (r"^\d+\w*$", &[("12ab", true), ("ab", false), ("1ä", false)]),
            ("^(a*)*$", &[("aaaa", true), ("b", false)]),
            ("^()$", &[("", true)]),
            ("^a||b$", &[("xyz", true)]),
        ] {
            for (text, expected) in texts {
                assert_eq!(Pattern::new(pattern).is_match(text), Some(*expected), "{pattern} {text}");
            }
        }
        for pattern in ["[", "(", ")", "a)", "^(*)", "a**", "a{2}{3}", "a{1001}", "[b-a]", "\\", "|*", "(?:a", "a{3,2}"] {
            assert_eq!(Pattern::new(pattern), Pattern::Invalid, "{pattern}");
        }
        for pattern in ["(?i)a", r"\bweb", r"\pL", "[[:alpha:]]", "(a{999}){999}", &"(".repeat(100)] {
            assert_eq!(Pattern::new(pattern), Pattern::Unknown, "{pattern:.20}");
        }
    }

    #[test]
    fn selectors_fit_whole_texts() {
        assert_eq!(fits("web", "web"), Some(true));
        assert_eq!(fits("web.*", "web-1"), Some(true));
        assert_eq!(fits("web|api", "api"), Some(true));
        assert_eq!(fits("web|api", "website"), Some(false));
        assert_eq!(fits("*", "x"), None);
    }
}
