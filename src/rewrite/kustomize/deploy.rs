//! What a GitOps tool changes after a build: variables in texts, and the namespace of objects without one.

use super::{Builder, BuiltPod, Item, MAX_VALUE, Set, Why};
use crate::resource::deployer::Deployment;
use crate::resource::deployer::envsubst::{DISABLED, DISABLING_KEY, Strictness, Substituted, Variable, substitute};
use crate::resource::workload::ResourceId;
use crate::rewrite::deployers::{Known, KnownVariables};

/// What the text of an object contains.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    /// Whether it may name a namespace, even one that is a placeholder.
    names_namespace: bool,
    /// Whether it may be exempt from the replacement of variables.
    may_be_exempt: bool,
}

/// A text after the replacement.
enum Replaced {
    /// The new text, and the variable that decided it.
    Text(String, Option<String>),
    /// The new text is not known, for this reason.
    Unknown(&'static str),
}

impl Builder<'_> {
    /// Applies the changes that a deployment makes to the objects of its build.
    pub(super) fn deploy(
        &mut self,
        deployment: &Deployment,
        variables: Option<&KnownVariables>,
        pods: &mut [BuiltPod],
    ) {
        for pod in pods {
            let marks = self.marks(self.inventory.pod(pod.pod).resource);
            if let Some(namespace) = &deployment.overrides.default_namespace
                && pod.facts.namespace.is_none()
                && !marks.names_namespace
            {
                pod.facts.namespace = Some(namespace.clone());
            }
            if let Some(variables) = variables {
                // An object may be exempt by a label or an annotation.
                let why = Why::new(deployment.path.span, "it may be exempt from the replacement of variables");
                match marks.may_be_exempt {
                    true => {
                        pod.items.iter_mut().filter(|item| self.has_variables(item)).for_each(|item| item.blur(why))
                    }
                    false => self.replace_variables(deployment, variables, pod),
                }
            }
        }
    }

    /// What the text of an object contains; it is read once.
    fn marks(&mut self, resource: ResourceId) -> Marks {
        let (inventory, sources) = (self.inventory, self.sources);
        *self.marks.entry(resource).or_insert_with(|| {
            let text = sources.slice(inventory.resource(resource).span);
            Marks {
                names_namespace: text.contains("namespace"),
                may_be_exempt: text.contains(DISABLING_KEY) && text.contains(DISABLED),
            }
        })
    }

    fn value<'i>(&'i self, item: &'i Item) -> &'i str {
        let written = || self.inventory.images.get(item.image).map_or("", |image| image.text.value.as_str());
        item.set.last().map_or_else(written, |set| set.value.as_str())
    }

    fn has_variables(&self, item: &Item) -> bool {
        self.value(item).contains('$')
    }

    fn replace_variables(&self, deployment: &Deployment, variables: &KnownVariables, pod: &mut BuiltPod) {
        let place = deployment.path.span;
        for item in pod.items.iter_mut().filter(|item| item.unknown.is_none()) {
            if !self.has_variables(item) {
                continue;
            }
            match replaced(self.value(item), variables) {
                Replaced::Text(value, variable) if value.len() <= MAX_VALUE => {
                    let setting = variable.map(|name| (variables.get(&name), name));
                    let (span, path) = match (setting, item.set.last()) {
                        (Some((Known::Value(value, field), name)), _) => (value.span, format!("{field}.{name}")),
                        (_, Some(set)) => (set.span, set.path.clone()),
                        (_, None) => {
                            let Some(image) = self.inventory.images.get(item.image) else { continue };
                            (image.text.span, image.path.clone())
                        }
                    };
                    item.set.push(Set { value, span, path });
                }
                Replaced::Text(..) => item.blur(Why::new(place, "Flux replaces a variable in it with a long text")),
                Replaced::Unknown(words) => item.blur(Why::new(place, words)),
            }
        }
        let names = pod.facts.pull_secrets.iter_mut().flatten().map(|secret| &mut secret.name);
        let account = pod.facts.service_account.iter_mut().map(|account| &mut account.value);
        let mut is_known = true;
        for name in names.chain(account).filter(|name| name.contains('$')) {
            match replaced(name, variables) {
                Replaced::Text(value, _) => *name = value,
                Replaced::Unknown(_) => is_known = false,
            }
        }
        if !is_known {
            pod.blur_credentials();
        }
    }
}

/// Replaces the variables in a text. Versions of Flux disagree about a variable that is not set: since
/// kustomize-controller 1.9, the build fails.
fn replaced(text: &str, variables: &KnownVariables) -> Replaced {
    let lookup = |name: &str| match variables.get(name) {
        Known::Value(value, _) => Variable::Value(value.value.clone()),
        Known::Unset => Variable::Unset,
        Known::Unknown => Variable::Unknown,
    };
    let (text, uses) = match substitute(text, Strictness::Strict, &lookup) {
        Ok(Substituted::Known { text, uses }) => (text, uses),
        Err(_) if substitute(text, Strictness::Lenient, &lookup).is_ok() => {
            return Replaced::Unknown("a variable in it is not set: Flux 2.9 fails, older versions leave it empty");
        }
        Ok(_) => return Replaced::Unknown("Flux replaces a variable in it whose value is not in the inputs"),
        Err(_) => return Replaced::Unknown("Flux fails to replace the variables in it"),
    };
    // The text is part of a YAML document, which is read again.
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._/:@".contains(&byte));
    let is_set = |name: &str| matches!(variables.get(name), Known::Value(..));
    let decides = uses.iter().rev().find(|used| is_set(&used.variable));
    match is_plain {
        true => Replaced::Text(text, decides.map(|used| used.variable.clone())),
        false => Replaced::Unknown("Flux replaces a variable in it with a text that YAML may read differently"),
    }
}
