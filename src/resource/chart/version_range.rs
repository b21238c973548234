//! Ranges of versions, which choose a chart: `^1.2`, `>=1.0 <2`, `1.x || ~2.1`.
//!
//! Follows `constraints.go` of Masterminds/semver v3.5.0, which Helm, Flux and Argo CD share. It is
//! not Cargo's syntax, and not npm's either: a version alone means that version, missing parts make it a range, and
//! versions may lack parts, lead with a `v` or have zeros in front. Cargo's `semver` refuses `v1.2`, `1.2`, `!=` and
//! `||`; crates for npm ranges order or skip prereleases otherwise. So the library's own regular expressions are used.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::sync::LazyLock;

use regex_automata::meta::Regex;
use regex_automata::util::captures::Captures;

use super::version::{Version, compare_prereleases, group, regex};

/// `MaxConstraintLen`, in bytes.
const MAX_RANGE: usize = 512;
/// `MaxConstraintGroups`: alternatives between `||`.
const MAX_ALTERNATIVES: usize = 32;

/// `cvRegex`: a version within a range. The `|` in the classes is the library's own.
const PART: &str = concat!(
    r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?",
    r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?",
);
const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";
/// `\s` of Go, which is ASCII.
const SPACE: &str = r"[\t\n\f\r ]";

static HYPHEN: LazyLock<Regex> = LazyLock::new(|| regex(&format!("{SPACE}*({PART}){SPACE}+-{SPACE}+({PART}){SPACE}*")));
static COMPARISON: LazyLock<Regex> = LazyLock::new(|| regex(&format!("({OPERATORS}){SPACE}*({PART})")));
static ALTERNATIVE: LazyLock<Regex> = LazyLock::new(|| {
    let one = format!("({OPERATORS}){SPACE}*({PART}){SPACE}*");
    regex(&format!("^({SPACE}*{one})((?:{SPACE}+|,{SPACE}*){one})*$"))
});

/// A range of versions: alternatives, each of which is a list of comparisons that all have to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRange {
    alternatives: Vec<Alternative>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Alternative {
    comparisons: Vec<Comparison>,
    /// Whether one of them names a prerelease: only then prereleases match.
    takes_prereleases: bool,
}

/// `constraint`: an operator and a version.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparison {
    operator: Operator,
    version: Version,
    written: Written,
}

/// Which parts of a version a comparison writes as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// None: `*`.
    Nothing,
    /// `1`, `1.x`.
    Major,
    /// `1.2`, `1.2.x`.
    Minor,
    /// All three.
    Whole,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    TildeOrEqual,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

impl Operator {
    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "" | "=" => Self::TildeOrEqual,
            "!=" => Self::NotEqual,
            ">" => Self::Greater,
            "<" => Self::Less,
            ">=" | "=>" => Self::GreaterOrEqual,
            "<=" | "=<" => Self::LessOrEqual,
            "~" | "~>" => Self::Tilde,
            "^" => Self::Caret,
            _ => return None,
        })
    }
}

impl VersionRange {
    /// Reads a range (`NewConstraint`). `None` if the library refuses it. An empty text is no range.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_RANGE {
            return None;
        }
        let text = without_hyphens(text);
        let alternatives: Vec<&str> = text.split("||").collect();
        if alternatives.len() > MAX_ALTERNATIVES {
            return None;
        }
        let alternatives = alternatives.into_iter().map(Alternative::parse).collect::<Option<_>>()?;
        Some(Self { alternatives })
    }

    /// Whether a version is in the range (`Check`).
    pub fn matches(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|alternative| {
            let may_match = !version.is_prerelease() || alternative.takes_prereleases;
            may_match && alternative.comparisons.iter().all(|comparison| comparison.holds(version))
        })
    }
}

impl Alternative {
    fn parse(text: &str) -> Option<Self> {
        if !ALTERNATIVE.is_match(text) {
            return None;
        }
        let mut found = COMPARISON.create_captures();
        let (mut comparisons, mut at) = (Vec::new(), 0);
        while let Some(rest) = text.get(at..) {
            COMPARISON.captures(rest, &mut found);
            let Some(end) = found.get_match().map(|all| all.end()) else { break };
            comparisons.push(Comparison::of(&found, rest)?);
            at += end;
        }
        let takes_prereleases = comparisons.iter().any(|comparison: &Comparison| comparison.version.is_prerelease());
        Some(Self { comparisons, takes_prereleases })
    }
}

impl Comparison {
    /// `parseConstraint`.
    fn of(found: &Captures, text: &str) -> Option<Self> {
        let group = |index| group(found, text, index);
        let (whole, major, minor, patch, prerelease) = (group(2), group(3), group(4), group(5), group(6));
        let is_open = |part: &str| matches!(part.strip_prefix('.').unwrap_or(part), "" | "x" | "X" | "*");
        let (written, version) = if is_open(major) {
            (Written::Nothing, format!("0.0.0{prerelease}"))
        } else if is_open(minor) {
            (Written::Major, format!("{major}.0.0{prerelease}"))
        } else if is_open(patch) {
            (Written::Minor, format!("{major}{minor}.0{prerelease}"))
        } else {
            (Written::Whole, whole.to_owned())
        };
        Some(Self { operator: Operator::of(group(1))?, version: Version::parse(&version)?, written })
    }

