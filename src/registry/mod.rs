//! The network: requests to registries, in layers of one concern each.
//!
//! ```text
//! stage        what to ask, each question once; observed by progress   (generic over the Prober)
//! cache        results of earlier runs                                 (a Prober around a Prober)
//! client       one question → one Outcome, host after host             (the Prober)
//!                reply: meaning of an answer    read: content by digest    tags: tag lists
//!                verdicts: combined answers of several hosts
//! auth         remembered challenge, Basic, Bearer, second 401           challenge, token, token_body, password_gate
//! redirect     by hand, no Authorization across origins
//! transport    one exchange: turns, budget, body caps                    failure, limit
//! host_state   state per host and port                                   traffic
//!                breaker, pace, retry: policy, pure                      retry_after
//! connections  which client for which host                               tls, identity
//!                resolve, address: guard over addresses
//! ```
//! `chart` fetches the charts of releases with the client's own transport, and is asked by rendering alone.
//! The other modules are `options` (the operator's settings), `endpoint` (the hosts of a registry, from `certs_dir`,
//! `hosts_toml` and `host_url`), `interrupt` (ending a run early) and `once_map` (values that tasks share).
//!
//! All of them depend on core types only, and not on the command line or output. `challenge`, `hosts_toml` and
//! `token_body` are public for the fuzz targets alone.

mod address;
mod auth;
mod basic;
mod breaker;
mod cache;
mod certs_dir;
pub mod challenge;
pub mod chart;
mod client;
mod connections;
mod digest;
mod endpoint;
mod error_body;
mod exchange;
mod failure;
mod host_state;
mod host_url;
pub mod hosts_toml;
mod identity;
mod interrupt;
mod limit;
mod once_map;
mod options;
mod options_error;
mod pace;
mod password_gate;
mod progress;
mod read;
mod redirect;
mod reply;
mod resolve;
mod retry;
mod retry_after;
mod scheduler;
mod tags;
mod tls;
mod token;
pub mod token_body;
mod traffic;
mod transport;
mod verdicts;

pub use cache::{Cached, NoStore, Store};
pub use certs_dir::{CertsDir, CertsDirError, IgnoredFile};
pub use client::Client;
pub use host_url::HostUrl;
pub use identity::{Identity, IdentityError};
pub use interrupt::Interrupter;
pub use options::{ClientOptions, ConnectTo, HostPattern, Mirror, Proxies};
pub use options_error::OptionsError;
pub use progress::Progress;
pub use read::{ContentKind, Reader};
pub use resolve::{Lookup, Resolving, SystemLookup};
pub use scheduler::Concurrency;
pub use scheduler::{list_all, probe_all};
pub use traffic::HostTraffic;
