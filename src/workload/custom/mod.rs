//! Objects of kinds that are not built in: those of the table and of the configuration by their fields, and whatever
//! has a `containers:` list like a pod's in any other.
//!
//! A bare `image:` key of an unknown kind is never taken for an image.

pub mod kind;
pub mod path;
mod walk;

use std::collections::BTreeSet;

use crate::inventory::Inventory;
use crate::resource::Object;
use crate::source::Span;
use crate::workload::custom::kind::{Kind, Passes, PodFields, PodNamespace, ScopedPath};
use crate::workload::custom::path::Field;
use crate::workload::mention;
use crate::workload::openshift::Triggered;
use crate::workload::placeholder::Skip;
use crate::workload::pod::{Place, PodSpec, container_image, string_or_template, volume_image};
use crate::workload::{
    Container, ContainerKind, ImageText, ImageUse, Pod, PodId, PodOrigin, ResourceId, SecretReference,
};
pub(in crate::workload) use walk::join;

/// Reads the pods and images of an object.
pub(super) fn extract(
    object: &Object<'_>,
    resource: ResourceId,
    triggered: &[Triggered],
    kinds: &[Kind],
    inventory: &mut Inventory,
) {
    let first = inventory.images.len();
    if let Some(kind) = kind::of(&object.name, kinds) {
        let root = Field::root(object.node, "");
        for fields in &kind.pods {
            for each in fields.each.fields(&root) {
                Making { object, resource, triggered, root: &root, fields, each }.pods(inventory);
            }
        }
    }
    let known: BTreeSet<Span> = inventory.images.iter().skip(first).map(|image| image.text.span).collect();
    let mut specs = Vec::new();
    walk::pod_specs(object, resource, triggered, &mut specs);
    for spec in specs {
        let pod = PodId(inventory.pods.len() as u32);
        let mut images = Vec::new();
        spec.images(pod, &mut images);
        let found = images.len();
        images.retain(|image| !known.contains(&image.text.span));
        if images.is_empty() && found > 0 {
            continue;
        }
        add(&spec, spec.pod(), images, inventory);
    }
}

/// Adds a pod with its images.
fn add(spec: &PodSpec<'_>, pod: Pod, images: Vec<ImageUse>, inventory: &mut Inventory) {
    inventory.pods.push(pod);
    if let Some(template) = spec.template {
        inventory.suppressions.add_annotation(template.span(), spec.metadata);
    }
    inventory.images.extend(images);
    mention::extract(spec, inventory);
    spec.duplicate_keys(&mut inventory.duplicate_keys);
}

/// The pods that an operator makes of one part of an object.
struct Making<'k, 'a> {
    object: &'k Object<'a>,
    resource: ResourceId,
    triggered: &'k [Triggered],
    root: &'k Field<'a>,
    fields: &'k PodFields,
    /// The part.
    each: Field<'a>,
}

impl<'a> Making<'_, 'a> {
    fn pods(&self, inventory: &mut Inventory) {
        let specs: Vec<Field<'a>> = self
            .fields
            .pod_spec
            .iter()
            .flat_map(|path| path.fields(&self.each))
            .filter(|it| it.value.is_mapping())
            .collect();
        for field in &specs {
            let spec = self.spec(field);
            let mut pod = self.with_own_fields(spec.pod());
            pod.origin = self.origin();
            let id = PodId(inventory.pods.len() as u32);
            let mut images = Vec::new();
            spec.images(id, &mut images);
            if specs.len() == 1 {
                self.images(id, &mut images);
            }
            self.mark(&mut images);
            add(&spec, pod, images, inventory);
        }
        if specs.len() == 1 {
            return;
        }
        let id = PodId(inventory.pods.len() as u32);
        let mut images = Vec::new();
        self.images(id, &mut images);
        if images.is_empty() {
            return;
        }
        self.mark(&mut images);
        let pod = Pod {
            resource: self.resource,
            origin: self.origin(),
            span: self.each.value.span(),
            namespace: self.namespace(),
            service_account: None,
            pull_secrets: None,
            demand: Default::default(),
            hidden: Default::default(),
        };
        inventory.pods.push(self.with_own_fields(pod));
        inventory.images.extend(images);
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

    /// What the kind's own fields say of a pod besides its spec.
    fn with_own_fields(&self, mut pod: Pod) -> Pod {
        let secrets = self.fields.pull_secrets.iter().flat_map(|path| self.at(path, true)).filter_map(|field| {
            let name = string_or_template(field.value)?;
            Some(SecretReference { name: name.value, span: name.span })
        });
        let secrets: Vec<SecretReference> = secrets.collect();
        if !secrets.is_empty() {
            pod.pull_secrets.get_or_insert_default().extend(secrets);
        }
        let accounts = self.fields.service_account.iter().flat_map(|path| self.at(path, false));
        let account = accounts.filter_map(|field| string_or_template(field.value)).find(|name| !name.value.is_empty());
        pod.service_account = account.or(pod.service_account);
        pod
    }

    /// The images of the kind's own fields.
    fn images(&self, pod: PodId, images: &mut Vec<ImageUse>) {
        let PodFields { images: fields, containers, init_containers, volumes, .. } = self.fields;
        for field in fields.iter().flat_map(|path| path.fields(&self.each)) {
            let place =
                Place { pod, container: Container { kind: ContainerKind::Other, name: None }, path: self.path(&field) };
            images.extend(place.image(Some(field.entry()), None, false, false));
        }
        for (paths, kind) in [(init_containers, ContainerKind::Init), (containers, ContainerKind::Container)] {
            for field in paths.iter().flat_map(|path| path.fields(&self.each)) {
                images.extend(container_image(pod, kind, field.value, &self.path(&field), false, false));
            }
        }
        for field in volumes.iter().flat_map(|path| path.fields(&self.each)) {
            images.extend(volume_image(pod, field.value, &self.path(&field)));
        }
    }

    fn mark(&self, images: &mut [ImageUse]) {
        if self.fields.passes == Passes::ByItself {
            for image in images.iter_mut().filter(|image| !matches!(image.image, ImageText::Skipped(_))) {
                image.image = ImageText::Skipped(Skip::PulledByAnother);
            }
        }
    }

    fn at(&self, path: &ScopedPath, unwritten: bool) -> Vec<Field<'a>> {
        let from = if path.from_object { self.root } else { &self.each };
        if unwritten { path.path.fields_or_unwritten(from) } else { path.path.fields(from) }
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
