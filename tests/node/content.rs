//! What registries hold: manifests, configurations and layers that a node can really pull, made from recipes.

use serde_json::{Value, json};

use crate::scenario::{Artifact, Compression, Entry, ImageSet, Images, Recipe};

const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// A manifest and what belongs to it.
#[derive(Debug)]
pub(crate) struct Object {
    media_type: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: String,
    /// What `Content-Type` says.
    pub(crate) content_type: String,
    /// What `Docker-Content-Digest` says.
    pub(crate) digest_header: Option<String>,
    /// HEAD is answered without length.
    pub(crate) no_length: bool,
    /// Configuration and layer, where it is an image's.
    pub(crate) blobs: Vec<Vec<u8>>,
    /// What it lists.
    pub(crate) children: Vec<Object>,
    /// Whether the registry has what it lists.
    with_children: bool,
}

/// The images by `REPOSITORY:TAG`.
pub(crate) fn images(images: &Images) -> Vec<(String, Object)> {
    let listed: Vec<(String, Recipe)> = match images {
        Images::Each(recipes) => recipes.iter().map(|(name, recipe)| (name.clone(), recipe.clone())).collect(),
        Images::Set(ImageSet::Standard) => standard(),
    };
    listed.into_iter().map(|(name, recipe)| (name, Object::of(&recipe))).collect()
}

fn standard() -> Vec<(String, Recipe)> {
    let platforms = || vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()];
    let recipes = [
        ("1", Recipe { docker: Some("a".to_owned()), ..Recipe::default() }),
        ("2", Recipe { oci: Some("b".to_owned()), ..Recipe::default() }),
        ("multi", Recipe { index: Some("m".to_owned()), platforms: platforms(), ..Recipe::default() }),
        ("list", Recipe { list: Some("m".to_owned()), platforms: platforms(), ..Recipe::default() }),
    ];
    recipes.map(|(tag, recipe)| (format!("team/app:{tag}"), recipe)).into()
}

impl Object {
    /// Makes what a recipe says.
    ///
    /// # Panics
    /// It says nothing, or more than one thing.
    pub(crate) fn of(recipe: &Recipe) -> Self {
        let mut object = match recipe {
            Recipe { docker: Some(seed), .. } => image(recipe, seed, false),
            Recipe { oci: Some(seed), .. } => image(recipe, seed, true),
            Recipe { index: Some(seed), .. } => index(&several(recipe, seed, true), OCI_INDEX),
            Recipe { list: Some(seed), .. } => index(&several(recipe, seed, false), DOCKER_LIST),
            Recipe { entries: Some(entries), .. } => index(entries, OCI_INDEX),
            Recipe { artifact: Some(Artifact::Helm), .. } => chart(),
            Recipe { artifact: Some(Artifact::Schema1), .. } => schema1(),
            Recipe { text: Some(text), .. } => Self::new(&recipe.media_type, text.clone().into_bytes()),
            _ => panic!("a recipe says what is made: {recipe:?}"),
        };
        object.content_type = recipe.content_type.clone().unwrap_or(object.content_type);
        object.digest_header = match recipe.digest_header.as_deref() {
            Some("none") => None,
            Some(other) => Some(other.to_owned()),
            None => object.digest_header,
        };
        object.no_length = recipe.no_length;
        object.with_children = !recipe.without_children;
        object
    }

    fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        let digest = digest_of(&bytes);
        Self {
            media_type: media_type.to_owned(),
            bytes,
            content_type: media_type.to_owned(),
            digest_header: Some(digest.clone()),
            digest,
            no_length: false,
            blobs: Vec::new(),
            children: Vec::new(),
            with_children: true,
        }
    }

    fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len()})
    }

    /// The manifest of a digest, of those that the registry has.
    pub(crate) fn find(&self, digest: &str) -> Option<&Self> {
        let below = || self.children.iter().filter(|_| self.with_children).find_map(|child| child.find(digest));
        if self.digest == digest { Some(self) } else { below() }
    }

    /// The configuration or layer of a digest.
    pub(crate) fn blob(&self, digest: &str) -> Option<&[u8]> {
        let own = self.blobs.iter().find(|blob| digest_of(blob) == digest).map(Vec::as_slice);
        own.or_else(|| self.children.iter().filter(|_| self.with_children).find_map(|child| child.blob(digest)))
    }
}

fn image(recipe: &Recipe, seed: &str, is_oci: bool) -> Object {
    let platform = recipe.platform.as_deref().unwrap_or("linux/amd64");
    let (tar, packed) = layer(&format!("{seed} {platform}"), recipe.layer);
    let (config_type, layer_type) = match (is_oci, recipe.layer) {
        (false, _) => {
            ("application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip")
        }
        (true, Compression::Gzip) => {
            ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip")
        }
        (true, Compression::Zstd) => {
            ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+zstd")
        }
    };
    let mut config = platform_of(platform);
    config["config"] = json!({"Cmd": ["/file"]});
    config["rootfs"] = json!({"type": "layers", "diff_ids": [digest_of(&tar)]});
    let config = recipe.config.clone().unwrap_or_else(|| config.to_string()).into_bytes();
    let media_type = if is_oci { OCI } else { DOCKER };
    let layer_type = recipe.layer_type.as_deref().unwrap_or(layer_type);
    manifest(media_type, (config_type, config), (layer_type, packed), recipe)
}

