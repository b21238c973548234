//! The JSON contract, version 1; its schema is `report.schema.json`.
//!
//! Within version 1 keys are only ever added. Every key is always present, and null if nothing is known.

use std::io::{self, Write as _};

use serde::{Serialize, Serializer};

use super::edge::{Edge, Value};
use super::{ReportPart, sanitize};
use crate::findings::finding::{Edit, Finding, Fix, Label};
use crate::report::{
    AttemptReport, ChartReport, CredentialReport, ImageReport, InputError, PullSecretReport, ReleaseReport, Summary,
};
use crate::resource::ResourceName;
use crate::resource::workload::Container;
use crate::text::source::Span;

/// Version of the contract.
const SCHEMA_VERSION: u32 = 1;

/// Writes the report item by item, so that a report of half a million images is not copied.
///
/// # Errors
/// The writer fails.
pub(super) fn write(edge: &Edge<'_>, content: ReportPart, out: &mut dyn io::Write) -> io::Result<()> {
    let report = edge.report;
    let json = JsonReport {
        schema_version: SCHEMA_VERSION,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        summary: &report.summary,
        findings: (content != ReportPart::Images).then_some(Each(&report.findings, |entry| finding(edge, entry))),
        images: Each(&report.images, |entry| image(edge, entry)),
        charts: Each(&report.charts, |entry| chart(edge, entry)),
        errors: Each(&report.errors, |error| input_error(edge, error)),
    };
    write_json(&json, out)
}

/// Writes any JSON in a form that is safe for a terminal and the log of GitHub Actions; it ends in a line feed.
pub(super) fn write_json(json: &impl Serialize, out: &mut dyn io::Write) -> io::Result<()> {
    // serde_json writes a few bytes at a time. A buffer passes on whole writes only, and so whole characters.
    let mut out = io::BufWriter::with_capacity(BLOCK, Escaping { out, brackets: sanitize::Brackets::default() });
    serde_json::to_writer_pretty(&mut out, json)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// How many bytes are scanned at once.
const BLOCK: usize = 8 * 1024;

/// Items that are built while they are written.
pub(super) struct Each<'a, T, F>(pub(super) &'a [T], pub(super) F);

impl<'a, T, U: Serialize, F: Fn(&'a T) -> U> Serialize for Each<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(&self.1))
    }
}

/// Escapes characters that serde_json leaves unchanged although they act on a terminal or on the log of GitHub
/// Actions. They occur in strings only, so the values stay the same for every reader of JSON.
struct Escaping<'w> {
    out: &'w mut dyn io::Write,
    brackets: sanitize::Brackets,
}

impl io::Write for Escaping<'_> {
    /// Takes whole characters only, as serde_json writes them.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Nearly all of a report: nothing in it is hidden, or begins or ends a command.
        let plain = |&byte: &u8| matches!(byte, b'\n' | b' '..=b'~') && byte != b'#';
        if self.brackets.is_idle() && bytes.iter().all(plain) {
            self.out.write_all(bytes)?;
            return Ok(bytes.len());
        }
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        let mut done = 0;
        for (at, c) in text.char_indices() {
            let command = self.brackets.completes(c);
            if command || c != '\n' && sanitize::is_hidden(c) {
                self.out.write_all(&bytes[done..at])?;
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(self.out, "\\u{unit:04x}")?;
                }
                done = at + c.len_utf8();
            }
        }
        self.out.write_all(&bytes[done..])?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[derive(Serialize)]
struct JsonReport<'a, F, I, C, E> {
    schema_version: u32,
    tool: Tool,
    summary: &'a Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<F>,
    images: I,
    charts: C,
    errors: E,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct JsonError<'a> {
    file: Option<Value<'a>>,
    message: Value<'a>,
}

/// All fields are null if the file could not be read.
#[derive(Serialize)]
struct JsonSpan {
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
    place: JsonSpan,
    resource: Option<Resource<'a>>,
    container: Option<JsonContainer<'a>>,
    image: Option<Value<'a>>,
    event: Option<Value<'a>>,
    related: Vec<Related<'a>>,
    fixes: Vec<JsonFix<'a>>,
    template: Option<Value<'a>>,
    fingerprint: String,
}

