//! Known findings: a team can turn pullcheck on without fixing five hundred services first.
//!
//! A known finding is recognized by properties that do not move: rule, file, object, container and image, and the
//! number of such findings. Lines and messages are ignored.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::findings::finding::Finding;
use crate::text::source::Sources;

/// Version of the file's format.
const VERSION: u32 = 1;

/// Known findings, with the number of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline(BTreeMap<Key, u64>);

/// The properties that identify a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    rule: String,
    file: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    namespace: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    container: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    image: String,
}

impl Key {
    fn of(finding: &Finding, sources: &Sources) -> Self {
        let resource = finding.subject.resource.as_ref();
        let text = |text: Option<&String>| text.cloned().unwrap_or_default();
        Self {
            rule: finding.rule.to_owned(),
            file: sources.get(finding.primary.span.source).name().to_owned(),
            kind: resource.map(|resource| resource.kind.clone()).unwrap_or_default(),
            namespace: text(resource.and_then(|resource| resource.namespace.as_ref())),
            name: text(resource.and_then(|resource| resource.name.as_ref())),
            container: text(finding.subject.container.as_ref().and_then(|container| container.name.as_ref())),
            image: text(finding.subject.image.as_ref()),
        }
    }
}

/// The baseline file, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    findings: Vec<Counted>,
}

#[derive(Serialize, Deserialize)]
struct Counted {
    #[serde(flatten)]
    key: Key,
    count: u64,
}

/// Why a baseline cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The text is not JSON of the expected form.
    #[error("it is not a pullcheck baseline: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The file was written by another version.
    #[error("it has version {0}, but this pullcheck reads version {VERSION}; regenerate it with --write-baseline")]
    Version(u32),
}

impl Baseline {
    /// Builds a baseline from the findings of a run.
    pub fn of(findings: &[Finding], sources: &Sources) -> Self {
        let mut counts = BTreeMap::new();
        for finding in findings {
            *counts.entry(Key::of(finding, sources)).or_default() += 1;
        }
        Self(counts)
    }

    /// Parses the text of a baseline file.
    ///
    /// # Errors
    /// The text is not a baseline, or one of another version.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        let file: File = serde_json::from_str(text)?;
        match file.version {
            VERSION => {
                let mut counts = BTreeMap::new();
                for Counted { key, count } in file.findings {
                    // A merge of two branches can leave the entries of both: each gave only its own count.
                    let known: &mut u64 = counts.entry(key).or_default();
                    *known = count.max(*known);
                }
                Ok(Self(counts))
            }
            other => Err(BaselineError::Version(other)),
        }
    }

    /// Returns the text of the file: sorted, so that its changes read well, and with a line feed at the end.
    pub fn to_text(&self) -> String {
        let findings = self.0.iter().map(|(key, count)| Counted { key: key.clone(), count: *count }).collect();
        // Plain data with string keys.
        let mut text = serde_json::to_string_pretty(&File { version: VERSION, findings }).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Removes a finding from the list; `false` if it is not, or no longer, on it.
    pub fn take(&mut self, finding: &Finding, sources: &Sources) -> bool {
        match self.0.get_mut(&Key::of(finding, sources)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }

    /// Returns the number of known findings.
    pub fn len(&self) -> u64 {
        self.0.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Whether the baseline contains no findings.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many of the remaining findings should have been found: those in files that were read, by rules
    /// that were able to report, as given by `could_report(rule, file)`. They are fixed and can be removed.
    pub fn gone(&self, could_report: impl Fn(&str, &str) -> bool) -> u64 {
        let left = self.0.iter().filter(|(key, count)| **count > 0 && could_report(&key.rule, &key.file));
        left.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Whether the baseline contains findings, but none in these files: it was written in another folder.
    pub fn is_foreign(&self, sources: &Sources) -> bool {
        let names: BTreeSet<&str> = sources.iter().map(|(_, source)| source.name()).collect();
        !self.0.is_empty() && !names.is_empty() && !self.0.keys().any(|key| names.contains(key.file.as_str()))
    }
}

/// How a run used the baseline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaselineUse {
    /// `--write-baseline`: the baseline to write.
    pub written: Option<Baseline>,
    /// `--baseline`: the number of known findings that no longer exist.
    pub gone: u64,
    /// `--baseline`: the baseline is not empty, but contains nothing about the files that were read.
    pub foreign: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::{Severity, Subject};
    use crate::resource::ResourceName;
    use crate::text::source::{Encoding, Source, SourceId, Span};

    fn sources() -> Sources {
        Sources::new(vec![Source::new("a.yaml", "image: nginx\nimage: nginx\n", Encoding::Utf8)])
    }

    fn finding(rule: &'static str, at: u32, name: &str) -> Finding {
        let resource = ResourceName { kind: "Pod".to_owned(), name: Some(name.to_owned()), ..ResourceName::default() };
        let subject = Subject { resource: Some(resource), image: Some("nginx".to_owned()), ..Subject::default() };
        Finding::new(rule, Severity::Warning, "m", Span::new(SourceId(0), at, at + 5), "").subject(subject)
    }

    #[test]
    fn moved_findings_match_the_baseline() {
        let sources = sources();
        let before = [finding("mutable-tag", 0, "web"), finding("mutable-tag", 13, "web")];
        let text = Baseline::of(&before, &sources).to_text();
        let mut baseline = Baseline::parse(&text).expect("what was written can be read");
        assert!(baseline.take(&finding("mutable-tag", 7, "web"), &sources));
        assert!(!baseline.take(&finding("mutable-tag", 7, "api"), &sources));
        assert!(!baseline.take(&finding("image-not-found", 7, "web"), &sources));
        assert!(baseline.take(&finding("mutable-tag", 0, "web"), &sources));
        assert!(!baseline.take(&finding("mutable-tag", 0, "web"), &sources), "there were two");
        assert_eq!(baseline.gone(|_, _| true), 0);
    }

    #[test]
    fn invalid_baseline_is_rejected() {
        assert!(matches!(Baseline::parse("[]"), Err(BaselineError::Malformed(_))));
        assert!(matches!(Baseline::parse(r#"{"version":2,"findings":[]}"#), Err(BaselineError::Version(2))));
        assert!(matches!(Baseline::parse(r#"{"version":1,"findings":[],"x":1}"#), Err(BaselineError::Malformed(_))));
        assert_eq!(Baseline::parse(r#"{"version":1,"findings":[]}"#).expect("empty").len(), 0);
    }

    #[test]
    fn gone_findings_include_only_checked_rules_and_files() {
        let sources = sources();
        let mut baseline = Baseline::of(&[finding("mutable-tag", 0, "web"), finding("short-name", 0, "web")], &sources);
        assert!(baseline.take(&finding("short-name", 0, "web"), &sources));
        assert_eq!(baseline.gone(|rule, file| (rule, file) == ("mutable-tag", "a.yaml")), 1);
        assert_eq!(baseline.gone(|rule, _| rule != "mutable-tag"), 0);
        assert!(!baseline.is_foreign(&sources));
        let other = Sources::new(vec![Source::new("./else/a.yaml", "", Encoding::Utf8)]);
        assert!(baseline.is_foreign(&other) && !Baseline::default().is_foreign(&other));
    }

    #[test]
    fn duplicate_baseline_entries_are_not_summed() {
        let line = r#"{"rule":"mutable-tag","file":"a.yaml","kind":"Pod","name":"web","image":"nginx","count":1}"#;
        let text = format!(r#"{{"version":1,"findings":[{line},{line}]}}"#);
        assert_eq!(Baseline::parse(&text).expect("a baseline").len(), 1);
    }
}
