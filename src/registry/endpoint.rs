//! From a registry's name to the URLs of its API.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderMap;

use super::address::{AddressClass, classify, literal};
use super::certs_dir::ConfiguredHost;
use super::host_url::HostUrl;
use super::options::{ClientOptions, DOCKER_HUB};
use super::tls::TlsSettings;
use crate::image::host::is_local_name;
use crate::kubelet::probe::Unknown;

/// A host to ask for a registry's images: `RegistryHost` of containerd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Scheme, host and port: `https://ghcr.io/`.
    base: Url,
    /// Root of the API: `/v2`.
    root: String,
    /// The registry that this host replaces, if it is another.
    namespace: Option<String>,
    /// Whether to retry with plain HTTP if TLS fails.
    falls_back: bool,
    dial: Dial,
    headers: HeaderMap,
}

/// Connection settings of one endpoint. They also apply to its redirects and its token endpoint, as in containerd,
/// where one client makes all of these requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dial {
    /// TLS settings that differ from the default.
    pub(crate) tls: Option<Arc<TlsSettings>>,
    /// Timeout of one connection, instead of the default.
    pub(crate) timeout: Option<Duration>,
}

impl PartialEq for Dial {
    fn eq(&self, other: &Self) -> bool {
        self.tls.as_ref().map(Arc::as_ptr) == other.tls.as_ref().map(Arc::as_ptr) && self.timeout == other.timeout
    }
}

impl Eq for Dial {}

/// Why a registry is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoEndpoint {
    /// The name refers to the node itself, or to a service inside the cluster.
    NodeLocal,
    /// The name is not a valid host of a URL.
    NotAHost,
    /// The runtime fails before any request, with this message.
    Unusable(String),
}

/// The hosts to ask for the images of a registry, in this order: mirrors of the command line, then the hosts of its
/// `hosts.toml`, or else the registry itself. `by_tag` leaves out hosts that may not resolve tags.
pub(crate) fn hosts_of(registry: &str, by_tag: bool, options: &ClientOptions) -> Vec<Result<Endpoint, NoEndpoint>> {
    let mirrors = options.mirrors_of(registry).map(|url| Endpoint::at(url, registry, options));
    let mut hosts: Vec<_> = mirrors.collect();
    match options.certs_dir.hosts_of(registry) {
        // containerd then has no host at all, not even a mirror.
        Some(Err(words)) => return vec![Err(NoEndpoint::Unusable(words.clone()))],
        Some(Ok(configured)) => {
            let may = |host: &&ConfiguredHost| {
                let capabilities = host.config.capabilities;
                // The registry's own capabilities are used only if its URL is written out.
                host.config.url.is_none() || (capabilities.pull && (capabilities.resolve || !by_tag))
            };
            hosts.extend(configured.iter().filter(may).map(|host| Endpoint::configured(host, registry, options)));
        }
        None => hosts.push(Endpoint::of(registry, options)),
    }
    hosts
}

impl Endpoint {
    /// The API of a registry, as the normalized reference names it.
    pub(crate) fn of(registry: &str, options: &ClientOptions) -> Result<Self, NoEndpoint> {
        let api = if registry == "docker.io" { DOCKER_HUB } else { registry };
        let parsed = Url::parse(&format!("https://{api}/")).map_err(|_| NoEndpoint::NotAHost)?;
        let host = parsed.host_str().ok_or(NoEndpoint::NotAHost)?;
        let tls = !options.is_plain_http(host, written_port(api));
        Self::at(&HostUrl { tls, authority: api.to_owned(), path: "/v2".to_owned() }, registry, options)
    }

    /// The endpoint of a host that serves a registry's images.
    fn at(url: &HostUrl, registry: &str, options: &ClientOptions) -> Result<Self, NoEndpoint> {
        let scheme = if url.tls { "https" } else { "http" };
        let base = Url::parse(&format!("{scheme}://{}/", url.authority)).map_err(|_| NoEndpoint::NotAHost)?;
        let host = base.host_str().ok_or(NoEndpoint::NotAHost)?;
        if is_node_local(host) && !options.names(host) {
            return Err(NoEndpoint::NodeLocal);
        }
        let is_registry = url.authority == registry || (registry == "docker.io" && url.authority == DOCKER_HUB);
        Ok(Self {
            root: url.path.split('/').filter(|part| !part.is_empty()).map(|part| format!("/{part}")).collect(),
            namespace: (!is_registry).then(|| registry.to_owned()),
            falls_back: false,
            dial: Dial::default(),
            headers: HeaderMap::new(),
            base,
        })
    }

    fn configured(host: &ConfiguredHost, registry: &str, options: &ClientOptions) -> Result<Self, NoEndpoint> {
        let mut endpoint = match &host.config.url {
            Some(url) => Self::at(url, registry, options)?,
            None => Self::of(registry, options)?,
        };
        // containerd tries TLS first if it is configured at all, whatever the URL says, and then falls back.
        let ambiguous = |url: &HostUrl| !url.tls && !url.authority.ends_with(":80");
        if host.tls.is_some() && host.config.url.as_ref().is_some_and(ambiguous) {
            endpoint.falls_back = endpoint.base.set_scheme("https").is_ok();
        }
        endpoint.dial = Dial { tls: host.tls.clone(), timeout: host.config.dial_timeout };
        endpoint.headers = host.headers.clone().map_err(NoEndpoint::Unusable)?;
        Ok(endpoint)
    }

