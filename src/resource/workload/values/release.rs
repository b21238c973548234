//! The kinds that describe releases: where their values are, what their chart is, and in which namespace it is
//! installed.
//!
//! Follows `api/v2/helmrelease_types.go` of Flux's helm-controller, `pkg/apis/application/v1alpha1/types.go` of Argo
//! CD, `pkg/apis/helm.cattle.io/v1/types.go` of k3s' helm-controller, and `api/types/helmchartargs.go` of kustomize.

use super::part::Part;
use super::reference::{FileBase, ReferenceTarget, ValuesReference};
use super::{ChartName, Installer, Parameter, Release, SourceReference, TargetNamespace};
use crate::resource::Object;
use crate::resource::workload::ResourceId;
use crate::resource::workload::path::join;
use crate::text::placeholder::is_placeholder;
use crate::text::source::Span;
use crate::text::yaml::Node;

/// A release, with the values that are still to be read.
pub(super) struct Reading<'d> {
    pub(super) release: Release,
    /// The sets of values, each in its place: later ones take precedence.
    pub(super) parts: Vec<Part<'d>>,
    /// Further sets for some of the clusters, each on top of all `parts`.
    pub(super) targets: Vec<Vec<Part<'d>>>,
    /// Single values that override those of the sets.
    pub(super) parameters: Vec<Parameter<'d>>,
    pub(super) namespace: TargetNamespace,
    /// The path of the first field whose values are not followed.
    pub(super) unread: Option<String>,
    /// The content of the chart: an archive in base64.
    pub(super) content: Option<Node<'d>>,
    /// Whether the rendered objects are changed in a way that may replace their images.
    pub(super) is_post_rendered: bool,
    /// Whether the installer runs the tests of the chart.
    pub(super) runs_tests: bool,
    /// Whether values that are not read may replace any image in those that are.
    pub(super) is_doubtful: bool,
}

impl<'d> Reading<'d> {
    pub(super) fn new(installer: Installer, whole: Node<'d>) -> Self {
        Self::at(installer, whole.span())
    }

    /// Returns a release at a place.
    pub(super) fn at(installer: Installer, span: Span) -> Self {
        Self {
            release: Release {
                resource: ResourceId(0),
                span,
                installer,
                name: None,
                chart: ChartName::default(),
                images: 0,
                incomplete: 0,
                first_incomplete: None,
                unread: None,
                references: Vec::new(),
                is_rendered: false,
                unfetched: None,
                service_account: None,
                is_partial: false,
            },
            parts: Vec::new(),
            targets: Vec::new(),
            parameters: Vec::new(),
            namespace: TargetNamespace::default(),
            unread: None,
            content: None,
            is_post_rendered: false,
            runs_tests: false,
            is_doubtful: false,
        }
    }

    /// Adds the values in a field, if it is set.
    pub(super) fn add(&mut self, holder: Node<'d>, key: &str, path: &str, form: fn(Node<'d>, String) -> Part<'d>) {
        if let Some(value) = holder.get(key).filter(|value| !value.is_null()) {
            self.parts.push(form(value, join(path, key)));
        }
    }

    /// Adds a reference to values elsewhere.
    pub(super) fn refer(&mut self, target: ReferenceTarget, node: Node<'d>, is_optional: bool, path: String) {
        let reference = ValuesReference { target, span: node.span(), is_optional };
        self.parts.push(Part::Elsewhere(reference, path));
    }

    /// Adds the values of a chart that is a folder: the lowest set.
    pub(super) fn chart_values(&mut self, chart: Option<Node<'d>>) {
        if let Some(chart) = chart {
            self.refer(ReferenceTarget::Chart, chart, true, String::new());
        }
    }

    /// Adds the files in a list.
    pub(super) fn files(&mut self, holder: Node<'d>, key: &str, path: &str, of_file: &dyn Fn(&str) -> ReferenceTarget) {
        for (at, item) in holder.get(key).into_iter().flat_map(Node::items).enumerate() {
            let target = item.as_str().map_or(ReferenceTarget::Unfollowed, of_file);
            let is_optional = holder.get("ignoreMissingValueFiles").is_some_and(|value| value.text() == Some("true"));
            self.refer(target, item, is_optional, join(path, &format!("{key}[{at}]")));
        }
    }

    /// Notes the first of the fields that is set and not followed.
    pub(super) fn refers(&mut self, holder: Node<'d>, keys: &[&str], path: &str) {
        let is_set = |key: &&&str| holder.get(key).is_some_and(|value| value.items().next().is_some());
        if let Some(key) = keys.iter().find(is_set) {
            self.unread.get_or_insert_with(|| join(path, key));
        }
    }

    /// Sets the chart's name and the place of the release.
    pub(super) fn chart(&mut self, node: Option<Node<'d>>) {
        if let Some(node) = node {
            self.release.span = node.span();
            self.release.chart.chart = text(Some(node));
        }
    }
}

