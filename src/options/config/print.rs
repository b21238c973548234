//! `--print-config`: the effective configuration with the origin of each value, as a configuration file that
//! `--config` reads again.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, ArgAction, CommandFactory};

use crate::error::UsageError;
use crate::options::config::options::{Names, of_files, option};
use crate::options::config::policy::Layers;
use crate::options::config::scalar::scalar;
use crate::options::config::{Invocation, Origin, current_folder, kinds};
use crate::options::{Args, Options};
use crate::output::sanitize;
use crate::rules::engine::levels::{ALL, Level, Levels};

impl Invocation {
    /// Returns the text of `--print-config`. Secrets are files, and only their names are printed.
    ///
    /// # Errors
    /// The severities of the command line contradict one another.
    pub fn print(&self) -> Result<String, UsageError> {
        let file = self.file.as_ref().map_or("no configuration file".to_owned(), |file| format!("from {file}"));
        let mut out = format!("# Effective configuration, {}\n", comment(&file));
        let command = Args::command();
        for (long, _) in of_files() {
            if let Some(arg) = command.get_arguments().find(|arg| arg.get_long() == Some(long)) {
                self.print_option(&mut out, arg, long);
            }
        }
        let layers =
            Layers::new(&self.policy, Options::levels(&self.args.rules)?, Options::turned_on(&self.args.rules));
        self.print_rules(&mut out, &layers);
        self.print_overrides(&mut out, layers.command_line());
        self.print_list(&mut out, "mutable-tags", self.policy.mutable_tags.as_deref());
        let registries = Some(self.policy.allowed_registries.as_slice()).filter(|registries| !registries.is_empty());
        self.print_list(&mut out, "allowed-registries", registries);
        let place = self.places.get("kinds").map_or_else(String::new, |place| comment(place));
        kinds::print(&mut out, &self.policy.kinds, &place);
        Ok(out)
    }

    fn print_option(&self, out: &mut String, arg: &Arg, long: &str) {
        let id = arg.get_id().as_str();
        let origin = self.origin(id);
        let raw: Vec<&OsStr> = self.matches.get_raw(id).into_iter().flatten().collect();
        let values: Option<Vec<String>> = raw.iter().map(|value| shown(long, value)).collect();
        let repeated = matches!(arg.get_action(), ArgAction::Append);
        let _ = match (arg.get_action(), values.as_deref()) {
            (ArgAction::SetTrue, _) => writeln!(out, "{long}: {} # {origin}", self.matches.get_flag(id)),
            (_, None) => writeln!(out, "# {long}: not shown because it could be a secret # {origin}"),
            (_, Some([])) if origin == "default" => writeln!(out, "# {long}: not set"),
            (_, Some([])) if repeated => writeln!(out, "{long}: [] # {origin}"),
            (_, Some([])) => writeln!(out, "# {long}: not shown # {origin}"),
            (_, Some([value])) if !repeated => writeln!(out, "{long}: {value} # {origin}"),
            (_, Some(values)) => writeln!(out, "{long}: # {origin}\n  - {}", values.join("\n  - ")),
        };
    }

    fn origin(&self, id: &str) -> String {
        match self.origins.get(id) {
            None => "default".to_owned(),
            Some(Origin::CommandLine) => "command line".to_owned(),
            Some(Origin::Environment(variable)) => format!("environment: {variable}"),
            Some(Origin::File(place)) => comment(place),
        }
    }

    fn print_list(&self, out: &mut String, key: &str, values: Option<&[String]>) {
        let origin = self.places.get(key).map_or_else(String::new, |place| comment(place));
        let _ = match values {
            None => writeln!(out, "# {key}: not set"),
            Some([]) => writeln!(out, "{key}: [] # {origin}"),
            Some(values) => {
                let values: Vec<String> = values.iter().map(|value| scalar(value)).collect();
                writeln!(out, "{key}: # {origin}\n  - {}", values.join("\n  - "))
            }
        };
    }

    /// Returns the levels that were set. A rule without one has the severity of its page, which may depend on the
    /// finding.
    fn print_rules(&self, out: &mut String, layers: &Layers) {
        let levels = layers.base();
        out.push_str(if levels.iter().next().is_some() { "rules:\n" } else { "# rules: see --list-rules\n" });
        for (rule, level) in levels.iter() {
            let origin = self.origin_of_level(rule, level, layers.command_line());
            let _ = writeln!(out, "  {rule}: {} # {origin}", level.as_str());
        }
    }

    fn origin_of_level(&self, rule: &str, level: Level, command_line: &Levels) -> String {
        let by_file = [rule, ALL].into_iter().find_map(|name| self.policy.rules.iter().find(|(set, _)| *set == name));
        let by_all = command_line.iter().any(|(set, _)| set == ALL);
        match by_file {
            Some((set, below)) if below == level && !command_line.names(rule) => {
                self.places.get(&format!("rules.{set}")).map_or_else(String::new, |place| comment(place))
            }
            // A rule that neither names was turned on by the option that it is about.
            None if !command_line.names(rule) && !by_all => self.origin("max_image_size"),
            _ => "command line".to_owned(),
        }
    }

    fn print_overrides(&self, out: &mut String, command_line: &Levels) {
        if self.policy.overrides.is_empty() {
            return out.push_str("# overrides: not set\n");
        }
        let place = self.places.get("overrides").map_or_else(String::new, |place| comment(place));
        let _ = writeln!(out, "overrides: # {place}; paths are relative to the folder of that file");
        for entry in &self.policy.overrides {
            let paths: Vec<String> = entry.paths.iter().map(|path| scalar(path)).collect();
            let paths =
                if paths.is_empty() { " []".to_owned() } else { format!("\n      - {}", paths.join("\n      - ")) };
            let _ = writeln!(out, "  - paths:{paths}\n    rules:");
            for (rule, level) in below(&entry.levels, command_line) {
                let _ = writeln!(out, "      {rule}: {}", level.as_str());
            }
        }
    }
}

/// Returns the part of an override that the command line, which takes precedence, does not replace.
fn below(levels: &Levels, command_line: &Levels) -> BTreeMap<&'static str, Level> {
    let all = command_line.iter().find(|(rule, _)| *rule == ALL).map(|(_, level)| level);
    let covered = |level| if level == Level::Off { level } else { all.unwrap_or(level) };
    let mut left: BTreeMap<_, _> = levels.iter().map(|(rule, level)| (rule, covered(level))).collect();
    left.extend(command_line.iter().filter(|(rule, _)| *rule != ALL));
    left
}

/// Returns a value, or `None` if it could be a secret. A file is relative to the current folder, wherever this text
/// is put.
fn shown(long: &str, value: &OsStr) -> Option<String> {
    let value = value.to_string_lossy();
    let (before, file) = match option(long).1 {
        Names::Nothing => return Some(scalar(&value)),
        Names::File => ("", value.as_ref()),
        Names::FileBehindEquals => value.split_once('=').map(|(before, file)| (&value[..=before.len()], file))?,
    };
    let secret = ["dockerconfigjson", "pull-secret"].contains(&long) && Options::may_be_content(Path::new(file));
    let absolute = if file == "-" { file.into() } else { current_folder().join(file) };
    (!secret).then(|| scalar(&format!("{before}{}", absolute.display())))
}

/// Returns text in a form that is safe after a `#`.
fn comment(text: &str) -> String {
    sanitize::break_commands(&sanitize::line(text)).into_owned()
}
