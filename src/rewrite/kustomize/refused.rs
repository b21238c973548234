//! Which kustomizations in the inputs kustomize refuses, because of their content or because of missing files.

use std::collections::{BTreeMap, BTreeSet};

use super::accumulate;
use crate::resource::kustomization::member::{Absence, Role};
use crate::resource::kustomization::patch::{Body, Patch, PatchForm, is_broken_json};
use crate::resource::kustomization::refusal::{Refusal, Remedy};
use crate::resource::kustomization::template::is_template;
use crate::resource::kustomization::{Kustomization, Pattern, Versions, is_file_name, member_path, normalise};
use crate::text::source::{SourceId, Sources, Span};

/// Why kustomize refuses kustomizations.
pub(super) struct Refused {
    /// The refusals of each kustomization, in their order.
    pub(super) refusals: Vec<Vec<Refusal>>,
    /// The places that kustomize may refuse, by the index of the kustomization.
    pub(super) doubts: BTreeMap<usize, Span>,
    /// The forms of the patch files, each of which is read once.
    pub(super) forms: BTreeMap<SourceId, PatchForm>,
}

/// Finds what kustomize refuses.
pub(super) fn read(kustomizations: &[Kustomization], sources: &Sources) -> Refused {
    let files: BTreeMap<String, SourceId> = sources.iter().map(|(id, source)| (normalise(source.name()), id)).collect();
    let folders: BTreeMap<String, &Kustomization> =
        kustomizations.iter().map(|kustomization| (normalise(&kustomization.folder), kustomization)).collect();
    let is_file = |id: SourceId| is_file_name(sources.get(id).name());
    let mut of_folder: BTreeMap<String, Vec<&Kustomization>> = BTreeMap::new();
    for own in kustomizations.iter().filter(|own| is_file(own.span.source)) {
        of_folder.entry(normalise(&own.folder)).or_default().push(own);
    }
    let cyclic = cyclic(&folders, is_file);
    let built_from = built_from(kustomizations);
    // Many kustomizations may name one file.
    let mut forms: BTreeMap<SourceId, PatchForm> = BTreeMap::new();
    let refusals = |own: &Kustomization| {
        let mut refusals: Vec<Refusal> = own.refusal.iter().cloned().collect();
        let is_decoded = refusals.iter().all(|refusal| refusal.versions == Versions::Older);
        if !is_file(own.span.source) || !is_decoded {
            return refusals;
        }
        let of_folder = of_folder.get(&normalise(&own.folder)).map_or(&[][..], Vec::as_slice);
        if of_folder.get(1).is_some_and(|other| other.span == own.span) {
            let folder = if own.folder.is_empty() { "." } else { &own.folder };
            let words = format!("Found multiple kustomization files under: {folder}");
            refusals.push(Refusal::new(own.span, words, "the second of the folder"));
        }
        refusals.extend(outside(own));
        // Paths in a template may exist once it is rendered.
        if !is_template(sources.get(own.span.source).text()) {
            refusals.extend(absent(own));
            refusals.extend(no_files(own));
            refusals.extend(own.origins.faults.iter().cloned());
        }
        refusals.extend(kinds(own, &folders));
        refusals.extend(cycle(own, &cyclic));
        refusals.extend(own.order.iter().filter(|_| !built_from.contains(&normalise(&own.folder))).cloned());
        let text = |file: &str| files.get(&member_path(&own.folder, file)).map(|id| sources.get(*id).text());
        let mut form = |patch: &Patch| match (&patch.form, &patch.body) {
            (Some(form), _) => Some(form.clone()),
            (None, Body::File(file)) => {
                let id = *files.get(&member_path(&own.folder, file))?;
                Some(forms.entry(id).or_insert_with(|| PatchForm::of(sources.get(id).text())).clone())
            }
            (None, _) => None,
        };
        let of_forms: Vec<Option<PatchForm>> = own.patches.iter().map(&mut form).collect();
        let broken = own.patches.iter().filter_map(|patch| patch_refusal(patch, text));
        refusals.extend(broken);
        if refusals.iter().all(|refusal| refusal.versions != Versions::All) {
            refusals.extend(form_refusals(own, &of_forms));
        }
        let invalid = own.images.iter().filter(|rule| rule.pattern == Some(Pattern::Invalid));
        refusals.extend(invalid.map(|rule| {
            let words = "panic: runtime error: invalid memory address or nil pointer dereference";
            Refusal::new(rule.name.span, words, "not a regular expression").of(Versions::BeforeLast)
        }));
        refusals
    };
    let mut refusals: Vec<Vec<Refusal>> = kustomizations.iter().map(refusals).collect();
    let doubts = accumulate::add(kustomizations, sources, &mut refusals);
    Refused { refusals, doubts, forms }
}

