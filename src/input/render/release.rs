//! The charts of releases, rendered with the values, the name and the namespace of the release.
#![expect(clippy::disallowed_methods, reason = "writes the values that Helm reads")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::input::render::chart::{self, KUBE_VERSION, UNKNOWN_NAMESPACE};
use crate::input::render::fetch;
use crate::input::render::{Bench, Job, JobKind, path_argument};
use crate::inventory::Inventory;
use crate::registry::chart::{ChartError, ChartFetcher, ChartRequest};
use crate::resource::deployer::Deployer;
use crate::resource::kustomization::folder;
use crate::resource::workload::values::{
    ChartSource, FoundReference, Installer, ParameterText, ReferenceLookup as _, RenderInput, RenderValues,
    SourceTable, render_inputs,
};
use crate::rewrite::release_values::{InputLookup, render_inputs_of_sets};
use crate::text::source::{RenderedRelease, SourceId, Sources};

/// A release whose chart is at hand.
#[derive(Debug)]
pub(super) struct ReleaseJob {
    /// The release, for the rendered text.
    pub(super) origin: RenderedRelease,
    name: String,
    /// The file that describes it.
    file: SourceId,
    /// The folder of that file.
    file_folder: String,
    /// The folder of the chart, if it is in the inputs.
    pub(super) folder: Option<String>,
    /// The chart as an archive, if it is not.
    pub(super) archive: Option<PathBuf>,
    /// Where the chart is, if it is neither.
    request: Option<Result<ChartRequest, ChartError>>,
    /// The files of values, in Helm's order. `Err` is why they could not be written.
    values: Result<Vec<PathBuf>, String>,
    parameters: Vec<ParameterText>,
    runs_tests: bool,
}

/// Returns the releases whose chart is in the inputs.
pub(super) fn find(sources: &Sources, parts: &[Inventory], bench: &Bench<'_>) -> Vec<ReleaseJob> {
    let with_releases = parts.iter().zip(0..).filter(|(part, _)| !part.releases.is_empty());
    let ids: Vec<SourceId> = with_releases.map(|(_, at)| SourceId(at)).collect();
    if ids.is_empty() {
        return Vec::new();
    }
    let kustomizations: Vec<_> = parts.iter().flat_map(|part| part.kustomizations.iter().cloned()).collect();
    let chart_sources: Vec<ChartSource> = parts.iter().flat_map(|part| part.chart_sources.iter().cloned()).collect();
    let lookup = InputLookup::new(&kustomizations, &chart_sources, sources, ids.iter().copied());
    let inputs = ids.iter().flat_map(|&id| {
        let own = render_inputs(id, sources.get(id)).into_iter().chain(render_inputs_of_sets(id, sources));
        own.map(move |input| (id, input))
    });
    let (configs, inputs): (Vec<_>, Vec<_>) = inputs.partition(|(_, input)| input.object.kind == "HelmChartConfig");
    let mut configured: BTreeMap<String, Vec<RenderValues>> = BTreeMap::new();
    for (_, config) in configs {
        configured.entry(config.object.name.unwrap_or_default()).or_default().extend(config.values);
    }
    let charts = SourceTable::new(&chart_sources);
    let folder_of = |id: SourceId, input: &RenderInput| {
        let path = input.chart.chart.as_deref().filter(|_| input.is_folder);
        path.and_then(|path| lookup.chart_folder(id, path))
    };
    let repositories = Repositories::new(parts, inputs.iter().filter(|(id, input)| folder_of(*id, input).is_some()));
    let mut jobs = Vec::new();
    for (id, mut input) in inputs {
        let at = jobs.len();
        let folder = folder_of(id, &input).filter(|_| repositories.is_own(&input));
        let archive = match &input.content {
            Some(content) => decoded(content, &bench.home.path().join(format!("chart-{at}.tgz"))),
            None => None,
        };
        let is_elsewhere = folder.is_none() && archive.is_none();
        let request = match is_elsewhere && bench.options.fetch.is_some() {
            true => fetch::request(input.installer, &charts.complete(&input.chart)),
            false => None,
        };
        if is_elsewhere && request.is_none() {
            continue;
        }
        if input.object.kind == "HelmChart" {
            // Its values take precedence (`pkg/controllers/chart/chart.go` of the helm-controller of k3s).
            let more = input.object.name.as_ref().and_then(|name| configured.get(name));
            input.values.extend(more.into_iter().flatten().cloned());
        }
        let (texts, unread) = texts(&input, id, &lookup);
        let unread = unread.or_else(|| texts.iter().any(|text| has_variable(text)).then(|| VARIABLES.to_owned()));
        let source = sources.get(id);
        let file_folder = match source.origin() {
            crate::text::source::SourceOrigin::Rendered(rendering) => rendering.folder.clone(),
            _ => folder_name(source.name()),
        };
        jobs.push(ReleaseJob {
            name: release_name(&input),
            file: id,
            file_folder,
            values: write(&texts, at, bench),
            parameters: input.parameters,
            runs_tests: input.runs_tests,
            origin: RenderedRelease {
                name: input.object.to_string(),
                span: input.key.0,
                release_name: input.key.1,
                is_remote: folder.is_none(),
                namespace: input.namespace.or_else(|| bench.options.namespace.clone()),
                unread: input.unread.or(unread),
                is_post_rendered: input.is_post_rendered,
            },
            folder,
            archive,
            request,
        });
    }
    jobs
}

