//! Inputs: files and folders, charts and kustomizations that are rendered, and programs of the operator.

pub mod beside;
pub mod chart_credentials;
pub mod credential_helper;
pub(crate) mod find_program;
pub mod gather;
pub mod load;
pub mod render;
pub(crate) mod stack;
