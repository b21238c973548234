//! The JSON contract, version 1; its schema is `report.schema.json`.
//!
//! Within version 1 keys are only ever added. Every key is always there, and null where nothing is known.

use std::fmt::Write as _;

use serde::Serialize;

use super::edge::{Edge, Value};
use super::sanitize;
use crate::finding::{Finding, Label};
use crate::report::{AttemptReport, CredentialReport, ImageReport, PullSecretReport, Summary};
use crate::resource::ResourceName;
use crate::source::Span;
use crate::workload::Container;

/// Version of the contract.
const SCHEMA_VERSION: u32 = 1;

/// What the report is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A run.
    Check,
    /// `--list-images`: the same without `findings`.
    Images,
}

pub(super) fn render(edge: &Edge<'_>, content: Content) -> String {
    let report = edge.report;
    let json = JsonReport {
        schema_version: SCHEMA_VERSION,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        summary: &report.summary,
        findings: (content == Content::Check).then(|| report.findings.iter().map(|it| finding(edge, it)).collect()),
        images: report.images.iter().map(|it| image(edge, it)).collect(),
        errors: report
            .errors
            .iter()
            .map(|it| InputError {
                file: it.file.as_deref().map(|file| edge.value(file)),
                message: edge.value(&it.message),
            })
            .collect(),
    };
    // These types have no map with other keys than strings and no fallible `Serialize`: it cannot fail.
    let mut text = escape(&serde_json::to_string_pretty(&json).unwrap_or_default());
    text.push('\n');
    text
}

/// Escapes what serde_json leaves as it is though it acts on a terminal or on the log of GitHub Actions. All of that
/// can stand in strings only, so that the values stay the same for every reader of JSON.
fn escape(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\n' => out.push('\n'),
            '[' if out.ends_with("##") => out.push_str("\\u005b"),
            c if sanitize::is_hidden(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out
}

#[derive(Serialize)]
struct JsonReport<'a> {
    schema_version: u32,
    tool: Tool,
    summary: &'a Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<JsonFinding<'a>>>,
    images: Vec<JsonImage<'a>>,
    errors: Vec<InputError<'a>>,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct InputError<'a> {
    file: Option<Value<'a>>,
    message: Value<'a>,
}

/// Null throughout when the file could not be read.
#[derive(Serialize)]
struct Place {
    line: Option<u32>,
    column: Option<u32>,
    end_line: Option<u32>,
    end_column: Option<u32>,
    byte_start: Option<u64>,
    byte_end: Option<u64>,
}

#[derive(Serialize)]
struct Resource<'a> {
    api_version: Option<Value<'a>>,
    kind: Option<Value<'a>>,
    namespace: Option<Value<'a>>,
    name: Option<Value<'a>>,
}

#[derive(Serialize)]
struct JsonContainer<'a> {
    kind: &'static str,
    name: Option<Value<'a>>,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    rule: &'static str,
    severity: &'static str,
    message: Value<'a>,
    help: Option<Value<'a>>,
    file: Value<'a>,
    #[serde(flatten)]
    place: Place,
    resource: Option<Resource<'a>>,
    container: Option<JsonContainer<'a>>,
    image: Option<Value<'a>>,
    event: Option<Value<'a>>,
    related: Vec<Related<'a>>,
    /// Nothing is fixed yet; the contract has the place.
    fixes: [(); 0],
    fingerprint: String,
}

#[derive(Serialize)]
struct Related<'a> {
    message: Value<'a>,
    file: Value<'a>,
    #[serde(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct JsonImage<'a> {
    value: Value<'a>,
    file: Value<'a>,
    #[serde(flatten)]
    place: Place,
    path: Value<'a>,
    resource: Resource<'a>,
    container: JsonContainer<'a>,
    reference: Option<Reference<'a>>,
    declared_pull_policy: Option<Value<'a>>,
    pull_policy: Option<&'static str>,
    service_account: Value<'a>,
    pull_secrets: Vec<PullSecret<'a>>,
    credentials: Vec<Credential<'a>>,
    verdict: Option<&'static str>,
    cause: Option<&'static str>,
    event: Option<Value<'a>>,
    digest: Option<Value<'a>>,
    media_type: Option<Value<'a>>,
    platforms: Option<Vec<Value<'a>>>,
    size: Option<u64>,
    attempts: &'a [AttemptReport],
}

#[derive(Serialize)]
struct Reference<'a> {
    registry: Value<'a>,
    repository: Value<'a>,
    tag: Option<Value<'a>>,
    digest: Option<Value<'a>>,
}

#[derive(Serialize)]
struct PullSecret<'a> {
    name: Value<'a>,
    via: &'static str,
    state: &'static str,
    reason: Option<Value<'a>>,
}