/// Returns the text of a scalar that is not empty.
pub(super) fn text(node: Option<Node<'_>>) -> Option<String> {
    let node = node.filter(|node| !node.is_null())?;
    node.text().filter(|text| !text.is_empty()).map(str::to_owned)
}

pub(super) fn known(node: Option<Node<'_>>) -> Option<String> {
    text(node).filter(|text| !is_placeholder(text))
}

/// Returns the releases of an object; `None` if it is of another kind.
pub(super) fn of_object<'d>(object: &Object<'d>) -> Option<Vec<Reading<'d>>> {
    match (object.name.group(), object.name.kind.as_str()) {
        ("helm.toolkit.fluxcd.io", "HelmRelease") => Some(vec![of_flux(object)]),
        ("helm.cattle.io", "HelmChart" | "HelmChartConfig") => Some(vec![of_helm_controller(object)]),
        ("argoproj.io", "Application") => {
            let destination = object.node.at(&["spec", "destination"]);
            let spec = object.node.get("spec").map(|spec| (spec, join(&object.path, "spec")));
            Some(of_argo(object, spec, destination)).filter(|found| !found.is_empty())
        }
        ("argoproj.io", "ApplicationSet") => {
            let destination = object.node.at(&["spec", "template", "spec", "destination"]);
            let path = join(&object.path, "spec.template.spec");
            let spec = object.node.at(&["spec", "template", "spec"]).map(|spec| (spec, path));
            Some(of_argo(object, spec, destination)).filter(|found| !found.is_empty())
        }
        _ => None,
    }
}

/// The namespace in a field, or else the object's own.
pub(super) fn target_or_own(field: Option<Node<'_>>, object: &Object<'_>) -> TargetNamespace {
    match text(field) {
        Some(name) => TargetNamespace { value: Some(name).filter(|name| !is_placeholder(name)), is_chosen: true },
        None => TargetNamespace { value: object.name.namespace.clone(), is_chosen: false },
    }
}

fn of_flux<'d>(object: &Object<'d>) -> Reading<'d> {
    let mut reading = Reading::new(Installer::Flux, object.node);
    let path = join(&object.path, "spec");
    let Some(spec) = object.node.get("spec") else {
        reading.release.is_partial = true;
        return reading;
    };
    reading.namespace = target_or_own(spec.get("targetNamespace"), object);
    // The name of a release with a target namespace begins with it (`GetReleaseName` of the helm-controller).
    let own = object.name.name.clone().map(|name| match known(spec.get("targetNamespace")) {
        Some(target) => format!("{target}-{name}"),
        None => name,
    });
    reading.release.name = text(spec.get("releaseName")).or(own);
    let reference = |node: Node<'d>| {
        let namespace = text(node.get("namespace")).or_else(|| object.name.namespace.clone());
        let (kind, name) = (text(node.get("kind"))?, text(node.get("name"))?);
        Some(SourceReference { kind, name, namespace, file: node.span().source })
    };
    if let Some(chart) = spec.at(&["chart", "spec"]) {
        reading.chart(chart.get("chart"));
        reading.release.chart.version = text(chart.get("version"));
        reading.release.chart.source = chart.get("sourceRef").and_then(reference);
    } else if let Some(chart) = spec.get("chartRef") {
        reading.release.span = chart.get("name").unwrap_or(chart).span();
        reading.release.chart.source = reference(chart);
    } else {
        reading.release.is_partial = true;
    }
    if let Some(chart) = spec.at(&["chart", "spec"]) {
        // These files take the place of the chart's own values.
        reading.refers(chart, &["valuesFiles"], &join(&path, "chart.spec"));
        let source = chart.at(&["sourceRef", "kind"]).and_then(Node::as_str);
        if matches!(source, Some("GitRepository" | "Bucket")) && reading.unread.is_none() {
            reading.chart_values(chart.get("chart"));
        }
    }
    for (at, source) in spec.get("valuesFrom").into_iter().flat_map(Node::items).enumerate() {
        let is_whole = source.get("targetPath").is_none_or(Node::is_null);
        let target = match (source.str("kind"), source.str("name")) {
            (Some("ConfigMap"), Some(name)) if is_whole => ReferenceTarget::ConfigMap {
                namespace: object.name.namespace.clone(),
                name: name.to_owned(),
                key: text(source.get("valuesKey")).unwrap_or_else(|| "values.yaml".to_owned()),
            },
            _ => ReferenceTarget::Unfollowed,
        };
        let is_optional = source.get("optional").is_some_and(|value| value.text() == Some("true"));
        reading.refer(target, source, is_optional, format!("{path}.valuesFrom[{at}]"));
    }
    reading.add(spec, "values", &path, Part::Tree);
    reading.runs_tests = spec.at(&["test", "enable"]).is_some_and(|enable| enable.text() == Some("true"));
    let renderers = spec.get("postRenderers").into_iter().flat_map(Node::items);
    reading.is_post_rendered = renderers.filter_map(|renderer| renderer.get("kustomize")).any(|renderer| {
        let patches = ["patches", "patchesStrategicMerge", "patchesJson6902"];
        let mut patches = patches.into_iter().filter_map(|key| renderer.get(key)).flat_map(Node::items);
        let has_image = |patch: Node<'_>| {
            let text = patch.get("patch").unwrap_or(patch).text();
            text.is_none_or(|text| text.contains("image"))
        };
        renderer.get("images").is_some_and(|images| images.items().next().is_some()) || patches.any(has_image)
    });
    reading
}

