//! Cuts a stream into documents as kubectl does, without parsing, and finds the documents that need no parsing at
//! all.
//!
//! `YAMLReader` of k8s.io/apimachinery (`pkg/util/yaml/decoder.go`, v0.36.3) ends a document at each line that
//! begins with `---`, whatever it is part of, and accepts only a comment after it. A broken document then affects
//! only itself. ConfigMaps and CRDs, which contain no images but most of the bytes of many repositories, are skipped
//! at memory speed.

use std::ops::Range;

use memchr::memchr_iter;

use crate::text::go::json;

/// A part of the text that is parsed, or skipped, as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Byte range in the text, its `---` included.
    pub range: Range<usize>,
    /// Start of the text that kubectl parses: after the `---`, unless nothing precedes it.
    pub content: usize,
    /// Text after the `---` that is not a comment: kubectl refuses the stream there.
    pub refused: Option<Range<usize>>,
    /// Whether the chunk is a ConfigMap or CustomResourceDefinition that need not be parsed.
    pub skip: bool,
}

/// Evidence from the lines at column 0 of a chunk.
#[derive(Default)]
struct Signs {
    kinds: u32,
    skippable_kind: bool,
    /// Something at column 0 that could hide another `kind`: quotes, flow collections, anchors, `...`.
    unusual: bool,
}

