//! `mutable-tag`: the tag moves, so that the image changes while the manifest does not.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::image::pull_policy::{PullPolicy, default_pull_policy};
use crate::image::reference::Reference;
use crate::kubelet::verdict::Verdict;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, ImageFacts, Rule, Settings};
use crate::text::go::glob;

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/mutable-tag.md")));

/// Tags that move by convention, in lower case. Environment names and shortened versions are left out: whether they
/// move depends on the project.
const MOVING: &[&str] = &[
    "latest",
    "main",
    "master",
    "trunk",
    "head",
    "edge",
    "nightly",
    "dev",
    "devel",
    "develop",
    "development",
    "unstable",
    "stable",
    "canary",
    "rolling",
    "snapshot",
];

/// Reports an image without a digest whose tag can move to another image.
pub(super) struct MutableTag;

impl Rule for MutableTag {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.images().filter_map(|facts| {
            let image = facts.reference()?;
            is_mutable(image, cx.settings).then_some(())?;
            let text = &facts.image.text.value;
            let written = image.tag_is_written();
            let what = if written {
                format!("the tag of {text:?} is mutable")
            } else {
                format!("{text:?} has no tag, so the kubelet pulls `latest`")
            };
            let message = format!("{what}; {}", consequence(&facts, cx.settings.cluster.operator.always_pull_images));
            let label = if written { "mutable tag" } else { "no tag" };
            let finding = Finding::new(META.id, META.severity, message, facts.image.text.span, label);
            Some(finding.help(help(&facts, image, written)).subject(facts.subject()))
        }));
    }
}

/// Whether the tag of an image moves, by convention or by the operator's settings, and no digest pins it.
pub(crate) fn is_mutable(image: &Reference, settings: &Settings) -> bool {
    let tag = image.tag().filter(|_| image.digest().is_none());
    tag.is_some_and(|tag| moves(&tag.to_ascii_lowercase(), settings.mutable_tags.as_deref()))
}

/// Whether a tag moves. `latest` does whatever the operator sets: the API server treats it so.
fn moves(tag: &str, patterns: Option<&[String]>) -> bool {
    let matches = |pattern: &String| glob::matches(pattern.to_ascii_lowercase().as_bytes(), tag.as_bytes()) == Ok(true);
    match patterns {
        Some(patterns) => tag == "latest" || patterns.iter().any(matches),
        None => {
            MOVING.contains(&tag)
                || tag.starts_with("latest-")
                || tag.ends_with("-latest")
                || tag.ends_with("-snapshot")
        }
    }
}

/// `always`: the admission plugin AlwaysPullImages is on.
fn consequence(facts: &ImageFacts<'_>, always: bool) -> &'static str {
    let declared = facts.image.declared_policy.as_ref().and_then(|policy| PullPolicy::parse(&policy.value));
    let declared = if always { Some(PullPolicy::Always) } else { declared };
    match declared {
        None if default_pull_policy(&facts.image.text.value) == PullPolicy::Always => {
            "the pull policy defaults to `Always`, so any restart of the pod can run another image"
        }
        None => {
            "the pull policy defaults to `IfNotPresent`, so each node keeps the image that it pulled first and nodes \
             can run different images"
        }
        Some(PullPolicy::Always) => "with pull policy `Always`, any restart of the pod can run another image",
        Some(PullPolicy::IfNotPresent) => {
            "with pull policy `IfNotPresent`, each node keeps the image that it pulled first, so nodes can run \
             different images"
        }
        Some(PullPolicy::Never) => "with pull policy `Never`, each node runs the image that was loaded under that name",
    }
}

/// Suggests the digest that the tag has now, if the registry reported it.
fn help(facts: &ImageFacts<'_>, image: &Reference, written: bool) -> String {
    let text = &facts.image.text.value;
    let name = match image.tag().filter(|_| written) {
        Some(tag) => text.get(..text.len() - tag.len() - 1).unwrap_or(text),
        None => text,
    };
    match &facts.judged.verdict {
        Verdict::Pullable(manifest) if manifest.digest.is_some() => {
            let digest = manifest.digest.as_deref().unwrap_or_default();
            format!("use a version, or pin the current digest: `{name}@{digest}`")
        }
        _ => format!("use a version (`{name}:<version>`) or pin a digest (`{name}@sha256:…`)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::probe::Manifest;
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, pullable};
    use crate::text::source::Spanned;

    fn message(text: &str, policy: Option<&str>) -> Option<String> {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        facts.image(pod, text, pullable());
        let span = facts.write("policy");
        facts.inventory.images[0].declared_policy = policy.map(|policy| Spanned { value: policy.to_owned(), span });
        facts.check(&MutableTag).pop().map(|finding| finding.message)
    }

    #[test]
    fn only_conventionally_mutable_tags_are_flagged() {
        for text in
            ["nginx", "nginx:latest", "a/b:main", "a/b:HEAD", "a/b:latest-alpine", "a/b:18-latest", "a/b:1-SNAPSHOT"]
        {
            assert!(message(text, None).is_some(), "{text}");
        }
        let digest = format!("nginx:latest@sha256:{}", "0a".repeat(32));
        for text in ["nginx:1.27", "a/b:main-3f2a9c1", "a/b:stable-20240101", "localhost:5000", &digest] {
            assert_eq!(message(text, None), None, "{text}");
        }
    }

    #[test]
    fn message_names_the_pull_policy() {
        let cases = [
            ("nginx", None, "has no tag, so the kubelet pulls `latest`; the pull policy defaults to `Always`"),
            ("nginx:latest", Some("IfNotPresent"), "with pull policy `IfNotPresent`"),
            ("a/b:edge", None, "is mutable; the pull policy defaults to `IfNotPresent`"),
            ("a/b:edge", Some("Never"), "with pull policy `Never`"),
        ];
        for (text, policy, expected) in cases {
            let message = message(text, policy).unwrap_or_default();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn configured_patterns_replace_the_default_mutable_tags() {
        let fires = |tag: &str, patterns: &[&str]| {
            let mut facts = Facts::default();
            let pod = facts.pod(PodOrigin::Template);
            facts.image(pod, &format!("a/b:{tag}"), pullable());
            facts.settings.mutable_tags = Some(patterns.iter().map(|&pattern| pattern.to_owned()).collect());
            !facts.check(&MutableTag).is_empty()
        };
        assert!(fires("dev-7", &["x", "dev-*"]) && fires("DEV-7", &["Dev-?"]) && fires("latest", &[]));
        assert!(!fires("main", &["dev-*"]) && !fires("latest-alpine", &[]) && !fires("a-dev-7", &["dev-*", "["]));
    }

    #[test]
    fn help_offers_the_observed_digest() {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        let manifest = Manifest { digest: Some("sha256:0a".to_owned()), ..Manifest::default() };
        facts.image(pod, "reg.local:5000/a:main", Verdict::Pullable(manifest));
        let help = facts.check(&MutableTag).pop().and_then(|finding| finding.help).unwrap_or_default();
        assert!(help.ends_with("`reg.local:5000/a@sha256:0a`"), "{help}");
    }
}
