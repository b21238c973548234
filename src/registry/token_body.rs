//! A token endpoint's answer: a token and its lifetime, decoded as the runtimes decode it.
//!
//! Follows `FetchToken` and `FetchTokenWithOAuth` in `core/remotes/docker/auth/fetch.go` of containerd 2.4, and
//! `readFromHTTPResponseBody` in `docker/docker_client.go` of containers/image 5.42 (CRI-O). If Go's decoder refuses
//! a part, the pull fails, even if the token itself is valid.

use std::time::Duration;

use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

use crate::text::go::json::{self, Reader, ValueKind, folds_to};
use crate::text::go::time::is_rfc3339;

/// A token from a token endpoint's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBody {
    /// `Bearer …`, marked sensitive: the value of `Authorization`.
    pub header: HeaderValue,
    /// How long the token is used.
    pub lifetime: Duration,
}

/// The runtime and method of the request: each decodes the answer into its own structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenReader {
    /// containerd's `POST`: `OAuthTokenResponse`, which has no `token`.
    ContainerdPost,
    /// containerd's `GET`: `FetchTokenResponse`, where `access_token` takes precedence over `token`.
    ContainerdGet,
    /// CRI-O's `GET`: `token` takes precedence over `access_token`, and nothing may follow the object.
    Crio,
}

/// Why there is no token. The message is the runtime's; an ellipsis replaces the endpoint's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenBodyError {
    /// Go's decoder refuses the body.
    #[error("unable to decode token response: {0}")]
    Decode(String),
    /// The body contains no token.
    #[error("authorization server did not include a token in the response")]
    NoToken,
    /// The token is not valid in a header.
    #[error("failed to do request: net/http: invalid header field value for \"Authorization\"")]
    NoHeader,
}

impl TokenReader {
    const fn structure(self) -> &'static str {
        match self {
            Self::ContainerdPost => "OAuthTokenResponse.",
            Self::ContainerdGet => "FetchTokenResponse.",
            Self::Crio => ".",
        }
    }

    /// The text fields, in order of precedence.
    const fn texts(self) -> &'static [&'static str] {
        match self {
            Self::ContainerdPost => &["access_token", "refresh_token", "scope"],
            Self::ContainerdGet => &["access_token", "token", "refresh_token"],
            Self::Crio => &["token", "access_token"],
        }
    }

    /// The number of these fields that can contain the token.
    const fn tokens(self) -> usize {
        match self {
            Self::ContainerdPost => 1,
            Self::ContainerdGet | Self::Crio => 2,
        }
    }
}

/// Reads the body of a successful answer.
///
/// # Errors
/// The body contains no token that the runtime would accept.
pub fn parse(body: &[u8], reader: TokenReader) -> Result<TokenBody, TokenBodyError> {
    let fields = decode(body, reader).map_err(TokenBodyError::Decode)?;
    let tokens = fields.texts.into_iter().take(reader.tokens());
    let token = tokens.flatten().find(|text| !text.is_empty()).ok_or(TokenBodyError::NoToken)?;
    let value = Zeroizing::new(format!("Bearer {}", token.as_str()));
    let mut header = HeaderValue::from_str(&value).map_err(|_| TokenBodyError::NoHeader)?;
    header.set_sensitive(true);
    Ok(TokenBody { header, lifetime: lifetime(fields.expires_in) })
}

/// The fields of an answer.
#[derive(Default)]
struct Fields {
    /// The texts, in the order of [`TokenReader::texts`].
    texts: [Option<Zeroizing<String>>; 3],
    expires_in: Option<i64>,
}