#[derive(Serialize)]
struct JsonFix<'a> {
    title: Value<'a>,
    safety: &'static str,
    edits: Vec<JsonEdit<'a>>,
}

#[derive(Serialize)]
struct JsonEdit<'a> {
    file: Value<'a>,
    byte_start: Option<u64>,
    byte_end: Option<u64>,
    replacement: Value<'a>,
}

#[derive(Serialize)]
struct Related<'a> {
    message: Value<'a>,
    file: Value<'a>,
    #[serde(flatten)]
    place: JsonSpan,
}

#[derive(Serialize)]
struct JsonImage<'a> {
    value: Value<'a>,
    resolved: Option<Value<'a>>,
    file: Value<'a>,
    #[serde(flatten)]
    place: JsonSpan,
    path: Value<'a>,
    resource: Resource<'a>,
    template: Option<Value<'a>>,
    container: JsonContainer<'a>,
    release: Option<JsonRelease<'a>>,
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
struct JsonChart<'a> {
    value: Value<'a>,
    range: Option<Value<'a>>,
    tag: Option<Value<'a>>,
    file: Value<'a>,
    #[serde(flatten)]
    place: JsonSpan,
    path: Value<'a>,
    resource: Resource<'a>,
    verdict: Option<&'static str>,
    cause: Option<&'static str>,
    digest: Option<Value<'a>>,
}

#[derive(Serialize)]
struct JsonRelease<'a> {
    kind: Value<'a>,
    namespace: Option<Value<'a>>,
    name: Option<Value<'a>>,
    chart: Option<Value<'a>>,
    version: Option<Value<'a>>,
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

fn input_error<'a>(edge: &Edge<'_>, error: &'a InputError) -> JsonError<'a> {
    JsonError { file: error.file.as_deref().map(|file| edge.clear(file)), message: edge.value(&error.message) }
}

fn file<'a>(edge: &Edge<'a>, span: Span) -> Value<'a> {
    edge.clear(edge.sources.get(span.source).name())
}

fn place(edge: &Edge<'_>, span: Span) -> JsonSpan {
    let at = edge.sources.locate(span);
    JsonSpan {
        line: at.map(|at| at.start.line),
        column: at.map(|at| at.start.column),
        end_line: at.map(|at| at.end.line),
        end_column: at.map(|at| at.end.column),
        byte_start: at.map(|at| at.byte_start),
        byte_end: at.map(|at| at.byte_end),
    }
}

fn resource<'a>(edge: &Edge<'_>, name: &'a ResourceName) -> Resource<'a> {
    let known = |text: &'a str| (!text.is_empty()).then(|| edge.clear(text));
    Resource {
        api_version: known(&name.api_version),
        kind: known(&name.kind),
        namespace: name.namespace.as_deref().map(|namespace| edge.clear(namespace)),
        name: name.name.as_deref().map(|name| edge.clear(name)),
    }
}

fn container<'a>(edge: &Edge<'_>, container: &'a Container) -> JsonContainer<'a> {
    JsonContainer { kind: container.kind.as_str(), name: container.name.as_deref().map(|name| edge.clear(name)) }
}

fn finding<'a>(edge: &Edge<'a>, finding: &'a Finding) -> JsonFinding<'a> {
    let span = finding.primary.span;
    JsonFinding {
        rule: finding.rule,
        severity: finding.severity.as_str(),
        message: edge.value(&finding.message),
        help: finding.help.as_deref().map(|help| edge.value(help)),
        file: file(edge, span),
        place: place(edge, span),
        resource: finding.subject.resource.as_ref().map(|name| resource(edge, name)),
        container: finding.subject.container.as_ref().map(|holder| container(edge, holder)),
        image: finding.subject.image.as_deref().map(|image| edge.name(image)),
        event: finding.event.as_deref().map(|event| edge.value(event)),
        related: finding.related.iter().map(|label| related(edge, label)).collect(),
        fixes: finding.fixes.iter().map(|repair| fix(edge, repair)).collect(),
        template: finding.template.as_deref().map(|template| edge.clear(template)),
        fingerprint: finding.fingerprint(edge.sources.get(span.source).name()),
    }
}

