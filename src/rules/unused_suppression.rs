//! `unused-suppression`: a comment or annotation that silences a finding that is not there any more.

use std::sync::LazyLock;

use crate::finding::Finding;
use crate::rules::meta::Meta;
use crate::rules::{Context, Rule, by_id};
use crate::suppression::Used;
use crate::verdict::Verdict;

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/unused-suppression.md")));

/// The rule.
pub(super) struct UnusedSuppression;

impl Rule for UnusedSuppression {
    fn meta(&self) -> &'static Meta {
        &META
    }

    /// What is unused is known only when all other findings are there: see [`find`].
    fn check(&self, _: &Context<'_>, _: &mut Vec<Finding>) {}
}

/// The suppressions that silenced nothing. `used` goes with the suppressions of the inventory.
pub(super) fn find(cx: &Context<'_>, used: &[Used]) -> Vec<Finding> {
    let mut found = Vec::new();
    // Whoever was not asked may yet say what is silenced.
    let all_asked = !cx.settings.offline && !cx.judged.iter().any(|it| matches!(it.verdict, Verdict::Unverified(_)));
    for (suppression, used) in cx.inventory.suppressions.valid.iter().zip(used) {
        for (rule, used) in suppression.rules.iter().zip(&used.0) {
            let Some(meta) = by_id(&rule.value).map(|rule| rule.meta()) else { continue };
            let levels = cx.settings.levels_of(rule.span.source);
            let Some(severity) = levels.severity(&META, META.severity) else { continue };
            if *used || !levels.runs(meta) || (meta.online && !all_asked) {
                continue;
            }
            let message = format!("nothing here is silenced by `{}`", rule.value);
            let finding = Finding::new(META.id, severity, message, rule.span, "not needed");
            found.push(finding.help("take it out, so that it does not hide the next fault"));
        }
    }
    found
}
