//! Debian's `docker-registry` (distribution 2.8) as a child process: one per test, on a loopback port that the kernel
//! picks, with its content in memory.
//!
//! The process says on its log where it listens, so there is no port to guess and nothing to poll. It is killed when
//! the [`Server`] is dropped, which a panicking test does too.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::authority::Authority;
use crate::tokens::{ISSUER, SERVICE, Tokens};

/// How long the process may take to start, and a log line to arrive: far more than it needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The one user of a registry with `htpasswd`.
pub(crate) const USER: &str = "deploy";
/// The password of [`USER`].
pub(crate) const PASSWORD: &str = "not-a-real-password";
/// `htpasswd` line of [`USER`]: bcrypt (the only form that distribution takes) of [`PASSWORD`], at the lowest cost.
const HTPASSWD: &str = "deploy:$2b$04$abcdefghijklmnopqrstuuvoAsEQFJ20T9HDj1L/isWuL/E78y9.u\n";

/// How a registry is set up.
#[derive(Default)]
pub(crate) struct Setup<'a> {
    htpasswd: bool,
    tls: Option<&'a Authority>,
    tokens: Option<&'a Tokens>,
}

impl<'a> Setup<'a> {
    /// Plain HTTP, everything readable and writable by anyone.
    pub(crate) fn open() -> Self {
        Self::default()
    }

    /// Plain HTTP, nothing without the credential of [`USER`].
    pub(crate) fn htpasswd() -> Self {
        Self { htpasswd: true, ..Self::default() }
    }

    /// HTTPS with a certificate of `authority`.
    pub(crate) fn tls(authority: &'a Authority) -> Self {
        Self { tls: Some(authority), ..Self::default() }
    }

    /// Plain HTTP, nothing without a token of this server.
    pub(crate) fn token(tokens: &'a Tokens) -> Self {
        Self { tokens: Some(tokens), ..Self::default() }
    }

    /// The configuration file, its companions beside it.
    fn write(&self, home: &Path) -> io::Result<()> {
        let mut config = String::from(
            "version: 0.1\n\
             log: {level: info, accesslog: {disabled: false}}\n\
             storage: {inmemory: {}}\n",
        );
        if self.htpasswd {
            std::fs::write(home.join("htpasswd"), HTPASSWD)?;
            config.push_str("auth: {htpasswd: {realm: shop, path: htpasswd}}\n");
        }
        if let Some(tokens) = self.tokens {
            std::fs::write(home.join("tokens.pem"), tokens.certificate())?;
            config.push_str(&format!(
                "auth: {{token: {{realm: '{}', service: {SERVICE}, issuer: {ISSUER}, rootcertbundle: tokens.pem}}}}\n",
                tokens.realm()
            ));
        }
        config.push_str("http:\n  addr: 127.0.0.1:0\n  secret: not-a-real-secret\n");
        if let Some(authority) = self.tls {
            std::fs::write(home.join("server.pem"), authority.server_certificate())?;
            std::fs::write(home.join("server.key"), authority.server_key())?;
            config.push_str("  tls: {certificate: server.pem, key: server.key}\n");
        }
        std::fs::write(home.join("config.yml"), config)
    }
}

/// A running registry.
pub(crate) struct Server {
    process: Child,
    address: SocketAddr,
    log: Receiver<String>,
    _home: TempDir,
}

impl Server {
    /// Starts one. `None` where the program is not installed and nobody insists on it: the test then passes, and the
    /// first one says how to get it.
    ///
    /// # Panics
    /// When the program is missing and `PULLCHECK_REQUIRE_REGISTRY=1`, and when it does not start.
    pub(crate) fn start(setup: &Setup<'_>) -> Option<Self> {
        let home = tempfile::tempdir().expect("a temporary folder");
        setup.write(home.path()).expect("the registry's configuration is written");
        let spawned = Command::new("docker-registry")
            .args(["serve", "config.yml"])
            .current_dir(home.path())
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut process = match spawned {
            Ok(process) => process,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return missing(),
            Err(error) => panic!("docker-registry cannot be run: {error}"),
        };
        let (lines, log) = channel();
        follow(process.stdout.take().expect("piped"), lines.clone());
        follow(process.stderr.take().expect("piped"), lines);
        // From here on the process is the server's, so that it ends with it whatever follows.
        let mut server = Self { process, address: SocketAddr::from(([127, 0, 0, 1], 0)), log, _home: home };
        server.address = server.wait_for_address();
        Some(server)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `127.0.0.1:PORT`, as a reference names this registry.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// The requests that it has answered since the last call, as `METHOD path`, from its access log. Plain HTTP only:
    /// a request of our own, whose line must follow all others, marks the end.
    pub(crate) fn requests(&self) -> Vec<String> {
        let mark = "/end-of-requests";
        let mut stream = TcpStream::connect(self.address).expect("the registry listens");
        write!(stream, "GET {mark} HTTP/1.0\r\n\r\n").expect("a request can be sent");
        stream.read_to_end(&mut Vec::new()).expect("the request is answered");
        let mut seen = Vec::new();
        loop {
            let line = self.log.recv_timeout(PATIENCE).expect("the registry logs every request");
            let Some(request) = access_log_request(&line) else { continue };
            if request.ends_with(mark) {
                return seen;
            }
            seen.push(request);
        }
    }

    fn wait_for_address(&self) -> SocketAddr {
        let mut log = Vec::new();
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            if let Some(address) = listening_address(&line) {
                return address;
            }
            log.push(line);
        }
        panic!("docker-registry did not start:\n{}", log.join("\n"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing left to do then.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads a pipe to its end, so that the process never blocks on a full one.
fn follow(pipe: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}

/// The address in `… msg="listening on 127.0.0.1:35439, tls" …`.
fn listening_address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("msg=\"listening on ")?;
    rest.split([',', '"']).next()?.parse().ok()
}

/// `HEAD /v2/…` of a line in the combined log format: `127.0.0.1 - - [date] "HEAD /v2/… HTTP/1.1" 200 …`.
fn access_log_request(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("] \"")?;
    let (request, _) = rest.split_once(" HTTP/1.")?;
    Some(request.to_owned())
}

fn missing() -> Option<Server> {
    let how = "docker-registry is not installed: `apt-get install docker-registry` (Debian, Ubuntu)";
    if env::var_os("PULLCHECK_REQUIRE_REGISTRY").is_some_and(|value| value == "1") {
        panic!("PULLCHECK_REQUIRE_REGISTRY=1, and {how}");
    }
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        // Past the capture of the test harness: a suite that checked nothing must not look like one that did.
        let _ = writeln!(io::stderr(), "skipped: {how}");
    });
    None
}
