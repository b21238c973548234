//! The integration tests, in one binary.

mod docs;
mod output;
mod wire;
