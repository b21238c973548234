//! The schema of the configuration is that of the options, and agrees with the reader.

use std::path::Path;

use pullcheck::text::source::SourceId;
use pullcheck::text::yaml::{self, Node, Piece};
use serde_json::{Map, Value};

use super::{faults, fs};

#[test]
fn committed_schema_matches_the_options() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config.schema.json");
    let fresh = serde_json::to_string_pretty(&pullcheck::options::config::schema()).unwrap() + "\n";
    if fs::read_to_string(&path).unwrap_or_default() == fresh {
        return;
    }
    assert!(std::env::var_os("UPDATE").is_some(), "src/config.schema.json is stale: run with UPDATE=1");
    fs::write(&path, fresh).unwrap();
}

/// As an editor reads YAML: 1.2, in which `off` is a text.
fn value(node: Node<'_>) -> Value {
    if node.is_mapping() {
        let entry = |pair: yaml::Entry<'_>| (pair.key.text().unwrap_or_default().to_owned(), value(pair.value));
        Value::Object(node.entries().map(entry).collect::<Map<_, _>>())
    } else if node.is_sequence() {
        node.items().map(value).collect()
    } else {
        let text = node.text().unwrap_or_default();
        let typed = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        if node.as_str().is_some() || text.starts_with('"') { text.into() } else { typed }
    }
}

fn is_valid(text: &str) -> bool {
    let mut root = Value::Null;
    yaml::read(SourceId(0), text, true, &mut |piece| {
        if let Piece::Document(document) = piece {
            root = document.root().map_or(Value::Null, value);
        }
    });
    jsonschema::validator_for(&pullcheck::options::config::schema()).unwrap().is_valid(&root)
}

#[test]
fn schema_and_reader_accept_the_same_configs() {
    let good = [
        "",
        "closed: true\nfail-on: warning\nexclude: [a, b]\nplatform: linux/amd64\n",
        "rules:\n  all: error\n  mutable-tag: off\n  short-name: 'note'\n",
        "overrides:\n- paths: [staging/, '!x']\n  rules: {mutable-tag: off}\n- {paths: a, rules: {}}\n",
        "mutable-tags: [main, 'pr-*']\nallowed-registries: ghcr.io/acme\n",
        "max-image-size: 2GiB\n",
        "kinds: []\n",
        "kinds: [{group: '', kind: B, source: x, example: y, pods: [{images: spec.image}]}]\n",
        "kinds: [{group: a, kind: [B, C], at: spec, pods: [{each: ['a[]'], pod-spec: ., pull-secrets: '/s[]', \
         credentials: and-more, pulled-by: operator, namespace: unknown, default-registry: unknown, \
         default-service-account: unknown}]}]\n",
        "max-image-size: 12\nruntime: containerd-1\nformat: sarif\ncolor: never\n",
    ];
    for text in good {
        assert!(is_valid(text), "the schema refuses\n{text}");
        assert_eq!(faults(text).iter().filter(|line| line.contains(": ")).count(), 0, "the reader refuses\n{text}");
    }
    let bad = [
        "- a\n",
        "fail_on: error\n",
        "fail-on: errors\n",
        "closed: maybe\n",
        "closed: [true]\n",
        "exclude: {a: b}\n",
        "namespace: [a]\n",
        "rules: {mutable-tags: off}\n",
        "rules: {mutable-tag: deny}\n",
        "rules: [mutable-tag]\n",
        "overrides: {paths: a, rules: {}}\n",
        "overrides: [{paths: a}]\n",
        "overrides: [{paths: a, rules: {}, more: 1}]\n",
        "mutable-tags: ['']\n",
        "max-image-size: 3 parsecs\n",
        "kinds: {group: a}\n",
        "kinds: [{group: a/v1, kind: B, pods: [{}]}]\n",
        "kinds: [{group: a, kind: B}]\n",
        "kinds: [{group: a, kind: B, pods: []}]\n",
        "kinds: [{group: a, kind: B, pods: [{}]}]\n",
        "kinds: [{group: a, kind: B, pods: [{service-account: a}]}]\n",
        "kinds: [{group: a, kind: B, pods: [{images: []}]}]\n",
        "kinds: [{group: a, kind: B, pods: [{each: [], images: a}]}]\n",
        "kinds: [{group: a, kind: B, pods: [{image: a}]}]\n",
        "kinds: [{group: a, kind: B, pods: [{namespace: other}]}]\n",
        "kinds: [{group: a, kind: B, pods: [{images: {}}]}]\n",
        "kinds: [{group: a, kind: '', pods: [{images: a}]}]\n",
        "deny: [mutable-tag]\n",
        "list-images: true\n",
        "by: file\n",
        "print-config: true\n",
    ];
    for text in bad {
        assert!(!is_valid(text), "the schema takes\n{text}");
        assert!(!faults(text).is_empty(), "the reader takes\n{text}");
    }
}
