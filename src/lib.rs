//! pullcheck: will the kubelet be able to pull every image in these manifests, and if not, which line to change?
//!
//! ```text
//! paths ─load, render→ Sources ─yaml→ Documents ─resource, workload, secret→ Inventory ─kustomization→ Inventory
//!       ─pull→ PullContexts ─probe→ PullAnswers ─verdict, event→ JudgedImages ─rules→ Findings
//!       ─suppression, baseline→ Findings ─report→ Report ─trace→ Report ─output→ text
//! ```
//!
//! **Core**, without I/O, clock or runtime, built by `--no-default-features`: everything but the modules below.
//! **Edges**, feature `cli`: `cli` (options, exit status), `config` (the configuration file), `load` (files), `registry`
//! (network), `render` (helm and kustomize), `output` (text), and `check`, which joins them all and is the place to start
//! reading. Edges use the core, never the other way round; `registry` and `output` do not know each other.
//!
//! As a library it has no stable interface yet; the command line, its exit status and its JSON are the contract.

pub mod baseline;
pub mod chart;
#[cfg(feature = "cli")]
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod config;
#[cfg(feature = "cli")]
pub mod credential_helper;
pub mod dockerconfig;
pub mod duplicate;
#[cfg(feature = "cli")]
pub mod error;
pub mod event;
pub mod finding;
#[cfg(feature = "cli")]
pub mod gather;
pub mod go;
pub mod hook;
pub mod host;
pub mod inventory;
pub mod keyring;
pub mod kustomization;
pub mod lifetime;
#[cfg(feature = "cli")]
pub mod load;
pub mod manifest;
pub mod node;
#[cfg(feature = "cli")]
pub mod output;
pub mod platform;
pub mod probe;
#[cfg(feature = "cli")]
mod program;
pub mod pull;
pub mod pull_policy;
pub mod reference;
#[cfg(feature = "cli")]
pub mod registry;
#[cfg(feature = "cli")]
pub mod render;
pub mod report;
pub mod resource;
pub mod rewriting;
pub mod rules;
pub mod runtime;
pub mod secret;
pub mod sensitive;
pub mod service_account;
pub mod source;
#[cfg(feature = "cli")]
mod stack;
pub mod suppression;
mod template;
pub mod trace;
pub mod verdict;
mod well_known;
pub mod workload;
pub mod yaml;
