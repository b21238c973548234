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

/// A container whose image is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Triggered {
    /// By its name.
    Named(String),
    /// By its list and place in it.
    At(String, usize),
}

impl Triggered {
    /// Whether it is this container.
    pub(super) fn is(&self, list: &str, at: usize, name: Option<&str>) -> bool {
        match self {
            Self::Named(wanted) => name == Some(wanted),
            Self::At(wanted, place) => wanted == list && *place == at,
        }
    }
}

/// The containers whose image is replaced.
pub(super) fn triggered_containers(object: &Object<'_>) -> Vec<Triggered> {
    let mut found = Vec::new();
    if object.name.kind == "DeploymentConfig" {
        let triggers = object.node.at(&["spec", "triggers"]).into_iter().flat_map(Node::items);
        let changes = triggers.filter_map(|trigger| trigger.get("imageChangeParams"));
        let containers = changes.filter_map(|change| change.get("containerNames")).flat_map(Node::items);
        found.extend(containers.filter_map(Node::as_str).map(|name| Triggered::Named(name.to_owned())));
    }
    let annotation = object.node.at(&["metadata", "annotations", ANNOTATION]).and_then(Node::as_str);
    let triggers: Vec<Trigger> = annotation.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    found.extend(triggers.iter().filter_map(|trigger| field_of(&trigger.field_path)));
    found
}

/// The name of an image stream that pods may use as an image (`spec.lookupPolicy.local`).
pub(super) fn local_stream(object: &Object<'_>) -> Option<String> {
    let local = object.node.at(&["spec", "lookupPolicy", "local"]).and_then(Node::scalar) == Some(Scalar::Bool(true));
    object.name.name.clone().filter(|_| object.name.kind == "ImageStream" && local)
}

/// The container of `spec.template.spec.containers[?(@.name=="web")].image` or `….containers[0].image`.
fn field_of(field_path: &str) -> Option<Triggered> {
    let (before, rest) = field_path.split_once('[')?;
    let list = before.rsplit('.').next()?;
    let (selector, _) = rest.split_once(']')?;
    match selector.split_once("@.name==") {
        Some((_, name)) => name
            .trim_start_matches(['"', '\''])
            .split(['"', '\'', ')'])
            .next()
            .map(|name| Triggered::Named(name.to_owned())),
        None => Some(Triggered::At(list.to_owned(), selector.parse().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_paths_name_a_container_by_place_or_name() {
        let by_place = Triggered::At("initContainers".into(), 1);
        assert_eq!(field_of("spec.template.spec.initContainers[1].image"), Some(by_place));
        let by_name = Triggered::Named("web".into());
        assert_eq!(field_of("spec.template.spec.containers[?(@.name==\"web\")].image"), Some(by_name));
        assert_eq!(field_of("spec.template"), None);
    }
}
