//! Reads manifests and indexes, as leniently as containerd does: one descriptor that is broken does not make the
//! others unreadable.
//!
//! Follows `core/images/image.go` and `core/images/mediatypes.go` of containerd 2.1, and the OCI image specification
//! 1.1. Nothing here is trusted: what is used to build URLs (digests) is validated first.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::platform::Platform;

/// What a manifest holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// An OCI index or Docker manifest list.
    Index(Vec<Entry>),
    /// One image, or an artifact that has the same form.
    Image(Image),
}

/// One manifest of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its digest, where it is one.
    pub digest: Option<String>,
    /// For what it was built; `None` where the index does not say.
    pub platform: Option<Platform>,
}

impl Entry {
    /// Whether it is an attestation that BuildKit stores beside the images: `unknown/unknown`.
    pub fn is_attestation(&self) -> bool {
        self.platform.as_ref().is_some_and(|it| it.os == "unknown" && it.architecture == "unknown")
    }
}

/// A manifest of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Media type of its configuration, which tells an image from an artifact.
    pub config_type: String,
    /// Digest of its configuration, where it is one.
    pub config_digest: Option<String>,
    /// Bytes of configuration and layers, compressed.
    pub size: u64,
}

impl Image {
    /// Whether a runtime takes it for a container image: `IsConfigType` of `core/images/mediatypes.go`.
    pub fn is_container_image(&self) -> bool {
        matches!(
            self.config_type.as_str(),
            "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json"
        )
    }
}

/// Most manifests of an index and most layers of an image that are read; a container image has 127 layers at most.
const MAX_DESCRIPTORS: usize = 10_000;

/// Reads a manifest; `None` where it is none. The media type in the document goes before the registry's word.
pub fn parse(bytes: &[u8]) -> Option<Content> {
    let document: Document<'_> = serde_json::from_slice(bytes).ok()?;
    match (document.manifests, document.config) {
        (Some(manifests), None) => Some(Content::Index(manifests.0.into_iter().map(entry).collect())),
        (None, Some(config)) => Some(Content::Image(image(config, &document.layers.unwrap_or_default()))),
        // Neither, or both, which containerd refuses too (`validateMediaType`).
        _ => None,
    }
}

/// Reads the platform in an image's configuration; `None` where there is none.
pub fn parse_config(bytes: &[u8]) -> Option<Platform> {
    let config: Option<WrittenPlatform> = serde_json::from_slice(bytes).ok();
    config.map(Platform::from).filter(|platform| !platform.architecture.is_empty())
}

/// Whether a text is a digest as go-digest validates it: a known algorithm, its length, lower-case hex.
pub fn is_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else { return false };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Values stay as they are written until each is looked at: 4 MiB of JSON can say two million of them.
#[derive(Deserialize)]
struct Document<'d> {
    #[serde(borrow)]
    manifests: Option<Written<'d>>,
    #[serde(borrow)]
    config: Option<&'d RawValue>,
    #[serde(borrow)]
    layers: Option<Written<'d>>,
}

/// Descriptors that a manifest lists; more than [`MAX_DESCRIPTORS`] are an error, not a shorter list.
#[derive(Default)]
struct Written<'d>(Vec<&'d RawValue>);

impl<'de: 'd, 'd> Deserialize<'de> for Written<'d> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX_DESCRIPTORS} descriptors")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut read = Vec::new();
                while let Some(next) = list.next_element()? {
                    if read.len() == MAX_DESCRIPTORS {
                        return Err(A::Error::invalid_length(read.len() + 1, &self));
                    }
                    read.push(next);
                }
                Ok(read)
            }
        }
        deserializer.deserialize_seq(List).map(Written)
    }
}

#[derive(Deserialize, Default)]
struct Descriptor {
    #[serde(rename = "mediaType", default)]
    media_type: String,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    size: u64,
    platform: Option<WrittenPlatform>,
}

#[derive(Deserialize)]
struct WrittenPlatform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: String,
}

impl From<WrittenPlatform> for Platform {
    fn from(written: WrittenPlatform) -> Self {
        Self { os: written.os, architecture: written.architecture, variant: written.variant }
    }
}

/// What is no descriptor is an empty one.
fn descriptor(written: &RawValue) -> Descriptor {
    serde_json::from_str(written.get()).unwrap_or_default()
}

fn entry(written: &RawValue) -> Entry {
    let descriptor = descriptor(written);
    Entry {
        digest: Some(descriptor.digest).filter(|digest| is_digest(digest)),
        platform: descriptor.platform.map(Platform::from),
    }
}

fn image(config: &RawValue, layers: &Written<'_>) -> Image {
    let config = descriptor(config);
    let size = layers.0.iter().map(|layer| descriptor(layer).size).fold(config.size, u64::saturating_add);
    Image { config_type: config.media_type, config_digest: Some(config.digest).filter(|it| is_digest(it)), size }
}
