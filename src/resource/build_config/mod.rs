//! Files of tools that build images and deploy manifests with them: `skaffold.yaml` and `devspace.yaml`. In the
//! manifests that such a tool deploys, it replaces the names of the images that it builds.

mod devspace;
mod skaffold;

use crate::text::placeholder::is_placeholder;
use crate::text::source::{Span, Spanned};
use crate::text::yaml::Node;

/// What one document of a build tool's file builds and deploys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildConfig {
    /// The place of the whole document.
    pub span: Span,
    /// The tool that reads the file.
    pub tool: BuildTool,
    /// The folder of the file, as the file was named; empty for the current one.
    pub folder: String,
    /// The name that other configurations use for this one (`metadata.name`).
    pub name: Option<String>,
    /// The images that are built, by the name that manifests use for them.
    pub artifacts: Vec<Spanned<String>>,
    /// What is deployed with these images.
    pub manifests: Vec<Manifests>,
    /// Other configurations that are built and deployed together with this one.
    pub required: Vec<Required>,
    /// Kinds in which the tool replaces images in addition to those it knows, as `Kind.group`.
    pub allowed_kinds: Vec<String>,
    /// Kinds in which the tool replaces no images, as `Kind.group`.
    pub denied_kinds: Vec<String>,
}

/// A tool that builds images and deploys manifests with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildTool {
    /// Skaffold.
    Skaffold,
    /// DevSpace.
    DevSpace,
}

impl BuildTool {
    /// The tool's name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Skaffold => "Skaffold",
            Self::DevSpace => "DevSpace",
        }
    }
}

/// Manifests that a tool deploys. Paths are relative to the folder of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manifests {
    /// Files that match a pattern of Go's `filepath.Glob`; of a folder that matches, all files.
    Files(String),
    /// The files in a folder, not those in folders below it, or a single file.
    FileOrFolder(String),
    /// A kustomization.
    Kustomization(String),
    /// A chart, or another folder that is read as a whole.
    Tree(String),
}

/// Other configurations that a configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Required {
    /// The file or folder; `None` is the file itself.
    pub path: Option<String>,
    /// The names of the configurations; empty for all.
    pub names: Vec<String>,
}

/// The most artifacts, and the most paths, that are read from one document: aliases can repeat them without end.
const MAX_ENTRIES: usize = 10_000;

/// Reads a document if it is a build tool's configuration.
pub(crate) fn read(file: &str, root: Node<'_>) -> Option<BuildConfig> {
    let mut config = skaffold::read(file, root).or_else(|| devspace::read(file, root))?;
    config.artifacts.retain(|artifact| !is_placeholder(&artifact.value));
    Some(config)
}

impl BuildConfig {
    fn new(tool: BuildTool, file: &str, root: Node<'_>) -> Self {
        Self {
            span: root.span(),
            tool,
            folder: super::kustomization::folder(file).to_owned(),
            name: None,
            artifacts: Vec::new(),
            manifests: Vec::new(),
            required: Vec::new(),
            allowed_kinds: Vec::new(),
            denied_kinds: Vec::new(),
        }
    }

    fn add_artifact(&mut self, node: Option<Node<'_>>, name: impl Fn(&str) -> String) {
        let Some((node, text)) = node.and_then(|node| Some((node, node.as_str()?))) else { return };
        if self.artifacts.len() < MAX_ENTRIES {
            self.artifacts.push(Spanned { value: name(text), span: node.span() });
        }
    }

    /// Adds manifests on the local disk whose path is known.
    fn add_manifests(&mut self, path: &str, form: fn(String) -> Manifests) {
        let is_remote = path.contains("://");
        if !is_remote && !is_placeholder(path) && self.manifests.len() < MAX_ENTRIES {
            self.manifests.push(form(path.to_owned()));
        }
    }
}

/// Returns the texts of a list of strings.
fn texts<'a>(list: Option<Node<'a>>) -> impl Iterator<Item = &'a str> {
    list.into_iter().flat_map(Node::items).take(MAX_ENTRIES).filter_map(Node::as_str)
}
