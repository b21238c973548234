//! containerd's `hosts.toml`: which hosts are asked for the images of a registry, in which order and how.
//!
//! Follows `parseHostsFile` in `core/remotes/docker/config/hosts.go` of containerd 2.4, and in `remotes/docker/config` of
//! containerd 1.7 where that differs. Unknown keys are passed over as there. What containerd cannot read it logs, and
//! goes on as if the file were not there.

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

/// What containerd cannot read either. The words hold no value of a header and no password of a URL.
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

impl HostsTomlError {
    /// Where it is, from 1.
    pub fn line(&self) -> usize {
        match self {
            Self::Syntax { line, .. } | Self::Value { line, .. } => *line,
        }
    }

    /// What is wrong there.
    pub fn words(&self) -> String {
        match self {
            Self::Syntax { message, .. } => message.clone(),
            Self::Value { key, message, .. } => format!("`{key}`: {message}"),
        }
    }
}

/// The hosts of a file in the order in which they are asked, the `server` last. Relative paths are under `folder`.
///
/// # Errors
/// What that version of containerd cannot read.
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
            // containerd 2 takes the order from the headers of tables, and with it the hosts.
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
    /// Before the names of its keys.
    prefix: String,
    runtime: Runtime,
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
        let key = format!("{}{}", self.prefix, shown_key(key));
        HostsTomlError::Value { line: line_of(self.text, at), key, message }
    }

    /// `parseHostConfig`. `server` is what names the host, and where that stands.
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
            // A `server` without a host is the registry itself; another host without one is asked in vain.
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
                // A pull has no use for it.
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
        // containerd 1.7 does not know the key.
        let entry = self.entry("dial_timeout").filter(|_| self.runtime != Runtime::ContainerdOne);
        let Some((key, value)) = entry else { return Ok(None) };
        let text = value.get_ref().as_str().ok_or_else(|| self.wrong(key, "a string such as \"3s\""))?;
        if text.is_empty() {
            return Ok(None);
        }
        time::parse_duration(text).map(Some).ok_or_else(|| self.wrong(key, "a time such as \"3s\" or \"1m30s\""))
    }
}

/// Keys whose values let nobody in.
const OPEN_KEYS: [&str; 6] = ["capabilities", "ca", "client", "skip_verify", "override_path", "dial_timeout"];

/// A file as it may be shown where it cannot be read: of the line at fault what can hold no secret, and blanks for all
/// the rest, so that every byte keeps its place. `line` is counted from 1.
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
        // The key itself may be a URL with a password.
        let shows = if part[..shows].contains('@') { 0 } else { shows };
        shown.push_str(&part[..shows]);
        shown.extend(
            part[shows..].bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { char::from(byte) } else { ' ' }),
        );
    }
    shown
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
