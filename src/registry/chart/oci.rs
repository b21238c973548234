//! Charts in OCI registries: an image manifest with the configuration and the layer of a chart.
//!
//! Follows `pkg/registry/client.go` of Helm 3.22 (`Pull`), and Helm's and Flux's choice of a tag.

use std::collections::BTreeMap;
use std::path::PathBuf;

use reqwest::Url;
use serde::Deserialize;

use super::chart_error::{ChartError, nearest};
use super::request::tag_of;
use super::{ChartFetcher, FetchedChart, MAX_ARCHIVE, WantedChart};
use crate::image::manifest::is_digest;
use crate::kubelet::probe::{Attempt, Defect, Outcome, TagList, TagOrDigest};
use crate::registry::digest::digest_of;
use crate::registry::read::ContentKind;
use crate::registry::reply::MAX_MANIFEST;
use crate::registry::tags::TagLimits;
use crate::resource::chart::version_range::{self, VersionRange, VersionReading};

/// The layer with the chart's archive.
const CHART_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// The same before Helm 3.7.
const OLD_CHART_LAYER: &str = "application/tar+gzip";
/// The layer of an artifact that `flux push artifact` made of a folder.
const FLUX_LAYER: &str = "application/vnd.cncf.flux.content.v1.tar+gzip";
/// The annotation with the chart's version, which Helm writes.
const VERSION: &str = "org.opencontainers.image.version";

/// Pages of tags that are read, of a thousand each where the registry honors that.
const LISTED: TagLimits = TagLimits { pages: 20 };

const HINT: &str = "if the chart is private, pass credentials for the registry with --dockerconfigjson";

/// The relevant fields of a manifest.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Descriptor>,
    /// The entries of an index.
    #[serde(default)]
    manifests: Vec<serde::de::IgnoredAny>,
    config: Option<Descriptor>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Descriptor {
    #[serde(rename = "mediaType", default)]
    media_type: String,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    size: u64,
}

/// A repository of a registry, with the credentials for it.
pub(super) struct Repository<'f> {
    fetcher: &'f ChartFetcher,
    /// `oci://ghcr.io/acme/charts/shop`.
    name: String,
    /// The questions with each credential, the anonymous one last.
    attempts: Vec<Attempt>,
}

impl<'f> Repository<'f> {
    /// Finds the credentials, if the registry may be asked.
    pub(super) async fn new(fetcher: &'f ChartFetcher, registry: &str, repository: &str) -> Result<Self, ChartError> {
        let host = Url::parse(&format!("https://{registry}/"));
        fetcher.allow(&host.map_err(|_| ChartError::Unusable(format!("{registry} is not a host")))?)?;
        let credentials = match &fetcher.credentials {
            Some(credentials) => credentials.of(&format!("{registry}/{repository}")).await,
            None => Vec::new(),
        };
        let anonymous = Attempt {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            target: TagOrDigest::Tag(String::new()),
            credential: None,
        };
        let known = credentials.iter().filter(|credential| !credential.is_anonymous());
        let attempts = known.map(|credential| anonymous.with(Some(credential))).chain([anonymous.clone()]).collect();
        Ok(Self { fetcher, name: format!("oci://{registry}/{repository}"), attempts })
    }