    /// Whether it holds for a version that is no prerelease, or that may be one.
    fn holds(&self, version: &Version) -> bool {
        let (own, written) = (&self.version, self.written);
        match self.operator {
            Operator::TildeOrEqual if written == Written::Whole => version == own,
            Operator::TildeOrEqual | Operator::Tilde => self.tilde(version),
            Operator::Caret => self.caret(version),
            Operator::NotEqual => self.differs(version),
            Operator::Less => version < own,
            Operator::GreaterOrEqual => version >= own,
            Operator::Greater => match (written, version.major.cmp(&own.major)) {
                (Written::Whole, _) | (Written::Nothing, Ordering::Equal) => version > own,
                (_, Ordering::Greater) => true,
                (_, Ordering::Less) | (Written::Major, Ordering::Equal) => false,
                (Written::Minor, Ordering::Equal) => version.minor > own.minor,
            },
            Operator::LessOrEqual => match written {
                Written::Whole => version <= own,
                Written::Major => version.major <= own.major,
                Written::Nothing | Written::Minor => (version.major, version.minor) <= (own.major, own.minor),
            },
        }
    }

    /// `constraintTilde`.
    fn tilde(&self, version: &Version) -> bool {
        let (own, written) = (&self.version, self.written);
        if version < own {
            return false;
        }
        let is_zero = (own.major, own.minor, own.patch) == (0, 0, 0);
        if is_zero && matches!(written, Written::Nothing | Written::Whole) {
            return true;
        }
        version.major == own.major && (version.minor == own.minor || written == Written::Major)
    }

    /// `constraintCaret`.
    fn caret(&self, version: &Version) -> bool {
        let (own, written) = (&self.version, self.written);
        if version < own || version.major != own.major {
            return false;
        }
        if own.major > 0 || written == Written::Major {
            return true;
        }
        if own.minor > 0 || written == Written::Minor {
            return version.minor == own.minor;
        }
        version.minor == 0 && version.patch == own.patch
    }

    /// `constraintNotEqual`.
    fn differs(&self, version: &Version) -> bool {
        let (own, written) = (&self.version, self.written);
        if written == Written::Whole || version.major != own.major {
            return version != own;
        }
        match written {
            Written::Major => false,
            _ if version.minor != own.minor => true,
            Written::Minor => compare_prereleases(&version.prerelease, &own.prerelease).is_ne(),
            _ => version != own,
        }
    }
}

/// `rewriteRange`: `1.2 - 2.3` becomes two comparisons.
fn without_hyphens(text: &str) -> String {
    let mut found = HYPHEN.create_captures();
    let (mut out, mut at) = (String::new(), 0);
    while let Some(rest) = text.get(at..) {
        HYPHEN.captures(rest, &mut found);
        let Some(whole) = found.get_match() else { break };
        out.push_str(&rest[..whole.start()]);
        // Writing to a String cannot fail.
        let _ = write!(out, ">= {}, <= {} ", group(&found, rest, 1), group(&found, rest, 11));
        at += whole.end();
    }
    out.push_str(&text[at..]);
    out
}

/// Who chooses the version of a chart: their readings differ where a version is incomplete or leads with a `v`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VersionReading {
    /// Helm's `--version` (`ValidateReference` and `Tags` in `pkg/registry/client.go` of Helm 3.22).
    Helm,
    /// `version` of a chart in Flux's HelmRepository (`internal/helm/repository` of fluxcd/source-controller).
    FluxHelmRepository,
    /// `ref.semver` of Flux's OCIRepository (`getTagBySemver` in `internal/controller/ocirepository_controller.go` of
    /// fluxcd/source-controller).
    FluxOciRepository,
    /// `targetRevision` of Argo CD (`MaxVersion` in `util/versions/tags.go` of argoproj/argo-cd).
    ArgoCd,
}

impl VersionReading {
    /// Whether the text is one version, which is then the tag: the tags of an OCI repository are not listed.
    pub fn pins(self, text: &str) -> bool {
        match self {
            Self::Helm | Self::ArgoCd => Version::parse(text).is_some(),
            Self::FluxHelmRepository => complete(text).is_some(),
            Self::FluxOciRepository => false,
        }
    }

    /// The version that a tag of an OCI repository stands for, if the reader takes it for one. A `_` in the tag of a
    /// chart is the `+` of its version, which tags cannot contain.
    pub fn of_tag(self, tag: &str) -> Option<Version> {
        let version = tag.replace('_', "+");
        match self {
            Self::Helm | Self::FluxHelmRepository => Version::parse_strict(&version),
            Self::FluxOciRepository => complete(&version),
            Self::ArgoCd => Version::parse(&version),
        }
    }

