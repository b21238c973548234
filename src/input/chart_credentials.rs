//! The operator's credentials for charts in OCI registries: those of `--dockerconfigjson`, its helpers included.
//!
//! They are chosen by host and path like those for images. One under a wildcard key goes only to the hosts of
//! `--credential-hosts`: a release can name any host. Nothing that a manifest contains is ever used.

use std::collections::BTreeMap;

use futures_util::future::{BoxFuture, FutureExt as _};
use tokio::sync::Mutex;

use crate::credential::dockerconfig::DockerConfig;
use crate::credential::keyring::{Keyring, is_wildcard, key_matches};
use crate::credential::pair::Credential;
use crate::input::credential_helper::Helpers;
use crate::registry::chart::ChartCredentials;

/// The credentials of an operator's docker configuration.
#[derive(Debug)]
pub struct OperatorCredentials {
    config: DockerConfig,
    helpers: Helpers,
    /// `--credential-hosts`.
    wildcard_hosts: Vec<String>,
    /// What the helpers answered, by key: each is asked once. `None` after a failure.
    answers: Mutex<BTreeMap<String, Option<Credential>>>,
}

impl OperatorCredentials {
    /// Creates the source. `wildcard_hosts` are the hosts to which a credential under a wildcard key may be sent.
    pub fn new(config: DockerConfig, helpers: Helpers, wildcard_hosts: Vec<String>) -> Self {
        Self { config, helpers, wildcard_hosts, answers: Mutex::default() }
    }

    async fn find(&self, repository: &str) -> Vec<Credential> {
        let mut config = self.config.clone();
        {
            let mut answers = self.answers.lock().await;
            for (key, helper) in self.helpers.needed_for(&self.config, &[repository].into()) {
                if !answers.contains_key(key) {
                    answers.insert(key.to_owned(), Helpers::ask(helper, key).await);
                }
                config.set(key, answers.get(key).cloned().flatten());
            }
        }
        let mut keyring = Keyring::default();
        keyring.add(0, &config);
        let registry = repository.split('/').next().unwrap_or_default();
        let may_send =
            |key: &str| !is_wildcard(key) || self.wildcard_hosts.iter().any(|glob| key_matches(glob, registry));
        let matches = keyring.lookup(repository).into_iter().filter(|found| may_send(found.written_key));
        matches.map(|found| found.credential.clone()).filter(|credential| !credential.is_anonymous()).collect()
    }
}

impl ChartCredentials for OperatorCredentials {
    fn of<'a>(&'a self, repository: &'a str) -> BoxFuture<'a, Vec<Credential>> {
        self.find(repository).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::dockerconfig::Format;

    #[tokio::test(flavor = "current_thread")]
    async fn credentials_go_to_the_hosts_of_their_keys() {
        let auth = |user: &str| format!(r#"{{"username": "{user}", "password": "pw"}}"#);
        let entries = [("ghcr.io", "all"), ("ghcr.io/acme", "acme"), ("*.example.com", "wild"), ("quay.io", "")];
        let auths: Vec<String> = entries.iter().map(|(key, user)| format!("\"{key}\": {}", auth(user))).collect();
        let config =
            format!(r#"{{"auths": {{{}, "https://index.docker.io/v1/": {}}}}}"#, auths.join(", "), auth("hub"));
        let config = DockerConfig::decode(config.as_bytes(), Format::DockerConfigJson).unwrap();
        let with = |hosts: &[&str]| {
            let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
            OperatorCredentials::new(config.clone(), Helpers::default(), hosts)
        };
        let users = |source: OperatorCredentials, repository: &'static str| async move {
            let found = source.of(repository).await;
            found.iter().map(|credential| credential.username.expose().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(users(with(&[]), "ghcr.io/acme/charts/shop").await, ["acme", "all"]);
        assert_eq!(users(with(&[]), "ghcr.io/other/shop").await, ["all"]);
        assert_eq!(users(with(&[]), "docker.io/acme/shop").await, ["hub"]);
        assert_eq!(users(with(&[]), "charts.example.com/shop").await, [""; 0]);
        assert_eq!(users(with(&["charts.example.com"]), "charts.example.com/shop").await, ["wild"]);
        assert_eq!(users(with(&[]), "quay.io/acme/shop").await, [""; 0], "an empty user is an anonymous request");
    }
}
