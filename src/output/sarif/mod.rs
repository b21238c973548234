//! SARIF 2.1.0, for code scanning: one run, with the texts of all rules, the findings (silenced ones too, marked as
//! such) and what could not be read.
//!
//! What GitHub accepts (`docs.github.com`: "SARIF support for code scanning"): 25,000 results a run, 20 tags a rule,
//! 1,000 locations a result, 1,024 characters of a description. Results past the limit are left out, reported and
//! severe ones last of all, and a notification of the run gives their number.

mod document;

use std::collections::BTreeMap;
use std::io;

use super::edge::Edge;
use super::human::describe;
use super::json::{Each, write_json};
use super::numbered::{self, Numbered};
use super::{page, repository, sanitize};
use crate::findings::finding::{Edit, Finding, Fix, Severity, Subject};
use crate::findings::suppression::SilencedBy;
use crate::report::InputError;
use crate::rules::RULES;
use crate::rules::engine::meta::Meta;
use crate::text::source::Span;
use document::{
    ArtifactChange, ArtifactLocation, Configuration, Driver, Exact, Fingerprints, Inserted, Invocation, Location, Log,
    LogicalLocation, Message, Notification, PhysicalLocation, Properties, Region, Replacement, ResultProperties, Rule,
    Run, SarifFix, SarifResult, Suppression, Tool, Words,
};

const SCHEMA: &str = "https://raw.githubusercontent.com/oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json";

/// Results of one run.
const MOST_RESULTS: usize = 25_000;

/// Related locations of one result.
const MOST_RELATED: usize = 100;

/// Characters of a rule's description.
const DESCRIPTION: usize = 1000;

/// The root of the repository: code scanning resolves it.
const ROOT: &str = "%SRCROOT%";

/// Writes result by result.
///
/// # Errors
/// The writer fails.
pub(super) fn write(edge: &Edge<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let (results, left_out) = chosen(numbered::all(edge));
    let indices: BTreeMap<&str, usize> = RULES.iter().enumerate().map(|(at, rule)| (rule.meta().id, at)).collect();
    let marks = results.iter().any(|numbered| numbered.silenced.is_some());
    let metas: Vec<&Meta> = RULES.iter().map(|rule| rule.meta()).collect();
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: env!("CARGO_PKG_NAME"),
                    version: env!("CARGO_PKG_VERSION"),
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    information_uri: repository(),
                    rules: Each(&metas, |meta: &&Meta| rule(meta)),
                },
            },
            invocations: [invocation(edge, left_out)],
            column_kind: "unicodeCodePoints",
            results: Each(&results, |numbered| result(edge, numbered, &indices, marks)),
        }],
    };
    write_json(&log, out)
}

/// Returns as many results as a run may have, in their order, and the number of those left out.
fn chosen(mut results: Vec<Numbered<'_>>) -> (Vec<Numbered<'_>>, usize) {
    let left_out = results.len().saturating_sub(MOST_RESULTS);
    if left_out > 0 {
        let place = |numbered: &Numbered<'_>| numbered.finding.primary.span;
        results.sort_by_key(|numbered| (numbered.silenced.is_some(), std::cmp::Reverse(numbered.finding.severity)));
        results.truncate(MOST_RESULTS);
        results.sort_by(|a, b| (place(a), a.finding.rule).cmp(&(place(b), b.finding.rule)));
    }
    (results, left_out)
}

fn rule(meta: &Meta) -> Rule {
    let help = help(meta.body);
    let own = |text: &str| Words { text: sanitize::clip(text, DESCRIPTION).into_owned(), markdown: None };
    Rule {
        id: meta.id,
        name: pascal_case(meta.id),
        short_description: own(meta.title),
        full_description: own(&first_paragraph(meta.body).unwrap_or_else(|| meta.title.to_owned())),
        help: Words { text: help.clone(), markdown: Some(help) },
        help_uri: page(meta.id),
        default_configuration: Configuration { enabled: meta.enabled, level: meta.severity.as_str() },
        properties: properties(meta),
    }
}

