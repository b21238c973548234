//! The result of a run, ready to be printed: flat, owned and free of secrets by construction.

mod chart;
mod template;
pub mod trace;

pub use chart::ChartReport;

use std::collections::BTreeSet;

use crate::findings::baseline::BaselineUse;
use crate::findings::finding::{Finding, Severity};
use crate::findings::suppression::{Silenced, SilencedBy};
use crate::image::reference::Reference;
use crate::inventory::Inventory;
use crate::kubelet::pull::{CandidateCredential, PullContext, PullSecret};
use crate::kubelet::verdict;
use crate::resource::ResourceName;
use crate::resource::workload::values::SourceTable;
use crate::resource::workload::{Container, ImageText, ImageUse, Resource};
use crate::rules::{Filtered, JudgedImage};
use crate::text::source::{Source, SourceOrigin, Sources, Span};

/// The result of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// Findings in the order of source, place and rule.
    pub findings: Vec<Finding>,
    /// The findings that a suppression or the baseline silences, in the same order.
    pub silenced: Vec<Silenced>,
    /// How the baseline was used.
    pub baseline: BaselineUse,
    /// Every image use, in the order of source and place.
    pub images: Vec<ImageReport>,
    /// The charts and other artifacts that objects fetch, in the same order.
    pub charts: Vec<ChartReport>,
    /// The counts of the run.
    pub summary: Summary,
    /// Faults of an input or a setting that did not stop the run.
    pub errors: Vec<InputError>,
    /// Spans whose text is secret: outputs show them masked.
    pub masked: Vec<Span>,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    /// The file, as shown to the user.
    pub file: Option<String>,
    /// The error message.
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
    /// The number of image uses.
    pub image_uses: usize,
    /// Distinct image values among the image uses.
    pub unique_images: usize,
    /// Image uses that the kubelet can pull.
    pub pullable: usize,
    /// Image uses that fail.
    pub failing: usize,
    /// The number of image uses that could not be verified.
    pub unverified: usize,
    /// Image uses that were not judged.
    pub skipped: usize,
    /// Image uses with pull policy `Never`.
    pub not_pulled: usize,
    /// Releases whose chart was not rendered, or not with all values.
    pub unrendered_releases: usize,
    /// Charts and other artifacts that objects fetch.
    pub charts: usize,
    /// Those that their registry does not have.
    pub charts_failing: usize,
    /// Those that could not be verified.
    pub charts_unverified: usize,
    /// Findings of severity error.
    pub errors: usize,
    /// Findings of severity warning.
    pub warnings: usize,
    /// Findings of severity note.
    pub notes: usize,
    /// Findings silenced by a suppression.
    pub suppressed: usize,
    /// Findings in the baseline.
    pub baselined: usize,
    /// The number of HTTP requests sent.
    pub requests: usize,
}

/// One image use, as reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReport {
    /// The value, as the workload writes it.
    pub value: String,
    /// The value that is pulled, if it differs from the text: a parameter was filled in, or a kustomization sets
    /// another value.
    pub resolved: Option<String>,
    /// The place of the scalar that contains the image.
    pub span: Span,
    /// JSONPath-like place in the object.
    pub path: String,
    /// The object that uses the image.
    pub resource: ResourceName,
    /// The namespace of the pod, if the inputs show it.
    pub namespace: Option<String>,
    /// The template that wrote the image, as a renderer's comment names it.
    pub template: Option<String>,
    /// The container that uses the image.
    pub container: Container,
    /// The release whose values contain the image.
    pub release: Option<ReleaseReport>,
    /// The parts of the reference, if the image is a valid one.
    pub reference: Option<ReferenceReport>,
    /// The value of `imagePullPolicy` as written.
    pub declared_pull_policy: Option<String>,
    /// The effective pull policy.
    pub pull_policy: Option<&'static str>,
    /// The effective service account.
    pub service_account: String,
    /// The effective pull secrets.
    pub pull_secrets: Vec<PullSecretReport>,
    /// The credentials that the kubelet tries, in order.
    pub credentials: Vec<CredentialReport>,
    /// The verdict, as named in JSON; `None` in `--list-images`.
    pub verdict: Option<&'static str>,
    /// The cause of the verdict, as named in JSON.
    pub cause: Option<&'static str>,
    /// The event text. For an unverified image it is what a node shows if it gets the same answer.
    pub event: Option<String>,
    /// Digest of the manifest that was found.
    pub digest: Option<String>,
    /// The media type of the manifest.
    pub media_type: Option<String>,
    /// The platforms that the image is built for, if they were read.
    pub platforms: Option<Vec<String>>,
    /// Compressed size in bytes.
    pub size: Option<u64>,
    /// The answer to each credential; empty if the registry was not asked.
    pub attempts: Vec<AttemptReport>,
}

