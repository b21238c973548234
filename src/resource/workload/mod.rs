//! Where images stand in Kubernetes objects: the image uses of every workload, with the facts of the pod that they
//! run in.

pub mod custom;
mod demand;
pub mod duplicate;
mod finished;
pub mod kinds;
mod mention;
pub mod misplaced;
pub mod openshift;
pub(crate) mod path;
pub(crate) mod pod;
pub(crate) mod policy;
pub mod rewriter;
pub mod tag_name;
mod trigger;
pub(crate) mod value;

use std::collections::BTreeSet;

use self::custom::unchecked::Unchecked;
use self::misplaced::MisplacedPullSecrets;
use self::openshift::StreamTag;
use self::rewriter::Rewriter;
use crate::image::node::Demand;
use crate::image::reference::{Reference, ReferenceError};
use crate::resource::workload::custom::kind::Kind;
use crate::resource::workload::duplicate::DuplicateKey;
use crate::resource::workload::pod::PodSpec;
use crate::resource::workload::tag_name::TagName;
use crate::resource::{Object, ResourceName};
use crate::text::source::{SourceId, Span, Spanned};
use crate::text::yaml::Node;

/// Index of a [`Resource`] in [`crate::inventory::Inventory::resources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId(pub u32);

/// Index of a [`Pod`] in [`crate::inventory::Inventory::pods`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PodId(pub u32);

/// A Kubernetes object of the inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// What it is called.
    pub name: ResourceName,
    /// The whole object.
    pub span: Span,
    /// The template that wrote it, as a renderer's comment names it: `shop/templates/deployment.yaml`.
    pub template: Option<String>,
}

/// What kind of container an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContainerKind {
    /// `containers[]`.
    Container,
    /// `initContainers[]`, sidecars included.
    Init,
    /// `ephemeralContainers[]`.
    Ephemeral,
    /// `volumes[].image`.
    Volume,
    /// Any other field that holds an image.
    Other,
}

impl ContainerKind {
    /// As JSON output names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Init => "init",
            Self::Ephemeral => "ephemeral",
            Self::Volume => "volume",
            Self::Other => "other",
        }
    }
}

/// The container, or image volume, that an image is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its kind.
    pub kind: ContainerKind,
    /// Its `name`.
    pub name: Option<String>,
}

/// Why an image use is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skip {
    /// A template expression, a variable, a marker: `{{ }}`, `${X}`, `$(X)`, `<X>`, `ko://`, `REPLACE_ME`.
    Placeholder,
    /// `auto` in a pod that Istio injects.
    Injected,
    /// A kustomization changes it, or may, and it is not known to what.
    RewrittenByKustomize,
    /// A kustomization replaces it in every build: what it is replaced by is an image use of its own.
    ReplacedByKustomize,
    /// An OpenShift trigger or image stream sets it.
    SetByImageStream,
    /// It is not a kubelet that pulls it: Flux, Crossplane, an image build or Istio's agent does. Or a policy may make an
    /// object of it, merged with what the cluster has.
    PulledByAnother,
    /// The pod has run to its end: nothing is pulled for it any more.
    Finished,
}

/// What the text of an image field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageText {
    /// A reference, as the kubelet parses it.
    Reference(Reference),
    /// Something the kubelet cannot parse, or nothing at all.
    Invalid(InvalidImage),
    /// Not the image that will be pulled: another program puts it there.
    Skipped(Skip),
}

/// Why an image field holds no reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidImage {
    /// The kubelet's parser refuses it.
    Unparsable(ReferenceError),
    /// The field is there, but empty or null: the API server requires a value.
    Empty,
    /// The field holds a mapping, sequence, number or boolean: the API server refuses to decode it.
    NotAString,
}

