//! How many requests are under way: in all, and per host and port.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limits of a run.
#[derive(Debug)]
pub(crate) struct Limits {
    all: Arc<Semaphore>,
    per_host: usize,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// Leave to make one request; given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _host: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Limits {
    /// Both at least 1.
    pub(crate) fn new(all: usize, per_host: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all.max(1))), per_host: per_host.max(1), hosts: Mutex::default() }
    }

    /// Waits for a turn. The host's comes first: whoever waits for a slow host must not hold a place that others
    /// could use.
    pub(crate) async fn turn(&self, host: &str) -> Turn {
        let gate = {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            let gate = hosts.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.per_host)));
            Arc::clone(gate)
        };
        // The semaphores are never closed.
        let host = gate.acquire_owned().await.ok();
        let all = Arc::clone(&self.all).acquire_owned().await.ok();
        Turn { _host: host, _all: all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test(flavor = "current_thread")]
    async fn a_full_host_holds_up_no_other() {
        let limits = Limits::new(2, 1);
        let slow = limits.turn("slow:443").now_or_never().unwrap();
        assert!(limits.turn("slow:443").now_or_never().is_none());
        let other = limits.turn("other:443").now_or_never().unwrap();
        assert!(limits.turn("third:443").now_or_never().is_none(), "two are under way");
        drop(other);
        assert!(limits.turn("third:443").now_or_never().is_some());
        drop(slow);
        assert!(limits.turn("slow:443").now_or_never().is_some());
    }
}
