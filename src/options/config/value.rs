//! Whether clap accepts a value, and why not.

use std::error::Error as _;
use std::ffi::OsStr;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Id};

/// Tries one `--key=value`, regardless of other options.
///
/// # Errors
/// clap's message, without the parts about a command line.
pub(super) fn try_word(arg: &Arg, word: &OsStr) -> Result<(), String> {
    let none = || Resettable::<Id>::Reset;
    let alone = arg.clone().requires(none()).conflicts_with(none());
    let command = Command::new("configuration").no_binary_name(true).disable_help_flag(true).arg(alone);
    command.try_get_matches_from([word]).map(drop).map_err(|error| words(&error))
}

fn words(error: &clap::Error) -> String {
    if let Some(why) = error.source() {
        return why.to_string();
    }
    let list = |kind| match error.get(kind) {
        Some(ContextValue::Strings(values)) => values.join(", "),
        Some(ContextValue::String(value)) => value.clone(),
        _ => String::new(),
    };
    match (error.kind(), list(ContextKind::ValidValue)) {
        (ErrorKind::InvalidValue, valid) if !valid.is_empty() => {
            let given = list(ContextKind::InvalidValue);
            match list(ContextKind::SuggestedValue) {
                meant if !meant.is_empty() => {
                    format!("unknown value `{given}`: expected one of {valid}; did you mean `{meant}`?")
                }
                _ => format!("unknown value `{given}`: expected one of {valid}"),
            }
        }
        _ => first_line(error),
    }
}

/// Returns the first line of clap's text, without `error: `.
pub(super) fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
