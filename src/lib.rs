//! pullcheck: will the kubelet be able to pull every image in these manifests, and if not, which line to change?
//!
//! ```text
//! paths ─input→ Sources ─text, resource→ Inventory ─rewrite→ Inventory ─kubelet::pull→ PullContexts
//!       ─registry, kubelet::probe→ PullAnswers ─kubelet::verdict, event→ JudgedImages ─rules→ Findings
//!       ─findings→ Findings ─report→ Report ─output→ text
//! ```
//!
//! Start reading at [`check`], which is that line as code. No module imports a later one in this order, and no two
//! files or folders of one folder import each other; `tests/it/module_order.rs` checks both:
//!
//! ```text
//! error < text < image < credential < resource < findings < inventory < rewrite < kubelet < registry
//!       < rules < report < output < input < options < check < cli
//! ```
//!
//! **Core**, without I/O, clock or runtime, built by `--no-default-features`: everything but the modules below.
//! **Edges**, feature `cli`: `cli` (the command and its exit status), `options` (the command line and the configuration
//! file), `input` (files, helm and kustomize), `registry` (network), `output` (text), `error`, and `check`, which joins
//! them. Edges use the core, never the other way round; `registry` and `output` do not know each other.
//!
//! As a library it has no stable interface yet; the command line, its exit status and its JSON are the contract.

#[cfg(feature = "cli")]
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
pub mod credential;
#[cfg(feature = "cli")]
pub mod error;
pub mod findings;
pub mod image;
#[cfg(feature = "cli")]
pub mod input;
pub mod inventory;
pub mod kubelet;
#[cfg(feature = "cli")]
pub mod options;
#[cfg(feature = "cli")]
pub mod output;
#[cfg(feature = "cli")]
pub mod registry;
pub mod report;
pub mod resource;
pub mod rewrite;
pub mod rules;
pub mod text;
