//! The report for people.
//!
//! The worst finding comes first, and in a long report the errors are repeated at its end, a line each: in a
//! terminal, and in the log of CI, the end is what one sees. The last line, nearest to the prompt, is the summary.
//! For each fault a reader sees first what is wrong, second where, third why the pull fails in the kubelet's words,
//! then what to change.

use std::collections::HashSet;
use std::fmt::Write as _;

use owo_colors::{OwoColorize, Style as Ansi};

use super::brief::{self, Brief, number};
use super::edge::Edge;
use super::order::{Fault, faults, worst_first};
use super::snippet::Snippet;
use super::{draw, words};
use crate::findings::finding::{Finding, Severity, Subject};
use crate::report::Summary;
use crate::resource::workload::ContainerKind;
use crate::text::source::Span;

/// How many other places of a fault are listed.
const PLACES: usize = 10;

/// How many labels of a fault are drawn or listed.
const LABELS: usize = 8;

/// The number of lines from which a report repeats its errors at the end.
const LONG: usize = 60;

/// How many errors are repeated at the end.
const ERRORS: usize = 20;

/// Columns for snippets if lines are not wrapped.
const UNWRAPPED: usize = 160;

/// The narrowest layout: below this, lines are longer than the terminal.
const NARROWEST: usize = 40;

pub(super) fn render(edge: &Edge<'_>) -> String {
    let mut faults = faults(&edge.report.findings);
    worst_first(&mut faults);
    let mut screen = Screen { edge, out: String::new() };
    screen.faults(&faults);
    screen.errors(&faults);
    screen.offline();
    screen.summary();
    screen.out
}

/// Renders the findings without the summary of the run.
pub(super) fn render_findings(edge: &Edge<'_>) -> String {
    let mut faults = faults(&edge.report.findings);
    worst_first(&mut faults);
    let mut screen = Screen { edge, out: String::new() };
    screen.faults(&faults);
    screen.out
}

struct Screen<'a> {
    edge: &'a Edge<'a>,
    out: String,
}

