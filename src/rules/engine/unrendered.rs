//! What can be reported about a chart's templates: only faults of the image that is written there, and never as an
//! error.

use std::collections::BTreeSet;

use crate::findings::finding::{Finding, Severity};
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
}

impl<'a> Doubt<'a> {
    pub(in crate::rules) fn new(cx: &Context<'a>) -> Self {
        let unrendered = &cx.inventory.charts;
        let images = cx.inventory.images.iter().map(|image| image.text.span);
        Self {
            templates: &unrendered.templates,
            settings: &unrendered.settings,
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
            return matches!(finding.rule, "invalid-yaml" | "unrendered-template").then_some(finding);
        }
        if !self.templates.contains(&span.source) {
            return Some(finding);
        }
        let of_image = || {
            let until = Span { end: u32::MAX, ..span };
            self.images
                .range(..=until)
                .next_back()
                .is_some_and(|image| image.source == span.source && span.end <= image.end)
        };
        let said = OF_IMAGES.contains(&finding.rule) && of_image();
        said.then(|| Finding { severity: finding.severity.min(Severity::Warning), ..finding })
    }
}
