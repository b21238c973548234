//! `--render`: charts and kustomizations of the inputs, turned into manifests by the tools that deploy them.
//!
//! Only with `--render`, which no file can set: a chart's templates and a kustomization are programs that a pull
//! request can add. The tools get no credentials, no cluster, no plugins, little time and a home folder of their own
//! (`child`). Options that run programs, fetch charts or leave the folder are never turned on (`chart`,
//! `kustomization`).

mod chart;
mod child;
mod fetch;
mod kustomization;
mod release;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use tempfile::TempDir;

pub use chart::is_release_name;
use release::{ReleaseChart, ReleaseJob};

use crate::error::UsageError;
use crate::input::find_program;
use crate::inventory::{Inventory, Problem, ProblemKind};
use crate::registry::Interrupter;
use crate::registry::chart::ChartFetcher;
use crate::registry::chart::FetchOptions;
use crate::text::source::{Rendering, Source, SourceId, Sources, Span};

/// The settings of `--render` and related options.
#[derive(Debug, Clone, Default)]
pub struct RenderOptions {
    /// Files of values, for every chart.
    pub values: Vec<PathBuf>,
    /// `KEY=VALUE`, for every chart.
    pub set: Vec<String>,
    /// The release's name; by default that of the chart's folder.
    pub release_name: Option<String>,
    /// The namespace that charts are rendered for.
    pub namespace: Option<String>,
    /// The folders in which the tools are searched for, as `PATH` lists them.
    pub path: OsString,
    /// The limits of one rendering.
    pub limits: RenderLimits,
    /// How to fetch the charts of releases; `None` if they are not fetched.
    pub fetch: Option<FetchOptions>,
}

/// The limits of one rendering.
#[derive(Debug, Clone, Copy)]
pub struct RenderLimits {
    /// The time limit.
    pub time: Duration,
    /// The limit of the output, in bytes.
    pub output: usize,
}

impl Default for RenderLimits {
    fn default() -> Self {
        Self { time: Duration::from_secs(60), output: 64 << 20 }
    }
}

/// The result of rendering.
#[derive(Debug, Default)]
pub struct Rendered {
    /// The tools' outputs, in the order of the folders.
    pub sources: Vec<Source>,
    /// The failures, each at the file that makes the folder a chart or a kustomization.
    pub failures: Vec<Problem>,
    /// The sources that are part of the outputs: their own contents would appear twice.
    pub covered: BTreeSet<SourceId>,
    /// The releases whose chart could not be fetched.
    pub unfetched: Vec<Unfetched>,
}

/// A release whose chart could not be fetched.
#[derive(Debug)]
pub struct Unfetched {
    /// The place of the release.
    pub span: Span,
    /// The reason.
    pub message: String,
}

/// Fetches that are begun at the same time; the fetcher has limits of its own.
const FETCHES: usize = 16;

/// The number of charts and kustomizations that were rendered, or could not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RenderCount {
    /// How many were rendered.
    pub rendered: usize,
    /// How many failed to render.
    pub failed: usize,
    /// How many charts could not be fetched.
    pub unfetched: usize,
}

/// A chart or a kustomization to render.
#[derive(Debug)]
struct Job {
    /// The folder, written like the names of sources; empty for the current one.
    folder: String,
    /// The file that makes it one.
    file: SourceId,
    /// The sources that its rendering replaces.
    covers: BTreeSet<SourceId>,
    kind: JobKind,
}

impl Job {
    /// The folder of the chart that is rendered, if it is in the inputs.
    fn chart_folder(&self) -> Option<&str> {
        match &self.kind {
            JobKind::Chart => Some(&self.folder),
            JobKind::Release(release) => release.folder(),
            JobKind::Kustomization { .. } => None,
        }
    }
}

#[derive(Debug)]
enum JobKind {
    Chart,
    /// The chart of a release.
    Release(Box<ReleaseJob>),
    /// A kustomization. `wraps`: it may be built from another one, which asks for the origin of each object.
    Kustomization {
        wraps: bool,
    },
}

/// Renders charts and kustomizations. Everything it does happens in one folder, which is removed with it.
pub struct Renderer<'o> {
    tools: Tools,
    bench: Bench<'o>,
    runtime: Runtime,
    fetcher: Option<ChartFetcher>,
    interrupter: &'o Interrupter,
}

