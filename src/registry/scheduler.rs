//! The stage: runs all images of a run, and asks each question once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use tokio::sync::OnceCell;

use super::progress::Progress;
use crate::image::manifest::{Config, ManifestBody};
use crate::kubelet::probe::order::{Pull, Question, Reply};
use crate::kubelet::probe::plan::Plan;
use crate::kubelet::probe::{Attempt, Outcome, Prober, PullAnswer, TagList, TagOrDigest, Unread};
use crate::registry::once_map::OnceMap;

/// How many plans are in progress at once. Each waits for one request at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// Maximum number of requests in flight in total.
    pub all: usize,
    /// Maximum number of plans in progress for one registry.
    pub per_registry: usize,
}

impl Concurrency {
    /// Plans of one registry among this many registries: one place is always left to the others.
    fn among(self, registries: usize) -> usize {
        let most = if registries > 1 { self.all.saturating_sub(1) } else { self.all };
        self.per_registry.min(most).max(1)
    }
}

/// Carries out all plans and returns their answers in the same order; equal plans share one.
///
/// A plan is carried out step by step. At most `concurrency.per_registry` plans of one registry are in progress at
/// once, so that a slow registry does not delay the others. The prober limits how many requests are in flight.
/// `progress` counts the finished plans.
pub async fn probe_all(
    prober: &impl Prober,
    plans: &[Plan],
    concurrency: Concurrency,
    progress: &Progress,
) -> Vec<Arc<PullAnswer>> {
    let stage = Stage::new(prober);
    let mut groups: BTreeMap<&str, Vec<&Plan>> = BTreeMap::new();
    let mut seen = HashMap::new();
    for plan in plans {
        if seen.insert(plan, ()).is_none() {
            groups.entry(&plan.image.registry).or_default().push(plan);
        }
    }
    progress.begin(seen.len());
    let stage = &stage;
    let per_registry = concurrency.among(groups.len());
    let groups = groups.into_values().map(|group| {
        let pulls = group.into_iter().map(|plan| async move {
            let answer = stage.carry_out(plan).await;
            progress.step();
            (plan, Arc::new(answer))
        });
        stream::iter(pulls).buffer_unordered(per_registry).collect::<Vec<_>>()
    });
    let answers: HashMap<&Plan, Arc<PullAnswer>> = join_all(groups).await.into_iter().flatten().collect();
    plans.iter().map(|plan| answers.get(plan).cloned().unwrap_or_default()).collect()
}

/// Lists the tags of the repositories of attempts, each once, and returns the lists in the same order.
pub async fn list_all(prober: &impl Prober, attempts: &[Attempt], concurrency: Concurrency) -> Vec<TagList> {
    let of_repository = |attempt: &Attempt| Attempt { target: TagOrDigest::Tag(String::new()), ..attempt.clone() };
    let lists: Answers<TagList> = Answers::default();
    let lists = &lists;
    let asked =
        attempts.iter().map(|attempt| async move { lists.once(of_repository(attempt), || prober.tags(attempt)).await });
    stream::iter(asked).buffered(concurrency.per_registry.max(1)).collect().await
}

/// Answers by question, each asked once.
type Answers<V> = OnceMap<Attempt, OnceCell<V>>;

struct Stage<'p, P> {
    prober: &'p P,
    outcomes: Answers<Outcome>,
    explained: Answers<Outcome>,
    /// Tag lists. The target of the attempt is ignored.
    tags: Answers<TagList>,
    contents: Answers<Result<Arc<ManifestBody>, Unread>>,
    children: Answers<Outcome>,
    configs: Answers<Result<Config, Unread>>,
    layers: Answers<Result<(), Unread>>,
}

impl<'p, P: Prober> Stage<'p, P> {
    fn new(prober: &'p P) -> Self {
        Self {
            prober,
            outcomes: Answers::default(),
            explained: Answers::default(),
            tags: Answers::default(),
            contents: Answers::default(),
            children: Answers::default(),
            configs: Answers::default(),
            layers: Answers::default(),
        }
    }

    async fn carry_out(&self, plan: &Plan) -> PullAnswer {
        let mut pull = Pull::new(plan);
        while let Some(question) = pull.next() {
            let reply = self.ask(&question).await;
            pull.tell(&question, reply);
        }
        pull.finish()
    }

