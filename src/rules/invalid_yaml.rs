//! `invalid-yaml`: a document that cannot be parsed, so that nothing in it was checked.

use std::sync::LazyLock;

use crate::findings::finding::{Finding, Severity};
use crate::inventory::{Problem, ProblemKind};
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/invalid-yaml.md")));

/// Reports a YAML or JSON document that kubectl rejects.
pub(super) struct InvalidYaml;

impl Rule for InvalidYaml {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.inventory.problems.iter().filter_map(finding));
    }
}

fn finding(problem: &Problem) -> Option<Finding> {
    let why = &problem.message;
    let (severity, message, help) = match problem.kind {
        ProblemKind::InvalidYaml { certain: true } => (
            META.severity,
            format!("cannot parse this document, so nothing in it is checked: {why}"),
            "`kubectl apply` would reject it too: fix the syntax at the marked position or just before it",
        ),
        ProblemKind::InvalidYaml { certain: false } => (
            Severity::Note,
            format!("cannot parse this document, which does not look like a manifest: {why}"),
            "if it is meant for the cluster, fix it; if not, skip it with `--exclude`",
        ),
        ProblemKind::RefusedYaml { certain: true } => (
            META.severity,
            format!("`kubectl apply` rejects this document: {why}"),
            "this is valid YAML, but Kubernetes does not accept it: write the intended value",
        ),
        ProblemKind::RefusedYaml { certain: false } => (
            Severity::Note,
            format!("`kubectl apply` would reject this document: {why}"),
            "if it is meant for the cluster, fix it; if not, skip it with `--exclude`",
        ),
        ProblemKind::UnreadYaml { certain } => (
            if certain { Severity::Warning } else { Severity::Note },
            format!("everything from here on is silently ignored: {why}"),
            "`kubectl apply` reads one document up to the next `---` and drops the rest: add a line `---` in between",
        ),
        _ => return None,
    };
    Some(Finding::new(META.id, severity, message, problem.span, "here").help(help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::Facts;

    #[test]
    fn invalid_yaml_is_an_error_only_in_a_manifest() {
        let mut facts = Facts::default();
        facts.problem(ProblemKind::InvalidYaml { certain: true }, "kind: [", "unclosed bracket");
        facts.problem(ProblemKind::InvalidYaml { certain: false }, "a: [", "unclosed bracket");
        facts.problem(ProblemKind::Template, "{{ if }}", "");
        assert_eq!(facts.flags(&InvalidYaml), [(Severity::Error, "kind: ["), (Severity::Note, "a: [")]);
    }

    #[test]
    fn refused_yaml_is_an_error_and_unread_yaml_a_warning() {
        let mut facts = Facts::default();
        facts.problem(ProblemKind::RefusedYaml { certain: true }, "n", "json: cannot unmarshal bool");
        facts.problem(ProblemKind::RefusedYaml { certain: false }, "%YAML", "found incompatible YAML document");
        facts.problem(ProblemKind::UnreadYaml { certain: true }, "kind: Pod", "`...` ends the document");
        facts.problem(ProblemKind::UnreadYaml { certain: false }, "b: 2", "`...` ends the document");
        let expected = [
            (Severity::Error, "n"),
            (Severity::Note, "%YAML"),
            (Severity::Warning, "kind: Pod"),
            (Severity::Note, "b: 2"),
        ];
        assert_eq!(facts.flags(&InvalidYaml), expected);
    }
}
