//! The command line: options, what they mean, and the exit status.

mod baseline;
mod exit;
mod help;
mod interrupt;
mod names;
mod progress;

use std::env;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use crate::credential::dockerconfig::DockerConfig;
use crate::credential::sensitive::Sensitive;
use crate::error::UsageError;
use crate::input::beside;
use crate::input::gather::{self, Gathered};
use crate::input::load::{self, Input};
use crate::input::stack;
use crate::inventory::{ReadOptions, kinds_without_images};
use crate::kubelet::probe::plan::Depth;
use crate::options::config::{self, Invocation, OptionRefusal};
use crate::options::{Options, Task};
use crate::output::redact::Redactor;
use crate::output::{self, Format, ReportPart, Style, sanitize};
use crate::registry::{Cached, Client, Concurrency, HostTraffic, Interrupter, NoStore, Progress, Store};
use crate::report::{InputError, Report};
use crate::text::source::Sources;
use crate::{check, rules};
pub use exit::Exit;
use interrupt::Signals;

/// The exit code of a process that panicked.
const PANICKED: u8 = 101;

/// Parses the command line, runs, prints, and returns the exit code.
pub fn main() -> ExitCode {
    stack::with_room(whole_run).unwrap_or(ExitCode::from(PANICKED))
}

fn whole_run() -> ExitCode {
    let invocation = match Invocation::new(env::args_os(), Some(&config::current_folder())) {
        Ok(invocation) => Ok(invocation),
        Err(OptionRefusal::CommandLine(error)) => return refused(&error),
        Err(OptionRefusal::Configuration(error)) => Err(error),
    };
    match invocation.and_then(run_invocation) {
        Ok(exit) => exit.into(),
        Err(error) => {
            print_error(&error.to_string());
            Exit::Usage.into()
        }
    }
}

/// Prints clap's own texts: an error, help, the version. An error quotes what a shell made of `*`, which can be
/// names of files.
fn refused(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    let shown = output::message(&text, &Redactor::default());
    if !error.use_stderr() || shown == text {
        error.exit();
    }
    let _ = io::stderr().lock().write_all(shown.as_bytes());
    Exit::Usage.into()
}

fn run_invocation(invocation: Invocation) -> Result<Exit, UsageError> {
    if let Some(exit) = help::tell(&invocation.args) {
        return Ok(exit);
    }
    if invocation.args.configuration.print_config {
        let text = invocation.print()?;
        return Ok(print(|out| out.write_all(text.as_bytes())));
    }
    run(&Options::try_from(invocation)?)
}