fn manifest(media_type: &str, config: (&str, Vec<u8>), layer: (&str, Vec<u8>), recipe: &Recipe) -> Object {
    let descriptor = |(media_type, blob): &(&str, Vec<u8>)| json!({"mediaType": media_type, "digest": digest_of(blob), "size": blob.len()});
    let mut manifest = json!({"schemaVersion": 2, "config": descriptor(&config), "layers": [descriptor(&layer)]});
    if !recipe.no_media_type {
        manifest["mediaType"] = media_type.into();
    }
    let mut text = manifest.to_string();
    if recipe.padding > 0 {
        text.insert_str(1, &format!(r#""annotations":{{"padding":"{}"}},"#, "x".repeat(recipe.padding)));
    }
    Object { blobs: vec![config.1, layer.1], ..Object::new(media_type, text.into_bytes()) }
}

fn several(recipe: &Recipe, seed: &str, is_oci: bool) -> Vec<Entry> {
    let entry = |platform: &String| {
        let seed = Some(seed.to_owned());
        let (docker, oci) = if is_oci { (None, seed) } else { (seed, None) };
        let image = Recipe { docker, oci, platform: Some(platform.clone()), ..Recipe::default() };
        Entry { image, platform: Some(platform.clone()) }
    };
    recipe.platforms.iter().map(entry).collect()
}

fn index(entries: &[Entry], media_type: &str) -> Object {
    let children: Vec<Object> = entries.iter().map(|entry| Object::of(&entry.image)).collect();
    let descriptor = |(entry, child): (&Entry, &Object)| {
        let mut descriptor = child.descriptor();
        if let Some(platform) = &entry.platform {
            descriptor["platform"] = platform_of(platform);
        }
        descriptor
    };
    let listed: Vec<Value> = entries.iter().zip(&children).map(descriptor).collect();
    let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": listed});
    Object { children, ..Object::new(media_type, index.to_string().into_bytes()) }
}

fn chart() -> Object {
    let config = json!({"name": "chart", "version": "1.0.0", "apiVersion": "v2"}).to_string().into_bytes();
    let (_, packed) = layer("chart", Compression::Gzip);
    let config = ("application/vnd.cncf.helm.config.v1+json", config);
    let layer = ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", packed);
    manifest(OCI, config, layer, &Recipe::default())
}

fn schema1() -> Object {
    let manifest = json!({
        "schemaVersion": 1, "name": "team/app", "tag": "1", "architecture": "amd64", "signatures": [],
        "fsLayers": [{"blobSum": digest_of(b"layer")}], "history": [{"v1Compatibility": "{}"}],
    });
    Object::new(SCHEMA1, manifest.to_string().into_bytes())
}

/// `linux/arm/v7` as it stands in an index and in a configuration.
fn platform_of(platform: &str) -> Value {
    let mut parts = platform.split('/');
    let mut object = json!({"os": parts.next().unwrap_or_default(), "architecture": parts.next().unwrap_or_default()});
    if let Some(variant) = parts.next() {
        object["variant"] = variant.into();
    }
    object
}

/// `sha256:` and the hash.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A tar with one file of its own, and the same packed, without being made smaller.
fn layer(seed: &str, compression: Compression) -> (Vec<u8>, Vec<u8>) {
    let tar = tar("file", &seed.repeat(50));
    let packed = match compression {
        Compression::Gzip => gzip(&tar),
        Compression::Zstd => zstd(&tar),
    };
    (tar, packed)
}

/// POSIX's `ustar`.
fn tar(name: &str, content: &str) -> Vec<u8> {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000755");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{:011o}", content.len()));
    put(136, "00000000000");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\u{0}00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\u{0}").as_bytes());
    let mut tar = header.to_vec();
    tar.extend(content.as_bytes());
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    tar
}

/// RFC 1952, with one stored block of RFC 1951.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a layer of a test is small");
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
    packed.extend(length.to_le_bytes());
    packed.extend((!length).to_le_bytes());
    packed.extend(bytes);
    packed.extend(crc32(bytes).to_le_bytes());
    packed.extend(u32::from(length).to_le_bytes());
    packed
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// RFC 8878: a single segment with its size in two bytes, and one raw block.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a layer of a test is small");
    let mut packed = vec![0x28, 0xb5, 0x2f, 0xfd, 0b0110_0000];
    packed.extend((length - 256).to_le_bytes());
    packed.extend(&(u32::from(length) << 3 | 1).to_le_bytes()[..3]);
    packed.extend(bytes);
    packed
}
