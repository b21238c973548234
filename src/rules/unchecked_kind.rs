//! `unchecked-kind`: objects of an unknown kind have fields that look like images.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::findings::finding::{Finding, Subject};
use crate::resource::ResourceName;
use crate::resource::workload::custom::unchecked::Unchecked;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/unchecked-kind.md")));

/// Reports the first object of an unknown kind that has a field that looks like an image.
pub(super) struct UncheckedKind;

impl Rule for UncheckedKind {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        // One note for each kind, at its first object.
        let mut kinds: BTreeMap<(&str, &str), (&Unchecked, &ResourceName, usize)> = BTreeMap::new();
        for unchecked in &cx.inventory.unchecked {
            let name = &cx.inventory.resource(unchecked.resource).name;
            let of_kind = kinds.entry((name.group(), name.kind.as_str())).or_insert((unchecked, name, 0));
            of_kind.2 += 1;
        }
        out.extend(kinds.into_values().map(|(first, name, count)| finding(first, name, count)));
    }
}

fn finding(first: &Unchecked, name: &ResourceName, count: usize) -> Finding {
    let (group, kind) = (name.group(), &name.kind);
    let objects = match count {
        1 => "one object".to_owned(),
        many => format!("{many} objects"),
    };
    let message = format!(
        "unknown kind `{kind}` in the group {group:?}: a field in {objects} looks like an image but is not checked: \
         `{}`",
        first.path
    );
    let subject = Subject { resource: Some(name.clone()), ..Subject::default() };
    Finding::new(META.id, META.severity, message, first.span, "not checked").help(help(group, kind)).subject(subject)
}

/// Explains how to get the images of the kind checked.
fn help(group: &str, kind: &str) -> String {
    match (group, kind) {
        ("argoproj.io", "Application" | "ApplicationSet") => {
            "check what it deploys: `argocd app manifests NAME | pullcheck -`, or `helm template … | pullcheck -`"
                .to_owned()
        }
        _ => format!(
            "if pods are created from it, configure where its images are, under `kinds:` in `.pullcheck.yaml` \
             (`group: {group}`, `kind: {kind}`); otherwise turn this off: `unchecked-kind: off` under `rules:`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::rules::testing::Facts;

    #[test]
    fn unchecked_kind_is_one_note_at_its_first_place() {
        let mut facts = Facts::default();
        for name in ["a", "b"] {
            let resource = facts.resource("Storefront", None, name);
            facts.inventory.resources[resource.0 as usize].name.api_version = "example.com/v1".to_owned();
            let span = facts.write(name);
            let (path, value) = ("spec.image".to_owned(), "ghcr.io/acme/web:1".to_owned());
            facts.inventory.unchecked.push(Unchecked { resource, span, path, value });
        }
        assert_eq!(facts.flags(&UncheckedKind), [(Severity::Note, "a")]);
        let found = facts.check(&UncheckedKind).remove(0);
        assert!(found.message.contains("in 2 objects") && found.message.contains("`spec.image`"), "{}", found.message);
        assert!(found.help.unwrap_or_default().contains("`group: example.com`, `kind: Storefront`"));
    }

    #[test]
    fn help_for_applications_names_their_own_command() {
        assert!(help("argoproj.io", "Application").contains("argocd app manifests"));
    }
}
