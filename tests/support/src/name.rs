//! Names of images as tests write them: split at the registry, nothing checked.

/// An image name in its parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// `ghcr.io`, `docker.io`, `127.0.0.1:5000`.
    pub registry: String,
    /// `acme/api`, `library/nginx`.
    pub repository: String,
    /// Tag or digest; `latest` where none is written.
    pub target: String,
}

impl Name {
    /// Splits `ghcr.io/acme/api:1.9`; a name without registry is Docker Hub's.
    pub fn parse(text: &str) -> Self {
        let (path, target) = match text.split_once('@') {
            Some((path, digest)) => {
                (path.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map_or(path, |(p, _)| p), digest)
            }
            None => match text.rsplit_once(':') {
                Some((path, tag)) if !tag.contains('/') => (path, tag),
                _ => (text, "latest"),
            },
        };
        let (registry, repository) = split_registry(path).unwrap_or(("docker.io", path));
        let repository = match registry {
            "docker.io" if !repository.contains('/') => format!("library/{repository}"),
            _ => repository.to_owned(),
        };
        Self { registry: registry.to_owned(), repository, target: target.to_owned() }
    }
}

/// The registry of a path that names one, and the rest.
pub(crate) fn split_registry(path: &str) -> Option<(&str, &str)> {
    let (first, rest) = path.split_once('/')?;
    (first.contains(['.', ':']) || first == "localhost").then_some((first, rest))
}

/// The registry whose API is served under a `Host` header.
pub(crate) fn registry_of_host(host: &str) -> &str {
    match host {
        "registry-1.docker.io" | "auth.docker.io" => "docker.io",
        other => other,
    }
}
