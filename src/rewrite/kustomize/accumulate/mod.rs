//! What kustomize refuses because of the objects in a build: duplicate objects, files that do not contain objects,
//! and references to objects that do not exist.
//!
//! Follows `api/internal/target/kusttarget.go` and `api/resmap/reswrangler.go` of kustomize 5.8.3. Only faults
//! that are certain are reported: an object that a patch may rename or delete is no longer compared with others.

use std::collections::btree_map::Entry;
mod names;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::identity::{self, FileObject, FileObjects, Id, Key, Name, effective};
use super::keeping;
use crate::resource::kustomization::patch::{Body, Patch};
use crate::resource::kustomization::refusal::{Refusal, Remedy};
use crate::resource::kustomization::template::is_template;
use crate::resource::kustomization::{Kustomization, Versions, is_file_name, member_path, normalise};
use crate::text::placeholder::is_placeholder;
use crate::text::source::{SourceId, Sources, Span};

/// Maximum number of objects that are carried through builds.
const BUDGET: usize = 400_000;

/// Maximum number of comparisons of objects with generators, variables, and replacements.
const MAX_CHECKS: usize = 2_000_000;

/// Maximum number of bytes of files that are read for their objects.
const MAX_BYTES: usize = 256 << 20;

/// Maximum depth of kustomizations that build from each other.
const MAX_DEPTH: usize = 64;

/// The longest name that is followed, in bytes; no object has a name that long.
const MAX_NAME: usize = 1024;

/// Adds the refusals that are caused by objects to those of each kustomization. Returns the places that kustomize may
/// refuse.
pub(super) fn add(
    kustomizations: &[Kustomization],
    sources: &Sources,
    refusals: &mut [Vec<Refusal>],
) -> BTreeMap<usize, Span> {
    let folders: BTreeMap<String, usize> =
        kustomizations.iter().enumerate().map(|(at, kustomization)| (normalise(&kustomization.folder), at)).collect();
    let members = kustomizations.iter().flat_map(|own| {
        let listed = own.resources.iter().chain(&own.components);
        listed.filter_map(|member| folders.get(&member_path(&own.folder, member)).copied())
    });
    let inner = members.collect();
    let mut accumulator = Accumulator {
        kustomizations,
        sources,
        inner,
        doubt: None,
        doubts: BTreeMap::new(),
        folders,
        files: sources.iter().map(|(id, source)| (normalise(source.name()), id)).collect(),
        refusals,
        read: BTreeMap::new(),
        keeping: BTreeMap::new(),
        finished: BTreeMap::new(),
        open: Vec::new(),
        spent: 0,
        checks: 0,
        bytes: 0,
    };
    for (at, own) in kustomizations.iter().enumerate() {
        // The objects that a Component changes are only known from the kustomization that uses it.
        if !own.is_component {
            accumulator.build(at, 0);
        }
    }
    accumulator.doubts
}

/// An object as it passes through a build.
#[derive(Debug, Clone)]
struct Object {
    id: Id,
    /// The previous names and namespaces of the object.
    past: Vec<Name>,
    /// The place of its name.
    span: Span,
    /// The entry in the current kustomization that added it.
    by: Rc<str>,
    /// Whether the object certainly exists under this name.
    is_certain: bool,
    /// Whether its fields may have changed.
    is_changed: bool,
    /// The place of the object as written; `None` if a generator created it.
    whole: Option<Span>,
    /// A key that occurs twice in the object.
    doubled: Option<(Span, Rc<str>)>,
}

impl Object {
    fn cost(&self) -> usize {
        1 + self.past.len()
    }

    fn of(found: &FileObject, by: &Rc<str>) -> Self {
        Self {
            id: found.id.clone(),
            past: Vec::new(),
            span: found.span,
            by: by.clone(),
            is_certain: true,
            is_changed: false,
            whole: Some(found.whole),
            doubled: found.doubled.clone(),
        }
    }

    /// The names and effective namespaces of the object, the current ones first.
    fn names(&self) -> impl Iterator<Item = (Rc<str>, Rc<str>)> {
        let (_, _, name, namespace) = self.id.key();
        // A previous name is not known to be cluster-scoped (`PrevIds`).
        let past = self.past.iter().map(|(name, namespace)| (name.clone(), effective(namespace.as_ref())));
        std::iter::once((name, namespace)).chain(past)
    }
}

/// The objects of a kustomization at some point of the build.
#[derive(Debug, Default)]
struct Objects {
    list: Vec<Object>,
    index: BTreeMap<Key, usize>,
    /// Whether there may be more objects than the list contains.
    is_open: bool,
    /// Whether some objects may be deleted or renamed.
    is_renamed: bool,
    /// Whether `configurations` may define which fields are names and namespaces.
    has_configurations: bool,
}

