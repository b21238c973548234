//! The decoding itself, in the order in which `encoding/json` fills the kubelet's structs: of several faults, that
//! order decides which one the event names.

use std::collections::HashMap;
use std::ops::Range;

use zeroize::Zeroizing;

use super::{AuthError, DecodeError, DecodeErrorKind, DockerConfig, Entry, Format, Hints, decode_auth};
use crate::go::json::{self, Kind, Reader, folds_to};
use crate::keyring::Credential;
use crate::sensitive::Sensitive;

pub(super) fn decode(content: &[u8], format: Format) -> Result<DockerConfig, DecodeError> {
    json::check(content)?;
    let mut decoder = Decoder {
        reader: Reader::new(content),
        format,
        entries: Vec::new(),
        helpers: false,
        outside: None,
        saved: None,
    };
    match (decoder.reader.kind(), format) {
        (Kind::Null, _) => {}
        (Kind::Object, Format::DockerConfigJson) => decoder.docker_config_json()?,
        (Kind::Object, Format::DockerCfg) => decoder.hosts()?,
        (_, Format::DockerConfigJson) => decoder.mistyped(Target::Value("credentialprovider.DockerConfigJSON")),
        (_, Format::DockerCfg) => decoder.mistyped(Target::Value("credentialprovider.DockerConfig")),
    }
    match decoder.saved {
        Some(error) => Err(error),
        None => {
            let (entries, replaced) = last_of_each_key(decoder.entries);
            let outside_auths = decoder.outside;
            Ok(DockerConfig { entries, has_helpers: decoder.helpers, replaced, outside_auths, place: None })
        }
    }
}

/// What a value was to be put into, as Go's type errors name it.
enum Target {
    /// A whole document.
    Value(&'static str),
    /// A struct field: `DockerConfigJSON.auths`, and its Go type.
    Field(&'static str, &'static str),
}

struct Decoder<'d> {
    reader: Reader<'d>,
    format: Format,
    entries: Vec<Entry>,
    helpers: bool,
    /// The first key beside `auths` that has a registry's entry.
    outside: Option<Range<usize>>,
    /// The first type error. Go goes on after it, and an error that ends the decoding goes before it.
    saved: Option<DecodeError>,
}

