//! What a run found, ready to be printed: flat, owned and free of secrets by construction.

use crate::finding::Finding;
use crate::resource::ResourceName;
use crate::source::Span;
use crate::workload::Container;

/// The result of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// Findings in the order of source, place and rule.
    pub findings: Vec<Finding>,
    /// Every image use, in the order of source and place.
    pub images: Vec<ImageReport>,
    /// The counts.
    pub summary: Summary,
    /// What went wrong with an input or a setting without stopping the run.
    pub errors: Vec<InputError>,
    /// Spans whose text is secret: outputs show them masked.
    pub masked: Vec<Span>,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    /// The file, as the user sees it.
    pub file: Option<String>,
    /// What happened.
    pub message: String,
}

/// Counts of a run. Field names are those of the JSON contract.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Files that were read.
    pub files: usize,
    /// YAML documents in them, skipped ones included.
    pub documents: usize,
    /// Kubernetes objects in the documents that were parsed.
    pub resources: usize,
    /// Image uses.
    pub image_uses: usize,
    /// Distinct image values among them.
    pub unique_images: usize,
    /// Image uses that the kubelet can pull.
    pub pullable: usize,
    /// Image uses that fail.
    pub failing: usize,
    /// Image uses that could not be told.
    pub unverified: usize,
    /// Image uses that were not judged.
    pub skipped: usize,
    /// Image uses with pull policy `Never`.
    pub not_pulled: usize,
    /// Findings of severity error.
    pub errors: usize,
    /// Findings of severity warning.
    pub warnings: usize,
    /// Findings of severity note.
    pub notes: usize,
    /// Findings silenced by a suppression.
    pub suppressed: usize,
    /// Findings known to the baseline.
    pub baselined: usize,
    /// HTTP requests sent.
    pub requests: usize,
}

/// One image use as it is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReport {
    /// The value.
    pub value: String,
    /// Its scalar.
    pub span: Span,
    /// JSONPath-like place in its object.
    pub path: String,
    /// The object.
    pub resource: ResourceName,
    /// The container.
    pub container: Container,
    /// The parts, where it is a reference.
    pub reference: Option<ReferenceReport>,
    /// `imagePullPolicy` as written.
    pub declared_pull_policy: Option<String>,
    /// The effective policy.
    pub pull_policy: Option<&'static str>,
    /// The effective service account.
    pub service_account: String,
    /// The effective pull secrets.
    pub pull_secrets: Vec<PullSecretReport>,
    /// What the kubelet tries, in order.
    pub credentials: Vec<CredentialReport>,
    /// The verdict, as JSON names it; `None` in `--list-images`.
    pub verdict: Option<&'static str>,
    /// Its cause, as JSON names it.
    pub cause: Option<&'static str>,
    /// The event text.
    pub event: Option<String>,
    /// Digest of the manifest that was found.
    pub digest: Option<String>,
    /// Its media type.
    pub media_type: Option<String>,
    /// Platforms of an index.
    pub platforms: Option<Vec<String>>,
    /// Compressed size in bytes.
    pub size: Option<u64>,
    /// What each credential was answered; empty when nothing was asked.
    pub attempts: Vec<AttemptReport>,
}

/// The parts of a reference.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ReferenceReport {
    /// `docker.io`.
    pub registry: String,
    /// `library/nginx`.
    pub repository: String,
    /// `latest` filled in where the kubelet does.
    pub tag: Option<String>,
    /// `sha256:…`.
    pub digest: Option<String>,
}

/// One effective pull secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PullSecretReport {
    /// Its name.
    pub name: String,
    /// `pod` or `service-account`.
    pub via: &'static str,
    /// The state of the contract.
    pub state: &'static str,
    /// Why.
    pub reason: Option<String>,
}

/// One credential that the kubelet tries, without its content.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CredentialReport {
    /// The secret it comes from.
    pub secret: Option<String>,
    /// Index key.
    pub key: String,
    /// `auths` key as written.
    pub written_key: String,
    /// Whether runtimes send nothing for it (empty username).
    pub anonymous: bool,
}

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AttemptReport {
    /// Index into `credentials`; `None` for an anonymous attempt.
    pub credential: Option<usize>,
    /// `found`, or a cause of the contract.
    pub outcome: &'static str,
}
