//! Patches in a kustomization, as far as they change what is pulled, or with which credentials.
//!
//! Follows `api/types/{patch,selector}.go` and `api/internal/builtins/PatchTransformer.go` of kustomize 5.8.3.

mod form;
mod operation;

pub use form::PatchForm;
pub(crate) use operation::is_broken_json;
pub(crate) use operation::operations;
pub use operation::{Operation, PatchFiles};

use super::fields::Fields;
use super::pattern::Matcher;
use crate::resource::workload::pod::secret_references;
use crate::resource::workload::{self, Container, ImageUse, Pod, ResourceId, SecretReference};
use crate::resource::{self, ResourceName};
use crate::text::source::{SourceId, Span, Spanned};
use crate::text::yaml::scalar::Scalar;
use crate::text::yaml::{self, MergeRule, Node, Piece};

/// A patch entry in a kustomization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// The list and the index in it: `patches[0]`.
    pub path: String,
    /// The file that contains the patch, or its text.
    pub body: Body,
    /// The form of an inline patch; `None` for a file.
    pub form: Option<PatchForm>,
    /// The objects to patch; `None` if the patch itself names its object.
    pub target: Option<ObjectSelector>,
    /// The place of the entry.
    pub span: Span,
}

/// The location of a patch's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The file with this path.
    File(String),
    /// Inline in the kustomization.
    Inline(Vec<Change>),
    /// Missing, or it cannot be read.
    Unknown,
    /// kustomize rejects it with this message.
    Refused(&'static str),
}

/// One document of a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A partial object that is merged.
    Merge(Merge),
    /// A list of JSON 6902 operations.
    Operations(Vec<Operation>),
}

/// The fields of releases that decide on the values of their chart, and on where it is installed.
const OF_RELEASES: &[&str] =
    &["values", "parameters", "set:", "helm:", "sources:", "postRenderers", "targetNamespace", "destination"];

impl Change {
    /// Whether it may change the values that a release sets for its chart.
    pub(crate) fn may_set_values(&self) -> bool {
        let is_of_release = |path: &str| {
            matches!(path, "" | "spec" | "spec.source" | "spec.template" | "spec.template.spec")
                || OF_RELEASES.iter().any(|word| path.contains(word.trim_end_matches(':')))
        };
        match self {
            Self::Merge(merge) => merge.sets_values || merge.has_directive,
            Self::Operations(operations) => {
                operations.iter().any(|operation| operation.op != "test" && is_of_release(&operation.path))
            }
        }
    }
}

/// The changes made by a partial object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merge {
    /// The name of the object to patch, if there is no target.
    pub name: ResourceName,
    /// The images that the patch sets.
    pub images: Vec<MergedImage>,
    /// The pod fields that the patch sets.
    pub pods: Vec<MergedPod>,
    /// Whether the patch deletes the object.
    pub deletes: bool,
    /// Whether it has a `$patch` or another directive: the result is then not known.
    pub has_directive: bool,
    /// Whether it mentions containers: those come first in their list after the merge.
    pub reorders: bool,
    /// Whether it may set a chart or its values.
    pub sets_values: bool,
}

/// The image of a container in a partial object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedImage {
    /// The container that uses the image.
    pub container: Container,
    /// Path of the image field in the object.
    pub path: String,
    /// The new value of the field.
    pub text: Spanned<String>,
    /// Index in [`crate::inventory::Inventory::images`], if the patch is in its own file.
    pub image: Option<usize>,
}

/// The pod fields that a partial object sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedPod {
    /// The value of `imagePullSecrets`.
    pub pull_secrets: Option<Vec<SecretReference>>,
    /// The name of the service account.
    pub service_account: Option<Spanned<String>>,
    /// Whether it sets constraints on the nodes that the pod runs on.
    pub has_demand: bool,
}

