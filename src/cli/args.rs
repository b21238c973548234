//! The syntax of the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum, ValueHint};
use clap_complete::Shell;
use globset::Glob;

use crate::cli::help;
use crate::cli::outputs::OutputArg;
use crate::output::Format;
use crate::platform::Platform;
use crate::pull::operator::{AssumedSecrets, DeclaredServiceAccount, ExpectedImages, Named, NodeCredentials};
use crate::registry::{ConnectTo, HostPattern, Mirror};

/// Will the kubelet be able to pull every image in these manifests?
#[derive(Debug, Parser)]
#[command(name = "pullcheck", version, about, after_help = help::END, max_term_width = 100)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub struct Args {
    /// Files, folders, globs, or - for standard input [default: the current folder]
    #[arg(default_value = ".", hide_default_value = true, value_hint = ValueHint::AnyPath)]
    pub paths: Vec<String>,

    /// Leave out paths that match (repeatable)
    #[arg(long, value_name = "GLOB", value_parser = glob, help_heading = "Inputs")]
    pub exclude: Vec<String>,
    /// Name under which standard input is reported
    #[arg(long, value_name = "NAME", help_heading = "Inputs")]
    pub stdin_filename: Option<String>,
    /// Walk the hidden folders of tools too (.terraform, .venv, ...; never .git)
    #[arg(long, help_heading = "Inputs")]
    pub hidden: bool,
    /// Do not read .gitignore and its like
    #[arg(long, help_heading = "Inputs")]
    pub no_ignore: bool,
    /// Parse ConfigMaps and CustomResourceDefinitions too
    #[arg(long, help_heading = "Inputs")]
    pub parse_all: bool,
    /// Exit with 0, not 3, when there is nothing to check
    #[arg(long, help_heading = "Inputs")]
    pub allow_empty: bool,
    /// Namespace of objects that name none [default: unknown, matches any]
    #[arg(short, long, value_name = "NS", help_heading = "Inputs")]
    pub namespace: Option<String>,

    /// The inputs are all that the cluster has: a pull secret or service account that they lack does not exist
    #[arg(long, help_heading = "Cluster facts")]
    pub closed: bool,
    /// A service account that the cluster has, and its pull secrets; nothing behind the = where it has none (repeatable)
    #[arg(long, value_name = "[NS/]NAME=SECRET[,SECRET...]", help_heading = "Cluster facts")]
    pub service_account: Vec<DeclaredServiceAccount>,
    /// The dockerconfigjson of one pull secret of the cluster (repeatable)
    #[arg(long, value_name = "[NS/]NAME=FILE", value_parser = pull_secret, help_heading = "Cluster facts")]
    pub pull_secret: Vec<PullSecretFile>,
    /// Pull secrets that the cluster has, and nobody here knows what they hold (repeatable)
    #[arg(long, value_name = "[NS/]GLOB", help_heading = "Cluster facts")]
    pub assume_pull_secret: Vec<AssumedSecrets>,
    /// Registries at which the nodes authenticate by themselves, besides those of AWS, Azure and Google
    /// (repeatable; none: not at those either)
    #[arg(long, value_name = "HOSTGLOB", value_parser = node_credentials, help_heading = "Cluster facts")]
    pub node_credentials: Vec<String>,
    /// The admission plugin AlwaysPullImages is on: every pull policy becomes Always
    #[arg(long, help_heading = "Cluster facts")]
    pub always_pull_images: bool,
    /// Platforms of the cluster's nodes, which images have to be built for (repeatable)
    /// [default: what a pod's node selector or affinity asks for]
    #[arg(long, value_name = "OS/ARCH[/VARIANT],...", value_delimiter = ',', help_heading = "Cluster facts")]
    pub platform: Vec<Platform>,
    /// Container runtime of the nodes, for the event texts and for the choice among platforms
    #[arg(long, value_enum, default_value_t, value_name = "RUNTIME", help_heading = "Cluster facts")]
    pub runtime: RuntimeArg,

    /// What the cluster's pull secrets hold: a docker config.json, or - for standard input
    /// (or its content, raw or base64, in PULLCHECK_DOCKERCONFIGJSON). It stands in for every pull
    /// secret that is named and not in the inputs, and for nodes that authenticate by themselves
    #[arg(long, value_name = "FILE", help_heading = "Credentials")]
    pub dockerconfigjson: Option<PathBuf>,
    /// Hosts that a wildcard key of that file may be sent to (repeatable)
    #[arg(long, value_name = "GLOB", help_heading = "Credentials")]
    pub credential_hosts: Vec<String>,

    /// Ask no registry, and check what the manifests alone can tell
    #[arg(long, help_heading = "Registry")]
    pub offline: bool,
    /// Trust this certificate authority too (PEM, repeatable)
    #[arg(long, value_name = "FILE", help_heading = "Registry")]
    pub ca_cert: Vec<PathBuf>,
    /// Certificate to show to registries that want one (PEM; with --client-key)
    #[arg(long, value_name = "FILE", requires = "client_key", help_heading = "Registry")]
    pub client_cert: Option<PathBuf>,
    /// Its key (PEM, without a passphrase)
    #[arg(long, value_name = "FILE", requires = "client_cert", help_heading = "Registry")]
    pub client_key: Option<PathBuf>,
    /// Do not check the certificate of this host (repeatable)
    #[arg(long, value_name = "HOST[:PORT]", help_heading = "Registry")]
    pub insecure_skip_tls_verify: Vec<HostPattern>,
    /// This registry speaks HTTP without TLS (repeatable)
    #[arg(long, value_name = "HOST[:PORT]", help_heading = "Registry")]
    pub plain_http: Vec<HostPattern>,
    /// Connect to another address for this host (repeatable)
    #[arg(long, value_name = "HOST[:PORT]=ADDR:PORT", help_heading = "Registry")]
    pub connect_to: Vec<ConnectTo>,
    /// A host that is asked before the registry itself, as the nodes do; its credentials are the registry's
    /// (repeatable, asked in this order)
    #[arg(long, value_name = "HOST[:PORT]=URL", help_heading = "Registry")]
    pub mirror: Vec<Mirror>,
    /// The nodes' containerd settings of registries, /etc/containerd/certs.d: mirrors and certificates
    /// by hosts.toml. Not with --runtime cri-o, which does not read them (repeatable)
    #[arg(long, value_name = "DIR", help_heading = "Registry")]
    pub certs_dir: Vec<PathBuf>,
    /// Images that will be pushed before the manifests are applied: they may be absent (repeatable;
    /// * does not go beyond a slash; with the tag or without)
    #[arg(long, value_name = "GLOB", help_heading = "Registry")]
    pub expect_image: Vec<ExpectedImages>,
    /// Time for one image with its retries
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration, help_heading = "Registry")]
    pub timeout: Duration,
    /// Time for one connection
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration, help_heading = "Registry")]
    pub connect_timeout: Duration,
    /// Time for the whole run
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = duration, help_heading = "Registry")]
    pub deadline: Duration,
    /// Requests at the same time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = at_least_one, help_heading = "Registry")]
    pub concurrency: usize,
    /// Requests at the same time to one host
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = at_least_one, help_heading = "Registry")]
    pub host_concurrency: usize,
    /// Retries after a reset, a refused connection or a 5xx
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = "Registry")]
    pub retries: u32,
    /// Ask for everything, whatever earlier runs found
    #[arg(long, help_heading = "Registry")]
    pub no_cache: bool,
    /// How long an image that was found need not be asked for again; 0 asks always
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration, help_heading = "Registry")]
    pub cache_ttl: Duration,

    /// Report what this rule finds as errors; `all` for every rule that is on (repeatable)
    #[arg(long, value_name = "RULE", help_heading = "Rules")]
    pub deny: Vec<String>,
    /// Report what this rule finds as warnings; turns on a rule that is off (repeatable)
    #[arg(long, value_name = "RULE", help_heading = "Rules")]
    pub warn: Vec<String>,
    /// Report what this rule finds as notes (repeatable)
    #[arg(long, value_name = "RULE", help_heading = "Rules")]
    pub note: Vec<String>,
    /// Turn this rule off (repeatable)
    #[arg(long, value_name = "RULE", help_heading = "Rules")]
    pub allow: Vec<String>,
    /// Warn of images that are larger than this, compressed, and of pods whose images are together
    /// [default: 2GiB, where `large-image` is on]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Rules")]
    pub max_image_size: Option<u64>,
    /// The least severity that makes the run fail, with exit status 1
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY", help_heading = "Rules")]
    pub fail_on: FailOn,
    /// Exit with 4 when an image could not be verified
    #[arg(long, help_heading = "Rules")]
    pub fail_on_unverified: bool,
    /// Findings that are known already: they are counted, but not reported, and do not fail the run. Paths in it go
    /// from the current folder
    #[arg(long, value_name = "FILE", help_heading = "Rules")]
    pub baseline: Option<PathBuf>,
    /// Write what this run finds to a baseline, and exit with 0; --baseline does not count then
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list_images", "explain", "list_rules"], help_heading = "Rules")]
    pub write_baseline: Option<PathBuf>,
    /// Comments and annotations in the manifests silence nothing: for pull requests of strangers
    #[arg(long, help_heading = "Rules")]
    pub no_suppressions: bool,

    /// How the report is written [default: human, or github in GitHub Actions]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Output")]
    pub format: Option<FormatArg>,
    /// Write a report to a file too, or instead of the default to - (repeatable)
    #[arg(long, value_name = "FORMAT=FILE", help_heading = "Output")]
    pub output: Vec<OutputArg>,
    /// List all images instead of checking them
    #[arg(long, help_heading = "Output")]
    pub list_images: bool,
    /// When to use colour; NO_COLOR and CLICOLOR_FORCE count too
    #[arg(long, value_enum, default_value_t, value_name = "WHEN", help_heading = "Output")]
    pub color: Color,

    /// Print findings and errors, but no summary, notes or progress; JSON stays whole
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,
    /// Tell every finding in full, and for each host, on standard error, its requests and retries, how long they took,
    /// and why it was given up
    #[arg(short, long, help_heading = "Output")]
    pub verbose: bool,
    /// Show no progress bar (there is none either in CI, or where standard error is no terminal)
    #[arg(long, help_heading = "Output")]
    pub no_progress: bool,

    /// Configuration file [default: .pullcheck.yaml of this folder or above, within the git repository]
    #[arg(long, value_name = "FILE", help_heading = "Configuration")]
    pub config: Option<PathBuf>,
    /// Look for no configuration file
    #[arg(long, conflicts_with = "config", help_heading = "Configuration")]
    pub no_config: bool,
    /// Print what the options are and who set them, as a configuration file
    #[arg(long, help_heading = "Configuration")]
    pub print_config: bool,

    /// Explain a rule: what it finds, why the pull fails, what to change
    #[arg(long, value_name = "RULE", help_heading = "Help")]
    pub explain: Option<String>,
    /// List all rules
    #[arg(long, help_heading = "Help")]
    pub list_rules: bool,
    /// Print the script that completes these options in a shell
    #[arg(long, value_enum, value_name = "SHELL", help_heading = "Help")]
    pub completions: Option<Shell>,
    /// Print all options
    #[arg(long, action = ArgAction::HelpShort, help_heading = "Help")]
    pub help: Option<bool>,
    /// Print the everyday options
    #[arg(short = 'h', help_heading = "Help")]
    pub short_help: bool,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = "Help")]
    pub version: Option<bool>,
}

