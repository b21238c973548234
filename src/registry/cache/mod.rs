//! The results of earlier runs: a [`Prober`] around a [`Prober`] that is not aware of it.
//!
//! Only results that can do no harm are kept. That a manifest exists and that a credential opens it is kept for the
//! time to live. An absence, a refusal or a failure is never kept, because the user pushes the image or fixes the
//! secret and reruns at once. For the same reason, a failure for a remembered tag is reported only after the registry
//! was asked ([`Prober::forget`]).
//!
//! Manifests and configurations, which their digest proves, are kept as long as there is room. They are returned only
//! after this run has learned that the credential opens their repository.

mod folder;
mod store;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::read::{self, ContentKind, Reader};
use crate::image::manifest::{Config, ManifestBody};
use crate::kubelet::probe::{Attempt, Manifest, Outcome, Prober, TagList, Unread};
pub use folder::NoStore;
pub(in crate::registry) use folder::{Room, make_room, own_folder, platform_folder, read_own, write_new};
use store::CacheScope;
pub use store::Store;

/// A prober that remembers results across runs.
pub struct Cached<'p, P> {
    prober: &'p P,
    store: Option<Store>,
    time_to_live: Duration,
    /// Whether content by digest may come from the store.
    keeps_content: bool,
    /// Whether options change how a registry is reached.
    is_overridden: Box<dyn Fn(&str) -> bool + Sync + 'p>,
    /// The scopes that this run knows to be accessible, from the registry or from a valid entry.
    open: Mutex<HashSet<CacheScope>>,
}

impl<'p, P> Cached<'p, P> {
    /// Creates the cache. Without a store, or with a `time_to_live` of 0, everything is requested. For a registry
    /// that `is_overridden`, nothing is stored and nothing is reused, because its replacement may give any answer.
    pub fn new(
        prober: &'p P,
        store: Option<Store>,
        time_to_live: Duration,
        is_overridden: impl Fn(&str) -> bool + Sync + 'p,
    ) -> Self {
        let store = store.filter(|_| !time_to_live.is_zero());
        let is_overridden = Box::new(is_overridden);
        Self { prober, store, time_to_live, keeps_content: true, is_overridden, open: Mutex::default() }
    }

    /// Returns a cache that does not use stored content, for checking that a registry still has the content by
    /// digest. Everything except the manifests' existence is requested.
    #[must_use]
    pub fn without_content(self) -> Self {
        Self { keeps_content: false, ..self }
    }

    fn store_for(&self, attempt: &Attempt) -> Option<&Store> {
        self.store.as_ref().filter(|_| !(self.is_overridden)(&attempt.registry))
    }

    fn is_open(&self, scope: &CacheScope) -> bool {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).contains(scope)
    }

    fn opened(&self, scope: CacheScope) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(scope);
    }
}

impl<P: Reader> Cached<'_, P> {
    /// Bytes by digest: from the store if this run may use it, else from the registry.
    async fn bytes(&self, attempt: &Attempt, place: ContentKind) -> Result<Vec<u8>, Unread> {
        let store = self.store_for(attempt).filter(|store| self.keeps_content && self.is_open(&store.scope(attempt)));
        let Some(store) = store else { return self.prober.read(attempt, place).await };
        if let Some(bytes) = store.content(attempt) {
            return Ok(bytes);
        }
        let bytes = self.prober.read(attempt, place).await?;
        store.keep_content(attempt, &bytes);
        Ok(bytes)
    }
}

impl<P: Reader> Prober for Cached<'_, P> {
    async fn probe(&self, attempt: &Attempt) -> Outcome {
        let Some(store) = self.store_for(attempt) else { return self.prober.probe(attempt).await };
        if let Some(manifest) = store.found(attempt, now(), self.time_to_live) {
            self.opened(store.scope(attempt));
            return Outcome::Found(manifest);
        }
        let outcome = self.prober.probe(attempt).await;
        if let Outcome::Found(manifest) = &outcome {
            self.opened(store.scope(attempt));
            if is_good(manifest) {
                store.keep_found(attempt, manifest, now());
            }
        }
        outcome
    }

    fn forget(&self, attempt: &Attempt) {
        if let Some(store) = self.store_for(attempt) {
            store.forget(attempt);
        }
    }

    async fn tags(&self, attempt: &Attempt) -> TagList {
        self.prober.tags(attempt).await
    }

    async fn explain(&self, attempt: &Attempt) -> Outcome {
        self.prober.explain(attempt).await
    }

    async fn content(&self, attempt: &Attempt) -> Result<Arc<ManifestBody>, Unread> {
        read::content(&self.bytes(attempt, ContentKind::Manifest).await?)
    }

    async fn config(&self, attempt: &Attempt) -> Result<Config, Unread> {
        read::config(&self.bytes(attempt, ContentKind::Blob).await?)
    }

    async fn layer(&self, attempt: &Attempt) -> Result<(), Unread> {
        self.prober.layer(attempt).await
    }
}

/// Whether the manifest is a success. One that a runtime refuses is not.
fn is_good(manifest: &Manifest) -> bool {
    manifest.defect.is_none()
}

#[expect(clippy::disallowed_methods, reason = "what is kept has an age")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out files")]
mod tests;
