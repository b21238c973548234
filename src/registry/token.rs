//! Tokens: fetched once per realm, service, scope and credential, by one caller while the others wait.
//!
//! Failures are kept like tokens, and a password that a realm refuses is soon not sent to it again.

use std::collections::HashSet;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::basic::basic_value;
use super::challenge::Bearer;
use super::endpoint::Endpoint;
use super::exchange::{Answer, Ask};
use super::failure::RequestFailure;
use super::redirect::{Followed, follow};
use super::reply::{evidence, failed, with_message};
use super::token_body::{self, TokenBody, TokenReader};
use super::transport::{Budget, SMALL_BODY, Transport};
use crate::credential::pair::Credential;
use crate::credential::sensitive::Sensitive;
use crate::image::runtime::Runtime;
use crate::kubelet::probe::{Denial, Evidence, Outcome, TokenRequest, Unknown};
use crate::registry::once_map::OnceMap;
use crate::registry::password_gate::{Gates, Visit};

/// The scope of a token's validity.
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
    expires: Instant,
}

/// The tokens of a run.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    tokens: OnceMap<Key, Mutex<Kept>>,
    gates: Gates<(String, Credential)>,
    /// Realms that do not support `POST`.
    only_get: Mutex<HashSet<String>>,
}

/// A realm's answers for one key.
#[derive(Debug, Default)]
struct Kept {
    last: Option<Result<Token, Outcome>>,
    /// Whether the registry refused a newly issued token: it will refuse the next one too.
    refused_when_new: bool,
}

/// Whether a token is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// The token was fetched just now.
    New,
    /// The token was kept from an earlier question. A node, which requests one for each pull, would have a new one.
    Kept,
}

/// The request that needs a token, and how the token may be fetched.
pub(crate) struct WantedToken<'w> {
    pub(crate) transport: &'w Transport,
    /// The endpoint that the token is for.
    pub(crate) endpoint: Endpoint,
    pub(crate) repository: &'w str,
    pub(crate) credential: Option<&'w Credential>,
}

impl Tokens {
    /// Returns a token for the challenge, from the cache if possible.
    pub(crate) async fn get(
        &self,
        challenge: &Bearer,
        wanted: &WantedToken<'_>,
        budget: &mut Budget,
    ) -> Result<(Token, Age), Outcome> {
        let key = key(challenge, wanted);
        let cell = self.tokens.get(key.clone());
        let mut kept = cell.lock().await;
        match &kept.last {
            Some(Err(outcome)) => return Err(outcome.clone()),
            Some(Ok(token)) if token.expires > Instant::now() => return Ok((token.clone(), Age::Kept)),
            _ => {}
        }
        let result = self.fetch_gated(&key, wanted, budget).await;
        kept.last = Some(result.clone());
        result.map(|token| (token, Age::New))
    }

    /// Returns a token to replace a kept one that was refused, however new it is; `None` if that would not help.
    pub(crate) async fn renew(
        &self,
        challenge: &Bearer,
        wanted: &WantedToken<'_>,
        refused: &Token,
        budget: &mut Budget,
    ) -> Result<Option<Token>, Outcome> {
        let key = key(challenge, wanted);
        let cell = self.tokens.get(key.clone());
        let mut kept = cell.lock().await;
        match &kept.last {
            _ if kept.refused_when_new => return Ok(None),
            Some(Err(outcome)) => return Err(outcome.clone()),
            Some(Ok(token)) if token.header != refused.header => return Ok(Some(token.clone())),
            _ => {}
        }
        let result = self.fetch_gated(&key, wanted, budget).await;
        kept.last = Some(result.clone());
        result.map(Some)
    }

    /// Records that a newly issued token was refused.
    pub(crate) async fn was_refused_when_new(&self, challenge: &Bearer, wanted: &WantedToken<'_>) {
        self.tokens.get(key(challenge, wanted)).lock().await.refused_when_new = true;
    }

    async fn fetch_gated(&self, key: &Key, wanted: &WantedToken<'_>, budget: &mut Budget) -> Result<Token, Outcome> {
        let runtime = wanted.transport.options().runtime;
        // Callers that wait for the first one use the method that it has learned.
        let ask = async { self.fetch(key, self.methods(key, runtime).await, wanted, budget).await };
        let Some(credential) = &key.credential else { return ask.await };
        let refuses = |outcome: &Outcome| matches!(outcome, Outcome::Denied(Denial::BadCredentials, _));
        let visit = Visit { repository: wanted.repository, requests: self.methods(key, runtime).await.len() as u32 };
        self.gates.pass((key.realm.clone(), credential.clone()), visit, ask, refuses).await
    }

