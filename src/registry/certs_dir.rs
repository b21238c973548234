//! containerd's `config_path`: a folder for each registry, with a `hosts.toml` or the certificates of Docker's
//! layout.
//!
//! Follows `HostDirFromRoot`, `loadHostDir`, `loadCertFiles` and `updateTLSConfigFromHost` in
//! `core/remotes/docker/config/hosts.go` of containerd 2.4, which differ from 1.7 in log messages alone. Files that
//! containerd logs and ignores are reported, and ignored. Errors that fail its pulls fail here too, with the same
//! message. All folders are read before any request.
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
use crate::credential::sensitive::Sensitive;
use crate::image::runtime::Runtime;
use crate::text::go::path;
use crate::text::go::quote::quote;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// The folders of `--certs-dir`, in the order given.
#[derive(Debug, Clone, Default)]
pub struct CertsDir {
    roots: Vec<BTreeMap<String, Hosts>>,
    ignored: Vec<IgnoredFile>,
}

/// The hosts of one folder, or the error with which containerd fails every pull that leads to it.
pub(crate) type Hosts = Result<Arc<Vec<ConfiguredHost>>, String>;

/// A `hosts.toml` that containerd ignores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredFile {
    /// Path of the `hosts.toml`.
    pub path: PathBuf,
    /// The name of the file's folder, which is named after a registry.
    pub folder: String,
    /// The part of the text that may be shown, with every byte at its place.
    pub text: String,
    /// The line at fault, from 1.
    pub line: usize,
    /// The error message for that line.
    pub words: String,
}

/// One host with its certificates.
#[derive(Debug)]
pub(crate) struct ConfiguredHost {
    pub(crate) config: HostConfig,
    /// `None` if TLS is used as for any other host.
    pub(crate) tls: Option<Arc<TlsSettings>>,
    /// The headers that are sent; or the error of Go's HTTP client if it refuses to send them.
    pub(crate) headers: Result<HeaderMap, String>,
}

/// Why it is not known what containerd does with a folder.
#[derive(Debug, thiserror::Error)]
pub enum CertsDirError {
    /// A folder or file cannot be read here.
    #[error("{}: {error}", path.display())]
    Read {
        /// The folder or file.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// A `ca` file in which no certificate is valid here; Go may accept it.
    #[error("{}: contains no usable certificate", .0.display())]
    NoAuthority(PathBuf),
    /// A `client` certificate that is not valid here; Go may accept it.
    #[error("{}: {error}", path.display())]
    Client {
        /// Path of the certificate's file.
        path: PathBuf,
        /// The error in the certificate or key.
        error: IdentityError,
    },
}

/// Why reading a folder stopped early.
enum Stop {
    /// The behavior of containerd cannot be determined here.
    Here(CertsDirError),
    /// containerd fails with this message.
    Node(String),
}

impl From<CertsDirError> for Stop {
    fn from(error: CertsDirError) -> Self {
        Self::Here(error)
    }
}

impl CertsDir {
    /// Reads the folders of all registries under each of these roots, as that version of containerd does.
    ///
    /// # Errors
    /// The first file or folder that cannot be read here, in the order of the folders' names.
    pub fn read(roots: &[PathBuf], runtime: Runtime) -> Result<Self, CertsDirError> {
        let mut ignored = Vec::new();
        let roots = roots.iter().map(|root| read_root(root, runtime, &mut ignored)).collect::<Result<_, _>>()?;
        Ok(Self { roots, ignored })
    }

    /// The hosts of a registry. Their folder is found as in `hostPaths` in
    /// `core/remotes/docker/config/config_unix.go`: `reg.example_5000_`, `reg.example:5000`, `_default`.
    pub(crate) fn hosts_of(&self, registry: &str) -> Option<&Hosts> {
        let converted = registry.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        let converted = converted.map(|(host, port)| format!("{host}_{port}_"));
        let names = || converted.as_deref().into_iter().chain([registry, "_default"]);
        self.roots.iter().find_map(|root| names().find_map(|name| root.get(name)))
    }

    /// The files that containerd ignores, in the order of the folders.
    pub fn ignored(&self) -> &[IgnoredFile] {
        &self.ignored
    }

