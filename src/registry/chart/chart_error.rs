//! Why a chart could not be fetched, in words for the finding at its release.

use crate::kubelet::probe::{Evidence, Outcome, Unknown};

/// Why a chart could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChartError {
    /// `--chart-hosts` does not list the host.
    #[error("{0} is not among the hosts of --chart-hosts, so nothing is fetched from it; add it there if you trust it")]
    HostNotAllowed(String),
    /// The release names no chart that can be asked for.
    #[error("{0}")]
    Unusable(String),
    /// The registry knows no such repository.
    #[error("the registry {registry} has no repository {repository}")]
    NoRepository {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
    },
    /// The index of a Helm repository has no such chart.
    #[error("the index of {repository} has no chart {chart}{}", meant(nearest))]
    NoChart {
        /// The URL of the repository.
        repository: String,
        /// The name of the chart.
        chart: String,
        /// The name in the index that is spelled almost the same.
        nearest: Option<String>,
    },
    /// The repository exists, but has no such version.
    #[error("{chart} has no version {wanted}{}", meant(nearest))]
    NoVersion {
        /// The chart, with its registry or repository.
        chart: String,
        /// The version, tag, digest or range, as written; `latest stable` if none is.
        wanted: String,
        /// An existing version that may be meant: the nearest by name for a version, the highest for a range.
        nearest: Option<String>,
    },
    /// The content is not a chart.
    #[error("{what} is not a chart: {why}")]
    NotAChart {
        /// The place of the content.
        what: String,
        /// What it is, or what it lacks.
        why: String,
    },
    /// The bytes do not match the digest that the release pins, or that the manifest states.
    #[error("{what} does not have the digest {expected}: the content was changed or damaged")]
    DigestMismatch {
        /// The place of the content.
        what: String,
        /// The expected digest.
        expected: String,
    },
    /// The server refuses access.
    #[error("{what}: access denied ({answer}); {hint}")]
    Denied {
        /// The place of the content.
        what: String,
        /// The server's answer.
        answer: String,
        /// What to change.
        hint: &'static str,
    },
    /// The server asks for fewer requests.
    #[error("{what}: too many requests ({answer}); wait, or authenticate with --dockerconfigjson")]
    RateLimited {
        /// The place of the content.
        what: String,
        /// The server's answer.
        answer: String,
    },
    /// The content is larger than its limit.
    #[error("{what} is larger than the limit of {limit} MiB")]
    TooLarge {
        /// The content.
        what: String,
        /// The limit in MiB.
        limit: usize,
    },
    /// The tags could not be listed whole, so the highest version is unknown.
    #[error(
        "{chart} has more tags than are read, or not all could be read: the highest in {wanted} is unknown; pin a version"
    )]
    TagsUnknown {
        /// The chart, with its registry.
        chart: String,
        /// The range.
        wanted: String,
    },
    /// This run has fetched as much as it may.
    #[error("{0}; check fewer files in one run")]
    RunLimit(String),
    /// No answer in time.
    #[error("{what}: no answer in time ({answer}); raise --timeout or --deadline")]
    Timeout {
        /// The place of the content.
        what: String,
        /// What happened.
        answer: String,
    },
    /// The server could not be reached, must not be contacted, or answers with an error.
    #[error("{what}: {answer}")]
    Network {
        /// The place of the content.
        what: String,
        /// What happened.
        answer: String,
    },
    /// The run was interrupted.
    #[error("interrupted")]
    Interrupted,
    /// The archive could not be stored on this machine.
    #[error("the chart cannot be stored: {0}")]
    Storage(String),
}

impl ChartError {
    /// Whether the server said that there is no such chart or version. If the cluster asks as this run did (the
    /// release's source has no credentials of its own), it gets none either. Every other error means that the chart
    /// is not known here.
    pub const fn is_certain(&self) -> bool {
        matches!(self, Self::NoRepository { .. } | Self::NoChart { .. } | Self::NoVersion { .. })
    }

    /// The error for an outcome that is no content.
    pub(super) fn of(outcome: Outcome, what: &str, limit: usize) -> Self {
        let what = what.to_owned();
        match outcome {
            Outcome::Found(_) => Self::TooLarge { what, limit: limit >> 20 },
            Outcome::Unknown(Unknown::NodeLocal, Evidence { message: None, .. }) => {
                let answer = "only the node or the cluster can reach this host, so it is not contacted".to_owned();
                Self::Network { what, answer }
            }
            Outcome::Absent(evidence) => Self::Network { what, answer: answer_of(&evidence) },
            Outcome::Denied(_, evidence) => Self::Denied { what, answer: answer_of(&evidence), hint: "" },
            Outcome::Unknown(Unknown::Interrupted, _) => Self::Interrupted,
            Outcome::Unknown(Unknown::RateLimited, evidence) => {
                Self::RateLimited { what, answer: answer_of(&evidence) }
            }
            Outcome::Unknown(Unknown::Timeout | Unknown::Deadline, evidence) => {
                Self::Timeout { what, answer: answer_of(&evidence) }
            }
            Outcome::Unknown(_, evidence) => Self::Network { what, answer: answer_of(&evidence) },
        }
    }

    /// Returns the error with the hint for a server that refuses.
    pub(super) fn hinting(self, hint: &'static str) -> Self {
        match self {
            Self::Denied { what, answer, .. } => Self::Denied { what, answer, hint },
            other => other,
        }
    }
}

fn meant(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default()
}

/// The answer in a few words.
fn answer_of(evidence: &Evidence) -> String {
    let status = evidence.status.map(|status| format!("HTTP {status}"));
    let message = evidence.message.clone().or_else(|| evidence.code.clone());
    let parts: Vec<String> = [status, message].into_iter().flatten().collect();
    if parts.is_empty() { "no answer".to_owned() } else { parts.join(": ") }
}

/// The name that may be meant: at most three letters away.
pub(super) fn nearest<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    /// Longer names are not compared, which would take long.
    const LONGEST: usize = 64;
    /// As many names are compared.
    const MOST: usize = 10_000;
    let is_like = |name: &&str| name.len() <= LONGEST && name.len().abs_diff(wanted.len()) <= 3;
    let near = names.into_iter().filter(is_like).take(MOST).map(|name| (strsim::osa_distance(wanted, name), name));
    near.min_by_key(|(distance, _)| *distance).filter(|(distance, _)| *distance <= 3).map(|(_, name)| name.to_owned())
}
