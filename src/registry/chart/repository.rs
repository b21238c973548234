//! Charts in Helm repositories: `index.yaml`, and the archive that it names.

use std::path::PathBuf;

use reqwest::Url;

use super::chart_error::ChartError;
use super::index::{self, IndexEntry, NoEntries};
use super::oci::Repository;
use super::store::is_hex;
use super::{ChartFetcher, ChartRequest, FetchedChart, MAX_ARCHIVE, MAX_INDEX, WantedChart, shown};
use crate::kubelet::probe::Outcome;
use crate::registry::cache;
use crate::registry::digest::digest_of;
use crate::resource::chart::version_range::VersionReading;

const HINT: &str = "no credentials are sent to a Helm repository; render its charts in the pipeline, or vendor them";

/// Fetches a chart.
pub(super) async fn fetch(
    fetcher: &ChartFetcher,
    repository: &Url,
    chart: &str,
    version: &str,
    reading: VersionReading,
) -> Result<FetchedChart, ChartError> {
    fetcher.allow(repository)?;
    let index = fetcher.indexes.once(repository.clone(), || fetch_index(fetcher, repository)).await?;
    let entry = entry(index, repository, chart, version, reading).await?;
    let what = format!("chart {chart} {} of {}", entry.version, shown(repository));
    let unusable = |why: &str| ChartError::NotAChart { what: what.clone(), why: why.to_owned() };
    let url = entry.url.as_deref().ok_or_else(|| unusable("the index names no URL for it"))?;
    let mut url = index::resolve(repository, url).ok_or_else(|| unusable("the index names no valid URL for it"))?;
    match url.scheme() {
        "oci" => return fetch_oci(fetcher, &url, &entry).await,
        "http" | "https" if url.host_str().is_some() => {}
        scheme => return Err(unusable(&format!("the index names a URL of {scheme}:// for it"))),
    }
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    cleared.map_err(|()| unusable("the index names no valid URL for it"))?;
    fetcher.allow(&url)?;
    // Both forms are in use; `helm repo index` writes the hex alone.
    let stated = entry.digest.as_deref().map(|digest| digest.strip_prefix("sha256:").unwrap_or(digest));
    let stated = match stated {
        Some(hex) if is_hex(hex) => Some(format!("sha256:{hex}")),
        Some(_) => return Err(unusable("the digest in the index is not a sha256")),
        None => None,
    };
    let version = entry.version.clone();
    if let Some(digest) = &stated
        && let Some(cached) = fetcher.store.cached(digest, MAX_ARCHIVE)
    {
        return Ok(FetchedChart { path: cached?, version, digest: digest.clone() });
    }
    let bytes = fetcher.client.get(&url, Some(repository), MAX_ARCHIVE, fetcher.time).await;
    let bytes = bytes.map_err(|outcome| ChartError::of(outcome, &shown(&url), MAX_ARCHIVE).hinting(HINT))?;
    let digest = digest_of(&bytes);
    if let Some(expected) = stated.clone().filter(|expected| *expected != digest) {
        return Err(ChartError::DigestMismatch { what: shown(&url), expected });
    }
    let path = fetcher.keep(&shown(&url), &digest, bytes, stated.is_some()).await?;
    Ok(FetchedChart { path, version, digest })
}

/// Fetches an index into a file, so that it does not stay in memory.
async fn fetch_index(fetcher: &ChartFetcher, repository: &Url) -> Result<PathBuf, ChartError> {
    let bad = || ChartError::Unusable(format!("{} cannot be the URL of a repository", shown(repository)));
    let url = index::resolve(repository, "index.yaml").ok_or_else(bad)?;
    let bytes = fetcher.client.get(&url, None, MAX_INDEX, fetcher.time).await;
    let bytes = bytes.map_err(|outcome| match outcome {
        // A private repository may hide behind a 404, so this is no certain answer about the chart.
        Outcome::Absent(evidence) => {
            let status = evidence.status.unwrap_or(404);
            ChartError::Network { what: shown(&url), answer: format!("HTTP {status}; is this a Helm repository?") }
        }
        outcome => ChartError::of(outcome, &shown(&url), MAX_INDEX).hinting(HINT),
    })?;
    fetcher.spend(&bytes)?;
    fetcher.store.write("index", &bytes)
}

/// The entry of the version that is chosen.
async fn entry(
    index: PathBuf,
    repository: &Url,
    chart: &str,
    version: &str,
    reading: VersionReading,
) -> Result<IndexEntry, ChartError> {
    let name = chart.to_owned();
    // Reading tens of megabytes takes a while, in which other requests would wait.
    let read = tokio::task::spawn_blocking(move || {
        let bytes = cache::read_own(&index, MAX_INDEX).map_err(|error| ChartError::Storage(error.to_string()))?;
        Ok(index::entries_of(&bytes, &name))
    });
    let repository = shown(repository);
    let entries = read.await.map_err(|error| ChartError::Storage(error.to_string()))??;
    let entries = entries.map_err(|none| match none {
        NoEntries::Unreadable(why) => {
            ChartError::Network { what: format!("the index of {repository}"), answer: why.to_owned() }
        }
        NoEntries::NoChart(nearest) => {
            ChartError::NoChart { repository: repository.clone(), chart: chart.to_owned(), nearest }
        }
    })?;
    let chosen = index::choose(&entries, version, reading).cloned();
    chosen.ok_or_else(|| ChartError::NoVersion {
        chart: format!("chart {chart} of {repository}"),
        wanted: if version.is_empty() { "latest stable".to_owned() } else { version.to_owned() },
        nearest: index::near_version(&entries, version),
    })
}

/// Fetches a chart whose index leads to an OCI registry.
async fn fetch_oci(fetcher: &ChartFetcher, url: &Url, entry: &IndexEntry) -> Result<FetchedChart, ChartError> {
    let text = url.as_str();
    let name = text.rfind('/').map_or(0, |slash| slash + 1);
    let wanted = |tag: &str| WantedChart::Tag(tag.to_owned());
    let (location, wanted) = match text[name..].split_once(':') {
        Some((last, tag)) => (format!("{}{last}", &text[..name]), wanted(tag)),
        None => (text.to_owned(), wanted(&entry.version)),
    };
    match ChartRequest::oci(&location, wanted)? {
        ChartRequest::Oci { registry, repository, wanted } => {
            Repository::new(fetcher, &registry, &repository).await?.fetch(&wanted).await
        }
        ChartRequest::Repository { .. } => Err(ChartError::Unusable(format!("{location} is not in a registry"))),
    }
}
