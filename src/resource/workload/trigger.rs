//! Images that OpenShift sets itself: by the triggers of a DeploymentConfig, or by the `image.openshift.io/triggers`
//! annotation of any workload (openshift/api `apps/v1`, openshift-controller-manager `pkg/image/trigger`).

use serde::Deserialize;

use crate::resource::Object;
use crate::resource::workload::tag_name::TagName;
use crate::text::yaml::Node;

const ANNOTATION: &str = "image.openshift.io/triggers";

/// The `ObjectFieldTrigger` of openshift/library-go `pkg/image/trigger`.
#[derive(Deserialize)]
struct Trigger {
    #[serde(rename = "fieldPath", default)]
    field_path: String,
    #[serde(default)]
    from: From,
    #[serde(default)]
    paused: serde_json::Value,
}

#[derive(Deserialize, Default)]
struct From {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
}

/// A container whose image a trigger replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::resource::workload) struct Triggered {
    container: Selector,
    /// The image stream tag that replaces the image.
    pub(in crate::resource::workload) from: Option<TagName>,
    /// Whether the trigger is paused: the image then stays as written.
    pub(in crate::resource::workload) paused: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Selector {
    /// The container with this name.
    Named(String),
    /// The container in this list, at this index.
    At(String, usize),
}

impl Triggered {
    /// Whether the trigger is for the given container.
    pub(in crate::resource::workload) fn is(&self, list: &str, at: usize, name: Option<&str>) -> bool {
        match &self.container {
            Selector::Named(wanted) => name == Some(wanted),
            Selector::At(wanted, place) => wanted == list && *place == at,
        }
    }
}

/// Returns the containers whose image a trigger replaces. If a DeploymentConfig's trigger is not `automatic`, it
/// replaces the image at the next `oc rollout latest`.
pub(in crate::resource::workload) fn triggered_containers(object: &Object<'_>) -> Vec<Triggered> {
    let mut found = Vec::new();
    if object.name.kind == "DeploymentConfig" {
        let triggers = object.node.at(&["spec", "triggers"]).into_iter().flat_map(Node::items);
        for change in triggers.filter_map(|trigger| trigger.get("imageChangeParams")) {
            let from = change.get("from").and_then(|from| tag(object, from.str("namespace"), from.str("name")?));
            let names = change.get("containerNames").into_iter().flat_map(Node::items).filter_map(Node::as_str);
            found.extend(names.map(|name| Triggered {
                container: Selector::Named(name.to_owned()),
                from: from.clone(),
                paused: false,
            }));
        }
    }
    let annotation = object.node.at(&["metadata", "annotations", ANNOTATION]).and_then(Node::as_str);
    let triggers: Vec<Trigger> = annotation.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    found.extend(triggers.iter().filter_map(|trigger| {
        Some(Triggered {
            container: field_of(&trigger.field_path)?,
            from: tag(object, Some(&trigger.from.namespace), &trigger.from.name),
            paused: trigger.paused.as_bool() == Some(true) || trigger.paused.as_str() == Some("true"),
        })
    }));
    found
}

fn tag(object: &Object<'_>, namespace: Option<&str>, name: &str) -> Option<TagName> {
    let namespace = namespace.filter(|namespace| !namespace.is_empty()).map(str::to_owned);
    TagName::parse(namespace.or_else(|| object.name.namespace.clone()), name)
}

/// Parses the container in `spec.template.spec.containers[?(@.name=="web")].image` or `….containers[0].image`.
fn field_of(field_path: &str) -> Option<Selector> {
    let (before, rest) = field_path.split_once('[')?;
    let list = before.rsplit('.').next()?;
    let (selector, _) = rest.split_once(']')?;
    match selector.split_once("@.name==") {
        Some((_, name)) => name
            .trim_start_matches(['"', '\''])
            .split(['"', '\'', ')'])
            .next()
            .map(|name| Selector::Named(name.to_owned())),
        None => Some(Selector::At(list.to_owned(), selector.parse().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_path_selects_a_container_by_index_or_name() {
        let by_place = Selector::At("initContainers".into(), 1);
        assert_eq!(field_of("spec.template.spec.initContainers[1].image"), Some(by_place));
        let by_name = Selector::Named("web".into());
        assert_eq!(field_of("spec.template.spec.containers[?(@.name==\"web\")].image"), Some(by_name));
        assert_eq!(field_of("spec.template"), None);
    }
}
