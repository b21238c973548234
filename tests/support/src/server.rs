//! The socket side: one thread with its own runtime, a log of every request.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::answer::{Answer, Ending, Payload};
use crate::respond::{parameters, Grants, Request, basic, respond, user_of};
use crate::script::Script;
use crate::tls;

/// One request as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// `HEAD`.
    pub method: String,
    /// The `Host` header.
    pub host: String,
    /// Without query.
    pub path: String,
    /// Without `?`.
    pub query: String,
    /// The raw `Authorization` header.
    pub authorization: Option<String>,
    /// User of a Basic header, or the one a known token was made for.
    pub user: Option<String>,
    /// The `Accept` header.
    pub accept: Option<String>,
    /// All header fields, names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body, a form.
    pub body: String,
    /// Whether it came over HTTP/2.
    pub http2: bool,
}

impl Logged {
    /// A header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A registry on 127.0.0.1 that does as it is told, until it is dropped.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    authority: Option<String>,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    script: Mutex<Script>,
    grants: Mutex<Grants>,
    log: Mutex<Vec<Logged>>,
    connections: AtomicUsize,
}

impl Registry {
    /// Starts one that speaks plain HTTP.
    pub fn start(build: impl FnOnce(&mut Script)) -> Self {
        Self::launch(build, false)
    }

    /// Starts one that speaks TLS, with a certificate for loopback and for every registry that the script names.
    pub fn start_tls(build: impl FnOnce(&mut Script)) -> Self {
        Self::launch(build, true)
    }

    fn launch(build: impl FnOnce(&mut Script), secure: bool) -> Self {
        let mut script = Script::default();
        build(&mut script);
        let tls = secure.then(|| tls::server(script.certificate_names(), &script.manner));
        let (config, authority) = tls.unzip();
        let shared = Arc::new(Shared { script: Mutex::new(script), ..Shared::default() });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("the listener is non-blocking");
                tokio::select! {
                    () = accept(listener, served, config.map(TlsAcceptor::from)) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, authority, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `127.0.0.1:PORT`, as a reference names it.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The authority that vouches for its certificate, as PEM; empty without TLS.
    pub fn ca_pem(&self) -> &str {
        self.authority.as_deref().unwrap_or_default()
    }

    /// Changes the script of the running server.
    pub fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut lock(&self.shared.script));
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Logged> {
        lock(&self.shared.log).clone()
    }

    /// The requests so far as `HEAD /v2/acme/api/manifests/1.9`, for an assertion that reads well.
    pub fn lines(&self) -> Vec<String> {
        self.requests().iter().map(|r| format!("{} {}", r.method, r.path)).collect()
    }

    /// How many requests there were.
    pub fn count(&self) -> usize {
        lock(&self.shared.log).len()
    }

    /// How many connections were made, since it started.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        lock(&self.shared.log).clear();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Serve for Shared {
    fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    fn reply(&self, request: &hyper::Request<String>, scheme: &str) -> Answer {
        reply(request, self, scheme)
    }
}

/// What a server answers, whoever made it.
pub(crate) trait Serve: Send + Sync + 'static {
    /// There is one connection more.
    fn connected(&self) {}

    /// The answer to a request.
    fn reply(&self, request: &hyper::Request<String>, scheme: &str) -> Answer;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

pub(crate) async fn accept(listener: TcpListener, shared: Arc<impl Serve>, tls: Option<TlsAcceptor>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        shared.connected();
        tokio::spawn(connection(stream, Arc::clone(&shared), tls.clone()));
    }
}

async fn connection(stream: TcpStream, shared: Arc<impl Serve>, tls: Option<TlsAcceptor>) {
    match tls {
        None => serve(stream, shared, "http", false).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                serve(stream, shared, "https", http2).await;
            }
        }
    }
}

async fn serve<S>(stream: S, shared: Arc<impl Serve>, scheme: &'static str, http2: bool)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| answer(request, Arc::clone(&shared), scheme));
    let stream = TokioIo::new(stream);
    // A connection that breaks is the client's business, or the script's.
    if http2 {
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await;
    } else {
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await;
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    shared: Arc<impl Serve>,
    scheme: &'static str,
) -> Result<hyper::Response<Payload>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let request = hyper::Request::from_parts(head, String::from_utf8_lossy(&body).into_owned());
    let answer = shared.reply(&request, scheme);
    tokio::time::sleep(answer.delay).await;
    match answer.ending {
        Ending::Abort => Err(std::io::Error::other("scripted abort")),
        Ending::Hang => std::future::pending().await,
        Ending::Whole | Ending::ResetInBody => Ok(answer.into_response(request.method() == hyper::Method::HEAD)),
    }
}

fn reply(request: &hyper::Request<String>, shared: &Shared, scheme: &str) -> Answer {
    let asked = Request {
        method: request.method().as_str(),
        scheme,
        host: host(request),
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
        authorization: header(request, "authorization"),
        body: request.body(),
    };
    let mut grants = lock(&shared.grants);
    let user = user_of(&grants, asked.authorization).flatten();
    lock(&shared.log).push(Logged {
        method: asked.method.to_owned(),
        host: asked.host.to_owned(),
        path: asked.path.to_owned(),
        query: asked.query.to_owned(),
        authorization: asked.authorization.map(str::to_owned),
        user: basic(asked.authorization).map(|(user, _)| user).or(user).or_else(|| posted_user(asked.body)),
        accept: header(request, "accept").map(str::to_owned),
        headers: request.headers().iter().map(field).collect(),
        body: request.body().clone(),
        http2: request.version() == hyper::Version::HTTP_2,
    });
    let credential = basic(asked.authorization).map(|(user, password)| format!("{user}:{password}"));
    respond(&mut lock(&shared.script), &mut grants, &asked).echoing(asked.authorization, credential.as_deref())
}

/// The user of a token request that is posted.
fn posted_user(body: &str) -> Option<String> {
    parameters(body).find(|(key, _)| key == "username").map(|(_, user)| user)
}

/// The value of a header field.
pub(crate) fn header<'r>(request: &'r hyper::Request<String>, name: &str) -> Option<&'r str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

/// The host that is asked: HTTP/2 has no `Host` header.
pub(crate) fn host(request: &hyper::Request<String>) -> &str {
    let authority = request.uri().authority().map(|authority| authority.as_str());
    header(request, "host").or(authority).unwrap_or_default()
}

fn field((name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)) -> (String, String) {
    (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
}