fn folder_name(file: &str) -> String {
    folder(file).to_owned()
}

/// The repositories that charts and folders in the inputs are said to be from: most of them are from this one.
struct Repositories(BTreeMap<(Deployer, String), usize>);

impl Repositories {
    fn new<'i>(parts: &[Inventory], with_chart: impl Iterator<Item = &'i (SourceId, RenderInput)>) -> Self {
        let mut counts = BTreeMap::new();
        let deployments = parts.iter().flat_map(|part| &part.deployments);
        let of_deployments = deployments.filter_map(|own| Some((own.deployer, plain(own.source.as_deref()?))));
        for key in with_chart.filter_map(|(_, input)| repository(input)).chain(of_deployments) {
            *counts.entry(key).or_default() += 1;
        }
        Self(counts)
    }

    /// Whether no other repository is named as often for the same tool. A release that names none has its chart beside
    /// it.
    fn is_own(&self, input: &RenderInput) -> bool {
        let Some(key) = repository(input) else { return true };
        let own = self.0.get(&key).copied().unwrap_or_default();
        self.0.iter().all(|(other, count)| other.0 != key.0 || *other == key || *count < own)
    }
}

fn repository(input: &RenderInput) -> Option<(Deployer, String)> {
    match input.installer {
        Installer::Flux => {
            let source = input.chart.source.as_ref()?;
            Some((Deployer::Flux, format!("{}/{}", source.kind, source.name)))
        }
        Installer::ArgoCd => Some((Deployer::ArgoCd, plain(input.chart.repository.as_deref()?))),
        _ => None,
    }
}

fn plain(source: &str) -> String {
    let source = source.trim_end_matches('/');
    source.strip_suffix(".git").unwrap_or(source).to_owned()
}

/// What is unread if values contain a variable of Flux or Fleet: it may be part of a condition.
const VARIABLES: &str = "${…}";

fn has_variable(text: &str) -> bool {
    text.match_indices("${").any(|(at, _)| text[..at].bytes().last() != Some(b'$'))
}

