//! Values by key that the tasks of a run share, each created on first use.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

/// Shared cells by key. The map is locked only to find a cell. Slow work is done in the cell, where only tasks with
/// the same key wait.
#[derive(Debug)]
pub(crate) struct OnceMap<K, C>(Mutex<HashMap<K, Arc<C>>>);

impl<K, C> Default for OnceMap<K, C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq, C: Default> OnceMap<K, C> {
    /// The cell of a key.
    pub(crate) fn get(&self, key: K) -> Arc<C> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
    }
}

impl<K: Hash + Eq, V: Clone> OnceMap<K, OnceCell<V>> {
    /// Returns the value of a key: the first caller computes it, the others wait.
    pub(crate) async fn once<F: Future<Output = V>>(&self, key: K, find: impl FnOnce() -> F) -> V {
        self.get(key).get_or_init(find).await.clone()
    }
}
