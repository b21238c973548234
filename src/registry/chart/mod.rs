//! `--fetch-charts`: the charts of releases, from OCI registries and Helm repositories.
//!
//! ```text
//! ChartRequest ──oci──→ tag list → manifest → layer ─┐
//!              ──repository──→ index.yaml → archive ─┴→ archive checks → store → FetchedChart
//! ```
//! Everything goes through the transport that images use: its limits, its guard over addresses, its redirects without
//! credentials. Manifests only say which chart is wanted. No credential of theirs is ever sent, and none at all to a
//! Helm repository.

mod archive;
mod chart_error;
mod host_glob;
mod index;
mod oci;
mod repository;
mod request;
mod store;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::Url;
use tokio::sync::{OnceCell, Semaphore};

pub use chart_error::ChartError;
pub use host_glob::ChartHost;
pub use request::{ChartRequest, WantedChart};
pub use store::ChartCache;

use super::cache::NoStore;
use super::certs_dir::CertsDir;
use super::client::Client;
use super::interrupt::Interrupter;
use super::once_map::OnceMap;
use super::options::{ClientOptions, DOCKER_HUB};
use super::options_error::OptionsError;
use super::traffic::HostTraffic;
use crate::credential::pair::Credential;
use crate::image::host::is_local_name;
use crate::image::runtime::Runtime;
use store::ArchiveStore;

/// Largest archive, in bytes: twice what Flux takes (`MaxChartSize` in `internal/helm/helm.go` of
/// fluxcd/source-controller). Helm itself limits only what it unpacks to.
const MAX_ARCHIVE: usize = 20 << 20;

/// Largest index of a Helm repository, in bytes: what Flux takes (`MaxIndexSize` there).
const MAX_INDEX: usize = 50 << 20;

/// Most charts of one run.
const MAX_CHARTS: usize = 500;

/// Most bytes that one run stores.
const MAX_BYTES: u64 = 1 << 30;

/// Charts that are fetched at the same time: each may take an index and an archive of memory.
const TOGETHER: usize = 4;

/// Time limit for one request, as a multiple of that for an image: an archive is a thousand times a manifest.
const TIMES: u32 = 4;

/// The operator's credentials for charts.
pub trait ChartCredentials: fmt::Debug + Send + Sync {
    /// The credentials for a repository (`ghcr.io/acme/charts/shop`), in the order in which they are tried. Empty if
    /// there are none; an anonymous attempt follows in any case.
    fn of<'a>(&'a self, repository: &'a str) -> BoxFuture<'a, Vec<Credential>>;
}

/// The settings of `--fetch-charts`.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// How servers are reached. The nodes' mirrors in it are not used: charts are fetched by what deploys them.
    pub client: ClientOptions,
    /// `--chart-hosts`: the only hosts that are asked; any host if empty.
    pub hosts: Vec<ChartHost>,
    /// The operator's own credentials, for OCI registries only.
    pub credentials: Option<Arc<dyn ChartCredentials>>,
    /// Where archives are kept for later runs.
    pub cache: ChartCache,
}

/// A chart that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedChart {
    /// The archive, a `.tgz` file that helm reads in place of a chart's folder. It exists as long as the
    /// [`ChartFetcher`].
    pub path: PathBuf,
    /// The version: that of the index entry or the manifest's annotation, else what the tag stands for.
    pub version: String,
    /// `sha256:` and hex: the digest of the manifest in an OCI registry, of the archive in a Helm repository.
    pub digest: String,
}

/// Why no chart can be fetched at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoFetcher {
    /// The settings cannot work.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// There is no place for archives.
    #[error(transparent)]
    Folder(#[from] ChartError),
}

/// Fetches charts, each once. Must be created and used within one tokio runtime. Dropping it removes the archives.
pub struct ChartFetcher {
    client: Client,
    hosts: Vec<ChartHost>,
    credentials: Option<Arc<dyn ChartCredentials>>,
    store: ArchiveStore,
    no_store: Option<NoStore>,
    charts: OnceMap<ChartRequest, OnceCell<Result<FetchedChart, ChartError>>>,
    indexes: OnceMap<Url, OnceCell<Result<PathBuf, ChartError>>>,
    together: Semaphore,
    started: AtomicUsize,
    bytes: AtomicU64,
    time: Duration,
}