    /// The methods of a runtime. containerd uses `POST` if it has a password, and then possibly `GET`; CRI-O uses
    /// `GET`.
    async fn methods(&self, key: &Key, runtime: Runtime) -> &'static [Exchange] {
        match runtime {
            Runtime::Crio => &[Exchange::CrioGet],
            _ if key.credential.is_none() => &[Exchange::Get],
            _ if self.only_get.lock().await.contains(&key.realm) => &[Exchange::Get],
            _ => &[Exchange::Post, Exchange::Get],
        }
    }

    /// `doBearerAuth` in `core/remotes/docker/authorizer.go` of containerd: a `POST` is followed by `GET` only after
    /// 400, 401, 404 or 405.
    async fn fetch(
        &self,
        key: &Key,
        methods: &[Exchange],
        wanted: &WantedToken<'_>,
        budget: &mut Budget,
    ) -> Result<Token, Outcome> {
        let (first, then) = match methods {
            [first, then] => (*first, Some(*then)),
            [first] => (*first, None),
            _ => (Exchange::Get, None),
        };
        let posted = exchange(first, key, wanted, budget).await;
        match (posted, then) {
            (Err((Refusal::Status(status @ (400 | 401 | 404 | 405)), _)), Some(then)) => {
                let asked = exchange(then, key, wanted, budget).await;
                // A 401 may concern this repository alone.
                if asked.is_ok() && status != 401 {
                    self.only_get.lock().await.insert(key.realm.clone());
                }
                asked.map_err(|(_, outcome)| outcome)
            }
            (posted, _) => posted.map_err(|(_, outcome)| outcome),
        }
    }
}

fn key(challenge: &Bearer, wanted: &WantedToken<'_>) -> Key {
    Key {
        realm: challenge.realm.clone(),
        service: challenge.service.clone(),
        scopes: scopes(challenge, wanted),
        credential: wanted.credential.cloned(),
    }
}

fn scopes(challenge: &Bearer, wanted: &WantedToken<'_>) -> Vec<String> {
    let mut scopes = challenge.scopes_for(wanted.repository);
    scopes.extend(wanted.endpoint.own_name(wanted.repository).map(|name| format!("repository:{name}:pull")));
    scopes.sort();
    scopes
}

/// A method of requesting a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exchange {
    /// `FetchTokenWithOAuth` in `core/remotes/docker/auth/fetch.go` of containerd.
    Post,
    /// `FetchToken` in the same file.
    Get,
    /// `getBearerToken` in `docker/docker_client.go` of containers/image.
    CrioGet,
}

impl Exchange {
    const fn reader(self) -> TokenReader {
        match self {
            Self::Post => TokenReader::ContainerdPost,
            Self::Get => TokenReader::ContainerdGet,
            Self::CrioGet => TokenReader::Crio,
        }
    }

    fn ask(self, key: &Key, wanted: &WantedToken<'_>) -> Result<Ask, RequestFailure> {
        match self {
            Self::Post => post(key, wanted),
            Self::Get | Self::CrioGet => get(key, wanted, self == Self::CrioGet),
        }
    }
}

async fn exchange(
    how: Exchange,
    key: &Key,
    wanted: &WantedToken<'_>,
    budget: &mut Budget,
) -> Result<Token, (Refusal, Outcome)> {
    let request = TokenRequest {
        service: key.service.clone(),
        scopes: key.scopes.clone(),
        has_query: Url::parse(&key.realm).is_ok_and(|realm| realm.query().is_some_and(|query| !query.is_empty())),
    };
    let token = Some(Box::new(request));
    let failed = |method: &Method, url: &Url, failure| match failed(method, url, failure) {
        Outcome::Unknown(unknown, evidence) => Outcome::Unknown(unknown, Evidence { token: token.clone(), ..evidence }),
        outcome => outcome,
    };
    let ask = how.ask(key, wanted).map_err(|failure| {
        let method = if how == Exchange::Post { Method::POST } else { Method::GET };
        (Refusal::Broken, failed(&method, wanted.endpoint.base(), failure))
    })?;
    let (method, url) = (ask.method.clone(), ask.url.clone());
    // If the header contains a password, no redirect is followed.
    let answered = match ask.headers.contains_key(AUTHORIZATION) {
        true => wanted
            .transport
            .send(&ask, budget)
            .await
            .map_err(|failure| (failure, url.clone()))
            .map(|answer| Followed { answer, url, method: method.clone(), foreign: false, bare: false }),
        false => follow(wanted.transport, ask, budget).await,
    };
    let Followed { answer, url, method, .. } =
        answered.map_err(|(failure, url)| (Refusal::Broken, failed(&method, &url, failure)))?;
    read(&answer, how.reader(), Instant::now()).map_err(|refusal| {
        // The body of a successful answer contains the token.
        let shown = if answer.status == 200 { &Answer { status: 200, ..Answer::default() } } else { &answer };
        let evidence = evidence(&method, &url, shown, key.credential.as_ref());
        let evidence = Evidence { token: token.clone(), ..evidence };
        let outcome = match &refusal {
            Refusal::Status(401) if key.credential.is_some() => Outcome::Denied(Denial::BadCredentials, evidence),
            Refusal::Status(401 | 403) => Outcome::Denied(Denial::DeniedOrAbsent, evidence),
            Refusal::Status(429) => Outcome::Unknown(Unknown::RateLimited, evidence),
            // It needs another method, so no node succeeds either. 408 is temporary.
            Refusal::Status(status @ 400..500) if how == Exchange::Post && *status != 408 => {
                Outcome::Denied(Denial::TokenRefused, evidence)
            }
            // Every node gets the same bytes.
            Refusal::NoToken(why) if key.credential.is_some() => {
                Outcome::Denied(Denial::TokenRefused, with_message(evidence, why))
            }
            Refusal::NoToken(why) => Outcome::Unknown(Unknown::AuthServer, with_message(evidence, why)),
            Refusal::Status(_) | Refusal::Broken => Outcome::Unknown(Unknown::AuthServer, evidence),
        };
        (refusal, outcome)
    })
}

