//! The charts of releases, rendered with the values, the name and the namespace of the release.
#![expect(clippy::disallowed_methods, reason = "writes the values that Helm reads")]

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
use crate::resource::deployer::own_repository::{OwnRepositories, without_end};
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
    pub(super) chart: ReleaseChart,
    /// The files of values, in Helm's order. `Err` is why they could not be written.
    values: Result<Vec<PathBuf>, String>,
    parameters: Vec<ParameterText>,
    runs_tests: bool,
}

/// Where the chart of a release is.
#[derive(Debug)]
pub(super) enum ReleaseChart {
    /// A folder of the inputs, written like the names of sources.
    Folder(String),
    /// An archive on this machine.
    Archive(PathBuf),
    /// In a registry or a repository, from which it is to be fetched.
    Elsewhere(Result<ChartRequest, ChartError>),
}

/// Returns the releases whose chart is in the inputs, or is to be fetched.
pub(super) fn find(sources: &Sources, parts: &[Inventory], bench: &Bench<'_>) -> Vec<ReleaseJob> {
    let with_releases = parts.iter().zip(0..).filter(|(part, _)| !part.releases.is_empty());
    let ids: Vec<SourceId> = with_releases.map(|(_, at)| SourceId(at)).collect();
    if ids.is_empty() {
        return Vec::new();
    }
    let kustomizations: Vec<_> = parts.iter().flat_map(|part| part.kustomizations.iter().cloned()).collect();
    let chart_sources: Vec<ChartSource> = parts.iter().flat_map(|part| part.chart_sources.iter().cloned()).collect();
    let inputs = ids.iter().flat_map(|&id| {
        let own = render_inputs(id, sources.get(id)).into_iter().chain(render_inputs_of_sets(id, sources));
        own.map(move |input| (id, input))
    });
    let (configs, inputs): (Vec<_>, Vec<_>) = inputs.partition(|(_, input)| input.object.kind == "HelmChartConfig");
    let references = configs.iter().chain(&inputs).flat_map(|(_, input)| &input.values);
    let references = references.filter_map(|values| match values {
        RenderValues::Elsewhere(reference, _) => Some(&reference.target),
        RenderValues::Text(_) => None,
    });
    let lookup = InputLookup::new(&kustomizations, &chart_sources, sources, references);
    let charts = SourceTable::new(&chart_sources);
    let folder_of = |id: SourceId, input: &RenderInput| {
        let path = input.chart.chart.as_deref().filter(|_| input.is_folder);
        path.and_then(|path| lookup.chart_folder(id, path))
    };
    let of_charts = inputs.iter().filter(|(id, input)| folder_of(*id, input).is_some());
    let of_folders = parts.iter().flat_map(|part| part.deployments.iter().map(move |own| (part, own)));
    let of_folders = of_folders.filter(|(part, own)| {
        let file = part.resource(own.resource).span.source;
        lookup.has_folder(file, &own.path.value)
    });
    let of_folders = of_folders.filter_map(|(_, own)| Some((own.deployer, own.repository()?)));
    let repositories: Vec<_> = of_charts.filter_map(|(_, input)| repository(input)).collect();
    let named = repositories.iter().map(|(deployer, name)| (*deployer, name.as_str()));
    let own = OwnRepositories::new(named.chain(of_folders));
    // A release that names no repository has its chart beside it.
    let is_own = |input: &RenderInput| repository(input).is_none_or(|(deployer, name)| own.contains(deployer, &name));
    let mut jobs = Vec::new();
    for (id, mut input) in inputs {
        let at = jobs.len();
        let folder = folder_of(id, &input).filter(|_| is_own(&input));
        let archive = || {
            let content = input.content.as_deref()?;
            decoded(content, &bench.home.path().join(format!("chart-{at}.tgz"))).map(ReleaseChart::Archive)
        };
        let elsewhere = || {
            bench.options.fetch.as_ref()?;
            fetch::request(input.installer, &charts.complete(&input.chart)).map(ReleaseChart::Elsewhere)
        };
        let Some(chart) = folder.map(ReleaseChart::Folder).or_else(archive).or_else(elsewhere) else { continue };
        let is_configured = |config: &RenderInput| {
            let (chart, config) = (&input.object, &config.object);
            let is_near =
                chart.namespace.is_none() || config.namespace.is_none() || chart.namespace == config.namespace;
            chart.kind == "HelmChart" && chart.name == config.name && is_near
        };
        // Its values take precedence (`pkg/controllers/chart/chart.go` of the helm-controller of k3s).
        for (_, config) in configs.iter().filter(|(_, config)| is_configured(config)).cloned().collect::<Vec<_>>() {
            input.values.extend(config.values);
            input.unread = input.unread.or(config.unread);
        }
        let (texts, unread) = texts(&input, id, &lookup);
        let unread = unread.or_else(|| texts.iter().any(|text| has_variable(text)).then(|| VARIABLES.to_owned()));
        jobs.push(ReleaseJob {
            name: release_name(&input),
            file: id,
            file_folder: lookup.folder_of(id),
            values: write(&texts, at, bench),
            parameters: input.parameters,
            runs_tests: input.runs_tests,
            origin: RenderedRelease {
                name: input.object.to_string(),
                span: input.key.0,
                release_name: input.key.1,
                is_remote: !matches!(chart, ReleaseChart::Folder(_)),
                namespace: input.namespace.or_else(|| bench.options.namespace.clone()),
                unread: input.unread.or(unread),
                is_post_rendered: input.is_post_rendered,
            },
            chart,
        });
    }
    jobs
}