impl Merge {
    /// Builds the merge from the facts of the object and its text. Each image comes with its index.
    pub(crate) fn new<'i>(
        name: ResourceName,
        pods: impl Iterator<Item = &'i Pod>,
        images: impl Iterator<Item = (Option<usize>, &'i ImageUse)>,
        text: &str,
    ) -> Self {
        let pod = |pod: &Pod| MergedPod {
            pull_secrets: pod.pull_secrets.clone(),
            service_account: pod.service_account.clone(),
            has_demand: !pod.demand.spans.is_empty(),
        };
        let merged = |(at, image): (Option<usize>, &ImageUse)| MergedImage {
            container: image.container.clone(),
            path: image.path.clone(),
            text: image.text.clone(),
            image: at,
        };
        let is_partial = name.api_version.is_empty() || name.name.is_none();
        Self {
            name,
            images: images.map(merged).collect(),
            pods: pods.map(pod).collect(),
            deletes: takes_away(text),
            // With a target, a patch may omit its kind; it is then not known which fields contain images. Without a
            // name, kustomize refuses it.
            has_directive: is_beyond(text) || is_partial && (text.contains("ontainers") || text.contains("image")),
            reorders: text.contains("ontainers"),
            sets_values: OF_RELEASES.iter().any(|word| text.contains(word)),
        }
    }
}

/// Selects the objects to patch. Omitted fields match everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectSelector {
    /// Regular expression for the API group.
    pub group: Option<Matcher>,
    /// Regular expression for the kind.
    pub kind: Option<Matcher>,
    /// Regular expression for the name.
    pub name: Option<Matcher>,
    /// Regular expression for the namespace.
    pub namespace: Option<Matcher>,
    /// Regular expression for the API version.
    pub version: Option<Matcher>,
    /// Whether the target also selects by labels or annotations.
    pub has_selector: bool,
}

impl ObjectSelector {
    pub(crate) fn read(node: Node<'_>) -> Self {
        let fields = Fields::of(node);
        let field = |key: &str| fields.str(key).filter(|text| !text.is_empty()).map(Matcher::new);
        Self {
            group: field("group"),
            kind: field("kind"),
            name: field("name"),
            namespace: field("namespace"),
            version: field("version"),
            has_selector: field("labelSelector").is_some() || field("annotationSelector").is_some(),
        }
    }

    /// The patterns of the target that are set.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = &Matcher> {
        [&self.group, &self.version, &self.kind, &self.name, &self.namespace].into_iter().flatten()
    }

    /// The approximate cost of matching the target against an object with these names.
    pub(crate) fn cost(&self, object: &ResourceName, names: &[String], namespaces: &[Option<String>]) -> usize {
        let names: usize = names.iter().map(String::len).sum();
        let namespaces: usize = namespaces.iter().flatten().map(String::len).sum();
        let bytes = object.api_version.len() + object.kind.len() + names + namespaces;
        1 + self
            .patterns()
            .filter_map(|matcher| matcher.pattern.as_ref())
            .map(|pattern| pattern.cost(bytes))
            .sum::<usize>()
    }

    /// Whether the target selects an object that had these names; `None` if it may.
    pub(crate) fn fits(&self, object: &ResourceName, names: &[String], namespaces: &[Option<String>]) -> Option<bool> {
        let field = |pattern: &Option<Matcher>, values: &[&str]| match pattern {
            None => Some(true),
            Some(pattern) => {
                let answers: Vec<Option<bool>> = values.iter().map(|value| pattern.fits(value)).collect();
                if answers.contains(&Some(true)) {
                    Some(true)
                } else if answers.contains(&None) {
                    None
                } else {
                    Some(false)
                }
            }
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let namespaces: Vec<&str> =
            namespaces.iter().map(|namespace| namespace.as_deref().unwrap_or("default")).collect();
        let version = object.api_version.rsplit('/').next().unwrap_or_default();
        let answers = [
            field(&self.group, &[object.group()]),
            field(&self.version, &[version]),
            field(&self.kind, &[&object.kind]),
            field(&self.name, &names),
            field(&self.namespace, &namespaces),
            if self.has_selector { None } else { Some(true) },
        ];
        if answers.contains(&Some(false)) {
            Some(false)
        } else if answers.contains(&None) {
            None
        } else {
            Some(true)
        }
    }
}

/// Reads the patches of a kustomization, in the order in which kustomize applies them.
pub(crate) fn read(fields: &Fields<'_>) -> Vec<Patch> {
    let lists = ["patchesStrategicMerge", "patches", "patchesJson6902"];
    lists.into_iter().flat_map(|list| read_list(fields, list)).collect()
}

