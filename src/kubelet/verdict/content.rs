//! What the content of an existing manifest means for the nodes that pull it.
//!
//! Which entry of an index a runtime uses is in [`crate::image::platform`]. A manifest of a single image is pulled
//! whatever its platform (containerd `core/images/image.go`, containers/image `internal/image`), and fails when its
//! container starts. An artifact that is not an image also fails at the start under containerd, which leaves out
//! layers that it does not know. Under CRI-O it fails during the pull, except in image volumes
//! (`internal/storage/image.go` of CRI-O).

use std::sync::Arc;

use super::fault::{ContentFault, Examined, Flaw};
use super::{Cause, Verdict};
use crate::image::choose::choose;
use crate::image::manifest::{Entry, Image, ManifestBody, is_index_type};
use crate::image::node::{Fit, Nodes};
use crate::image::platform::Platform;
use crate::image::reference::Reference;
use crate::image::runtime::Runtime;
use crate::kubelet::probe::plan::Depth;
use crate::kubelet::probe::{Defect, Manifest, PullAnswer, Unknown};
use crate::resource::workload::{ContainerKind, ImageText, ImageUse};

/// Segments of a repository's path, and parts of a tag, that suggest a Helm chart.
const CHART_WORDS: [&str; 4] = ["chart", "charts", "helm", "helm-charts"];

/// Whether an image may be another artifact, so that one request to check it is worthwhile: an image that a volume
/// mounts, and one that is named like a chart.
pub fn may_be_artifact(image: &ImageUse) -> bool {
    let ImageText::Reference(reference) = &image.image else { return false };
    image.container.kind == ContainerKind::Volume || is_named_like_chart(reference)
}

fn is_named_like_chart(reference: &Reference) -> bool {
    let tag = reference.tag().unwrap_or_default();
    let mut words = reference.repository().split('/').chain(tag.split(['-', '_', '.', '+']));
    words.any(|word| CHART_WORDS.contains(&word))
}

/// Returns a manifest with the facts from its content. The size of an index is that of the largest image that one of
/// the nodes pulls.
pub fn described(manifest: &Manifest, answer: &PullAnswer, nodes: &[Nodes], runtime: Runtime) -> Manifest {
    let mut manifest = manifest.clone();
    let Some(Ok(content)) = &answer.content else { return manifest };
    match &**content {
        ManifestBody::Index(entries) => {
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
        ManifestBody::Image(image) => {
            manifest.size = size(content);
            let config = answer.config.as_ref().and_then(|config| config.as_ref().ok());
            let platform = config.map(|config| &config.platform).filter(|platform| !platform.architecture.is_empty());
            manifest.platforms = platform.filter(|_| image.is_container_image()).map(|platform| vec![platform.clone()]);
        }
        ManifestBody::Malformed(_) => {}
    }
    manifest
}

fn size(content: &Arc<ManifestBody>) -> Option<u64> {
    match &**content {
        ManifestBody::Image(image) => Some(image.size).filter(|size| *size > 0),
        ManifestBody::Index(_) | ManifestBody::Malformed(_) => None,
    }
}

/// The platforms whose images are measured: those of the nodes. If that is open, linux/amd64 if the nodes can have
/// it.
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

/// The verdict on a manifest that one of the attempts found.
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
    let deep = answer.depth >= Depth::Manifest;
    let wanted = deep || !nodes.is_empty() || may_be_artifact(image) && !is_index;
    match &answer.content {
        Some(Ok(_)) => {}
        Some(Err(unread)) if wanted && unread.defect.is_none() => return unknown(unread.unknown),
        Some(Err(_)) if wanted => {}
        None if wanted => return unknown(Unknown::RegistryError),
        Some(Err(_)) | None => return pullable(),
    }
    let examined = Examined { manifest, answer, runtime };
    if let Some(flaw) = examined.manifest() {
        return fails(&flaw);
    }
    let Some(Ok(content)) = &answer.content else { return pullable() };
    match &**content {
        ManifestBody::Index(entries) => match fits(nodes, |nodes| nodes.fit_index(runtime, entries)) {
            Some(verdict) => verdict,
            // The index has no entry for any node.
            None if entries.iter().all(Entry::is_attestation) => Verdict::Fails(Cause::Platform),
            None => entries_of(&examined, entries, nodes).unwrap_or_else(pullable),
        },
        // An empty index.
        ManifestBody::Malformed(_) => Verdict::Fails(Cause::Platform),
        ManifestBody::Image(image) if !image.is_container_image() => {
            artifact(image, is_volume, runtime).unwrap_or_else(pullable)
        }
        ManifestBody::Image(image) => {
            if let Some(flaw) = examined.image(image).filter(|_| !is_volume || deep) {
                return fails(&flaw);
            }
            // Nothing in a volume is run.
            if is_volume || nodes.is_empty() {
                return pullable();
            }
            match &answer.config {
                Some(Ok(config)) if !config.platform.architecture.is_empty() => {
                    fits(nodes, |nodes| nodes.fit_image(&config.platform)).unwrap_or_else(pullable)
                }
                Some(Err(unread)) => unknown(unread.unknown),
                Some(Ok(_)) | None => unknown(Unknown::RegistryError),
            }
        }
    }
}

