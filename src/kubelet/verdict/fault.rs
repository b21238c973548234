//! Faults of an existing manifest that appear only during the pull: content that it names is missing, or does not
//! match.
//!
//! Follows the handlers of containerd 2.4 (`core/images/image.go`, `core/remotes/handlers.go`,
//! `core/unpack/unpacker.go`), the differences in 1.7 (`images/image.go`, `unpacker.go`), and containers/image 5.42
//! for CRI-O (`internal/image`, `manifest/{common,docker_schema2,oci}.go`).

use crate::image::choose::choose;
use crate::image::manifest::{Entry, Image, Malformed, ManifestBody, is_index_type};
use crate::image::platform::Platform;
use crate::image::platform::runs;
use crate::image::runtime::Runtime;
use crate::kubelet::probe::plan::Depth;
use crate::kubelet::probe::{Defect, Manifest, Outcome, PullAnswer, Unknown, Unread};

/// A fault, for the finding's message and for the runtime's error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentFault {
    /// The registry does not have the content with this digest and this media type.
    Missing(ImagePart, String, String),
    /// The registry sends bytes that do not match the digest.
    Mismatch(ImagePart, String),
    /// A manifest where an index was named, or the other way round. `claimed` is its media type.
    Kind {
        /// The manifest's digest, `algorithm:hex`.
        digest: String,
        /// The media type by which the manifest is known.
        claimed: String,
        /// Whether the content is an index.
        is_index: bool,
    },
    /// The content is not JSON, or not of a known form.
    Form(ImagePart),
    /// The manifest names no configuration.
    NoConfig,
    /// The manifest names content of 0 bytes, with this digest.
    Empty(String),
    /// The manifest's number of layers, and the different number in its configuration.
    LayerCount(usize, usize),
    /// The image has layers of a media type that containerd does not unpack.
    LayerType,
    /// An index within an index, which CRI-O does not accept.
    NestedIndex,
    /// A Docker configuration in an OCI manifest, which CRI-O does not accept.
    MixedTypes(String),
    /// The image's platform in the index, and the different one in the image's configuration.
    Platform(Platform, Platform),
}

/// A part of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImagePart {
    /// The manifest with the requested tag or digest.
    Manifest,
    /// A manifest that an index names.
    Child,
    /// The configuration of an image.
    Config,
    /// A layer of an image.
    Layer,
}

/// A reason why a pull may fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A fault that the nodes will see as well.
    Fault(ContentFault),
    /// The content could not be read.
    Unread(Unknown),
}

impl ContentFault {
    /// The defect that the fault is reported as.
    pub const fn defect(&self) -> Defect {
        match self {
            Self::Missing(..) => Defect::ContentMissing,
            Self::Mismatch(..) => Defect::ContentMismatch,
            Self::Platform(..) => Defect::IndexLies,
            _ => Defect::BadManifest,
        }
    }
}

/// An image with all its answers, to be examined.
pub(super) struct Examined<'a> {
    /// The manifest that was found.
    pub(super) manifest: &'a Manifest,
    /// All answers about the image.
    pub(super) answer: &'a PullAnswer,
    /// The runtime whose rules apply.
    pub(super) runtime: Runtime,
}

