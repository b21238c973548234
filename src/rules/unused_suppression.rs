//! `unused-suppression`: a comment or annotation for a finding that no longer exists.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::findings::suppression::{Scope, Silenced, Suppression, Used};
use crate::rules::engine::applicability::Applicability;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Filtered, Rule, by_id};
use crate::text::source::{SourceId, Span, Spanned};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/unused-suppression.md")));

/// How far below a comment the finding that it misses may be, in bytes: about the length of a container.
const NEAR: u32 = 1000;

/// Reports each rule in a suppression that suppresses nothing.
pub(super) struct UnusedSuppression;

impl Rule for UnusedSuppression {
    fn meta(&self) -> &'static Meta {
        &META
    }

    /// Does nothing: unused suppressions are known only after all other findings, see [`find`].
    fn check(&self, _: &Context<'_>, _: &mut Vec<Finding>) {}
}

/// Adds the suppressions that silenced nothing. `used` has one item for each suppression of the inventory, in the
/// same order.
pub(super) fn find(cx: &Context<'_>, used: &[Used], filtered: &mut Filtered) {
    let of_files: BTreeMap<SourceId, &Suppression> = cx
        .inventory
        .suppressions
        .valid
        .iter()
        .filter(|suppression| suppression.scope == Scope::File(suppression.span.source) && may_be_unused(suppression))
        .map(|suppression| (suppression.span.source, suppression))
        .collect();
    let flagged = Flagged::new(&filtered.reported);
    for (suppression, rule) in unused(cx, used) {
        let levels = cx.settings.levels_of(rule.span.source);
        let Some(severity) = levels.severity(&META, META.severity) else { continue };
        let message = format!("unused suppression of `{}`", rule.value);
        let finding = Finding::new(META.id, severity, message, rule.span, "unused");
        let finding = match flagged.near(suppression, &rule.value) {
            None => finding.help("remove it, so that it does not hide the next problem"),
            Some(place) => finding
                .help("put it at the end of the flagged line, or alone on the line above")
                .related(place, "the rule flags this"),
        };
        // The suppression may be needed elsewhere: on another branch, or when a template is rendered for another
        // cluster.
        let own = Some(suppression).filter(|suppression| may_be_unused(suppression));
        match own.or_else(|| of_files.get(&suppression.span.source).copied()) {
            Some(by) => filtered.suppressed.push(Silenced::by(by, finding)),
            None => filtered.reported.push(finding),
        }
    }
}

/// Returns the rules of suppressions that could have been needed, and were not.
fn unused<'a>(cx: &'a Context<'_>, used: &[Used]) -> Vec<(&'a Suppression, &'a Spanned<String>)> {
    let applicability = Applicability::new(cx);
    let rules = || {
        let suppressions = cx.inventory.suppressions.valid.iter().zip(used);
        suppressions.flat_map(|(suppression, used)| {
            suppression.rules.iter().zip(&used.0).map(move |(rule, used)| (suppression, rule, *used))
        })
    };
    // An annotation that several objects share is in use if one of them needs it.
    let mut reported: HashSet<(Span, &str)> =
        rules().filter(|(.., used)| *used).map(|(_, rule, _)| (rule.span, rule.value.as_str())).collect();
    let unused = rules().filter(|(suppression, rule, _)| {
        let meta = by_id(&rule.value).map(|rule| rule.meta()).filter(|meta| meta.id != META.id);
        meta.is_some_and(|meta| applicability.could_report(meta, suppression.scope))
            && reported.insert((rule.span, &rule.value))
    });
    unused.map(|(suppression, rule, _)| (suppression, rule)).collect()
}

/// Whether a suppression declares itself that it may be unused.
fn may_be_unused(suppression: &Suppression) -> bool {
    suppression.rules.iter().any(|rule| rule.value == META.id)
}

/// What is reported, by rule and place: a suppression that missed its line gets a label there.
struct Flagged(BTreeSet<(&'static str, Span)>);

impl Flagged {
    fn new(findings: &[Finding]) -> Self {
        Self(findings.iter().map(|finding| (finding.rule, finding.primary.span)).collect())
    }

    /// Returns the next finding of a rule below a comment, in the same file.
    fn near(&self, suppression: &Suppression, rule: &str) -> Option<Span> {
        let at = suppression.span;
        let Scope::Line(..) = suppression.scope else { return None };
        let rule = by_id(rule)?.meta().id;
        let (found, place) = self.0.range((rule, at)..).next()?;
        (*found == rule && place.source == at.source && place.start.saturating_sub(at.end) < NEAR).then_some(*place)
    }
}
