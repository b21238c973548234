//! What is taken out of the findings again: by suppressions in the inputs, and by the baseline.

use crate::findings::baseline::{Baseline, BaselineUse};
use crate::findings::finding::Finding;
use crate::findings::suppression::{self, Silenced, SilencedBy};
use crate::rules::engine::applicability::Speakers;
use crate::rules::engine::context::Context;
use crate::rules::{place, sort, unused_suppression};

/// What is left of the findings, and what is not.
#[derive(Debug, Default)]
pub struct Silence {
    /// Those that are reported.
    pub findings: Vec<Finding>,
    /// Those that a suppression or the baseline silences.
    pub silenced: Vec<Silenced>,
    /// What became of the baseline.
    pub baseline: BaselineUse,
}

/// Takes out what the inputs and the baseline silence, and reports suppressions that silence nothing.
pub fn silence(cx: &Context<'_>, findings: Vec<Finding>) -> Silence {
    let mut silence = Silence { findings, ..Silence::default() };
    if !cx.settings.no_suppressions {
        let suppressions = &cx.inventory.suppressions.valid;
        let (reported, silenced, used) = suppression::apply(silence.findings, suppressions, cx.sources);
        silence = Silence { findings: reported, silenced, ..silence };
        unused_suppression::find(cx, &used, &mut silence);
        sort(&mut silence.findings);
    }
    if cx.settings.write_baseline {
        silence.baseline.written = Some(Baseline::of(&silence.findings, cx.sources));
        silence.keep(|_| false);
    } else if let Some(mut baseline) = cx.settings.baseline.clone() {
        silence.keep(|finding| !baseline.take(finding, cx.sources));
        let speakers = Speakers::new(cx);
        silence.baseline.gone = baseline.gone(|rule, file| speakers.spoke_in_file(rule, file));
        silence.baseline.foreign = baseline.is_foreign(cx.sources);
    }
    silence.silenced.sort_by(|a, b| place(&a.finding).cmp(&place(&b.finding)));
    silence
}

impl Silence {
    /// The baseline takes what is not to be kept.
    fn keep(&mut self, mut keep: impl FnMut(&Finding) -> bool) {
        let (kept, known): (Vec<_>, Vec<_>) = std::mem::take(&mut self.findings).into_iter().partition(|it| keep(it));
        self.findings = kept;
        let known = known.into_iter().map(|finding| Silenced { finding, by: SilencedBy::Baseline });
        self.silenced.extend(known);
    }
}
