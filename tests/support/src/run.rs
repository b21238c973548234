//! Runs the built binary as a stranger would: without the caller's environment, with a home of its own.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A run to be made. Only `PATH` and `TMPDIR` of the caller's environment reach it; `HOME` is an empty folder that
/// goes away with it.
#[derive(Debug)]
pub struct Run {
    command: Command,
    stdin: Vec<u8>,
    _home: TempDir,
}

/// What a run left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Run {
    /// Prepares to run a program, usually `env!("CARGO_BIN_EXE_pullcheck")`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder can be made");
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .stdin(Stdio::piped());
        for name in ["PATH", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        Self { command, stdin: Vec::new(), _home: home }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs in this folder.
    #[must_use]
    pub fn within(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Feeds standard input.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = text.into();
        self
    }

    /// Runs to the end.
    pub fn output(self) -> Output {
        self.output_after(|_| {})
    }

    /// Runs to the end; gives also the most that it held in memory at once, in KiB, where the system tells.
    pub fn output_and_peak(self) -> (Output, Option<u64>) {
        let mut watching = None;
        let output = self.output_after(|process| watching = Some(std::thread::spawn(move || peak(process))));
        (output, watching.and_then(|watching| watching.join().expect("watching cannot panic")))
    }

    /// Runs to the end, and does something with the running process, of which the number is given.
    pub fn output_after(mut self, meanwhile: impl FnOnce(u32)) -> Output {
        let mut child = self.command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", self.command));
        let mut pipe = child.stdin.take().expect("standard input is piped");
        let stdin = std::mem::take(&mut self.stdin);
        // On its own thread: a program that prints before it reads would block us both. It may also not read at all.
        let feeder = std::thread::spawn(move || drop(pipe.write_all(&stdin)));
        meanwhile(child.id());
        let output = child.wait_with_output().expect("a started program ends");
        feeder.join().expect("feeding cannot panic");
        Output {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// `VmHWM` of a process, which only grows, read until it ends.
fn peak(process: u32) -> Option<u64> {
    let mut peak = None;
    while let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) {
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        // A process that has ended has a status without memory.
        let Some(kib) = line.and_then(|line| line.trim().strip_suffix("kB")) else { break };
        peak = kib.trim().parse().ok().or(peak);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    peak
}

impl Output {
    /// Asserts the exit status; shows everything when it is another.
    #[track_caller]
    pub fn assert_status(self, expected: i32) -> Self {
        assert_eq!(self.status, Some(expected), "exit status\n{self}");
        self
    }

    /// Asserts that standard output has this text; shows everything when it has not.
    #[track_caller]
    pub fn assert_stdout_has(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "standard output lacks {text:?}\n{self}");
        self
    }

    /// Asserts that standard error has this text; shows everything when it has not.
    #[track_caller]
    pub fn assert_stderr_has(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "standard error lacks {text:?}\n{self}");
        self
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = self.status.map_or("signal".to_owned(), |status| status.to_string());
        write!(f, "--- exit status {status}\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
    }
}
