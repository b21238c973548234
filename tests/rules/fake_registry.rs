//! The registry of an example as a table: the fake [`Prober`], which tells in a line what the wire takes requests for.

use std::sync::{Arc, Mutex, PoisonError};

use pullcheck::image::manifest::{self, Config, ManifestBody};
use pullcheck::kubelet::probe::{
    Attempt, Defect, Denial, Evidence, Manifest, Outcome, Prober, RateLimit, TagList, TlsFault, Unknown, Unread,
};
use pullcheck_support::registry_lines::{self, Fault, Guard, Line, Reply};
use pullcheck_support::{RepositoryScript, Script};

/// What registries answer.
pub(crate) struct Table {
    lines: Vec<Line>,
    /// The same, for what manifests and blobs hold.
    held: Mutex<Script>,
}

impl Prober for Table {
    async fn probe(&self, attempt: &Attempt) -> Outcome {
        self.refusal(attempt).unwrap_or_else(|| self.answer(attempt))
    }

    async fn tags(&self, attempt: &Attempt) -> TagList {
        if self.refusal(attempt).is_some() {
            return TagList::Unknown;
        }
        let mut known = false;
        let mut there = Vec::new();
        for line in &self.lines {
            match line {
                Line::Tags { name, tags } if is_repository(attempt, &name.registry, &name.repository) => {
                    return TagList::Tags(tags.clone());
                }
                Line::Image { name, reply, .. } if is_repository(attempt, &name.registry, &name.repository) => {
                    known = true;
                    there.extend((!matches!(reply, Reply::Status(..))).then(|| name.target.clone()));
                }
                _ => {}
            }
        }
        if known { TagList::Tags(there) } else { TagList::NoRepository }
    }

    async fn explain(&self, attempt: &Attempt) -> Outcome {
        self.probe(attempt).await
    }

    async fn content(&self, attempt: &Attempt) -> Result<Arc<ManifestBody>, Unread> {
        let target = attempt.target.as_str();
        let content =
            self.within(attempt, |held| held.content(target).and_then(|(_, _, bytes)| manifest::parse(bytes)));
        content.map(Arc::new).ok_or_else(unread)
    }

    async fn config(&self, attempt: &Attempt) -> Result<Config, Unread> {
        let target = attempt.target.as_str();
        self.within(attempt, |held| held.blob(target).and_then(manifest::parse_config)).ok_or_else(unread)
    }

    async fn layer(&self, attempt: &Attempt) -> Result<(), Unread> {
        self.within(attempt, |held| held.blob(attempt.target.as_str()).map(drop)).ok_or_else(unread)
    }
}

impl Table {
    pub(crate) fn new(lines: Vec<Line>) -> Self {
        let mut script = Script::default();
        registry_lines::apply(&lines, &mut script);
        Self { lines, held: Mutex::new(script) }
    }

    /// What the attempt's repository holds.
    fn within<T>(&self, attempt: &Attempt, read: impl Fn(&RepositoryScript) -> T) -> T {
        let mut script = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        read(script.repository(&format!("{}/{}", attempt.registry, attempt.repository)))
    }

    /// The registry's guard before the repository, where it does not let the attempt pass.
    fn refusal(&self, attempt: &Attempt) -> Option<Outcome> {
        let guard = self.lines.iter().find_map(|line| match line {
            Line::Image { name, access, .. } if is_repository(attempt, &name.registry, &name.repository) => {
                (*access != Guard::Open).then_some(access)
            }
            _ => None,
        })?;
        match guard {
            Guard::Open => None,
            Guard::Public => {
                attempt.credential.as_ref().map(|_| Outcome::Denied(Denial::BadCredentials, evidence(401)))
            }
            Guard::Private(user, password) => refuse(attempt, Denial::DeniedOrAbsent, Some((user, password))),
            Guard::Basic(user, password) => refuse(attempt, Denial::AuthRequired, Some((user, password))),
        }
    }

