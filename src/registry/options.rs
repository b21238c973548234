//! How registries are reached, as the operator says it.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// Settings of a [`crate::registry::Client`]: plain data.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Registries that speak HTTP without TLS.
    pub plain_http: Vec<HostPattern>,
    /// Other addresses for hosts; name and certificate check stay.
    pub connect_to: Vec<ConnectTo>,
    /// Contents of PEM files with further authorities.
    pub ca_certs: Vec<Vec<u8>>,
    /// For one probe with its retries, waiting for its turn not counted.
    pub timeout: Duration,
    /// For one connection.
    pub connect_timeout: Duration,
    /// For the whole run, counted from the making of the client.
    pub deadline: Duration,
    /// Requests in flight in all; at least 1.
    pub concurrency: usize,
    /// Requests in flight per host and port; at least 1.
    pub host_concurrency: usize,
    /// How often a request is repeated that met a reset, a refused connection or 408, 500, 502, 503, 504.
    pub retries: u32,
    /// Pause before the first repetition; it doubles.
    pub retry_delay: Duration,
    /// `User-Agent`.
    pub user_agent: String,
    /// Whether proxies are used.
    pub proxies: Proxies,
}

/// Where proxies come from. Loopback and hosts under `--connect-to` are never proxied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxies {
    /// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`.
    Environment,
    /// None at all.
    Off,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            plain_http: Vec::new(),
            connect_to: Vec::new(),
            ca_certs: Vec::new(),
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
    /// Whether a host is spoken to without TLS.
    pub(crate) fn is_plain_http(&self, host: &str, port: Option<u16>) -> bool {
        self.plain_http.iter().any(|pattern| pattern.matches(host, port))
    }

    /// Whether an option speaks of this host, whatever the port: then even loopback is meant.
    pub(crate) fn names(&self, host: &str) -> bool {
        let patterns = self.plain_http.iter().chain(self.connect_to.iter().map(|entry| &entry.host));
        patterns.into_iter().any(|pattern| pattern.is_host(host))
    }

    /// Whether an option changes how a registry is reached or what it must prove: what is found then holds for this
    /// way only.
    pub fn is_overridden(&self, registry: &str) -> bool {
        let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
        let api = if registry == "docker.io" { super::endpoint::DOCKER_HUB } else { host };
        !self.ca_certs.is_empty() || self.names(api)
    }

    /// Finds settings that cannot work before anything is asked.
    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        for ConnectTo { host, .. } in &self.connect_to {
            if host.is_address() && !self.is_plain_http(&host.host, host.port) {
                return Err(OptionsError::AddressOverTls(host.to_string()));
            }
        }
        Ok(())
    }
}

/// `HOST[:PORT]`: without port it means every port of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    host: String,
    port: Option<u16>,
}

impl HostPattern {
    /// `port` is the one that the reference or URL writes or implies.
    pub(crate) fn matches(&self, host: &str, port: Option<u16>) -> bool {
        self.is_host(host) && (self.port.is_none() || self.port == port)
    }

    /// Docker Hub's API has another name than references give it.
    fn is_host(&self, host: &str) -> bool {
        self.host.eq_ignore_ascii_case(host) || (self.host == "docker.io" && host == super::endpoint::DOCKER_HUB)
    }

    fn is_address(&self) -> bool {
        self.host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
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
        let bad = || OptionsError::Host(text.to_owned());
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().map_err(|_| bad())?)),
            _ => (text, None),
        };
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let plain = host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        if host.is_empty() || !(bracketed || plain) {
            return Err(bad());
        }
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }
}

/// `HOST[:PORT]=ADDR:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectTo {
    /// The host as the reference writes it, or an API or realm host.
    pub host: HostPattern,
    /// Where its connections go.
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

/// Settings that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// A host that is none.
    #[error("{0:?} is not a host: give HOST or HOST:PORT, without scheme or path")]
    Host(String),
    /// A `--connect-to` that is none.
    #[error("{0:?} is not HOST[:PORT]=ADDR:PORT, with a numeric address")]
    ConnectTo(String),
    /// A `--connect-to` of an address whose certificate would be checked against that address.
    #[error("--connect-to {0}: an address can be redirected over plain HTTP only; add --plain-http {0}")]
    AddressOverTls(String),
    /// A CA file without a certificate.
    #[error("a CA file holds no PEM certificate")]
    NoCertificate,
    /// A CA file that cannot be read.
    #[error("a CA file cannot be used: {0}")]
    BadCertificate(String),
    /// The TLS or HTTP stack cannot start.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_matched_with_its_port_or_with_any() {
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
    fn docker_hub_is_named_as_references_name_it() {
        let hub: HostPattern = "docker.io".parse().unwrap();
        assert!(hub.matches("registry-1.docker.io", Some(443)));
    }

    #[test]
    fn what_is_not_a_host_is_refused() {
        for text in ["", ":5000", "http://reg", "reg/path", "reg:port", "a b"] {
            assert_eq!(text.parse::<HostPattern>(), Err(OptionsError::Host(text.to_owned())));
        }
        for text in ["reg", "reg=", "reg=localhost:5000", "reg=127.0.0.1"] {
            assert_eq!(text.parse::<ConnectTo>(), Err(OptionsError::ConnectTo(text.to_owned())));
        }
    }

    #[test]
    fn an_address_is_not_redirected_under_tls() {
        let mut options = ClientOptions {
            connect_to: vec!["10.0.0.1:5000=127.0.0.1:1".parse().unwrap()],
            ..ClientOptions::default()
        };
        assert_eq!(options.check(), Err(OptionsError::AddressOverTls("10.0.0.1:5000".to_owned())));
        options.plain_http.push("10.0.0.1".parse().unwrap());
        assert_eq!(options.check(), Ok(()));
    }
}
