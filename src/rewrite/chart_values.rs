//! The values of charts that no release in the inputs installs: those beside the chart are all that is known.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::Inventory;
use crate::resource::ResourceName;
use crate::resource::chart::{CHART_FILE, ChartFile, chart_of};
use crate::resource::kustomization::normalise;
use crate::resource::workload::values::{self, ChartName, Installer, Release, ReleaseId};
use crate::resource::workload::{ImageText, ImageUse, PodId, Resource, ResourceId, Skip, WorkloadFacts};
use crate::rewrite::release_values::InputLookup;
use crate::text::source::{SourceId, SourceOrigin, Sources};
use crate::text::yaml::{self, Piece};

/// Further files beside a chart are not read on top of the chart's own values: each costs as much as these.
const MAX_FILES: usize = 32;

/// Reads the images in the values of the charts. `is_rendered` is whether a chart's templates were rendered.
pub(super) fn read(
    inventory: &mut Inventory,
    sources: &Sources,
    charts: &[ChartFile],
    is_rendered: impl Fn(&ChartFile) -> bool,
) {
    let by_folder: BTreeMap<&str, usize> =
        charts.iter().enumerate().map(|(at, chart)| (chart.folder.as_str(), at)).collect();
    let mut files: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (_, source) in sources.iter().filter(|(_, source)| *source.origin() == SourceOrigin::File) {
        let Some((at, path)) = chart_of(source.name(), &by_folder) else { continue };
        if is_values(path.strip_prefix("charts/").and_then(|rest| Some(rest.split_once('/')?.1)).unwrap_or(path)) {
            files.entry(at).or_default().push(source.name());
        }
    }
    files.retain(|&at, _| charts.get(at).is_some_and(|chart| !chart.is_library && !is_rendered(chart)));
    if files.is_empty() {
        return;
    }
    let lookup = InputLookup::new(&[], &[], sources, std::iter::empty());
    let installed = installed(inventory, &lookup);
    for (at, files) in files {
        let Some(chart) = charts.get(at) else { continue };
        let is_installed = |(folder, is_exact): &(String, bool)| match is_exact {
            true => *folder == normalise(&chart.folder),
            false => chart.folder.rsplit('/').next() == Some(folder),
        };
        if installed.iter().any(is_installed) {
            continue;
        }
        let inside = |file: &str| chart_of(file, &by_folder).map_or(String::new(), |(_, path)| path.to_owned());
        let (of_parts, own): (Vec<&str>, Vec<&str>) = files.iter().partition(|file| inside(file).contains('/'));
        let mut sets: Vec<Vec<String>> = Vec::new();
        let base: Vec<String> =
            own.iter().filter(|file| inside(file) == "values.yaml").map(|file| inside(file)).collect();
        let others: Vec<&&str> = own.iter().filter(|file| inside(file) != "values.yaml").collect();
        sets.extend(Some(base.clone()).filter(|base| !base.is_empty()));
        for (at, file) in others.into_iter().enumerate() {
            let below = base.iter().filter(|_| at < MAX_FILES).cloned();
            sets.push(below.chain([inside(file)]).collect());
        }
        let set_above = keys(&own, &lookup, sources);
        for file in of_parts {
            let path = inside(file);
            let name = path.split('/').nth(1).unwrap_or_default();
            // What a chart sets for a part of it, or when it leaves the part out, is not followed.
            if path.ends_with("/values.yaml") && !set_above.contains(name) && is_always_used(chart, name, sources) {
                sets.push(vec![path]);
            }
        }
        add(inventory, chart, &sets, &lookup);
    }
}

/// Whether a path within a chart, or a subchart, is a file of values that Helm reads, or that is made to be read on
/// top of these.
fn is_values(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("values") else { return false };
    let Some(name) = rest.strip_suffix(".yaml").or_else(|| rest.strip_suffix(".yml")) else { return false };
    let is_sample = ["example", "sample", "schema", "test"].iter().any(|word| name.contains(word));
    rest == ".yaml" || name.starts_with(['-', '.', '_']) && !is_sample && !path.contains('/')
}