    /// Fetches the chart.
    pub(super) async fn fetch(self, wanted: &WantedChart) -> Result<FetchedChart, ChartError> {
        let (target, written) = match wanted {
            WantedChart::Tag(tag) => (TagOrDigest::Tag(tag_of(tag)), tag.clone()),
            WantedChart::Digest(digest) => (TagOrDigest::Digest(digest.clone()), digest.clone()),
            WantedChart::Version(version, reading) if reading.pins(version) => {
                (TagOrDigest::Tag(tag_of(version)), version.clone())
            }
            WantedChart::Version(range, reading) => {
                let tag = self.choose(range, *reading).await?;
                (TagOrDigest::Tag(tag.clone()), tag)
            }
        };
        let (bytes, attempt) = self.manifest(&target, &written).await?;
        let what = match &target {
            TagOrDigest::Tag(tag) => format!("{}:{tag}", self.name),
            TagOrDigest::Digest(digest) => format!("{}@{digest}", self.name),
        };
        let not_a_chart = |why: String| ChartError::NotAChart { what: what.clone(), why };
        let manifest: Manifest =
            serde_json::from_slice(&bytes).map_err(|_| not_a_chart("its manifest cannot be read".to_owned()))?;
        let layer = manifest.layers.iter().find(|layer| layer.media_type == CHART_LAYER);
        let old = || manifest.layers.iter().find(|layer| layer.media_type == OLD_CHART_LAYER);
        let layer = layer.or_else(old).ok_or_else(|| not_a_chart(kind_of(&manifest)))?;
        if !(is_digest(&layer.digest) && layer.digest.starts_with("sha256:")) {
            return Err(not_a_chart("the digest of its layer is not a sha256".to_owned()));
        }
        let path = self.layer(&what, layer, &attempt).await?;
        let stated = manifest.annotations.unwrap_or_default().remove(VERSION).filter(|version| !version.is_empty());
        let of_tag = || match &target {
            TagOrDigest::Tag(tag) => tag.replace('_', "+"),
            TagOrDigest::Digest(digest) => digest.clone(),
        };
        Ok(FetchedChart { path, version: stated.unwrap_or_else(of_tag), digest: digest_of(&bytes) })
    }

    /// The manifest, and the attempt that may read it. A credential that is refused makes way for the next one.
    async fn manifest(&self, target: &TagOrDigest, written: &str) -> Result<(Vec<u8>, Attempt), ChartError> {
        let mut refused = None;
        for attempt in &self.attempts {
            let attempt = Attempt { target: target.clone(), ..attempt.clone() };
            let wanted = (ContentKind::Manifest, MAX_MANIFEST as usize);
            match self.fetcher.client.download(&attempt, wanted, self.fetcher.time).await {
                Ok(bytes) => return Ok((bytes, attempt)),
                Err(outcome @ Outcome::Denied(..)) => refused = refused.or(Some(outcome)),
                Err(Outcome::Absent(_)) => return Err(self.absent(&attempt, written).await),
                Err(outcome) => return Err(self.error(outcome, target.as_str())),
            }
        }
        // There is at least the anonymous attempt.
        Err(refused.map_or(ChartError::Interrupted, |outcome| self.error(outcome, target.as_str())))
    }

    /// The archive in the layer: from the cache, or from the registry.
    async fn layer(&self, what: &str, layer: &Descriptor, attempt: &Attempt) -> Result<PathBuf, ChartError> {
        if layer.size > MAX_ARCHIVE as u64 {
            return Err(ChartError::TooLarge { what: what.to_owned(), limit: MAX_ARCHIVE >> 20 });
        }
        if let Some(cached) = self.fetcher.store.cached(&layer.digest, MAX_ARCHIVE) {
            return cached;
        }
        let attempt = Attempt { target: TagOrDigest::Digest(layer.digest.clone()), ..attempt.clone() };
        let wanted = (ContentKind::Blob, MAX_ARCHIVE);
        let bytes = self.fetcher.client.download(&attempt, wanted, self.fetcher.time).await;
        let bytes = bytes.map_err(|outcome| match outcome {
            Outcome::Absent(_) => {
                let why = format!("its layer {} is missing in the registry", layer.digest);
                ChartError::NotAChart { what: what.to_owned(), why }
            }
            outcome => self.error(outcome, &layer.digest),
        })?;
        self.fetcher.keep(what, &layer.digest, bytes, true).await
    }

