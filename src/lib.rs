//! pullcheck: will the kubelet be able to pull every image in these manifests, and if not, which line to change?

pub mod dockerconfig;
pub mod event;
pub mod finding;
pub mod go;
pub mod inventory;
pub mod keyring;
pub mod platform;
pub mod probe;
pub mod pull;
pub mod reference;
pub mod report;
pub mod resource;
pub mod rules;
pub mod secret;
pub mod sensitive;
pub mod source;
pub mod verdict;
pub mod workload;
