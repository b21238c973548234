//! `invalid-yaml`: a document that cannot be parsed, so that nothing in it was checked.

use std::sync::LazyLock;

use crate::finding::{Finding, Severity};
use crate::inventory::ProblemKind;
use crate::rules::meta::Meta;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/invalid-yaml.md")));

/// The rule.
pub(super) struct InvalidYaml;

impl Rule for InvalidYaml {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        for problem in &cx.inventory.problems {
            let ProblemKind::InvalidYaml { certain } = problem.kind else { continue };
            let why = &problem.message;
            let finding = if certain {
                let message = format!("this document cannot be parsed, so nothing in it is checked: {why}");
                Finding::new(META.id, META.severity, message, problem.span, "here")
                    .help("`kubectl apply` would refuse it too: mend the syntax at the mark or just before it")
            } else {
                let message = format!("this document cannot be parsed, and does not look like a manifest: {why}");
                Finding::new(META.id, Severity::Note, message, problem.span, "here")
                    .help("if it is meant for the cluster, mend it; if not, leave it out with `--exclude`")
            };
            out.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::Facts;

    #[test]
    fn only_what_is_meant_as_a_manifest_is_an_error() {
        let mut facts = Facts::default();
        facts.problem(ProblemKind::InvalidYaml { certain: true }, "kind: [", "unclosed bracket");
        facts.problem(ProblemKind::InvalidYaml { certain: false }, "a: [", "unclosed bracket");
        facts.problem(ProblemKind::Template, "{{ if }}", "");
        assert_eq!(facts.flags(&InvalidYaml), [(Severity::Error, "kind: ["), (Severity::Note, "a: [")]);
    }
}
