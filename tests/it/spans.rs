//! Every place in every report, held against the files themselves by means of its own: the bytes, and the text between
//! line:column and end_line:end_column, are the same text, and that text is what is flagged.
//!
//! `PULLCHECK_CORPUS=FOLDER` names more files to go through.
#![expect(clippy::disallowed_methods, reason = "reads the files that the report speaks of")]

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use pullcheck_support::Run;
use serde_json::Value;
use tempfile::TempDir;

use crate::report_parsers;

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
    let reports = Reports::of(folder);
    let report = report_parsers::report(&reports.read("json")).unwrap();
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
            "invalid-suppression" | "unused-suppression" => {
                // They flag the rule that they name.
                let message = place["message"].as_str().unwrap();
                let named = message.starts_with("unknown rule") || message.starts_with("unused suppression");
                message.split('`').nth(1).filter(|_| named)
            }
            _ => place.get("value").or_else(|| place.get("image")).and_then(Value::as_str),
        };
        let of_a_list = rule.ends_with("-suppression");
        if let Some(value) = flagged.filter(|_| of_a_list) {
            let unescaped: String = serde_json::from_str(&format!("\"{text}\"")).unwrap_or(text);
            assert_eq!(unescaped, value, "{}", path.display());
        } else if let Some(value) = flagged {
            // Where another value is pulled, the image says what is written at that place.
            let written = |image: &&Value| {
                ["file", "byte_start"].iter().all(|key| image[*key] == place[*key]) && image["resolved"] == value
            };
            let written = report["images"].as_array().unwrap().iter().find(written);
            let value = written.and_then(|image| image["value"].as_str()).unwrap_or(value);
            // A kustomization sets a part of the image.
            let resolved = place["resolved"].as_str().or(written.and_then(|image| image["resolved"].as_str()));
            let part = text.trim_matches(['"', '\'']);
            let is_set_here = place["file"].as_str().is_some_and(|file| file.contains("kustomization"))
                && resolved.is_some_and(|resolved| resolved.contains(part));
            assert!(is_set_here || is_scalar_of(&text, value), "{}: {text:?} is not {value:?}", path.display());
        }
        places += 1;
    }
    let told: Vec<Place> = findings.iter().map(|finding| Place::of_json(folder, finding, &mut files)).collect();
    hold_sarif(&reports, folder, &mut files, &told);
    hold_gitlab(&reports, &told);
    hold_lines(&reports, &told);
    places
}

/// The reports of one run over a folder, in every format that tells places.
struct Reports(TempDir);

impl Reports {
    fn of(folder: &Path) -> Self {
        let out = TempDir::new().unwrap();
        let mut run = Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder);
        for format in ["json", "sarif", "gitlab", "github", "plain", "junit"] {
            run = run.arg("--output").arg(format!("{format}={}", out.path().join(format).display()));
        }
        run.args(["--offline", "--allow-empty", "."]).output();
        Self(out)
    }

    fn read(&self, format: &str) -> String {
        std::fs::read_to_string(self.0.path().join(format)).unwrap()
    }
}

/// Where a finding is, as the JSON report says and this test has confirmed.
#[derive(Debug, PartialEq)]
struct Place {
    rule: String,
    file: String,
    /// `None` where the file could not be read.
    text: Option<String>,
    from: (u64, u64),
    to: (u64, u64),
}

impl Place {
    fn of_json(folder: &Path, finding: &Value, files: &mut HashMap<PathBuf, File>) -> Self {
        let number = |key: &str| finding[key].as_u64().unwrap_or(1);
        let (from, to) = ((number("line"), number("column")), (number("end_line"), number("end_column")));
        let file = finding["file"].as_str().unwrap().to_owned();
        let path = folder.join(&file);
        let read =
            finding["byte_start"].as_u64().map(|_| files.entry(path.clone()).or_insert_with(|| File::read(&path)));
        let text = read.map(|read| read.between(from, to));
        Self { rule: finding["rule"].as_str().unwrap().to_owned(), file, text, from, to }
    }
}