/// The release whose values contain an image.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ReleaseReport {
    /// The kind of the object that describes it: `HelmRelease`.
    pub kind: String,
    /// The namespace that it is installed in.
    pub namespace: Option<String>,
    /// The name of the release.
    pub name: Option<String>,
    /// The name, path or URL of the chart.
    pub chart: Option<String>,
    /// The version of the chart, or a range.
    pub version: Option<String>,
}

/// The parts of a reference.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ReferenceReport {
    /// The registry: `docker.io`.
    pub registry: String,
    /// The repository: `library/nginx`.
    pub repository: String,
    /// The tag, with `latest` filled in if the kubelet does so.
    pub tag: Option<String>,
    /// The digest: `sha256:…`.
    pub digest: Option<String>,
}

/// One effective pull secret of a pod.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PullSecretReport {
    /// The name of the Secret.
    pub name: String,
    /// The object that names it: `pod` or `service-account`.
    pub via: &'static str,
    /// The state, as named in the JSON contract.
    pub state: &'static str,
    /// The reason for its state.
    pub reason: Option<String>,
}

/// One credential that the kubelet tries, without its content.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CredentialReport {
    /// The secret that contains the credential.
    pub secret: Option<String>,
    /// The key of the entry in the keyring's index.
    pub key: String,
    /// `auths` key as written.
    pub written_key: String,
    /// Whether runtimes send nothing for the credential (empty user name).
    pub anonymous: bool,
}

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AttemptReport {
    /// Index into `credentials`; `None` for an anonymous attempt.
    pub credential: Option<usize>,
    /// `found`, or a cause of the JSON contract.
    pub outcome: &'static str,
}

impl Report {
    /// Combines a run's results. `judged` is empty for `--list-images`.
    pub fn new<'p>(
        sources: &Sources,
        inventory: &Inventory,
        pulls: impl IntoIterator<Item = &'p PullContext>,
        judged: &[JudgedImage],
        Filtered { reported: findings, suppressed: silenced, baseline }: Filtered,
        errors: Vec<InputError>,
    ) -> Self {
        let reports = inventory.images.iter().zip(pulls).enumerate();
        let charts = SourceTable::new(&inventory.chart_sources);
        let mut images: Vec<ImageReport> = reports
            .map(|(at, (image, pull))| {
                let resource = inventory.resource_of(image);
                let report = ImageReport::listed(image, resource, pull);
                let namespace = inventory.pod(image.pod).namespace.clone();
                let release = ReleaseReport::of(image, inventory, &charts);
                let report = ImageReport { namespace, release, ..report };
                match judged.get(at) {
                    Some(judged) => report.judged(judged),
                    None => report,
                }
            })
            .collect();
        images.sort_by_key(|image| image.span);
        let mut summary = Summary::of(&findings, &images);
        // A rendered source is made of files that are counted already.
        let is_rendered = |source: &Source| matches!(source.origin(), SourceOrigin::Rendered(_));
        let rendered = sources.iter().filter(|(_, source)| is_rendered(source)).count();
        summary.files = sources.inputs() - rendered;
        summary.documents = inventory.documents;
        summary.unrendered_releases = inventory.releases.iter().filter(|release| release.is_unchecked()).count();
        summary.resources = inventory.resources.len();
        summary.baselined = silenced.iter().filter(|entry| entry.by == SilencedBy::Baseline).count();
        summary.suppressed = silenced.len() - summary.baselined;
        Self {
            findings,
            silenced,
            baseline,
            images,
            charts: Vec::new(),
            summary,
            errors,
            masked: inventory.masked.clone(),
        }
    }
}

