//! The decoder, in the order in which `encoding/json` fills the kubelet's structs: of several faults, that order
//! decides which one the event names.

use std::collections::HashMap;
use std::ops::Range;

use zeroize::Zeroizing;

use super::{AuthError, DecodeError, DecodeErrorKind, DockerConfig, Entry, Format, Hints, base64, decode_auth};
use crate::credential::pair::Credential;
use crate::credential::sensitive::Sensitive;
use crate::text::go::json::{self, Reader, ValueKind, folds_to};
use crate::text::placeholder::{is_placeholder, is_unfilled_secret, looks_unfilled};

pub(super) fn decode(content: &[u8], format: Format) -> Result<DockerConfig, DecodeError> {
    json::check(content)?;
    let mut decoder = Decoder {
        reader: Reader::new(content),
        format,
        entries: Vec::new(),
        helpers: false,
        outside: None,
        unfilled: false,
        saved: None,
    };
    match (decoder.reader.kind(), format) {
        (ValueKind::Null, _) => {}
        (ValueKind::Object, Format::DockerConfigJson) => decoder.docker_config_json()?,
        (ValueKind::Object, Format::DockerCfg) => decoder.hosts()?,
        (_, Format::DockerConfigJson) => decoder.mistyped(GoTarget::Value("credentialprovider.DockerConfigJSON")),
        (_, Format::DockerCfg) => decoder.mistyped(GoTarget::Value("credentialprovider.DockerConfig")),
    }
    match decoder.saved {
        Some(error) => Err(error),
        None => {
            let (entries, replaced) = last_of_each_key(decoder.entries);
            let outside_auths = decoder.outside;
            let (has_helpers, unfilled) = (decoder.helpers, decoder.unfilled);
            Ok(DockerConfig { entries, has_helpers, replaced, outside_auths, unfilled, place: None })
        }
    }
}

/// The Go target of a value, as Go's type errors name it.
enum GoTarget {
    /// A whole document, and its Go type.
    Value(&'static str),
    /// A struct field: `DockerConfigJSON.auths`, and its Go type.
    Field(&'static str, &'static str),
}

struct Decoder<'d> {
    reader: Reader<'d>,
    format: Format,
    entries: Vec<Entry>,
    helpers: bool,
    /// The first key beside `auths` that contains a registry's entry.
    outside: Option<Range<usize>>,
    /// Whether another program fills in `auths` later.
    unfilled: bool,
    /// The first type error. Go continues after it, and an error that ends the decoding takes precedence over it.
    saved: Option<DecodeError>,
}