fn fix<'a>(edge: &Edge<'a>, fix: &'a Fix) -> JsonFix<'a> {
    let edit = |edit: &'a Edit| JsonEdit {
        file: file(edge, edit.span),
        byte_start: edge.sources.locate(edit.span).map(|at| at.byte_start),
        byte_end: edge.sources.locate(edit.span).map(|at| at.byte_end),
        replacement: edge.name(&edit.replacement),
    };
    let edits = fix.edits.iter().map(edit).collect();
    JsonFix { title: edge.value(&fix.title), safety: fix.safety.as_str(), edits }
}

fn related<'a>(edge: &Edge<'a>, label: &'a Label) -> Related<'a> {
    Related { message: edge.value(&label.message), file: file(edge, label.span), place: place(edge, label.span) }
}

fn image<'a>(edge: &Edge<'a>, image: &'a ImageReport) -> JsonImage<'a> {
    JsonImage {
        value: edge.name(&image.value),
        resolved: image.resolved.as_deref().map(|reference| edge.name(reference)),
        file: file(edge, image.span),
        place: place(edge, image.span),
        path: edge.clear(&image.path),
        resource: resource(edge, &image.resource),
        template: image.template.as_deref().map(|template| edge.clear(template)),
        container: container(edge, &image.container),
        release: image.release.as_ref().map(|of_image| release(edge, of_image)),
        reference: image.reference.as_ref().map(|reference| Reference {
            registry: edge.name(&reference.registry),
            repository: edge.name(&reference.repository),
            tag: reference.tag.as_deref().map(|tag| edge.name(tag)),
            digest: reference.digest.as_deref().map(|digest| edge.name(digest)),
        }),
        declared_pull_policy: image.declared_pull_policy.as_deref().map(|policy| edge.name(policy)),
        pull_policy: image.pull_policy,
        service_account: edge.clear(&image.service_account),
        pull_secrets: image.pull_secrets.iter().map(|secret| pull_secret(edge, secret)).collect(),
        credentials: image.credentials.iter().map(|login| credential(edge, login)).collect(),
        verdict: image.verdict,
        cause: image.cause,
        event: image.event.as_deref().map(|event| edge.value(event)),
        digest: image.digest.as_deref().map(|digest| edge.name(digest)),
        media_type: image.media_type.as_deref().map(|media_type| edge.value(media_type)),
        platforms: image.platforms.as_ref().map(|all| all.iter().map(|platform| edge.name(platform)).collect()),
        size: image.size,
        attempts: &image.attempts,
    }
}

fn chart<'a>(edge: &Edge<'a>, chart: &'a ChartReport) -> JsonChart<'a> {
    JsonChart {
        value: edge.name(&chart.value),
        range: chart.range.as_deref().map(|range| edge.value(range)),
        tag: chart.tag.as_deref().map(|tag| edge.name(tag)),
        file: file(edge, chart.span),
        place: place(edge, chart.span),
        path: edge.clear(&chart.path),
        resource: resource(edge, &chart.resource),
        verdict: chart.verdict,
        cause: chart.cause,
        digest: chart.digest.as_deref().map(|digest| edge.name(digest)),
    }
}

fn release<'a>(edge: &Edge<'_>, release: &'a ReleaseReport) -> JsonRelease<'a> {
    JsonRelease {
        kind: edge.clear(&release.kind),
        namespace: release.namespace.as_deref().map(|namespace| edge.clear(namespace)),
        name: release.name.as_deref().map(|name| edge.clear(name)),
        chart: release.chart.as_deref().map(|chart| edge.value(chart)),
        version: release.version.as_deref().map(|version| edge.value(version)),
    }
}

fn pull_secret<'a>(edge: &Edge<'_>, secret: &'a PullSecretReport) -> PullSecret<'a> {
    PullSecret {
        name: edge.clear(&secret.name),
        via: secret.via,
        state: secret.state,
        reason: secret.reason.as_deref().map(|reason| edge.value(reason)),
    }
}

fn credential<'a>(edge: &Edge<'_>, credential: &'a CredentialReport) -> Credential<'a> {
    Credential {
        secret: credential.secret.as_deref().map(|secret| edge.clear(secret)),
        key: edge.name(&credential.key),
        written_key: edge.name(&credential.written_key),
        anonymous: credential.anonymous,
    }
}