    /// Returns this host without TLS, if this failure allows the fallback: an HTTP answer, or no answer if no port is
    /// written and `http` has a different default port (`NewHTTPFallback` in `core/remotes/docker/resolver.go` of
    /// containerd).
    pub(crate) fn without_tls(&self, failure: Unknown) -> Option<Self> {
        let other_port = self.base.port().is_none();
        let calls_for_it = match failure {
            Unknown::PlainHttp => true,
            Unknown::Network | Unknown::Timeout => other_port,
            _ => false,
        };
        let mut plain = self.clone();
        let changed = self.falls_back && calls_for_it && plain.base.set_scheme("http").is_ok();
        changed.then(|| Self { falls_back: false, ..plain })
    }

    /// The number of times this host may be asked: twice if it falls back from TLS.
    pub(crate) fn turns(&self) -> u32 {
        if self.falls_back { 2 } else { 1 }
    }

    /// The URL of a manifest.
    pub(crate) fn manifest(&self, repository: &str, target: &str) -> Option<Url> {
        self.url(&format!("{repository}/manifests/{target}"))
    }

    /// The URL of a blob.
    pub(crate) fn blob(&self, repository: &str, digest: &str) -> Option<Url> {
        self.url(&format!("{repository}/blobs/{digest}"))
    }

    /// The URL of the root of the API.
    pub(crate) fn ping(&self) -> Url {
        self.base.join(&format!("{}/", self.root)).unwrap_or_else(|_| self.base.clone())
    }

    /// The URL of a tag list.
    pub(crate) fn tags(&self, repository: &str) -> Option<Url> {
        self.url(&format!("{repository}/tags/list"))
    }

    /// Builds a URL of the API. A host that replaces a registry gets the registry's name as a parameter
    /// (`addNamespace` of containerd).
    fn url(&self, path: &str) -> Option<Url> {
        let mut url = self.base.join(&format!("{}/{path}", self.root)).ok()?;
        if let Some(namespace) = &self.namespace {
            url.query_pairs_mut().append_pair("ns", namespace);
        }
        Some(url)
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// The base URL of the host.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// The host's own name for a repository, if its root is below `/v2` (`override_path`). Its tokens are for that
    /// name, and containerd requests both.
    pub(crate) fn own_name(&self, repository: &str) -> Option<String> {
        self.root.strip_prefix("/v2/").map(|prefix| format!("{prefix}/{repository}"))
    }

    /// The settings for its connections.
    pub(crate) fn dial(&self) -> &Dial {
        &self.dial
    }

    /// The operator's headers for this host.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

/// The port that is written in a name.
fn written_port(name: &str) -> Option<u16> {
    name.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).or(Some(443))
}

/// Whether a name refers to the node, or to something in its cluster. An answer to it here says nothing about the
/// answer there.
fn is_node_local(host: &str) -> bool {
    if let Some(address) = literal(host) {
        return classify(address) == AddressClass::Loopback;
    }
    is_local_name(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(registry: &str, plain: &[&str]) -> Result<String, NoEndpoint> {
        let options = ClientOptions {
            plain_http: plain.iter().map(|host| host.parse().unwrap()).collect(),
            ..ClientOptions::default()
        };
        Endpoint::of(registry, &options).map(|endpoint| endpoint.base.to_string())
    }

    #[test]
    fn registries_use_tls_unless_listed_as_plain_http() {
        assert_eq!(endpoint("docker.io", &[]).unwrap(), "https://registry-1.docker.io/");
        assert_eq!(endpoint("ghcr.io", &[]).unwrap(), "https://ghcr.io/");
        assert_eq!(endpoint("reg.local:5000", &[]).unwrap(), "https://reg.local:5000/");
        assert_eq!(endpoint("reg.local:5000", &["reg.local:5000"]).unwrap(), "http://reg.local:5000/");
        assert_eq!(endpoint("reg.local:5000", &["reg.local"]).unwrap(), "http://reg.local:5000/");
        assert_eq!(endpoint("reg.local:5000", &["reg.local:5001"]).unwrap(), "https://reg.local:5000/");
        // The port is written, so it is not the default one of the scheme.
        assert_eq!(endpoint("reg.local:80", &["reg.local"]).unwrap(), "http://reg.local/");
        assert_eq!(endpoint("reg.local", &["reg.local"]).unwrap(), "http://reg.local/");
    }

    #[test]
    fn node_local_registries_are_not_contacted() {
        for registry in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:5000",
            "127.1:5000",
            "[::1]:5000",
            "0.0.0.0:80",
            "registry.localhost",
            "registry.kube-system.svc:5000",
            "registry.kube-system.svc.cluster.local",
            "image-registry.openshift-image-registry.svc:5000",
        ] {
            assert_eq!(endpoint(registry, &[]), Err(NoEndpoint::NodeLocal), "{registry}");
        }
        assert_eq!(endpoint("localhost:5000", &["localhost:5000"]).unwrap(), "http://localhost:5000/");
        assert_eq!(endpoint("svc.example.com", &[]).unwrap(), "https://svc.example.com/");
    }
}
