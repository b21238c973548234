//! Reads manifests and indexes as leniently as containerd: a broken descriptor does not make the others unreadable.
//!
//! Follows `core/images/image.go` and `core/images/mediatypes.go` of containerd 2.4, and the OCI image specification
//! 1.1. Nothing here is trusted: values that are used to build URLs (digests) are validated first.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::image::platform::Platform;

/// Maximum number of entries in an index. Real ones have a few dozen. To check hundreds of thousands against every
/// node would take minutes, and the parsed index stays in memory to the end of the run.
const MAX_ENTRIES: usize = 250;

/// Maximum length of a platform's parts, in characters: more than any existing one has.
const MAX_PART: usize = 32;

/// The content of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestBody {
    /// An OCI index or Docker manifest list.
    Index(Vec<Entry>),
    /// One image, or an artifact in the same form.
    Image(Image),
    /// JSON that is neither, or both.
    Malformed(Malformed),
}

/// Why JSON is not a valid manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// JSON with the fields of both an index and an image.
    Both,
    /// JSON with the fields of neither an index nor an image.
    Neither,
    /// JSON with the layers of Docker's schema 1.
    Schema1,
}

/// One manifest of an index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The manifest's digest, if valid.
    pub digest: Option<String>,
    /// The platform that it was built for; `None` if the index does not name it.
    pub platform: Option<Platform>,
    /// The media type in the index; empty if missing.
    pub media_type: String,
}

impl Entry {
    /// Whether the entry is an attestation that BuildKit stores beside the images: `unknown/unknown`.
    pub fn is_attestation(&self) -> bool {
        self.platform.as_ref().is_some_and(|platform| platform.os == "unknown" && platform.architecture == "unknown")
    }
}

/// A manifest of one image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    /// Media type of the configuration, which distinguishes an image from an artifact.
    pub config_type: String,
    /// Digest of the configuration, if valid.
    pub config_digest: Option<String>,
    /// Size of the configuration in bytes.
    pub config_size: u64,
    /// The media type in the manifest itself; empty if missing.
    pub media_type: String,
    /// The image's layers; `None` if there are more than any image has.
    pub layers: Option<Vec<Layer>>,
    /// Compressed size of configuration and layers, in bytes.
    pub size: u64,
}

impl Image {
    /// Whether a runtime treats it as a container image: `IsConfigType` of `core/images/mediatypes.go`.
    pub fn is_container_image(&self) -> bool {
        matches!(
            self.config_type.as_str(),
            "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json"
        )
    }
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layer {
    /// The layer's media type, which can be any text.
    pub media_type: String,
    /// The layer's digest, if valid.
    pub digest: Option<String>,
    /// The layer's compressed size in bytes.
    pub size: u64,
    /// Whether the layer is available elsewhere than in the registry.
    pub has_urls: bool,
}

impl Layer {
    /// Whether containerd knows the layer's media type: `IsLayerType` of `core/images/mediatypes.go`.
    pub fn is_known(&self) -> bool {
        self.media_type.starts_with("application/vnd.oci.image.layer.")
            || self.media_type.starts_with("application/vnd.docker.image.rootfs.")
    }
}

/// The relevant fields of an image's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The platform that the image was built for; without architecture if not given.
    pub platform: Platform,
    /// The number of layers according to the configuration.
    pub diff_ids: usize,
}

/// Maximum number of layers that are kept of an image: more than any has.
const MAX_LAYERS: usize = 256;

/// Maximum length of a media type, in characters: more than any has.
const MAX_TYPE: usize = 128;

/// Maximum number of descriptors in a list; a container image has 127 layers at most.
const MAX_DESCRIPTORS: usize = 10_000;

/// Parses a manifest; `None` if it is not one. The kind is determined by the form, not by the media type in it.
pub fn parse(bytes: &[u8]) -> Option<ManifestBody> {
    let document: Document<'_> = object(std::str::from_utf8(bytes).ok()?)?;
    if document.fs_layers.is_some() {
        return Some(ManifestBody::Malformed(Malformed::Schema1));
    }
    match (document.manifests, document.config, document.layers) {
        (Some(manifests), None, None) if manifests.0.len() <= MAX_ENTRIES => {
            Some(ManifestBody::Index(manifests.0.into_iter().map(|entry| Entry::from(descriptor(entry))).collect()))
        }
        // The list has more entries than are read.
        (Some(_), None, None) => None,
        (None, Some(config), layers) => {
            let media_type = document.media_type.map(Lenient::read).unwrap_or_default();
            Some(ManifestBody::Image(image(descriptor(config), &layers.unwrap_or_default(), media_type)))
        }
        // containerd refuses both (`validateMediaType` in `core/images/image.go`).
        (Some(_), ..) => Some(ManifestBody::Malformed(Malformed::Both)),
        (None, None, _) => Some(ManifestBody::Malformed(Malformed::Neither)),
    }
}