/// `--runtime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum RuntimeArg {
    /// containerd 2.1 and later.
    #[default]
    Containerd,
    /// containerd up to 2.0.
    #[value(name = "containerd-1")]
    ContainerdOne,
    /// CRI-O 1.34 and later.
    #[value(name = "cri-o")]
    Crio,
}

/// `--fail-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FailOn {
    /// Errors only.
    #[default]
    Error,
    /// Warnings and errors.
    Warning,
    /// Any finding.
    Note,
    /// Findings never change the exit status.
    Never,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FormatArg {
    /// For people.
    #[default]
    Human,
    /// file:line:column: severity[rule] message.
    Plain,
    /// The stable contract, version 1.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of GitHub Actions, and a job summary.
    Github,
    /// Code quality report of GitLab.
    Gitlab,
    /// JUnit XML.
    Junit,
    /// For the comment of a pull request.
    Markdown,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Human => Self::Human,
            FormatArg::Plain => Self::Plain,
            FormatArg::Json => Self::Json,
            FormatArg::Sarif => Self::Sarif,
            FormatArg::Github => Self::Github,
            FormatArg::Gitlab => Self::Gitlab,
            FormatArg::Junit => Self::Junit,
            FormatArg::Markdown => Self::Markdown,
        }
    }
}

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// One value of `--pull-secret`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSecretFile {
    /// Which secret.
    pub named: Named,
    /// Where its dockerconfigjson is.
    pub file: PathBuf,
}

