//! State per host and port: its turns, its breaker, its pace and its traffic. Limits are per host **and** port: two
//! servers on one machine are two hosts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Url;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::breaker::Breaker;
use super::exchange::{Answer, Errand};
use super::failure::RequestFailure;
use super::pace::{Leave, Pace, Queue, Sent, interval_of};
use super::traffic::{HostTraffic, Traffic};
use crate::kubelet::probe::Unknown;

/// All hosts of a run.
#[derive(Debug)]
pub(crate) struct HostStates {
    per_host: usize,
    hosts: Mutex<HashMap<String, Arc<HostState>>>,
}

/// The state of one host and port.
#[derive(Debug)]
pub(crate) struct HostState {
    /// One permit for each request that may be in progress.
    pub(crate) gate: Semaphore,
    given_up: Notify,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The breaker for `HEAD`, separate from the others. Some hosts answer one method and drop the other, and a
    /// success of one would hide that. Nor must tokens be lost because a registry fails at `GET` of content that it
    /// does not have.
    head: Breaker,
    get: Breaker,
    token: Breaker,
    pace: Pace,
    /// The queue of requests without credentials.
    queue: Queue,
    traffic: Traffic,
}

impl State {
    fn breaker(&mut self, errand: Errand) -> &mut Breaker {
        match errand {
            Errand::Head => &mut self.head,
            Errand::Get => &mut self.get,
            Errand::Token => &mut self.token,
        }
    }
}

impl HostStates {
    /// At most `per_host` requests are in progress at one host.
    pub(crate) fn new(per_host: usize) -> Self {
        Self { per_host: per_host.clamp(1, Semaphore::MAX_PERMITS), hosts: Mutex::default() }
    }

    /// The host of a URL's host and port.
    pub(crate) fn of(&self, url: &Url) -> Arc<HostState> {
        let name =
            format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
        let new = || {
            let queue = Queue::new(interval_of(url.host_str().unwrap_or_default()));
            let state = Mutex::new(State { queue, ..State::default() });
            Arc::new(HostState { gate: Semaphore::new(self.per_host), given_up: Notify::new(), state })
        };
        Arc::clone(locked(&self.hosts).entry(name).or_insert_with(new))
    }

    /// The traffic with each host, sorted by name.
    pub(crate) fn traffic(&self) -> Vec<HostTraffic> {
        let hosts = locked(&self.hosts);
        let mut hosts: Vec<_> = hosts.iter().map(|(name, host)| host.shown(name)).collect();
        hosts.retain(|host| host.requests > 0 || host.stopped.is_some());
        hosts.sort_by(|a, b| a.host.cmp(&b.host));
        hosts
    }

    /// The host that we have been waiting for longest, of those with an outstanding answer.
    pub(crate) fn slowest(&self, now: Instant) -> Option<(String, Duration)> {
        let hosts = locked(&self.hosts);
        let waited =
            |(name, host): (&String, &Arc<HostState>)| Some((host.lock().traffic.waiting_since()?, name.clone()));
        let (since, name) = hosts.iter().filter_map(waited).min()?;
        Some((name, now.duration_since(since)))
    }
}

impl HostState {
    /// Whether a request may be sent.
    ///
    /// # Errors
    /// The host is given up, or no longer asked because of its rate limit.
    pub(crate) fn leave(&self, errand: Errand, now: Instant) -> Result<Leave, RequestFailure> {
        let mut state = self.lock();
        match state.breaker(errand).stopped() {
            Some(failure) => Err(failure.clone()),
            None => state.pace.leave(now),
        }
    }

    /// The time when a request without credentials may be sent, if not now. The slot is then taken.
    pub(crate) fn slot(&self, now: Instant) -> Option<Instant> {
        self.lock().queue.take(now)
    }

    /// Whether no further requests are sent to the host.
    pub(crate) fn is_stopped(&self, errand: Errand) -> bool {
        let mut state = self.lock();
        state.breaker(errand).stopped().is_some() || state.pace.stopped().is_some()
    }

    /// Records that a request was sent.
    pub(crate) fn sent(&self, again: bool, now: Instant) {
        self.lock().traffic.sent(again, now);
    }

    /// Records the result of a request that was sent at the time `sent`.
    pub(crate) fn came_back(&self, result: &Result<Answer, RequestFailure>, sent: Instant, now: Instant) {
        self.lock().traffic.came_back(went_out(result), sent, now);
    }

