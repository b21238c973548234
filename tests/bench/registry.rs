//! How long a run over a thousand images takes against a registry that needs 40 ms for each answer, by the built
//! command as a process of its own.
//!
//! The bound is what the requests cost when fifty are always under way: requests × 40 ms ÷ 50. No run can reach it
//! quite: the challenge, and the first token of a credential, are fetched by one while the others wait.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "writes manifests, reads clocks, prints figures")]

mod slow_registry;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use slow_registry::Slow;
use tempfile::TempDir;

/// What each answer takes.
const DELAY: Duration = Duration::from_millis(40);
/// Requests under way at once.
const WIDTH: u32 = 50;
/// Runs, of which the median counts.
const RUNS: usize = 5;

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if slow_registry::serve_if_asked() || std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let mut server = Slow::start(DELAY);
    println!("median of {RUNS} runs; bound = requests x {} ms / {WIDTH}", DELAY.as_millis());
    println!("{:<44} {:>8} {:>8} {:>9} {:>6} {:>8}", "", "time", "bound", "requests", "conns", "memory");
    let all: Vec<u32> = (0..1000).collect();
    let cases: [(&str, Vec<String>, bool); 5] = [
        ("one image, open", vec!["open/app:1".into()], false),
        ("1,000 tags of one repository, open", names(&all, |n| format!("open/app:{n}")), false),
        ("1,000 tags of one repository, token", names(&all, |n| format!("acme/app:{n}")), true),
        ("1,000 repositories, anonymous token", names(&all, |n| format!("acme/app-{n}:1")), false),
        ("1,000 repositories, token", names(&all, |n| format!("acme/app-{n}:1")), true),
    ];
    for (name, images, secret) in cases {
        measure(&mut server, name, &images, secret);
    }
}

fn names(numbers: &[u32], name: impl Fn(&u32) -> String) -> Vec<String> {
    numbers.iter().map(name).collect()
}

/// What one run showed.
struct Run {
    time: Duration,
    requests: usize,
    connections: usize,
    /// Highest resident memory in KiB.
    memory: usize,
}

fn measure(server: &mut Slow, name: &str, images: &[String], secret: bool) {
    let folder = manifests(&server.host, images, secret);
    let mut runs: Vec<Run> = (0..RUNS).map(|_| run(server, folder.path(), images.len())).collect();
    runs.sort_by_key(|run| run.time);
    let memory = runs.iter().map(|run| run.memory).max().unwrap_or_default();
    let Run { time, requests, connections, .. } = runs[RUNS / 2];
    let bound = DELAY * requests as u32 / WIDTH;
    println!(
        "{name:<44} {:>6} ms {:>5} ms {requests:>9} {connections:>6} {:>5.1} MB",
        time.as_millis(),
        bound.as_millis(),
        memory as f64 * 1024.0 / 1e6
    );
}

/// Pods of ten images each, and the pull secret that they name.
fn manifests(host: &str, images: &[String], secret: bool) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut text = String::new();
    if secret {
        // deploy:not-a-real-password
        let config = format!(r#"{{"auths":{{"{host}":{{"auth":"ZGVwbG95Om5vdC1hLXJlYWwtcGFzc3dvcmQ="}}}}}}"#);
        let _ = writeln!(
            text,
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: pull, namespace: shop}}\n\
             type: kubernetes.io/dockerconfigjson\nstringData:\n  .dockerconfigjson: '{config}'"
        );
    }
    for (number, images) in images.chunks(10).enumerate() {
        let _ = writeln!(
            text,
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: pod-{number}, namespace: shop}}\nspec:\n  \
             imagePullSecrets: [{}]\n  containers:",
            if secret { "{name: pull}" } else { "" }
        );
        for (at, image) in images.iter().enumerate() {
            let _ = writeln!(text, "    - name: c{at}\n      image: {host}/{image}");
        }
    }
    fs::write(folder.path().join("all.yaml"), text).expect("the manifests are written");
    folder
}

fn run(server: &mut Slow, folder: &Path, images: usize) -> Run {
    // Nothing is remembered from one run to the next.
    let home = tempfile::tempdir().expect("a temporary folder");
    server.seen();
    let start = Instant::now();
    let child = Command::new(env!("CARGO_BIN_EXE_pullcheck"))
        .args(["--concurrency=50", "--host-concurrency=50", "--fail-on=never", "--format=json"])
        .arg(format!("--plain-http={}", server.host))
        .arg(".")
        .current_dir(folder)
        .env_clear()
        .env("HOME", home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the command starts");
    let watched = watch_memory(child.id());
    let output = child.wait_with_output().expect("the command ends");
    let time = start.elapsed();
    let memory = watched.join().expect("watching cannot panic");
    let (requests, connections) = server.seen();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the report is JSON");
    assert_eq!(report["summary"]["pullable"], images, "every image can be pulled: {}", report["summary"]);
    assert_eq!(report["summary"]["requests"], requests, "the report tells the server's count");
    Run { time, requests, connections, memory }
}

/// `VmHWM` of a process, read until it ends; 0 where the system does not tell.
fn watch_memory(process: u32) -> thread::JoinHandle<usize> {
    thread::spawn(move || {
        let mut highest = 0;
        while let Ok(status) = fs::read_to_string(format!("/proc/{process}/status")) {
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            // A process that has ended has a status without memory.
            let Some(kib) = line.and_then(|line| line.trim().strip_suffix("kB")) else { break };
            highest = kib.trim().parse().unwrap_or(highest);
            thread::sleep(Duration::from_millis(2));
        }
        highest
    })
}
