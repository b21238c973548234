//! The URL of a host that replaces a registry, as written in `hosts.toml` and `--mirror`.

use crate::text::go::{path, url};

/// The location of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostUrl {
    /// Whether the scheme is `https` and not `http`.
    pub tls: bool,
    /// Host and port, as written.
    pub authority: String,
    /// Root of the API: `/v2`, `/us/v2`. With `override_path` it is as written, even if empty.
    pub path: String,
}

/// The error for a text that is not a host's URL.
const NO_URL: &str = "not the URL of a host, such as \"https://mirror.example\"";

impl HostUrl {
    /// Parses a host's location, as `parseHostConfig` in `core/remotes/docker/config/hosts.go` of containerd 2.1
    /// does. The scheme is `https` unless another is written. `/v2` is appended to the path unless `override_path`
    /// declares that the path is the API's.
    ///
    /// # Errors
    /// The text is not the URL of a host.
    pub fn parse(server: &str, override_path: bool) -> Result<Self, &'static str> {
        let whole = if server.starts_with("http") { server.to_owned() } else { format!("https://{server}") };
        let (scheme, rest) = whole.split_once("://").ok_or(NO_URL)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(NO_URL),
        };
        let parsed = url::parse(rest.as_bytes()).ok_or(NO_URL)?;
        let authority = String::from_utf8(parsed.host).map_err(|_| NO_URL)?;
        let mut path = String::from_utf8(parsed.path).map_err(|_| NO_URL)?;
        // A host that Go accepts may still not be valid in the URLs built from it.
        let is_host = reqwest::Url::parse(&format!("{scheme}://{authority}/")).is_ok_and(|url| url.has_host());
        if authority.is_empty() || authority.ends_with(':') || !is_host {
            return Err(NO_URL);
        }
        if !path.is_empty() {
            path = path::clean(&path);
        }
        if !override_path && !path.ends_with("/v2") {
            path.push_str("/v2");
        }
        Ok(Self { tls, authority, path })
    }
}

impl HostUrl {
    /// Parses a host's location in a `hosts.toml`, of which containerd refuses only what Go cannot parse. `None` is a
    /// URL without a host. A location that no request can be sent to, such as one with another scheme, becomes
    /// [`Self::nowhere`].
    ///
    /// # Errors
    /// Go cannot parse the text.
    pub(crate) fn of_hosts_toml(server: &str, override_path: bool) -> Result<Option<Self>, &'static str> {
        if let Ok(url) = Self::parse(server, override_path) {
            return Ok(Some(url));
        }
        let whole = if server.starts_with("http") { server.to_owned() } else { format!("https://{server}") };
        let parsed = match whole.split_once("://") {
            Some((_, rest)) => url::parse(rest.as_bytes()).map(|url| !url.host.is_empty()),
            None => (!whole.bytes().any(|byte| byte.is_ascii_control())).then_some(false),
        };
        parsed.map(|has_host| has_host.then(Self::nowhere)).ok_or(NO_URL)
    }

    /// A host that is never reached.
    pub(crate) fn nowhere() -> Self {
        Self { tls: true, authority: NOWHERE.to_owned(), path: "/v2".to_owned() }
    }
}

/// The authority of a host that no request can be sent to.
const NOWHERE: &str = " ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_url_is_parsed_into_a_registry_api_url() {
        let url = |tls, authority: &str, path: &str| {
            Some(HostUrl { tls, authority: authority.to_owned(), path: path.to_owned() })
        };
        let table = [
            ("mirror.example", false, url(true, "mirror.example", "/v2")),
            ("https://mirror.example/", false, url(true, "mirror.example", "//v2")),
            ("https://mirror.example/v2", false, url(true, "mirror.example", "/v2")),
            ("https://mirror.example/v2/", false, url(true, "mirror.example", "/v2")),
            ("https://mirror.example/a//b/../c", false, url(true, "mirror.example", "/a/c/v2")),
            ("https://mirror.example/a", true, url(true, "mirror.example", "/a")),
            ("http://10.0.0.1:5000", false, url(false, "10.0.0.1:5000", "/v2")),
            ("https://[fd00::1]:5000/x?y#z", false, url(true, "[fd00::1]:5000", "/x/v2")),
            ("https://bob:s3cret@mirror.example", false, url(true, "mirror.example", "/v2")),
        ];
        for (server, override_path, expected) in table {
            assert_eq!(HostUrl::parse(server, override_path).ok(), expected, "{server}");
        }
        let none =
            ["https://", "https:///v2", "http", "httpx://a", "https://a b", "ftp://a", "https://a\\b", "https://a\tb"];
        for server in none {
            assert!(HostUrl::parse(server, false).is_err(), "{server}");
        }
    }
}
