//! Runs one example through the pipeline, as the command would, and holds what is found against what it announces.

use std::fs;
use std::io;
use std::sync::Arc;

use pullcheck::check;
use pullcheck::findings::finding::Finding;
use pullcheck::input::gather::{self, Gathered};
use pullcheck::inventory::{Problem, ProblemKind, ReadOptions};
use pullcheck::kubelet::probe::Prober;
use pullcheck::kubelet::pull::{self, PullContext};
use pullcheck::options::Options;
use pullcheck::options::config::Invocation;
use pullcheck::registry::{
    Client, ClientOptions, Concurrency, ConnectTo, HostPattern, Lookup, Progress, Proxies, Resolving,
};
use pullcheck::report::Report;
use pullcheck::text::source::{Encoding, Source, SourceId, Sources, Span};
use pullcheck_support::registry_lines::{self, Fault, Line, Reply};
use pullcheck_support::{Certificate, Registry};

use crate::agreement;
use crate::example::{Example, Expected, File, Place};
use crate::fake_registry::Table;

/// The time of every example: 2026-01-01.
const NOW: u64 = 1_767_225_600;

/// Who answers for the registries of an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Nobody: it has no registry block, and runs with `--offline`.
    Nobody,
    /// The table of its registry block.
    Table,
    /// A server that the real client asks.
    Wire,
}

impl Answers {
    /// The ways in which an example runs.
    pub(crate) fn of(example: &Example) -> &'static [Self] {
        if example.registry.is_some() { &[Self::Table, Self::Wire] } else { &[Self::Nobody] }
    }

    /// What a trial's name ends in.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Nobody => "",
            Self::Table => " (table)",
            Self::Wire => " (wire)",
        }
    }
}

/// A finished run, with what the resolution knew of each image of the report.
pub(crate) struct Run {
    pub(crate) sources: Sources,
    pub(crate) report: Report,
    /// In the order of the report's images.
    pub(crate) pulls: Vec<PullContext>,
}

/// Runs an example. Everything announced is found and nothing else, and verdicts and severities agree.
pub(crate) fn run_example(example: &Example, answers: Answers) -> Result<(), String> {
    let lines = registry_lines::parse(example.registry.as_deref().unwrap_or_default())?;
    let options = options(example, answers)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let run = runtime.block_on(async {
        match answers {
            Answers::Nobody => Ok(run::<Table>(example, &options, None).await),
            Answers::Table => Ok(run(example, &options, Some(&Table::new(lines))).await),
            Answers::Wire => run_over_the_wire(example, &options, &lines).await,
        }
    })?;
    // The resolver's threads are not waited for.
    runtime.shutdown_background();
    compare(&run.sources, &run.report.findings, &example.expected)?;
    agreement::check(&run)
}

/// The options of an example's `config` and `args`, which may name its `json` blocks as files.
pub(crate) fn options(example: &Example, answers: Answers) -> Result<Options, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    for file in &example.configs {
        let path = folder.path().join(&file.name);
        path.parent().map_or(Ok(()), fs::create_dir_all).map_err(|error| error.to_string())?;
        fs::write(path, &file.text).map_err(|error| error.to_string())?;
    }
    let argument = |arg: &String| {
        let (before, name) = arg.rsplit_once('=').unwrap_or(("", arg));
        let is_folder = |file: &File| file.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
        let is_file = example.configs.iter().any(|file| file.name == name || is_folder(file));
        let path = || folder.path().join(name).display().to_string();
        match (is_file, before) {
            (true, "") => path(),
            (true, before) => format!("{before}={}", path()),
            (false, _) => arg.clone(),
        }
    };
    let mut args = vec!["pullcheck".to_owned()];
    if let Some(config) = &example.config {
        let path = folder.path().join("pullcheck.yaml");
        fs::write(&path, config).map_err(|error| error.to_string())?;
        args.push(format!("--config={}", path.display()));
    }
    args.extend(example.args.iter().map(argument));
    let invocation = Invocation::new(args.into_iter().map(Into::into), None).map_err(|error| error.to_string())?;
    let mut options = Options::try_from(invocation).map_err(|error| error.to_string())?;
    options.settings.offline |= answers == Answers::Nobody;
    options.settings.now = Some(NOW);
    Ok(options)
}

