//! `--deny`, `--warn`, `--note`, `--allow`: the severities that the operator gives to rules.

use std::collections::BTreeMap;

use crate::findings::finding::Severity;
use crate::rules::engine::meta::Meta;
use crate::rules::{RULES, by_id};

/// The word for all rules that are on by default.
pub const ALL: &str = "all";

/// The configured level of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The rule does not run.
    Off,
    /// All findings of the rule have this severity; a rule that is off by default runs.
    At(Severity),
}

impl Level {
    /// `error`, `warning`, `note` or `off`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::At(severity) => severity.as_str(),
        }
    }
}

/// The configured levels of all rules. A rule that is named takes precedence over `all`. `all` does not turn on
/// rules that are off by default: they contradict each other's policies, so each has to be named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Levels {
    all: Option<Level>,
    named: BTreeMap<&'static str, Level>,
}

/// Why a level cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LevelError {
    /// The id matches no rule.
    #[error("{}", unknown(.0))]
    Unknown(String),
    /// A rule is given two levels.
    #[error("`{0}` has two severities; remove one of them")]
    Twice(String),
}

impl Levels {
    /// Sets the level of a rule, or of `all`.
    ///
    /// # Errors
    /// The rule is unknown, or it already has another level.
    pub fn set(&mut self, rule: &str, level: Level) -> Result<(), LevelError> {
        let before = if rule == ALL {
            self.all.replace(level)
        } else {
            let rule = by_id(rule).ok_or_else(|| LevelError::Unknown(rule.to_owned()))?;
            self.named.insert(rule.meta().id, level)
        };
        match before {
            Some(before) if before != level => Err(LevelError::Twice(rule.to_owned())),
            _ => Ok(()),
        }
    }

    /// Turns on a rule that is off by default, unless the operator names a level for it.
    pub fn turn_on(&mut self, rule: &str, severity: Severity) {
        if let Some(rule) = by_id(rule) {
            self.named.entry(rule.meta().id).or_insert(Level::At(severity));
        }
    }

    /// Returns the severity to report for a finding that a rule gave the severity `found`, or `None` if the rule
    /// does not run.
    pub fn severity(&self, meta: &Meta, found: Severity) -> Option<Severity> {
        match self.named.get(meta.id).copied().or(self.all.filter(|_| meta.enabled)) {
            Some(Level::Off) => None,
            Some(Level::At(severity)) => Some(severity),
            None => meta.enabled.then_some(found),
        }
    }

    /// Combines these levels with `lower` ones. Rules that are named here take precedence, then the `all` set here,
    /// which means every rule that is on below, then the lower levels.
    #[must_use]
    pub fn over(&self, lower: &Self) -> Self {
        let level = |meta: &Meta| {
            let below = lower.named.get(meta.id).copied().or(lower.all.filter(|_| meta.enabled));
            let on = below.map_or(meta.enabled, |level| level != Level::Off);
            self.named.get(meta.id).copied().or(self.all.filter(|_| on)).or(below)
        };
        let metas = RULES.iter().map(|rule| rule.meta());
        Self { all: None, named: metas.filter_map(|meta| Some((meta.id, level(meta)?))).collect() }
    }

    /// Whether a rule has a level of its own.
    pub fn names(&self, rule: &str) -> bool {
        self.named.contains_key(rule)
    }

    /// Returns every level that was set, by the id of its rule; `all` is the first.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Level)> {
        self.all.map(|level| (ALL, level)).into_iter().chain(self.named.iter().map(|(rule, level)| (*rule, *level)))
    }

    /// Whether a rule runs.
    pub fn runs(&self, meta: &Meta) -> bool {
        self.severity(meta, meta.severity).is_some()
    }
}

