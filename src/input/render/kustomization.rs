//! Kustomizations: finding them, building one, and the file that each object came from.
#![expect(clippy::disallowed_methods, reason = "folders are resolved, and a wrapper is written")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::input::load::lexical;
use crate::input::render::child::ToolError;
use crate::input::render::{Bench, Job, JobKind, path_argument};
use crate::inventory::Inventory;
use crate::resource::kustomization::{Kustomization, builds, folder, normalise};
use crate::text::source::{SourceId, SourceOrigin, Sources};

/// The file names that kustomize looks for (`api/konfig/general.go`).
const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The annotation that `buildMetadata: [originAnnotations]` adds.
const ORIGIN: &str = "    config.kubernetes.io/origin: |";

/// Returns the kustomizations that no other one builds on; components are built by others only.
pub(super) fn find(sources: &Sources, parts: &[Inventory], of_charts: &BTreeSet<SourceId>) -> Vec<Job> {
    let is_file = |id: SourceId| {
        let source = sources.get(id);
        let name = source.name().rsplit('/').next().unwrap_or_default();
        *source.origin() == SourceOrigin::File && FILES.contains(&name) && !of_charts.contains(&id)
    };
    let parts = parts.iter().enumerate().map(|(at, part)| (SourceId(at as u32), part));
    let files: Vec<(SourceId, &Inventory)> = parts.filter(|(id, _)| is_file(*id)).collect();
    let all: Vec<Kustomization> = files.iter().flat_map(|(_, part)| part.kustomizations.iter().cloned()).collect();
    let builds = builds(&all, sources);
    let is_base = |folder: &str| {
        builds.iter().any(|build| build.kustomization.folder != folder && build.folders.contains(folder))
    };
    let is_component = |part: &Inventory| part.resources.iter().any(|resource| resource.name.kind == "Component");
    let mut seen = BTreeSet::new();
    let mut jobs = Vec::new();
    for (file, part) in &files {
        let folder = folder(sources.get(*file).name());
        let build = builds.iter().find(|build| build.kustomization.folder == folder);
        let Some(build) = build.filter(|_| !is_base(folder) && !is_component(part) && seen.insert(folder)) else {
            continue;
        };
        let of_build = |id: &&(SourceId, &Inventory)| {
            let mut kustomizations = id.1.kustomizations.iter();
            kustomizations.any(|kustomization| build.folders.contains(kustomization.folder.as_str()))
        };
        let covers = files.iter().filter(of_build).map(|(id, _)| *id).chain(build.sources.iter().copied());
        // The schema of another kustomization would not apply (`Kustomizer.Run` of `api/krusty` asks the outermost
        // only).
        let wraps = !sources.get(*file).text().lines().any(|line| line.starts_with("openapi"));
        let kind = JobKind::Kustomization { wraps };
        jobs.push(Job { folder: folder.to_owned(), file: *file, covers: covers.collect(), kind });
    }
    jobs
}

/// A kustomization around another, which asks kustomize to record where each object comes from.
pub(super) struct Wrapper {
    /// The folder of the wrapper, without links.
    folder: PathBuf,
    /// The folder of the inner kustomization, without links.
    inner: PathBuf,
}

impl Wrapper {
    /// Writes the wrapper into a new folder; `None` if that is not possible.
    pub(super) fn new(at: &Path, inner: &str) -> Option<Self> {
        fs::create_dir(at).ok()?;
        let inner = fs::canonicalize(if inner.is_empty() { "." } else { inner }).ok()?;
        let wrapper = Self { folder: fs::canonicalize(at).ok()?, inner };
        let base = slashed(&relative(&wrapper.folder, &wrapper.inner)?)?;
        // JSON is YAML, and quotes the path.
        let text = serde_json::json!({ "resources": [base], "buildMetadata": ["originAnnotations"] }).to_string();
        fs::write(wrapper.folder.join(FILES[0]), text).ok()?;
        Some(wrapper)
    }

    /// Returns the name of the input that kustomize names relative to this folder.
    fn name(&self, path: &str, folder: &str) -> Option<String> {
        let file = lexical(&self.folder.join(path));
        let inner = slashed(&relative(&self.inner, &file)?)?;
        Some(if folder.is_empty() { normalise(&inner) } else { normalise(&format!("{folder}/{inner}")) })
    }
}

/// Builds a kustomization with nothing turned on: no Helm, no plugins, no files from outside its folder. If it fails
/// inside the wrapper it is built by itself, so that the message is about the folder that the user knows.
pub(super) async fn build(
    (program, command): (&Path, &str),
    folder: &str,
    wrapper: Option<&Wrapper>,
    bench: &Bench<'_>,
) -> Result<String, String> {
    if let Some(wrapper) = wrapper {
        let arguments: [OsString; 2] = [command.into(), wrapper.folder.clone().into()];
        match bench.run(program, &arguments).await {
            Ok(text) => return Ok(with_origins(&text, |path| wrapper.name(path, folder))),
            Err(ToolError::Said(_) | ToolError::Status(_)) => {}
            Err(failure) => return Err(failure.to_string()),
        }
    }
    let arguments = [command.into(), path_argument(folder)];
    bench.run(program, &arguments).await.map_err(|failure| failure.to_string())
}

/// Turns kustomize's annotations into comments as Helm writes them, `# Source: path`, one above each object.
fn with_origins(text: &str, name: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    let mut document: Vec<&str> = Vec::new();
    let mut flush = |document: &mut Vec<&str>| {
        if document.iter().any(|line| !line.trim().is_empty()) {
            out.push_str("---\n");
            if let Some(name) = take_origin(document).and_then(|path| name(&path)) {
                out.push_str("# Source: ");
                out.push_str(&name);
                out.push('\n');
            }
            out.extend(document.iter().copied());
        }
        document.clear();
    };
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" {
            flush(&mut document);
        } else {
            document.push(line);
        }
    }
    flush(&mut document);
    out
}

