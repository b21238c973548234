//! The network [`Prober`]: one question, one outcome.

mod download;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, Url};
use tokio::time::Instant;

use self::download::{Wanted, read_from};
use super::auth::{Memory, Session, Wish};
use super::endpoint::{Endpoint, NoEndpoint, hosts_of};
use super::interrupt::Interrupter;
use super::options::ClientOptions;
use super::options_error::OptionsError;
use super::read::{self, ContentKind, Reader};
use super::reply::{Judged, MAX_MANIFEST, judge_get, judge_head, judge_status, media_type};
use super::resolve::{Lookup, SystemLookup};
use super::tags::{self, TagLimits};
use super::traffic::HostTraffic;
use super::transport::{Budget, SMALL_BODY, Transport};
use super::verdicts::Verdicts;
use crate::image::manifest::{Config, ManifestBody};
use crate::kubelet::probe::{
    Attempt, Defect, Evidence, Manifest, Outcome, Prober, TagList, TagOrDigest, Unknown, Unread,
};

/// The media types that containerd accepts (`core/remotes/docker/resolver.go`). Without the OCI types, or with `*/*`
/// alone, some registries report an existing manifest as unknown.
const MANIFESTS: &str = "application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, */*";

/// Asks registries over HTTP, with one memory for a whole run. Must be created and used within one tokio runtime.
pub struct Client {
    transport: Transport,
    memory: Memory,
    interrupter: Interrupter,
}

impl Client {
    /// Creates a client. The run's deadline starts now.
    ///
    /// # Errors
    /// The settings cannot work.
    pub fn new(options: ClientOptions) -> Result<Self, OptionsError> {
        Self::with_lookup(options, Arc::new(SystemLookup))
    }

    /// Creates a client with its own source of addresses instead of the system's.
    ///
    /// # Errors
    /// The settings cannot work.
    pub fn with_lookup(options: ClientOptions, lookup: Arc<dyn Lookup>) -> Result<Self, OptionsError> {
        Ok(Self {
            transport: Transport::new(options, lookup)?,
            memory: Memory::default(),
            interrupter: Interrupter::default(),
        })
    }

    /// HTTP requests sent so far, including token requests and retries.
    pub fn requests(&self) -> usize {
        self.transport.requests()
    }

    /// The traffic with each host and port, sorted by name.
    pub fn traffic(&self) -> Vec<HostTraffic> {
        self.transport.hosts().traffic()
    }

    /// The host with the longest current wait, and its duration.
    pub fn slowest(&self) -> Option<(String, Duration)> {
        self.transport.hosts().slowest(Instant::now())
    }

    /// Returns a handle that ends the run early.
    pub fn interrupter(&self) -> Interrupter {
        self.interrupter.clone()
    }

    /// Whether an option changes how a registry is reached. Its answers can then differ from those to others.
    pub fn is_overridden(&self, registry: &str) -> bool {
        let options = self.transport.options();
        options.overrides_any() || options.is_overridden(registry)
    }

    /// Whether an option names this host.
    pub(super) fn names(&self, host: &str) -> bool {
        self.transport.options().names(host)
    }

    /// The hosts to ask, in order.
    fn hosts(&self, attempt: &Attempt) -> VecDeque<Result<Endpoint, NoEndpoint>> {
        let by_tag = matches!(attempt.target, TagOrDigest::Tag(_));
        hosts_of(&attempt.registry, by_tag, self.transport.options()).into()
    }

    fn session<'s>(&'s self, attempt: &'s Attempt, endpoint: Endpoint, budget: Budget) -> Session<'s> {
        Session {
            transport: &self.transport,
            memory: &self.memory,
            endpoint,
            repository: &attempt.repository,
            credential: attempt.credential.as_ref(),
            budget,
        }
    }

    fn budget(&self) -> Budget {
        Budget::new(self.transport.options().timeout)
    }

