//! Content of any kind, read whole: manifests and blobs by tag or digest, tag lists, and files of other servers.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, Url};

use super::{Client, interrupted, not_a_host, wish};
use crate::kubelet::probe::{Attempt, Defect, Denial, Manifest, Outcome, TagList, TagOrDigest, Unknown};
use crate::registry::auth::{Session, Wish};
use crate::registry::endpoint::Dial;
use crate::registry::exchange::Ask;
use crate::registry::read::ContentKind;
use crate::registry::redirect::follow;
use crate::registry::reply::{MAX_MANIFEST, evidence, failed, judge_status, read_content};
use crate::registry::resolve::Reach;
use crate::registry::tags::TagLimits;
use crate::registry::transport::Budget;

impl Client {
    /// A manifest or blob of any kind, unmodified and of at most `cap` bytes, within a time of its own. Bytes at a
    /// `sha256` digest are checked against it. Larger content is an [`Outcome::Found`] with [`Defect::TooBig`].
    pub(in crate::registry) async fn download(
        &self,
        attempt: &Attempt,
        (place, cap): (ContentKind, usize),
        time: Duration,
    ) -> Result<Vec<u8>, Outcome> {
        let wanted = Wanted { target: &attempt.target, place, cap };
        let read = self.first_of_hosts(attempt, Budget::new(time), |session| Box::pin(read_from(session, wanted)));
        self.interrupter.unless_interrupted(read).await.unwrap_or_else(|| Err(interrupted()))
    }

    /// Lists the tags of the attempt's repository up to these limits.
    pub(in crate::registry) async fn list_tags(&self, attempt: &Attempt, limits: TagLimits) -> TagList {
        let list = self.interrupter.unless_interrupted(self.tags_of_hosts(attempt, limits)).await;
        list.unwrap_or(TagList::Unknown)
    }

    /// The body at a URL that belongs to no registry, of at most `cap` bytes, asked for without credentials. `from` is
    /// the URL that named it, if it was a server that did.
    pub(in crate::registry) async fn get(
        &self,
        url: &Url,
        from: Option<&Url>,
        cap: usize,
        time: Duration,
    ) -> Result<Vec<u8>, Outcome> {
        let reach = from.map_or(Reach::Private, |from| self.transport.connections().reach_from(from, url));
        let ask = Ask {
            method: Method::GET,
            url: url.clone(),
            headers: HeaderMap::new(),
            cap,
            reach,
            own: HeaderMap::new(),
            dial: Dial::default(),
            is_token: false,
            is_anonymous: true,
            form: Vec::new(),
        };
        let mut budget = Budget::new(time);
        let followed = self.interrupter.unless_interrupted(follow(&self.transport, ask, &mut budget)).await;
        let followed = followed.ok_or_else(interrupted)?;
        let followed = followed.map_err(|(failure, url)| failed(&Method::GET, &url, failure))?;
        let evidence = evidence(&Method::GET, &followed.url, &followed.answer, None);
        match followed.answer.status {
            200 if followed.answer.cut => Err(too_big()),
            200 => Ok(followed.answer.body),
            401 => Err(Outcome::Denied(Denial::AuthRequired, evidence)),
            404 | 410 if followed.foreign => Err(Outcome::Unknown(Unknown::RegistryError, evidence)),
            410 => Err(Outcome::Absent(evidence)),
            status => Err(judge_status(status, evidence)),
        }
    }
}

/// Content to read whole.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'w> {
    pub(super) target: &'w TagOrDigest,
    pub(super) place: ContentKind,
    /// The limit in bytes.
    pub(super) cap: usize,
}

/// The bytes at a tag or digest of one host. `Err` means that they are missing, that they do not match, or that it is
/// unknown.
pub(super) async fn read_from(session: &mut Session<'_>, wanted: Wanted<'_>) -> Result<Vec<u8>, Outcome> {
    let target = wanted.target.as_str();
    let url = match wanted.place {
        ContentKind::Manifest => session.endpoint.manifest(session.repository, target),
        ContentKind::Blob => session.endpoint.blob(session.repository, target),
    };
    let host = session.endpoint.base().host_str().unwrap_or_default();
    let get = Wish { cap: wanted.cap, ..wish(Method::GET, url.ok_or_else(|| not_a_host(host))?) };
    let followed = session.fetch(&get).await?;
    match followed.answer.status {
        404 if !followed.foreign => Err(Outcome::Absent(session.evidence(&get, &followed))),
        403 if !followed.foreign => Err(Outcome::Denied(Denial::Denied, session.evidence(&get, &followed))),
        // That a manifest is too big is for the runtime to say.
        200 if followed.answer.cut && wanted.cap > MAX_MANIFEST as usize => Err(too_big()),
        _ => read_content(&followed.answer, target, session.evidence(&get, &followed)),
    }
}

fn too_big() -> Outcome {
    Outcome::Found(Manifest { defect: Some(Defect::TooBig), ..Manifest::default() })
}
