//! The order in which one image is asked for: the kubelet's pull loop, then what explains its failure.
//!
//! Follows `PullImage` in `pkg/kubelet/kuberuntime/kuberuntime_image.go` of Kubernetes 1.36: each credential in
//! turn, the first success wins, one anonymous pull only where no credential matched. What comes after is diagnosis
//! and never turns a failure into a pass.

use crate::keyring::Credential;
use crate::probe::{Attempt, Outcome, PullAnswer, TagList};
use crate::reference::Reference;

/// Everything to be asked about one image with the credentials of one pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Plan {
    /// The image, as an anonymous question.
    pub image: Attempt,
    /// What the kubelet tries, in its order; empty means one anonymous pull.
    pub credentials: Vec<Credential>,
    /// Diagnosis: whether it would be pullable without the credentials that were refused.
    pub try_anonymous: bool,
    /// Diagnosis: the operator's own credentials for it, to tell whether they would open what is refused.
    pub supplied: Vec<Credential>,
    /// Whether an absent tag shall be explained by the tag list.
    pub want_tags: bool,
}

impl Plan {
    /// A plan with all diagnoses but the operator's credentials.
    pub fn new(image: &Reference, credentials: Vec<Credential>) -> Self {
        Self {
            image: Attempt::new(image, None),
            credentials,
            try_anonymous: true,
            supplied: Vec::new(),
            want_tags: true,
        }
    }
}

/// What to ask next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// One of the kubelet's own attempts; the index of its credential in the plan.
    Pull(Option<usize>, Attempt),
    /// Diagnosis without credential.
    Anonymous(Attempt),
    /// Diagnosis with a credential of the operator.
    Supplied(Attempt),
    /// The tag list, with a credential that the pod itself has.
    Tags(Attempt),
}

/// A plan under way. It holds no connection and waits for nothing: ask it what to ask, and tell it the answer.
#[derive(Debug)]
pub struct Pull<'p> {
    plan: &'p Plan,
    supplied_asked: usize,
    answer: PullAnswer,
}

impl<'p> Pull<'p> {
    /// At the start.
    pub fn new(plan: &'p Plan) -> Self {
        Self { plan, supplied_asked: 0, answer: PullAnswer::default() }
    }

    /// The next question, or `None` at the end.
    pub fn next(&self) -> Option<Question> {
        if self.pulled() {
            return None;
        }
        self.next_pull().or_else(|| self.next_diagnosis()).or_else(|| self.next_tags())
    }

    /// The answer to the last question, where it was one for a manifest.
    pub fn tell(&mut self, question: &Question, outcome: Outcome) {
        match question {
            Question::Pull(index, _) => self.answer.attempts.push((*index, outcome)),
            Question::Anonymous(_) => self.answer.anonymous = Some(outcome),
            Question::Supplied(_) => {
                self.supplied_asked += 1;
                self.answer.supplied = Some(outcome);
            }
            Question::Tags(_) => {}
        }
    }

    /// The answer to the question for the tag list.
    pub fn tell_tags(&mut self, tags: TagList) {
        self.answer.tags = Some(tags);
    }

    /// Everything that was told.
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

    /// Only a refusal can be explained by another credential.
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

    fn pulled(&self) -> bool {
        self.answer.attempts.last().is_some_and(|(_, outcome)| found(Some(outcome)))
    }
}

