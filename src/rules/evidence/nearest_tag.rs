//! "Did you mean": the tags of a repository that are nearest to one that does not exist.

use std::cmp::Reverse;

/// A tag that is similar to the wanted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Near<'t> {
    /// A tag that exists.
    pub tag: &'t str,
    /// Whether a typo, or a shortened version, explains the difference; otherwise it is only the next version.
    pub likely: bool,
}

const SHOWN: usize = 3;

/// Longer tags are hashes and dates: the edit distance is then expensive and means little.
const LONGEST_COMPARED: usize = 48;

/// Returns at most three tags, best first.
pub(crate) fn nearest<'t>(wanted: &str, tags: &'t [String]) -> Vec<Near<'t>> {
    let wanted = Tag::new(wanted);
    let mut ranked: Vec<_> = tags
        .iter()
        // Signatures and attestations of cosign, stored next to the images.
        .filter(|tag| !tag.starts_with("sha256-"))
        .filter_map(|tag| Some((wanted.rank(&Tag::new(tag))?, tag.as_str())))
        .collect();
    ranked.sort();
    ranked.dedup_by(|a, b| a.1 == b.1);
    ranked.into_iter().take(SHOWN).map(|(rank, tag)| Near { tag, likely: rank.class != Class::Version }).collect()
}

/// How a tag is similar, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// The tags differ in case, or by a leading `v`.
    Spelling,
    /// The tags differ in characters that look alike: `1.O` and `1.0`, `v1-9` and `v1.9`.
    LookAlike,
    /// An equal version, with more or fewer components: `1.9` and `1.9.0`.
    Precision,
    /// One or two edits away.
    Edit,
    /// Another version of the same flavor.
    Version,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    class: Class,
    /// The difference of the versions, component by component.
    gap: Vec<u64>,
    edits: usize,
    newest: Reverse<Vec<u64>>,
}

/// A tag in its parts: `v1.27.3-alpine` is the version 1.27.3 of the flavor `-alpine`.
struct Tag<'t> {
    text: &'t str,
    /// The text without the `v` of a version.
    bare: &'t str,
    numbers: Vec<u64>,
    flavour: &'t str,
}

impl<'t> Tag<'t> {
    fn new(text: &'t str) -> Self {
        let bare = text
            .strip_prefix(['v', 'V'])
            .filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
            .unwrap_or(text);
        let end = bare.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(bare.len());
        let (version, flavour) = bare.split_at(end);
        let numbers = version.trim_end_matches('.').split('.').map(str::parse).collect::<Result<_, _>>();
        Self { text, bare, numbers: numbers.unwrap_or_default(), flavour }
    }

    fn rank(&self, other: &Tag<'_>) -> Option<Rank> {
        let versions = !self.numbers.is_empty() && !other.numbers.is_empty();
        let shared = self.numbers.iter().zip(&other.numbers).take_while(|(a, b)| a == b).count();
        let precision = versions && shared == self.numbers.len().min(other.numbers.len());
        let same_flavour = self.flavour == other.flavour;
        let edits = self.edits(other);
        let class = if self.bare.eq_ignore_ascii_case(other.bare) {
            Class::Spelling
        } else if looks(self.text).eq(looks(other.text)) || looks(self.bare).eq(looks(other.bare)) {
            Class::LookAlike
        } else if precision && same_flavour {
            Class::Precision
        } else if versions && same_flavour {
            Class::Version
        } else if edits.is_some() {
            Class::Edit
        } else {
            return None;
        };
        let gap = if versions { gap(&self.numbers, &other.numbers) } else { Vec::new() };
        Some(Rank { class, gap, edits: edits.unwrap_or(usize::MAX), newest: Reverse(other.numbers.clone()) })
    }

    /// Returns the edit distance of the two tags, if it is small for their length.
    fn edits(&self, other: &Tag<'_>) -> Option<usize> {
        let limit = (self.text.len() / 3).min(2);
        if limit == 0 || self.text.len() > LONGEST_COMPARED || self.text.len().abs_diff(other.text.len()) > limit {
            return None;
        }
        Some(strsim::osa_distance(self.text, other.text)).filter(|&edits| edits <= limit)
    }
}

/// Returns the text with one character for all that look like it, or are confused with each other.
fn looks(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| match c {
        'l' | 'L' | 'i' | 'I' => '1',
        'o' | 'O' => '0',
        '_' | '.' => '-',
        other => other.to_ascii_lowercase(),
    })
}

fn gap(a: &[u64], b: &[u64]) -> Vec<u64> {
    let at = |numbers: &[u64], place: usize| numbers.get(place).copied().unwrap_or_default();
    (0..a.len().max(b.len())).map(|place| at(a, place).abs_diff(at(b, place))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(wanted: &str, tags: &[&str]) -> Vec<String> {
        let tags: Vec<_> = tags.iter().map(|&tag| tag.to_owned()).collect();
        nearest(wanted, &tags).iter().map(|near| near.tag.to_owned()).collect()
    }

    #[test]
    fn nearest_tags_are_ranked_by_likelihood() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("1.9", &["1.8", "v1.9", "1.9.0", "2.0"], &["v1.9", "1.9.0", "1.8"]),
            ("1.9", &["1.9.0", "1.9.12", "1.10.0"], &["1.9.0", "1.9.12", "1.10.0"]),
            ("1.27.9-alpine", &["1.27.3", "1.27.3-alpine", "1.26.0-alpine"], &["1.27.3-alpine", "1.26.0-alpine"]),
            ("1.27-alpin", &["1.27-alpine", "1.27", "1.27-perl"], &["1.27-alpine"]),
            ("lastest", &["1.0", "latest", "edge"], &["latest"]),
            ("Main", &["maine", "main"], &["main"]),
            ("1.O", &["1.1", "1.0", "1.9"], &["1.0", "1.1", "1.9"]),
            ("v1-9", &["1.8", "v1.9", "v1-8"], &["v1.9", "v1-8"]),
            ("release_2", &["release-3", "release-2"], &["release-2", "release-3"]),
            ("l.2", &["2.2", "1.2"], &["1.2", "2.2"]),
            ("3f2a9c1", &["9d8e7f6", "a1b2c3d"], &[]),
            ("1.9", &["sha256-0a.sig"], &[]),
            ("a", &["b"], &[]),
            ("1.9", &[], &[]),
        ];
        for (wanted, tags, expected) in cases {
            assert_eq!(near(wanted, tags), *expected, "{wanted} among {tags:?}");
        }
    }

    #[test]
    fn next_version_is_not_a_likely_typo() {
        let tags = ["1.8.2".to_owned(), "1.9.0".to_owned()];
        assert_eq!(nearest("1.9", &tags).iter().map(|near| near.likely).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn huge_version_numbers_are_handled() {
        let big = "9".repeat(120);
        assert_eq!(near(&big, &[&big[1..], "1.0"]), Vec::<String>::new());
        assert_eq!(near("1..2", &["1.2"]), ["1.2"]);
    }
}