/// Returns the folders of charts that releases install, or only the last part of them if that is all that is known.
fn installed(inventory: &Inventory, lookup: &InputLookup<'_>) -> BTreeSet<(String, bool)> {
    let of_release = |release: &Release| {
        let path = release.chart.chart.as_deref()?;
        if release.installer == Installer::Kustomize {
            return Some((path.to_owned(), false));
        }
        let file = inventory.resource(release.resource).span.source;
        Some((normalise(&lookup.chart_folder(file, path)?), true))
    };
    inventory.releases.iter().filter_map(of_release).collect()
}

/// Returns the keys at the top of some files.
fn keys(files: &[&str], lookup: &InputLookup<'_>, sources: &Sources) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for id in files.iter().filter_map(|file| lookup.file_at(file)) {
        yaml::read(id, sources.get(id).text(), false, &mut |piece| {
            let Piece::Document(document) = piece else { return };
            let root = document.root().into_iter().flat_map(yaml::Node::entries);
            found.extend(root.filter_map(|entry| entry.key.text().map(str::to_owned)));
        });
    }
    found
}

/// Whether a subchart is always part of a chart, under its own name.
fn is_always_used(chart: &ChartFile, name: &str, sources: &Sources) -> bool {
    let mut is_always = !chart.aliases.values().any(|own| own == name);
    yaml::read(chart.source, sources.get(chart.source).text(), true, &mut |piece| {
        let Piece::Document(document) = piece else { return };
        let dependencies = document.root().and_then(|root| root.get("dependencies"));
        let own = dependencies.into_iter().flat_map(yaml::Node::items).filter(|item| item.str("name") == Some(name));
        for item in own {
            is_always &= item.get("condition").is_none() && item.get("tags").is_none();
        }
    });
    is_always
}

/// Adds the images in sets of files of a chart: of each set, those that its last file decides.
fn add(inventory: &mut Inventory, chart: &ChartFile, sets: &[Vec<String>], lookup: &InputLookup<'_>) {
    let name = ChartName {
        chart: Some(chart.name.clone()),
        version: chart.version.as_ref().map(|(version, _)| version.clone()),
        ..ChartName::default()
    };
    for set in sets {
        let resource = ResourceId(inventory.resources.len() as u32);
        let mut found = WorkloadFacts::default();
        values::extract_chart(name.clone(), chart.name_span, set, resource, lookup, &mut found);
        let last = set.last().map(|path| normalise(&in_folder(&chart.folder, path)));
        let last: Option<SourceId> = last.and_then(|path| lookup.file_at(&path));
        let is_of_last = |image: &ImageUse| {
            let mut places = std::iter::once(image.text.span).chain(image.decided_by.iter().map(|other| other.span));
            places.any(|span| Some(span.source) == last)
        };
        // A mapping `image` with a key `image` has a part of the name there, to which the chart adds its registry.
        let is_part = |image: &ImageUse| {
            image.path.ends_with("image.image") && matches!(image.image, ImageText::Skipped(Skip::ChosenByChart))
        };
        found.images.retain(|image| is_of_last(image) && !is_part(image));
        if found.images.is_empty() {
            continue;
        }
        let (pods, releases) = (inventory.pods.len() as u32, inventory.releases.len() as u32);
        let kind = CHART_FILE.to_owned();
        let object = ResourceName { kind, name: Some(chart.name.clone()), ..ResourceName::default() };
        inventory.resources.push(Resource { name: object, span: chart.name_span, template: None });
        inventory.pods.extend(found.pods.into_iter().map(|mut pod| {
            pod.release = pod.release.map(|id| ReleaseId(id.0 + releases));
            pod
        }));
        inventory.releases.extend(found.releases);
        let images = found.images.into_iter();
        inventory.images.extend(images.map(|image| ImageUse { pod: PodId(image.pod.0 + pods), ..image }));
    }
}

fn in_folder(folder: &str, path: &str) -> String {
    if folder == "." { path.to_owned() } else { format!("{folder}/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_values_are_recognized_by_name() {
        for path in ["values.yaml", "values-prod.yaml", "values.prod.yml", "values_prod.yaml"] {
            assert!(is_values(path), "{path}");
        }
        for path in ["values.yml", "values.schema.json", "values-example.yaml", "ci/a-values.yaml", "values/a.yaml"] {
            assert!(!is_values(path), "{path}");
        }
    }
}
