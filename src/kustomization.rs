//! Kustomizations of the inputs: which files they build from, and which image names they rewrite.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::Kustomization;
use crate::source::{SourceId, Sources};
use crate::workload::pod::spanned_string;
use crate::yaml::Node;

/// Keys that name files and folders a kustomization is built from.
const MEMBER_KEYS: &[&str] =
    &["resources", "bases", "components", "patchesStrategicMerge", "patches", "patchesJson6902", "generators"];

/// Whether a document is a kustomization: by its file's name, or by its kind.
pub fn is_kustomization(file: &str, root: Node<'_>) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    let by_name = matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization");
    by_name
        || root.str("apiVersion").is_some_and(|version| version.starts_with("kustomize.config.k8s.io/"))
            && matches!(root.str("kind"), Some("Kustomization" | "Component"))
}

/// Reads a kustomization file.
pub fn read(file: &str, root: Node<'_>) -> Kustomization {
    let members = MEMBER_KEYS.iter().filter_map(|key| root.get(key)).flat_map(Node::items);
    let members = members.filter_map(|member| member.as_str().or_else(|| member.str("path")));
    let images = root.get("images").into_iter().flat_map(Node::items).filter_map(|image| image.get("name"));
    Kustomization {
        folder: folder(file).to_owned(),
        members: members.map(str::to_owned).collect(),
        images: images.filter_map(spanned_string).collect(),
        namespace: root.str("namespace").map(str::to_owned),
    }
}

/// What one kustomization is built from, directly or through others.
#[derive(Debug)]
pub struct Build<'k> {
    /// The kustomization.
    pub kustomization: &'k Kustomization,
    /// Files.
    pub sources: BTreeSet<SourceId>,
    /// Folders of the kustomizations, its own among them.
    pub folders: BTreeSet<&'k str>,
}

/// The builds of all kustomizations.
pub fn builds<'k>(kustomizations: &'k [Kustomization], sources: &Sources) -> Vec<Build<'k>> {
    if kustomizations.is_empty() {
        return Vec::new();
    }
    let folders: BTreeMap<String, &Kustomization> = kustomizations.iter().map(|k| (normalise(&k.folder), k)).collect();
    let files: BTreeMap<String, SourceId> = sources.iter().map(|(id, source)| (normalise(source.name()), id)).collect();
    kustomizations.iter().map(|kustomization| build(kustomization, &folders, &files)).collect()
}

fn build<'k>(
    kustomization: &'k Kustomization,
    folders: &BTreeMap<String, &'k Kustomization>,
    files: &BTreeMap<String, SourceId>,
) -> Build<'k> {
    let mut build = Build { kustomization, sources: BTreeSet::new(), folders: BTreeSet::new() };
    let mut open = vec![kustomization];
    while let Some(kustomization) = open.pop() {
        if !build.folders.insert(kustomization.folder.as_str()) {
            continue;
        }
        for member in &kustomization.members {
            let path = match kustomization.folder.as_str() {
                "" => normalise(member),
                folder => normalise(&format!("{folder}/{member}")),
            };
            match files.get(&path) {
                Some(source) => {
                    build.sources.insert(*source);
                }
                None => open.extend(folders.get(&path).copied()),
            }
        }
    }
    build
}

/// The image names that are rewritten in each source, by the kustomizations that build from it.
pub fn rewritten_names(builds: &[Build<'_>]) -> BTreeMap<SourceId, BTreeSet<String>> {
    let mut rewritten: BTreeMap<SourceId, BTreeSet<String>> = BTreeMap::new();
    for build in builds.iter().filter(|build| !build.kustomization.images.is_empty()) {
        for &source in &build.sources {
            let names = build.kustomization.images.iter().map(|name| name.value.clone());
            rewritten.entry(source).or_default().extend(names);
        }
    }
    rewritten
}

/// The namespaces that are given to what each source holds.
pub fn namespaces(builds: &[Build<'_>]) -> BTreeMap<SourceId, BTreeSet<String>> {
    let mut namespaces: BTreeMap<SourceId, BTreeSet<String>> = BTreeMap::new();
    for build in builds {
        let Some(namespace) = build.kustomization.namespace.as_ref().filter(|name| !name.is_empty()) else { continue };
        for &source in &build.sources {
            namespaces.entry(source).or_default().insert(namespace.clone());
        }
    }
    namespaces
}

/// The folder of a file, empty for the current one.
pub fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path without `.` and, as far as they have something to cancel, `..`.
pub(crate) fn normalise(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." && parts.last().is_some_and(|last| *last != "..") {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// The name of an image as kustomize matches it: without tag and digest, as written (`api/filters/imagetag`).
pub fn image_name(text: &str) -> &str {
    let text = text.split_once('@').map_or(text, |(name, _)| name);
    let path_start = text.rfind('/').map_or(0, |slash| slash + 1);
    text[path_start..].find(':').map_or(text, |colon| &text[..path_start + colon])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_as_kustomize_does() {
        assert_eq!(image_name("reg:5000/app:1@sha256:x"), "reg:5000/app");
        assert_eq!(image_name("app"), "app");
    }

    #[test]
    fn paths_are_normalised() {
        assert_eq!(normalise("./a/../b//c"), "b/c");
        assert_eq!(normalise("../a"), "../a");
        assert_eq!(normalise("/a/b/.."), "/a");
    }
}
