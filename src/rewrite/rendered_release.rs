//! The objects of charts that were rendered with the values of a release.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::Inventory;
use crate::resource::ResourceName;
use crate::resource::workload::values::{NoLookup, ReferenceTarget, ReleaseId, ReleaseKey, ValueText};
use crate::resource::workload::{ImageText, ImageUse, PodOrigin, ResourceId, Skip};
use crate::rewrite::release_values::{InputLookup, releases_in, texts_in};
use crate::text::source::{RenderedRelease, SourceId, SourceOrigin, Sources, Span};

/// Gives the rendered objects what only their release knows, and leads their images to the values that decide them.
/// The values themselves are then no longer read as they stand.
pub(super) fn settle(inventory: &mut Inventory, sources: &Sources) {
    let rendered = sources.iter().filter_map(|(id, source)| match source.origin() {
        SourceOrigin::Rendered(rendering) => rendering.release.as_ref().map(|release| (id, release)),
        _ => None,
    });
    let rendered: BTreeMap<SourceId, &RenderedRelease> = rendered.collect();
    if rendered.is_empty() {
        return;
    }
    let mut values = take_values(inventory, &rendered);
    read_texts(&mut values, inventory, sources);
    lead_to_bases(&mut values, inventory, sources);
    set_namespaces(inventory, &rendered);
    for pod in &mut inventory.pods {
        let Some(release) = rendered.get(&pod.span.source) else { continue };
        pod.release = values.get(&key(release)).map(|values| values.id);
        if release.unread.is_some() && pod.origin.is_certain() {
            pod.origin = PodOrigin::Unrendered;
        }
    }
    for image in &mut inventory.images {
        let Some(release) = rendered.get(&image.text.span.source) else { continue };
        if release.is_post_rendered && !matches!(image.image, ImageText::Skipped(_)) {
            image.image = ImageText::Skipped(Skip::RewrittenByKustomize);
        }
        let Some(values) = values.get(&key(release)) else { continue };
        match decisive(&image.text.value, values, release.is_remote) {
            Some(Decisive::Image(value)) => {
                image.text.span = value.text.span;
                image.decided_by.clone_from(&value.decided_by);
            }
            Some(Decisive::Text(span)) => image.text.span = span,
            None => {}
        }
    }
}

fn key(release: &RenderedRelease) -> ReleaseKey {
    (release.span, release.release_name.clone())
}

/// A release, and the images in its values.
struct ReleaseValues {
    id: ReleaseId,
    images: Vec<ImageUse>,
    /// All scalars in the values, those that take precedence first.
    texts: Vec<ValueText>,
}

/// Takes the images in the values of the rendered releases out of the inventory.
fn take_values(
    inventory: &mut Inventory,
    rendered: &BTreeMap<SourceId, &RenderedRelease>,
) -> BTreeMap<ReleaseKey, ReleaseValues> {
    let unread: BTreeMap<ReleaseKey, Option<&String>> =
        rendered.values().map(|release| (key(release), release.unread.as_ref())).collect();
    let mut found = BTreeMap::new();
    let mut spans = BTreeMap::new();
    for (release, at) in inventory.releases.iter_mut().zip(0..) {
        let Some(unread) = unread.get(&release.key()) else { continue };
        release.is_rendered = true;
        release.unread = unread.cloned();
        spans.insert(ReleaseId(at), release.key());
        found.insert(release.key(), ReleaseValues { id: ReleaseId(at), images: Vec::new(), texts: Vec::new() });
    }
    let images = std::mem::take(&mut inventory.images);
    for image in images {
        let release = inventory.pods.get(image.pod.0 as usize).and_then(|pod| pod.release);
        let values = release.and_then(|id| spans.get(&id)).and_then(|span| found.get_mut(span));
        match values {
            Some(values) => values.images.push(image),
            None => inventory.images.push(image),
        }
    }
    found
}

/// Reads all scalars in the values of the releases.
fn read_texts(values: &mut BTreeMap<ReleaseKey, ReleaseValues>, inventory: &Inventory, sources: &Sources) {
    let files: BTreeSet<SourceId> = values.keys().map(|(span, _)| span.source).collect();
    let references = inventory.releases.iter().flat_map(|release| &release.references);
    let lookup = InputLookup::new(&inventory.kustomizations, &inventory.chart_sources, sources, references);
    for (span, texts) in files.into_iter().flat_map(|file| texts_in(file, sources, &lookup)) {
        for (_, own) in values.iter_mut().filter(|((place, _), _)| *place == span) {
            own.texts.clone_from(&texts);
        }
    }
}