impl Examined<'_> {
    /// The flaw of the manifest itself, whatever the nodes.
    pub(super) fn manifest(&self) -> Option<Flaw> {
        let digest = self.manifest.digest.clone().unwrap_or_default();
        let content = match self.answer.content.as_ref()? {
            Ok(content) => content,
            Err(unread) => {
                let media_type = self.manifest.media_type.as_deref().unwrap_or_default();
                return Some(flaw(unread, ImagePart::Manifest, &digest, media_type));
            }
        };
        let claimed = self.manifest.media_type.as_deref().unwrap_or_default();
        form(self.runtime, content, claimed, &digest, ImagePart::Manifest).map(Flaw::Fault)
    }

    /// The flaw of a single image.
    pub(super) fn image(&self, image: &Image) -> Option<Flaw> {
        let claimed = self.manifest.media_type.as_deref().unwrap_or_default();
        if self.answer.depth < Depth::Manifest {
            let config = image.config_digest.as_deref()?;
            let unread = self.answer.config_at(config)?.as_ref().err()?;
            return Some(flaw(unread, ImagePart::Config, config, &image.config_type));
        }
        self.contents(image, claimed, None)
    }

    /// The flaw of the image of an index that a node takes, or of the first one if no node is known.
    pub(super) fn entry(&self, entries: &[Entry], node: Option<&Platform>) -> Option<Flaw> {
        let chosen = match node {
            Some(node) => choose(self.runtime, node, entries),
            None => entries.iter().find(|entry| !entry.is_attestation()),
        };
        self.child(chosen?, node, true)
    }

    fn child(&self, entry: &Entry, node: Option<&Platform>, follow: bool) -> Option<Flaw> {
        let digest = entry.digest.as_deref()?;
        if self.runtime == Runtime::Crio && is_index_type(&entry.media_type) {
            return Some(Flaw::Fault(ContentFault::NestedIndex));
        }
        let missing =
            || Flaw::Fault(ContentFault::Missing(ImagePart::Child, digest.to_owned(), entry.media_type.clone()));
        match self.answer.child(digest) {
            Some(Outcome::Absent(_)) => return Some(missing()),
            Some(Outcome::Denied(..)) => return Some(Flaw::Unread(Unknown::RegistryError)),
            Some(Outcome::Unknown(unknown, _)) => return Some(Flaw::Unread(*unknown)),
            Some(Outcome::Found(found)) => {
                let is_index = found.media_type.as_deref().is_some_and(is_index_type);
                let nested = self.runtime == Runtime::Crio && is_index;
                return nested.then_some(Flaw::Fault(ContentFault::NestedIndex));
            }
            None => {}
        }
        let part = match self.answer.part(digest) {
            Some(Ok(part)) => part,
            Some(Err(unread)) => return Some(flaw(unread, ImagePart::Child, digest, &entry.media_type)),
            None if self.answer.depth >= Depth::Manifest => return Some(Flaw::Unread(Unknown::RegistryError)),
            None => return None,
        };
        if self.answer.depth < Depth::Manifest {
            return None;
        }
        if let Some(fault) = form(self.runtime, part, &entry.media_type, digest, ImagePart::Child) {
            return Some(Flaw::Fault(fault));
        }
        match &**part {
            ManifestBody::Image(image) => self.contents(image, &entry.media_type, node),
            ManifestBody::Index(_) if self.runtime == Runtime::Crio => Some(Flaw::Fault(ContentFault::NestedIndex)),
            ManifestBody::Index(entries) if follow => {
                let chosen = node.and_then(|node| choose(self.runtime, node, entries));
                chosen.and_then(|entry| self.child(entry, node, false))
            }
            ManifestBody::Index(_) | ManifestBody::Malformed(_) => None,
        }
    }

    /// The flaw in the contents of one image.
    fn contents(&self, image: &Image, claimed: &str, node: Option<&Platform>) -> Option<Flaw> {
        if let Some(fault) = self.declared(image, claimed) {
            return Some(Flaw::Fault(fault));
        }
        if !image.is_container_image() {
            return None;
        }
        let config_digest = image.config_digest.as_deref().unwrap_or_default();
        match self.answer.config_at(config_digest) {
            None => return Some(Flaw::Unread(Unknown::RegistryError)),
            Some(Err(unread)) => return Some(flaw(unread, ImagePart::Config, config_digest, &image.config_type)),
            Some(Ok(config)) => {
                if let (Some(layers), true) = (image.layers.as_deref(), self.runtime.is_containerd()) {
                    if layers.len() != config.diff_ids {
                        return Some(Flaw::Fault(ContentFault::LayerCount(layers.len(), config.diff_ids)));
                    }
                    if self.runtime == Runtime::ContainerdOne && layers.iter().any(|layer| !layer.is_known()) {
                        return Some(Flaw::Fault(ContentFault::LayerType));
                    }
                }
                let says = !config.platform.architecture.is_empty();
                if let Some(node) = node.filter(|node| says && !runs(node, &config.platform)) {
                    return Some(Flaw::Fault(ContentFault::Platform(node.clone(), config.platform.clone())));
                }
            }
        }
        if self.answer.depth == Depth::Layers { self.layers(image) } else { None }
    }

    /// The fault in the manifest's own fields.
    fn declared(&self, image: &Image, claimed: &str) -> Option<ContentFault> {
        let is_docker = image.config_type == "application/vnd.docker.container.image.v1+json";
        if self.runtime == Runtime::Crio {
            let is_oci = claimed == "application/vnd.oci.image.manifest.v1+json";
            return (is_oci && is_docker).then(|| ContentFault::MixedTypes(image.config_type.clone()));
        }
        let config = image.config_digest.as_deref();
        if config.is_none() {
            return Some(ContentFault::NoConfig);
        }
        let layers = image.layers.iter().flatten().map(|layer| (layer.size, layer.digest.as_deref()));
        let mut all = std::iter::once((image.config_size, config)).chain(layers);
        let (_, digest) = all.find(|(size, _)| *size == 0)?;
        Some(ContentFault::Empty(digest.unwrap_or_default().to_owned()))
    }

    fn layers(&self, image: &Image) -> Option<Flaw> {
        let Some(layers) = &image.layers else { return Some(Flaw::Unread(Unknown::RegistryError)) };
        let mut unread = None;
        for layer in layers {
            let Some(digest) = layer.digest.as_deref() else {
                return Some(Flaw::Fault(ContentFault::Form(ImagePart::Layer)));
            };
            match self.answer.layer(digest) {
                Some(Ok(())) => {}
                // The layer may be available elsewhere.
                Some(Err(_)) | None if layer.has_urls => unread = Some(Flaw::Unread(Unknown::RegistryError)),
                Some(Err(why)) => match flaw(why, ImagePart::Layer, digest, &layer.media_type) {
                    fault @ Flaw::Fault(_) => return Some(fault),
                    other => unread = Some(other),
                },
                None => unread = Some(Flaw::Unread(Unknown::RegistryError)),
            }
        }
        unread
    }
}

