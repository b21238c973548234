//! A password that a host refuses is not shown to it again: 200 references with one wrong password must not lock an
//! account.

use std::hash::Hash;

use tokio::sync::Mutex;

use super::cells::Cells;
use crate::probe::Outcome;

/// The gates of a run, by host or realm and credential.
#[derive(Debug)]
pub(crate) struct Gates<K>(Cells<K, Mutex<Gate>>);

/// What a host thinks of a credential.
#[derive(Debug, Default)]
enum Gate {
    /// It was not asked: the first one asks, alone.
    #[default]
    Closed,
    /// It does not refuse it: all may ask at once.
    Open,
    /// It refuses it, with these words: nobody asks again.
    Refused(Outcome),
}

impl<K> Default for Gates<K> {
    fn default() -> Self {
        Self(Cells::default())
    }
}

impl<K: Hash + Eq> Gates<K> {
    /// Asks, unless the credential is refused. `refuses` tells whether a failure means that; its second argument,
    /// whether nobody had asked before.
    pub(crate) async fn pass<T>(
        &self,
        key: K,
        ask: impl Future<Output = Result<T, Outcome>>,
        refuses: impl Fn(&Outcome, bool) -> bool,
    ) -> Result<T, Outcome> {
        let gate = self.0.get(key);
        let mut held = gate.lock().await;
        match &*held {
            Gate::Refused(outcome) => Err(outcome.clone()),
            Gate::Open => {
                drop(held);
                let result = ask.await;
                if let Err(outcome) = &result
                    && refuses(outcome, false)
                {
                    *gate.lock().await = Gate::Refused(outcome.clone());
                }
                result
            }
            Gate::Closed => {
                let result = ask.await;
                *held = match &result {
                    Err(outcome) if refuses(outcome, true) => Gate::Refused(outcome.clone()),
                    _ => Gate::Open,
                };
                result
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::*;
    use crate::probe::{Denial, Evidence};

    fn refused() -> Result<(), Outcome> {
        Err(Outcome::Denied(Denial::BadCredentials, Evidence::default()))
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_waits_hears_the_refusal_and_does_not_ask() {
        let (gates, asked) = (Gates::default(), Cell::new(0));
        let ask = || async {
            asked.set(asked.get() + 1);
            tokio::task::yield_now().await;
            refused()
        };
        let all = join_all((0..5).map(|_| gates.pass("bob", ask(), |_, _| true))).await;
        assert!(all.iter().all(|result| *result == refused()));
        assert_eq!(asked.get(), 1);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn once_open_all_ask_at_once() {
        let gates = Gates::default();
        let good = || std::future::ready(Ok::<_, Outcome>(()));
        assert_eq!(gates.pass("bob", good(), |_, _| true).await, Ok(()));
        let mut slow = Box::pin(gates.pass("bob", std::future::pending::<Result<(), _>>(), |_, _| true));
        assert_eq!((&mut slow).now_or_never(), None);
        assert_eq!(gates.pass("bob", good(), |_, _| true).now_or_never(), Some(Ok(())));
        let late = std::future::ready(refused());
        assert_eq!(gates.pass("bob", late, |_, first| first).await, refused(), "of this repository alone");
        assert_eq!(gates.pass("bob", good(), |_, _| true).await, Ok(()));
    }
}
