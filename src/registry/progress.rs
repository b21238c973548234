//! The progress of a run, for observers.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of finished images, and the total. The stage writes it, any thread can read it.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicUsize,
    /// The total; 0 until it is known.
    total: AtomicUsize,
}

impl Progress {
    /// Finished and total images; `None` until the total is known.
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
