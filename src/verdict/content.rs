//! What a manifest that is there says to the nodes that shall pull it.
//!
//! Which entry of an index a runtime takes is in [`crate::platform`]. A manifest of one image is pulled whatever its
//! platform (containerd `core/images/image.go`, containers/image `internal/image`): it fails when its container starts.
//! What is no image at all fails then under containerd too, which leaves out layers that it does not know, and while it
//! is pulled under CRI-O, but for image volumes (`internal/storage/image.go` of CRI-O).

use std::sync::Arc;

use super::{Cause, Verdict};
use crate::event::Runtime;
use crate::manifest::{Content, Image, is_index_type};
use crate::node::{Fit, Nodes};
use crate::platform::{Platform, choose};
use crate::probe::{Defect, Manifest, PullAnswer, Unknown, Unread};
use crate::reference::Reference;
use crate::workload::{ContainerKind, ImageText, ImageUse};

/// Segments of a repository's path, and parts of a tag, that speak of a Helm chart.
const CHART_WORDS: [&str; 4] = ["chart", "charts", "helm", "helm-charts"];

/// Whether an image may well be another artifact, so that one request to see it is not wasted: what a volume mounts,
/// and what is named like a chart.
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
        (true, _) => Some(Verdict::Unverified(cause)),
        (false, _) if is_certain => Some(Verdict::Fails(cause)),
        (false, _) => Some(Verdict::Unverified(cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Entry;
    use crate::probe::{Evidence, Outcome};
    use crate::source::{SourceId, Span, Spanned};
    use crate::workload::{Container, PodId};

    const OCI: &str = "application/vnd.oci.image.config.v1+json";

    fn image_use(text: &str, kind: ContainerKind) -> ImageUse {
        ImageUse {
            pod: PodId(0),
            container: Container { kind, name: None },
            path: String::new(),
            text: Spanned { value: text.to_owned(), span: Span::new(SourceId(0), 0, 0) },
            image: ImageText::Reference(Reference::parse(text).expect("a reference")),
            written: None,
            decided_by: Vec::new(),
            stream_tag: None,
            declared_policy: None,
        }
    }

    fn image(config_type: &str) -> Content {
        Content::Image(Image { config_type: config_type.to_owned(), config_digest: None, size: 7 })
    }

    fn index(platforms: &[&str]) -> Content {
        let entry = |text: &&str| Entry { digest: None, platform: text.parse().ok() };
        Content::Index(platforms.iter().map(entry).collect())
    }

    fn unread() -> Unread {
        Unread { unknown: Unknown::RateLimited, evidence: Evidence::default() }
    }

    /// The verdict of an image of this kind, as JSON names it.
    fn verdict(
        kind: ContainerKind,
        runtime: Runtime,
        answer: PullAnswer,
        nodes: &[&str],
    ) -> (&'static str, Option<Cause>) {
        let nodes: Vec<Nodes> = nodes.iter().map(|text| Nodes::of(&text.parse().expect("a platform"))).collect();
        let manifest = Manifest::default();
        let answer = PullAnswer { attempts: vec![(None, Outcome::Found(manifest.clone()))], ..answer };
        let verdict = judge(&manifest, &answer, &image_use("ghcr.io/a/b:1", kind), &nodes, runtime);
        (verdict.as_str(), verdict.cause())
    }

    fn answer(content: Option<Result<Content, Unread>>, config: Option<Result<&str, Unread>>) -> PullAnswer {
        let config = config.map(|config| config.map(|text| text.parse().expect("a platform")));
        PullAnswer { content: content.map(|content| content.map(Arc::new)), config, ..PullAnswer::default() }
    }

    #[test]
    fn every_node_has_to_be_served() {
        let container = |answer, nodes: &[&str]| verdict(ContainerKind::Container, Runtime::Containerd, answer, nodes);
        let both = ["linux/amd64", "linux/arm64"];
        let (passes, platform) = (("pullable", None), Some(Cause::Platform));
        let of = |platforms: &[&str]| answer(Some(Ok(index(platforms))), None);
        assert_eq!(container(of(&both), &both), passes);
        assert_eq!(container(of(&both[..1]), &both), ("unverified", platform));
        assert_eq!(container(of(&["linux/s390x"]), &both), ("fails", platform));
        assert_eq!(container(of(&[]), &both[..1]), ("fails", platform));
        assert_eq!(container(of(&["no platform"]), &both[..1]), ("unverified", platform));
        assert_eq!(container(of(&[]), &[]), passes, "nothing is declared");
        let single = |config| answer(Some(Ok(image(OCI))), config);
        assert_eq!(container(single(Some(Ok("linux/amd64"))), &both[..1]), passes);
        assert_eq!(container(single(Some(Ok("linux/arm64"))), &both[..1]), ("fails", platform));
        assert_eq!(container(single(Some(Ok("linux/arm64"))), &both), ("unverified", platform));
    }

    #[test]
    fn what_was_wanted_and_not_read_is_never_a_pass() {
        let container = |answer, nodes: &[&str]| verdict(ContainerKind::Container, Runtime::Containerd, answer, nodes);
        let cause = |unknown| Some(Cause::Unknown(unknown));
        let limited = ("unverified", cause(Unknown::RateLimited));
        let failed = ("unverified", cause(Unknown::RegistryError));
        let nodes = ["linux/amd64"];
        assert_eq!(container(answer(Some(Err(unread())), None), &nodes), limited);
        assert_eq!(container(answer(None, None), &nodes), failed);
        assert_eq!(container(answer(Some(Ok(image(OCI))), Some(Err(unread()))), &nodes), limited);
        assert_eq!(container(answer(Some(Ok(image(OCI))), None), &nodes), failed);
        assert_eq!(container(answer(Some(Err(unread())), None), &[]), ("pullable", None), "nobody wanted it");
        let volume = verdict(ContainerKind::Volume, Runtime::Containerd, answer(Some(Err(unread())), None), &[]);
        assert_eq!(volume, limited, "it may be an artifact");
    }

    #[test]
    fn an_artifact_is_for_volumes_and_for_crio() {
        let chart = || answer(Some(Ok(image("application/vnd.cncf.helm.config.v1+json"))), None);
        let untyped = || answer(Some(Ok(image(""))), None);
        let cause = Some(Cause::Defect(Defect::NotAnImage));
        let (container, volume) = (ContainerKind::Container, ContainerKind::Volume);
        for runtime in [Runtime::Containerd, Runtime::ContainerdOne, Runtime::Crio] {
            assert_eq!(verdict(container, runtime, chart(), &[]), ("fails", cause), "{runtime:?}");
            assert_eq!(verdict(container, runtime, untyped(), &[]), ("unverified", cause), "{runtime:?}");
        }
        assert_eq!(verdict(volume, Runtime::Containerd, chart(), &["linux/amd64"]), ("unverified", cause));
        assert_eq!(verdict(volume, Runtime::Crio, chart(), &["linux/amd64"]), ("pullable", None));
        let other = answer(Some(Ok(image(OCI))), Some(Ok("linux/arm64")));
        assert_eq!(
            verdict(volume, Runtime::Containerd, other, &["linux/amd64"]),
            ("pullable", None),
            "nothing of it runs"
        );
    }

    #[test]
    fn what_is_named_like_a_chart_is_looked_at() {
        for (text, kind, looked_at) in [
            ("ghcr.io/acme/charts/api:1", ContainerKind::Container, true),
            ("ghcr.io/acme/api:1.9-helm", ContainerKind::Init, true),
            ("ghcr.io/acme/api:1", ContainerKind::Volume, true),
            ("ghcr.io/acme/api:1", ContainerKind::Container, false),
            ("ghcr.io/acme/chartmuseum:v0.16", ContainerKind::Container, false),
            ("ghcr.io/fluxcd/helm-controller:v1", ContainerKind::Container, false),
        ] {
            assert_eq!(may_be_artifact(&image_use(text, kind)), looked_at, "{text}");
        }
    }
}