    /// The tag of the highest version in a range. A list that was cut off may lack it.
    async fn choose(&self, range: &str, reading: VersionReading) -> Result<String, ChartError> {
        let latest = if range.is_empty() { "latest stable" } else { range };
        let parsed = VersionRange::parse(if range.is_empty() { "*" } else { range });
        let mut last = None;
        for attempt in &self.attempts {
            let (tags, all) = match self.fetcher.client.list_tags(attempt, LISTED).await {
                TagList::Tags(tags) => (tags, true),
                TagList::Incomplete(tags) => (tags, false),
                TagList::NoRepository => return Err(self.no_repository(attempt)),
                TagList::Unknown => {
                    last = Some(attempt);
                    continue;
                }
            };
            let versions = || tags.iter().filter(|tag| reading.of_tag(tag).is_some());
            let Some(parsed) = &parsed else {
                // Argo CD takes a text that is no range for a tag; the others refuse it.
                let is_tag = reading == VersionReading::ArgoCd && tags.iter().any(|tag| tag == range);
                let meant = || nearest(range, tags.iter().map(String::as_str));
                return if is_tag { Ok(range.to_owned()) } else { Err(self.no_version(latest, meant())) };
            };
            if !all {
                return Err(ChartError::TagsUnknown { chart: self.name.clone(), wanted: latest.to_owned() });
            }
            let chosen = version_range::choose(parsed, versions().map(String::as_str), reading);
            return chosen.map(str::to_owned).ok_or_else(|| {
                let of_tags = versions().filter_map(|tag| Some((reading.of_tag(tag)?, tag)));
                self.no_version(latest, version_range::highest(of_tags).cloned())
            });
        }
        Err(self.without_list(last, latest).await)
    }

    /// Why there is no tag list: a request for a manifest tells more than one for a list, which many registries refuse.
    async fn without_list(&self, attempt: Option<&Attempt>, range: &str) -> ChartError {
        let Some(attempt) = attempt else { return ChartError::Interrupted };
        let attempt = Attempt { target: TagOrDigest::Tag("latest".to_owned()), ..attempt.clone() };
        let wanted = (ContentKind::Manifest, MAX_MANIFEST as usize);
        match self.fetcher.client.download(&attempt, wanted, self.fetcher.time).await {
            Ok(_) | Err(Outcome::Absent(_) | Outcome::Found(_)) => {
                ChartError::TagsUnknown { chart: self.name.clone(), wanted: range.to_owned() }
            }
            Err(outcome) => self.error(outcome, "latest"),
        }
    }

    /// The error for a tag or digest that the registry does not know.
    async fn absent(&self, attempt: &Attempt, written: &str) -> ChartError {
        match self.fetcher.client.list_tags(attempt, LISTED).await {
            TagList::NoRepository => self.no_repository(attempt),
            TagList::Tags(tags) | TagList::Incomplete(tags) => {
                self.no_version(written, nearest(written, tags.iter().map(String::as_str)))
            }
            TagList::Unknown => self.no_version(written, None),
        }
    }

    fn no_repository(&self, attempt: &Attempt) -> ChartError {
        ChartError::NoRepository { registry: attempt.registry.clone(), repository: attempt.repository.clone() }
    }

    fn no_version(&self, wanted: &str, nearest: Option<String>) -> ChartError {
        ChartError::NoVersion { chart: self.name.clone(), wanted: wanted.to_owned(), nearest }
    }

    fn error(&self, outcome: Outcome, target: &str) -> ChartError {
        match &outcome {
            Outcome::Found(found) if found.defect == Some(Defect::ContentMismatch) => {
                ChartError::DigestMismatch { what: self.name.clone(), expected: target.to_owned() }
            }
            _ => ChartError::of(outcome, &self.name, MAX_ARCHIVE).hinting(HINT),
        }
    }
}

/// What a manifest without a chart is.
fn kind_of(manifest: &Manifest) -> String {
    let config = manifest.config.as_ref().map(|config| config.media_type.as_str()).unwrap_or_default();
    if manifest.layers.iter().any(|layer| layer.media_type == FLUX_LAYER) {
        return "it is an artifact of Flux with a folder of sources".to_owned();
    }
    if !manifest.manifests.is_empty() {
        return "it is an index of several images".to_owned();
    }
    match config {
        "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json" => {
            "it is a container image".to_owned()
        }
        _ => format!("its manifest has no layer of the type {CHART_LAYER}"),
    }
}