/// The media types of indexes.
pub(crate) fn is_index_type(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.docker.distribution.manifest.list.v2+json" | "application/vnd.oci.image.index.v1+json"
    )
}

/// Parses an image's configuration; `None` if it is not one.
pub fn parse_config(bytes: &[u8]) -> Option<Config> {
    let text = std::str::from_utf8(bytes).ok()?;
    let platform: WrittenPlatform = object(text)?;
    let written: WrittenConfig = object(text)?;
    let diff_ids = read(written.rootfs).diff_ids.map_or(0, |ids| read(Some(ids)).len());
    Some(Config { platform: platform.into(), diff_ids })
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

/// Parses an object's fields. serde would also accept a list, value by value, but Go does not.
fn object<'d, T: Deserialize<'d>>(text: &'d str) -> Option<T> {
    let is_object = text.trim_start().starts_with('{');
    is_object.then(|| serde_json::from_str(text).ok()).flatten()
}

/// Unparsed fields of a manifest. Each is parsed only when needed: 4 MiB of JSON can contain two million values.
#[derive(Deserialize)]
struct Document<'d> {
    #[serde(borrow)]
    manifests: Option<Written<'d>>,
    #[serde(borrow)]
    config: Option<&'d RawValue>,
    #[serde(borrow)]
    layers: Option<Written<'d>>,
    #[serde(borrow, rename = "fsLayers")]
    fs_layers: Option<&'d RawValue>,
    #[serde(rename = "mediaType")]
    media_type: Option<Lenient<String>>,
}

/// Descriptors in a manifest. More than [`MAX_DESCRIPTORS`] are an error, not a shorter list.
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

/// A value, or an invalid one that is ignored: one broken field leaves the others readable.
#[derive(Deserialize)]
#[serde(untagged)]
enum Lenient<T> {
    Read(T),
    Other(serde::de::IgnoredAny),
}

impl<T: Default> Lenient<T> {
    fn read(self) -> T {
        match self {
            Self::Read(value) => value,
            Self::Other(_) => T::default(),
        }
    }
}

#[derive(Deserialize, Default)]
struct Descriptor<'d> {
    #[serde(rename = "mediaType")]
    media_type: Option<Lenient<String>>,
    digest: Option<Lenient<String>>,
    size: Option<Lenient<u64>>,
    #[serde(borrow)]
    platform: Option<&'d RawValue>,
    urls: Option<Lenient<Vec<serde::de::IgnoredAny>>>,
}

#[derive(Deserialize)]
struct WrittenConfig {
    rootfs: Option<Lenient<WrittenRootfs>>,
}

#[derive(Deserialize, Default)]
struct WrittenRootfs {
    diff_ids: Option<Lenient<Vec<serde::de::IgnoredAny>>>,
}

#[derive(Deserialize)]
struct WrittenPlatform {
    os: Option<Lenient<String>>,
    architecture: Option<Lenient<String>>,
    variant: Option<Lenient<String>>,
}

fn read<T: Default>(field: Option<Lenient<T>>) -> T {
    field.map(Lenient::read).unwrap_or_default()
}

impl From<WrittenPlatform> for Platform {
    fn from(written: WrittenPlatform) -> Self {
        let part = |field| read::<String>(field).chars().take(MAX_PART).collect();
        Self { os: part(written.os), architecture: part(written.architecture), variant: part(written.variant) }
    }
}

impl From<Descriptor<'_>> for Entry {
    fn from(descriptor: Descriptor<'_>) -> Self {
        Self {
            digest: Some(read(descriptor.digest)).filter(|digest| is_digest(digest)),
            media_type: kept_type(read(descriptor.media_type)),
            platform: descriptor.platform.and_then(|written| object(written.get())).map(WrittenPlatform::into),
        }
    }
}

