//! A scripted repository: images, indexes and what stands in their place.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::access::Access;
use crate::answer::Answer;

/// Media types of the field.
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// One repository.
#[derive(Debug, Default)]
pub struct RepositoryScript {
    /// By tag and by digest.
    pub(crate) manifests: BTreeMap<String, ManifestScript>,
    /// By digest.
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    pub(crate) access: Access,
    /// Sent with every manifest.
    pub(crate) headers: Vec<(String, String)>,
    /// Instead of the tags of the manifests.
    pub(crate) tags: Option<Vec<String>>,
    /// Tags per page, 0 for all.
    pub(crate) page: usize,
}

/// A manifest, or what stands in its place.
#[derive(Debug, Clone)]
pub(crate) enum ManifestScript {
    Content {
        media_type: String,
        digest: String,
        bytes: Vec<u8>,
    },
    Answer(Answer),
    /// 401 with this scheme, whatever is sent.
    Challenge(Access),
}

impl RepositoryScript {
    /// Adds a single-platform image for linux/amd64.
    pub fn image(&mut self, tag: &str) -> &mut Self {
        self.image_for(tag, "linux/amd64", LAYER)
    }

    /// Adds a single-platform image with its configuration, whose layers have `size` bytes.
    pub fn image_for(&mut self, tag: &str, platform: &str, size: u64) -> &mut Self {
        let mut config = platform_object(platform);
        config["history"] = serde_json::json!([{"comment": tag}]);
        let config = config.to_string().into_bytes();
        let digest = digest_of(&config);
        let body = serde_json::json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": digest, "size": config.len()},
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", tag, size)],
        });
        self.blobs.insert(digest, config);
        self.manifest(tag, OCI_MANIFEST, body.to_string())
    }

    /// Adds an index with one image per platform, `linux/arm/v7`; `-` is an entry without one.
    pub fn index(&mut self, tag: &str, platforms: &[&str]) -> &mut Self {
        self.index_of(tag, platforms, LAYER)
    }

    /// The same with images whose layers have `size` bytes.
    pub fn index_of(&mut self, tag: &str, platforms: &[&str], size: u64) -> &mut Self {
        let mut entries = Vec::new();
        for platform in platforms {
            let mut entry = self.image_only(&format!("{tag} {platform}"), platform, size);
            if *platform != "-" {
                entry["platform"] = platform_object(platform);
            }
            entries.push(entry);
        }
        let body = serde_json::json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
        self.manifest(tag, OCI_INDEX, body.to_string())
    }

    /// Adds an artifact, a Helm chart: a manifest whose configuration is not an image's.
    pub fn artifact(&mut self, tag: &str) -> &mut Self {
        let body = serde_json::json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": descriptor("application/vnd.cncf.helm.config.v1+json", tag, 300),
            "layers": [descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", tag, 20_000)],
        });
        self.manifest(tag, OCI_MANIFEST, body.to_string())
    }

    /// Adds a Docker schema 1 manifest.
    pub fn schema1(&mut self, tag: &str) -> &mut Self {
        self.manifest(tag, SCHEMA1, r#"{"schemaVersion":1,"signatures":[]}"#)
    }

    /// Adds a manifest under a tag (and its digest), or under a digest as it is written.
    pub fn manifest(&mut self, target: &str, media_type: &str, bytes: impl Into<Vec<u8>>) -> &mut Self {
        let bytes = bytes.into();
        let digest = if target.contains(':') { target.to_owned() } else { digest_of(&bytes) };
        let content = ManifestScript::Content { media_type: media_type.to_owned(), digest: digest.clone(), bytes };
        self.manifests.insert(digest, content.clone());
        self.manifests.insert(target.to_owned(), content);
        self
    }

    /// What a tag or digest answers to those that may read the repository.
    pub fn answer(&mut self, target: &str, answer: Answer) -> &mut Self {
        self.manifests.insert(target.to_owned(), ManifestScript::Answer(answer));
        self
    }

    /// Refuses a tag or digest to everyone with this challenge.
    pub fn challenge(&mut self, target: &str, access: Access) -> &mut Self {
        self.manifests.insert(target.to_owned(), ManifestScript::Challenge(access));
        self
    }

    /// Sends a header with every manifest.
    pub fn header(&mut self, name: &str, value: &str) -> &mut Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Who may read.
    pub fn access(&mut self, access: Access) -> &mut Self {
        self.access = access;
        self
    }

    /// The tag list, instead of the tags that there are.
    pub fn tags<'t>(&mut self, tags: impl IntoIterator<Item = &'t str>) -> &mut Self {
        self.tags = Some(tags.into_iter().map(str::to_owned).collect());
        self
    }

    /// Hands the tag list out in pages of this size, with `Link` headers.
    pub fn page(&mut self, size: usize) -> &mut Self {
        self.page = size;
        self
    }

    /// The digest of a tag.
    pub fn digest(&self, tag: &str) -> Option<&str> {
        match self.manifests.get(tag)? {
            ManifestScript::Content { digest, .. } => Some(digest),
            _ => None,
        }
    }

    /// The tags that `tags/list` shows.
    pub(crate) fn tag_list(&self) -> Vec<String> {
        let served = |(name, manifest): (&String, &ManifestScript)| {
            (!name.contains(':') && matches!(manifest, ManifestScript::Content { .. })).then(|| name.clone())
        };
        self.tags.clone().unwrap_or_else(|| self.manifests.iter().filter_map(served).collect())
    }

    /// Media type, digest and bytes of the manifest at a tag or digest.
    pub fn content(&self, target: &str) -> Option<(&str, &str, &[u8])> {
        match self.manifests.get(target)? {
            ManifestScript::Content { media_type, digest, bytes } => Some((media_type, digest, bytes)),
            _ => None,
        }
    }

    /// Adds a blob, and returns its digest.
    pub fn hold(&mut self, bytes: impl Into<Vec<u8>>) -> String {
        let bytes = bytes.into();
        let digest = digest_of(&bytes);
        self.blobs.insert(digest.clone(), bytes);
        digest
    }

    /// The bytes of a blob.
    pub fn blob(&self, digest: &str) -> Option<&[u8]> {
        self.blobs.get(digest).map(Vec::as_slice)
    }

    /// Lets a tag lead to a digest as it is written, whatever the bytes there have.
    pub fn at(&mut self, tag: &str, digest: &str) -> &mut Self {
        self.image(digest);
        if let Some(content) = self.manifests.get(digest).cloned() {
            self.manifests.insert(tag.to_owned(), content);
        }
        self
    }

    /// Adds an image without tag and returns its descriptor.
    fn image_only(&mut self, seed: &str, platform: &str, size: u64) -> serde_json::Value {
        let mut other = Self::default();
        other.image_for(seed, platform, size);
        self.blobs.append(&mut other.blobs);
        let mut descriptor = serde_json::Value::Null;
        for (target, manifest) in other.manifests {
            if let ManifestScript::Content { digest, bytes, .. } = &manifest {
                descriptor = serde_json::json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": bytes.len()});
            }
            if target.starts_with("sha256:") {
                self.manifests.insert(target, manifest);
            }
        }
        descriptor
    }
}

/// Bytes of the layers of an image where nothing else is said.
const LAYER: u64 = 4_000_000;

const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// `linux/arm/v7` as it stands in an index and in a configuration; anything shorter means linux/amd64.
fn platform_object(platform: &str) -> serde_json::Value {
    let mut parts = platform.split('/').filter(|part| *part != "-");
    let mut object = serde_json::json!({
        "os": parts.next().unwrap_or("linux"), "architecture": parts.next().unwrap_or("amd64"),
    });
    if let Some(variant) = parts.next() {
        object["variant"] = variant.into();
    }
    object
}

fn descriptor(media_type: &str, seed: &str, size: u64) -> serde_json::Value {
    let digest = digest_of(format!("{media_type} {seed}").as_bytes());
    serde_json::json!({"mediaType": media_type, "digest": digest, "size": size})
}

/// `sha256:` and the hex of the bytes' hash.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}