/// Reads the patches in one list.
pub(crate) fn read_list(fields: &Fields<'_>, list: &str) -> Vec<Patch> {
    let read = |(at, node): (usize, Node<'_>)| {
        let path = format!("{list}[{at}]");
        if node.is_mapping() { entry(path, node) } else { merge(path, node) }
    };
    fields.items(list).enumerate().map(read).collect()
}

/// Reads an entry in `patches` or `patchesJson6902`, or a PatchTransformer.
pub(crate) fn entry(path: String, node: Node<'_>) -> Patch {
    let fields = Fields::of(node);
    let target = fields.get("target").filter(|target| target.is_mapping()).map(ObjectSelector::read);
    let is_set = |key: &str| fields.str(key).is_some_and(|text| !text.trim().is_empty());
    let changes_kind = fields.get("options").map(Fields::of).is_some_and(|options| {
        options.get("allowKindChange").is_some_and(|node| node.scalar() == Some(Scalar::Bool(true)))
    });
    let is_patches = path.starts_with("patches[");
    let body = match (fields.str("path").filter(|file| !file.is_empty()), fields.get("patch")) {
        _ if is_patches && !is_set("path") && !is_set("patch") => Body::Refused("must specify one of patch and path"),
        _ if is_patches && is_set("path") && is_set("patch") => {
            Body::Refused("patch and path can't be set at the same time")
        }
        _ if changes_kind || is_set("path") == is_set("patch") => Body::Unknown,
        (Some(file), _) => Body::File(file.to_owned()),
        (None, Some(text)) => inline(text),
        (None, None) => Body::Unknown,
    };
    let form = fields.str("patch").filter(|_| !is_set("path")).map(PatchForm::of);
    Patch { path, body, form, target, span: node.span() }
}

/// Reads an entry in `patchesStrategicMerge`: a file, or the patch itself.
fn merge(path: String, node: Node<'_>) -> Patch {
    let is_text = node.text().is_some_and(|text| text.contains(['\n', '{']));
    let body = match node.as_str() {
        _ if is_text => inline(node),
        Some(file) => Body::File(file.to_owned()),
        None => Body::Unknown,
    };
    let form = node.as_str().filter(|_| is_text).map(PatchForm::of);
    Patch { path, body, form, target: None, span: node.span() }
}

/// Reads a PatchJson6902Transformer.
pub(crate) fn of_json(path: String, node: Node<'_>) -> Patch {
    let target = node.get("target").filter(|target| target.is_mapping()).map(ObjectSelector::read);
    let body = match (node.str("path"), node.get("jsonOp")) {
        (Some(file), None) => Body::File(file.to_owned()),
        (None, Some(text)) => inline(text),
        _ => Body::Unknown,
    };
    Patch { path, body, form: None, target, span: node.span() }
}

/// Reads the patches of a PatchStrategicMergeTransformer.
pub(crate) fn of_merges(node: Node<'_>) -> Vec<Patch> {
    let name = "PatchStrategicMergeTransformer";
    let files = node.get("paths").into_iter().flat_map(Node::items);
    let files = files.enumerate().map(|(at, file)| merge(format!("{name}.paths[{at}]"), file));
    let text = node.get("patches").map(|text| Patch {
        path: format!("{name}.patches"),
        body: inline(text),
        form: None,
        target: None,
        span: text.span(),
    });
    files.chain(text).collect()
}