async fn run_over_the_wire(example: &Example, options: &Options, lines: &[Line]) -> Result<Run, String> {
    let server = Registry::start(|script| registry_lines::apply(lines, script));
    let mut wired = ClientOptions { retries: 0, proxies: Proxies::Off, ..options.client.clone() };
    let mut faulty = Vec::new();
    for line in lines {
        let (name, fault) = match line {
            Line::Image { name, reply: Reply::Unreachable(fault), .. } => (name, Some(*fault)),
            Line::Image { name, .. } | Line::Tags { name, .. } => (name, None),
        };
        let host: HostPattern = name.registry.parse().map_err(|error| format!("{error}"))?;
        let address = match fault {
            Some(Fault::NoSuchHost) => continue,
            Some(Fault::PlainHttp) => server.address(),
            Some(fault) => {
                let refused = with_certificate(fault, &name.registry);
                wired.ca_certs.extend((fault != Fault::UnknownAuthority).then(|| refused.ca_pem().into()));
                faulty.push(refused);
                faulty.last().map_or(server.address(), Registry::address)
            }
            None => {
                wired.plain_http.push(host.clone());
                server.address()
            }
        };
        wired.connect_to.push(ConnectTo { host, address });
    }
    let client = Client::with_lookup(wired, Arc::new(NoNames)).map_err(|error| error.to_string())?;
    Ok(run(example, options, Some(&client)).await)
}

/// A server whose certificate has this fault.
fn with_certificate(fault: Fault, registry: &str) -> Registry {
    Registry::start_tls(|script| {
        script.also_named(registry).certificate(match fault {
            Fault::WrongName => Certificate::WrongName,
            Fault::Expired => Certificate::Expired,
            Fault::NoSuchHost | Fault::PlainHttp | Fault::UnknownAuthority => Certificate::Good,
        });
    })
}

/// No name leads off this machine: the registries that are there have an address of their own.
struct NoNames;

impl Lookup for NoNames {
    fn lookup(&self, _: &str) -> Resolving {
        Box::pin(std::future::ready(Err(io::Error::other("Name or service not known"))))
    }
}

pub(crate) async fn run<P: Prober>(example: &Example, options: &Options, prober: Option<&P>) -> Run {
    let gathered = gather(example, options);
    let supplied = options.supplied.as_ref();
    let settings = options.settings_of(&gathered.sources);
    let resolved = pull::resolve(&gathered.inventory, &settings.cluster, supplied);
    let mut pulls: Vec<_> = gathered.inventory.images.iter().map(|image| image.text.span).zip(resolved).collect();
    pulls.sort_by_key(|(span, _)| *span);
    let prober = prober
        .filter(|_| !options.settings.offline)
        .map(|prober| (prober, Concurrency { all: 64, per_registry: options.client.concurrency }));
    let (sources, report) = check::check(gathered, &settings, supplied, prober, &Progress::default()).await;
    Run { sources, report, pulls: pulls.into_iter().map(|(_, pull)| pull).collect() }
}

fn gather(example: &Example, options: &Options) -> Gathered {
    let source = |file: &File| match file.unreadable {
        None => Source::new(&*file.name, &*file.text, Encoding::Utf8),
        Some(_) => Source::unreadable(&*file.name),
    };
    let reading = ReadOptions { parse_all: options.parse_all, ..ReadOptions::default() };
    let mut gathered = gather::gather_sources(example.files.iter().map(source).collect(), reading);
    pullcheck::input::beside::operator::beside(&mut gathered, options.client.certs_dir.ignored());
    for (at, file) in example.files.iter().enumerate() {
        let why = file.unreadable.iter().cloned();
        let span = Span::new(SourceId(at as u32), 0, 0);
        gathered.inventory.problems.extend(why.map(|message| Problem { kind: ProblemKind::Unreadable, span, message }));
        let first_line = Span { end: file.text.lines().next().map_or(0, str::len) as u32, ..span };
        let kind = ProblemKind::RenderFailed { tool: "helm template" };
        let why = file.unrendered.iter().cloned();
        gathered.inventory.problems.extend(why.map(|message| Problem { kind, span: first_line, message }));
    }
    gathered
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
