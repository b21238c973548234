//! The configuration: `.pullcheck.yaml`, and how it is combined with the command line.
//!
//! The words of the file are put in front of those of the command line, except for options that the command line or
//! the environment set, and clap reads the whole once. So a list on the command line replaces the file's list and
//! does not extend it. Only the severities of `rules` are combined rule by rule.

mod described;
mod discover;
mod file;
mod kinds;
mod options;
mod policy;
mod print;
mod scalar;
mod schema;
mod value;
mod words;

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::error::UsageError;
use crate::options::Args;
use discover::ConfigFile;
use file::{FileSettings, SetOption};
use options::variables;
pub use policy::{Layers, Override, Policy};
pub use schema::schema;

/// Options whose answer does not depend on any manifest.
const WITHOUT_CONFIGURATION: [&str; 4] = ["explain", "list_rules", "completions", "short_help"];

/// The command line and the configuration, combined.
#[derive(Debug)]
pub struct Invocation {
    /// The options of the command line and the file.
    pub args: Args,
    /// Settings that only a file can contain.
    pub policy: Policy,
    matches: ArgMatches,
    /// The path of the file, as shown to the user.
    file: Option<String>,
    /// The origin of each option's value, by clap's name; an option that is missing here has its default.
    origins: BTreeMap<String, Origin>,
    /// The places of the policy's keys.
    places: BTreeMap<String, String>,
}

/// The source of an option's value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    CommandLine,
    /// The environment variable that sets it.
    Environment(&'static str),
    /// The place in the file, as `file:line:column`.
    File(String),
}

/// Why there is nothing to run.
#[derive(Debug)]
pub enum OptionRefusal {
    /// The command line is wrong, or asks for help or for the version.
    CommandLine(clap::Error),
    /// The configuration is wrong.
    Configuration(UsageError),
}

impl From<clap::Error> for OptionRefusal {
    fn from(error: clap::Error) -> Self {
        Self::CommandLine(error)
    }
}

impl From<UsageError> for OptionRefusal {
    fn from(error: UsageError) -> Self {
        Self::Configuration(error)
    }
}

impl std::fmt::Display for OptionRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CommandLine(error) => error.fmt(f),
            Self::Configuration(error) => error.fmt(f),
        }
    }
}

impl Invocation {
    /// Reads a command line, whose first word is the program, and the configuration that goes with it: the file that
    /// it names, otherwise one that is found in `discover_from` or above. Without that folder no file is looked for.
    ///
    /// # Errors
    /// The command line or the configuration is wrong, or help was asked for.
    pub fn new(words: impl IntoIterator<Item = OsString>, discover_from: Option<&Path>) -> Result<Self, OptionRefusal> {
        let words: Vec<OsString> = words.into_iter().collect();
        let command = Args::command();
        let given = command.clone().try_get_matches_from(&words)?;
        let file = config_file(&given, discover_from)?;
        let mut settings = match &file {
            Some(file) => file::read(file, &command, &current_folder())?,
            None => FileSettings::default(),
        };
        let mut origins = origins(&command, &given);
        let mut built = command.clone();
        built.build();
        settings.options.retain(|set| !is_overridden(&built, &origins, set));
        let of_file = settings.options.iter().flat_map(|set| set.words.clone());
        let whole = words.iter().take(1).cloned().chain(of_file).chain(words.iter().skip(1).cloned());
        let matches = command.try_get_matches_from(whole).map_err(|error| of_both(error, file.as_ref()))?;
        let args = Args::from_arg_matches(&matches)?;
        origins.extend(settings.options.into_iter().map(|set| (set.id, Origin::File(set.place))));
        let file = file.map(|file| file.name().to_owned());
        Ok(Self { args, policy: settings.policy, matches, file, origins, places: settings.places })
    }
}

/// Reads the configuration file that goes with a command line.
fn config_file(given: &ArgMatches, discover_from: Option<&Path>) -> Result<Option<ConfigFile>, UsageError> {
    let needless = |id: &clap::Id| {
        WITHOUT_CONFIGURATION.contains(&id.as_str())
            && given.value_source(id.as_str()) == Some(ValueSource::CommandLine)
    };
    if given.ids().any(needless) {
        return Ok(None);
    }
    match given.get_one::<PathBuf>("config") {
        Some(path) => discover::named(path).map(Some),
        None if given.get_flag("no_config") => Ok(None),
        None => discover_from.map_or(Ok(None), discover::find),
    }
}

/// Returns the origins of the values that the command line and the environment set.
fn origins(command: &Command, given: &ArgMatches) -> BTreeMap<String, Origin> {
    let origin = |arg: &clap::Arg| {
        let variable = || variables(arg.get_long()?).iter().find(|name| is_set(name)).copied();
        match given.value_source(arg.get_id().as_str()) {
            Some(ValueSource::CommandLine) => Some(Origin::CommandLine),
            _ => variable().map(Origin::Environment),
        }
    };
    let origins = command.get_arguments().filter_map(|arg| Some((arg.get_id().to_string(), origin(arg)?)));
    origins.collect()
}

/// Whether the command line or the environment sets the same option as a file, or one that conflicts with it.
fn is_overridden(command: &Command, origins: &BTreeMap<String, Origin>, set: &SetOption) -> bool {
    let against = |arg: &clap::Arg, other: &str| {
        command.get_arg_conflicts_with(arg).iter().any(|arg| arg.get_id().as_str() == other)
    };
    let own = command.get_arguments().find(|arg| arg.get_id().as_str() == set.id);
    let given = command.get_arguments().filter(|arg| origins.contains_key(arg.get_id().as_str()));
    origins.contains_key(&set.id)
        || given.into_iter().any(|arg| {
            // clap records a conflict only on one of the two options.
            against(arg, &set.id) || own.is_some_and(|own| against(own, arg.get_id().as_str()))
        })
}

/// Returns an error that only the file and the command line have together.
fn of_both(error: clap::Error, file: Option<&ConfigFile>) -> OptionRefusal {
    match file {
        Some(file) => UsageError::new(format!("{}: {}", file.name(), value::first_line(&error))).into(),
        None => error.into(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the environment takes precedence over the file")]
fn is_set(variable: &str) -> bool {
    let value = env::var_os(variable).unwrap_or_default();
    !matches!(value.to_string_lossy().trim(), "" | "0")
}

/// Returns the current folder, or an empty path if there is none, for example after it was removed.
#[expect(clippy::disallowed_methods, reason = "paths are meant from there")]
pub fn current_folder() -> PathBuf {
    env::current_dir().unwrap_or_default()
}
