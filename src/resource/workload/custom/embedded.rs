//! Kinds whose objects contain whole objects, which a controller creates in the cluster on an event.
//!
//! Follows `pkg/apis/triggers/v1beta1/trigger_template_types.go` of Tekton Triggers and
//! `pkg/apis/events/v1alpha1/sensor_types.go` of Argo Events.

use crate::resource::workload::custom::kind::CustomKind;
use crate::resource::workload::custom::path::{Field, PathField};
use crate::resource::workload::path::join;
use crate::resource::workload::{ResourceId, WorkloadFacts};
use crate::resource::{self, Object};

/// The group, the kind, and the path of the embedded objects.
const HOLDERS: &[(&str, &str, &str)] = &[
    ("triggers.tekton.dev", "TriggerTemplate", "spec.resourcetemplates[]"),
    ("argoproj.io", "Sensor", "spec.triggers[].template.{k8s,argoWorkflow}.source.resource"),
];

/// Whether an object contains others.
pub(super) fn is_holder(object: &Object<'_>) -> bool {
    HOLDERS.iter().any(|(group, kind, _)| *group == object.name.group() && *kind == object.name.kind)
}

/// Reads the objects that an object contains. Objects nested in those are not read.
pub(super) fn extract<'d>(
    object: &Object<'d>,
    resource: ResourceId,
    kinds: &[CustomKind],
    found: &mut WorkloadFacts<'d>,
) {
    for (group, kind, path) in HOLDERS {
        if *group != object.name.group() || *kind != object.name.kind {
            continue;
        }
        let Ok(path) = PathField::parse(path) else { continue };
        for field in path.fields(&Field::root(object.node, "")) {
            let mut inner_objects = Vec::new();
            resource::objects(field.value, &mut inner_objects);
            for mut inner in inner_objects.into_iter().filter(|inner| !is_holder(inner)) {
                inner.path = join(&join(&object.path, &field.path), &inner.path);
                inner.name.namespace = inner.name.namespace.or_else(|| object.name.namespace.clone());
                crate::resource::workload::read(&inner, resource, kinds, found);
            }
        }
    }
}
