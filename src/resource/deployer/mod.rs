//! GitOps objects that deploy folders of the inputs: Flux Kustomizations and Argo CD Applications.
//!
//! Both tools change the folder's own kustomization before they build it, and Flux replaces variables afterwards.

mod argo;
pub(crate) mod build_environment;
pub(crate) mod envsubst;
mod flux;
pub(crate) mod image_override;

use crate::resource::Object;
use crate::resource::kustomization::{ImageRule, Patch};
use crate::resource::workload::ResourceId;
use crate::text::source::{Span, Spanned};

/// The tool that deploys a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployer {
    /// Flux: `Kustomization` of `kustomize.toolkit.fluxcd.io`.
    Flux,
    /// Argo CD: `Application`.
    ArgoCd,
}

/// A folder that a GitOps object deploys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// The object.
    pub resource: ResourceId,
    /// The tool that reads the object.
    pub deployer: Deployer,
    /// The folder, relative to the root of the repository that the source names.
    pub path: Spanned<String>,
    /// The name of the source: that of a GitRepository with its kind, or the URL of a repository.
    pub source: Option<String>,
    /// The changes to the folder's kustomization.
    pub overrides: Overrides,
    /// The variables that are replaced in everything that is built; `None` if text is left as it is.
    pub variables: Option<Variables>,
}

/// The changes that a GitOps object makes to a kustomization before it is built.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    /// The namespace of all objects.
    pub namespace: Option<String>,
    /// The namespace of objects that have none.
    pub default_namespace: Option<String>,
    /// The value of `namePrefix`.
    pub name_prefix: Option<String>,
    /// The value of `nameSuffix`.
    pub name_suffix: Option<String>,
    /// Patches that are appended.
    pub patches: Vec<Patch>,
    /// Paths of Components that are appended.
    pub components: Vec<Spanned<String>>,
    /// Entries of `images` that replace those with the same name.
    pub images: Vec<ImageRule>,
    /// A field whose effect is not followed.
    pub unfollowed: Option<Span>,
}

/// The variables of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Variables {
    /// The variables that the object itself sets, which take precedence.
    pub own: Vec<(String, Spanned<String>)>,
    /// The objects that more variables are taken from, in order: later ones take precedence.
    pub from: Vec<VariableSource>,
    /// The namespace of the object, in which those are looked up.
    pub namespace: Option<String>,
}

/// A ConfigMap or Secret that variables are taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableSource {
    /// The value of `kind`.
    pub kind: String,
    /// The name of the object.
    pub name: String,
}

/// Returns the folders that an object deploys.
pub(crate) fn extract(object: &Object<'_>, resource: ResourceId) -> Vec<Deployment> {
    match (object.name.group(), object.name.kind.as_str()) {
        ("kustomize.toolkit.fluxcd.io", "Kustomization") => flux::read(object, resource).into_iter().collect(),
        ("argoproj.io", "Application") => argo::read(object, resource),
        _ => Vec::new(),
    }
}
