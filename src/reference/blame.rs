//! Where in a reference the fault is, in words.

use std::ops::Range;

use super::ReferenceError;

/// The part of a reference that is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    /// Bytes of the text as written; empty where something is missing.
    pub range: Range<usize>,
    /// What is wrong with it, as a clause: "a tag must not be empty".
    pub reason: String,
    /// What to do, where there is something to say beyond the replacement.
    pub help: Option<String>,
    /// The whole text as it could be written; it parses.
    pub replacement: Option<String>,
}

pub(super) fn blame(_error: &ReferenceError, text: &str) -> Blame {
    Blame { range: 0..text.len(), reason: String::new(), help: None, replacement: None }
}
