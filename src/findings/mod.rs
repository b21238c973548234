//! Findings: a fault with its place, and which of them are suppressed or known.

pub mod baseline;
pub mod finding;
pub mod suppression;
