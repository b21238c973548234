//! The engine of the rules: their metadata, levels and facts, and which findings are reported.

pub(crate) mod applicability;
pub mod context;
pub(crate) mod decisions;
pub mod levels;
pub mod meta;
pub mod page;
pub(in crate::rules) mod readable_secrets;
pub(crate) mod unrendered;
