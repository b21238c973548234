//! `strconv.Quote`, Go's `%q`: how the kubelet puts an image name into an event.

use std::fmt::Write as _;

/// Quotes like `strconv.Quote`: in double quotes, with Go's escapes for quotes, backslashes and everything that does
/// not print (U+00A0 and U+200B among them, so that they can be seen in an event).
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        escape(character, '"', &mut out);
    }
    out.push('"');
    out
}

/// Quotes like `quoteChar` of `encoding/json`: one offending byte in single quotes. The byte is taken as the
/// character of that number, so the first byte of a byte order mark becomes `'ï'`.
pub(crate) fn quote_byte(byte: u8) -> String {
    let mut out = String::from("'");
    escape(char::from(byte), '\'', &mut out);
    out.push('\'');
    out
}

fn escape(character: char, quote: char, out: &mut String) {
    match character {
        _ if character == quote || character == '\\' => out.extend(['\\', character]),
        _ if is_print(character) => out.push(character),
        '\u{07}' => out.push_str("\\a"),
        '\u{08}' => out.push_str("\\b"),
        '\u{0c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{0b}' => out.push_str("\\v"),
        // Writing to a String cannot fail.
        '\0'..=' ' | '\u{7f}' => _ = write!(out, "\\x{:02x}", u32::from(character)),
        '\u{80}'..='\u{ffff}' => _ = write!(out, "\\u{:04x}", u32::from(character)),
        _ => _ = write!(out, "\\U{:08x}", u32::from(character)),
    }
}

/// Whether a character prints, like `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII
/// space. The standard library has its table of these behind `escape_debug`, which also escapes a combining mark,
/// but only at the start of a string.
pub(crate) fn is_print(character: char) -> bool {
    if character.is_ascii() {
        return matches!(character, ' '..='~');
    }
    let mut text = String::from("a");
    text.push(character);
    text.escape_debug().nth(1) != Some('\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unprintable_characters_are_escaped_as_in_go() {
        assert_eq!(quote("nginx\u{a0}"), r#""nginx\u00a0""#);
        assert_eq!(quote("\u{200b}nginx\n\t\"\\'"), r#""\u200bnginx\n\t\"\\'""#);
        assert_eq!(quote("a\0\u{7f}\u{85}"), r#""a\x00\x7f\u0085""#);
        assert_eq!(quote("é日\u{fffd}e\u{301}"), "\"é日\u{fffd}e\u{301}\"");
        assert_eq!(quote("\u{e0001}"), r#""\U000e0001""#);
    }

    #[test]
    fn byte_is_quoted_as_its_latin1_character() {
        assert_eq!(quote_byte(0xef), "'ï'");
        assert_eq!(quote_byte(b'\''), r"'\''");
        assert_eq!(quote_byte(b'"'), "'\"'");
        assert_eq!(quote_byte(0xad), r"'\u00ad'");
        assert_eq!(quote_byte(b'\n'), r"'\n'");
    }
}
