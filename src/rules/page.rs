//! Prints what a rule's page says, for the terminal: `--explain RULE` and `--list-rules`.

use std::fmt::Write as _;

use crate::finding::Severity;
use crate::rules::RULES;
use crate::rules::meta::Meta;

/// A rule's page as plain text: headings in capitals, code indented, links written out.
pub fn explain(meta: &Meta) -> String {
    let needs = if meta.online { ", asks the registry" } else { "" };
    let level = if meta.enabled { meta.severity.as_str().to_owned() } else { off(meta) };
    let mut out = format!("{} ({level}{needs}, since {})\n{}\n", meta.id, meta.since, meta.title);
    let mut in_code = false;
    for line in meta.body.lines() {
        if let Some(info) = line.strip_prefix("```") {
            in_code = !in_code;
            if in_code {
                out.push_str(&introduction(info));
            }
        } else if in_code {
            out.push_str(if line.is_empty() { "" } else { "    " });
            out.push_str(line);
            out.push('\n');
        } else if let Some(heading) = line.strip_prefix("## ") {
            out.push_str(&heading.to_uppercase());
            out.push('\n');
        } else {
            out.push_str(&without_links(line.trim_start_matches('#').trim_start_matches(' '), line));
            out.push('\n');
        }
    }
    out
}

/// How a rule that is off is turned on.
fn off(meta: &Meta) -> String {
    let option = match meta.severity {
        Severity::Error => "--deny",
        Severity::Warning => "--warn",
        Severity::Note => "--note",
    };
    format!("off, turned on by {option} {}", meta.id)
}

/// What is said before a block that is not simply shown, or that has a title.
fn introduction(info: &str) -> String {
    let kind = info.split_whitespace().next().unwrap_or_default();
    let title = info.split_once("title=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(title, _)| title);
    match (kind, title) {
        ("registry", _) => "  where the registry answers\n".to_owned(),
        ("args", _) => "  checked with\n".to_owned(),
        ("findings", _) => "  is reported as\n".to_owned(),
        (_, Some(title)) => format!("  {title}\n"),
        _ => String::new(),
    }
}

/// The line with `[text](address)` written as `text (address)`. A sub-heading loses its marks; any other line keeps
/// its indentation, which is a list's.
fn without_links(heading: &str, line: &str) -> String {
    let mut rest = if line.starts_with('#') { heading } else { line };
    let mut out = String::new();
    while let Some((before, text, address, after)) = next_link(rest) {
        out.push_str(before);
        out.push_str(text);
        if text != address {
            let _ = write!(out, " ({address})");
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn next_link(line: &str) -> Option<(&str, &str, &str, &str)> {
    let middle = line.find("](")?;
    let (head, tail) = (line.get(..middle)?, line.get(middle + 2..)?);
    let (before, text) = head.rsplit_once('[')?;
    let (address, after) = tail.split_once(')')?;
    Some((before, text, address, after))
}

/// A table of all rules: id, default severity or `off`, whether it asks the registry, title.
pub fn list_rules() -> String {
    let width = RULES.iter().map(|rule| rule.meta().id.len()).max().unwrap_or_default();
    let mut out = String::new();
    for rule in RULES {
        let meta = rule.meta();
        let online = if meta.online { "registry" } else { "" };
        let _ = writeln!(out, "{:width$}  {:7}  {online:8}  {}", meta.id, meta.default_level(), meta.title);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_plain_text() {
        let meta = Meta {
            id: "some-rule",
            title: "A title",
            severity: Severity::Error,
            enabled: true,
            since: "0.1.0",
            online: true,
            fix: false,
            body: "\n## What it does\n\nSee [the docs](https://k8s.io/x).\n\n### A tag\n\n- one\n  more\n\n```yaml title=\"x y.yaml\"\n# kept\na: [b](c)\n\n```\n```registry\nx = 200\n```\n",
        };
        let expected = "some-rule (error, asks the registry, since 0.1.0)\nA title\n\nWHAT IT DOES\n\nSee the docs \
                        (https://k8s.io/x).\n\nA tag\n\n- one\n  more\n\n  x y.yaml\n    # kept\n    a: [b](c)\n\n  where the \
                        registry answers\n    x = 200\n";
        assert_eq!(explain(&meta), expected);
    }

    #[test]
    fn every_rule_is_listed_once() {
        let table = list_rules();
        assert_eq!(table.lines().count(), RULES.len());
        for rule in RULES {
            assert_eq!(table.lines().filter(|line| line.starts_with(&format!("{} ", rule.meta().id))).count(), 1);
        }
    }
}
