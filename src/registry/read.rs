//! Content by digest, and its meaning: the part of a [`Prober`] that a cache can replace.

use std::sync::Arc;

use super::reply::with_message;
use crate::image::manifest::{self, Config, ManifestBody};
use crate::kubelet::probe::{Attempt, Defect, Evidence, Prober, Unknown, Unread};

/// The kind of content at a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentKind {
    /// A manifest or an index.
    Manifest,
    /// A blob: a configuration or a layer.
    Blob,
}

/// A prober that returns the bytes it reads, unmodified.
pub trait Reader: Prober {
    /// The bytes at the attempt's target, which is a digest. They are checked against a `sha256`.
    fn read(&self, attempt: &Attempt, place: ContentKind) -> impl Future<Output = Result<Vec<u8>, Unread>> + Send;
}

/// Parses the bytes of a manifest or index.
pub(crate) fn content(bytes: &[u8]) -> Result<Arc<ManifestBody>, Unread> {
    manifest::parse(bytes).map(Arc::new).ok_or_else(|| match is_json(bytes) {
        true => unclear("neither a manifest nor an index, or one of more entries than are read"),
        false => Unread { defect: Some(Defect::BadManifest), ..unclear("not JSON") },
    })
}

/// Parses the bytes of an image's configuration.
pub(crate) fn config(bytes: &[u8]) -> Result<Config, Unread> {
    manifest::parse_config(bytes).ok_or_else(|| match is_json(bytes) {
        true => unclear("the image's configuration cannot be read"),
        false => Unread { defect: Some(Defect::BadManifest), ..unclear("the image's configuration is not JSON") },
    })
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

fn unclear(words: &str) -> Unread {
    Unread { defect: None, unknown: Unknown::RegistryError, evidence: with_message(Evidence::default(), words) }
}
