//! From a request to an answer: the registry's own logic, without sockets.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::access::{Access, Bearer, Refusal};
use crate::answer::Answer;
use crate::name::registry_of_host;
use crate::repository::{ManifestScript, RepositoryScript};
use crate::script::{HostScript, Script};

/// What of a request matters.
pub(crate) struct Request<'r> {
    pub(crate) method: &'r str,
    pub(crate) scheme: &'r str,
    pub(crate) host: &'r str,
    pub(crate) path: &'r str,
    pub(crate) query: &'r str,
    pub(crate) authorization: Option<&'r str>,
    pub(crate) body: &'r str,
}

/// A token that was handed out: for whom, and for which repository.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    user: Option<String>,
    refusal: Option<Refusal>,
    scope: String,
}

/// Tokens by their text.
pub(crate) type Grants = BTreeMap<String, Grant>;

/// The answer to a request.
pub(crate) fn respond(script: &mut Script, grants: &mut Grants, request: &Request<'_>) -> Answer {
    if let Some(answer) = script.route(request.method, request.path) {
        return answer;
    }
    let empty = HostScript::default();
    let registry = registry_of_host(request.host);
    let host = script.hosts.get(registry).or_else(|| script.hosts.get("")).unwrap_or(&empty);
    if request.path == "/token" {
        return token(host, grants, request);
    }
    // Most token endpoints know one method alone.
    if request.method == "POST" {
        return Answer::status(405);
    }
    if matches!(request.path, "/v2" | "/v2/") {
        return root(host, grants, request);
    }
    let Some(path) = request.path.strip_prefix("/v2/") else {
        return Answer::error(404, "NOT_FOUND", "no such page");
    };
    if let Some((repository, target)) = path.rsplit_once("/manifests/") {
        return guarded(host, grants, request, repository, |held| manifest(host, held, request, repository, target));
    }
    if let Some((repository, digest)) = path.rsplit_once("/blobs/") {
        return guarded(host, grants, request, repository, |held| blob(held, digest));
    }
    if let Some(repository) = path.strip_suffix("/tags/list") {
        return guarded(host, grants, request, repository, |held| tags(held, request, repository));
    }
    Answer::status(200).json(&serde_json::json!({}))
}

