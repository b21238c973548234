//! The wire: how registries are asked, in layers of one concern each.
//!
//! ```text
//! stage      what to ask, each question once                    (generic over the Prober)
//! client     one question → one Outcome                         (the Prober)
//! auth       remembered challenge, Basic, Bearer, second 401    challenge, token
//! redirect   by hand, no Authorization across origins
//! retry      policy, pure
//! transport  one exchange: limits, budget, body caps             failure
//! connections  which client for which host, and which addresses    resolve, tls, identity
//! endpoint     which hosts for which registry                      hosts_toml, certs_dir
//! ```
//! It knows core types only; no command line, no output.

mod address;
mod auth;
mod certs_dir;
mod challenge;
mod client;
mod connections;
mod endpoint;
mod failure;
pub mod hosts_toml;
mod identity;
mod limit;
mod options;
mod redirect;
mod reply;
mod resolve;
mod retry;
mod stage;
mod tags;
mod tls;
mod token;
mod transport;
mod verdicts;

pub use certs_dir::{CertsDir, CertsDirError};
pub use client::Client;
pub use identity::{Identity, IdentityError};
pub use options::{ClientOptions, ConnectTo, HostPattern, Mirror, OptionsError, Proxies};
pub use resolve::{Lookup, Resolving, SystemLookup};
pub use stage::probe_all;
