//! Everything that the inputs say, gathered from all documents: the facts that rules judge.

use crate::secret::Secret;
use crate::source::{Span, Spanned};
use crate::workload::{ImageUse, Pod, PodId, Resource, ResourceId, SecretReference};

/// The facts of all inputs, each list in the order of source and place.
#[derive(Debug, Default)]
pub struct Inventory {
    /// YAML documents seen, skipped ones included.
    pub documents: usize,
    /// Objects.
    pub resources: Vec<Resource>,
    /// Pods and pod templates.
    pub pods: Vec<Pod>,
    /// Image uses.
    pub images: Vec<ImageUse>,
    /// Secrets, and what produces one.
    pub secrets: Vec<Secret>,
    /// Service accounts.
    pub service_accounts: Vec<ServiceAccount>,
    /// `imagePullSecrets` at a place that no pod ever sees.
    pub misplaced: Vec<MisplacedPullSecrets>,
    /// Kustomizations, for the names they rewrite.
    pub kustomizations: Vec<Kustomization>,
    /// What could not be read or parsed.
    pub problems: Vec<Problem>,
    /// Spans whose text is secret.
    pub masked: Vec<Span>,
}

impl Inventory {
    /// The pod of an image use.
    pub fn pod(&self, id: PodId) -> &Pod {
        &self.pods[id.0 as usize]
    }

    /// An object.
    pub fn resource(&self, id: ResourceId) -> &Resource {
        &self.resources[id.0 as usize]
    }

    /// The object of an image use.
    pub fn resource_of(&self, image: &ImageUse) -> &Resource {
        self.resource(self.pod(image.pod).resource)
    }
}

/// A ServiceAccount of the inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its namespace, when it names one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its `imagePullSecrets`, in order, empty names included.
    pub pull_secrets: Vec<SecretReference>,
    /// The object.
    pub resource: ResourceId,
}

/// `imagePullSecrets`, or something meant as such, where it has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MisplacedPullSecrets {
    /// The object.
    pub resource: ResourceId,
    /// The key.
    pub span: Span,
    /// What is wrong with it.
    pub fault: Misplacement,
    /// Path of the key in its object: `spec.template.spec.containers[0].imagePullSecrets`.
    pub path: String,
    /// Path at which it would count: `spec.template.spec.imagePullSecrets`.
    pub right_path: String,
    /// Secret names that it lists.
    pub names: Vec<String>,
}

/// What is wrong with misplaced pull secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Misplacement {
    /// Under a container.
    InContainer,
    /// In a workload's own `spec`, beside `template`.
    InWorkloadSpec,
    /// In `metadata`, or at the object's top.
    OutsideSpec,
    /// Spelt `imagePullSecret`, or another way the API does not know.
    Misspelt,
    /// A list of strings instead of objects with a `name`.
    ListOfStrings,
    /// Not a list.
    NotAList,
}

/// A kustomization's image rewriting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kustomization {
    /// The kustomization file's folder, `/`-separated, empty for the current folder.
    pub folder: String,
    /// `resources`, `bases`, `components`, `patches…` paths as written.
    pub members: Vec<String>,
    /// `images[].name`.
    pub images: Vec<Spanned<String>>,
    /// `namespace`.
    pub namespace: Option<String>,
}

/// An input that could not be read or parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is.
    pub kind: ProblemKind,
    /// Where; of an unreadable file the empty span at its start.
    pub span: Span,
    /// The reader's or parser's words.
    pub message: String,
}

/// What kind of problem an input has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The file cannot be read, is not text, or is over the cap.
    Unreadable,
    /// A document that cannot be parsed. `certain`: the file was named by the user, or the document has an
    /// `apiVersion:` and a `kind:` at column 0, so it is meant as a manifest.
    InvalidYaml {
        /// Whether it is meant as a manifest.
        certain: bool,
    },
    /// An unrendered template.
    Template,
}
