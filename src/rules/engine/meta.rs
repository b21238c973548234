//! Reads a rule's page `rules/<id>.md`, the only place that contains its texts.

use crate::findings::finding::Severity;

/// The front matter and the text of a rule's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Stable id in kebab-case, as used on the command line.
    pub id: &'static str,
    /// One-line title, as shown in lists.
    pub title: &'static str,
    /// The severity of a finding unless the operator sets another.
    pub severity: Severity,
    /// Whether the rule runs by default.
    pub enabled: bool,
    /// The version that introduced the rule.
    pub since: &'static str,
    /// Whether the rule needs answers of the registry.
    pub online: bool,
    /// Whether some findings of the rule have a fix.
    pub fix: bool,
    /// The Markdown below the front matter.
    pub body: &'static str,
}

/// What is wrong with a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The page does not open with `---`, or the front matter does not end.
    #[error("the page has no front matter between two `---` lines")]
    NoFrontMatter,
    /// A line that is not `key: value`, or a key that is unknown or written twice.
    #[error("unexpected front matter line `{0}`")]
    Line(&'static str),
    /// A key that every page needs is missing.
    #[error("the front matter lacks `{0}`")]
    Missing(&'static str),
    /// A value is not valid for its key.
    #[error("the front matter has a wrong value for `{0}`")]
    Value(&'static str),
}

const KEYS: [&str; 7] = ["id", "title", "severity", "since", "online", "fix", "enabled"];

impl Meta {
    /// Reads a page: `key: value` lines between two `---` lines, each key once, then Markdown. Only `enabled` may be
    /// left out: it is `true`.
    pub fn parse(page: &'static str) -> Result<Self, PageError> {
        let rest = page.strip_prefix("---\n").ok_or(PageError::NoFrontMatter)?;
        let (front, body) = rest.split_once("\n---\n").ok_or(PageError::NoFrontMatter)?;
        let mut values = [None; KEYS.len()];
        for line in front.lines() {
            let (key, value) = line.split_once(": ").ok_or(PageError::Line(line))?;
            let slot = KEYS.iter().position(|&known| known == key).and_then(|at| values.get_mut(at));
            match slot {
                Some(slot @ None) => *slot = Some(value.trim()),
                _ => return Err(PageError::Line(line)),
            }
        }
        let [id, title, severity, since, online, fix, enabled] = values;
        Ok(Self {
            id: required("id", id)?,
            title: required("title", title)?,
            severity: severity_of(required("severity", severity)?)?,
            enabled: flag("enabled", enabled.or(Some("true")))?,
            since: required("since", since)?,
            online: flag("online", online)?,
            fix: flag("fix", fix)?,
            body,
        })
    }

    /// Returns the rule's level by default: its severity, or `off`.
    pub const fn default_level(&self) -> &'static str {
        if self.enabled { self.severity.as_str() } else { "off" }
    }

    /// Reads a page that is compiled in.
    ///
    /// # Panics
    ///
    /// When the page is malformed. Pages are part of the program: a test reads each of them.
    pub(crate) fn of_page(page: &'static str) -> Self {
        match Self::parse(page) {
            Ok(meta) => meta,
            Err(error) => panic!("rules/*.md: {error}: {}", page.get(..80).unwrap_or(page)),
        }
    }
}

fn required(key: &'static str, value: Option<&'static str>) -> Result<&'static str, PageError> {
    value.filter(|value| !value.is_empty()).ok_or(PageError::Missing(key))
}

fn flag(key: &'static str, value: Option<&'static str>) -> Result<bool, PageError> {
    match required(key, value)? {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(PageError::Value(key)),
    }
}

fn severity_of(value: &str) -> Result<Severity, PageError> {
    [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .find(|severity| severity.as_str() == value)
        .ok_or(PageError::Value("severity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "---\nid: a-b\ntitle: Colons: allowed\nseverity: note\nsince: 0.1.0\nonline: true\nfix: false\n---\nbody\n";

    #[test]
    fn rule_page_is_parsed() {
        let meta = Meta::parse(GOOD).expect("good");
        assert_eq!((meta.id, meta.title, meta.severity), ("a-b", "Colons: allowed", Severity::Note));
        assert_eq!((meta.since, meta.online, meta.fix, meta.body), ("0.1.0", true, false, "body\n"));
        assert_eq!((meta.enabled, meta.default_level()), (true, "note"));
    }

    #[test]
    fn rule_may_be_off_by_default() {
        let page = "---\nid: a\ntitle: t\nseverity: error\nenabled: false\nsince: 1\nonline: true\nfix: false\n---\n";
        let meta = Meta::parse(page).expect("good");
        assert_eq!((meta.enabled, meta.severity, meta.default_level()), (false, Severity::Error, "off"));
    }

    #[test]
    fn invalid_rule_pages_are_rejected() {
        let cases = [
            ("# no front matter", PageError::NoFrontMatter),
            ("---\nid: a\n", PageError::NoFrontMatter),
            ("---\nid: a\nid: b\n---\n", PageError::Line("id: b")),
            ("---\ncolour: red\n---\n", PageError::Line("colour: red")),
            ("---\nid\n---\n", PageError::Line("id")),
            ("---\nid: a\n---\n", PageError::Missing("title")),
            ("---\nid: a\ntitle: t\nseverity: fatal\n---\n", PageError::Value("severity")),
        ];
        for (page, error) in cases {
            assert_eq!(Meta::parse(page), Err(error), "{page}");
        }
    }
}
