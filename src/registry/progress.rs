//! How far a run has come, for whoever looks on.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Images that are done, of all there are. The stage writes, anyone may read.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicUsize,
    /// 0 until it is known.
    total: AtomicUsize,
}

impl Progress {
    /// Done and total; `None` before it is known how many there are.
    pub fn seen(&self) -> Option<(usize, usize)> {
        let total = self.total.load(Ordering::Relaxed);
        (total > 0).then(|| (self.done.load(Ordering::Relaxed), total))
    }

    pub(crate) fn begin(&self, total: usize) {
        self.total.store(total, Ordering::Relaxed);
    }

    pub(crate) fn step(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}
