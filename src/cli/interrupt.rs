//! Ctrl-C, and on Unix SIGTERM: the first stops the requests, so that what is known is still reported; the next ends
//! the command.

use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, Once, PoisonError, mpsc};
use std::{io, process, thread};

use super::exit::INTERRUPTED;
use crate::registry::Interrupter;

/// The interrupter that the next signal triggers; without one, the signal ends the command itself.
static TARGET: Mutex<Option<Interrupter>> = Mutex::new(None);

/// Marks that something can be interrupted. When dropped, nothing can be any more: then the first signal ends the
/// command, which may be waiting for a pager.
#[derive(Debug)]
pub(super) struct Signals(());

impl Signals {
    /// Begins to listen, or switches to another interrupter. The listener has a thread of its own, which lasts as
    /// long as the command: once a signal is listened to, it has lost its usual effect for good, so it must not
    /// depend on a runtime that has ended. If the thread fails to start, signals keep their usual effect.
    pub(super) fn listen(interrupter: Interrupter) -> Self {
        static LISTENER: Once = Once::new();
        *target() = Some(interrupter);
        LISTENER.call_once(start);
        Self(())
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        *target() = None;
    }
}

fn target() -> MutexGuard<'static, Option<Interrupter>> {
    TARGET.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start() {
    let (ready, listening) = mpsc::channel();
    let listener = thread::Builder::new().name("signals".to_owned());
    let started = listener.spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        runtime.block_on(async move {
            let mut signals = Received::new()?;
            let _ = ready.send(());
            loop {
                signals.next().await;
                match &*target() {
                    Some(interrupter) if !interrupter.is_interrupted() => interrupter.interrupt(),
                    _ => end(),
                }
            }
        })
    });
    let _: Option<thread::JoinHandle<io::Result<Infallible>>> = started.ok();
    // An error means that a listener could not be started.
    let _ = listening.recv();
}

#[expect(clippy::exit, reason = "a second interrupt means that the user does not want to wait")]
fn end() -> ! {
    process::exit(INTERRUPTED.into())
}

/// The signals that request an end.
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

/// The signals that request an end.
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
