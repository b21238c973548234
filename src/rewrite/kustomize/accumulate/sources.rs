//! `vars`, `replacements` and generators: they take a value from an object of a build, or create one.

use std::rc::Rc;

use super::{Accumulator, MAX_NAME, Object, Objects};
use crate::resource::kustomization::generator::Generator;
use crate::resource::kustomization::reference::{Selected, Variable};
use crate::resource::kustomization::refusal::{Refusal, Remedy};
use crate::resource::kustomization::transformer::{Replacement, leads_somewhere};
use crate::rewrite::kustomize::identity::{Id, effective};
use crate::text::placeholder::is_placeholder;
use crate::text::yaml::{self, MergeRule, Piece};

impl Accumulator<'_> {
    /// Adds the object that a generator creates.
    pub(super) fn generate(&mut self, generator: &Generator, objects: &mut Objects) -> Option<Refusal> {
        let Generator { kind, name, namespace, behavior, span } = generator;
        if is_placeholder(name) || is_placeholder(namespace) || name.len() > MAX_NAME {
            objects.is_open = true;
            return None;
        }
        let id = Id {
            api_version: "v1".into(),
            kind: (*kind).into(),
            name: name.as_str().into(),
            namespace: Some(namespace.as_str()).filter(|text| !text.is_empty()).map(Rc::from),
        };
        self.checks += objects.list.iter().map(Object::cost).sum::<usize>();
        if self.is_exhausted() {
            return None;
        }
        let own = (id.name.clone(), effective(id.namespace.as_ref()));
        let mut alike = objects.list.iter().filter(|object| {
            object.id.kind == id.kind
                && object.id.api_version == id.api_version
                && object.names().any(|name| name == own)
        });
        let shown = format!(
            "id resid.ResId{{Gvk:resid.Gvk{{Group:\"\", Version:\"v1\", Kind:{kind:?}, isClusterScoped:false}}, \
             Name:{name:?}, Namespace:{namespace:?}}}"
        );
        match alike.next() {
            Some(first) if !first.is_certain => {
                self.doubt.get_or_insert(*span);
                None
            }
            Some(first) if !behavior.needs_one() => {
                let words = format!(
                    "{shown} exists; can not use behavior: '{}', behavior must be merge or replace",
                    behavior.name()
                );
                let help = "give it another name, or set `behavior: merge` or `behavior: replace`".to_owned();
                let refusal = Refusal::new(*span, words, format!("there is a {kind} of this name already"));
                Some(refusal.with_remedy(Remedy::Advice(help)).related_to(first.span, "the first one"))
            }
            None if behavior.needs_one() && objects.is_renamed && !objects.is_open => {
                self.doubt.get_or_insert(*span);
                None
            }
            None if behavior.needs_one() && !objects.is_open => {
                let words = format!("{shown} does not exist; cannot merge or replace");
                let help = format!("remove `behavior: {}`, or list the file that contains the {kind}", behavior.name());
                let label = format!("there is no {kind} of this name to {}", behavior.name());
                Some(Refusal::new(*span, words, label).with_remedy(Remedy::Advice(help)))
            }
            // An object that is not known may have the name.
            None if behavior.needs_one() => None,
            None => {
                self.spent += 1;
                let by = format!("{kind} generator").into();
                objects.add(Object {
                    id,
                    past: Vec::new(),
                    span: *span,
                    by,
                    is_certain: true,
                    is_changed: false,
                    whole: None,
                    doubled: None,
                });
                None
            }
            Some(_) => None,
        }
    }

    /// The refusal for a variable whose object does not exist, or is not unique.
    pub(super) fn unmapped(&mut self, variable: &Variable, is_inner: bool, objects: &Objects) -> Option<Refusal> {
        self.checks += objects.list.iter().map(Object::cost).sum::<usize>();
        if objects.is_open || self.is_exhausted() || variable.object.is_open() || variable.name.is_empty() {
            return None;
        }
        let Selected { group, version, kind, name, namespace } = &variable.object;
        let is_meant = |object: &&Object| {
            let is_named = |(own, of): (Rc<str>, Rc<str>)| {
                *own == **name && (namespace.is_empty() || of == effective(Some(&namespace.as_str().into())))
            };
            object.id.group_version() == (group, version) && *object.id.kind == **kind && object.names().any(is_named)
        };
        let all: Vec<_> = objects.list.iter().filter(is_meant).collect();
        if let [first, second, ..] = *all {
            if !all.iter().all(|object| object.is_certain) {
                self.doubt.get_or_insert(variable.span);
                return None;
            }
            let (count, shown) = (all.len(), variable.shown());
            let words = format!("found {count} resId matches for var {shown} (unable to disambiguate)");
            let refusal = Refusal::new(variable.span, words, "it names more than one object");
            let help = "set its `namespace`".to_owned();
            let refusal = refusal.with_remedy(Remedy::Advice(help)).related_to(first.span, "the first one");
            return Some(refusal.related_to(second.span, "the second one"));
        }
        if let Some(meant) = all.first() {
            let lacks = self.lacks(meant, &variable.path);
            if lacks && (is_inner || meant.is_changed) || !meant.is_certain {
                self.doubt.get_or_insert(variable.span);
                return None;
            }
            return lacks.then(|| {
                let words =
                    format!("field specified in var '{}' not found in corresponding resource", variable.shown());
                let label = format!("{kind} `{}` has no field `{}`", meant.id.name, variable.path);
                Refusal::new(variable.span, words, label).related_to(meant.span, "this object")
            });
        }
        if objects.is_renamed {
            self.doubt.get_or_insert(variable.span);
            return None;
        }
        let words = format!("var '{}' cannot be mapped to a field in the set of known resources", variable.shown());
        let refusal = Refusal::new(variable.span, words, "there is no such object in this build");
        let help = "use its `apiVersion`, `kind`, and the name in its file, and list that file".to_owned();
        Some(refusal.with_remedy(Remedy::Advice(help)))
    }

    /// Whether an object certainly has no field at a path. Metadata, labels, and replicas are not checked, because
    /// kustomize itself writes them.
    fn lacks(&mut self, object: &Object, path: &str) -> bool {
        let Some(whole) = object.whole else { return false };
        let is_plain = path.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') && !path.contains("..");
        let is_own = ["metadata", "Labels", "replicas", "selector", "namespace", "name", "image"];
        if !is_plain || !path.starts_with("spec.") || is_own.iter().any(|part| path.contains(part)) {
            return false;
        }
        self.checks += whole.range().len();
        let mut is_missing = !self.is_exhausted();
        yaml::read_as(whole.source, self.sources.slice(whole), true, MergeRule::OwnFirst, &mut |piece| match piece {
            Piece::Document(document) => {
                let is_there = document.root().is_none_or(|root| leads_somewhere(root, path));
                is_missing &= !is_there && !document.has_merges();
            }
            _ => is_missing = false,
        });
        is_missing
    }

    /// The refusal for a replacement whose source does not exist, or is not unique.
    pub(super) fn unselected(&mut self, replacement: &Replacement, objects: &Objects) -> Option<Refusal> {
        let source = Selected::of(replacement)?;
        self.checks += objects.list.iter().map(Object::cost).sum::<usize>();
        if self.is_exhausted() || source.is_open() {
            return None;
        }
        let Selected { group, version, kind, name, namespace } = &source;
        let is_or_any = |own: &str, asked: &str| asked.is_empty() || own == asked;
        let is_meant = |object: &&Object| {
            let (of_group, of_version) = object.id.group_version();
            is_or_any(of_group, group)
                && is_or_any(of_version, version)
                && is_or_any(&object.id.kind, kind)
                && object.names().any(|(own, of)| {
                    is_or_any(&own, name) && (namespace.is_empty() || of == effective(Some(&namespace.as_str().into())))
                })
        };
        let mut meant = objects.list.iter().filter(is_meant);
        let path = replacement.shown_path.trim_start_matches(':');
        let id = format!("{}{}", source.id(), replacement.shown_path);
        match (meant.next(), meant.next()) {
            (None, _) if objects.is_renamed && !objects.is_open => {
                self.doubt.get_or_insert(replacement.span);
                None
            }
            (None, _) if !objects.is_open => {
                let words = format!("nothing selected by {id}");
                let label = "there is no such object in this build to take the value from";
                Some(Refusal::new(replacement.span, words, label))
            }
            (Some(first), Some(second)) if first.is_certain && second.is_certain => {
                let words = format!("multiple matches for selector {id}");
                let refusal = Refusal::new(replacement.span, words, "its source is more than one object");
                let help = "make the source more specific, with its `name`, `kind`, or `namespace`".to_owned();
                let refusal = refusal.with_remedy(Remedy::Advice(help)).related_to(first.span, "the first one");
                Some(refusal.related_to(second.span, "the second one"))
            }
            (Some(one), _) if !one.is_certain => {
                self.doubt.get_or_insert(replacement.span);
                None
            }
            (Some(one), None) if self.lacks(one, path) => {
                if objects.is_open || one.is_changed {
                    self.doubt.get_or_insert(replacement.span);
                    return None;
                }
                let words = format!("fieldPath `{path}` is missing for replacement source {}", source.id());
                let label = format!("{} `{}` has no such field", one.id.kind, one.id.name);
                Some(Refusal::new(replacement.span, words, label).related_to(one.span, "this object"))
            }
            _ => None,
        }
    }
}
