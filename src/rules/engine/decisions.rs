//! The places elsewhere in the inputs that decide an image: to fix a fault of the image, those have to change.

use std::collections::{BTreeMap, BTreeSet};

use crate::findings::finding::{Finding, Label, Severity, Subject};
use crate::resource::workload::{DecidedBy, PodOrigin};
use crate::rules::{Context, ImageFacts};
use crate::text::source::Span;

/// The images that are decided, or only mentioned, elsewhere, by their places. Several images share a place if a
/// kustomization sets the image of several workloads.
pub(in crate::rules) struct Decisions<'a> {
    images: BTreeMap<Span, Vec<ImageFacts<'a>>>,
    /// The places of pull secrets and policies in the values of releases.
    values: BTreeSet<Span>,
}

impl<'a> Decisions<'a> {
    pub(in crate::rules) fn new(cx: &Context<'a>) -> Self {
        let mut decided: BTreeMap<Span, Vec<ImageFacts<'a>>> = BTreeMap::new();
        for facts in cx.images() {
            let is_uncertain = matches!(facts.pod.origin, PodOrigin::Mention | PodOrigin::Values);
            if !facts.image.decided_by.is_empty() || is_uncertain {
                decided.entry(facts.image.text.span).or_default().push(facts);
            }
        }
        let pods = cx.inventory.pods.iter().filter(|pod| pod.origin == PodOrigin::Values);
        let secrets = pods.flat_map(|pod| &pod.pull_secrets).flatten().map(|secret| secret.span);
        let of_values = cx.images().filter(|facts| facts.pod.origin == PodOrigin::Values);
        let policies = of_values.filter_map(|facts| Some(facts.image.declared_policy.as_ref()?.span));
        Self { images: decided, values: secrets.chain(policies).collect() }
    }

    /// Returns the images at the place that a finding flags, or that contains the flagged text.
    fn at(&self, finding: &Finding) -> &[ImageFacts<'a>] {
        let at = finding.primary.span;
        let found = self.images.range(..=Span { end: u32::MAX, ..at }).next_back();
        let found = found.filter(|(whole, _)| whole.source == at.source && at.end <= whole.end);
        found.map_or(&[], |(_, images)| images)
    }

    /// Returns the highest severity that a finding can have. If only a flag or an annotation names an image, another
    /// program decides what becomes of it. A chart decides what becomes of its values, but an image in them that does
    /// not exist is rarely meant.
    pub(in crate::rules) fn most(&self, finding: &Finding) -> Severity {
        let is_of = |origin| self.at(finding).iter().any(|facts| facts.pod.origin == origin);
        if is_of(PodOrigin::Mention) || self.values.contains(&finding.primary.span) {
            Severity::Note
        } else if is_of(PodOrigin::Values) {
            if finding.rule == "image-not-found" { Severity::Warning } else { Severity::Note }
        } else {
            Severity::Error
        }
    }

    /// Adds the places that decide an image to a finding about the image or a part of it. If several images share
    /// the place, the one of the finding's own object and container is used.
    pub(in crate::rules) fn add_to(&self, mut finding: Finding) -> Finding {
        let images = self.at(&finding);
        let own = |facts: &&ImageFacts<'a>| images.len() == 1 || is_about(&finding.subject, facts);
        let decisions: Vec<&DecidedBy> = images.iter().filter(own).flat_map(|facts| &facts.image.decided_by).collect();
        for decision in decisions {
            if finding.related.iter().all(|label| label.span != decision.span) {
                finding.related.push(Label { span: decision.span, message: decision.message.clone() });
            }
        }
        finding
    }
}

fn is_about(subject: &Subject, facts: &ImageFacts<'_>) -> bool {
    subject.resource.as_ref() == Some(&facts.resource.name)
        && subject.container.as_ref() == Some(&facts.image.container)
}

#[cfg(test)]
mod tests {
    use crate::findings::finding::{Finding, Severity};
    use crate::kubelet::verdict::{Cause, Verdict};
    use crate::resource::workload::{DecidedBy, PodOrigin};
    use crate::rules::Context;
    use crate::rules::engine::decisions::Decisions;
    use crate::rules::testing::Facts;
    use crate::text::source::{SourceId, Sources, Span};

    #[test]
    fn image_findings_point_at_what_decides_the_image() {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        facts.image(pod, "ghcr.io/acme/shop:2", Verdict::Fails(Cause::Absent));
        facts.image(pod, "nginx:1", Verdict::Fails(Cause::Absent));
        let decision = DecidedBy { span: Span::new(SourceId(9), 5, 8), message: "it says so".to_owned() };
        facts.inventory.images[0].decided_by.push(decision.clone());
        let sources = Sources::default();
        let cx = Context::new(&sources, &facts.inventory, &facts.judged, &facts.settings);
        let decisions = Decisions::new(&cx);
        let related = |at: Span| decisions.add_to(Finding::new("x", Severity::Error, "x", at, "")).related;
        let image = cx.inventory.images[0].text.span;
        assert_eq!(related(image)[0].span, decision.span);
        assert_eq!(related(Span { start: image.start + 2, end: image.end - 1, ..image }).len(), 1);
        assert!(related(cx.inventory.images[1].text.span).is_empty());
        assert!(related(Span { source: SourceId(7), ..image }).is_empty());
        let finding = Finding::new("x", Severity::Error, "x", image, "").related(decision.span, "");
        assert_eq!(decisions.add_to(finding).related.len(), 1);
    }
}