impl Screen<'_> {
    fn paint(&self, text: &str, style: Ansi) -> String {
        if self.edge.style.color { text.style(style).to_string() } else { text.to_owned() }
    }

    fn columns(&self) -> Option<usize> {
        self.edge.style.width.map(|width| width.max(NARROWEST))
    }

    /// Writes text after `lead`, its further lines indented by `indent`.
    fn write(&mut self, lead: &str, indent: usize, text: &str) {
        let rest = " ".repeat(indent);
        for (number, line) in text.split('\n').enumerate() {
            let options = words(self.columns().unwrap_or(usize::MAX))
                .initial_indent(if number == 0 { lead } else { &rest })
                .subsequent_indent(&rest);
            let line = hold_code_together(line);
            for line in textwrap::wrap(&line, options) {
                self.out.push_str(&line.trim_end().replace(HELD, " "));
                self.out.push('\n');
            }
        }
    }

    fn faults(&mut self, faults: &[Fault<'_>]) {
        let mut explained = HashSet::new();
        let (full, briefs) = brief::part(faults, self.edge.style.full_from);
        for severity in [Severity::Error, Severity::Warning, Severity::Note] {
            for fault in full.iter().filter(|fault| fault.first.severity == severity) {
                self.fault(fault, explained.insert(fault.first.rule));
            }
            briefs.iter().filter(|brief| brief.severity == severity).for_each(|brief| self.brief(brief));
        }
        if !briefs.is_empty() {
            let lead = self.paint("in brief", Ansi::new().bold());
            let text = "if a rule has many findings, those that do not fail the run are shortened. Use -v to print \
             all of them in full, or --format plain for one line each.";
            self.write(&format!("{lead}: "), 4, text);
            self.out.push('\n');
        }
    }

    fn head(&self, level: Severity, rule: &str) -> String {
        self.paint(&format!("{}[{rule}]", level.as_str()), severity(level).bold())
    }

    fn brief(&mut self, brief: &Brief<'_, '_>) {
        let head = self.head(brief.severity, brief.rule);
        self.write(&format!("{head}: "), 4, &brief.count());
        brief.first().for_each(|fault| self.one_line(fault));
        if let Some(rest) = brief.rest(self.edge) {
            self.write("  ", 6, &rest);
        }
        self.out.push('\n');
    }

    fn one_line(&mut self, fault: &Fault<'_>) {
        let (place, message) = brief::line(self.edge, fault);
        let place = self.paint(&place, Ansi::new().bold());
        self.write("  ", 6, &format!("{place}: {message}"));
    }

    /// Repeats the errors, if the first of them have scrolled out of sight.
    fn errors(&mut self, faults: &[Fault<'_>]) {
        let errors: Vec<&Fault<'_>> = faults.iter().filter(|fault| fault.first.severity == Severity::Error).collect();
        if errors.len() < 2 || self.out.lines().count() < LONG {
            return;
        }
        let head = self.paint("errors", severity(Severity::Error).bold());
        self.write(&head, 0, ", the worst first:");
        errors.iter().take(ERRORS).for_each(|fault| self.one_line(fault));
        if errors.len() > ERRORS {
            self.write("  ", 6, &format!("and {} more", errors.len() - ERRORS));
        }
        self.out.push('\n');
    }

    fn fault(&mut self, fault: &Fault<'_>, first_of_rule: bool) {
        let Fault { first, others } = fault;
        let head = self.head(first.severity, first.rule);
        let message = self.edge.paragraph(&first.message);
        self.write(&format!("{head}: "), 4, &message);
        let left_out = self.snippet(first);
        self.subject(first);
        for (span, message) in left_out {
            let place = self.edge.place(span);
            let message = self.edge.line(message);
            self.field("see", &format!("{place}: {message}"));
        }
        if first.related.len() > LABELS {
            self.field("see", &format!("{} more places", first.related.len() - LABELS));
        }
        if let Some(event) = &first.event {
            let event = self.edge.line(event);
            let lead = self.paint("kubectl describe pod", Ansi::new().cyan());
            self.write(&format!("  {lead} "), 2, "would show:");
            self.write("    ", 4, &event);
        }
        if let Some(help) = &first.help {
            let help = self.edge.paragraph(help);
            self.field("help", &help);
        }
        self.places(others);
        if first_of_rule {
            self.field("more", &format!("pullcheck --explain {}", first.rule));
        }
        self.out.push('\n');
    }

    fn field(&mut self, name: &str, text: &str) {
        let lead = self.paint(&format!("{name}:"), Ansi::new().cyan());
        self.write(&format!("  {lead} "), name.len() + 4, text);
    }

    fn subject(&mut self, finding: &Finding) {
        let subject = describe(&finding.subject);
        if !subject.is_empty() {
            let subject = self.edge.line(&subject);
            self.field("in", &subject);
        }
        if let Some(template) = &finding.template {
            let template = self.edge.line(template);
            self.field("from", &format!("template {template}"));
        }
    }

    fn places(&mut self, others: &[&Finding]) {
        let mut lines: Vec<String> = others.iter().take(PLACES).map(|finding| self.other_place(finding)).collect();
        if others.len() > PLACES {
            let rest = others.iter().skip(PLACES).copied();
            lines.push(format!("and {} more{}", others.len() - PLACES, brief::folders(self.edge, rest)));
        }
        if !lines.is_empty() {
            self.field("also at", &lines.join("\n"));
        }
    }

    fn other_place(&self, finding: &Finding) -> String {
        let place = self.edge.place(finding.primary.span);
        let subject = describe(&finding.subject);
        if subject.is_empty() { place } else { format!("{place} ({})", self.edge.line(&subject)) }
    }

    /// Draws the finding's labels and returns those that have to be shown as text.
    fn snippet<'f>(&mut self, finding: &'f Finding) -> Vec<(Span, &'f str)> {
        let related = finding.related.iter().take(LABELS).map(|label| (label.span, label.message.as_str()));
        let primary = (finding.primary.span, finding.primary.message.as_str());
        let labels: Vec<_> = std::iter::once(primary).chain(related).collect();
        let columns = self.columns().unwrap_or(UNWRAPPED);
        let (snippet, left_out) = Snippet::new(self.edge, &labels, columns);
        let drawn = if snippet.is_empty() {
            String::new()
        } else {
            draw::draw(self.edge.style, snippet, (severity(finding.severity), columns))
        };
        self.out.push_str(&drawn);
        if left_out.first() == Some(&0) {
            let place = self.edge.place(primary.0);
            self.field("at", &place);
        }
        let has_words = |&(_, message): &(Span, &str)| !message.is_empty();
        left_out.into_iter().filter_map(|index| labels.get(index).copied()).filter(has_words).collect()
    }

    fn offline(&mut self) {
        let report = self.edge.report;
        let images = report.images.iter().any(|image| image.cause == Some("offline"));
        if !images && report.charts.iter().any(|chart| chart.cause == Some("offline")) {
            let lead = self.paint("offline", Ansi::new().bold());
            let text = "no registry was contacted, so no chart is verified. Run without --offline to check whether \
             the charts exist.";
            self.write(&format!("{lead}: "), 4, text);
        }
        if images {
            let lead = self.paint("offline", Ansi::new().bold());
            let text = "no registry was contacted, so no image is verified. Run without --offline to check whether \
             the images can be pulled.";
            self.write(&format!("{lead}: "), 4, text);
        }
    }

    fn summary(&mut self) {
        let (images, findings) = counts(&self.edge.report.summary);
        let words = |counts: &[(String, Option<Ansi>)]| {
            let painted = |(text, style): &(String, Option<Ansi>)| match style {
                Some(style) => self.paint(text, *style),
                None => text.clone(),
            };
            counts.iter().map(painted).collect::<Vec<_>>().join(", ")
        };
        let summary = &self.edge.report.summary;
        let mut line = format!("{}, {}", number(summary.files, "file"), number(summary.image_uses, "image"));
        if !images.is_empty() {
            let _ = write!(line, ": {}", words(&images));
        }
        if !findings.is_empty() {
            let findings = words(&findings);
            let whole = textwrap::core::display_width(&line) + 2 + textwrap::core::display_width(&findings);
            // A number must not be separated from its noun.
            line.push_str(if self.columns().is_some_and(|columns| whole > columns) { "\n" } else { "; " });
            line.push_str(&findings);
        }
        self.write("", 4, &line);
    }
}

