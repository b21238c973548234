//! Patches of a kustomization, as far as they change what is pulled, and with what.
//!
//! Follows `api/types/{patch,selector}.go` and `api/internal/builtins/PatchTransformer.go` of kustomize 5.8.3.

mod form;
mod operation;

pub use form::Form;
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

/// A patch as the kustomization names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// The list and the place in it: `patches[0]`.
    pub path: String,
    /// The file, or the text.
    pub body: Body,
    /// What a text in the kustomization is; `None` of a file.
    pub form: Option<Form>,
    /// What is patched; `None` where the patch itself says it.
    pub target: Option<Target>,
    /// The entry.
    pub span: Span,
}

/// Where a patch stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// In this file.
    File(String),
    /// In the kustomization.
    Inline(Vec<Change>),
    /// Nowhere, or it cannot be read.
    Unknown,
    /// kustomize refuses it with these words.
    Refused(&'static str),
}

/// One document of a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A partial object.
    Merge(Merge),
    /// JSON 6902.
    Operations(Vec<Operation>),
}

/// What a partial object changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merge {
    /// Which object, where no target says it.
    pub name: ResourceName,
    /// The images that it sets.
    pub images: Vec<MergedImage>,
    /// What it says of pods.
    pub pods: Vec<MergedPod>,
    /// It takes the object away.
    pub deletes: bool,
    /// It has a `$patch` or another directive: what comes out is not known.
    pub has_directive: bool,
    /// It says something of containers: those stand first in their list then.
    pub reorders: bool,
}

/// The image of a container in a partial object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedImage {
    /// The container.
    pub container: Container,
    /// Path of the field in the object.
    pub path: String,
    /// The value.
    pub text: Spanned<String>,
    /// Index in [`crate::inventory::Inventory::images`], of a patch in a file of its own.
    pub image: Option<usize>,
}

/// What a partial object says of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedPod {
    /// `imagePullSecrets`.
    pub pull_secrets: Option<Vec<SecretReference>>,
    /// The service account.
    pub service_account: Option<Spanned<String>>,
    /// Whether it says on which nodes the pod runs.
    pub has_demand: bool,
}

impl Merge {
    /// From what was read of the object, and its text. Each image comes with its index.
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
            // A target lets it leave out what it is: where its images stand is not known then. Without a name kustomize
            // refuses it.
            has_directive: is_beyond(text) || is_partial && (text.contains("ontainers") || text.contains("image")),
            reorders: text.contains("ontainers"),
        }
    }
}

/// Which objects are patched. Fields left out fit all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// API group, kind, name and namespace: regular expressions.
    pub group: Option<Matcher>,
    /// See above.
    pub kind: Option<Matcher>,
    /// See above.
    pub name: Option<Matcher>,
    /// See above.
    pub namespace: Option<Matcher>,
    /// See above.
    pub version: Option<Matcher>,
    /// Labels or annotations are asked for too.
    pub has_selector: bool,
}

impl Target {
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

    /// Its patterns.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = &Matcher> {
        [&self.group, &self.version, &self.kind, &self.name, &self.namespace].into_iter().flatten()
    }

    /// What holding it against an object costs that had these names.
    pub(crate) fn cost(&self, object: &ResourceName, names: &[String], namespaces: &[Option<String>]) -> usize {
        let names: usize = names.iter().map(String::len).sum();
        let namespaces: usize = namespaces.iter().flatten().map(String::len).sum();
        let bytes = object.api_version.len() + object.kind.len() + names + namespaces;
        1 + self.patterns().filter_map(|it| it.pattern.as_ref()).map(|it| it.cost(bytes)).sum::<usize>()
    }

    /// Whether an object that had these names is meant; `None` where it may be.
    pub(crate) fn fits(&self, object: &ResourceName, names: &[String], namespaces: &[Option<String>]) -> Option<bool> {
        let field = |pattern: &Option<Matcher>, values: &[&str]| match pattern {
            None => Some(true),
            Some(pattern) => {
                let answers: Vec<Option<bool>> = values.iter().map(|it| pattern.fits(it)).collect();
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
        let namespaces: Vec<&str> = namespaces.iter().map(|it| it.as_deref().unwrap_or("default")).collect();
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

/// The patches of a kustomization, in the order in which kustomize makes them.
pub(crate) fn read(fields: &Fields<'_>) -> Vec<Patch> {
    let mut patches = Vec::new();
    for list in ["patchesStrategicMerge", "patches", "patchesJson6902"] {
        for (at, node) in fields.items(list).enumerate() {
            let path = format!("{list}[{at}]");
            patches.push(if node.is_mapping() { entry(path, node) } else { merge(path, node) });
        }
    }
    patches
}

/// A patch of `patches` or `patchesJson6902`, or a PatchTransformer.
pub(crate) fn entry(path: String, node: Node<'_>) -> Patch {
    let fields = Fields::of(node);
    let target = fields.get("target").filter(|target| target.is_mapping()).map(Target::read);
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
    let form = fields.str("patch").filter(|_| !is_set("path")).map(Form::of);
    Patch { path, body, form, target, span: node.span() }
}

/// A patch of `patchesStrategicMerge`: a file, or the patch itself.
fn merge(path: String, node: Node<'_>) -> Patch {
    let is_text = node.text().is_some_and(|it| it.contains(['\n', '{']));
    let body = match node.as_str() {
        _ if is_text => inline(node),
        Some(file) => Body::File(file.to_owned()),
        None => Body::Unknown,
    };
    let form = node.as_str().filter(|_| is_text).map(Form::of);
    Patch { path, body, form, target: None, span: node.span() }
}

/// A PatchJson6902Transformer.
pub(crate) fn of_json(path: String, node: Node<'_>) -> Patch {
    let target = node.get("target").filter(|target| target.is_mapping()).map(Target::read);
    let body = match (node.str("path"), node.get("jsonOp")) {
        (Some(file), None) => Body::File(file.to_owned()),
        (None, Some(text)) => inline(text),
        _ => Body::Unknown,
    };
    Patch { path, body, form: None, target, span: node.span() }
}

/// The patches of a PatchStrategicMergeTransformer.
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

/// Reads a patch that stands in the kustomization as a text.
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

/// The partial objects of a document.
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

/// The pull secrets of a service account, in the same form as those of a pod.
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
    }
}

/// Whether the text of a partial object does what is not followed: directives, and a policy that pulls nothing.
fn is_beyond(text: &str) -> bool {
    const DIRECTIVES: [&str; 4] = ["$patch", "$retainKeys", "$setElementOrder", "$deleteFromPrimitiveList"];
    DIRECTIVES.iter().any(|directive| text.contains(directive))
        || text.contains("imagePullPolicy") && text.contains("Never")
        || deletes(text)
}

/// Whether a partial object says at its top that the object goes.
fn takes_away(text: &str) -> bool {
    let mut found = text.contains("$patch");
    let mut documents = 0;
    if found {
        // Which file it is of does not matter here.
        yaml::read(SourceId(0), text, true, &mut |piece| {
            let Piece::Document(document) = piece else { return };
            let Some(root) = document.root() else { return };
            documents += 1;
            found &= documents == 1 && root.str("$patch") == Some("delete");
        });
    }
    found
}

/// Whether a null takes away what a pod is made of: a merge deletes the field.
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
    // Which file it is of does not matter here.
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
