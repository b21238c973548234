//! Connections to hosts: one HTTP client for each way of reaching a host, and the guard over addresses.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HOST, HeaderValue};

use super::address::{is_metadata_name, literal};
use super::endpoint::Dial;
use super::exchange::Ask;
use super::failure::RequestFailure;
use super::options::{ClientOptions, ConnectTo, Proxies, is_this_machine};
use super::options_error::OptionsError;
use super::resolve::{Fixed, Guarded, Lookup, Names, Reach};
use super::tls::{self, TlsSettings};
use crate::kubelet::probe::Unknown;

/// The connections of a run.
pub(crate) struct Connections {
    options: ClientOptions,
    names: Arc<Names>,
    /// Whether the environment names a proxy, which may use TLS itself.
    has_proxies: bool,
    /// The default TLS settings.
    tls: TlsSettings,
    /// Clients by the way of reaching a host, created for its first request.
    clients: Mutex<HashMap<Way, reqwest::Client>>,
    /// TLS configurations by settings and whether any certificate is accepted.
    configs: Mutex<HashMap<(usize, bool), rustls::ClientConfig>>,
}

/// A way of reaching a host. Requests with the same way share connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Way {
    /// Whether TLS may be used at all: reading the system's authorities takes time.
    secure: bool,
    /// The id of the TLS settings, 0 for the default ones.
    tls: usize,
    /// Whether an option accepts any certificate.
    insecure: bool,
    to: To,
    timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum To {
    /// The addresses of the host's name, within reach.
    Named(Reach),
    /// This machine: never through a proxy.
    Here,
    /// A fixed address, from `--connect-to`.
    Fixed(SocketAddr),
}

impl Connections {
    pub(crate) fn new(options: ClientOptions, lookup: Arc<dyn Lookup>) -> Result<Self, OptionsError> {
        options.check()?;
        let mut authorities = Vec::new();
        for pem in &options.ca_certs {
            authorities.extend(tls::certificates(pem)?);
        }
        let identities = options.client_cert.iter().cloned().collect();
        let tls = TlsSettings { authorities, identities, skip_verify: false };
        let named = options.clone();
        let proxies = proxy_hosts(options.proxies);
        let has_proxies = !proxies.is_empty();
        let trusted = move |host: &str| named.names(host) || proxies.iter().any(|proxy| proxy == host);
        let names = Arc::new(Names::new(lookup, Box::new(trusted)));
        Ok(Self { options, names, has_proxies, tls, clients: Mutex::default(), configs: Mutex::default() })
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.options
    }

    /// How far a request may reach if its URL came from the registry at `registry`.
    pub(crate) fn reach_from(&self, registry: &Url, target: &Url) -> Reach {
        let host = registry.host_str().unwrap_or_default();
        let fixed = self.fixed(registry).map(|entry| entry.address.ip());
        let private = match fixed.or_else(|| literal(host)) {
            Some(address) => Reach::Public.refuses(address, false).is_some(),
            None => self.names.is_private(host),
        };
        if private || target.host_str() == Some(host) { Reach::Private } else { Reach::Public }
    }

    /// Returns the request, ready to be sent to its host.
    pub(crate) fn request(&self, ask: &Ask) -> Result<reqwest::RequestBuilder, RequestFailure> {
        self.check_name(&ask.url, ask.reach)?;
        let host = ask.url.host_str().unwrap_or_default();
        let (to, url, name) = match self.fixed(&ask.url) {
            Some(entry) => {
                let (url, name) = redirected(&ask.url, entry.address)?;
                (To::Fixed(entry.address), url, Some(name))
            }
            None if is_this_machine(host) => (To::Here, ask.url.clone(), None),
            None => (To::Named(ask.reach), ask.url.clone(), None),
        };
        let insecure = self.options.is_insecure(host, ask.url.port_or_known_default());
        let secure = ask.url.scheme() == "https" || (self.has_proxies && matches!(to, To::Named(_)));
        let timeout = ask.dial.timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(self.options.connect_timeout);
        let client = self.client(&ask.dial, Way { secure, tls: id(&ask.dial), insecure, to, timeout });
        let client = client.map_err(|error| RequestFailure::new(Unknown::Network, error.to_string()))?;
        let mut own = ask.own.clone();
        own.remove(HOST);
        let mut request = client.request(ask.method.clone(), url).headers(own).headers(ask.headers.clone());
        if !ask.form.is_empty() {
            let fields: Vec<_> = ask.form.iter().map(|(name, value)| (name, value.expose())).collect();
            request = request.form(&fields);
        }
        if let Some(name) = name {
            request = request.header(HOST, name);
        }
        Ok(request)
    }

