//! The requests sent to a host and their duration: counters, with the time passed in.

use std::time::Duration;

use tokio::time::Instant;

/// The traffic of a run with one host and port.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostTraffic {
    /// The host and port: `ghcr.io:443`.
    pub host: String,
    /// Requests sent, including retries.
    pub requests: usize,
    /// Retries among them: after a failure, or after a pause that the host asked for.
    pub retries: usize,
    /// Time from request to answer, summed over all requests, concurrent ones included.
    pub total: Duration,
    /// The longest time of a single request.
    pub slowest: Duration,
    /// Why the rest of the host was not asked; `None` if nothing stopped it.
    pub stopped: Option<String>,
}

/// Counters of one host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic {
    requests: usize,
    retries: usize,
    total: Duration,
    slowest: Duration,
    under_way: usize,
    /// The time since when no answer has arrived although a request is in progress.
    silent_since: Option<Instant>,
}

impl Traffic {
    /// Records that a request was sent, possibly as a retry.
    pub(crate) fn sent(&mut self, again: bool, now: Instant) {
        self.requests += 1;
        self.retries += usize::from(again);
        if self.under_way == 0 {
            self.silent_since = Some(now);
        }
        self.under_way += 1;
    }

    /// Records the end of a request. One that never left this machine is not counted.
    pub(crate) fn came_back(&mut self, went_out: bool, sent: Instant, now: Instant) {
        let took = now.duration_since(sent);
        self.requests -= usize::from(!went_out);
        self.total += took;
        self.slowest = self.slowest.max(took);
        self.under_way -= 1;
        self.silent_since = Some(now);
    }

    /// The time since when we wait for the host, if we do.
    pub(crate) fn waiting_since(&self) -> Option<Instant> {
        self.silent_since.filter(|_| self.under_way > 0)
    }

    /// Returns the counters for the operator.
    pub(crate) fn shown(&self, host: &str, stopped: Option<String>) -> HostTraffic {
        HostTraffic {
            host: host.to_owned(),
            requests: self.requests,
            retries: self.retries,
            total: self.total,
            slowest: self.slowest,
            stopped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_retries_and_time_add_up() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut traffic = Traffic::default();
        traffic.sent(false, at(0));
        traffic.sent(true, at(10));
        traffic.came_back(true, at(10), at(40));
        traffic.came_back(true, at(0), at(50));
        traffic.sent(false, at(60));
        assert_eq!(traffic.waiting_since(), Some(at(60)));
        traffic.came_back(false, at(60), at(61));
        assert_eq!(traffic.waiting_since(), None);
        let shown = traffic.shown("reg:443", None);
        assert_eq!((shown.requests, shown.retries), (2, 1));
        assert_eq!((shown.total, shown.slowest), (Duration::from_millis(81), Duration::from_millis(50)));
    }
}
