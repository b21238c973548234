//! `deprecated-registry`: the image is in a registry, or a part of one, that is shut down or frozen.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::kubelet::verdict::{Cause, Verdict};
use crate::rules::engine::meta::Meta;
use crate::rules::evidence::retired::retired;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/deprecated-registry.md")));

/// Reports an image in a registry, or in a part of one, that is no longer updated.
pub(super) struct DeprecatedRegistry;

impl Rule for DeprecatedRegistry {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.images().filter_map(|facts| {
            let retired = retired(facts.reference()?)?;
            // `image-not-found` then reports what became of the registry.
            if facts.judged.verdict == Verdict::Fails(Cause::Absent) {
                return None;
            }
            let message = format!("{} {}", retired.prefix, retired.fate);
            let finding = Finding::new(META.id, META.severity, message, facts.image.text.span, "no longer updated");
            Some(finding.help(format!("move to {}", retired.instead)).subject(facts.subject()))
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, pullable};

    #[test]
    fn absent_image_is_left_to_image_not_found() {
        for (verdict, count) in [(pullable(), 1), (Verdict::NotPulled, 1), (Verdict::Fails(Cause::Absent), 0)] {
            let mut facts = Facts::default();
            let pod = facts.pod(PodOrigin::Template);
            facts.image(pod, "k8s.gcr.io/pause:3.9", verdict.clone());
            let expected = [(Severity::Warning, "k8s.gcr.io/pause:3.9")];
            assert_eq!(facts.flags(&DeprecatedRegistry), expected[..count], "{verdict:?}");
        }
    }
}
