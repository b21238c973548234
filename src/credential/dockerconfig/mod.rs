//! dockerconfigjson and dockercfg, exactly as the kubelet's decoder accepts them.
//!
//! Follows `pkg/credentialprovider/config.go` of Kubernetes 1.37, decoded by Go's `encoding/json`, and
//! `ValidateSecret` of `pkg/apis/core/validation/validation.go` for the API server's checks. A general JSON library
//! is not enough. What Go accepts (keys in any case, duplicates, `null` for anything, bytes that are not UTF-8) and
//! what it refuses decides whether every image of a pod can be pulled, and its error message appears in the event.
//!
//! A value that another program fills in later is not a fault: its entry is marked, and has no credential.

mod decode;

use std::ops::Range;

use crate::credential::pair::Credential;
use crate::credential::pair::user_info;
use crate::credential::sensitive::Sensitive;
pub use crate::text::go::base64;
use crate::text::go::json::{self, JsonSyntaxError, Reader};
use crate::text::source::Span;
use crate::text::yaml::Place;

/// The credentials of one configuration, in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DockerConfig {
    /// One per `auths` key that remains after Go's rules for duplicates: the last of equal keys, at its own place.
    pub entries: Vec<Entry>,
    /// Whether it has `credHelpers` or `credsStore`. Both are for the Docker client, and the kubelet never uses them.
    pub has_helpers: bool,
    /// Keys that a later entry with the very same key and another credential replaces, with their place in the decoded
    /// JSON.
    pub replaced: Vec<(String, Range<usize>)>,
    /// A registry that is beside `auths` instead of in it, as in a `.dockercfg`: its key, in the decoded JSON.
    pub outside_auths: Option<Range<usize>>,
    /// Whether another program fills in all of `auths` later.
    pub unfilled: bool,
    /// The place where the decoded JSON was written, if it is from the inputs.
    pub place: Option<Place>,
}

/// One registry key and its credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The `auths` key as written.
    pub key: String,
    /// The place of the key in the decoded JSON, quotes included, in bytes.
    pub key_range: Range<usize>,
    /// The entry's credential; an empty username is an anonymous pull.
    pub credential: Credential,
    /// Other properties of the entry.
    pub hints: Hints,
}

/// Properties that the kubelet ignores or cannot send, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hints {
    /// A non-empty `identitytoken`: ignored.
    pub identity_token: bool,
    /// A non-empty `registrytoken`: ignored.
    pub registry_token: bool,
    /// `auth` decodes to bytes that are not UTF-8. [`Entry::credential`] then holds U+FFFD for them; the kubelet
    /// cannot send them to the runtime at all (gRPC strings are UTF-8).
    pub not_utf8: bool,
    /// Whether a credential helper has the credential, which is not known here. Only for the operator's own
    /// configuration; see [`DockerConfig::set`].
    pub with_helper: bool,
    /// Whether another program fills in the credential later. [`Entry::credential`] is then empty: a placeholder is
    /// never sent.
    pub unfilled: bool,
    /// Whether another program fills in the key later, which can then be that of any registry.
    pub unfilled_key: bool,
}

impl Hints {
    /// Whether there is a credential that is not known here, or whose registry is not known.
    pub const fn is_unknown(&self) -> bool {
        self.with_helper || self.unfilled || self.unfilled_key
    }
}

/// The format, decided by the Secret's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// The format of `~/.docker/config.json`, with the hosts in `auths`.
    DockerConfigJson,
    /// The legacy `~/.dockercfg`: hosts at the top.
    DockerCfg,
}

impl Format {
    /// The Secret type of the format.
    pub const fn secret_type(self) -> &'static str {
        match self {
            Self::DockerConfigJson => "kubernetes.io/dockerconfigjson",
            Self::DockerCfg => "kubernetes.io/dockercfg",
        }
    }

    /// The key in the Secret's data that matches the type.
    pub const fn data_key(self) -> &'static str {
        match self {
            Self::DockerConfigJson => ".dockerconfigjson",
            Self::DockerCfg => ".dockercfg",
        }
    }
}

/// Why a configuration cannot be decoded; its `Display` is the message of Go or of the kubelet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    /// The message of the kubelet or the API server.
    pub message: String,
    /// The place of the error in the decoded JSON, in bytes. Empty if the text ends too early.
    pub range: Range<usize>,
    /// The kind of the error.
    pub kind: DecodeErrorKind,
}

/// The kind of error in a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DecodeErrorKind {
    /// Not JSON: the API server refuses it too.
    Syntax,
    /// JSON, but with a value of another type instead of an object or a string.
    Type,
    /// `auth` is not base64.
    Base64,
    /// `auth` is base64, but its text contains no colon.
    NoColon,
}

impl From<JsonSyntaxError> for DecodeError {
    fn from(error: JsonSyntaxError) -> Self {
        Self { message: error.message, range: error.range, kind: DecodeErrorKind::Syntax }
    }
}