impl Summary {
    fn of(findings: &[Finding], images: &[ImageReport]) -> Self {
        let verdicts = |name: &str| images.iter().filter(|image| image.verdict == Some(name)).count();
        let severities = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        Self {
            image_uses: images.len(),
            unique_images: images
                .iter()
                .map(|image| image.resolved.as_deref().unwrap_or(&image.value))
                .collect::<BTreeSet<_>>()
                .len(),
            pullable: verdicts("pullable"),
            failing: verdicts("fails"),
            unverified: verdicts("unverified"),
            skipped: verdicts("skipped"),
            not_pulled: verdicts("not-pulled"),
            errors: severities(Severity::Error),
            warnings: severities(Severity::Warning),
            notes: severities(Severity::Note),
            ..Self::default()
        }
    }
}

impl ImageReport {
    /// Returns what the inputs alone determine about an image use.
    pub fn listed(image: &ImageUse, resource: &Resource, pull: &PullContext) -> Self {
        let reference = match &image.image {
            ImageText::Reference(reference) => Some(ReferenceReport::from(reference)),
            _ => None,
        };
        let skipped = matches!(image.image, ImageText::Skipped(_));
        Self {
            value: image.written.as_ref().unwrap_or(&image.text.value).clone(),
            resolved: image.written.as_ref().map(|_| image.text.value.clone()),
            span: image.text.span,
            path: image.path.clone(),
            resource: resource.name.clone(),
            namespace: resource.name.namespace.clone(),
            template: resource.template.clone(),
            container: image.container.clone(),
            release: None,
            reference,
            declared_pull_policy: image.declared_policy.as_ref().map(|policy| policy.value.clone()),
            pull_policy: pull.pull_policy.filter(|_| !skipped).map(|policy| policy.as_str()),
            service_account: pull.service_account.clone(),
            pull_secrets: pull.secrets.iter().map(PullSecretReport::from).collect(),
            credentials: pull.credentials.iter().map(CredentialReport::from).collect(),
            verdict: None,
            cause: None,
            event: None,
            digest: None,
            media_type: None,
            platforms: None,
            size: None,
            attempts: Vec::new(),
        }
    }

    fn judged(mut self, judged: &JudgedImage) -> Self {
        self.verdict = Some(judged.verdict.as_str());
        self.cause = judged.verdict.cause().map(|cause| cause.as_str());
        self.event.clone_from(&judged.event);
        let attempts = judged.answer.iter().flat_map(|answer| &answer.attempts);
        self.attempts = attempts
            .map(|(credential, outcome)| AttemptReport {
                credential: *credential,
                outcome: verdict::outcome_name(outcome),
            })
            .collect();
        if let Some(manifest) = &judged.manifest {
            self.digest.clone_from(&manifest.digest);
            self.media_type.clone_from(&manifest.media_type);
            self.size = manifest.size;
            let platforms = manifest.platforms.as_ref();
            self.platforms = platforms.map(|list| list.iter().map(ToString::to_string).collect());
        }
        self
    }
}

impl ReleaseReport {
    fn of(image: &ImageUse, inventory: &Inventory, charts: &SourceTable<'_>) -> Option<Self> {
        let pod = inventory.pod(image.pod);
        let release = inventory.releases.get(pod.release?.0 as usize)?;
        let resource = &inventory.resource(release.resource).name;
        let chart = charts.complete(&release.chart);
        Some(Self {
            kind: resource.kind.clone(),
            namespace: pod.namespace.clone(),
            name: release.name.clone(),
            chart: chart.chart,
            version: chart.version,
        })
    }
}

impl From<&Reference> for ReferenceReport {
    fn from(reference: &Reference) -> Self {
        Self {
            registry: reference.registry().to_owned(),
            repository: reference.repository().to_owned(),
            tag: reference.tag().map(str::to_owned),
            digest: reference.digest().map(str::to_owned),
        }
    }
}

impl From<&PullSecret> for PullSecretReport {
    fn from(secret: &PullSecret) -> Self {
        Self {
            name: secret.name.clone(),
            via: secret.via.as_str(),
            state: secret.state.as_str(),
            reason: secret.reason.clone(),
        }
    }
}

impl From<&CandidateCredential> for CredentialReport {
    fn from(candidate: &CandidateCredential) -> Self {
        Self {
            secret: candidate.secret.clone(),
            key: candidate.index_key.clone(),
            written_key: candidate.written_key.clone(),
            anonymous: candidate.credential.is_anonymous(),
        }
    }
}