fn of_helm_controller<'d>(object: &Object<'d>) -> Reading<'d> {
    let mut reading = Reading::new(Installer::HelmController, object.node);
    let path = join(&object.path, "spec");
    reading.release.name = object.name.name.clone();
    let Some(spec) = object.node.get("spec") else { return reading };
    if object.name.kind == "HelmChart" {
        reading.namespace = target_or_own(spec.get("targetNamespace"), object);
        reading.chart(spec.get("chart"));
        reading.release.chart.version = text(spec.get("version"));
        reading.release.chart.repository = text(spec.get("repo"));
        if let Some(content) = spec.get("chartContent") {
            reading.release.span = content.span();
            reading.content = Some(content);
        }
    } else {
        // The chart is that of the HelmChart with the same name, which may have another target namespace.
        reading.namespace.is_chosen = true;
        reading.release.span = spec.get("valuesContent").map_or(object.node.span(), |values| values.span());
    }
    reading.add(spec, "valuesContent", &path, Part::Text);
    reading.add(spec, "values", &path, Part::Tree);
    reading.refers(spec, &["valuesSecrets"], &path);
    for entry in spec.get("set").into_iter().flat_map(Node::entries) {
        let Some(name) = entry.key.text() else { continue };
        let path = format!("{path}.set['{name}']");
        // Numbers and booleans keep their type (`typedVal` in `pkg/controllers/chart/chart.go`).
        let is_typed = |text: &str| matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "null");
        let is_string = entry.value.as_str().is_some_and(|text| !is_typed(text));
        reading.parameters.push(Parameter { name: name.to_owned(), value: entry.value, path, is_string });
    }
    reading
}

