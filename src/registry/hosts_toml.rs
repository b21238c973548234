//! containerd's `hosts.toml`: which hosts are asked for the images of a registry, in which order and how.
//!
//! Follows `parseHostsFile` in `core/remotes/docker/config/hosts.go` of containerd 2.1. Unknown keys are passed over as
//! there. What containerd cannot read it logs and passes over too, as if the file were not there; here it is an error,
//! for whoever hands us the file means it to count.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::host_url::HostUrl;
use crate::go::time;

/// One host of a file: `RegistryHost` before its certificates are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostConfig {
    /// Where it is; `None` is the registry itself.
    pub url: Option<HostUrl>,
    /// What it may be asked for.
    pub capabilities: Capabilities,
    /// `ca`: files with further authorities. An empty list is not the same as none: TLS is meant either way.
    pub ca: Option<Vec<PathBuf>>,
    /// `client`: files with a certificate and, where it is not in the same file, its key.
    pub client: Vec<(PathBuf, Option<PathBuf>)>,
    /// `skip_verify`.
    pub skip_verify: Option<bool>,
    /// `header`: names as written.
    pub header: Vec<(String, Vec<String>)>,
    /// `dial_timeout`.
    pub dial_timeout: Option<Duration>,
}

/// What a host may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Content by digest.
    pub pull: bool,
    /// The digest of a tag.
    pub resolve: bool,
    /// Of no account for a pull.
    pub push: bool,
}

impl Capabilities {
    /// Everything: what a host may that names none.
    pub const ALL: Self = Self { pull: true, resolve: true, push: true };
}

impl HostConfig {
    /// A host that nothing is said of, but where it is.
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

    /// Whether TLS is spoken of: then containerd tries it even where the URL is `http`.
    pub fn speaks_of_tls(&self) -> bool {
        self.ca.is_some() || !self.client.is_empty() || self.skip_verify.is_some()
    }
}

/// What containerd could not read either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostsTomlError {
    /// It is not TOML.
    #[error("line {line}: {message}")]
    Syntax {
        /// From 1.
        line: usize,
        /// The parser's words.
        message: String,
    },
    /// A value is not what its key takes.
    #[error("line {line}: `{key}`: {message}")]
    Value {
        /// From 1.
        line: usize,
        /// With the host that it stands under: `host."https://mirror.example".ca`.
        key: String,
        /// What it has to be.
        message: String,
    },
}

/// The hosts of a file in the order in which they are asked, the `server` last. Relative paths are under `folder`.
///
/// # Errors
/// What containerd cannot read.
pub fn parse(folder: &Path, text: &str) -> Result<Vec<HostConfig>, HostsTomlError> {
    let document = DeTable::parse(text).map_err(|error| HostsTomlError::Syntax {
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    let root = Reader { text, folder, table: document.get_ref(), prefix: String::new() };
    let mut hosts = Vec::new();
    if let Some((key, value)) = root.entry("host") {
        let listed = value.get_ref().as_table().ok_or_else(|| root.wrong(key, "a table of hosts"))?;
        let mut listed: Vec<_> = listed.iter().collect();
        listed.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in listed {
            let prefix = format!("host.\"{}\".", name.get_ref());
            let table = value.get_ref().as_table().ok_or_else(|| root.wrong(name, "a table"))?;
            let host = Reader { text, folder, table, prefix }.host(Some((name.get_ref(), name.span().start)))?;
            // containerd takes the order from the headers of tables, and with it the hosts.
            if stands_in_a_header(text, name.span().start) {
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
    /// Before the names of its keys.
    prefix: String,
}

type Key<'t> = Spanned<std::borrow::Cow<'t, str>>;

impl<'t> Reader<'t> {
    /// By name; capitals do not count, as in go-toml, but the exact name goes first.
    fn entry(&self, name: &str) -> Option<(&'t Key<'t>, &'t Spanned<DeValue<'t>>)> {
        let find = |same: &dyn Fn(&str) -> bool| self.table.iter().find(|(key, _)| same(key.get_ref()));
        find(&|key| key == name).or_else(|| find(&|key| key.eq_ignore_ascii_case(name)))
    }

    fn wrong(&self, key: &Key<'_>, wanted: &str) -> HostsTomlError {
        self.error(key.span().start, key.get_ref(), format!("must be {wanted}"))
    }

    fn error(&self, at: usize, key: &str, message: String) -> HostsTomlError {
        HostsTomlError::Value { line: line_of(self.text, at), key: format!("{}{key}", self.prefix), message }
    }

    /// `parseHostConfig`. `server` is what names the host, and where that stands.
    fn host(&self, server: Option<(&str, usize)>) -> Result<HostConfig, HostsTomlError> {
        let override_path = self.boolean("override_path")?.unwrap_or(false);
        let named = server.filter(|(server, _)| !server.is_empty());
        let url = named.map(|(server, at)| {
            let place = self.prefix.trim_end_matches('.');
            let key = if place.is_empty() { "server" } else { place };
            HostUrl::parse(server, override_path).map_err(|message| HostsTomlError::Value {
                line: line_of(self.text, at),
                key: key.to_owned(),
                message: message.to_owned(),
            })
        });
        Ok(HostConfig {
            url: url.transpose()?,
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
                // Of containerd 2.3; a pull has no use for it.
                "referrers" => {}
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

    fn dial_timeout(&self) -> Result<Option<Duration>, HostsTomlError> {
        let Some((key, value)) = self.entry("dial_timeout") else { return Ok(None) };
        let text = value.get_ref().as_str().ok_or_else(|| self.wrong(key, "a string such as \"3s\""))?;
        if text.is_empty() {
            return Ok(None);
        }
        time::parse_duration(text).map(Some).ok_or_else(|| self.wrong(key, "a time such as \"3s\" or \"1m30s\""))
    }
}

/// Whether the line of an offset is the header of a table.
fn stands_in_a_header(text: &str, at: usize) -> bool {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    text.get(start..at).is_some_and(|line| line.trim_start().starts_with('['))
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests;