/// The fault of a manifest that was found, if the verdict reports one.
pub fn fault(manifest: &Manifest, answer: &PullAnswer, nodes: &[Nodes], runtime: Runtime) -> Option<ContentFault> {
    let examined = Examined { manifest, answer, runtime };
    let flaw = match (examined.manifest(), answer.content.as_ref().and_then(|content| content.as_ref().ok())) {
        (Some(flaw), _) => Some(flaw),
        (None, Some(content)) => match &**content {
            ManifestBody::Index(entries) => {
                looked_at(nodes).find_map(|node| match examined.entry(entries, node.as_ref()) {
                    Some(flaw @ Flaw::Fault(_)) => Some(flaw),
                    _ => None,
                })
            }
            ManifestBody::Image(image) => examined.image(image),
            ManifestBody::Malformed(_) => None,
        },
        (None, None) => None,
    };
    match flaw? {
        Flaw::Fault(fault) => Some(fault),
        Flaw::Unread(_) => None,
    }
}

/// The platforms whose images are checked. If no nodes are known, a final `None` follows, in case the index has nothing
/// for the usual ones.
fn looked_at(nodes: &[Nodes]) -> impl Iterator<Item = Option<Platform>> {
    let unknown = nodes.is_empty();
    sized(nodes).into_iter().map(Some).chain(unknown.then_some(None))
}

/// The verdict on the images that the nodes take from an index; `None` if no fault is known for any.
fn entries_of(examined: &Examined<'_>, entries: &[Entry], nodes: &[Nodes]) -> Option<Verdict> {
    let mut looked_at: Vec<Option<Flaw>> = sized(nodes)
        .iter()
        .filter(|node| choose(examined.runtime, node, entries).is_some())
        .map(|node| examined.entry(entries, Some(node)))
        .collect();
    if looked_at.is_empty() && examined.answer.depth >= Depth::Manifest {
        looked_at.push(examined.entry(entries, None));
    }
    let flaws: Vec<&Flaw> = looked_at.iter().flatten().collect();
    let fault = flaws.iter().find(|flaw| matches!(flaw, Flaw::Fault(_)));
    // Nodes whose platform is open may use another image.
    let certain = !nodes.is_empty() && nodes.iter().all(|nodes| nodes.platform().is_some());
    match (fault, flaws.first()) {
        (Some(fault), _)
            if certain && flaws.len() == looked_at.len() && flaws.iter().all(|flaw| matches!(flaw, Flaw::Fault(_))) =>
        {
            Some(fails(fault))
        }
        (Some(Flaw::Fault(fault)), _) => Some(Verdict::Unverified(Cause::Defect(fault.defect()))),
        (_, Some(flaw)) => Some(fails(flaw)),
        (_, None) => None,
    }
}

