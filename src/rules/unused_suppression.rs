//! `unused-suppression`: a comment or annotation that silences a finding that is not there any more.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

use crate::finding::Finding;
use crate::rules::meta::Meta;
use crate::rules::speakers::Speakers;
use crate::rules::{Context, Rule, Silence, by_id};
use crate::source::{SourceId, Span};
use crate::suppression::{Scope, Silenced, Suppression, Used};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/unused-suppression.md")));

/// How far below a comment, in bytes, what it misses may be: about a container.
const NEAR: u32 = 1000;

/// The rule.
pub(super) struct UnusedSuppression;

impl Rule for UnusedSuppression {
    fn meta(&self) -> &'static Meta {
        &META
    }

    /// What is unused is known only when all other findings are there: see [`find`].
    fn check(&self, _: &Context<'_>, _: &mut Vec<Finding>) {}
}

/// Adds the suppressions that silenced nothing. `used` goes with the suppressions of the inventory.
pub(super) fn find(cx: &Context<'_>, used: &[Used], silence: &mut Silence) {
    let speakers = Speakers::new(cx);
    let flagged = Flagged::new(&silence.findings);
    let suppressions = || cx.inventory.suppressions.valid.iter().zip(used);
    // An annotation that several objects share silences something where one of them needs it.
    let shared: HashSet<(Span, &str)> = suppressions()
        .filter(|(it, _)| matches!(it.scope, Scope::Object(_)))
        .flat_map(|(it, used)| it.rules.iter().zip(&used.0).filter(|(_, used)| **used).map(|(rule, _)| rule))
        .map(|rule| (rule.span, rule.value.as_str()))
        .collect();
    let mut told = HashSet::new();
    let mut unused = Vec::new();
    for (suppression, used) in suppressions() {
        for (rule, used) in suppression.rules.iter().zip(&used.0) {
            let Some(meta) = by_id(&rule.value).map(|rule| rule.meta()).filter(|meta| meta.id != META.id) else {
                continue;
            };
            let Some(severity) = cx.settings.levels.severity(&META, META.severity) else { continue };
            let key = (rule.span, rule.value.as_str());
            if *used || shared.contains(&key) || !speakers.spoke(meta, suppression.scope) || !told.insert(key) {
                continue;
            }
            let message = format!("nothing here is silenced by `{}`", rule.value);
            let finding = Finding::new(META.id, severity, message, rule.span, "not needed");
            let finding = match flagged.near(suppression, meta.id) {
                None => finding.help("take it out, so that it does not hide the next fault"),
                Some(place) => finding
                    .help("put it at the end of the line that is flagged, or alone on the line above")
                    .related(place, "this is what the rule flags"),
            };
            unused.push((suppression, finding));
        }
    }
    let of_files: BTreeMap<SourceId, &Suppression> = suppressions()
        .filter_map(|(it, _)| own(it).filter(|it| it.scope == Scope::File(it.span.source)))
        .map(|it| (it.span.source, it))
        .collect();
    for (suppression, finding) in unused {
        // It may be needed elsewhere: of what a template renders, or in another branch.
        match own(suppression).or_else(|| of_files.get(&suppression.span.source).copied()) {
            Some(by) => silence.silenced.push(Silenced::by(by, finding)),
            None => silence.findings.push(finding),
        }
    }
}

/// A suppression that says of itself that it may be unused.
fn own(suppression: &Suppression) -> Option<&Suppression> {
    Some(suppression).filter(|it| it.rules.iter().any(|rule| rule.value == META.id))
}

/// What is reported, by rule and place: a suppression that missed its line is told where it is.
struct Flagged(BTreeSet<(&'static str, Span)>);

impl Flagged {
    fn new(findings: &[Finding]) -> Self {
        Self(findings.iter().map(|finding| (finding.rule, finding.primary.span)).collect())
    }

    /// The next finding of a rule below a comment, in the same file.
    fn near(&self, suppression: &Suppression, rule: &'static str) -> Option<Span> {
        let at = suppression.span;
        let Scope::Line(..) = suppression.scope else { return None };
        let (found, place) = self.0.range((rule, at)..).next()?;
        (*found == rule && place.source == at.source && place.start.saturating_sub(at.end) < NEAR).then_some(*place)
    }
}
