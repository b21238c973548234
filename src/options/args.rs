//! The syntax of the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::image::platform::Platform;
use crate::kubelet::operator::AssumedSecrets;
use crate::kubelet::operator::DeclaredServiceAccount;
use crate::kubelet::operator::ExpectedImages;
use crate::options::outputs::{FormatArg, OutputArg};
use crate::options::values::{PullSecretFile, at_least_one, duration, glob, node_credentials, pull_secret, size};
use crate::registry::{ConnectTo, HostPattern, Mirror};

/// What stands at the end of `--help`.
const END: &str = "\
Examples:
  pullcheck manifests/                       ask the registries for every image
  helm template shop ./chart | pullcheck -   check a rendered chart
  pullcheck --offline .                      without network: image names, pull secrets, YAML
  pullcheck --render --values prod.yaml .    render the charts and kustomizations, and check those
  pullcheck --dockerconfigjson pull.json .   with what the cluster's pull secrets hold
  pullcheck --output sarif=pull.sarif .      a report to read, and one for code scanning
  pullcheck --deny mutable-tag .             a moving tag fails the run too

Exit status:
  0    nothing at or above --fail-on
  1    findings
  2    wrong usage or configuration
  3    nothing to check (--allow-empty makes it 0)
  4    images that could not be verified, under --fail-on-unverified
  130  interrupted: what was known by then is reported";

/// Will the kubelet be able to pull every image in these manifests?
#[derive(Debug, Parser)]
#[command(name = "pullcheck", version, about, after_help = END, max_term_width = 100)]
#[command(disable_help_flag = true, disable_version_flag = true)]
// Hooks and CI templates put options in front of those of their users: the last one counts.
#[command(args_override_self = true)]
pub struct Args {
    /// Files, folders, globs, or - for standard input [default: the current folder]
    #[arg(default_value = ".", hide_default_value = true, value_hint = ValueHint::AnyPath)]
    pub paths: Vec<String>,

    /// What is read.
    #[command(flatten)]
    pub inputs: InputArgs,
    /// What charts and kustomizations become.
    #[command(flatten)]
    pub render: RenderArgs,
    /// What the operator says of the cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// What the operator has in place of the cluster's secrets.
    #[command(flatten)]
    pub credentials: CredentialArgs,
    /// How registries are asked.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// How much is asked, how long is waited, and what is remembered.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// What is reported, and what fails the run.
    #[command(flatten)]
    pub rules: RuleArgs,
    /// How it is told.
    #[command(flatten)]
    pub output: OutputArgs,
    /// What the options are taken from besides.
    #[command(flatten)]
    pub configuration: ConfigArgs,
    /// What is told of the program, instead of a run.
    #[command(flatten)]
    pub help: HelpArgs,
}

/// What is read.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Inputs")]
pub struct InputArgs {
    /// Leave out paths that match (repeatable)
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    pub exclude: Vec<String>,
    /// Name under which standard input is reported
    #[arg(long, value_name = "NAME")]
    pub stdin_filename: Option<String>,
    /// Walk the hidden folders of tools too (.terraform, .venv, ...; never .git)
    #[arg(long)]
    pub hidden: bool,
    /// Do not read .gitignore and its like
    #[arg(long)]
    pub no_ignore: bool,
    /// Parse ConfigMaps and CustomResourceDefinitions too
    #[arg(long)]
    pub parse_all: bool,
    /// Exit with 0, not 3, when there is nothing to check
    #[arg(long)]
    pub allow_empty: bool,
    /// Namespace of objects that name none [default: unknown, matches any]
    #[arg(short, long, value_name = "NS")]
    pub namespace: Option<String>,
}

/// What charts and kustomizations become.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Render")]
pub struct RenderArgs {
    /// Render the charts (helm template) and kustomizations (kustomize build, or kubectl kustomize) among the
    /// inputs, and check the result. Not on pull requests of strangers: what is rendered can read files, and
    /// fetch others
    #[arg(long)]
    pub render: bool,
    /// Values for every chart that is rendered (repeatable; the path goes from the current folder)
    #[arg(long, value_name = "FILE", requires = "render")]
    pub values: Vec<PathBuf>,
    /// One value for every chart that is rendered, as helm's --set takes it (repeatable)
    #[arg(long, value_name = "KEY=VALUE", requires = "render")]
    pub set: Vec<String>,
    /// Name of the release of every chart that is rendered [default: that of the chart's folder]
    #[arg(long, value_name = "NAME", requires = "render")]
    pub release_name: Option<String>,
}

