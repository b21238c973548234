use super::*;
use crate::resource::chart::version_range::VersionReading;
use crate::resource::kustomization::pattern::Pattern;

fn range(text: &str) -> WantedRange {
    WantedRange {
        text: text.to_owned(),
        reading: VersionReading::FluxOciRepository,
        filter: None,
        has_build_metadata: false,
    }
}

fn list(tags: &[&str]) -> TagList {
    TagList::Tags(tags.iter().map(|&tag| tag.to_owned()).collect())
}

fn is_absent(wanted: &WantedRange, tags: &TagList) -> bool {
    matches!(in_range(wanted, tags).0, Outcome::Absent(_))
}

fn is_unknown(wanted: &WantedRange, tags: &TagList) -> bool {
    matches!(in_range(wanted, tags).0, Outcome::Unknown(..))
}

#[test]
fn highest_version_in_range_is_chosen() {
    let tags = list(&["1.8.0", "latest", "1.10.0", "1.9.9", "2.0.0-rc.1", "2.0.0"]);
    assert_eq!(in_range(&range("~1"), &tags).1.as_deref(), Some("1.10.0"));
    assert_eq!(in_range(&range(">=1.9.0"), &tags).1.as_deref(), Some("2.0.0"));
    assert!(is_absent(&range(">=2.1.0"), &tags));
}

#[test]
fn prerelease_is_not_in_range_that_names_none() {
    let tags = list(&["2.0.0-rc.1"]);
    assert!(is_absent(&range(">=1.0.0"), &tags));
    assert_eq!(in_range(&range(">=1.0.0-0"), &tags).1.as_deref(), Some("2.0.0-rc.1"));
}

#[test]
fn underscore_is_build_metadata_of_charts_alone() {
    let tags = list(&["1.9.0_build.7"]);
    assert!(is_absent(&range("1.9.x"), &tags));
    let of_chart = WantedRange { has_build_metadata: true, ..range("1.9.x") };
    assert_eq!(in_range(&of_chart, &tags).1.as_deref(), Some("1.9.0_build.7"));
}

#[test]
fn tags_that_do_not_fit_the_filter_are_left_out() {
    let tags = list(&["1.9.0", "1.8.0-alpine"]);
    let filtered = |pattern| WantedRange { filter: Some(Pattern::new(pattern)), ..range(">=1.0.0-0") };
    assert_eq!(in_range(&filtered(".*-alpine"), &tags).1.as_deref(), Some("1.8.0-alpine"));
    assert!(is_absent(&filtered("-debian$"), &tags));
    // A pattern that is not understood may match any of them, or none.
    assert!(is_unknown(&filtered(r"\p{Greek}"), &tags));
    assert!(is_absent(&WantedRange { filter: Some(Pattern::new(r"\p{Greek}")), ..range(">=3") }, &tags));
}

#[test]
fn nothing_is_absent_from_a_list_that_is_not_whole() {
    let some = TagList::Incomplete(vec!["1.0.0".to_owned()]);
    assert!(is_unknown(&range(">=2"), &some));
    // One version is enough, but which one is the highest is not known.
    assert!(matches!(in_range(&range(">=1"), &some), (Outcome::Found(_), None)));
    assert!(is_unknown(&range(">=1"), &TagList::Unknown));
    assert!(is_absent(&range(">=1"), &TagList::NoRepository));
}

#[test]
fn text_that_is_no_range_is_a_tag() {
    let tags = list(&["stable", "1.0.0"]);
    assert_eq!(in_range(&range("stable"), &tags).1.as_deref(), Some("stable"));
    assert!(is_absent(&range("edge"), &tags));
}
