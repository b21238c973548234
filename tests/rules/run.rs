//! Runs one example through the pipeline and compares what is found with what it announces.

use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use pullcheck::finding::Finding;
use pullcheck::inventory::{Inventory, Problem, ProblemKind, ReadOptions};
use pullcheck::probe::{Attempt, Outcome, Prober, PullAnswer};
use pullcheck::pull::{self, PullContext};
use pullcheck::rules::{self, Context, JudgedImage, Settings};
use pullcheck::source::{Encoding, Source, Sources, Span};
use pullcheck::verdict;
use pullcheck_support::language;

use crate::example::{Example, Expected, Place};
use crate::table::Table;

/// Runs an example against the table of its registry block.
pub(crate) fn run_example(example: &Example) -> Result<(), String> {
    let table = match &example.registry {
        Some(script) => Some(Table(language::parse(script)?)),
        None => None,
    };
    let settings = settings(&example.args, table.is_none())?;
    let (sources, findings) = check(example, &settings, table.as_ref());
    compare(&sources, &findings, &example.expected)
}

fn settings(args: &[String], offline: bool) -> Result<Settings, String> {
    let mut settings = Settings { offline, ..Settings::default() };
    for arg in args {
        match arg.as_str() {
            "--closed" => settings.closed = true,
            "--offline" => settings.offline = true,
            other => return Err(format!("an option that examples do not know: {other}")),
        }
    }
    Ok(settings)
}

fn check<P: Prober>(example: &Example, settings: &Settings, prober: Option<&P>) -> (Sources, Vec<Finding>) {
    let mut sources = Sources::default();
    let mut inventory = Inventory::default();
    for file in &example.files {
        let source = match file.unreadable {
            None => Source::new(&*file.name, &*file.text, Encoding::Utf8),
            Some(_) => Source::unreadable(&*file.name),
        };
        let id = sources.push(source);
        inventory.append(Inventory::of(id, sources.get(id), ReadOptions::default()));
        inventory.problems.extend(file.unreadable.iter().map(|why| Problem {
            kind: ProblemKind::Unreadable,
            span: Span::new(id, 0, 0),
            message: why.clone(),
        }));
    }
    inventory.mark_rewritten(&sources);
    let pulls = pull::resolve(&inventory, settings, None);
    let judged: Vec<JudgedImage> = inventory
        .images
        .iter()
        .zip(pulls)
        .map(|(image, pull)| {
            let answer = prober.and_then(|prober| {
                let reference = verdict::needs_probe(image, &pull)?;
                Some(Arc::new(ask(prober, &Attempt::new(reference, None), &pull)))
            });
            let verdict = verdict::judge(image, inventory.pod(image.pod).origin, &pull, answer.as_deref());
            JudgedImage { pull, answer, verdict, event: None }
        })
        .collect();
    let context = Context { sources: &sources, inventory: &inventory, judged: &judged, settings };
    let findings = rules::run(&context);
    (sources, findings)
}

/// The kubelet's pull loop, as far as examples need it.
fn ask<P: Prober>(prober: &P, image: &Attempt, pull: &PullContext) -> PullAnswer {
    let mut answer = PullAnswer::default();
    let credentials = pull.credentials.iter().map(|candidate| Some(&candidate.credential)).enumerate();
    let mut tries: Vec<_> = credentials.map(|(at, credential)| (Some(at), credential)).collect();
    if tries.is_empty() {
        tries.push((None, None));
    }
    for (at, credential) in tries {
        let attempt = Attempt { credential: credential.cloned(), ..image.clone() };
        let outcome = now(prober.probe(&attempt));
        if matches!(outcome, Outcome::Absent(_)) {
            answer.tags = Some(now(prober.tags(&attempt)));
        }
        let found = matches!(outcome, Outcome::Found(_));
        answer.attempts.push((at, outcome));
        if found {
            break;
        }
    }
    answer
}

/// The result of a future that waits for nothing.
fn now<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the table answers at once"),
    }
}

/// Every finding is announced, and every announced finding is there: each once.
fn compare(sources: &Sources, findings: &[Finding], expected: &[Expected]) -> Result<(), String> {
    let mut missing: Vec<&Expected> = expected.iter().collect();
    let mut surplus = Vec::new();
    for finding in findings {
        match missing.iter().position(|expected| is(sources, finding, expected)) {
            Some(at) => drop(missing.remove(at)),
            None => surplus.push(finding),
        }
    }
    if missing.is_empty() && surplus.is_empty() {
        return Ok(());
    }
    let missing = missing.iter().map(|expected| format!("not found: {expected:?}"));
    let surplus = surplus.iter().map(|finding| {
        let line = sources.locate(finding.primary.span).map_or(0, |location| location.start.line);
        let (severity, text) = (finding.severity.as_str(), sources.slice(finding.primary.span));
        format!("not announced: line {line}: {severity}: {} @ {text:?}: {}", finding.rule, finding.message)
    });
    Err(missing.chain(surplus).collect::<Vec<_>>().join("\n"))
}

fn is(sources: &Sources, finding: &Finding, expected: &Expected) -> bool {
    let span = finding.primary.span;
    let at = || match &expected.place {
        Place::Line(file, line) => {
            sources.get(span.source).name() == file
                && sources.locate(span).is_some_and(|location| location.start.line == *line)
        }
        Place::Text(text) => sources.slice(span) == text,
        Place::File(file) => sources.get(span.source).name() == file,
        Place::Anywhere => true,
    };
    finding.rule == expected.rule && finding.severity.as_str() == expected.severity && at()
}
