//! HelmRepositories, and the charts that are in them.

use std::collections::BTreeMap;

use super::{Access, ChartArtifact, ChartReference, HelmRepository, SourceName};
use crate::resource::Object;
use crate::resource::workload::SecretReference;
use crate::text::yaml::Node;

impl HelmRepository {
    /// Reads a HelmRepository (`api/v1/helmrepository_types.go` of fluxcd/source-controller).
    pub(super) fn of(object: &Object<'_>) -> Option<Self> {
        let name = &object.name;
        if name.group() != "source.toolkit.fluxcd.io" || name.kind != "HelmRepository" {
            return None;
        }
        let spec = object.node.get("spec")?;
        Some(Self {
            name: name.name.clone()?,
            namespace: name.namespace.clone(),
            registry_path: spec.str("url")?.strip_prefix("oci://").map(|path| path.trim_end_matches('/').to_owned()),
            access: Access { service_account: None, ..access(spec) },
            file: object.node.span().source,
        })
    }
}

/// Reads the credentials of a Flux source. Those of a cloud are not in the inputs.
pub(super) fn access(spec: Node<'_>) -> Access {
    let secret = spec.at(&["secretRef", "name"]).and_then(|name| {
        let text = name.as_str().filter(|text| !text.is_empty())?;
        Some(SecretReference { name: text.to_owned(), span: name.span() })
    });
    let service_account = spec.get("serviceAccountName").and_then(|name| {
        let text = name.as_str().filter(|text| !text.is_empty())?;
        Some(crate::text::source::Spanned { value: text.to_owned(), span: name.span() })
    });
    let is_of_cloud = spec.str("provider").is_some_and(|provider| !matches!(provider, "" | "generic"));
    Access { secret, service_account, is_elsewhere: is_of_cloud || spec.get("certSecretRef").is_some() }
}

/// More repositories of one name are not told apart.
const MAX_SAME_NAME: usize = 256;

/// Returns the artifacts whose repository is known to be in a registry.
pub(crate) fn resolve(references: &[ChartReference], repositories: &[HelmRepository]) -> Vec<ChartArtifact> {
    let mut named: BTreeMap<&str, Vec<&HelmRepository>> = BTreeMap::new();
    for repository in repositories {
        named.entry(&repository.name).or_default().push(repository);
    }
    let artifact = |reference: &ChartReference| {
        let mut artifact = reference.artifact.clone();
        if let Some(source) = &reference.source {
            let repository = choose(source, named.get(source.name.as_str())?)?;
            artifact.repository = format!("{}/{}", repository.registry_path.as_deref()?, artifact.repository);
            artifact.access = repository.access.clone();
            artifact.namespace = repository.namespace.clone().or(artifact.namespace);
        }
        Some(artifact)
    };
    references.iter().filter_map(artifact).collect()
}

/// Chooses the repository in the same file, or else in the same namespace. A kustomization may give both their
/// namespace, so one that names none may be meant too.
fn choose<'r>(source: &SourceName, named: &[&'r HelmRepository]) -> Option<&'r HelmRepository> {
    if named.len() > MAX_SAME_NAME {
        return None;
    }
    let is_possible = |repository: &HelmRepository| {
        repository.namespace.is_none() || source.namespace.is_none() || repository.namespace == source.namespace
    };
    let only = |is_near: &dyn Fn(&HelmRepository) -> bool| {
        let mut fitting = named.iter().copied().filter(|repository| is_near(repository) && is_possible(repository));
        let first = fitting.next()?;
        let is_same = |other: &HelmRepository| {
            let secret = |access: &Access| access.secret.as_ref().map(|secret| secret.name.clone());
            other.registry_path == first.registry_path && secret(&other.access) == secret(&first.access)
        };
        fitting.all(is_same).then_some(first)
    };
    only(&|repository| repository.file == source.file).or_else(|| only(&|_| true))
}
