//! Bytes behind a digest, and what they say: the part of a [`Prober`] that a cache can stand in for.

use std::sync::Arc;

use super::reply::told;
use crate::manifest::{self, Content};
use crate::platform::Platform;
use crate::probe::{Attempt, Evidence, Prober, Unknown, Unread};

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
    manifest::parse(bytes).map(Arc::new).ok_or_else(|| unclear("neither a manifest nor an index"))
}

/// Bytes of an image's configuration, understood.
pub(crate) fn config(bytes: &[u8]) -> Result<Platform, Unread> {
    manifest::parse_config(bytes).ok_or_else(|| unclear("the image's configuration names no platform"))
}

fn unclear(words: &str) -> Unread {
    Unread { unknown: Unknown::RegistryError, evidence: told(Evidence::default(), words) }
}
