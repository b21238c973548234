//! Detects template syntax ("signs") in texts that are not rendered, and masks it to see what the rest of the text is.
//!
//! Signs matter only if a text is not valid YAML: the same characters are ordinary in many values.

use std::ops::Range;

/// Brackets of template languages: Go and Jinja, ERB, Concourse and spruce, GitLab.
const BRACKETS: [(&str, &str); 6] =
    [("{{", "}}"), ("{%", "%}"), ("{#", "#}"), ("<%", "%>"), ("[[", "]]"), ("((", "))")];

/// Number of non-blank lines above a parse error that may contain its cause: a parser often notices a key without a
/// colon, or a list that continues elsewhere, a few lines late.
const NEAR: usize = 3;

/// A part of a text that a template engine would replace.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sign {
    range: Range<usize>,
    /// Whether the sign is alone on its lines, or controls what else is written.
    control: bool,
    /// Whether the sign could be part of a plain word: a text is a template only if it is YAML without it.
    weak: bool,
}

/// The result of checking a text with a parse error for template syntax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TemplateCheck {
    /// The text is not a template, judging by the place of the parse error.
    Broken,
    /// The text is a template.
    Template,
    /// The text may be a template: it is one if the text with its signs masked is YAML. The mask has the length of
    /// the text.
    Masked {
        text: String,
        /// Whether the parse error is near a sign.
        near: bool,
        /// Whether the parse error is in the line of a sign.
        in_line: bool,
        /// Whether all signs are single values, so that the text around them can be relied on.
        readable: bool,
    },
}

/// Checks a text with a parse error at a byte offset.
pub(crate) fn look(text: &str, at: usize) -> TemplateCheck {
    let signs = signs(text);
    if signs.is_empty() {
        return TemplateCheck::Broken;
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
    // A Go template action can produce any number of lines.
    let readable = signs.iter().all(|sign| !sign.control && !text[sign.range.clone()].starts_with("{{"));
    match mask(text, &signs) {
        Some(text) => TemplateCheck::Masked { text, near, in_line, readable },
        None if near => TemplateCheck::Template,
        None => TemplateCheck::Broken,
    }
}

/// The lines around an offset.
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

/// The text with its signs masked: by blanks if they are alone on their lines, by letters if they are part of a value.
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

/// Finds all signs, in order and without overlap.
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
            // If there is no end here, there is none for a later start either.
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

/// Marks the signs that are alone on their lines, and those that control what else is written.
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

/// Characters that cannot be in `[[ x ]]` and `((image))`, to distinguish these from lists of lists.
const NO_EXPRESSION: [char; 8] = ['[', ']', '(', ')', ',', '\n', '{', '}'];

/// Finds `%X%`, `@X@`, and `@@X@@` in a line, `{X}` within a longer word, and `<X>` and `$X` if they are the whole
/// value.
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

/// Finds `{PREFIX}.16`: `{PREFIX}` alone would be a valid mapping. Also finds `${X}`, which ends a flow collection
/// too early.
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

/// Whether a text is like `RULES` or `other fields`, which people write in angle brackets for text to be filled in.
fn is_phrase(text: &str) -> bool {
    text.split(' ').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_at(text: &str, mark: &str) -> TemplateCheck {
        look(text, text.find(mark).expect("it is there"))
    }

    #[test]
    fn template_syntax_near_the_parse_error_makes_a_template() {
        for text in [
            "a: 1\n{% if x %}\n^b: 2\n",
            "ip: {PREFIX}^.16\n",
            "a: @@X@@^\n",
            "<RULES>\n^a: 1\n",
            "<other fields>\n^a: 1\n",
            "- $RULES\n^a: 1\n",
            "a: <%= x %>: ^\n",
        ] {
            assert!(matches!(look_at(text, "^"), TemplateCheck::Masked { near: true, .. }), "{text}");
        }
    }

    #[test]
    fn distant_template_syntax_may_explain_the_parse_error() {
        let text = "a: '{{ x }}'\nb: 1\nc: 2\nd: 3\ne: 4\nf: [^\n";
        assert!(matches!(look_at(text, "^"), TemplateCheck::Masked { near: false, .. }));
        assert_eq!(look_at("a: [^ x\n", "^"), TemplateCheck::Broken);
        let weak = look_at("a: [b, ${PREFIX}.16]^\nb: {X}\n", "^");
        assert!(matches!(weak, TemplateCheck::Masked { near: false, .. }), "{weak:?}");
        assert_eq!(look_at("a: [[1, 2], [3]^\n", "^"), TemplateCheck::Broken);
    }

    #[test]
    fn masking_template_syntax_preserves_offsets() {
        let TemplateCheck::Masked { text, readable, .. } = look("a: %X%\nb: [[ y ]]-1\n", 3) else {
            panic!("it is masked")
        };
        assert_eq!((text.as_str(), readable), ("a: xxx\nb: xxxxxxx-1\n", true));
        let text = "{% if x %}\na: b\n  {{- y }} # z\nc: {{ d }}\n";
        let TemplateCheck::Masked { text: masked, readable, .. } = look(text, 3) else { panic!("it is masked") };
        assert_eq!((masked.as_str(), readable), ("          \na: b\n           # z\nc: xxxxxxx\n", false));
    }
}
