//! Removes findings again: those of suppressions in the inputs, and those of the baseline.

use crate::findings::baseline::{Baseline, BaselineUse};
use crate::findings::finding::Finding;
use crate::findings::suppression::{self, Silenced, SilencedBy};
use crate::rules::engine::applicability::Applicability;
use crate::rules::engine::context::Context;
use crate::rules::{place, sort, unused_suppression};

/// The findings after suppressions and the baseline, with those that were removed.
#[derive(Debug, Default)]
pub struct Filtered {
    /// The findings to report.
    pub reported: Vec<Finding>,
    /// The findings that a suppression or the baseline silences.
    pub suppressed: Vec<Silenced>,
    /// How the baseline was used.
    pub baseline: BaselineUse,
}

/// Removes the findings that the inputs and the baseline silence, and reports suppressions that silence nothing.
pub fn suppress(cx: &Context<'_>, findings: Vec<Finding>) -> Filtered {
    let mut filtered = Filtered { reported: findings, ..Filtered::default() };
    if !cx.settings.no_suppressions {
        let suppressions = &cx.inventory.suppressions.valid;
        let (reported, suppressed, used) = suppression::apply(filtered.reported, suppressions, cx.sources);
        filtered = Filtered { reported, suppressed, ..filtered };
        unused_suppression::find(cx, &used, &mut filtered);
        sort(&mut filtered.reported);
    }
    if cx.settings.write_baseline {
        filtered.baseline.written = Some(Baseline::of(&filtered.reported, cx.sources));
        filtered.keep(|_| false);
    } else if let Some(mut baseline) = cx.settings.baseline.clone() {
        filtered.keep(|finding| !baseline.take(finding, cx.sources));
        let applicability = Applicability::new(cx);
        filtered.baseline.gone = baseline.gone(|rule, file| applicability.could_report_in_file(rule, file));
        filtered.baseline.foreign = baseline.is_foreign(cx.sources);
    }
    filtered.suppressed.sort_by(|a, b| place(&a.finding).cmp(&place(&b.finding)));
    filtered
}

impl Filtered {
    /// Moves the findings that `keep` rejects to those that the baseline silences.
    fn keep(&mut self, mut keep: impl FnMut(&Finding) -> bool) {
        let (kept, known): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.reported).into_iter().partition(|finding| keep(finding));
        self.reported = kept;
        let known = known.into_iter().map(|finding| Silenced { finding, by: SilencedBy::Baseline });
        self.suppressed.extend(known);
    }
}
