//! `skaffold.yaml`.
//!
//! Follows Skaffold v2.24.0: `pkg/skaffold/schema/latest/config.go` for the fields (those of `deploy` are from the
//! versions up to `skaffold/v2beta29`), `pkg/skaffold/schema/defaults/defaults.go` for the default manifests,
//! `pkg/skaffold/parser/config.go` for `requires`, `pkg/skaffold/docker/reference.go` for names.

use super::{BuildConfig, BuildTool, MAX_ENTRIES, Manifests, Required, texts};
use crate::text::yaml::Node;

/// `DefaultKubectlManifests` of `pkg/skaffold/constants/constants.go`.
const DEFAULT_MANIFESTS: &str = "k8s/*.yaml";

pub(super) fn read(file: &str, root: Node<'_>) -> Option<BuildConfig> {
    if root.str("kind") != Some("Config") || !root.str("apiVersion")?.starts_with("skaffold/") {
        return None;
    }
    let mut config = BuildConfig::new(BuildTool::Skaffold, file, root);
    config.name = root.at(&["metadata", "name"]).and_then(Node::as_str).map(str::to_owned);
    // A profile that is active takes the place of, or is merged with, the same fields of the configuration.
    let profiles = root.get("profiles").into_iter().flat_map(Node::items).take(MAX_ENTRIES);
    let mut has_manifests = false;
    for (at, part) in std::iter::once(root).chain(profiles).enumerate() {
        for artifact in part.at(&["build", "artifacts"]).into_iter().flat_map(Node::items).take(MAX_ENTRIES) {
            config.add_artifact(artifact.get("image"), name);
        }
        let names_manifests = add_manifests(&mut config, part);
        has_manifests |= names_manifests && at == 0;
    }
    if !has_manifests {
        config.add_manifests(DEFAULT_MANIFESTS, Manifests::Files);
    }
    for required in root.get("requires").into_iter().flat_map(Node::items).take(MAX_ENTRIES) {
        // Repositories elsewhere are not in the inputs.
        let is_elsewhere = ["git", "googleCloudStorage", "googleCloudBuildRepoV2"];
        if is_elsewhere.into_iter().any(|key| required.get(key).is_some_and(|node| !node.is_null())) {
            continue;
        }
        let path = required.str("path").filter(|path| !path.is_empty()).map(str::to_owned);
        let names = texts(required.get("configs")).map(str::to_owned).collect();
        config.required.push(Required { path, names });
    }
    let kinds = |list: &str| {
        let list = root.at(&["resourceSelector", list]).into_iter().flat_map(Node::items).take(MAX_ENTRIES);
        list.filter_map(|entry| Some(entry.str("groupKind")?.to_owned())).collect()
    };
    (config.allowed_kinds, config.denied_kinds) = (kinds("allow"), kinds("deny"));
    Some(config)
}

/// Adds the manifests of a configuration or a profile. Returns whether there are any, so that the default does not
/// apply.
fn add_manifests<'a>(config: &mut BuildConfig, part: Node<'a>) -> bool {
    let (render, deploy) = (part.get("manifests"), part.get("deploy"));
    let has = |holder: Option<Node<'a>>, key: &str| field(holder, &[key]).is_some_and(|node| !node.is_null());
    let files = [field(render, &["rawYaml"]), field(deploy, &["kubectl", "manifests"])];
    let mut has_any = files.iter().flatten().any(|list| list.items().next().is_some());
    for path in files.into_iter().flat_map(texts) {
        config.add_manifests(path, Manifests::Files);
    }
    for holder in [render, deploy] {
        if let Some(kustomize) = holder.and_then(|holder| holder.get("kustomize")) {
            let paths = texts(kustomize.get("paths")).chain(kustomize.str("path"));
            let paths: Vec<&str> = paths.collect();
            // `DefaultKustomizePath`.
            let paths = if paths.is_empty() { vec!["."] } else { paths };
            paths.into_iter().for_each(|path| config.add_manifests(path, Manifests::Kustomization));
        }
        let releases = field(holder, &["helm", "releases"]).into_iter().flat_map(Node::items).take(MAX_ENTRIES);
        for chart in releases.filter_map(|release| release.str("chartPath")) {
            config.add_manifests(chart, Manifests::Tree);
        }
        has_any |= has(holder, "kustomize") || has(holder, "helm");
    }
    for folder in texts(field(render, &["kpt"])) {
        config.add_manifests(folder, Manifests::Tree);
        has_any = true;
    }
    has_any || has(deploy, "docker") || has(deploy, "cloudrun")
}

fn field<'a>(holder: Option<Node<'a>>, path: &[&str]) -> Option<Node<'a>> {
    holder.and_then(|holder| holder.at(path))
}

/// `SanitizeImageName`: without the prefix of `ko`, and in lower case. A name with a tag is never that of an image in
/// a manifest, which is compared without one.
fn name(text: &str) -> String {
    text.strip_prefix("ko://").unwrap_or(text).to_lowercase()
}
