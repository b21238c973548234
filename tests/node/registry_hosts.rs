//! The hosts that a node finds: what they hold, how they guard it, and what they answer out of order.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use pullcheck_support::{Answer, Asked, Certificate, Hosts};
use serde_json::json;

use crate::content::{self, Object};
use crate::placeholders::fill;
use crate::scenario::{self, Auth, Reply, Scenario, Then, When};

/// Who has a password, on every host that asks for one.
const USERS: [(&str, &str); 2] = [("ops", "s3cret-pw"), ("other", "0ther-pw")];

/// The paths of token endpoints.
const TOKEN: &str = "/token";

/// All hosts of a scenario.
#[derive(Debug)]
pub(crate) struct World {
    hosts: Vec<Host>,
    /// The tokens that were handed out, and the repositories that each is for.
    tokens: Mutex<BTreeMap<String, Vec<String>>>,
}

#[derive(Debug)]
struct Host {
    data: scenario::Host,
    images: Vec<(String, Object)>,
}

impl World {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let host = |data: &scenario::Host| Host { images: content::images(&data.images), data: data.clone() };
        Self { hosts: scenario.hosts.iter().map(host).collect(), tokens: Mutex::default() }
    }

    /// The first image of a name, `team/app:1`.
    pub(crate) fn image(&self, name: &str) -> Option<&Object> {
        let images = self.hosts.iter().flat_map(|host| &host.images);
        images.into_iter().find(|(known, _)| known == name).map(|(_, object)| object)
    }

    /// A rule's or a token endpoint's answer.
    fn written(&self, reply: &Reply) -> Answer {
        let answer = match &reply.error {
            Some((code, message)) => Answer::error(reply.status, code, message),
            None => Answer::status(reply.status).body(fill(&reply.body, self)),
        };
        reply.headers.iter().fold(answer, |answer, (name, value)| answer.header(name, &fill(value, self)))
    }

    fn token(&self, asked: &Asked, host: &Host) -> Answer {
        let service = asked.parameter("service");
        let asks = |host: &&Host| host.data.auth == Auth::Bearer && Some(host.service()) == service;
        let registry = self.hosts.iter().find(asks).unwrap_or(host);
        if let Some(reply) = &registry.data.token {
            return self.written(reply);
        }
        let is_post = asked.method == "POST";
        if let Some(status) = registry.data.post.filter(|_| is_post) {
            return Answer::status(status);
        }
        let form = || Some((asked.parameter("username")?.to_owned(), asked.parameter("password")?.to_owned()));
        let user = match if is_post { form() } else { asked.login() } {
            Some(login) if is_known(&login) => Some(login.0),
            Some(_) => return Answer::error(401, "UNAUTHORIZED", "incorrect username or password"),
            None if is_post || registry.data.anonymous != 200 => {
                return Answer::error(registry.data.anonymous, "UNAUTHORIZED", "authentication required");
            }
            None => None,
        };
        let scopes =
            asked.parameters.iter().filter(|(name, _)| name == "scope").flat_map(|(_, value)| value.split(' '));
        let repositories = scopes.filter_map(|scope| scope.strip_prefix("repository:")?.strip_suffix(":pull"));
        let granted = repositories.filter(|name| registry.may_read(user.as_deref(), name)).map(str::to_owned).collect();
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let token = format!("token-{}", tokens.len() + 1);
        tokens.insert(token.clone(), granted);
        Answer::status(200).json(&json!({"token": token, "access_token": token, "expires_in": 300}))
    }

    /// Why a request may not read a repository; without one it asks for the registry as such.
    fn refused(&self, asked: &Asked, host: &Host, repository: Option<&str>) -> Option<Answer> {
        let may = |user: Option<&str>| repository.is_none_or(|repository| host.may_read(user, repository));
        match host.data.auth {
            Auth::None => None,
            Auth::Basic => match asked.login().filter(is_known) {
                Some((user, _)) if may(Some(&user)) => None,
                Some(_) => Some(Answer::error(403, "DENIED", "requested access to the resource is denied")),
                None => Some(host.challenge(repository, false)),
            },
            Auth::Bearer => {
                let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
                let token = asked.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
                match token.map(|token| tokens.get(token)) {
                    Some(Some(granted)) => {
                        let fits = repository.is_none_or(|name| granted.iter().any(|granted| granted == name));
                        (!fits).then(|| host.challenge(repository, host.data.scope_error))
                    }
                    Some(None) | None => Some(host.challenge(repository, false)),
                }
            }
        }
    }

    /// The registry's API, and the token endpoint.
    fn registry(&self, asked: &Asked, host: &Host, path: &str) -> Answer {
        if path == TOKEN {
            return self.token(asked, host);
        }
        if matches!(path, "/v2" | "/v2/") {
            return self.refused(asked, host, None).unwrap_or_else(|| Answer::status(200).json(&json!({})));
        }
        let below = path.strip_prefix("/v2/").unwrap_or_default();
        let Some((kind, (repository, target))) =
            ["/manifests/", "/blobs/", "/tags/"].into_iter().find_map(|kind| Some((kind, below.rsplit_once(kind)?)))
        else {
            return Answer::status(404).header("Content-Type", "text/plain").body("404 page not found\n");
        };
        if let Some(refusal) = self.refused(asked, host, Some(repository)) {
            return refusal;
        }
        match kind {
            "/manifests/" => host.manifest(repository, target, asked.method == "HEAD"),
            "/blobs/" => host.blob(repository, target),
            _ => host.tags(repository),
        }
    }
}