/// A placeholder for a space at which a line must not be broken.
const HELD: &str = "\u{e000}";

/// The longest piece of code that stays on one line, in characters.
const CODE: usize = 40;

/// Prevents line breaks in text that is meant to be copied: `envsubst < file | pullcheck -`.
fn hold_code_together(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    let hold =
        |(number, piece): (usize, &&str)| match number % 2 == 1 && number + 1 < pieces.len() && piece.len() <= CODE {
            true => piece.replace(' ', HELD),
            false => (*piece).to_owned(),
        };
    pieces.iter().enumerate().map(hold).collect::<Vec<_>>().join("`")
}

fn severity(severity: Severity) -> Ansi {
    match severity {
        Severity::Error => Ansi::new().red(),
        Severity::Warning => Ansi::new().yellow(),
        Severity::Note => Ansi::new().cyan(),
    }
}

/// `Deployment shop/api, init container migrate`.
pub(super) fn describe(subject: &Subject) -> String {
    let resource = subject.resource.as_ref().map(ToString::to_string);
    let container = subject.container.as_ref().map(|container| {
        let kind = match container.kind {
            ContainerKind::Container => "container",
            ContainerKind::Init => "init container",
            ContainerKind::Ephemeral => "ephemeral container",
            ContainerKind::Volume => "image volume",
            ContainerKind::Values => "chart values",
            ContainerKind::Other => "image",
        };
        container.name.as_ref().map_or_else(|| kind.to_owned(), |name| format!("{kind} {name}"))
    });
    resource.into_iter().chain(container).collect::<Vec<_>>().join(", ")
}

/// Returns the last line without color, for formats whose reader sees no report of all findings.
pub(super) fn summary_line(summary: &Summary) -> String {
    let (images, findings) = counts(summary);
    let mut line = format!("{}, {}", number(summary.files, "file"), number(summary.image_uses, "image"));
    for (lead, counts) in [(": ", images), ("; ", findings)] {
        if !counts.is_empty() {
            let words: Vec<String> = counts.into_iter().map(|(text, _)| text).collect();
            let _ = write!(line, "{lead}{}", words.join(", "));
        }
    }
    line
}

type Counts = Vec<(String, Option<Ansi>)>;

/// Returns the counts of images and of findings for the last line, without zeros.
fn counts(summary: &Summary) -> (Counts, Counts) {
    let bad = Some(severity(Severity::Error).bold());
    let doubtful = Some(severity(Severity::Warning).bold());
    let releases = if summary.unrendered_releases == 1 { "release not rendered" } else { "releases not rendered" };
    let images = [
        (summary.pullable, "pullable", Some(Ansi::new().green().bold())),
        (summary.failing, "failing", bad),
        (summary.unverified, "unverified", doubtful),
        (summary.skipped, "skipped", None),
        (summary.not_pulled, "not pulled", None),
        (summary.unrendered_releases, releases, doubtful),
    ];
    let findings = [
        (summary.errors, "error", bad),
        (summary.warnings, "warning", doubtful),
        (summary.notes, "note", Some(severity(Severity::Note).bold())),
    ];
    let silenced = [(summary.suppressed, "suppressed"), (summary.baselined, "in the baseline")];
    let charts = [(summary.charts_failing, "not found", doubtful), (summary.charts_unverified, "unverified", doubtful)];
    let charts = charts.into_iter().filter(|count| count.0 > 0);
    let charts = charts.map(|(n, word, style)| (format!("{} {word}", number(n, "chart")), style));
    let images = images.into_iter().filter(|count| count.0 > 0).map(|(n, word, style)| (format!("{n} {word}"), style));
    let findings = findings.into_iter().filter(|count| count.0 > 0).map(|(n, noun, style)| (number(n, noun), style));
    let silenced = silenced.into_iter().filter(|count| count.0 > 0).map(|(n, word)| (format!("{n} {word}"), None));
    (images.chain(charts).collect(), findings.chain(silenced).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_code_is_kept_on_one_line() {
        let joined = hold_code_together("a b `c d` e `f");
        assert_eq!(joined, format!("a b `c{HELD}d` e `f"));
        let long = format!("`{}`", "a ".repeat(30));
        assert_eq!(hold_code_together(&long), long);
    }
}
