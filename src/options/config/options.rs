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
pub(super) enum Reach {
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
pub(super) const OPTIONS: &[(&str, Reach, Names)] = &[
    // Which files are read: `.gitignore` and the names of files have the same effect.
    ("exclude", Reach::Repository, Names::Nothing),
    ("stdin-filename", Reach::CommandLine, Names::Nothing),
    ("hidden", Reach::Repository, Names::Nothing),
    ("no-ignore", Reach::Repository, Names::Nothing),
    ("parse-all", Reach::Repository, Names::Nothing),
    ("allow-empty", Reach::Repository, Names::Nothing),
    ("namespace", Reach::Repository, Names::Nothing),
    // A chart or kustomization is a program: the person who runs the command decides, each time.
    ("render", Reach::CommandLine, Names::Nothing),
    ("values", Reach::CommandLine, Names::File),
    ("set", Reach::CommandLine, Names::Nothing),
    ("release-name", Reach::CommandLine, Names::Nothing),
    // What the cluster is like: names, never contents. A supplied credential still goes only to the hosts of its
    // key.
    ("closed", Reach::Repository, Names::Nothing),
    ("service-account", Reach::Repository, Names::Nothing),
    ("pull-secret", Reach::Operator(CREDENTIALS), Names::FileBehindEquals),
    ("assume-pull-secret", Reach::Repository, Names::Nothing),
    ("node-credentials", Reach::Repository, Names::Nothing),
    ("always-pull-images", Reach::Repository, Names::Nothing),
    ("platform", Reach::Repository, Names::Nothing),
    ("runtime", Reach::Repository, Names::Nothing),
    ("dockerconfigjson", Reach::Operator(CREDENTIALS), Names::File),
    ("credential-hosts", Reach::Operator(CREDENTIALS), Names::Nothing),
    // Comments silence known findings, one at a time and visibly; this option would keep them from being known.
    ("offline", Reach::Operator(ANSWERS), Names::Nothing),
    ("ca-cert", Reach::Operator(TRANSPORT), Names::File),
    ("client-cert", Reach::Operator(CREDENTIALS), Names::File),
    ("client-key", Reach::Operator(CREDENTIALS), Names::File),
    ("insecure-skip-tls-verify", Reach::Operator(TRANSPORT), Names::Nothing),
    ("plain-http", Reach::Operator(TRANSPORT), Names::Nothing),
    ("connect-to", Reach::Operator(TRANSPORT), Names::Nothing),
    ("mirror", Reach::Operator(TRANSPORT), Names::Nothing),
    ("certs-dir", Reach::Operator(TRANSPORT), Names::File),
    ("depth", Reach::Operator(LOAD), Names::Nothing),
    // Images that this repository's own pipeline will push; such an image is never reported as pullable.
    ("expect-image", Reach::Repository, Names::Nothing),
    ("timeout", Reach::Operator(LOAD), Names::Nothing),
    ("connect-timeout", Reach::Operator(LOAD), Names::Nothing),
    ("deadline", Reach::Operator(LOAD), Names::Nothing),
    ("concurrency", Reach::Operator(LOAD), Names::Nothing),
    ("host-concurrency", Reach::Operator(LOAD), Names::Nothing),
    ("retries", Reach::Operator(LOAD), Names::Nothing),
    ("no-cache", Reach::Operator(LOAD), Names::Nothing),
    // An outdated answer is a false pass.
    ("cache-ttl", Reach::Operator(ANSWERS), Names::Nothing),
    ("deny", Reach::Rules, Names::Nothing),
    ("warn", Reach::Rules, Names::Nothing),
    ("note", Reach::Rules, Names::Nothing),
    ("allow", Reach::Rules, Names::Nothing),
    // What is acceptable: a team's policy. Anyone who does not trust it names another file, or none.
    ("max-image-size", Reach::Repository, Names::Nothing),
    ("fail-on", Reach::Repository, Names::Nothing),
    ("fail-on-unverified", Reach::Repository, Names::Nothing),
    ("format", Reach::Repository, Names::Nothing),
    ("output", Reach::Operator(FILES), Names::FileBehindEquals),
    // What was known before: a team's policy and, like its comments, part of every reviewed change.
    ("baseline", Reach::Inside, Names::File),
    ("write-baseline", Reach::CommandLine, Names::File),
    ("no-suppressions", Reach::Repository, Names::Nothing),
    ("list-images", Reach::CommandLine, Names::Nothing),
    ("color", Reach::Repository, Names::Nothing),
    ("quiet", Reach::Repository, Names::Nothing),
    ("verbose", Reach::Repository, Names::Nothing),
    ("no-progress", Reach::Repository, Names::Nothing),
    ("config", Reach::CommandLine, Names::File),
    ("no-config", Reach::CommandLine, Names::Nothing),
    ("print-config", Reach::CommandLine, Names::Nothing),
    ("explain", Reach::CommandLine, Names::Nothing),
    ("list-rules", Reach::CommandLine, Names::Nothing),
    ("completions", Reach::CommandLine, Names::Nothing),
    ("help", Reach::CommandLine, Names::Nothing),
    ("version", Reach::CommandLine, Names::Nothing),
];

/// Returns the reach of an option and the file that it names; an unknown option is for the command line alone.
pub(super) fn option(long: &str) -> (Reach, Names) {
    let found = OPTIONS.iter().find(|(known, ..)| *known == long);
    found.map_or((Reach::CommandLine, Names::Nothing), |(_, reach, names)| (*reach, *names))
}

/// Returns the options that a file may contain.
pub(super) fn of_files() -> impl Iterator<Item = (&'static str, Reach)> {
    let options = OPTIONS.iter().map(|(long, reach, _)| (*long, *reach));
    options.filter(|(_, reach)| !matches!(reach, Reach::CommandLine | Reach::Rules))
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
            assert!(!closed || matches!(reach, Reach::Operator(_) | Reach::CommandLine), "{long}");
        }
    }
}
