//! What a manifest that is there says to the nodes that shall pull it.
//!
//! Which entry of an index a runtime takes is in [`crate::platform`]. A manifest of one image is pulled whatever its
//! platform (containerd `core/images/image.go`, containers/image `internal/image`): it fails when its container starts.
//! What is no image at all fails then under containerd too, which leaves out layers that it does not know, and while it is
//! pulled under CRI-O, but for image volumes (`internal/storage/image.go` of CRI-O).

use std::sync::Arc;

use super::{Cause, Verdict};
use crate::event::Runtime;
use crate::manifest::{Content, Image};
use crate::node::{Fit, Nodes};
use crate::platform::Platform;
use crate::probe::plan::{choose, is_index_type};
use crate::probe::{Defect, Manifest, PullAnswer, Unknown, Unread};
use crate::reference::Reference;
use crate::workload::{ContainerKind, ImageText, ImageUse};

/// Segments of a repository's path, and parts of a tag, that speak of a Helm chart.
const CHART_WORDS: [&str; 4] = ["chart", "charts", "helm", "helm-charts"];

/// Whether an image may well be another artifact, so that one request to see it is not wasted: what a volume mounts, and
/// what is named like a chart.
pub fn may_be_artifact(image: &ImageUse) -> bool {
    let ImageText::Reference(reference) = &image.image else { return false };
    image.container.kind == ContainerKind::Volume || is_named_like_chart(reference)
}

fn is_named_like_chart(reference: &Reference) -> bool {
    let tag = reference.tag().unwrap_or_default();
    let mut words = reference.repository().split('/').chain(tag.split(['-', '_', '.', '+']));
    words.any(|word| CHART_WORDS.contains(&word))
}

/// A manifest with what its content tells. The size of an index is that of the largest image that one of the nodes
/// pulls.
pub fn described(manifest: &Manifest, answer: &PullAnswer, nodes: &[Nodes], runtime: Runtime) -> Manifest {
    let mut manifest = manifest.clone();
    let Some(Ok(content)) = &answer.content else { return manifest };
    match &**content {
        Content::Index(entries) => {
            let images = entries.iter().filter(|entry| !entry.is_attestation());
            manifest.platforms = Some(images.filter_map(|entry| entry.platform.clone()).collect());
            let sizes = sized(nodes).into_iter().filter_map(|node| {
                let digest = choose(runtime, &node, entries)?.digest.as_deref()?;
                match answer.parts.iter().find(|(read, _)| read == digest) {
                    Some((_, Ok(part))) => size(part),
                    _ => None,
                }
            });
            manifest.size = sizes.max();
        }
        Content::Image(image) => {
            manifest.size = size(content);
            let platform = answer.config.as_ref().and_then(|config| config.as_ref().ok());
            manifest.platforms = platform.filter(|_| image.is_container_image()).map(|platform| vec![platform.clone()]);
        }
    }
    manifest
}

fn size(content: &Arc<Content>) -> Option<u64> {
    match &**content {
        Content::Image(image) => Some(image.size).filter(|size| *size > 0),
        Content::Index(_) => None,
    }
}

/// The platforms whose images are weighed: those of the nodes, where it is open linux/amd64 if they may have it.
pub fn sized(nodes: &[Nodes]) -> Vec<Platform> {
    let usual = Platform::new("linux", "amd64", "");
    if nodes.is_empty() {
        return vec![usual];
    }
    let mut platforms: Vec<Platform> = Vec::new();
    for platform in nodes.iter().filter_map(|nodes| nodes.typical(&usual)) {
        if !platforms.contains(platform) {
            platforms.push(platform.clone());
        }
    }
    platforms
}

/// The verdict of a manifest that one of the attempts found.
pub(super) fn judge(
    manifest: &Manifest,
    answer: &PullAnswer,
    image: &ImageUse,
    nodes: &[Nodes],
    runtime: Runtime,
) -> Verdict {
    let pullable = || Verdict::Pullable(described(manifest, answer, nodes, runtime));
    let is_volume = image.container.kind == ContainerKind::Volume;
    match manifest.defect {
        Some(Defect::NotAnImage) if is_volume => return Verdict::Unverified(Cause::Defect(Defect::NotAnImage)),
        Some(defect) => return Verdict::Fails(Cause::Defect(defect)),
        None => {}
    }
    let is_index = manifest.media_type.as_deref().is_some_and(is_index_type);
    let wanted = !nodes.is_empty() || may_be_artifact(image) && !is_index;
    let content = match &answer.content {
        Some(Ok(content)) => content,
        Some(Err(unread)) if wanted => return not_read(unread),
        None if wanted => return Verdict::Unverified(Cause::Unknown(Unknown::RegistryError)),
        Some(Err(_)) | None => return pullable(),
    };
    match &**content {
        Content::Index(entries) => fits(nodes, |nodes| nodes.fit_index(runtime, entries)).unwrap_or_else(pullable),
        Content::Image(it) if !it.is_container_image() => artifact(it, is_volume, runtime).unwrap_or_else(pullable),
        // Nothing of a volume is run.
        Content::Image(_) if is_volume || nodes.is_empty() => pullable(),
        Content::Image(_) => match &answer.config {
            Some(Ok(platform)) => fits(nodes, |nodes| nodes.fit_image(platform)).unwrap_or_else(pullable),
            Some(Err(unread)) => not_read(unread),
            None => Verdict::Unverified(Cause::Unknown(Unknown::RegistryError)),
        },
    }
}

fn not_read(unread: &Unread) -> Verdict {
    Verdict::Unverified(Cause::Unknown(unread.unknown))
}

/// The verdict where not all nodes are known to fit.
fn fits(nodes: &[Nodes], fit: impl Fn(&Nodes) -> Fit) -> Option<Verdict> {
    let count = |wanted: Fit| nodes.iter().filter(|nodes| fit(nodes) == wanted).count();
    if count(Fit::Yes) == nodes.len() {
        None
    } else if count(Fit::No) == nodes.len() {
        Some(Verdict::Fails(Cause::Platform))
    } else {
        Some(Verdict::Unverified(Cause::Platform))
    }
}

/// The verdict of what is no image; `None` where it is what a volume may mount.
fn artifact(image: &Image, is_volume: bool, runtime: Runtime) -> Option<Verdict> {
    let cause = Cause::Defect(Defect::NotAnImage);
    // Early clients wrote no type, or one that says nothing.
    let is_certain = !matches!(image.config_type.as_str(), "" | "application/octet-stream" | "application/json");
    match (is_volume, runtime) {
        (true, Runtime::Crio) => None,
        (true, Runtime::Containerd | Runtime::ContainerdOne) => Some(Verdict::Unverified(cause)),
        (false, _) if is_certain => Some(Verdict::Fails(cause)),
        (false, _) => Some(Verdict::Unverified(cause)),
    }
}
