//! pullcheck against a real registry server: distribution 2.8 as Debian packages it.
//!
//! Where the program is missing the suite passes and says so; `PULLCHECK_REQUIRE_REGISTRY=1` makes that a failure.
#![expect(clippy::disallowed_methods, reason = "a test writes the files that its registry reads")]

mod answers;
mod authority;
mod charts;
mod client;
mod command;
mod environment;
mod fixtures;
mod push;
mod server;
mod setups;
mod tokens;

/// TLS needs a provider in this process, and no dependency may be the one that happens to install it.
fn install_tls_provider() {
    // An error means that it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
