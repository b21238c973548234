//! START HERE: a whole run, in the order of the data flow.
//!
//! ```text
//! paths ─load→ Sources ─yaml, workload, secret→ Inventory ─(render→ Sources, and again)→ Inventory ─kustomization→ Inventory
//!       ─pull→ PullContexts ─probe→ PullAnswers ─verdict→ verdicts ─rules→ Findings ─suppression, baseline→ Findings
//!       ─report→ Report ─trace→ Report ─output→ text
//! ```
//!
//! Gather, then judge: the network is one stage with one type of answer, and everything after it is a pure function
//! of finished facts.

use std::sync::Arc;

use crate::credential::dockerconfig::DockerConfig;
use crate::image::reference::Reference;
use crate::input::gather::Gathered;
use crate::inventory::Inventory;
use crate::kubelet::artifact::{self, ArtifactAnswer, ArtifactPull, ArtifactQuestion, JudgedArtifact};
use crate::kubelet::event;
use crate::kubelet::probe::plan::{Depth, Plan, ReadPlan};
use crate::kubelet::probe::{Attempt, Outcome, Prober, PullAnswer};
use crate::kubelet::pull::{self, PullContext};
use crate::kubelet::verdict::{self, Verdict, content};
use crate::registry::{Concurrency, Progress, list_all, probe_all};
use crate::report::{Report, trace};
use crate::resource::workload::{ImageText, ImageUse, PodOrigin};
use crate::rules::{self, Context, Filtered, JudgedImage, Settings};
use crate::text::source::Sources;

/// Judges every image and runs every rule. `prober` is `None` offline; `progress` receives the number of answered
/// images.
pub async fn check<P: Prober>(
    gathered: Gathered,
    settings: &Settings,
    supplied: Option<&DockerConfig>,
    prober: Option<(&P, Concurrency)>,
    progress: &Progress,
) -> (Sources, Report) {
    let Gathered { sources, inventory, errors, charts, values } = gathered;
    let pulls = pull::resolve(&inventory, &settings.cluster, supplied);
    let answers = match prober {
        Some(prober) => probe(&inventory, &pulls, settings, prober, progress).await,
        None => vec![None; pulls.len()],
    };
    let judged = judge(&inventory, pulls, answers, settings);
    let artifacts = judge_artifacts(&inventory, supplied, settings, prober).await;
    let context = Context::new(&sources, &inventory, &judged, settings).with_artifacts(&artifacts);
    let findings = rules::run(&context);
    let mut filtered = rules::suppress(&context, findings);
    let pulls = judged.iter().map(|judged| &judged.pull);
    trace::name_templates(&mut filtered, &inventory, &sources);
    let mut report =
        Report::new(&sources, &inventory, pulls, &judged, filtered, errors).with_charts(&inventory, &artifacts);
    trace::to_templates(&mut report, &inventory, &sources, &charts, &values);
    (sources, report)
}

/// Lists the images without judging them.
pub fn list(gathered: Gathered, settings: &Settings, supplied: Option<&DockerConfig>) -> (Sources, Report) {
    let Gathered { sources, inventory, errors, charts, values } = gathered;
    let pulls = pull::resolve(&inventory, &settings.cluster, supplied);
    let mut report = Report::new(&sources, &inventory, &pulls, &[], Filtered::default(), errors);
    report = report.with_charts(&inventory, &[]);
    trace::to_templates(&mut report, &inventory, &sources, &charts, &values);
    (sources, report)
}

/// Asks the registries, each question once, and returns one answer for each image use that has one. If cached
/// answers of earlier runs speak against an image, its registry is asked again: the tag may point elsewhere by now.
async fn probe<P: Prober>(
    inventory: &Inventory,
    pulls: &[PullContext],
    settings: &Settings,
    (prober, concurrency): (&P, Concurrency),
    progress: &Progress,
) -> Vec<Option<Arc<PullAnswer>>> {
    let plan = |(image, pull): (&ImageUse, &PullContext)| {
        let reference = verdict::needs_probe(image, pull)?;
        let credentials = pull.credentials.iter().map(|candidate| candidate.credential.clone()).collect();
        let look = look(image, reference, pull, settings);
        Some(Plan { supplied: pull.supplied.clone(), look, ..Plan::new(reference, credentials) })
    };
    let mut plans: Vec<Option<Plan>> = inventory.images.iter().zip(pulls).map(plan).collect();
    let mut answers = ask(&plans, (prober, concurrency), progress).await;
    let uses = inventory.images.iter().zip(pulls).zip(&answers);
    for (plan, ((image, pull), answer)) in plans.iter_mut().zip(uses) {
        let doubtful = answer.as_deref().is_some_and(|answer| is_doubtful(image, pull, answer, settings));
        *plan = plan.take().filter(|_| doubtful);
        plan.iter().flat_map(Plan::first_questions).for_each(|attempt| prober.forget(&attempt));
    }
    if plans.iter().any(Option::is_some) {
        let new_answers = ask(&plans, (prober, concurrency), &Progress::default()).await;
        answers = new_answers.into_iter().zip(answers).map(|(new, old)| new.or(old)).collect();
    }
    answers
}

