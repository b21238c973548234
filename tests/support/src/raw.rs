//! A server below HTTP: it takes connections and says what it likes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A server on 127.0.0.1 that hands each connection to a function, on a thread of its own, until it is dropped.
#[derive(Debug)]
pub struct Raw {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    heads: Mutex<Vec<String>>,
}

/// One connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    shared: Arc<Shared>,
}

impl Raw {
    /// Starts one.
    pub fn start(talk: impl Fn(&mut Wire) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let (served, talk) = (Arc::clone(&shared), Arc::new(talk));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                if served.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, talk) = (Arc::clone(&served), Arc::clone(&talk));
                std::thread::spawn(move || talk(&mut Wire { stream, shared }));
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    /// `127.0.0.1:PORT`, as a reference names it.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The heads of the requests that were read so far.
    pub fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // The listener waits for a connection; this is the last one.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Wire {
    /// Reads a request's head; `None` when the other end has gone.
    pub fn head(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(b"\r\n\r\n") {
            match self.stream.read(&mut byte) {
                Ok(1) => bytes.push(byte[0]),
                _ => return None,
            }
        }
        let head = String::from_utf8_lossy(&bytes).into_owned();
        self.shared.heads.lock().unwrap_or_else(PoisonError::into_inner).push(head.clone());
        Some(head)
    }

    /// Sends bytes; `false` when the other end has gone, or the server is to stop.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        !self.shared.stopped.load(Ordering::SeqCst) && self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends these bytes again and again, with a pause before each, until the other end has gone.
    pub fn drip(&mut self, bytes: impl AsRef<[u8]>, pause: Duration) {
        loop {
            std::thread::sleep(pause);
            if !self.send(&bytes) {
                return;
            }
        }
    }

    /// Ends what is sent, and waits until the other end has ended too, so that nothing is reset on its way.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        let mut rest = [0; 4096];
        while matches!(self.stream.read(&mut rest), Ok(1..)) {}
    }
}
