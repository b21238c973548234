//! Whether a request is repeated: pure policy, no clock.

use std::time::Duration;

use super::failure::Failure;
use super::transport::Answer;

/// How often, and how long to wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    /// Repetitions at most.
    pub(crate) times: u32,
    /// Pause before the first; it doubles.
    pub(crate) delay: Duration,
}

impl Retry {
    /// The pause before the next try, or `None` when the result stands. `done` repetitions were made. `jitter` lies
    /// in 0..=1 and takes up to half of the pause away, so that many callers do not come back at once.
    pub(crate) fn again(self, done: u32, result: &Result<Answer, Failure>, jitter: f64) -> Option<Duration> {
        let passing = match result {
            Ok(answer) => matches!(answer.status, 408 | 500 | 502 | 503 | 504),
            Err(failure) => failure.passing,
        };
        if !passing || done >= self.times {
            return None;
        }
        Some(self.delay.saturating_mul(1 << done.min(6)).mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Unknown;

    const TWICE: Retry = Retry { times: 2, delay: Duration::from_millis(100) };

    fn answer(status: u16) -> Result<Answer, Failure> {
        Ok(Answer { status, ..Answer::default() })
    }

    #[test]
    fn what_passes_is_tried_twice_more() {
        for status in [408, 500, 502, 503, 504] {
            assert_eq!(TWICE.again(0, &answer(status), 0.0), Some(Duration::from_millis(100)));
            assert_eq!(TWICE.again(1, &answer(status), 0.0), Some(Duration::from_millis(200)));
            assert_eq!(TWICE.again(2, &answer(status), 0.0), None);
        }
        assert_eq!(TWICE.again(0, &answer(503), 1.0), Some(Duration::from_millis(50)));
    }

    #[test]
    fn what_stands_is_not_repeated() {
        for status in [200, 307, 400, 401, 403, 404, 405, 429, 501] {
            assert_eq!(TWICE.again(0, &answer(status), 0.0), None, "{status}");
        }
        let timeout = Err(Failure::new(Unknown::Timeout, "i/o timeout"));
        assert_eq!(TWICE.again(0, &timeout, 0.0), None);
    }
}