    /// Asks one host after the other until one has the image. Each gets a share of the time, so that a hanging host
    /// leaves enough for the next. `Err` is the combined result of all.
    async fn first_of_hosts<'s, T>(
        &'s self,
        attempt: &'s Attempt,
        mut budget: Budget,
        ask: impl for<'a> Fn(&'a mut Session<'s>) -> BoxFuture<'a, Result<T, Outcome>>,
    ) -> Result<T, Outcome> {
        let mut all = Verdicts::default();
        let mut hosts = self.hosts(attempt);
        while let Some(host) = hosts.pop_front() {
            let endpoint = match host {
                Ok(endpoint) => endpoint,
                Err(reason) => {
                    all.add(no_endpoint(&attempt.registry, &reason));
                    continue;
                }
            };
            let share = budget.share(turns(&endpoint, &hosts));
            let mut session = self.session(attempt, endpoint, share);
            let outcome = match ask(&mut session).await {
                Ok(found) => return Ok(found),
                Err(outcome) => outcome,
            };
            budget.give_back(session.budget);
            let plain = match &outcome {
                Outcome::Unknown(failure, _) => session.endpoint.without_tls(*failure),
                _ => None,
            };
            match plain {
                Some(plain) => hosts.push_front(Ok(plain)),
                None => all.add(outcome),
            }
        }
        Err(all.most_telling(self.transport.options().runtime))
    }

    async fn ask_hosts(&self, attempt: &Attempt, by: &Method) -> Outcome {
        let found =
            self.first_of_hosts(attempt, self.budget(), |session| Box::pin(ask(session, &attempt.target, by))).await;
        let outcome = found.map_or_else(|outcome| outcome, Outcome::Found);
        let runtime = self.transport.options().runtime;
        match (&outcome, &attempt.target) {
            // A digest without a manifest may be that of a blob, which containerd takes for an image of an unknown
            // kind.
            (Outcome::Absent(_), TagOrDigest::Digest(_)) if *by == Method::HEAD && runtime.is_containerd() => {
                let blob = self
                    .first_of_hosts(attempt, self.budget(), |session| Box::pin(ask_for_blob(session, &attempt.target)));
                match blob.await {
                    Ok(blob) => Outcome::Found(blob),
                    Err(Outcome::Absent(_)) => outcome,
                    // containerd reports the answer about the blob, and the exact message is not certain.
                    Err(_) => reported(outcome, Outcome::Unknown(Unknown::RegistryError, Evidence::default())),
                }
            }
            _ => outcome,
        }
    }

    /// The content at a digest, whose bytes are checked against it.
    async fn read_at(&self, attempt: &Attempt, place: ContentKind) -> Result<Vec<u8>, Unread> {
        let wanted = Wanted { target: &attempt.target, place, cap: MAX_MANIFEST as usize };
        self.first_of_hosts(attempt, self.budget(), |session| Box::pin(read_from(session, wanted)))
            .await
            .map_err(unread)
    }

    async fn tags_of_hosts(&self, attempt: &Attempt, limits: TagLimits) -> TagList {
        let mut budget = self.budget();
        let mut tags = TagList::Unknown;
        let mut hosts = self.hosts(attempt);
        while let Some(host) = hosts.pop_front() {
            let Ok(endpoint) = host else { continue };
            let share = budget.share(turns(&endpoint, &hosts));
            let mut session = self.session(attempt, endpoint, share);
            match tags::list(&mut session, limits).await {
                TagList::Unknown => {}
                TagList::NoRepository => tags = TagList::NoRepository,
                tags => return tags,
            }
            budget.give_back(session.budget);
        }
        tags
    }
}

/// The number of turns left, including this host's; a host that falls back to HTTP is asked twice.
fn turns(next: &Endpoint, others: &VecDeque<Result<Endpoint, NoEndpoint>>) -> u32 {
    others.iter().flatten().chain([next]).map(Endpoint::turns).sum()
}

/// Asks one host for a manifest. `Err` is any other outcome.
async fn ask(session: &mut Session<'_>, target: &TagOrDigest, by: &Method) -> Result<Manifest, Outcome> {
    let manifest_of = |outcome| match outcome {
        // containerd continues with the next host.
        Outcome::Found(manifest) if manifest.defect != Some(Defect::TooBig) => Ok(manifest),
        outcome => Err(outcome),
    };
    let runtime = session.transport.options().runtime;
    let url = session.endpoint.manifest(session.repository, target.as_str());
    let url = url.ok_or_else(|| not_a_host(session.endpoint.base().host_str().unwrap_or_default()))?;
    let wish = wish(by.clone(), url);
    if wish.method == Method::HEAD {
        let followed = session.fetch(&wish).await?;
        match judge_head(&followed.answer, target, runtime, session.evidence(&wish, &followed)) {
            Judged::Clear(outcome) => return manifest_of(outcome),
            Judged::Fetch => {}
        }
    }
    let get = Wish { method: Method::GET, ..wish };
    let followed = session.fetch(&get).await?;
    manifest_of(judge_get(&followed.answer, target, runtime, session.evidence(&get, &followed)))
}

/// Asks for a blob when no manifest has this digest. `Err` means only that there is no blob either.
async fn ask_for_blob(session: &mut Session<'_>, target: &TagOrDigest) -> Result<Manifest, Outcome> {
    let url = session.endpoint.blob(session.repository, target.as_str());
    let url = url.ok_or_else(|| not_a_host(session.endpoint.base().host_str().unwrap_or_default()))?;
    let wish = wish(Method::HEAD, url);
    let followed = session.fetch(&wish).await?;
    match followed.answer.status {
        200 => Ok(Manifest {
            digest: Some(target.as_str().to_owned()),
            media_type: media_type(&followed.answer),
            defect: Some(Defect::Blob),
            ..Manifest::default()
        }),
        status => Err(judge_status(status, session.evidence(&wish, &followed))),
    }
}