    /// Checks a host that our resolver does not see: an address in the URL, or a name that a proxy resolves.
    fn check_name(&self, url: &Url, reach: Reach) -> Result<(), RequestFailure> {
        let host = url.host_str().unwrap_or_default();
        let why = match literal(host) {
            Some(address) => reach.refuses(address, self.names.trusts(host)),
            None => is_metadata_name(host).then_some("the metadata service of a cloud"),
        };
        match why {
            Some(why) => {
                Err(RequestFailure::new(Unknown::NodeLocal, format!("{host} is {why}, which is not contacted")))
            }
            None => Ok(()),
        }
    }

    /// The `--connect-to` for a URL's host.
    fn fixed(&self, url: &Url) -> Option<&ConnectTo> {
        let (host, port) = (url.host_str()?, url.port_or_known_default());
        self.options.connect_to.iter().find(|entry| entry.host.matches(host, port))
    }

    fn client(&self, dial: &Dial, way: Way) -> Result<reqwest::Client, OptionsError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&way) {
            return Ok(client.clone());
        }
        let client = self.build(dial, way)?;
        clients.insert(way, client.clone());
        Ok(client)
    }

    fn build(&self, dial: &Dial, way: Way) -> Result<reqwest::Client, OptionsError> {
        let mut tls = if way.secure { self.tls_config(dial, way.insecure)? } else { tls::none()? };
        let guarded = |reach| Guarded { names: Arc::clone(&self.names), reach };
        // HTTP/2 has no Host header, so it would send the address without the removed port.
        let is_fixed = matches!(way.to, To::Fixed(_));
        let versions: &[&str] = if is_fixed { &["http/1.1"] } else { &["h2", "http/1.1"] };
        tls.alpn_protocols = versions.iter().map(|version| version.as_bytes().to_vec()).collect();
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(&self.options.user_agent)
            .connect_timeout(way.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false);
        let builder = match (way.to, self.options.proxies) {
            (To::Named(reach), Proxies::Environment) => builder.dns_resolver(guarded(reach)),
            (To::Named(reach), Proxies::Off) => builder.no_proxy().dns_resolver(guarded(reach)),
            (To::Here, _) => builder.no_proxy().dns_resolver(guarded(Reach::Private)),
            (To::Fixed(address), _) => builder.no_proxy().http1_only().dns_resolver(Fixed(address)),
        };
        builder.build().map_err(|error| OptionsError::Setup(error.to_string()))
    }

    fn tls_config(&self, dial: &Dial, insecure: bool) -> Result<rustls::ClientConfig, OptionsError> {
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = configs.get(&(id(dial), insecure)) {
            return Ok(config.clone());
        }
        let mut settings = self.tls.clone();
        if let Some(own) = &dial.tls {
            settings.authorities.extend(own.authorities.iter().cloned());
            settings.identities.extend(own.identities.iter().cloned());
            settings.skip_verify = own.skip_verify;
        }
        settings.skip_verify |= insecure;
        let config = tls::config(&settings)?;
        configs.insert((id(dial), insecure), config.clone());
        Ok(config)
    }
}