impl<'o> Renderer<'o> {
    /// Looks for the tools, and makes the folder in which they run.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(options: &'o RenderOptions, interrupter: &'o Interrupter) -> Result<Self, UsageError> {
        let failed = |error: std::io::Error| UsageError::new(format!("--render: {error}"));
        let bench = Bench::new(options).map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let fetcher = runtime.block_on(async { fetch::fetcher(options) });
        let fetcher = fetcher.map_err(|error| UsageError::new(format!("--fetch-charts: {error}")))?;
        Ok(Self { tools: Tools::find(options), bench, runtime: Runtime(Some(runtime)), fetcher, interrupter })
    }

    /// Renders the kustomizations among the inputs; `parts` is the content of each source. The result is `None` when
    /// interrupted.
    ///
    /// # Errors
    /// There is something to render, but no tool to render it with.
    pub fn kustomizations(&self, sources: &Sources, parts: &[Inventory]) -> Result<Option<Rendered>, UsageError> {
        let charts = chart::find(sources);
        let of_charts: BTreeSet<SourceId> = charts.iter().flat_map(|job| job.covers.iter().copied()).collect();
        let jobs = kustomization::find(sources, parts, &of_charts);
        // All missing tools are reported before anything runs.
        self.tools.check(&charts)?;
        self.run(sources, jobs)
    }

    /// Renders the charts among the inputs, and those of the releases, with their values. `parts` is the content of
    /// each source, the output of kustomize included. The result is `None` when interrupted.
    ///
    /// # Errors
    /// There is something to render, but no tool to render it with.
    pub fn charts(&self, sources: &Sources, parts: &[Inventory]) -> Result<Option<Rendered>, UsageError> {
        let charts = chart::find(sources);
        let mut releases = release::find(sources, parts, &self.bench);
        let Some(unfetched) = self.fetch(&mut releases) else { return Ok(None) };
        let releases: Vec<Job> = releases.into_iter().map(|release| release.into_job(&charts)).collect();
        // A chart that releases install is not deployed with its own values.
        let installed: BTreeSet<&str> = releases.iter().filter_map(Job::chart_folder).collect();
        let (_, mut jobs): (Vec<Job>, Vec<Job>) =
            charts.into_iter().partition(|chart| installed.contains(chart.folder.as_str()));
        jobs.extend(releases);
        let rendered = self.run(sources, jobs)?;
        Ok(rendered.map(|rendered| Rendered { unfetched, ..rendered }))
    }

    /// Fetches the charts that are not in the inputs, and keeps the releases whose chart is at hand. Returns why the
    /// others are not; `None` when interrupted.
    fn fetch(&self, releases: &mut Vec<ReleaseJob>) -> Option<Vec<Unfetched>> {
        let mut unfetched = Vec::new();
        if let Some(fetcher) = &self.fetcher {
            let fetched = self.runtime.block_on(self.interrupter.unless_interrupted(async {
                let fetches = stream::iter(releases.iter().map(|release| release.fetch(fetcher)));
                fetches.buffered(FETCHES).collect::<Vec<_>>().await
            }))?;
            for (release, fetched) in releases.iter_mut().zip(fetched) {
                match fetched {
                    None => {}
                    Some(Ok(archive)) => release.chart = ReleaseChart::Archive(archive),
                    Some(Err(error)) => {
                        unfetched.push(Unfetched { span: release.origin.span, message: error.to_string() });
                    }
                }
            }
        }
        releases.retain(|release| !matches!(release.chart, ReleaseChart::Elsewhere(_)));
        Some(unfetched)
    }

    /// Runs a tool for each job.
    fn run(&self, sources: &Sources, mut jobs: Vec<Job>) -> Result<Option<Rendered>, UsageError> {
        self.tools.check(&jobs)?;
        jobs.sort_by(|a, b| (&a.folder, a.file).cmp(&(&b.folder, b.file)));
        let together = thread::available_parallelism().map_or(1, usize::from);
        let outcomes = self.runtime.block_on(self.interrupter.unless_interrupted(async {
            let runs = jobs.iter().enumerate().map(|(at, job)| self.run_one(at, job));
            stream::iter(runs).buffered(together).collect::<Vec<_>>().await
        }));
        Ok(outcomes.map(|outcomes| self.collect(sources, jobs, outcomes)))
    }

    /// Runs a tool for one job, with the dependencies of a chart fetched that it lacks.
    async fn run_one(&self, at: usize, job: &Job) -> Result<String, String> {
        let copy = match (&self.fetcher, job.chart_folder()) {
            (Some(fetcher), Some(folder)) => {
                let to = self.bench.home.path().join(format!("chart-of-{at}"));
                fetch::complete(Path::new(&path_argument(folder)), &to, fetcher).await?
            }
            _ => None,
        };
        self.tools.run((at, copy.as_deref()), job, &self.bench).await
    }

    fn collect(&self, sources: &Sources, jobs: Vec<Job>, outcomes: Vec<Result<String, String>>) -> Rendered {
        let mut rendered = Rendered::default();
        // The sources of a failed rendering are read as they are, even if another rendering covers them too.
        let mut uncovered = BTreeSet::new();
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            let tool = self.tools.name(&job.kind);
            match outcome {
                Ok(text) => {
                    let folder = if job.folder.is_empty() { ".".to_owned() } else { job.folder };
                    let release = match job.kind {
                        JobKind::Release(release) => Some(release.origin),
                        JobKind::Chart | JobKind::Kustomization { .. } => None,
                    };
                    rendered.sources.push(Source::rendered(Rendering { tool, folder, release }, text));
                    rendered.covered.extend(job.covers);
                }
                Err(message) => {
                    let span = match &job.kind {
                        JobKind::Release(release) => release.origin.span,
                        JobKind::Chart | JobKind::Kustomization { .. } => {
                            let line = sources.get(job.file).line_range(1);
                            Span::new(job.file, line.start as u32, line.end as u32)
                        }
                    };
                    rendered.failures.push(Problem { kind: ProblemKind::RenderFailed { tool }, span, message });
                    uncovered.extend(job.covers);
                }
            }
        }
        rendered.covered.retain(|source| !uncovered.contains(source));
        rendered
    }
}

