//! Markdown for the comment of a pull request or the summary of a job: a table of counts, then fault by fault.
//!
//! Text from a manifest or a registry must neither become markup nor notify anybody (`@team`, `#12` and bare
//! addresses are links on GitHub and GitLab, whatever is around them). So every word of it that is not plain letters
//! or a plain number is put in a code span, in which nothing is obeyed; an image is easiest to read that way anyway.

use std::fmt::Write as _;

use super::brief::number;
use super::edge::Edge;
use super::human::describe;
use super::order::{Fault, faults};
use crate::findings::finding::{Finding, Severity};
use crate::report::Summary;

/// Limit of a comment in bytes: GitHub accepts 65,536 characters.
pub(super) const COMMENT: usize = 65_000;

/// How many places of one fault are listed.
const PLACES: usize = 20;

/// Bytes reserved for the last line.
const LAST_LINE: usize = 200;

/// Renders whole faults, the severest first, in at most `limit` bytes (the counts are always included).
pub(super) fn render(edge: &Edge<'_>, limit: usize) -> String {
    let mut out = head(&edge.report.summary);
    let mut faults = faults(&edge.report.findings);
    faults.sort_by_key(|fault| std::cmp::Reverse(fault.first.severity));
    let mut left_out = 0;
    for fault in &faults {
        let text = section(edge, fault);
        if left_out > 0 || out.len() + text.len() + LAST_LINE > limit {
            left_out += 1;
        } else {
            out.push_str(&text);
        }
    }
    if left_out > 0 {
        let _ = writeln!(
            out,
            "\n**{} not shown here:** the report has reached its size limit.",
            number(left_out, "more fault")
        );
    }
    out
}

fn head(summary: &Summary) -> String {
    let verdict = match (summary.errors, summary.warnings, summary.notes) {
        (0, 0, 0) => "no findings".to_owned(),
        counts => {
            let counts = [(counts.0, "error"), (counts.1, "warning"), (counts.2, "note")];
            let counts = counts.into_iter().filter(|(count, _)| *count > 0);
            counts.map(|(count, noun)| number(count, noun)).collect::<Vec<_>>().join(", ")
        }
    };
    let counts = [
        ("files", summary.files),
        ("images", summary.image_uses),
        ("pullable", summary.pullable),
        ("failing", summary.failing),
        ("unverified", summary.unverified),
        ("skipped", summary.skipped),
        ("not pulled", summary.not_pulled),
        ("releases not rendered", summary.unrendered_releases),
        ("suppressed", summary.suppressed),
        ("in the baseline", summary.baselined),
    ];
    let shown = |&(name, count): &(&str, usize)| count > 0 || matches!(name, "files" | "images" | "failing");
    let counts: Vec<_> = counts.into_iter().filter(shown).collect();
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut out = format!("## pullcheck: {verdict}\n\n");
    out.push_str(&row(counts.iter().map(|(name, _)| (*name).to_owned()).collect()));
    out.push_str(&row(counts.iter().map(|_| "---:".to_owned()).collect()));
    out.push_str(&row(counts.iter().map(|(_, count)| count.to_string()).collect()));
    out
}

fn section(edge: &Edge<'_>, Fault { first, others }: &Fault<'_>) -> String {
    let sign = match first.severity {
        Severity::Error => "❌",
        Severity::Warning => "⚠️",
        Severity::Note => "ℹ️",
    };
    let mut out = format!("\n### {sign} {}: {}\n\n", first.severity.as_str(), first.rule);
    let _ = writeln!(out, "{}\n", text(&edge.line(&first.message)));
    for finding in std::iter::once(first).chain(others).take(PLACES) {
        let _ = writeln!(out, "- {}", place(edge, finding));
    }
    let places = 1 + others.len();
    if places > PLACES {
        let _ = writeln!(out, "- and {}", number(places - PLACES, "more place"));
    }
    if let Some(help) = &first.help {
        let help = edge.paragraph(help);
        let lines: Vec<String> = help.split('\n').map(line_of_help).collect();
        let _ = write!(out, "\n**Help:** {}\n", lines.join("<br>\n  "));
    }
    if let Some(event) = &first.event {
        let _ = write!(out, "\n`kubectl describe pod` would show:\n\n> {}\n", code(&edge.line(event)));
    }
    out
}

