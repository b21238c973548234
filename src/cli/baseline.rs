//! The baseline file: written after all checks, and the notes about it.

use crate::cli::exit::Exit;
use crate::error::UsageError;
use crate::options::baseline_file::shown;
use crate::options::outputs;
use crate::options::resolve::Options;
use crate::report::Report;

/// Returns the notes about the baseline that was read.
pub(super) fn notes(options: &Options, report: &Report) -> impl Iterator<Item = String> {
    let name = options.baseline.as_deref().map(shown).unwrap_or_default();
    let gone = match report.baseline.gone {
        0 => None,
        1 => Some(format!("1 finding in the baseline {name} no longer occurs: {AGAIN} {name}")),
        gone => Some(format!("{gone} findings in the baseline {name} no longer occur: {AGAIN} {name}")),
    };
    let foreign = report.baseline.foreign.then(|| {
        format!(
            "the baseline {name} contains none of the files that were read: run pullcheck in the folder where the \
             baseline was written, with the same paths"
        )
    });
    gone.into_iter().chain(foreign)
}

const AGAIN: &str = "regenerate it with --write-baseline";

/// Writes the baseline that is asked for, unless the run does not know everything that the baseline should contain.
/// Returns a note for the user.
///
/// # Errors
/// The file cannot be written; an older one is left unchanged.
pub(super) fn write(options: &Options, report: &Report, exit: Exit) -> Result<Option<String>, UsageError> {
    let (Some(file), Some(baseline)) = (&options.write_baseline, &report.baseline.written) else { return Ok(None) };
    let name = shown(file);
    let why = match exit {
        Exit::Interrupted => Some("the run was interrupted"),
        Exit::Usage => Some("not all inputs could be read"),
        Exit::NothingToCheck => Some("nothing was checked"),
        _ => None,
    };
    if let Some(why) = why {
        return Ok(Some(format!("the baseline {name} was not written: {why}")));
    }
    outputs::write_file("--write-baseline ", file, |out| out.write_all(baseline.to_text().as_bytes()))?;
    let findings = baseline.len();
    let findings = if findings == 1 { "1 finding".to_owned() } else { format!("{findings} findings") };
    let unverified = match report.summary.unverified {
        0 => String::new(),
        1 => "; 1 image was not verified, so its faults are unknown".to_owned(),
        count => format!("; {count} images were not verified, so their faults are unknown"),
    };
    Ok(Some(format!("note: wrote {findings} to the baseline {name}{unverified}")))
}