/// The runtime of the tools and fetches. It does not wait for what was given up.
struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        // It is there until it is dropped.
        match &self.0 {
            Some(runtime) => runtime.block_on(future),
            None => unreachable!("the runtime was dropped"),
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The programs, by their full paths.
struct Tools {
    helm: Option<PathBuf>,
    kustomize: Option<PathBuf>,
    /// The path of kubectl, used if there is no `kustomize`, which is seldom as old as the one built into kubectl.
    kubectl: Option<PathBuf>,
}

impl Tools {
    fn find(options: &RenderOptions) -> Self {
        let [helm, kustomize, kubectl] =
            ["helm", "kustomize", "kubectl"].map(|name| find_program::find(name, &options.path));
        Self { helm, kustomize, kubectl }
    }

    /// Checks that each job has a tool.
    fn check(&self, jobs: &[Job]) -> Result<(), UsageError> {
        let missing = |is: fn(&JobKind) -> bool, what: &str, install: &str| {
            let folders: Vec<_> = jobs.iter().filter(|job| is(&job.kind)).map(|job| job.folder.as_str()).collect();
            let first = folders.first()?;
            let first = if first.is_empty() { "." } else { first };
            let more = if folders.len() > 1 { format!(" and {} more", folders.len() - 1) } else { String::new() };
            Some(UsageError::new(format!(
                "--render: cannot render {what} in {first}{more}, because the folders of PATH contain no {install}; \
                 install it, or skip the folder with --exclude"
            )))
        };
        let is_kustomization = |kind: &JobKind| matches!(kind, JobKind::Kustomization { .. });
        let is_chart = |kind: &JobKind| !matches!(kind, JobKind::Kustomization { .. });
        let no_helm = self.helm.is_none().then(|| missing(is_chart, "the chart", "`helm`"));
        let builder = self.kustomize.is_some() || self.kubectl.is_some();
        let no_builder =
            (!builder).then(|| missing(is_kustomization, "the kustomization", "`kustomize` and no `kubectl`"));
        match no_helm.flatten().or(no_builder.flatten()) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Returns the command, as a user would call it.
    fn name(&self, kind: &JobKind) -> &'static str {
        match kind {
            JobKind::Chart | JobKind::Release(_) => "helm template",
            JobKind::Kustomization { .. } if self.kustomize.is_some() => "kustomize build",
            JobKind::Kustomization { .. } => "kubectl kustomize",
        }
    }

    /// Returns the tool's output, or the message with which it failed.
    /// `copy` is the folder of a chart's copy with all dependencies.
    async fn run(&self, (at, copy): (usize, Option<&Path>), job: &Job, bench: &Bench<'_>) -> Result<String, String> {
        let not_found = || "it is not installed".to_owned();
        let helm = || self.helm.as_deref().ok_or_else(not_found);
        match &job.kind {
            JobKind::Chart => bench
                .run(helm()?, &chart::arguments(&job.folder, copy, bench.options))
                .await
                .map_err(|error| error.to_string()),
            JobKind::Release(release) => {
                bench.run(helm()?, &release.arguments(copy)?).await.map_err(|error| error.to_string())
            }
            JobKind::Kustomization { wraps } => {
                let builder = match (&self.kustomize, &self.kubectl) {
                    (Some(kustomize), _) => (kustomize.as_path(), "build"),
                    (None, Some(kubectl)) => (kubectl.as_path(), "kustomize"),
                    (None, None) => return Err(not_found()),
                };
                let wrapper = bench.home.path().join(format!("build-{at}"));
                let wrapper = if *wraps { kustomization::Wrapper::new(&wrapper, &job.folder) } else { None };
                kustomization::build(builder, &job.folder, wrapper.as_ref(), bench).await
            }
        }
    }
}

/// The environment in which the tools run.
struct Bench<'o> {
    options: &'o RenderOptions,
    /// The only home folder that the tools see; removed when dropped.
    home: TempDir,
    environment: Vec<(OsString, OsString)>,
}

impl<'o> Bench<'o> {
    fn new(options: &'o RenderOptions) -> std::io::Result<Self> {
        let home = tempfile::Builder::new().prefix("pullcheck-").tempdir()?;
        let environment = child::environment(home.path(), &options.path)?;
        Ok(Self { options, home, environment })
    }

    async fn run(&self, program: &Path, arguments: &[OsString]) -> Result<String, child::ToolError> {
        child::run(program, arguments, &self.environment, self.options.limits).await
    }
}

/// Returns a folder of the inputs for a command line: never an option, a name in a chart repository or a host.
fn path_argument(folder: &str) -> OsString {
    if folder.is_empty() {
        ".".into()
    } else if Path::new(folder).is_absolute() || folder.starts_with("../") || folder == ".." {
        folder.into()
    } else {
        format!("./{folder}").into()
    }
}
