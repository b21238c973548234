//! Signs of template languages in texts that are not rendered, and what such a text would be without them.
//!
//! They count only where a text is no YAML: the same characters are ordinary ones in many values.

use std::ops::Range;

/// Brackets of template languages: Go and Jinja, ERB, Concourse and spruce, GitLab's.
const BRACKETS: [(&str, &str); 6] =
    [("{{", "}}"), ("{%", "%}"), ("{#", "#}"), ("<%", "%>"), ("[[", "]]"), ("((", "))")];

/// Non-blank lines above the place at which a parser gives up that may be what it stumbles over: it often notices a key
/// without a colon, or a list that goes on elsewhere, a few lines late.
const NEAR: usize = 3;

/// A part of a text that a template language would replace.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sign {
    range: Range<usize>,
    /// It stands alone on its lines, or decides what else is written.
    control: bool,
    /// It is part of a plain word as well: only a text that is YAML without it is a template.
    weak: bool,
}

/// What becomes of a text that no parser takes, once it is looked at as a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Look {
    /// It is no template, as far as can be told from where the parser gave up.
    Broken,
    /// It is a template.
    Template,
    /// It may be one: it is, if the text with its signs masked is YAML. The mask has the length of the text.
    Masked {
        text: String,
        /// Whether the parser gave up beside a sign.
        near: bool,
        /// Whether it gave up in the line of one.
        in_line: bool,
        /// Whether signs are values alone, so that what is read around them counts.
        readable: bool,
    },
}

/// Looks at a text that a parser gave up on at a byte offset.
pub(crate) fn look(text: &str, at: usize) -> Look {
    let signs = signs(text);
    if signs.is_empty() {
        return Look::Broken;
    }
    let near = {
        let window = window(text, at);
        let is_near = |sign: &Sign| sign.range.start < window.end && window.start < sign.range.end;
        signs.iter().any(|sign| !sign.weak && is_near(sign))
    };
    let in_line = {
        let at = at.min(text.len());
        let start = text[..at].rfind('\n').map_or(0, |found| found + 1);
        let end = text[at..].find('\n').map_or(text.len(), |found| at + found);
        signs.iter().any(|sign| !sign.weak && sign.range.start < end && start < sign.range.end)
    };
    // What is in Go's brackets can bring any number of lines.
    let readable = signs.iter().all(|sign| !sign.control && !text[sign.range.clone()].starts_with("{{"));
    match mask(text, &signs) {
        Some(text) => Look::Masked { text, near, in_line, readable },
        None if near => Look::Template,
        None => Look::Broken,
    }
}

/// The lines around a place.
fn window(text: &str, at: usize) -> Range<usize> {
    let at = at.min(text.len());
    let mut start = text[..at].rfind('\n').map_or(0, |found| found + 1);
    let mut left = NEAR;
    while left > 0 && start > 0 {
        let line = text[..start - 1].rfind('\n').map_or(0, |found| found + 1);
        left -= usize::from(!text[line..start].trim().is_empty());
        start = line;
    }
    let line_end = |at: usize| text[at..].find('\n').map_or(text.len(), |found| at + found + 1);
    start..line_end(line_end(at))
}

