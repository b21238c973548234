//! One request with the credential of its attempt: the remembered challenge, Basic, Bearer, the second 401.
//!
//! Follows `core/remotes/docker/authorizer.go` of containerd: the first request is sent without credentials, and then
//! only what the registry asks for is sent. The challenge is remembered per host and credential, so that a thousand
//! tags cost one.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::basic::basic_value;
use super::challenge::{Bearer, Challenge};
use super::endpoint::Endpoint;
use super::exchange::Ask;
use super::redirect::{Followed, follow};
use super::reply::{evidence, failed};
use super::resolve::Reach;
use super::token::{Age, Tokens, WantedToken};
use super::transport::{Budget, SMALL_BODY, Transport};
use crate::credential::pair::Credential;
use crate::image::runtime::Runtime;
use crate::kubelet::probe::{Denial, Evidence, Outcome, Unknown};
use crate::registry::once_map::OnceMap;
use crate::registry::password_gate::{Gates, Visit};

/// State that a run has learned about registries and realms.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    tokens: Tokens,
    challenges: OnceMap<Holder, Mutex<Option<Learned>>>,
    basic: Gates<(String, Credential)>,
}

/// Origin, credential and, if a host's challenge differs between repositories, repository.
type Holder = (String, Option<Credential>, Option<String>);

/// A host's challenge, learned from the first request to it.
#[derive(Debug, Clone)]
enum Learned {
    /// The host asked for nothing, or its challenge could not be determined. Every attempt then finds out on its own.
    Nothing,
    /// The host asks for nothing, and no later challenge is answered.
    Open,
    /// The challenge, and the repository for which the host sent it.
    Challenge(Challenge, String),
}

/// One attempt in progress.
pub(crate) struct Session<'s> {
    pub(crate) transport: &'s Transport,
    pub(crate) memory: &'s Memory,
    pub(crate) endpoint: Endpoint,
    pub(crate) repository: &'s str,
    pub(crate) credential: Option<&'s Credential>,
    pub(crate) budget: Budget,
}

/// A request within a session.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) cap: usize,
}

impl<'s> Session<'s> {
    /// Sends the request with the credential that the registry asks for. The returned answer is never a 401. `Err` is
    /// the outcome of an attempt that was refused or failed.
    pub(crate) async fn fetch(&mut self, wish: &Wish) -> Result<Followed, Outcome> {
        let own = self.memory.challenges.get(self.holder(true)).lock().await.clone();
        if let Some(Learned::Challenge(challenge, _)) = own {
            return self.answer_challenge(wish, &challenge).await;
        }
        let is_crio = self.transport.options().runtime == Runtime::Crio;
        let cell = self.memory.challenges.get(self.holder(false));
        let Some(mut guard) = self.after_the_first(&cell, wish).await else {
            return self.ask_bare(wish).await;
        };
        match guard.clone() {
            None => {
                // The other requests wait here until this one has learned the host's challenge.
                let (learned, step) = self.discover(wish).await;
                *guard = Some(learned);
                drop(guard);
                self.finish(wish, step).await
            }
            Some(Learned::Nothing) => {
                drop(guard);
                self.ask_bare(wish).await
            }
            Some(Learned::Open) => {
                drop(guard);
                self.send_open(wish).await
            }
            Some(Learned::Challenge(challenge, repository)) => {
                drop(guard);
                let result = self.answer_challenge(wish, &challenge).await;
                match result {
                    Err(outcome) if !is_crio && repository != self.repository && asks_anew(&outcome) => {
                        self.reconsider(wish, &challenge, outcome).await
                    }
                    result => result,
                }
            }
        }
    }

