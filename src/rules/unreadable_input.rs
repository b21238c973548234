//! `unreadable-input`: a file that could not be read, so that nothing in it was checked.

use std::sync::LazyLock;

use crate::finding::Finding;
use crate::inventory::ProblemKind;
use crate::rules::meta::Meta;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/unreadable-input.md")));

/// The rule.
pub(super) struct UnreadableInput;

impl Rule for UnreadableInput {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        let unreadable = cx.inventory.problems.iter().filter(|problem| problem.kind == ProblemKind::Unreadable);
        out.extend(unreadable.map(|problem| {
            let message = format!("the file cannot be read, so nothing in it is checked: {}", problem.message);
            Finding::new(META.id, META.severity, message, problem.span, "")
                .help("make it readable, or leave it out with `--exclude`")
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use crate::rules::testing::Facts;

    #[test]
    fn a_file_that_was_not_read_is_never_passed_over() {
        let mut facts = Facts::default();
        facts.problem(ProblemKind::Unreadable, "", "permission denied");
        facts.problem(ProblemKind::Template, "{{ if }}", "");
        let found = facts.check(&UnreadableInput);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Severity::Error);
        assert!(found[0].message.ends_with("permission denied"));
    }
}