/// The places of a SARIF log, by its own bytes and by its own lines and columns.
fn hold_sarif(reports: &Reports, folder: &Path, files: &mut HashMap<PathBuf, File>, told: &[Place]) {
    let log = report_parsers::sarif(&reports.read("sarif")).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let reported = results.iter().filter(|result| result["suppressions"].as_array().is_none_or(Vec::is_empty));
    let reported: Vec<&Value> = reported.collect();
    assert_eq!(reported.len(), told.len());
    for (result, told) in reported.iter().zip(told) {
        assert_eq!(result["ruleId"], told.rule);
        let related = result["relatedLocations"].as_array().into_iter().flatten();
        for (at, location) in result["locations"].as_array().unwrap().iter().chain(related).enumerate() {
            let place = &location["physicalLocation"];
            let file = report_parsers::percent_decoded(place["artifactLocation"]["uri"].as_str().unwrap());
            let region = |key: &str| place["region"][key].as_u64();
            let Some(start) = region("byteOffset") else { continue };
            let read = files.entry(folder.join(&file)).or_insert_with(|| File::read(&folder.join(&file)));
            let bytes = &read.bytes[start as usize..(start + region("byteLength").unwrap()) as usize];
            let from = (region("startLine").unwrap(), region("startColumn").unwrap());
            let text = read.between(from, (region("endLine").unwrap(), region("endColumn").unwrap()));
            assert_eq!(text, read.decode(bytes), "{file}: {place}");
            if at == 0 {
                assert_eq!((&file, Some(text)), (&told.file, told.text.clone()));
            }
        }
    }
}

fn hold_gitlab(reports: &Reports, told: &[Place]) {
    let issues: Value = serde_json::from_str(&reports.read("gitlab")).unwrap();
    let issues = issues.as_array().unwrap();
    assert_eq!(issues.len(), told.len());
    for (issue, told) in issues.iter().zip(told) {
        let place = &issue["location"];
        let at = |end: &str| ["line", "column"].map(|key| place["positions"][end][key].as_u64().unwrap_or(1)).into();
        assert_eq!((&issue["check_name"], &place["path"]), (&told.rule.clone().into(), &told.file.clone().into()));
        assert_eq!((at("begin"), at("end")), (told.from, told.to));
        assert_eq!(place["lines"], serde_json::json!({"begin": told.from.0, "end": told.to.0}));
    }
    let prints: HashSet<&str> = issues.iter().map(|issue| issue["fingerprint"].as_str().unwrap()).collect();
    assert_eq!(prints.len(), issues.len(), "fingerprints are unique");
}

/// The formats that tell a place in a line of text: `plain` and `junit` where it begins, `github` to its end.
fn hold_lines(reports: &Reports, told: &[Place]) {
    let lines: Vec<String> = told.iter().map(Place::plainly).collect();
    let plain = reports.read("plain");
    assert_eq!(plain.lines().count(), lines.len());
    for (line, lead) in plain.lines().zip(&lines) {
        assert!(line.starts_with(lead), "{line} is not at {lead}");
    }
    let junit = reports.read("junit");
    let junit = roxmltree::Document::parse(&junit).unwrap();
    let shown = junit.descendants().filter(|node| node.has_tag_name("failure") || node.has_tag_name("system-out"));
    let shown: String = shown.filter_map(|node| node.text()).collect();
    assert!(lines.iter().all(|lead| shown.contains(lead)));
    let github = reports.read("github");
    for command in github.lines().filter_map(report_parsers::Command::parse) {
        let number = |name: &str| command.property(name).map(|text| text.parse::<u64>().unwrap());
        let rule = command.property("title").unwrap().strip_prefix("pullcheck: ").unwrap();
        let file = command.property("file").unwrap();
        let same = |place: &&Place| {
            let one_line = place.from.0 == place.to.0;
            place.rule == rule
                && place.file == file
                && number("line").unwrap_or(1) == place.from.0
                && number("endLine").unwrap_or(1) == place.to.0
                && number("col") == Some(place.from.1).filter(|_| one_line && place.text.is_some())
                && number("endColumn") == Some(place.to.1).filter(|_| one_line && place.text.is_some())
        };
        assert!(told.iter().any(|place| same(&place)), "{command:?}");
    }
    assert_eq!(github.contains("::"), !told.is_empty());
}

impl Place {
    /// As an editor reads it.
    fn plainly(&self) -> String {
        let (file, (line, column)) = (&self.file, self.from);
        let place = if self.text.is_some() { format!("{file}:{line}:{column}") } else { file.clone() };
        format!("{place}: ")
    }
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
fn spans_are_exact_in_testdata_and_corpus() {
    assert!(hold(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")) > 20);
    if let Some(corpus) = std::env::var_os("PULLCHECK_CORPUS") {
        assert!(hold(Path::new(&corpus)) > 1000);
    }
}

#[test]
fn spans_are_exact_in_every_style_encoding_and_line_end() {
    let styles = [
        "image: Nginx",
        "image: Nginx # comment",
        "image: Nginx # é𝄞 # pullcheck: ignore[ unpinned, mutable-tagg ] é𝄞",
        "# pullcheck: ignore[invalid-image-reference, mutable-tag]\n    image: nginx:1",
        "# pullcheck: ignore\n    image: Nginx",
        "image: Nginx\nmetadata: {annotations: {pullcheck.dev/ignore: 'a-b, \u{e9}\u{1d11e} ,c'}}",
        "image: Nginx\nmetadata: {annotations: {pullcheck.dev/ignore: \"a\\u002db\"}}",
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
