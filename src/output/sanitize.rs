//! Makes text safe to show: nothing in it may steer a terminal, reorder or hide what is read, or be taken for a
//! command by the log of GitHub Actions.
//!
//! Hidden characters become `\u{1b}`-like escapes: they show which character was there, need no font, and can be
//! searched for.

use std::borrow::Cow;

/// How much of a registry's own message is shown, in characters.
pub const REGISTRY_TEXT: usize = 300;

/// How much of any one message is shown, in characters: no manifest may fill a screen with one field.
pub const MESSAGE: usize = 2000;

/// Whether a character is invisible or acts on the text around it: controls (C0, DEL, C1), bidirectional controls,
/// line separators, and what Unicode 17 calls `Default_Ignorable_Code_Point` (zero width characters, variation
/// selectors, tags).
pub const fn is_hidden(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Adds a character, as an escape if it is hidden.
pub(super) fn push(out: &mut String, c: char) {
    if is_hidden(c) {
        // `\t`, `\r` and `\n` for these three, `\u{…}` for every other.
        out.extend(c.escape_default());
    } else {
        out.push(c);
    }
}

fn visible(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(|c| is_hidden(c) && !keep(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if keep(c) { out.push(c) } else { push(&mut out, c) }
    }
    Cow::Owned(out)
}

/// Text for one line: a line break in it is made visible too.
pub fn line(text: &str) -> Cow<'_, str> {
    visible(text, |_| false)
}

/// Text whose line feeds are part of its layout.
pub fn paragraph(text: &str) -> Cow<'_, str> {
    visible(text, |c| c == '\n')
}

/// At most `limit` characters; what is cut off is marked.
pub fn clip(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        None => Cow::Borrowed(text),
        Some((at, _)) => Cow::Owned(format!("{}...", &text[..at])),
    }
}

/// Returns a registry's message in a form that fits one line.
pub fn registry_text(text: &str) -> String {
    line(&clip(text, REGISTRY_TEXT)).into_owned()
}

/// Finds the bracket that a log obeys anywhere in a line: `##[` of GitHub Actions, `##vso[` of Azure Pipelines
/// (`Command.TryParse` of azure-pipelines-agent), `##teamcity[`. Characters are passed to it one by one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Brackets {
    /// The number of `#` at the end so far.
    hashes: usize,
    /// Whether two `#` and letters came last.
    named: bool,
}

impl Brackets {
    /// Whether this character completes the head of a command.
    pub(super) fn completes(&mut self, c: char) -> bool {
        let begun = self.is_begun();
        self.named = begun && c.is_ascii_alphabetic();
        self.hashes = if c == '#' { self.hashes + 1 } else { 0 };
        begun && c == '['
    }

    /// Whether the last characters could be the head of a command.
    fn is_begun(self) -> bool {
        self.named || self.hashes >= 2
    }

    /// Whether the last characters are no part of a head.
    pub(super) fn is_idle(self) -> bool {
        self.hashes == 0 && !self.named
    }
}

/// Whether a bracket after this text would complete the head of a command.
pub(super) fn ends_in_command_head(text: &str) -> bool {
    text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).ends_with("##")
}

/// Breaks what the log of a CI service would obey: `##[`, `##vso[`, `##teamcity[` anywhere in a line, and `::` at
/// its head after optional white space (`ActionCommand.TryParse` and `TryParseV2` of actions/runner).
pub fn break_commands(text: &str) -> Cow<'_, str> {
    if !text.contains("##") && !text.contains("::") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        let body = line.trim_start();
        if body.starts_with("::") {
            out.push_str(&line[..line.len() - body.len()]);
            out.push('\\');
            push_broken(&mut out, body);
        } else {
            push_broken(&mut out, line);
        }
    }
    Cow::Owned(out)
}

fn push_broken(out: &mut String, text: &str) {
    let mut brackets = Brackets::default();
    for c in text.chars() {
        out.extend(brackets.completes(c).then_some('\\'));
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_control_characters_are_escaped() {
        assert_eq!(line("a\u{1b}[31mb\u{7f}\u{9b}2J"), r"a\u{1b}[31mb\u{7f}\u{9b}2J");
        assert_eq!(line("a\r\nb\tc\0"), r"a\r\nb\tc\u{0}");
    }

    #[test]
    fn bidi_and_invisible_characters_are_escaped() {
        for c in ['\u{202e}', '\u{2066}', '\u{2069}', '\u{200b}', '\u{200d}', '\u{feff}', '\u{2028}', '\u{61c}'] {
            assert_eq!(line(&format!("x{c}y")), format!("x\\u{{{:x}}}y", c as u32));
        }
        assert_eq!(line("\u{e0041}"), r"\u{e0041}");
        assert_eq!(line("\u{fe01}\u{e0101}"), r"\u{fe01}\u{e0101}");
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        for text in ["nginx:1.27", "größe 日本語 🚀", "a  b"] {
            assert!(matches!(line(text), Cow::Borrowed(same) if same == text));
        }
        assert_eq!(paragraph("a\nb\r\u{85}"), "a\nb\\r\\u{85}");
    }

    #[test]
    fn registry_text_is_truncated() {
        assert_eq!(registry_text(&"é".repeat(301)), format!("{}...", "é".repeat(300)));
        assert_eq!(registry_text(&"é".repeat(300)), "é".repeat(300));
        assert_eq!(registry_text("no\nsuch"), r"no\nsuch");
    }

    #[test]
    fn workflow_commands_are_escaped() {
        assert_eq!(break_commands("::set-output name=a::b"), "\\::set-output name=a::b");
        assert_eq!(break_commands("a\n \u{a0}\t::error::b\n"), "a\n \u{a0}\t\\::error::b\n");
        assert_eq!(break_commands("x ##[error]y ##[group]"), "x ##\\[error]y ##\\[group]");
        assert_eq!(break_commands("::##[a"), "\\::##\\[a");
        assert_eq!(break_commands("a ##vso[x]b ###TeamCity[y] ## [z]"), "a ##vso\\[x]b ###TeamCity\\[y] ## [z]");
        assert!(
            matches!(break_commands("std::env is # fine [x]"), Cow::Owned(same) if same == "std::env is # fine [x]")
        );
        assert!(matches!(break_commands("nothing"), Cow::Borrowed(_)));
    }
}
