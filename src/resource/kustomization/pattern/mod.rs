//! Regular expressions in kustomizations: names of images, and the fields of a selector. They use Go's syntax
//! (`regexp`), and kustomize concatenates them into a larger expression: `^` + name + `(:TAG)?(@DIGEST)?$`. A name
//! with a bare `|` or `*` therefore has an unexpected meaning: `web|api` matches everything that begins with `web`.
//!
//! The syntax that names need is parsed as Go parses it, which rejects other patterns than Rust's parsers:
//! characters, classes, groups, alternatives, repetitions. Patterns that use the rest of the language (flags, Unicode
//! classes, `\b`) are treated as unknown. `regex-automata` does the matching.

mod parse;

use regex_automata::meta::{self, Regex};

use parse::PatternError;

/// A compiled pattern, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// The pattern can be matched.
    Compiled(Compiled),
    /// Go cannot compile the pattern.
    Invalid,
    /// The pattern uses syntax that is not supported here.
    Unknown,
}

/// Maximum memory of a compiled pattern, in bytes: nested repetitions grow fast.
const MAX_SIZE: usize = 256 << 10;

/// A pattern that can be matched; two are equal if their texts are.
#[derive(Debug, Clone)]
pub struct Compiled {
    text: String,
    regex: Regex,
}

impl PartialEq for Compiled {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Compiled {}

impl Pattern {
    /// Compiles a pattern like Go's `regexp.Compile`.
    pub fn new(pattern: &str) -> Self {
        let tree = match parse::parse(pattern) {
            Ok(tree) => tree,
            Err(PatternError::Invalid) => return Self::Invalid,
            Err(PatternError::Unknown) => return Self::Unknown,
        };
        // Patterns are only tested against short texts, so that an automaton that has to be built first does not pay
        // off.
        let limits = meta::Config::new().nfa_size_limit(Some(MAX_SIZE)).hybrid(false).onepass(false);
        match Regex::builder().configure(limits).build_from_hir(&tree) {
            Ok(regex) => Self::Compiled(Compiled { text: pattern.to_owned(), regex }),
            Err(_) => Self::Unknown,
        }
    }

    /// Whether the pattern is found in a text, like `MatchString`; `None` if that is not known.
    pub fn is_match(&self, text: &str) -> Option<bool> {
        match self {
            Self::Compiled(compiled) => Some(compiled.regex.is_match(text)),
            Self::Invalid | Self::Unknown => None,
        }
    }

    /// The approximate cost of matching a text with this many bytes: each byte may visit all states.
    pub fn cost(&self, bytes: usize) -> usize {
        match self {
            Self::Compiled(compiled) => 1 + compiled.regex.memory_usage() / 64 * (1 + bytes / 16),
            Self::Invalid | Self::Unknown => 1,
        }
    }
}

/// The pattern in a selector's field, which has to match the whole text (`NewSelectorRegex` of
/// `api/types/selector.go`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    /// The pattern as written.
    pub text: String,
    /// The compiled pattern; `None` if it has no special characters.
    pub pattern: Option<Pattern>,
}

impl Matcher {
    /// Creates the matcher for a pattern.
    pub fn new(text: &str) -> Self {
        let pattern = (!is_plain(text)).then(|| Pattern::new(&format!("^(?:{text})$")));
        Self { text: text.to_owned(), pattern }
    }

    /// Whether the pattern matches a text; `None` if that is not known.
    pub fn fits(&self, text: &str) -> Option<bool> {
        match &self.pattern {
            Some(pattern) => pattern.is_match(text),
            None => Some(self.text == text),
        }
    }
}

/// Whether a pattern has no special characters.
pub(crate) fn is_plain(pattern: &str) -> bool {
    !pattern.contains(['\\', '.', '+', '*', '?', '(', ')', '|', '[', ']', '{', '}', '^', '$'])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The results of Go 1.26 (`regexp.MatchString`); `x` if the pattern does not compile.
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
            assert!(matches!(Pattern::new(pattern), Pattern::Invalid), "{pattern}");
        }
        for pattern in ["(?i)a", r"\bweb", r"\pL", "[[:alpha:]]", "(a{999}){999}", &"(".repeat(100)] {
            assert!(matches!(Pattern::new(pattern), Pattern::Unknown), "{pattern:.20}");
        }
    }

    #[test]
    fn selectors_match_whole_texts() {
        let fits = |pattern: &str, text: &str| Matcher::new(pattern).fits(text);
        assert_eq!(fits("web", "web"), Some(true));
        assert_eq!(fits("web.*", "web-1"), Some(true));
        assert_eq!(fits("web|api", "api"), Some(true));
        assert_eq!(fits("web|api", "website"), Some(false));
        assert_eq!(fits("*", "x"), None);
    }
}