/// The id of TLS settings. They live as long as the run, each at its own address.
fn id(dial: &Dial) -> usize {
    dial.tls.as_ref().map_or(0, |tls| Arc::as_ptr(tls).addr())
}

/// The URL and `Host` header under `--connect-to`. An explicit port in a URL takes precedence over the resolver's, so
/// it is removed. An address never reaches the resolver, so it is replaced, which TLS would take for another name.
fn redirected(url: &Url, address: std::net::SocketAddr) -> Result<(Url, HeaderValue), RequestFailure> {
    let bad = || RequestFailure::new(Unknown::Network, "an address cannot be redirected over TLS");
    let host = url.host_str().ok_or_else(bad)?;
    let is_name = literal(host).is_none();
    let name = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let name = HeaderValue::from_str(&name).map_err(|_| bad())?;
    let mut url = url.clone();
    if is_name {
        url.set_port(None).map_err(|()| bad())?;
    } else if url.scheme() == "http" {
        url.set_ip_host(address.ip()).map_err(|()| bad())?;
        url.set_port(Some(address.port())).map_err(|()| bad())?;
    } else {
        return Err(bad());
    }
    Ok((url, name))
}

/// Names of the proxies. The resolver is asked for them and must accept them.
#[expect(clippy::disallowed_methods, reason = "reqwest takes its proxies from the same variables")]
fn proxy_hosts(proxies: Proxies) -> Vec<String> {
    if proxies == Proxies::Off {
        return Vec::new();
    }
    let names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
    let set = names.iter().filter_map(|name| std::env::var(name).ok());
    let urls = set.filter_map(|value| Url::parse(&value).or_else(|_| Url::parse(&format!("http://{value}"))).ok());
    urls.filter_map(|url| url.host_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::resolve::Resolving;
    use super::*;
    use std::net::IpAddr;

    /// A resolver in which names under `.corp` are private, and all others public.
    struct Table;

    impl Lookup for Table {
        fn lookup(&self, host: &str) -> Resolving {
            let address: IpAddr = if host.ends_with(".corp") { [10, 0, 0, 1].into() } else { [192, 0, 2, 1].into() };
            Box::pin(std::future::ready(Ok(vec![address])))
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn public_registry_cannot_refer_to_a_private_host() {
        let options = ClientOptions {
            connect_to: vec!["in.example=10.0.0.9:443".parse().unwrap(), "out.example=192.0.2.9:443".parse().unwrap()],
            proxies: Proxies::Off,
            ..ClientOptions::default()
        };
        let connections = Connections::new(options, Arc::new(Table)).unwrap();
        for name in ["reg.corp", "reg.example"] {
            connections.names.reachable(name, Reach::Private).await.unwrap();
        }
        let reach = |registry: &str, target: &str| {
            connections.reach_from(&Url::parse(registry).unwrap(), &Url::parse(target).unwrap())
        };
        assert_eq!(reach("https://reg.example/", "https://auth.corp/token"), Reach::Public);
        assert_eq!(reach("https://reg.corp/", "https://auth.corp/token"), Reach::Private);
        assert_eq!(reach("https://reg.example/", "https://reg.example/token"), Reach::Private);
        assert_eq!(reach("https://10.1.1.1/", "https://auth.corp/token"), Reach::Private);
        assert_eq!(reach("https://192.0.2.7/", "https://auth.corp/token"), Reach::Public);
        assert_eq!(reach("https://in.example/", "https://auth.corp/token"), Reach::Private);
        assert_eq!(reach("https://out.example/", "https://auth.corp/token"), Reach::Public);
        assert_eq!(reach("https://never.seen/", "https://auth.corp/token"), Reach::Public);

        assert!(connections.names.reachable("auth.corp", Reach::Public).await.is_err());
        assert!(connections.names.reachable("auth.corp", Reach::Private).await.is_ok());
        assert!(connections.names.reachable("auth.example", Reach::Public).await.is_ok());
    }
}
