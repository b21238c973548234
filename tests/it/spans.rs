//! Every place in the JSON report, held against the files themselves by means of its own: the bytes, and the text
//! between line:column and end_line:end_column, are the same text, and that text is what is flagged.
//!
//! `PULLCHECK_CORPUS=FOLDER` names more files to go through.
#![expect(clippy::disallowed_methods, reason = "reads the files that the report speaks of")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use pullcheck_support::Run;
use serde_json::Value;
use tempfile::TempDir;

/// A file as this test reads it: its text, without byte order mark, and where each character's bytes begin.
struct File {
    bytes: Vec<u8>,
    utf16: Option<fn([u8; 2]) -> u16>,
}

impl File {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let utf16: Option<fn([u8; 2]) -> u16> = match bytes.as_slice() {
            [0xff, 0xfe, ..] => Some(u16::from_le_bytes),
            [0xfe, 0xff, ..] => Some(u16::from_be_bytes),
            _ => None,
        };
        Self { bytes, utf16 }
    }

    fn decode(&self, bytes: &[u8]) -> String {
        match self.utf16 {
            Some(unit) => {
                let units: Vec<u16> = bytes.chunks(2).map(|pair| unit([pair[0], pair[1]])).collect();
                String::from_utf16(&units).unwrap()
            }
            None => String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// The text from one line:column to another, found by counting characters from the start of the file.
    fn between(&self, from: (u64, u64), to: (u64, u64)) -> String {
        let text = self.decode(&self.bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let (mut line, mut column) = (1, 1);
        let mut found = String::new();
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            if (line, column) >= to {
                break;
            }
            if (line, column) >= from {
                found.push(character);
            }
            column += 1;
            if character == '\n' || character == '\r' && characters.peek() != Some(&'\n') {
                (line, column) = (line + 1, 1);
            }
        }
        found
    }
}

/// Goes through every place of a report over a folder; how many there were.
fn hold(folder: &Path) -> usize {
    let run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder);
    let output = run.args(["--offline", "--format", "json", "--allow-empty", "."]).output();
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let mut files: HashMap<PathBuf, File> = HashMap::new();
    let mut places = 0;
    let findings = report["findings"].as_array().unwrap();
    let related = findings.iter().flat_map(|finding| finding["related"].as_array().unwrap());
    for place in report["images"].as_array().unwrap().iter().chain(findings).chain(related) {
        let number = |key: &str| place[key].as_u64();
        let Some(start) = number("byte_start") else { continue };
        let path = folder.join(place["file"].as_str().unwrap());
        let file = files.entry(path.clone()).or_insert_with(|| File::read(&path));
        let end = number("byte_end").unwrap();
        let text = file.decode(&file.bytes[start as usize..end as usize]);
        let from = (number("line").unwrap(), number("column").unwrap());
        let to = (number("end_line").unwrap(), number("end_column").unwrap());
        assert_eq!(file.between(from, to), text, "{}: {place}", path.display());
        let rule = place.get("rule").and_then(Value::as_str).unwrap_or_default();
        let flagged = match rule {
            // They are about an image, and flag its pull policy.
            "never-pulled" | "invalid-pull-policy" => {
                let of_image =
                    |image: &&Value| ["file", "resource", "container"].iter().all(|key| image[*key] == place[*key]);
                let image = report["images"].as_array().unwrap().iter().find(of_image).unwrap();
                image["declared_pull_policy"].as_str()
            }
            _ => place.get("value").or_else(|| place.get("image")).and_then(Value::as_str),
        };
        if let Some(value) = flagged {
            assert!(is_scalar_of(&text, value), "{}: {text:?} is not {value:?}", path.display());
        }
        places += 1;
    }
    places
}

/// Whether a source text is a scalar of this value: plain, quoted, in a block, an alias, or the key of an empty value.
fn is_scalar_of(text: &str, value: &str) -> bool {
    let folded = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let unquoted = match text.as_bytes() {
        [b'"', .., b'"'] => serde_json::from_str(text).unwrap_or_else(|_| text[1..text.len() - 1].to_owned()),
        [b'\'', .., b'\''] => text[1..text.len() - 1].replace("''", "'"),
        _ => text.to_owned(),
    };
    unquoted == value
        || folded(&unquoted) == folded(value)
        || text.starts_with('*')
        || value.is_empty() && matches!(text, "image" | "reference" | "\"image\"" | "~" | "null")
        || value.is_empty() && text.starts_with(['{', '['])
}

#[test]
fn places_of_the_shop_and_of_the_corpus() {
    assert!(hold(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")) > 20);
    if let Some(corpus) = std::env::var_os("PULLCHECK_CORPUS") {
        assert!(hold(Path::new(&corpus)) > 1000);
    }
}

#[test]
fn places_in_every_style_encoding_and_line_end() {
    let styles = [
        "image: Nginx",
        "image: Nginx # comment",
        "image: 'Nginx'",
        "image: \"Ngin\\u0078\"",
        "image: >-\n      Nginx\n",
        "image: |\n      Nginx\n",
        "image:\n      Nginx",
        "image: !!str Nginx",
        "\"image\" : Nginx",
        "image: &a Nginx",
        "image: ~",
        "image:",
        "image: \"\"",
        "image: {a: b}",
        "ü: 'é𝄞'\n    image: Nginx",
    ];
    let folder = TempDir::new().unwrap();
    let mut written = 0;
    for style in styles {
        let pod = format!("# é𝄞\nkind: Pod\napiVersion: v1\nspec:\n  containers:\n  - name: \"𝄞\"\n    {style}\n");
        let crlf = pod.replace('\n', "\r\n");
        let utf16 = |unit: fn(u16) -> [u8; 2]| [0xfeff].into_iter().chain(crlf.encode_utf16()).flat_map(unit).collect();
        let encodings = [
            pod.clone().into_bytes(),
            crlf.clone().into_bytes(),
            format!("\u{feff}{pod}").into_bytes(),
            format!("x: 1\n---\n{pod}").into_bytes(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
        ];
        for bytes in encodings {
            std::fs::write(folder.path().join(format!("{written:03}.yaml")), bytes).unwrap();
            written += 1;
        }
    }
    let flow = r#"{"apiVersion":"v1","kind":"List","items":[{"kind":"Pod","apiVersion":"v1","spec":{"containers":[{"image":"a\u0041"}]}}]}"#;
    std::fs::write(folder.path().join("list.json"), format!("{flow}{flow}\n{flow}")).unwrap();
    assert!(hold(folder.path()) >= 2 * written + 3);
}
