//! The fields of a kustomization's mappings as kustomize sees them.
//!
//! kustomize converts the file to JSON (`YAMLToJSON` of sigs.k8s.io/yaml: the keys are then sorted, and `<<` is
//! applied in its sorted position) and decodes that with `encoding/json`, which ignores the case of keys.

use crate::text::yaml::{Entry, Node};

/// Maximum depth of merges within merges that are followed.
const MAX_MERGES: u8 = 16;

/// The entries of a mapping, sorted by their keys, each key once.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a>(Vec<Entry<'a>>);

impl<'a> Fields<'a> {
    /// Returns the entries of a mapping; empty for anything else.
    pub(crate) fn of(node: Node<'a>) -> Self {
        let mut entries = Vec::new();
        collect(node, MAX_MERGES, &mut entries);
        // The last entry with the same key is kept.
        entries.reverse();
        entries.sort_by_key(|entry| text(entry));
        entries.dedup_by_key(|entry| text(entry));
        Self(entries)
    }

    /// All entries, sorted by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Entry<'a>> {
        self.0.iter().copied()
    }

    /// The entries that are decoded into a field; null has no effect.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = Entry<'a>> {
        self.iter().filter(move |entry| folds_to(text(entry), name) && !entry.value.is_null())
    }

    /// The entry that takes precedence: a later one overwrites earlier ones.
    pub(crate) fn entry(&self, name: &str) -> Option<Entry<'a>> {
        self.all(name).last()
    }

    /// The value of a field.
    pub(crate) fn get(&self, name: &str) -> Option<Node<'a>> {
        self.entry(name).map(|entry| entry.value)
    }

    /// The string value of a field.
    pub(crate) fn str(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }

    /// The items in the list of a field.
    pub(crate) fn items(&self, name: &str) -> impl Iterator<Item = Node<'a>> {
        self.get(name).into_iter().flat_map(Node::items)
    }

    /// Whether a field has a value that is not empty.
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
            // The first of several merges takes precedence.
            let items: Vec<Node<'a>> = entry.value.items().collect();
            items.into_iter().rev().for_each(|item| collect(item, merges - 1, out));
        } else if merges > 0 {
            collect(entry.value, merges - 1, out);
        }
    }
}

/// Whether a key matches a field name, like `foldName` of `encoding/json`. A Kelvin sign equals `k`, and a long s
/// equals `s`.
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
    fn kustomization_keys_are_case_insensitive_and_ordered() {
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
