//! The table of all rules (`--list-rules`).

use std::fmt::Write as _;

use crate::rules::RULES;

/// Returns a table of all rules: id, default severity or `off`, whether the rule asks the registry, title.
pub fn list_rules() -> String {
    let width = RULES.iter().map(|rule| rule.meta().id.len()).max().unwrap_or_default();
    let mut out = String::new();
    for rule in RULES {
        let meta = rule.meta();
        let online = if meta.online { "registry" } else { "" };
        let _ = writeln!(out, "{:width$}  {:7}  {online:8}  {}", meta.id, meta.default_level(), meta.title);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_listed_once() {
        let table = list_rules();
        assert_eq!(table.lines().count(), RULES.len());
        for rule in RULES {
            assert_eq!(table.lines().filter(|line| line.starts_with(&format!("{} ", rule.meta().id))).count(), 1);
        }
    }
}