impl Decoder<'_> {
    /// Decodes the struct `DockerConfigJSON`.
    fn docker_config_json(&mut self) -> Result<(), DecodeError> {
        while let Some(key) = self.reader.next_key() {
            let name = self.reader.text(&key);
            if folds_to(&name, "auths") {
                match self.reader.kind() {
                    // An existing map is kept, so several `auths` are merged…
                    ValueKind::Object => self.hosts()?,
                    // …and a null discards it.
                    ValueKind::Null => {
                        self.entries.clear();
                        self.reader.skip_value();
                    }
                    kind => {
                        let range = self.reader.skip_value();
                        if kind == ValueKind::String && is_unfilled_secret(&self.reader.text(&range)) {
                            self.unfilled = true;
                        } else {
                            let target = GoTarget::Field("DockerConfigJSON.auths", "credentialprovider.DockerConfig");
                            self.saved.get_or_insert_with(|| type_error(kind, &target, range));
                        }
                    }
                }
            } else if folds_to(&name, "HttpHeaders") {
                self.http_headers();
            } else {
                self.helpers |= name == "credHelpers" || name == "credsStore";
                if self.skip_credential() {
                    self.outside.get_or_insert(key);
                }
            }
        }
        Ok(())
    }

    /// Skips a value; returns whether it is an object that could be a registry's entry.
    fn skip_credential(&mut self) -> bool {
        if self.reader.kind() != ValueKind::Object {
            self.reader.skip_value();
            return false;
        }
        let mut found = false;
        while let Some(key) = self.reader.next_key() {
            found |= ["auth", "username", "password"].contains(&&*self.reader.text(&key));
            self.reader.skip_value();
        }
        found
    }

    /// Decodes `map[string]string`, which is never used, but its types are checked.
    fn http_headers(&mut self) {
        match self.reader.kind() {
            ValueKind::Null => _ = self.reader.skip_value(),
            ValueKind::Object => {
                while self.reader.next_key().is_some() {
                    match self.reader.kind() {
                        ValueKind::String | ValueKind::Null => _ = self.reader.skip_value(),
                        _ => self.mistyped(GoTarget::Field("DockerConfigJSON.HttpHeaders", "string")),
                    }
                }
            }
            _ => self.mistyped(GoTarget::Field("DockerConfigJSON.HttpHeaders", "map[string]string")),
        }
    }

    /// Decodes the map `DockerConfig`: host to entry. Hosts are used as written, including case.
    fn hosts(&mut self) -> Result<(), DecodeError> {
        while let Some(key_range) = self.reader.next_key() {
            let key = self.reader.text(&key_range);
            let (credential, mut hints) = self.entry()?;
            hints.unfilled_key = is_unfilled_key(&key);
            self.entries.push(Entry { key, key_range, credential, hints });
        }
        Ok(())
    }

    /// Decodes one `DockerConfigEntry`. It has an `UnmarshalJSON` of its own, so a type error in it ends the
    /// decoding.
    fn entry(&mut self) -> Result<(Credential, Hints), DecodeError> {
        let mut raw = RawEntry::default();
        match self.reader.kind() {
            ValueKind::Object => raw.fill(&mut self.reader, self.format),
            ValueKind::Null => _ = self.reader.skip_value(),
            kind => {
                let range = self.reader.skip_value();
                if kind == ValueKind::String && is_unfilled_secret(&self.reader.text(&range)) {
                    return Ok(RawEntry::unfilled());
                }
                let target = match self.format {
                    Format::DockerConfigJson => {
                        GoTarget::Field("DockerConfigJSON.auths", "credentialprovider.dockerConfigEntryWithAuth")
                    }
                    Format::DockerCfg => GoTarget::Value("credentialprovider.dockerConfigEntryWithAuth"),
                };
                return Err(type_error(kind, &target, range));
            }
        }
        raw.finish()
    }

    /// Skips a value of the wrong type. The first such error is reported, unless an error ends the decoding.
    fn mistyped(&mut self, target: GoTarget) {
        let kind = self.reader.kind();
        let range = self.reader.skip_value();
        self.saved.get_or_insert_with(|| type_error(kind, &target, range));
    }
}

/// Returns the error with the text of `UnmarshalTypeError.Error`.
fn type_error(kind: ValueKind, target: &GoTarget, range: Range<usize>) -> DecodeError {
    let what = kind.as_str();
    let message = match target {
        GoTarget::Value(go_type) => format!("json: cannot unmarshal {what} into Go value of type {go_type}"),
        GoTarget::Field(field, go_type) => {
            format!("json: cannot unmarshal {what} into Go struct field {field} of type {go_type}")
        }
    };
    DecodeError { message, range, kind: DecodeErrorKind::Type }
}

/// The struct `dockerConfigEntryWithAuth`, while it is being filled.
#[derive(Default)]
struct RawEntry {
    username: Zeroizing<String>,
    password: Zeroizing<String>,
    auth: Zeroizing<String>,
    auth_range: Range<usize>,
    /// Whether another program later fills in a token that the kubelet will ignore.
    unfilled_token: bool,
    hints: Hints,
    saved: Option<DecodeError>,
}

impl RawEntry {
    fn fill(&mut self, reader: &mut Reader<'_>, format: Format) {
        while let Some(key) = reader.next_key() {
            let name = reader.text(&key);
            let Some(field) = ["username", "password", "email", "auth"].into_iter().find(|f| folds_to(&name, f)) else {
                self.hint(reader, &name);
                continue;
            };
            let kind = reader.kind();
            let range = reader.skip_value();
            match (kind, field) {
                (ValueKind::String, "username") => self.username = Zeroizing::new(reader.text(&range)),
                (ValueKind::String, "password") => self.password = Zeroizing::new(reader.text(&range)),
                (ValueKind::String, "auth") => {
                    self.auth = Zeroizing::new(reader.text(&range));
                    self.auth_range = range;
                }
                // A null leaves a string unchanged.
                (ValueKind::String | ValueKind::Null, _) => {}
                _ => {
                    let target = GoTarget::Field(field_name(format, field), "string");
                    self.saved.get_or_insert_with(|| type_error(kind, &target, range));
                }
            }
        }
    }

