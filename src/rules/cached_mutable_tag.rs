//! `cached-mutable-tag`: a tag that is meant to move, with a policy that caches the first image pulled.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::image::pull_policy::PullPolicy;
use crate::rules::engine::meta::Meta;
use crate::rules::mutable_tag::{self, MutableTag};
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/cached-mutable-tag.md")));

/// Environments and release channels, in lower case. A tag with such a name describes what an image is for, so it
/// moves with every deployment or release. Whether that is a fault depends on the policy; `mutable-tag` ignores
/// these tags.
const CHANNELS: &[&str] = &[
    "alpha",
    "beta",
    "current",
    "integration",
    "live",
    "lts",
    "next",
    "preprod",
    "preview",
    "prod",
    "production",
    "qa",
    "release",
    "sandbox",
    "stage",
    "staging",
    "testing",
    "uat",
];

/// Reports an environment or release-channel tag that the pull policy caches on each node.
pub(super) struct CachedMutableTag;

impl Rule for CachedMutableTag {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.images().filter_map(|facts| {
            let image = facts.reference()?;
            let tag = image.tag().filter(|_| image.digest().is_none())?;
            // One fault, one rule: the other rule covers the policy too.
            let cached = facts.judged.pull.pull_policy == Some(PullPolicy::IfNotPresent);
            // An operator who lists the tags that move has declared that the others do not.
            let channel = cx.settings.mutable_tags.is_none() && CHANNELS.contains(&tag.to_ascii_lowercase().as_str());
            let moves = mutable_tag::is_mutable(image, cx.settings);
            let is_reported = moves && cx.settings.runs_in(facts.image.text.span.source, MutableTag.meta());
            if !cached || is_reported || !channel && !moves {
                return None;
            }
            let declared = facts.image.declared_policy.as_ref().is_some_and(|policy| !policy.value.is_empty());
            let policy = if declared { "the pull policy is" } else { "the pull policy defaults to" };
            let why = if channel { ": it names an environment or a channel" } else { "" };
            let message = format!(
                "the tag {tag:?} is mutable{why}, and {policy} `IfNotPresent`: each node keeps the image that it \
                 pulled first, so nodes can run different images"
            );
            let finding = Finding::new(META.id, META.severity, message, facts.image.text.span, "cached on each node");
            let help = "pin a version or a digest, or pull at every start: `imagePullPolicy: Always`";
            Some(finding.help(help).subject(facts.subject()))
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, pullable};

    fn fires(text: &str, policy: PullPolicy) -> bool {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        facts.image(pod, text, pullable()).pull.pull_policy = Some(policy);
        !facts.check(&CachedMutableTag).is_empty()
    }

    #[test]
    fn channel_tags_are_flagged_only_with_if_not_present() {
        for text in ["a/b:staging", "a/b:PROD", "jenkins/jenkins:lts"] {
            assert!(fires(text, PullPolicy::IfNotPresent), "{text}");
            assert!(!fires(text, PullPolicy::Always) && !fires(text, PullPolicy::Never), "{text}");
        }
    }

    #[test]
    fn versions_digests_and_mutable_tags_are_not_flagged() {
        let digest = format!("a/b:staging@sha256:{}", "0a".repeat(32));
        for text in ["a/b:1", "a/b:staging-3f2a9c1", "a/b:main", "a/b", "a/b:latest", &digest] {
            assert!(!fires(text, PullPolicy::IfNotPresent), "{text}");
        }
    }
}
