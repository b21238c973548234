//! Templates without `goTemplate`: `{{name}}`, as `github.com/valyala/fasttemplate` 1.2 fills them in.

use super::data::{Data, UNKNOWN, Value};
use super::{Failed, Filled, Parameters};

/// Fills in a text (`Replace` in `applicationset/utils/utils.go`). What is no parameter is left as written.
pub(super) fn fill(text: &str, parameters: &Parameters) -> Result<Filled, Failed> {
    let has_both = |line: &str| line.split_once("{{").is_some_and(|(_, rest)| rest.contains("}}"));
    let mut filled = Filled { text: String::new(), span: None };
    if !text.split('\n').any(has_both) {
        filled.text.push_str(text);
        return Ok(filled);
    }
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (tag, after) = after.split_once("}}").ok_or(Failed)?;
        filled.text.push_str(before);
        match parameters.values.get(tag.trim()) {
            Some(Data { value: Value::Text(value), span }) if !tag.trim().is_empty() => {
                filled.text.push_str(value);
                filled.span = span.or(filled.span);
            }
            Some(Data { value: Value::Unknown, .. }) => filled.text.push(UNKNOWN),
            None if parameters.is_open && !tag.trim().is_empty() => filled.text.push(UNKNOWN),
            _ => filled.text.extend(["{{", tag, "}}"]),
        }
        rest = after;
    }
    filled.text.push_str(rest);
    Ok(filled)
}
