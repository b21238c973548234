//! From paths to the inventory: reads, parses and renders all inputs.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::error::UsageError;
use crate::input::load::{self, Input, ReadError};
use crate::input::render::{RenderCount, RenderOptions, Rendered, Renderer, Unfetched};
use crate::input::stack;
use crate::inventory::{Inventory, Problem, ProblemKind, ReadOptions};
use crate::registry::Interrupter;
use crate::report::InputError;
use crate::resource::kustomization;
use crate::rewrite;
use crate::text::source::{Source, SourceId, Sources, Span};
use crate::text::yaml::MergeRule;
use crate::text::yaml::scalar::is_word;

/// The contents of the inputs, and the files themselves.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The files that were read.
    pub sources: Sources,
    /// The objects that they contain.
    pub inventory: Inventory,
    /// Paths that match nothing.
    pub errors: Vec<InputError>,
    /// The folders of the charts next to the inputs, by the input and the name that it gives the chart.
    pub charts: BTreeMap<(SourceId, String), String>,
    /// The files of values that every chart was rendered with: later ones take precedence.
    pub values: Vec<SourceId>,
}

/// Reads and parses all inputs, on all cores. The result does not depend on which core was first.
pub fn gather(inputs: &[Input], errors: Vec<InputError>, reading: ReadOptions<'_>) -> Gathered {
    let (sources, parts) = read(inputs, reading);
    merge(sources, parts, errors)
}

/// Gathers the inputs with the charts and kustomizations among them rendered. The files that they are rendered from
/// are not read a second time, unless the rendering failed. The second part of the result is how many were rendered
/// and how many failed; the result is `None` when interrupted.
///
/// # Errors
/// There is something to render, but no tool to render it with.
pub fn gather_rendered(
    inputs: &[Input],
    errors: Vec<InputError>,
    reading: ReadOptions<'_>,
    options: &RenderOptions,
    interrupter: &Interrupter,
) -> Result<Option<(Gathered, RenderCount)>, UsageError> {
    let (mut sources, mut parts) = read(inputs, reading);
    let renderer = Renderer::new(options, interrupter)?;
    let mut count = RenderCount::default();
    let Some(kustomizations) = renderer.kustomizations(&sources, &parts)? else { return Ok(None) };
    add_rendered(&mut sources, &mut parts, kustomizations, reading, &mut count);
    // The releases may be among what kustomize builds.
    let Some(charts) = renderer.charts(&sources, &parts)? else { return Ok(None) };
    add_rendered(&mut sources, &mut parts, charts, reading, &mut count);
    Ok(Some((merge(sources, parts, errors), count)))
}

/// Adds what was rendered, in the place of the files that it was rendered from.
fn add_rendered(
    sources: &mut Sources,
    parts: &mut Vec<Inventory>,
    rendered: Rendered,
    reading: ReadOptions<'_>,
    count: &mut RenderCount,
) {
    let Rendered { sources: outputs, failures, covered, unfetched } = rendered;
    count.rendered += outputs.len();
    count.failed += failures.len();
    count.unfetched += unfetched.len();
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
    for Unfetched { span, message } in unfetched {
        let part = parts.get_mut(span.source.0 as usize);
        for release in part.into_iter().flat_map(|part| &mut part.releases).filter(|release| release.span == span) {
            release.unfetched = Some(message.clone());
        }
    }
    let reading = ReadOptions { named: true, ..reading };
    for output in outputs {
        let id = sources.push(output);
        parts.push(Inventory::of(id, sources.get(id), reading));
    }
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

/// Reads those files again that a kustomization is built from and that have merge keys, or words that are booleans
/// in YAML 1.1. kubectl never sees these files as written, and kustomize reads both by another rule. Such files are
/// rare.
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
        // kustomize refuses the document, whether or not it looks like a manifest.
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

/// Gathers from texts that are in memory already.
pub fn gather_sources(sources: Vec<Source>, options: ReadOptions<'_>) -> Gathered {
    stack::on_readers(|| {
        let read = |(at, source)| inventory_of(SourceId(at as u32), source, None, options);
        let (sources, mut parts): (Vec<_>, Vec<_>) = sources.into_iter().enumerate().map(read).unzip();
        let sources = Sources::new(sources);
        read_as_kustomize(&sources, &mut parts, |_| options);
        merge(sources, parts, Vec::new())
    })
}

fn inventory_of(
    id: SourceId,
    source: Source,
    unread: Option<ReadError>,
    options: ReadOptions<'_>,
) -> (Source, Inventory) {
    let mut inventory = Inventory::of(id, &source, options);
    if let Some(unread) = unread {
        let (kind, message) = match unread {
            ReadError::Failed(message) => (ProblemKind::Unreadable, message),
            ReadError::PassedOver(message) => (ProblemKind::PassedOver, message),
        };
        inventory.problems.push(Problem { kind, span: Span::new(id, 0, 0), message });
    }
    (source, inventory)
}

fn merge(sources: Sources, parts: Vec<Inventory>, errors: Vec<InputError>) -> Gathered {
    let mut inventory = Inventory::default();
    parts.into_iter().for_each(|part| inventory.append(part));
    rewrite::apply(&mut inventory, &sources);
    Gathered { sources, inventory, errors, charts: BTreeMap::new(), values: Vec::new() }
}
