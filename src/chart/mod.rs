//! Helm charts among the inputs, and what renderers say of where their output comes from.
//!
//! A chart's templates are no manifests before they are rendered: what of them happens to be YAML may be left out or
//! changed by a condition. So each chart is named once, and nothing inside is taken for certain.

pub mod comment;

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::{Inventory, ProblemKind};
use crate::source::{Source, SourceId, SourceOrigin, Sources, Span};
use crate::workload::PodOrigin;
use crate::yaml::{self, Piece};

/// What Chart.yaml says of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartFile {
    /// The file.
    pub source: SourceId,
    /// The chart's folder, as names of sources are written; `.` for the current one.
    pub folder: String,
    /// `name`.
    pub name: String,
    /// The entry of the name, or the start of the file.
    pub name_span: Span,
    /// `appVersion`, with its place.
    pub app_version: Option<(String, Span)>,
    /// `version`, with its place.
    pub version: Option<(String, Span)>,
    /// `type: library`: it renders nothing by itself.
    pub is_library: bool,
    /// `alias` and `name` of the dependencies that have an alias.
    pub aliases: BTreeMap<String, String>,
}

/// A chart whose templates were met, and not rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnrenderedChart {
    /// The chart.
    pub chart: ChartFile,
    /// How many of its templates, those of subcharts included, are not checked.
    pub templates: usize,
}

/// The charts whose templates stand among the inputs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Unrendered {
    /// Those that are named, in the order of the inputs.
    pub charts: Vec<UnrenderedChart>,
    /// Their templates that hold `{{`: what is found there is uncertain.
    pub templates: BTreeSet<SourceId>,
    /// Values and metadata of charts: no manifests, whatever keys they hold.
    pub settings: BTreeSet<SourceId>,
}

/// The name of a chart's file.
pub const CHART_FILE: &str = "Chart.yaml";

/// Reads Chart.yaml; `None` when it is not one.
pub fn read(id: SourceId, source: &Source) -> Option<ChartFile> {
    let folder = match source.name().rsplit_once('/') {
        Some((folder, CHART_FILE)) => folder,
        None if source.name() == CHART_FILE => ".",
        _ => return None,
    };
    let mut found = None;
    yaml::read(id, source.text(), true, &mut |piece| {
        let Piece::Document(document) = piece else { return };
        let Some(root) = document.root().filter(|_| found.is_none()) else { return };
        let Some(entry) = root.entry("name") else { return };
        let Some(name) = entry.value.as_str() else { return };
        if !root.get("apiVersion").is_some_and(|it| it.text().is_some_and(|text| matches!(text, "v1" | "v2"))) {
            return;
        }
        let text = |key: &str| root.get(key).and_then(|node| Some((node.text()?.to_owned(), node.span())));
        let aliases = root.get("dependencies").into_iter().flat_map(yaml::Node::items);
        found = Some(ChartFile {
            source: id,
            folder: folder.to_owned(),
            name: name.to_owned(),
            name_span: Span { start: entry.key.span().start, ..entry.value.span() },
            app_version: text("appVersion"),
            version: text("version"),
            is_library: root.str("type") == Some("library"),
            aliases: aliases.filter_map(|it| Some((it.str("alias")?.to_owned(), it.str("name")?.to_owned()))).collect(),
        });
    });
    found
}

/// Whether a file named `path` lies in `folder`, and where in it.
pub fn within<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    if folder == "." {
        return (!path.starts_with('/') && !path.starts_with("../")).then_some(path);
    }
    path.strip_prefix(folder)?.strip_prefix('/')
}

/// Whether a path in a chart is that of a template, of the chart or of a subchart.
pub(crate) fn is_template(path: &str) -> bool {
    let mut parts = path.split('/');
    loop {
        match parts.next() {
            Some("templates") => return parts.next().is_some(),
            Some("charts") if parts.next().is_some() => {}
            _ => return false,
        }
    }
}

/// Whether a path in a chart is that of its values or metadata.
fn is_setting(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or_default();
    let of_chart = !path.contains('/') || path.starts_with("charts/") && path.split('/').count() == 3;
    of_chart
        && (file == CHART_FILE
            || file == "Chart.lock"
            || file == "requirements.yaml"
            || file.starts_with("values") && !file.starts_with("values/"))
}

