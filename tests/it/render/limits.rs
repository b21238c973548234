//! What a rendering may take, and that nothing of it is left.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use pullcheck::input::gather::{self, Gathered};
use pullcheck::input::load::{self, WalkOptions};
use pullcheck::input::render::{RenderLimits, RenderOptions};
use pullcheck::inventory::{ProblemKind, ReadOptions};
use pullcheck::registry::Interrupter;

use super::Stage;

/// Says which processes it is made of, and hangs.
const HANGS: &str = "sleep 600 & echo $! $$ > \"$0.part\"; mv \"$0.part\" \"$0.pids\"";

fn gathered(stage: &Stage, limits: RenderLimits) -> Gathered {
    let folder = stage.folder.path().to_str().unwrap().to_owned();
    let (inputs, errors) = load::inputs(&[folder], &WalkOptions::default()).unwrap();
    let options = RenderOptions { path: stage.path().into(), limits, ..RenderOptions::default() };
    let gathered = gather::gather_rendered(&inputs, errors, ReadOptions::default(), &options, &Interrupter::default());
    gathered.unwrap().unwrap().0
}

fn failure(gathered: &Gathered) -> &str {
    let tool = ProblemKind::RenderFailed { tool: "helm template" };
    &gathered.inventory.problems.iter().find(|problem| problem.kind == tool).unwrap().message
}

/// Waits until a process is gone; one that nobody has asked for yet is gone.
fn assert_ends(process: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    let runs = || {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        !matches!(stat.rsplit(") ").next().unwrap_or_default().chars().next(), None | Some('Z' | 'X'))
    };
    while Path::new("/proc/self/stat").exists() && runs() {
        assert!(Instant::now() < end, "the process {process} still runs");
        thread::yield_now();
    }
}

fn assert_all_end(stage: &Stage) {
    let processes = stage.written("helm", "pids");
    assert_eq!(processes.split_whitespace().count(), 2, "{processes}");
    processes.split_whitespace().for_each(assert_ends);
}

#[test]
fn default_limits_are_one_minute_and_64_mib() {
    let limits = RenderLimits::default();
    assert_eq!((limits.time, limits.output), (Duration::from_secs(60), 64 << 20));
}

#[test]
fn hanging_tool_is_stopped_with_its_children() {
    let stage = Stage::chart(&format!("{HANGS}; wait"));
    let gathered = gathered(&stage, RenderLimits { time: Duration::from_secs(2), ..RenderLimits::default() });
    assert_eq!(failure(&gathered), "it did not finish within 2s and was stopped");
    assert_all_end(&stage);
    assert_eq!(gathered.inventory.images.len(), 2, "the files are read as they are");
}

#[test]
fn flooding_tool_is_stopped_with_its_children() {
    let stage = Stage::chart(&format!("{HANGS}; while :; do echo 'a: b'; done"));
    let gathered = gathered(&stage, RenderLimits { output: 1000, ..RenderLimits::default() });
    assert_eq!(failure(&gathered), "it printed more than 1000 bytes and was stopped");
    assert_all_end(&stage);
}

#[test]
fn output_at_the_limit_is_accepted() {
    let text = super::pod("a", "docker.io/a/a:1");
    let stage = Stage::chart(&format!("cat <<'END'\n{text}END\n"));
    let rendered = gathered(&stage, RenderLimits { output: text.len(), ..RenderLimits::default() });
    assert!(rendered.inventory.problems.is_empty(), "{:?}", rendered.inventory.problems);
    let cut = gathered(&stage, RenderLimits { output: text.len() - 1, ..RenderLimits::default() });
    assert!(failure(&cut).starts_with("it printed more than"));
}

#[test]
fn long_error_output_is_truncated() {
    let script =
        "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789 >&2; i=$((i+1)); done; exit 1";
    let gathered = gathered(&Stage::chart(script), RenderLimits::default());
    let length = failure(&gathered).len();
    assert!((60_000..=64 << 10).contains(&length), "{length}");
}

#[test]
fn interrupt_stops_the_tool_and_its_children() {
    let stage = Stage::chart(&format!("{HANGS}; wait"));
    let output = stage.run().arg(".").output_after(|process| {
        let end = Instant::now() + Duration::from_secs(30);
        while !stage.tools.path().join("helm.pids").exists() {
            assert!(Instant::now() < end, "it is never rendered");
            thread::yield_now();
        }
        assert!(Command::new("kill").args(["-INT", &process.to_string()]).status().unwrap().success());
    });
    output.assert_status(130).assert_stderr_has("interrupted");
    assert_all_end(&stage);
}
