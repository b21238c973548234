//! Reads manifests and indexes, as leniently as containerd does: one descriptor that is broken does not make the
//! others unreadable.
//!
//! Follows `core/images/image.go` and `core/images/mediatypes.go` of containerd 2.1, and the OCI image specification
//! 1.1. Nothing here is trusted: what is used to build URLs (digests) is validated first.

use serde::Deserialize;

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

/// Reads a manifest; `None` where it is none. The media type in the document goes before the registry's word.
pub fn parse(bytes: &[u8]) -> Option<Content> {
    let document: Document = serde_json::from_slice(bytes).ok()?;
    match (document.manifests, document.config) {
        (Some(manifests), None) => Some(Content::Index(manifests.into_iter().map(Entry::from).collect())),
        (None, Some(config)) => Some(Content::Image(image(&config, document.layers.unwrap_or_default()))),
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

#[derive(Deserialize)]
struct Document {
    manifests: Option<Vec<Lenient<Descriptor>>>,
    config: Option<Lenient<Descriptor>>,
    layers: Option<Vec<Lenient<Descriptor>>>,
}

/// A value, or something that is none and is passed over.
#[derive(Deserialize)]
#[serde(untagged)]
enum Lenient<T> {
    Read(T),
    Other(serde::de::IgnoredAny),
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

impl From<Lenient<Descriptor>> for Entry {
    fn from(written: Lenient<Descriptor>) -> Self {
        let descriptor = match written {
            Lenient::Read(descriptor) => descriptor,
            Lenient::Other(_) => Descriptor::default(),
        };
        Self {
            digest: Some(descriptor.digest).filter(|digest| is_digest(digest)),
            platform: descriptor.platform.map(Platform::from),
        }
    }
}

fn image(config: &Lenient<Descriptor>, layers: Vec<Lenient<Descriptor>>) -> Image {
    let size = |descriptor: &Lenient<Descriptor>| match descriptor {
        Lenient::Read(descriptor) => descriptor.size,
        Lenient::Other(_) => 0,
    };
    let total = layers.iter().map(size).fold(size(config), u64::saturating_add);
    let (config_type, digest) = match config {
        Lenient::Read(descriptor) => (descriptor.media_type.clone(), Some(descriptor.digest.clone())),
        Lenient::Other(_) => (String::new(), None),
    };
    Image { config_type, config_digest: digest.filter(|digest| is_digest(digest)), size: total }
}
