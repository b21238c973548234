//! Which entry of an index a node pulls.

use crate::image::manifest::Entry;
use crate::image::platform::{Platform, rank};
use crate::image::runtime::Runtime;

/// The entry of an index that a node of a runtime pulls. An entry without a platform is chosen only if no other
/// matches.
pub fn choose<'e>(runtime: Runtime, node: &Platform, entries: &'e [Entry]) -> Option<&'e Entry> {
    let ranked = entries.iter().filter(|entry| !entry.is_attestation()).filter_map(|entry| match &entry.platform {
        Some(platform) => rank(runtime, node, platform).map(|rank| (rank, entry)),
        None => Some((u32::MAX, entry)),
    });
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, entry)| entry)
}
