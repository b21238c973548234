//! Go templates: the part of `text/template` and sprig 3.3 that ApplicationSets commonly use. Everything else is
//! unknown, never wrong.

mod eval;
mod function;
mod parse;

use super::data::UNKNOWN;
use super::{Failed, Filled, Parameters};

/// The longest text that is followed, in bytes.
const MAX_LENGTH: usize = 1 << 16;

/// Maximum number of values in a list or a mapping that is followed.
const MAX_NODES: usize = 1_000;

/// Fills in a text. `is_strict` is `missingkey=error` in `goTemplateOptions`.
pub(super) fn fill(text: &str, parameters: &Parameters, is_strict: bool) -> Result<Filled, Failed> {
    if !text.contains("{{") {
        return Ok(Filled { text: text.to_owned(), span: None });
    }
    match parse::parse(text) {
        Some(parts) => eval::Eval { parameters, is_strict }.fill(&parts),
        None => Ok(Filled { text: UNKNOWN.to_string(), span: None }),
    }
}
