//! The keyring of a list of pull secrets, with the origin of each credential.

use crate::credential::dockerconfig::DockerConfig;
use crate::credential::keyring::{Keyring, Match};

/// A keyring that records the secrets of its credentials.
#[derive(Debug, Default)]
pub(super) struct Ring<'a> {
    keyring: Keyring,
    origins: Vec<Origin<'a>>,
}

/// The origin of credentials in a ring.
#[derive(Debug)]
pub(super) struct Origin<'a> {
    pub(super) config: &'a DockerConfig,
    /// The secrets that have this content: several if one configuration replaces them.
    pub(super) secrets: Vec<String>,
    /// Whether the operator supplied it.
    pub(super) supplied: bool,
}

/// A credential for an image.
#[derive(Debug, Clone, Copy)]
pub(super) struct FoundCredential<'r, 'a> {
    pub(super) entry: Match<'r>,
    pub(super) origin: &'r Origin<'a>,
}

impl<'a> Ring<'a> {
    /// Adds the content of a secret. A configuration that replaces several secrets is added once, because a second
    /// copy would only repeat the attempt.
    pub(super) fn add(&mut self, config: &'a DockerConfig, secret: &str, supplied: bool) {
        let same = |origin: &&mut Origin<'_>| std::ptr::eq(origin.config, config);
        if supplied && let Some(origin) = self.origins.iter_mut().find(same) {
            origin.secrets.push(secret.to_owned());
            return;
        }
        self.keyring.add(self.origins.len(), config);
        self.origins.push(Origin { config, secrets: vec![secret.to_owned()], supplied });
    }

    /// Adds the entries of another ring that this one lacks.
    pub(super) fn merge(&mut self, other: &Self) {
        for origin in &other.origins {
            if !self.origins.iter().any(|known| std::ptr::eq(known.config, origin.config)) {
                self.keyring.add(self.origins.len(), origin.config);
                let secrets = origin.secrets.clone();
                self.origins.push(Origin { config: origin.config, secrets, supplied: origin.supplied });
            }
        }
    }

    /// The secrets that may have a credential for any repository, because their key is not filled in yet.
    pub(super) fn open_secrets(&self) -> impl Iterator<Item = &str> {
        let open = self.origins.iter().filter(|origin| origin.config.is_open());
        open.flat_map(|origin| origin.secrets.iter().map(String::as_str))
    }

    /// The credentials for a repository, in the kubelet's order.
    pub(super) fn lookup(&self, repository: &str) -> impl Iterator<Item = FoundCredential<'_, 'a>> {
        let found = self.keyring.lookup(repository).into_iter();
        found.map(|entry| FoundCredential { entry, origin: &self.origins[entry.origin] })
    }
}

impl FoundCredential<'_, '_> {
    /// Whether the credential is unknown: a credential helper did not return it, or another program fills it in
    /// later.
    pub(super) fn is_unknown(&self) -> bool {
        is_unknown(self.origin.config, self.entry.written_key)
    }

    /// The secret that contains the credential.
    pub(super) fn secret(&self) -> &str {
        self.origin.secrets.first().map(String::as_str).unwrap_or_default()
    }
}

/// Whether the credential of a key is unknown: a credential helper did not return it, or it is not filled in yet.
pub(super) fn is_unknown(config: &DockerConfig, written_key: &str) -> bool {
    config.entries.iter().any(|entry| entry.hints.is_unknown() && entry.key == written_key)
}