    async fn ask(&self, question: &Question) -> Reply {
        use Question::{
            Anonymous, Child, Config, Content, Explain, Layer, Part, PartConfig, Pull, Supplied, Tag, Tags,
        };
        match question {
            Pull(_, attempt) | Anonymous(attempt) | Supplied(attempt) | Tag(attempt) => {
                Reply::Outcome(self.outcomes.once(attempt.clone(), || self.prober.probe(attempt)).await)
            }
            Explain(attempt) => {
                Reply::Outcome(self.explained.once(attempt.clone(), || self.prober.explain(attempt)).await)
            }
            Tags(attempt) => {
                let key = Attempt { target: TagOrDigest::Tag(String::new()), ..attempt.clone() };
                Reply::Tags(self.tags.once(key, || self.prober.tags(attempt)).await)
            }
            Content(attempt) | Part(attempt) => {
                Reply::Content(self.contents.once(attempt.clone(), || self.prober.content(attempt)).await)
            }
            Child(attempt) => Reply::Outcome(self.children.once(attempt.clone(), || self.prober.probe(attempt)).await),
            Config(attempt) | PartConfig(attempt) => {
                Reply::Config(self.configs.once(attempt.clone(), || self.prober.config(attempt)).await)
            }
            Layer(attempt) => Reply::Layer(self.layers.once(attempt.clone(), || self.prober.layer(attempt)).await),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn wide(per_registry: usize) -> Concurrency {
        Concurrency { all: usize::MAX, per_registry }
    }
    use crate::kubelet::probe::plan::ReadPlan;
    use crate::kubelet::probe::{Evidence, Manifest};
    use std::sync::Mutex;

    /// Answers 404 to tag `none`, 200 to all others, and records the questions.
    #[derive(Default)]
    struct Table(Mutex<Vec<String>>);

    impl Table {
        fn log(&self, line: String) {
            self.0.lock().unwrap().push(line);
        }

        fn asked(&self) -> Vec<String> {
            let mut asked = self.0.lock().unwrap().clone();
            asked.sort();
            asked
        }
    }

    impl Prober for Table {
        async fn probe(&self, attempt: &Attempt) -> Outcome {
            self.log(format!("{}/{}:{}", attempt.registry, attempt.repository, attempt.target));
            tokio::task::yield_now().await;
            match attempt.target.as_str() {
                "none" => Outcome::Absent(Evidence::default()),
                tag => Outcome::Found(Manifest { digest: Some(tag.to_owned()), ..Manifest::default() }),
            }
        }

        async fn tags(&self, attempt: &Attempt) -> TagList {
            self.log(format!("{}/{} tags", attempt.registry, attempt.repository));
            tokio::task::yield_now().await;
            TagList::Tags(vec!["1".to_owned()])
        }

        async fn explain(&self, _: &Attempt) -> Outcome {
            Outcome::Absent(Evidence::default())
        }

        async fn content(&self, _: &Attempt) -> Result<Arc<ManifestBody>, Unread> {
            unimplemented!("nobody asks for it")
        }

        async fn config(&self, _: &Attempt) -> Result<Config, Unread> {
            unimplemented!("nobody asks for it")
        }

        async fn layer(&self, _: &Attempt) -> Result<(), Unread> {
            unimplemented!("nobody asks for it")
        }
    }

    fn plan(registry: &str, repository: &str, tag: &str, try_anonymous: bool) -> Plan {
        Plan {
            image: Attempt {
                registry: registry.to_owned(),
                repository: repository.to_owned(),
                target: TagOrDigest::Tag(tag.to_owned()),
                credential: None,
            },
            credentials: Vec::new(),
            try_anonymous,
            supplied: Vec::new(),
            want_tags: true,
            look: ReadPlan::default(),
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn answers_keep_order_and_requests_are_deduplicated() {
        let table = Table::default();
        // The third differs from the first as a plan, but asks the same question.
        let plans = [
            plan("b.io", "x", "2", true),
            plan("a.io", "x", "1", true),
            plan("b.io", "x", "2", false),
            plan("b.io", "x", "2", true),
        ];
        let answers = probe_all(&table, &plans, wide(8), &Progress::default()).await;
        let digest = |answer: &PullAnswer| match &answer.attempts[0].1 {
            Outcome::Found(manifest) => manifest.digest.clone().unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(answers.iter().map(|a| digest(a)).collect::<Vec<_>>(), ["2", "1", "2", "2"]);
        assert_eq!(table.asked(), ["a.io/x:1", "b.io/x:2"]);
        assert!(Arc::ptr_eq(&answers[0], &answers[3]));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn progress_counts_each_image_once() {
        let progress = Progress::default();
        let plans = [plan("a.io", "x", "1", true), plan("a.io", "x", "1", true), plan("b.io", "x", "none", true)];
        assert_eq!(progress.seen(), None);
        probe_all(&Table::default(), &plans, Concurrency { all: 64, per_registry: 8 }, &progress).await;
        assert_eq!(progress.seen(), Some((2, 2)));
    }

    #[test]
    fn registry_leaves_a_slot_to_others_unless_it_is_alone() {
        let concurrency = Concurrency { all: 4, per_registry: 4 };
        assert_eq!((concurrency.among(1), concurrency.among(2)), (4, 3));
        let narrow = Concurrency { all: 64, per_registry: 8 };
        assert_eq!((narrow.among(1), narrow.among(9)), (8, 8));
        assert_eq!(Concurrency { all: 1, per_registry: 8 }.among(2), 1);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn tags_are_listed_once_per_repository() {
        let table = Table::default();
        let mut second = plan("a.io", "x", "none", true);
        second.image.target = TagOrDigest::Digest("none".to_owned());
        let plans = [plan("a.io", "x", "none", true), second, plan("a.io", "y", "none", true)];
        let answers = probe_all(&table, &plans, wide(8), &Progress::default()).await;
        assert!(answers.iter().all(|answer| answer.tags == Some(TagList::Tags(vec!["1".to_owned()]))));
        assert_eq!(table.asked(), ["a.io/x tags", "a.io/x:none", "a.io/x:none", "a.io/y tags", "a.io/y:none"]);
    }
}
