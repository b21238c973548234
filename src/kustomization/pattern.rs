//! The regular expressions of kustomizations: names of images, and the fields of a selector. They are Go's (`regexp`),
//! put into a frame that kustomize makes by putting texts together: `^` + name + `(:TAG)?(@DIGEST)?$`. A name with a
//! bare `|` or `*` therefore says something else than it seems to: `web|api` fits all that begins with `web`.
//!
//! What names need is read as Go reads it: characters, classes, groups, alternatives, repetitions. The rest of the
//! language (flags, Unicode classes, `\b`) is not told. Matching follows all ways at once, as Go does: it takes time in
//! the length of the pattern times that of the text.

mod parse;

use parse::{Fault, compile};

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

impl Pattern {
    /// Compiles a pattern as Go's `regexp.Compile` does.
    pub fn new(pattern: &str) -> Self {
        match compile(pattern) {
            Ok(steps) => Self::Program(steps),
            Err(Fault::Invalid) => Self::Invalid,
            Err(Fault::Unknown) => Self::Unknown,
        }
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

/// The pattern of a selector's field, which has to fit the whole text (`NewSelectorRegex` of `api/types/selector.go`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    /// As it is written.
    pub text: String,
    /// Compiled; `None` where all its characters stand for themselves.
    pub pattern: Option<Pattern>,
}

impl Matcher {
    /// Of a pattern.
    pub fn new(text: &str) -> Self {
        let pattern = (!is_plain(text)).then(|| Pattern::new(&format!("^(?:{text})$")));
        Self { text: text.to_owned(), pattern }
    }

    /// Whether it fits; `None` where that is not told.
    pub fn fits(&self, text: &str) -> Option<bool> {
        match &self.pattern {
            Some(pattern) => pattern.is_match(text),
            None => Some(self.text == text),
        }
    }
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
        for pattern in ["[", "(", ")", "a)", "^(*)", "a**", "a{2}{3}", "a{1001}", "[b-a]", "\\", "|*", "(?:a", "a{3,2}"]
        {
            assert_eq!(Pattern::new(pattern), Pattern::Invalid, "{pattern}");
        }
        for pattern in ["(?i)a", r"\bweb", r"\pL", "[[:alpha:]]", "(a{999}){999}", &"(".repeat(100)] {
            assert_eq!(Pattern::new(pattern), Pattern::Unknown, "{pattern:.20}");
        }
    }

    #[test]
    fn selectors_fit_whole_texts() {
        let fits = |pattern: &str, text: &str| Matcher::new(pattern).fits(text);
        assert_eq!(fits("web", "web"), Some(true));
        assert_eq!(fits("web.*", "web-1"), Some(true));
        assert_eq!(fits("web|api", "api"), Some(true));
        assert_eq!(fits("web|api", "website"), Some(false));
        assert_eq!(fits("*", "x"), None);
    }
}