impl Objects {
    fn unknown() -> Self {
        Self { is_open: true, ..Self::default() }
    }

    /// Marks all objects as possibly deleted or renamed.
    fn forget(&mut self) {
        self.list.iter_mut().for_each(|object| object.is_certain = false);
        self.is_renamed = true;
    }

    /// Marks the fields of all objects as possibly changed.
    fn blur(&mut self) {
        self.list.iter_mut().for_each(|object| object.is_changed = true);
    }

    /// Adds an object. If an object with the same key exists, the new one is not added, and the index of the existing
    /// one is returned.
    fn add(&mut self, object: Object) -> Option<usize> {
        match self.index.entry(object.id.key()) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(self.list.len());
                self.list.push(object);
                None
            }
        }
    }
}

/// An entry in the current kustomization.
#[derive(Debug, Clone)]
struct Listed {
    path: Rc<str>,
    span: Span,
}

struct Accumulator<'k> {
    kustomizations: &'k [Kustomization],
    sources: &'k Sources,
    folders: BTreeMap<String, usize>,
    files: BTreeMap<String, SourceId>,
    refusals: &'k mut [Vec<Refusal>],
    /// Kustomizations that others build from.
    inner: BTreeSet<usize>,
    /// The place in the current kustomization that kustomize may refuse.
    doubt: Option<Span>,
    /// The places that kustomize may refuse, by kustomization.
    doubts: BTreeMap<usize, Span>,
    /// Files that were already read.
    read: BTreeMap<SourceId, Rc<FileObjects>>,
    /// Patch files that were already read, and whether they keep the ids of objects.
    keeping: BTreeMap<SourceId, bool>,
    /// The objects of the kustomizations that are already built.
    finished: BTreeMap<usize, Rc<Objects>>,
    /// Kustomizations that are being built, outermost first.
    open: Vec<usize>,
    spent: usize,
    checks: usize,
    bytes: usize,
}

impl<'k> Accumulator<'k> {
    fn is_exhausted(&self) -> bool {
        self.spent > BUDGET || self.checks > MAX_CHECKS || self.bytes > MAX_BYTES
    }

    /// Whether kustomize reads a kustomization exactly as written.
    fn is_judged(&self, at: usize) -> bool {
        let Some(own) = self.kustomizations.get(at) else { return false };
        let source = self.sources.get(own.span.source);
        is_file_name(source.name())
            && !is_template(source.text())
            && self.refusals[at].iter().all(|refusal| refusal.versions == Versions::Older)
    }

    /// Returns the objects that a kustomization builds, as far as they are certain.
    fn build(&mut self, at: usize, depth: usize) -> Rc<Objects> {
        if let Some(finished) = self.finished.get(&at) {
            return finished.clone();
        }
        if depth > MAX_DEPTH || self.open.contains(&at) {
            return Rc::new(Objects::unknown());
        }
        let mut objects = Objects::default();
        if self.is_exhausted() || !self.is_judged(at) {
            objects.is_open = true;
        } else {
            let mut found = Vec::new();
            let outer = self.doubt.take();
            self.open.push(at);
            self.gather(at, None, &mut objects, &mut found, depth);
            self.open.pop();
            // A build around this one may change them.
            if found.is_empty() && !self.inner.contains(&at) {
                found.extend(unprinted(&objects));
                let is_open = |object: &&Object| object.is_changed || !object.is_certain;
                let changed = objects.list.iter().filter(is_open).find_map(|object| object.doubled.as_ref());
                self.doubt = self.doubt.or(changed.map(|(span, _)| *span));
            }
            self.doubts.extend(self.doubt.map(|span| (at, span)));
            self.doubt = outer;
            if !found.is_empty() || self.is_exhausted() {
                objects = Objects::unknown();
            }
            self.refusals[at].extend(found);
        }
        objects.index.clear();
        let finished = Rc::new(objects);
        self.finished.insert(at, finished.clone());
        finished
    }

