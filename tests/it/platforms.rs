//! Which entry of an index a node takes, runtime by runtime.

use pullcheck::image::platform::{Platform, matches, rank};
use pullcheck::image::runtime::Runtime;

use crate::tables::platforms::PLATFORMS;

fn platform(text: &str) -> Platform {
    let mut parts = text.split('/');
    let mut next = || parts.next().unwrap_or_default();
    Platform::new(next(), next(), next())
}

#[test]
fn platform_matching_follows_the_containerd_matchers() {
    for &(node, [os, architecture, variant], only, ordered) in PLATFORMS {
        let entry = Platform::new(os, architecture, variant);
        let node = platform(node);
        assert_eq!(matches(Runtime::ContainerdOne, &node, &entry), only, "Only({node}) {entry}");
        assert_eq!(matches(Runtime::Containerd, &node, &entry), ordered, "Ordered({node}) {entry}");
    }
}

#[test]
fn crio_compares_platforms_without_normalization() {
    let cases = [
        ("linux/amd64", "linux/amd64", true),
        ("linux/amd64", "linux/amd64/v1", false),
        ("linux/amd64", "linux/x86_64", false),
        ("linux/amd64", "Linux/amd64", false),
        ("linux/amd64", "linux/386", false),
        ("linux/arm64/v8", "linux/arm64", true),
        ("linux/arm64/v8", "linux/arm64/v8", true),
        ("linux/arm64/v8", "linux/arm64/8", false),
        ("linux/arm64/v8", "linux/arm/v7", false),
        ("linux/arm64", "linux/arm64/v8", true),
        ("linux/arm/v7", "linux/arm/v6", true),
        ("linux/arm/v7", "linux/arm", true),
        ("linux/arm/v6", "linux/arm/v7", false),
        ("linux/s390x", "linux/s390x", true),
    ];
    for (node, entry, taken) in cases {
        assert_eq!(matches(Runtime::Crio, &platform(node), &platform(entry)), taken, "{node} {entry}");
    }
}

#[test]
fn a_node_prefers_its_own_platform() {
    let best = |runtime, node: &str, entries: &[&str]| {
        let node = platform(node);
        let ranked = entries.iter().filter_map(|entry| Some((rank(runtime, &node, &platform(entry))?, *entry)));
        ranked.min().map(|(_, entry)| entry.to_owned())
    };
    let arm = ["linux/arm/v5", "linux/arm/v7", "linux/arm/v6", "linux/arm64"];
    let one = Runtime::ContainerdOne;
    assert_eq!(best(one, "linux/arm64", &arm).as_deref(), Some("linux/arm64"));
    assert_eq!(best(one, "linux/arm64", &arm[..3]).as_deref(), Some("linux/arm/v7"));
    assert_eq!(best(one, "linux/arm/v6", &arm).as_deref(), Some("linux/arm/v6"));
    assert_eq!(best(one, "linux/amd64", &["linux/386", "linux/amd64"]).as_deref(), Some("linux/amd64"));
    assert_eq!(best(one, "linux/amd64", &["linux/386"]).as_deref(), Some("linux/386"));
    assert_eq!(best(Runtime::Containerd, "linux/amd64", &["linux/386"]), None);
    assert_eq!(
        best(Runtime::Crio, "linux/arm64/v8", &["linux/arm64", "linux/arm64/v8"]).as_deref(),
        Some("linux/arm64/v8")
    );
}
