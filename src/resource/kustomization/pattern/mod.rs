//! The regular expressions of kustomizations: names of images, and the fields of a selector. They are Go's (`regexp`),
//! put into a frame that kustomize makes by putting texts together: `^` + name + `(:TAG)?(@DIGEST)?$`. A name with a
//! bare `|` or `*` therefore says something else than it seems to: `web|api` fits all that begins with `web`.
//!
//! What names need is read as Go reads it, which refuses other patterns than Rust's readers do: characters, classes,
//! groups, alternatives, repetitions. The rest of the language (flags, Unicode classes, `\b`) is not told. What was read
//! is matched by `regex-automata`.

mod parse;

use regex_automata::meta::{self, Regex};

use parse::Fault;

/// A compiled pattern, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// It can be matched.
    Compiled(Compiled),
    /// Go refuses to compile it.
    Invalid,
    /// It says more than is read here.
    Unknown,
}

/// Memory of a compiled pattern, in bytes: repetitions of repetitions grow fast.
const MAX_SIZE: usize = 256 << 10;

/// A pattern that can be matched; two are equal where their texts are.
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
    /// Compiles a pattern as Go's `regexp.Compile` does.
    pub fn new(pattern: &str) -> Self {
        let tree = match parse::parse(pattern) {
            Ok(tree) => tree,
            Err(Fault::Invalid) => return Self::Invalid,
            Err(Fault::Unknown) => return Self::Unknown,
        };
        // Only whether it fits is asked, of short texts: no automaton that has to be built first pays.
        let limits = meta::Config::new().nfa_size_limit(Some(MAX_SIZE)).hybrid(false).onepass(false);
        match Regex::builder().configure(limits).build_from_hir(&tree) {
            Ok(regex) => Self::Compiled(Compiled { text: pattern.to_owned(), regex }),
            Err(_) => Self::Unknown,
        }
    }

    /// Whether it is found in a text, as `MatchString` says; `None` where that is not told.
    pub fn is_match(&self, text: &str) -> Option<bool> {
        match self {
            Self::Compiled(compiled) => Some(compiled.regex.is_match(text)),
            Self::Invalid | Self::Unknown => None,
        }
    }

    /// What matching a text of so many bytes costs, about: each of them may meet all states.
    pub fn cost(&self, bytes: usize) -> usize {
        match self {
            Self::Compiled(compiled) => 1 + compiled.regex.memory_usage() / 64 * (1 + bytes / 16),
            Self::Invalid | Self::Unknown => 1,
        }
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
pub(crate) fn is_plain(pattern: &str) -> bool {
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
            assert!(matches!(Pattern::new(pattern), Pattern::Invalid), "{pattern}");
        }
        for pattern in ["(?i)a", r"\bweb", r"\pL", "[[:alpha:]]", "(a{999}){999}", &"(".repeat(100)] {
            assert!(matches!(Pattern::new(pattern), Pattern::Unknown), "{pattern:.20}");
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
