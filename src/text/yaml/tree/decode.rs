//! What go.yaml.in/yaml/v2's decoder (`decode.go`, v2.4.3) refuses in a complete tree: merges of anything but
//! mappings, aliases within their own target, and aliases that repeat too much.

use super::{NodeKind, ScalarType, Tree};
use crate::text::yaml::scan::ScanError;

/// Returns a fault at the first value of a merge key that is neither a mapping nor a list of them.
pub(super) fn merge_fault(tree: &Tree, merged: &[u32]) -> Option<ScanError> {
    let node = |id: u32| tree.nodes.get(id as usize);
    let is_mapping = |id: u32| match node(id)?.kind {
        NodeKind::Mapping => Some(true),
        NodeKind::Alias { target } => Some(node(target)?.kind == NodeKind::Mapping),
        _ => Some(false),
    };
    let fails = |id: u32| {
        let raw = node(id)?;
        if raw.kind != NodeKind::Sequence {
            return is_mapping(id).map(|is| !is);
        }
        let mut item = id + 1;
        while item < raw.next {
            if is_mapping(item) == Some(false) {
                return Some(true);
            }
            item = node(item)?.next;
        }
        Some(false)
    };
    let at = merged.iter().copied().find(|&id| fails(id) == Some(true))?;
    Some(ScanError::new(node(at)?.start, "map merge requires map or sequence of maps as the value"))
}

/// A collection that is being decoded, or an alias.
struct Frame {
    next: u32,
    end: u32,
    role: Role,
    /// The alias that refers to it.
    alias: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Item,
    Key,
    Value,
    Merged,
}

/// Walks the tree as the decoder does, but only counts. What is reached through aliases may be 99 parts of 100, and
/// less if the document is large, so this takes at most a hundred steps for each node.
pub(super) fn alias_fault(tree: &Tree, text: &str) -> Option<ScanError> {
    let mut active = vec![false; tree.nodes.len()];
    let (mut count, mut through, mut depth) = (1_u64, 0_u64, 0_u32);
    let mut frames = vec![Frame { next: 0, end: 1, role: Role::Item, alias: None }];
    while let Some(frame) = frames.last_mut() {
        if frame.next >= frame.end {
            if let Some(alias) = frame.alias {
                active[alias as usize] = false;
                depth -= 1;
            }
            frames.pop();
            continue;
        }
        let id = frame.next;
        let role = frame.role;
        let node = tree.nodes.get(id as usize)?;
        frame.next = node.next;
        let is_merge = matches!(node.kind, NodeKind::Scalar { typed: ScalarType::Merge, .. }) && role == Role::Key;
        frame.role = match role {
            Role::Item => Role::Item,
            Role::Key if is_merge => Role::Merged,
            Role::Key => Role::Value,
            Role::Value | Role::Merged => Role::Key,
        };
        if !(is_merge || role == Role::Merged && node.kind == NodeKind::Sequence) {
            count += 1;
            through += u64::from(depth > 0);
            if through > 100 && count > 1000 && through as f64 / count as f64 > allowed_ratio(count) {
                return Some(ScanError::new(node.start, "document contains excessive aliasing"));
            }
        }
        match node.kind {
            NodeKind::Alias { target } => {
                let flag = active.get_mut(id as usize)?;
                if *flag {
                    let name = text.get(node.start as usize + 1..node.end as usize).unwrap_or_default();
                    return Some(ScanError::new(node.start, format!("anchor '{name}' value contains itself")));
                }
                *flag = true;
                depth += 1;
                frames.push(Frame { next: target, end: target + 1, role: Role::Item, alias: Some(id) });
            }
            NodeKind::Mapping => {
                frames.push(Frame { next: id + 1, end: node.next, role: Role::Key, alias: None });
            }
            NodeKind::Sequence => {
                frames.push(Frame { next: id + 1, end: node.next, role: Role::Item, alias: None });
            }
            NodeKind::Scalar { .. } => {}
        }
    }
    None
}

/// Returns the allowed part of aliases, like `allowedAliasRatio`.
fn allowed_ratio(count: u64) -> f64 {
    const LOW: f64 = 400_000.0;
    const HIGH: f64 = 4_000_000.0;
    let count = count as f64;
    if count <= LOW {
        0.99
    } else if count >= HIGH {
        0.10
    } else {
        0.99 - 0.89 * ((count - LOW) / (HIGH - LOW))
    }
}