impl Hosts for World {
    fn certificate(&self, name: &str) -> Certificate {
        match self.hosts.iter().find(|host| host.data.name == name).map(|host| host.data.certificate) {
            None | Some(scenario::Certificate::Good) => Certificate::Good,
            Some(scenario::Certificate::UnknownCa) => Certificate::UnknownAuthority,
            Some(scenario::Certificate::Expired) => Certificate::Expired,
            Some(scenario::Certificate::Future) => Certificate::NotYetValid,
            Some(scenario::Certificate::WrongName) => Certificate::WrongName,
        }
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let Some(host) = self.hosts.iter().find(|host| host.data.name == asked.host) else {
            return Answer::status(404).header("Content-Type", "text/plain").body("no such host");
        };
        let mut path = asked.path.clone();
        match host.data.rules.iter().find(|rule| rule.when.fits(asked)).map(|rule| &rule.then) {
            None => {}
            Some(Then::Answer(reply)) => return self.written(reply),
            Some(Then::Redirect(status, target)) => {
                return Answer::status(*status).header("Location", &target.replace("{path}", &path));
            }
            Some(Then::Close) => return Answer::abort(),
            Some(Then::Under(prefix)) => {
                path = path.strip_prefix(prefix.as_str()).map(|below| format!("/v2{below}")).unwrap_or_default();
            }
        }
        self.registry(asked, host, &path)
    }
}

impl When {
    fn fits(&self, asked: &Asked) -> bool {
        let sent = |start: &String| asked.authorization.as_ref().is_some_and(|value| value.starts_with(start));
        self.method.as_ref().is_none_or(|method| *method == asked.method)
            && self.scheme.as_ref().is_none_or(|scheme| *scheme == asked.scheme)
            && self.path.as_ref().is_none_or(|part| asked.path.contains(part))
            && self.with.as_ref().is_none_or(sent)
            && !self.without.as_ref().is_some_and(sent)
    }
}

impl Host {
    fn service(&self) -> &str {
        self.data.service.as_deref().unwrap_or(&self.data.name)
    }

    fn may_read(&self, user: Option<&str>, repository: &str) -> bool {
        let named =
            |user: &str| self.data.readers.as_ref().is_none_or(|readers| readers.iter().any(|name| name == user));
        self.data.public.iter().any(|public| public == repository) || user.is_some_and(named)
    }

    fn challenge(&self, repository: Option<&str>, scope_error: bool) -> Answer {
        let challenge = if self.data.auth == Auth::Basic {
            "Basic realm=\"Registry\"".to_owned()
        } else {
            let own = || format!("https://{}{TOKEN}", self.data.name);
            let realm = self.data.realm.clone().unwrap_or_else(own);
            let scope = repository.map(|name| format!(",scope=\"repository:{name}:pull\"")).unwrap_or_default();
            let error = if scope_error { ",error=\"insufficient_scope\"" } else { "" };
            format!("Bearer realm=\"{realm}\",service=\"{}\"{scope}{error}", self.service())
        };
        detailed(401, "UNAUTHORIZED", "authentication required").header("WWW-Authenticate", &challenge)
    }

    /// Tags and manifests of a repository; none where there is no such repository.
    fn held<'h>(&'h self, repository: &'h str) -> impl Iterator<Item = (&'h str, &'h Object)> {
        self.images.iter().filter_map(move |(name, object)| {
            let (held, tag) = name.rsplit_once(':')?;
            (held == repository).then_some((tag, object))
        })
    }

    fn manifest(&self, repository: &str, target: &str, is_head: bool) -> Answer {
        let by_tag = self.held(repository).find(|(tag, _)| *tag == target).map(|(_, object)| object);
        let found = by_tag.or_else(|| self.held(repository).find_map(|(_, object)| object.find(target)));
        let Some(object) = found else {
            return match self.held(repository).next() {
                None => detailed(404, "NAME_UNKNOWN", "repository name not known to registry"),
                Some(_) => detailed(404, "MANIFEST_UNKNOWN", "manifest unknown"),
            };
        };
        let mut answer = Answer::status(200).header("Content-Type", &object.content_type);
        if let Some(digest) = &object.digest_header {
            answer = answer.header("Docker-Content-Digest", digest);
        }
        // Where there is no body, no length is said.
        if is_head && object.no_length { answer } else { answer.body(object.bytes.clone()) }
    }

    fn blob(&self, repository: &str, digest: &str) -> Answer {
        match self.held(repository).find_map(|(_, object)| object.blob(digest)) {
            None => Answer::error(404, "BLOB_UNKNOWN", "blob unknown to registry"),
            Some(bytes) => Answer::status(200)
                .header("Content-Type", "application/octet-stream")
                .header("Docker-Content-Digest", digest)
                .body(bytes),
        }
    }

    fn tags(&self, repository: &str) -> Answer {
        let tags: Vec<&str> = self.held(repository).map(|(tag, _)| tag).collect();
        if tags.is_empty() {
            return Answer::error(404, "NAME_UNKNOWN", "repository name not known to registry");
        }
        Answer::status(200).json(&json!({"name": repository, "tags": tags}))
    }
}

fn is_known((user, password): &(String, String)) -> bool {
    USERS.contains(&(user.as_str(), password.as_str()))
}

/// An error with a detail, as distribution sends it of challenges and manifests: CRI-O shows its message for its code.
fn detailed(status: u16, code: &str, message: &str) -> Answer {
    Answer::status(status).json(&json!({"errors": [{"code": code, "message": message, "detail": {}}]}))
}