/// One image that one container of one pod wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUse {
    /// The pod that it runs in.
    pub pod: PodId,
    /// The container.
    pub container: Container,
    /// Where in the object it stands, JSONPath-like: `spec.template.spec.containers[0].image`.
    pub path: String,
    /// The value that is pulled, and the place of the scalar that decides it (quotes included; for an alias the alias
    /// itself).
    pub text: Spanned<String>,
    /// The value as the workload writes it, where another one is pulled: a parameter was filled in, or a kustomization
    /// sets another name, tag or digest.
    pub written: Option<String>,
    /// The places of the inputs that decide the value besides its own, in the order in which they count.
    pub decided_by: Vec<DecidedBy>,
    /// The tag of an image stream that a trigger of OpenShift replaces the value by.
    pub stream_tag: Option<TagName>,
    /// What the value is.
    pub image: ImageText,
    /// `imagePullPolicy`, as written.
    pub declared_policy: Option<Spanned<String>>,
}

/// A place that decides an image, or a part of it, from elsewhere in the inputs: the value of a template's parameter, a
/// kustomization's `newTag`, a line of a chart's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedBy {
    /// The place: of a scalar, quotes included.
    pub span: Span,
    /// What it says, in a few words.
    pub message: String,
}

/// How exactly the pod of an image use is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PodOrigin {
    /// A Pod object itself.
    Pod,
    /// The pod template of a built-in workload.
    Template,
    /// One of the two that a kustomization patches in a way that is not followed: it may have another service account
    /// and other pull secrets than are to be seen.
    Patched,
    /// A field of a kind whose operator makes a pod of its own with it: the image is what is pulled, but the pod may
    /// have another service account and more pull secrets than the object shows.
    Operator,
    /// A `containers:` list in an object of a kind that pullcheck does not know; pull secrets and service account are
    /// read where a pod spec has them, but an operator may add its own.
    Custom,
    /// Something in a chart's template that is not rendered: a condition may drop or change it.
    Unrendered,
    /// An image that a flag or an annotation names: another program may make a pod of it.
    Mention,
}

impl PodOrigin {
    /// Whether the pods get exactly what is written: all that they pull with is known.
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Pod | Self::Template)
    }

    /// Whether the image is certain to be pulled as it is written.
    pub const fn is_certain(self) -> bool {
        matches!(self, Self::Pod | Self::Template | Self::Patched | Self::Operator)
    }
}

/// A name in a pod's, or service account's, `imagePullSecrets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretReference {
    /// The name; empty in `[{}]` and `[{name: ""}]`.
    pub name: String,
    /// The name's scalar, or the list item where there is no name.
    pub span: Span,
}

/// The pod-wide facts that decide with which credentials its images are pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// The object it belongs to.
    pub resource: ResourceId,
    /// How well it is known.
    pub origin: PodOrigin,
    /// The pod spec.
    pub span: Span,
    /// Namespace of the pod; `None` when the object names none.
    pub namespace: Option<String>,
    /// `serviceAccountName`, else its alias `serviceAccount`; `None` means `default`.
    pub service_account: Option<Spanned<String>>,
    /// `imagePullSecrets`: `None` when absent, null or empty (the service account's list then counts).
    pub pull_secrets: Option<Vec<SecretReference>>,
    /// What it asks of its nodes, as far as images depend on it.
    pub demand: Demand,
    /// Files whose Secrets and service accounts it never meets: those of other overlays of the same base.
    pub hidden: BTreeSet<SourceId>,
    /// What its operator decides, and the object does not show.
    pub chosen: Chosen,
}

/// What an operator decides about a pod, and its object does not show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chosen {
    /// In which namespace it runs.
    pub namespace: bool,
    /// As which service account it runs where none is named.
    pub service_account: bool,
}

impl Pod {
    /// The name of the effective service account; words where its operator alone knows it, which are no name.
    pub fn service_account_name(&self) -> &str {
        let unnamed = if self.chosen.service_account { "(its operator's)" } else { "default" };
        self.service_account.as_ref().map_or(unnamed, |name| &name.value)
    }

    /// The namespace of the pod. `default` is that of objects that name none.
    pub fn namespace_or<'n>(&'n self, default: Option<&'n str>) -> Option<&'n str> {
        self.namespace.as_deref().or(default.filter(|_| !self.chosen.namespace))
    }
}

