//! Many hosts behind a few sockets, each with a certificate of its own: what a node sees of the network.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use crate::answer::Answer;
use crate::respond::{basic, decode, parameters};
use crate::server::{Serve, accept, header, host};
use crate::tls::{self, Authority, Certificate};

/// A request, as far as an answer depends on it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `HEAD`.
    pub method: String,
    /// `https` or `http`.
    pub scheme: String,
    /// The name in the `Host` header, without port.
    pub host: String,
    /// Without query, and decoded.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// What a form or the query says, decoded.
    pub parameters: Vec<(String, String)>,
}

impl Asked {
    /// User and password of a Basic header.
    pub fn login(&self) -> Option<(String, String)> {
        basic(self.authorization.as_deref())
    }

    /// The first parameter of a name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The hosts of a site.
pub trait Hosts: Send + Sync + 'static {
    /// The certificate that the host of a name shows.
    fn certificate(&self, name: &str) -> Certificate;

    /// What the host that is asked answers.
    fn answer(&self, asked: &Asked) -> Answer;
}

/// Sockets on which all hosts answer, until it is dropped.
#[derive(Debug)]
pub struct Site {
    tls: Vec<SocketAddr>,
    plain: Vec<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    /// Listens with TLS on the first addresses and without on the others.
    ///
    /// # Errors
    /// An address is taken, or is not ours.
    pub fn start<H: Hosts>(
        tls: &[SocketAddr],
        plain: &[SocketAddr],
        authority: Arc<Authority>,
        hosts: Arc<H>,
    ) -> io::Result<Self> {
        let (tls, secure): (Vec<_>, Vec<_>) = bind(tls)?.into_iter().unzip();
        let (plain, open): (Vec<_>, Vec<_>) = bind(plain)?.into_iter().unzip();
        let config = tls::by_name(Arc::new(ByName { authority, hosts: Arc::clone(&hosts) }));
        let listeners = secure.into_iter().map(|listener| (listener, Some(TlsAcceptor::from(Arc::clone(&config)))));
        let listeners: Vec<_> = listeners.chain(open.into_iter().map(|listener| (listener, None))).collect();
        let served = Arc::new(Served(hosts));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
            runtime.block_on(async move {
                for (listener, acceptor) in listeners {
                    let listener = TcpListener::from_std(listener).expect("the listener is non-blocking");
                    tokio::spawn(accept(listener, Arc::clone(&served), acceptor));
                }
                let _ = stopped.await;
            });
        });
        Ok(Self { tls, plain, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens with TLS, in the order asked for.
    pub fn tls(&self) -> &[SocketAddr] {
        &self.tls
    }

    /// Where it listens without.
    pub fn plain(&self) -> &[SocketAddr] {
        &self.plain
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn bind(addresses: &[SocketAddr]) -> io::Result<Vec<(SocketAddr, StdListener)>> {
    let bind = |address: &SocketAddr| {
        let failed = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
        let listener = StdListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true)?;
        Ok((listener.local_addr()?, listener))
    };
    addresses.iter().map(bind).collect()
}

struct Served<H>(Arc<H>);

impl<H: Hosts> Serve for Served<H> {
    fn reply(&self, request: &hyper::Request<String>, scheme: &str) -> Answer {
        let host = host(request);
        let query = request.uri().query().unwrap_or_default();
        let is_form = request.method() == hyper::Method::POST;
        self.0.answer(&Asked {
            method: request.method().as_str().to_owned(),
            scheme: scheme.to_owned(),
            host: host.split_once(':').map_or(host, |(name, _)| name).to_owned(),
            path: decode(request.uri().path()),
            authorization: header(request, "authorization").map(str::to_owned),
            parameters: parameters(if is_form { request.body() } else { query }).collect(),
        })
    }
}

struct ByName<H> {
    authority: Arc<Authority>,
    hosts: Arc<H>,
}

impl<H> std::fmt::Debug for ByName<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ByName")
    }
}

impl<H: Hosts> ResolvesServerCert for ByName<H> {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or("nowhere.example");
        Some(self.authority.issue(self.hosts.certificate(name), name))
    }
}
