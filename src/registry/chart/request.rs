//! What chart is wanted, as releases and their sources say it.

use reqwest::Url;

use super::chart_error::ChartError;
use crate::image::manifest::is_digest;
use crate::image::reference::Reference;
use crate::registry::options::DOCKER_HUB;
use crate::resource::chart::version_range::VersionReading;

/// A chart elsewhere. Equal requests are fetched once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ChartRequest {
    /// In an OCI registry. Made by [`ChartRequest::oci`].
    Oci {
        /// `ghcr.io`, `docker.io`, `registry.example:5000`.
        registry: String,
        /// The repository, with the chart's name: `acme/charts/shop`.
        repository: String,
        /// Which manifest of the repository.
        wanted: WantedChart,
    },
    /// In a Helm repository. Made by [`ChartRequest::in_repository`].
    Repository {
        /// The URL of the repository, without `index.yaml` and without user.
        url: Url,
        /// The chart's name.
        chart: String,
        /// A version or a range; empty for the latest that is stable.
        version: String,
        /// Who chooses the version.
        reading: VersionReading,
    },
}

/// Which manifest of an OCI repository is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WantedChart {
    /// The one with this tag, as written: `ref.tag` of an OCIRepository.
    Tag(String),
    /// The one with this digest, `sha256:…`: `ref.digest` of an OCIRepository.
    Digest(String),
    /// A version, which is a tag, or a range of versions; empty for the latest that is stable.
    Version(String, VersionReading),
}

impl ChartRequest {
    /// A chart in an OCI registry: `oci://ghcr.io/acme/charts/shop`, with or without the scheme.
    ///
    /// # Errors
    /// The location is not that of a repository, or the tag or digest cannot be one.
    pub fn oci(location: &str, wanted: WantedChart) -> Result<Self, ChartError> {
        let name = location.strip_prefix("oci://").unwrap_or(location).trim_end_matches('/');
        let bad = |why: &str| ChartError::Unusable(format!("{location:?} is not the location of a chart: {why}"));
        let (registry, path) = name.split_once('/').ok_or_else(|| bad("expected oci://HOST/REPOSITORY"))?;
        let tag = match &wanted {
            WantedChart::Tag(tag) => tag_of(tag),
            WantedChart::Version(version, reading) if reading.pins(version) => tag_of(version),
            WantedChart::Digest(digest) if !(is_digest(digest) && digest.starts_with("sha256:")) => {
                return Err(bad(&format!("{digest:?} is not a sha256 digest")));
            }
            WantedChart::Digest(_) | WantedChart::Version(..) => "0".to_owned(),
        };
        let parsed = Reference::parse(&format!("{name}:{tag}")).map_err(|error| bad(&error.to_string()))?;
        let known = parsed.tag() == Some(tag.as_str()) && parsed.digest().is_none();
        // A name without a host would be one of Docker Hub, and nobody means that by `oci://`.
        if !known || parsed.is_short_name() || !parsed.name().ends_with(path) {
            return Err(bad("expected oci://HOST/REPOSITORY"));
        }
        let registry = if matches!(registry, DOCKER_HUB | "index.docker.io") { "docker.io" } else { parsed.registry() };
        Ok(Self::Oci { registry: registry.to_owned(), repository: parsed.repository().to_owned(), wanted })
    }

    /// A chart in a repository, `https://charts.example/stable`; a repository under `oci://` is a registry, in which
    /// the chart's name follows. An empty version means the latest that is stable.
    ///
    /// # Errors
    /// The URL is not that of a repository, or the chart has no name.
    pub fn in_repository(url: &str, chart: &str, version: &str, reading: VersionReading) -> Result<Self, ChartError> {
        if chart.is_empty() {
            return Err(ChartError::Unusable("the release names no chart".to_owned()));
        }
        if url.starts_with("oci://") {
            let wanted = WantedChart::Version(version.to_owned(), reading);
            return Self::oci(&format!("{}/{chart}", url.trim_end_matches('/')), wanted);
        }
        let bad =
            || ChartError::Unusable("the URL of a chart repository is not one of https://, http:// or oci://".into());
        let mut parsed = Url::parse(url).map_err(|_| bad())?;
        let cleared = parsed.set_username("").and_then(|()| parsed.set_password(None));
        if cleared.is_err() || !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
            return Err(bad());
        }
        parsed.set_fragment(None);
        Ok(Self::Repository { url: parsed, chart: chart.to_owned(), version: version.to_owned(), reading })
    }
}

/// The tag of a version: `+` cannot be part of one.
pub(super) fn tag_of(version: &str) -> String {
    version.replace('+', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oci(location: &str, version: &str) -> Option<(String, String)> {
        let wanted = WantedChart::Version(version.to_owned(), VersionReading::Helm);
        match ChartRequest::oci(location, wanted).ok()? {
            ChartRequest::Oci { registry, repository, .. } => Some((registry, repository)),
            ChartRequest::Repository { .. } => None,
        }
    }

    #[test]
    fn location_in_a_registry_is_split() {
        let split = |registry: &str, repository: &str| Some((registry.to_owned(), repository.to_owned()));
        assert_eq!(oci("oci://ghcr.io/acme/charts/shop", "1.0.0"), split("ghcr.io", "acme/charts/shop"));
        assert_eq!(oci("oci://reg.example:5000/shop/", "^1"), split("reg.example:5000", "shop"));
        assert_eq!(oci("oci://registry-1.docker.io/acme/shop", "1.0.0+b"), split("docker.io", "acme/shop"));
        assert_eq!(oci("oci://docker.io/acme/shop", ""), split("docker.io", "acme/shop"));
        for bad in [
            "oci://ghcr.io",
            "ghcr.io/",
            "oci://acme/shop",
            "oci://ghcr.io/acme/../shop",
            "oci://ghcr.io/a?b",
            "oci://ghcr.io/Acme/shop",
            "oci://ghcr.io/acme/shop:1",
            "oci://u:p@ghcr.io/acme/shop",
            "",
        ] {
            assert_eq!(oci(bad, "1.0.0"), None, "{bad}");
        }
        assert!(ChartRequest::oci("oci://ghcr.io/a/b", WantedChart::Tag("a/b".to_owned())).is_err());
        assert!(ChartRequest::oci("oci://ghcr.io/a/b", WantedChart::Digest("sha256:1".to_owned())).is_err());
    }

    #[test]
    fn repository_url_loses_its_user() {
        let url = |text: &str| match ChartRequest::in_repository(text, "shop", "", VersionReading::Helm).ok()? {
            ChartRequest::Repository { url, .. } => Some(url.to_string()),
            ChartRequest::Oci { registry, repository, .. } => Some(format!("{registry} {repository}")),
        };
        assert_eq!(url("https://bob:pw@charts.example/x?t=1#y").as_deref(), Some("https://charts.example/x?t=1"));
        assert_eq!(url("oci://ghcr.io/acme/charts").as_deref(), Some("ghcr.io acme/charts/shop"));
        for bad in ["", "charts.example", "file:///etc", "s3://bucket/charts", "@stable", "git+https://a.example/b"] {
            assert_eq!(url(bad), None, "{bad}");
        }
    }
}