/// Parses a descriptor; an invalid one is empty.
fn descriptor(written: &RawValue) -> Descriptor<'_> {
    object(written.get()).unwrap_or_default()
}

fn image(config: Descriptor<'_>, layers: &Written<'_>, media_type: String) -> Image {
    let sizes = layers.0.iter().map(|layer| read(descriptor(layer).size));
    let config_size = read(config.size);
    let layer = |written: &&RawValue| {
        let layer = descriptor(written);
        Layer {
            media_type: kept_type(read(layer.media_type)),
            digest: Some(read(layer.digest)).filter(|digest| is_digest(digest)),
            size: read(layer.size),
            has_urls: !read(layer.urls).is_empty(),
        }
    };
    Image {
        size: sizes.fold(config_size, u64::saturating_add),
        config_type: read(config.media_type),
        config_digest: Some(read(config.digest)).filter(|digest| is_digest(digest)),
        config_size,
        media_type: kept_type(media_type),
        layers: (layers.0.len() <= MAX_LAYERS).then(|| layers.0.iter().map(layer).collect()),
    }
}

fn kept_type(media_type: String) -> String {
    if media_type.len() <= MAX_TYPE { media_type } else { media_type.chars().take(MAX_TYPE).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

    fn parsed(document: &Value) -> Option<ManifestBody> {
        parse(document.to_string().as_bytes())
    }

    fn entries(manifests: Value) -> Vec<Entry> {
        match parsed(&json!({"schemaVersion": 2, "manifests": manifests})) {
            Some(ManifestBody::Index(entries)) => entries,
            other => panic!("{other:?}"),
        }
    }

    fn image_of(document: &Value) -> Image {
        match parsed(document) {
            Some(ManifestBody::Image(image)) => image,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn index_entries_have_digests_and_platforms() {
        let found = entries(json!([
            {"digest": DIGEST, "size": 7, "platform": {"os": "linux", "architecture": "arm", "variant": "v7", "os.version": "1"}},
            {"digest": DIGEST, "platform": {"os": "unknown", "architecture": "unknown"}},
            {"digest": DIGEST},
        ]));
        let platform = Some(Platform::new("linux", "arm", "v7"));
        assert_eq!(found[0], Entry { digest: Some(DIGEST.to_owned()), platform, ..Entry::default() });
        assert_eq!(found.iter().map(Entry::is_attestation).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(found[2].platform, None);
        assert_eq!(entries(json!([])), []);
    }

    #[test]
    fn one_broken_field_leaves_the_others_readable() {
        let amd64 = json!({"os": "linux", "architecture": "amd64"});
        let platform = Some(Platform::new("linux", "amd64", ""));
        let found = entries(json!([
            {"digest": "sha256:../../x", "size": "large", "platform": amd64},
            {"digest": 7, "mediaType": null, "platform": {"os": null, "architecture": 7, "variant": []}},
            {"digest": DIGEST, "platform": null},
            {"digest": DIGEST, "platform": "linux/amd64"},
            {"digest": DIGEST, "platform": ["linux", "amd64", ""]},
            [null, DIGEST, 7, amd64],
            "nothing",
            null,
            {"digest": DIGEST, "size": -1, "platform": amd64},
        ]));
        assert_eq!(found[0], Entry { digest: None, platform: platform.clone(), ..Entry::default() });
        assert_eq!(found[1], Entry { digest: None, platform: Some(Platform::new("", "", "")), ..Entry::default() });
        assert_eq!(found[2], Entry { digest: Some(DIGEST.to_owned()), platform: None, ..Entry::default() });
        assert_eq!((&found[3], &found[4], found.len()), (&found[2], &found[2], 9));
        assert_eq!(found[5], Entry { digest: None, platform: None, ..Entry::default() }, "a list is no descriptor");
        assert_eq!(found[8].platform, platform);
    }

    #[test]
    fn image_size_is_the_sum_of_config_and_layers() {
        let document = json!({
            "config": {"mediaType": OCI_CONFIG, "digest": DIGEST, "size": 5},
            "layers": [{"size": 10}, {"size": "many"}, {"digest": DIGEST, "size": 20}],
        });
        let layer = |digest: Option<&str>, size| Layer { digest: digest.map(str::to_owned), size, ..Layer::default() };
        let expected = Image {
            config_type: OCI_CONFIG.to_owned(),
            config_digest: Some(DIGEST.to_owned()),
            config_size: 5,
            layers: Some(vec![layer(None, 10), layer(None, 0), layer(Some(DIGEST), 20)]),
            size: 35,
            ..Image::default()
        };
        assert_eq!(image_of(&document), expected);
        assert!(expected.is_container_image());
        let layer = json!({"size": u64::MAX});
        assert_eq!(image_of(&json!({"config": {}, "layers": [layer, layer]})).size, u64::MAX);
        assert_eq!(image_of(&json!({"config": {}, "layers": null, "manifests": null})).size, 0);
    }

    #[test]
    fn artifact_is_not_a_container_image() {
        for (config_type, is_image) in [
            (OCI_CONFIG, true),
            ("application/vnd.docker.container.image.v1+json", true),
            ("application/vnd.cncf.helm.config.v1+json", false),
            ("application/vnd.oci.empty.v1+json", false),
            ("", false),
        ] {
            let image = image_of(&json!({"config": {"mediaType": config_type, "digest": "bad"}}));
            assert_eq!((image.is_container_image(), image.config_digest), (is_image, None), "{config_type}");
        }
    }

    #[test]
    fn manifest_must_be_either_an_image_or_an_index() {
        for (document, malformed) in [
            (json!({}), Malformed::Neither),
            (json!({"schemaVersion": 2}), Malformed::Neither),
            (json!({"layers": []}), Malformed::Neither),
            (json!({"manifests": [], "config": {}}), Malformed::Both),
            (json!({"manifests": [], "layers": []}), Malformed::Both),
            (json!({"fsLayers": []}), Malformed::Schema1),
        ] {
            assert_eq!(parsed(&document), Some(ManifestBody::Malformed(malformed)), "{document}");
        }
        for document in [
            json!([]),
            json!([[], null, null]),
            json!(null),
            json!({"manifests": "many"}),
            json!({"manifests": vec![json!({}); MAX_ENTRIES + 1]}),
        ] {
            assert_eq!(parsed(&document), None, "{:.80}", document.to_string());
        }
        let deep = format!("{{\"manifests\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(
            parse(deep.as_bytes()),
            Some(ManifestBody::Index(vec![Entry { digest: None, platform: None, ..Entry::default() }]))
        );
        assert_eq!(parse(b"<html>"), None);
    }

    #[test]
    fn image_config_has_platform_and_layer_count() {
        let config = |document: Value| parse_config(document.to_string().as_bytes()).map(|config| config.platform);
        let named = json!({"architecture": "arm64", "os": "linux", "variant": "v8", "rootfs": {}});
        assert_eq!(config(named), Some(Platform::new("linux", "arm64", "v8")));
        assert_eq!(config(json!({"architecture": "amd64", "os": null})), Some(Platform::new("", "amd64", "")));
        for nothing in [json!({}), json!({"os": "linux"}), json!({"architecture": 7})] {
            assert_eq!(config(nothing.clone()).map(|platform| platform.architecture), Some(String::new()), "{nothing}");
        }
        assert_eq!(config(json!(["linux", "amd64", ""])), None);
        let layers = |rootfs: Value| parse_config(json!({"rootfs": rootfs}).to_string().as_bytes()).unwrap().diff_ids;
        assert_eq!(layers(json!({"diff_ids": ["a", 7, null]})), 3);
        assert_eq!([layers(json!({})), layers(json!(null)), layers(json!({"diff_ids": "many"}))], [0, 0, 0]);
        let long = config(json!({"architecture": "x".repeat(1 << 20)}));
        assert_eq!(long.map(|platform| platform.architecture.len()), Some(MAX_PART));
    }

    #[test]
    fn digests_are_validated_as_in_go_digest() {
        let hex = |length: usize| "0a".repeat(length / 2);
        for (text, valid) in [
            (DIGEST.to_owned(), true),
            (format!("sha384:{}", hex(96)), true),
            (format!("sha512:{}", hex(128)), true),
            (DIGEST.to_uppercase(), false),
            (format!("sha256:{}", hex(62)), false),
            (format!("md5:{}", hex(32)), false),
            ("sha256:".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(is_digest(&text), valid, "{text}");
        }
    }
}
