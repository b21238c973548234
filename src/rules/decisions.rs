//! The places that decide an image from elsewhere in the inputs: whoever reads of a fault of the image has to change
//! those.

use std::collections::BTreeMap;

use crate::finding::{Finding, Label, Severity};
use crate::rules::Context;
use crate::source::Span;
use crate::workload::{ImageUse, PodOrigin};

/// The images that something else decides, or only mentions, by their places.
pub(super) struct Decisions<'a>(BTreeMap<Span, (&'a ImageUse, PodOrigin)>);

impl<'a> Decisions<'a> {
    pub(super) fn new(cx: &Context<'a>) -> Self {
        let images = cx.images().map(|facts| (facts.image.text.span, (facts.image, facts.pod.origin)));
        let decided = |image: &ImageUse| !image.decided_by.is_empty();
        Self(images.filter(|(_, (image, origin))| decided(image) || *origin == PodOrigin::Mention).collect())
    }

    /// The image that a finding flags, or a part of.
    fn image(&self, finding: &Finding) -> Option<(&'a ImageUse, PodOrigin)> {
        let at = finding.primary.span;
        let (whole, found) = self.0.range(..=Span { end: u32::MAX, ..at }).next_back()?;
        (whole.source == at.source && at.end <= whole.end).then_some(*found)
    }

    /// The worst that a finding can be. What becomes of an image that only a flag or an annotation names is another
    /// program's business.
    pub(super) fn most(&self, finding: &Finding) -> Severity {
        match self.image(finding) {
            Some((_, PodOrigin::Mention)) => Severity::Note,
            _ => Severity::Error,
        }
    }

    /// A finding about an image, or a part of it, with the places that decide the image.
    pub(super) fn add_to(&self, mut finding: Finding) -> Finding {
        for decision in self.image(&finding).into_iter().flat_map(|(image, _)| &image.decided_by) {
            if finding.related.iter().all(|label| label.span != decision.span) {
                finding.related.push(Label { span: decision.span, message: decision.message.clone() });
            }
        }
        finding
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::{Finding, Severity};
    use crate::rules::Context;
    use crate::rules::decisions::Decisions;
    use crate::rules::testing::Facts;
    use crate::source::{SourceId, Sources, Span};
    use crate::verdict::{Cause, Verdict};
    use crate::workload::{DecidedBy, PodOrigin};

    #[test]
    fn findings_of_an_image_point_at_what_decides_it() {
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
        let told = Finding::new("x", Severity::Error, "x", image, "").related(decision.span, "");
        assert_eq!(decisions.add_to(told).related.len(), 1);
    }
}