/// The root of the API: who guards any repository wants to know everyone.
fn root(host: &HostScript, grants: &Grants, request: &Request<'_>) -> Answer {
    let manifests = host.repositories.values().flat_map(|held| held.manifests.values());
    let of_manifests = manifests.filter_map(|manifest| match manifest {
        ManifestScript::Challenge(access) => Some(access),
        _ => None,
    });
    let accesses = host.repositories.values().map(|held| &held.access).chain([&host.unknown]).chain(of_manifests);
    match accesses.into_iter().find(|access| **access != Access::Open) {
        Some(Access::Basic(users)) if basic(request.authorization).is_none_or(|user| !users.contains(&user)) => {
            unauthorized(r#"Basic realm="registry""#)
        }
        Some(Access::Bearer(_)) if user_of(grants, request.authorization).is_none() => {
            let challenge = bearer(host, request, "", "");
            unauthorized(challenge.split(",scope=").next().unwrap_or_default())
        }
        _ => Answer::status(200).json(&serde_json::json!({})),
    }
}

fn guarded(
    host: &HostScript,
    grants: &Grants,
    request: &Request<'_>,
    repository: &str,
    content: impl FnOnce(Option<&RepositoryScript>) -> Answer,
) -> Answer {
    let held = host.repositories.get(repository);
    let access = held.map_or(&host.unknown, |held| &held.access);
    match refused(host, access, grants, request, repository) {
        Some(refusal) => refusal,
        None => content(held),
    }
}

/// Why the request may not read the repository.
fn refused(
    host: &HostScript,
    access: &Access,
    grants: &Grants,
    request: &Request<'_>,
    repository: &str,
) -> Option<Answer> {
    match access {
        Access::Open => None,
        Access::Basic(users) => match basic(request.authorization) {
            Some(user) if users.contains(&user) => None,
            _ => Some(unauthorized(r#"Basic realm="registry""#)),
        },
        Access::Bearer(_) => {
            let grant = request
                .authorization
                .and_then(|header| header.strip_prefix("Bearer "))
                .and_then(|token| grants.get(token))
                .filter(|grant| grant.scope.split(' ').any(|s| s == format!("repository:{repository}:pull")));
            match grant.map(|grant| grant.refusal) {
                Some(None) => None,
                Some(Some(Refusal::Forbidden)) => {
                    Some(Answer::error(403, "DENIED", "requested access to the resource is denied"))
                }
                Some(Some(Refusal::InsufficientScope)) => {
                    Some(unauthorized(&bearer(host, request, repository, r#",error="insufficient_scope""#)))
                }
                _ => Some(unauthorized(&bearer(host, request, repository, ""))),
            }
        }
    }
}

fn unauthorized(challenge: &str) -> Answer {
    Answer::error(401, "UNAUTHORIZED", "authentication required").header("WWW-Authenticate", challenge)
}

fn bearer(host: &HostScript, request: &Request<'_>, repository: &str, rest: &str) -> String {
    let own = format!("{}://{}/token", request.scheme, request.host);
    let realm = host.realm.as_deref().unwrap_or(&own);
    format!(r#"Bearer realm="{realm}",service="{}",scope="repository:{repository}:pull"{rest}"#, request.host)
}

/// The token endpoint.
fn token(host: &HostScript, grants: &mut Grants, request: &Request<'_>) -> Answer {
    // A `POST` carries in its body what a `GET` has in its query and its header.
    let posted = request.method == "POST";
    let given = |name: &str| -> Vec<String> {
        let given = parameters(if posted { request.body } else { request.query });
        given.filter(|(key, _)| key == name).map(|(_, value)| value).collect()
    };
    let scope = given("scope").join(" ");
    let mut asked = scope.split(' ').filter_map(|s| s.strip_prefix("repository:")?.strip_suffix(":pull"));
    let held = asked.find_map(|repository| host.repositories.get(repository));
    let user = match posted {
        true => given("username").pop().zip(given("password").pop()),
        false => basic(request.authorization),
    };
    let scripted = held.into_iter().flat_map(|held| held.manifests.values()).find_map(|manifest| match manifest {
        ManifestScript::Challenge(Access::Bearer(access)) => Some(access),
        _ => None,
    });
    let public = Bearer::public();
    let guard = match held.map_or(&host.unknown, |held| &held.access) {
        Access::Bearer(access) => access,
        _ => scripted.unwrap_or(&public),
    };
    let refusal = match &user {
        None => guard.anonymous,
        Some(user) if guard.readers.contains(user) => None,
        Some(user) if guard.strangers.contains(user) => Some(guard.refusal),
        Some(_) => return Answer::error(401, "UNAUTHORIZED", "incorrect username or password"),
    };
    match refusal {
        Some(Refusal::TokenForbidden) => Answer::error(403, "DENIED", "requested access to the resource is denied"),
        Some(Refusal::TokenUnauthorized) => Answer::error(401, "UNAUTHORIZED", "authentication required"),
        refusal => {
            let token = format!("token-{}", grants.len() + 1);
            grants.insert(token.clone(), Grant { user: user.map(|(name, _)| name), refusal, scope });
            Answer::status(200).json(&serde_json::json!({"token": token, "access_token": token, "expires_in": 300}))
        }
    }
}

fn manifest(
    host: &HostScript,
    held: Option<&RepositoryScript>,
    request: &Request<'_>,
    repository: &str,
    target: &str,
) -> Answer {
    let Some(held) = held else {
        return Answer::error(404, "NAME_UNKNOWN", "repository name not known to registry");
    };
    match held.manifests.get(target) {
        None => Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
        Some(ManifestScript::Answer(answer)) => answer.clone(),
        Some(ManifestScript::Challenge(Access::Bearer(_))) => {
            let again = request.authorization.is_some_and(|header| header.starts_with("Bearer "));
            let rest = if again { r#",error="insufficient_scope""# } else { "" };
            unauthorized(&bearer(host, request, repository, rest))
        }
        Some(ManifestScript::Challenge(_)) => unauthorized(r#"Basic realm="registry""#),
        Some(ManifestScript::Content { media_type, digest, bytes }) => {
            let answer = Answer::status(200)
                .header("Content-Type", media_type)
                .header("Docker-Content-Digest", digest)
                .body(bytes.clone());
            held.headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value))
        }
    }
}

fn blob(held: Option<&RepositoryScript>, digest: &str) -> Answer {
    match held.and_then(|held| held.blob(digest)) {
        None => Answer::error(404, "BLOB_UNKNOWN", "blob unknown to registry"),
        Some(bytes) => Answer::status(200)
            .header("Content-Type", "application/octet-stream")
            .header("Docker-Content-Digest", digest)
            .body(bytes.to_vec()),
    }
}

fn tags(held: Option<&RepositoryScript>, request: &Request<'_>, repository: &str) -> Answer {
    let Some(held) = held else {
        return Answer::error(404, "NAME_UNKNOWN", "repository name not known to registry");
    };
    let all = held.tag_list();
    let start = parameters(request.query)
        .find(|(key, _)| key == "last")
        .and_then(|(_, last)| all.iter().position(|tag| *tag == last))
        .map_or(0, |at| at + 1);
    let end = if held.page == 0 { all.len() } else { (start + held.page).min(all.len()) };
    let page = &all[start..end];
    let answer = Answer::status(200).json(&serde_json::json!({"name": repository, "tags": page}));
    match page.last().filter(|_| end < all.len()) {
        Some(last) => {
            answer.header("Link", &format!("</v2/{repository}/tags/list?n={}&last={last}>; rel=\"next\"", held.page))
        }
        None => answer,
    }
}

/// User and password of a Basic header.
pub(crate) fn basic(authorization: Option<&str>) -> Option<(String, String)> {
    let decoded = BASE64_STANDARD.decode(authorization?.strip_prefix("Basic ")?).ok()?;
    let (user, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// For whom a token was made: `Some(None)` is anonymous.
pub(crate) fn user_of(grants: &Grants, authorization: Option<&str>) -> Option<Option<String>> {
    let token = authorization?.strip_prefix("Bearer ")?;
    grants.get(token).map(|grant| grant.user.clone())
}

pub(crate) fn parameters(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        Some((decode(key), decode(value)))
    })
}

pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let hex = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                let hex = std::str::from_utf8(&hex).unwrap_or("3f");
                bytes.push(u8::from_str_radix(hex, 16).unwrap_or(b'?'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
