//! Tokens: fetched once per realm, service, scope and credential, by one caller while the others wait.
//!
//! Failures are kept like tokens, and a password that a realm refuses is never shown to it again.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::auth::basic_value;
use super::cells::Cells;
use super::challenge::Bearer;
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::gate::Gates;
use super::reply::{evidence, failed};
use super::token_body::{self, TokenBody};
use super::transport::{Answer, Ask, Budget, SMALL_BODY, Transport};
use crate::keyring::Credential;
use crate::probe::{Denial, Outcome, Unknown};
use crate::sensitive::Sensitive;

/// What a token is good for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    realm: String,
    service: Option<String>,
    scopes: Vec<String>,
    credential: Option<Credential>,
}

/// A token as a header.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// `Bearer …`, marked sensitive.
    pub(crate) header: HeaderValue,
    issued: Instant,
    expires: Instant,
}

impl Token {
    /// Whether a refusal may be due to its age, so that a new one is worth a request. A registry that has just given
    /// a token and refuses it will refuse the next.
    pub(crate) fn may_be_stale(&self) -> bool {
        self.issued.elapsed() >= Duration::from_secs(30)
    }
}

/// The tokens of a run.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    cells: Cells<Key, Mutex<Option<Result<Token, Outcome>>>>,
    gates: Gates<(String, Credential)>,
}

/// For whom a token is wanted, and how it may be fetched.
pub(crate) struct Wanted<'w> {
    pub(crate) transport: &'w Transport,
    /// Who asks for it.
    pub(crate) endpoint: &'w Endpoint,
    pub(crate) repository: &'w str,
    pub(crate) credential: Option<&'w Credential>,
}

impl Tokens {
    /// A token for the challenge, from the cache if there is one that is not `refused`.
    pub(crate) async fn get(
        &self,
        challenge: &Bearer,
        wanted: &Wanted<'_>,
        refused: Option<&Token>,
        budget: &mut Budget,
    ) -> Result<Token, Outcome> {
        let key = Key {
            realm: challenge.realm.clone(),
            service: challenge.service.clone(),
            scopes: scopes(challenge, wanted),
            credential: wanted.credential.cloned(),
        };
        let cell = self.cells.get(key.clone());
        let mut held = cell.lock().await;
        match &*held {
            Some(Err(outcome)) => return Err(outcome.clone()),
            Some(Ok(token)) if token.expires > Instant::now() && refused.is_none_or(|r| r.header != token.header) => {
                return Ok(token.clone());
            }
            _ => {}
        }
        let result = self.fetch_gated(&key, wanted, budget).await;
        *held = Some(result.clone());
        result
    }

    async fn fetch_gated(&self, key: &Key, wanted: &Wanted<'_>, budget: &mut Budget) -> Result<Token, Outcome> {
        let ask = fetch(key, wanted, budget);
        let Some(credential) = &key.credential else { return ask.await };
        let refuses = |outcome: &Outcome, _| matches!(outcome, Outcome::Denied(Denial::BadCredentials, _));
        self.gates.pass((key.realm.clone(), credential.clone()), ask, refuses).await
    }
}

fn scopes(challenge: &Bearer, wanted: &Wanted<'_>) -> Vec<String> {
    let mut scopes = challenge.scopes_for(wanted.repository);
    scopes.extend(wanted.endpoint.own_name(wanted.repository).map(|name| format!("repository:{name}:pull")));
    scopes.sort();
    scopes
}

/// Asks the realm: with GET, and once more with POST where it does not know GET and there is a password to be sent.
/// containerd goes the other way round (`doBearerAuth` in `core/remotes/docker/authorizer.go`); what a token endpoint
/// has to know is GET, so that this costs fewer requests.
async fn fetch(key: &Key, wanted: &Wanted<'_>, budget: &mut Budget) -> Result<Token, Outcome> {
    let first = exchange(ask(key, wanted), key, wanted, budget).await;
    match first {
        Err((Refusal::NotKnown, _)) if key.credential.is_some() => {
            exchange(post(key, wanted), key, wanted, budget).await.map_err(|(_, outcome)| outcome)
        }
        first => first.map_err(|(_, outcome)| outcome),
    }
}

async fn exchange(
    ask: Result<Ask, Failure>,
    key: &Key,
    wanted: &Wanted<'_>,
    budget: &mut Budget,
) -> Result<Token, (Refusal, Outcome)> {
    let broken = |method: &Method, url: &Url, failure| (Refusal::Broken, failed(method, url, failure));
    let ask = ask.map_err(|failure| broken(&Method::GET, wanted.endpoint.base(), failure))?;
    let answer = wanted.transport.send(&ask, budget).await;
    let answer = answer.map_err(|failure| broken(&ask.method, &ask.url, failure))?;
    read(&answer, Instant::now()).map_err(|refusal| {
        // The body of a good answer holds the token.
        let shown = if answer.status == 200 { &Answer { status: 200, ..Answer::default() } } else { &answer };
        let evidence = evidence(&ask.method, &ask.url, shown, key.credential.as_ref());
        let outcome = match refusal {
            Refusal::Unauthorized if key.credential.is_some() => Outcome::Denied(Denial::BadCredentials, evidence),
            Refusal::Unauthorized | Refusal::Forbidden => Outcome::Denied(Denial::DeniedOrAbsent, evidence),
            Refusal::RateLimited => Outcome::Unknown(Unknown::RateLimited, evidence),
            Refusal::NotKnown | Refusal::Broken => Outcome::Unknown(Unknown::AuthServer, evidence),
        };
        (refusal, outcome)
    })
}