/// Paths whose target does not exist.
fn absent(own: &Kustomization) -> Option<Refusal> {
    let missing = own.absent.iter().filter(|absent| !matches!(absent.what, Absence::Outside | Absence::File));
    let mut refusals = missing.filter_map(|absent| {
        let named = own.named.get(absent.named)?;
        let path = &named.path;
        let refusal = match absent.what {
            Absence::Path => {
                let words = match named.role {
                    Role::Resource => format!("accumulating resources from '{path}': no such file or directory"),
                    Role::Component => format!("accumulating components: '{path}': no such file or directory"),
                    Role::Patch => {
                        format!("failed to get the patch file from path({path}): no such file or directory")
                    }
                    Role::File | Role::Keyed => format!("evalsymlink failure on '{path}': no such file or directory"),
                };
                Refusal::new(named.span, words, "there is no such file or folder")
            }
            Absence::Kustomization => {
                let words = "unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in \
                             directory";
                Refusal::new(named.span, format!("{words} '{path}'"), "no kustomization in this folder")
            }
            Absence::Folder => {
                let words = format!(
                    "accumulating components: loader.New \"must build at directory: '{path}': file is not directory\""
                );
                return Some(Refusal::new(named.span, words, "a file; list the folder of the Component instead"));
            }
            Absence::Outside | Absence::File => return None,
        };
        Some(refusal.with_remedy(Remedy::Member(path.clone())))
    });
    let mut first = refusals.next()?;
    first.others.extend(refusals.map(|refusal| refusal.span));
    Some(first)
}

/// Files that are not in or below the kustomization's folder (`RestrictionRootOnly` of `api/internal/loader`).
fn outside(own: &Kustomization) -> impl Iterator<Item = Refusal> {
    let outside = own.absent.iter().filter(|absent| absent.what == Absence::Outside);
    outside.filter_map(|absent| own.named.get(absent.named)).map(|named| {
        let words = format!("security; file '{}' is not in or below the kustomization's folder", named.path);
        Refusal::new(named.span, words, "outside the folder").of(Versions::Restricted)
    })
}

/// Folders where a file is required (`LoadFile` of `api/internal/loader/fileloader.go`).
fn no_files(own: &Kustomization) -> impl Iterator<Item = Refusal> {
    let found = own.absent.iter().filter(|absent| absent.what == Absence::File);
    found.filter_map(|absent| own.named.get(absent.named)).map(|named| {
        let help = match named.role {
            Role::Keyed => "list each file in it: a generator does not accept folders",
            _ => "name a file in it",
        };
        let refusal = Refusal::new(named.span, format!("'{}' must resolve to a file", named.path), "a folder");
        refusal.with_remedy(Remedy::Advice(help.to_owned()))
    })
}

/// The folders of kustomizations that are built from each other, or that are between such. Folders that name no other
/// one, and those that no other one names, are removed repeatedly until none is left to remove.
fn cyclic(folders: &BTreeMap<String, &Kustomization>, is_file: impl Fn(SourceId) -> bool) -> BTreeSet<String> {
    let of = |folder: &String, own: &Kustomization| -> Vec<(String, String)> {
        let to = own
            .named
            .iter()
            .filter(|member| is_build(member.role))
            .map(|member| member_path(&own.folder, &member.path));
        let to: BTreeSet<String> =
            to.filter(|path| folders.get(path).is_some_and(|inner| is_file(inner.span.source))).collect();
        to.into_iter().map(|to| (folder.clone(), to)).collect()
    };
    let there: Vec<(String, String)> = folders.iter().flat_map(|(folder, own)| of(folder, own)).collect();
    let back: Vec<(String, String)> = there.iter().map(|(from, to)| (to.clone(), from.clone())).collect();
    let mut left: BTreeSet<String> = folders.keys().cloned().collect();
    for edges in [there, back] {
        peel(&edges, &mut left);
    }
    left
}

/// Removes the folders that do not lead to a remaining one, repeatedly.
fn peel(edges: &[(String, String)], left: &mut BTreeSet<String>) {
    let mut leading: BTreeMap<&str, usize> = BTreeMap::new();
    let mut led: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in edges.iter().filter(|(from, to)| left.contains(from) && left.contains(to)) {
        *leading.entry(from).or_default() += 1;
        led.entry(to).or_default().push(from);
    }
    let mut open: Vec<String> = left.iter().filter(|folder| !leading.contains_key(folder.as_str())).cloned().collect();
    while let Some(folder) = open.pop() {
        left.remove(&folder);
        for from in led.get(folder.as_str()).into_iter().flatten() {
            let Some(count) = leading.get_mut(from) else { continue };
            *count -= 1;
            if *count == 0 {
                open.push((*from).to_owned());
            }
        }
    }
}

const fn is_build(role: Role) -> bool {
    matches!(role, Role::Resource | Role::Component)
}

/// The refusal for a kustomization that is built from itself.
fn cycle(own: &Kustomization, cyclic: &BTreeSet<String>) -> Option<Refusal> {
    if !cyclic.contains(&normalise(&own.folder)) {
        return None;
    }
    let is_back = |path: &str| cyclic.contains(&member_path(&own.folder, path));
    let named = own.named.iter().find(|member| is_build(member.role) && is_back(&member.path))?;
    let words = format!("cycle detected: candidate root '{}' contains visited root", named.path);
    Some(Refusal::new(named.span, words, "it refers back to this kustomization"))
}

