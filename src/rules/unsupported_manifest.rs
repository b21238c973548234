//! `unsupported-manifest`: the manifest exists, but the runtime cannot use it.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::image::manifest::ManifestBody;
use crate::image::runtime::Runtime;
use crate::kubelet::probe::Defect;
use crate::kubelet::verdict::fault::{ContentFault, ImagePart};
use crate::kubelet::verdict::{self, Cause};
use crate::resource::workload::ContainerKind;
use crate::rules::engine::meta::Meta;
use crate::rules::selection::attribution::doubt;
use crate::rules::{Context, ImageFacts, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/unsupported-manifest.md")));

/// Reports an image that exists but that the container runtime cannot use.
pub(super) struct UnsupportedManifest;

impl Rule for UnsupportedManifest {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.images().filter_map(|facts| {
            let Some(Cause::Defect(defect)) = facts.judged.verdict.cause() else { return None };
            let (message, help) = words(&facts, defect, cx.settings.cluster.runtime)?;
            let message = message + &doubt(&facts);
            let finding =
                Finding::new(META.id, facts.severity(&META), message, facts.image.text.span, "cannot be used");
            Some(finding.help(help).event(facts.judged.event.clone()).subject(facts.subject()))
        }));
    }
}

fn words(facts: &ImageFacts<'_>, defect: Defect, runtime: Runtime) -> Option<(String, &'static str)> {
    let text = &facts.image.text.value;
    let registry = facts.reference()?.registry();
    Some(match defect {
        Defect::Schema1 => (
            format!("{text:?} has a Docker schema 1 manifest, {}", schema1(runtime)),
            "pull and push it with a current client, or rebuild it",
        ),
        Defect::NotAnImage => (
            format!("{text:?} is not a container image but {}: {}", artifact(facts), not_an_image(facts, runtime)),
            "check the name for typos: a chart and its image often have the same name",
        ),
        Defect::ContentMissing | Defect::ContentMismatch | Defect::BadManifest | Defect::IndexLies => {
            return contents(facts, runtime);
        }
        Defect::Blob => (
            format!("the digest in {text:?} is that of a blob, configuration, or layer, not of a manifest"),
            "use the digest that `crane digest IMAGE:TAG` or `docker buildx imagetools inspect IMAGE:TAG` prints",
        ),
        Defect::TooBig => (
            format!("the manifest of {text:?} exceeds the 4 MiB that containerd reads"),
            "build the image with fewer layers and annotations",
        ),
        Defect::BrokenProxy => (
            format!("{registry} has {text:?} but sends a manifest of 0 bytes"),
            "the registry or a proxy in front of it answers HEAD requests incorrectly: fix it there",
        ),
        Defect::BrokenRegistry => (
            format!("{registry} sends {text:?} with a `Docker-Content-Digest` that is not a digest"),
            "the registry or a proxy in front of it is broken: fix it there",
        ),
    })
}

/// Describes what the manifest is instead of an image, according to its configuration.
fn artifact(facts: &ImageFacts<'_>) -> String {
    let content = facts.judged.answer.as_deref().and_then(|answer| answer.content.as_ref()?.as_ref().ok());
    match content.map(|content| &**content) {
        Some(ManifestBody::Image(image)) if image.config_type.starts_with("application/vnd.cncf.helm.") => {
            "a Helm chart".to_owned()
        }
        Some(ManifestBody::Image(image)) if !image.config_type.is_empty() => {
            format!("another artifact ({})", image.config_type)
        }
        _ => "another artifact".to_owned(),
    }
}