    fn hint(&mut self, reader: &mut Reader<'_>, name: &str) {
        let kind = reader.kind();
        let range = reader.skip_value();
        let filled = range.len() > "\"\"".len() && kind == ValueKind::String;
        let is_token = name.eq_ignore_ascii_case("identitytoken") || name.eq_ignore_ascii_case("registrytoken");
        self.unfilled_token |= filled && is_token && is_unfilled_secret(&Zeroizing::new(reader.text(&range)));
        self.hints.identity_token |= filled && name.eq_ignore_ascii_case("identitytoken");
        self.hints.registry_token |= filled && name.eq_ignore_ascii_case("registrytoken");
    }

    /// Returns an entry that another program fills in later. It has no credential, so that nothing of it can be sent.
    fn unfilled() -> (Credential, Hints) {
        let credential = Credential { username: Sensitive::new(""), password: Sensitive::new("") };
        (credential, Hints { unfilled: true, ..Hints::default() })
    }

    /// Whether another program later fills in a relevant field of the entry.
    fn is_unfilled(&self) -> bool {
        if self.auth.is_empty() {
            let none = self.username.is_empty() && self.password.is_empty();
            return none && self.unfilled_token
                || is_unfilled_secret(&self.username)
                || is_unfilled_secret(&self.password);
        }
        let Some(decoded) = decode_text(&self.auth) else { return is_unfilled_secret(&self.auth) };
        // A token can contain colons of its own, at which the kubelet would cut it.
        let (user, password) = decoded.split_once(':').unwrap_or((&decoded, ""));
        [&self.auth, &decoded, user, password].into_iter().any(is_unfilled_secret)
    }

    /// `UnmarshalJSON`: a non-empty `auth` overrides user and password.
    fn finish(mut self) -> Result<(Credential, Hints), DecodeError> {
        if let Some(error) = self.saved {
            return Err(error);
        }
        if self.is_unfilled() {
            let (credential, unfilled) = Self::unfilled();
            return Ok((credential, Hints { unfilled: unfilled.unfilled, ..self.hints }));
        }
        if self.auth.is_empty() {
            let credential = Credential {
                username: Sensitive::new(std::mem::take(&mut *self.username)),
                password: Sensitive::new(std::mem::take(&mut *self.password)),
            };
            return Ok((credential, self.hints));
        }
        let (username, password) = decode_auth(&self.auth).map_err(|error| DecodeError {
            message: error.to_string(),
            range: self.auth_range,
            kind: match error {
                AuthError::Base64(_) => DecodeErrorKind::Base64,
                AuthError::NoColon => DecodeErrorKind::NoColon,
            },
        })?;
        let mut lossy = |bytes: &[u8]| {
            self.hints.not_utf8 |= std::str::from_utf8(bytes).is_err();
            Sensitive::new(String::from_utf8_lossy(bytes))
        };
        let credential = Credential { username: lossy(&username), password: lossy(&password) };
        Ok((credential, self.hints))
    }
}

/// The decoded text of an `auth`, if it is text.
fn decode_text(auth: &str) -> Option<Zeroizing<String>> {
    let padding = if auth.trim_end().ends_with('=') { base64::Padding::Required } else { base64::Padding::Forbidden };
    let decoded = base64::decode(auth.as_bytes(), padding).ok()?;
    std::str::from_utf8(&decoded).ok().map(|text| Zeroizing::new(text.to_owned()))
}

/// Whether another program fills in a registry key later.
fn is_unfilled_key(key: &str) -> bool {
    // A scheme in capitals is a separate fault.
    let rest = ["HTTPS:", "HTTP:"].into_iter().find_map(|scheme| key.strip_prefix(scheme)).unwrap_or(key);
    is_placeholder(key) || looks_unfilled(rest)
}

/// The name of a field in a type error in an entry. Inside a struct, the outer decoder puts its own place before the
/// entry's (`addErrorContext` in `encoding/json/decode.go` of Go 1.26, that of Kubernetes 1.37).
fn field_name(format: Format, field: &str) -> &'static str {
    match (format, field) {
        (Format::DockerConfigJson, "username") => "DockerConfigJSON.auths.username",
        (Format::DockerConfigJson, "password") => "DockerConfigJSON.auths.password",
        (Format::DockerConfigJson, "email") => "DockerConfigJSON.auths.email",
        (Format::DockerConfigJson, _) => "DockerConfigJSON.auths.auth",
        (Format::DockerCfg, "username") => "dockerConfigEntryWithAuth.username",
        (Format::DockerCfg, "password") => "dockerConfigEntryWithAuth.password",
        (Format::DockerCfg, "email") => "dockerConfigEntryWithAuth.email",
        (Format::DockerCfg, _) => "dockerConfigEntryWithAuth.auth",
    }
}