    /// Adds the objects of a kustomization, or of the Component that an entry names, to `objects`.
    fn gather(
        &mut self,
        at: usize,
        component: Option<&Listed>,
        objects: &mut Objects,
        found: &mut Vec<Refusal>,
        depth: usize,
    ) {
        let Some(own) = self.kustomizations.get(at) else { return };
        objects.is_open |= !own.unfollowed.is_empty();
        for (member, span) in own.resources.iter().zip(&own.origins.resources) {
            if self.is_exhausted() {
                return;
            }
            let listed = Listed { path: member.as_str().into(), span: *span };
            self.add_member(own, &listed, component, objects, found, depth);
        }
        if !found.is_empty() || self.is_exhausted() {
            return;
        }
        objects.has_configurations |= !own.configurations.is_empty();
        for generator in &own.origins.generators {
            if let Some(refusal) = self.generate(generator, objects) {
                found.push(refusal);
                return;
            }
        }
        for (member, span) in own.components.iter().zip(&own.origins.components) {
            let inner = self.folders.get(&member_path(&own.folder, member)).copied();
            let is_known =
                |at: &usize| self.is_judged(*at) && self.kustomizations[*at].is_component && !self.open.contains(at);
            let Some(inner) = inner.filter(is_known).filter(|_| depth < MAX_DEPTH) else {
                objects.is_open = true;
                continue;
            };
            let listed = Listed { path: member.as_str().into(), span: *span };
            self.open.push(inner);
            self.gather(inner, Some(component.unwrap_or(&listed)), objects, found, depth + 1);
            self.open.pop();
            if !found.is_empty() || self.is_exhausted() {
                return;
            }
        }
        self.transform(own, objects, found);
        let mut names = BTreeSet::new();
        for variable in &own.origins.variables {
            if !found.is_empty() {
                break;
            }
            if names.insert(variable.name.as_str()) {
                found.extend(self.unmapped(variable, self.inner.contains(&at), objects));
            } else {
                let words = format!("var '{}' already encountered", variable.name);
                found.push(Refusal::new(variable.span, words, "the second one of this name"));
            }
        }
    }

    fn add_member(
        &mut self,
        own: &Kustomization,
        listed: &Listed,
        component: Option<&Listed>,
        objects: &mut Objects,
        found: &mut Vec<Refusal>,
        depth: usize,
    ) {
        let path = member_path(&own.folder, &listed.path);
        let shown = component.unwrap_or(listed);
        let mut twice = None;
        let mut add = |object: Object, objects: &mut Objects| {
            if let Some(first) = objects.add(object.clone()) {
                // A certain duplicate takes precedence over an uncertain one.
                let is_better = |(_, other): &(usize, Object)| !other.is_certain && object.is_certain;
                if twice.as_ref().is_none_or(is_better) {
                    twice = Some((first, object));
                }
            }
        };
        if let Some(&source) = self.files.get(&path) {
            let file = self.file(source);
            objects.is_open |= !file.is_whole;
            if let Some(fault) = &file.fault {
                found.push(self.file_fault(fault, listed));
                return;
            }
            self.spent += file.objects.len();
            file.objects.iter().for_each(|found| add(Object::of(found, &shown.path), objects));
        } else if let Some(&inner) = self.folders.get(&path)
            && !self.kustomizations[inner].is_component
        {
            let built = self.build(inner, depth + 1);
            objects.is_open |= built.is_open;
            objects.is_renamed |= built.is_renamed;
            objects.has_configurations |= built.has_configurations;
            self.spent += built.list.iter().map(Object::cost).sum::<usize>();
            if self.is_exhausted() {
                return;
            }
            for object in &built.list {
                add(Object { by: shown.path.clone(), ..object.clone() }, objects);
            }
        } else {
            objects.is_open = true;
        }
        // kustomize stops at the first fault.
        let Some((first, object)) = twice else { return };
        let Some(first) = objects.list.get(first) else { return };
        if !first.is_certain || !object.is_certain {
            self.doubt.get_or_insert(shown.span);
        } else if !found.iter().any(|refusal| refusal.words.starts_with(REGISTERED)) {
            found.push(self.registered(first, &object, shown));
        }
    }

    fn file(&mut self, source: SourceId) -> Rc<FileObjects> {
        if let Some(read) = self.read.get(&source) {
            return read.clone();
        }
        let text = self.sources.get(source).text();
        self.bytes += text.len();
        let read = match self.bytes > MAX_BYTES {
            true => FileObjects::default(),
            false => identity::read(source, text),
        };
        let read = Rc::new(read);
        self.read.insert(source, read.clone());
        read
    }

    /// The refusal for a file that does not contain objects. A kustomization must be named by its folder, not by its
    /// file.
    fn file_fault(&self, fault: &Refusal, listed: &Listed) -> Refusal {
        if !is_file_name(self.sources.get(fault.span.source).name()) {
            let help = "a file in `resources` contains Kubernetes objects, each with `apiVersion`, `kind`, and \
             `metadata.name`; list values, patches, and other files under their own keys";
            return fault.clone().with_remedy(Remedy::Advice(help.to_owned()));
        }
        let label = "a kustomization: list its folder instead";
        let refusal = Refusal::new(listed.span, fault.words.clone(), label);
        match listed.path.rsplit_once('/').map(|(folder, _)| folder).filter(|folder| !folder.is_empty()) {
            Some(folder) => refusal.with_remedy(Remedy::Replace(folder.to_owned())),
            None => refusal.with_remedy(Remedy::Advice("remove it: a kustomization is not a resource".to_owned())),
        }
    }

