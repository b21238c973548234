//! Which options a configuration file may contain, and who may provide the file.
//!
//! A file that is found in the repository is as trusted as the manifests next to it: a pull request could add it. It
//! may set what an author can set anyway, by comments, annotations or `.gitignore`: which files are checked, how bad
//! a finding is, what the cluster is like. It may not set where credentials go, what is read from outside the
//! repository, what is written, which machine is asked and how hard. A file that the operator names with `--config`
//! may set everything that the command line can.
//!
//! [`OPTIONS`] names every option, so that a new one does not become available in files by accident.

/// Who may set an option in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SettableBy {
    /// Nobody: the option decides what one run does.
    CommandLine,
    /// Nobody: `rules` is the key for the same settings.
    Rules,
    /// The person who runs the command, in a file named by `--config`. The text is the reason.
    Operator(&'static str),
    /// The repository, in a file that is found there.
    Repository,
    /// The repository too, as long as the file that it names is next to the configuration or below it.
    Inside,
}

/// The part of a value that names a file, relative to the folder of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// The value names no file.
    Nothing,
    /// The whole value is the name.
    File,
    /// The part after the first `=` is the name.
    FileBehindEquals,
}

const CREDENTIALS: &str = "it determines which credentials are used and where they are sent";
const TRANSPORT: &str = "it determines which machine is contacted for a registry, and whether that machine is trusted";
const LOAD: &str = "it determines how long a run takes and how many requests are sent in the operator's name";
const ANSWERS: &str = "it determines whether registries are asked about the images that the same change adds";
const FILES: &str = "it writes files";

/// Every option, by its long name, with who may set it and what its values name.
pub(super) const OPTIONS: &[(&str, SettableBy, Names)] = &[
    // Which files are read: `.gitignore` and the names of files have the same effect.
    ("exclude", SettableBy::Repository, Names::Nothing),
    ("stdin-filename", SettableBy::CommandLine, Names::Nothing),
    ("hidden", SettableBy::Repository, Names::Nothing),
    ("no-ignore", SettableBy::Repository, Names::Nothing),
    ("parse-all", SettableBy::Repository, Names::Nothing),
    ("allow-empty", SettableBy::Repository, Names::Nothing),
    ("namespace", SettableBy::Repository, Names::Nothing),
    // A chart or kustomization is a program: the person who runs the command decides, each time.
    ("render", SettableBy::CommandLine, Names::Nothing),
    ("values", SettableBy::CommandLine, Names::File),
    ("set", SettableBy::CommandLine, Names::Nothing),
    ("release-name", SettableBy::CommandLine, Names::Nothing),
    ("fetch-charts", SettableBy::CommandLine, Names::Nothing),
    ("chart-hosts", SettableBy::CommandLine, Names::Nothing),
    // What the cluster is like: names, never contents. A supplied credential still goes only to the hosts of its
    // key.
    ("closed", SettableBy::Repository, Names::Nothing),
    ("service-account", SettableBy::Repository, Names::Nothing),
    ("pull-secret", SettableBy::Operator(CREDENTIALS), Names::FileBehindEquals),
    ("assume-pull-secret", SettableBy::Repository, Names::Nothing),
    ("node-credentials", SettableBy::Repository, Names::Nothing),
    ("always-pull-images", SettableBy::Repository, Names::Nothing),
    ("platform", SettableBy::Repository, Names::Nothing),
    ("runtime", SettableBy::Repository, Names::Nothing),
    ("dockerconfigjson", SettableBy::Operator(CREDENTIALS), Names::File),
    ("credential-hosts", SettableBy::Operator(CREDENTIALS), Names::Nothing),
    // Comments silence known findings, one at a time and visibly; this option would keep them from being known.
    ("offline", SettableBy::Operator(ANSWERS), Names::Nothing),
    ("ca-cert", SettableBy::Operator(TRANSPORT), Names::File),
    ("client-cert", SettableBy::Operator(CREDENTIALS), Names::File),
    ("client-key", SettableBy::Operator(CREDENTIALS), Names::File),
    ("insecure-skip-tls-verify", SettableBy::Operator(TRANSPORT), Names::Nothing),
    ("plain-http", SettableBy::Operator(TRANSPORT), Names::Nothing),
    ("connect-to", SettableBy::Operator(TRANSPORT), Names::Nothing),
    ("mirror", SettableBy::Operator(TRANSPORT), Names::Nothing),
    ("certs-dir", SettableBy::Operator(TRANSPORT), Names::File),
    ("depth", SettableBy::Operator(LOAD), Names::Nothing),
    // Images that this repository's own pipeline will push; such an image is never reported as pullable.
    ("expect-image", SettableBy::Repository, Names::Nothing),
    ("timeout", SettableBy::Operator(LOAD), Names::Nothing),
    ("connect-timeout", SettableBy::Operator(LOAD), Names::Nothing),
    ("deadline", SettableBy::Operator(LOAD), Names::Nothing),
    ("concurrency", SettableBy::Operator(LOAD), Names::Nothing),
    ("host-concurrency", SettableBy::Operator(LOAD), Names::Nothing),
    ("retries", SettableBy::Operator(LOAD), Names::Nothing),
    ("no-cache", SettableBy::Operator(LOAD), Names::Nothing),
    // An outdated answer is a false pass.
    ("cache-ttl", SettableBy::Operator(ANSWERS), Names::Nothing),
    ("deny", SettableBy::Rules, Names::Nothing),
    ("warn", SettableBy::Rules, Names::Nothing),
    ("note", SettableBy::Rules, Names::Nothing),
    ("allow", SettableBy::Rules, Names::Nothing),
    // What is acceptable: a team's policy. Anyone who does not trust it names another file, or none.
    ("max-image-size", SettableBy::Repository, Names::Nothing),
    ("fail-on", SettableBy::Repository, Names::Nothing),
    ("fail-on-unverified", SettableBy::Repository, Names::Nothing),
    ("format", SettableBy::Repository, Names::Nothing),
    ("output", SettableBy::Operator(FILES), Names::FileBehindEquals),
    // What was known before: a team's policy and, like its comments, part of every reviewed change.
    ("baseline", SettableBy::Inside, Names::File),
    ("write-baseline", SettableBy::CommandLine, Names::File),
    ("no-suppressions", SettableBy::Repository, Names::Nothing),
    ("list-images", SettableBy::CommandLine, Names::Nothing),
    ("by", SettableBy::CommandLine, Names::Nothing),
    ("color", SettableBy::Repository, Names::Nothing),
    ("quiet", SettableBy::Repository, Names::Nothing),
    ("verbose", SettableBy::Repository, Names::Nothing),
    ("no-progress", SettableBy::Repository, Names::Nothing),
    ("config", SettableBy::CommandLine, Names::File),
    ("no-config", SettableBy::CommandLine, Names::Nothing),
    ("print-config", SettableBy::CommandLine, Names::Nothing),
    ("explain", SettableBy::CommandLine, Names::Nothing),
    ("list-rules", SettableBy::CommandLine, Names::Nothing),
    ("completions", SettableBy::CommandLine, Names::Nothing),
    ("help", SettableBy::CommandLine, Names::Nothing),
    ("version", SettableBy::CommandLine, Names::Nothing),
];

