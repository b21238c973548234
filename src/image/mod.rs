//! Images: references, registries by name, manifests, platforms and the nodes that pull them.

pub mod choose;
pub mod host;
pub mod manifest;
pub mod node;
pub mod platform;
pub mod pull_policy;
pub mod reference;
pub mod runtime;
pub(crate) mod well_known;
