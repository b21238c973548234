use super::*;
use crate::credential::sensitive::Sensitive;
use crate::kubelet::probe::plan::ReadPlan;

fn credential(user: &str) -> Credential {
    Credential { username: Sensitive::new(user), password: Sensitive::new("p") }
}

fn plan(users: &[&str], supplied: &[&str]) -> Plan {
    Plan {
        image: Attempt {
            registry: "ghcr.io".to_owned(),
            repository: "acme/api".to_owned(),
            target: TagOrDigest::Tag("1.9".to_owned()),
            credential: None,
        },
        credentials: users.iter().map(|user| credential(user)).collect(),
        try_anonymous: true,
        supplied: supplied.iter().map(|user| credential(user)).collect(),
        want_tags: true,
        look: ReadPlan::default(),
    }
}

/// Runs a plan against a table from user (`-` for anonymous) to outcome, and returns the questions.
fn asked(plan: &Plan, answers: &[(&str, Outcome)]) -> (Vec<String>, PullAnswer) {
    let mut pull = Pull::new(plan);
    let mut log = Vec::new();
    while let Some(question) = pull.next() {
        let (kind, attempt) = match &question {
            Question::Pull(_, attempt) => ("pull", attempt),
            Question::Anonymous(attempt) => ("anonymous", attempt),
            Question::Supplied(attempt) => ("supplied", attempt),
            Question::Explain(attempt) => ("explain", attempt),
            Question::Tags(attempt) => ("tags", attempt),
            Question::Tag(attempt) => ("tag", attempt),
            Question::Content(attempt) => ("content", attempt),
            Question::Config(attempt) => ("config", attempt),
            Question::Part(attempt) => ("part", attempt),
            Question::Child(attempt) => ("child", attempt),
            Question::PartConfig(attempt) => ("part config", attempt),
            Question::Layer(attempt) => ("layer", attempt),
        };
        let user = attempt.credential.as_ref().map_or("-", |c| c.username.expose());
        log.push(format!("{kind} {user}"));
        match question {
            Question::Tags(_) => pull.tell(&question, Reply::Tags(TagList::Unknown)),
            _ => {
                let outcome = answers.iter().find(|(name, _)| *name == user).unwrap().1.clone();
                pull.tell(&question, Reply::Outcome(outcome));
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
fn pull_without_credentials_is_anonymous() {
    let (log, answer) = asked(&plan(&[], &[]), &[("-", good())]);
    assert_eq!(log, ["pull -"]);
    assert_eq!(answer.attempts, [(None, good())]);
}

#[test]
fn first_successful_credential_ends_the_pull() {
    let (log, answer) = asked(&plan(&["a", "b", "c"], &["s"]), &[("a", refused()), ("b", good()), ("c", good())]);
    assert_eq!(log, ["pull a", "pull b"]);
    assert_eq!(answer.attempts, [(Some(0), refused()), (Some(1), good())]);
    assert_eq!((answer.anonymous, answer.supplied, answer.tags), (None, None, None));
}

#[test]
fn anonymous_success_after_a_refusal_is_not_a_pass() {
    let (log, answer) = asked(&plan(&["a"], &["s"]), &[("a", refused()), ("-", good()), ("s", good())]);
    assert_eq!(log, ["pull a", "anonymous -"]);
    assert_eq!(answer.attempts, [(Some(0), refused())]);
    assert_eq!(answer.anonymous, Some(good()));
}

#[test]
fn supplied_credentials_are_tried_last_and_in_order() {
    let answers = [("a", refused()), ("-", refused()), ("s", refused()), ("t", good()), ("u", good())];
    let (log, answer) = asked(&plan(&["a"], &["s", "t", "u"]), &answers);
    assert_eq!(log, ["pull a", "anonymous -", "supplied s", "supplied t"]);
    assert_eq!(answer.supplied, Some(good()));
}

#[test]
fn anonymous_pull_is_not_repeated() {
    let (log, _) = asked(&plan(&[], &["s"]), &[("-", refused()), ("s", refused())]);
    assert_eq!(log, ["pull -", "supplied s"]);
    let (log, answer) = asked(&plan(&[""], &[]), &[("-", refused())]);
    assert_eq!(log, ["pull -"]);
    assert_eq!(answer.attempts, [(Some(0), refused())]);
}

#[test]
fn absent_image_tags_are_listed_with_the_pod_credential() {
    let (log, _) = asked(&plan(&["a", "b"], &["s"]), &[("a", absent()), ("b", absent())]);
    assert_eq!(log, ["pull a", "pull b", "tags a"]);
    let (log, _) = asked(&plan(&[], &["s"]), &[("-", absent())]);
    assert_eq!(log, ["pull -", "tags -"]);
}

#[test]
fn get_is_sent_only_if_the_tag_list_is_inconclusive() {
    let by_head = || Evidence { method: Some("HEAD"), ..Evidence::default() };
    let tags = |tags: &[&str]| TagList::Tags(tags.iter().map(|&tag| tag.to_owned()).collect());
    let log = |runtime, outcome: &Outcome, tags: &TagList| {
        let plan = Plan { look: ReadPlan { runtime, ..ReadPlan::default() }, ..plan(&[], &[]) };
        let mut pull = Pull::new(&plan);
        let mut log = Vec::new();
        while let Some(question) = pull.next() {
            let (kind, reply) = match &question {
                Question::Tags(_) => ("tags", Reply::Tags(tags.clone())),
                Question::Explain(_) => ("explain", Reply::Outcome(good())),
                _ => ("pull", Reply::Outcome(outcome.clone())),
            };
            log.push(kind);
            pull.tell(&question, reply);
        }
        (log.join(" "), pull.finish())
    };
    let absent = Outcome::Absent(by_head());
    let cases = [
        (TagList::NoRepository, "pull tags"),
        (tags(&["1.8"]), "pull tags"),
        (tags(&["1.8", "1.9"]), "pull tags explain"),
        (TagList::Unknown, "pull tags explain"),
    ];
    for (tags, expected) in cases {
        let (log, answer) = log(Runtime::Containerd, &absent, &tags);
        assert_eq!(log, expected, "{tags:?}");
        assert_eq!(answer.attempts, [(None, absent.clone())], "diagnosis is no pass");
    }
    let (asked, _) = log(Runtime::Containerd, &Outcome::Denied(Denial::Denied, by_head()), &TagList::Unknown);
    assert_eq!(asked, "pull explain");
    let (asked, _) = log(Runtime::Containerd, &Outcome::Denied(Denial::Auth, by_head()), &TagList::Unknown);
    assert_eq!(asked, "pull");
    for outcome in [absent, Outcome::Denied(Denial::Denied, by_head())] {
        let (asked, answer) = log(Runtime::Crio, &outcome, &TagList::Unknown);
        assert_eq!((asked.as_str(), answer.attempts), ("pull explain", vec![(None, good())]));
    }
}

#[test]
fn unknown_outcome_causes_no_further_requests() {
    let unknown = Outcome::Unknown(Unknown::Timeout, Evidence::default());
    let (log, _) = asked(&plan(&["a"], &["s"]), &[("a", unknown)]);
    assert_eq!(log, ["pull a"]);
}