/// Reads a patch that is inline text in the kustomization.
fn inline(node: Node<'_>) -> Body {
    let Some(text) = node.as_str() else { return Body::Unknown };
    if is_broken_json(text.trim_start()) {
        return Body::Refused("unable to parse SM or JSON patch");
    }
    let place = node.place();
    let mut changes = Some(Vec::new());
    let mut is_unnamed = false;
    yaml::read_as(node.span().source, text, true, MergeRule::OwnFirst, &mut |piece| match piece {
        Piece::Document(document) => {
            let Some(root) = document.root() else { return };
            let found = match operations(root) {
                Some(operations) => vec![Change::Operations(operations)],
                None => merges(root, text),
            };
            is_unnamed |= found.is_empty() && root.is_mapping();
            changes.iter_mut().for_each(|changes| changes.extend(found.iter().cloned()));
        }
        Piece::Skipped | Piece::Refused(_) | Piece::Unread(_) => {}
        Piece::Broken(_) => changes = None,
    });
    let Some(mut changes) = changes.filter(|_| !is_unnamed) else { return Body::Unknown };
    let relocate = |span: &mut Span| *span = place.where_is(&span.range());
    for change in &mut changes {
        match change {
            Change::Merge(merge) => {
                merge.images.iter_mut().for_each(|image| relocate(&mut image.text.span));
                for pod in &mut merge.pods {
                    pod.pull_secrets.iter_mut().flatten().for_each(|named| relocate(&mut named.span));
                    pod.service_account.iter_mut().for_each(|named| relocate(&mut named.span));
                }
            }
            Change::Operations(operations) => {
                for operation in operations {
                    operation.value.iter_mut().for_each(|value| relocate(&mut value.span));
                    operation.added.iter_mut().for_each(|image| relocate(&mut image.text.span));
                    operation.pull_secrets.iter_mut().flatten().for_each(|named| relocate(&mut named.span));
                }
            }
        }
    }
    Body::Inline(changes)
}

/// Reads the partial objects in a document.
fn merges(root: Node<'_>, text: &str) -> Vec<Change> {
    let mut objects = Vec::new();
    resource::objects(root, &mut objects);
    let merge = |object: resource::Object<'_>| {
        let mut read = workload::extract(&object, ResourceId(0), &[]);
        if object.name.kind == "ServiceAccount" {
            read.pods.push(account_pod(object.node));
        }
        let images = read.images.iter().map(|image| (None, image));
        Change::Merge(Merge::new(object.name, read.pods.iter(), images, text))
    };
    objects.into_iter().map(merge).collect()
}

/// The pull secrets of a service account, in the form of a pod.
fn account_pod(node: Node<'_>) -> Pod {
    Pod {
        resource: ResourceId(0),
        origin: workload::PodOrigin::Pod,
        span: node.span(),
        namespace: None,
        service_account: None,
        pull_secrets: node.get("imagePullSecrets").map(secret_references),
        demand: Default::default(),
        chosen: Default::default(),
        hidden: Default::default(),
        release: None,
    }
}

/// Whether a partial object does something that pullcheck does not follow: directives, or a policy that pulls nothing.
fn is_beyond(text: &str) -> bool {
    const DIRECTIVES: [&str; 4] = ["$patch", "$retainKeys", "$setElementOrder", "$deleteFromPrimitiveList"];
    DIRECTIVES.iter().any(|directive| text.contains(directive))
        || text.contains("imagePullPolicy") && text.contains("Never")
        || deletes(text)
}

/// Whether a partial object has a top-level directive that deletes the object.
fn takes_away(text: &str) -> bool {
    let mut found = text.contains("$patch");
    let mut documents = 0;
    if found {
        // The source id does not matter here.
        yaml::read(SourceId(0), text, true, &mut |piece| {
            let Piece::Document(document) = piece else { return };
            let Some(root) = document.root() else { return };
            documents += 1;
            found &= documents == 1 && root.str("$patch") == Some("delete");
        });
    }
    found
}

/// Whether a null deletes a field that a pod is built from: a merge removes such a field.
fn deletes(text: &str) -> bool {
    const FIELDS: [&str; 8] = [
        "spec",
        "template",
        "jobTemplate",
        "image",
        "imagePullSecrets",
        "serviceAccountName",
        "serviceAccount",
        "volumes",
    ];
    let is_field = |key: &str| FIELDS.contains(&key) || key.ends_with("ontainers");
    let mut found = false;
    // The source id does not matter here.
    yaml::read(SourceId(0), text, true, &mut |piece| {
        let Piece::Document(document) = piece else { return };
        let mut open: Vec<Node<'_>> = document.root().into_iter().collect();
        while let Some(node) = open.pop() {
            found |= node.entries().any(|entry| entry.value.is_null() && entry.key.text().is_some_and(is_field));
            open.extend(node.entries().map(|entry| entry.value).chain(node.items()).filter(|node| !node.is_alias()));
        }
    });
    found
}