#[derive(Serialize)]
struct Credential<'a> {
    secret: Option<Value<'a>>,
    key: Value<'a>,
    written_key: Value<'a>,
    anonymous: bool,
}

fn file<'a>(edge: &Edge<'a>, span: Span) -> Value<'a> {
    edge.value(edge.sources.get(span.source).name())
}

fn place(edge: &Edge<'_>, span: Span) -> Place {
    let at = edge.sources.locate(span);
    Place {
        line: at.map(|at| at.start.line),
        column: at.map(|at| at.start.column),
        end_line: at.map(|at| at.end.line),
        end_column: at.map(|at| at.end.column),
        byte_start: at.map(|at| at.byte_start),
        byte_end: at.map(|at| at.byte_end),
    }
}

fn resource<'a>(edge: &Edge<'_>, name: &'a ResourceName) -> Resource<'a> {
    let known = |text: &'a str| (!text.is_empty()).then(|| edge.value(text));
    Resource {
        api_version: known(&name.api_version),
        kind: known(&name.kind),
        namespace: name.namespace.as_deref().map(|it| edge.value(it)),
        name: name.name.as_deref().map(|it| edge.value(it)),
    }
}

fn container<'a>(edge: &Edge<'_>, container: &'a Container) -> JsonContainer<'a> {
    JsonContainer { kind: container.kind.as_str(), name: container.name.as_deref().map(|it| edge.value(it)) }
}

fn finding<'a>(edge: &Edge<'a>, finding: &'a Finding) -> JsonFinding<'a> {
    let span = finding.primary.span;
    JsonFinding {
        rule: finding.rule,
        severity: finding.severity.as_str(),
        message: edge.value(&finding.message),
        help: finding.help.as_deref().map(|it| edge.value(it)),
        file: file(edge, span),
        place: place(edge, span),
        resource: finding.subject.resource.as_ref().map(|it| resource(edge, it)),
        container: finding.subject.container.as_ref().map(|it| container(edge, it)),
        image: finding.subject.image.as_deref().map(|it| edge.value(it)),
        event: finding.event.as_deref().map(|it| edge.value(it)),
        related: finding.related.iter().map(|it| related(edge, it)).collect(),
        fixes: [],
        fingerprint: finding.fingerprint(edge.sources.get(span.source).name()),
    }
}

fn related<'a>(edge: &Edge<'a>, label: &'a Label) -> Related<'a> {
    Related { message: edge.value(&label.message), file: file(edge, label.span), place: place(edge, label.span) }
}

fn image<'a>(edge: &Edge<'a>, image: &'a ImageReport) -> JsonImage<'a> {
    JsonImage {
        value: edge.value(&image.value),
        file: file(edge, image.span),
        place: place(edge, image.span),
        path: edge.value(&image.path),
        resource: resource(edge, &image.resource),
        container: container(edge, &image.container),
        reference: image.reference.as_ref().map(|it| Reference {
            registry: edge.value(&it.registry),
            repository: edge.value(&it.repository),
            tag: it.tag.as_deref().map(|tag| edge.value(tag)),
            digest: it.digest.as_deref().map(|digest| edge.value(digest)),
        }),
        declared_pull_policy: image.declared_pull_policy.as_deref().map(|it| edge.value(it)),
        pull_policy: image.pull_policy,
        service_account: edge.value(&image.service_account),
        pull_secrets: image.pull_secrets.iter().map(|it| pull_secret(edge, it)).collect(),
        credentials: image.credentials.iter().map(|it| credential(edge, it)).collect(),
        verdict: image.verdict,
        cause: image.cause,
        event: image.event.as_deref().map(|it| edge.value(it)),
        digest: image.digest.as_deref().map(|it| edge.value(it)),
        media_type: image.media_type.as_deref().map(|it| edge.value(it)),
        platforms: image.platforms.as_ref().map(|all| all.iter().map(|it| edge.value(it)).collect()),
        size: image.size,
        attempts: &image.attempts,
    }
}

fn pull_secret<'a>(edge: &Edge<'_>, secret: &'a PullSecretReport) -> PullSecret<'a> {
    PullSecret {
        name: edge.value(&secret.name),
        via: secret.via,
        state: secret.state,
        reason: secret.reason.as_deref().map(|it| edge.value(it)),
    }
}

fn credential<'a>(edge: &Edge<'_>, credential: &'a CredentialReport) -> Credential<'a> {
    Credential {
        secret: credential.secret.as_deref().map(|it| edge.value(it)),
        key: edge.value(&credential.key),
        written_key: edge.value(&credential.written_key),
        anonymous: credential.anonymous,
    }
}
