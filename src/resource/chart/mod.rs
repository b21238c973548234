//! Helm charts in the inputs, and the comments by which renderers identify the source of their output.
//!
//! A chart's templates are not manifests before they are rendered: a condition may omit or change the parts that
//! happen to be YAML. So each chart is reported once, and nothing inside it is treated as certain.

pub mod artifact;
pub mod comment;
pub mod version;
pub mod version_range;

use std::collections::{BTreeMap, BTreeSet};

use crate::text::source::{Source, SourceId, Span};
use crate::text::yaml::{self, Piece};

/// The fields of a Chart.yaml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartFile {
    /// The Chart.yaml file.
    pub source: SourceId,
    /// The chart's folder, in the same form as source names; `.` for the current folder.
    pub folder: String,
    /// The value of `name`.
    pub name: String,
    /// The place of the `name` entry, or the start of the file.
    pub name_span: Span,
    /// The value of `appVersion`, with its place.
    pub app_version: Option<(String, Span)>,
    /// The value of `version`, with its place.
    pub version: Option<(String, Span)>,
    /// Whether it has `type: library`: it renders nothing on its own.
    pub is_library: bool,
    /// The `name` of each dependency with an `alias`, by alias.
    pub aliases: BTreeMap<String, String>,
}

/// A chart whose templates are in the inputs but not rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnrenderedChart {
    /// The metadata of the chart.
    pub chart: ChartFile,
    /// The number of unchecked templates, including those of subcharts.
    pub templates: usize,
}

/// The charts whose templates are in the inputs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct UnrenderedCharts {
    /// The charts to report, in the order of the inputs.
    pub charts: Vec<UnrenderedChart>,
    /// The templates that contain `{{`: everything found there is uncertain.
    pub templates: BTreeSet<SourceId>,
    /// Files with values and metadata of charts: they are not manifests, whatever keys they contain.
    pub settings: BTreeSet<SourceId>,
}

/// The file name of a chart's metadata.
pub const CHART_FILE: &str = "Chart.yaml";

/// Reads a Chart.yaml; `None` if the file is not one.
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
        if !root.get("apiVersion").is_some_and(|node| node.text().is_some_and(|text| matches!(text, "v1" | "v2"))) {
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
            aliases: aliases
                .filter_map(|item| Some((item.str("alias")?.to_owned(), item.str("name")?.to_owned())))
                .collect(),
        });
    });
    found
}

/// Returns the path of a file relative to `folder`; `None` if it is not inside.
pub fn within<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    if folder == "." {
        return (!path.starts_with('/') && !path.starts_with("../")).then_some(path);
    }
    path.strip_prefix(folder)?.strip_prefix('/')
}

/// Returns the outermost chart that a file belongs to, and the file's path in it. A chart in the `charts/` folder of
/// another is part of that one.
pub(crate) fn chart_of<'p>(path: &'p str, by_folder: &BTreeMap<&str, usize>) -> Option<(usize, &'p str)> {
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

/// Whether a path within a chart is a template of the chart or a subchart.
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

/// Whether a path within a chart is a file with its values or metadata.
pub(crate) fn is_setting(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or_default();
    let of_chart = !path.contains('/') || path.starts_with("charts/") && path.split('/').count() == 3;
    of_chart
        && (file == CHART_FILE
            || file == "Chart.lock"
            || file == "requirements.yaml"
            || file.starts_with("values") && !file.starts_with("values/"))
}