/// What the operator says of the cluster.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Cluster facts")]
pub struct ClusterArgs {
    /// The inputs are all that the cluster has: a pull secret or service account that they lack does not exist
    #[arg(long)]
    pub closed: bool,
    /// A service account that the cluster has, and its pull secrets; nothing behind the = where it has none (repeatable)
    #[arg(long, value_name = "[NS/]NAME=SECRET[,SECRET...]")]
    pub service_account: Vec<DeclaredServiceAccount>,
    /// The dockerconfigjson of one pull secret of the cluster (repeatable)
    #[arg(long, value_name = "[NS/]NAME=FILE", value_parser = pull_secret)]
    pub pull_secret: Vec<PullSecretFile>,
    /// Pull secrets that the cluster has, and nobody here knows what they hold (repeatable)
    #[arg(long, value_name = "[NS/]GLOB")]
    pub assume_pull_secret: Vec<AssumedSecrets>,
    /// Registries at which the nodes authenticate by themselves, besides those of AWS, Azure and Google
    /// (repeatable; none: not at those either)
    #[arg(long, value_name = "HOSTGLOB", value_parser = node_credentials)]
    pub node_credentials: Vec<String>,
    /// The admission plugin AlwaysPullImages is on: every pull policy becomes Always
    #[arg(long)]
    pub always_pull_images: bool,
    /// Platforms of the cluster's nodes, which images have to be built for (repeatable)
    /// [default: what a pod's node selector or affinity asks for]
    #[arg(long, value_name = "OS/ARCH[/VARIANT],...", value_delimiter = ',')]
    pub platform: Vec<Platform>,
    /// Container runtime of the nodes, for the event texts and for the choice among platforms
    #[arg(long, value_enum, default_value_t, value_name = "RUNTIME")]
    pub runtime: RuntimeArg,
    /// Images that will be pushed before the manifests are applied: they may be absent (repeatable;
    /// * does not go beyond a slash; with the tag or without)
    #[arg(long, value_name = "GLOB")]
    pub expect_image: Vec<ExpectedImages>,
}

/// What the operator has in place of the cluster's secrets.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Credentials")]
pub struct CredentialArgs {
    /// What the cluster's pull secrets hold: a docker config.json, or - for standard input
    /// (or its content, raw or base64, in PULLCHECK_DOCKERCONFIGJSON). It stands in for every pull
    /// secret that is named and not in the inputs, and for nodes that authenticate by themselves
    #[arg(long, value_name = "FILE")]
    pub dockerconfigjson: Option<PathBuf>,
    /// Hosts that a wildcard key of that file may be sent to (repeatable)
    #[arg(long, value_name = "GLOB")]
    pub credential_hosts: Vec<String>,
}

/// How registries are asked.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Registry")]
pub struct RegistryArgs {
    /// Ask no registry, and check what the manifests alone can tell
    #[arg(long)]
    pub offline: bool,
    /// Trust this certificate authority too (PEM, repeatable)
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Vec<PathBuf>,
    /// Certificate to show to registries that want one (PEM; with --client-key)
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// Its key (PEM, without a passphrase)
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
    /// Do not check the certificate of this host (repeatable)
    #[arg(long, value_name = "HOST[:PORT]")]
    pub insecure_skip_tls_verify: Vec<HostPattern>,
    /// This registry speaks HTTP without TLS (repeatable)
    #[arg(long, value_name = "HOST[:PORT]")]
    pub plain_http: Vec<HostPattern>,
    /// Connect to another address for this host (repeatable)
    #[arg(long, value_name = "HOST[:PORT]=ADDR:PORT")]
    pub connect_to: Vec<ConnectTo>,
    /// A host that is asked before the registry itself, as the nodes do; its credentials are the registry's
    /// (repeatable, asked in this order)
    #[arg(long, value_name = "HOST[:PORT]=URL")]
    pub mirror: Vec<Mirror>,
    /// The nodes' containerd settings of registries, /etc/containerd/certs.d: mirrors and certificates
    /// by hosts.toml. Not with --runtime cri-o, which does not read them (repeatable)
    #[arg(long, value_name = "DIR")]
    pub certs_dir: Vec<PathBuf>,
    /// How far an image is looked at: deeper finds what a HEAD request hides, and costs a pull of Docker Hub's limit
    #[arg(long, value_enum, default_value_t, value_name = "DEPTH")]
    pub depth: DepthArg,
}

/// How much is asked, how long is waited, and what is remembered.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits and cache")]
pub struct LimitArgs {
    /// Time for one image with its retries
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration)]
    pub timeout: Duration,
    /// Time for one connection
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub connect_timeout: Duration,
    /// Time for the whole run
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = duration)]
    pub deadline: Duration,
    /// Requests at the same time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = at_least_one)]
    pub concurrency: usize,
    /// Requests at the same time to one host
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = at_least_one)]
    pub host_concurrency: usize,
    /// Retries after a reset, a refused connection or a 5xx
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub retries: u32,
    /// Ask for everything, whatever earlier runs found
    #[arg(long)]
    pub no_cache: bool,
    /// How long an image that was found need not be asked for again; 0 asks always
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub cache_ttl: Duration,
}

