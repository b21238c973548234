//! `large-image`: the images to pull are larger than the operator allows.
//!
//! The kubelet pulls the images of a pod one after the other unless `serializeImagePulls` is off
//! (`pkg/kubelet/images/image_manager.go`).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::kubelet::verdict::Verdict;
use crate::resource::workload::PodId;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, ImageFacts, MAX_IMAGE_SIZE, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/large-image.md")));

const HELP: &str = "omit files that only the build needs (with a multi-stage build or a smaller base image), or \
                    raise `--max-image-size`";

/// Reports an image, or the images of a pod together, above `--max-image-size`.
pub(super) struct LargeImage;

impl Rule for LargeImage {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        let limit = cx.settings.max_image_size.unwrap_or(MAX_IMAGE_SIZE);
        let mut pods: BTreeMap<PodId, Vec<Weighed<'_>>> = BTreeMap::new();
        for facts in cx.images() {
            pods.entry(facts.image.pod).or_default().extend(Weighed::of(facts));
        }
        for images in pods.values() {
            let large: Vec<_> = images.iter().filter(|image| image.size > limit).collect();
            if large.is_empty() {
                out.extend(of_pod(images, limit));
            }
            out.extend(large.into_iter().map(|image| of_image(image, limit)));
        }
    }
}

/// An image that is pulled, with its size in bytes.
struct Weighed<'a> {
    facts: ImageFacts<'a>,
    size: u64,
    /// Identifies the image: the digest, otherwise the text.
    key: &'a str,
}

impl<'a> Weighed<'a> {
    fn of(facts: ImageFacts<'a>) -> Option<Self> {
        let manifest = facts.judged.manifest.as_ref()?;
        let fails = matches!(facts.judged.verdict, Verdict::Fails(_));
        let size = manifest.size.filter(|_| !fails)?;
        Some(Self { facts, size, key: manifest.digest.as_deref().unwrap_or(&facts.image.text.value) })
    }
}

fn of_image(image: &Weighed<'_>, limit: u64) -> Finding {
    let message = format!(
        "{:?} is {} compressed, which exceeds the limit of {}",
        image.facts.image.text.value,
        human(image.size),
        human(limit)
    );
    let finding = Finding::new(META.id, META.severity, message, image.facts.image.text.span, human(image.size));
    finding.help(HELP).subject(image.facts.subject())
}

/// Reports the sum of a pod, each image once, if no single image is too large. The finding is at the largest image.
fn of_pod(images: &[Weighed<'_>], limit: u64) -> Option<Finding> {
    let mut distinct: BTreeMap<&str, &Weighed<'_>> = BTreeMap::new();
    for image in images {
        distinct.entry(image.key).or_insert(image);
    }
    let sum = distinct.values().fold(0_u64, |sum, image| sum.saturating_add(image.size));
    if sum <= limit {
        return None;
    }
    let largest = distinct.values().max_by_key(|image| (image.size, std::cmp::Reverse(image.facts.image.text.span)))?;
    let span = largest.facts.image.text.span;
    let message = format!(
        "the {} images of this pod are {} compressed in total, which exceeds the limit of {}",
        distinct.len(),
        human(sum),
        human(limit)
    );
    let finding = Finding::new(META.id, META.severity, message, span, human(largest.size));
    let finding = finding.help(HELP).subject(largest.facts.subject());
    let mut others: Vec<_> = distinct.values().filter(|image| image.key != largest.key).collect();
    others.sort_by_key(|image| image.facts.image.text.span);
    Some(
        others
            .into_iter()
            .fold(finding, |finding, image| finding.related(image.facts.image.text.span, human(image.size))),
    )
}

/// `1.5 GiB`, `312 MiB`.
fn human(bytes: u64) -> String {
    let (number, unit) = match bytes {
        0..1024 => return format!("{bytes} bytes"),
        1024..0x10_0000 => (bytes as f64 / 1024.0, "KiB"),
        0x10_0000..0x4000_0000 => (bytes as f64 / f64::from(1 << 20), "MiB"),
        _ => (bytes as f64 / f64::from(1 << 30), "GiB"),
    };
    let text = if number < 10.0 { format!("{number:.1}") } else { format!("{number:.0}") };
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::kubelet::probe::Manifest;
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::Facts;

    fn facts(images: &[(&str, &str, u64)]) -> Facts {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        for (text, digest, size) in images {
            let manifest = Manifest { digest: Some((*digest).to_owned()), size: Some(*size), ..Manifest::default() };
            facts.image(pod, text, Verdict::Pullable(manifest));
        }
        facts.settings.max_image_size = Some(100);
        facts
    }

    #[test]
    fn image_over_the_limit_is_flagged() {
        let facts = facts(&[("a:1", "a", 101), ("b:1", "b", 100)]);
        assert_eq!(facts.flags(&LargeImage), [(Severity::Warning, "a:1")]);
    }

    #[test]
    fn pod_size_includes_each_image_once() {
        assert_eq!(facts(&[("a:1", "a", 60), ("a:2", "a", 60)]).flags(&LargeImage), []);
        let facts = facts(&[("a:1", "a", 40), ("b:1", "b", 61), ("a:2", "a", 40)]);
        let found = facts.check(&LargeImage);
        assert_eq!(facts.flags(&LargeImage), [(Severity::Warning, "b:1")]);
        assert_eq!(
            found[0].message,
            "the 2 images of this pod are 101 bytes compressed in total, which exceeds the limit of 100 bytes"
        );
        assert_eq!(found[0].related.len(), 1);
    }

    #[test]
    fn sizes_are_printed_with_few_digits() {
        let sizes: Vec<_> =
            [7, 1536, 300 << 20, 3 << 30, (1 << 30) + (1 << 29), 12 << 30].into_iter().map(human).collect();
        assert_eq!(sizes, ["7 bytes", "1.5 KiB", "300 MiB", "3 GiB", "1.5 GiB", "12 GiB"]);
    }
}
