//! `--chart-hosts`: the hosts from which charts are fetched.

use std::fmt;
use std::str::FromStr;

use crate::registry::options::{DOCKER_HUB, is_bracketed, parse_host};
use crate::registry::options_error::OptionsError;
use crate::text::go::glob;

/// `HOST[:PORT]`, where `*` stands for one label or a part of it. Without a port, it matches every port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartHost {
    host: String,
    port: Option<u16>,
}

impl ChartHost {
    /// Whether the host may be asked. `port` is the one that the URL writes or implies.
    pub(super) fn matches(&self, host: &str, port: Option<u16>) -> bool {
        let host = host.to_ascii_lowercase();
        let host = if host == DOCKER_HUB { "docker.io" } else { &host };
        let (labels, patterns) = (host.split('.'), self.host.split('.'));
        let same_length = labels.clone().count() == patterns.clone().count();
        let matches = |(label, pattern): (&str, &str)| glob::matches(pattern.as_bytes(), label.as_bytes()) == Ok(true);
        same_length && labels.zip(patterns).all(matches) && (self.port.is_none() || self.port == port)
    }
}

impl fmt::Display for ChartHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl FromStr for ChartHost {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = parse_host(text, &['*'])?;
        let host = match host.to_ascii_lowercase() {
            // The brackets of an address would be a class of characters.
            address if is_bracketed(&address) => address.replace('[', "\\[").replace(']', "\\]"),
            name if name == DOCKER_HUB => "docker.io".to_owned(),
            name => name,
        };
        Ok(Self { host, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glob_matches_label_by_label() {
        let table = [
            ("ghcr.io", "ghcr.io", Some(443), true),
            ("ghcr.io", "GHCR.io", Some(8443), true),
            ("ghcr.io", "evil.ghcr.io", Some(443), false),
            ("*.example.com", "charts.example.com", Some(443), true),
            ("*.example.com", "a.charts.example.com", Some(443), false),
            ("*.example.com", "example.com", Some(443), false),
            ("charts*.example.com:8443", "charts-eu.example.com", Some(8443), true),
            ("charts*.example.com:8443", "charts-eu.example.com", Some(443), false),
            ("docker.io", "registry-1.docker.io", Some(443), true),
            ("registry-1.docker.io", "docker.io", Some(443), true),
            ("127.0.0.1:5000", "127.0.0.1", Some(5000), true),
            ("[::1]", "[::1]", Some(80), true),
            ("[::1]", ":", Some(80), false),
        ];
        for (pattern, host, port, expected) in table {
            let parsed: ChartHost = pattern.parse().unwrap();
            assert_eq!(parsed.matches(host, port), expected, "{pattern} {host} {port:?}");
        }
        for bad in ["", "https://ghcr.io", "ghcr.io/charts", "ghcr.io:x", "a b"] {
            assert!(bad.parse::<ChartHost>().is_err(), "{bad}");
        }
    }
}
