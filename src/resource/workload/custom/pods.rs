//! The pods that an operator creates from an object of its kind.

use std::collections::BTreeSet;

use crate::resource::Object;
use crate::resource::workload::custom::kind::{Passes, PodFields, PodNamespace, ScopedPath};
use crate::resource::workload::custom::path::Field;
use crate::resource::workload::custom::{add, parts};
use crate::resource::workload::path::join;
use crate::resource::workload::pod::{ImageField, PodSpec, container_image, volume_image};
use crate::resource::workload::trigger::Triggered;
use crate::resource::workload::value::string_or_template;
use crate::resource::workload::{
    Chosen, Container, ContainerKind, ImageText, ImageUse, InvalidImage, Pod, PodId, PodOrigin, ResourceId,
    SecretReference, Skip, WorkloadFacts,
};
use crate::text::source::Span;
use crate::text::yaml::Node;

/// Collects the pods that an operator creates from an object, or from a part of it.
pub(super) struct Making<'k, 'a> {
    /// The object that the pods are created from.
    pub(super) object: &'k Object<'a>,
    /// The id of the object in the inventory.
    pub(super) resource: ResourceId,
    /// Containers whose image an OpenShift trigger sets.
    pub(super) triggered: &'k [Triggered],
    /// The node where the paths of the kind begin.
    pub(super) root: &'k Field<'a>,
    /// The paths of the pods' fields.
    pub(super) fields: &'k PodFields,
}

/// A pod, and its id if it is in the inventory.
struct Made {
    pod: Pod,
    id: Option<PodId>,
}