/// The Git repository that a release names for its chart.
fn repository(input: &RenderInput) -> Option<(Deployer, String)> {
    match input.installer {
        Installer::Flux => {
            let source = input.chart.source.as_ref().filter(|source| source.kind == "GitRepository")?;
            Some((Deployer::Flux, format!("{}/{}", source.kind, source.name)))
        }
        Installer::ArgoCd => Some((Deployer::ArgoCd, without_end(input.chart.repository.as_deref()?).to_owned())),
        _ => None,
    }
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
    /// The folder of the chart, if it is in the inputs.
    pub(super) fn folder(&self) -> Option<&str> {
        match &self.chart {
            ReleaseChart::Folder(folder) => Some(folder),
            ReleaseChart::Archive(_) | ReleaseChart::Elsewhere(_) => None,
        }
    }

    /// Fetches the chart if it is elsewhere. The result is `None` if it is at hand.
    pub(super) async fn fetch(&self, fetcher: &ChartFetcher) -> Option<Result<PathBuf, ChartError>> {
        match &self.chart {
            ReleaseChart::Folder(_) | ReleaseChart::Archive(_) => None,
            ReleaseChart::Elsewhere(Ok(request)) => Some(fetcher.fetch(request).await.map(|fetched| fetched.path)),
            ReleaseChart::Elsewhere(Err(error)) => Some(Err(error.clone())),
        }
    }

    /// Returns the job of rendering the chart; `charts` are those of the inputs.
    pub(super) fn into_job(self, charts: &[Job]) -> Job {
        let chart = charts.iter().find(|chart| Some(chart.folder.as_str()) == self.folder());
        let covers = chart.map(|chart| chart.covers.clone()).unwrap_or_default();
        let folder = self.folder().unwrap_or(&self.file_folder).to_owned();
        Job { folder, file: self.file, covers, kind: JobKind::Release(Box::new(self)) }
    }

    /// Returns the arguments of `helm template`. `copy` is the folder to render in place of the chart's own.
    ///
    /// # Errors
    /// The values could not be written.
    pub(super) fn arguments(&self, copy: Option<&Path>) -> Result<Vec<OsString>, String> {
        let chart = match (&self.chart, copy) {
            (ReleaseChart::Folder(_), Some(copy)) => copy.as_os_str().to_owned(),
            (ReleaseChart::Folder(folder), None) => path_argument(folder),
            (ReleaseChart::Archive(archive), _) => archive.clone().into_os_string(),
            (ReleaseChart::Elsewhere(_), _) => return Err("its chart was not fetched".to_owned()),
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
