//! `-h`, `--help` and `--completions`: the texts about the command line itself.

use std::io::Write;

use clap::builder::PossibleValuesParser;
use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::cli::{Exit, print};
use crate::options::args::Args;
use crate::rules::RULES;

/// The everyday options, which `-h` shows. `--help` shows all.
const EVERYDAY: [&str; 23] = [
    "paths",
    "exclude",
    "namespace",
    "render",
    "closed",
    "mirror",
    "platform",
    "dockerconfigjson",
    "offline",
    "ca_cert",
    "expect_image",
    "allow",
    "fail_on",
    "fail_on_unverified",
    "baseline",
    "format",
    "output",
    "list_images",
    "verbose",
    "explain",
    "list_rules",
    "help",
    "short_help",
];

/// Help texts that are shorter in `-h` than in `--help`.
const SHORTER: [(&str, &str); 10] = [
    ("render", "Render charts (helm) and kustomizations (kustomize), and check the result"),
    ("closed", "Treat the inputs as complete: what is not in them does not exist"),
    ("platform", "Platforms of the cluster's nodes, which every image must support"),
    ("dockerconfigjson", "Contents of the cluster's pull secrets: a docker config.json"),
    ("mirror", "Mirror that the nodes try before the registry itself (repeatable)"),
    ("expect_image", "Images that can be absent because they are pushed later (repeatable)"),
    ("fail_on", "Lowest severity that makes the run fail"),
    ("baseline", "File with known findings, which do not fail the run"),
    ("output", "Also write a report to a file (repeatable)"),
    ("verbose", "Print every finding in full, and the requests to each host"),
];

const SHORT_END: &str = "\
Examples:
  pullcheck manifests/                       ask the registries for every image
  helm template shop ./chart | pullcheck -   check a rendered chart
  pullcheck --offline .                      check names, pull secrets, and YAML, without network

For all options, the configuration file, and the exit statuses: pullcheck --help";

/// Returns the command as `-h` shows it.
fn short() -> Command {
    let all = Args::command();
    all.mut_args(|arg| {
        let id = arg.get_id().as_str();
        let hidden = !EVERYDAY.contains(&id);
        match SHORTER.iter().find(|(of, _)| *of == id) {
            Some((_, text)) => arg.help(*text),
            None => arg.hide(hidden),
        }
    })
    .after_help(SHORT_END)
}

/// Answers requests for help on the command line itself: neither files nor the environment are read.
pub(super) fn tell(args: &Args) -> Option<Exit> {
    if args.help.short_help {
        return Some(print(|_| short().print_help()));
    }
    let shell = args.help.completions?;
    let mut script = Vec::new();
    complete(shell, &mut script);
    Some(print(|out| out.write_all(&script)))
}

/// Writes the script that completes the command line in a shell: options, their values, and the rules.
fn complete(shell: Shell, out: &mut dyn Write) {
    let rules = || RULES.iter().map(|rule| rule.meta().id);
    let mut command = Args::command().mut_arg("explain", |arg| arg.value_parser(PossibleValuesParser::new(rules())));
    for option in ["deny", "warn", "note", "allow"] {
        let values = rules().chain(["all"]);
        command = command.mut_arg(option, |arg| arg.value_parser(PossibleValuesParser::new(values)));
    }
    clap_complete::generate(shell, &mut command, "pullcheck", out);
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn short_help_is_brief_and_full_help_lists_every_option() {
        let text = |mut command: Command| command.render_help().to_string();
        let (short, whole) = (text(short()), text(Args::command()));
        assert!(short.lines().count() < 60 && short.lines().count() * 2 < whole.lines().count(), "{short}");
        for argument in Args::command().get_arguments().filter_map(|argument| argument.get_long()) {
            assert!(whole.contains(&format!("--{argument}")), "--{argument} is missing in\n{whole}");
        }
        assert!(short.contains("--offline") && !short.contains("--host-concurrency"), "{short}");
    }

    #[test]
    fn every_shell_completes_options_and_rules() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            complete(*shell, &mut script);
            let script = String::from_utf8(script).expect("a script is text");
            assert!(script.contains("offline"), "{shell}");
            // The other options complete no values.
            if matches!(shell, Shell::Bash | Shell::Fish | Shell::Zsh) {
                assert!(script.contains("image-not-found") && script.contains("containerd-1"), "{shell}");
            }
        }
    }
}
