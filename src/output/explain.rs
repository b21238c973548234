//! Shows a rule's page on a terminal (`--explain RULE`).
//!
//! The page is Markdown, and stays so if the output is not a terminal, as with `rustc --explain`: a pipe leads to a
//! renderer or to a file.

use owo_colors::{OwoColorize, Style as Ansi};

use super::{Style, page, words};
use crate::findings::finding::Severity;
use crate::rules::engine::meta::Meta;

/// Lines that are longer than this are hard to read, however wide the terminal is.
const WIDEST: usize = 100;

/// Text is indented below its heading.
const INDENT: &str = "  ";

/// Code is indented below the text.
const CODE: &str = "      ";

/// Returns a rule's page as Markdown, under a heading and a line with the facts of its front matter.
pub fn markdown(meta: &Meta) -> String {
    let address = page(meta.id).map(|address| format!("\nMore: <{address}>\n")).unwrap_or_default();
    format!("# {}\n\n{} ({})\n{address}{}", meta.id, meta.title, facts(meta), meta.body)
}

/// Returns a rule's page for a terminal: headings in capitals, text wrapped, code indented, links written out.
pub fn explain(meta: &Meta, style: &Style) -> String {
    let address = page(meta.id).map(|address| format!("more: {address}\n")).unwrap_or_default();
    let mut page = Page { style, out: String::new(), paragraph: Paragraph::default() };
    let id = page.paint(meta.id, Ansi::new().bold());
    page.out.push_str(&format!("{id} ({})\n{}\n{address}", facts(meta), meta.title));
    let mut block = None;
    for line in meta.body.lines() {
        if let Some(info) = line.strip_prefix("```") {
            page.end_paragraph();
            block = if block.is_none() { Some(info) } else { None };
            if let Some(info) = block {
                page.introduce(info);
            }
        } else if let Some(info) = block {
            page.code(line, info.is_empty());
        } else {
            page.text(line);
        }
    }
    page.end_paragraph();
    page.out
}

/// `error, contacts the registry, since 0.1.0`.
fn facts(meta: &Meta) -> String {
    let option = match meta.severity {
        Severity::Error => "--deny",
        Severity::Warning => "--warn",
        Severity::Note => "--note",
    };
    let level = match meta.enabled {
        true => meta.severity.as_str().to_owned(),
        false => format!("off, enabled with {option} {}", meta.id),
    };
    let needs = if meta.online { ", contacts the registry" } else { "" };
    format!("{level}{needs}, since {}", meta.since)
}

/// Lines that belong together, with the prefixes of the first and of the others.
#[derive(Default)]
struct Paragraph {
    text: String,
    lead: String,
    indent: String,
}

struct Page<'a> {
    style: &'a Style,
    out: String,
    paragraph: Paragraph,
}

impl Page<'_> {
    fn paint(&self, text: &str, style: Ansi) -> String {
        if self.style.color { text.style(style).to_string() } else { text.to_owned() }
    }

    fn columns(&self) -> usize {
        self.style.width.map_or(WIDEST, |width| width.clamp(40, WIDEST))
    }

    fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    fn text(&mut self, line: &str) {
        if let Some(heading) = line.strip_prefix("## ") {
            self.end_paragraph();
            let heading = self.paint(&heading.to_uppercase(), Ansi::new().bold());
            self.line(&heading);
        } else if let Some(heading) = line.strip_prefix("### ") {
            self.end_paragraph();
            let heading = self.paint(heading, Ansi::new().bold());
            self.line(&format!("{INDENT}{heading}"));
        } else if line.starts_with('|') {
            self.end_paragraph();
            self.row(line);
        } else if line.trim().is_empty() {
            self.end_paragraph();
            self.line("");
        } else if let Some(mark) = list_mark(line) {
            self.end_paragraph();
            let (mark, text) = line.split_at(mark);
            let indent = format!("{INDENT}{}", " ".repeat(mark.len()));
            self.paragraph = Paragraph { text: text.to_owned(), lead: format!("{INDENT}{mark}"), indent };
        } else {
            if self.paragraph.text.is_empty() {
                self.paragraph = Paragraph { text: String::new(), lead: INDENT.to_owned(), indent: INDENT.to_owned() };
            } else {
                self.paragraph.text.push(' ');
            }
            self.paragraph.text.push_str(line.trim());
        }
    }

    /// Adds a row of a table: its first cell, and below it the others. The heading is left out, because it adds
    /// nothing to them.
    fn row(&mut self, line: &str) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let Some((first, others)) = cells.split_first().filter(|_| !line.starts_with("|--")) else { return };
        let others = others.join(", ");
        for (text, indent) in [(*first, INDENT), (others.as_str(), CODE)] {
            self.paragraph = Paragraph { text: text.to_owned(), lead: indent.to_owned(), indent: indent.to_owned() };
            self.end_paragraph();
        }
    }

    fn end_paragraph(&mut self) {
        let Paragraph { text, lead, indent } = std::mem::take(&mut self.paragraph);
        if text.is_empty() {
            return;
        }
        let text = self.inline(&text);
        let options = words(self.columns()).initial_indent(&lead).subsequent_indent(&indent);
        for line in textwrap::wrap(&text, options) {
            self.line(&line);
        }
    }

    /// Writes the introduction of a block that has a title or is not shown as written.
    fn introduce(&mut self, info: &str) {
        let kind = info.split_whitespace().next().unwrap_or_default();
        let title = info.split_once("title=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(title, _)| title);
        let words = match (kind, title) {
            ("registry", _) => "if the registry answers",
            ("args", _) => "checked with",
            ("findings", _) => "is reported as",
            (_, Some(title)) => title,
            _ => return,
        };
        self.line(&format!("{INDENT}  {words}"));
    }

    /// Writes a line of a block. A block without a language is a message, and messages are wrapped.
    fn code(&mut self, line: &str, is_message: bool) {
        if is_message {
            let further = format!("{CODE}    ");
            let options = words(self.columns()).initial_indent(CODE).subsequent_indent(&further);
            textwrap::wrap(line, options).iter().for_each(|line| self.line(line));
            return;
        }
        // The marks of the examples are what a reader searches for.
        let painted = match line.find(" # ").filter(|_| self.style.color) {
            Some(at) => {
                let (code, comment) = line.split_at(at);
                format!("{code}{}", comment.style(Ansi::new().dimmed()))
            }
            None => line.to_owned(),
        };
        self.line(&format!("{CODE}{painted}"));
    }

    /// Writes out `[text](address)`, and colors code if there is color.
    fn inline(&self, text: &str) -> String {
        let mut out = String::new();
        for (number, part) in text.split('`').enumerate() {
            match (number % 2 == 1, self.style.color) {
                (true, true) => out.push_str(&part.style(Ansi::new().cyan()).to_string()),
                (true, false) => out.extend(["`", part, "`"]),
                (false, _) => out.push_str(part),
            }
        }
        let mut rest = out.as_str();
        let mut written = String::new();
        while let Some((before, text, address, after)) = next_link(rest) {
            written.push_str(before);
            written.push_str(text);
            if text != address {
                written.extend([" (", address, ")"]);
            }
            rest = after;
        }
        written.push_str(rest);
        written
    }
}