/// Does one complete run.
///
/// # Errors
/// The options ask for something that cannot be done.
pub fn run(options: &Options) -> Result<Exit, UsageError> {
    match &options.task {
        Task::Explain(rule) => {
            let rule = rules::by_id(rule).ok_or_else(|| unknown_rule(rule))?;
            let style = options.style();
            let text = match is_terminal() || style.color {
                true => output::explain(rule.meta(), &style),
                false => output::explain_in_markdown(rule.meta()),
            };
            return Ok(print(|out| out.write_all(text.as_bytes())));
        }
        Task::ListRules => return Ok(print(|out| out.write_all(rules::engine::page::list_rules().as_bytes()))),
        Task::Check | Task::ListImages => {}
    }
    options.outputs.try_files()?;
    options.write_baseline.iter().try_for_each(|file| crate::options::outputs::try_file("--write-baseline ", file))?;
    let (inputs, errors) = load::inputs(&options.paths, &options.walk)?;
    let reading = ReadOptions {
        parse_all: options.parse_all,
        kinds: &options.kinds,
        folders: &load::folders(&options.paths),
        exclude: &options.walk.exclude,
        ..ReadOptions::default()
    };
    let Some(mut gathered) = gather(&inputs, errors, reading, options)? else {
        print_error("interrupted: nothing has been checked yet");
        return Ok(Exit::Interrupted);
    };
    beside::chart::beside(&mut gathered);
    beside::operator::beside(&mut gathered, options.client.certs_dir.ignored());
    beside::operator::add_values(&mut gathered, options.render.as_ref().map_or(&[], |render| &render.values));
    let asks = options.task == Task::Check && !options.settings.offline;
    let mut notes: Vec<String> =
        kinds_without_images(&options.kinds, &gathered.inventory).into_iter().map(no_image).collect();
    let helped = match &options.supplied {
        Some(config) => Some(options.helpers.complete(config, &gathered.inventory, asks, &mut notes)?),
        None => None,
    };
    let supplied = helped.as_ref();
    let secrets = options.secrets_of(supplied, &gathered.inventory);
    let names = names::in_clear(&gathered.sources, &gathered.inventory);
    let redactor = Redactor::new(secrets.iter().map(Sensitive::expose)).sparing(names);
    let (asked, content) = match options.task {
        Task::ListImages => {
            let part = options.grouping.map_or(ReportPart::Images, ReportPart::GroupedImages);
            (Asked::nobody(check::list(gathered, &options.settings, supplied)), part)
        }
        _ if options.quiet => (check_with_client(gathered, options, supplied)?, ReportPart::Findings),
        _ => (check_with_client(gathered, options, supplied)?, ReportPart::Check),
    };
    let Asked { sources, report, traffic, interrupted, no_store } = asked;
    notes.retain(|_| !options.quiet);
    let file = |error: &InputError| {
        error.file.as_deref().map(|file| format!("{}: ", sanitize::line(file))).unwrap_or_default()
    };
    let errors = report.errors.iter().map(|error| format!("{}{}", file(error), error.message));
    print_errors(&redactor, notes.iter().map(|note| format!("note: {note}")).chain(errors));
    print_errors(&redactor, whole_messages(&report));
    let exit = if interrupted { Exit::Interrupted } else { Exit::of(&report, options) };
    match exit {
        Exit::NothingToCheck => print_error(&nothing_to_check(&sources, &report, options)),
        Exit::Interrupted => print_error("interrupted: the report contains what was found until then"),
        _ => {}
    }
    let known = baseline::notes(options, &report);
    print_errors(&redactor, known.filter(|_| !options.quiet).map(|note| format!("note: {note}")));
    let written = write_reports(options, content, (&report, &sources), &redactor)?;
    let said = no_store.iter().map(|why| format!("note: {why}")).chain(traffic.iter().map(progress::traffic_line));
    print_errors(&redactor, said.filter(|_| options.verbose));
    if let Some(said) = baseline::write(options, &report, exit)? {
        print_errors(&redactor, [said].into_iter().filter(|_| !options.quiet));
    }
    // A reader that stops, like `head`, does not change what was found.
    let all_said = matches!(written, Exit::Clean | Exit::BrokenPipe);
    Ok(if all_said || exit == Exit::Interrupted { exit } else { written })
}

/// Reads the inputs, rendered if requested; `None` when interrupted.
fn gather(
    inputs: &[Input],
    errors: Vec<InputError>,
    reading: ReadOptions<'_>,
    options: &Options,
) -> Result<Option<Gathered>, UsageError> {
    let Some(render) = &options.render else { return Ok(Some(gather::gather(inputs, errors, reading))) };
    let interrupter = Interrupter::default();
    let _signals = Signals::listen(interrupter.clone());
    let gathered = gather::gather_rendered(inputs, errors, reading, render, &interrupter)?;
    match gathered.as_ref().map(|(_, count)| (count.rendered, count.failed, count.unfetched)) {
        Some((0, 0, 0)) if !options.quiet => {
            print_error("note: --render: the inputs contain no chart and no kustomization");
        }
        Some((rendered, failed, unfetched)) if options.verbose => {
            let fetches = if unfetched > 0 { format!(", {unfetched} not fetched") } else { String::new() };
            print_error(&format!("--render: {rendered} rendered, {failed} failed{fetches}"));
        }
        _ => {}
    }
    Ok(gathered.map(|(gathered, _)| gathered))
}

/// For a kind of the configuration whose fields match nothing.
fn no_image((group, kind, objects): (&str, &str, usize)) -> String {
    let objects = if objects == 1 { "the object".to_owned() } else { format!("any of {objects} objects") };
    format!("kinds: found no image in {objects} of kind {kind} ({group}); check the paths of this kind")
}

/// Returns the complete error output of tools, for which a report for people has no room.
fn whole_messages(report: &Report) -> impl Iterator<Item = String> {
    let failures = report.findings.iter().filter(|finding| finding.rule == "render-failed");
    let long = failures.filter(|finding| finding.message.chars().nth(sanitize::MESSAGE).is_some());
    long.map(|finding| finding.message.clone())
}

/// A report, with how it was obtained.
struct Asked {
    sources: Sources,
    report: Report,
    traffic: Vec<HostTraffic>,
    interrupted: bool,
    /// The reason that results are not cached for the next run.
    no_store: Option<NoStore>,
}

impl Asked {
    /// Whether no registry was asked.
    fn nobody((sources, report): (Sources, Report)) -> Self {
        Self { sources, report, traffic: Vec::new(), interrupted: false, no_store: None }
    }
}