    /// The values of all headers, because they can contain credentials.
    pub fn secrets(&self) -> Vec<Sensitive> {
        let hosts = self.roots.iter().flat_map(BTreeMap::values).flatten().flat_map(|hosts| hosts.iter());
        let values = hosts.flat_map(|host| &host.config.header).flat_map(|(_, values)| values);
        let parts = values.flat_map(|value| [Some(value.as_str()), value.split_once(' ').map(|(_, secret)| secret)]);
        parts.flatten().filter(|text| !text.is_empty()).map(Sensitive::new).collect()
    }
}

fn read_root(
    root: &Path,
    runtime: Runtime,
    ignored: &mut Vec<IgnoredFile>,
) -> Result<BTreeMap<String, Hosts>, CertsDirError> {
    let mut folders = BTreeMap::new();
    for name in names_in(root)? {
        let folder = Folder { path: &root.join(&name), name: &name };
        if !folder.path.is_dir() {
            continue;
        }
        let hosts = folder.load(runtime, ignored).and_then(|hosts| {
            let equipped = hosts.into_iter().map(|host| folder.equip(host));
            equipped.collect::<Result<Vec<_>, _>>()
        });
        let hosts = match hosts {
            Ok(hosts) => Ok(Arc::new(hosts)),
            Err(Stop::Node(words)) => Err(words),
            Err(Stop::Here(error)) => return Err(error),
        };
        folders.insert(name, hosts);
    }
    Ok(folders)
}

/// The names in a folder, sorted, so that the same error is reported each time.
fn names_in(folder: &Path) -> Result<Vec<String>, CertsDirError> {
    let unreadable = |error| CertsDirError::Read { path: folder.to_owned(), error };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        // A name that is not UTF-8 is not a host's.
        names.extend(entry.map_err(unreadable)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// The folder of one registry.
struct Folder<'f> {
    path: &'f Path,
    name: &'f str,
}

impl Folder<'_> {
    /// `loadHostDir`: an empty `hosts.toml` is treated as missing, and so is one that cannot be parsed.
    fn load(&self, runtime: Runtime, ignored: &mut Vec<IgnoredFile>) -> Result<Vec<HostConfig>, Stop> {
        let path = self.path.join("hosts.toml");
        let bytes = match read(&path) {
            Ok(bytes) => bytes,
            Err(CertsDirError::Read { error, .. }) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(self.unreadable(error)),
        };
        if bytes.is_empty() {
            return Ok(vec![docker_layout(self.path)?]);
        }
        let text = String::from_utf8_lossy(&bytes);
        let parsed = match std::str::from_utf8(&bytes) {
            Ok(text) => hosts_toml::parse(self.path, text, runtime),
            Err(_) => Err(HostsTomlError::Syntax { line: 1, message: "it is not UTF-8".to_owned() }),
        };
        let error = match parsed {
            Ok(hosts) => return Ok(hosts),
            Err(error) => error,
        };
        let (line, folder) = (error.line(), self.name.to_owned());
        let text = hosts_toml::shown(&text, line);
        ignored.push(IgnoredFile { path, folder, text, line, words: error.words() });
        Ok(vec![docker_layout(self.path)?])
    }

    /// `updateTLSConfigFromHost`: reads the files that a host's settings name.
    fn equip(&self, config: HostConfig) -> Result<ConfiguredHost, Stop> {
        let mut tls = TlsSettings { skip_verify: config.skip_verify.unwrap_or(false), ..TlsSettings::default() };
        for path in config.ca.iter().flatten() {
            let pem = self.open(path, "CA cert")?;
            match tls::some_certificates(&pem) {
                Some(found) => tls.authorities.extend(found),
                None if has_certificate(&pem) => return Err(CertsDirError::NoAuthority(path.clone()).into()),
                None => return Err(Stop::Node(format!("unable to load CA cert {}", quote(&self.on_node(path))))),
            }
        }
        for (path, key) in &config.client {
            let certificate = self.open(path, "CERT file")?;
            let key = key.as_deref().map(|key| self.open(key, "CERT file")).transpose()?;
            let key = key.as_deref().unwrap_or(&certificate);
            tls.identities.push(Identity::from_pem(&certificate, key).map_err(|error| {
                match words_of_pair(&error, &certificate, key) {
                    Some(words) => Stop::Node(format!("failed to load X509 key pair: tls: {words}")),
                    None => Stop::Here(CertsDirError::Client { path: path.clone(), error }),
                }
            })?);
        }
        let headers = headers(&config);
        let tls = config.speaks_of_tls().then(|| Arc::new(tls));
        Ok(ConfiguredHost { config, tls, headers })
    }

    /// `os.ReadFile`, with containerd's prefix for its error.
    fn open(&self, path: &Path, what: &str) -> Result<Vec<u8>, Stop> {
        read(path).map_err(|error| match self.unreadable(error) {
            Stop::Node(words) => Stop::Node(format!("unable to read {what} {}: {words}", quote(&self.on_node(path)))),
            stop => stop,
        })
    }

    /// Classifies a read error. A missing file, or a folder in its place, is the same on the node; other errors may
    /// concern only this machine.
    fn unreadable(&self, error: CertsDirError) -> Stop {
        let CertsDirError::Read { path, error } = &error else { return Stop::Here(error) };
        let file = self.on_node(path);
        match error.kind() {
            io::ErrorKind::NotFound => Stop::Node(format!("open {file}: no such file or directory")),
            io::ErrorKind::NotADirectory => Stop::Node(format!("open {file}: not a directory")),
            io::ErrorKind::IsADirectory => Stop::Node(format!("read {file}: is a directory")),
            _ => Stop::Here(CertsDirError::Read {
                path: path.clone(),
                error: io::Error::new(error.kind(), error.to_string()),
            }),
        }
    }

    /// A file as containerd names it. The folders' place on the node is not known.
    fn on_node(&self, path: &Path) -> String {
        match path.strip_prefix(self.path) {
            Ok(inside) => format!("…{}", path::clean(&format!("/{}/{}", self.name, inside.display()))),
            Err(_) => path.display().to_string(),
        }
    }
}

/// Headers that can be sent, with the checks of Go's `Transport.roundTrip`.
fn headers(config: &HostConfig) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, values) in &config.header {
        for value in values {
            let no_name = |_| format!("net/http: invalid header field name {}", quote(name));
            let no_value = |_| format!("net/http: invalid header field value for {}", quote(name));
            let field = HeaderName::from_bytes(name.as_bytes()).map_err(no_name)?;
            let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(no_value)?;
            value.set_sensitive(true);
            headers.append(field, value);
        }
    }
    Ok(headers)
}

