//! All findings, silenced ones among them, each with a fingerprint of its own.
//!
//! Code scanning recognizes a finding of an earlier run by its fingerprint, and takes two findings with the same
//! fingerprint for one. Two findings can have the same (one image twice in one container's object, for example), so
//! they are numbered in the order of their places. The numbers include the silenced ones, so that a suppression does
//! not turn the next finding into another one.

use std::collections::HashMap;

use super::edge::Edge;
use crate::findings::finding::Finding;
use crate::findings::suppression::SilencedBy;

/// A finding as code scanning expects it.
pub(super) struct Numbered<'a> {
    pub(super) finding: &'a Finding,
    /// The suppression or baseline that silences it.
    pub(super) silenced: Option<&'a SilencedBy>,
    /// `7f0c2d…:1`: GitHub takes this form for its own `primaryLocationLineHash`.
    pub(super) fingerprint: String,
}

/// In the order of place and rule.
pub(super) fn all<'a>(edge: &Edge<'a>) -> Vec<Numbered<'a>> {
    let report = edge.report;
    let reported = report.findings.iter().map(|finding| (finding, None));
    let silenced = report.silenced.iter().map(|silenced| (&silenced.finding, Some(&silenced.by)));
    let mut all: Vec<_> = reported.chain(silenced).collect();
    all.sort_by_key(|(finding, _)| (finding.primary.span, finding.rule, finding.message.as_str()));
    let mut seen: HashMap<String, usize> = HashMap::new();
    let numbered = all.into_iter().map(|(finding, silenced)| {
        let fingerprint = finding.fingerprint(edge.sources.get(finding.primary.span.source).name());
        let count = seen.entry(fingerprint.clone()).or_default();
        *count += 1;
        Numbered { finding, silenced, fingerprint: format!("{fingerprint}:{count}") }
    });
    numbered.collect()
}
