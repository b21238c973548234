//! The order of the questions about one image: the kubelet's pull loop, then the diagnosis of its failure.
//!
//! Follows `PullImage` in `pkg/kubelet/kuberuntime/kuberuntime_image.go` of Kubernetes 1.37: each credential in turn,
//! the first success wins, one anonymous pull only if no credential matched. The rest is diagnosis and never turns a
//! failure into a pass.

use std::sync::Arc;

use crate::credential::pair::Credential;
use crate::image::choose::choose;
use crate::image::manifest::{Config, Entry, Image, ManifestBody, is_index_type};
use crate::image::runtime::Runtime;
use crate::kubelet::probe::plan::{Depth, Plan};
use crate::kubelet::probe::{
    Attempt, Denial, Evidence, Manifest, Outcome, PullAnswer, TagList, TagOrDigest, Unknown, Unread,
};

/// If fewer pulls than this are left, nothing is fetched that counts against the limit.
const SPARED_PULLS: u64 = 10;

/// The next question to a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// One of the kubelet's own attempts, with the index of its credential in the plan.
    Pull(Option<usize>, Attempt),
    /// Diagnosis without a credential.
    Anonymous(Attempt),
    /// Diagnosis with a credential of the operator.
    Supplied(Attempt),
    /// Diagnosis: the same request by `GET`, with the credential that was answered 403 or 404.
    Explain(Attempt),
    /// The tag list, with a credential that the pod itself has.
    Tags(Attempt),
    /// The tag beside the digest.
    Tag(Attempt),
    /// The found manifest, by digest.
    Content(Attempt),
    /// The configuration of a single image, by digest.
    Config(Attempt),
    /// The manifest of one platform of an index, by digest.
    Part(Attempt),
    /// Whether the manifest of one platform exists.
    Child(Attempt),
    /// The configuration of an image of an index, by digest.
    PartConfig(Attempt),
    /// Whether a layer exists, by digest.
    Layer(Attempt),
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Reply to [`Question::Pull`], [`Question::Anonymous`], [`Question::Supplied`], [`Question::Explain`],
    /// [`Question::Tag`], [`Question::Child`].
    Outcome(Outcome),
    /// Reply to [`Question::Tags`].
    Tags(TagList),
    /// Reply to [`Question::Content`] and [`Question::Part`].
    Content(Result<Arc<ManifestBody>, Unread>),
    /// Reply to [`Question::Config`] and [`Question::PartConfig`].
    Config(Result<Config, Unread>),
    /// Reply to [`Question::Layer`].
    Layer(Result<(), Unread>),
}

/// A plan in progress. It holds no connection and does not wait: get the next question from it, and pass it the
/// answer.
#[derive(Debug)]
pub struct Pull<'p> {
    plan: &'p Plan,
    supplied_asked: usize,
    /// Indexes of attempts whose answer to `HEAD` was replaced by that to `GET`.
    asked_by_get: Vec<usize>,
    answer: PullAnswer,
}

impl<'p> Pull<'p> {
    /// Creates the state before the first question.
    pub fn new(plan: &'p Plan) -> Self {
        let answer = PullAnswer { depth: plan.look.depth, ..PullAnswer::default() };
        Self { plan, supplied_asked: 0, asked_by_get: Vec::new(), answer }
    }

    /// The next question, or `None` at the end.
    pub fn next(&self) -> Option<Question> {
        match self.pulled() {
            Some((_, manifest)) if manifest.defect.is_some() && self.in_doubt().is_some() => self.next_explanation(),
            Some((index, manifest)) => self.next_look(index, manifest),
            // CRI-O relies on the answer to `GET`: everything else depends on it.
            None if self.plan.look.runtime == Runtime::Crio => self
                .next_pull()
                .or_else(|| self.next_explanation())
                .or_else(|| self.next_diagnosis())
                .or_else(|| self.next_tags()),
            None => self
                .next_pull()
                .or_else(|| self.next_diagnosis())
                .or_else(|| self.next_tags())
                .or_else(|| self.next_explanation()),
        }
    }

