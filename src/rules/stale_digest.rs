//! `stale-digest`: the tag next to a digest no longer points to it.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::image::manifest::ManifestBody;
use crate::kubelet::probe::{Manifest, Outcome, PullAnswer};
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, ImageFacts, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/stale-digest.md")));

/// Reports a tag that no longer points to the digest next to it.
pub(super) struct StaleDigest;

impl Rule for StaleDigest {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.images().filter_map(|facts| finding(&facts)));
    }
}

fn finding(facts: &ImageFacts<'_>) -> Option<Finding> {
    let reference = facts.reference()?;
    let (tag, pinned) = (reference.tag()?, reference.digest()?);
    let answer = facts.judged.answer.as_deref()?;
    let name = reference.name();
    let (message, label, help) = match answer.tag.as_ref()? {
        Outcome::Found(Manifest { digest: Some(digest), .. }) if leads_elsewhere(answer, digest, pinned) => (
            format!(
                "the tag {tag:?} of {name} has moved: it now points to {digest}, but the pod pulls the pinned digest"
            ),
            "tag no longer points here",
            format!("pin the current digest: `{tag}@{digest}`; or leave it if the pod should keep its image"),
        ),
        Outcome::Absent(_) => (
            format!(
                "the tag {tag:?} of {name} no longer exists: the pod pulls the digest as long as the registry keeps \
                 it"
            ),
            "the tag is gone",
            "many registries delete untagged manifests: push the tag again, or pin an existing digest".to_owned(),
        ),
        Outcome::Found(_) | Outcome::Denied(..) | Outcome::Unknown(..) => return None,
    };
    let finding = Finding::new(META.id, META.severity, message, facts.image.text.span, label);
    Some(finding.help(help).subject(facts.subject()))
}

/// Whether the tag next to the digest was seen to point elsewhere.
#[cfg(feature = "cli")]
pub(crate) fn has_moved(pinned: &str, answer: &PullAnswer) -> bool {
    match &answer.tag {
        Some(Outcome::Found(Manifest { digest: Some(digest), .. })) => leads_elsewhere(answer, digest, pinned),
        _ => false,
    }
}

/// Whether a tag points neither to the digest nor to an index that contains it. An index that could not be read is
/// not counted as a mismatch.
fn leads_elsewhere(answer: &PullAnswer, digest: &str, pinned: &str) -> bool {
    let within = answer.parts.iter().find(|(read, _)| read == digest).map(|(_, part)| match part {
        Ok(content) => match &**content {
            ManifestBody::Index(entries) => entries.iter().any(|entry| entry.digest.as_deref() == Some(pinned)),
            ManifestBody::Image(_) | ManifestBody::Malformed(_) => false,
        },
        Err(_) => true,
    });
    digest != pinned && !within.unwrap_or(false)
}
