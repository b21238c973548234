//! Where a request goes: one HTTP client for each way of reaching a host, and the guard over addresses.

use std::sync::Arc;

use reqwest::Url;
use reqwest::header::{HOST, HeaderValue};

use super::address::literal;
use super::failure::Failure;
use super::options::{ClientOptions, ConnectTo, OptionsError, Proxies};
use super::resolve::{Fixed, Guarded, Lookup, Names, Reach};
use super::tls;
use super::transport::Ask;
use crate::probe::Unknown;

/// The connections of a run.
pub(crate) struct Connections {
    options: ClientOptions,
    names: Arc<Names>,
    private: reqwest::Client,
    public: reqwest::Client,
    /// For hosts on this machine: never by proxy.
    direct: reqwest::Client,
    /// One per `--connect-to`.
    fixed: Vec<reqwest::Client>,
}

impl Connections {
    pub(crate) fn new(options: ClientOptions, lookup: Arc<dyn Lookup>) -> Result<Self, OptionsError> {
        options.check()?;
        let named = options.clone();
        let proxies = proxy_hosts(options.proxies);
        let trusted = move |host: &str| named.names(host) || proxies.iter().any(|proxy| proxy == host);
        let names = Arc::new(Names::new(lookup, Box::new(trusted)));
        let tls = tls::config(&options.ca_certs)?;
        let guarded = |reach| Guarded { names: Arc::clone(&names), reach };
        let proxied = options.proxies;
        let build = |proxies, versions: &[&str]| builder(&options, &tls, proxies, versions);
        let both: &[&str] = &["h2", "http/1.1"];
        let private = finish(build(proxied, both).dns_resolver(guarded(Reach::Private)))?;
        let public = finish(build(proxied, both).dns_resolver(guarded(Reach::Public)))?;
        let direct = finish(build(Proxies::Off, both).dns_resolver(guarded(Reach::Private)))?;
        // HTTP/2 has no Host header: it would name the address without the port that was taken away.
        let fixed = options
            .connect_to
            .iter()
            .map(|entry| finish(build(Proxies::Off, &["http/1.1"]).http1_only().dns_resolver(Fixed(entry.address))));
        let fixed = fixed.collect::<Result<_, _>>()?;
        Ok(Self { options, names, private, public, direct, fixed })
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.options
    }

    /// How far a request may reach whose URL came from the registry at `registry`.
    pub(crate) fn reach_from(&self, registry: &Url, target: &Url) -> Reach {
        let host = registry.host_str().unwrap_or_default();
        let fixed = self.fixed(registry).map(|(entry, _)| entry.address.ip());
        let private = match fixed.or_else(|| literal(host)) {
            Some(address) => Reach::Public.refuses(address, false).is_some(),
            None => self.names.is_private(host),
        };
        if private || target.host_str() == Some(host) { Reach::Private } else { Reach::Public }
    }

    /// The request, ready to be sent on the way that leads to its host.
    pub(crate) fn request(&self, ask: &Ask) -> Result<reqwest::RequestBuilder, Failure> {
        self.check_literal(&ask.url, ask.reach)?;
        let host = ask.url.host_str().unwrap_or_default();
        let (client, url, name) = match self.fixed(&ask.url) {
            Some((entry, client)) => {
                let (url, name) = redirected(&ask.url, entry.address)?;
                (client, url, Some(name))
            }
            None if self.names.trusts(host) => (&self.direct, ask.url.clone(), None),
            None if ask.reach == Reach::Public => (&self.public, ask.url.clone(), None),
            None => (&self.private, ask.url.clone(), None),
        };
        let mut request = client.request(ask.method.clone(), url).headers(ask.headers.clone());
        if let Some(name) = name {
            request = request.header(HOST, name);
        }
        Ok(request)
    }

    /// An address in the URL never reaches the resolver.
    fn check_literal(&self, url: &Url, reach: Reach) -> Result<(), Failure> {
        let host = url.host_str().unwrap_or_default();
        let Some(address) = literal(host) else { return Ok(()) };
        match reach.refuses(address, self.names.trusts(host)) {
            Some(why) => Err(Failure::new(Unknown::NodeLocal, format!("{host} is {why}, which is not contacted"))),
            None => Ok(()),
        }
    }

    /// The `--connect-to` that speaks of a URL's host.
    fn fixed(&self, url: &Url) -> Option<(&ConnectTo, &reqwest::Client)> {
        let (host, port) = (url.host_str()?, url.port_or_known_default());
        self.options.connect_to.iter().zip(&self.fixed).find(|(entry, _)| entry.host.matches(host, port))
    }
}

/// The URL and `Host` header under `--connect-to`. An explicit port in a URL wins over the resolver's, so it has to
/// go; an address never reaches the resolver, so it is replaced, which TLS would take for another name.
fn redirected(url: &Url, address: std::net::SocketAddr) -> Result<(Url, HeaderValue), Failure> {
    let bad = || Failure::new(Unknown::Network, "an address cannot be redirected over TLS");
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

fn builder(
    options: &ClientOptions,
    tls: &rustls::ClientConfig,
    proxies: Proxies,
    versions: &[&str],
) -> reqwest::ClientBuilder {
    let mut tls = tls.clone();
    tls.alpn_protocols = versions.iter().map(|version| version.as_bytes().to_vec()).collect();
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(&options.user_agent)
        .connect_timeout(options.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false);
    match proxies {
        Proxies::Environment => builder,
        Proxies::Off => builder.no_proxy(),
    }
}

fn finish(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, OptionsError> {
    builder.build().map_err(|error| OptionsError::Setup(error.to_string()))
}

/// Names of the proxies: the resolver is asked for them and must let them through.
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

    /// Names under `.corp` are private, all others public.
    struct Table;

    impl Lookup for Table {
        fn lookup(&self, host: &str) -> Resolving {
            let address: IpAddr = if host.ends_with(".corp") { [10, 0, 0, 1].into() } else { [192, 0, 2, 1].into() };
            Box::pin(std::future::ready(Ok(vec![address])))
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_registry_on_the_internet_names_no_private_host() {
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
