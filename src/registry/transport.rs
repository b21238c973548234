//! One exchange: a request, its answer with a bounded body. Limits and time are kept here; where a request goes is the
//! affair of the connections, and what an answer means is decided above.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use tokio::time::{Instant, timeout_at};

use super::connections::Connections;
use super::endpoint::Dial;
use super::failure::Failure;
use super::limit::Limits;
use super::options::{ClientOptions, OptionsError};
use super::resolve::{Lookup, Reach};
use super::retry::Retry;
use crate::probe::Unknown;
use crate::sensitive::Sensitive;

/// Cap of error bodies and tokens.
pub(crate) const SMALL_BODY: usize = 64 * 1024;

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// As the registry is named, whatever address it is reached at.
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// Cap of a good answer's body in bytes.
    pub(crate) cap: usize,
    pub(crate) reach: Reach,
    /// What the operator sends along to this host.
    pub(crate) own: HeaderMap,
    pub(crate) dial: Dial,
    /// Sent as `application/x-www-form-urlencoded`, if there is any.
    pub(crate) form: Vec<(&'static str, Sensitive)>,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// What there is of it up to the cap.
    pub(crate) body: Vec<u8>,
    /// Whether the body went over the cap.
    pub(crate) cut: bool,
    /// What the request carried as `Authorization`: an answer may give it back, and a token is known to nobody else.
    pub(crate) sent: Option<HeaderValue>,
}

impl Answer {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether a text holds the token or the Basic value that was sent.
    pub(crate) fn echoed_in(&self, text: &str) -> bool {
        let value = self.sent.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
        let secret = value.split_once(' ').map_or(value, |(_, secret)| secret);
        !secret.is_empty() && text.contains(secret)
    }
}

/// The time that one probe has left. Waiting for a turn does not count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    left: Duration,
}

impl Budget {
    pub(crate) fn new(left: Duration) -> Self {
        Self { left }
    }

    /// Lets a future take what is left, but not beyond the deadline of the run.
    async fn spend<T>(&mut self, deadline: Instant, work: impl Future<Output = T>) -> Result<T, Failure> {
        let start = Instant::now();
        let result = timeout_at((start + self.left).min(deadline), work).await;
        self.left = self.left.saturating_sub(start.elapsed());
        result.map_err(|_| match Instant::now() < deadline {
            true => Failure::new(Unknown::Timeout, "context deadline exceeded"),
            false => Failure::over(),
        })
    }
}

/// The exchanges of a run.
pub(crate) struct Transport {
    connections: Connections,
    limits: Limits,
    retry: Retry,
    requests: AtomicUsize,
    deadline: Instant,
}

impl Transport {
    pub(crate) fn new(options: ClientOptions, lookup: Arc<dyn Lookup>) -> Result<Self, OptionsError> {
        let limits = Limits::new(options.concurrency, options.host_concurrency);
        let retry = Retry { times: options.retries, delay: options.retry_delay };
        let deadline = Instant::now() + options.deadline;
        let connections = Connections::new(options, lookup)?;
        Ok(Self { connections, limits, retry, requests: AtomicUsize::new(0), deadline })
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        self.connections.options()
    }

    /// Which hosts are reached, and how.
    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Requests sent so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Sends a request, again where the policy says so.
    pub(crate) async fn send(&self, ask: &Ask, budget: &mut Budget) -> Result<Answer, Failure> {
        let mut done = 0;
        loop {
            let result = self.exchange(ask, budget).await;
            let Some(pause) = self.retry.again(done, &result, jitter()) else { return result };
            if budget.spend(self.deadline, tokio::time::sleep(pause)).await.is_err() {
                return result;
            }
            done += 1;
        }
    }

    async fn exchange(&self, ask: &Ask, budget: &mut Budget) -> Result<Answer, Failure> {
        let request = self.connections.request(ask)?;
        let host = host_and_port(&ask.url);
        let turn = timeout_at(self.deadline, self.limits.turn(&host)).await.map_err(|_| Failure::over())?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let result = budget.spend(self.deadline, receive(request, ask.cap)).await;
        drop(turn);
        let answer = result?.map_err(|error| Failure::of(&error))?;
        Ok(Answer { sent: ask.headers.get(AUTHORIZATION).cloned(), ..answer })
    }
}

async fn receive(request: reqwest::RequestBuilder, cap: usize) -> Result<Answer, reqwest::Error> {
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    let cap = if response.status().is_success() { cap } else { cap.min(SMALL_BODY) };
    let mut answer = Answer { status, headers: std::mem::take(response.headers_mut()), ..Answer::default() };
    while let Some(chunk) = response.chunk().await? {
        let room = cap - answer.body.len();
        answer.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            answer.cut = true;
            break;
        }
    }
    Ok(answer)
}

fn host_and_port(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// In 0..1, different at each call; it need not be unpredictable.
fn jitter() -> f64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let bits = RandomState::new().build_hasher().finish() >> 32;
    bits as f64 / f64::from(u32::MAX)
}