/// `json.Decoder.Decode` into the reader's structure; the error is Go's.
fn decode(body: &[u8], reader: TokenReader) -> Result<Fields, String> {
    // A decoder reads one value and ignores the rest of the text; `json.Unmarshal` does not.
    let value = match reader {
        TokenReader::Crio => body,
        _ => {
            let end = Reader::new(body).skip_value().end;
            body.get(..end).filter(|value| json::check(value).is_ok()).unwrap_or(body)
        }
    };
    if value.trim_ascii().is_empty() {
        return Err(if reader == TokenReader::Crio { "unexpected end of JSON input" } else { "EOF" }.to_owned());
    }
    json::check(value).map_err(|error| match (&*error.message, reader) {
        ("unexpected end of JSON input", TokenReader::ContainerdPost | TokenReader::ContainerdGet) => {
            "unexpected EOF".to_owned()
        }
        _ => error.message,
    })?;
    let mut fields = Fields::default();
    let mut values = Reader::new(value);
    match values.kind() {
        ValueKind::Object => {}
        ValueKind::Null => return Ok(fields),
        kind => return Err(format!("json: cannot unmarshal {} into Go value of type …", kind.as_str())),
    }
    // Go continues after a value of a wrong type, but not after an invalid time.
    let mut wrong = None;
    while let Some(key) = values.next_key() {
        let name = values.text(&key);
        let kind = values.kind();
        let range = values.skip_value();
        let mut refuse = |field: &str, of: &str| {
            let what = if kind == ValueKind::Number && of == "int" { "number …" } else { kind.as_str() };
            let field = format!("{}{field}", reader.structure());
            wrong.get_or_insert_with(|| {
                format!("json: cannot unmarshal {what} into Go struct field {field} of type {of}")
            });
        };
        if kind == ValueKind::Null {
            continue;
        }
        if let Some(at) = reader.texts().iter().position(|field| folds_to(&name, field)) {
            match (kind, fields.texts.get_mut(at)) {
                (ValueKind::String, Some(text)) => *text = Some(Zeroizing::new(values.text(&range))),
                _ => refuse(reader.texts().get(at).copied().unwrap_or_default(), "string"),
            }
        } else if folds_to(&name, "expires_in") {
            let written = value.get(range).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
            match written.parse::<i64>().ok().filter(|_| kind == ValueKind::Number) {
                Some(seconds) => fields.expires_in = Some(seconds),
                None => refuse("expires_in", "int"),
            }
        } else if folds_to(&name, "issued_at") {
            let written = value.get(range).unwrap_or_default();
            let inner = written.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
            match inner {
                None => return Err("Time.UnmarshalJSON: input is not a JSON string".to_owned()),
                Some(time) if !is_rfc3339(time) => return Err("parsing time …".to_owned()),
                Some(_) => {}
            }
        }
    }
    wrong.map_or(Ok(fields), Err)
}

