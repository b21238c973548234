//! START HERE: a whole run, in the order in which the data goes.
//!
//! ```text
//! paths ─load→ Sources ─yaml, workload, secret→ Inventory ─(render→ Sources, and again)→ Inventory ─kustomization→ Inventory
//!       ─pull→ PullContexts ─probe→ PullAnswers ─verdict→ verdicts ─rules→ Findings ─suppression, baseline→ Findings
//!       ─report→ Report ─trace→ Report ─output→ text
//! ```
//!
//! Gather, then judge: the network is one stage with one type of answer, and everything behind it is a pure function
//! of finished facts.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use crate::chart;
use crate::dockerconfig::DockerConfig;
use crate::error::UsageError;
use crate::event;
use crate::inventory::{Inventory, Problem, ProblemKind, ReadOptions};
use crate::kustomization;
use crate::load::{self, Input, Unread};
use crate::probe::plan::{Depth, Look, Plan};
use crate::probe::{Outcome, Prober, PullAnswer};
use crate::pull::{self, PullContext};
use crate::reference::Reference;
use crate::registry::{Concurrency, Interrupter, Progress, probe_all_watched};
use crate::render::{self, RenderCount, RenderOptions, Rendered};
use crate::report::{InputError, Report};
use crate::rules::{self, Context, JudgedImage, Settings, Silence};
use crate::source::{Source, SourceId, Sources, Span};
use crate::stack;
use crate::trace;
use crate::verdict::{self, Verdict, content};
use crate::workload::{ImageText, ImageUse, PodOrigin};
use crate::yaml::MergeRule;
use crate::yaml::scalar::is_word;

/// What the inputs say, and the files themselves.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The files.
    pub sources: Sources,
    /// What they say.
    pub inventory: Inventory,
    /// Paths that stand for nothing.
    pub errors: Vec<InputError>,
    /// The folders of the charts beside the inputs, by the input and the name that it gives the chart.
    pub charts: BTreeMap<(SourceId, String), String>,
}

/// Reads and parses all inputs, on all cores; the result does not depend on which core was first.
pub fn gather(inputs: &[Input], errors: Vec<InputError>, reading: ReadOptions<'_>) -> Gathered {
    let (sources, parts) = read(inputs, reading);
    merge(sources, parts, errors)
}

/// The same, with the charts and kustomizations among the inputs rendered. What they are rendered from is not read a
/// second time, unless the rendering failed. The second part says how many there are, and how many of them are
/// rendered; `None` when interrupted.
///
/// # Errors
/// There is something to render, and nothing to render it with.
pub fn gather_rendered(
    inputs: &[Input],
    errors: Vec<InputError>,
    reading: ReadOptions<'_>,
    options: &RenderOptions,
    interrupter: &Interrupter,
) -> Result<Option<(Gathered, RenderCount)>, UsageError> {
    let (mut sources, mut parts) = read(inputs, reading);
    let Some(rendered) = render::render(&sources, &parts, options, interrupter)? else { return Ok(None) };
    let Rendered { sources: outputs, failures, covered } = rendered;
    let count = RenderCount { rendered: outputs.len(), failed: failures.len() };
    for id in covered {
        if let Some(part) = parts.get_mut(id.0 as usize) {
            *part = std::mem::take(part).only_secrets();
        }
    }
    for failure in failures {
        if let Some(part) = parts.get_mut(failure.span.source.0 as usize) {
            part.problems.push(failure);
        }
    }
    let reading = ReadOptions { named: true, ..reading };
    for output in outputs {
        let id = sources.push(output);
        parts.push(Inventory::of(id, sources.get(id), reading));
    }
    Ok(Some((merge(sources, parts, errors), count)))
}

/// Reads and parses all inputs, on all cores.
fn read(inputs: &[Input], reading: ReadOptions<'_>) -> (Sources, Vec<Inventory>) {
    let read = |(at, input): (usize, &Input)| {
        let (source, unread) = load::read(input);
        let options = ReadOptions { named: input.named, ..reading };
        let (source, mut inventory) = inventory_of(SourceId(at as u32), source, unread, options);
        load::mark_absent(&mut inventory, options);
        (source, inventory)
    };
    let all = || inputs.par_iter().enumerate().map(read).unzip();
    let (sources, mut parts): (Vec<_>, Vec<_>) = stack::on_readers(all);
    let sources = Sources::new(sources);
    let named = |at: usize| inputs.get(at).is_some_and(|input| input.named);
    read_as_kustomize(&sources, &mut parts, |at| ReadOptions { named: named(at), ..reading });
    (sources, parts)
}

/// Reads those files again that a kustomization is built from and that have merge keys, or words that YAML 1.1 has for
/// booleans: kubectl never sees them as they are written, and kustomize reads both by another rule. Such files are rare.
fn read_as_kustomize<'k>(sources: &Sources, parts: &mut [Inventory], options: impl Fn(usize) -> ReadOptions<'k>) {
    if parts.iter().all(|part| part.kustomizations.is_empty()) {
        return;
    }
    let has_words = |id: SourceId| {
        let mut words = sources.get(id).text().split(|c: char| c.is_whitespace() || ",:[]{}#".contains(c));
        words.any(is_word)
    };
    let members = kustomization::files(parts.iter().flat_map(|part| &part.kustomizations), sources);
    for id in members {
        let at = id.0 as usize;
        // kustomize refuses it, whether or not it looks like a manifest.
        for problem in parts.get_mut(at).into_iter().flat_map(|part| &mut part.problems) {
            if let ProblemKind::InvalidYaml { certain } = &mut problem.kind {
                *certain = true;
            }
        }
        if let Some(part) = parts.get_mut(at).filter(|part| part.merges || has_words(id)) {
            let options = ReadOptions { merge_rule: MergeRule::OwnFirst, named: true, ..options(at) };
            *part = Inventory::of(id, sources.get(id), options);
        }
    }
}