    /// The refusal for an object that is defined twice.
    fn registered(&self, first: &Object, second: &Object, listed: &Listed) -> Refusal {
        let Id { kind, name, .. } = &second.id;
        let file = |object: &Object| self.sources.get(object.span.source).name().to_owned();
        let is_listed_twice = first.by == listed.path && first.span == second.span;
        let (label, help) = if is_listed_twice {
            ("it is listed already".to_owned(), "list it once".to_owned())
        } else if first.span == second.span {
            let label = format!("it adds {kind} `{name}` again, which `{}` already added", first.by);
            let help = format!(
                "build from {} only once, or set another `namePrefix`, `nameSuffix`, or `namespace` for each use",
                file(first)
            );
            (label, help)
        } else {
            let label = match first.by == listed.path {
                true => format!("two of its objects are {kind} `{name}`"),
                false => format!("it adds another {kind} `{name}`; the first comes from `{}`", first.by),
            };
            (label, "give one of them another name or namespace, or remove it; to change it, patch it".to_owned())
        };
        let words = format!("{REGISTERED}{}", second.id);
        let refusal = Refusal::new(listed.span, words, label).with_remedy(Remedy::Advice(help));
        let refusal = refusal.related_to(first.span, "the first one");
        if first.span == second.span { refusal } else { refusal.related_to(second.span, "the second one") }
    }

    /// Whether a patch keeps the ids of all objects.
    fn patch_keeps(&mut self, own: &Kustomization, patch: &Patch) -> bool {
        self.checks += 1 + patch.span.range().len();
        let Body::File(file) = &patch.body else { return keeping::patch_keeps(patch, self.sources, None) };
        let Some(&source) = self.files.get(&member_path(&own.folder, file)) else { return false };
        let known = self.keeping.get(&source).copied();
        let keeps = known.unwrap_or_else(|| {
            let text = self.sources.get(source).text();
            self.bytes += text.len();
            self.bytes <= MAX_BYTES && keeping::file_keeps(text)
        });
        self.keeping.insert(source, keeps);
        keeping::patch_keeps(patch, self.sources, Some(keeps))
    }

    /// Applies the changes that a kustomization makes to ids, in kustomize's order.
    fn transform(&mut self, own: &Kustomization, objects: &mut Objects, found: &mut Vec<Refusal>) {
        let keeps = own.patches.iter().all(|patch| self.patch_keeps(own, patch));
        if !keeps {
            objects.forget();
        }
        if !own.patches.is_empty() {
            objects.blur();
        }
        let namespace = own.namespace.as_deref().unwrap_or_default();
        let parts = [namespace, &own.name_prefix, &own.name_suffix];
        let is_plain = |text: &str| !is_placeholder(text) && text.len() < MAX_NAME;
        if parts.iter().any(|part| !part.is_empty()) && (objects.has_configurations || !parts.into_iter().all(is_plain))
        {
            objects.forget();
        }
        if !namespace.is_empty() {
            self.set_namespace(namespace, own, objects, found);
        }
        for (prefix, suffix) in [(own.name_prefix.as_str(), ""), ("", own.name_suffix.as_str())] {
            self.rename(prefix, suffix, objects);
        }
        if !found.is_empty() || self.is_exhausted() {
            return;
        }
        for replacement in &own.replacements {
            found.extend(self.unselected(replacement, objects));
            if !keeping::replacement_keeps(replacement) {
                objects.forget();
            }
            objects.blur();
        }
        if !own.transformers.is_empty() {
            objects.forget();
        }
    }
}

/// The objects that kustomize fails to print (`AsYaml` of `api/resmap/reswrangler.go`).
fn unprinted(objects: &Objects) -> impl Iterator<Item = Refusal> {
    let printed = objects.list.iter().filter(|object| object.is_certain && !object.is_changed);
    printed.filter_map(|object| object.doubled.as_ref()).map(|(span, key)| {
        let words = format!("mapping key {key:?} already defined");
        let help = "remove one of the two: kubectl uses the last, and kustomize accepts neither".to_owned();
        Refusal::new(*span, words, "the key is already defined here").with_remedy(Remedy::Advice(help))
    })
}

/// The start of kustomize's message for an object that already exists.
const REGISTERED: &str = "may not add resource with an already registered id: ";
