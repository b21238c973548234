//! pullcheck: will the kubelet be able to pull every image in these manifests, and if not, which line to change?

#[cfg(feature = "cli")]
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
pub mod dockerconfig;
pub mod duplicate;
#[cfg(feature = "cli")]
pub mod error;
pub mod event;
pub mod finding;
pub mod go;
pub mod host;
pub mod inventory;
pub mod keyring;
pub mod kustomization;
#[cfg(feature = "cli")]
pub mod load;
#[cfg(feature = "cli")]
pub mod output;
pub mod platform;
pub mod probe;
pub mod pull;
pub mod reference;
#[cfg(feature = "cli")]
pub mod registry;
pub mod report;
pub mod resource;
pub mod rules;
pub mod secret;
pub mod sensitive;
pub mod service_account;
pub mod source;
pub mod verdict;
mod well_known;
pub mod workload;
pub mod yaml;