/// The flaw for content that could not be read.
fn flaw(unread: &Unread, piece: ImagePart, digest: &str, media_type: &str) -> Flaw {
    let digest = digest.to_owned();
    match unread.defect {
        Some(Defect::ContentMissing) => Flaw::Fault(ContentFault::Missing(piece, digest, media_type.to_owned())),
        Some(Defect::ContentMismatch) => Flaw::Fault(ContentFault::Mismatch(piece, digest)),
        Some(_) => Flaw::Fault(ContentFault::Form(piece)),
        None => Flaw::Unread(unread.unknown),
    }
}

/// `validateMediaType` of containerd, and CRI-O's checks for the same.
fn form(
    runtime: Runtime,
    content: &ManifestBody,
    claimed: &str,
    digest: &str,
    piece: ImagePart,
) -> Option<ContentFault> {
    let kind = |is_index| ContentFault::Kind { digest: digest.to_owned(), claimed: claimed.to_owned(), is_index };
    match content {
        ManifestBody::Malformed(Malformed::Schema1) => Some(ContentFault::Form(piece)),
        ManifestBody::Malformed(Malformed::Both) => Some(kind(!is_index_type(claimed))),
        ManifestBody::Malformed(Malformed::Neither) if is_index_type(claimed) => None,
        ManifestBody::Malformed(Malformed::Neither) if runtime == Runtime::Crio => Some(ContentFault::Form(piece)),
        ManifestBody::Malformed(Malformed::Neither) => Some(ContentFault::NoConfig),
        ManifestBody::Index(_) if claimed.is_empty() || is_index_type(claimed) => None,
        ManifestBody::Index(_) => Some(kind(true)),
        ManifestBody::Image(_) if is_index_type(claimed) => Some(kind(false)),
        ManifestBody::Image(image) if !claimed.is_empty() && is_index_type(&image.media_type) => Some(kind(true)),
        ManifestBody::Image(_) => None,
    }
}