/// Returns the number of bytes of a list's mark: `- `, `1. `.
fn list_mark(line: &str) -> Option<usize> {
    if line.starts_with("- ") {
        return Some(2);
    }
    let digits = line.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0)?;
    line.get(digits..)?.starts_with(". ").then_some(digits + 2)
}

fn next_link(line: &str) -> Option<(&str, &str, &str, &str)> {
    let middle = line.find("](")?;
    let (head, tail) = (line.get(..middle)?, line.get(middle + 2..)?);
    let (before, text) = head.rsplit_once('[')?;
    let (address, after) = tail.split_once(')')?;
    Some((before, text, address, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(body: &'static str) -> Meta {
        Meta {
            id: "some-rule",
            title: "A title",
            severity: Severity::Error,
            enabled: true,
            since: "0.1.0",
            online: true,
            fix: false,
            body,
        }
    }

    #[test]
    fn rule_page_becomes_plain_text() {
        let body = "\n## What it does\n\nSee [the docs](https://k8s.io/x),\nwhich say `more`.\n\n### A tag\n\n- one\n  \
                    more\n- two\n\n| key | why |\n|---|---|\n| `a` | the b |\n\n```yaml title=\"x y.yaml\"\n# kept\n\
                    a: [b](c)\n\n```\n```registry\nx = 200\n```\n";
        let expected = "some-rule (error, contacts the registry, since 0.1.0)\nA title\nmore: \
                        https://pullcheck.github.io/pullcheck/rules/some-rule.html\n\nWHAT IT DOES\n\n  See the docs \
                        (https://k8s.io/x), which say `more`.\n\n  A tag\n\n  - one more\n  - two\n\n  key\n      why\n  \
                        `a`\n      the b\n\n    x y.yaml\n      # kept\n      a: [b](c)\n\n    if the registry \
                        answers\n      x = 200\n";
        assert_eq!(explain(&meta(body), &Style::default()), expected);
    }

    #[test]
    fn text_is_wrapped_and_code_is_not() {
        let body = "\nThe kubelet tries each of the credentials that match, in an order of its own.\n\n```yaml\n\
                    image: registry.example.com/a/very/long/repository/name:1.9.0-alpine3.20\n```\n\n```\n\
                    Warning  Failed  Error: ErrImagePull\n```\n";
        let style = Style { width: Some(40), ..Style::default() };
        let expected = "\n  The kubelet tries each of the\n  credentials that match, in an order of\n  its own.\n\n      \
                        image: registry.example.com/a/very/long/repository/name:1.9.0-alpine3.20\n\n      Warning  Failed  \
                        Error:\n          ErrImagePull\n";
        assert!(explain(&meta(body), &style).ends_with(expected), "{}", explain(&meta(body), &style));
    }

    #[test]
    fn color_replaces_markup() {
        let style = Style { color: true, ..Style::default() };
        let page = explain(&meta("\n## Fix\n\nWrite `a`.\n\n```yaml\na: b # error: [x]\n```\n"), &style);
        assert!(page.contains("\u{1b}[1mFIX\u{1b}[0m\n"), "{page:?}");
        assert!(page.contains("  Write \u{1b}[36ma\u{1b}[0m.\n"), "{page:?}");
        assert!(page.contains("      a: b\u{1b}[2m # error: [x]\u{1b}[0m\n"), "{page:?}");
    }

    #[test]
    fn markdown_page_has_heading_and_metadata() {
        let page = markdown(&Meta { enabled: false, ..meta("\n## What it does\n") });
        let facts = "off, enabled with --deny some-rule, contacts the registry, since 0.1.0";
        let more = "More: <https://pullcheck.github.io/pullcheck/rules/some-rule.html>";
        assert_eq!(page, format!("# some-rule\n\nA title ({facts})\n\n{more}\n\n## What it does\n"));
    }
}