/// Cuts the text into chunks. With `parse_all`, no chunk is skipped.
pub fn split(text: &str, parse_all: bool) -> Vec<Chunk> {
    let bytes = text.as_bytes();
    let mut chunks = Vec::new();
    let mut signs = Signs::default();
    let mut open = Chunk { range: 0..0, content: 0, refused: None, skip: false };
    let line_starts = std::iter::once(0).chain(memchr_iter(b'\n', bytes).map(|at| at + 1));
    for at in line_starts {
        match bytes.get(at) {
            Some(b'-') if bytes[at..].starts_with(b"---") => {
                let line_end = at + 3 + rest_of_line(&bytes[at + 3..]).len();
                // kubectl keeps the line if it is the first one of a document.
                let is_empty = open.content >= at;
                if at > open.range.start {
                    open.range.end = at;
                    chunks.push(finish(bytes, open, &signs, parse_all));
                }
                let rest = text.get(at + 3..line_end).unwrap_or_default().trim();
                let refused = !rest.is_empty() && !rest.starts_with('#');
                let start = line_end - text.get(at + 3..line_end).unwrap_or_default().trim_start().len();
                open = Chunk {
                    range: at..at,
                    content: if is_empty || refused { at } else { (line_end + 1).min(text.len()) },
                    refused: refused.then(|| start..start + rest.len()),
                    skip: false,
                };
                signs = Signs { unusual: !rest.is_empty(), ..Signs::default() };
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
    if open.range.start < text.len() {
        open.range.end = text.len();
        chunks.push(finish(bytes, open, &signs, parse_all));
    }
    chunks
}

fn finish(bytes: &[u8], chunk: Chunk, signs: &Signs, parse_all: bool) -> Chunk {
    let skip = !parse_all
        && signs.kinds == 1
        && signs.skippable_kind
        && !signs.unusual
        && !has_lone_carriage_return(&bytes[chunk.range.clone()]);
    Chunk { skip, ..chunk }
}

/// Whether there is a carriage return alone, which is a line break too: what looks like one line could be several.
fn has_lone_carriage_return(bytes: &[u8]) -> bool {
    memchr_iter(b'\r', bytes).any(|at| bytes.get(at + 1) != Some(&b'\n'))
}

fn rest_of_line(bytes: &[u8]) -> &[u8] {
    &bytes[..memchr::memchr(b'\n', bytes).unwrap_or(bytes.len())]
}

/// The JSON values at the start of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JsonStream {
    /// Byte ranges of the values.
    pub values: Vec<Range<usize>>,
    /// Offset at which kubectl continues in YAML; the end of the text if nothing is left.
    pub rest: usize,
    /// Why kubectl does not continue: after two values only JSON may follow.
    pub refused: Option<(usize, String)>,
    /// Why kubectl does not continue in JSON. If the next document is not YAML either, this is kubectl's message
    /// about it.
    pub fault: Option<(usize, String)>,
}

/// Returns the start of YAML after JSON: `consumeWhitespace` skips blanks up to the first line break, and gives up
/// if fewer than four bytes are left.
fn yaml_start(rest: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let left = &rest[at..];
        let next = left.chars().next().filter(|_| left.len() >= 4)?;
        if !next.is_whitespace() {
            return Some(at);
        }
        at += next.len_utf8();
        if next == '\n' {
            return Some(at);
        }
    }
}

/// How many bytes kubectl searches for the brace that makes a stream JSON.
const LOOKAHEAD: usize = 4096;

/// Takes the JSON values off the start of a text; `None` if it is YAML from its start. `YAMLOrJSONDecoder` tries
/// JSON if the first character is a brace, and switches to YAML at the first fault within the first two values.
pub fn json_stream(text: &str) -> Option<JsonStream> {
    let start = text.len() - text.trim_start().len();
    if start >= LOOKAHEAD || !text[start..].starts_with('{') {
        return None;
    }
    let mut stream = JsonStream::default();
    loop {
        let at = stream.values.last().map_or(0, |last| last.end);
        match json::first(&text.as_bytes()[at..]) {
            Ok(Some(end)) => stream.values.push(at..at + end),
            Ok(None) => {
                stream.rest = text.len();
                return Some(stream);
            }
            Err(error) if stream.values.len() > 1 => {
                stream.refused = Some((at + error.range.start, error.message));
                stream.rest = at;
                return Some(stream);
            }
            Err(error) => {
                let place = at + error.range.start;
                // To Go, a text that ends too early is not a syntax error, and has no offset.
                let message = match error.range.is_empty() {
                    true => error.message,
                    false => format!("json: offset {}: {}", place + 1, error.message),
                };
                match yaml_start(&text[at..]) {
                    Some(blanks) => {
                        stream.rest = at + blanks;
                        stream.fault = Some((place, message));
                    }
                    None => {
                        stream.rest = at;
                        stream.refused = Some((place, message));
                    }
                }
                return Some(stream);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(&str, bool)> {
        split(text, false).into_iter().map(|chunk| (&text[chunk.range], chunk.skip)).collect()
    }

    #[test]
    fn documents_are_split_only_at_markers() {
        assert_eq!(cut("a: 1\n---\nb: 2\n"), [("a: 1\n", false), ("---\nb: 2\n", false)]);
        assert_eq!(cut("a: |\n  ---\n--- # x\nb: ---\n"), [("a: |\n  ---\n", false), ("--- # x\nb: ---\n", false)]);
        assert_eq!(cut("a: \"\n---\n\"\n"), [("a: \"\n", false), ("---\n\"\n", false)]);
        assert_eq!(
            cut("%YAML 1.1\n---\nkind: ConfigMap\n"),
            [("%YAML 1.1\n", false), ("---\nkind: ConfigMap\n", true)]
        );
    }

    #[test]
    fn marker_followed_by_content_is_refused() {
        let refused = |text: &str| {
            let refused = |chunk: Chunk| chunk.refused.map(|range| text[range].to_owned());
            split(text, false).into_iter().map(refused).collect::<Vec<_>>()
        };
        assert_eq!(refused("a: 1\n--- {b: 2}\n--- # c\n---\t\n"), [None, Some("{b: 2}".into()), None, None]);
        assert_eq!(refused("----\n---x\n"), [Some("-".into()), Some("x".into())]);
    }

    #[test]
    fn only_the_first_marker_is_part_of_its_document() {
        let content = |text: &str| split(text, false).into_iter().map(|chunk| chunk.content).collect::<Vec<_>>();
        assert_eq!(content("---\na: 1\n---\nb: 2\n"), [0, 13]);
        assert_eq!(content("a: 1\n---\n---\nb: 2\n"), [0, 9, 9]);
    }

    #[test]
    fn only_certain_config_maps_and_crds_are_skipped() {
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
    fn concatenated_json_is_split_into_values() {
        let values = |text: &str| json_stream(text).map(|stream| (stream.values, stream.rest));
        assert_eq!(values("{\"a\":1}{\"b\":2}\n{}"), Some((vec![0..7, 7..14, 14..17], 17)));
        assert_eq!(values("{\"a\":1} {}\n---\nb: 2\n").map(|stream| stream.0.len()), Some(2));
        assert_eq!(values("{\"a\":1}\n---\nb: 2\n").map(|stream| (stream.0.len(), stream.1)), Some((1, 8)));
        assert_eq!(values("{a: 1}"), Some((vec![], 0)));
        assert_eq!(values("a: {}"), None);
        let refused = json_stream("{}{}\n---\nb: 2\n").and_then(|stream| stream.refused);
        assert_eq!(refused, Some((6, "invalid character '-' in numeric literal".to_owned())));
    }
}
