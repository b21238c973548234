//! Finds document boundaries without parsing, and the documents that need no parsing at all.
//!
//! A `---` at the start of a line ends a document even inside a quoted or block scalar (YAML 1.2 §9.1.2), so cutting
//! there is sound; a broken document then costs only itself, and ConfigMaps and CRDs, which hold no images but most of
//! the bytes of many repositories, are passed over at memory speed.

use std::ops::Range;

use memchr::memchr_iter;

/// A stretch of the text that is parsed, or skipped, as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Byte range in the text.
    pub range: Range<usize>,
    /// Whether it is a ConfigMap or CustomResourceDefinition that need not be parsed.
    pub skip: bool,
}

/// What the lines at column 0 of a chunk say of it.
#[derive(Default)]
struct Signs {
    kinds: u32,
    skippable_kind: bool,
    /// Something at column 0 that could hide another `kind`: quotes, flow collections, anchors, `...`.
    unusual: bool,
}

/// Cuts the text into chunks. `parse_all` skips nothing.
pub fn split(text: &str, parse_all: bool) -> Vec<Chunk> {
    let bytes = text.as_bytes();
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut chunks = Vec::new();
    let mut signs = Signs::default();
    let mut chunk_start = start;
    let line_starts = std::iter::once(start).chain(memchr_iter(b'\n', bytes).map(|at| at + 1));
    for at in line_starts {
        match bytes.get(at) {
            // A directive's scope is decided by the parser: leave the whole text to it.
            Some(b'%') => return vec![Chunk { range: start..text.len(), skip: false }],
            Some(b'-') if is_document_start(&bytes[at..]) => {
                if at > chunk_start {
                    chunks.push(finish(bytes, chunk_start..at, &signs, parse_all));
                }
                chunk_start = at;
                signs = Signs::default();
                signs.unusual |= !rest_of_line(&bytes[at + 3..]).trim_ascii().is_empty();
            }
            Some(b'k') if bytes[at..].starts_with(b"kind:") => {
                signs.kinds += 1;
                let value = rest_of_line(&bytes[at + 5..]);
                let separated = value.first().is_some_and(|&b| b == b' ' || b == b'\t');
                let value = value.trim_ascii();
                signs.skippable_kind = separated && (value == b"ConfigMap" || value == b"CustomResourceDefinition");
            }
            Some(b'a'..=b'z' | b'A'..=b'Z' | b' ' | b'#' | b'\n' | b'\r' | b'\t' | b'-') | None => {}
            Some(_) => signs.unusual = true,
        }
    }
    if chunk_start < text.len() {
        chunks.push(finish(bytes, chunk_start..text.len(), &signs, parse_all));
    }
    chunks
}

fn finish(bytes: &[u8], range: Range<usize>, signs: &Signs, parse_all: bool) -> Chunk {
    let skip = !parse_all
        && signs.kinds == 1
        && signs.skippable_kind
        && !signs.unusual
        && !has_lone_carriage_return(&bytes[range.clone()]);
    Chunk { range, skip }
}

/// A carriage return alone is a line break too: what looks like one line could be several.
fn has_lone_carriage_return(bytes: &[u8]) -> bool {
    memchr_iter(b'\r', bytes).any(|at| bytes.get(at + 1) != Some(&b'\n'))
}

fn is_document_start(line: &[u8]) -> bool {
    line.starts_with(b"---") && line.get(3).is_none_or(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'))
}

fn rest_of_line(bytes: &[u8]) -> &[u8] {
    &bytes[..memchr::memchr(b'\n', bytes).unwrap_or(bytes.len())]
}

/// The ranges of concatenated JSON values (`{}{}`, or one a line), which kubectl accepts and YAML does not. `None` when
/// the text is not a stream of two or more JSON objects.
pub fn json_stream(text: &str) -> Option<Vec<Range<usize>>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    let mut ranges = Vec::new();
    let mut start = 0;
    while let Some(value) = stream.next() {
        value.ok()?;
        ranges.push(start..stream.byte_offset());
        start = stream.byte_offset();
    }
    (ranges.len() > 1).then_some(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(&str, bool)> {
        split(text, false).into_iter().map(|chunk| (&text[chunk.range], chunk.skip)).collect()
    }

    #[test]
    fn cuts_at_document_markers_only() {
        assert_eq!(cut("a: 1\n---\nb: 2\n"), [("a: 1\n", false), ("---\nb: 2\n", false)]);
        assert_eq!(cut("a: |\n  ---\n--- # x\nb: ---\n"), [("a: |\n  ---\n", false), ("--- # x\nb: ---\n", false)]);
        assert_eq!(cut("----\n---x\n"), [("----\n---x\n", false)]);
        assert_eq!(cut("\u{feff}---\na: 1\n"), [("---\na: 1\n", false)]);
    }

    #[test]
    fn directives_leave_the_cutting_to_the_parser() {
        assert_eq!(cut("%YAML 1.1\n---\na: 1\n---\nkind: ConfigMap\n").len(), 1);
    }

    #[test]
    fn skips_config_maps_and_crds_and_nothing_that_could_be_more() {
        assert!(cut("apiVersion: v1\nkind: ConfigMap\ndata: {}\n")[0].1);
        assert!(cut("kind: CustomResourceDefinition\r\nspec: {}\r\n")[0].1);
        for text in [
            "kind: Pod\n",
            "kind: \"ConfigMap\"\n",
            "kind: ConfigMap # really\n",
            "kind: ConfigMap\nkind: Pod\n",
            "kind: ConfigMap\n...\nkind: Pod\n",
            "kind: ConfigMap\n\"kind\": Pod\n",
            "kind: ConfigMap\n<<: *pod\n",
            "kind: ConfigMap\n{kind: Pod}\n",
            "--- {kind: Pod}\nkind: ConfigMap\n",
            "kind: ConfigMap\nx: \"\rkind: Pod\"\n",
            "kind:ConfigMap\n",
        ] {
            assert!(cut(text).iter().all(|(_, skip)| !skip), "{text:?}");
        }
        assert!(split("kind: ConfigMap\n", true).iter().all(|chunk| !chunk.skip));
    }

    #[test]
    fn concatenated_json_is_cut_at_its_values() {
        assert_eq!(json_stream("{\"a\":1}{\"b\":2}\n{}"), Some(vec![0..7, 7..14, 14..17]));
        assert_eq!(json_stream("{\"a\":1}\n"), None);
        assert_eq!(json_stream("{a: 1}"), None);
        assert_eq!(json_stream("a: {}"), None);
    }
}
