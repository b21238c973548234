//! How registries are reached, as the operator configures it.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use super::address::{AddressClass, classify, literal};
use super::certs_dir::CertsDir;
use super::host_url::HostUrl;
use super::identity::Identity;
use super::options_error::OptionsError;
use crate::image::runtime::Runtime;

/// The host of Docker Hub's API.
pub(crate) const DOCKER_HUB: &str = "registry-1.docker.io";

/// Settings of a [`crate::registry::Client`]: plain data.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Registries that speak HTTP without TLS.
    pub plain_http: Vec<HostPattern>,
    /// Other addresses for hosts; name and certificate check stay the same.
    pub connect_to: Vec<ConnectTo>,
    /// Contents of PEM files with additional authorities.
    pub ca_certs: Vec<Vec<u8>>,
    /// The client certificate for every server that asks for one.
    pub client_cert: Option<Identity>,
    /// Hosts whose certificate is not checked.
    pub insecure: Vec<HostPattern>,
    /// Mirrors, in the order in which they are asked.
    pub mirrors: Vec<Mirror>,
    /// containerd's host settings, from `--certs-dir`.
    pub certs_dir: CertsDir,
    /// The runtime whose requests are modeled: challenges, token requests and the order of several hosts differ.
    pub runtime: Runtime,
    /// Time limit of one probe with its retries, not including the wait for its turn.
    pub timeout: Duration,
    /// Time limit of one connection.
    pub connect_timeout: Duration,
    /// Time limit of the whole run, starting when the client is created.
    pub deadline: Duration,
    /// Maximum number of requests in flight in total; at least 1.
    pub concurrency: usize,
    /// Maximum number of requests in flight per host and port; at least 1.
    pub host_concurrency: usize,
    /// Maximum number of retries after a reset, a refused connection or 408, 500, 502, 503, 504.
    pub retries: u32,
    /// Pause before the first retry; it doubles.
    pub retry_delay: Duration,
    /// Value of the `User-Agent` header.
    pub user_agent: String,
    /// Whether proxies are used.
    pub proxies: Proxies,
}

/// The source of proxy settings. Loopback and hosts under `--connect-to` are never proxied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxies {
    /// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`.
    Environment,
    /// No proxies at all.
    Off,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            plain_http: Vec::new(),
            connect_to: Vec::new(),
            ca_certs: Vec::new(),
            client_cert: None,
            insecure: Vec::new(),
            mirrors: Vec::new(),
            certs_dir: CertsDir::default(),
            runtime: Runtime::default(),
            timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(5),
            deadline: Duration::from_secs(120),
            concurrency: 64,
            host_concurrency: 8,
            retries: 2,
            retry_delay: Duration::from_millis(250),
            user_agent: concat!("pullcheck/", env!("CARGO_PKG_VERSION")).to_owned(),
            proxies: Proxies::Environment,
        }
    }
}

impl ClientOptions {
    /// Whether requests to a host are made without TLS.
    pub(crate) fn is_plain_http(&self, host: &str, port: Option<u16>) -> bool {
        self.plain_http.iter().any(|pattern| pattern.matches(host, port))
    }

    /// Whether a host's certificate is not checked.
    pub(crate) fn is_insecure(&self, host: &str, port: Option<u16>) -> bool {
        self.insecure.iter().any(|pattern| pattern.matches(host, port))
    }

    /// Whether an option names this host, whatever the port: even loopback is then intended. A `hosts.toml` is not an
    /// option, and refers to the node's loopback.
    pub(crate) fn names(&self, host: &str) -> bool {
        let patterns = self.plain_http.iter().chain(self.connect_to.iter().map(|entry| &entry.host));
        let mut patterns = patterns.chain(self.mirrors.iter().map(|mirror| &mirror.host));
        let is_mirror = |mirror: &Mirror| mirror.at.eq_ignore_ascii_case(host);
        patterns.any(|pattern| pattern.is_host(host)) || self.mirrors.iter().any(is_mirror)
    }

    /// The mirrors of a registry as the reference names it.
    pub(crate) fn mirrors_of(&self, registry: &str) -> impl Iterator<Item = &HostUrl> {
        let (host, port) = split_port(registry);
        let meant = move |mirror: &&Mirror| mirror.host.matches(host, port.or(Some(443)));
        self.mirrors.iter().filter(meant).map(|mirror| &mirror.url)
    }

    /// Whether anything except the registry's own name, the system's authorities and its proxies determines the
    /// answers.
    pub(crate) fn is_overridden(&self, registry: &str) -> bool {
        let api = if registry == "docker.io" { DOCKER_HUB } else { registry };
        let (host, port) = split_port(api);
        let port = port.or(Some(443));
        self.client_cert.is_some()
            || self.is_plain_http(host, port)
            || self.is_insecure(host, port)
            || self.connect_to.iter().any(|entry| entry.host.matches(host, port))
            || self.mirrors_of(registry).next().is_some()
            || self.certs_dir.hosts_of(registry).is_some()
    }