fn place(edge: &Edge<'_>, finding: &Finding) -> String {
    let place = code(&edge.place(finding.primary.span));
    let subject = describe(&finding.subject);
    if subject.is_empty() { place } else { format!("{place} in {}", text(&edge.line(&subject))) }
}

/// Formats a line of a help text: an indented line is text to copy, so all of it is code.
fn line_of_help(line: &str) -> String {
    match line.trim_start() {
        "" => String::new(),
        inner if inner.len() < line.len() => format!("&nbsp;&nbsp;{}", code(inner)),
        _ => text(line),
    }
}

/// Renders one line of foreign text.
fn text(line: &str) -> String {
    let mut words = Vec::new();
    let mut rest = line.trim_start_matches(' ');
    while !rest.is_empty() {
        let (shown, after) = quoted(rest).unwrap_or_else(|| {
            let (next, after) = rest.split_once(' ').unwrap_or((rest, ""));
            (word(next), after)
        });
        words.push(shown);
        rest = after.trim_start_matches(' ');
    }
    words.join(" ")
}

/// Characters that may follow a word, because they have no effect by themselves.
const CLOSING: [char; 8] = [')', '"', '\'', ',', ';', '.', ':', '?'];

/// Splits a text into its beginning in backticks or quotes, as code, and what follows. The result is `None` if
/// anything but punctuation follows the code directly.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('(').unwrap_or(text);
    let lead = &text[..text.len() - inner.len()];
    let mark = inner.chars().next().filter(|c| matches!(c, '`' | '"' | '\''))?;
    let (content, behind) = inner[1..].split_once(mark)?;
    let (trail, after) = behind.split_once(' ').unwrap_or((behind, ""));
    let closed = !content.is_empty() && trail.chars().all(|c| CLOSING.contains(&c));
    let code = closed && (mark == '`' || !content.split(' ').all(is_plain));
    code.then(|| (format!("{lead}{}{trail}", self::code(content)), after))
}

/// Formats a word with the punctuation around it.
fn word(word: &str) -> String {
    let inner = word.trim_start_matches(['(', '"', '\'']);
    let lead = &word[..word.len() - inner.len()];
    let (inner, trail) = inner.split_at(inner.trim_end_matches(CLOSING).len());
    // `1.` and `1)` would begin a list.
    let item = trail.starts_with(['.', ')']) && inner.bytes().all(|byte| byte.is_ascii_digit());
    let plain = inner.is_empty() || is_plain(inner) && !item;
    if plain { word.to_owned() } else { format!("{lead}{}{trail}", code(inner)) }
}

/// Whether a word consists of letters, with hyphens and apostrophes between them, or is a number.
fn is_plain(word: &str) -> bool {
    let letters = |part: &str| !part.is_empty() && part.chars().all(char::is_alphabetic);
    word.split(['-', '\'']).all(letters) || !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns a code span, between more backticks than the text itself has in a row.
fn code(text: &str) -> String {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    if text.is_empty() { String::new() } else { format!("{fence}{pad}{text}{pad}{fence}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_markup_are_wrapped_in_code_spans() {
        let cases = [
            ("ghcr.io/acme/api has no tag 1.9", "`ghcr.io/acme/api` has no tag `1.9`"),
            ("1. and 2) or 3", "`1`. and `2`) or 3"),
            ("did not answer within 15 s.", "did not answer within 15 s."),
            ("cc @acme/team, see #12", "cc `@acme/team`, see `#12`"),
            ("<img src=x> **b** ~s~ $x$", "`<img` `src=x>` `**b**` `~s~` `$x$`"),
            ("[a](https://evil.example)", "`[a](https://evil.example`)"),
            ("a|b", "`a|b`"),
            ("run (`helm template . | pullcheck -`), then", "run (`helm template . | pullcheck -`), then"),
            ("the image \"/api:\": a", "the image `/api:`: a"),
            ("`a`@team \"x.y\"z 'q.r", "`` `a`@team `` \"`x.y\"z` '`q.r`"),
            ("it isn't well-known (\"yes\")", "it isn't well-known (\"yes\")"),
            ("`x``y`", "``` `x``y` ```"),
            ("\\", "`\\`"),
            ("- - --", "`-` `-` `--`"),
        ];
        for (given, expected) in cases {
            assert_eq!(text(given), expected);
        }
    }
}