/// Leads the values of releases that kustomize printed back to the file that it took them from.
fn lead_to_bases(values: &mut BTreeMap<ReleaseKey, ReleaseValues>, inventory: &Inventory, sources: &Sources) {
    let files = sources.iter().filter(|(_, source)| *source.origin() == SourceOrigin::File);
    let files: BTreeMap<&str, SourceId> = files.map(|(id, source)| (source.name(), id)).collect();
    let mut based = Vec::new();
    for own in values.values_mut() {
        let Some(release) = inventory.releases.get(own.id.0 as usize) else { continue };
        let resource = inventory.resource(release.resource);
        let file = resource.template.as_deref().and_then(|path| files.get(path));
        based.extend(file.map(|file| (*file, &resource.name, own)));
    }
    if based.is_empty() {
        return;
    }
    let bases: BTreeSet<SourceId> = based.iter().map(|(file, ..)| *file).collect();
    let references = bases.iter().flat_map(|file| releases_in(*file, sources, &NoLookup));
    let references: Vec<ReferenceTarget> =
        references.flat_map(|(_, releases, _)| releases).flat_map(|release| release.references).collect();
    let lookup = InputLookup::new(&inventory.kustomizations, &inventory.chart_sources, sources, references.iter());
    let bases: BTreeMap<SourceId, _> =
        bases.into_iter().map(|file| (file, releases_in(file, sources, &lookup))).collect();
    for (file, name, own) in based {
        // kustomize may have added a prefix or a suffix.
        let is_same = |written: &ResourceName| match (&written.name, &name.name) {
            (Some(base), Some(built)) => written.kind == name.kind && built.contains(base.as_str()),
            _ => false,
        };
        let written = bases.get(&file).into_iter().flatten().filter(|(object, ..)| is_same(object));
        let written: Vec<&ImageUse> = written.flat_map(|(.., images)| images).collect();
        for image in &mut own.images {
            let same = |other: &&&ImageUse| other.path == image.path && other.text.value == image.text.value;
            if let Some(other) = written.iter().find(same) {
                image.text.span = other.text.span;
                image.decided_by.clone_from(&other.decided_by);
            }
        }
    }
}

/// Sets the namespace of the objects that name none, as Helm creates them in that of the release.
fn set_namespaces(inventory: &mut Inventory, rendered: &BTreeMap<SourceId, &RenderedRelease>) {
    let namespace_of = |span: Span| rendered.get(&span.source).and_then(|release| release.namespace.clone());
    let mut named: Vec<(ResourceId, String)> = Vec::new();
    let mut set = |own: &mut Option<String>, resource: ResourceId, namespace: Option<String>| {
        if let Some(namespace) = namespace.filter(|_| own.is_none()) {
            named.push((resource, namespace.clone()));
            *own = Some(namespace);
        }
    };
    for pod in inventory.pods.iter_mut().filter(|pod| !pod.chosen.namespace) {
        set(&mut pod.namespace, pod.resource, namespace_of(pod.span));
    }
    for secret in inventory.secrets.iter_mut().filter(|secret| !secret.is_for_many_namespaces()) {
        set(&mut secret.namespace, secret.resource, namespace_of(secret.name.span));
    }
    for account in &mut inventory.service_accounts {
        let resource = inventory.resources.get(account.resource.0 as usize);
        let namespace = resource.and_then(|resource| namespace_of(resource.span));
        set(&mut account.namespace, account.resource, namespace);
    }
    for (id, namespace) in named {
        if let Some(resource) = inventory.resources.get_mut(id.0 as usize) {
            resource.name.namespace.get_or_insert(namespace);
        }
    }
}

/// The values that decide a rendered image.
enum Decisive<'v> {
    Image(&'v ImageUse),
    Text(Span),
}

/// Returns the values that a rendered image was made of: the image itself, one that lacks the registry, the text of
/// the image or its tag, or an image that lacks the tag. Texts are looked at for remote charts only: the templates of
/// others tell which values they use.
fn decisive<'v>(rendered: &str, values: &'v ReleaseValues, is_remote: bool) -> Option<Decisive<'v>> {
    let ends = |whole: &str, end: &str| whole.strip_suffix(end).is_some_and(|rest| rest.ends_with('/'));
    let (name, digest) = rendered.split_once('@').map_or((rendered, None), |(name, digest)| (name, Some(digest)));
    let tagged = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
    let (name, tag) = tagged.map_or((name, None), |(name, tag)| (name, Some(tag)));
    let images = || values.images.iter().filter(|value| !value.text.value.is_empty());
    let image =
        |fits: &dyn Fn(&str) -> bool| images().find(|value| fits(value.text.value.as_str())).map(Decisive::Image);
    let whole = || values.texts.iter().find(|value| value.text == rendered).map(|value| Decisive::Text(value.span));
    let version = || {
        let is_version = |value: &&ValueText| {
            let key = value.key.as_str();
            let is_key =
                |key: &str, of: &str| key == of || key.ends_with(&format!("{}{}", of[..1].to_uppercase(), &of[1..]));
            is_key(key, "tag") && Some(value.text.as_str()) == tag
                || is_key(key, "digest") && Some(value.text.as_str()) == digest
        };
        // The same tag twice may belong to two images.
        let mut found = values.texts.iter().filter(is_version);
        found.next().filter(|_| found.next().is_none()).map(|value| Decisive::Text(value.span))
    };
    image(&|text| text == rendered)
        .or_else(|| image(&|text| ends(rendered, text)))
        .or_else(|| whole().filter(|_| is_remote))
        .or_else(|| version().filter(|_| is_remote))
        .or_else(|| image(&|text| text == name || ends(name, text)))
}
