//! Limits how often a refused password is sent. A host that refuses it gets it for one more repository and then no
//! further: 200 references with one wrong password must not lock an account, and one repository's refusal must not
//! condemn another's.

use std::hash::Hash;

use tokio::sync::Mutex;

use super::reply::with_message;
use crate::kubelet::probe::{Evidence, Outcome, Unknown};
use crate::registry::once_map::OnceMap;

/// How many requests may carry a password that no repository of a host has accepted.
const BUDGET: u32 = 2;

/// The gates of a run, by host or realm and credential.
#[derive(Debug)]
pub(crate) struct Gates<K>(OnceMap<K, Mutex<Gate>>);

/// Whether a host has accepted a credential.
#[derive(Debug)]
enum Gate {
    /// The credential has not been accepted so far, so requests are made one at a time.
    Closed {
        /// The repositories that refused the credential, with their outcomes.
        refused: Vec<(String, Outcome)>,
        /// The number of requests that carried it.
        sent: u32,
    },
    /// The credential was accepted: requests can be made concurrently, and a refusal concerns only the repository.
    Open,
}

impl Default for Gate {
    fn default() -> Self {
        Self::Closed { refused: Vec::new(), sent: 0 }
    }
}

/// A request that needs the credential.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit<'v> {
    /// The repository that the request is for.
    pub(crate) repository: &'v str,
    /// The number of requests that would carry the credential.
    pub(crate) requests: u32,
}

impl<K> Default for Gates<K> {
    fn default() -> Self {
        Self(OnceMap::default())
    }
}

impl<K: Hash + Eq> Gates<K> {
    /// Makes the request, unless the repository, or too many others, refused the credential. `refuses` returns
    /// whether an outcome is such a refusal.
    pub(crate) async fn pass<T>(
        &self,
        key: K,
        visit: Visit<'_>,
        ask: impl Future<Output = Result<T, Outcome>>,
        refuses: impl Fn(&Outcome) -> bool,
    ) -> Result<T, Outcome> {
        let gate = self.0.get(key);
        let mut guard = gate.lock().await;
        let Gate::Closed { refused, sent } = &mut *guard else {
            drop(guard);
            return ask.await;
        };
        if let Some((_, outcome)) = refused.iter().find(|(repository, _)| repository == visit.repository) {
            return Err(outcome.clone());
        }
        if let Some((first, outcome)) = refused.first().filter(|_| *sent >= BUDGET) {
            return Err(withheld(first, outcome));
        }
        let result = ask.await;
        match &result {
            Err(outcome) if refuses(outcome) => {
                refused.push((visit.repository.to_owned(), outcome.clone()));
                *sent += visit.requests;
            }
            _ => *guard = Gate::Open,
        }
        result
    }
}

/// The outcome for a request that was not sent.
fn withheld(repository: &str, refusal: &Outcome) -> Outcome {
    let evidence = match refusal {
        Outcome::Absent(evidence) | Outcome::Denied(_, evidence) | Outcome::Unknown(_, evidence) => evidence.clone(),
        Outcome::Found(_) => Evidence::default(),
    };
    let words = format!("the credentials were refused for {repository}, and were not sent again");
    Outcome::Unknown(
        Unknown::CredentialWithheld,
        with_message(Evidence { code: None, details: None, body: None, ..evidence }, &words),
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::*;
    use crate::kubelet::probe::Denial;

    fn refused() -> Result<(), Outcome> {
        Err(Outcome::Denied(Denial::BadCredentials, Evidence::default()))
    }

    fn visit(repository: &str) -> Visit<'_> {
        Visit { repository, requests: 1 }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn waiters_for_the_same_repository_share_the_refusal() {
        let (gates, asked) = (Gates::default(), Cell::new(0));
        let ask = || async {
            asked.set(asked.get() + 1);
            tokio::task::yield_now().await;
            refused()
        };
        let all = join_all((0..5).map(|_| gates.pass("bob", visit("a"), ask(), |_| true))).await;
        assert!(all.iter().all(|result| *result == refused()));
        assert_eq!(asked.get(), 1);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn password_is_withheld_after_two_refusals() {
        let (gates, asked) = (Gates::default(), Cell::new(0));
        let ask = || async {
            asked.set(asked.get() + 1);
            refused()
        };
        for repository in ["a", "b"] {
            assert_eq!(gates.pass("bob", visit(repository), ask(), |_| true).await, refused());
        }
        let third = gates.pass("bob", visit("c"), ask(), |_| true).await;
        let Err(Outcome::Unknown(Unknown::CredentialWithheld, evidence)) = third else { panic!("{third:?}") };
        assert_eq!(evidence.message.as_deref(), Some("the credentials were refused for a, and were not sent again"));
        assert_eq!(gates.pass("bob", visit("b"), ask(), |_| true).await, refused(), "the refusal is kept");
        assert_eq!(asked.get(), 2);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn two_request_exchange_uses_up_the_password_budget() {
        let gates = Gates::default();
        let two = |repository| Visit { repository, requests: 2 };
        assert_eq!(gates.pass("bob", two("a"), std::future::ready(refused()), |_| true).await, refused());
        let second = gates.pass("bob", two("b"), std::future::ready(refused()), |_| true).await;
        assert!(matches!(second, Err(Outcome::Unknown(Unknown::CredentialWithheld, _))), "{second:?}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn accepted_password_is_sent_concurrently() {
        let gates = Gates::default();
        let good = || std::future::ready(Ok::<_, Outcome>(()));
        assert_eq!(gates.pass("bob", visit("a"), std::future::ready(refused()), |_| true).await, refused());
        assert_eq!(gates.pass("bob", visit("b"), good(), |_| true).await, Ok(()));
        let mut slow = Box::pin(gates.pass("bob", visit("c"), std::future::pending::<Result<(), _>>(), |_| true));
        assert_eq!((&mut slow).now_or_never(), None);
        assert_eq!(gates.pass("bob", visit("d"), good(), |_| true).now_or_never(), Some(Ok(())));
        for repository in ["e", "f", "g"] {
            let late = std::future::ready(refused());
            assert_eq!(gates.pass("bob", visit(repository), late, |_| true).await, refused(), "{repository} alone");
        }
        assert_eq!(gates.pass("bob", visit("a"), good(), |_| true).await, Ok(()), "asked again, now that it is known");
    }
}
