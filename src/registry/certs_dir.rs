//! containerd's `config_path`: a folder for each registry, with a `hosts.toml` or the certificates of Docker's layout.
//!
//! Follows `HostDirFromRoot`, `loadHostDir`, `loadCertFiles` and `tlsConfigFromHost` in
//! `core/remotes/docker/config/hosts.go` of containerd 2.1. All folders are read before anything is asked, so that a
//! mistake in them is told at once.
#![expect(clippy::disallowed_methods, reason = "the folders are the operator's, and are read before anything is asked")]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::hosts_toml::{self, HostConfig, HostsTomlError};
use super::identity::{Identity, IdentityError};
use super::tls::{self, TlsSettings};
use crate::sensitive::Sensitive;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// The folders of `--certs-dir`, in the order given.
#[derive(Debug, Clone, Default)]
pub struct CertsDir {
    roots: Vec<BTreeMap<String, Arc<Vec<ConfiguredHost>>>>,
}

/// One host with its certificates.
#[derive(Debug)]
pub(crate) struct ConfiguredHost {
    pub(crate) config: HostConfig,
    /// `None` where TLS is spoken as to any other host.
    pub(crate) tls: Option<Arc<TlsSettings>>,
    pub(crate) headers: HeaderMap,
}

/// A mistake in a folder.
#[derive(Debug, thiserror::Error)]
pub enum CertsDirError {
    /// A folder or file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// containerd passes over such a file, so that its mirrors would not count.
    #[error("{}: {error}; containerd would log this and go on as if the file were not there", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: HostsTomlError,
    },
    /// A `ca` without a certificate: containerd refuses every pull from the registry.
    #[error("{}: holds no certificate that can be used; containerd would pull nothing from this registry", .0.display())]
    NoAuthority(PathBuf),
    /// A `client` that is none: containerd refuses every pull from the registry.
    #[error("{}: {error}; containerd would pull nothing from this registry", path.display())]
    Client {
        /// The certificate's file.
        path: PathBuf,
        /// What is wrong with it.
        error: IdentityError,
    },
    /// A `header` that HTTP does not know.
    #[error("{}: header {name:?} or its value cannot be sent", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// The header.
        name: String,
    },
}

impl CertsDir {
    /// Reads the folders of all registries under each of these.
    ///
    /// # Errors
    /// The first mistake, in the order of the folders' names.
    pub fn read(roots: &[PathBuf]) -> Result<Self, CertsDirError> {
        Ok(Self { roots: roots.iter().map(|root| read_root(root)).collect::<Result<_, _>>()? })
    }

    /// The hosts of a registry, as `hostPaths` in `core/remotes/docker/config/config_unix.go` looks for their folder:
    /// `reg.example_5000_`, `reg.example:5000`, `_default`.
    pub(crate) fn hosts_of(&self, registry: &str) -> Option<&Arc<Vec<ConfiguredHost>>> {
        let converted = registry.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        let converted = converted.map(|(host, port)| format!("{host}_{port}_"));
        let names = || converted.as_deref().into_iter().chain([registry, "_default"]);
        self.roots.iter().find_map(|root| names().find_map(|name| root.get(name)))
    }

    /// The values of all headers: they are there to let somebody in.
    pub fn secrets(&self) -> Vec<Sensitive> {
        let hosts = self.roots.iter().flat_map(BTreeMap::values).flat_map(|hosts| hosts.iter());
        let values = hosts.flat_map(|host| &host.config.header).flat_map(|(_, values)| values);
        let parts = values.flat_map(|value| [Some(value.as_str()), value.split_once(' ').map(|(_, secret)| secret)]);
        parts.flatten().filter(|text| !text.is_empty()).map(Sensitive::new).collect()
    }
}

fn read_root(root: &Path) -> Result<BTreeMap<String, Arc<Vec<ConfiguredHost>>>, CertsDirError> {
    let mut folders = BTreeMap::new();
    for name in names_in(root)? {
        let folder = root.join(&name);
        if folder.is_dir() {
            let hosts = load_folder(&folder)?.into_iter().map(|host| equip(&folder, host));
            folders.insert(name, Arc::new(hosts.collect::<Result<_, _>>()?));
        }
    }
    Ok(folders)
}

/// In order, so that the same mistake is told each time.
fn names_in(folder: &Path) -> Result<Vec<String>, CertsDirError> {
    let unreadable = |error| CertsDirError::Read { path: folder.to_owned(), error };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        // A name that is no UTF-8 is no host's.
        names.extend(entry.map_err(unreadable)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// `loadHostDir`: an empty `hosts.toml` is as good as none.
fn load_folder(folder: &Path) -> Result<Vec<HostConfig>, CertsDirError> {
    let path = folder.join("hosts.toml");
    let bytes = match read(&path) {
        Ok(bytes) => bytes,
        Err(CertsDirError::Read { error, .. }) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    if bytes.is_empty() {
        return Ok(vec![docker_layout(folder)?]);
    }
    let text = String::from_utf8(bytes).map_err(|_| CertsDirError::Toml {
        path: path.clone(),
        error: HostsTomlError::Syntax { line: 1, message: "not UTF-8".to_owned() },
    })?;
    hosts_toml::parse(folder, &text).map_err(|error| CertsDirError::Toml { path, error })
}

/// `loadCertFiles`: `*.crt` are authorities, `*.cert` client certificates, with the key in the `*.key` of that name or
/// in the same file.
fn docker_layout(folder: &Path) -> Result<HostConfig, CertsDirError> {
    let mut host = HostConfig::plain(None);
    for name in names_in(folder)? {
        let path = folder.join(&name);
        if path.is_dir() {
            continue;
        }
        if name.ends_with(".crt") {
            host.ca.get_or_insert_default().push(path);
        } else if let Some(stem) = name.strip_suffix(".cert") {
            let key = folder.join(format!("{stem}.key"));
            let key = key.exists().then_some(key);
            host.client.push((path, key));
        }
    }
    Ok(host)
}

/// Reads what a host's settings name.
fn equip(folder: &Path, config: HostConfig) -> Result<ConfiguredHost, CertsDirError> {
    let mut tls = TlsSettings { skip_verify: config.skip_verify.unwrap_or(false), ..TlsSettings::default() };
    for path in config.ca.iter().flatten() {
        let found = tls::some_certificates(&read(path)?).ok_or_else(|| CertsDirError::NoAuthority(path.clone()))?;
        tls.authorities.extend(found);
    }
    for (path, key) in &config.client {
        let certificate = read(path)?;
        let key = key.as_deref().map(read).transpose()?;
        let identity = Identity::from_pem(&certificate, key.as_deref().unwrap_or(&certificate));
        tls.identities.push(identity.map_err(|error| CertsDirError::Client { path: path.clone(), error })?);
    }
    let mut headers = HeaderMap::new();
    for (name, values) in &config.header {
        let bad = || CertsDirError::Header { path: folder.join("hosts.toml"), name: name.clone() };
        for value in values {
            let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
            value.set_sensitive(true);
            headers.append(HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?, value);
        }
    }
    let tls = config.speaks_of_tls().then(|| Arc::new(tls));
    Ok(ConfiguredHost { config, tls, headers })
}

fn read(path: &Path) -> Result<Vec<u8>, CertsDirError> {
    let unreadable = |error| CertsDirError::Read { path: path.to_owned(), error };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    io::Read::read_to_end(&mut io::Read::take(file, MAX_BYTES + 1), &mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 4 MiB")));
    }
    Ok(bytes)
}
