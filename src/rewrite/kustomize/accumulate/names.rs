//! The names and namespaces that a kustomization gives to its objects: `namespace`, `namePrefix` and `nameSuffix`.

use std::rc::Rc;

use super::{Accumulator, MAX_NAME, Objects};
use crate::resource::kustomization::Kustomization;
use crate::resource::kustomization::refusal::{Refusal, Remedy};
use crate::rewrite::kustomize::identity::Id;

impl Accumulator<'_> {
    /// Applies `namespace` to namespaced objects, and to the name of Namespaces (`NamespaceTransformer.go`).
    pub(super) fn set_namespace(
        &mut self,
        namespace: &str,
        own: &Kustomization,
        objects: &mut Objects,
        found: &mut Vec<Refusal>,
    ) {
        let namespace: Rc<str> = namespace.into();
        self.spent += objects.list.len();
        let list = std::mem::take(&mut objects.list);
        objects.index.clear();
        let mut twice = None;
        for mut object in list {
            object.past.push((object.id.name.clone(), object.id.namespace.clone()));
            if !object.id.is_cluster_scoped() {
                object.id.namespace = Some(namespace.clone());
            } else if (&*object.id.api_version, &*object.id.kind) == ("v1", "Namespace") {
                object.id.name = namespace.clone();
            }
            if let Some(first) = objects.add(object.clone()) {
                twice.get_or_insert((first, object));
            }
        }
        let Some((first, second)) = twice else { return };
        let Some(first) = objects.list.get(first) else { return };
        let at = own.origins.namespace.unwrap_or(own.span);
        if !first.is_certain || !second.is_certain {
            self.doubt.get_or_insert(at);
            return;
        }
        let Id { kind, name, .. } = &second.id;
        let label = match (&**kind, &second.past.last()) {
            ("Namespace", _) => "two Namespaces would have this name".to_owned(),
            _ => format!("it moves two objects that are {kind} `{name}` into one namespace"),
        };
        let help = "list only one of them, or set the namespace in kustomizations below this one".to_owned();
        let refusal = Refusal::new(at, "namespace transformation produces ID conflict", label);
        let refusal = refusal.with_remedy(Remedy::Advice(help));
        found.push(refusal.related_to(first.span, "the first one").related_to(second.span, "the second one"));
    }

    /// Applies `namePrefix` and `nameSuffix`; some kinds keep their names (`PrefixTransformer.go`).
    pub(super) fn rename(&mut self, prefix: &str, suffix: &str, objects: &mut Objects) {
        if prefix.is_empty() && suffix.is_empty() {
            return;
        }
        self.spent += objects.list.len();
        let mut list = std::mem::take(&mut objects.list);
        objects.index.clear();
        for mut object in list.drain(..) {
            let Id { api_version, kind, name, .. } = &object.id;
            let keeps = match &**kind {
                "CustomResourceDefinition" | "Namespace" => true,
                "APIService" => api_version.starts_with("apiregistration.k8s.io/"),
                _ => false,
            };
            if !keeps {
                if name.len() > MAX_NAME {
                    objects.is_open = true;
                    continue;
                }
                object.past.push((name.clone(), object.id.namespace.clone()));
                object.id.name = format!("{prefix}{name}{suffix}").into();
            }
            objects.add(object);
        }
    }
}
