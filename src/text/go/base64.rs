//! `encoding/base64`: what it accepts, and at which byte it gives up.
//!
//! Well-maintained crates decode the same texts, but number the offending byte differently and do not know about
//! ignored line breaks; the API server's and the kubelet's messages contain that number.

use zeroize::Zeroizing;

/// One of Go's two standard encodings. Both ignore `\r` and `\n` anywhere and accept non-zero trailing bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// `base64.StdEncoding`: `=` fills the last group. The API server reads `data:` of a Secret with it.
    Required,
    /// `base64.RawStdEncoding`: no `=` at all.
    Forbidden,
}

/// `CorruptInputError`; its `Display` is Go's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("illegal base64 data at input byte {0}")]
pub struct CorruptInput(pub usize);

/// Decodes like `Encoding.DecodeString` with the standard alphabet.
///
/// # Errors
/// At the byte that Go reports, which is not always the first wrong one.
pub fn decode(text: &[u8], padding: Padding) -> Result<Zeroizing<Vec<u8>>, CorruptInput> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3 + 3));
    let mut at = 0;
    while at < text.len() {
        at = decode_quantum(text, at, padding, &mut out)?;
    }
    Ok(out)
}

/// Ports `Encoding.decodeQuantum`: decodes up to four digits from `at` on and returns the offset of the next group.
fn decode_quantum(text: &[u8], mut at: usize, padding: Padding, out: &mut Vec<u8>) -> Result<usize, CorruptInput> {
    let mut value = 0_u32;
    let mut digits = 0;
    while digits < 4 {
        let Some(&byte) = text.get(at) else {
            match digits {
                0 => return Ok(at),
                1 => return Err(CorruptInput(at - 1)),
                _ if padding == Padding::Required => return Err(CorruptInput(at - digits)),
                _ => break,
            }
        };
        at += 1;
        if let Some(digit) = value_of(byte) {
            value |= digit << (18 - 6 * digits);
            digits += 1;
        } else if !is_line_break(byte) {
            if byte != b'=' || padding == Padding::Forbidden || digits < 2 {
                return Err(CorruptInput(at - 1));
            }
            at = end_of_padding(text, at, digits)?;
            break;
        }
    }
    let bytes = value.to_be_bytes();
    out.extend_from_slice(&bytes[1..digits.max(1)]);
    Ok(at)
}

/// Checks what follows the first `=` after two or three digits: another one after two, then nothing but line breaks.
fn end_of_padding(text: &[u8], mut at: usize, digits: usize) -> Result<usize, CorruptInput> {
    if digits == 2 {
        at = skip_line_breaks(text, at);
        match text.get(at) {
            None => return Err(CorruptInput(text.len())),
            Some(b'=') => at += 1,
            Some(_) => return Err(CorruptInput(at - 1)),
        }
    }
    at = skip_line_breaks(text, at);
    if at < text.len() { Err(CorruptInput(at)) } else { Ok(at) }
}

fn skip_line_breaks(text: &[u8], at: usize) -> usize {
    at + text.iter().skip(at).take_while(|&&byte| is_line_break(byte)).count()
}

const fn is_line_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

const fn value_of(byte: u8) -> Option<u32> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    } as u32)
}
