//! One exchange: a request, and its answer with a bounded body. Limits and time are handled here. The connections
//! decide where a request goes, and the layers above what an answer means.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use reqwest::header::AUTHORIZATION;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::connections::Connections;
use super::exchange::{Answer, Ask, Errand};
use super::failure::RequestFailure;
use super::limit::{Limits, Turn};
use super::options::ClientOptions;
use super::options_error::OptionsError;
use super::pace::{Leave, Sent};
use super::resolve::Lookup;
use super::retry::{Pause, Retry, Tries};
use super::retry_after;
use crate::kubelet::probe::Unknown;
use crate::registry::host_state::{HostState, HostStates, went_out};

/// Maximum size of error bodies and tokens.
pub(crate) const SMALL_BODY: usize = 64 * 1024;

/// Bodies up to this size in bytes, like those of real manifests, are all read at once. The number of larger bodies
/// is limited, whatever the number of hosts that send them. A connection holds several times the data read from it so
/// far: hyper reads ahead, and reads more at a time the more arrives.
const FREE_BODY: usize = 32 * 1024;
const LARGE_BODIES: usize = 2;

/// Practically forever, but still a time that can be added to the present.
const AGES: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The time that one probe has left. Waiting for a turn is not included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    left: Duration,
    whole: Duration,
}

impl Budget {
    pub(crate) fn new(whole: Duration) -> Self {
        Self { left: whole, whole }
    }

    /// The share of the next of this many hosts.
    pub(crate) fn share(&mut self, hosts: u32) -> Self {
        let share = self.left / hosts.max(1);
        self.left -= share;
        Self::new(share)
    }

    /// Returns the unused time of that host's share.
    pub(crate) fn give_back(&mut self, share: Self) {
        self.left += share.left;
    }

    /// Whether most of the time was used before, possibly on another host. A host that is late then is not to blame.
    fn is_short(self) -> bool {
        self.left < self.whole / 3
    }

    /// Runs a future within the remaining time, but not beyond the deadline of the run.
    async fn spend<T>(&mut self, deadline: Instant, work: impl Future<Output = T>) -> Result<T, RequestFailure> {
        let start = Instant::now();
        let result = timeout_at((start + self.left).min(deadline), work).await;
        self.left = self.left.saturating_sub(start.elapsed());
        result.map_err(|_| match Instant::now() < deadline {
            true => RequestFailure::new(Unknown::Timeout, "context deadline exceeded"),
            false => RequestFailure::over(),
        })
    }
}

/// The exchanges of a run.
pub(crate) struct Transport {
    connections: Connections,
    limits: Limits,
    hosts: HostStates,
    retry: Retry,
    requests: AtomicUsize,
    large: Semaphore,
    deadline: Instant,
}

impl Transport {
    pub(crate) fn new(options: ClientOptions, lookup: Arc<dyn Lookup>) -> Result<Self, OptionsError> {
        let options = ClientOptions {
            timeout: options.timeout.min(AGES),
            connect_timeout: options.connect_timeout.min(AGES),
            deadline: options.deadline.min(AGES),
            ..options
        };
        let limits = Limits::new(options.concurrency);
        let hosts = HostStates::new(options.host_concurrency);
        let retry = Retry { times: options.retries, delay: options.retry_delay };
        let time = options.deadline;
        let connections = Connections::new(options, lookup)?;
        let large = Semaphore::new(LARGE_BODIES);
        // Reading the system's authorities takes a while, which must not reduce the registries' time.
        let deadline = Instant::now() + time;
        Ok(Self { connections, limits, hosts, retry, requests: AtomicUsize::new(0), large, deadline })
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        self.connections.options()
    }

    /// Returns the connections to hosts.
    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// How long a host may be silent before other requests stop waiting for its answer to one.
    pub(crate) fn patience(&self) -> Duration {
        (self.options().timeout / 5).max(Duration::from_millis(10))
    }

    /// Requests sent so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// The state of every host and port.
    pub(crate) fn hosts(&self) -> &HostStates {
        &self.hosts
    }

    /// Sends a request, and retries it according to the policies.
    pub(crate) async fn send(&self, ask: &Ask, budget: &mut Budget) -> Result<Answer, RequestFailure> {
        let host = self.hosts.of(&ask.url);
        let mut tries = Tries::default();
        let mut last = None;
        loop {
            // A token request is not a pull.
            if ask.is_anonymous
                && !ask.is_token
                && let Some(until) = host.slot(Instant::now())
            {
                tokio::time::sleep_until(until.min(self.deadline)).await;
            }
            let (turn, sent) = match self.admit(&host, ask.errand()).await {
                Ok(admitted) => admitted,
                // The host's own answer is more useful than the fact that it is not asked any more.
                Err(failure) => return last.unwrap_or(Err(failure)),
            };
            let request = self.connections.request(ask)?;
            let had = *budget;
            let result = self.exchange(&host, request, ask, last.is_some(), budget).await;
            drop(turn);
            if !self.shall_repeat((&host, ask.errand()), &result, sent, &mut tries, budget).await {
                if !is_not_telling(ask, &result, had) {
                    host.tell(ask.errand(), &result);
                }
                return result;
            }
            last = Some(result);
        }
    }

