//! What several hosts say of one image, made into one outcome.

use crate::probe::{Denial, Evidence, Outcome, TlsFault, Unknown};

/// Outcomes of hosts that do not have the image, in the order in which they were asked.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(Vec<Outcome>);

impl Verdicts {
    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.0.push(outcome);
    }

    /// What is reported of them: what came furthest, the first of those that came as far, as containerd has it
    /// (`firstErrPriority` in `core/remotes/docker/resolver.go`). A host that could not be asked from here leaves open
    /// whether it has the image, so that no other's refusal counts, nor a failure that the nodes will certainly meet.
    pub(crate) fn most_telling(self) -> Outcome {
        let least = self.0.iter().map(certainty).min();
        let counts = |outcome: &&Outcome| Some(certainty(outcome)) == least;
        let mut told: Option<&Outcome> = None;
        for outcome in self.0.iter().filter(counts) {
            if told.is_none_or(|told| progress(told) < progress(outcome)) {
                told = Some(outcome);
            }
        }
        told.cloned().unwrap_or_else(|| {
            let message = Some("hosts.toml names no host that may resolve and pull".to_owned());
            Outcome::Unknown(Unknown::RegistryError, Evidence { message, ..Evidence::default() })
        })
    }
}

/// How certain it is that the nodes fare no better with the host. Nothing is made of the more certain where a less
/// certain one stands beside it: pulling fails only if every host fails.
fn certainty(outcome: &Outcome) -> u8 {
    match outcome {
        // The same certificate and the same date are everywhere.
        Outcome::Unknown(Unknown::Tls(TlsFault::Expired), _) => 3,
        Outcome::Unknown(Unknown::PlainHttp, _) => 2,
        Outcome::Unknown(Unknown::NoSuchHost, _) => 1,
        Outcome::Unknown(..) => 0,
        Outcome::Found(_) | Outcome::Absent(_) | Outcome::Denied(..) => 3,
    }
}

/// How far containerd comes: to no answer or no leave to ask, to a 404, to another status of the manifest.
fn progress(outcome: &Outcome) -> u8 {
    let of_manifest = |evidence: &Evidence| evidence.url.as_deref().is_some_and(|url| url.contains("/manifests/"));
    match outcome {
        Outcome::Found(_) => 4,
        Outcome::Absent(_) => 2,
        Outcome::Denied(Denial::Denied, _) => 3,
        Outcome::Denied(Denial::Auth | Denial::BadCredentials, evidence) if of_manifest(evidence) => 3,
        Outcome::Unknown(_, evidence) if evidence.status.is_some() && of_manifest(evidence) => 3,
        Outcome::Denied(..) | Outcome::Unknown(..) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(path: &str, status: Option<u16>) -> Evidence {
        Evidence { url: Some(format!("https://m.example{path}")), status, ..Evidence::default() }
    }

    #[test]
    fn the_furthest_counts_and_the_first_of_equals() {
        let manifest = |status| evidence("/v2/a/manifests/1", status);
        let absent = Outcome::Absent(manifest(Some(404)));
        let forbidden = Outcome::Denied(Denial::Denied, manifest(Some(403)));
        let token = Outcome::Denied(Denial::DeniedOrAbsent, evidence("/token", Some(403)));
        let wrong = Outcome::Denied(Denial::BadCredentials, evidence("/token", Some(401)));
        let scope = Outcome::Denied(Denial::DeniedOrAbsent, manifest(Some(401)));
        let broken = Outcome::Unknown(Unknown::RegistryError, manifest(Some(500)));
        let limited = Outcome::Unknown(Unknown::RateLimited, manifest(Some(429)));
        let gone = Outcome::Unknown(Unknown::Network, manifest(None));
        let expired = Outcome::Unknown(Unknown::Tls(TlsFault::Expired), manifest(None));
        let plain = Outcome::Unknown(Unknown::PlainHttp, manifest(None));
        let table: [(&[&Outcome], &Outcome); 16] = [
            (&[&absent], &absent),
            (&[&token, &absent], &absent),
            (&[&absent, &token], &absent),
            (&[&absent, &forbidden], &forbidden),
            (&[&forbidden, &absent], &forbidden),
            (&[&token, &wrong], &token),
            (&[&wrong, &scope], &wrong),
            (&[&absent, &broken], &broken),
            (&[&limited, &broken], &limited),
            (&[&gone, &broken], &broken),
            // The mirror may have it for all we know.
            (&[&gone, &absent], &gone),
            // What is sure of one host must not be said of all.
            (&[&expired, &gone], &gone),
            (&[&plain, &gone], &gone),
            (&[&expired, &plain], &plain),
            (&[&expired, &absent], &absent),
            (&[&expired, &token], &expired),
        ];
        for (outcomes, expected) in table {
            let verdicts = Verdicts(outcomes.iter().copied().cloned().collect());
            assert_eq!(&verdicts.most_telling(), expected, "{outcomes:?}");
        }
        assert!(matches!(Verdicts::default().most_telling(), Outcome::Unknown(Unknown::RegistryError, _)));
    }
}
