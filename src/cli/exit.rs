//! The exit status.

use std::process::ExitCode;

use crate::findings::finding::Severity;
use crate::options::args::FailOn;
use crate::options::resolve::{Options, Task};
use crate::report::Report;

/// How a run ended. If several apply, the precedence is: interrupted, usage, findings, unverified, nothing to check.
///
/// What a suppression or the baseline silences is not a finding; its image still fails, or is unverified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: nothing at or above the threshold.
    Clean,
    /// 1: findings at or above the threshold.
    Findings,
    /// 2: usage or configuration; also a path that does not exist.
    Usage,
    /// 3: nothing to check.
    NothingToCheck,
    /// 4: unverified images, or releases that were not rendered, under `--fail-on-unverified`.
    Unverified,
    /// 0: the reader of standard output closed it, before the end of a text that is not a report.
    BrokenPipe,
    /// 130: interrupted, after the report of what was known.
    Interrupted,
}

/// The exit code that a shell reports for a command that SIGINT ended.
pub(super) const INTERRUPTED: u8 = 130;

impl Exit {
    /// Returns the exit status of a finished report, which does not depend on the format.
    pub fn of(report: &Report, options: &Options) -> Self {
        let threshold = match options.fail_on {
            FailOn::Error => Some(Severity::Error),
            FailOn::Warning => Some(Severity::Warning),
            FailOn::Note => Some(Severity::Note),
            FailOn::Never => None,
        };
        let fails = |severity| threshold.is_some_and(|threshold| severity >= threshold);
        // A note on a broken file is not an object that was checked. What the user silenced was seen by the user.
        let nothing = report.summary.resources == 0 && report.silenced.is_empty();
        let checks = options.task == Task::Check;
        // Writing a baseline is a fresh start: all current findings become known.
        let fails_on_unverified = options.fail_on_unverified && options.write_baseline.is_none();
        let is_unverified =
            report.summary.unverified + report.summary.unrendered_releases + report.summary.charts_unverified > 0;
        if !report.errors.is_empty() {
            Self::Usage
        } else if checks && report.findings.iter().any(|finding| fails(finding.severity)) {
            Self::Findings
        } else if checks && fails_on_unverified && is_unverified {
            Self::Unverified
        } else if nothing && !options.allow_empty {
            Self::NothingToCheck
        } else {
            Self::Clean
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean | Exit::BrokenPipe => 0,
            Exit::Findings => 1,
            Exit::Usage => 2,
            Exit::NothingToCheck => 3,
            Exit::Unverified => 4,
            Exit::Interrupted => INTERRUPTED,
        })
    }
}