impl Decoder<'_> {
    /// The struct `DockerConfigJSON`.
    fn docker_config_json(&mut self) -> Result<(), DecodeError> {
        while let Some(key) = self.reader.next_key() {
            let name = self.reader.text(&key);
            if folds_to(&name, "auths") {
                match self.reader.kind() {
                    // The map is kept where it is there already, so several `auths` are merged…
                    Kind::Object => self.hosts()?,
                    // …and a null throws it away.
                    Kind::Null => {
                        self.entries.clear();
                        self.reader.skip_value();
                    }
                    _ => self.mistyped(Target::Field("DockerConfigJSON.auths", "credentialprovider.DockerConfig")),
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

    /// Goes over a value; whether it is an object that a registry's entry could be.
    fn skip_credential(&mut self) -> bool {
        if self.reader.kind() != Kind::Object {
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

    /// `map[string]string`, read and never used; but its types count.
    fn http_headers(&mut self) {
        match self.reader.kind() {
            Kind::Null => _ = self.reader.skip_value(),
            Kind::Object => {
                while self.reader.next_key().is_some() {
                    match self.reader.kind() {
                        Kind::String | Kind::Null => _ = self.reader.skip_value(),
                        _ => self.mistyped(Target::Field("DockerConfigJSON.HttpHeaders", "string")),
                    }
                }
            }
            _ => self.mistyped(Target::Field("DockerConfigJSON.HttpHeaders", "map[string]string")),
        }
    }

    /// The map `DockerConfig`: host to entry. Hosts are taken as they are, case and all.
    fn hosts(&mut self) -> Result<(), DecodeError> {
        while let Some(key_range) = self.reader.next_key() {
            let key = self.reader.text(&key_range);
            let (credential, hints) = self.entry()?;
            self.entries.push(Entry { key, key_range, credential, hints });
        }
        Ok(())
    }

    /// One `DockerConfigEntry`. It has an `UnmarshalJSON` of its own, so a type error in it ends the decoding.
    fn entry(&mut self) -> Result<(Credential, Hints), DecodeError> {
        let mut raw = RawEntry::default();
        match self.reader.kind() {
            Kind::Object => raw.fill(&mut self.reader, self.format),
            Kind::Null => _ = self.reader.skip_value(),
            kind => {
                let target = match self.format {
                    Format::DockerConfigJson => {
                        Target::Field("DockerConfigJSON.auths", "credentialprovider.dockerConfigEntryWithAuth")
                    }
                    Format::DockerCfg => Target::Value("credentialprovider.dockerConfigEntryWithAuth"),
                };
                return Err(type_error(kind, &target, self.reader.skip_value()));
            }
        }
        raw.finish()
    }

    /// Skips a value of the wrong type; the first such is reported, where nothing worse comes.
    fn mistyped(&mut self, target: Target) {
        let kind = self.reader.kind();
        let range = self.reader.skip_value();
        self.saved.get_or_insert_with(|| type_error(kind, &target, range));
    }
}

/// `UnmarshalTypeError.Error`.
fn type_error(kind: Kind, target: &Target, range: Range<usize>) -> DecodeError {
    let what = kind.as_str();
    let message = match target {
        Target::Value(go_type) => format!("json: cannot unmarshal {what} into Go value of type {go_type}"),
        Target::Field(field, go_type) => {
            format!("json: cannot unmarshal {what} into Go struct field {field} of type {go_type}")
        }
    };
    DecodeError { message, range, kind: DecodeErrorKind::Type }
}

/// The struct `dockerConfigEntryWithAuth`, while it is filled.
#[derive(Default)]
struct RawEntry {
    username: Zeroizing<String>,
    password: Zeroizing<String>,
    auth: Zeroizing<String>,
    auth_range: Range<usize>,
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
                (Kind::String, "username") => self.username = Zeroizing::new(reader.text(&range)),
                (Kind::String, "password") => self.password = Zeroizing::new(reader.text(&range)),
                (Kind::String, "auth") => {
                    self.auth = Zeroizing::new(reader.text(&range));
                    self.auth_range = range;
                }
                // A null leaves a string as it is.
                (Kind::String | Kind::Null, _) => {}
                _ => {
                    let target = Target::Field(field_name(format, field), "string");
                    self.saved.get_or_insert_with(|| type_error(kind, &target, range));
                }
            }
        }
    }

    fn hint(&mut self, reader: &mut Reader<'_>, name: &str) {
        let kind = reader.kind();
        let filled = reader.skip_value().len() > "\"\"".len() && kind == Kind::String;
        self.hints.identity_token |= filled && name.eq_ignore_ascii_case("identitytoken");
        self.hints.registry_token |= filled && name.eq_ignore_ascii_case("registrytoken");
    }

    /// `UnmarshalJSON`: a non-empty `auth` overrides user and password.
    fn finish(mut self) -> Result<(Credential, Hints), DecodeError> {
        if let Some(error) = self.saved {
            return Err(error);
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

/// How a type error in an entry names the field: the outer decoder, where it is in a struct, puts its own place over
/// the entry's.
fn field_name(format: Format, field: &str) -> &'static str {
    match (format, field) {
        (Format::DockerConfigJson, _) => "DockerConfigJSON.auths",
        (Format::DockerCfg, "username") => "dockerConfigEntryWithAuth.username",
        (Format::DockerCfg, "password") => "dockerConfigEntryWithAuth.password",
        (Format::DockerCfg, "email") => "dockerConfigEntryWithAuth.email",
        (Format::DockerCfg, _) => "dockerConfigEntryWithAuth.auth",
    }
}

/// A key, and where it stands.
type Replaced = (String, Range<usize>);

/// The entries that count, and the keys of those that another one replaces.
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