/// What objects hold of workloads. The pods are numbered from 0.
#[derive(Debug, Default)]
pub(crate) struct Found<'d> {
    /// Pods and pod templates.
    pub(crate) pods: Vec<Pod>,
    /// Image uses.
    pub(crate) images: Vec<ImageUse>,
    /// Pod templates with their metadata, whose annotations may suppress findings.
    pub(crate) templates: Vec<(Span, Option<Node<'d>>)>,
    /// Keys that are written twice, where they matter.
    pub(crate) duplicate_keys: Vec<DuplicateKey>,
    /// `imagePullSecrets` at a place that no pod ever sees.
    pub(crate) misplaced: Vec<MisplacedPullSecrets>,
    /// Fields of unknown kinds that look like an image: the first of each object.
    pub(crate) unchecked: Vec<Unchecked>,
    /// What may write other images into pods.
    pub(crate) rewriters: Vec<Rewriter>,
    /// Names of OpenShift image streams that pods may use as images.
    pub(crate) image_streams: Vec<String>,
    /// The tags of image streams.
    pub(crate) stream_tags: Vec<StreamTag>,
}

impl Found<'_> {
    /// The pod of an image use.
    fn pod(&self, id: PodId) -> &Pod {
        &self.pods[id.0 as usize]
    }
}

/// Reads the workload that an object is: its pods, their images, misplaced pull secrets. `own_kinds` are those of the
/// configuration.
pub(crate) fn extract<'d>(object: &Object<'d>, resource: ResourceId, own_kinds: &[Kind]) -> Found<'d> {
    let mut found = Found::default();
    read(object, resource, own_kinds, &mut found);
    found
}

/// Reads the workload that an object is into what was found.
fn read<'d>(object: &Object<'d>, resource: ResourceId, own_kinds: &[Kind], found: &mut Found<'d>) {
    found.image_streams.extend(openshift::local_stream(object));
    found.stream_tags.extend(openshift::tags(object));
    openshift::extract(object, resource, found);
    let triggered = trigger::triggered_containers(object);
    let mut specs = Vec::new();
    if let Some(builtin) = kinds::builtin(&object.name) {
        if let Some(node) = object.node.at(builtin.pod_spec) {
            specs.push(PodSpec {
                resource,
                origin: builtin.origin,
                namespace: object.name.namespace.clone(),
                metadata: object.node.at(builtin.pod_metadata),
                template: builtin.template().and_then(|path| object.node.at(path)),
                node,
                path: path::join(&object.path, &builtin.pod_spec.join(".")),
                triggered,
            });
        }
        // A second `spec` or `template` hides a whole pod.
        for depth in 0..builtin.pod_spec.len() {
            let Some(level) = object.node.at(&builtin.pod_spec[..depth]) else { break };
            duplicate::find(level, kinds::LEVEL_KEYS, resource, None, &mut found.duplicate_keys);
        }
        misplaced::find(object.node, &object.path, resource, builtin, &mut found.misplaced);
    } else if policy::holds_objects(&object.name) {
        custom::list(object, resource, found);
    } else if policy::generates_objects(&object.name) {
        custom::list_generated(object, resource, found);
    } else if !object.name.api_version.is_empty() && !policy::is_policy(&object.name) {
        custom::extract(object, resource, &triggered, own_kinds, found);
    }
    let (pods, images) = (found.pods.len(), found.images.len());
    for spec in specs {
        let pod = PodId(found.pods.len() as u32);
        found.pods.push(spec.pod());
        if let Some(template) = spec.template {
            found.templates.push((template.span(), spec.metadata));
        }
        spec.images(pod, &mut found.images);
        mention::extract(&spec, found);
        spec.duplicate_keys(&mut found.duplicate_keys);
    }
    let own = found.images.split_off(images);
    rewriter::extract(object, &own, found);
    found.images.extend(own);
    if finished::is_finished(object) {
        found.pods[pods..].iter_mut().for_each(|pod| pod.pull_secrets = None);
        found.images[images..].iter_mut().for_each(|image| image.image = ImageText::Skipped(Skip::Finished));
    }
}