    /// Waits until the first request has learned the host's challenge. Returns `None` if the host leaves that request
    /// without an answer as well.
    async fn after_the_first<'c>(
        &self,
        cell: &'c Mutex<Option<Learned>>,
        wish: &Wish,
    ) -> Option<MutexGuard<'c, Option<Learned>>> {
        let patience = self.transport.patience();
        let host = self.transport.hosts().of(&wish.url);
        let mut lock = std::pin::pin!(cell.lock());
        loop {
            match tokio::time::timeout(patience, &mut lock).await {
                Ok(guard) => return Some(guard),
                Err(_) if host.is_silent(patience, Instant::now()) => return None,
                Err(_) => {}
            }
        }
    }

    /// Sends the request without waiting for another one. All requests use what it learns.
    async fn ask_bare(&mut self, wish: &Wish) -> Result<Followed, Outcome> {
        let (learned, step) = self.discover(wish).await;
        if !matches!(learned, Learned::Nothing) {
            let cell = self.memory.challenges.get(self.holder(false));
            // The request that holds the lock learns the same.
            if let Ok(mut guard) = cell.try_lock() {
                *guard = Some(learned);
            }
        }
        self.finish(wish, step).await
    }

    /// Retries after the challenge from another repository was not enough. Some hosts name a different realm for each
    /// repository, and leave some open. A refusal is final only if this repository has the same challenge.
    async fn reconsider(&mut self, wish: &Wish, known: &Challenge, outcome: Outcome) -> Result<Followed, Outcome> {
        let (learned, step) = self.discover(wish).await;
        *self.memory.challenges.get(self.holder(true)).lock().await = Some(learned);
        match step {
            Ok(Step::Challenged(challenge)) if challenge.is_like(known) => Err(outcome),
            step => self.finish(wish, step).await,
        }
    }

    /// Sends the request without credentials. CRI-O requests the root of the API first, and follows the challenge
    /// from there (`detectPropertiesHelper` in `docker/docker_client.go` of containers/image).
    async fn discover(&mut self, wish: &Wish) -> (Learned, Result<Step, Outcome>) {
        if self.transport.options().runtime == Runtime::Crio {
            return self.ping(wish).await;
        }
        let followed = match self.send(wish, None).await {
            Ok(followed) => followed,
            Err(outcome) => return (Learned::Nothing, Err(outcome)),
        };
        if followed.answer.status != 401 {
            return (Learned::Nothing, Ok(Step::Answered(Box::new(followed))));
        }
        match Challenge::read(&followed.answer.headers, self.transport.options().runtime).filter(|_| !followed.foreign)
        {
            Some(challenge) => {
                let learned = Learned::Challenge(challenge.clone(), self.repository.to_owned());
                (learned, Ok(Step::Challenged(challenge)))
            }
            None => {
                let evidence = self.evidence(wish, &followed);
                let outcome = match followed.foreign {
                    // Another host asks for credentials and gets none: that says nothing about the image.
                    true => Outcome::Unknown(Unknown::RegistryError, evidence),
                    false => Outcome::Denied(Denial::NoChallenge, evidence),
                };
                (Learned::Nothing, Err(outcome))
            }
        }
    }

    async fn ping(&mut self, wish: &Wish) -> (Learned, Result<Step, Outcome>) {
        let ping = Wish { method: Method::GET, url: self.endpoint.ping(), headers: HeaderMap::new(), cap: SMALL_BODY };
        let followed = match self.send(&ping, None).await {
            Ok(followed) => followed,
            Err(outcome) => return (Learned::Nothing, Err(outcome)),
        };
        if !matches!(followed.answer.status, 200 | 401) {
            // Whatever the answer about the root of the API, it says nothing about the image.
            let unknown = if followed.answer.status == 429 { Unknown::RateLimited } else { Unknown::RegistryError };
            let outcome = Outcome::Unknown(unknown, self.evidence(&ping, &followed));
            return (Learned::Nothing, Err(outcome));
        }
        match Challenge::read(&followed.answer.headers, Runtime::Crio).filter(|_| !followed.foreign) {
            Some(challenge) => {
                (Learned::Challenge(challenge.clone(), self.repository.to_owned()), Ok(Step::Challenged(challenge)))
            }
            // The root of the API has no challenge, so a later one for the manifest is never answered.
            None => (Learned::Open, self.send_open(wish).await.map(|followed| Step::Answered(Box::new(followed)))),
        }
    }

    /// Sends the request without credentials, whatever the challenge.
    async fn send_open(&mut self, wish: &Wish) -> Result<Followed, Outcome> {
        let followed = self.send(wish, None).await?;
        self.refuse_401(wish, followed, Denial::NoChallenge)
    }

    async fn finish(&mut self, wish: &Wish, step: Result<Step, Outcome>) -> Result<Followed, Outcome> {
        match step? {
            Step::Answered(followed) => Ok(*followed),
            Step::Challenged(challenge) => self.answer_challenge(wish, &challenge).await,
        }
    }

    async fn answer_challenge(&mut self, wish: &Wish, challenge: &Challenge) -> Result<Followed, Outcome> {
        match challenge {
            Challenge::Basic => self.with_basic(wish).await,
            Challenge::Bearer(bearer) => self.with_token(wish, bearer).await,
        }
    }

    /// Sends Basic credentials. The first request with a password is made alone; if refused, the password is not sent
    /// to the host again.
    async fn with_basic(&mut self, wish: &Wish) -> Result<Followed, Outcome> {
        // containerd requires both; without them its error is "no basic auth credentials".
        let complete = self.credential.filter(|credential| !credential.password.is_empty());
        let Some(credential) = complete else {
            let evidence = Evidence { status: Some(401), ..self.request_evidence(wish) };
            return Err(Outcome::Denied(Denial::AuthRequired, evidence));
        };
        let mut header = HeaderValue::from_str(&format!("Basic {}", basic_value(credential).expose()))
            .map_err(|_| Outcome::Denied(Denial::BadCredentials, self.request_evidence(wish)))?;
        header.set_sensitive(true);
        let (memory, key) = (self.memory, (self.endpoint.origin(), credential.clone()));
        let visit = Visit { repository: self.repository, requests: 1 };
        let ask = async {
            let followed = self.send(wish, Some(&header)).await?;
            self.refuse_401(wish, followed, Denial::BadCredentials)
        };
        memory.basic.pass(key, visit, ask, |outcome| matches!(outcome, Outcome::Denied(..))).await
    }

    async fn with_token(&mut self, wish: &Wish, challenge: &Bearer) -> Result<Followed, Outcome> {
        let tokens = &self.memory.tokens;
        let wanted = self.wanted();
        let (token, mut age) = tokens.get(challenge, &wanted, &mut self.budget).await?;
        let mut followed = self.send(wish, Some(&token.header)).await?;
        // public.ecr.aws answers 400 to an expired token.
        let refuses = |followed: &Followed| matches!(followed.answer.status, 400 | 401) && !followed.foreign;
        if refuses(&followed)
            && age == Age::Kept
            && let Some(token) = tokens.renew(challenge, &wanted, &token, &mut self.budget).await?
        {
            followed = self.send(wish, Some(&token.header)).await?;
            age = Age::New;
        }
        if refuses(&followed) && age == Age::New {
            tokens.was_refused_when_new(challenge, &wanted).await;
        }
        // "insufficient_scope" and similar errors mean that the token is valid, but not for this request.
        let denial = match Challenge::read(&followed.answer.headers, self.transport.options().runtime) {
            Some(Challenge::Bearer(Bearer { error: Some(error), .. })) if error != "invalid_token" => {
                Denial::DeniedOrAbsent
            }
            _ => Denial::Auth,
        };
        self.refuse_401(wish, followed, denial)
    }

    fn wanted(&self) -> WantedToken<'s> {
        WantedToken {
            transport: self.transport,
            endpoint: self.endpoint.clone(),
            repository: self.repository,
            // Without a password, containerd requests an anonymous token.
            credential: self.credential.filter(|credential| !credential.password.is_empty()),
        }
    }

    async fn send(&mut self, wish: &Wish, authorization: Option<&HeaderValue>) -> Result<Followed, Outcome> {
        let mut headers = wish.headers.clone();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
        let ask = Ask {
            method: wish.method.clone(),
            url: wish.url.clone(),
            headers,
            cap: wish.cap,
            reach: Reach::Private,
            own: self.endpoint.headers().clone(),
            dial: self.endpoint.dial().clone(),
            is_token: false,
            is_anonymous: self.credential.is_none(),
            form: Vec::new(),
        };
        let followed = follow(self.transport, ask, &mut self.budget).await;
        followed.map_err(|(failure, url)| failed(&wish.method, &url, failure))
    }

    fn refuse_401(&self, wish: &Wish, followed: Followed, denial: Denial) -> Result<Followed, Outcome> {
        match (followed.answer.status, followed.foreign) {
            (401, false) => Err(Outcome::Denied(denial, self.evidence(wish, &followed))),
            // Another host asks for credentials and gets none: that says nothing about the image.
            (401, true) => Err(Outcome::Unknown(Unknown::RegistryError, self.evidence(wish, &followed))),
            _ => Ok(followed),
        }
    }

    /// The evidence in an answer.
    pub(crate) fn evidence(&self, wish: &Wish, followed: &Followed) -> Evidence {
        let evidence = evidence(&wish.method, &followed.url, &followed.answer, self.credential);
        Evidence { bare: followed.bare, ..evidence }
    }

    fn request_evidence(&self, wish: &Wish) -> Evidence {
        let evidence = evidence(&wish.method, &wish.url, &super::exchange::Answer::default(), None);
        Evidence { status: None, ..evidence }
    }

    fn holder(&self, of_repository: bool) -> Holder {
        let repository = of_repository.then(|| self.repository.to_owned());
        // CRI-O learns the challenge from the root of the API, and requests that without a credential.
        let is_crio = self.transport.options().runtime == Runtime::Crio;
        (self.endpoint.origin(), self.credential.filter(|_| !is_crio).cloned(), repository)
    }
}

/// The result of the first request, made without credentials.
enum Step {
    Answered(Box<Followed>),
    Challenged(Challenge),
}

/// Whether another challenge could have avoided the outcome.
fn asks_anew(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Denied(..) | Outcome::Unknown(Unknown::AuthServer | Unknown::CredentialWithheld, _))
}
