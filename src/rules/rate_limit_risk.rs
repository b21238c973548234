//! `rate-limit-risk`: Docker Hub allows fewer anonymous pulls than the inputs need.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::kubelet::probe::plan::Depth;
use crate::kubelet::probe::{Evidence, Manifest, Outcome, RateLimit, Unknown};
use crate::kubelet::pull::Blind;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, ImageFacts, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/rate-limit-risk.md")));

/// Reports a run that needs more anonymous pulls than Docker Hub allows.
pub(super) struct RateLimitRisk;

impl Rule for RateLimitRisk {
    fn meta(&self) -> &'static Meta {
        &META
    }

    /// Checks the limit, which is one fault of the whole run: it is reported once, at the first image that it
    /// affects.
    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        let uses: Vec<Use<'_>> = cx.images().filter_map(Use::of).collect();
        let names: BTreeSet<String> =
            uses.iter().filter_map(|usage| usage.facts.reference()).map(|image| image.containerd_ref()).collect();
        let depth = cx.settings.depth;
        let least = uses.iter().filter_map(|usage| usage.rate).min_by_key(|rate| rate.remaining);
        let refused = uses.iter().find(|usage| usage.refused);
        let (first, message) = match (refused, least, uses.first()) {
            (Some(refused), ..) => (refused, message(names.len(), Depth::Head, None)),
            (None, Some(rate), Some(first)) if rate.remaining < (names.len() * pulls(depth)) as u64 => {
                (first, message(names.len(), depth, Some(rate)))
            }
            _ => return,
        };
        let help = "use a pull secret of a Docker Hub account, which has its own, higher limit; or pull through a \
                    mirror or cache";
        let span = first.facts.image.text.span;
        let finding = Finding::new(META.id, META.severity, message, span, "pulled without credentials");
        out.push(finding.help(help).subject(first.facts.subject()));
    }
}

/// Whether an image is pulled from Docker Hub without credentials, as far as the inputs show.
struct Use<'a> {
    facts: ImageFacts<'a>,
    rate: Option<RateLimit>,
    /// Whether Docker Hub answered 429.
    refused: bool,
}

impl<'a> Use<'a> {
    fn of(facts: ImageFacts<'a>) -> Option<Self> {
        let pull = &facts.judged.pull;
        facts.reference().filter(|image| image.registry() == "docker.io")?;
        let (credential, outcome) = facts.judged.answer.as_deref()?.attempts.last()?;
        let sends = |at: usize| pull.credentials.get(at).is_some_and(|sent| !sent.credential.is_anonymous());
        // For a hidden secret or the node's own credentials it is not known whether they are for Docker Hub.
        let hidden =
            pull.blind.iter().any(|blind| matches!(blind, Blind::Secret(_) | Blind::Patched(_) | Blind::Node(_)));
        if credential.is_some_and(sends) || hidden {
            return None;
        }
        match outcome {
            Outcome::Found(Manifest { rate, .. }) => Some(Self { facts, rate: *rate, refused: false }),
            Outcome::Unknown(Unknown::RateLimited, Evidence { rate, .. }) => {
                Some(Self { facts, rate: *rate, refused: true })
            }
            // An image that does not exist costs no pull.
            _ => None,
        }
    }
}

/// Returns the pulls that one image costs: the node's, and that of a check which reads the manifest.
fn pulls(depth: Depth) -> usize {
    if depth == Depth::Head { 1 } else { 2 }
}

fn message(images: usize, depth: Depth, rate: Option<RateLimit>) -> String {
    let need = match images {
        1 => "an image is".to_owned(),
        count => format!("{count} images are"),
    };
    let need = format!("{need} pulled from Docker Hub without credentials");
    match rate {
        None => format!("{need}, but Docker Hub currently refuses further pulls from this address (HTTP 429)"),
        Some(RateLimit { limit, remaining, window }) => {
            let of = limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
            let every =
                window.filter(|seconds| *seconds >= 3600).map(|seconds| format!(" in {} hours", seconds / 3600));
            let pulls = if remaining == 1 { "pull" } else { "pulls" };
            let own = if depth == Depth::Head { "" } else { ", once by this check (`--depth`) and once by a node" };
            format!(
                "{need}{own}, but this address has only {remaining} {pulls} left{of}{}; nodes have such a limit too",
                every.unwrap_or_default()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::kubelet::probe::PullAnswer;
    use crate::kubelet::verdict::{Cause, Verdict};
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, answer, candidate, pullable};

    fn left(remaining: u64) -> Outcome {
        let rate = Some(RateLimit { limit: Some(100), remaining, window: Some(21_600) });
        Outcome::Found(Manifest { rate, ..Manifest::default() })
    }

    fn facts(images: &[(&str, Outcome)]) -> Facts {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        for (text, outcome) in images {
            let verdict = match outcome {
                Outcome::Unknown(unknown, _) => Verdict::Unverified(Cause::Unknown(*unknown)),
                _ => pullable(),
            };
            let attempts = vec![(None, outcome.clone())];
            facts.image(pod, text, verdict).answer = answer(PullAnswer { attempts, ..PullAnswer::default() });
        }
        facts
    }

    #[test]
    fn too_few_remaining_pulls_are_reported_once() {
        let images =
            [("quay.io/a/b:1", left(0)), ("nginx:1", left(2)), ("redis:7", left(1)), ("docker.io/nginx:1", left(1))];
        let found = facts(&images).check(&RateLimitRisk);
        let messages: Vec<_> = found.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            ["2 images are pulled from Docker Hub without credentials, but this address has only 1 pull left of \
                 100 in 6 hours; nodes have such a limit too"]
        );
        assert_eq!(facts(&images).flags(&RateLimitRisk), [(Severity::Note, "nginx:1")]);
        assert_eq!(facts(&[("nginx:1", left(2)), ("redis:7", left(2))]).flags(&RateLimitRisk), []);
    }

    #[test]
    fn manifest_depth_doubles_the_required_pulls() {
        let images = [("nginx:1", left(3)), ("redis:7", left(3))];
        assert_eq!(facts(&images).flags(&RateLimitRisk), []);
        let mut deep = facts(&images);
        deep.settings.depth = Depth::Manifest;
        let found = deep.check(&RateLimitRisk);
        assert!(found[0].message.starts_with(
            "2 images are pulled from Docker Hub without credentials, once by this check (`--depth`) and once by a node, but \
             this address has only 3 pulls left"
        ));
    }

    #[test]
    fn http_429_is_reported_at_the_affected_image() {
        let refused = Outcome::Unknown(Unknown::RateLimited, Evidence::default());
        let facts = facts(&[("nginx:1", left(9)), ("redis:7", refused.clone()), ("ghcr.io/a/b:1", refused)]);
        assert_eq!(facts.flags(&RateLimitRisk), [(Severity::Note, "redis:7")]);
    }

    #[test]
    fn pulls_with_an_account_have_a_separate_limit() {
        let mut facts = facts(&[("nginx:1", left(0))]);
        facts.judged[0].pull.credentials.push(candidate(Some("hub"), "index.docker.io", "bob"));
        let attempts = vec![(Some(0), left(0))];
        facts.judged[0].answer = answer(PullAnswer { attempts, ..PullAnswer::default() });
        assert_eq!(facts.flags(&RateLimitRisk), []);
    }
}
