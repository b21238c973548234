//! The keyring of a list of pull secrets, with what each credential comes from.

use crate::credential::dockerconfig::DockerConfig;
use crate::credential::keyring::{Keyring, Match};

/// A keyring that knows its secrets.
#[derive(Debug, Default)]
pub(super) struct Ring<'a> {
    keyring: Keyring,
    origins: Vec<Origin<'a>>,
}

/// Where credentials of a ring come from.
#[derive(Debug)]
pub(super) struct Origin<'a> {
    pub(super) config: &'a DockerConfig,
    /// The secrets that have this content: several where one configuration stands in for them.
    pub(super) secrets: Vec<String>,
    /// Whether the operator gave it.
    pub(super) supplied: bool,
}

/// A credential for an image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'r, 'a> {
    pub(super) entry: Match<'r>,
    pub(super) origin: &'r Origin<'a>,
}

impl<'a> Ring<'a> {
    /// Adds what a secret holds. A configuration that stands in for several secrets is tried once: twice the same would
    /// be twice the same attempt.
    pub(super) fn add(&mut self, config: &'a DockerConfig, secret: &str, supplied: bool) {
        let same = |origin: &&mut Origin<'_>| std::ptr::eq(origin.config, config);
        if supplied && let Some(origin) = self.origins.iter_mut().find(same) {
            origin.secrets.push(secret.to_owned());
            return;
        }
        self.keyring.add(self.origins.len(), config);
        self.origins.push(Origin { config, secrets: vec![secret.to_owned()], supplied });
    }

    /// Adds what another ring has and this one lacks.
    pub(super) fn merge(&mut self, other: &Self) {
        for origin in &other.origins {
            if !self.origins.iter().any(|known| std::ptr::eq(known.config, origin.config)) {
                self.keyring.add(self.origins.len(), origin.config);
                let secrets = origin.secrets.clone();
                self.origins.push(Origin { config: origin.config, secrets, supplied: origin.supplied });
            }
        }
    }

    /// The secrets that may have a credential for any repository, under a key that is yet to be written.
    pub(super) fn open_secrets(&self) -> impl Iterator<Item = &str> {
        let open = self.origins.iter().filter(|origin| origin.config.is_open());
        open.flat_map(|origin| origin.secrets.iter().map(String::as_str))
    }

    /// The credentials for a repository, in the kubelet's order.
    pub(super) fn lookup(&self, repository: &str) -> impl Iterator<Item = Found<'_, 'a>> {
        let found = self.keyring.lookup(repository).into_iter();
        found.map(|entry| Found { entry, origin: &self.origins[entry.origin] })
    }
}

impl Found<'_, '_> {
    /// Whether a credential helper has it and did not give it, or another program has yet to write it.
    pub(super) fn is_unknown(&self) -> bool {
        is_unknown(self.origin.config, self.entry.written_key)
    }

    /// The secret that it comes from.
    pub(super) fn secret(&self) -> &str {
        self.origin.secrets.first().map(String::as_str).unwrap_or_default()
    }
}

/// Whether the credential of a key is with a credential helper that did not give it, or yet to be written.
pub(super) fn is_unknown(config: &DockerConfig, written_key: &str) -> bool {
    config.entries.iter().any(|entry| entry.hints.is_unknown() && entry.key == written_key)
}
