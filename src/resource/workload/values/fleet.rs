//! The release in a `fleet.yaml` of Rancher's Fleet.
//!
//! Follows `internal/bundlereader/{read,resources,style}.go`, `internal/cmd/controller/options/calculate.go` and
//! `internal/helmdeployer/install.go` of Fleet.

use super::part::Part;
use super::reference::{FileBase, ReferenceTarget};
use super::release::{Reading, known, text};
use super::{Installer, TargetNamespace};
use crate::resource::workload::path::join;
use crate::text::yaml::Node;

/// The group assigned to a `fleet.yaml`, which does not contain one.
pub(super) const FLEET_GROUP: &str = "fleet.cattle.io";
/// The kind assigned to such a file; see [`FLEET_GROUP`].
pub(super) const FLEET_FILE: &str = "fleet.yaml";

/// The most targets whose values are read on top of those for all clusters.
const MAX_TARGETS: usize = 64;

/// The fields that make a release of a chart.
const OF_RELEASE: [&str; 5] = ["chart", "repo", "valuesFiles", "valuesFrom", "values"];

/// Returns the releases of a `fleet.yaml`: the chart, and the values that each target has in addition. `None` for
/// another file.
pub(super) fn of_fleet<'d>(file: &str, root: Node<'d>) -> Option<Vec<Reading<'d>>> {
    let name = file.rsplit('/').next().unwrap_or_default();
    if !matches!(name, FLEET_FILE | "fleet.yml") || root.get("kind").is_some() || root.get("apiVersion").is_some() {
        return None;
    }
    let of_list = |key: &'static str| {
        let items = root.get(key).into_iter().flat_map(Node::items).enumerate();
        items.map(move |(at, target)| (target, format!("{key}[{at}]")))
    };
    let is_deployed = |(target, _): &(Node<'d>, String)| !is_true(*target, "doNotDeploy");
    let mut targets: Vec<_> = of_list("targets").chain(of_list("targetCustomizations")).filter(is_deployed).collect();
    let field = |holder: Node<'d>, key: &str| holder.get("helm")?.get(key).filter(|value| !value.is_null());
    let holders = std::iter::once(root).chain(targets.iter().map(|(target, _)| *target));
    let first = holders.clone().find_map(|holder| OF_RELEASE.iter().find_map(|key| field(holder, key)));
    let Some(first) = first else { return Some(Vec::new()) };
    let mut reading = Reading::new(Installer::Fleet, root);
    reading.release.span = first.span();
    reading.release.name = holders.clone().find_map(|holder| text(field(holder, "releaseName")));
    let chart = holders.clone().find_map(|holder| field(holder, "chart"));
    let repository = holders.clone().find_map(|holder| field(holder, "repo"));
    reading.chart(chart);
    reading.release.chart.repository = text(repository);
    reading.release.chart.version = holders.clone().find_map(|holder| text(field(holder, "version")));
    if chart.is_none() && repository.is_none() {
        // The chart is the folder of the file (`chartPath`).
        let own = file.rsplit_once('/').map(|(own, _)| own);
        reading.release.chart.chart = Some(own.unwrap_or(".").to_owned());
    }
    let is_folder = reading.release.chart.chart.as_deref().is_some_and(|chart| !chart.contains("://"));
    if repository.is_none() && is_folder {
        reading.refer(ReferenceTarget::Chart, chart.unwrap_or(first), true, String::new());
    }
    let namespace = |holder: Node<'d>| holder.get("namespace").or_else(|| holder.get("defaultNamespace"));
    let own = known(root.get("namespace")).or_else(|| known(root.get("defaultNamespace")));
    let is_one = targets.iter().all(|(target, _)| namespace(*target).is_none());
    let namespace = own.filter(|_| is_one);
    reading.namespace = TargetNamespace { value: namespace.clone(), is_chosen: true };
    // Without a chart or a repository, Fleet ignores the files (`readResources`).
    let has_files = field(root, "chart").is_some() || field(root, "repo").is_some();
    if let Some(helm) = root.get("helm") {
        add_values(&mut reading, helm, "helm", has_files);
    }
    if targets.len() > MAX_TARGETS {
        targets.truncate(MAX_TARGETS);
        reading.unread.get_or_insert_with(|| format!("targetCustomizations[{MAX_TARGETS}]"));
    }
    let below = reading.parts.len();
    for (target, path) in &targets {
        let Some(helm) = target.get("helm") else { continue };
        let path = join(path, "helm");
        add_values(&mut reading, helm, &path, true);
        add_references(&mut reading, root.get("helm"), "helm", namespace.as_deref());
        add_references(&mut reading, Some(helm), &path, namespace.as_deref());
        let parts = reading.parts.split_off(below);
        reading.targets.push(parts);
    }
    add_references(&mut reading, root.get("helm"), "helm", namespace.as_deref());
    // Those of a target go between the values of all clusters and these.
    if !reading.targets.is_empty() {
        let top = reading.parts.split_off(below);
        reading.targets.push(top);
    }
    Some(vec![reading])
}

fn is_true(node: Node<'_>, key: &str) -> bool {
    node.get(key).is_some_and(|value| value.text() == Some("true"))
}

/// Adds the values of the file, and above them those of other files (`generateValues`).
fn add_values<'d>(reading: &mut Reading<'d>, helm: Node<'d>, path: &str, has_files: bool) {
    reading.add(helm, "values", path, Part::Tree);
    if has_files {
        let of_file = |file: &str| ReferenceTarget::File { path: file.to_owned(), base: FileBase::Release };
        reading.files(helm, "valuesFiles", path, &of_file);
    }
    if helm.get("templateValues").is_some_and(|values| values.entries().next().is_some()) {
        reading.refer(ReferenceTarget::Unfollowed, helm, false, join(path, "templateValues"));
    }
}

/// Adds the ConfigMaps and Secrets, which take precedence over all other values (`getValues`).
fn add_references<'d>(reading: &mut Reading<'d>, helm: Option<Node<'d>>, path: &str, namespace: Option<&str>) {
    let list = helm.and_then(|helm| helm.get("valuesFrom")).into_iter().flat_map(Node::items).enumerate();
    for (at, source) in list {
        let path = format!("{path}.valuesFrom[{at}]");
        if let Some((map, name)) = source.get("configMapKeyRef").and_then(|map| Some((map, map.str("name")?))) {
            let target = ReferenceTarget::ConfigMap {
                namespace: text(map.get("namespace")).or_else(|| namespace.map(str::to_owned)),
                name: name.to_owned(),
                key: text(map.get("key")).unwrap_or_else(|| "values.yaml".to_owned()),
            };
            reading.refer(target, source, false, path.clone());
        }
        if source.get("secretKeyRef").is_some_and(|secret| !secret.is_null()) {
            reading.refer(ReferenceTarget::Unfollowed, source, false, path);
        }
    }
}