    /// Waits for a turn, and for the end of a pause that the host asked for. Neither is part of the probe's own time.
    async fn admit<'l>(&'l self, host: &'l HostState, errand: Errand) -> Result<(Turn<'l>, Sent), RequestFailure> {
        loop {
            if let Leave::Wait(until) = host.leave(errand, Instant::now())? {
                tokio::time::sleep_until(until.min(self.deadline)).await;
            }
            let turn =
                timeout_at(self.deadline, self.limits.turn(&host.gate)).await.map_err(|_| RequestFailure::over())?;
            // The host's state may have changed in the meantime.
            let now = Instant::now();
            if now >= self.deadline {
                return Err(RequestFailure::over());
            }
            if let Leave::Go(sent) = host.leave(errand, now)? {
                return Ok((turn, sent));
            }
        }
    }

    async fn exchange(
        &self,
        host: &HostState,
        request: reqwest::RequestBuilder,
        ask: &Ask,
        again: bool,
        budget: &mut Budget,
    ) -> Result<Answer, RequestFailure> {
        let start = Instant::now();
        self.requests.fetch_add(1, Ordering::Relaxed);
        host.sent(again, start);
        let given_up = async {
            tokio::time::sleep(self.patience()).await;
            host.given_up(ask.errand()).await
        };
        let result = tokio::select! {
            biased;
            received = self.receive(request, ask, budget) => received,
            // The host was given up in the meantime, after other requests to it failed.
            failure = given_up => Err(failure),
        };
        host.came_back(&result, start, Instant::now());
        if !went_out(&result) {
            self.requests.fetch_sub(1, Ordering::Relaxed);
        }
        result
    }

    /// Reads the body. A large one waits for its place, which is not part of the probe's own time: another host may
    /// be slow.
    async fn receive(
        &self,
        request: reqwest::RequestBuilder,
        ask: &Ask,
        budget: &mut Budget,
    ) -> Result<Answer, RequestFailure> {
        let begun = async {
            let mut incoming = Incoming::begin(request, ask.cap).await?;
            let whole = incoming.read_small().await?;
            Ok((incoming, whole))
        };
        let (mut incoming, whole) =
            budget.spend(self.deadline, begun).await?.map_err(|error| RequestFailure::of(&error))?;
        if !whole {
            let _place = timeout_at(self.deadline, self.large.acquire()).await.map_err(|_| RequestFailure::over())?;
            let rest = budget.spend(self.deadline, incoming.read(usize::MAX)).await?;
            rest.map_err(|error| RequestFailure::of(&error))?;
        }
        Ok(Answer { sent: ask.headers.get(AUTHORIZATION).cloned(), ..incoming.answer })
    }

    /// Whether to send the request again; the pause before it is then over.
    async fn shall_repeat(
        &self,
        (host, errand): (&HostState, Errand),
        result: &Result<Answer, RequestFailure>,
        sent: Sent,
        tries: &mut Tries,
        budget: &mut Budget,
    ) -> bool {
        if let Ok(answer) = result
            && answer.status == 429
        {
            return host.limited(answer, sent, Instant::now(), self.deadline);
        }
        if host.is_stopped(errand) {
            return false;
        }
        match self.retry.again(tries, result, jitter()) {
            None => false,
            Some(Pause::Own(pause)) => budget.spend(self.deadline, tokio::time::sleep(pause)).await.is_ok(),
            Some(Pause::Asked(pause)) => timeout_at(self.deadline, tokio::time::sleep(pause)).await.is_ok(),
        }
    }
}

/// Whether a result says nothing about the state of its host. `had` is the time that was available.
fn is_not_telling(ask: &Ask, result: &Result<Answer, RequestFailure>, had: Budget) -> bool {
    match result {
        Ok(_) => ask.is_aside(),
        Err(failure) => failure.unknown == Unknown::Timeout && had.is_short(),
    }
}

/// An answer that is being read.
struct Incoming {
    response: reqwest::Response,
    /// The length of the body in bytes according to its header; 0 if unknown.
    length: u64,
    cap: usize,
    answer: Answer,
}

impl Incoming {
    async fn begin(request: reqwest::RequestBuilder, cap: usize) -> Result<Self, reqwest::Error> {
        let mut response = request.send().await?;
        let status = response.status().as_u16();
        let cap = if response.status().is_success() { cap } else { cap.min(SMALL_BODY) };
        let length = response.content_length().unwrap_or_default();
        let headers = std::mem::take(response.headers_mut());
        let retry_after = if matches!(status, 429 | 503) { retry_after::read(&headers, wall_clock()) } else { None };
        let cut = length > cap as u64;
        let reason = response.extensions().get::<hyper::ext::ReasonPhrase>();
        let reason = reason.and_then(|reason| std::str::from_utf8(reason.as_bytes()).ok()).map(str::to_owned);
        let answer = Answer { status, reason, headers, retry_after, cut, ..Answer::default() };
        Ok(Self { response, length, cap, answer })
    }

    /// Reads a small body; returns whether that is all.
    async fn read_small(&mut self) -> Result<bool, reqwest::Error> {
        if self.answer.cut {
            return Ok(true);
        }
        if self.length > FREE_BODY as u64 {
            return Ok(false);
        }
        self.read(FREE_BODY).await
    }

    /// Reads on, until there is more than `enough`; returns whether that is all.
    async fn read(&mut self, enough: usize) -> Result<bool, reqwest::Error> {
        self.answer.body.reserve_exact((self.length as usize).saturating_sub(self.answer.body.len()));
        while self.answer.body.len() <= enough {
            let Some(chunk) = self.response.chunk().await? else { return Ok(true) };
            if chunk.len() > self.cap - self.answer.body.len() {
                // A partial body is useless, and it may wait for its turn to be judged.
                (self.answer.body, self.answer.cut) = (Vec::new(), true);
                return Ok(true);
            }
            self.answer.body.extend_from_slice(&chunk);
        }
        Ok(false)
    }
}

#[expect(clippy::disallowed_methods, reason = "`Retry-After` may be a date; it is set against the time here, once")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// A random number in 0..1, different at each call; it need not be unpredictable.
fn jitter() -> f64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let bits = RandomState::new().build_hasher().finish() >> 32;
    bits as f64 / f64::from(u32::MAX)
}
