//! The fields of a kustomization's mappings as kustomize sees them.
//!
//! kustomize turns the file into JSON (`YAMLToJSON` of sigs.k8s.io/yaml: the keys are then sorted, `<<` counts in its
//! place among the others) and decodes that by `encoding/json`, which takes keys in any case.

use crate::text::yaml::{Entry, Node};

/// Merges within merges that are followed, at most.
const MAX_MERGES: u8 = 16;

/// The entries of a mapping, sorted by their keys, each key once.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a>(Vec<Entry<'a>>);

impl<'a> Fields<'a> {
    /// Of a mapping; none of anything else.
    pub(crate) fn of(node: Node<'a>) -> Self {
        let mut entries = Vec::new();
        collect(node, MAX_MERGES, &mut entries);
        // The last of a key stays.
        entries.reverse();
        entries.sort_by_key(|entry| text(entry));
        entries.dedup_by_key(|entry| text(entry));
        Self(entries)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Entry<'a>> {
        self.0.iter().copied()
    }

    /// The entries that are decoded into a field; null decodes into nothing.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = Entry<'a>> {
        self.iter().filter(move |entry| folds_to(text(entry), name) && !entry.value.is_null())
    }

    /// The entry that counts: what is decoded later writes over what was there.
    pub(crate) fn entry(&self, name: &str) -> Option<Entry<'a>> {
        self.all(name).last()
    }

    /// Its value.
    pub(crate) fn get(&self, name: &str) -> Option<Node<'a>> {
        self.entry(name).map(|entry| entry.value)
    }

    /// Its value, a string.
    pub(crate) fn str(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }

    /// The items of its list.
    pub(crate) fn items(&self, name: &str) -> impl Iterator<Item = Node<'a>> {
        self.get(name).into_iter().flat_map(Node::items)
    }

    /// Whether it has a value that is not empty.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|node| node.items().next().is_some() || node.is_mapping())
    }
}

fn text<'a>(entry: &Entry<'a>) -> &'a str {
    entry.key.text().unwrap_or_default()
}

fn collect<'a>(node: Node<'a>, merges: u8, out: &mut Vec<Entry<'a>>) {
    for entry in node.entries() {
        if !entry.key.is_merge() {
            out.push(entry);
        } else if merges > 0 && entry.value.is_sequence() {
            // The first of several counts most.
            let items: Vec<Node<'a>> = entry.value.items().collect();
            items.into_iter().rev().for_each(|item| collect(item, merges - 1, out));
        } else if merges > 0 {
            collect(entry.value, merges - 1, out);
        }
    }
}

/// Whether a key is that of a field, as `foldName` of `encoding/json` has it. A Kelvin sign is a `k`, a long s an `s`.
pub(crate) fn folds_to(key: &str, name: &str) -> bool {
    let fold = |c: char| match c {
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        c => c.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(name.chars().map(fold))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::SourceId;
    use crate::text::yaml::{Piece, read};

    #[test]
    fn keys_are_taken_in_any_case_and_in_order() {
        let text = "x: &x {namePrefix: merged, Namespace: m}\nnamespace: a\nNameSpace: b\nNAMEPREFIX: ~\n\
                    y: {namePrefix: own, <<: *x}\nz: {<<: [{a: first}, {a: second}]}\n";
        read(SourceId(0), text, true, &mut |piece| {
            let Piece::Document(document) = piece else { return };
            let fields = Fields::of(document.root().expect("a root"));
            // `NameSpace` is sorted before `namespace`.
            assert_eq!((fields.str("namespace"), fields.str("namePrefix")), (Some("a"), None));
            let inner = |key: &str| Fields::of(fields.get(key).expect("a mapping"));
            assert_eq!(inner("y").str("namePrefix"), Some("merged"));
            assert_eq!(inner("z").str("a"), Some("first"));
        });
        assert!(folds_to("Image\u{17f}", "images") && !folds_to("image", "images"));
    }
}
