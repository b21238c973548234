//! Decides when to give up a host: pure policy, without a clock.
//!
//! After three failures in a row, of any requests, the host is not asked again. That is not undone: a run is short,
//! and an unknown result is reported as such.

use reqwest::StatusCode;

use super::exchange::Answer;
use super::failure::RequestFailure;
use crate::kubelet::probe::Unknown;

/// Failures in a row after which the host is given up.
const ENOUGH: u32 = 3;

/// The breaker of one host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Breaker {
    failures: u32,
    /// The failure for the remaining requests, known from the first failure on.
    reason: Option<RequestFailure>,
}

impl Breaker {
    /// Records the result of one request, including its retries.
    pub(crate) fn tell(&mut self, result: &Result<Answer, RequestFailure>) {
        if self.stopped().is_some() {
            return;
        }
        match sign(result) {
            Sign::Alive => *self = Self::default(),
            Sign::Nothing => {}
            Sign::Failed(failure) => {
                self.failures += 1;
                self.reason = Some(match self.reason.take() {
                    None if lies_with_host(failure.unknown) => failure,
                    Some(first) if first.unknown == failure.unknown => first,
                    None => RequestFailure::new(Unknown::HostStopped, failure.message),
                    Some(first) => RequestFailure::new(Unknown::HostStopped, first.message),
                });
            }
        }
    }

    /// The failure for the remaining requests, if the host is given up.
    pub(crate) fn stopped(&self) -> Option<&RequestFailure> {
        self.reason.as_ref().filter(|_| self.failures >= ENOUGH)
    }
}

/// What a result shows about its host.
enum Sign {
    /// The host answered, whatever the answer.
    Alive,
    /// The host failed, for this reason.
    Failed(RequestFailure),
    /// The host was not reached for reasons that are not its own, or that cost nothing to see again.
    Nothing,
}

fn sign(result: &Result<Answer, RequestFailure>) -> Sign {
    match result {
        Ok(answer) if answer.status == 408 || answer.status >= 500 => {
            let status = StatusCode::from_u16(answer.status).map(|status| status.to_string());
            let words = status.unwrap_or_else(|_| answer.status.to_string());
            Sign::Failed(RequestFailure::new(Unknown::RegistryError, words.trim_end_matches(" <unknown status code>")))
        }
        Ok(_) => Sign::Alive,
        Err(failure) => match failure.unknown {
            Unknown::Timeout | Unknown::Network | Unknown::Dns | Unknown::Tls(_) | Unknown::PlainHttp => {
                Sign::Failed(failure.clone())
            }
            _ => Sign::Nothing,
        },
    }
}

/// Whether the failure comes before a path is sent, so that every request to the host has the same one. The message
/// about a certificate's fault must not depend on how many images were asked for before.
fn lies_with_host(unknown: Unknown) -> bool {
    matches!(unknown, Unknown::Dns | Unknown::Tls(_) | Unknown::PlainHttp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::probe::TlsFault;

    fn answer(status: u16) -> Result<Answer, RequestFailure> {
        Ok(Answer { status, ..Answer::default() })
    }

    fn failure(unknown: Unknown, message: &str) -> Result<Answer, RequestFailure> {
        Err(RequestFailure::new(unknown, message))
    }

    fn refused() -> Result<Answer, RequestFailure> {
        failure(Unknown::Network, "connection refused")
    }

    fn after(results: &[Result<Answer, RequestFailure>]) -> Option<(Unknown, String)> {
        let mut breaker = Breaker::default();
        results.iter().for_each(|result| breaker.tell(result));
        breaker.stopped().map(|failure| (failure.unknown, failure.message.clone()))
    }

    #[test]
    fn three_failures_in_a_row_stop_the_host_with_first_reason() {
        let timeout = || failure(Unknown::Timeout, "i/o timeout");
        assert_eq!(after(&[refused(), timeout()]), None);
        let stopped = Some((Unknown::HostStopped, "connection refused".to_owned()));
        assert_eq!(after(&[refused(), timeout(), answer(503)]), stopped);
        let stopped = Some((Unknown::HostStopped, "503 Service Unavailable".to_owned()));
        assert_eq!(after(&[answer(503), answer(500), refused()]), stopped);
        assert_eq!(after(&[answer(599), answer(599), answer(599)]), Some((Unknown::HostStopped, "599".to_owned())));
    }

    #[test]
    fn any_answer_resets_the_failure_count() {
        for status in [200, 307, 400, 401, 403, 404, 429] {
            assert_eq!(after(&[refused(), refused(), answer(status), refused(), refused()]), None, "{status}");
        }
    }

    #[test]
    fn failures_not_caused_by_the_host_are_ignored() {
        for unknown in [Unknown::NoSuchHost, Unknown::NodeLocal, Unknown::Deadline, Unknown::Interrupted] {
            let other = || failure(unknown, "x");
            assert_eq!(after(&[other(), other(), other(), other()]), None, "{unknown:?}");
            assert!(after(&[refused(), other(), refused(), refused()]).is_some(), "nor is it a sign of life");
        }
    }

    #[test]
    fn certificate_fault_is_kept_only_if_all_failures_share_it() {
        let expired = || failure(Unknown::Tls(TlsFault::Expired), "expired");
        let stopped = Some((Unknown::Tls(TlsFault::Expired), "expired".to_owned()));
        assert_eq!(after(&[expired(), expired(), expired()]), stopped);
        let mixed = Some((Unknown::HostStopped, "expired".to_owned()));
        assert_eq!(after(&[expired(), refused(), expired()]), mixed, "not sure to be met by all");
        let mixed = Some((Unknown::HostStopped, "connection refused".to_owned()));
        assert_eq!(after(&[refused(), expired(), expired()]), mixed);
    }

    #[test]
    fn stopped_host_stays_stopped() {
        assert!(after(&[refused(), refused(), refused(), answer(200)]).is_some());
    }
}
