//! Versions of charts.
//!
//! Follows `version.go` of Masterminds/semver v3.5.0.

use std::cmp::Ordering;
use std::sync::LazyLock;

use regex_automata::meta::Regex;
use regex_automata::util::captures::Captures;

/// `MaxVersionLen`, in bytes.
const MAX_VERSION: usize = 256;

/// `looseSemVerRegex`.
const LOOSE_VERSION: &str = concat!(
    r"^v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?",
    r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?$",
);

static VERSION: LazyLock<Regex> = LazyLock::new(|| regex(LOOSE_VERSION));

/// Compiles a pattern of the library.
#[expect(clippy::expect_used, reason = "the patterns are constants, and every test compiles them")]
pub(super) fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a valid pattern")
}

/// The text of a group; empty if it is not part of the match.
pub(super) fn group<'t>(found: &Captures, text: &'t str, index: usize) -> &'t str {
    found.get_group(index).map_or("", |span| &text[span.range()])
}

/// A version of a chart, as `semver.NewVersion` reads it. Equality and order ignore the build metadata.
#[derive(Debug, Clone)]
pub struct Version {
    pub(super) major: u64,
    pub(super) minor: u64,
    pub(super) patch: u64,
    pub(super) prerelease: String,
}

impl Version {
    /// Reads a version: a `v` in front, missing parts and leading zeros are accepted.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_VERSION {
            return None;
        }
        let mut found = VERSION.create_captures();
        VERSION.captures(text, &mut found);
        let group = |index| group(&found, text, index);
        found.get_match()?;
        let number = |part: &str| match part.trim_start_matches('.') {
            "" => Some(0),
            digits => digits.parse().ok(),
        };
        let prerelease = group(5);
        // `validatePrerelease`: the other checks hold for every match.
        let leads_with_zero = |part: &str| part.len() > 1 && part.starts_with('0') && is_number(part);
        if prerelease.split('.').any(leads_with_zero) {
            return None;
        }
        let (major, minor, patch) = (number(group(1))?, number(group(2))?, number(group(3))?);
        Some(Self { major, minor, patch, prerelease: prerelease.to_owned() })
    }

    /// Reads a version as `semver.StrictNewVersion` does: three parts, no `v`, no leading zeros.
    pub fn parse_strict(text: &str) -> Option<Self> {
        let end = text.find(['-', '+']).unwrap_or(text.len());
        let mut parts = text[..end].split('.');
        let plain = |part: &str| is_number(part) && (part.len() == 1 || !part.starts_with('0'));
        let three = parts.by_ref().take(3).filter(|part| plain(part)).count() == 3 && parts.next().is_none();
        if three { Self::parse(text) } else { None }
    }

    /// Whether it is a prerelease, which a range without one never matches.
    pub fn is_prerelease(&self) -> bool {
        !self.prerelease.is_empty()
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = |it: &Self| (it.major, it.minor, it.patch);
        let order = numbers(self).cmp(&numbers(other));
        order.then_with(|| match (self.prerelease.as_str(), other.prerelease.as_str()) {
            ("", "") => Ordering::Equal,
            ("", _) => Ordering::Greater,
            (_, "") => Ordering::Less,
            (own, other) => compare_prereleases(own, other),
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

/// `comparePrerelease`.
pub(super) fn compare_prereleases(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => compare_parts(a.unwrap_or_default(), b.unwrap_or_default()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// `comparePrePart`. A number that does not fit is compared as a text, as there.
fn compare_parts(a: &str, b: &str) -> Ordering {
    if a.is_empty() || b.is_empty() {
        return a.len().min(1).cmp(&b.len().min(1));
    }
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| is_number(text));
    match (number(a), number(b)) {
        (None, None) => a.cmp(b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (Some(a), Some(b)) => a.cmp(&b),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
