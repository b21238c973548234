//! `misplaced-pull-secrets`: `imagePullSecrets` at a place that no pod ever reads.

use std::sync::LazyLock;

use crate::findings::finding::{Finding, Severity, Subject};
use crate::resource::workload::misplaced::{MisplacedPullSecrets as Misplaced, Misplacement, SecretsForm};
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/misplaced-pull-secrets.md")));

/// Reports `imagePullSecrets` under a container, next to a workload's `template`, or in `metadata`.
pub(super) struct MisplacedPullSecrets;

impl Rule for MisplacedPullSecrets {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.inventory.misplaced.iter().map(|misplaced| {
            let (message, label) = words(misplaced.fault);
            let resource = cx.inventory.resource(misplaced.resource).name.clone();
            // How the API server reacts depends on the kind's own schema.
            let severity = match misplaced.fault {
                Misplacement::OtherForm(_) | Misplacement::OtherField(_) => Severity::Warning,
                _ => META.severity,
            };
            Finding::new(META.id, severity, message, misplaced.span, label)
                .help(help(misplaced))
                .subject(Subject { resource: Some(resource), ..Subject::default() })
        }));
    }
}

fn words(fault: Misplacement) -> (&'static str, &'static str) {
    match fault {
        Misplacement::InContainer => (
            "pull secrets belong to the pod, not to a container: this field is unknown here, so no pod gets them",
            "unknown field of a container",
        ),
        Misplacement::InWorkloadSpec => (
            "pull secrets belong in the pod template, not next to it: this field is unknown here, so no pod gets \
             them",
            "unknown field next to `template`",
        ),
        Misplacement::OutsideSpec => {
            ("pull secrets belong in the pod's spec: this field is unknown here, so no pod gets them", "unknown field")
        }
        Misplacement::Misspelt => (
            "this field is unknown to the API (expected `imagePullSecrets`), so no pod gets these pull secrets",
            "unknown field",
        ),
        Misplacement::ListOfStrings => (
            "`imagePullSecrets` is a list of objects with a `name`, not of strings: the API server cannot decode it",
            "strings",
        ),
        Misplacement::NotAList => {
            ("`imagePullSecrets` must be a list: the API server cannot decode anything else", "not a list")
        }
        Misplacement::OtherForm(SecretsForm::Objects) => (
            "this kind expects its pull secrets as a list of objects with a `name`: any other form is rejected or \
             ignored, so no pod gets them",
            "not a list of objects",
        ),
        Misplacement::OtherForm(SecretsForm::Names) => (
            "this kind expects its pull secrets as a list of names: any other form is rejected or ignored, so no pod \
             gets them",
            "not a list of names",
        ),
        Misplacement::OtherForm(SecretsForm::Name) => (
            "this kind expects its pull secret as a single name: any other form is rejected or ignored, so no pod \
             gets it",
            "not a single name",
        ),
        Misplacement::OtherField(_) => (
            "this kind uses another field for its pull secrets and ignores this one, so no pod gets them",
            "unknown field of this kind",
        ),
    }
}

