//! Charts that are not rendered: the content of their templates is uncertain.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::{Inventory, ProblemKind};
use crate::resource::chart::{ChartFile, UnrenderedChart, UnrenderedCharts, chart_of, is_setting, is_template, read};
use crate::resource::workload::PodOrigin;
use crate::rewrite::chart_values;
use crate::text::source::{SourceId, SourceOrigin, Sources, Span};

/// Finds the charts in the sources, and marks the content of their templates as uncertain.
pub(super) fn separate_templates(inventory: &mut Inventory, sources: &Sources) {
    let charts: Vec<ChartFile> = sources.iter().filter_map(|(id, source)| read(id, source)).collect();
    if charts.is_empty() {
        return;
    }
    let by_folder: BTreeMap<&str, usize> =
        charts.iter().enumerate().map(|(at, chart)| (chart.folder.as_str(), at)).collect();
    let mut unrendered = UnrenderedCharts::default();
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
    // A rendering that failed is reported separately.
    let rendered = sources.iter().filter_map(|(_, source)| match source.origin() {
        SourceOrigin::Rendered(rendering) if !rendering.is_remote() => Some(rendering.folder.as_str()),
        _ => None,
    });
    let rendered: BTreeSet<&str> = rendered.collect();
    let failed = inventory.problems.iter().filter(|problem| matches!(problem.kind, ProblemKind::RenderFailed { .. }));
    let failed: BTreeSet<SourceId> = failed.map(|problem| problem.span.source).collect();
    let is_rendered = |chart: &ChartFile| rendered.contains(chart.folder.as_str()) || failed.contains(&chart.source);
    let named =
        charts.iter().zip(counts).filter(|(chart, count)| *count > 0 && !chart.is_library && !is_rendered(chart));
    unrendered.charts = named.map(|(chart, templates)| UnrenderedChart { chart: chart.clone(), templates }).collect();
    doubt(inventory, &unrendered.templates);
    inventory.charts = unrendered;
    chart_values::read(inventory, sources, &charts, |chart| rendered.contains(chart.folder.as_str()));
}

/// Marks the facts from templates as uncertain: pods may get other images and pull secrets, and Secrets may have
/// another name or not be created.
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
        secrets.chain(accounts).map(|id| inventory.resource(id).span).filter(|&span| inside(span)).collect();
    inventory.unrecognisable.extend(unknown);
    inventory.secrets.retain(|secret| !inside(secret.name.span));
    let resources = &inventory.resources;
    let certain = |id: crate::resource::workload::ResourceId| {
        resources.get(id.0 as usize).is_none_or(|resource| !templates.contains(&resource.span.source))
    };
    inventory.service_accounts.retain(|account| certain(account.resource));
    inventory.hooks.retain(|id, _| certain(*id));
    inventory.filled_in.retain(|name| !inside(name.span));
    inventory.duplicate_keys.retain(|key| certain(key.resource));
    inventory.misplaced.retain(|secrets| !inside(secrets.span));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subchart_files_belong_to_the_parent_chart() {
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
    fn chart_templates_and_settings_are_recognized_by_path() {
        assert!(is_template("templates/a/b.yaml") && is_template("charts/db/templates/x.yaml"));
        assert!(!is_template("templates") && !is_template("ci/templates.yaml") && !is_template("files/templates/x"));
        assert!(is_setting("values.yaml") && is_setting("charts/db/Chart.yaml") && is_setting("values-prod.yaml"));
        assert!(!is_setting("crds/values.yaml") && !is_setting("charts/db/templates/values.yaml"));
    }
}
