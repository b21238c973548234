//! Finds the images in Kubernetes objects: the image uses of every workload, with the facts of the pod that each runs
//! in.

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
pub mod values;

use std::collections::BTreeSet;

use self::custom::unchecked::Unchecked;
use self::misplaced::MisplacedPullSecrets;
use self::openshift::StreamTag;
use self::rewriter::Rewriter;
use self::values::{ChartSource, Release, ReleaseId};
use crate::image::node::Demand;
use crate::image::reference::{Reference, ReferenceError};
use crate::resource::workload::custom::kind::CustomKind;
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

/// A Kubernetes object in the inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The apiVersion, kind, namespace, and name.
    pub name: ResourceName,
    /// The place of the whole object.
    pub span: Span,
    /// The template that produced the object, as a renderer's comment names it: `shop/templates/deployment.yaml`.
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
    /// A value that a release sets for its chart.
    Values,
    /// Any other field that contains an image.
    Other,
}

impl ContainerKind {
    /// The name of the kind in JSON output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Init => "init",
            Self::Ephemeral => "ephemeral",
            Self::Volume => "volume",
            Self::Values => "values",
            Self::Other => "other",
        }
    }
}

/// The container, or image volume, that an image is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The kind of container.
    pub kind: ContainerKind,
    /// The container's `name`.
    pub name: Option<String>,
}

/// Why an image use is not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skip {
    /// A template expression, a variable, a marker: `{{ }}`, `${X}`, `$(X)`, `<X>`, `ko://`, `REPLACE_ME`.
    Placeholder,
    /// `auto` in a pod that Istio injects.
    Injected,
    /// A kustomization changes the image, or may change it, to a value that is not known.
    RewrittenByKustomize,
    /// A kustomization replaces the image in every build. Each replacement is an image use of its own.
    ReplacedByKustomize,
    /// An OpenShift trigger or image stream sets the image.
    SetByImageStream,
    /// Something other than a kubelet pulls the image: Flux, Crossplane, an image build, or Istio's agent. Or a
    /// policy may create an object from it, merged with what is in the cluster.
    PulledByAnother,
    /// A tool such as Skaffold builds the image, and replaces the name when it deploys.
    Built,
    /// The pod has completed: nothing is pulled for it any more.
    Finished,
    /// Values of a release contain only a part of the image: the chart decides its tag or its registry.
    ChosenByChart,
}

/// The parsed form of an image field's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageText {
    /// A reference, as the kubelet parses it.
    Reference(Reference),
    /// Something the kubelet cannot parse, or nothing at all.
    Invalid(InvalidImage),
    /// Not the image that will be pulled: another program puts it there.
    Skipped(Skip),
}

/// Why an image field does not contain a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidImage {
    /// The kubelet's parser rejects it.
    Unparsable(ReferenceError),
    /// The field exists but is empty or null: the API server requires a value.
    Empty,
    /// The field is a mapping, sequence, number, or boolean: the API server refuses to decode it.
    NotAString,
}

/// One image used by one container of one pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUse {
    /// The pod that the image runs in.
    pub pod: PodId,
    /// The container that uses the image.
    pub container: Container,
    /// Path of the field in the object, JSONPath-like: `spec.template.spec.containers[0].image`.
    pub path: String,
    /// The value that is pulled, and the place of the scalar that decides it. The place includes quotes; for an
    /// alias, it is the place of the alias itself.
    pub text: Spanned<String>,
    /// The value as written in the workload, if a different one is pulled: a parameter was filled in, or a
    /// kustomization sets another name, tag, or digest.
    pub written: Option<String>,
    /// Other places in the inputs that also decide the value, in order of precedence.
    pub decided_by: Vec<DecidedBy>,
    /// The image stream tag that an OpenShift trigger replaces the value with.
    pub stream_tag: Option<TagName>,
    /// The place of the build that replaces the image when a tool such as Skaffold deploys it.
    pub built_by: Option<Span>,
    /// The value as a parsed reference, or the reason why there is none.
    pub image: ImageText,
    /// The value of `imagePullPolicy`, as written.
    pub declared_policy: Option<Spanned<String>>,
}

/// A place elsewhere in the inputs that decides an image or part of it: the value of a template's parameter, a
/// kustomization's `newTag`, or a line in a chart's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedBy {
    /// The place of the scalar, quotes included.
    pub span: Span,
    /// A short description of what the place decides.
    pub message: String,
}

/// How precisely the pod of an image use is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PodOrigin {
    /// A Pod object itself.
    Pod,
    /// The pod template of a built-in workload.
    Template,
    /// A pod or pod template that a kustomization patches in a way that pullcheck does not follow: it may have a
    /// different service account and other pull secrets than the object shows.
    Patched,
    /// A field of a kind whose operator creates a pod from it. The image is pulled as written, but the pod may have a
    /// different service account and more pull secrets than the object shows.
    Operator,
    /// A `containers:` list in an object of a kind that pullcheck does not know. Pull secrets and service account are
    /// read from the same fields as in a pod spec, but an operator may add its own.
    Custom,
    /// Part of a chart template that is not rendered: a condition may drop or change it.
    Unrendered,
    /// An image named by a flag or an annotation: another program may create a pod from it.
    Mention,
    /// An image in the values of a release: the chart decides what it makes of them.
    Values,
}