/// Finds the charts among the sources, and takes what their templates hold for uncertain.
pub fn set_apart(inventory: &mut Inventory, sources: &Sources) {
    let charts: Vec<ChartFile> = sources.iter().filter_map(|(id, source)| read(id, source)).collect();
    if charts.is_empty() {
        return;
    }
    let by_folder: BTreeMap<&str, usize> =
        charts.iter().enumerate().map(|(at, chart)| (chart.folder.as_str(), at)).collect();
    let mut unrendered = Unrendered::default();
    let mut counts = vec![0_usize; charts.len()];
    for (id, source) in sources.iter() {
        let Some((at, path)) = chart_of(source.name(), &by_folder) else { continue };
        if is_setting(path) {
            unrendered.settings.insert(id);
        } else if is_template(path) && source.text().contains("{{") {
            unrendered.templates.insert(id);
            counts[at] += 1;
        }
    }
    // A rendering that failed is told by itself.
    let rendered = sources.iter().filter_map(|(_, source)| match source.origin() {
        SourceOrigin::Rendered(rendering) => Some(rendering.folder.as_str()),
        _ => None,
    });
    let rendered: BTreeSet<&str> = rendered.collect();
    let failed = inventory.problems.iter().filter(|it| matches!(it.kind, ProblemKind::RenderFailed { .. }));
    let failed: BTreeSet<SourceId> = failed.map(|it| it.span.source).collect();
    let is_rendered = |chart: &ChartFile| rendered.contains(chart.folder.as_str()) || failed.contains(&chart.source);
    let named =
        charts.iter().zip(counts).filter(|(chart, count)| *count > 0 && !chart.is_library && !is_rendered(chart));
    unrendered.charts = named.map(|(chart, templates)| UnrenderedChart { chart: chart.clone(), templates }).collect();
    doubt(inventory, &unrendered.templates);
    inventory.charts = unrendered;
}

/// The outermost chart that a file belongs to, and the file's path in it. A chart in the `charts/` of another is part
/// of that one.
fn chart_of<'p>(path: &'p str, by_folder: &BTreeMap<&str, usize>) -> Option<(usize, &'p str)> {
    let mut found = by_folder.get(".").and_then(|&at| Some((at, within(path, ".")?)));
    let ends = path.match_indices('/').map(|(at, _)| at);
    for end in ends {
        let Some(&at) = by_folder.get(&path[..end]) else { continue };
        let is_sub = found.is_some_and(|(_, inside): (usize, &str)| {
            let folder = &inside[..inside.len() - (path.len() - end)];
            folder.rsplit_once('/').is_some_and(|(parent, _)| parent == "charts" || parent.ends_with("/charts"))
        });
        if !is_sub {
            found = Some((at, &path[end + 1..]));
        }
    }
    found
}

/// What templates hold is uncertain: pods may get other images and pull secrets, Secrets may not be made, or under
/// another name.
fn doubt(inventory: &mut Inventory, templates: &BTreeSet<SourceId>) {
    let inside = |span: Span| templates.contains(&span.source);
    inventory.problems.retain(|problem| {
        matches!(problem.kind, ProblemKind::Unreadable | ProblemKind::PassedOver) || !inside(problem.span)
    });
    for pod in inventory.pods.iter_mut().filter(|pod| inside(pod.span)) {
        if pod.origin != PodOrigin::Mention {
            pod.origin = PodOrigin::Unrendered;
        }
    }
    let secrets = inventory.secrets.iter().filter(|secret| inside(secret.name.span)).map(|secret| secret.resource);
    let accounts = inventory.service_accounts.iter().map(|account| account.resource);
    let unknown: Vec<Span> =
        secrets.chain(accounts).map(|id| inventory.resource(id).span).filter(|&it| inside(it)).collect();
    inventory.unrecognisable.extend(unknown);
    inventory.secrets.retain(|secret| !inside(secret.name.span));
    let resources = &inventory.resources;
    let certain = |id: crate::workload::ResourceId| {
        resources.get(id.0 as usize).is_none_or(|resource| !templates.contains(&resource.span.source))
    };
    inventory.service_accounts.retain(|account| certain(account.resource));
    inventory.hooks.retain(|id, _| certain(*id));
    inventory.filled_in.retain(|name| !inside(name.span));
    inventory.duplicate_keys.retain(|key| certain(key.resource));
    inventory.misplaced.retain(|it| !inside(it.span));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subchart_belongs_to_its_parent() {
        let folders = BTreeMap::from([("a", 0), ("a/charts/db", 1), ("a/examples/b", 2)]);
        let of = |path| chart_of(path, &folders);
        assert_eq!(of("a/templates/x.yaml"), Some((0, "templates/x.yaml")));
        assert_eq!(of("a/charts/db/templates/x.yaml"), Some((0, "charts/db/templates/x.yaml")));
        assert_eq!(of("a/examples/b/templates/x.yaml"), Some((2, "templates/x.yaml")));
        assert_eq!(of("b/templates/x.yaml"), None);
        let here = BTreeMap::from([(".", 0), ("charts/db", 1)]);
        assert_eq!(chart_of("charts/db/templates/x.yaml", &here), Some((0, "charts/db/templates/x.yaml")));
        assert_eq!(chart_of("/elsewhere/templates/x.yaml", &here), None);
    }

    #[test]
    fn templates_and_settings_are_told_by_their_place() {
        assert!(is_template("templates/a/b.yaml") && is_template("charts/db/templates/x.yaml"));
        assert!(!is_template("templates") && !is_template("ci/templates.yaml") && !is_template("files/templates/x"));
        assert!(is_setting("values.yaml") && is_setting("charts/db/Chart.yaml") && is_setting("values-prod.yaml"));
        assert!(!is_setting("crds/values.yaml") && !is_setting("charts/db/templates/values.yaml"));
    }
}
