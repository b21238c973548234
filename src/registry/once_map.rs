//! Values by key that the tasks of a run share, each made when it is first asked for.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

/// The map is held only to find a cell; what is slow happens in the cell, where only those wait that want the same.
#[derive(Debug)]
pub(crate) struct Cells<K, C>(Mutex<HashMap<K, Arc<C>>>);

impl<K, C> Default for Cells<K, C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq, C: Default> Cells<K, C> {
    /// The cell of a key.
    pub(crate) fn get(&self, key: K) -> Arc<C> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
    }
}

impl<K: Hash + Eq, V: Clone> Cells<K, OnceCell<V>> {
    /// The value of a key: the first who asks finds it, the others wait.
    pub(crate) async fn once<F: Future<Output = V>>(&self, key: K, find: impl FnOnce() -> F) -> V {
        self.get(key).get_or_init(find).await.clone()
    }
}
