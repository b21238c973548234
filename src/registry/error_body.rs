//! The body of a failure, decoded as the libraries of the runtimes decode it.
//!
//! Follows `Errors.UnmarshalJSON` in `core/remotes/docker/errcode.go` of containerd 2.4 and in
//! `registry/api/errcode/errors.go` of docker/distribution 2.8.3, and `parseHTTPErrorResponse` in
//! `docker/distribution_error.go` of containers/image 5.38 (CRI-O 1.36).

use crate::kubelet::probe::{ErrorBody, RegistryError};
use crate::text::go::json::{self, Reader, ValueKind, folds_to};

/// The number of bytes that containerd reads of a body. It finds no JSON in a longer one
/// (`core/remotes/errors/errors.go`).
const MOST: usize = 64_000;

/// The most text that is kept of a list of errors. A longer list is dropped: an event contains less.
const MOST_TEXT: usize = 4_000;

/// The number of bytes that CRI-O prints of a body that has no list (`docker/errors.go` of containers/image).
const START: usize = 50;

/// Reads a body; `None` if it is too long to be kept.
pub(super) fn read(body: &[u8]) -> Option<ErrorBody> {
    if body.len() > MOST {
        return None;
    }
    let start = body.get(..START).filter(|_| body.len() > START);
    let start = match start {
        Some(start) => std::str::from_utf8(start).ok().map(|start| format!("{start}...")),
        None => std::str::from_utf8(body).ok().map(str::to_owned),
    };
    let (errors, details) = if json::check(body).is_ok() { fields(body) } else { (None, None) };
    let errors = errors.unwrap_or_default();
    let length = errors.iter().map(|error| error.code.len() + error.message.len()).sum::<usize>();
    (length + details.as_ref().map_or(0, String::len) <= MOST_TEXT).then_some(ErrorBody { errors, details, start })
}

/// `errors` and `details` of an object; `None` if Go cannot decode them.
fn fields(body: &[u8]) -> (Option<Vec<RegistryError>>, Option<String>) {
    let mut values = Reader::new(body);
    if values.kind() != ValueKind::Object {
        return (None, None);
    }
    let (mut errors, mut details) = (Some(Vec::new()), None);
    while let Some(key) = values.next_key() {
        let name = values.text(&key);
        let kind = values.kind();
        let range = values.skip_value();
        if folds_to(&name, "details") && kind == ValueKind::String {
            details = Some(values.text(&range)).filter(|text| !text.is_empty());
        } else if folds_to(&name, "errors") {
            let written = body.get(range).unwrap_or_default();
            // A type error anywhere in the list fails the whole list.
            errors = errors.and_then(|_| list(kind, written));
        }
    }
    (errors, details)
}

fn list(kind: ValueKind, written: &[u8]) -> Option<Vec<RegistryError>> {
    match kind {
        ValueKind::Null => return Some(Vec::new()),
        ValueKind::Array => {}
        _ => return None,
    }
    let (mut values, mut errors) = (Reader::new(written), Vec::new());
    while values.next_element() {
        errors.push(one(&mut values)?);
    }
    Some(errors)
}

fn one(values: &mut Reader<'_>) -> Option<RegistryError> {
    let mut error = RegistryError::default();
    match values.kind() {
        ValueKind::Null => {
            values.skip_value();
            return Some(error);
        }
        ValueKind::Object => {}
        _ => return None,
    }
    while let Some(key) = values.next_key() {
        let name = values.text(&key);
        let kind = values.kind();
        let range = values.skip_value();
        if folds_to(&name, "detail") {
            error.detail = kind != ValueKind::Null;
        } else if ["code", "message"].iter().any(|field| folds_to(&name, field)) {
            let field = if folds_to(&name, "code") { &mut error.code } else { &mut error.message };
            match kind {
                ValueKind::String => *field = values.text(&range),
                // A null leaves the value unchanged.
                ValueKind::Null => {}
                _ => return None,
            }
        }
    }
    Some(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(body: &str) -> Vec<(String, String, bool)> {
        let read = read(body.as_bytes()).unwrap();
        read.errors.into_iter().map(|error| (error.code, error.message, error.detail)).collect()
    }

    #[test]
    fn error_list_is_decoded_as_in_go() {
        let x = |code: &str, message: &str, detail| (code.to_owned(), message.to_owned(), detail);
        for (body, expected) in [
            (r#"{"errors":[{"code":"DENIED"}]}"#, vec![x("DENIED", "", false)]),
            (r#"{"Errors":[{"CODE":"DENIED","Message":"no","detail":{}}]}"#, vec![x("DENIED", "no", true)]),
            (r#"{"errors":[{"code":"A","detail":null},{"message":"m"}]}"#, vec![x("A", "", false), x("", "m", false)]),
            (r#"{"errors":[null]}"#, vec![x("", "", false)]),
            (r#"{"errors":[{"code":null,"message":null}]}"#, vec![x("", "", false)]),
            (r#"{"errors":[{"code":7}]}"#, vec![]),
            (r#"{"errors":[{"code":"A"},"b"]}"#, vec![]),
            (r#"{"errors":{"code":"A"}}"#, vec![]),
            (r#"{"errors":null}"#, vec![]),
            (r#"{"errors":[]}"#, vec![]),
            (r#"[{"code":"A"}]"#, vec![]),
            (r#"{"errors":[{"code":"A"}]} x"#, vec![]),
            ("<html>", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(errors(body), expected, "{body}");
        }
    }

    #[test]
    fn start_of_a_body_without_error_list_is_kept() {
        let start = |body: &[u8]| read(body).unwrap().start;
        assert_eq!(start(b"<html>").as_deref(), Some("<html>"));
        assert_eq!(start(&[b'x'; 50]).as_deref(), Some(&*"x".repeat(50)));
        assert_eq!(start(&[b'x'; 51]).as_deref(), Some(&*format!("{}...", "x".repeat(50))));
        assert_eq!(start(b"\xff"), None);
        assert_eq!(read(&vec![b' '; MOST + 1]), None);
    }

    #[test]
    fn docker_hub_details_are_read() {
        let read = read(br#"{"details":"incorrect username or password"}"#).unwrap();
        assert_eq!(read.details.as_deref(), Some("incorrect username or password"));
    }
}
