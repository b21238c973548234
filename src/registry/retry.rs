//! Whether a request is repeated: pure policy, no clock.

use std::time::Duration;

use super::exchange::Answer;
use super::failure::RequestFailure;
use super::pace::LONGEST_PAUSE;

/// The number of retries, and their pauses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    /// Maximum number of retries.
    pub(crate) times: u32,
    /// Pause before the first retry; it doubles.
    pub(crate) delay: Duration,
}

/// The retries of one request so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tries {
    /// The number of retries made.
    done: u32,
    /// The sum of pauses that the host asked for.
    waited: Duration,
}

/// A pause before a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    /// A pause of our own policy.
    Own(Duration),
    /// A pause that the host asks for. It is not part of the probe's time.
    Asked(Duration),
}

impl Retry {
    /// The pause before the next try, or `None` if the result is final. `jitter` is in 0..=1 and shortens our own
    /// pause by up to half, so that many callers do not retry at once. A 503 may name its own pause (`Retry-After`).
    /// One request waits for such pauses for ten seconds in total.
    pub(crate) fn again(
        self,
        tries: &mut Tries,
        result: &Result<Answer, RequestFailure>,
        jitter: f64,
    ) -> Option<Pause> {
        let (passing, asked) = match result {
            Ok(answer) => (matches!(answer.status, 408 | 500 | 502 | 503 | 504), answer.retry_after),
            Err(failure) => (failure.passing, None),
        };
        if !passing || tries.done >= self.times {
            return None;
        }
        let pause = match asked {
            Some(asked) => {
                tries.waited = tries.waited.saturating_add(asked);
                Some(Pause::Asked(asked)).filter(|_| tries.waited <= LONGEST_PAUSE)?
            }
            None => {
                let doubled = self.delay.saturating_mul(1 << tries.done.min(6));
                Pause::Own(doubled.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0))
            }
        };
        tries.done += 1;
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::probe::Unknown;

    const TWICE: Retry = Retry { times: 2, delay: Duration::from_millis(100) };

    fn answer(status: u16) -> Result<Answer, RequestFailure> {
        Ok(Answer { status, ..Answer::default() })
    }

    fn pauses(result: &Result<Answer, RequestFailure>) -> Vec<Pause> {
        let mut tries = Tries::default();
        std::iter::from_fn(|| TWICE.again(&mut tries, result, 0.0)).collect()
    }

    #[test]
    fn temporary_failure_is_retried_twice() {
        let own = [100, 200].map(|millis| Pause::Own(Duration::from_millis(millis)));
        for status in [408, 500, 502, 503, 504] {
            assert_eq!(pauses(&answer(status)), own, "{status}");
        }
        let half = Some(Pause::Own(Duration::from_millis(50)));
        assert_eq!(TWICE.again(&mut Tries::default(), &answer(503), 1.0), half);
    }

    #[test]
    fn final_answers_and_timeouts_are_not_retried() {
        for status in [200, 307, 400, 401, 403, 404, 405, 429, 501] {
            assert_eq!(pauses(&answer(status)), [], "{status}");
        }
        assert_eq!(pauses(&Err(RequestFailure::new(Unknown::Timeout, "i/o timeout"))), []);
    }

    #[test]
    fn requested_retry_pause_is_limited() {
        let asking =
            |seconds| Ok(Answer { status: 503, retry_after: Some(Duration::from_secs(seconds)), ..Answer::default() });
        let asked = |seconds| Pause::Asked(Duration::from_secs(seconds));
        assert_eq!(pauses(&asking(4)), [asked(4), asked(4)]);
        assert_eq!(pauses(&asking(6)), [asked(6)], "the second would make it twelve");
        assert_eq!(pauses(&asking(10)), [asked(10)]);
        assert_eq!(pauses(&asking(11)), []);
        assert_eq!(pauses(&asking(u64::MAX)), []);
    }
}
