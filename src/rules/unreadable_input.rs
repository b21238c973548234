//! `unreadable-input`: a file that could not be read, so that nothing in it was checked.

use std::sync::LazyLock;

use crate::findings::finding::{Finding, Severity};
use crate::inventory::ProblemKind;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/unreadable-input.md")));

/// Reports a file that was named or found in a folder but cannot be read.
pub(super) struct UnreadableInput;

impl Rule for UnreadableInput {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.inventory.problems.iter().filter_map(|problem| {
            let label = if problem.kind == ProblemKind::Replaced { "not UTF-8" } else { "" };
            let (severity, message, help) = match problem.kind {
                ProblemKind::Replaced => (
                    Severity::Warning,
                    "the file is not valid UTF-8: kubectl replaces each invalid byte with U+FFFD, and pullcheck does \
                     the same; kustomize and Helm reject the file or read it differently"
                        .to_owned(),
                    "convert the file to UTF-8: `iconv -f ISO-8859-1 -t UTF-8 FILE`",
                ),
                ProblemKind::Unreadable => (
                    META.severity,
                    format!("cannot read this file, so nothing in it is checked: {}", problem.message),
                    "make it readable, or skip it with `--exclude`",
                ),
                ProblemKind::PassedOver => (
                    Severity::Note,
                    format!("not followed, so nothing behind it is checked: {}", problem.message),
                    "pass its target as well as the folder, or skip it with `--exclude`",
                ),
                _ => return None,
            };
            Some(Finding::new(META.id, severity, message, problem.span, label).help(help))
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::Facts;

    #[test]
    fn unreadable_file_is_an_error() {
        let mut facts = Facts::default();
        facts.problem(ProblemKind::Unreadable, "", "permission denied");
        facts.problem(ProblemKind::Template, "{{ if }}", "");
        let found = facts.check(&UnreadableInput);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Severity::Error);
        assert!(found[0].message.ends_with("permission denied"));
    }
}
