//! Keys that occur twice in one mapping, if they decide what is pulled and with which credentials. Kubernetes uses
//! the last one, and so does all other code here.

use crate::resource::workload::{Container, ResourceId};
use crate::text::source::Span;
use crate::text::yaml::Node;

/// A key that occurs more than once in a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateKey {
    /// The object that contains the mapping.
    pub resource: ResourceId,
    /// The container that the key belongs to, if any.
    pub container: Option<Container>,
    /// The name of the key.
    pub key: &'static str,
    /// The place of the last one, which is used.
    pub wins: Span,
    /// The places of the earlier ones, which are ignored.
    pub lose: Vec<Span>,
    /// Whether all have the same scalar as value, so that nothing is lost.
    pub same: bool,
}

/// Finds duplicates of the watched keys, at most sixteen, in one mapping. A mapping that is reached again through an
/// alias is not reported again.
pub(crate) fn find(
    node: Node<'_>,
    watched: &'static [&'static str],
    resource: ResourceId,
    container: Option<&Container>,
    found: &mut Vec<DuplicateKey>,
) {
    let (mut seen, mut twice) = (0_u16, 0_u16);
    for entry in node.entries() {
        let text = entry.key.text();
        if let Some(at) = watched.iter().take(16).position(|key| text == Some(key)) {
            twice |= seen & (1 << at);
            seen |= 1 << at;
        }
    }
    for (_, key) in watched.iter().enumerate().take(16).filter(|(at, _)| twice & (1 << at) != 0) {
        let entries = || node.entries().filter(|entry| entry.key.text() == Some(key));
        let mut lose: Vec<Span> = entries().map(|entry| entry.key.span()).collect();
        let Some(wins) = lose.pop() else { continue };
        let mut texts = entries().map(|entry| entry.value.text());
        let first = texts.next().flatten();
        let same = first.is_some() && texts.all(|text| text == first);
        if found.iter().all(|other| other.wins != wins) {
            found.push(DuplicateKey { resource, container: container.cloned(), key, wins, lose, same });
        }
    }
}
