//! Documents as Kubernetes reads them.

use super::*;

fn with_root(text: &str, check: impl Fn(Node<'_>)) {
    let mut seen = 0;
    read(SourceId(0), text, false, &mut |piece| {
        if let Piece::Document(document) = piece {
            check(document.root().expect("a root"));
            seen += 1;
        }
    });
    assert_eq!(seen, 1, "one document");
}

#[test]
fn the_last_of_duplicate_keys_wins() {
    with_root("a: 1\nb: x\na: z\n", |root| assert_eq!(root.str("a"), Some("z")));
}

#[test]
fn merge_key_order_matters_for_kubectl_but_not_kustomize() {
    let text = "base: &b {image: x, name: base}\nlist: &l {tag: t, image: y}\n\
                c:\n  <<: [*b, *l]\n  name: own\nd:\n  name: own\n  !!merge <<: *b\n";
    let names = |rule| {
        let mut names = Vec::new();
        read_as(SourceId(0), text, false, rule, &mut |piece| {
            let Piece::Document(document) = piece else { return };
            let root = document.root().expect("a root");
            assert_eq!((root.at(&["c", "image"]).and_then(Node::as_str), document.has_merges()), (Some("x"), true));
            assert_eq!(root.at(&["c", "tag"]).and_then(Node::as_str), Some("t"));
            names =
                ["c", "d"].map(|key| root.get(key).and_then(|node| node.str("name")).unwrap_or("").to_owned()).into();
        });
        names
    };
    assert_eq!(names(MergeRule::InOrder), ["own", "base"]);
    assert_eq!(names(MergeRule::OwnFirst), ["own", "own"]);
}

#[test]
fn quoted_merge_key_is_an_ordinary_key() {
    with_root("base: &b {image: x}\nc:\n  \"<<\": *b\n", |root| {
        let c = root.get("c").expect("c");
        assert_eq!((c.str("image"), c.get("<<").and_then(|node| node.str("image"))), (None, Some("x")));
    });
}

#[test]
fn an_alias_has_its_own_span_and_its_targets_value() {
    let text = "a: &x nginx\nb: *x\n";
    with_root(text, |root| {
        let b = root.get("b").expect("b");
        assert_eq!(b.as_str(), Some("nginx"));
        assert_eq!(&text[b.span().range()], "*x");
    });
}

#[test]
fn alias_refers_to_the_last_preceding_anchor() {
    let text = "a: &x [&y {k: 1.0.0}, *y]\nb: *x\nc: &x two\nd: *x\ne: *y\n";
    with_root(text, |root| {
        let first = |node: Node<'_>| node.items().last().and_then(|item| item.str("k").map(str::to_owned));
        assert_eq!(root.get("a").and_then(first).as_deref(), Some("1.0.0"));
        assert_eq!(root.get("b").and_then(first).as_deref(), Some("1.0.0"));
        assert_eq!((root.str("d"), root.get("e").and_then(|e| e.str("k"))), (Some("two"), Some("1.0.0")));
    });
}

#[test]
fn cyclic_alias_has_no_value() {
    with_root("a: &a\n  b: *a\n", |root| {
        let b = root.at(&["a", "b"]).expect("b");
        assert!(!b.is_mapping() && b.text().is_none() && b.entries().next().is_none());
    });
}

#[test]
fn scalar_types_follow_yaml_1_1() {
    with_root(
        "a: yes\nb: 'yes'\nc: 1.0\nd: ~\ne:\nf: !!str 12\ng: 1.2.3\nh: !!binary aGk=\ni: !!int '08'\ny: z\n",
        |root| {
            assert_eq!((root.str("h"), root.get("i").and_then(Node::scalar)), (Some("hi"), Some(Scalar::Number)));
            assert_eq!(root.entries().last().and_then(|entry| entry.key.key()).as_deref(), Some("true"));
            assert_eq!(root.get("a").and_then(Node::scalar), Some(Scalar::Bool(true)));
            assert_eq!(root.str("b"), Some("yes"));
            assert_eq!(root.get("c").and_then(Node::scalar), Some(Scalar::Number));
            assert!(root.get("d").is_some_and(Node::is_null) && root.get("e").is_some_and(Node::is_null));
            assert_eq!((root.str("f"), root.str("g")), (Some("12"), Some("1.2.3")));
        },
    );
}
