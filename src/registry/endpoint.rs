//! From a registry's name to the URLs of its API.

use reqwest::Url;

use super::address::{AddressClass, classify, literal};
use super::options::ClientOptions;
use crate::host::is_local_name;

/// Where Docker Hub's API is.
pub(crate) const DOCKER_HUB: &str = "registry-1.docker.io";

/// Where a registry is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `https://ghcr.io/`.
    base: Url,
}

/// Why a registry is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoEndpoint {
    /// The name means the node itself, or a service inside the cluster.
    NodeLocal,
    /// The name is no host of a URL.
    NotAHost,
}

impl Endpoint {
    /// The API of a registry, as the normalised reference names it.
    pub(crate) fn of(registry: &str, options: &ClientOptions) -> Result<Self, NoEndpoint> {
        let api = if registry == "docker.io" { DOCKER_HUB } else { registry };
        let parsed = Url::parse(&format!("https://{api}/")).map_err(|_| NoEndpoint::NotAHost)?;
        let host = parsed.host_str().ok_or(NoEndpoint::NotAHost)?;
        if is_node_local(host) && !options.names(host) {
            return Err(NoEndpoint::NodeLocal);
        }
        let plain = options.is_plain_http(host, written_port(api));
        let scheme = if plain { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{api}/")).map_err(|_| NoEndpoint::NotAHost)?;
        Ok(Self { base })
    }

    /// The URL of a manifest.
    pub(crate) fn manifest(&self, repository: &str, target: &str) -> Option<Url> {
        self.base.join(&format!("/v2/{repository}/manifests/{target}")).ok()
    }

    /// The URL of a blob.
    pub(crate) fn blob(&self, repository: &str, digest: &str) -> Option<Url> {
        self.base.join(&format!("/v2/{repository}/blobs/{digest}")).ok()
    }

    /// The URL of a tag list.
    pub(crate) fn tags(&self, repository: &str) -> Option<Url> {
        self.base.join(&format!("/v2/{repository}/tags/list")).ok()
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// Any URL of it.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }
}

/// The port that a name writes.
fn written_port(name: &str) -> Option<u16> {
    name.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).or(Some(443))
}

/// Names that mean the node, or something in its cluster: what they answer here says nothing of what they answer
/// there.
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
    fn registries_are_reached_over_tls_unless_named() {
        assert_eq!(endpoint("docker.io", &[]).unwrap(), "https://registry-1.docker.io/");
        assert_eq!(endpoint("ghcr.io", &[]).unwrap(), "https://ghcr.io/");
        assert_eq!(endpoint("reg.local:5000", &[]).unwrap(), "https://reg.local:5000/");
        assert_eq!(endpoint("reg.local:5000", &["reg.local:5000"]).unwrap(), "http://reg.local:5000/");
        assert_eq!(endpoint("reg.local:5000", &["reg.local"]).unwrap(), "http://reg.local:5000/");
        assert_eq!(endpoint("reg.local:5000", &["reg.local:5001"]).unwrap(), "https://reg.local:5000/");
        // The port is written, so it is not that of the scheme.
        assert_eq!(endpoint("reg.local:80", &["reg.local"]).unwrap(), "http://reg.local/");
        assert_eq!(endpoint("reg.local", &["reg.local"]).unwrap(), "http://reg.local/");
    }

    #[test]
    fn what_only_the_node_sees_is_not_asked() {
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