    /// Records the answer to the last question.
    pub fn tell(&mut self, question: &Question, reply: Reply) {
        match (question, reply) {
            (Question::Pull(index, _), Reply::Outcome(outcome)) => self.pull_answered(*index, outcome),
            (Question::Anonymous(_), Reply::Outcome(outcome)) => self.answer.anonymous = Some(outcome),
            (Question::Supplied(_), Reply::Outcome(outcome)) => {
                self.supplied_asked += 1;
                self.answer.supplied = Some(outcome);
            }
            (Question::Explain(_), Reply::Outcome(outcome)) => self.explained(outcome),
            (Question::Tag(_), Reply::Outcome(outcome)) => self.answer.tag = Some(outcome),
            (Question::Tags(_), Reply::Tags(tags)) => self.answer.tags = Some(tags),
            (Question::Content(_), Reply::Content(content)) => self.answer.content = Some(content),
            (Question::Config(_), Reply::Config(config)) => self.answer.config = Some(config),
            (Question::Part(attempt), Reply::Content(part)) => {
                self.answer.parts.push((attempt.target.as_str().to_owned(), part));
            }
            (Question::Child(attempt), Reply::Outcome(outcome)) => {
                self.answer.children.push((attempt.target.as_str().to_owned(), outcome));
            }
            (Question::PartConfig(attempt), Reply::Config(config)) => {
                self.answer.configs.push((attempt.target.as_str().to_owned(), config));
            }
            (Question::Layer(attempt), Reply::Layer(layer)) => {
                self.answer.layers.push((attempt.target.as_str().to_owned(), layer));
            }
            (question, reply) => debug_assert!(false, "{reply:?} is not an answer to {question:?}"),
        }
    }

    fn pull_answered(&mut self, index: Option<usize>, outcome: Outcome) {
        if let Outcome::Found(manifest) = &outcome {
            if let Some(content) = &manifest.content {
                self.answer.content = Some(Ok(Arc::clone(content)));
            } else if manifest.rate.is_some_and(|rate| rate.remaining < SPARED_PULLS) {
                let evidence = Evidence { rate: manifest.rate, ..Evidence::default() };
                self.answer.content = Some(Err(Unread { defect: None, unknown: Unknown::RateLimited, evidence }));
            }
        }
        self.answer.attempts.push((index, outcome));
    }

    /// Records the answer to `GET`. containerd does not make this request, so for it the answer is diagnosis. CRI-O
    /// makes no other, so for it the answer replaces the attempt's.
    fn explained(&mut self, outcome: Outcome) {
        match self.in_doubt() {
            Some(at) if self.plan.look.runtime == Runtime::Crio => {
                let (index, _) = self.answer.attempts.remove(at);
                self.asked_by_get.push(at);
                // The kubelet stops at the first success.
                if matches!(outcome, Outcome::Found(_)) {
                    self.answer.attempts.truncate(at);
                    self.pull_answered(index, outcome);
                } else {
                    self.answer.attempts.insert(at, (index, outcome));
                }
            }
            _ => self.answer.explained = Some(outcome),
        }
    }

    /// Ends the plan and returns all answers.
    pub fn finish(self) -> PullAnswer {
        self.answer
    }

    fn next_pull(&self) -> Option<Question> {
        let done = self.answer.attempts.len();
        let index = match self.plan.credentials.get(done) {
            Some(credential) => return Some(Question::Pull(Some(done), self.plan.image.with(Some(credential)))),
            None if self.plan.credentials.is_empty() && done == 0 => None,
            None => return None,
        };
        Some(Question::Pull(index, self.plan.image.clone()))
    }

