//! Images that OpenShift sets itself: by the triggers of a DeploymentConfig, or by the `image.openshift.io/triggers`
//! annotation of any workload (openshift/api `apps/v1`, openshift-controller-manager `pkg/image/trigger`).

use serde::Deserialize;

use crate::resource::Object;
use crate::yaml::Node;
use crate::yaml::scalar::Scalar;

const ANNOTATION: &str = "image.openshift.io/triggers";

#[derive(Deserialize)]
struct Trigger {
    #[serde(rename = "fieldPath", default)]
    field_path: String,
}

/// Names of the containers whose image is replaced.
pub(super) fn triggered_containers(object: &Object<'_>) -> Vec<String> {
    let mut names = Vec::new();
    if object.name.kind == "DeploymentConfig" {
        let triggers = object.node.at(&["spec", "triggers"]).into_iter().flat_map(Node::items);
        let changes = triggers.filter_map(|trigger| trigger.get("imageChangeParams"));
        let containers = changes.filter_map(|change| change.get("containerNames")).flat_map(Node::items);
        names.extend(containers.filter_map(Node::as_str).map(str::to_owned));
    }
    let annotation = object.node.at(&["metadata", "annotations", ANNOTATION]).and_then(Node::as_str);
    let triggers: Vec<Trigger> = annotation.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    names.extend(triggers.iter().filter_map(|trigger| container_name(&trigger.field_path)).map(str::to_owned));
    names
}

/// The name of an image stream that pods may use as an image (`spec.lookupPolicy.local`).
pub(super) fn local_stream(object: &Object<'_>) -> Option<String> {
    let local = object.node.at(&["spec", "lookupPolicy", "local"]).and_then(Node::scalar) == Some(Scalar::Bool(true));
    object.name.name.clone().filter(|_| object.name.kind == "ImageStream" && local)
}

/// `web` of `spec.template.spec.containers[?(@.name=="web")].image`.
fn container_name(field_path: &str) -> Option<&str> {
    let (_, rest) = field_path.split_once("@.name==")?;
    rest.trim_start_matches(['"', '\'']).split(['"', '\'', ')']).next()
}