impl DockerConfig {
    /// Decodes the content of a pull secret as the kubelet does before every pull.
    ///
    /// # Errors
    /// Any error breaks *every* image of a pod that names the secret, including public ones.
    pub fn decode(content: &[u8], format: Format) -> Result<Self, DecodeError> {
        decode::decode(content, format)
    }

    /// Replaces the entries of a key with one from a credential helper of the operator. `None` if the helper returned
    /// nothing usable.
    pub fn set(&mut self, key: &str, credential: Option<Credential>) {
        let hints = Hints { with_helper: credential.is_none(), ..Hints::default() };
        let empty = || Credential { username: Sensitive::new(""), password: Sensitive::new("") };
        let credential = credential.unwrap_or_else(empty);
        self.entries.retain(|entry| entry.key != key);
        self.entries.push(Entry { key: key.to_owned(), key_range: 0..0, credential, hints });
    }

    /// The span of a byte range of the decoded JSON; `None` for a configuration that is not from the inputs.
    pub fn where_is(&self, range: &Range<usize>) -> Option<Span> {
        self.place.as_ref().map(|place| place.where_is(range))
    }

    /// Whether it may have a credential for a registry that none of its keys shows.
    pub fn is_open(&self) -> bool {
        let is_open =
            |entry: &Entry| entry.hints.unfilled_key && (entry.hints.unfilled || !entry.credential.is_anonymous());
        self.unfilled || self.entries.iter().any(is_open)
    }

    /// Whether another program fills in a part of it later.
    pub fn has_unfilled(&self) -> bool {
        self.unfilled || self.entries.iter().any(|entry| entry.hints.unfilled || entry.hints.unfilled_key)
    }

    /// The texts that must never be printed: each password, `user:password` as it is sent, and the same if it is
    /// written into a key.
    pub fn secrets(&self) -> Vec<Sensitive> {
        let in_keys = self.entries.iter().flat_map(|entry| {
            let user_info = user_info(&entry.key).map_or("", |range| &entry.key[range]);
            let password = user_info.split_once(':').map_or("", |(_, password)| password);
            [Sensitive::new(user_info), Sensitive::new(password)]
        });
        let credentials = self.entries.iter().map(|entry| &entry.credential);
        let both = credentials.flat_map(|credential| {
            let (user, password) = (credential.username.expose(), credential.password.expose());
            [credential.password.clone(), Sensitive::new(format!("{user}:{password}"))]
        });
        both.chain(in_keys).filter(|secret| !secret.is_empty()).collect()
    }
}

/// Whether the API server accepts the content at apply: `json.Unmarshal` into a map, nothing more. Much that it
/// accepts fails only at the pull.
///
/// # Errors
/// The text that follows `Invalid value: "<secret contents redacted>": ` in its answer.
pub fn api_server_accepts(content: &[u8]) -> Result<(), DecodeError> {
    json::check(content)?;
    let mut reader = Reader::new(content);
    let kind = reader.kind();
    let mut first = None;
    let range = reader.numbers(|number, range| {
        if first.is_none() && number.parse::<f64>().is_ok_and(f64::is_infinite) {
            first = Some((number.to_owned(), range));
        }
    });
    let (what, go_type, range) = match (kind, first) {
        (json::ValueKind::Null, _) | (json::ValueKind::Object, None) => return Ok(()),
        (json::ValueKind::Object, Some((number, range))) => (format!("number {number}"), "float64", range),
        _ => (kind.as_str().to_owned(), "map[string]interface {}", range),
    };
    let message = format!("json: cannot unmarshal {what} into Go value of type {go_type}");
    Err(DecodeError { message, range, kind: DecodeErrorKind::Type })
}

/// `decodeDockerConfigFieldAuth`: user and password as bytes. Nothing is trimmed: `echo user:pass | base64` gives a
/// password that ends in a newline, and it is sent like that.
///
/// # Errors
/// The text is not base64, with Go's message, or decodes to a text without a colon.
pub fn decode_auth(auth: &str) -> Result<(SecretBytes, SecretBytes), AuthError> {
    let padding = if auth.trim_end_matches(is_go_space).ends_with('=') {
        base64::Padding::Required
    } else {
        base64::Padding::Forbidden
    };
    let decoded = base64::decode(auth.as_bytes(), padding)?;
    let colon = memchr::memchr(b':', &decoded).ok_or(AuthError::NoColon)?;
    Ok((SecretBytes::new(decoded[..colon].to_vec()), SecretBytes::new(decoded[colon + 1..].to_vec())))
}

/// Bytes that are overwritten when dropped.
pub type SecretBytes = zeroize::Zeroizing<Vec<u8>>;

/// Why an `auth` field cannot be decoded; its `Display` is the kubelet's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The text is not base64.
    #[error(transparent)]
    Base64(#[from] base64::CorruptInput),
    /// The text has no colon between user and password.
    #[error("unable to parse auth field, must be formatted as base64(username:password)")]
    NoColon,
}

/// `unicode.IsSpace`, which `strings.TrimSpace` uses: Rust's `White_Space` is the same set.
fn is_go_space(character: char) -> bool {
    character.is_whitespace()
}
