//! Ending a run early: requests in progress end at once, and no further ones are sent.

use std::sync::Arc;

use tokio::sync::watch;

/// Interrupts the client that created it, from any thread.
#[derive(Debug, Clone)]
pub struct Interrupter(Arc<watch::Sender<bool>>);

impl Default for Interrupter {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Interrupter {
    /// Interrupts the run. Every question in progress, and every later one, is answered with
    /// [`Unknown::Interrupted`](crate::kubelet::probe::Unknown::Interrupted).
    pub fn interrupt(&self) {
        self.0.send_replace(true);
    }

    /// Whether the run was interrupted.
    pub fn is_interrupted(&self) -> bool {
        *self.0.borrow()
    }

    /// Runs the future to its end, or drops it and returns `None` when interrupted.
    pub(crate) async fn unless_interrupted<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut seen = self.0.subscribe();
        tokio::select! {
            biased;
            _ = seen.wait_for(|interrupted| *interrupted) => None,
            done = work => Some(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test(flavor = "current_thread")]
    async fn interrupt_cancels_running_work_and_blocks_new_work() {
        let interrupter = Interrupter::default();
        assert_eq!(interrupter.unless_interrupted(async { 1 }).await, Some(1));
        let mut waiting = Box::pin(interrupter.unless_interrupted(std::future::pending::<()>()));
        assert_eq!((&mut waiting).now_or_never(), None);
        interrupter.clone().interrupt();
        assert_eq!(waiting.await, None);
        assert_eq!(interrupter.unless_interrupted(async { unreachable!("nothing begins") }).await, None::<()>);
    }
}
