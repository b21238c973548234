//! containerd's `hosts.toml`: the hosts to ask for the images of a registry, their order and settings.
//!
//! Follows `parseHostsFile` in `core/remotes/docker/config/hosts.go` of containerd 2.4, and in
//! `remotes/docker/config` of containerd 1.7 if that differs. Unknown keys are ignored as they are there. containerd
//! logs a file that it cannot read, and continues as if it did not exist.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::host_url::HostUrl;
use crate::credential::keyring::shown_key;
use crate::image::runtime::Runtime;
use crate::text::go::time;

/// One host of a file: `RegistryHost` before its certificates are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostConfig {
    /// The host's location; `None` is the registry itself.
    pub url: Option<HostUrl>,
    /// The operations that the host is used for.
    pub capabilities: Capabilities,
    /// `ca`: files with additional authorities. An empty list is not the same as a missing one: it still configures
    /// TLS.
    pub ca: Option<Vec<PathBuf>>,
    /// `client`: files with a certificate and, if it is not in the same file, its key.
    pub client: Vec<(PathBuf, Option<PathBuf>)>,
    /// `skip_verify`: whether any certificate is accepted.
    pub skip_verify: Option<bool>,
    /// `header`: names as written, and their values.
    pub header: Vec<(String, Vec<String>)>,
    /// `dial_timeout`: the timeout of one connection.
    pub dial_timeout: Option<Duration>,
}

/// The operations that a host may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Reading content by digest.
    pub pull: bool,
    /// Resolving a tag to its digest.
    pub resolve: bool,
    /// Pushing, which does not matter for a pull.
    pub push: bool,
}

impl Capabilities {
    /// All capabilities: the default for a host that names none.
    pub const ALL: Self = Self { pull: true, resolve: true, push: true };
}

impl HostConfig {
    /// A host with nothing configured except its location.
    pub fn plain(url: Option<HostUrl>) -> Self {
        Self {
            url,
            capabilities: Capabilities::ALL,
            ca: None,
            client: Vec::new(),
            skip_verify: None,
            header: Vec::new(),
            dial_timeout: None,
        }
    }

    /// Whether TLS is configured: containerd then tries it even if the URL is `http`.
    pub fn speaks_of_tls(&self) -> bool {
        self.ca.is_some() || !self.client.is_empty() || self.skip_verify.is_some()
    }
}

/// Why containerd cannot read the file. The message contains no value of a header and no password of a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostsTomlError {
    /// The file is not TOML.
    #[error("line {line}: {message}")]
    Syntax {
        /// The line number, from 1.
        line: usize,
        /// The message of the TOML parser.
        message: String,
    },
    /// A value does not have the type or form that its key needs.
    #[error("line {line}: `{key}`: {message}")]
    Value {
        /// The line number, from 1.
        line: usize,
        /// The key including its host: `host."https://mirror.example".ca`.
        key: String,
        /// A description of the expected value.
        message: String,
    },
}

impl HostsTomlError {
    /// The line number of the error, from 1.
    pub fn line(&self) -> usize {
        match self {
            Self::Syntax { line, .. } | Self::Value { line, .. } => *line,
        }
    }

    /// The error message, without the line.
    pub fn words(&self) -> String {
        match self {
            Self::Syntax { message, .. } => message.clone(),
            Self::Value { key, message, .. } => format!("`{key}`: {message}"),
        }
    }
}