/// Returns the message for an unknown rule, with the closest match.
pub fn unknown(id: &str) -> String {
    let distance = |known: &str| strsim::osa_distance(&id.to_ascii_lowercase().replace('_', "-"), known);
    let ids = RULES.iter().map(|rule| rule.meta().id);
    let nearest =
        ids.map(|known| (distance(known), known)).min().filter(|(distance, known)| *distance * 3 <= known.len());
    match nearest {
        Some((_, nearest)) => format!("unknown rule `{id}`; did you mean `{nearest}`?"),
        None => format!("unknown rule `{id}`; run `pullcheck --list-rules` to list all rules"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Severity::{Error, Note, Warning};

    fn severity(levels: &[(&str, Level)], rule: &str) -> Option<Severity> {
        let mut chosen = Levels::default();
        for (rule, level) in levels {
            chosen.set(rule, *level).expect("a rule");
        }
        chosen.severity(by_id(rule).expect("a rule").meta(), Note)
    }

    #[test]
    fn rule_name_overrides_all_and_all_enables_nothing() {
        let (deny, warn, off) = (Level::At(Error), Level::At(Warning), Level::Off);
        assert_eq!(severity(&[], "mutable-tag"), Some(Note));
        assert_eq!(severity(&[("mutable-tag", deny)], "mutable-tag"), Some(Error));
        assert_eq!(severity(&[("mutable-tag", deny), ("all", off)], "mutable-tag"), Some(Error));
        assert_eq!(severity(&[("all", off)], "mutable-tag"), None);
        assert_eq!(severity(&[("all", warn)], "mutable-tag"), Some(Warning));
        assert_eq!(severity(&[], "short-name"), None);
        assert_eq!(severity(&[("all", deny)], "short-name"), None);
        assert_eq!(severity(&[("short-name", warn)], "short-name"), Some(Warning));
    }

    #[test]
    fn option_enables_a_rule_but_does_not_override_its_level() {
        let mut levels = Levels::default();
        levels.turn_on("short-name", Warning);
        assert_eq!(levels.severity(by_id("short-name").expect("a rule").meta(), Note), Some(Warning));
        let mut levels = Levels::default();
        levels.set("short-name", Level::Off).expect("a rule");
        levels.turn_on("short-name", Warning);
        assert_eq!(levels.severity(by_id("short-name").expect("a rule").meta(), Note), None);
    }

    #[test]
    fn upper_levels_override_lower_levels() {
        let (deny, warn, off) = (Level::At(Error), Level::At(Warning), Level::Off);
        let of = |upper: &[(&str, Level)], lower: &[(&str, Level)], rule: &str| {
            let [upper, lower] = [upper, lower].map(|layer| {
                let mut levels = Levels::default();
                layer.iter().for_each(|(rule, level)| levels.set(rule, *level).expect("a rule"));
                levels
            });
            upper.over(&lower).severity(by_id(rule).expect("a rule").meta(), Note)
        };
        assert_eq!(of(&[], &[], "mutable-tag"), Some(Note));
        assert_eq!(of(&[], &[], "short-name"), None);
        assert_eq!(of(&[], &[("all", warn)], "mutable-tag"), Some(Warning));
        assert_eq!(of(&[("mutable-tag", deny)], &[("mutable-tag", off)], "mutable-tag"), Some(Error));
        // `all` of the upper layer is every rule that is on in the lower one.
        assert_eq!(of(&[("all", deny)], &[("mutable-tag", off)], "mutable-tag"), None);
        assert_eq!(of(&[("all", deny)], &[("short-name", warn)], "short-name"), Some(Error));
        assert_eq!(of(&[("all", deny)], &[("mutable-tag", warn)], "mutable-tag"), Some(Error));
        assert_eq!(of(&[("all", off)], &[("short-name", warn)], "short-name"), None);
        assert_eq!(of(&[("all", deny)], &[("all", off)], "mutable-tag"), None);
    }

    #[test]
    fn unknown_rules_and_conflicting_levels_are_rejected() {
        let mut levels = Levels::default();
        let said = |error: Result<(), LevelError>| error.expect_err("refused").to_string();
        let meant = "unknown rule `mutable_tags`; did you mean `mutable-tag`?";
        assert_eq!(said(levels.set("mutable_tags", Level::Off)), meant);
        assert_eq!(
            said(levels.set("xyz", Level::Off)),
            "unknown rule `xyz`; run `pullcheck --list-rules` to list all rules"
        );
        assert_eq!(levels.set("mutable-tag", Level::Off), Ok(()));
        assert_eq!(levels.set("mutable-tag", Level::Off), Ok(()));
        let twice = "`mutable-tag` has two severities; remove one of them";
        assert_eq!(said(levels.set("mutable-tag", Level::At(Note))), twice);
    }
}
