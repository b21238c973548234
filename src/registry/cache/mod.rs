//! What earlier runs found: a [`Prober`] around a [`Prober`], which knows nothing of it.
//!
//! Kept is what can do no harm. That a manifest is there and that a credential opens it, for the time to live; an
//! absence, a refusal or a failure never, because somebody pushes the image or mends the secret and runs again at once.
//! For the same reason what speaks against a tag that is remembered is told only after the registry was asked
//! ([`Prober::forget`]).
//! Manifests and configurations, which their digest proves, for as long as there is room; they are given out only
//! after this run has learned that the credential opens their repository.

mod folder;
mod store;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::read::{self, Place, Reader};
use crate::image::manifest::{Config, Content};
use crate::kubelet::probe::{Attempt, Manifest, Outcome, Prober, TagList, Unread};
pub use folder::NoStore;
use store::Scope;
pub use store::Store;

/// A prober that remembers across runs.
pub struct Cached<'p, P> {
    prober: &'p P,
    store: Option<Store>,
    time_to_live: Duration,
    /// Whether what stands behind a digest may come from the store.
    keeps_content: bool,
    /// Whether a registry is reached in another way than a run without options would reach it.
    is_overridden: Box<dyn Fn(&str) -> bool + Sync + 'p>,
    /// What this run knows to be open, from the registry or from an entry in force.
    open: Mutex<HashSet<Scope>>,
}

impl<'p, P> Cached<'p, P> {
    /// Without a store, or with a `time_to_live` of 0, everything is asked. Of a registry that `is_overridden`
    /// nothing is kept and nothing is taken: what stands in for it may say anything.
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

    /// The same, where the question is whether a registry still has what stands behind a digest: everything but the
    /// manifests' existence is asked.
    #[must_use]
    pub fn without_content(self) -> Self {
        Self { keeps_content: false, ..self }
    }

    fn store_for(&self, attempt: &Attempt) -> Option<&Store> {
        self.store.as_ref().filter(|_| !(self.is_overridden)(&attempt.registry))
    }

    fn is_open(&self, scope: &Scope) -> bool {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).contains(scope)
    }

    fn opened(&self, scope: Scope) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(scope);
    }
}

impl<P: Reader> Cached<'_, P> {
    /// Bytes by digest: from the store where this run may, else from the registry.
    async fn bytes(&self, attempt: &Attempt, place: Place) -> Result<Vec<u8>, Unread> {
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

    async fn content(&self, attempt: &Attempt) -> Result<Arc<Content>, Unread> {
        read::content(&self.bytes(attempt, Place::Manifest).await?)
    }

    async fn config(&self, attempt: &Attempt) -> Result<Config, Unread> {
        read::config(&self.bytes(attempt, Place::Blob).await?)
    }

    async fn layer(&self, attempt: &Attempt) -> Result<(), Unread> {
        self.prober.layer(attempt).await
    }
}

/// A manifest that a runtime refuses is no success.
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
