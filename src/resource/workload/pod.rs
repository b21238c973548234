//! Reads a pod spec: its images, and the fields that decide which credentials they are pulled with.
//!
//! Follows `staging/src/k8s.io/api/core/v1/types.go` of Kubernetes 1.37.

use crate::image::reference::Reference;
use crate::resource::workload::duplicate;
use crate::resource::workload::duplicate::DuplicateKey;
use crate::resource::workload::trigger::Triggered;
use crate::resource::workload::value::{TEMPLATE, is_to_be_written, is_unquoted_template, string_or_template};
use crate::resource::workload::{
    Chosen, Container, ContainerKind, DecidedBy, ImageText, ImageUse, InvalidImage, Pod, PodId, PodOrigin, ResourceId,
    SecretReference, Skip, demand,
};
use crate::text::placeholder::{is_placeholder, looks_unfilled};
use crate::text::source::Spanned;
use crate::text::yaml::{Entry, Filling, Node};

/// The container lists of a pod spec.
pub(crate) const CONTAINER_LISTS: &[(&str, ContainerKind)] = &[
    ("initContainers", ContainerKind::Init),
    ("containers", ContainerKind::Container),
    ("ephemeralContainers", ContainerKind::Ephemeral),
];

/// The keys of a pod spec that decide what is pulled, with which credentials, and on which nodes.
const SPEC_KEYS: &[&str] = &[
    "initContainers",
    "containers",
    "ephemeralContainers",
    "imagePullSecrets",
    "serviceAccountName",
    "serviceAccount",
    "volumes",
    "nodeSelector",
    "affinity",
];

/// The keys of a container that decide what is pulled.
const CONTAINER_KEYS: &[&str] = &["name", "image", "imagePullPolicy"];

/// A pod spec and its place in an object.
pub(super) struct PodSpec<'a> {
    /// The object that contains the spec.
    pub(super) resource: ResourceId,
    /// How precisely the pod is known.
    pub(super) origin: PodOrigin,
    /// The namespace of the object.
    pub(super) namespace: Option<String>,
    /// The pod's metadata, if its place beside the spec is known.
    pub(super) metadata: Option<Node<'a>>,
    /// The pod template; `None` if the object is the pod itself.
    pub(super) template: Option<Node<'a>>,
    /// The root node of the spec.
    pub(super) node: Node<'a>,
    /// Path of the spec in its document.
    pub(super) path: String,
    /// Containers whose image an OpenShift trigger sets.
    pub(super) triggered: Vec<Triggered>,
}