/// A request to the realm. Only https is accepted, unless the registry itself uses http.
fn to_realm(key: &Key, wanted: &WantedToken<'_>) -> Result<Ask, RequestFailure> {
    let bad = |why: &str| RequestFailure::new(Unknown::AuthServer, why);
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
        is_anonymous: key.credential.is_none(),
        form: Vec::new(),
    })
}

fn get(key: &Key, wanted: &WantedToken<'_>, names_account: bool) -> Result<Ask, RequestFailure> {
    let mut ask = to_realm(key, wanted)?;
    let account = key.credential.iter().filter(|_| names_account).map(|credential| credential.username.expose());
    let service = key.service.iter().map(|service| ("service", service));
    ask.url
        .query_pairs_mut()
        .extend_pairs(account.map(|account| ("account", account)))
        .extend_pairs(service)
        .extend_pairs(key.scopes.iter().map(|scope| ("scope", scope)));
    if let Some(credential) = &key.credential {
        let value = basic_value(credential);
        let mut header = HeaderValue::from_str(&format!("Basic {}", value.expose()))
            .map_err(|_| RequestFailure::new(Unknown::AuthServer, "the credential does not fit in a header"))?;
        header.set_sensitive(true);
        ask.headers.insert(AUTHORIZATION, header);
    }
    Ok(ask)
}

/// A `POST` with the password in the body. No refresh token is requested. The client's name is not containerd's.
fn post(key: &Key, wanted: &WantedToken<'_>) -> Result<Ask, RequestFailure> {
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
#[derive(Debug, Clone, PartialEq, Eq)]
enum Refusal {
    /// A status other than 2xx or 3xx.
    Status(u16),
    /// A successful answer without a token, with the runtime's message.
    NoToken(String),
    /// No answer, or a redirect that is not followed.
    Broken,
}

/// Reads the realm's answer.
fn read(answer: &Answer, reader: TokenReader, now: Instant) -> Result<Token, Refusal> {
    match answer.status {
        200..300 => {}
        300..400 => return Err(Refusal::Broken),
        status => return Err(Refusal::Status(status)),
    }
    let TokenBody { header, lifetime } =
        token_body::parse(&answer.body, reader).map_err(|error| Refusal::NoToken(error.to_string()))?;
    Ok(Token { header, expires: now + lifetime })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_body(body: &str) -> Result<Token, Refusal> {
        let answer = Answer { status: 200, body: body.as_bytes().to_vec(), ..Answer::default() };
        read(&answer, TokenReader::ContainerdGet, Instant::now())
    }

    #[test]
    fn debug_output_of_token_hides_its_value() {
        let token = read_body(r#"{"token":"s3cret"}"#).unwrap();
        assert!(!format!("{token:?}").contains("s3cret"));
    }

    #[test]
    fn containerd_accepts_a_token_with_any_status_below_400() {
        let answer = |status| Answer { status, body: br#"{"token":"t"}"#.to_vec(), ..Answer::default() };
        let read = |status| read(&answer(status), TokenReader::ContainerdGet, Instant::now()).err();
        assert_eq!([read(200), read(201)], [None, None]);
        assert_eq!(read(302), Some(Refusal::Broken));
        assert_eq!(read(418), Some(Refusal::Status(418)));
    }
}
