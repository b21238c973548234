//! Charts and other artifacts that GitOps objects fetch from a registry: which repository, and which tag, digest or
//! range of versions of it.

mod read;
mod source;

use crate::resource::Object;
use crate::resource::chart::version_range::VersionReading;
use crate::resource::kustomization::pattern::Pattern;
use crate::resource::workload::{ResourceId, SecretReference};
use crate::text::source::{SourceId, Span, Spanned};
use crate::text::yaml::Node;

pub(crate) use self::source::resolve;

/// An artifact that an object fetches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartArtifact {
    /// The object that names it.
    pub resource: ResourceId,
    /// The program that fetches it.
    pub fetcher: Fetcher,
    /// Registry and repository, as written: `ghcr.io/acme/charts/shop`.
    pub repository: String,
    /// What is fetched from the repository.
    pub wanted: Wanted,
    /// The place that decides it: the tag, range, digest or version, or else the repository.
    pub span: Span,
    /// The path of that field in the object.
    pub path: String,
    /// The namespace of the object that has the credentials, if the inputs show it.
    pub namespace: Option<String>,
    /// The credentials of the fetcher.
    pub access: Access,
    /// The place of a patch that may replace it.
    pub rewritten_by: Option<Span>,
}

/// What an object fetches from a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The tag. A version is a tag with `_` for its `+`.
    Tag(String),
    /// The digest.
    Digest(String),
    /// The highest version in a range.
    Range(WantedRange),
    /// Something that another program fills in.
    Placeholder(String),
}

/// A range of versions, as an object writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedRange {
    /// The range: `>=1.2.0 <2`.
    pub text: String,
    /// How versions are read.
    pub reading: VersionReading,
    /// The pattern that tags must match in addition.
    pub filter: Option<Pattern>,
    /// Whether tags with `_` are versions, as those of charts are.
    pub has_build_metadata: bool,
}

/// The program that fetches an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fetcher {
    /// Flux's source-controller, for an OCIRepository.
    FluxOciRepository,
    /// Flux's source-controller, for the chart of a HelmRepository.
    FluxHelmChart,
    /// Argo CD.
    ArgoCd,
    /// The helm-controller of k3s and RKE2, which runs helm.
    HelmController,
    /// Rancher's Fleet.
    Fleet,
    /// kustomize, which runs helm.
    Kustomize,
}

/// The credentials of a fetcher.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The pull secret that the object names.
    pub secret: Option<SecretReference>,
    /// The service account whose pull secrets are used.
    pub service_account: Option<Spanned<String>>,
    /// Whether the fetcher may have other credentials, which the inputs do not show.
    pub is_elsewhere: bool,
}

/// An artifact as an object names it: the repository may be in another object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartReference {
    artifact: ChartArtifact,
    /// The HelmRepository that contains the chart; the artifact's repository is then the chart's name.
    source: Option<SourceName>,
}

/// The name of a HelmRepository.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SourceName {
    name: String,
    namespace: Option<String>,
    file: SourceId,
}

/// A HelmRepository of charts in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelmRepository {
    name: String,
    namespace: Option<String>,
    /// The URL without its scheme; `None` if it is not a registry.
    registry_path: Option<String>,
    access: Access,
    file: SourceId,
}

/// What an object says about artifacts.
#[derive(Debug, Default)]
pub(crate) struct ArtifactFacts {
    pub(crate) references: Vec<ChartReference>,
    pub(crate) repositories: Vec<HelmRepository>,
}

/// Reads the artifacts that an object fetches.
pub(crate) fn extract(object: &Object<'_>, resource: ResourceId) -> ArtifactFacts {
    ArtifactFacts {
        references: read::of_object(object, resource),
        repositories: HelmRepository::of(object).into_iter().collect(),
    }
}

/// Reads the artifacts in a file whose root is not an object: `fleet.yaml`, or a kustomization.
pub(crate) fn of_file(file: &str, root: Node<'_>, is_kustomization: bool, resource: ResourceId) -> Vec<ChartReference> {
    match is_kustomization {
        true => read::of_kustomization(root, resource),
        false => read::of_fleet(file, root, resource),
    }
}

impl ChartReference {
    /// Returns the reference with the id that its object has among those of all inputs.
    #[must_use]
    pub(crate) fn with_resource(mut self, id: impl Fn(ResourceId) -> ResourceId) -> Self {
        self.artifact.resource = id(self.artifact.resource);
        self
    }
}

#[cfg(test)]
mod tests;
