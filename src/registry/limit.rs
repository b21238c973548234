//! How many requests are in progress: in total, and per host and port.

use tokio::sync::{Semaphore, SemaphorePermit};

/// The limit of a run over all hosts.
#[derive(Debug)]
pub(crate) struct Limits {
    all: Semaphore,
}

/// Permission to make one request; given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn<'l> {
    _host: Option<SemaphorePermit<'l>>,
    _all: Option<SemaphorePermit<'l>>,
}

impl Limits {
    /// Creates the limit; at least 1.
    pub(crate) fn new(all: usize) -> Self {
        Self { all: Semaphore::new(all.clamp(1, Semaphore::MAX_PERMITS)) }
    }

    /// Waits for a turn. The host's comes first: a request that waits for a slow host must not take a place that
    /// others could use.
    pub(crate) async fn turn<'l>(&'l self, gate: &'l Semaphore) -> Turn<'l> {
        // The semaphores are never closed.
        let host = gate.acquire().await.ok();
        let all = self.all.acquire().await.ok();
        Turn { _host: host, _all: all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test(flavor = "current_thread")]
    async fn busy_host_does_not_block_other_hosts() {
        let limits = Limits::new(2);
        let [slow_host, other_host, third_host] = [(); 3].map(|()| Semaphore::new(1));
        let slow = limits.turn(&slow_host).now_or_never().unwrap();
        assert!(limits.turn(&slow_host).now_or_never().is_none());
        let other = limits.turn(&other_host).now_or_never().unwrap();
        assert!(limits.turn(&third_host).now_or_never().is_none(), "two are under way");
        drop(other);
        assert!(limits.turn(&third_host).now_or_never().is_some());
        drop(slow);
        assert!(limits.turn(&slow_host).now_or_never().is_some());
    }
}