    fn answer(&self, attempt: &Attempt) -> Outcome {
        let reply = self.lines.iter().find_map(|line| match line {
            Line::Image { name, reply, .. } if is_repository(attempt, &name.registry, &name.repository) => {
                let target = attempt.target.as_str();
                let leads_there = matches!(reply, Reply::At(digest) if digest == target);
                (name.target == target || leads_there).then_some(reply)
            }
            _ => None,
        });
        let defect = match reply {
            // What an index names has no line of its own.
            None if self.within(attempt, |held| held.content(attempt.target.as_str()).is_some()) => None,
            None => return Outcome::Absent(evidence(404)),
            Some(Reply::Status(status, _)) => return by_status(*status),
            Some(Reply::Bearer) => return refuse(attempt, Denial::DeniedOrAbsent, None).unwrap_or_else(unknown),
            Some(Reply::Basic) => return refuse(attempt, Denial::AuthRequired, None).unwrap_or_else(unknown),
            Some(Reply::Unreachable(fault)) => return unreachable(*fault, &attempt.registry),
            Some(Reply::PullsLeft(remaining)) => {
                let rate = Some(RateLimit { limit: None, remaining: *remaining, window: Some(21_600) });
                return Outcome::Found(Manifest { rate, ..Manifest::default() });
            }
            Some(Reply::Manifest(media_type)) if media_type.contains("manifest.v1+") => Some(Defect::Schema1),
            Some(Reply::Manifest(media_type)) if media_type.contains("artifact.manifest") => Some(Defect::NotAnImage),
            Some(
                Reply::Image
                | Reply::ImageFor(_)
                | Reply::Sized(..)
                | Reply::At(_)
                | Reply::Index(_)
                | Reply::Manifest(_)
                | Reply::Artifact,
            ) => None,
        };
        let target = attempt.target.as_str();
        let (media_type, digest) = self.within(attempt, |held| {
            let content = held.content(target);
            content.map(|(media_type, digest, _)| (media_type.to_owned(), digest.to_owned())).unzip()
        });
        Outcome::Found(Manifest { digest, media_type, defect, ..Manifest::default() })
    }
}

fn is_repository(attempt: &Attempt, registry: &str, repository: &str) -> bool {
    attempt.registry == registry && attempt.repository == repository
}

/// `None` for the one user who may read.
fn refuse(attempt: &Attempt, anonymous: Denial, reader: Option<(&String, &String)>) -> Option<Outcome> {
    let Some(credential) = &attempt.credential else { return Some(Outcome::Denied(anonymous, evidence(401))) };
    let sent = (credential.username.expose(), credential.password.expose());
    let reads = reader.is_some_and(|(user, password)| sent == (user, password));
    (!reads).then(|| Outcome::Denied(Denial::BadCredentials, evidence(401)))
}

fn by_status(status: u16) -> Outcome {
    match status {
        404 => Outcome::Absent(evidence(404)),
        401 => Outcome::Denied(Denial::Auth, evidence(401)),
        403 => Outcome::Denied(Denial::Denied, evidence(403)),
        429 => Outcome::Unknown(Unknown::RateLimited, evidence(429)),
        status => Outcome::Unknown(Unknown::RegistryError, evidence(status)),
    }
}

fn unread() -> Unread {
    Unread { defect: None, unknown: Unknown::RegistryError, evidence: Evidence::default() }
}

fn unreachable(fault: Fault, registry: &str) -> Outcome {
    let (unknown, words) = match fault {
        Fault::NoSuchHost => (Unknown::NoSuchHost, format!("dial tcp: lookup {registry}: no such host")),
        Fault::PlainHttp => (Unknown::PlainHttp, "http: server gave HTTP response to HTTPS client".to_owned()),
        Fault::UnknownAuthority => (Unknown::Tls(TlsFault::UnknownAuthority), String::new()),
        Fault::WrongName => (Unknown::Tls(TlsFault::WrongName), String::new()),
        Fault::Expired => (Unknown::Tls(TlsFault::Expired), String::new()),
    };
    Outcome::Unknown(unknown, Evidence { message: Some(words), ..Evidence::default() })
}

fn unknown() -> Outcome {
    Outcome::Unknown(Unknown::RegistryError, Evidence::default())
}

fn evidence(status: u16) -> Evidence {
    Evidence { status: Some(status), ..Evidence::default() }
}
