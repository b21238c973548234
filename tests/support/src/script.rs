//! What a scripted registry holds and how it guards it.

use std::collections::BTreeMap;

use crate::access::{Access, Bearer};
use crate::answer::Answer;
use crate::name::split_registry;
use crate::repository::RepositoryScript;
use crate::tls::{Certificate, Manner};

/// Everything a scripted registry knows. Repositories are named `acme/api`, served whatever the `Host` header says,
/// or `ghcr.io/acme/api`, served to that host only: one server can stand for many registries.
#[derive(Debug, Default)]
pub struct Script {
    pub(crate) hosts: BTreeMap<String, HostScript>,
    pub(crate) routes: Vec<Route>,
    pub(crate) manner: Manner,
    pub(crate) names: Vec<String>,
}

/// A path with its own answers.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: Option<String>,
    pub(crate) path: String,
    /// In order; the last one stays.
    pub(crate) answers: Vec<Answer>,
    pub(crate) asked: usize,
}

/// One registry of the server.
#[derive(Debug, Default)]
pub struct HostScript {
    pub(crate) repositories: BTreeMap<String, RepositoryScript>,
    pub(crate) unknown: Access,
    pub(crate) realm: Option<String>,
}

impl Script {
    /// A repository, made if there is none: `acme/api`, or `ghcr.io/acme/api` for one registry only.
    pub fn repository(&mut self, name: &str) -> &mut RepositoryScript {
        let (host, path) = split_registry(name).unwrap_or(("", name));
        self.host(host).repositories.entry(path.to_owned()).or_default()
    }

    /// A registry by name, made if there is none; `""` is the one that serves every other `Host`.
    pub fn host(&mut self, name: &str) -> &mut HostScript {
        self.hosts.entry(name.to_owned()).or_default()
    }

    /// An open repository with a single-platform image.
    pub fn image(&mut self, repository: &str, tag: &str) -> &mut RepositoryScript {
        self.repository(repository).image(tag)
    }

    /// An open repository with an index.
    pub fn index(&mut self, repository: &str, tag: &str, platforms: &[&str]) -> &mut RepositoryScript {
        self.repository(repository).index(tag, platforms)
    }

    /// A repository that only this user reads, behind a token endpoint; its images are added to what it returns.
    pub fn private(&mut self, repository: &str, user: &str, password: &str) -> &mut RepositoryScript {
        self.repository(repository).access(Access::Bearer(Bearer::private(user, password)))
    }

    /// What a path answers, whatever else is known of it. `path` is compared without query; a `method` of `*` means
    /// any. Several answers are given in turn, and the last one stays.
    pub fn answer(&mut self, method: &str, path: &str, answers: impl IntoIterator<Item = Answer>) -> &mut Self {
        self.routes.push(Route {
            method: (method != "*").then(|| method.to_owned()),
            path: path.to_owned(),
            answers: answers.into_iter().collect(),
            asked: 0,
        });
        self
    }

    /// Which certificate a TLS server shows.
    pub fn certificate(&mut self, certificate: Certificate) -> &mut Self {
        self.manner.certificate = certificate;
        self
    }

    /// A TLS server demands a client certificate of this authority, given as PEM.
    pub fn demand_client(&mut self, authority: &str) -> &mut Self {
        self.manner.demands = Some(authority.to_owned());
        self
    }

    /// A TLS server offers HTTP/2.
    pub fn http2(&mut self) -> &mut Self {
        self.manner.http2 = true;
        self
    }

    /// Another name for the certificate of a TLS server, beside loopback and the registries of the script.
    pub fn also_named(&mut self, name: &str) -> &mut Self {
        self.names.push(name.to_owned());
        self
    }

    /// The next answer of a scripted path.
    pub(crate) fn route(&mut self, method: &str, path: &str) -> Option<Answer> {
        let fits = |r: &&mut Route| r.path == path && r.method.as_deref().is_none_or(|m| m == method);
        let route = self.routes.iter_mut().find(fits)?;
        let answer = route.answers.get(route.asked).or(route.answers.last()).cloned();
        route.asked += 1;
        answer
    }

    /// Names for the certificate.
    pub(crate) fn certificate_names(&self) -> Vec<String> {
        let mut names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        for host in self.hosts.keys().chain(&self.names).filter(|host| !host.is_empty()) {
            let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
            names.push(name.to_owned());
            if name == "docker.io" {
                names.extend(["registry-1.docker.io".to_owned(), "auth.docker.io".to_owned()]);
            }
        }
        names
    }
}

impl HostScript {
    /// How repositories that do not exist are guarded; open by default, so that they answer 404.
    pub fn unknown(&mut self, access: Access) -> &mut Self {
        self.unknown = access;
        self
    }

    /// The realm of Bearer challenges; by default `/token` of the host that was asked.
    pub fn realm(&mut self, realm: &str) -> &mut Self {
        self.realm = Some(realm.to_owned());
        self
    }
}
