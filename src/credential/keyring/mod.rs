//! Index keys, URL match and lookup order: the credentials that the kubelet would try.
//!
//! Follows `BasicDockerKeyring` in `pkg/credentialprovider/keyring.go` of Kubernetes 1.37. All pull secrets of a pod
//! are in one keyring, so their order matters only between entries with the same index key.

mod key_coverage;
mod mismatch;

use std::borrow::Cow;
use std::ops::Range;

pub use key_coverage::KeyFault;
pub use key_coverage::corrected;
pub use key_coverage::fault;
pub use key_coverage::is_meant_for;
pub use mismatch::mismatch;

use crate::credential::dockerconfig::DockerConfig;
use crate::credential::pair::Credential;
use crate::credential::pair::user_info;
use crate::text::go::{glob, url};

/// The index key for every Docker Hub image that matches no other key.
const DEFAULT_REGISTRY_KEY: &[u8] = b"index.docker.io";

/// The credentials of some pull secrets, indexed as the kubelet does. Keys are parsed when they are added, not at
/// every lookup.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    /// The keys in lookup order: sorted by index key, in reverse bytewise order.
    keys: Vec<IndexedKey>,
}

#[derive(Debug, Clone)]
struct IndexedKey {
    /// The key in bytes: a percent escape in a path may decode to something that is not UTF-8.
    key: Vec<u8>,
    text: String,
    /// The parsed key. `None` if it is not a URL when parsed for the second time; it then matches nothing.
    pattern: Option<Pattern>,
    entries: Vec<StoredEntry>,
}

#[derive(Debug, Clone)]
struct StoredEntry {
    origin: usize,
    written_key: String,
    credential: Credential,
}

/// One credential that the kubelet would try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match<'k> {
    /// The number that was passed to [`Keyring::add`] for its configuration.
    pub origin: usize,
    /// The key under which the credential was found.
    pub index_key: &'k str,
    /// The `auths` key as written.
    pub written_key: &'k str,
    /// The credential that is sent.
    pub credential: &'k Credential,
}

impl Keyring {
    /// `Add`: adds the entries of one configuration. A key that is not a URL is left out; the kubelet only logs it.
    /// Within one configuration, the kubelet's order between entries of the same index key is random; here it is the
    /// written one.
    pub fn add(&mut self, origin: usize, config: &DockerConfig) {
        for entry in &config.entries {
            let Some(key) = index_key_bytes(&entry.key) else { continue };
            let held = StoredEntry { origin, written_key: entry.key.clone(), credential: entry.credential.clone() };
            match self.keys.binary_search_by(|known| key.cmp(&known.key)) {
                Ok(at) => self.keys[at].entries.push(held),
                Err(at) => {
                    let text = String::from_utf8_lossy(&key).into_owned();
                    let pattern = Pattern::parse(&key);
                    self.keys.insert(at, IndexedKey { key, text, pattern, entries: vec![held] });
                }
            }
        }
    }

    /// `Lookup`: all credentials for a repository (`docker.io/library/nginx`, without tag and digest), in the order
    /// in which the kubelet tries them. Empty if this keyring has none.
    pub fn lookup(&self, repository: &str) -> Vec<Match<'_>> {
        let Some(target) = ParsedRepository::parse(repository) else { return self.default_registry(repository) };
        let matching = |key: &&IndexedKey| key.pattern.as_ref().is_some_and(|pattern| pattern.matches(&target));
        let found: Vec<_> = self.keys.iter().filter(matching).flat_map(IndexedKey::matches).collect();
        if found.is_empty() { self.default_registry(repository) } else { found }
    }

    /// The Docker Hub fallback: used only if no key matches directly, and only for a key that is exactly the default
    /// one.
    fn default_registry(&self, repository: &str) -> Vec<Match<'_>> {
        if !is_default_registry(repository) {
            return Vec::new();
        }
        let at = self.keys.binary_search_by(|known| DEFAULT_REGISTRY_KEY.cmp(&known.key));
        at.map(|at| self.keys[at].matches().collect()).unwrap_or_default()
    }

    /// The index keys, in the order of the lookup.
    pub fn index(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.text.as_str())
    }

    /// Whether there is no key that the kubelet could use.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl IndexedKey {
    fn matches(&self) -> impl Iterator<Item = Match<'_>> {
        self.entries.iter().map(|held| Match {
            origin: held.origin,
            index_key: &self.text,
            written_key: &held.written_key,
            credential: &held.credential,
        })
    }
}

/// The index key that the kubelet derives from an `auths` key; `None` if it ignores the entry.
pub fn index_key(written: &str) -> Option<String> {
    index_key_bytes(written).map(|key| String::from_utf8_lossy(&key).into_owned())
}

