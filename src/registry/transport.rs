//! One exchange: a request, its answer with a bounded body. Limits, time, addresses and `--connect-to` are kept
//! here; what an answer means is decided above.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use tokio::time::{Instant, timeout_at};

use super::address::literal;
use super::failure::Failure;
use super::limit::Limits;
use super::options::{ClientOptions, ConnectTo, OptionsError, Proxies};
use super::resolve::{Fixed, Guarded, Lookup, Names, Reach};
use super::retry::Retry;
use super::tls;
use crate::probe::Unknown;

/// Cap of error bodies and tokens.
pub(crate) const SMALL_BODY: usize = 64 * 1024;

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// As the registry is named, whatever address it is reached at.
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// Cap of a good answer's body in bytes.
    pub(crate) cap: usize,
    pub(crate) reach: Reach,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// What there is of it up to the cap.
    pub(crate) body: Vec<u8>,
    /// Whether the body went over the cap.
    pub(crate) cut: bool,
    /// What the request carried as `Authorization`: an answer may give it back, and a token is known to nobody else.
    pub(crate) sent: Option<HeaderValue>,
}

impl Answer {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether a text holds the token or the Basic value that was sent.
    pub(crate) fn echoed_in(&self, text: &str) -> bool {
        let value = self.sent.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
        let secret = value.split_once(' ').map_or(value, |(_, secret)| secret);
        !secret.is_empty() && text.contains(secret)
    }
}

/// The time that one probe has left. Waiting for a turn does not count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    left: Duration,
}

impl Budget {
    pub(crate) fn new(left: Duration) -> Self {
        Self { left }
    }

    /// Lets a future take what is left, but not beyond the deadline of the run.
    async fn spend<T>(&mut self, deadline: Instant, work: impl Future<Output = T>) -> Result<T, Failure> {
        let start = Instant::now();
        let result = timeout_at((start + self.left).min(deadline), work).await;
        self.left = self.left.saturating_sub(start.elapsed());
        result.map_err(|_| match Instant::now() < deadline {
            true => Failure::new(Unknown::Timeout, "context deadline exceeded"),
            false => Failure::over(),
        })
    }
}

/// The connections of a run.
pub(crate) struct Transport {
    options: ClientOptions,
    names: Arc<Names>,
    limits: Limits,
    private: reqwest::Client,
    public: reqwest::Client,
    /// For hosts on this machine: never by proxy.
    direct: reqwest::Client,
    /// One per `--connect-to`.
    fixed: Vec<reqwest::Client>,
    requests: AtomicUsize,
    deadline: Instant,
}

impl Transport {
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
        let limits = Limits::new(options.concurrency, options.host_concurrency);
        let deadline = Instant::now() + options.deadline;
        Ok(Self { options, names, limits, private, public, direct, fixed, requests: AtomicUsize::new(0), deadline })
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.options
    }

    /// Requests sent so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
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

    /// Sends a request, again where the policy says so.
    pub(crate) async fn send(&self, ask: &Ask, budget: &mut Budget) -> Result<Answer, Failure> {
        let policy = Retry { times: self.options.retries, delay: self.options.retry_delay };
        let mut done = 0;
        loop {
            let result = self.exchange(ask, budget).await;
            let Some(pause) = policy.again(done, &result, jitter()) else { return result };
            if budget.spend(self.deadline, tokio::time::sleep(pause)).await.is_err() {
                return result;
            }
            done += 1;
        }
    }

    async fn exchange(&self, ask: &Ask, budget: &mut Budget) -> Result<Answer, Failure> {
        self.check_literal(&ask.url, ask.reach)?;
        let request = self.request(ask)?;
        let host = host_and_port(&ask.url);
        let turn = timeout_at(self.deadline, self.limits.turn(&host)).await.map_err(|_| Failure::over())?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let result = budget.spend(self.deadline, receive(request, ask.cap)).await;
        drop(turn);
        let answer = result?.map_err(|error| Failure::of(&error))?;
        Ok(Answer { sent: ask.headers.get(AUTHORIZATION).cloned(), ..answer })
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

    fn request(&self, ask: &Ask) -> Result<reqwest::RequestBuilder, Failure> {
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

async fn receive(request: reqwest::RequestBuilder, cap: usize) -> Result<Answer, reqwest::Error> {
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    let cap = if response.status().is_success() { cap } else { cap.min(SMALL_BODY) };
    let mut answer = Answer { status, headers: std::mem::take(response.headers_mut()), ..Answer::default() };
    while let Some(chunk) = response.chunk().await? {
        let room = cap - answer.body.len();
        answer.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            answer.cut = true;
            break;
        }
    }
    Ok(answer)
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

fn host_and_port(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// In 0..1, different at each call; it need not be unpredictable.
fn jitter() -> f64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let bits = RandomState::new().build_hasher().finish() >> 32;
    bits as f64 / f64::from(u32::MAX)
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
        let transport = Transport::new(options, Arc::new(Table)).unwrap();
        for name in ["reg.corp", "reg.example"] {
            transport.names.reachable(name, Reach::Private).await.unwrap();
        }
        let reach = |registry: &str, target: &str| {
            transport.reach_from(&Url::parse(registry).unwrap(), &Url::parse(target).unwrap())
        };
        assert_eq!(reach("https://reg.example/", "https://auth.corp/token"), Reach::Public);
        assert_eq!(reach("https://reg.corp/", "https://auth.corp/token"), Reach::Private);
        assert_eq!(reach("https://reg.example/", "https://reg.example/token"), Reach::Private);
        assert_eq!(reach("https://10.1.1.1/", "https://auth.corp/token"), Reach::Private);
        assert_eq!(reach("https://192.0.2.7/", "https://auth.corp/token"), Reach::Public);
        assert_eq!(reach("https://in.example/", "https://auth.corp/token"), Reach::Private);
        assert_eq!(reach("https://out.example/", "https://auth.corp/token"), Reach::Public);
        assert_eq!(reach("https://never.seen/", "https://auth.corp/token"), Reach::Public);

        assert!(transport.names.reachable("auth.corp", Reach::Public).await.is_err());
        assert!(transport.names.reachable("auth.corp", Reach::Private).await.is_ok());
        assert!(transport.names.reachable("auth.example", Reach::Public).await.is_ok());
    }
}
