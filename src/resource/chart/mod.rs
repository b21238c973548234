//! Helm charts among the inputs, and what renderers say of where their output comes from.
//!
//! A chart's templates are no manifests before they are rendered: what of them happens to be YAML may be left out or
//! changed by a condition. So each chart is named once, and nothing inside is taken for certain.

pub mod comment;

use std::collections::{BTreeMap, BTreeSet};

use crate::text::source::{Source, SourceId, Span};
use crate::text::yaml::{self, Piece};

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
pub(crate) fn is_setting(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or_default();
    let of_chart = !path.contains('/') || path.starts_with("charts/") && path.split('/').count() == 3;
    of_chart
        && (file == CHART_FILE
            || file == "Chart.lock"
            || file == "requirements.yaml"
            || file.starts_with("values") && !file.starts_with("values/"))
}
