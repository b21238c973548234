//! What pullcheck does, seen from outside.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod credentials;
mod events;
mod references;
mod tables;