fn pull_secret(text: &str) -> Result<PullSecretFile, String> {
    let hint = "write [NAMESPACE/]NAME=FILE";
    let (named, file) = text.split_once('=').filter(|(_, file)| !file.is_empty()).ok_or(hint)?;
    Ok(PullSecretFile { named: named.parse()?, file: file.into() })
}

fn glob(text: &str) -> Result<String, String> {
    Glob::new(text).map(|_| text.to_owned()).map_err(|error| error.kind().to_string())
}

fn node_credentials(text: &str) -> Result<String, String> {
    let text = text.to_owned();
    NodeCredentials::new(std::slice::from_ref(&text)).map(|_| text)
}

/// `15s`, `500ms`, `2m`, `1h`; a bare number is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("`{unit}` is no unit of time; use ms, s, m or h")),
    };
    let number: f64 = number.parse().map_err(|_| "a time is a number and a unit, such as 15s".to_owned())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())
}

/// `2GiB`, `500MB`, `1.5G`; a bare number is bytes. `K`, `M`, `G` and `T` alone are binary, as in `docker` options.
fn size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "k" | "ki" | "kib" => 1024.0,
        "m" | "mi" | "mib" => 1024.0 * 1024.0,
        "g" | "gi" | "gib" => 1024.0 * 1024.0 * 1024.0,
        "t" | "ti" | "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err(format!("`{unit}` is no unit of size; use KiB, MiB, GiB, or KB, MB, GB")),
    };
    let number: f64 = number.parse().map_err(|_| "a size is a number and a unit, such as 2GiB".to_owned())?;
    let bytes = number * unit;
    if bytes < 1.0 { Err("at least one byte".to_owned()) } else { Ok(bytes as u64) }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".into()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("15s"), Ok(Duration::from_secs(15)));
        assert_eq!(duration("0.5s"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("3"), Ok(Duration::from_secs(3)));
        assert!(duration("3d").is_err() && duration("s").is_err() && duration("-1s").is_err());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("2GiB"), Ok(2 << 30));
        assert_eq!(size("1.5g"), Ok(3 << 29));
        assert_eq!((size("500MB"), size("7")), (Ok(500_000_000), Ok(7)));
        for text in ["", "GiB", "2 parsecs", "-1GiB", "0", "1.2.3MB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn platforms_are_listed_or_repeated() {
        let platforms = |args: &[&str]| {
            let args = ["pullcheck"].into_iter().chain(args.iter().copied());
            let args = Args::try_parse_from(args).map_err(|error| error.to_string());
            args.map(|args| args.platform.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let read = platforms(&["--platform", "linux/amd64,linux/aarch64", "--platform=Linux/arm/v6"]);
        assert_eq!(read.as_deref(), Ok(["linux/amd64", "linux/arm64", "linux/arm/v6"].map(str::to_owned).as_slice()));
        let left_out = platforms(&["--platform", "linux/amd64/v3,linux/arm64/v8,linux/arm"]);
        assert_eq!(left_out.as_deref(), Ok(["linux/amd64", "linux/arm64", "linux/arm"].map(str::to_owned).as_slice()));
        for (text, words) in [
            ("amd64", "`amd64` is no platform: write OS/ARCH[/VARIANT], such as linux/amd64"),
            ("linux/amd64,", "`` is no platform"),
            ("darwin/arm64", "`darwin/arm64`: no node runs `darwin`; write linux or windows"),
            ("linux/amd46", "`linux/amd46`: there is no architecture `amd46`"),
            ("linux/arm/big", "`linux/arm/big`: there is no variant `big` of arm"),
            ("linux/amd64/", "`linux/amd64/` is no platform"),
        ] {
            let error = platforms(&["--platform", text]).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }
}
