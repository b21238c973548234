//! The [`Prober`] of the wire: one question, one outcome.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use tokio::time::Instant;

use super::auth::{Memory, Session, Wish};
use super::endpoint::{Endpoint, NoEndpoint};
use super::interrupt::Interrupter;
use super::options::{ClientOptions, OptionsError};
use super::read::{self, Place, Reader};
use super::reply::{Judged, MAX_MANIFEST, judge_get, judge_head, read_content};
use super::resolve::{Lookup, SystemLookup};
use super::tags;
use super::traffic::HostTraffic;
use super::transport::{Budget, Transport};
use crate::manifest::Content;
use crate::platform::Platform;
use crate::probe::{Attempt, Evidence, Outcome, Prober, TagList, Unknown, Unread};

/// What containerd accepts (`core/remotes/docker/resolver.go`). Without the OCI types, or with `*/*` alone, some
/// registries say that a manifest is unknown which is there.
const MANIFESTS: &str = "application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, */*";

/// Asks registries over HTTP, with one memory for a whole run. To be made and used within one tokio runtime.
pub struct Client {
    transport: Transport,
    memory: Memory,
    interrupter: Interrupter,
}

impl Client {
    /// A client; the run's deadline counts from now.
    ///
    /// # Errors
    /// Settings that cannot work.
    pub fn new(options: ClientOptions) -> Result<Self, OptionsError> {
        Self::with_lookup(options, Arc::new(SystemLookup))
    }

    /// A client that takes addresses from elsewhere than the system.
    ///
    /// # Errors
    /// Settings that cannot work.
    pub fn with_lookup(options: ClientOptions, lookup: Arc<dyn Lookup>) -> Result<Self, OptionsError> {
        Ok(Self {
            transport: Transport::new(options, lookup)?,
            memory: Memory::default(),
            interrupter: Interrupter::default(),
        })
    }

    /// HTTP requests sent so far, token requests and repetitions included.
    pub fn requests(&self) -> usize {
        self.transport.requests()
    }

    /// What was sent to each host and port, in the order of their names.
    pub fn traffic(&self) -> Vec<HostTraffic> {
        self.transport.lanes().traffic()
    }

    /// The host that lets us wait longest at this moment, and for how long.
    pub fn slowest(&self) -> Option<(String, Duration)> {
        self.transport.lanes().slowest(Instant::now())
    }

    /// The means to end it before its time.
    pub fn interrupter(&self) -> Interrupter {
        self.interrupter.clone()
    }

    fn session<'s>(&'s self, attempt: &'s Attempt) -> Result<Session<'s>, Outcome> {
        let endpoint = Endpoint::of(&attempt.registry, self.transport.options()).map_err(|reason| match reason {
            NoEndpoint::NodeLocal => Outcome::Unknown(Unknown::NodeLocal, Evidence::default()),
            NoEndpoint::NotAHost => not_a_host(&attempt.registry),
        })?;
        Ok(Session {
            transport: &self.transport,
            memory: &self.memory,
            endpoint,
            repository: &attempt.repository,
            credential: attempt.credential.as_ref(),
            budget: Budget::new(self.transport.options().timeout),
        })
    }

    async fn read_at(&self, attempt: &Attempt, place: Place) -> Result<Vec<u8>, Unread> {
        let mut session = self.session(attempt).map_err(unread)?;
        let digest = attempt.target.as_str();
        let url = match place {
            Place::Manifest => session.endpoint.manifest(&attempt.repository, digest),
            Place::Blob => session.endpoint.blob(&attempt.repository, digest),
        };
        let get = wish(Method::GET, url.ok_or_else(|| unread(not_a_host(&attempt.registry)))?);
        let followed = session.fetch(&get).await.map_err(unread)?;
        read_content(&followed.answer, digest, session.evidence(&get, &followed))
    }

    async fn ask(&self, attempt: &Attempt) -> Result<Outcome, Outcome> {
        let mut session = self.session(attempt)?;
        let url = session.endpoint.manifest(&attempt.repository, attempt.target.as_str());
        let url = url.ok_or_else(|| not_a_host(&attempt.registry))?;
        let head = wish(Method::HEAD, url);
        let followed = session.fetch(&head).await?;
        let evidence = session.evidence(&head, &followed);
        match judge_head(&followed.answer, &attempt.target, evidence) {
            Judged::Clear(outcome) => Ok(outcome),
            Judged::Fetch => {
                let get = Wish { method: Method::GET, ..head };
                let followed = session.fetch(&get).await?;
                Ok(judge_get(&followed.answer, &attempt.target, session.evidence(&get, &followed)))
            }
        }
    }

    async fn ask_by_get(&self, attempt: &Attempt) -> Result<Outcome, Outcome> {
        let mut session = self.session(attempt)?;
        let url = session.endpoint.manifest(&attempt.repository, attempt.target.as_str());
        let get = wish(Method::GET, url.ok_or_else(|| not_a_host(&attempt.registry))?);
        let followed = session.fetch(&get).await?;
        Ok(judge_get(&followed.answer, &attempt.target, session.evidence(&get, &followed)))
    }
}

/// An outcome that is not a manifest, as the reason why one was not read.
fn unread(outcome: Outcome) -> Unread {
    match outcome {
        Outcome::Unknown(unknown, evidence) => Unread { unknown, evidence },
        Outcome::Absent(evidence) | Outcome::Denied(_, evidence) => {
            Unread { unknown: Unknown::RegistryError, evidence }
        }
        Outcome::Found(_) => Unread { unknown: Unknown::RegistryError, evidence: Evidence::default() },
    }
}

impl Prober for Client {
    async fn probe(&self, attempt: &Attempt) -> Outcome {
        let asked = self.interrupter.unless_interrupted(self.ask(attempt)).await;
        asked.unwrap_or_else(|| Err(interrupted())).unwrap_or_else(|outcome| outcome)
    }

    async fn tags(&self, attempt: &Attempt) -> TagList {
        match self.session(attempt) {
            Ok(mut session) => {
                let list = self.interrupter.unless_interrupted(tags::list(&mut session)).await;
                list.unwrap_or(TagList::Unknown)
            }
            Err(_) => TagList::Unknown,
        }
    }

    async fn explain(&self, attempt: &Attempt) -> Outcome {
        let asked = self.interrupter.unless_interrupted(self.ask_by_get(attempt)).await;
        asked.unwrap_or_else(|| Err(interrupted())).unwrap_or_else(|outcome| outcome)
    }

    async fn content(&self, attempt: &Attempt) -> Result<Arc<Content>, Unread> {
        read::content(&self.read(attempt, Place::Manifest).await?)
    }

    async fn config(&self, attempt: &Attempt) -> Result<Platform, Unread> {
        read::config(&self.read(attempt, Place::Blob).await?)
    }
}

impl Reader for Client {
    async fn read(&self, attempt: &Attempt, place: Place) -> Result<Vec<u8>, Unread> {
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

/// A name that the reference grammar lets through and that no URL can hold.
fn not_a_host(registry: &str) -> Outcome {
    let message = format!("dial tcp: lookup {registry}: no such host");
    Outcome::Unknown(Unknown::Dns, Evidence { message: Some(message), ..Evidence::default() })
}