/// Whether one host has a blob. A negative answer to `HEAD` is not trusted: containerd uses `GET`, and the storage
/// behind the registry may answer one and not the other.
async fn has_blob(session: &mut Session<'_>, digest: &str) -> Result<(), Outcome> {
    let url = session.endpoint.blob(session.repository, digest);
    let url = url.ok_or_else(|| not_a_host(session.endpoint.base().host_str().unwrap_or_default()))?;
    let head = Wish { cap: SMALL_BODY, ..wish(Method::HEAD, url.clone()) };
    if session.fetch(&head).await?.answer.status == 200 {
        return Ok(());
    }
    let mut get = Wish { cap: SMALL_BODY, ..wish(Method::GET, url) };
    get.headers.insert(RANGE, HeaderValue::from_static("bytes=0-0"));
    let followed = session.fetch(&get).await?;
    match followed.answer.status {
        200 | 206 => Ok(()),
        // If another host does not have it, the registry may have redirected wrongly.
        404 if followed.foreign => Err(Outcome::Unknown(Unknown::RegistryError, session.evidence(&get, &followed))),
        status => Err(judge_status(status, session.evidence(&get, &followed))),
    }
}

/// Sets the outcome that the runtime reports, if it is another one.
fn reported(mut outcome: Outcome, other: Outcome) -> Outcome {
    if let Outcome::Absent(evidence) | Outcome::Denied(_, evidence) | Outcome::Unknown(_, evidence) = &mut outcome {
        evidence.reported = Some(Box::new(other));
    }
    outcome
}

/// The reason why a manifest was not read, from an outcome that is not a manifest.
fn unread(outcome: Outcome) -> Unread {
    match outcome {
        Outcome::Unknown(unknown, evidence) => Unread { defect: None, unknown, evidence },
        Outcome::Absent(evidence) => {
            Unread { defect: Some(Defect::ContentMissing), unknown: Unknown::RegistryError, evidence }
        }
        Outcome::Denied(_, evidence) => Unread { defect: None, unknown: Unknown::RegistryError, evidence },
        Outcome::Found(found) => {
            Unread { defect: found.defect, unknown: Unknown::RegistryError, evidence: Evidence::default() }
        }
    }
}

impl Prober for Client {
    async fn probe(&self, attempt: &Attempt) -> Outcome {
        let asked = self.interrupter.unless_interrupted(self.ask_hosts(attempt, &Method::HEAD)).await;
        asked.unwrap_or_else(interrupted)
    }

    async fn tags(&self, attempt: &Attempt) -> TagList {
        self.list_tags(attempt, TagLimits::default()).await
    }

    async fn explain(&self, attempt: &Attempt) -> Outcome {
        let asked = self.interrupter.unless_interrupted(self.ask_hosts(attempt, &Method::GET)).await;
        asked.unwrap_or_else(interrupted)
    }

    async fn content(&self, attempt: &Attempt) -> Result<Arc<ManifestBody>, Unread> {
        read::content(&self.read(attempt, ContentKind::Manifest).await?)
    }

    async fn config(&self, attempt: &Attempt) -> Result<Config, Unread> {
        read::config(&self.read(attempt, ContentKind::Blob).await?)
    }

    async fn layer(&self, attempt: &Attempt) -> Result<(), Unread> {
        let digest = attempt.target.as_str();
        let asked = self.first_of_hosts(attempt, self.budget(), |session| Box::pin(has_blob(session, digest)));
        match self.interrupter.unless_interrupted(asked).await {
            Some(has) => has.map_err(unread),
            None => Err(unread(interrupted())),
        }
    }
}

impl Reader for Client {
    async fn read(&self, attempt: &Attempt, place: ContentKind) -> Result<Vec<u8>, Unread> {
        let read = self.interrupter.unless_interrupted(self.read_at(attempt, place)).await;
        read.unwrap_or_else(|| Err(unread(interrupted())))
    }
}

fn wish(method: Method, url: Url) -> Wish {
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(MANIFESTS))]);
    Wish { method, url, headers, cap: MAX_MANIFEST as usize }
}

fn interrupted() -> Outcome {
    Outcome::Unknown(Unknown::Interrupted, Evidence::default())
}

fn no_endpoint(registry: &str, reason: &NoEndpoint) -> Outcome {
    match reason {
        NoEndpoint::NodeLocal => Outcome::Unknown(Unknown::NodeLocal, Evidence::default()),
        NoEndpoint::NotAHost => not_a_host(registry),
        NoEndpoint::Unusable(words) => {
            Outcome::Unknown(Unknown::NodeConfig, Evidence { message: Some(words.clone()), ..Evidence::default() })
        }
    }
}

/// The outcome for a name that the reference grammar accepts but no URL can contain.
fn not_a_host(registry: &str) -> Outcome {
    let message = format!("dial tcp: lookup {registry}: no such host");
    Outcome::Unknown(Unknown::Dns, Evidence { message: Some(message), ..Evidence::default() })
}
