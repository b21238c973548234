//! Reads the baseline file before anything is checked.
#![expect(clippy::disallowed_methods, reason = "reads the file that the operator names")]

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::UsageError;
use crate::findings::baseline::Baseline;
use crate::output::sanitize;

/// Largest baseline that is read, in bytes: a quarter of a million findings.
const MAX_BYTES: u64 = 64 << 20;

/// Reads a baseline.
///
/// # Errors
/// The file does not exist, or is not a baseline.
pub(crate) fn read(file: &Path) -> Result<Baseline, UsageError> {
    // Quotes from a file may be long.
    let refused = |why: &str| UsageError::new(format!("--baseline {}: {}", shown(file), one_line(why)));
    let text = read_text(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => refused("no such file; create it with --write-baseline"),
        io::ErrorKind::InvalidData => refused("it is not a pullcheck baseline: it is not UTF-8"),
        _ => refused(&error.to_string()),
    })?;
    // Editors on Windows put a byte order mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Baseline::parse(text).map_err(|error| refused(&error.to_string()))
}

pub(crate) fn shown(file: &Path) -> String {
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
