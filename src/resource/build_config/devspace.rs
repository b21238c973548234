//! `devspace.yaml`.
//!
//! Follows DevSpace v6.4.0: `pkg/devspace/config/versions/latest/schema.go` for the fields,
//! `pkg/devspace/deploy/deployer/kubectl/kubectl.go` for the manifests, and
//! `pkg/devspace/config/loader/variable/legacy/replace.go` for names.

use super::{BuildConfig, BuildTool, MAX_ENTRIES, Manifests, texts};
use crate::text::yaml::Node;

pub(super) fn read(file: &str, root: Node<'_>) -> Option<BuildConfig> {
    let name = file.rsplit('/').next().unwrap_or_default();
    if name != "devspace.yaml" || root.get("kind").is_some() || root.get("version").is_none() {
        return None;
    }
    let mut config = BuildConfig::new(BuildTool::DevSpace, file, root);
    for image in values(root.get("images")) {
        config.add_artifact(image.get("image"), |text| text.to_owned());
    }
    for deployment in values(root.get("deployments")) {
        let keeps_images = deployment.str("updateImageTags") == Some("false")
            || deployment.get("updateImageTags").is_some_and(|value| value.text() == Some("false"));
        let Some(kubectl) = deployment.get("kubectl").filter(|_| !keeps_images) else { continue };
        let is_kustomization = kubectl.get("kustomize").is_some_and(|value| value.text() == Some("true"));
        for path in texts(kubectl.get("manifests")) {
            let path = path.replace('*', "");
            if is_kustomization {
                let folder = path.strip_suffix("kustomization.yaml").unwrap_or(&path);
                config.add_manifests(folder, Manifests::Kustomization);
            } else {
                config.add_manifests(&path, Manifests::FileOrFolder);
            }
        }
    }
    Some(config)
}

/// Returns the values of a mapping, or the items of a list, as versions before `v2beta1` have it.
fn values<'a>(node: Option<Node<'a>>) -> impl Iterator<Item = Node<'a>> {
    let entries = node.into_iter().flat_map(Node::entries).map(|entry| entry.value);
    entries.chain(node.into_iter().flat_map(Node::items)).take(MAX_ENTRIES)
}