fn properties(meta: &Meta) -> Properties {
    // A password in a repository is the one finding that is a security hole and not a failure.
    let security = meta.id == "committed-credentials";
    let mut tags = vec!["kubernetes", "container-images"];
    tags.extend(security.then_some("security"));
    Properties {
        precision: if meta.severity == Severity::Error { "very-high" } else { "high" },
        problem_severity: match meta.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "recommendation",
        },
        security_severity: security.then_some("8.0"),
        tags,
    }
}

/// Returns `image-not-found` as `ImageNotFound`.
fn pascal_case(id: &str) -> String {
    let capital = |word: &str| {
        let mut characters = word.chars();
        characters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(characters).collect::<String>()
    };
    id.split('-').map(capital).collect()
}

/// Returns the page without its examples, which are long and meant for a page of their own.
fn help(body: &str) -> String {
    let mut shown = true;
    let mut out = String::new();
    for line in body.trim().lines() {
        if line.starts_with("## ") {
            shown = line != "## Examples";
        }
        if shown {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// Returns the first paragraph of a rule's page, which describes what the rule does.
fn first_paragraph(body: &str) -> Option<String> {
    let text = body.lines().skip_while(|line| line.is_empty() || line.starts_with('#'));
    let lines: Vec<&str> = text.take_while(|line| !line.is_empty()).collect();
    (!lines.is_empty()).then(|| lines.join(" "))
}

fn invocation(edge: &Edge<'_>, left_out: usize) -> Invocation {
    let errors = edge.report.errors.iter().map(|error| notification(edge, error));
    let left_out = (left_out > 0).then(|| Notification {
        level: "warning",
        message: message(
            edge,
            &format!("{left_out} results are omitted: code scanning accepts {MOST_RESULTS} per run"),
        ),
        locations: Vec::new(),
    });
    Invocation {
        execution_successful: edge.report.errors.is_empty(),
        tool_execution_notifications: errors.chain(left_out).collect(),
    }
}

fn notification(edge: &Edge<'_>, error: &InputError) -> Notification {
    let location = error.file.as_deref().map(|file| Location {
        id: None,
        physical_location: PhysicalLocation { artifact_location: artifact(edge, file), region: None },
        logical_locations: Vec::new(),
        message: None,
    });
    Notification { level: "error", message: message(edge, &error.message), locations: location.into_iter().collect() }
}

fn result<'a>(
    edge: &Edge<'_>,
    numbered: &'a Numbered<'_>,
    indices: &BTreeMap<&str, usize>,
    marks: bool,
) -> SarifResult<'a> {
    let finding = numbered.finding;
    let related = finding.related.iter().take(MOST_RELATED).enumerate();
    let related = related.map(|(at, label)| Location {
        id: Some(at + 1),
        message: Some(message(edge, &label.message)).filter(|_| !label.message.is_empty()),
        ..location(edge, label.span, &Subject::default())
    });
    SarifResult {
        rule_id: finding.rule,
        rule_index: indices.get(finding.rule).copied(),
        level: finding.severity.as_str(),
        message: message(edge, &words(finding)),
        locations: [location(edge, finding.primary.span, &finding.subject)],
        related_locations: related.collect(),
        partial_fingerprints: Fingerprints { primary_location_line_hash: &numbered.fingerprint },
        suppressions: marks.then(|| numbered.silenced.map(|by| suppression(edge, by)).into_iter().collect()),
        fixes: finding.fixes.iter().map(|repair| fix(edge, repair)).collect(),
        properties: finding
            .template
            .as_deref()
            .map(|template| ResultProperties { template: edge.shaped_clear(template, str::to_owned) }),
    }
}

fn fix(edge: &Edge<'_>, fix: &Fix) -> SarifFix {
    let change = |edit: &Edit| ArtifactChange {
        artifact_location: artifact(edge, edge.sources.get(edit.span.source).name()),
        replacements: [Replacement {
            deleted_region: region(edge, edit.span),
            inserted_content: Inserted { text: edge.shaped_name(&edit.replacement, str::to_owned) },
        }],
    };
    let artifact_changes = fix.edits.iter().map(change).collect();
    SarifFix { description: message(edge, &fix.title), artifact_changes }
}

/// Returns what is wrong, what to change, and what the kubelet will report.
fn words(finding: &Finding) -> String {
    let mut words = finding.message.clone();
    if let Some(help) = &finding.help {
        words.push_str("\n\n");
        words.push_str(help);
    }
    if let Some(event) = &finding.event {
        words.push_str("\n\nkubectl describe pod would show: ");
        words.push_str(event);
    }
    words
}

/// Returns a message. Brackets before a parenthesis would make a link of text from a manifest or a registry
/// (3.11.6).
fn message(edge: &Edge<'_>, text: &str) -> Message {
    let shape = |text: &str| sanitize::clip(text, 2 * sanitize::MESSAGE).replace("](", "\\](");
    Message { text: edge.shaped(text, shape) }
}

fn suppression(edge: &Edge<'_>, by: &SilencedBy) -> Suppression {
    let clip = |text: &str| sanitize::clip(text, sanitize::MESSAGE).into_owned();
    match by {
        SilencedBy::Suppression { reason } => {
            Suppression { kind: "inSource", justification: reason.as_deref().map(|reason| edge.shaped(reason, clip)) }
        }
        SilencedBy::Baseline => {
            Suppression { kind: "external", justification: Some(edge.shaped("in the baseline", clip)) }
        }
    }
}

fn location(edge: &Edge<'_>, span: Span, subject: &Subject) -> Location {
    let name = describe(subject);
    let logical = (!name.is_empty()).then(|| LogicalLocation {
        fully_qualified_name: edge.shaped_clear(&name, |name| sanitize::clip(name, sanitize::MESSAGE).into_owned()),
        kind: "resource",
    });
    Location {
        id: None,
        physical_location: PhysicalLocation {
            artifact_location: artifact(edge, edge.sources.get(span.source).name()),
            region: Some(region(edge, span)),
        },
        logical_locations: logical.into_iter().collect(),
        message: None,
    }
}

fn region(edge: &Edge<'_>, span: Span) -> Region {
    let Some(at) = edge.sources.locate(span) else { return Region { start_line: 1, exact: None } };
    Region {
        start_line: at.start.line,
        exact: Some(Exact {
            start_column: at.start.column,
            end_line: at.end.line,
            end_column: at.end.column,
            byte_offset: at.byte_start,
            byte_length: at.byte_end.saturating_sub(at.byte_start),
        }),
    }
}

/// Returns the location of a file. A relative name is one below the root; a name that leaves the root, or has none,
/// is complete by itself.
fn artifact(edge: &Edge<'_>, name: &str) -> ArtifactLocation {
    let name = name.strip_prefix("./").unwrap_or(name);
    let drive = matches!(name.as_bytes(), [letter, b':', b'/', ..] if letter.is_ascii_alphabetic());
    let absolute = drive || name.starts_with('/');
    let leaves = name.split('/').any(|part| part == "..");
    let lead = if drive {
        "file:///"
    } else if absolute {
        "file://"
    } else {
        ""
    };
    ArtifactLocation {
        uri: edge.shaped_clear(name, |name| format!("{lead}{}", percent_encoded(name))),
        uri_base_id: (!absolute && !leaves).then_some(ROOT),
    }
}

/// Encodes everything except slashes and what RFC 3986 calls unreserved, as bytes of UTF-8.
fn percent_encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_percent_encoded_and_rule_ids_pascal_cased() {
        assert_eq!(percent_encoded("a b/ü:%#?.yaml"), "a%20b/%C3%BC%3A%25%23%3F.yaml");
        assert_eq!(pascal_case("image-not-found"), "ImageNotFound");
    }

    #[test]
    fn rule_help_omits_examples() {
        let body = "\n## What it does\n\nOne\ntwo.\n\nThree.\n\n## Examples\n\n### Bad\nx\n\n## Fix\n\nMend it.\n";
        assert_eq!(help(body), "## What it does\n\nOne\ntwo.\n\nThree.\n\n## Fix\n\nMend it.\n");
        assert_eq!(first_paragraph(body).as_deref(), Some("One two."));
    }
}