    /// Whether an option affects hosts that no reference names: the target of a registry's redirect may be led
    /// elsewhere, and an additional authority can vouch for any host.
    pub(crate) fn overrides_any(&self) -> bool {
        !(self.ca_certs.is_empty() && self.connect_to.is_empty() && self.insecure.is_empty())
    }

    /// Checks for settings that cannot work, before any request.
    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        for ConnectTo { host, .. } in &self.connect_to {
            if host.is_address() && !self.is_plain_http(&host.host, host.port) {
                return Err(OptionsError::AddressOverTls(host.to_string()));
            }
        }
        Ok(())
    }
}

/// Whether a host's name refers to this machine: never through a proxy, as in Go (`useProxy` of
/// `x/net/http/httpproxy`).
pub(crate) fn is_this_machine(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let is_loopback = |address| classify(address) == AddressClass::Loopback;
    name == "localhost" || name.ends_with(".localhost") || literal(host).is_some_and(is_loopback)
}

/// The name of a registry, and its port if written.
fn split_port(registry: &str) -> (&str, Option<u16>) {
    let split = registry.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    split.map_or((registry, None), |(host, port)| (host, Some(port)))
}

/// `HOST[:PORT]`: without a port, it matches every port of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    host: String,
    port: Option<u16>,
}

impl HostPattern {
    /// Whether the pattern matches a host. `port` is the one that the reference or URL writes or implies.
    pub(crate) fn matches(&self, host: &str, port: Option<u16>) -> bool {
        self.is_host(host) && (self.port.is_none() || self.port == port)
    }

    /// Whether the host matches. References use another name for Docker Hub than its API has.
    fn is_host(&self, host: &str) -> bool {
        self.host.eq_ignore_ascii_case(host) || (self.host == "docker.io" && host == DOCKER_HUB)
    }

    fn is_address(&self) -> bool {
        literal(&self.host).is_some()
    }
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl FromStr for HostPattern {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = parse_host(text, &[])?;
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }
}

/// Splits `HOST[:PORT]`. A host is a name, which may contain these characters too, or an address in brackets.
///
/// # Errors
/// The text is something else.
pub(crate) fn parse_host<'t>(text: &'t str, more: &[char]) -> Result<(&'t str, Option<u16>), OptionsError> {
    let bad = || OptionsError::Host(text.to_owned());
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().map_err(|_| bad())?)),
        _ => (text, None),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') || more.contains(&c);
    let is_host = host.chars().all(is_name) || is_bracketed(host);
    (is_host && !host.is_empty()).then_some((host, port)).ok_or_else(bad)
}

/// Whether a host is an address in brackets.
pub(crate) fn is_bracketed(host: &str) -> bool {
    host.starts_with('[') && host.ends_with(']')
}

/// `HOST[:PORT]=ADDR:PORT`: another address for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectTo {
    /// The host as the reference writes it, or an API or realm host.
    pub host: HostPattern,
    /// The address that its connections go to.
    pub address: SocketAddr,
}

impl FromStr for ConnectTo {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || OptionsError::ConnectTo(text.to_owned());
        let (host, address) = text.split_once('=').ok_or_else(bad)?;
        Ok(Self { host: host.parse()?, address: address.parse().map_err(|_| bad())? })
    }
}

/// `HOST[:PORT]=URL`: a host that is asked before the registry itself, for everything, like a host in a `hosts.toml`
/// that names no capability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The registry as the reference writes it.
    pub host: HostPattern,
    /// The location that the mirror is reached at.
    pub(crate) url: HostUrl,
    /// The mirror's host alone, as URLs write it.
    at: String,
}

