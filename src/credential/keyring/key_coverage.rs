//! Which images a key can match at all: proof that it matches no image name, and the key that was probably meant.
//!
//! Names are those of github.com/distribution/reference v0.6.0, keys those of `BasicDockerKeyring`. Without proof, no
//! fault is reported.

use super::{Pattern, index_key_bytes, key_matches};
use crate::text::go::url;

/// Hosts on which Docker Hub answers but that no normalized image name has: its images are `docker.io/…`. They can be
/// written in an image all the same, so they are a fault only if a key is meant for Docker Hub.
const HUB_ALIASES: &[&str] = &[
    "registry-1.docker.io",
    "registry.hub.docker.com",
    "hub.docker.com",
    "registry.docker.io",
    "auth.docker.io",
    "www.docker.io",
    "*.docker.io",
    "docker.io:443",
    "index.docker.io:443",
];

/// Why a key matches nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyFault {
    /// A scheme: `oci://`, `docker://`, `HTTPS://`, `//`.
    Scheme,
    /// White space before or after the key.
    WhiteSpace,
    /// Go's URL parser refuses the key, so the kubelet ignores the entry.
    NotAUrl,
    /// A path of `/v1` or `/v2` without the slash that would have it removed.
    Version,
    /// `index.docker.io` with a path.
    HubPath,
    /// A host of Docker Hub that does not occur in image names.
    HubAlias,
    /// A tag or digest.
    Tag,
    /// A wildcard in the path.
    PathWildcard,
    /// A path that is not the prefix of any repository.
    Path,
    /// A host that no image can name.
    Host,
}

impl KeyFault {
    /// Whether no image at all can match. A key without that proof is a fault only if it is meant for an existing
    /// image; see [`corrected`].
    pub fn is_certain(self, written: &str) -> bool {
        match self {
            Self::HubAlias => false,
            Self::Version => host_of(written).is_some_and(|host| host == b"index.docker.io"),
            _ => true,
        }
    }

    /// The reason, as the second half of a sentence about the key.
    pub fn why(self, written: &str) -> String {
        match self {
            Self::Scheme => {
                "only the lowercase schemes `https://` and `http://` are removed; any other becomes the host".into()
            }
            Self::WhiteSpace => "the kubelet does not remove the white space around it".into(),
            Self::NotAUrl => "it is not a URL, and the kubelet skips the entry".into(),
            Self::Version => {
                let version = if written.ends_with('1') { "/v1" } else { "/v2" };
                format!("without the trailing slash the kubelet keeps `{version}` as a path")
            }
            Self::HubPath => {
                "images on Docker Hub are `docker.io/…`, and `index.docker.io` matches them only without a path".into()
            }
            Self::HubAlias => "images on Docker Hub are `docker.io/…`, regardless of the host that serves them".into(),
            Self::Tag => "keys are compared with repositories, without tag and digest".into(),
            Self::PathWildcard => "a path is a plain prefix, and `*` is not a wildcard in it".into(),
            Self::Path => "no repository begins with this path".into(),
            Self::Host => "no image can name this host".into(),
        }
    }
}

/// The fault that keeps a key from matching anything; `None` without proof.
pub fn fault(written: &str) -> Option<KeyFault> {
    let Some(key) = index_key_bytes(written) else {
        let trimmed = written.trim();
        let only_space = trimmed != written && index_key_bytes(trimmed).is_some();
        return Some(if only_space { KeyFault::WhiteSpace } else { KeyFault::NotAUrl });
    };
    let url::Url { host, path } = url::parse(&key)?;
    let found = if has_scheme(written) {
        KeyFault::Scheme
    } else if matches!(path.as_slice(), b"/v1" | b"/v2") {
        return Some(KeyFault::Version);
    } else if host == b"index.docker.io" && !path.is_empty() {
        return Some(KeyFault::HubPath);
    } else if is_hub_alias(&host) && path.is_empty() {
        return Some(KeyFault::HubAlias);
    } else if written.trim() != written {
        KeyFault::WhiteSpace
    } else if path.contains(&b':') || path.contains(&b'@') {
        KeyFault::Tag
    } else if path.contains(&b'*') {
        KeyFault::PathWildcard
    } else if !is_possible_path(&path) {
        KeyFault::Path
    } else {
        KeyFault::Host
    };
    let pattern = Pattern::parse(&key)?;
    (!is_possible_path(&pattern.path) || !is_possible_host(&pattern)).then_some(found)
}

