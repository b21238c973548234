//! Keys that stand twice, in every kind of object that has a say in what is pulled.

use pullcheck::input::gather;
use pullcheck::inventory::ReadOptions;
use pullcheck::text::source::{Encoding, Source};

/// A key and its lines: the one that wins, then the others.
type Duplicate = (&'static str, &'static [u32]);

/// What is found in one file, each as in [`Duplicate`].
fn duplicates(text: &str) -> Vec<(&'static str, Vec<u32>)> {
    let source = Source::new("a.yaml", text, Encoding::Utf8);
    let gathered = gather::gather_sources(vec![source], ReadOptions::default());
    let line = |span| gathered.sources.locate(span).unwrap().start.line;
    let found = gathered.inventory.duplicate_keys.iter();
    found
        .map(|duplicate| {
            (duplicate.key, std::iter::once(&duplicate.wins).chain(&duplicate.lose).map(|span| line(*span)).collect())
        })
        .collect()
}

#[test]
fn duplicate_keys_are_found_in_every_relevant_object() {
    let cases: [(&str, &[Duplicate]); 7] = [
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ntype: x\ntype: y\ntype: z\n", &[("type", &[6, 4, 5])]),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  .dockerconfigjson: a\n  .dockerconfigjson: b\n  x: 1\n  x: 2\n",
            &[(".dockerconfigjson", &[6, 5])],
        ),
        (
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\nimagePullSecrets: []\nimagePullSecrets: []\n",
            &[("imagePullSecrets", &[5, 4])],
        ),
        (
            "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template: {}\n  template:\n    spec: {containers: [{image: a}]}\n",
            &[("template", &[5, 4])],
        ),
        (
            "apiVersion: example.com/v1\nkind: Shop\nx:\n  containers:\n  - image: a\n    image: b\n",
            &[("image", &[6, 5])],
        ),
        (
            "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"spec\": {\n\"containers\": [],\n\"containers\": [{\"image\": \"a\"}]}}\n",
            &[("containers", &[3, 2])],
        ),
        ("apiVersion: v1\nkind: ConfigMap\ndata: {}\ndata: {image: a}\n", &[]),
    ];
    for (text, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|(key, lines)| (*key, lines.to_vec())).collect();
        assert_eq!(duplicates(text), expected, "{text}");
    }
}

#[test]
fn merged_and_aliased_mappings_are_not_duplicates() {
    let text = "apiVersion: v1\nkind: Pod\nspec:\n  initContainers:\n  - &a\n    image: x\n    image: y\n  containers:\n  - *a\n  - <<: *a\n    image: z\n";
    assert_eq!(duplicates(text), [("image", vec![7, 6])]);
}