fn fails(flaw: &Flaw) -> Verdict {
    match flaw {
        Flaw::Fault(fault) => Verdict::Fails(Cause::Defect(fault.defect())),
        Flaw::Unread(why) => unknown(*why),
    }
}

fn unknown(why: Unknown) -> Verdict {
    Verdict::Unverified(Cause::Unknown(why))
}

/// The verdict if not all nodes are known to fit.
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

/// The verdict on a manifest that is not an image; `None` if a volume can mount it.
fn artifact(image: &Image, is_volume: bool, runtime: Runtime) -> Option<Verdict> {
    let cause = Cause::Defect(Defect::NotAnImage);
    // Early clients wrote no type, or a meaningless one.
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
    use crate::image::manifest::Config;
    use crate::kubelet::probe::{Evidence, Outcome, Unread};
    use crate::resource::workload::{Container, PodId};
    use crate::text::source::{SourceId, Span, Spanned};

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
            built_by: None,
            declared_policy: None,
        }
    }

    fn image(config_type: &str) -> ManifestBody {
        ManifestBody::Image(Image {
            config_type: config_type.to_owned(),
            config_digest: Some("sha256:c".to_owned()),
            size: 7,
            ..Image::default()
        })
    }

    fn index(platforms: &[&str]) -> ManifestBody {
        let entry = |text: &&str| Entry { digest: None, platform: text.parse().ok(), ..Entry::default() };
        ManifestBody::Index(platforms.iter().map(entry).collect())
    }

    fn unread() -> Unread {
        Unread { defect: None, unknown: Unknown::RateLimited, evidence: Evidence::default() }
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

    fn answer(content: Option<Result<ManifestBody, Unread>>, config: Option<Result<&str, Unread>>) -> PullAnswer {
        let read = |text: &str| Config { platform: text.parse().expect("a platform"), diff_ids: 0 };
        let config = config.map(|config| config.map(read));
        PullAnswer { content: content.map(|content| content.map(Arc::new)), config, ..PullAnswer::default() }
    }

    #[test]
    fn image_must_fit_every_declared_platform() {
        let container = |answer, nodes: &[&str]| verdict(ContainerKind::Container, Runtime::Containerd, answer, nodes);
        let both = ["linux/amd64", "linux/arm64"];
        let (passes, platform) = (("pullable", None), Some(Cause::Platform));
        let of = |platforms: &[&str]| answer(Some(Ok(index(platforms))), None);
        assert_eq!(container(of(&both), &both), passes);
        assert_eq!(container(of(&both[..1]), &both), ("unverified", platform));
        assert_eq!(container(of(&["linux/s390x"]), &both), ("fails", platform));
        assert_eq!(container(of(&[]), &both[..1]), ("fails", platform));
        assert_eq!(container(of(&["no platform"]), &both[..1]), ("unverified", platform));
        assert_eq!(container(of(&[]), &[]), ("fails", platform), "there is nothing in it for any node");
        assert_eq!(container(of(&["linux/s390x"]), &[]), passes, "nothing is declared");
        let single = |config| answer(Some(Ok(image(OCI))), config);
        assert_eq!(container(single(Some(Ok("linux/amd64"))), &both[..1]), passes);
        assert_eq!(container(single(Some(Ok("linux/arm64"))), &both[..1]), ("fails", platform));
        assert_eq!(container(single(Some(Ok("linux/arm64"))), &both), ("unverified", platform));
    }

    #[test]
    fn required_content_that_was_not_read_is_unverified() {
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
    fn artifact_is_pullable_only_as_a_volume_with_crio() {
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
    fn chart_like_names_and_volumes_may_be_artifacts() {
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
