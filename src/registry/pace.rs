//! What a host that answers 429 is asked after that: pure policy, the time is passed in.
//!
//! It is given one pause, if it names one that is short. All requests wait for its end and go on; refused once more,
//! or without a time that can be waited for, the host is left alone for the rest of the run.

use std::time::Duration;

use tokio::time::Instant;

use super::failure::Failure;
use crate::probe::Unknown;

/// The longest pause that is waited for.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The pace of one host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pace {
    pauses: u32,
    until: Option<Instant>,
    stopped: Option<Failure>,
}

/// Before or after the pause: those that were under way when it began have not come back for a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sent(u32);

/// Whether a request may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leave {
    /// Now.
    Go(Sent),
    /// Not before then.
    Wait(Instant),
}

impl Pace {
    /// Whether a request may be sent.
    ///
    /// # Errors
    /// Never again in this run.
    pub(crate) fn leave(&self, now: Instant) -> Result<Leave, Failure> {
        match (&self.stopped, self.until) {
            (Some(failure), _) => Err(failure.clone()),
            (None, Some(until)) if until > now => Ok(Leave::Wait(until)),
            (None, _) => Ok(Leave::Go(Sent(self.pauses))),
        }
    }

    /// A 429 to a request. Tells whether it shall be sent again, after the pause.
    pub(crate) fn limited(&mut self, sent: Sent, wait: Option<Duration>, now: Instant, deadline: Instant) -> bool {
        if self.stopped.is_some() {
            return false;
        }
        let first = sent.0 < self.pauses || self.pauses == 0;
        let until = match wait {
            Some(wait) if wait <= LONGEST_PAUSE => Some(now + wait).filter(|until| *until < deadline),
            // Another of the same burst has named a time.
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

    /// Why nothing is asked any more.
    pub(crate) fn stopped(&self) -> Option<&Failure> {
        self.stopped.as_ref()
    }
}

fn not_asked(wait: Option<Duration>) -> Failure {
    let failure = Failure::new(Unknown::RateLimited, "not asked for: the host limits the rate of requests");
    Failure { retry_after: wait.map(|wait| wait.as_secs()), ..failure }
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
    fn a_short_pause_is_kept_by_all_and_then_all_go_on() {
        let (mut pace, now, deadline) = start();
        let sent = go(&pace, now);
        assert!(pace.limited(sent, Some(2 * SECOND), now, deadline));
        assert_eq!(pace.leave(now + SECOND), Ok(Leave::Wait(now + 2 * SECOND)));
        assert_ne!(go(&pace, now + 2 * SECOND), sent);
    }

    #[test]
    fn a_burst_is_one_refusal() {
        let (mut pace, now, deadline) = start();
        let burst = [go(&pace, now), go(&pace, now), go(&pace, now)];
        assert!(pace.limited(burst[0], Some(2 * SECOND), now, deadline));
        assert!(pace.limited(burst[1], Some(3 * SECOND), now, deadline), "the longer time counts");
        assert!(pace.limited(burst[2], None, now, deadline));
        assert_eq!(pace.leave(now), Ok(Leave::Wait(now + 3 * SECOND)));
    }

    #[test]
    fn the_second_refusal_ends_it() {
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
    fn what_cannot_be_waited_for_ends_it_at_once() {
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
    fn late_words_of_the_burst_can_still_be_too_much() {
        let (mut pace, now, deadline) = start();
        let sent = go(&pace, now);
        assert!(pace.limited(sent, Some(SECOND), now, deadline));
        assert!(!pace.limited(sent, Some(60 * SECOND), now, deadline));
        assert!(pace.leave(now).is_err());
    }
}
