//! One run of a tool: which environment it gets, how long it may last, how much it may print.
#![expect(clippy::disallowed_methods, reason = "programs are started with parts of the environment")]

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use crate::input::find_program::absolute_folders;
use crate::input::render::RenderLimits;

/// How much of a tool's error output is kept, in bytes.
const MAX_WORDS: u64 = 64 << 10;

/// Variables that a tool gets unchanged. No credentials, and no proxy, whose address can contain them: the tools
/// here render files.
const ENVIRONMENT: &[&str] =
    &["LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "SystemRoot", "SystemDrive", "windir", "PATHEXT", "COMSPEC"];

/// Returns the whole environment of a tool. Anything that it would look up in the user's home (logins, plugins,
/// repositories, a cluster, git's settings) it looks up in this empty folder.
///
/// Helm's variables are those of `pkg/cli/environment.go` and `pkg/helmpath`. kustomize calls git for remote bases
/// (`api/internal/git`), which may then use only what is public.
pub(super) fn environment(home: &Path, path: &OsStr) -> io::Result<Vec<(OsString, OsString)>> {
    let kept = ENVIRONMENT.iter().filter_map(|name| Some((OsString::from(name), env::var_os(name)?)));
    let folders = env::join_paths(absolute_folders(path)).map_err(io::Error::other)?;
    let mut environment: Vec<_> = kept.chain([("PATH".into(), folders)]).collect();
    let tmp = home.join("tmp");
    fs::create_dir(&tmp)?;
    let plugins = home.join("plugins");
    fs::create_dir(&plugins)?;
    let set = |name: &str, value: &dyn AsRef<OsStr>| (OsString::from(name), value.as_ref().to_owned());
    environment.extend([
        set("HOME", &home),
        set("USERPROFILE", &home),
        set("APPDATA", &home),
        set("LOCALAPPDATA", &home),
        set("TMPDIR", &tmp),
        set("TMP", &tmp),
        set("TEMP", &tmp),
        set("XDG_CONFIG_HOME", &home.join("config")),
        set("XDG_CACHE_HOME", &home.join("cache")),
        set("XDG_DATA_HOME", &home.join("data")),
        set("HELM_CONFIG_HOME", &home.join("config/helm")),
        set("HELM_CACHE_HOME", &home.join("cache/helm")),
        set("HELM_DATA_HOME", &home.join("data/helm")),
        set("HELM_PLUGINS", &plugins),
        set("KUSTOMIZE_PLUGIN_HOME", &plugins),
        set("KUBECONFIG", &home.join("no-cluster")),
        set("DOCKER_CONFIG", &home),
        set("GIT_CONFIG_NOSYSTEM", &"1"),
        set("GIT_CONFIG_GLOBAL", &home.join("no-gitconfig")),
        set("GIT_TERMINAL_PROMPT", &"0"),
        set("GIT_ASKPASS", &"false"),
        // Over ssh git would use the user's keys, wherever HOME is.
        set("GIT_ALLOW_PROTOCOL", &"http:https"),
    ]);
    Ok(environment)
}

/// Why a tool has no usable output.
#[derive(Debug, thiserror::Error)]
pub(super) enum ToolError {
    /// The tool cannot be started.
    #[error("it cannot be started: {0}")]
    Start(io::Error),
    /// The tool's output cannot be read.
    #[error("its output cannot be read: {0}")]
    Read(#[from] io::Error),
    /// The tool exceeded this time limit.
    #[error("it did not finish within {0:?} and was stopped")]
    Timeout(Duration),
    /// The tool printed more than this many bytes.
    #[error("it printed more than {} and was stopped", size(*.0))]
    TooMuch(usize),
    /// The output is not text.
    #[error("its output is not UTF-8")]
    NoText,
    /// The tool failed with this message.
    #[error("{0}")]
    Said(String),
    /// The tool failed without a message.
    #[error("it failed ({0}) without an error message")]
    Status(ExitStatus),
}

fn size(bytes: usize) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{bytes} bytes") }
}

/// Returns the output of a tool. Dropping the future ends the tool, and what it started.
pub(super) async fn run(
    program: &Path,
    arguments: &[OsString],
    environment: &[(OsString, OsString)],
    limits: RenderLimits,
) -> Result<String, ToolError> {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let group = Group(command.spawn().map_err(ToolError::Start)?);
    let finished = tokio::time::timeout(limits.time, finish(group, limits.output)).await;
    finished.unwrap_or(Err(ToolError::Timeout(limits.time)))
}

async fn finish(mut group: Group, max: usize) -> Result<String, ToolError> {
    let (stdout, stderr) = (group.0.stdout.take(), group.0.stderr.take());
    let (printed, words) = tokio::try_join!(printed(stdout, max), words(stderr))?;
    let status = group.0.wait().await?;
    if status.success() {
        return String::from_utf8(printed).map_err(|_| ToolError::NoText);
    }
    let words = String::from_utf8_lossy(&words);
    let words: Vec<&str> = words.trim().lines().map(without_log_head).collect();
    Err(if words.is_empty() { ToolError::Status(status) } else { ToolError::Said(words.join("\n")) })
}

async fn printed(stdout: Option<impl AsyncRead + Unpin>, max: usize) -> Result<Vec<u8>, ToolError> {
    let mut printed = Vec::new();
    if let Some(stdout) = stdout {
        stdout.take(max as u64 + 1).read_to_end(&mut printed).await?;
    }
    if printed.len() > max { Err(ToolError::TooMuch(max)) } else { Ok(printed) }
}

/// Returns the beginning of the error output. The rest is read as well, because the tool would wait until it is
/// read.
async fn words(stderr: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, ToolError> {
    let mut words = Vec::new();
    if let Some(mut stderr) = stderr {
        (&mut stderr).take(MAX_WORDS).read_to_end(&mut words).await?;
        tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await?;
    }
    Ok(words)
}

/// Removes the prefix that klog puts in front of a line, as some builds of kubectl do:
/// `E1120 18:21:51.163341   27809 run.go:72] `. It differs each time, which would make the same fault a different
/// one.
fn without_log_head(line: &str) -> &str {
    let is_head = |head: &str| {
        let mut words = head.split_ascii_whitespace();
        let day = words.next().and_then(|word| word.strip_prefix(['I', 'W', 'E', 'F']));
        let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
        day.is_some_and(|day| day.len() == 4 && is_number(day))
            && words.next().is_some_and(|time| time.split([':', '.']).all(is_number))
            && words.next().is_some_and(is_number)
            && words.next().is_some()
            && words.next().is_none()
    };
    line.split_once("] ").filter(|(head, _)| is_head(head)).map_or(line, |(_, rest)| rest)
}

/// A tool and all processes that it starts: a process group.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // After the wait, its number may belong to another process.
        #[cfg(unix)]
        if let Some(leader) = self.0.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_line_prefix_is_removed() {
        let line = "E1120 18:21:51.163341   27809 run.go:72] \"command failed\" err=\"x\"";
        assert_eq!(without_log_head(line), "\"command failed\" err=\"x\"");
        for line in ["Error: a[0] b", "E1120 x] y", "", "Every 10:00 5 a] b"] {
            assert_eq!(without_log_head(line), line);
        }
    }
}