/// An `auths` key as it may be shown. User info before the host, which the kubelet drops, is removed because it can
/// contain a password.
pub fn shown_key(written: &str) -> Cow<'_, str> {
    match user_info(written) {
        Some(Range { start, end }) => Cow::Owned(format!("{}***{}", &written[..start], &written[end..])),
        None => Cow::Borrowed(written),
    }
}

fn index_key_bytes(written: &str) -> Option<Vec<u8>> {
    let rest = written.strip_prefix("https://").or_else(|| written.strip_prefix("http://")).unwrap_or(written);
    let url::Url { host: mut key, path } = url::parse(rest.as_bytes())?;
    let versioned = path.starts_with(b"/v1/") || path.starts_with(b"/v2/");
    let path = if versioned { &path["/v1".len()..] } else { &path };
    if path != b"/" {
        key.extend_from_slice(path);
    }
    Some(key)
}

/// Whether an `auths` key, as written, can match more than one host: its host contains a `*`, or another character
/// that the match does not take literally.
pub fn is_wildcard(written: &str) -> bool {
    index_key_bytes(written).and_then(|key| Pattern::parse(&key)).is_some_and(|pattern| pattern.wildcard)
}

/// Whether a key would match a repository, Docker Hub's fallback included.
pub fn key_matches(written: &str, repository: &str) -> bool {
    Keys::new([written]).matches(repository)
}

/// Keys as written, parsed once to be matched against many repositories.
#[derive(Debug, Clone)]
pub struct Keys(Vec<(Vec<u8>, Option<Pattern>)>);

impl Keys {
    /// Parses the keys. An invalid one matches nothing.
    pub fn new<'k>(written: impl IntoIterator<Item = &'k str>) -> Self {
        let keys = written.into_iter().filter_map(index_key_bytes);
        let read = |key: Vec<u8>| {
            let pattern = Pattern::parse(&key);
            (key, pattern)
        };
        Self(keys.map(read).collect())
    }

    /// Whether one of the keys would match a repository, Docker Hub's fallback included.
    pub fn matches(&self, repository: &str) -> bool {
        let target = ParsedRepository::parse(repository);
        self.0.iter().any(|(key, pattern)| {
            let direct = pattern.as_ref().zip(target.as_ref()).is_some_and(|(pattern, target)| pattern.matches(target));
            direct || (key == DEFAULT_REGISTRY_KEY && is_default_registry(repository))
        })
    }
}

/// An index key, parsed for the match. It is parsed as a URL a second time, as in `URLsMatchStr`, so an escape that
/// the first time left (`%253F`) is resolved now.
#[derive(Debug, Clone)]
struct Pattern {
    host: Vec<u8>,
    /// Whether the host must be matched label by label.
    wildcard: bool,
    port: Vec<u8>,
    path: Vec<u8>,
}

/// A repository, parsed the same way.
struct ParsedRepository {
    host: Vec<u8>,
    port: Vec<u8>,
    path: Vec<u8>,
}

impl ParsedRepository {
    fn parse(repository: &str) -> Option<Self> {
        let url = url::parse(repository.as_bytes())?;
        let (host, port) = url::split_host_port(&url.host);
        Some(Self { host: host.to_vec(), port: port.to_vec(), path: url.path })
    }
}

impl Pattern {
    fn parse(key: &[u8]) -> Option<Self> {
        let url = url::parse(key)?;
        let (host, port) = url::split_host_port(&url.host);
        Some(Self { host: host.to_vec(), wildcard: glob::has_meta(host), port: port.to_vec(), path: url.path })
    }

    /// `URLsMatch`: equal ports, the key's path a plain prefix of the repository's (no segment boundary), and the
    /// same number of labels, each matching its counterpart.
    fn matches(&self, target: &ParsedRepository) -> bool {
        // Ports and paths are mostly empty. Comparing nothing is a slow fault in the C library if an empty
        // vector's pointer is not a valid address, so the lengths are compared first.
        let same_port = self.port.len() == target.port.len() && (self.port.is_empty() || self.port == target.port);
        if !same_port || !(self.path.is_empty() || target.path.starts_with(&self.path)) {
            return false;
        }
        if !self.wildcard {
            return self.host == target.host;
        }
        let labels = target.host.split(|&byte| byte == b'.');
        let patterns = self.host.split(|&byte| byte == b'.');
        labels.clone().count() == patterns.clone().count()
            && labels.zip(patterns).all(|(label, pattern)| glob::matches(pattern, label) == Ok(true))
    }
}

/// `isDefaultRegistryMatch`: whether the Docker Hub fallback applies to a repository.
fn is_default_registry(repository: &str) -> bool {
    let (first, rest) = repository.split_once('/').map_or((repository, None), |(first, rest)| (first, Some(rest)));
    !first.is_empty()
        && (rest.is_none() || matches!(first, "docker.io" | "index.docker.io") || !first.contains(['.', ':']))
}
