//! The command line: options, what they mean, and the exit status.

mod args;
mod exit;
mod helper;
mod options;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::check::{self, Gathered};
use crate::dockerconfig::DockerConfig;
use crate::error::UsageError;
use crate::load;
use crate::output::redact::Redactor;
use crate::output::{self, Content, Style};
use crate::registry::{Cached, Client, Store};
use crate::report::Report;
use crate::rules;
use crate::sensitive::Sensitive;
use crate::source::Sources;
pub use args::Args;
pub use exit::Exit;
pub use helper::Helpers;
pub use options::{Options, Task};

/// Parses the command line, runs, prints, and says how it went.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match Options::try_from(args) {
        Ok(options) => run(&options),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            print_error(&error.to_string());
            Exit::Usage.into()
        }
    }
}

/// One whole run.
///
/// # Errors
/// What the options ask for cannot be done at all.
pub fn run(options: &Options) -> Result<Exit, UsageError> {
    match &options.task {
        Task::Explain(rule) => {
            let rule = rules::by_id(rule).ok_or_else(|| unknown_rule(rule))?;
            return Ok(print(|out| out.write_all(rules::page::explain(rule.meta()).as_bytes())));
        }
        Task::ListRules => return Ok(print(|out| out.write_all(rules::page::list_rules().as_bytes()))),
        Task::Check | Task::ListImages => {}
    }
    let (inputs, errors) = load::inputs(&options.paths, &options.walk)?;
    let gathered = check::gather(&inputs, errors, options.parse_all);
    let asks = options.task == Task::Check && !options.settings.offline;
    let mut notes = Vec::new();
    let helped = match &options.supplied {
        Some(config) => Some(options.helpers.complete(config, &gathered.inventory, asks, &mut notes)?),
        None => None,
    };
    let supplied = helped.as_ref();
    let secrets = options.secrets_of(supplied, &gathered.inventory);
    let redactor = Redactor::new(secrets.iter().map(Sensitive::expose));
    let style = options.style();
    let ((sources, report), content) = if options.task == Task::ListImages {
        (check::list(gathered, &options.settings, supplied), Content::Images)
    } else {
        (check_with_client(gathered, options, supplied)?, Content::Check)
    };
    for note in &notes {
        print_error(&redactor.redact(&format!("note: {note}")));
    }
    for error in &report.errors {
        let file = error.file.as_deref().map(|file| format!("{file}: ")).unwrap_or_default();
        print_error(&redactor.redact(&format!("{file}{}", error.message)));
    }
    let exit = Exit::of(&report, options);
    if exit == Exit::NothingToCheck {
        print_error(&nothing_to_check(&sources, &report, options));
    }
    let written = print(|out| output::write(out, (options.format, content), (&report, &sources), &style, &redactor));
    Ok(if written == Exit::Clean { exit } else { written })
}

fn check_with_client(
    gathered: Gathered,
    options: &Options,
    supplied: Option<&DockerConfig>,
) -> Result<(Sources, Report), UsageError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| UsageError::new(format!("cannot start: {error}")))?;
    let checked = runtime.block_on(async {
        if options.settings.offline {
            return Ok(check::check::<Client>(gathered, &options.settings, supplied, None).await);
        }
        let client = Client::new(options.client.clone()).map_err(|error| UsageError::new(error.to_string()))?;
        let time_to_live = options.cache_time_to_live;
        // Why there is no cache is nobody's concern: the run is as right without.
        let store = if time_to_live.is_zero() { None } else { Store::open().ok() };
        let is_overridden = |registry: &str| options.client.is_overridden(registry);
        let cached = Cached::new(&client, store, time_to_live, is_overridden);
        let prober = Some((&cached, options.client.host_concurrency));
        let (sources, mut report) = check::check(gathered, &options.settings, supplied, prober).await;
        report.summary.requests = client.requests();
        Ok((sources, report))
    });
    // A name server that does not answer would hold up the exit.
    runtime.shutdown_background();
    checked
}

fn nothing_to_check(sources: &Sources, report: &Report, options: &Options) -> String {
    let name = |path: &String| if path == "-" { "standard input".to_owned() } else { path.clone() };
    let paths = options.paths.iter().map(name).collect::<Vec<_>>().join(" ");
    let hint = "pass --allow-empty if that is fine";
    match (sources.len(), report.summary.resources) {
        (0, _) => format!("no manifest to check: found no *.yaml, *.yml or *.json file in {paths}; {hint}"),
        (files, _) => {
            let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
            format!("no manifest to check: read {files} in {paths}, but none holds a Kubernetes object; {hint}")
        }
    }
}

fn unknown_rule(id: &str) -> UsageError {
    UsageError::new(rules::levels::unknown(id))
}

/// Writes to standard output. A reader that has gone away, like `head`, is no failure.
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

/// Standard error is part of the log too: what a path or a server says must not steer its reader.
fn print_error(message: &str) {
    let style = Style { github: options::is_github_actions(), ..Style::default() };
    let message = output::message(message, &style, &Redactor::default());
    let _ = writeln!(io::stderr().lock(), "pullcheck: {message}");
}

/// Whether standard output is a terminal.
fn is_terminal() -> bool {
    io::stdout().is_terminal()
}
