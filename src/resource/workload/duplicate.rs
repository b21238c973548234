//! Keys that stand twice in one mapping, where they decide what is pulled and with what. Kubernetes takes the last, and
//! so does everything else here.

use crate::resource::workload::{Container, ResourceId};
use crate::text::source::Span;
use crate::text::yaml::Node;

/// A key that is written more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateKey {
    /// The object.
    pub resource: ResourceId,
    /// The container that the key is of, where it is one's.
    pub container: Option<Container>,
    /// The key.
    pub key: &'static str,
    /// The last one, which counts.
    pub wins: Span,
    /// Those before it, which count for nothing.
    pub lose: Vec<Span>,
    /// Whether all have the same scalar, so that nothing is lost.
    pub same: bool,
}

/// Looks for the watched keys, at most sixteen, in one mapping. A mapping that is met again through an alias is not
/// reported again.
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
