//! The baseline's file: read before anything is checked, written when all is.
#![expect(clippy::disallowed_methods, reason = "reads the file that the operator names")]

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::baseline::Baseline;
use crate::cli::exit::Exit;
use crate::cli::options::Options;
use crate::cli::outputs;
use crate::error::UsageError;
use crate::output::sanitize;
use crate::report::Report;

/// Largest baseline that is read, in bytes: a quarter of a million findings.
const MAX_BYTES: u64 = 64 << 20;

/// Reads a baseline.
///
/// # Errors
/// There is no such file, or it is no baseline.
pub(super) fn read(file: &Path) -> Result<Baseline, UsageError> {
    // A file may quote itself at length.
    let refused = |why: &str| UsageError::new(format!("--baseline {}: {}", shown(file), one_line(why)));
    let text = read_text(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => refused("no such file; --write-baseline writes one"),
        io::ErrorKind::InvalidData => refused("it is no baseline of pullcheck: it is not UTF-8"),
        _ => refused(&error.to_string()),
    })?;
    // Editors of Windows put a mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Baseline::parse(text).map_err(|error| refused(&error.to_string()))
}

fn shown(file: &Path) -> String {
    one_line(&file.display().to_string())
}

fn one_line(text: &str) -> String {
    sanitize::line(&sanitize::clip(text, sanitize::MESSAGE)).into_owned()
}

fn read_text(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 64 MiB"));
    }
    Ok(text)
}

/// What is to be said of the baseline that was read.
pub(super) fn notes(options: &Options, report: &Report) -> impl Iterator<Item = String> {
    let name = options.baseline.as_deref().map(shown).unwrap_or_default();
    let gone = match report.baseline.gone {
        0 => None,
        1 => Some(format!("1 finding of the baseline {name} is no longer found: {AGAIN} {name}")),
        gone => Some(format!("{gone} findings of the baseline {name} are no longer found: {AGAIN} {name}")),
    };
    let foreign = report.baseline.foreign.then(|| {
        format!(
            "the baseline {name} knows none of the files that were read: run pullcheck in the folder in which it was \
             written, with paths as they were then"
        )
    });
    gone.into_iter().chain(foreign)
}

const AGAIN: &str = "write it anew with --write-baseline";

/// Writes the baseline that is asked for, unless the run does not know all that it should hold. The answer is what is to
/// be said of it.
///
/// # Errors
/// The file cannot be written; an older one is left as it was.
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
        return Ok(Some(format!("the baseline {name} is not written: {why}")));
    }
    outputs::write_file("--write-baseline ", file, |out| out.write_all(baseline.to_text().as_bytes()))?;
    let findings = baseline.len();
    let findings = if findings == 1 { "1 finding".to_owned() } else { format!("{findings} findings") };
    let unverified = match report.summary.unverified {
        0 => String::new(),
        1 => "; 1 image was not verified: what is wrong with it is not known".to_owned(),
        count => format!("; {count} images were not verified: what is wrong with them is not known"),
    };
    Ok(Some(format!("note: the baseline {name} knows {findings} from now on{unverified}")))
}
