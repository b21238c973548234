//! Ctrl-C, and on Unix SIGTERM: the first ends the asking, so that what is known is still reported; the next ends the
//! command.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::{io, process, thread};

use super::exit::INTERRUPTED;
use crate::registry::Interrupter;

/// Listens until the command ends. Dropped, it says that nothing is left to be interrupted: then the first signal ends
/// the command, which may be waiting for a pager.
#[derive(Debug)]
pub(super) struct Signals {
    over: Arc<AtomicBool>,
}

impl Signals {
    /// Begins to listen. On a thread of its own: a signal that is once listened to has lost its usual effect for good,
    /// and must not be left to a runtime that has ended. Where that fails, signals keep their usual effect.
    pub(super) fn listen(interrupter: Interrupter) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let (ready, listening) = mpsc::channel();
        let listener = thread::Builder::new().name("signals".to_owned());
        let started = listener.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
            runtime.block_on(async move {
                let mut signals = Received::new()?;
                let _ = ready.send(());
                loop {
                    signals.next().await;
                    if seen.load(Ordering::Relaxed) || interrupter.is_interrupted() {
                        end();
                    }
                    interrupter.interrupt();
                }
            })
        });
        let _: Option<thread::JoinHandle<io::Result<Infallible>>> = started.ok();
        // An error is the end of a listener that could not begin.
        let _ = listening.recv();
        Self { over }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

#[expect(clippy::exit, reason = "whoever interrupts twice does not want to wait for anything")]
fn end() -> ! {
    process::exit(INTERRUPTED.into())
}

/// The signals that ask us to end.
#[cfg(unix)]
struct Received {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Received {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The signals that ask us to end.
#[cfg(windows)]
struct Received(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Received {
    fn new() -> io::Result<Self> {
        Ok(Self(tokio::signal::windows::ctrl_c()?))
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