impl<'a> Making<'_, 'a> {
    /// Adds the pods and their images. Every place that was read is added to `known`.
    pub(super) fn run(&self, known: &mut BTreeSet<Span>, found: &mut WorkloadFacts<'a>) {
        let mut made = Vec::new();
        for each in self.fields.each.iter().flat_map(|path| path.fields(self.root)) {
            self.of_part(&each, &mut made, known, found);
        }
        self.shared_images(made, known, found);
    }

    fn of_part(
        &self,
        each: &Field<'a>,
        made: &mut Vec<Made>,
        known: &mut BTreeSet<Span>,
        found: &mut WorkloadFacts<'a>,
    ) {
        let paths = self.fields.pod_spec.iter();
        let specs: Vec<Field<'a>> =
            paths.flat_map(|path| path.fields(each)).filter(|field| field.value.is_mapping()).collect();
        for field in &specs {
            let spec = self.spec(field);
            let pod = self.with_own_fields(spec.pod(), each);
            let id = PodId(found.pods.len() as u32);
            let mut images = Vec::new();
            spec.images(id, &mut images);
            if field.is_repeated && !field.value.document().may_repeat(images.len()) {
                return;
            }
            if specs.len() == 1 {
                self.own_images(each, false, id, &mut images);
            }
            self.settle(&mut images, known);
            add(&spec, pod.clone(), images, found);
            made.push(Made { pod, id: Some(id) });
        }
        if specs.len() == 1 {
            return;
        }
        let pod = self.with_own_fields(self.bare_pod(each), each);
        let id = PodId(found.pods.len() as u32);
        let mut images = Vec::new();
        self.own_images(each, false, id, &mut images);
        self.settle(&mut images, known);
        let id = (!images.is_empty()).then_some(id);
        if id.is_some() {
            found.pods.push(pod.clone());
            found.images.extend(images);
        }
        if specs.is_empty() {
            made.push(Made { pod, id });
        }
    }

    /// Adds the images that all pods share.
    fn shared_images(&self, made: Vec<Made>, known: &mut BTreeSet<Span>, found: &mut WorkloadFacts<'a>) {
        let fresh = PodId(found.pods.len() as u32);
        let only = if let [Made { id: Some(id), .. }] = made.as_slice() { Some(*id) } else { None };
        let mut images = Vec::new();
        self.own_images(self.root, true, only.unwrap_or(fresh), &mut images);
        self.settle(&mut images, known);
        if images.is_empty() {
            return;
        }
        if only.is_none() {
            found.pods.push(self.in_common(made));
        }
        found.images.extend(images);
    }

    /// Returns a pod with the credentials that all pods have in common.
    fn in_common(&self, made: Vec<Made>) -> Pod {
        let mut pods = made.into_iter().map(|made| made.pod);
        let Some(mut common) = pods.next() else { return self.with_own_fields(self.bare_pod(self.root), self.root) };
        let names = |pod: &Pod| -> Vec<String> {
            pod.pull_secrets.iter().flatten().map(|secret| secret.name.clone()).collect()
        };
        let account = |pod: &Pod| pod.service_account.as_ref().map(|account| account.value.clone());
        for other in pods {
            if (names(&common), account(&common)) != (names(&other), account(&other)) {
                let theirs = names(&other);
                let shared = common.pull_secrets.take().into_iter().flatten();
                let shared: Vec<SecretReference> = shared.filter(|secret| theirs.contains(&secret.name)).collect();
                common.pull_secrets = Some(shared).filter(|shared| !shared.is_empty());
                common.service_account = None;
                common.chosen.service_account = true;
                common.origin = PodOrigin::Operator;
            }
        }
        Pod { span: self.root.value.span(), ..common }
    }

    fn bare_pod(&self, each: &Field<'a>) -> Pod {
        Pod {
            resource: self.resource,
            origin: self.origin(),
            span: each.value.span(),
            namespace: self.namespace(),
            service_account: None,
            pull_secrets: None,
            demand: Default::default(),
            chosen: Chosen::default(),
            hidden: Default::default(),
            release: None,
        }
    }

    fn spec(&self, field: &Field<'a>) -> PodSpec<'a> {
        PodSpec {
            resource: self.resource,
            origin: self.origin(),
            namespace: self.namespace(),
            metadata: field.parent.and_then(|parent| parent.get("metadata")),
            template: field.parent,
            node: field.value,
            path: self.path(field),
            triggered: self.triggered.to_vec(),
        }
    }

    /// Adds the values of the kind's own fields to the pod of a spec.
    fn with_own_fields(&self, mut pod: Pod, each: &Field<'a>) -> Pod {
        // The credentials of the operator are not those of a pod.
        if self.fields.passes == Passes::ByItself {
            return pod;
        }
        let own = self.names(&self.fields.own_pull_secrets, each);
        let secrets = if own.is_empty() { self.names(&self.fields.pull_secrets, each) } else { own };
        if !secrets.is_empty() {
            pod.pull_secrets.get_or_insert_default().extend(secrets);
        }
        let accounts = self.fields.service_account.iter();
        let accounts = accounts.flat_map(|path| path.path.of_part(each.value).fields(self.from(path, each)));
        let account = accounts.filter_map(|field| string_or_template(field.value)).find(|name| !name.value.is_empty());
        pod.service_account = account.or(pod.service_account);
        pod.chosen = Chosen {
            namespace: self.fields.namespace == PodNamespace::Unknown,
            service_account: self.fields.makes_service_account,
        };
        pod
    }

    /// The names of pull secrets in the given fields.
    fn names(&self, paths: &[ScopedPath], each: &Field<'a>) -> Vec<SecretReference> {
        let fields = paths.iter().flat_map(|path| {
            let from = self.from(path, each);
            path.path.of_part(each.value).fields_or_unwritten(from)
        });
        let named = fields.filter_map(|field| string_or_template(field.value));
        named.map(|name| SecretReference { name: name.value, span: name.span }).collect()
    }

    /// Adds the images in the kind's own fields: those of one part, or those that all pods share.
    fn own_images(&self, each: &Field<'a>, shared: bool, pod: PodId, images: &mut Vec<ImageUse>) {
        let fields = |paths: &[ScopedPath]| -> Vec<Field<'a>> {
            let wanted = paths.iter().filter(|path| path.is_shared == shared);
            wanted.flat_map(|path| path.path.fields(each)).collect()
        };
        let other = || Container { kind: ContainerKind::Other, name: None };
        for field in fields(&self.fields.images) {
            let place = ImageField { pod, container: other(), path: self.path(&field) };
            let policy =
                field.parent.filter(|parent| parent.is_mapping()).and_then(|parent| parent.get("imagePullPolicy"));
            images.extend(place.image(Some(field.entry()), policy, false, false));
        }
        for field in fields(&self.fields.image_parts) {
            images.extend(parts::image(&field, pod, other(), &self.path(&field)));
        }
        for field in fields(&self.fields.image_objects) {
            images.extend(parts::of_object(&field, pod, other(), &self.path(&field)));
        }
        for field in fields(&self.fields.image_uris) {
            images.extend(parts::of_uri(&field, pod, other(), &self.path(&field)));
        }
        let lists =
            [(&self.fields.init_containers, ContainerKind::Init), (&self.fields.containers, ContainerKind::Container)];
        for (paths, kind) in lists {
            for field in fields(paths) {
                let image = container_image(pod, kind, field.value, &self.path(&field), false, false);
                images.extend(image.map(|image| parts::of_runtime(image, field.value)));
            }
        }
        for image in images.iter_mut().filter(|_| !self.fields.tag.is_empty()) {
            parts::tag(image, self.tag(each));
        }
        for field in fields(&self.fields.volumes) {
            images.extend(volume_image(pod, field.value, &self.path(&field)));
        }
    }

    /// The tag for images that do not have their own.
    fn tag(&self, each: &Field<'a>) -> Option<Node<'a>> {
        let fields = self.fields.tag.iter().flat_map(|path| path.path.fields(self.from(path, each)));
        fields.map(|field| field.value).find(|value| value.text().is_some_and(|text| !text.is_empty()))
    }

    /// Removes images that the operator fills in, and marks those that no kubelet pulls.
    fn settle(&self, images: &mut Vec<ImageUse>, known: &mut BTreeSet<Span>) {
        known.extend(images.iter().map(|image| image.text.span));
        let as_written = self.fields.passes == Passes::AsWritten;
        let unset = |image: &ImageUse| {
            matches!(image.image, ImageText::Invalid(InvalidImage::Empty | InvalidImage::NotAString))
        };
        // If the kind has an image field of its own, containers without an image get that one.
        let is_whole = as_written && self.fields.images.is_empty();
        images.retain(|image| is_whole && image.container.kind != ContainerKind::Other || !unset(image));
        let by_itself = self.fields.passes == Passes::ByItself;
        if by_itself {
            // A URI for HTTP or a bucket is not an image.
            images.retain(|image| image.text.value.split_once("://").is_none_or(|(scheme, _)| scheme == "oci"));
        }
        for image in images.iter_mut().filter(|image| !matches!(image.image, ImageText::Skipped(_))) {
            if by_itself || self.fields.completes_registry && !names_registry(&image.text.value) {
                image.image = ImageText::Skipped(Skip::PulledByAnother);
            }
        }
    }

    fn from<'f>(&'f self, path: &ScopedPath, each: &'f Field<'a>) -> &'f Field<'a> {
        if path.is_shared { self.root } else { each }
    }

    fn path(&self, field: &Field<'a>) -> String {
        join(&self.object.path, &field.path)
    }

    fn origin(&self) -> PodOrigin {
        match self.fields.passes {
            Passes::AsWritten => PodOrigin::Template,
            Passes::WithMore | Passes::ByItself => PodOrigin::Operator,
        }
    }

    fn namespace(&self) -> Option<String> {
        match self.fields.namespace {
            PodNamespace::Own => self.object.name.namespace.clone(),
            PodNamespace::Unknown => None,
        }
    }
}

/// Whether a reference names its registry, by the rule of containerd and Docker.
fn names_registry(text: &str) -> bool {
    text.split_once('/').is_some_and(|(first, _)| first.contains(['.', ':']) || first == "localhost")
}
