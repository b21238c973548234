//! A registry with token auth that takes a while for each answer: one thread per connection, std only, so that the
//! server is never what is measured. It runs in a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// The variable that makes this program the server, and holds the delay in milliseconds.
const ROLE: &str = "PULLCHECK_BENCH_SERVER_DELAY_MS";

/// What the server has seen.
#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    connections: AtomicUsize,
}

/// The server's process, seen from the one that measures.
pub(crate) struct Slow {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// `127.0.0.1:PORT`.
    pub(crate) host: String,
}

impl Slow {
    /// Starts this program once more, as the server.
    pub(crate) fn start(delay: Duration) -> Self {
        let own = std::env::current_exe().expect("this program has a path");
        let mut process = Command::new(own)
            .env(ROLE, delay.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let input = process.stdin.take().expect("piped");
        let mut output = BufReader::new(process.stdout.take().expect("piped"));
        let host = line(&mut output);
        Self { process, input, output, host }
    }

    /// Requests and connections since the last call.
    pub(crate) fn seen(&mut self) -> (usize, usize) {
        writeln!(self.input, "seen").expect("the server reads");
        let counts = line(&mut self.output);
        let (requests, connections) = counts.split_once(' ').expect("two numbers");
        (requests.parse().expect("a number"), connections.parse().expect("a number"))
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn line(output: &mut impl BufRead) -> String {
    let mut text = String::new();
    output.read_line(&mut text).expect("the server says where it listens");
    text.trim().to_owned()
}

/// Whether this process is the server. It then serves until its standard input ends.
pub(crate) fn serve_if_asked() -> bool {
    let Some(delay) = std::env::var(ROLE).ok().and_then(|text| text.parse().ok()) else { return false };
    let delay = Duration::from_millis(delay);
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let seen = Arc::new(Seen::default());
    let counted = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&counted);
            seen.connections.fetch_add(1, Ordering::Relaxed);
            thread::spawn(move || serve(stream, delay, &seen));
        }
    });
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{address}").and_then(|()| out.flush());
    for _ in std::io::stdin().lock().lines() {
        let counts = [&seen.requests, &seen.connections].map(|count| count.swap(0, Ordering::Relaxed));
        let _ = writeln!(out, "{} {}", counts[0], counts[1]).and_then(|()| out.flush());
    }
    true
}

/// One connection.
fn serve(mut stream: TcpStream, delay: Duration, seen: &Seen) {
    let _ = stream.set_nodelay(true);
    let host = stream.local_addr().map(|address| address.to_string()).unwrap_or_default();
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        if body.len() < content_length(head) {
            continue;
        }
        seen.requests.fetch_add(1, Ordering::Relaxed);
        thread::sleep(delay);
        let answer = answer(head, body, &host);
        request.clear();
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// How long the body is that the head announces.
fn content_length(head: &str) -> usize {
    let value = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    };
    head.lines().find_map(value).unwrap_or_default()
}

/// Repositories under `open/` are open; each other one wants a token of its own.
fn answer(head: &str, body: &str, host: &str) -> String {
    let target = head.split(' ').nth(1).unwrap_or_default();
    // Who asks by POST writes into the form what others write into the query.
    if target.starts_with("/token") {
        let scope = if head.starts_with("POST ") { body } else { target };
        let repository = scope.split("repository%3A").nth(1).and_then(|rest| rest.split("%3A").next());
        let token = format!("for-{}", repository.unwrap_or_default());
        let body = format!(r#"{{"access_token":"{token}","token":"{token}","expires_in":300}}"#);
        return format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
    }
    let path = target.strip_prefix("/v2/").unwrap_or_default();
    let (repository, tag) = path.split_once("/manifests/").unwrap_or((path, ""));
    let token = format!("bearer for-{}", repository.replace('/', "%2f"));
    if repository.starts_with("open/") || head.to_lowercase().contains(&token) {
        let mut digest = format!("{repository}{tag}").bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        digest.truncate(64);
        return format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.oci.image.manifest.v1+json\r\n\
             docker-content-digest: sha256:{digest:0>64}\r\ncontent-length: 1024\r\n\r\n"
        );
    }
    format!(
        "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer realm=\"http://{host}/token\",service=\"{host}\",\
         scope=\"repository:{repository}:pull\"\r\ncontent-length: 0\r\n\r\n"
    )
}