    /// The version of an entry of a repository's index, if the reader takes it for one.
    pub fn of_entry(self, version: &str) -> Option<Version> {
        match self {
            Self::FluxHelmRepository | Self::FluxOciRepository => complete(version),
            Self::Helm | Self::ArgoCd => Version::parse(version),
        }
    }
}

/// `ParseVersion` in `version` of fluxcd/pkg.
fn complete(text: &str) -> Option<Version> {
    Version::parse_strict(text.strip_prefix('v').unwrap_or(text))
}

/// Chooses the highest tag of an OCI repository in a range; of equal versions, the first.
pub fn choose<'t>(
    range: &VersionRange,
    tags: impl IntoIterator<Item = &'t str>,
    reading: VersionReading,
) -> Option<&'t str> {
    let versions = tags.into_iter().filter_map(|tag| Some((reading.of_tag(tag)?, tag)));
    highest(versions.filter(|(version, _)| range.matches(version)))
}

/// The value of the highest version; of equal versions, that of the first.
pub fn highest<V>(versions: impl IntoIterator<Item = (Version, V)>) -> Option<V> {
    let highest = versions.into_iter().reduce(|best, next| if next.0 > best.0 { next } else { best });
    highest.map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of Masterminds/semver v3.5.0: `NewVersion` and `StrictNewVersion` for each version, `Compare` for
    /// pairs, and for each range the versions that it matches. In the file, `·` is a space.
    const ANSWERS: &str = include_str!("version_range.tsv");

    #[test]
    fn ranges_and_versions_are_read_as_by_the_library() {
        let mut versions = Vec::new();
        let mut ranges = 0;
        for line in ANSWERS.lines() {
            let line = line.replace('·', " ");
            let fields: Vec<&str> = line.split('\t').collect();
            match fields[..] {
                ["version", text, lenient, strict] => {
                    assert_eq!(Version::parse(text).is_some(), lenient == "true", "{text}");
                    assert_eq!(Version::parse_strict(text).is_some(), strict == "true", "{text} (strict)");
                    versions.push(text.to_owned());
                }
                ["order", a, b, order] => {
                    let order = order.parse::<i32>().unwrap().cmp(&0);
                    assert_eq!(Version::parse(a).unwrap().cmp(&Version::parse(b).unwrap()), order, "{a} {b}");
                    assert_eq!(Version::parse(b).unwrap().cmp(&Version::parse(a).unwrap()), order.reverse());
                }
                ["range", text, expected] => {
                    ranges += 1;
                    let range = VersionRange::parse(text);
                    let matching = range.map_or("refused".to_owned(), |range| {
                        let parsed = versions.iter().filter_map(|text| Some((text, Version::parse(text)?)));
                        let matching = parsed.filter(|(_, version)| range.matches(version));
                        matching.map(|(text, _)| text.as_str()).collect::<Vec<_>>().join(" ")
                    });
                    assert_eq!(matching, expected, "{text:?}");
                }
                _ => panic!("{line}"),
            }
        }
        assert!(versions.len() > 40 && ranges > 100, "{} versions, {ranges} ranges", versions.len());
    }

    #[test]
    fn limits_of_the_library_are_kept() {
        let many = |count: usize| vec!["1"; count].join("||");
        assert!(VersionRange::parse(&many(32)).is_some() && VersionRange::parse(&many(33)).is_none());
        let long = |digits: usize| format!(">={}", "0".repeat(digits));
        // A version has limits of its own.
        assert!(VersionRange::parse(&long(510)).is_none() && VersionRange::parse(&long(252)).is_some());
    }

    #[test]
    fn highest_tag_is_chosen_as_each_reader_reads_tags() {
        let tags = ["1.2.0", "v1.4.0", "1.3.0_build.1", "1.10", "latest", "2.0.0-rc.1", "1.3.0"];
        let chosen = |range: &str, reading| choose(&VersionRange::parse(range).unwrap(), tags, reading);
        assert_eq!(chosen("^1", VersionReading::Helm), Some("1.3.0_build.1"));
        assert_eq!(chosen("^1", VersionReading::FluxHelmRepository), Some("1.3.0_build.1"));
        assert_eq!(chosen("^1", VersionReading::FluxOciRepository), Some("v1.4.0"));
        assert_eq!(chosen("^1", VersionReading::ArgoCd), Some("1.10"));
        assert_eq!(chosen(">=1-0", VersionReading::Helm), Some("2.0.0-rc.1"));
        assert_eq!(chosen("^3", VersionReading::Helm), None);
    }

    #[test]
    fn complete_version_is_a_tag_and_needs_no_list() {
        let pins = |text: &str| {
            use VersionReading::{ArgoCd, FluxHelmRepository, FluxOciRepository, Helm};
            [Helm, FluxHelmRepository, FluxOciRepository, ArgoCd].map(|reading| reading.pins(text))
        };
        assert_eq!(pins("1.2.3"), [true, true, false, true]);
        assert_eq!(pins("v1.2.3"), [true, true, false, true]);
        assert_eq!(pins("1.2"), [true, false, false, true]);
        assert_eq!(pins("1.x"), [false; 4]);
        assert_eq!(pins("latest"), [false; 4]);
    }
}