impl PodSpec<'_> {
    /// Returns the facts that apply to the whole pod.
    pub(super) fn pod(&self) -> Pod {
        let account = |key| self.node.get(key).and_then(string_or_template).filter(|name| !name.value.is_empty());
        let pull_secrets = self.node.get("imagePullSecrets").map(secret_references);
        Pod {
            resource: self.resource,
            origin: self.origin,
            span: self.node.span(),
            namespace: self.namespace.clone(),
            service_account: account("serviceAccountName").or_else(|| account("serviceAccount")),
            pull_secrets: pull_secrets.filter(|list| !list.is_empty()),
            demand: demand::of_pod_spec(self.node),
            chosen: Chosen::default(),
            hidden: Default::default(),
            release: None,
        }
    }

    /// Reads the image uses, in source order of the lists.
    pub(super) fn images(&self, pod: PodId, images: &mut Vec<ImageUse>) {
        let injected = self.is_injected();
        for (list, kind) in CONTAINER_LISTS {
            for (at, container) in self.node.get(list).into_iter().flat_map(Node::items).enumerate() {
                let path = self.join(format!("{list}[{at}]"));
                let trigger = self.trigger(list, at, container);
                let image = container_image(pod, *kind, container, &path, injected, trigger.is_some());
                let stream_tag = trigger.and_then(|trigger| trigger.from.clone());
                images.extend(image.map(|image| ImageUse { stream_tag, ..image }));
            }
        }
        for (at, volume) in self.node.get("volumes").into_iter().flat_map(Node::items).enumerate() {
            images.extend(volume_image(pod, volume, &self.join(format!("volumes[{at}]"))));
        }
    }

    /// The trigger that replaces the image of a container. A paused trigger does not replace it, but is returned if the
    /// image is blank: the trigger is then meant to set it.
    fn trigger(&self, list: &str, at: usize, container: Node<'_>) -> Option<&Triggered> {
        let blank = container.str("image").is_none_or(|image| image.trim().is_empty());
        let name = container.str("name");
        self.triggered.iter().find(|trigger| trigger.is(list, at, name) && (blank || !trigger.paused))
    }

    /// Finds duplicate keys in the spec and its containers.
    pub(super) fn duplicate_keys(&self, found: &mut Vec<DuplicateKey>) {
        duplicate::find(self.node, SPEC_KEYS, self.resource, None, found);
        for (list, kind) in CONTAINER_LISTS {
            for container in self.node.get(list).into_iter().flat_map(Node::items) {
                let name = container.str("name").map(str::to_owned);
                let subject = Container { kind: *kind, name };
                duplicate::find(container, CONTAINER_KEYS, self.resource, Some(&subject), found);
            }
        }
    }

    /// Path of the pod's metadata in its document.
    pub(super) fn metadata_path(&self) -> String {
        match self.path.rsplit_once('.') {
            Some((holder, _)) => format!("{holder}.metadata"),
            None => "metadata".to_owned(),
        }
    }

    pub(super) fn join(&self, rest: String) -> String {
        if self.path.is_empty() { rest } else { format!("{}.{rest}", self.path) }
    }

    /// Whether Istio's webhook rewrites the pod: its own annotations and labels request it, or it has the proxy
    /// container that the webhook fills in.
    fn is_injected(&self) -> bool {
        let marks = ["annotations", "labels"].into_iter().filter_map(|key| self.metadata?.get(key));
        let marked = marks.flat_map(Node::entries).filter_map(|entry| entry.key.text()).any(|key| {
            key.starts_with("inject.istio.io/") || key.starts_with("sidecar.istio.io/") || key.starts_with("istio.io/")
        });
        let lists = CONTAINER_LISTS.iter().filter_map(|(list, _)| self.node.get(list));
        marked || lists.flat_map(Node::items).any(|container| container.str("name") == Some("istio-proxy"))
    }
}

/// Returns the image use of a container at a path.
pub(crate) fn container_image(
    pod: PodId,
    kind: ContainerKind,
    container: Node<'_>,
    path: &str,
    injected: bool,
    triggered: bool,
) -> Option<ImageUse> {
    let name = container.str("name").map(str::to_owned);
    let place = ImageField { pod, container: Container { kind, name }, path: format!("{path}.image") };
    place.image(container.entry("image"), container.get("imagePullPolicy"), injected, triggered)
}

/// Returns the image use of a volume at a path.
pub(crate) fn volume_image(pod: PodId, volume: Node<'_>, path: &str) -> Option<ImageUse> {
    let image = volume.get("image").filter(|image| image.is_mapping())?;
    let name = volume.str("name").map(str::to_owned);
    let container = Container { kind: ContainerKind::Volume, name };
    let place = ImageField { pod, container, path: format!("{path}.image.reference") };
    place.image(image.entry("reference"), image.get("pullPolicy"), false, false)
}

/// The place of an image in the inputs.
pub(super) struct ImageField {
    /// The pod that uses the image.
    pub(super) pod: PodId,
    /// The container that uses the image.
    pub(super) container: Container,
    /// Path of the field in its document.
    pub(super) path: String,
}

