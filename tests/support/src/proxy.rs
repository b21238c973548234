//! A forward proxy: it takes `CONNECT` for any host and leads each to one server, so that a test may speak of `ghcr.io`
//! without a word to the internet.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Longest head of a request that is read, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// A proxy on 127.0.0.1, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    hosts: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts one that leads every tunnel to `to`.
    pub fn start(to: SocketAddr) -> Self {
        Self::launch(Some(to))
    }

    /// Starts one that refuses every tunnel with 403.
    pub fn refusing() -> Self {
        Self::launch(None)
    }

    fn launch(to: Option<SocketAddr>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let address = listener.local_addr().expect("a bound socket has an address");
        let hosts = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel();
        let log = Arc::clone(&hosts);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("the listener is non-blocking");
                tokio::select! {
                    () = accept(listener, to, log) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, hosts, stop: Some(stop), thread: Some(thread) }
    }

    /// What `HTTPS_PROXY` is set to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The hosts that were asked for, `ghcr.io:443`, one for each tunnel in order; the first line of whatever else
    /// was sent.
    pub fn hosts(&self) -> Vec<String> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, to: Option<SocketAddr>, log: Arc<Mutex<Vec<String>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let log = Arc::clone(&log);
        // A tunnel that breaks is the business of its ends.
        tokio::spawn(async move { drop(tunnel(stream, to, &log).await) });
    }
}

async fn tunnel(mut client: TcpStream, to: Option<SocketAddr>, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let head = head(&mut client).await?;
    let line = head.lines().next().unwrap_or_default();
    let host = line.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
    log.lock().unwrap_or_else(PoisonError::into_inner).push(host.unwrap_or(line).to_owned());
    match (host, to) {
        (Some(_), Some(to)) => {
            let mut server = TcpStream::connect(to).await?;
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
            copy_bidirectional(&mut client, &mut server).await.map(drop)
        }
        (Some(_), None) => client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await,
        (None, _) => client.write_all(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n").await,
    }
}

/// The request's head: nothing follows it before it is answered.
async fn head(client: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") && bytes.len() < MAX_HEAD {
        match client.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) => break,
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
