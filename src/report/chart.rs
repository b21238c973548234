//! Charts and other artifacts, as reported.

use crate::inventory::Inventory;
use crate::kubelet::artifact::{ArtifactAnswer, JudgedArtifact, reference_of};
use crate::kubelet::verdict::{Verdict, found_by};
use crate::report::Report;
use crate::resource::ResourceName;
use crate::resource::chart::artifact::{ChartArtifact, Wanted};
use crate::text::source::Span;

/// A chart, or another artifact, that an object fetches from a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartReport {
    /// The repository, with the tag or digest if one is written: `ghcr.io/acme/charts/shop:1.9.0`.
    pub value: String,
    /// The range of versions, if the object names one.
    pub range: Option<String>,
    /// The tag that is fetched, if it is known.
    pub tag: Option<String>,
    /// The place that decides what is fetched.
    pub span: Span,
    /// JSONPath-like place in the object.
    pub path: String,
    /// The object that names the artifact.
    pub resource: ResourceName,
    /// The verdict, as named in JSON; `None` in `--list-images`.
    pub verdict: Option<&'static str>,
    /// The cause of the verdict, as named in JSON.
    pub cause: Option<&'static str>,
    /// Digest of the manifest that was found.
    pub digest: Option<String>,
}

impl ChartReport {
    fn of(artifact: &ChartArtifact, inventory: &Inventory, judged: Option<&JudgedArtifact>) -> Self {
        let range = match &artifact.wanted {
            Wanted::Range(range) => Some(range.text.clone()),
            Wanted::Tag(_) | Wanted::Digest(_) | Wanted::Placeholder(_) => None,
        };
        let manifest = judged.and_then(|judged| match &judged.answer {
            Some(ArtifactAnswer::Manifest(answer)) => found_by(answer),
            Some(ArtifactAnswer::Tags(_)) | None => None,
        });
        Self {
            value: reference_of(artifact),
            range,
            tag: judged.and_then(|judged| judged.tag.clone()),
            span: artifact.span,
            path: artifact.path.clone(),
            resource: inventory.resource(artifact.resource).name.clone(),
            verdict: judged.map(|judged| judged.verdict.as_str()),
            cause: judged.and_then(|judged| judged.verdict.cause()).map(|cause| cause.as_str()),
            digest: manifest.and_then(|manifest| manifest.digest.clone()),
        }
    }
}

impl Report {
    /// Adds the charts of the inventory. `judged` has one verdict for each, or is empty.
    #[must_use]
    pub fn with_charts(mut self, inventory: &Inventory, judged: &[JudgedArtifact]) -> Self {
        let artifacts = inventory.chart_artifacts.iter().enumerate();
        self.charts = artifacts.map(|(at, artifact)| ChartReport::of(artifact, inventory, judged.get(at))).collect();
        self.charts.sort_by_key(|chart| chart.span);
        let count = |is: fn(&Verdict) -> bool| judged.iter().filter(|judged| is(&judged.verdict)).count();
        self.summary.charts = self.charts.len();
        self.summary.charts_failing = count(|verdict| matches!(verdict, Verdict::Fails(_)));
        self.summary.charts_unverified = count(|verdict| matches!(verdict, Verdict::Unverified(_)));
        self
    }
}