/// A request to the realm. Only https will do, unless the registry itself speaks http.
fn to_realm(key: &Key, wanted: &Wanted<'_>) -> Result<Ask, Failure> {
    let bad = |why: &str| Failure::new(Unknown::AuthServer, why);
    let mut url = Url::parse(&key.realm).map_err(|_| bad("the registry names no usable token endpoint"))?;
    match (url.scheme(), wanted.endpoint.base().scheme()) {
        ("https", _) | ("http", "http") => {}
        _ => return Err(bad("the registry's token endpoint is not https")),
    }
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    cleared.map_err(|()| bad("the registry names no usable token endpoint"))?;
    let reach = wanted.transport.connections().reach_from(wanted.endpoint.base(), &url);
    Ok(Ask {
        method: Method::GET,
        url,
        headers: HeaderMap::new(),
        cap: SMALL_BODY,
        reach,
        own: wanted.endpoint.headers().clone(),
        dial: wanted.endpoint.dial().clone(),
        is_token: true,
        form: Vec::new(),
    })
}

/// `FetchToken` in `core/remotes/docker/auth/fetch.go` of containerd.
fn ask(key: &Key, wanted: &Wanted<'_>) -> Result<Ask, Failure> {
    let mut ask = to_realm(key, wanted)?;
    let service = key.service.iter().map(|service| ("service", service));
    ask.url.query_pairs_mut().extend_pairs(service).extend_pairs(key.scopes.iter().map(|scope| ("scope", scope)));
    if let Some(credential) = &key.credential {
        let value = basic_value(credential);
        let mut header = HeaderValue::from_str(&format!("Basic {}", value.expose()))
            .map_err(|_| Failure::new(Unknown::AuthServer, "the credential does not fit in a header"))?;
        header.set_sensitive(true);
        ask.headers.insert(AUTHORIZATION, header);
    }
    Ok(ask)
}

/// `FetchTokenWithOAuth` there: the password goes in the body. No refresh token is asked for.
fn post(key: &Key, wanted: &Wanted<'_>) -> Result<Ask, Failure> {
    let mut form = Vec::new();
    if let Some(credential) = &key.credential {
        form.push(("grant_type", Sensitive::new("password")));
        form.push(("username", credential.username.clone()));
        form.push(("password", credential.password.clone()));
    }
    form.push(("service", Sensitive::new(key.service.as_deref().unwrap_or_default())));
    form.push(("client_id", Sensitive::new("pullcheck")));
    form.push(("scope", Sensitive::new(key.scopes.join(" "))));
    Ok(Ask { method: Method::POST, form, ..to_realm(key, wanted)? })
}

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Unauthorized,
    Forbidden,
    RateLimited,
    /// 404 or 405: the method is not known.
    NotKnown,
    /// Any other answer; redirects too, which are not followed with a password in hand.
    Broken,
}

/// Reads the realm's answer.
fn read(answer: &Answer, now: Instant) -> Result<Token, Refusal> {
    match answer.status {
        200 => {}
        401 => return Err(Refusal::Unauthorized),
        403 => return Err(Refusal::Forbidden),
        429 => return Err(Refusal::RateLimited),
        404 | 405 => return Err(Refusal::NotKnown),
        _ => return Err(Refusal::Broken),
    }
    let TokenBody { header, lifetime } = token_body::parse(&answer.body).ok_or(Refusal::Broken)?;
    Ok(Token { header, issued: now, expires: now + lifetime })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_body(body: &str) -> Result<Token, Refusal> {
        let answer = Answer { status: 200, body: body.as_bytes().to_vec(), ..Answer::default() };
        read(&answer, Instant::now())
    }

    #[test]
    fn either_name_will_do() {
        for body in [r#"{"token":"t"}"#, r#"{"access_token":"t"}"#, r#"{"token":"","access_token":"t"}"#] {
            assert_eq!(read_body(body).unwrap().header, "Bearer t");
        }
    }

    #[test]
    fn a_token_does_not_show_itself() {
        let token = read_body(r#"{"token":"s3cret"}"#).unwrap();
        assert!(!format!("{token:?}").contains("s3cret"));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for body in [
            "",
            "{}",
            "[]",
            r#"["t",null,null]"#,
            "null",
            r#"{"token":""}"#,
            r#"{"token":"a\nb"}"#,
            r#"{"token":5}"#,
            "<html>",
        ] {
            assert_eq!(read_body(body).err(), Some(Refusal::Broken), "{body}");
        }
    }
}