/// Suggests the field as it should be written, with the names that were meant.
fn help(misplaced: &Misplaced) -> String {
    let path = match misplaced.fault {
        Misplacement::OtherField(_) => &misplaced.right_path,
        _ => &misplaced.path,
    };
    let key = path.rsplit('.').next().unwrap_or_default();
    let first = misplaced.names.first().map_or("<secret>", String::as_str);
    match misplaced.fault {
        Misplacement::OtherForm(SecretsForm::Name) | Misplacement::OtherField(SecretsForm::Name) => {
            return format!("write `{key}: {first}`");
        }
        Misplacement::OtherForm(SecretsForm::Names) | Misplacement::OtherField(SecretsForm::Names) => {
            let names = if misplaced.names.is_empty() { first.to_owned() } else { misplaced.names.join(", ") };
            return format!("write `{key}: [{names}]`");
        }
        _ => {}
    }
    let parent = misplaced.right_path.rsplit_once('.').map_or("", |(parent, _)| parent);
    let place =
        if parent.is_empty() { "at the top level of the object".to_owned() } else { format!("under `{parent}`") };
    let items: Vec<_> = misplaced.names.iter().map(|name| format!("{{name: {name}}}")).collect();
    let items = if items.is_empty() { "{name: <secret>}".to_owned() } else { items.join(", ") };
    let is_own = matches!(misplaced.fault, Misplacement::OtherForm(_) | Misplacement::OtherField(_));
    let key = if is_own { key } else { "imagePullSecrets" };
    format!("write {place}: `{key}: [{items}]`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::Facts;

    #[test]
    fn help_shows_the_field_that_the_kind_uses() {
        let mut facts = Facts::default();
        let resource = facts.resource("CatalogSource", None, "a");
        let span = facts.write("imagePullSecrets");
        facts.inventory.misplaced.push(Misplaced {
            resource,
            span,
            fault: Misplacement::OtherField(SecretsForm::Names),
            path: "spec.imagePullSecrets".to_owned(),
            right_path: "spec.secrets".to_owned(),
            names: vec!["regcred".to_owned()],
        });
        assert_eq!(facts.flags(&MisplacedPullSecrets), [(Severity::Warning, "imagePullSecrets")]);
        let help = facts.check(&MisplacedPullSecrets).remove(0).help;
        assert_eq!(help.as_deref(), Some("write `secrets: [regcred]`"));
    }

    #[test]
    fn help_shows_the_form_that_the_field_requires() {
        let forms = [
            (SecretsForm::Objects, "write under `spec`: `pullSecrets: [{name: a}, {name: b}]`"),
            (SecretsForm::Names, "write `pullSecrets: [a, b]`"),
            (SecretsForm::Name, "write `pullSecrets: a`"),
        ];
        for (form, expected) in forms {
            let mut facts = Facts::default();
            let resource = facts.resource("ImagePullJob", None, "warm");
            let span = facts.write("pullSecrets");
            facts.inventory.misplaced.push(Misplaced {
                resource,
                span,
                fault: Misplacement::OtherForm(form),
                path: "spec.pullSecrets".to_owned(),
                right_path: "spec.pullSecrets".to_owned(),
                names: vec!["a".to_owned(), "b".to_owned()],
            });
            assert_eq!(facts.flags(&MisplacedPullSecrets), [(Severity::Warning, "pullSecrets")], "{form:?}");
            let help = facts.check(&MisplacedPullSecrets).pop().and_then(|finding| finding.help);
            assert_eq!(help.as_deref(), Some(expected));
        }
    }

    #[test]
    fn every_misplacement_is_an_error_with_the_right_path() {
        let faults = [
            Misplacement::InContainer,
            Misplacement::InWorkloadSpec,
            Misplacement::OutsideSpec,
            Misplacement::Misspelt,
            Misplacement::ListOfStrings,
            Misplacement::NotAList,
        ];
        for fault in faults {
            let mut facts = Facts::default();
            let resource = facts.resource("Deployment", None, "web");
            let span = facts.write("imagePullSecrets");
            facts.inventory.misplaced.push(Misplaced {
                resource,
                span,
                fault,
                path: "spec.imagePullSecrets".to_owned(),
                right_path: "spec.template.spec.imagePullSecrets".to_owned(),
                names: vec!["a".to_owned(), "b".to_owned()],
            });
            assert_eq!(facts.flags(&MisplacedPullSecrets), [(Severity::Error, "imagePullSecrets")], "{fault:?}");
            let help = facts.check(&MisplacedPullSecrets).pop().and_then(|finding| finding.help).unwrap_or_default();
            let expected = "write under `spec.template.spec`: `imagePullSecrets: [{name: a}, {name: b}]`";
            assert_eq!(help, expected);
        }
    }
}