    /// The next content to read of an existing manifest, with the credential that opened it.
    fn next_look(&self, index: Option<usize>, manifest: &Manifest) -> Option<Question> {
        if manifest.defect.is_some() {
            return None;
        }
        let look = &self.plan.look;
        let ask = |target: TagOrDigest| Attempt { target, ..self.plan.image.with(self.credential(index)) };
        let by_digest = |digest: &str| ask(TagOrDigest::Digest(digest.to_owned()));
        if let (Some(tag), TagOrDigest::Digest(_), None) = (&look.tag, &self.plan.image.target, &self.answer.tag) {
            return Some(Question::Tag(ask(TagOrDigest::Tag(tag.clone()))));
        }
        if let Some(index) = self.index_beside(manifest) {
            return Some(Question::Part(by_digest(index)));
        }
        let is_index = manifest.media_type.as_deref().is_some_and(is_index_type);
        let deep = look.depth >= Depth::Manifest;
        let wanted = deep || look.platforms || !look.sizes.is_empty() || (look.kind && !is_index);
        let content = match &self.answer.content {
            None if wanted => return Some(Question::Content(by_digest(manifest.digest.as_deref()?))),
            Some(Ok(content)) => content,
            None | Some(Err(_)) => return None,
        };
        match &**content {
            ManifestBody::Image(image) => {
                let config = image.config_digest.as_deref().filter(|_| self.answer.config.is_none());
                match config.filter(|_| (look.platforms || deep) && image.is_container_image()) {
                    Some(config) => Some(Question::Config(by_digest(config))),
                    None => self.next_layer(image, &by_digest),
                }
            }
            ManifestBody::Index(entries) => {
                let platforms = look.sizes.iter().chain(&look.nodes);
                let mut chosen: Vec<&Entry> =
                    platforms.filter_map(|node| choose(look.runtime, node, entries)).collect();
                if deep && chosen.is_empty() {
                    chosen.extend(entries.iter().find(|entry| !entry.is_attestation()));
                }
                chosen.into_iter().find_map(|entry| self.next_of_entry(entry, &by_digest, true))
            }
            ManifestBody::Malformed(_) => None,
        }
    }

    /// The next question about one manifest of an index. An index within it is followed, but none within that.
    fn next_of_entry(&self, entry: &Entry, by_digest: &dyn Fn(&str) -> Attempt, follow: bool) -> Option<Question> {
        let look = &self.plan.look;
        let digest = entry.digest.as_deref()?;
        let deep = look.depth >= Depth::Manifest;
        if !deep && look.sizes.is_empty() {
            return self.answer.child(digest).is_none().then(|| Question::Child(by_digest(digest)));
        }
        match self.answer.part(digest) {
            None => Some(Question::Part(by_digest(digest))),
            Some(Ok(part)) if deep => match &**part {
                ManifestBody::Image(image) => {
                    let config =
                        image.config_digest.as_deref().filter(|config| self.answer.config_at(config).is_none());
                    match config.filter(|_| image.is_container_image()) {
                        Some(config) => Some(Question::PartConfig(by_digest(config))),
                        None => self.next_layer(image, by_digest),
                    }
                }
                ManifestBody::Index(entries) if follow && look.runtime.is_containerd() => {
                    let chosen = look.nodes.iter().filter_map(|node| choose(look.runtime, node, entries));
                    chosen.into_iter().find_map(|entry| self.next_of_entry(entry, by_digest, false))
                }
                ManifestBody::Index(_) | ManifestBody::Malformed(_) => None,
            },
            Some(_) => None,
        }
    }

    /// The next layer that was not requested yet.
    fn next_layer(&self, image: &Image, by_digest: &dyn Fn(&str) -> Attempt) -> Option<Question> {
        let layers = image.layers.as_deref().filter(|_| self.plan.look.depth == Depth::Layers)?;
        let digests = layers.iter().filter_map(|layer| layer.digest.as_deref());
        let next = digests.into_iter().find(|digest| self.answer.layer(digest).is_none())?;
        Some(Question::Layer(by_digest(next)))
    }

    /// The index that the tag leads to, unless it was read: it can contain the image that the digest names.
    fn index_beside(&self, manifest: &Manifest) -> Option<&str> {
        let Some(Outcome::Found(tagged)) = &self.answer.tag else { return None };
        let is_index = tagged.media_type.as_deref().is_some_and(is_index_type);
        let digest =
            tagged.digest.as_deref().filter(|digest| is_index && Some(*digest) != manifest.digest.as_deref())?;
        let read = self.answer.parts.iter().any(|(read, _)| read == digest);
        (!read).then_some(digest)
    }