impl PodOrigin {
    /// Whether the pods get exactly what is written, so that all their credentials are known.
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
    /// The name; empty for `[{}]` and `[{name: ""}]`.
    pub name: String,
    /// The name's scalar, or the list item if it has no name.
    pub span: Span,
}

/// The pod-wide facts that decide with which credentials its images are pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// The object that the pod belongs to.
    pub resource: ResourceId,
    /// How precisely the pod is known.
    pub origin: PodOrigin,
    /// The place of the pod spec.
    pub span: Span,
    /// The namespace of the pod; `None` if the object does not name one.
    pub namespace: Option<String>,
    /// `serviceAccountName`, else its alias `serviceAccount`; `None` means `default`.
    pub service_account: Option<Spanned<String>>,
    /// `imagePullSecrets`: `None` if absent, null, or empty (the service account's list then applies).
    pub pull_secrets: Option<Vec<SecretReference>>,
    /// The pod's constraints on its nodes, as far as images depend on them.
    pub demand: Demand,
    /// Files whose Secrets and service accounts are never deployed together with the pod: those of other overlays of
    /// the same base.
    pub hidden: BTreeSet<SourceId>,
    /// The properties that an operator chooses and the object does not show.
    pub chosen: Chosen,
    /// The release whose values contain the images.
    pub release: Option<ReleaseId>,
}

/// The properties of a pod that an operator chooses and its object does not show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Whether the operator chooses the namespace.
    pub namespace: bool,
    /// Whether the operator chooses the service account if the object does not name one.
    pub service_account: bool,
}

impl Pod {
    /// The name of the effective service account. If only the operator knows it, this is a description, not a name.
    pub fn service_account_name(&self) -> &str {
        let unnamed = if self.chosen.service_account { "(its operator's)" } else { "default" };
        self.service_account.as_ref().map_or(unnamed, |name| &name.value)
    }

    /// The namespace of the pod. `default` is the namespace of objects that do not name one.
    pub fn namespace_or<'n>(&'n self, default: Option<&'n str>) -> Option<&'n str> {
        self.namespace.as_deref().or(default.filter(|_| !self.chosen.namespace))
    }
}

/// Everything that objects contain about workloads. The pods are numbered from 0.
#[derive(Debug, Default)]
pub(crate) struct WorkloadFacts<'d> {
    /// Pods and pod templates, in the order found.
    pub(crate) pods: Vec<Pod>,
    /// Image uses of all pods.
    pub(crate) images: Vec<ImageUse>,
    /// Pod templates with their metadata, whose annotations may suppress findings.
    pub(crate) templates: Vec<(Span, Option<Node<'d>>)>,
    /// Duplicate keys, for keys that affect pulls.
    pub(crate) duplicate_keys: Vec<DuplicateKey>,
    /// `imagePullSecrets` at places where no pod ever sees them.
    pub(crate) misplaced: Vec<MisplacedPullSecrets>,
    /// Fields of unknown kinds that look like an image: the first of each object.
    pub(crate) unchecked: Vec<Unchecked>,
    /// Releases of charts. The pods refer to them by their index.
    pub(crate) releases: Vec<Release>,
    /// Objects that say where charts are.
    pub(crate) chart_sources: Vec<ChartSource>,
    /// Objects that may write other images into pods.
    pub(crate) rewriters: Vec<Rewriter>,
    /// Names of OpenShift image streams that pods may use as images.
    pub(crate) image_streams: Vec<String>,
    /// Tags defined by image streams.
    pub(crate) stream_tags: Vec<StreamTag>,
}

impl WorkloadFacts<'_> {
    /// Returns the pod with an id.
    fn pod(&self, id: PodId) -> &Pod {
        &self.pods[id.0 as usize]
    }
}

/// Reads the workload in an object: its pods, their images, and misplaced pull secrets. `own_kinds` are the kinds
/// from the configuration.
pub(crate) fn extract<'d>(object: &Object<'d>, resource: ResourceId, own_kinds: &[CustomKind]) -> WorkloadFacts<'d> {
    let mut found = WorkloadFacts::default();
    read(object, resource, own_kinds, &mut found);
    found
}

/// Reads the workload in an object and adds the results to `found`.
fn read<'d>(object: &Object<'d>, resource: ResourceId, own_kinds: &[CustomKind], found: &mut WorkloadFacts<'d>) {
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
    } else if !own_kinds.iter().any(|kind| kind.is_of(&object.name)) && values::extract(object, resource, found) {
        // Its values were read.
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
