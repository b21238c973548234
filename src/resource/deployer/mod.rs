//! GitOps objects that deploy folders of the inputs: Flux Kustomizations, and Argo CD Applications and ApplicationSets.
//!
//! Both tools change the folder's own kustomization before they build it, and Flux replaces variables afterwards.

pub(crate) mod application_set;
mod argo;
pub(crate) mod argo_directory;
pub(crate) mod build_environment;
pub(crate) mod envsubst;
mod flux;
pub(crate) mod image_override;
pub(crate) mod own_repository;

use crate::resource::deployer::application_set::{Application, UNKNOWN};
use crate::resource::deployer::own_repository::without_end;
use crate::resource::kustomization::{DeployerDoubt, ImageRule, Patch};
use crate::resource::workload::ResourceId;
use crate::resource::{self, Object};
use crate::text::source::{Span, Spanned};
use crate::text::yaml::{self, Piece};

/// The tool that deploys a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deployer {
    /// Flux: `Kustomization` of `kustomize.toolkit.fluxcd.io`.
    Flux,
    /// Argo CD: `Application`, and those that an `ApplicationSet` generates.
    ArgoCd,
}

/// A folder that a GitOps object deploys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// The object.
    pub resource: ResourceId,
    /// The tool that reads the object.
    pub deployer: Deployer,
    /// The folder, relative to the root of the repository that the source names. In an ApplicationSet,
    /// U+0000 stands for a part that is not known.
    pub path: Spanned<String>,
    /// The name of the source: that of a GitRepository with its kind, or the URL of a repository.
    pub source: Option<String>,
    /// The name of the Application, and the index of the source in its `sources`.
    pub application: Option<(String, Option<usize>)>,
    /// The repositories in which an ApplicationSet found its parameters.
    pub generated_from: Vec<String>,
    /// How a folder is read that is no kustomization; `None` if the tool finds out what the folder is.
    pub directory: Option<Directory>,
    /// Whether the folder has to be a kustomization.
    pub is_kustomization: bool,
    /// The changes to the folder's kustomization.
    pub overrides: Overrides,
    /// The variables that are replaced in everything that is built; `None` if text is left as it is.
    pub variables: Option<Variables>,
}

impl Deployment {
    /// The Git repository that the object names. Artifacts of other kinds are often made from this repository, one for
    /// each part of it.
    pub(crate) fn repository(&self) -> Option<&str> {
        let source = self.source.as_deref().filter(|source| !source.contains(UNKNOWN))?;
        match self.deployer {
            Deployer::ArgoCd => Some(without_end(source)),
            Deployer::Flux => source.starts_with("GitRepository/").then_some(source),
        }
    }
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
    /// Why it is not known what is deployed, with the place.
    pub doubt: Option<(Span, DeployerDoubt)>,
}

/// `directory` of a source: which files of a folder Argo CD deploys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Directory {
    /// Whether folders in the folder are read too.
    pub recurse: bool,
    /// The pattern of paths that are read; empty for all.
    pub include: String,
    /// The pattern of paths that are not read; empty for none.
    pub exclude: String,
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

/// Returns the folders that an Application deploys which was generated or changed.
pub(crate) fn of_application(application: &Application, resource: ResourceId, around: Span) -> Vec<Deployment> {
    let (json, places) = application.json(around);
    let mut deployments = Vec::new();
    let mut places = Some(places);
    yaml::read(around.source, &json, true, &mut |piece| {
        let Piece::Document(document) = piece else { return };
        document.place_nodes(places.take().unwrap_or_default());
        let mut objects = Vec::new();
        if let Some(root) = document.root() {
            resource::objects(root, &mut objects);
        }
        deployments.extend(objects.iter().flat_map(|object| argo::read(object, resource)));
    });
    for deployment in &mut deployments {
        deployment.generated_from = application.repositories().map(str::to_owned).collect();
        if application.is_uncertain() {
            deployment.overrides.doubt = Some((deployment.path.span, DeployerDoubt::Generation));
        }
    }
    deployments
}