/// What is reported, and what fails the run.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Rules")]
pub struct RuleArgs {
    /// Report what this rule finds as errors; `all` for every rule that is on (repeatable)
    #[arg(long, value_name = "RULE")]
    pub deny: Vec<String>,
    /// Report what this rule finds as warnings; turns on a rule that is off (repeatable)
    #[arg(long, value_name = "RULE")]
    pub warn: Vec<String>,
    /// Report what this rule finds as notes (repeatable)
    #[arg(long, value_name = "RULE")]
    pub note: Vec<String>,
    /// Turn this rule off (repeatable)
    #[arg(long, value_name = "RULE")]
    pub allow: Vec<String>,
    /// Warn of images that are larger than this, compressed, and of pods whose images are together
    /// [default: 2GiB, where `large-image` is on]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_image_size: Option<u64>,
    /// The least severity that makes the run fail, with exit status 1
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    pub fail_on: FailOn,
    /// Exit with 4 when an image could not be verified
    #[arg(long)]
    pub fail_on_unverified: bool,
    /// Findings that are known already: they are counted, but not reported, and do not fail the run. Paths in it go
    /// from the current folder
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write what this run finds to a baseline, and exit with 0; --baseline does not count then
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list_images", "explain", "list_rules"])]
    pub write_baseline: Option<PathBuf>,
    /// Comments and annotations in the manifests silence nothing: for pull requests of strangers
    #[arg(long)]
    pub no_suppressions: bool,
}

/// How it is told.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// How the report is written [default: human, or github in GitHub Actions]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<FormatArg>,
    /// Write a report to a file too, or instead of the default to - (repeatable)
    #[arg(long, value_name = "FORMAT=FILE")]
    pub output: Vec<OutputArg>,
    /// List all images instead of checking them
    #[arg(long)]
    pub list_images: bool,
    /// When to use colour; NO_COLOR and CLICOLOR_FORCE count too
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// Print findings and errors, but no summary, hints or progress; JSON stays whole
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Tell every finding in full, and for each host, on standard error, its requests and retries, how long they took,
    /// and why it was given up
    #[arg(short, long)]
    pub verbose: bool,
    /// Show no progress bar (there is none either in CI, or where standard error is no terminal)
    #[arg(long)]
    pub no_progress: bool,
}

/// What the options are taken from besides.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Configuration")]
pub struct ConfigArgs {
    /// Configuration file [default: .pullcheck.yaml of this folder or above, within the git repository]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Look for no configuration file
    #[arg(long, conflicts_with = "config")]
    pub no_config: bool,
    /// Print what the options are and who set them, as a file for --config
    #[arg(long)]
    pub print_config: bool,
}

/// What is told of the program, instead of a run.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Help")]
pub struct HelpArgs {
    /// Explain a rule: what it finds, why the pull fails, what to change
    #[arg(long, value_name = "RULE")]
    pub explain: Option<String>,
    /// List all rules
    #[arg(long)]
    pub list_rules: bool,
    /// Print the script that completes these options in a shell
    #[arg(long, value_enum, value_name = "SHELL")]
    pub completions: Option<Shell>,
    /// Print all options
    #[arg(long, action = ArgAction::HelpShort)]
    pub help: Option<bool>,
    /// Print the everyday options
    #[arg(short = 'h')]
    pub short_help: bool,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    pub version: Option<bool>,
}

/// `--runtime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum RuntimeArg {
    /// containerd 2.4.
    #[default]
    Containerd,
    /// containerd 2.3.
    #[value(name = "containerd-2.3")]
    Containerd2_3,
    /// containerd 2.1 and 2.2.
    #[value(name = "containerd-2.1")]
    Containerd2_1,
    /// containerd 1.7 and 2.0, and any later one with `use_local_image_pull`.
    #[value(name = "containerd-1")]
    ContainerdOne,
    /// CRI-O 1.36.
    #[value(name = "cri-o")]
    Crio,
}

/// `--depth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DepthArg {
    /// One HEAD request for the manifest, as the runtime resolves a name; where the platform of the nodes is known, the
    /// index is read and the image for each platform asked for too.
    #[default]
    Head,
    /// The manifest, the image for each platform and its configuration are read.
    Manifest,
    /// The registry is asked for each layer too.
    Layers,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_listed_or_repeated() {
        let platforms = |args: &[&str]| {
            let args = ["pullcheck"].into_iter().chain(args.iter().copied());
            let args = Args::try_parse_from(args).map_err(|error| error.to_string());
            args.map(|args| args.cluster.platform.iter().map(ToString::to_string).collect::<Vec<_>>())
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