/// Returns the reach of an option and the file that it names; an unknown option is for the command line alone.
pub(super) fn option(long: &str) -> (SettableBy, Names) {
    let found = OPTIONS.iter().find(|(known, ..)| *known == long);
    found.map_or((SettableBy::CommandLine, Names::Nothing), |(_, reach, names)| (*reach, *names))
}

/// Returns the options that a file may contain.
pub(super) fn of_files() -> impl Iterator<Item = (&'static str, SettableBy)> {
    let options = OPTIONS.iter().map(|(long, reach, _)| (*long, *reach));
    options.filter(|(_, reach)| !matches!(reach, SettableBy::CommandLine | SettableBy::Rules))
}

/// Returns the environment variables that set the same as an option: they take precedence over a file.
pub(super) fn variables(long: &str) -> &'static [&'static str] {
    match long {
        "dockerconfigjson" => &["PULLCHECK_DOCKERCONFIGJSON"],
        "color" => &["NO_COLOR", "CLICOLOR_FORCE"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::options::Args;

    #[test]
    fn every_option_is_classified() {
        let command = Args::command();
        let known: BTreeSet<_> = command.get_arguments().filter_map(|arg| arg.get_long()).collect();
        let classified: BTreeSet<_> = OPTIONS.iter().map(|(long, ..)| *long).collect();
        let missing: Vec<_> = known.difference(&classified).collect();
        assert!(missing.is_empty(), "say in OPTIONS who may set these, and why: {missing:?}");
        let gone: Vec<_> = classified.difference(&known).collect();
        assert!(gone.is_empty(), "OPTIONS names options that there are not: {gone:?}");
        assert_eq!(classified.len(), OPTIONS.len(), "each once");
    }

    #[test]
    fn options_that_take_paths_are_marked() {
        let command = Args::command();
        for arg in command.get_arguments().filter(|arg| arg.get_long().is_some()) {
            let long = arg.get_long().unwrap_or_default();
            let value = arg.get_value_names().and_then(<[_]>::first).map(|name| name.to_string()).unwrap_or_default();
            let takes = ["FILE", "DIR"].iter().any(|end| value.ends_with(end));
            let takes = takes && arg.get_action().takes_values();
            assert_eq!(takes, option(long).1 != Names::Nothing, "{long}");
        }
    }

    #[test]
    fn repository_config_cannot_set_operator_options() {
        let open = ["expect-image"];
        let command = Args::command();
        for arg in command.get_arguments() {
            let (Some(heading), Some(long)) = (arg.get_help_heading(), arg.get_long()) else { continue };
            let closed = ["Credentials", "Registry", "Render"].contains(&heading) && !open.contains(&long);
            let reach = option(long).0;
            assert!(!closed || matches!(reach, SettableBy::Operator(_) | SettableBy::CommandLine), "{long}");
        }
    }
}