impl FromStr for Mirror {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || OptionsError::Mirror(text.to_owned());
        let (host, url) = text.split_once('=').ok_or_else(bad)?;
        let parsed = reqwest::Url::parse(url).map_err(|_| bad())?;
        let plain = parsed.username().is_empty() && parsed.password().is_none() && parsed.query().is_none();
        let plain = plain && matches!(parsed.scheme(), "http" | "https");
        let at = parsed.host_str().filter(|_| plain).ok_or_else(bad)?.to_owned();
        Ok(Self { host: host.parse()?, url: HostUrl::parse(url, false).map_err(|_| bad())?, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_pattern_without_port_matches_any_port() {
        let any: HostPattern = "Reg.Example".parse().unwrap();
        assert!(any.matches("reg.example", Some(5000)) && any.matches("REG.example", None));
        let one: HostPattern = "reg.example:5000".parse().unwrap();
        assert!(one.matches("reg.example", Some(5000)));
        assert!(!one.matches("reg.example", Some(443)) && !one.matches("reg.example", None));
        let six: HostPattern = "[::1]:5000".parse().unwrap();
        assert!(six.matches("[::1]", Some(5000)));
        let bare: HostPattern = "[::1]".parse().unwrap();
        assert!(bare.matches("[::1]", Some(1)));
    }

    #[test]
    fn docker_io_pattern_matches_the_docker_hub_api_host() {
        let hub: HostPattern = "docker.io".parse().unwrap();
        assert!(hub.matches("registry-1.docker.io", Some(443)));
    }

    #[test]
    fn invalid_host_and_connect_to_values_are_rejected() {
        for text in ["", ":5000", "http://reg", "reg/path", "reg:port", "a b"] {
            assert_eq!(text.parse::<HostPattern>(), Err(OptionsError::Host(text.to_owned())));
        }
        for text in ["reg", "reg=", "reg=localhost:5000", "reg=127.0.0.1"] {
            assert_eq!(text.parse::<ConnectTo>(), Err(OptionsError::ConnectTo(text.to_owned())));
        }
    }

    #[test]
    fn mirror_option_is_a_host_and_a_url() {
        let table = [
            ("docker.io=https://mirror.example", ("mirror.example", "/v2", true)),
            ("docker.io=http://127.0.0.1:5000/", ("127.0.0.1:5000", "//v2", false)),
            ("reg.example:5000=https://mirror.example:8443/hub", ("mirror.example:8443", "/hub/v2", true)),
            ("docker.io=https://mirror.example/v2", ("mirror.example", "/v2", true)),
        ];
        for (text, (authority, path, tls)) in table {
            let mirror: Mirror = text.parse().unwrap();
            let expected = HostUrl { tls, authority: authority.to_owned(), path: path.to_owned() };
            assert_eq!(mirror.url, expected, "{text}");
        }
        for text in [
            "docker.io",
            "docker.io=",
            "docker.io=mirror.example",
            "docker.io=ftp://mirror.example",
            "docker.io=https://bob:s3cret@mirror.example",
            "docker.io=https://mirror.example?x=y",
        ] {
            assert_eq!(text.parse::<Mirror>(), Err(OptionsError::Mirror(text.to_owned())));
        }
        assert_eq!("a/b=https://m".parse::<Mirror>(), Err(OptionsError::Host("a/b".to_owned())));
    }

    #[test]
    fn mirrors_are_selected_by_host_and_port() {
        let mirrors =
            ["docker.io=https://hub.example", "reg.example:5000=https://a.example", "reg.example=https://b.example"];
        let mirrors = mirrors.iter().map(|mirror| mirror.parse().unwrap()).collect();
        let options = ClientOptions { mirrors, ..ClientOptions::default() };
        let of = |registry: &str| options.mirrors_of(registry).map(|url| url.authority.clone()).collect::<Vec<_>>();
        assert_eq!(of("docker.io"), ["hub.example"]);
        assert_eq!(of("reg.example:5000"), ["a.example", "b.example"]);
        assert_eq!(of("reg.example"), ["b.example"]);
        assert_eq!(of("ghcr.io"), [""; 0]);
        assert!(options.names("hub.example") && options.names("docker.io") && !options.names("ghcr.io"));
    }

    #[test]
    fn registries_with_connection_options_are_overridden() {
        let pattern = |text: &str| vec![text.parse().unwrap()];
        let table = [
            (ClientOptions { plain_http: pattern("reg.example:5000"), ..ClientOptions::default() }, "reg.example:5000"),
            (ClientOptions { insecure: pattern("reg.example"), ..ClientOptions::default() }, "reg.example:5000"),
            (
                ClientOptions {
                    connect_to: vec!["docker.io=127.0.0.1:1".parse().unwrap()],
                    ..ClientOptions::default()
                },
                "docker.io",
            ),
            (
                ClientOptions {
                    mirrors: vec!["docker.io=https://mirror.example".parse().unwrap()],
                    ..ClientOptions::default()
                },
                "docker.io",
            ),
        ];
        for (options, registry) in table {
            assert!(options.is_overridden(registry), "{registry}");
            assert!(!options.is_overridden("ghcr.io"), "{registry}");
        }
        assert!(!ClientOptions::default().is_overridden("docker.io"));
    }

    #[test]
    fn loopback_hosts_are_recognized_as_this_machine() {
        for host in ["localhost", "LOCALHOST", "localhost.", "reg.localhost", "127.0.0.1", "127.3.2.1", "[::1]"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["10.0.0.1", "reg.example", "localhost.example"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn connect_to_for_an_ip_address_requires_plain_http() {
        let mut options = ClientOptions {
            connect_to: vec!["10.0.0.1:5000=127.0.0.1:1".parse().unwrap()],
            ..ClientOptions::default()
        };
        assert_eq!(options.check(), Err(OptionsError::AddressOverTls("10.0.0.1:5000".to_owned())));
        options.plain_http.push("10.0.0.1".parse().unwrap());
        assert_eq!(options.check(), Ok(()));
    }
}