/// Writes all reports, standard output first: a file that turns out not to be writable must affect neither the
/// report there nor the other files.
fn write_reports(
    options: &Options,
    content: ReportPart,
    report: (&Report, &Sources),
    redactor: &Redactor,
) -> Result<Exit, UsageError> {
    let style = options.style();
    let format = options.outputs.stdout;
    let written = print(|out| output::write(out, (format, content), report, &style, redactor));
    let in_file = Style::default();
    if let Some(file) = options.job_summary.as_deref().filter(|_| format == Format::Github) {
        let appended = crate::options::outputs::append_summary(file, |limit| {
            output::job_summary(report, limit, &in_file, redactor)
        });
        if let Err(error) = appended {
            print_error(&format!("the job summary {} cannot be written: {error}", file.display()));
        }
    }
    let mut failure = None;
    for (format, file) in &options.outputs.files {
        let option = crate::options::outputs::option(*format);
        let written = crate::options::outputs::write_file(&option, file, |out| {
            output::write(out, (*format, content), report, &in_file, redactor)
        });
        failure = failure.or(written.err());
    }
    failure.map_or(Ok(written), Err)
}

fn check_with_client(
    gathered: Gathered,
    options: &Options,
    supplied: Option<&DockerConfig>,
) -> Result<Asked, UsageError> {
    let settings = options.settings_of(&gathered.sources);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| UsageError::new(format!("cannot start: {error}")))?;
    let checked = runtime.block_on(async {
        if options.settings.offline {
            let checked = check::check::<Client>(gathered, &settings, supplied, None, &Progress::default()).await;
            return Ok(Asked::nobody(checked));
        }
        let client = Client::new(options.client.clone()).map_err(|error| UsageError::new(error.to_string()))?;
        let _signals = Signals::listen(client.interrupter());
        let time_to_live = options.cache_time_to_live;
        let (store, no_store) = match (!time_to_live.is_zero()).then(Store::open).transpose() {
            Ok(store) => (store, None),
            Err(why) => (None, Some(why)),
        };
        let cached = Cached::new(&client, store, time_to_live, |registry| client.is_overridden(registry));
        let cached = if settings.depth == Depth::Head { cached } else { cached.without_content() };
        let (all, per_registry) = (options.client.concurrency, options.client.host_concurrency);
        let prober = Some((&cached, Concurrency { all, per_registry }));
        let progress = Progress::default();
        let work = check::check(gathered, &settings, supplied, prober, &progress);
        let (sources, mut report) = match options.shows_progress() {
            true => progress::under_bar(&progress, &client, work).await,
            false => work.await,
        };
        report.summary.requests = client.requests();
        let interrupted = client.interrupter().is_interrupted();
        Ok(Asked { sources, report, traffic: client.traffic(), interrupted, no_store })
    });
    // A name server that does not answer would delay the exit.
    runtime.shutdown_background();
    checked
}

fn nothing_to_check(sources: &Sources, report: &Report, options: &Options) -> String {
    let name =
        |path: &String| if path == "-" { "standard input".to_owned() } else { sanitize::line(path).into_owned() };
    let paths = options.paths.iter().map(name).collect::<Vec<_>>().join(" ");
    let hint = "pass --allow-empty if this is expected";
    match (sources.inputs(), report.summary.resources) {
        (0, _) => format!("no manifest to check: found no *.yaml, *.yml or *.json file in {paths}; {hint}"),
        (files, _) => {
            let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
            let why = if report.findings.is_empty() { "" } else { " (see the report)" };
            format!("no manifest to check: read {files} in {paths}, but none contains a Kubernetes object{why}; {hint}")
        }
    }
}

fn unknown_rule(id: &str) -> UsageError {
    UsageError::new(rules::engine::levels::unknown(id))
}

/// Writes to standard output. If the reader has closed it, as `head` does, that is not a failure.
fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Exit {
    let mut stdout = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Ok(()) => Exit::Clean,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::BrokenPipe,
        Err(error) => {
            print_error(&format!("cannot write to standard output: {error}"));
            Exit::Usage
        }
    }
}

/// Prints to standard error, which is part of the log too: text from a path or a server must not steer its reader.
fn print_error(message: &str) {
    let message = output::message(message, &Redactor::default());
    let _ = writeln!(io::stderr().lock(), "pullcheck: {message}");
}

/// Prints lines that may contain a secret to standard error.
fn print_errors(redactor: &Redactor, messages: impl Iterator<Item = String>) {
    messages.for_each(|message| print_error(&redactor.redact(&message)));
}

/// Whether standard output is a terminal.
fn is_terminal() -> bool {
    io::stdout().is_terminal()
}
