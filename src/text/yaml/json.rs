//! A JSON value to a tree. A stream of JSON differs from YAML in a few points: `\/` and surrogate pairs are escapes,
//! tabs indent, and a key may have any length.

use crate::text::go::json::unquote;
use crate::text::yaml::scan::{ScanError, Text};
use crate::text::yaml::tree::Tree;
use crate::text::yaml::tree::build::{Builder, Layout, Properties};

/// Reads one value that [`crate::text::go::json::first`] accepted.
pub(super) fn read(text: &str, tree: &mut Tree) -> Result<Option<ScanError>, ScanError> {
    let mut builder = Builder::new(text, tree);
    let mut owned = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at as u32;
        match byte {
            b'{' | b'[' => {
                builder.start(start, byte == b'{', Layout::Flow, Properties::default())?;
                at += 1;
            }
            b'}' | b']' => {
                builder.end(start + 1);
                at += 1;
            }
            b'"' => {
                let end = string_end(bytes, at);
                let inner = text.get(at + 1..end - 1).unwrap_or_default();
                let place = Text::Source { start: start + 1, end: end as u32 - 1 };
                let range = start..end as u32;
                if inner.contains('\\') {
                    let value = unquote(inner.as_bytes());
                    let place = Text::Owned { index: owned.len() as u32 };
                    builder.scalar(range, place, &value, false, Properties::default())?;
                    owned.push(value);
                } else {
                    builder.scalar(range, place, inner, false, Properties::default())?;
                }
                at = end;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            _ => {
                let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
                let end = bytes[at..].iter().position(ends).map_or(bytes.len(), |width| at + width);
                let value = text.get(at..end).unwrap_or_default();
                let place = Text::Source { start, end: end as u32 };
                builder.scalar(start..end as u32, place, value, true, Properties::default())?;
                at = end;
            }
        }
    }
    Ok(builder.finish(owned, Vec::new()))
}

/// Returns the end of the string that begins here, after its quote.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len().max(start + 2)
}
