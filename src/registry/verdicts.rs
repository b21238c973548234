//! Combines the answers of several hosts about one image into one outcome.

use crate::image::runtime::Runtime;
use crate::kubelet::probe::{Denial, Evidence, Outcome, TlsFault, Unknown};

/// Outcomes of hosts that do not have the image, in the order in which they were asked.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(Vec<Outcome>);

impl Verdicts {
    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.0.push(outcome);
    }

    /// The combined outcome. If a host could not be asked from here, it remains open whether it has the image, so
    /// another host's refusal does not decide, nor does a failure that the nodes will certainly see. The outcome that
    /// the runtime reports is included if it comes from another host.
    pub(crate) fn most_telling(self, runtime: Runtime) -> Outcome {
        let least = self.0.iter().map(certainty).min();
        let uncertain = self.0.iter().filter(|outcome| Some(certainty(outcome)) == least);
        let (Some(decides), Some(reported)) = (reported(uncertain, runtime), reported(self.0.iter(), runtime)) else {
            let message = Some("hosts.toml names no host that may resolve and pull".to_owned());
            return Outcome::Unknown(Unknown::RegistryError, Evidence { message, ..Evidence::default() });
        };
        let mut outcome = decides.clone();
        if let Outcome::Absent(evidence) | Outcome::Denied(_, evidence) | Outcome::Unknown(_, evidence) = &mut outcome
            && reported != decides
        {
            evidence.reported = Some(Box::new(reported.clone()));
        }
        outcome
    }
}

/// The failure that a runtime reports. containerd since 2.1 reports the one that got furthest, and the first of
/// equals (`firstErrPriority` in `core/remotes/docker/resolver.go`). Before that it reports the first that is not a
/// 404 (`firstErr`).
fn reported<'o>(outcomes: impl Iterator<Item = &'o Outcome>, runtime: Runtime) -> Option<&'o Outcome> {
    let rank = |outcome: &Outcome| match runtime {
        Runtime::ContainerdOne => u8::from(!matches!(outcome, Outcome::Absent(_))),
        _ => progress(outcome),
    };
    outcomes.reduce(|first, next| if rank(first) < rank(next) { next } else { first })
}

/// How certain it is that the nodes get no further with the host. The less certain outcome decides over a more
/// certain one, because pulling fails only if every host fails.
fn certainty(outcome: &Outcome) -> u8 {
    match outcome {
        // The certificate and the date are the same everywhere.
        Outcome::Unknown(Unknown::Tls(TlsFault::Expired) | Unknown::NodeConfig, _) => 3,
        Outcome::Unknown(Unknown::PlainHttp, _) => 2,
        Outcome::Unknown(Unknown::NoSuchHost, _) => 1,
        Outcome::Unknown(..) => 0,
        Outcome::Found(_) | Outcome::Absent(_) | Outcome::Denied(..) => 3,
    }
}

/// How far containerd gets: no answer or no permission to ask, a 404, or another status for the manifest.
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
    fn furthest_outcome_decides_and_the_first_one_in_a_tie() {
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
            // It is possible that the mirror has the image.
            (&[&gone, &absent], &gone),
            // A certain fact about one host must not be reported for all.
            (&[&expired, &gone], &gone),
            (&[&plain, &gone], &gone),
            (&[&expired, &plain], &plain),
            (&[&expired, &absent], &absent),
            (&[&expired, &token], &expired),
        ];
        for (outcomes, expected) in table {
            let verdicts = Verdicts(outcomes.iter().copied().cloned().collect());
            let reported = without_reported(verdicts.most_telling(Runtime::Containerd)).0;
            assert_eq!(&reported, expected, "{outcomes:?}");
        }
        let none = Verdicts::default().most_telling(Runtime::Containerd);
        assert!(matches!(none, Outcome::Unknown(Unknown::RegistryError, _)));
    }

    fn without_reported(mut outcome: Outcome) -> (Outcome, Option<Outcome>) {
        let reported = match &mut outcome {
            Outcome::Absent(evidence) | Outcome::Denied(_, evidence) | Outcome::Unknown(_, evidence) => {
                evidence.reported.take()
            }
            Outcome::Found(_) => None,
        };
        (outcome, reported.map(|reported| *reported))
    }

    #[test]
    fn reported_outcome_may_differ_from_the_deciding_one() {
        let manifest = |status| evidence("/v2/a/manifests/1", status);
        let gone = Outcome::Unknown(Unknown::Network, manifest(None));
        let absent = Outcome::Absent(manifest(Some(404)));
        let forbidden = Outcome::Denied(Denial::Denied, manifest(Some(403)));
        let reported = |outcomes: [&Outcome; 2], runtime| {
            without_reported(Verdicts(outcomes.map(Clone::clone).to_vec()).most_telling(runtime))
        };
        assert_eq!(reported([&gone, &absent], Runtime::Containerd), (gone.clone(), Some(absent.clone())));
        assert_eq!(reported([&gone, &absent], Runtime::ContainerdOne), (gone.clone(), None));
        assert_eq!(reported([&absent, &gone], Runtime::ContainerdOne), (gone.clone(), None), "a 404 is not reported");
        assert_eq!(reported([&gone, &forbidden], Runtime::Containerd), (gone.clone(), Some(forbidden.clone())));
        assert_eq!(reported([&absent, &absent], Runtime::ContainerdOne), (absent, None));
    }
}
