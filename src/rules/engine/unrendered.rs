//! What can be reported about a chart's templates: only faults of the image that is written there, and never as an
//! error.

use std::collections::BTreeSet;

use crate::findings::finding::{Finding, Severity};
use crate::resource::workload::PodOrigin;
use crate::rules::Context;
use crate::text::source::{SourceId, Span};

/// Rules that judge the image itself: what a template writes without a placeholder does not change, if it is
/// rendered at all. All other rules are about pull secrets, policies and accounts, which the values of the chart
/// decide.
const OF_IMAGES: &[&str] = &[
    "invalid-image-reference",
    "mutable-tag",
    "unpinned-image",
    "registry-typo",
    "deprecated-registry",
    "disallowed-registry",
    "short-name",
    "node-local-registry",
    "image-not-found",
    "platform-mismatch",
    "stale-digest",
    "unsupported-manifest",
    "large-image",
    "plain-http-registry",
    "untrusted-certificate",
    "rate-limit-risk",
    "unverified-image",
    "access-denied",
];

/// Rules about the files themselves.
const OF_FILES: &[&str] =
    &["unreadable-input", "invalid-suppression", "unused-suppression", "committed-credentials", "render-failed"];

/// The places whose content is uncertain.
pub(in crate::rules) struct Doubt<'a> {
    templates: &'a BTreeSet<SourceId>,
    settings: &'a BTreeSet<SourceId>,
    images: BTreeSet<Span>,
    /// The images in the values of charts.
    values: BTreeSet<Span>,
}

impl<'a> Doubt<'a> {
    pub(in crate::rules) fn new(cx: &Context<'a>) -> Self {
        let unrendered = &cx.inventory.charts;
        let images = cx.inventory.images.iter().map(|image| image.text.span);
        let of_values = cx.images().filter(|facts| facts.pod.origin == PodOrigin::Values);
        let values = of_values.map(|facts| facts.image.text.span);
        Self {
            templates: &unrendered.templates,
            settings: &unrendered.settings,
            values: values.filter(|span| unrendered.settings.contains(&span.source)).collect(),
            images: images.filter(|span| unrendered.templates.contains(&span.source)).collect(),
        }
    }

    /// Returns what remains of a finding in a template: at most a warning, or `None` if it is not about the image.
    pub(in crate::rules) fn doubt(&self, finding: Finding) -> Option<Finding> {
        let span = finding.primary.span;
        if OF_FILES.contains(&finding.rule) {
            return Some(finding);
        }
        if self.settings.contains(&span.source) {
            let is_of_file = matches!(finding.rule, "invalid-yaml" | "unrendered-template");
            let is_of_image = OF_IMAGES.contains(&finding.rule) && contains(&self.values, span);
            return (is_of_file || is_of_image).then_some(finding);
        }
        if !self.templates.contains(&span.source) {
            return Some(finding);
        }
        let said = OF_IMAGES.contains(&finding.rule) && contains(&self.images, span);
        said.then(|| Finding { severity: finding.severity.min(Severity::Warning), ..finding })
    }
}

/// Whether a place is within one of the images.
fn contains(images: &BTreeSet<Span>, span: Span) -> bool {
    let last = images.range(..=Span { end: u32::MAX, ..span }).next_back();
    last.is_some_and(|image| image.source == span.source && span.end <= image.end)
}