    /// Records a 429. Returns whether to retry after the pause.
    pub(crate) fn limited(&self, answer: &Answer, sent: Sent, now: Instant, deadline: Instant) -> bool {
        self.lock().pace.limited(sent, answer.retry_after, now, deadline)
    }

    /// Records the result of a request including its retries.
    pub(crate) fn tell(&self, errand: Errand, result: &Result<Answer, RequestFailure>) {
        let mut state = self.lock();
        state.breaker(errand).tell(result);
        if state.breaker(errand).stopped().is_some() {
            self.given_up.notify_waiters();
        }
    }

    /// Waits until the host is given up. Returns the failure for the requests that are still waiting for it.
    pub(crate) async fn given_up(&self, errand: Errand) -> RequestFailure {
        loop {
            let mut notified = std::pin::pin!(self.given_up.notified());
            // No notification is missed from this point on.
            notified.as_mut().enable();
            if let Some(failure) = self.lock().breaker(errand).stopped() {
                return failure.clone();
            }
            notified.await;
        }
    }

    /// Whether a request is in progress, and no answer has arrived for this long.
    pub(crate) fn is_silent(&self, patience: Duration, now: Instant) -> bool {
        self.lock().traffic.waiting_since().is_some_and(|since| now.duration_since(since) >= patience)
    }

    fn shown(&self, name: &str) -> HostTraffic {
        let state = self.lock();
        let failed = state
            .head
            .stopped()
            .or(state.get.stopped())
            .or(state.token.stopped())
            .map(|failure| failure.message.clone());
        let limited = || state.pace.stopped().map(|_| "429 Too Many Requests".to_owned());
        state.traffic.shown(name, failed.or_else(limited))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a request was sent at all. A name that does not resolve causes no request.
pub(crate) fn went_out(result: &Result<Answer, RequestFailure>) -> bool {
    !matches!(result, Err(RequestFailure { unknown: Unknown::Dns | Unknown::NoSuchHost | Unknown::NodeLocal, .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn requests_to_one_host_and_port_share_a_lane() {
        let hosts = HostStates::new(8);
        let same = |a: &str, b: &str| Arc::ptr_eq(&hosts.of(&url(a)), &hosts.of(&url(b)));
        assert!(same("https://reg.example/v2/a", "https://REG.example:443/v2/b"));
        assert!(!same("https://reg.example/v2/a", "https://reg.example:5000/v2/a"));
        assert!(!same("https://reg.example/v2/a", "http://reg.example/v2/a"));
    }

    #[test]
    fn failing_host_does_not_stop_other_hosts() {
        let (hosts, now) = (HostStates::new(8), Instant::now());
        let refused = Err(RequestFailure::new(Unknown::Network, "connection refused"));
        let sick = hosts.of(&url("https://sick.example/"));
        for _ in 0..3 {
            sick.sent(false, now);
            sick.came_back(&refused, now, now);
            sick.tell(Errand::Head, &refused);
        }
        assert_eq!(sick.leave(Errand::Head, now).unwrap_err().unknown, Unknown::HostStopped);
        assert!(hosts.of(&url("https://sick.example:5000/")).leave(Errand::Head, now).is_ok());
        let shown = hosts.traffic();
        assert_eq!(shown.len(), 1, "the other was not asked");
        assert_eq!((shown[0].requests, shown[0].stopped.as_deref()), (3, Some("connection refused")));
    }

    #[test]
    fn get_failures_do_not_stop_head_requests() {
        let (hosts, now) = (HostStates::new(8), Instant::now());
        let host = hosts.of(&url("https://reg.example/"));
        let (alive, reset) =
            (Ok(Answer { status: 200, ..Answer::default() }), Err(RequestFailure::new(Unknown::Network, "EOF")));
        for _ in 0..3 {
            host.tell(Errand::Head, &alive);
            host.tell(Errand::Get, &reset);
        }
        assert!(host.leave(Errand::Head, now).is_ok());
        assert!(host.leave(Errand::Get, now).is_err());
    }

    #[test]
    fn slowest_host_has_the_longest_pending_request() {
        let (hosts, start) = (HostStates::new(8), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(hosts.slowest(start), None);
        let (a, b) = (hosts.of(&url("https://a/")), hosts.of(&url("https://b/")));
        a.sent(false, at(0));
        b.sent(false, at(1));
        assert_eq!(hosts.slowest(at(3)), Some(("a:443".to_owned(), Duration::from_secs(3))));
        a.came_back(&Ok(Answer::default()), at(0), at(3));
        assert_eq!(hosts.slowest(at(3)), Some(("b:443".to_owned(), Duration::from_secs(2))));
    }
}