/// Describes what is wrong with the parts that the manifest names.
fn contents(facts: &ImageFacts<'_>, runtime: Runtime) -> Option<(String, &'static str)> {
    const PUSH: &str = "push the image again: the registry lost part of it, or the push was incomplete";
    let text = &facts.image.text.value;
    let registry = facts.reference()?.registry();
    let answer = facts.judged.answer.as_deref()?;
    let manifest = verdict::found_by(answer)?;
    let name = |piece: ImagePart| match piece {
        ImagePart::Manifest => "manifest",
        ImagePart::Child => "manifest of its index",
        ImagePart::Config => "configuration",
        ImagePart::Layer => "layer",
    };
    Some(match verdict::content::fault(manifest, answer, &facts.judged.pull.nodes, runtime)? {
        ContentFault::Missing(piece, digest, _) => {
            (format!("{registry} has {text:?}, but not its {} {digest}", name(piece)), PUSH)
        }
        ContentFault::Mismatch(piece, digest) => (
            format!("{registry} sends content that does not match the {} {digest} of {text:?}", name(piece)),
            "the registry or a proxy in front of it is broken: fix it there",
        ),
        ContentFault::Kind { claimed, is_index, .. } => (
            format!(
                "{registry} sends {text:?} as {claimed:?}, but it is {}",
                if is_index { "an index" } else { "an image, not an index" }
            ),
            "the registry or a proxy in front of it changes the media type: fix it there",
        ),
        ContentFault::Form(piece) => (format!("container runtimes cannot read the {} of {text:?}", name(piece)), PUSH),
        ContentFault::NoConfig => (format!("the manifest of {text:?} has no configuration"), PUSH),
        ContentFault::Empty(digest) => {
            (format!("the manifest of {text:?} refers to content of 0 bytes ({digest})"), PUSH)
        }
        ContentFault::LayerCount(layers, says) => (
            format!("{text:?} has {layers} layers, but its configuration lists {says}: containerd cannot unpack it"),
            "rebuild the image",
        ),
        ContentFault::LayerType => (
            format!("{text:?} has a layer with a media type that containerd before 2.0 does not unpack"),
            "build the image with OCI or Docker layer media types",
        ),
        ContentFault::NestedIndex => (
            format!(
                "the index of {text:?} refers to another index for the node's platform, but CRI-O accepts only an \
                 image"
            ),
            "push an index that lists the images directly",
        ),
        ContentFault::MixedTypes(config) => (
            format!("{text:?} is an OCI manifest with a Docker configuration ({config}), which CRI-O rejects"),
            "rebuild the image; builders do not mix both formats in one image",
        ),
        ContentFault::Platform(node, image) => (
            format!(
                "the index of {text:?} lists an image for {node}, but the image's own configuration says {image}: \
                 the node pulls it, and its container exits at once with `exec format error`"
            ),
            "rebuild the image for that platform: its builder was set to one platform but ran on another",
        ),
    })
}

/// Describes how the runtime reacts to a manifest that is not an image.
fn not_an_image(facts: &ImageFacts<'_>, runtime: Runtime) -> &'static str {
    match (facts.image.container.kind, runtime) {
        (ContainerKind::Volume, _) => "containerd may mount nothing from it; CRI-O mounts artifacts since 1.34",
        (_, Runtime::Crio) => "CRI-O does not start a container from it",
        _ => "containerd ignores the unknown layers, so the container has no command to run",
    }
}

/// Describes how far a runtime still supports schema 1.
const fn schema1(runtime: Runtime) -> &'static str {
    match runtime {
        Runtime::ContainerdOne => "which containerd accepts only up to 1.7 (2.0 must be configured to)",
        Runtime::Crio => "which CRI-O may still convert, but newer runtimes reject",
        _ => "which containerd no longer accepts",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::kubelet::verdict::Verdict;
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::Facts;

    fn flags(verdict: Verdict, runtime: Runtime) -> Vec<Severity> {
        let mut facts = Facts::default();
        facts.settings.cluster.runtime = runtime;
        let pod = facts.pod(PodOrigin::Template);
        facts.image(pod, "nginx:1", verdict);
        facts.check(&UnsupportedManifest).iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn defect_is_an_error_unless_the_runtime_may_accept_it() {
        use Defect::{BrokenProxy, BrokenRegistry, NotAnImage, Schema1, TooBig};
        for defect in [Schema1, NotAnImage, TooBig, BrokenProxy, BrokenRegistry] {
            let fails = Verdict::Fails(Cause::Defect(defect));
            assert_eq!(flags(fails, Runtime::Containerd), [Severity::Error], "{defect:?}");
        }
        for runtime in [Runtime::ContainerdOne, Runtime::Crio] {
            let unverified = Verdict::Unverified(Cause::Defect(Schema1));
            assert_eq!(flags(unverified, runtime), [Severity::Warning], "{runtime:?}");
        }
    }
}
