//! `unpinned-image`: no digest, so the registry decides what runs.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::kubelet::verdict::Verdict;
use crate::rules::engine::meta::Meta;
use crate::rules::mutable_tag::{MutableTag, is_mutable};
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/unpinned-image.md")));

/// Reports an image without a digest; off by default.
pub(super) struct UnpinnedImage;

impl Rule for UnpinnedImage {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.images().filter_map(|facts| {
            let image = facts.reference().filter(|image| image.digest().is_none())?;
            // Tags that move by convention belong to `mutable-tag`.
            if is_mutable(image, cx.settings) && cx.settings.runs_in(facts.image.text.span.source, MutableTag.meta()) {
                return None;
            }
            let message = "image is not pinned to a digest: anyone who can push to the repository decides what runs";
            let help = match &facts.judged.verdict {
                Verdict::Pullable(manifest) if manifest.digest.is_some() => {
                    let digest = manifest.digest.as_deref().unwrap_or_default();
                    format!("pin the current digest: `{}@{digest}`", facts.image.text.value)
                }
                _ => "append the digest to the tag: `name:tag@sha256:…`".to_owned(),
            };
            let finding = Finding::new(META.id, META.severity, message, facts.image.text.span, "no digest");
            Some(finding.help(help).subject(facts.subject()))
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::resource::workload::PodOrigin;
    use crate::rules::engine::levels::Level;
    use crate::rules::testing::{Facts, pullable};

    #[test]
    fn mutable_tags_are_left_to_mutable_tag_unless_it_is_off() {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        facts.image(pod, "nginx:1.27", pullable());
        facts.image(pod, "nginx:latest", pullable());
        facts.image(pod, &format!("nginx:1.27@sha256:{}", "0a".repeat(32)), pullable());
        assert_eq!(facts.flags(&UnpinnedImage), [(Severity::Warning, "nginx:1.27")]);
        facts.settings.levels.set("mutable-tag", Level::Off).expect("a rule");
        assert_eq!(facts.flags(&UnpinnedImage).len(), 2);
    }
}