/// Takes the path out of an object's annotation and removes the annotation. Objects are as kustomize prints them:
/// block style, two spaces a level.
fn take_origin(document: &mut Vec<&str>) -> Option<String> {
    let (mut top, mut second, mut at) = ("", "", None);
    for (index, line) in document.iter().map(|line| line.trim_end()).enumerate() {
        match line.len() - line.trim_start().len() {
            0 => top = line,
            2 => second = line,
            _ if top == "metadata:" && second == "  annotations:" && line == ORIGIN => at = Some(index),
            _ => {}
        }
    }
    let at = at?;
    let is_inner = |line: &&&str| line.starts_with("     ");
    let block: Vec<&str> = document.iter().skip(at + 1).take_while(is_inner).copied().collect();
    let end = at + 1 + block.len();
    let alone = document.get(at.wrapping_sub(1)).is_some_and(|line| line.trim_end() == "  annotations:")
        && !document.get(end).is_some_and(|line| line.starts_with("    "));
    document.drain(if alone { at - 1 } else { at }..end);
    let value = |key: &str| block.iter().find_map(|line| line.trim().strip_prefix(key));
    // A fetched file is not a file of the inputs.
    if value("repo: ").is_some() {
        return None;
    }
    let path = value("path: ").or_else(|| value("configuredIn: "))?;
    Some(path.trim_matches(['"', '\'']).to_owned())
}

/// Returns the relative path from one folder to a path, both absolute.
fn relative(from: &Path, to: &Path) -> Option<PathBuf> {
    let (mut from, mut to) = (from.components().peekable(), to.components().peekable());
    if from.peek() != to.peek() {
        return None;
    }
    while from.peek().is_some() && from.peek() == to.peek() {
        from.next();
        to.next();
    }
    let way: PathBuf = from.map(|_| Component::ParentDir).chain(to).collect();
    Some(if way.as_os_str().is_empty() { ".".into() } else { way })
}

fn slashed(path: &Path) -> Option<String> {
    let parts = path.components().map(|part| part.as_os_str().to_str());
    parts.collect::<Option<Vec<_>>>().map(|parts| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::ReadOptions;
    use crate::text::source::{Encoding, Source};

    #[test]
    fn origin_annotations_become_source_comments() {
        let text = "apiVersion: v1\nkind: A\nmetadata:\n  annotations:\n    config.kubernetes.io/origin: |\n      path: \
                    ../a.yaml\n  name: a\n---\nkind: ConfigMap\ndata:\n  annotations: |\n    \
                    config.kubernetes.io/origin: |\n      path: no\nmetadata:\n  annotations:\n    a: b\n    \
                    config.kubernetes.io/origin: |\n      configuredIn: ../k.yaml\n      configuredBy:\n        kind: \
                    B\n    z: z\n---\nkind: C\nmetadata:\n  annotations:\n    config.kubernetes.io/origin: |\n      \
                    path: b.yaml\n      repo: https://example.com/r\n  name: c\n";
        let expected = "---\n# Source: <../a.yaml>\napiVersion: v1\nkind: A\nmetadata:\n  name: a\n---\n# Source: \
                        <../k.yaml>\nkind: ConfigMap\ndata:\n  annotations: |\n    config.kubernetes.io/origin: |\n      \
                        path: no\nmetadata:\n  annotations:\n    a: b\n    z: z\n---\nkind: C\nmetadata:\n  name: c\n";
        assert_eq!(with_origins(text, |path| Some(format!("<{path}>"))), expected);
        assert_eq!(with_origins("", |_| None), "");
    }

    #[test]
    fn origin_paths_follow_the_form_of_the_input_path() {
        let wrapper = Wrapper { folder: "/tmp/x/build-0".into(), inner: "/home/me/repo/overlays/prod".into() };
        let name = |folder| wrapper.name("../../../home/me/repo/base/a.yaml", folder);
        assert_eq!(name("overlays/prod").as_deref(), Some("base/a.yaml"));
        assert_eq!(name("/home/me/repo/overlays/prod").as_deref(), Some("/home/me/repo/base/a.yaml"));
        assert_eq!(name("").as_deref(), Some("../../base/a.yaml"));
        let inner = wrapper.name("../../../home/me/repo/overlays/prod/a.yaml", "");
        assert_eq!(inner.as_deref(), Some("a.yaml"));
    }

    #[test]
    fn only_outermost_kustomizations_are_built() {
        let files = [
            ("base/kustomization.yaml", "resources: [a.yaml]"),
            ("base/a.yaml", "kind: Pod"),
            ("prod/kustomization.yml", "resources: [../base]\ncomponents: [../extra]\nopenapi: {path: a.json}"),
            ("extra/Kustomization", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component"),
            ("alone/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component"),
            ("flux/app.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization"),
        ];
        let sources: Vec<_> = files.iter().map(|(name, text)| Source::new(*name, *text, Encoding::Utf8)).collect();
        let read = |(at, source)| Inventory::of(SourceId(at as u32), source, ReadOptions::default());
        let parts: Vec<_> = sources.iter().enumerate().map(read).collect();
        let jobs = find(&Sources::new(sources), &parts, &BTreeSet::new());
        let found: Vec<_> = jobs.iter().map(|job| (job.folder.as_str(), job.covers.len())).collect();
        assert_eq!(found, [("prod", 4)]);
        assert!(matches!(jobs[0].kind, JobKind::Kustomization { wraps: false }));
    }
}
