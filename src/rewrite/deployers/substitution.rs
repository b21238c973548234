//! Texts that Flux cannot substitute: if one object has such a text, nothing of the build is deployed.

use std::collections::BTreeMap;

use crate::resource;
use crate::resource::deployer::envsubst::{DISABLED, DISABLING_KEY, is_refused};
use crate::text::source::{SourceId, Sources, Span};
use crate::text::yaml::{self, Node, Piece};

/// The texts that Flux refuses, by source. Each source is read once.
#[derive(Debug, Default)]
pub(in crate::rewrite) struct Refusals {
    known: BTreeMap<SourceId, Option<Span>>,
}

impl Refusals {
    /// The first text in the objects of a source that Flux refuses.
    pub(in crate::rewrite) fn of(&mut self, id: SourceId, sources: &Sources) -> Option<Span> {
        *self.known.entry(id).or_insert_with(|| read(id, sources.get(id).text()))
    }
}

fn read(id: SourceId, text: &str) -> Option<Span> {
    // If the file is accepted as a whole, its texts are.
    if !text.contains("${") || !is_refused(text) {
        return None;
    }
    let mut found = None;
    yaml::read(id, text, true, &mut |piece| {
        let Piece::Document(document) = piece else { return };
        let mut objects = Vec::new();
        if let Some(root) = document.root() {
            resource::objects(root, &mut objects);
        }
        for object in objects.iter().filter(|object| !is_exempt(object.node)) {
            found = found.or_else(|| refused(object.node));
        }
    });
    found
}

fn is_exempt(object: Node<'_>) -> bool {
    let is_set = |field: &str| object.at(&["metadata", field, DISABLING_KEY]).and_then(Node::as_str) == Some(DISABLED);
    is_set("labels") || is_set("annotations")
}

fn refused(node: Node<'_>) -> Option<Span> {
    if node.is_mapping() {
        return node.entries().find_map(|entry| refused(entry.key).or_else(|| refused(entry.value)));
    }
    if node.is_sequence() {
        return node.items().find_map(refused);
    }
    node.text().filter(|text| text.contains("${") && is_refused(text)).map(|_| node.span())
}