/// Types of the PEM blocks in a text.
fn pem_types(pem: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(pem);
    let begun = text.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
    begun.map(str::to_owned).collect()
}

fn has_certificate(pem: &[u8]) -> bool {
    pem_types(pem).iter().any(|kind| kind == "CERTIFICATE")
}

/// The error of `X509KeyPair` of Go's `crypto/tls`, for pairs that it certainly refuses; other errors may concern
/// only our TLS library.
fn words_of_pair(error: &IdentityError, certificate: &[u8], key: &[u8]) -> Option<&'static str> {
    let (certificate, key) = (pem_types(certificate), pem_types(key));
    let is_key = |kind: &String| kind.ends_with("PRIVATE KEY");
    Some(match error {
        IdentityError::NoCertificate if certificate.is_empty() => "failed to find any PEM data in certificate input",
        IdentityError::NoCertificate if certificate.len() == 1 && certificate.iter().all(is_key) => {
            "failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have \
             been switched"
        }
        IdentityError::NoKey if key.is_empty() => "failed to find any PEM data in key input",
        IdentityError::NoKey if matches!(&key[..], [one] if one == "CERTIFICATE") => {
            "found a certificate rather than a key in the PEM for the private key"
        }
        IdentityError::EncryptedKey => "failed to parse private key",
        IdentityError::Mismatch => "private key does not match public key",
        _ => return None,
    })
}

/// `loadCertFiles`: `*.crt` are authorities. `*.cert` are client certificates, with the key in the `*.key` of that
/// name or in the same file.
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
