//! Cuts a Go template into text and actions, as `text/template/parse/lex.go` does.

use std::ops::Range;

/// A stretch of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Text that is written unchanged, without what trim markers remove.
    Text(Range<usize>),
    /// An action: the whole with its braces, and the text between them.
    Action(Range<usize>, Range<usize>),
}

/// Cuts the text into pieces; the text after an action that does not end is left out.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut trim = false;
    while let Some(open) = text[at..].find("{{").map(|found| at + found) {
        let Some(close) = end_of_action(text, open + 2) else { break };
        let left = text[open + 2..].starts_with('-') && text[open + 3..].starts_with(char::is_whitespace);
        let inner_start = open + 2 + usize::from(left);
        let inner = &text[inner_start..close];
        let right = inner.ends_with('-') && inner[..inner.len() - 1].ends_with(char::is_whitespace);
        push_text(&mut tokens, text, at..open, (trim, left));
        tokens.push(Token::Action(open..close + 2, inner_start..close - usize::from(right)));
        trim = right;
        at = close + 2;
    }
    push_text(&mut tokens, text, at..text.len(), (trim, false));
    tokens
}

fn push_text(tokens: &mut Vec<Token>, text: &str, range: Range<usize>, (left, right): (bool, bool)) {
    let mut range = range;
    if left {
        range.start = range.end - text[range.clone()].trim_start().len();
    }
    if right {
        range.end = range.start + text[range.clone()].trim_end().len();
    }
    if !range.is_empty() {
        tokens.push(Token::Text(range));
    }
}

/// Returns the offset of the `}}` that ends an action; strings and comments may contain one.
fn end_of_action(text: &str, start: usize) -> Option<usize> {
    let body = &text[start..];
    let comment = body.trim_start_matches('-').trim_start();
    if comment.starts_with("/*") {
        let from = start + (body.len() - comment.len());
        let end = from + text[from..].find("*/")? + 2;
        return text[end..].find("}}").map(|found| end + found);
    }
    let bytes = text.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'}' if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            b'`' => at += 1 + text[at + 1..].find('`')?,
            quote @ (b'"' | b'\'') => {
                at += 1;
                while *bytes.get(at)? != quote {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        let range = |token: Token| match token {
            Token::Text(range) | Token::Action(_, range) => range,
        };
        tokens(text).into_iter().map(|token| &text[range(token)]).collect()
    }

    #[test]
    fn actions_are_delimited_as_in_go() {
        assert_eq!(cut("a {{ .x }} b"), ["a ", " .x ", " b"]);
        assert_eq!(cut("a {{- .x -}} b"), ["a", " .x ", "b"]);
        assert_eq!(cut(r#"{{ "}}" }}{{ `}}` }}"#), [r#" "}}" "#, " `}}` "]);
        assert_eq!(cut("{{/* }} */}}x"), ["/* }} */", "x"]);
        assert_eq!(cut("{{-3}} {{ .x"), ["-3", " {{ .x"]);
        assert_eq!(cut("{{ \"x"), ["{{ \"x"]);
    }
}