/// The key that was probably meant, if it can be determined.
pub fn corrected(written: &str) -> Option<String> {
    let mut rest = written.trim();
    while let Some((_, after)) = rest.split_once("://") {
        rest = after;
    }
    let rest = rest.trim_start_matches('/').split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit('@').next().unwrap_or_default().trim().to_ascii_lowercase();
    let mut components: Vec<String> = Vec::new();
    for component in path.split('/').map(str::trim).filter(|component| !component.is_empty()) {
        if component.contains('*') {
            break;
        }
        components.push(component.split([':', '@']).next().unwrap_or_default().to_ascii_lowercase());
    }
    if components.first().is_some_and(|first| first == "v1" || first == "v2") {
        components.remove(0);
    }
    let hub = host == "index.docker.io" || host == "docker.io" || is_hub_alias(host.as_bytes());
    let key = match (hub, components.is_empty()) {
        (true, true) => "https://index.docker.io/v1/".to_owned(),
        (true, false) => format!("docker.io/{}", components.join("/")),
        (false, true) => host,
        (false, false) => format!("{host}/{}", components.join("/")),
    };
    (key != written && !key.is_empty() && fault(&key).is_none()).then_some(key)
}

/// Whether a key that matches nothing was meant for a repository.
pub fn is_meant_for(written: &str, repository: &str) -> bool {
    !key_matches(written, repository) && corrected(written).is_some_and(|key| key_matches(&key, repository))
}

