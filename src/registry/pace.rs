//! The pace of requests to a host after it answers 429: pure policy, the time is passed in.
//!
//! The host gets one pause, if it names a short one. All requests wait for its end and then continue. If the host
//! refuses again, or names no time that is short enough, it is not asked for the rest of the run.

use std::time::Duration;

use tokio::time::Instant;

use super::failure::RequestFailure;
use crate::kubelet::probe::Unknown;

/// The longest pause that a request waits for.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The registry that answers one request per second to clients without credentials (quotas of Amazon ECR Public:
/// "Rate of unauthenticated image pulls"), and 429 to the others.
const SLOW: (&str, Duration) = ("public.ecr.aws", Duration::from_secs(1));

/// The interval between two requests without credentials to a host; `None` if it has no such limit.
pub(crate) fn interval_of(host: &str) -> Option<Duration> {
    (host == SLOW.0).then_some(SLOW.1)
}

/// Requests in sequence, each an interval after the previous one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    interval: Option<Duration>,
    next: Option<Instant>,
}

impl Queue {
    pub(crate) fn new(interval: Option<Duration>) -> Self {
        Self { interval, next: None }
    }

    /// The time when the next request may be sent, or `None` for now. The slot is then taken.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Instant> {
        let at = self.next.map_or(now, |next| next.max(now));
        self.next = Some(at + self.interval?);
        Some(at).filter(|at| *at > now)
    }
}

/// The pace of one host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pace {
    pauses: u32,
    until: Option<Instant>,
    stopped: Option<RequestFailure>,
}

/// The number of pauses before the request was sent. Requests that were in progress when a pause began are not a
/// second refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sent(u32);

/// Whether a request may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leave {
    /// The request may be sent now.
    Go(Sent),
    /// The request may not be sent before this time.
    Wait(Instant),
}

impl Pace {
    /// Whether a request may be sent.
    ///
    /// # Errors
    /// The host is not asked any more in this run.
    pub(crate) fn leave(&self, now: Instant) -> Result<Leave, RequestFailure> {
        match (&self.stopped, self.until) {
            (Some(failure), _) => Err(failure.clone()),
            (None, Some(until)) if until > now => Ok(Leave::Wait(until)),
            (None, _) => Ok(Leave::Go(Sent(self.pauses))),
        }
    }

    /// Records a 429 to a request. Returns whether to send it again after the pause.
    pub(crate) fn limited(&mut self, sent: Sent, wait: Option<Duration>, now: Instant, deadline: Instant) -> bool {
        if self.stopped.is_some() {
            return false;
        }
        let first = sent.0 < self.pauses || self.pauses == 0;
        let until = match wait {
            Some(wait) if wait <= LONGEST_PAUSE => Some(now + wait).filter(|until| *until < deadline),
            // Another request of the same burst got a time.
            None => self.until.filter(|_| sent.0 < self.pauses),
            Some(_) => None,
        };
        match until {
            Some(until) if first => {
                self.pauses = 1;
                self.until = self.until.max(Some(until));
            }
            _ => self.stopped = Some(not_asked(wait)),
        }
        self.stopped.is_none()
    }

    /// The failure for all further requests, if the host is not asked any more.
    pub(crate) fn stopped(&self) -> Option<&RequestFailure> {
        self.stopped.as_ref()
    }
}

fn not_asked(wait: Option<Duration>) -> RequestFailure {
    let failure = RequestFailure::new(Unknown::RateLimited, "not requested: the host limits the rate of requests");
    RequestFailure { retry_after: wait.map(|wait| wait.as_secs()), ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn start() -> (Pace, Instant, Instant) {
        let now = Instant::now();
        (Pace::default(), now, now + 100 * SECOND)
    }

    fn go(pace: &Pace, now: Instant) -> Sent {
        match pace.leave(now) {
            Ok(Leave::Go(sent)) => sent,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ecr_public_requests_are_one_second_apart() {
        assert_eq!((interval_of("public.ecr.aws"), interval_of("ghcr.io")), (Some(Duration::from_secs(1)), None));
        let now = Instant::now();
        let after = |seconds: u64| Some(now + Duration::from_secs(seconds));
        let mut queue = Queue::new(interval_of("public.ecr.aws"));
        assert_eq!([queue.take(now), queue.take(now), queue.take(now)], [None, after(1), after(2)]);
        let later = now + Duration::from_secs(9);
        assert_eq!([queue.take(later), queue.take(later)], [None, after(10)]);
        let mut free = Queue::new(None);
        assert_eq!([free.take(now), free.take(now)], [None, None]);
    }

    #[test]
    fn short_retry_after_pauses_all_requests() {
        let (mut pace, now, deadline) = start();
        let sent = go(&pace, now);
        assert!(pace.limited(sent, Some(2 * SECOND), now, deadline));
        assert_eq!(pace.leave(now + SECOND), Ok(Leave::Wait(now + 2 * SECOND)));
        assert_ne!(go(&pace, now + 2 * SECOND), sent);
    }

    #[test]
    fn burst_of_429s_is_one_refusal() {
        let (mut pace, now, deadline) = start();
        let burst = [go(&pace, now), go(&pace, now), go(&pace, now)];
        assert!(pace.limited(burst[0], Some(2 * SECOND), now, deadline));
        assert!(pace.limited(burst[1], Some(3 * SECOND), now, deadline), "the longer time counts");
        assert!(pace.limited(burst[2], None, now, deadline));
        assert_eq!(pace.leave(now), Ok(Leave::Wait(now + 3 * SECOND)));
    }

    #[test]
    fn second_429_stops_requests_to_the_host() {
        let (mut pace, now, deadline) = start();
        let sent = go(&pace, now);
        pace.limited(sent, Some(SECOND), now, deadline);
        let later = now + SECOND;
        let sent = go(&pace, later);
        assert!(!pace.limited(sent, Some(SECOND), later, deadline));
        let failure = pace.leave(later + 50 * SECOND).unwrap_err();
        assert_eq!((failure.unknown, failure.retry_after), (Unknown::RateLimited, Some(1)));
    }

    #[test]
    fn long_or_missing_retry_after_stops_the_host_at_once() {
        for wait in [None, Some(11 * SECOND), Some(Duration::MAX)] {
            let (mut pace, now, deadline) = start();
            let sent = go(&pace, now);
            assert!(!pace.limited(sent, wait, now, deadline), "{wait:?}");
            assert!(pace.leave(now).is_err());
        }
        let (mut pace, now, _) = start();
        let sent = go(&pace, now);
        assert!(!pace.limited(sent, Some(5 * SECOND), now, now + 5 * SECOND), "the run is over before");
    }

    #[test]
    fn later_429_in_a_burst_can_stop_the_host() {
        let (mut pace, now, deadline) = start();
        let sent = go(&pace, now);
        assert!(pace.limited(sent, Some(SECOND), now, deadline));
        assert!(!pace.limited(sent, Some(60 * SECOND), now, deadline));
        assert!(pace.leave(now).is_err());
    }
}