/// The lifetime that the realm gives, else a minute; ten seconds less for the transfer; a day at most.
fn lifetime(expires_in: Option<i64>) -> Duration {
    let said = expires_in.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0);
    Duration::from_secs(said.unwrap_or(60).min(86_400).saturating_sub(10).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [TokenReader; 3] = [TokenReader::ContainerdPost, TokenReader::ContainerdGet, TokenReader::Crio];

    fn token(body: &str, reader: TokenReader) -> Result<String, String> {
        let read = parse(body.as_bytes(), reader).map_err(|error| error.to_string())?;
        Ok(read.header.to_str().unwrap().trim_start_matches("Bearer ").to_owned())
    }

    #[test]
    fn token_lifetime_follows_expires_in() {
        assert_eq!(lifetime(None), Duration::from_secs(50));
        assert_eq!(lifetime(Some(0)), Duration::from_secs(50));
        assert_eq!(lifetime(Some(-1)), Duration::from_secs(50));
        assert_eq!(lifetime(Some(300)), Duration::from_secs(290));
        assert_eq!(lifetime(Some(5)), Duration::from_secs(1));
        assert_eq!(lifetime(Some(i64::MAX)), Duration::from_secs(86_390));
    }

    #[test]
    fn each_runtime_reads_its_own_token_field() {
        let both = r#"{"token":"t","access_token":"a"}"#;
        assert_eq!(ALL.map(|reader| token(both, reader).unwrap()), ["a", "a", "t"]);
        let only = r#"{"token":"t"}"#;
        let missing = "authorization server did not include a token in the response";
        assert_eq!(
            ALL.map(|reader| token(only, reader)),
            [Err(missing.to_owned()), Ok("t".to_owned()), Ok("t".to_owned())]
        );
        let empty = r#"{"token":"t","access_token":""}"#;
        assert!(token(empty, TokenReader::ContainerdPost).is_err());
        assert_eq!(token(empty, TokenReader::ContainerdGet).unwrap(), "t");
        let cased = r#"{"ACCESS_TOKEN":"a","ſcope":"x","Expires_In":7}"#;
        assert!(ALL.iter().all(|reader| token(cased, *reader).unwrap() == "a"));
        assert_eq!(token(r#"{"access_token":"a","access_token":"b"}"#, TokenReader::ContainerdPost).unwrap(), "b");
    }

    #[test]
    fn token_body_that_go_cannot_decode_is_rejected() {
        let field = |field: &str, what: &str, of: &str| {
            format!(
                "unable to decode token response: json: cannot unmarshal {what} into Go struct field OAuthTokenResponse.{field} of type {of}"
            )
        };
        for (rest, error) in [
            (r#""expires_in":"300""#, Some(field("expires_in", "string", "int"))),
            (r#""expires_in":3600.0"#, Some(field("expires_in", "number …", "int"))),
            (r#""expires_in":3e3"#, Some(field("expires_in", "number …", "int"))),
            (r#""expires_in":9223372036854775808"#, Some(field("expires_in", "number …", "int"))),
            (r#""expires_in":9223372036854775807"#, None),
            (r#""expires_in":null"#, None),
            (r#""issued_at":"2026-11-29T08:00:00Z""#, None),
            (r#""issued_at":null"#, None),
            (r#""issued_at":"""#, Some("unable to decode token response: parsing time …".to_owned())),
            (
                r#""issued_at":17"#,
                Some("unable to decode token response: Time.UnmarshalJSON: input is not a JSON string".to_owned()),
            ),
            (r#""scope":["a"]"#, Some(field("scope", "array", "string"))),
            (r#""refresh_token":7"#, Some(field("refresh_token", "number", "string"))),
            (r#""other":{"a":[1.5]}"#, None),
        ] {
            let body = format!(r#"{{"access_token":"a",{rest}}}"#);
            assert_eq!(token(&body, TokenReader::ContainerdPost).err(), error, "{body}");
        }
        assert!(
            token(r#"{"access_token":"a","scope":7}"#, TokenReader::ContainerdGet).is_ok(),
            "GET has no such field"
        );
    }

    #[test]
    fn trailing_data_in_token_body_is_an_error_for_crio() {
        let body = r#"{"token":"t","access_token":"t"} <!-- proxy -->"#;
        assert_eq!(ALL.map(|reader| token(body, reader).is_ok()), [true, true, false]);
    }

    #[test]
    fn body_without_a_valid_token_is_rejected() {
        for body in
            ["", " ", "{}", "[]", r#"["t",null,null]"#, "null", "7", r#"{"token":"","access_token":""}"#, "<html>"]
        {
            for reader in ALL {
                assert!(token(body, reader).is_err(), "{body} {reader:?}");
            }
        }
        for body in [r#"{"token":"a\nb","access_token":"a\nb"}"#, r#"{"token":5,"access_token":5}"#] {
            for reader in ALL {
                assert!(token(body, reader).is_err(), "{body} {reader:?}");
            }
        }
        let html = token("<html>", TokenReader::ContainerdPost).unwrap_err();
        assert_eq!(html, "unable to decode token response: invalid character '<' looking for beginning of value");
    }

    #[test]
    fn debug_output_of_token_body_hides_the_token() {
        let read = parse(br#"{"access_token":"s3cret"}"#, TokenReader::ContainerdPost).unwrap();
        assert!(!format!("{read:?}").contains("s3cret"));
    }
}
