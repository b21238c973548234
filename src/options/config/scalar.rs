//! Texts as YAML scalars.

use std::fmt::Write as _;

use crate::output::sanitize;

/// Returns a YAML scalar: plain if it cannot be misread, otherwise quoted.
pub(super) fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "./_-".contains(c);
    let empty = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && text.chars().all(plain)
        && !empty.contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    let mut before = '\0';
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // `##[` steers the log of GitHub Actions.
            '#' if before == '#' => quoted.push_str("\\x23"),
            c if sanitize::is_hidden(c) => drop(write!(quoted, "\\U{:08x}", c as u32)),
            c => quoted.push(c),
        }
        before = c;
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_scalars_are_quoted() {
        for text in ["error", "15s", "linux/amd64", "/etc/certs.d", "12"] {
            assert_eq!(scalar(text), text);
        }
        for text in ["", "off", "No", "~", "a: b", "*", "-", "- a", "#x", "::error::x", " a", "[a]"] {
            assert_eq!(scalar(text), format!("\"{text}\""));
        }
        assert_eq!(scalar("a\"\\\n\u{1b}\u{202e}"), r#""a\"\\\U0000000a\U0000001b\U0000202e""#);
        assert_eq!(scalar("##[error]"), r##""#\x23[error]""##);
    }
}
