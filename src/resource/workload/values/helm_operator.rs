//! The releases of Flux's former Helm Operator.
//!
//! Follows `pkg/apis/helm.fluxcd.io/v1/types_helmrelease.go` and `pkg/release/values.go` of the operator.

use super::Installer;
use super::part::Part;
use super::reference::{FileBase, ReferenceTarget};
use super::release::{Reading, known, target_or_own, text};
use crate::resource::Object;
use crate::resource::workload::path::join;
use crate::text::yaml::Node;

/// The group of the objects.
pub(super) const GROUP: &str = "helm.fluxcd.io";

/// Reads a HelmRelease of that group.
pub(super) fn of_operator<'d>(object: &Object<'d>) -> Reading<'d> {
    let mut reading = Reading::new(Installer::Flux, object.node);
    let path = join(&object.path, "spec");
    let Some(spec) = object.node.get("spec") else {
        reading.release.is_partial = true;
        return reading;
    };
    reading.namespace = target_or_own(spec.get("targetNamespace"), object);
    // `GetReleaseName` puts the namespaces in front of the name.
    let own = || {
        let namespace = object.name.namespace.clone()?;
        let target = known(spec.get("targetNamespace")).filter(|target| *target != namespace);
        let parts: Vec<String> = [Some(namespace), target, object.name.name.clone()].into_iter().flatten().collect();
        Some(parts.join("-"))
    };
    reading.release.name = text(spec.get("releaseName")).or_else(own);
    let chart = spec.get("chart");
    let is_git = chart.is_some_and(|chart| chart.get("git").is_some());
    reading.chart(chart.and_then(|chart| chart.get(if is_git { "path" } else { "name" })));
    reading.release.chart.repository =
        text(chart.and_then(|chart| chart.get(if is_git { "git" } else { "repository" })));
    reading.release.chart.version = text(chart.and_then(|chart| chart.get("version")));
    reading.release.is_partial = chart.is_none();
    if is_git {
        reading.chart_values(chart.and_then(|chart| chart.get("path")));
    }
    reading.refers(spec, &["valueFileSecrets"], &path);
    for (at, source) in spec.get("valuesFrom").into_iter().flat_map(Node::items).enumerate() {
        let named = ["configMapKeyRef", "secretKeyRef", "externalSourceRef", "chartFileRef"];
        let Some((kind, reference)) = named.iter().find_map(|kind| Some((*kind, source.get(kind)?))) else { continue };
        let target = match (kind, reference.str("name"), reference.str("path")) {
            ("configMapKeyRef", Some(name), _) => ReferenceTarget::ConfigMap {
                namespace: text(reference.get("namespace")).or_else(|| object.name.namespace.clone()),
                name: name.to_owned(),
                key: text(reference.get("key")).unwrap_or_else(|| "values.yaml".to_owned()),
            },
            ("chartFileRef", _, Some(path)) if is_git && !path.starts_with('/') => {
                ReferenceTarget::File { path: path.to_owned(), base: FileBase::Chart }
            }
            _ => ReferenceTarget::Unfollowed,
        };
        let is_optional = reference.get("optional").is_some_and(|value| value.text() == Some("true"));
        reading.refer(target, source, is_optional, format!("{path}.valuesFrom[{at}]"));
    }
    reading.add(spec, "values", &path, Part::Tree);
    reading
}
