//! `unicode/utf8`: decoding that continues after a bad byte.

/// Decodes like `utf8.DecodeRune`: returns the first character and its width; U+FFFD and 1 for a byte that begins no
/// valid sequence, U+FFFD and 0 at the end. Rust's lossy decoding merges several bad bytes, Go's never does.
pub(crate) fn decode_rune(bytes: &[u8]) -> (char, usize) {
    let Some(&first) = bytes.first() else { return (char::REPLACEMENT_CHARACTER, 0) };
    let width = match first {
        0..=0x7f => return (char::from(first), 1),
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return (char::REPLACEMENT_CHARACTER, 1),
    };
    match bytes.get(..width).and_then(|sequence| std::str::from_utf8(sequence).ok()).and_then(|s| s.chars().next()) {
        Some(character) => (character, width),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_invalid_byte_is_decoded_separately() {
        assert_eq!(decode_rune(b"\xe2\x82"), ('\u{fffd}', 1));
        assert_eq!(decode_rune(b"\xed\xa0\x80"), ('\u{fffd}', 1), "a surrogate");
        assert_eq!(decode_rune("\u{fffd}".as_bytes()), ('\u{fffd}', 3));
        assert_eq!(decode_rune("𝄞x".as_bytes()), ('𝄞', 4));
        assert_eq!(decode_rune(b""), ('\u{fffd}', 0));
    }
}
