//! `fleet.yaml` of Rancher's Fleet: the parts of a chart that it deploys are not in the inputs, and this is reported.
//!
//! Follows `internal/bundlereader/read.go` and `pkg/apis/fleet.cattle.io/v1alpha1/{fleetyaml,bundledeployment}_types.go`
//! of Fleet.

use crate::resource::ResourceName;
use crate::resource::workload::custom::unchecked::Unchecked;
use crate::resource::workload::path::join;
use crate::resource::workload::value::spanned_string;
use crate::resource::workload::{Resource, ResourceId};
use crate::text::source::Spanned;
use crate::text::yaml::Node;

/// The group assigned to such a file, which does not contain one.
pub(crate) const GROUP: &str = "fleet.cattle.io";
/// The kind assigned to such a file; see [`GROUP`].
pub(crate) const KIND: &str = "fleet.yaml";

/// Notes the first field of a file that names a chart, or sets values for one.
pub(crate) fn note(file: &str, root: Node<'_>, resource: ResourceId) -> Option<(Resource, Unchecked)> {
    let name = file.rsplit('/').next().unwrap_or_default();
    if !matches!(name, KIND | "fleet.yml") || root.get("kind").is_some() || root.get("apiVersion").is_some() {
        return None;
    }
    let targets = root.get("targetCustomizations").into_iter().flat_map(Node::items).enumerate();
    let targets = targets.map(|(at, target)| (target, format!("targetCustomizations[{at}]")));
    let found = std::iter::once((root, String::new())).chain(targets).find_map(|(holder, path)| {
        let helm = holder.get("helm")?;
        let keys = ["chart", "repo", "valuesFiles", "valuesFrom", "values"];
        let (key, value) =
            keys.into_iter().find_map(|key| Some((key, helm.get(key).filter(|value| !value.is_null())?)))?;
        Some((join(&path, &format!("helm.{key}")), value))
    });
    let (path, value) = found?;
    let name = ResourceName { api_version: format!("{GROUP}/v1alpha1"), kind: KIND.to_owned(), ..Default::default() };
    let object = Resource { name, span: root.span(), template: None };
    let Spanned { value, span } =
        spanned_string(value).unwrap_or_else(|| Spanned { value: String::new(), span: value.span() });
    Some((object, Unchecked { resource, span, path, value }))
}