/// The refusals for Components that are named as resources, and the reverse.
fn kinds(own: &Kustomization, folders: &BTreeMap<String, &Kustomization>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for named in &own.named {
        let Some(inner) = folders.get(&member_path(&own.folder, &named.path)) else { continue };
        let path = &named.path;
        match named.role {
            Role::Resource if inner.is_component => {
                let words = format!("expected kind != 'Component' for path '{path}'");
                refusals.push(Refusal::new(named.span, words, "a Component: it belongs under `components`"));
            }
            Role::Component if !inner.is_component => {
                let words = format!("expected kind 'Component' for path '{path}' but got 'Kustomization'");
                refusals.push(Refusal::new(named.span, words, "not a Component: it belongs under `resources`"));
            }
            _ => {}
        }
    }
    refusals
}

/// The refusal for a patch that cannot be read.
fn patch_refusal<'s>(patch: &Patch, text: impl Fn(&str) -> Option<&'s str>) -> Option<Refusal> {
    let words = match &patch.body {
        Body::Refused(words) => words,
        Body::File(file) if is_broken_json(text(file)?.trim_start()) => "unable to parse SM or JSON patch",
        _ => return target_refusal(patch),
    };
    Some(Refusal::new(patch.span, words, "this patch"))
}

/// The refusals for patches whose form does not fit their list or their target.
fn form_refusals(own: &Kustomization, forms: &[Option<PatchForm>]) -> Vec<Refusal> {
    let with_forms = || own.patches.iter().zip(forms);
    let is_merge = |patch: &Patch| patch.path.starts_with("patchesStrategicMerge[");
    let is_full = |form: &Option<PatchForm>| *form != Some(PatchForm::Empty);
    // Only if all are empty: kustomize reads them together.
    let are_merges_empty = !with_forms().any(|(patch, form)| is_merge(patch) && is_full(form));
    let refusal = |(patch, form): (&Patch, &Option<PatchForm>)| {
        let list = patch.path.split('[').next().unwrap_or_default();
        let (words, label) = match (list, form.as_ref()?, &patch.target) {
            ("patchesStrategicMerge", PatchForm::Empty, _) if are_merges_empty => {
                ("patch appears to be empty", "it is empty")
            }
            ("patchesStrategicMerge", PatchForm::Neither(words), _) => (*words, "not an object with a kind and a name"),
            ("patchesStrategicMerge", PatchForm::Operations { .. }, _) => {
                ("missing Resource metadata", "operations of JSON 6902: they belong under `patches`, with a `target`")
            }
            ("patches", PatchForm::Empty, _) => {
                let words = "illegally qualifies as both an SM and JSON patch";
                return Some(Refusal::new(patch.span, words, "it is empty").of(Versions::Older));
            }
            ("patches", PatchForm::Neither(_), _) => (
                "unable to parse SM or JSON patch",
                "neither an object with a kind and a name nor a list of JSON 6902 operations",
            ),
            ("patches", PatchForm::Operations { .. }, None) => {
                ("must specify a target for JSON patch", "operations without a `target`")
            }
            ("patches", PatchForm::Objects(2..), Some(_)) => (
                "Multiple Strategic-Merge Patches in one `patches` entry is not allowed to set `patches.target` field",
                "several objects and a `target`",
            ),
            ("patchesJson6902", _, None) => ("must specify a target for JSON patch", "it has no `target`"),
            ("patchesJson6902", _, Some(target)) if target.name.is_none() => {
                ("must specify the target name", "its `target` has no `name`")
            }
            ("patchesJson6902", PatchForm::Empty, _) => ("patch appears to be empty", "it is empty"),
            ("patchesJson6902", PatchForm::Objects(_) | PatchForm::Neither(_), _) => {
                ("json: cannot unmarshal object into Go value of type jsonpatch.Patch", "not a list of operations")
            }
            _ => return None,
        };
        Some(Refusal::new(patch.span, words, label))
    };
    with_forms().filter_map(refusal).collect()
}

/// The folders of the kustomizations that others build from.
fn built_from(kustomizations: &[Kustomization]) -> BTreeSet<String> {
    let paths = |own: &Kustomization| -> Vec<String> {
        let named = own.named.iter().filter(|named| is_build(named.role));
        named.map(|named| member_path(&own.folder, &named.path)).collect()
    };
    kustomizations.iter().flat_map(paths).collect()
}

/// The refusal for a target that is not a regular expression.
fn target_refusal(patch: &Patch) -> Option<Refusal> {
    let target = patch.target.as_ref()?;
    let invalid = target.patterns().find(|field| field.pattern == Some(Pattern::Invalid))?;
    let words = format!("error parsing regexp: `^(?:{})$`", invalid.text);
    Some(Refusal::new(patch.span, words, "its target is not a regular expression"))
}