/// Asks the registries for the charts and other artifacts, each once, and judges the answers.
async fn judge_artifacts<P: Prober>(
    inventory: &Inventory,
    supplied: Option<&DockerConfig>,
    settings: &Settings,
    prober: Option<(&P, Concurrency)>,
) -> Vec<JudgedArtifact> {
    let cluster = &settings.cluster;
    let pulls = artifact::resolve(inventory, cluster, supplied);
    let answers = match prober {
        Some(prober) => ask_for_artifacts(&pulls, prober).await,
        None => vec![None; pulls.len()],
    };
    let artifacts = inventory.chart_artifacts.iter().zip(&pulls).zip(answers);
    artifacts.map(|((artifact, pull), answer)| pull.judge(artifact, answer, cluster)).collect()
}

async fn ask_for_artifacts<P: Prober>(
    pulls: &[ArtifactPull],
    (prober, concurrency): (&P, Concurrency),
) -> Vec<Option<ArtifactAnswer>> {
    let mut plans: Vec<Option<Plan>> = vec![None; pulls.len()];
    let mut lists: Vec<Option<Attempt>> = vec![None; pulls.len()];
    for ((pull, plan), list) in pulls.iter().zip(&mut plans).zip(&mut lists) {
        match pull.question() {
            Some(ArtifactQuestion::Manifest(reference, pull)) => {
                let credentials = pull.credentials.iter().map(|candidate| candidate.credential.clone()).collect();
                *plan = Some(Plan { supplied: pull.supplied.clone(), ..Plan::new(reference, credentials) });
            }
            Some(ArtifactQuestion::Tags(attempt)) => *list = Some(attempt),
            None => {}
        }
    }
    let manifests = ask(&plans, (prober, concurrency), &Progress::default()).await;
    let attempts: Vec<Attempt> = lists.iter().flatten().cloned().collect();
    let mut tags = list_all(prober, &attempts, concurrency).await.into_iter();
    let tags = lists.iter().map(|list| list.as_ref().and_then(|_| tags.next()).map(ArtifactAnswer::Tags));
    let manifests = manifests.into_iter().map(|answer| answer.map(ArtifactAnswer::Manifest));
    manifests.zip(tags).map(|(manifest, tags)| manifest.or(tags)).collect()
}

async fn ask<P: Prober>(
    plans: &[Option<Plan>],
    (prober, concurrency): (&P, Concurrency),
    progress: &Progress,
) -> Vec<Option<Arc<PullAnswer>>> {
    let asked: Vec<Plan> = plans.iter().flatten().cloned().collect();
    let mut answers = probe_all(prober, &asked, concurrency, progress).await.into_iter();
    plans.iter().map(|plan| plan.as_ref().and_then(|_| answers.next())).collect()
}

/// Whether an answer that rests on a tag as an earlier run saw it is about to become a finding.
fn is_doubtful(image: &ImageUse, pull: &PullContext, answer: &PullAnswer, settings: &Settings) -> bool {
    let ImageText::Reference(reference) = &image.image else { return false };
    if let Some(pinned) = reference.digest() {
        let remembered = matches!(&answer.tag, Some(Outcome::Found(tagged)) if tagged.remembered);
        return remembered && rules::stale_digest::has_moved(pinned, answer);
    }
    let Some(found) = verdict::found_by(answer).filter(|found| found.remembered) else { return false };
    let large = |size: u64| size > settings.max_image_size.unwrap_or(rules::MAX_IMAGE_SIZE);
    let described = content::described(found, answer, &pull.nodes, settings.cluster.runtime);
    let verdict = verdict::judge(image, PodOrigin::Pod, pull, Some(answer), settings.cluster.runtime);
    !matches!(verdict, Verdict::Pullable(_)) || described.size.is_some_and(large)
}

/// Returns what to read of an image that exists: what its pod or the operator declares, and what the rules need that
/// the operator turned on. By default nothing is read, because each reading is one more request, and on Docker Hub
/// one more pull.
fn look(image: &ImageUse, reference: &Reference, pull: &PullContext, settings: &Settings) -> ReadPlan {
    let runs = |id| rules::by_id(id).is_some_and(|rule| settings.runs_in(image.text.span.source, rule.meta()));
    let deep = settings.depth >= Depth::Manifest;
    ReadPlan {
        platforms: !pull.nodes.is_empty(),
        kind: content::may_be_artifact(image),
        sizes: if runs("large-image") { content::sized(&pull.nodes) } else { Vec::new() },
        runtime: settings.cluster.runtime,
        nodes: if deep || !pull.nodes.is_empty() { content::sized(&pull.nodes) } else { Vec::new() },
        depth: settings.depth,
        tag: reference.tag().filter(|_| reference.digest().is_some() && runs("stale-digest")).map(str::to_owned),
    }
}

fn judge(
    inventory: &Inventory,
    pulls: Vec<PullContext>,
    answers: Vec<Option<Arc<PullAnswer>>>,
    settings: &Settings,
) -> Vec<JudgedImage> {
    let runtime = settings.cluster.runtime;
    let images = inventory.images.iter().zip(pulls).zip(answers);
    let judged = images.map(|((image, pull), answer)| {
        let origin = inventory.pod(image.pod).origin;
        let verdict = verdict::judge(image, origin, &pull, answer.as_deref(), runtime);
        let verdict = verdict::as_declared(verdict, image, origin, answer.as_deref(), &settings.cluster);
        let verdict = verdict::as_admitted(verdict, &pull, answer.as_deref());
        let event = event::of_verdict(runtime, image, &pull, &verdict, answer.as_deref());
        let manifest = answer.as_deref().and_then(|answer| {
            let manifest = verdict::found_by(answer)?;
            Some(content::described(manifest, answer, &pull.nodes, runtime))
        });
        JudgedImage { pull, answer, verdict, manifest, event }
    });
    judged.collect()
}
