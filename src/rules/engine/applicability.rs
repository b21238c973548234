//! Which rules could report in a run. "No finding" means something only for those.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::findings::suppression::{Scope, lines_of};
use crate::kubelet::verdict::Verdict;
use crate::resource::workload::{ImageText, ImageUse};
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, by_id};
use crate::text::source::{SourceId, Span};

/// Rules that do not depend on the answers of registries.
const OFFLINE_RULES: &[&str] = &[
    "invalid-image-reference",
    "mutable-tag",
    "unpinned-image",
    "disallowed-registry",
    "short-name",
    "unresolved-placeholder",
    "invalid-pull-policy",
    "never-pulled",
    "cached-mutable-tag",
    "misplaced-pull-secrets",
    "undefined-service-account",
    "unlisted-pull-secret",
    "legacy-dockercfg",
    "committed-credentials",
    "invalid-yaml",
    "unreadable-input",
    "unrendered-template",
    "duplicate-key",
    "unused-suppression",
    "invalid-suppression",
];

/// Rules whose findings depend on the time and the network: the next run may find what this one did not.
const UNSTABLE_RULES: &[&str] = &["registry-typo", "node-local-registry", "rate-limit-risk", "unverified-image"];

/// Rules that depend on the answer about the image that they flag, and on no other.
const OF_ONE_IMAGE: &[&str] = &[
    "deprecated-registry",
    "image-not-found",
    "access-denied",
    "public-image-broken-by-secret",
    "missing-pull-secret",
    "platform-mismatch",
    "stale-digest",
    "unsupported-manifest",
    "plain-http-registry",
    "untrusted-certificate",
];

/// The facts that kept rules from reporting.
pub(in crate::rules) struct Applicability<'a> {
    cx: &'a Context<'a>,
    /// Files by the names that are shown for them.
    files: BTreeMap<&'a str, SourceId>,
    /// Sources that could be read only in part.
    unread: BTreeSet<SourceId>,
    skipped: Places,
    unanswered: Places,
}

impl<'a> Applicability<'a> {
    pub(in crate::rules) fn new(cx: &'a Context<'a>) -> Self {
        let places = |silent: fn(&ImageUse, &Verdict) -> bool| {
            let images = cx.inventory.images.iter().zip(cx.judged);
            let images = images.filter(|(image, judged)| silent(image, &judged.verdict));
            Places::new(cx, images.map(|(image, _)| image.text.span).collect())
        };
        let is_skipped = |image: &ImageUse, verdict: &Verdict| {
            matches!(verdict, Verdict::Skipped(_)) || matches!(image.image, ImageText::Skipped(_))
        };
        Self {
            cx,
            files: cx.sources.iter().map(|(id, source)| (source.name(), id)).collect(),
            unread: {
                let problems = cx.inventory.problems.iter().map(|problem| problem.span.source);
                problems.chain(cx.inventory.charts.templates.iter().copied()).collect()
            },
            skipped: places(is_skipped),
            unanswered: places(|_, verdict| matches!(verdict, Verdict::Skipped(_) | Verdict::Unverified(_))),
        }
    }

    /// Whether a rule could report on everything that a suppression is about.
    pub(in crate::rules) fn could_report(&self, meta: &Meta, scope: Scope) -> bool {
        let settings = self.cx.settings;
        let asked = match meta.id {
            "disallowed-registry" => !settings.allowed_registries.is_empty(),
            "platform-mismatch" => !settings.cluster.operator.platforms.is_empty(),
            id => !UNSTABLE_RULES.contains(&id),
        };
        let was_answered = if OFFLINE_RULES.contains(&meta.id) {
            !self.skipped.meet(scope)
        } else if OF_ONE_IMAGE.contains(&meta.id) {
            !settings.offline && !self.unanswered.meet(scope)
        } else {
            !settings.offline && self.unanswered.is_empty() && !self.skipped.meet(scope)
        };
        asked && was_answered && settings.runs_in(scope.source(), meta) && !self.unread.contains(&scope.source())
    }

    /// Whether a rule, given by its id, could report on a file, given by its name. A rule that no longer exists
    /// could not.
    pub(in crate::rules) fn could_report_in_file(&self, rule: &str, file: &str) -> bool {
        let Some(id) = self.files.get(file) else { return false };
        by_id(rule).is_none_or(|rule| self.could_report(rule.meta(), Scope::File(*id)))
    }
}

/// Places that can be looked up by the scope of a suppression.
struct Places {
    /// Spans in ascending order.
    spans: Vec<Span>,
    lines: HashSet<(SourceId, u32)>,
}

impl Places {
    fn new(cx: &Context<'_>, mut spans: Vec<Span>) -> Self {
        spans.sort_unstable();
        let lines = spans.iter().flat_map(|span| {
            let lines = lines_of(*span, cx.sources.get(span.source));
            lines.into_iter().map(|line| (span.source, line))
        });
        Self { lines: lines.collect(), spans }
    }

    fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    fn meet(&self, scope: Scope) -> bool {
        let (start, end) = match scope {
            Scope::Line(source, line) => return self.lines.contains(&(source, line)),
            Scope::File(_) => (0, u32::MAX),
            Scope::Object(span) => (span.start, span.end),
        };
        let first = self.spans.partition_point(|span| (span.source, span.start) < (scope.source(), start));
        self.spans.get(first).is_some_and(|span| span.source == scope.source() && span.start < end)
    }
}
