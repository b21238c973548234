//! Facts as tables: inputs with the answers of the upstream functions.

pub(crate) mod docker_configs;
pub(crate) mod keyring;
pub(crate) mod platforms;
pub(crate) mod references;
pub(crate) mod secret_producers;