/// Returns one release for each source that is a chart, or has values for one.
fn of_argo<'d>(
    object: &Object<'d>,
    spec: Option<(Node<'d>, String)>,
    destination: Option<Node<'d>>,
) -> Vec<Reading<'d>> {
    let Some((spec, path)) = spec else { return Vec::new() };
    let sources = spec.get("sources").into_iter().flat_map(Node::items).enumerate();
    let sources: Vec<(Node<'d>, String)> =
        sources.map(|(at, source)| (source, format!("{path}.sources[{at}]"))).collect();
    let repositories: Vec<(&str, &str)> =
        sources.iter().filter_map(|(source, _)| Some((source.str("ref")?, source.str("repoURL")?))).collect();
    // `source` is ignored if there are `sources` (`GetSources`).
    let single = spec.get("source").filter(|_| sources.is_empty()).map(|source| (source, format!("{path}.source")));
    let mut found = Vec::new();
    for (source, path) in single.into_iter().chain(sources) {
        let (chart, helm) = (source.get("chart"), source.get("helm").filter(|helm| helm.is_mapping()));
        if chart.is_none_or(Node::is_null) && helm.is_none() {
            continue;
        }
        let mut reading = Reading::new(Installer::ArgoCd, source);
        let target = destination.and_then(|destination| destination.get("namespace"));
        reading.namespace = TargetNamespace { value: known(target), is_chosen: true };
        reading.release.name = text(helm.and_then(|helm| helm.get("releaseName"))).or(object.name.name.clone());
        reading.chart(chart.filter(|chart| !chart.is_null()).or_else(|| source.get("path")));
        reading.release.chart.repository = text(source.get("repoURL"));
        reading.release.chart.version = text(source.get("targetRevision"));
        if let Some(helm) = helm {
            let path = join(&path, "helm");
            if chart.is_none_or(Node::is_null) {
                reading.chart_values(source.get("path"));
            }
            let own = source.str("repoURL").unwrap_or_default();
            let of_file = |file: &str| value_file(file, own, &repositories);
            reading.files(helm, "valueFiles", &path, &of_file);
            // `valuesObject` takes the place of `values` (`ValuesIsEmpty`, `ValuesYAML`).
            match helm.get("valuesObject").filter(|values| !values.is_null()) {
                Some(_) => reading.add(helm, "valuesObject", &path, Part::Tree),
                None => reading.add(helm, "values", &path, Part::Text),
            }
            reading.refers(helm, &["fileParameters"], &path);
            for (at, parameter) in helm.get("parameters").into_iter().flat_map(Node::items).enumerate() {
                let (Some(name), Some(value)) = (parameter.str("name"), parameter.get("value")) else { continue };
                let is_string = parameter.get("forceString").is_some_and(|value| value.text() == Some("true"));
                let path = format!("{path}.parameters[{at}].value");
                reading.parameters.push(Parameter { name: name.to_owned(), value, path, is_string });
            }
        }
        found.push(reading);
    }
    found
}

/// Returns what an entry of `valueFiles` names (`getResolvedValueFiles` in `reposerver/repository/repository.go` and
/// `ResolveValueFilePathOrUrl` in `util/io/path/resolved.go` of Argo CD).
fn value_file(file: &str, own: &str, repositories: &[(&str, &str)]) -> ReferenceTarget {
    let is_followed = |path: &str| !path.contains(['$', '*', '?', '[', '{']) && !path.contains("://");
    let of = |path: &str, base: FileBase| match is_followed(path) {
        true => ReferenceTarget::File { path: path.to_owned(), base },
        false => ReferenceTarget::Unfollowed,
    };
    if let Some((name, path)) = file.strip_prefix('$').map(|rest| rest.split_once('/').unwrap_or((rest, ""))) {
        let repository = repositories.iter().find(|(reference, _)| *reference == name);
        return repository
            .map_or(ReferenceTarget::Unfollowed, |(_, url)| of(path, FileBase::Repository((*url).into())));
    }
    match file.strip_prefix('/') {
        Some(path) => of(path, FileBase::Repository(own.to_owned())),
        None => of(file, FileBase::Chart),
    }
}

/// Returns the releases of a kustomization: charts with values in it. What kustomize inflates is reported for the
/// kustomization as a whole.
pub(super) fn of_kustomization(root: Node<'_>) -> Vec<Reading<'_>> {
    let charts = root.get("helmCharts").into_iter().flat_map(Node::items).enumerate();
    let with_values = charts.filter(|(_, chart)| chart.get("valuesInline").is_some_and(Node::is_mapping));
    let reading = |(at, chart): (usize, _)| {
        let chart: Node<'_> = chart;
        let mut reading = Reading::new(Installer::Kustomize, chart);
        let path = format!("helmCharts[{at}]");
        reading.release.name = text(chart.get("releaseName"));
        reading.chart(chart.get("name"));
        reading.release.chart.repository = text(chart.get("repo"));
        reading.release.chart.version = text(chart.get("version"));
        let namespace = known(chart.get("namespace")).or_else(|| known(root.get("namespace")));
        reading.namespace = TargetNamespace { value: namespace, is_chosen: true };
        reading.add(chart, "valuesInline", &path, Part::Tree);
        reading
    };
    with_values.map(reading).collect()
}
