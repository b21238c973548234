//! Bytes behind a digest, and what they say: the part of a [`Prober`] that a cache can stand in for.

use std::sync::Arc;

use super::reply::told;
use crate::image::manifest::{self, Config, Content};
use crate::kubelet::probe::{Attempt, Defect, Evidence, Prober, Unknown, Unread};

/// Where a digest leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// To a manifest or an index.
    Manifest,
    /// To a blob.
    Blob,
}

/// A prober that hands out what it reads as it was sent.
pub trait Reader: Prober {
    /// The bytes at the attempt's target, which is a digest; a `sha256` is checked against them.
    fn read(&self, attempt: &Attempt, place: Place) -> impl Future<Output = Result<Vec<u8>, Unread>> + Send;
}

/// Bytes of a manifest or index, understood.
pub(crate) fn content(bytes: &[u8]) -> Result<Arc<Content>, Unread> {
    manifest::parse(bytes).map(Arc::new).ok_or_else(|| match is_json(bytes) {
        true => unclear("neither a manifest nor an index, or one of more entries than are read"),
        false => Unread { defect: Some(Defect::BadManifest), ..unclear("not JSON") },
    })
}

/// Bytes of an image's configuration, understood.
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
    Unread { defect: None, unknown: Unknown::RegistryError, evidence: told(Evidence::default(), words) }
}