impl ImageField {
    /// Returns the image use of a field; `None` if the field is omitted, as in patches and operators' templates.
    pub(super) fn image(
        self,
        field: Option<Entry<'_>>,
        policy: Option<Node<'_>>,
        injected: bool,
        triggered: bool,
    ) -> Option<ImageUse> {
        let Entry { key, value } = field?;
        // An image that a trigger replaces is not pulled, whatever its parameters are.
        let filling = value.filling().filter(|_| !triggered);
        let text = if triggered { value.written() } else { value.text() }.unwrap_or_default();
        let image = if triggered {
            ImageText::Skipped(Skip::SetByImageStream)
        } else if value.filling().is_none() && is_unquoted_template(value) {
            ImageText::Skipped(Skip::Placeholder)
        } else if value.is_null() || value.as_str() == Some("") {
            ImageText::Invalid(InvalidImage::Empty)
        } else if value.as_str().is_none() {
            ImageText::Invalid(InvalidImage::NotAString)
        } else {
            classify(text, injected)
        };
        // An empty value has no text to point at, so that the key is used instead.
        let span = if value.span().range().is_empty() { key.span() } else { value.span() };
        // A number or boolean is shown as written: the API server rejects it.
        let policy = policy.filter(|policy| !policy.is_null());
        let declared_policy = policy.and_then(|node| {
            let text = || Some(Spanned { value: node.text()?.to_owned(), span: node.span() });
            string_or_template(node).or_else(text)
        });
        let text = Spanned { value: text.to_owned(), span };
        Some(ImageUse {
            pod: self.pod,
            container: self.container,
            path: self.path,
            text,
            written: filling.and(value.written()).map(str::to_owned),
            decided_by: filling.map(decided_by).unwrap_or_default(),
            stream_tag: None,
            built_by: None,
            image,
            declared_policy,
        })
    }
}

/// The parameters that decide a value that was filled in.
pub(super) fn decided_by(filling: &Filling) -> Vec<DecidedBy> {
    let decision = |parameter: &Spanned<String>| DecidedBy {
        span: parameter.span,
        message: format!("the parameter `{}` is set here", parameter.value),
    };
    filling.parameters.iter().map(decision).collect()
}

/// Parses the text of an image field.
pub(crate) fn classify(text: &str, injected: bool) -> ImageText {
    if is_placeholder(text) {
        return ImageText::Skipped(Skip::Placeholder);
    }
    if injected && text == "auto" {
        return ImageText::Skipped(Skip::Injected);
    }
    match Reference::parse(text) {
        Ok(reference) => ImageText::Reference(reference),
        Err(_) if looks_unfilled(text) => ImageText::Skipped(Skip::Placeholder),
        Err(error) => ImageText::Invalid(InvalidImage::Unparsable(error)),
    }
}

/// The names in an `imagePullSecrets` list, including empty ones: `[{}]` is a list of one, and so is `[null]`. A
/// placeholder in place of the list, or of an item, is a name that is not known. Other items that are not mappings
/// are left out; the API server rejects them.
pub(crate) fn secret_references(list: Node<'_>) -> Vec<SecretReference> {
    let placeholder = |node: Node<'_>| {
        let name = node.as_str().unwrap_or(TEMPLATE).to_owned();
        is_to_be_written(node).then(|| SecretReference { name, span: node.span() })
    };
    if let Some(unknown) = placeholder(list) {
        return vec![unknown];
    }
    let references = list.items().filter_map(|item| {
        if let Some(unknown) = placeholder(item) {
            return Some(unknown);
        }
        let name = item.get("name").filter(|name| !name.is_null());
        let named = |name: Node<'_>| {
            let text = string_or_template(name).map(|text| text.value);
            let text = text.or_else(|| name.text().map(str::to_owned)).unwrap_or_default();
            SecretReference { name: text, span: name.span() }
        };
        let empty = || SecretReference { name: String::new(), span: item.span() };
        (item.is_mapping() || item.is_null()).then(|| name.map_or_else(empty, named))
    });
    references.collect()
}