    /// The next request by `GET`. An answer to `HEAD` has no body. `GET` distinguishes a missing repository from a
    /// missing tag and an expired token from a missing permission, and shows whether the registry answers `HEAD`
    /// wrongly.
    fn next_explanation(&self) -> Option<Question> {
        let (index, _) = self.answer.attempts.get(self.in_doubt()?)?;
        if self.plan.look.runtime.is_containerd() && (self.answer.explained.is_some() || self.is_told_by_tags()) {
            return None;
        }
        Some(Question::Explain(self.plan.image.with(self.credential(*index))))
    }

    /// The attempt that an answer to `HEAD` decided, and that `GET` would explain. Absence comes first: it may be a
    /// mistake.
    fn in_doubt(&self) -> Option<usize> {
        let by_head = |evidence: &Evidence| evidence.method == Some("HEAD");
        if self.plan.look.runtime == Runtime::Crio {
            // CRI-O makes no `HEAD` request.
            return self.answer.attempts.iter().enumerate().position(|(at, (_, outcome))| {
                let decided_by_head = match outcome {
                    Outcome::Absent(evidence) | Outcome::Denied(_, evidence) => by_head(evidence),
                    Outcome::Unknown(Unknown::RegistryError, evidence) => {
                        by_head(evidence) && evidence.status.is_some()
                    }
                    Outcome::Unknown(..) => false,
                    Outcome::Found(found) => found.defect.is_some(),
                };
                decided_by_head && !self.asked_by_get.contains(&at)
            });
        }
        let last = |is: &dyn Fn(&Outcome) -> bool| self.answer.attempts.iter().rposition(|(_, outcome)| is(outcome));
        last(&|outcome| matches!(outcome, Outcome::Absent(evidence) if by_head(evidence))).or_else(|| {
            last(&|outcome| matches!(outcome, Outcome::Denied(Denial::Denied, evidence) if by_head(evidence)))
        })
    }

    /// Whether the tag list already shows what is missing: the repository, or the tag in it. A list that has the tag
    /// contradicts the answer to `HEAD`.
    fn is_told_by_tags(&self) -> bool {
        match (&self.answer.tags, &self.plan.image.target) {
            (Some(TagList::NoRepository), _) => true,
            (Some(TagList::Tags(tags) | TagList::Incomplete(tags)), TagOrDigest::Tag(tag)) => !tags.contains(tag),
            _ => false,
        }
    }

    /// The next diagnosis with another credential, which can explain only a refusal.
    fn next_diagnosis(&self) -> Option<Question> {
        let refused = self.answer.attempts.iter().any(|(_, outcome)| matches!(outcome, Outcome::Denied(..)));
        if !refused || found(self.answer.anonymous.as_ref()) || found(self.answer.supplied.as_ref()) {
            return None;
        }
        if self.plan.try_anonymous && self.answer.anonymous.is_none() && !self.asked_anonymously() {
            return Some(Question::Anonymous(self.plan.image.clone()));
        }
        let credential = self.plan.supplied.get(self.supplied_asked)?;
        Some(Question::Supplied(self.plan.image.with(Some(credential))))
    }

    fn next_tags(&self) -> Option<Question> {
        if !self.plan.want_tags || self.answer.tags.is_some() {
            return None;
        }
        let absent = |(_, outcome): &&(Option<usize>, Outcome)| matches!(outcome, Outcome::Absent(_));
        let (index, _) = self.answer.attempts.iter().find(absent)?;
        Some(Question::Tags(self.plan.image.with(self.credential(*index))))
    }

    fn asked_anonymously(&self) -> bool {
        let credential = |(index, _): &(Option<usize>, Outcome)| self.credential(*index);
        self.answer.attempts.iter().any(|asked| credential(asked).is_none_or(Credential::is_anonymous))
    }

    fn credential(&self, index: Option<usize>) -> Option<&'p Credential> {
        self.plan.credentials.get(index?)
    }

    fn pulled(&self) -> Option<(Option<usize>, &Manifest)> {
        match self.answer.attempts.last() {
            Some((index, Outcome::Found(manifest))) => Some((*index, manifest)),
            _ => None,
        }
    }
}

fn found(outcome: Option<&Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Found(_)))
}

#[cfg(test)]
mod tests;