/// The text without its signs: blanks where they stand alone, letters where they are part of a value.
fn mask(text: &str, signs: &[Sign]) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    for sign in signs {
        for byte in &mut bytes[sign.range.clone()] {
            if *byte != b'\n' {
                *byte = if sign.control { b' ' } else { b'x' };
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// All signs, in order, none within another.
fn signs(text: &str) -> Vec<Sign> {
    let mut found = Vec::new();
    for (open, close) in BRACKETS {
        let mut at = 0;
        while let Some(start) = text[at..].find(open).map(|found| at + found) {
            let inside = start + open.len();
            if matches!(open, "[[" | "((") {
                at = inside;
                let width = text[inside..].find(NO_EXPRESSION).unwrap_or_default();
                if width > 0 && text[inside + width..].starts_with(close) {
                    at = inside + width + close.len();
                    found.push(start..at);
                }
                continue;
            }
            // Without an end here there is none for what opens later either.
            let Some(end) = text[inside..].find(close).map(|found| inside + found) else { break };
            at = end + close.len();
            // `{{ "{{" }}` and `{{{x}}}`.
            let end = if text[at..].starts_with('}') && close == "}}" { at + 1 } else { at };
            found.push(start..end);
        }
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        words(line).for_each(|word| found.push(start + word.start..start + word.end));
        start += line.len();
    }
    found.sort_unstable_by_key(|range| (range.start, range.end));
    let mut end = 0;
    found.retain(|range| {
        let apart = range.start >= end;
        end = if apart { range.end } else { end };
        apart
    });
    alone(text, &found)
}

/// Marks the signs that stand alone on their lines, and those that decide what else is written.
fn alone(text: &str, found: &[Range<usize>]) -> Vec<Sign> {
    let mut signs: Vec<Sign> = Vec::with_capacity(found.len());
    let mut line_first = 0;
    let mut other = false;
    for (at, range) in found.iter().enumerate() {
        let before = at.checked_sub(1).map_or(0, |last| found[last].end);
        let gap = &text[before..range.start];
        let (own_line, gap_in_line) = match gap.rfind('\n') {
            Some(line) => (true, &gap[line + 1..]),
            None => (at == 0, gap),
        };
        if own_line {
            line_first = at;
            other = false;
        }
        other |= !gap_in_line.trim().is_empty();
        let control = is_control(&text[range.clone()]) || text[range.clone()].contains('\n');
        let weak = text[range.clone()].starts_with("${");
        signs.push(Sign { range: range.clone(), control, weak });
        let behind = &text[range.end..found.get(at + 1).map_or(text.len(), |next| next.start)];
        let rest = behind.split('\n').next().unwrap_or_default();
        let ends_line = behind.contains('\n') || at + 1 == found.len();
        let rest = rest.trim();
        if ends_line && !other && (rest.is_empty() || rest.starts_with('#')) {
            signs[line_first..].iter_mut().for_each(|sign| sign.control = true);
        }
    }
    signs
}

fn is_control(sign: &str) -> bool {
    if sign.starts_with("{%") || sign.starts_with("<%") && !sign.starts_with("<%=") {
        return true;
    }
    let inside = sign.trim_start_matches(['{', '[', '(']).trim_start_matches('-').trim_start();
    let word = inside.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    sign.starts_with("{{") && matches!(word, "if" | "else" | "end" | "range" | "with" | "define" | "block")
}

/// What does not stand in `[[ x ]]` and `((image))`, which tells them from lists of lists.
const NO_EXPRESSION: [char; 8] = ['[', ']', '(', ')', ',', '\n', '{', '}'];

/// `%X%`, `@X@`, `@@X@@` in a line, and `{X}` within a longer word; `<X>` and `$X` where they are all that is in it.
fn words(line: &str) -> impl Iterator<Item = Range<usize>> {
    let mut found = Vec::new();
    let whole = line.trim().trim_start_matches("- ");
    let is_whole = whole.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).is_some_and(is_phrase)
        || whole.strip_prefix('$').is_some_and(|rest| is_name(rest.trim_matches(['{', '}'])));
    if is_whole && let Some(at) = line.find(whole) {
        found.push(at..at + whole.len());
        return found.into_iter();
    }
    found.extend(braces(line));
    let mut at = 0;
    while let Some(start) = line[at..].find(['%', '@']).map(|width| at + width) {
        let mark = line[start..].chars().next().unwrap_or('%');
        let opened = start + line[start..].len() - line[start..].trim_start_matches(mark).len();
        let Some(end) = line[opened..].find(mark).map(|width| opened + width) else { break };
        let closed = line.len() - line[end..].trim_start_matches(mark).len();
        if is_name(&line[opened..end]) {
            found.push(start..closed);
            at = closed;
        } else {
            at = opened;
        }
    }
    found.into_iter()
}

/// `{PREFIX}.16`: alone in its place it would be a mapping, and no fault. `${X}`, which ends a flow collection too early.
fn braces(line: &str) -> impl Iterator<Item = Range<usize>> {
    line.match_indices('{').filter_map(|(open, _)| {
        let close = open + 1 + line[open + 1..].find(['}', '{', ' ', ':', ','])?;
        let name = &line[open + 1..close];
        let before = line[..open].chars().next_back();
        let is_constant = (name.len() > 1 || before == Some('$'))
            && name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        let is_within_word =
            |c: Option<char>| c.is_some_and(|c| !c.is_whitespace() && !matches!(c, ',' | '}' | ']' | '{' | '[' | '$'));
        let after = line[close + 1..].chars().next();
        let is_sign = line[close..].starts_with('}')
            && is_constant
            && (before == Some('$') || is_within_word(before) || is_within_word(after));
        let start = if before == Some('$') { open - 1 } else { open };
        is_sign.then_some(start..close + 1)
    })
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// `RULES`, `other fields`: what people write between angle brackets for what they leave out.
fn is_phrase(text: &str) -> bool {
    text.split(' ').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_at(text: &str, mark: &str) -> Look {
        look(text, text.find(mark).expect("it is there"))
    }

    #[test]
    fn a_sign_beside_the_fault_makes_a_template() {
        for text in [
            "a: 1\n{% if x %}\n^b: 2\n",
            "ip: {PREFIX}^.16\n",
            "a: @@X@@^\n",
            "<RULES>\n^a: 1\n",
            "<other fields>\n^a: 1\n",
            "- $RULES\n^a: 1\n",
            "a: <%= x %>: ^\n",
        ] {
            assert!(matches!(look_at(text, "^"), Look::Masked { near: true, .. }), "{text}");
        }
    }

    #[test]
    fn a_sign_far_away_only_may_be_to_blame() {
        let text = "a: '{{ x }}'\nb: 1\nc: 2\nd: 3\ne: 4\nf: [^\n";
        assert!(matches!(look_at(text, "^"), Look::Masked { near: false, .. }));
        assert_eq!(look_at("a: [^ x\n", "^"), Look::Broken);
        let weak = look_at("a: [b, ${PREFIX}.16]^\nb: {X}\n", "^");
        assert!(matches!(weak, Look::Masked { near: false, .. }), "{weak:?}");
        assert_eq!(look_at("a: [[1, 2], [3]^\n", "^"), Look::Broken);
    }

    #[test]
    fn masks_keep_every_offset() {
        let Look::Masked { text, readable, .. } = look("a: %X%\nb: [[ y ]]-1\n", 3) else { panic!("it is masked") };
        assert_eq!((text.as_str(), readable), ("a: xxx\nb: xxxxxxx-1\n", true));
        let text = "{% if x %}\na: b\n  {{- y }} # z\nc: {{ d }}\n";
        let Look::Masked { text: masked, readable, .. } = look(text, 3) else { panic!("it is masked") };
        assert_eq!((masked.as_str(), readable), ("          \na: b\n           # z\nc: xxxxxxx\n", false));
    }
}