impl ChartFetcher {
    /// Creates a fetcher. The run's deadline starts now.
    ///
    /// # Errors
    /// The settings cannot work, or there is no temporary folder.
    pub fn new(options: &FetchOptions) -> Result<Self, NoFetcher> {
        let client = ClientOptions {
            mirrors: Vec::new(),
            certs_dir: CertsDir::default(),
            runtime: Runtime::default(),
            ..options.client.clone()
        };
        let time = client.timeout.saturating_mul(TIMES);
        let (store, no_store) = ArchiveStore::open(&options.cache)?;
        Ok(Self {
            client: Client::new(client)?,
            hosts: options.hosts.clone(),
            credentials: options.credentials.clone(),
            store,
            no_store,
            charts: OnceMap::default(),
            indexes: OnceMap::default(),
            together: Semaphore::new(TOGETHER),
            started: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            time,
        })
    }

    /// Fetches a chart. The same request is answered from memory, also while the first one is in progress.
    ///
    /// # Errors
    /// There is no such chart, or it could not be fetched; [`ChartError::is_certain`] tells which.
    pub async fn fetch(&self, request: &ChartRequest) -> Result<FetchedChart, ChartError> {
        self.charts.once(request.clone(), || self.fetch_anew(request)).await
    }

    async fn fetch_anew(&self, request: &ChartRequest) -> Result<FetchedChart, ChartError> {
        if self.started.fetch_add(1, Ordering::Relaxed) >= MAX_CHARTS {
            return Err(ChartError::RunLimit(format!("this run has fetched {MAX_CHARTS} charts, and fetches no more")));
        }
        let _place = self.together.acquire().await.map_err(|_| ChartError::Interrupted)?;
        match request {
            ChartRequest::Oci { registry, repository, wanted } => {
                oci::Repository::new(self, registry, repository).await?.fetch(wanted).await
            }
            ChartRequest::Repository { url, chart, version, reading } => {
                repository::fetch(self, url, chart, version, *reading).await
            }
        }
    }

    /// Returns a handle that ends the run early; what is in progress fails with [`ChartError::Interrupted`].
    pub fn interrupter(&self) -> Interrupter {
        self.client.interrupter()
    }

    /// HTTP requests sent so far.
    pub fn requests(&self) -> usize {
        self.client.requests()
    }

    /// The traffic with each host and port, sorted by name.
    pub fn traffic(&self) -> Vec<HostTraffic> {
        self.client.traffic()
    }

    /// Why archives are not kept for later runs although they should be.
    pub fn no_store(&self) -> Option<&NoStore> {
        self.no_store.as_ref()
    }

    /// Whether the host of a URL may be asked.
    fn allow(&self, url: &Url) -> Result<(), ChartError> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default();
        let shown = || url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
        if !self.hosts.is_empty() && !self.hosts.iter().any(|pattern| pattern.matches(host, port)) {
            return Err(ChartError::HostNotAllowed(if host == DOCKER_HUB { "docker.io".to_owned() } else { shown() }));
        }
        // Registries are checked by their endpoints, and addresses by the transport.
        if is_local_name(host) && !self.client.names(host) {
            let answer = "only the node or the cluster can reach this host, so it is not contacted".to_owned();
            return Err(ChartError::Network { what: shown(), answer });
        }
        Ok(())
    }

    /// Adds to the bytes that this run stores.
    fn spend(&self, bytes: &[u8]) -> Result<(), ChartError> {
        let before = self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if before + bytes.len() as u64 > MAX_BYTES {
            return Err(ChartError::RunLimit("this run has fetched 1 GiB of charts, and fetches no more".to_owned()));
        }
        Ok(())
    }

    /// Checks an archive and stores it. `keeps`: a server has named its digest.
    async fn keep(&self, what: &str, digest: &str, bytes: Vec<u8>, keeps: bool) -> Result<PathBuf, ChartError> {
        self.spend(&bytes)?;
        // Unpacking takes a while, in which other requests would wait.
        let checked = tokio::task::spawn_blocking(move || archive::check(&bytes).map(|()| bytes)).await;
        let checked = checked.map_err(|error| ChartError::Storage(error.to_string()))?;
        let why = |bad: archive::BadArchive| bad.words().to_owned();
        let bytes = checked.map_err(|bad| ChartError::NotAChart { what: what.to_owned(), why: why(bad) })?;
        self.store.store(digest, &bytes, keeps)
    }
}

/// A URL as it may be shown: without user and query, which can contain secrets.
fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}
