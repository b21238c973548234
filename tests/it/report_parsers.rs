//! Readers of our reports that know nothing of how they are written.

use std::sync::LazyLock;

use serde_json::Value;

/// A workflow command, as the runner of GitHub Actions reads it: `ActionCommand.TryParseV2` of actions/runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) name: String,
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) message: String,
}

impl Command {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let rest = line.trim_start().strip_prefix("::")?;
        let (head, data) = rest.split_once("::")?;
        let (name, list) = head.split_once(' ').unwrap_or((head, ""));
        let pairs = list.split(',').filter_map(|pair| pair.trim().split_once('='));
        let properties = pairs.map(|(name, value)| (name.to_owned(), unescaped(value, true))).collect();
        Some(Self { name: name.to_owned(), properties, message: unescaped(data, false) })
    }

    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// The runner's mappings, `%25` last.
fn unescaped(text: &str, property: bool) -> String {
    let mut text = text.replace("%0D", "\r").replace("%0A", "\n");
    if property {
        text = text.replace("%3A", ":").replace("%2C", ",");
    }
    text.replace("%25", "%")
}

static SARIF: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let text = include_str!("schemas/sarif-2.1.0.json");
    // The pattern of languages has a bracket too many, which makes it no regular expression for most engines.
    let mended = text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
    assert_ne!(mended, text);
    let schema: Value = serde_json::from_str(&mended).expect("JSON");
    jsonschema::draft7::new(&schema).expect("a schema")
});

/// A SARIF log that the official schema takes.
pub(crate) fn sarif(text: &str) -> Result<Value, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    SARIF.validate(&json).map_err(|error| format!("{error} at {}", error.instance_path()))?;
    Ok(json)
}

static REPORT: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(include_str!("../../src/output/report.schema.json")).expect("JSON");
    jsonschema::draft202012::new(&schema).expect("a schema")
});

/// A JSON report that its own schema takes.
pub(crate) fn report(text: &str) -> Result<Value, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    REPORT.validate(&json).map_err(|error| format!("{error} at {}", error.instance_path()))?;
    Ok(json)
}

/// The name behind a URI.
pub(crate) fn percent_decoded(uri: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = uri.as_bytes();
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                after
            }
            _ => {
                bytes.push(*first);
                after
            }
        };
    }
    String::from_utf8(bytes).unwrap()
}

/// What of a Markdown text is obeyed: without code spans (CommonMark 6.1) and without what every report has.
pub(crate) fn markdown_prose(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines().filter(|line| !line.starts_with("| ")) {
        let mut rest = line;
        while let Some(at) = rest.find('`') {
            let fence = rest[at..].chars().take_while(|&c| c == '`').count();
            let body = &rest[at + fence..];
            out.push_str(&rest[..at]);
            rest = match closing(body, fence) {
                Some(end) => &body[end..],
                None => {
                    out.push_str(&rest[at..at + fence]);
                    body
                }
            };
        }
        out.push_str(rest);
        out.push('\n');
    }
    out.replace("**Help:**", "").replace("<br>\n", "\n").replace("&nbsp;", "").replace("\n> \n", "\n")
}

/// Where the first run of exactly so many backticks ends.
fn closing(text: &str, fence: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = text[at..].find('`') {
        let run = text[at + next..].chars().take_while(|&c| c == '`').count();
        at += next + run;
        if run == fence {
            return Some(at);
        }
    }
    None
}
