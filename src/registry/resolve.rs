//! Resolves names to addresses, with a separate error type and a guard over the allowed addresses.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::dns::{Addrs, Name, Resolve};

use super::address::{AddressClass, classify};
use crate::kubelet::probe::Unknown;

/// A future for the addresses of a name.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// The source of addresses: the system, or a table in tests.
pub trait Lookup: Send + Sync {
    /// The addresses of a host name, without port.
    fn lookup(&self, host: &str) -> Resolving;
}

/// Looks up addresses with the system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: &str) -> Resolving {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Why a name has no address that can be contacted. Its messages are those of Go's resolver.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResolveError {
    /// The name does not exist.
    #[error("dial tcp: lookup {0}: no such host")]
    NoSuchHost(String),
    /// The name exists but has no address. Go's resolver does not distinguish this from a name that does not exist.
    #[error("dial tcp: lookup {0}: no such host")]
    NoAddress(String),
    /// The resolver failed to determine it.
    #[error("dial tcp: lookup {0}: {1}")]
    Failed(String, String),
    /// All addresses are ones that must not be contacted.
    #[error("{0} resolves to {1}, which is not contacted")]
    Refused(String, &'static str),
}

impl ResolveError {
    /// The failure as a cause.
    pub(crate) fn unknown(&self) -> Unknown {
        match self {
            Self::Refused(..) => Unknown::NodeLocal,
            Self::NoSuchHost(_) => Unknown::NoSuchHost,
            Self::NoAddress(_) | Self::Failed(..) => Unknown::Dns,
        }
    }

    fn of(host: &str, error: &io::Error) -> Self {
        let text = error.to_string();
        // glibc, musl, Windows. The message of macOS is the same for a name without an address, and without a
        // network.
        let missing = ["Name or service not known", "Name does not resolve", "No such host"];
        let no_address = ["No address associated", "no usable address", "nodename nor servname"];
        let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
        if says(&missing) {
            return Self::NoSuchHost(host.to_owned());
        }
        if says(&no_address) {
            return Self::NoAddress(host.to_owned());
        }
        Self::Failed(host.to_owned(), text)
    }
}

/// The networks that a request may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reach {
    /// The host that the reference names, or one that a registry in a private network names.
    Private,
    /// A host that a registry on the internet names: the internet only.
    Public,
}

impl Reach {
    /// Why an address is out of reach. `by_option` is true if an option names the host.
    pub(crate) fn refuses(self, address: IpAddr, by_option: bool) -> Option<&'static str> {
        match classify(address) {
            AddressClass::Forbidden => Some("a link-local or metadata address"),
            AddressClass::Loopback if !by_option => Some("a loopback address"),
            AddressClass::Private if self == Self::Public && !by_option => Some("a private address"),
            _ => None,
        }
    }
}

/// The resolver's answers, kept for the run, so that a host whose address changes between check and use is not looked
/// up twice.
pub(crate) struct Names {
    lookup: Arc<dyn Lookup>,
    known: Mutex<HashMap<String, Result<Vec<IpAddr>, ResolveError>>>,
    /// Hosts that an option names, and proxies: they may have any address except a forbidden one.
    trusted: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

impl Names {
    pub(crate) fn new(lookup: Arc<dyn Lookup>, trusted: Box<dyn Fn(&str) -> bool + Send + Sync>) -> Self {
        Self { lookup, known: Mutex::default(), trusted }
    }

    /// Whether an option names the host.
    pub(crate) fn trusts(&self, host: &str) -> bool {
        (self.trusted)(host)
    }

    /// Whether a private or loopback address was seen for a host.
    pub(crate) fn is_private(&self, host: &str) -> bool {
        let private = |address: &IpAddr| matches!(classify(*address), AddressClass::Private | AddressClass::Loopback);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(known.get(host), Some(Ok(addresses)) if addresses.iter().any(private))
    }

    async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(host).cloned();
        if let Some(known) = known {
            return known;
        }
        let found = match self.lookup.lookup(host).await {
            Ok(addresses) if addresses.is_empty() => Err(ResolveError::NoAddress(host.to_owned())),
            Ok(addresses) => Ok(addresses),
            Err(error) => Err(ResolveError::of(host, &error)),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(host.to_owned(), found.clone());
        found
    }

    /// The addresses of a host that may be contacted.
    pub(crate) async fn reachable(&self, host: &str, reach: Reach) -> Result<Vec<IpAddr>, ResolveError> {
        let addresses = self.resolve(host).await?;
        let trusted = self.trusts(host);
        let mut refusal = None;
        let mut reachable = Vec::new();
        for address in addresses {
            match reach.refuses(address, trusted) {
                None => reachable.push(address),
                Some(why) => refusal = Some(why),
            }
        }
        match refusal {
            Some(why) if reachable.is_empty() => Err(ResolveError::Refused(host.to_owned(), why)),
            _ => Ok(reachable),
        }
    }
}

/// A resolver for one client of reqwest.
#[derive(Clone)]
pub(crate) struct Guarded {
    pub(crate) names: Arc<Names>,
    pub(crate) reach: Reach,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> reqwest::dns::Resolving {
        let this = self.clone();
        Box::pin(async move {
            let addresses = this.names.reachable(name.as_str(), this.reach).await?;
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

/// A resolver that knows only one address, with its port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fixed(pub(crate) SocketAddr);

impl Resolve for Fixed {
    fn resolve(&self, _: Name) -> reqwest::dns::Resolving {
        let address = self.0;
        Box::pin(std::future::ready(Ok(Box::new(std::iter::once(address)) as Addrs)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_name_not_found_errors_mean_a_nonexistent_host() {
        let cases = [
            ("failed to lookup address information: Name or service not known", Unknown::NoSuchHost),
            ("failed to lookup address information: Name does not resolve", Unknown::NoSuchHost),
            ("No such host is known. (os error 11001)", Unknown::NoSuchHost),
            ("failed to lookup address information: No address associated with hostname", Unknown::Dns),
            ("failed to lookup address information: Temporary failure in name resolution", Unknown::Dns),
            ("failed to lookup address information: nodename nor servname provided, or not known", Unknown::Dns),
        ];
        for (words, expected) in cases {
            let error = ResolveError::of("reg.example", &io::Error::other(words));
            assert_eq!(error.unknown(), expected, "{words}");
        }
    }
}