/// A key, and its place in the decoded JSON.
type Replaced = (String, Range<usize>);

/// The entries that apply, and the keys of those that another entry replaces.
fn last_of_each_key(entries: Vec<Entry>) -> (Vec<Entry>, Vec<Replaced>) {
    let last: HashMap<String, usize> = entries.iter().enumerate().map(|(at, entry)| (entry.key.clone(), at)).collect();
    let replaced = entries.iter().enumerate().filter(|(at, entry)| {
        let by = last.get(&entry.key).filter(|by| *by != at).and_then(|&by| entries.get(by));
        by.is_some_and(|by| by.credential != entry.credential)
    });
    let replaced = replaced.map(|(_, entry)| (entry.key.clone(), entry.key_range.clone())).collect();
    let kept = entries.into_iter().enumerate().filter(|(at, entry)| last.get(&entry.key) == Some(at));
    (kept.map(|(_, entry)| entry).collect(), replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: Format = Format::DockerConfigJson;
    const CFG: Format = Format::DockerCfg;

    /// The errors of `json.Unmarshal` of Go 1.26.8 for the kubelet's types (`pkg/credentialprovider/config.go` of
    /// Kubernetes 1.37.2), without `json: cannot unmarshal `; empty if it accepts the text.
    #[rustfmt::skip]
    const GO: &[(Format, &str, &str)] = &[
        (JSON, r#"{"auths":{"a":{"username":7}}}"#, "number into Go struct field DockerConfigJSON.auths.username of type string"),
        (JSON, r#"{"auths":{"a":{"password":true}}}"#, "bool into Go struct field DockerConfigJSON.auths.password of type string"),
        (JSON, r#"{"auths":{"a":{"auth":5}}}"#, "number into Go struct field DockerConfigJSON.auths.auth of type string"),
        (JSON, r#"{"auths":{"a":{"auth":{"a":1}}}}"#, "object into Go struct field DockerConfigJSON.auths.auth of type string"),
        (JSON, r#"{"auths":{"a":{"email":false}}}"#, "bool into Go struct field DockerConfigJSON.auths.email of type string"),
        (JSON, r#"{"auths":{"a":{"password":["x"]}}}"#, "array into Go struct field DockerConfigJSON.auths.password of type string"),
        (JSON, r#"{"auths":{"a":{"password":{"x":1}}}}"#, "object into Go struct field DockerConfigJSON.auths.password of type string"),
        (JSON, r#"{"auths":{"a":{"password":1e3}}}"#, "number into Go struct field DockerConfigJSON.auths.password of type string"),
        (JSON, r#"{"auths":{"a":{"password":-0.5}}}"#, "number into Go struct field DockerConfigJSON.auths.password of type string"),
        (JSON, r#"{"auths":{"a":{"PASSWORD":3}}}"#, "number into Go struct field DockerConfigJSON.auths.password of type string"),
        (JSON, r#"{"AUTHS":{"a":{"AUTH":5}}}"#, "number into Go struct field DockerConfigJSON.auths.auth of type string"),
        (JSON, r#"{"Auths":{"a":{"ſ":5,"paſſword":5}}}"#, "number into Go struct field DockerConfigJSON.auths.password of type string"),
        (JSON, r#"{"auths":{"a":{"username":1,"password":2}}}"#, "number into Go struct field DockerConfigJSON.auths.username of type string"),
        (JSON, r#"{"auths":{"a":{"password":2,"username":1}}}"#, "number into Go struct field DockerConfigJSON.auths.password of type string"),
        (JSON, r#"{"auths":{"a":{"password":3},"b":{"username":4}}}"#, "number into Go struct field DockerConfigJSON.auths.password of type string"),
        (JSON, r#"{"auths":{"b":{"username":4},"a":{"password":3}}}"#, "number into Go struct field DockerConfigJSON.auths.username of type string"),
        (JSON, r#"{"auths":{"a":{"auth":"b3BzOnM","password":3}}}"#, "number into Go struct field DockerConfigJSON.auths.password of type string"),
        (JSON, r#"{"auths":{"a":{"auth":"!!!","password":3}}}"#, "number into Go struct field DockerConfigJSON.auths.password of type string"),
        (JSON, r#"{"auths":{"a":{"auth":"!!!"}}}"#, "illegal base64 data at input byte 0"),
        (JSON, r#"{"auths":{"a":{"auth":"b3Bz"}}}"#, "unable to parse auth field, must be formatted as base64(username:password)"),
        (JSON, r#"{"auths":{"a":{"password":null,"username":"u"}}}"#, ""),
        (JSON, r#"{"auths":{"a":null}}"#, ""),
        (JSON, r#"{"auths":{"a":"x"}}"#, "string into Go struct field DockerConfigJSON.auths of type credentialprovider.dockerConfigEntryWithAuth"),
        (JSON, r#"{"auths":{"a":5}}"#, "number into Go struct field DockerConfigJSON.auths of type credentialprovider.dockerConfigEntryWithAuth"),
        (JSON, r#"{"auths":{"a":true}}"#, "bool into Go struct field DockerConfigJSON.auths of type credentialprovider.dockerConfigEntryWithAuth"),
        (JSON, r#"{"auths":{"a":[]}}"#, "array into Go struct field DockerConfigJSON.auths of type credentialprovider.dockerConfigEntryWithAuth"),
        (JSON, r#"{"auths":{"a":[{"password":1}]}}"#, "array into Go struct field DockerConfigJSON.auths of type credentialprovider.dockerConfigEntryWithAuth"),
        (JSON, r#"{"auths":{"a":{"a":{"password":1}}}}"#, ""),
        (JSON, r#"{"auths":null}"#, ""),
        (JSON, r#"{"auths":"x"}"#, "string into Go struct field DockerConfigJSON.auths of type credentialprovider.DockerConfig"),
        (JSON, r#"{"auths":5}"#, "number into Go struct field DockerConfigJSON.auths of type credentialprovider.DockerConfig"),
        (JSON, r#"{"auths":[]}"#, "array into Go struct field DockerConfigJSON.auths of type credentialprovider.DockerConfig"),
        (JSON, r#"{"auths":[{"a":{"password":1}}]}"#, "array into Go struct field DockerConfigJSON.auths of type credentialprovider.DockerConfig"),
        (JSON, r#"{"auths":true}"#, "bool into Go struct field DockerConfigJSON.auths of type credentialprovider.DockerConfig"),
        (JSON, r#"{"HttpHeaders":{"a":5}}"#, "number into Go struct field DockerConfigJSON.HttpHeaders of type string"),
        (JSON, r#"{"HttpHeaders":{"a":{"b":1}}}"#, "object into Go struct field DockerConfigJSON.HttpHeaders of type string"),
        (JSON, r#"{"HttpHeaders":{"a":null}}"#, ""),
        (JSON, r#"{"HttpHeaders":null}"#, ""),
        (JSON, r#"{"HttpHeaders":5}"#, "number into Go struct field DockerConfigJSON.HttpHeaders of type map[string]string"),
        (JSON, r#"{"HttpHeaders":"x"}"#, "string into Go struct field DockerConfigJSON.HttpHeaders of type map[string]string"),
        (JSON, r#"{"HttpHeaders":["x"]}"#, "array into Go struct field DockerConfigJSON.HttpHeaders of type map[string]string"),
        (JSON, r#"{"httpheaders":{"a":5}}"#, "number into Go struct field DockerConfigJSON.HttpHeaders of type string"),
        (JSON, r#"{"httpheaderſ":{"a":[1]}}"#, "array into Go struct field DockerConfigJSON.HttpHeaders of type string"),
        (JSON, r#"{"HttpHeaders":{"a":5},"auths":{"a":{"password":3}}}"#, "number into Go struct field DockerConfigJSON.auths.password of type string"),
        (JSON, r#"{"auths":{"a":{"password":3}},"HttpHeaders":{"a":5}}"#, "number into Go struct field DockerConfigJSON.auths.password of type string"),
        (JSON, r#"{"HttpHeaders":{"a":5},"auths":"x"}"#, "number into Go struct field DockerConfigJSON.HttpHeaders of type string"),
        (JSON, r#"{"auths":"x","HttpHeaders":{"a":5}}"#, "string into Go struct field DockerConfigJSON.auths of type credentialprovider.DockerConfig"),
        (JSON, r#"{"auths":"x","auths":{"a":{"password":3}}}"#, "number into Go struct field DockerConfigJSON.auths.password of type string"),
        (JSON, r#"{"auths":"x","auths":{"a":{"auth":"!!!"}}}"#, "illegal base64 data at input byte 0"),
        (JSON, r#"{"HttpHeaders":{"a":5},"auths":{"a":{"auth":"b3Bz"}}}"#, "unable to parse auth field, must be formatted as base64(username:password)"),
        (JSON, r#"{"auths":{"a":{"password":3}},"auths":"x"}"#, "number into Go struct field DockerConfigJSON.auths.password of type string"),
        (JSON, r#"{"credHelpers":5,"auths":{"a":{"username":"u","password":"p"}}}"#, ""),
        (JSON, r#"[]"#, "array into Go value of type credentialprovider.DockerConfigJSON"),
        (JSON, r#""x""#, "string into Go value of type credentialprovider.DockerConfigJSON"),
        (JSON, r#"5"#, "number into Go value of type credentialprovider.DockerConfigJSON"),
        (JSON, r#"-1.5e3"#, "number into Go value of type credentialprovider.DockerConfigJSON"),
        (JSON, r#"true"#, "bool into Go value of type credentialprovider.DockerConfigJSON"),
        (JSON, r#"null"#, ""),
        (JSON, r#"{}"#, ""),
        (JSON, r#"[{"auths":{}}]"#, "array into Go value of type credentialprovider.DockerConfigJSON"),
        (CFG, r#"{"a":{"username":7}}"#, "number into Go struct field dockerConfigEntryWithAuth.username of type string"),
        (CFG, r#"{"a":{"password":true}}"#, "bool into Go struct field dockerConfigEntryWithAuth.password of type string"),
        (CFG, r#"{"a":{"auth":5}}"#, "number into Go struct field dockerConfigEntryWithAuth.auth of type string"),
        (CFG, r#"{"a":{"email":{}}}"#, "object into Go struct field dockerConfigEntryWithAuth.email of type string"),
        (CFG, r#"{"a":{"PassWord":[1]}}"#, "array into Go struct field dockerConfigEntryWithAuth.password of type string"),
        (CFG, r#"{"a":{"password":3},"b":{"username":4}}"#, "number into Go struct field dockerConfigEntryWithAuth.password of type string"),
        (CFG, r#"{"a":"x"}"#, "string into Go value of type credentialprovider.dockerConfigEntryWithAuth"),
        (CFG, r#"{"a":5}"#, "number into Go value of type credentialprovider.dockerConfigEntryWithAuth"),
        (CFG, r#"{"a":[]}"#, "array into Go value of type credentialprovider.dockerConfigEntryWithAuth"),
        (CFG, r#"{"a":false}"#, "bool into Go value of type credentialprovider.dockerConfigEntryWithAuth"),
        (CFG, r#"{"a":null}"#, ""),
        (CFG, r#"{"auths":{"a":{"password":3}}}"#, ""),
        (CFG, r#"{"auths":{"username":{"password":3}}}"#, "object into Go struct field dockerConfigEntryWithAuth.username of type string"),
        (CFG, r#"{"a":{"auth":"!!!"}}"#, "illegal base64 data at input byte 0"),
        (CFG, r#"[]"#, "array into Go value of type credentialprovider.DockerConfig"),
        (CFG, r#""x""#, "string into Go value of type credentialprovider.DockerConfig"),
        (CFG, r#"5"#, "number into Go value of type credentialprovider.DockerConfig"),
        (CFG, r#"null"#, ""),
        (CFG, r#"{}"#, ""),
        (JSON, r#"{"auths":{"a":{"auth":"b3BzOnM=="}}}"#, "illegal base64 data at input byte 8"),
        (JSON, r#"{"auths":{"a":{"password":3,"password":"p"}}}"#, "number into Go struct field DockerConfigJSON.auths.password of type string"),
        (JSON, r#"{"auths":{"a":{"password":3}},"auths":null}"#, "number into Go struct field DockerConfigJSON.auths.password of type string"),
    ];

    #[test]
    fn decode_errors_match_go_messages() {
        for (format, content, expected) in GO {
            let error = decode(content.as_bytes(), *format).err().map(|error| error.message).unwrap_or_default();
            let words = error.strip_prefix("json: cannot unmarshal ").unwrap_or(&error);
            assert_eq!(words, *expected, "{format:?} {content}");
        }
    }
}
