//! The kinds whose objects fetch artifacts.
//!
//! Follows `api/v1/{ocirepository,helmchart}_types.go` of Flux's source-controller, `api/v2/helmrelease_types.go` of
//! its helm-controller, `pkg/apis/application/v1alpha1/types.go` of Argo CD, `pkg/apis/helm.cattle.io/v1/types.go` of
//! k3s' helm-controller, `pkg/apis/fleet.cattle.io/v1alpha1/bundledeployment_types.go` of Fleet, and
//! `api/types/helmchartargs.go` of kustomize.

use super::source::access;
use super::{Access, ChartArtifact, ChartReference, Fetcher, SourceName, Wanted, WantedRange};
use crate::resource::Object;
use crate::resource::chart::version_range::VersionReading;
use crate::resource::kustomization::pattern::Pattern;
use crate::resource::workload::ResourceId;
use crate::resource::workload::path::join;
use crate::text::placeholder::is_placeholder;
use crate::text::source::Span;
use crate::text::yaml::Node;

/// The media type of a chart in a registry.
const CHART_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// Returns the artifacts of an object.
pub(super) fn of_object(object: &Object<'_>, resource: ResourceId) -> Vec<ChartReference> {
    let Some(spec) = object.node.get("spec") else { return Vec::new() };
    let path = join(&object.path, "spec");
    match (object.name.group(), object.name.kind.as_str()) {
        ("source.toolkit.fluxcd.io", "OCIRepository") => {
            of_oci_repository(object, spec, &path, resource).into_iter().collect()
        }
        ("source.toolkit.fluxcd.io", "HelmChart") => of_flux_chart(object, spec, &path, resource).into_iter().collect(),
        ("helm.toolkit.fluxcd.io", "HelmRelease") => {
            let chart = spec.at(&["chart", "spec"]).filter(|_| !is_suspended(spec));
            let read = |chart| of_flux_chart(object, chart, &join(&path, "chart.spec"), resource);
            chart.and_then(read).into_iter().collect()
        }
        ("helm.cattle.io", "HelmChart") => {
            let mut found = of_helm(spec, &path, ("chart", "repo"), Fetcher::HelmController, resource);
            if let Some(reference) = &mut found {
                reference.artifact.namespace = object.name.namespace.clone();
                let keys = ["authSecret", "dockerRegistrySecret"];
                reference.artifact.access.is_elsewhere = keys.into_iter().any(|key| spec.get(key).is_some());
            }
            found.into_iter().collect()
        }
        ("argoproj.io", "Application") => of_argo(spec, &path, resource),
        ("argoproj.io", "ApplicationSet") => match spec.at(&["template", "spec"]) {
            Some(spec) => of_argo(spec, &join(&path, "template.spec"), resource),
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Whether the controller leaves the object alone.
fn is_suspended(spec: Node<'_>) -> bool {
    spec.get("suspend").and_then(Node::text) == Some("true")
}

/// The text of a scalar that is not empty, with its place.
fn text<'d>(node: Option<Node<'d>>) -> Option<(&'d str, Span)> {
    let node = node.filter(|node| !node.is_null())?;
    Some((node.text().filter(|text| !text.is_empty())?, node.span()))
}

/// The rest of an OCI URL.
fn of_registry(url: &str) -> Option<&str> {
    url.strip_prefix("oci://").map(|path| path.trim_end_matches('/'))
}

/// `getArtifactRef`: the digest counts before the range, and the range before the tag.
fn of_oci_repository(object: &Object<'_>, spec: Node<'_>, path: &str, resource: ResourceId) -> Option<ChartReference> {
    let (url, url_span) = text(spec.get("url"))?;
    let repository = of_registry(url)?.to_owned();
    if is_suspended(spec) {
        return None;
    }
    let of_ref = |key: &str| text(spec.at(&["ref", key])).map(|(text, span)| (text.to_owned(), span));
    let reading = VersionReading::FluxOciRepository;
    let (wanted, span, path) = if let Some((digest, span)) = of_ref("digest") {
        (Wanted::Digest(digest), span, join(path, "ref.digest"))
    } else if let Some((range, span)) = of_ref("semver") {
        let filter = of_ref("semverFilter").map(|(pattern, _)| Pattern::new(&pattern));
        let has_build_metadata = spec.at(&["layerSelector", "mediaType"]).and_then(Node::text) == Some(CHART_LAYER);
        (
            Wanted::Range(WantedRange { text: range, reading, filter, has_build_metadata }),
            span,
            join(path, "ref.semver"),
        )
    } else if let Some((tag, span)) = of_ref("tag") {
        (Wanted::Tag(tag), span, join(path, "ref.tag"))
    } else {
        (Wanted::Tag("latest".to_owned()), url_span, join(path, "url"))
    };
    let artifact = ChartArtifact {
        resource,
        fetcher: Fetcher::FluxOciRepository,
        repository,
        wanted,
        span,
        path,
        namespace: object.name.namespace.clone(),
        access: access(spec),
        rewritten_by: None,
    };
    Some(checked(artifact, None))
}

/// The chart of a HelmRelease, or of a HelmChart.
fn of_flux_chart(object: &Object<'_>, spec: Node<'_>, path: &str, resource: ResourceId) -> Option<ChartReference> {
    let (chart, chart_span) = text(spec.get("chart"))?;
    let reference = spec.get("sourceRef")?;
    if reference.str("kind") != Some("HelmRepository") || is_suspended(spec) {
        return None;
    }
    let name = reference.str("name")?.to_owned();
    let namespace = text(reference.get("namespace")).map(|(text, _)| text.to_owned());
    let namespace = namespace.or_else(|| object.name.namespace.clone());
    let (wanted, span, key) =
        version(spec.get("version"), VersionReading::FluxHelmRepository, (chart_span, "chart"), "version");
    let artifact = ChartArtifact {
        resource,
        fetcher: Fetcher::FluxHelmChart,
        repository: chart.to_owned(),
        wanted,
        span,
        path: join(path, key),
        namespace: namespace.clone(),
        access: Access::default(),
        rewritten_by: None,
    };
    Some(checked(artifact, Some(SourceName { name, namespace, file: reference.span().source })))
}

/// A version, or a range of versions; without one, the highest version is meant.
fn version<'k>(
    node: Option<Node<'_>>,
    reading: VersionReading,
    (other, other_key): (Span, &'k str),
    key: &'k str,
) -> (Wanted, Span, &'k str) {
    let range = |text: &str| {
        Wanted::Range(WantedRange { text: text.to_owned(), reading, filter: None, has_build_metadata: true })
    };
    match text(node) {
        Some((version, span)) if reading.pins(version) => (Wanted::Tag(version.replace('+', "_")), span, key),
        Some((version, span)) => (range(version), span, key),
        None => (range("*"), other, other_key),
    }
}

/// A chart that a program fetches as helm does: `oci://` in the chart, or in the URL of its repository.
fn of_helm(
    holder: Node<'_>,
    path: &str,
    (chart_key, repository_key): (&'static str, &str),
    fetcher: Fetcher,
    resource: ResourceId,
) -> Option<ChartReference> {
    let (chart, span) = text(holder.get(chart_key))?;
    let repository = match (of_registry(chart), text(holder.get(repository_key))) {
        (Some(whole), _) => whole.to_owned(),
        (None, Some((url, _))) => format!("{}/{chart}", of_registry(url)?),
        (None, None) => return None,
    };
    let (wanted, span, key) = version(holder.get("version"), VersionReading::Helm, (span, chart_key), "version");
    let artifact = ChartArtifact {
        resource,
        fetcher,
        repository,
        wanted,
        span,
        path: join(path, key),
        namespace: None,
        // Its credentials are those of the machine that runs helm.
        access: Access { is_elsewhere: true, ..Access::default() },
        rewritten_by: None,
    };
    Some(checked(artifact, None))
}

/// The sources of an Application that are charts in a registry, whose URL has no scheme (`IsHelmOciRepo`).
fn of_argo(spec: Node<'_>, path: &str, resource: ResourceId) -> Vec<ChartReference> {
    let sources = spec.get("sources").into_iter().flat_map(Node::items).enumerate();
    let sources: Vec<(Node<'_>, String)> =
        sources.map(|(at, source)| (source, format!("{path}.sources[{at}]"))).collect();
    let single = spec.get("source").filter(|_| sources.is_empty()).map(|source| (source, format!("{path}.source")));
    let read = |(source, path): (Node<'_>, String)| {
        let (chart, span) = text(source.get("chart"))?;
        let (url, _) = text(source.get("repoURL"))?;
        // Argo CD knows from its settings whether a URL with `https://` is a registry.
        let host = (!url.contains("://") && !url.contains('@')).then(|| url.trim_end_matches('/'))?;
        let (wanted, span, key) =
            version(source.get("targetRevision"), VersionReading::ArgoCd, (span, "chart"), "targetRevision");
        let artifact = ChartArtifact {
            resource,
            fetcher: Fetcher::ArgoCd,
            repository: format!("{host}/{chart}"),
            wanted,
            span,
            path: join(&path, key),
            namespace: None,
            // Secrets with a label of Argo CD, which may be in any repository.
            access: Access { is_elsewhere: true, ..Access::default() },
            rewritten_by: None,
        };
        Some(checked(artifact, None))
    };
    single.into_iter().chain(sources).filter_map(read).collect()
}

/// The charts of a `fleet.yaml`.
pub(super) fn of_fleet(file: &str, root: Node<'_>, resource: ResourceId) -> Vec<ChartReference> {
    let name = file.rsplit('/').next().unwrap_or_default();
    if !matches!(name, "fleet.yaml" | "fleet.yml") || root.get("kind").is_some() || root.get("apiVersion").is_some() {
        return Vec::new();
    }
    let targets = root.get("targetCustomizations").into_iter().flat_map(Node::items).enumerate();
    let targets = targets.map(|(at, target)| (target, format!("targetCustomizations[{at}]")));
    let read = |(holder, path): (Node<'_>, String)| {
        let helm = holder.get("helm")?;
        of_helm(helm, &join(&path, "helm"), ("chart", "repo"), Fetcher::Fleet, resource)
    };
    std::iter::once((root, String::new())).chain(targets).filter_map(read).collect()
}

/// The charts that a kustomization inflates.
pub(super) fn of_kustomization(root: Node<'_>, resource: ResourceId) -> Vec<ChartReference> {
    let charts = root.get("helmCharts").into_iter().flat_map(Node::items).enumerate();
    let read = |(at, chart): (usize, Node<'_>)| {
        of_helm(chart, &format!("helmCharts[{at}]"), ("name", "repo"), Fetcher::Kustomize, resource)
    };
    charts.filter_map(read).collect()
}

/// Marks what another program has yet to fill in.
fn checked(mut artifact: ChartArtifact, source: Option<SourceName>) -> ChartReference {
    let wanted = match &artifact.wanted {
        Wanted::Tag(text) | Wanted::Digest(text) | Wanted::Placeholder(text) => text,
        Wanted::Range(range) => &range.text,
    };
    let is_open = is_placeholder(&artifact.repository) || is_placeholder(wanted);
    let is_open = is_open || source.as_ref().is_some_and(|source| is_placeholder(&source.name));
    if is_open {
        artifact.wanted = Wanted::Placeholder(wanted.clone());
    }
    ChartReference { artifact, source }
}
