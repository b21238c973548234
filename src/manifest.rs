//! Reads manifests and indexes, as leniently as containerd does: one descriptor that is broken does not make the
//! others unreadable.
//!
//! Follows `core/images/image.go` and `core/images/mediatypes.go` of containerd 2.4, and the OCI image specification
//! 1.1. Nothing here is trusted: what is used to build URLs (digests) is validated first.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::platform::Platform;

/// Entries that an index may have. Real ones have a few dozen; to hold hundreds of thousands against every node would
/// take minutes, and what was read stays in memory to the end of the run.
const MAX_ENTRIES: usize = 250;

/// What is kept of the parts of a platform, in characters: more than any has that there is.
const MAX_PART: usize = 32;

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

/// Most descriptors that a list holds; a container image has 127 layers at most.
const MAX_DESCRIPTORS: usize = 10_000;

/// Reads a manifest; `None` where it is none. Its form decides what it is, and not the media type that it names.
pub fn parse(bytes: &[u8]) -> Option<Content> {
    let document: Document<'_> = object(std::str::from_utf8(bytes).ok()?)?;
    match (document.manifests, document.config, document.layers) {
        (Some(manifests), None, None) if manifests.0.len() <= MAX_ENTRIES => {
            Some(Content::Index(manifests.0.into_iter().map(|it| Entry::from(descriptor(it))).collect()))
        }
        (None, Some(config), layers) => Some(Content::Image(image(descriptor(config), &layers.unwrap_or_default()))),
        // Neither, or both, which containerd refuses too (`validateMediaType`).
        _ => None,
    }
}

/// The media types of indexes.
pub(crate) fn is_index_type(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.docker.distribution.manifest.list.v2+json" | "application/vnd.oci.image.index.v1+json"
    )
}

/// Reads the platform in an image's configuration; `None` where there is none.
pub fn parse_config(bytes: &[u8]) -> Option<Platform> {
    let config: Option<WrittenPlatform> = std::str::from_utf8(bytes).ok().and_then(object);
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

/// An object's fields. serde would take a list for one too, value by value, and Go does not.
fn object<'d, T: Deserialize<'d>>(text: &'d str) -> Option<T> {
    let is_object = text.trim_start().starts_with('{');
    is_object.then(|| serde_json::from_str(text).ok()).flatten()
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

/// A value, or something that is none and is passed over: one broken field leaves the others readable.
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
            platform: descriptor.platform.and_then(|written| object(written.get())).map(WrittenPlatform::into),
        }
    }
}

/// What is no descriptor is an empty one.
fn descriptor(written: &RawValue) -> Descriptor<'_> {
    object(written.get()).unwrap_or_default()
}

fn image(config: Descriptor<'_>, layers: &Written<'_>) -> Image {
    let sizes = layers.0.iter().map(|layer| read(descriptor(layer).size));
    Image {
        size: sizes.fold(read(config.size), u64::saturating_add),
        config_type: read(config.media_type),
        config_digest: Some(read(config.digest)).filter(|digest| is_digest(digest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

    fn parsed(document: &Value) -> Option<Content> {
        parse(document.to_string().as_bytes())
    }

    fn entries(manifests: Value) -> Vec<Entry> {
        match parsed(&json!({"schemaVersion": 2, "manifests": manifests})) {
            Some(Content::Index(entries)) => entries,
            other => panic!("{other:?}"),
        }
    }

    fn image_of(document: &Value) -> Image {
        match parsed(document) {
            Some(Content::Image(image)) => image,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_index_lists_what_it_is_for() {
        let found = entries(json!([
            {"digest": DIGEST, "size": 7, "platform": {"os": "linux", "architecture": "arm", "variant": "v7", "os.version": "1"}},
            {"digest": DIGEST, "platform": {"os": "unknown", "architecture": "unknown"}},
            {"digest": DIGEST},
        ]));
        let platform = Some(Platform::new("linux", "arm", "v7"));
        assert_eq!(found[0], Entry { digest: Some(DIGEST.to_owned()), platform });
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
        assert_eq!(found[0], Entry { digest: None, platform: platform.clone() });
        assert_eq!(found[1], Entry { digest: None, platform: Some(Platform::new("", "", "")) });
        assert_eq!(found[2], Entry { digest: Some(DIGEST.to_owned()), platform: None });
        assert_eq!((&found[3], &found[4], found.len()), (&found[2], &found[2], 9));
        assert_eq!(found[5], Entry { digest: None, platform: None }, "a list is no descriptor");
        assert_eq!(found[8].platform, platform);
    }

    #[test]
    fn an_image_is_as_large_as_its_parts() {
        let document = json!({
            "config": {"mediaType": OCI_CONFIG, "digest": DIGEST, "size": 5},
            "layers": [{"size": 10}, {"size": "many"}, {"digest": DIGEST, "size": 20}],
        });
        let expected = Image { config_type: OCI_CONFIG.to_owned(), config_digest: Some(DIGEST.to_owned()), size: 35 };
        assert_eq!(image_of(&document), expected);
        assert!(expected.is_container_image());
        let layer = json!({"size": u64::MAX});
        assert_eq!(image_of(&json!({"config": {}, "layers": [layer, layer]})).size, u64::MAX);
        assert_eq!(image_of(&json!({"config": {}, "layers": null, "manifests": null})).size, 0);
    }

    #[test]
    fn an_artifact_is_no_image() {
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
    fn what_is_neither_or_both_is_no_manifest() {
        for document in [
            json!({}),
            json!([]),
            json!([[], null, null]),
            json!(null),
            json!({"schemaVersion": 2}),
            json!({"manifests": [], "config": {}}),
            json!({"manifests": [], "layers": []}),
            json!({"manifests": "many"}),
            json!({"manifests": vec![json!({}); MAX_ENTRIES + 1]}),
        ] {
            assert_eq!(parsed(&document), None, "{:.80}", document.to_string());
        }
        let deep = format!("{{\"manifests\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(parse(deep.as_bytes()), Some(Content::Index(vec![Entry { digest: None, platform: None }])));
        assert_eq!(parse(b"<html>"), None);
    }

    #[test]
    fn a_configuration_names_the_platform() {
        let config = |document: Value| parse_config(document.to_string().as_bytes());
        let named = json!({"architecture": "arm64", "os": "linux", "variant": "v8", "rootfs": {}});
        assert_eq!(config(named), Some(Platform::new("linux", "arm64", "v8")));
        assert_eq!(config(json!({"architecture": "amd64", "os": null})), Some(Platform::new("", "amd64", "")));
        for nothing in [json!({}), json!({"os": "linux"}), json!({"architecture": 7}), json!(["linux", "amd64", ""])] {
            assert_eq!(config(nothing.clone()), None, "{nothing}");
        }
        let long = config(json!({"architecture": "x".repeat(1 << 20)}));
        assert_eq!(long.map(|platform| platform.architecture.len()), Some(MAX_PART));
    }

    #[test]
    fn digests_are_as_go_digest_takes_them() {
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