/// The hosts of a file in the order in which they are asked, with the `server` last. Relative paths are resolved
/// against `folder`.
///
/// # Errors
/// The file cannot be read by that version of containerd.
pub fn parse(folder: &Path, text: &str, runtime: Runtime) -> Result<Vec<HostConfig>, HostsTomlError> {
    if text.starts_with('\u{feff}') && runtime != Runtime::ContainerdOne {
        return Err(HostsTomlError::Syntax { line: 1, message: "it begins with a byte order mark".to_owned() });
    }
    let document = DeTable::parse(text).map_err(|error| HostsTomlError::Syntax {
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    let root = Reader { text, folder, table: document.get_ref(), prefix: String::new(), runtime };
    let mut hosts = Vec::new();
    if let Some((key, value)) = root.entry("host") {
        let listed = value.get_ref().as_table().ok_or_else(|| root.wrong(key, "a table of hosts"))?;
        let mut listed: Vec<_> = listed.iter().collect();
        listed.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in listed {
            let prefix = format!("host.\"{}\".", shown_key(name.get_ref()));
            let table = value.get_ref().as_table().ok_or_else(|| root.wrong(name, "a table"))?;
            let host =
                Reader { text, folder, table, prefix, runtime }.host(Some((name.get_ref(), name.span().start)))?;
            // containerd 2 takes the order, and with it the hosts, from the headers of tables.
            if runtime == Runtime::ContainerdOne || stands_in_a_header(text, name.span().start) {
                hosts.push(host);
            }
        }
    }
    let server = root.entry("server").map(|(key, value)| {
        let server = value.get_ref().as_str().ok_or_else(|| root.wrong(key, "a string"))?;
        Ok((server, value.span().start))
    });
    hosts.push(root.host(server.transpose()?)?);
    Ok(hosts)
}

/// One table of host settings.
struct Reader<'t> {
    text: &'t str,
    folder: &'t Path,
    table: &'t DeTable<'t>,
    /// The prefix of its keys' names.
    prefix: String,
    runtime: Runtime,
}

type Key<'t> = Spanned<std::borrow::Cow<'t, str>>;

impl<'t> Reader<'t> {
    /// Returns an entry by name, ignoring case as go-toml does. An exact match takes precedence.
    fn entry(&self, name: &str) -> Option<(&'t Key<'t>, &'t Spanned<DeValue<'t>>)> {
        let find = |same: &dyn Fn(&str) -> bool| self.table.iter().find(|(key, _)| same(key.get_ref()));
        find(&|key| key == name).or_else(|| find(&|key| key.eq_ignore_ascii_case(name)))
    }

    fn wrong(&self, key: &Key<'_>, wanted: &str) -> HostsTomlError {
        self.error(key.span().start, key.get_ref(), format!("must be {wanted}"))
    }

    fn error(&self, at: usize, key: &str, message: String) -> HostsTomlError {
        let key = format!("{}{}", self.prefix, shown_key(key));
        HostsTomlError::Value { line: line_of(self.text, at), key, message }
    }

    /// `parseHostConfig`. `server` is the text that names the host, and its offset.
    fn host(&self, server: Option<(&str, usize)>) -> Result<HostConfig, HostsTomlError> {
        let override_path = self.boolean("override_path")?.unwrap_or(false);
        let named = server.filter(|(server, _)| !server.is_empty());
        let url = named.map(|(server, at)| {
            let place = self.prefix.trim_end_matches('.');
            let key = if place.is_empty() { "server" } else { place };
            HostUrl::of_hosts_toml(server, override_path).map_err(|message| HostsTomlError::Value {
                line: line_of(self.text, at),
                key: key.to_owned(),
                message: message.to_owned(),
            })
        });
        Ok(HostConfig {
            // A `server` without a host is the registry itself. A request to any other host without one fails.
            url: match url.transpose()? {
                Some(None) if !self.prefix.is_empty() => Some(HostUrl::nowhere()),
                url => url.flatten(),
            },
            capabilities: self.capabilities()?,
            ca: self.ca()?,
            client: self.client()?,
            skip_verify: self.boolean("skip_verify")?,
            header: self.header()?,
            dial_timeout: self.dial_timeout()?,
        })
    }

    fn boolean(&self, name: &str) -> Result<Option<bool>, HostsTomlError> {
        let Some((key, value)) = self.entry(name) else { return Ok(None) };
        value.get_ref().as_bool().map(Some).ok_or_else(|| self.wrong(key, "true or false"))
    }

    fn capabilities(&self) -> Result<Capabilities, HostsTomlError> {
        let Some((key, value)) = self.entry("capabilities") else { return Ok(Capabilities::ALL) };
        let wanted = "a list of \"pull\", \"resolve\" and \"push\"";
        let listed = value.get_ref().as_array().ok_or_else(|| self.wrong(key, wanted))?;
        let mut found = Capabilities { pull: false, resolve: false, push: false };
        for item in listed.iter() {
            let name = item.get_ref().as_str().ok_or_else(|| self.wrong(key, wanted))?;
            match name.to_lowercase().as_str() {
                "pull" => found.pull = true,
                "resolve" => found.resolve = true,
                "push" => found.push = true,
                // A pull does not use it.
                "referrers" if self.knows_referrers() => {}
                _ => return Err(self.error(key.span().start, key.get_ref(), format!("unknown capability {name:?}"))),
            }
        }
        Ok(if listed.is_empty() { Capabilities::ALL } else { found })
    }

    fn ca(&self) -> Result<Option<Vec<PathBuf>>, HostsTomlError> {
        let Some((key, value)) = self.entry("ca") else { return Ok(None) };
        let wrong = || self.wrong(key, "a file name or a list of them");
        match value.get_ref() {
            DeValue::String(file) => Ok(Some(vec![self.folder.join(file.as_ref())])),
            DeValue::Array(files) => {
                let path = |file: &Spanned<DeValue<'_>>| file.get_ref().as_str().map(|file| self.folder.join(file));
                files.iter().map(path).collect::<Option<Vec<_>>>().map(Some).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }

    fn client(&self) -> Result<Vec<(PathBuf, Option<PathBuf>)>, HostsTomlError> {
        let Some((key, value)) = self.entry("client") else { return Ok(Vec::new()) };
        let pair = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
            DeValue::String(file) => Some((self.folder.join(file.as_ref()), None)),
            DeValue::Array(files) => {
                let mut files = files.iter().map(|file| file.get_ref().as_str().map(|file| self.folder.join(file)));
                match (files.next()??, files.next()??, files.next()) {
                    (certificate, key, None) => Some((certificate, Some(key))),
                    _ => None,
                }
            }
            _ => None,
        };
        let pairs = match value.get_ref() {
            DeValue::String(_) => pair(value).map(|pair| vec![pair]),
            DeValue::Array(pairs) => pairs.iter().map(pair).collect(),
            _ => None,
        };
        pairs.ok_or_else(|| self.wrong(key, "a file name, a list of them, or a list of pairs [certificate, key]"))
    }

    fn header(&self) -> Result<Vec<(String, Vec<String>)>, HostsTomlError> {
        let Some((key, value)) = self.entry("header") else { return Ok(Vec::new()) };
        let table = value.get_ref().as_table().ok_or_else(|| self.wrong(key, "a table"))?;
        let mut fields: Vec<_> = table.iter().collect();
        fields.sort_by_key(|(name, _)| name.span().start);
        let field = |(name, value): (&Key<'_>, &Spanned<DeValue<'_>>)| {
            let text = |value: &Spanned<DeValue<'_>>| value.get_ref().as_str().map(str::to_owned);
            let values = match value.get_ref() {
                DeValue::Array(values) => values.iter().map(text).collect::<Option<Vec<_>>>(),
                _ => text(value).map(|value| vec![value]),
            };
            let name = name.get_ref();
            let wrong = || self.error(key.span().start, &format!("header.{name}"), "must be a string or a list".into());
            Ok((name.to_string(), values.ok_or_else(wrong)?))
        };
        fields.into_iter().map(field).collect()
    }

    fn knows_referrers(&self) -> bool {
        !matches!(self.runtime, Runtime::ContainerdOne | Runtime::Containerd2_1)
    }

    fn dial_timeout(&self) -> Result<Option<Duration>, HostsTomlError> {
        // The key is unknown to containerd 1.7.
        let entry = self.entry("dial_timeout").filter(|_| self.runtime != Runtime::ContainerdOne);
        let Some((key, value)) = entry else { return Ok(None) };
        let text = value.get_ref().as_str().ok_or_else(|| self.wrong(key, "a string such as \"3s\""))?;
        if text.is_empty() {
            return Ok(None);
        }
        time::parse_duration(text).map(Some).ok_or_else(|| self.wrong(key, "a time such as \"3s\" or \"1m30s\""))
    }
}

/// Keys whose values are not secret.
const OPEN_KEYS: [&str; 6] = ["capabilities", "ca", "client", "skip_verify", "override_path", "dial_timeout"];

/// A file as it may be shown if it cannot be read. Of the line at fault, only the part that can contain no secret is
/// kept. Everything else is blanked, so that every byte keeps its place. `line` is counted from 1.
pub fn shown(text: &str, line: usize) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut table = "";
    for (at, part) in text.split_inclusive('\n').enumerate() {
        let written = part.trim();
        let open = if written.starts_with('[') {
            table = written;
            !written.contains('@')
        } else {
            let key = written.split_once('=').map_or("", |(key, _)| key.trim());
            OPEN_KEYS.contains(&&*key.to_ascii_lowercase()) && !table.to_ascii_lowercase().contains("header")
        };
        let shows = if at + 1 != line {
            0
        } else if open {
            part.len()
        } else {
            part.find('=').map_or(0, |at| at + 1)
        };
        // The key itself can be a URL with a password.
        let shows = if part[..shows].contains('@') { 0 } else { shows };
        shown.push_str(&part[..shows]);
        shown.extend(
            part[shows..].bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { char::from(byte) } else { ' ' }),
        );
    }
    shown
}

/// Whether the line at an offset is the header of a table.
fn stands_in_a_header(text: &str, at: usize) -> bool {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    text.get(start..at).is_some_and(|line| line.trim_start().starts_with('['))
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests;