fn found(outcome: Option<&Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Found(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{Denial, Evidence, Manifest, Target, Unknown};
    use crate::sensitive::Sensitive;

    fn credential(user: &str) -> Credential {
        Credential { username: Sensitive::new(user), password: Sensitive::new("p") }
    }

    fn plan(users: &[&str], supplied: &[&str]) -> Plan {
        Plan {
            image: Attempt {
                registry: "ghcr.io".to_owned(),
                repository: "acme/api".to_owned(),
                target: Target::Tag("1.9".to_owned()),
                credential: None,
            },
            credentials: users.iter().map(|user| credential(user)).collect(),
            try_anonymous: true,
            supplied: supplied.iter().map(|user| credential(user)).collect(),
            want_tags: true,
        }
    }

    /// Runs a plan against a table from user (`-` for anonymous) to outcome, and tells what was asked.
    fn asked(plan: &Plan, answers: &[(&str, Outcome)]) -> (Vec<String>, PullAnswer) {
        let mut pull = Pull::new(plan);
        let mut log = Vec::new();
        while let Some(question) = pull.next() {
            let (kind, attempt) = match &question {
                Question::Pull(_, attempt) => ("pull", attempt),
                Question::Anonymous(attempt) => ("anonymous", attempt),
                Question::Supplied(attempt) => ("supplied", attempt),
                Question::Tags(attempt) => ("tags", attempt),
            };
            let user = attempt.credential.as_ref().map_or("-", |c| c.username.expose());
            log.push(format!("{kind} {user}"));
            match question {
                Question::Tags(_) => pull.tell_tags(TagList::Unknown),
                _ => {
                    let outcome = answers.iter().find(|(name, _)| *name == user).unwrap().1.clone();
                    pull.tell(&question, outcome);
                }
            }
        }
        (log, pull.finish())
    }

    fn refused() -> Outcome {
        Outcome::Denied(Denial::BadCredentials, Evidence::default())
    }

    fn good() -> Outcome {
        Outcome::Found(Manifest::default())
    }

    fn absent() -> Outcome {
        Outcome::Absent(Evidence::default())
    }

    #[test]
    fn no_credential_is_one_anonymous_pull() {
        let (log, answer) = asked(&plan(&[], &[]), &[("-", good())]);
        assert_eq!(log, ["pull -"]);
        assert_eq!(answer.attempts, [(None, good())]);
    }

    #[test]
    fn the_first_success_ends_it() {
        let (log, answer) = asked(&plan(&["a", "b", "c"], &["s"]), &[("a", refused()), ("b", good()), ("c", good())]);
        assert_eq!(log, ["pull a", "pull b"]);
        assert_eq!(answer.attempts, [(Some(0), refused()), (Some(1), good())]);
        assert_eq!((answer.anonymous, answer.supplied, answer.tags), (None, None, None));
    }

    #[test]
    fn a_refusal_is_explained_but_never_passes() {
        let (log, answer) = asked(&plan(&["a"], &["s"]), &[("a", refused()), ("-", good()), ("s", good())]);
        assert_eq!(log, ["pull a", "anonymous -"]);
        assert_eq!(answer.attempts, [(Some(0), refused())]);
        assert_eq!(answer.anonymous, Some(good()));
    }

    #[test]
    fn the_operators_credentials_are_asked_last_and_in_order() {
        let answers = [("a", refused()), ("-", refused()), ("s", refused()), ("t", good()), ("u", good())];
        let (log, answer) = asked(&plan(&["a"], &["s", "t", "u"]), &answers);
        assert_eq!(log, ["pull a", "anonymous -", "supplied s", "supplied t"]);
        assert_eq!(answer.supplied, Some(good()));
    }

    #[test]
    fn an_anonymous_pull_is_not_asked_twice() {
        let (log, _) = asked(&plan(&[], &["s"]), &[("-", refused()), ("s", refused())]);
        assert_eq!(log, ["pull -", "supplied s"]);
        let (log, answer) = asked(&plan(&[""], &[]), &[("-", refused())]);
        assert_eq!(log, ["pull -"]);
        assert_eq!(answer.attempts, [(Some(0), refused())]);
    }

    #[test]
    fn tags_are_listed_after_an_absence_with_the_pods_own_credential() {
        let (log, _) = asked(&plan(&["a", "b"], &["s"]), &[("a", absent()), ("b", absent())]);
        assert_eq!(log, ["pull a", "pull b", "tags a"]);
        let (log, _) = asked(&plan(&[], &["s"]), &[("-", absent())]);
        assert_eq!(log, ["pull -", "tags -"]);
    }

    #[test]
    fn what_could_not_be_told_is_neither_explained_nor_listed() {
        let unknown = Outcome::Unknown(Unknown::Timeout, Evidence::default());
        let (log, _) = asked(&plan(&["a"], &["s"]), &[("a", unknown)]);
        assert_eq!(log, ["pull a"]);
    }
}