fn has_scheme(written: &str) -> bool {
    let rest = written.strip_prefix("https://").or_else(|| written.strip_prefix("http://")).unwrap_or(written);
    rest.split_once("//").is_some_and(|(scheme, _)| {
        let name = scheme.strip_suffix(':').unwrap_or(scheme);
        (scheme.is_empty() || scheme.ends_with(':'))
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

fn is_hub_alias(host: &[u8]) -> bool {
    HUB_ALIASES.iter().any(|alias| alias.as_bytes() == host)
}

fn host_of(written: &str) -> Option<Vec<u8>> {
    Some(url::parse(&index_key_bytes(written)?)?.host)
}

/// Whether some repository could begin with a path: an empty one, or `/` and valid path components.
fn is_possible_path(path: &[u8]) -> bool {
    let Some((b'/', rest)) = path.split_first() else { return path.is_empty() };
    let mut components = rest.split(|&byte| byte == b'/').peekable();
    while let Some(component) = components.next() {
        let last = components.peek().is_none();
        if !is_possible_component(component, last) {
            return false;
        }
    }
    true
}

/// Whether a path component is possible: small letters and digits in groups, separated by `.`, `_`, `__` or hyphens.
/// The last component may be incomplete.
fn is_possible_component(component: &[u8], partial: bool) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if component.iter().any(|&byte| !is_word(byte) && !b"._-".contains(&byte)) {
        return false;
    }
    let between = component.split(|&byte| is_word(byte)).filter(|separator| !separator.is_empty());
    let fit = between.into_iter().all(|gap| matches!(gap, b"." | b"_" | b"__") || gap.iter().all(|&byte| byte == b'-'));
    let begins = component.first().map_or(partial, |&byte| is_word(byte));
    let ends = component.last().is_none_or(|&byte| is_word(byte));
    fit && begins && (partial || ends)
}

/// Whether the host part of some image could match. Only a certain mismatch returns false.
fn is_possible_host(pattern: &Pattern) -> bool {
    let host = &pattern.host;
    if host.starts_with(b"[") || host.contains(&b':') {
        return true;
    }
    if host == b"index.docker.io" {
        // The name is rewritten to docker.io, unless it has a port.
        return pattern.path.is_empty() || !pattern.port.is_empty();
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if host.iter().any(|&byte| !plain(byte) && !b".*?[]\\".contains(&byte)) {
        return false;
    }
    let labels: Vec<&[u8]> = host.split(|&byte| byte == b'.').collect();
    let fits = |label: &[u8]| {
        let edges = [label.first(), label.last()];
        edges.into_iter().all(|edge| edge.is_some_and(|byte| !b"-_".contains(byte)))
    };
    let has_capital = host.iter().any(u8::is_ascii_uppercase);
    let is_registry = labels.len() > 1 || !pattern.port.is_empty() || has_capital || host == b"localhost";
    labels.iter().all(|label| fits(label)) && (is_registry || pattern.wildcard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_match_no_image_are_diagnosed_and_corrected() {
        let hub = Some("https://index.docker.io/v1/");
        let cases: &[(&str, KeyFault, Option<&str>)] = &[
            ("https://index.docker.io/v1", KeyFault::Version, hub),
            ("https://ghcr.io/v2", KeyFault::Version, Some("ghcr.io")),
            ("index.docker.io/acme", KeyFault::HubPath, Some("docker.io/acme")),
            ("registry-1.docker.io", KeyFault::HubAlias, hub),
            ("https://hub.docker.com/", KeyFault::HubAlias, hub),
            ("oci://ghcr.io", KeyFault::Scheme, Some("ghcr.io")),
            ("docker://ghcr.io/acme", KeyFault::Scheme, Some("ghcr.io/acme")),
            ("HTTPS://ghcr.io", KeyFault::Scheme, Some("ghcr.io")),
            ("https://https://ghcr.io", KeyFault::Scheme, Some("ghcr.io")),
            ("//ghcr.io", KeyFault::Scheme, Some("ghcr.io")),
            ("ghcr.io ", KeyFault::WhiteSpace, Some("ghcr.io")),
            (" ghcr.io", KeyFault::WhiteSpace, Some("ghcr.io")),
            ("ghcr.io\n", KeyFault::WhiteSpace, Some("ghcr.io")),
            ("ghcr.io/acme ", KeyFault::WhiteSpace, Some("ghcr.io/acme")),
            ("ghcr.io/acme/app:1", KeyFault::Tag, Some("ghcr.io/acme/app")),
            ("ghcr.io/acme/app@sha256", KeyFault::Tag, Some("ghcr.io/acme/app")),
            ("ghcr.io/*", KeyFault::PathWildcard, Some("ghcr.io")),
            ("ghcr.io/acme/*", KeyFault::PathWildcard, Some("ghcr.io/acme")),
            ("ghcr.io/Acme", KeyFault::Path, Some("ghcr.io/acme")),
            ("ghcr.io//acme", KeyFault::Path, Some("ghcr.io/acme")),
            ("ghcr.io:port", KeyFault::NotAUrl, None),
            ("ghcr.io.", KeyFault::Host, None),
            ("registry", KeyFault::Host, None),
            ("-ghcr.io", KeyFault::Host, None),
        ];
        for &(written, expected, meant) in cases {
            assert_eq!(fault(written), Some(expected), "{written:?}");
            assert_eq!(corrected(written).as_deref(), meant, "{written:?}");
        }
    }

    #[test]
    fn keys_that_match_an_image_have_no_fault() {
        let keys = [
            ("ghcr.io", "ghcr.io/acme/app"),
            ("https://index.docker.io/v1/", "docker.io/library/nginx"),
            ("index.docker.io", "docker.io/library/nginx"),
            ("https://ghcr.io/v2/acme", "ghcr.io/acme/app"),
            ("ghcr.io/acme/", "ghcr.io/acme/app"),
            ("ghcr.io/acme-", "ghcr.io/acme-x/app"),
            ("GHCR.IO", "GHCR.IO/acme/app"),
            ("*.dkr.ecr.*.amazonaws.com", "1.dkr.ecr.eu-west-1.amazonaws.com/app"),
            ("*", "localhost/app"),
            ("registry:5000", "registry:5000/app"),
            ("localhost", "localhost/app"),
            ("[::1]:5000", "[::1]:5000/app"),
            ("user@ghcr.io", "ghcr.io/acme/app"),
            ("ghcr.io?x", "ghcr.io/acme/app"),
            ("my_reg.io", "my_reg.io/app"),
            ("Registry", "Registry/app"),
        ];
        for (key, image) in keys {
            assert!(key_matches(key, image), "{key}");
            assert_eq!(fault(key), None, "{key}");
        }
    }

    #[test]
    fn ambiguous_key_faults_are_not_certain() {
        let certain = |key: &str| fault(key).map(|fault| fault.is_certain(key));
        assert_eq!(certain("registry-1.docker.io"), Some(false));
        assert_eq!(certain("ghcr.io/v2"), Some(false), "ghcr.io/v2ray/app");
        assert_eq!(certain("index.docker.io/v1"), Some(true));
        assert_eq!(certain("oci://ghcr.io"), Some(true));
    }
}
