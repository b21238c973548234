//! The wire: how registries are asked, in layers of one concern each.
//!
//! ```text
//! stage      what to ask, each question once                    (generic over the Prober)
//! cache      what was found before, across runs                 (a Prober around a Prober)
//! client     one question → one Outcome                         (the Prober)
//! auth       remembered challenge, Basic, Bearer, second 401    challenge, token
//! redirect   by hand, no Authorization across origins
//! retry      policy, pure
//! transport  one exchange: limits, budget, body caps             failure
//! connections  which client for which host, and which addresses    resolve, tls
//! ```
//! It knows core types only; no command line, no output.

mod address;
mod auth;
mod cache;
mod challenge;
mod client;
mod connections;
mod endpoint;
mod failure;
mod limit;
mod options;
mod read;
mod redirect;
mod reply;
mod resolve;
mod retry;
mod stage;
mod tags;
mod tls;
mod token;
mod transport;

pub use cache::{Cached, NoStore, Store};
pub use client::Client;
pub use options::{ClientOptions, ConnectTo, HostPattern, OptionsError, Proxies};
pub use read::{Place, Reader};
pub use resolve::{Lookup, Resolving, SystemLookup};
pub use stage::probe_all;
