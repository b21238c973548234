//! The integration binary.

mod wire;
