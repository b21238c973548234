//! Bytes to text.

use crate::text::source::Encoding;

/// Decodes UTF-8, or UTF-16 with a byte order mark, which Kubernetes' YAML library accepts too.
pub(crate) fn decode(bytes: Vec<u8>) -> Result<(String, Encoding), String> {
    let encoding = match bytes.as_slice() {
        [0xff, 0xfe, ..] => Encoding::Utf16Le,
        [0xfe, 0xff, ..] => Encoding::Utf16Be,
        _ => Encoding::Utf8,
    };
    let text = match encoding {
        Encoding::Utf8 | Encoding::Utf8Replaced => String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            if error.as_bytes().contains(&0) { "it is a binary file".into() } else { not_utf8(at) }
        })?,
        Encoding::Utf16Le => utf16(&bytes[2..], u16::from_le_bytes)?,
        Encoding::Utf16Be => utf16(&bytes[2..], u16::from_be_bytes)?,
    };
    if memchr::memchr(0, text.as_bytes()).is_some() { Err("it is a binary file".into()) } else { Ok((text, encoding)) }
}

/// Decodes an input as kubectl reads it: U+FFFD replaces each byte that is not part of a character
/// (`FileVisitor.Visit` of k8s.io/cli-runtime, v0.36.3, by `unicode.UTF8.NewDecoder` of golang.org/x/text).
pub(crate) fn decode_input(bytes: Vec<u8>) -> Result<(String, Encoding), String> {
    let is_utf16 = matches!(bytes.as_slice(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    if is_utf16 || std::str::from_utf8(&bytes).is_ok() || bytes.contains(&0) {
        return decode(bytes);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        // Otherwise the places in the file could not be determined.
        if chunk.valid().contains(char::REPLACEMENT_CHARACTER) {
            return decode(bytes);
        }
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Ok((text, Encoding::Utf8Replaced))
}

fn not_utf8(at: usize) -> String {
    format!("it is not valid UTF-8 (byte {at})")
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("it is not valid UTF-16 (odd number of bytes)".into());
    }
    let units = pairs.iter().map(|pair| unit(*pair));
    char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| "it is not valid UTF-16".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_utf8_is_replaced_as_in_kubectl() {
        let decode = |bytes: &[u8]| decode_input(bytes.to_vec());
        assert_eq!(decode(b"a\xe9b\xe2\x82c"), Ok(("a\u{fffd}b\u{fffd}\u{fffd}c".into(), Encoding::Utf8Replaced)));
        assert_eq!(decode("\u{fffd}".as_bytes()), Ok(("\u{fffd}".into(), Encoding::Utf8)));
        assert_eq!(decode(b"\xef\xbf\xbd\xe9"), Err("it is not valid UTF-8 (byte 3)".into()));
        assert_eq!(decode(b"\xe9\0"), Err("it is a binary file".into()));
    }

    #[test]
    fn utf8_and_utf16_are_decoded_and_binary_is_rejected() {
        let decode = |bytes: &[u8]| decode(bytes.to_vec()).map(|(text, _)| text);
        assert_eq!(decode(b"\xff\xfea\0:\0"), Ok("a:".into()));
        assert_eq!(decode(b"\xfe\xff\0a\0:"), Ok("a:".into()));
        assert_eq!(decode("\u{feff}a".as_bytes()), Ok("\u{feff}a".into()));
        assert_eq!(decode(b"ab\xff"), Err("it is not valid UTF-8 (byte 2)".into()));
        assert_eq!(decode(b"a\0b"), Err("it is a binary file".into()));
        assert_eq!(decode(b"\xff\xfea"), Err("it is not valid UTF-16 (odd number of bytes)".into()));
    }
}
