//! `invalid-suppression`: a comment or annotation that is intended to silence findings, and cannot.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::findings::suppression::DirectiveFault;
use crate::rules::engine::levels;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Rule, by_id};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/invalid-suppression.md")));

/// Reports a suppression comment or annotation that is not valid.
pub(super) struct InvalidSuppression;

impl Rule for InvalidSuppression {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        let suppressions = &cx.inventory.suppressions;
        out.extend(suppressions.invalid.iter().map(|directive| {
            let (message, help) = words(directive.fault);
            Finding::new(META.id, META.severity, message, directive.span, "suppresses nothing").help(help)
        }));
        let named = suppressions.valid.iter().flat_map(|suppression| &suppression.rules);
        let mut seen = HashMap::new();
        out.extend(named.filter(|rule| by_id(&rule.value).is_none()).map(|rule| {
            let message = message(&rule.value, &mut seen);
            Finding::new(META.id, META.severity, message, rule.span, "unknown rule")
                .help("use the rule names that findings show")
        }));
    }
}

/// How many unknown names get a suggestion: a file could contain millions.
const LOOKED_UP: usize = 1000;

/// How many characters of a name are repeated; no rule has as many.
const LONGEST: usize = 60;

fn message<'a>(name: &'a str, seen: &mut HashMap<&'a str, String>) -> String {
    if matches!(name, "all" | "*") {
        return "a suppression cannot apply to all rules: it would also hide the next problem".to_owned();
    }
    if let Some(message) = seen.get(name) {
        return message.clone();
    }
    let long = name.chars().nth(LONGEST).is_some();
    let message = if long || seen.len() >= LOOKED_UP {
        let (shown, more): (String, _) = (name.chars().take(LONGEST).collect(), if long { "…" } else { "" });
        format!("unknown rule `{shown}{more}`; run `pullcheck --list-rules` to list all rules")
    } else {
        levels::unknown(name)
    };
    if seen.len() < LOOKED_UP {
        seen.insert(name, message.clone());
    }
    message
}

const fn words(fault: DirectiveFault) -> (&'static str, &'static str) {
    match fault {
        DirectiveFault::NoRules => (
            "a suppression without rules in brackets suppresses nothing",
            "name the rules in brackets: `# pullcheck: ignore[mutable-tag] why`",
        ),
        DirectiveFault::Unclosed => (
            "the list of this suppression is not closed, so it suppresses nothing",
            "close the bracket: `# pullcheck: ignore[mutable-tag] why`",
        ),
        DirectiveFault::Unknown => (
            "a comment that begins with `pullcheck:` contains neither `ignore[...]` nor `ignore-file[...]`",
            "write `# pullcheck: ignore[rule] why` on the flagged line or alone on the line above",
        ),
        DirectiveFault::NoColon => (
            "a suppression begins with `pullcheck:`, in lowercase and with the colon; this one suppresses nothing",
            "write `# pullcheck: ignore[rule] why`",
        ),
        DirectiveFault::NotAtHead => (
            "`ignore-file` is only valid in the first comment block of the file",
            "move it to the top of the file, or write `ignore[...]` at the line",
        ),
        DirectiveFault::EmptyAnnotation => (
            "this annotation names no rule, so it suppresses nothing",
            "name the rules: `pullcheck.dev/ignore: mutable-tag,unpinned-image`",
        ),
        DirectiveFault::NotAString => (
            "this annotation is not a string, so it suppresses nothing, and the API server rejects the object",
            "write the rules as one string: `pullcheck.dev/ignore: \"mutable-tag,unpinned-image\"`",
        ),
        DirectiveFault::UnknownAnnotation => {
            ("unknown annotation, so it suppresses nothing", "use `pullcheck.dev/ignore`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_truncated_and_suggestions_are_limited() {
        let mut seen = HashMap::new();
        let long = "x".repeat(10_000);
        assert_eq!(
            message(&long, &mut seen),
            format!("unknown rule `{}…`; run `pullcheck --list-rules` to list all rules", "x".repeat(60))
        );
        assert!(message("mutable-tags", &mut seen).ends_with("did you mean `mutable-tag`?"));
        let many: Vec<String> = (0..2 * LOOKED_UP).map(|number| format!("mutable-ta{number}")).collect();
        let guessed = many.iter().filter(|name| message(name, &mut seen).contains("did you mean")).count();
        assert!(seen.len() == LOOKED_UP && guessed < LOOKED_UP, "{guessed}");
    }
}