/// The same for texts that are in memory already.
pub fn gather_sources(sources: Vec<Source>, options: ReadOptions<'_>) -> Gathered {
    stack::on_readers(|| {
        let read = |(at, source)| inventory_of(SourceId(at as u32), source, None, options);
        let (sources, mut parts): (Vec<_>, Vec<_>) = sources.into_iter().enumerate().map(read).unzip();
        let sources = Sources::new(sources);
        read_as_kustomize(&sources, &mut parts, |_| options);
        merge(sources, parts, Vec::new())
    })
}

fn inventory_of(id: SourceId, source: Source, unread: Option<Unread>, options: ReadOptions<'_>) -> (Source, Inventory) {
    let mut inventory = Inventory::of(id, &source, options);
    if let Some(unread) = unread {
        let (kind, message) = match unread {
            Unread::Failed(message) => (ProblemKind::Unreadable, message),
            Unread::PassedOver(message) => (ProblemKind::PassedOver, message),
        };
        inventory.problems.push(Problem { kind, span: Span::new(id, 0, 0), message });
    }
    (source, inventory)
}

fn merge(sources: Sources, parts: Vec<Inventory>, errors: Vec<InputError>) -> Gathered {
    let mut inventory = Inventory::default();
    parts.into_iter().for_each(|part| inventory.append(part));
    inventory.mark_rewritten(&sources);
    chart::set_apart(&mut inventory, &sources);
    Gathered { sources, inventory, errors, charts: BTreeMap::new() }
}

/// Judges every image and runs every rule. `prober` is `None` offline.
pub async fn check<P: Prober>(
    gathered: Gathered,
    settings: &Settings,
    supplied: Option<&DockerConfig>,
    prober: Option<(&P, Concurrency)>,
) -> (Sources, Report) {
    check_watched(gathered, settings, supplied, prober, &Progress::default()).await
}

/// The same, and somebody may look on.
pub async fn check_watched<P: Prober>(
    gathered: Gathered,
    settings: &Settings,
    supplied: Option<&DockerConfig>,
    prober: Option<(&P, Concurrency)>,
    progress: &Progress,
) -> (Sources, Report) {
    let Gathered { sources, inventory, errors, charts } = gathered;
    let pulls = pull::resolve(&inventory, settings, supplied);
    let answers = match prober {
        Some(prober) => probe(&inventory, &pulls, settings, prober, progress).await,
        None => vec![None; pulls.len()],
    };
    let judged = judge(&inventory, pulls, answers, settings);
    let context = Context::new(&sources, &inventory, &judged, settings);
    let findings = rules::run(&context);
    let mut silence = rules::silence(&context, findings);
    let pulls = judged.iter().map(|judged| &judged.pull);
    trace::name_templates(&mut silence, &inventory, &sources);
    let mut report = Report::new(&sources, &inventory, pulls, &judged, silence, errors);
    trace::to_templates(&mut report, &inventory, &sources, &charts);
    (sources, report)
}

/// Lists the images without judging them.
pub fn list(gathered: Gathered, settings: &Settings, supplied: Option<&DockerConfig>) -> (Sources, Report) {
    let Gathered { sources, inventory, errors, charts } = gathered;
    let pulls = pull::resolve(&inventory, settings, supplied);
    let mut report = Report::new(&sources, &inventory, &pulls, &[], Silence::default(), errors);
    trace::to_templates(&mut report, &inventory, &sources, &charts);
    (sources, report)
}

/// Asks the registries, each question once; one answer for each image use that has one. Where what earlier runs were
/// told speaks against an image, they are asked after all: its tag may lead elsewhere by now.
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
        let anew = ask(&plans, (prober, concurrency), &Progress::default()).await;
        answers = anew.into_iter().zip(answers).map(|(anew, answer)| anew.or(answer)).collect();
    }
    answers
}

async fn ask<P: Prober>(
    plans: &[Option<Plan>],
    (prober, concurrency): (&P, Concurrency),
    progress: &Progress,
) -> Vec<Option<Arc<PullAnswer>>> {
    let asked: Vec<Plan> = plans.iter().flatten().cloned().collect();
    let mut answers = probe_all_watched(prober, &asked, concurrency, progress).await.into_iter();
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
    let described = content::described(found, answer, &pull.nodes, settings.runtime);
    let verdict = verdict::judge(image, PodOrigin::Pod, pull, Some(answer), settings.runtime);
    !matches!(verdict, Verdict::Pullable(_)) || described.size.is_some_and(large)
}

/// What has to be read of an image that is there: what its pod or the operator declares, and what a rule asks for that
/// they turned on. By default nothing is, as each reading is a request more, and on Docker Hub a pull.
fn look(image: &ImageUse, reference: &Reference, pull: &PullContext, settings: &Settings) -> Look {
    let runs = |id| rules::by_id(id).is_some_and(|rule| settings.runs_in(image.text.span.source, rule.meta()));
    let deep = settings.depth >= Depth::Manifest;
    Look {
        platforms: !pull.nodes.is_empty(),
        kind: content::may_be_artifact(image),
        sizes: if runs("large-image") { content::sized(&pull.nodes) } else { Vec::new() },
        runtime: settings.runtime,
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
    let runtime = settings.runtime;
    let images = inventory.images.iter().zip(pulls).zip(answers);
    let judged = images.map(|((image, pull), answer)| {
        let origin = inventory.pod(image.pod).origin;
        let verdict = verdict::judge(image, origin, &pull, answer.as_deref(), runtime);
        let verdict = verdict::as_declared(verdict, image, origin, answer.as_deref(), settings);
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