/// Returns the texts of a release's values in order, and the path of the first that is unknown.
fn texts(input: &RenderInput, file: SourceId, lookup: &InputLookup<'_>) -> (Vec<String>, Option<String>) {
    let (mut texts, mut unread) = (Vec::new(), None);
    for values in &input.values {
        match values {
            RenderValues::Text(text) => texts.push(text.clone()),
            RenderValues::Elsewhere(reference, path) => {
                match lookup.find(reference, file, input.chart.chart.as_deref()) {
                    FoundReference::Text(found) => texts.push(found.text.to_owned()),
                    FoundReference::Absent => {}
                    FoundReference::Unknown => unread = unread.or_else(|| Some(path.clone())),
                }
            }
        }
    }
    (texts, unread)
}

fn write(texts: &[String], at: usize, bench: &Bench<'_>) -> Result<Vec<PathBuf>, String> {
    let write = |(number, text): (usize, &String)| {
        let file = bench.home.path().join(format!("values-{at}-{number}.yaml"));
        fs::write(&file, text).map_err(|error| format!("its values cannot be written: {error}"))?;
        Ok(file)
    };
    texts.iter().enumerate().map(write).collect()
}

/// Writes a chart that is an archive in base64; `None` if it is not one.
fn decoded(content: &str, file: &Path) -> Option<PathBuf> {
    let compact: String = content.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(compact).ok()?;
    fs::write(file, bytes).ok()?;
    Some(file.to_owned())
}

/// The name of the release, as Helm accepts it.
fn release_name(input: &RenderInput) -> String {
    match &input.name {
        Some(name) if chart::is_release_name(name) => name.clone(),
        name => chart::sanitised(name.as_deref().unwrap_or_default()),
    }
}

impl ReleaseJob {
    /// Whether the chart is at hand.
    pub(super) fn has_chart(&self) -> bool {
        self.folder.is_some() || self.archive.is_some()
    }

    /// Fetches the chart; `None` if it is at hand.
    pub(super) async fn fetch(&self, fetcher: &ChartFetcher) -> Option<Result<PathBuf, ChartError>> {
        match self.request.clone()? {
            Ok(request) => Some(fetcher.fetch(&request).await.map(|fetched| fetched.path)),
            Err(error) => Some(Err(error)),
        }
    }

    /// Returns the job of rendering the chart; `charts` are those of the inputs.
    pub(super) fn into_job(self, charts: &[Job]) -> Job {
        let chart = charts.iter().find(|chart| Some(&chart.folder) == self.folder.as_ref());
        let folder = self.folder.clone().unwrap_or_else(|| self.file_folder.clone());
        let covers = chart.map(|chart| chart.covers.clone()).unwrap_or_default();
        Job { folder, file: self.file, covers, kind: JobKind::Release(Box::new(self)), is_installed: false }
    }

    /// Returns the arguments of `helm template`. `copy` is the folder to render in place of the chart's own.
    ///
    /// # Errors
    /// The values could not be written.
    pub(super) fn arguments(&self, copy: Option<&Path>) -> Result<Vec<OsString>, String> {
        let chart = match (&self.folder, &self.archive) {
            (Some(_), _) if copy.is_some() => copy.map(|copy| copy.as_os_str().to_owned()).unwrap_or_default(),
            (Some(folder), _) => path_argument(folder),
            (None, Some(archive)) => archive.clone().into_os_string(),
            (None, None) => return Err("its chart is not in the inputs".to_owned()),
        };
        let namespace = self.origin.namespace.as_deref().unwrap_or(UNKNOWN_NAMESPACE);
        let mut arguments = vec!["template".into(), self.name.clone().into(), chart, KUBE_VERSION.into()];
        arguments.push(format!("--namespace={namespace}").into());
        if !self.runs_tests {
            arguments.push("--skip-tests".into());
        }
        for file in self.values.as_ref().map_err(Clone::clone)? {
            let mut argument = OsString::from("--values=");
            argument.push(file);
            arguments.push(argument);
        }
        for ParameterText { name, value, is_string } in &self.parameters {
            let option = if *is_string { "set-string" } else { "set" };
            arguments.push(format!("--{option}={name}={value}").into());
        }
        Ok(arguments)
    }
}
