//! The syntax of the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::image::platform::Platform;
use crate::kubelet::operator::AssumedSecrets;
use crate::kubelet::operator::DeclaredServiceAccount;
use crate::kubelet::operator::ExpectedImages;
use crate::options::outputs::{FormatArg, GroupingArg, OutputArg};
use crate::options::values::{PullSecretFile, at_least_one, duration, glob, node_credentials, pull_secret, size};
use crate::registry::chart::ChartHost;
use crate::registry::{ConnectTo, HostPattern, Mirror};

/// The text after the options in `--help`.
const END: &str = "\
Examples:
  pullcheck manifests/                       ask the registries for every image
  helm template shop ./chart | pullcheck -   check a rendered chart
  pullcheck --offline .                      check names, pull secrets, and YAML, without network
  pullcheck --render --values prod.yaml .    render charts and kustomizations, and check the output
  pullcheck --dockerconfigjson pull.json .   use the contents of the cluster's pull secrets
  pullcheck --output sarif=pull.sarif .      also write a report for code scanning
  pullcheck --deny mutable-tag .             fail on mutable tags too

Exit status:
  0    no findings at or above --fail-on
  1    findings
  2    wrong usage or configuration
  3    nothing to check (--allow-empty makes it 0)
  4    images that could not be verified, or releases that were not rendered, with --fail-on-unverified
  130  interrupted; the report contains what was found until then";

/// Will the kubelet be able to pull every image in these manifests?
#[derive(Debug, Parser)]
#[command(name = "pullcheck", version, about, after_help = END, max_term_width = 100)]
#[command(disable_help_flag = true, disable_version_flag = true)]
// Hooks and CI templates put options in front of those of their users: the last one wins.
#[command(args_override_self = true)]
pub struct Args {
    /// Files, folders, globs, or - for standard input [default: the current folder]
    #[arg(default_value = ".", hide_default_value = true, value_hint = ValueHint::AnyPath)]
    pub paths: Vec<String>,

    /// Options that select the inputs.
    #[command(flatten)]
    pub inputs: InputArgs,
    /// Options for rendering charts and kustomizations.
    #[command(flatten)]
    pub render: RenderArgs,
    /// Options that declare what the cluster has.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Options that supply credentials.
    #[command(flatten)]
    pub credentials: CredentialArgs,
    /// Options for connections to registries.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// Limits of requests and times, and the cache.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Options that select what is reported, and what fails the run.
    #[command(flatten)]
    pub rules: RuleArgs,
    /// Options for the report.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Options for the configuration file.
    #[command(flatten)]
    pub configuration: ConfigArgs,
    /// Options that print information about the program instead of a run.
    #[command(flatten)]
    pub help: HelpArgs,
}

/// Options that select the inputs.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Inputs")]
pub struct InputArgs {
    /// Skip paths that match (repeatable)
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    pub exclude: Vec<String>,
    /// File name to report for standard input
    #[arg(long, value_name = "NAME")]
    pub stdin_filename: Option<String>,
    /// Also search the hidden folders of tools (.terraform, .venv, ...; never .git)
    #[arg(long)]
    pub hidden: bool,
    /// Do not respect .gitignore and similar files
    #[arg(long)]
    pub no_ignore: bool,
    /// Also parse ConfigMaps and CustomResourceDefinitions
    #[arg(long)]
    pub parse_all: bool,
    /// Exit with 0 instead of 3 if there is nothing to check
    #[arg(long)]
    pub allow_empty: bool,
    /// Namespace of objects without one [default: unknown, matches any]
    #[arg(short, long, value_name = "NS")]
    pub namespace: Option<String>,
}

/// Options for rendering charts and kustomizations.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Render")]
pub struct RenderArgs {
    /// Render the charts (helm template) and kustomizations (kustomize build or kubectl kustomize) in the inputs, and
    /// check the output. Do not use it on untrusted pull requests: charts and kustomizations can read local files and
    /// fetch remote ones
    #[arg(long)]
    pub render: bool,
    /// Values file to pass to every rendered chart (repeatable)
    #[arg(long, value_name = "FILE", requires = "render")]
    pub values: Vec<PathBuf>,
    /// Value to pass to every rendered chart, in the syntax of helm's --set (repeatable)
    #[arg(long, value_name = "KEY=VALUE", requires = "render")]
    pub set: Vec<String>,
    /// Release name of every rendered chart [default: the name of the chart's folder]
    #[arg(long, value_name = "NAME", requires = "render")]
    pub release_name: Option<String>,
    /// Fetch the charts that releases of Flux, Argo CD, and other tools name (OCI registries, Helm repositories), and
    /// render them too. Of the credentials, only those of --dockerconfigjson are sent, to OCI registries
    #[arg(long, requires = "render")]
    pub fetch_charts: bool,
    /// Fetch charts from these hosts only (repeatable; * stands for one label) [default: any host]
    #[arg(long, value_name = "HOST[:PORT]", requires = "fetch_charts")]
    pub chart_hosts: Vec<ChartHost>,
}

/// Options that declare what the cluster has.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Cluster facts")]
pub struct ClusterArgs {
    /// Treat the inputs as complete: a pull secret or service account that is not in them does not exist
    #[arg(long)]
    pub closed: bool,
    /// Service account that exists in the cluster, with its pull secrets; write nothing after the = if it has none
    /// (repeatable)
    #[arg(long, value_name = "[NS/]NAME=SECRET[,SECRET...]")]
    pub service_account: Vec<DeclaredServiceAccount>,
    /// Pull secret that exists in the cluster, and the file with its dockerconfigjson (repeatable)
    #[arg(long, value_name = "[NS/]NAME=FILE", value_parser = pull_secret)]
    pub pull_secret: Vec<PullSecretFile>,
    /// Pull secrets that exist in the cluster but whose contents are unknown (repeatable)
    #[arg(long, value_name = "[NS/]GLOB")]
    pub assume_pull_secret: Vec<AssumedSecrets>,
    /// Registries to which the nodes authenticate on their own, in addition to those of AWS, Azure, and Google
    /// (repeatable; pass `none` to disable the built-in list)
    #[arg(long, value_name = "HOSTGLOB", value_parser = node_credentials)]
    pub node_credentials: Vec<String>,
    /// Assume that the admission plugin AlwaysPullImages is on: every pull policy becomes Always
    #[arg(long)]
    pub always_pull_images: bool,
    /// Platforms of the cluster's nodes, which every image must support (repeatable) [default: the platforms that a
    /// pod's node selector or affinity requires]
    #[arg(long, value_name = "OS/ARCH[/VARIANT],...", value_delimiter = ',')]
    pub platform: Vec<Platform>,
    /// Container runtime of the nodes; determines the event texts and which platform is chosen
    #[arg(long, value_enum, default_value_t, value_name = "RUNTIME")]
    pub runtime: RuntimeArg,
    /// Images that will be pushed before you deploy, and can be absent now (repeatable; with or without a tag; * does
    /// not match a slash)
    #[arg(long, value_name = "GLOB")]
    pub expect_image: Vec<ExpectedImages>,
}

/// Options that supply credentials.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Credentials")]
pub struct CredentialArgs {
    /// Contents of the cluster's pull secrets: a docker config.json, or - for standard input (or its content, raw or
    /// base64, in PULLCHECK_DOCKERCONFIGJSON). It is used for every pull secret that the inputs name but do not
    /// contain, and in place of nodes that authenticate on their own
    #[arg(long, value_name = "FILE")]
    pub dockerconfigjson: Option<PathBuf>,
    /// Hosts to which credentials under a wildcard key of that file can be sent (repeatable)
    #[arg(long, value_name = "GLOB")]
    pub credential_hosts: Vec<String>,
}

/// Options for connections to registries.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Registry")]
pub struct RegistryArgs {
    /// Contact no registry, and check only the manifests
    #[arg(long)]
    pub offline: bool,
    /// Trust this additional certificate authority (PEM, repeatable)
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Vec<PathBuf>,
    /// Client certificate for registries that require one (PEM; with --client-key)
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// Private key of --client-cert (PEM, without a passphrase)
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
    /// Do not verify the certificate of this host (repeatable)
    #[arg(long, value_name = "HOST[:PORT]")]
    pub insecure_skip_tls_verify: Vec<HostPattern>,
    /// Use HTTP without TLS for this registry (repeatable)
    #[arg(long, value_name = "HOST[:PORT]")]
    pub plain_http: Vec<HostPattern>,
    /// Connect to another address for this host (repeatable)
    #[arg(long, value_name = "HOST[:PORT]=ADDR:PORT")]
    pub connect_to: Vec<ConnectTo>,
    /// Mirror that the nodes try before the registry itself, with the registry's credentials (repeatable, tried in
    /// this order)
    #[arg(long, value_name = "HOST[:PORT]=URL")]
    pub mirror: Vec<Mirror>,
    /// The nodes' containerd registry configuration, /etc/containerd/certs.d: mirrors and certificates from
    /// hosts.toml. Cannot be used with --runtime cri-o, which does not read it (repeatable)
    #[arg(long, value_name = "DIR")]
    pub certs_dir: Vec<PathBuf>,
    /// How deeply to check an image; deeper levels find faults that a HEAD request hides, but each image counts as a
    /// pull on Docker Hub
    #[arg(long, value_enum, default_value_t, value_name = "DEPTH")]
    pub depth: DepthArg,
}

/// Limits of requests and times, and the cache.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits and cache")]
pub struct LimitArgs {
    /// Time limit for one image, including retries
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration)]
    pub timeout: Duration,
    /// Time limit for one connection
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub connect_timeout: Duration,
    /// Time limit for the whole run
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = duration)]
    pub deadline: Duration,
    /// Maximum number of concurrent requests
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = at_least_one)]
    pub concurrency: usize,
    /// Maximum number of concurrent requests to one host
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = at_least_one)]
    pub host_concurrency: usize,
    /// Number of retries after a connection reset, a refused connection, or a 5xx response
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub retries: u32,
    /// Request everything again, regardless of what earlier runs found
    #[arg(long)]
    pub no_cache: bool,
    /// How long to remember that an image was found; 0 requests it every time
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub cache_ttl: Duration,
}

/// Options that select what is reported, and what fails the run.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Rules")]
pub struct RuleArgs {
    /// Report findings of this rule as errors; `all` means every enabled rule (repeatable)
    #[arg(long, value_name = "RULE")]
    pub deny: Vec<String>,
    /// Report findings of this rule as warnings; turns on a rule that is off (repeatable)
    #[arg(long, value_name = "RULE")]
    pub warn: Vec<String>,
    /// Report findings of this rule as notes (repeatable)
    #[arg(long, value_name = "RULE")]
    pub note: Vec<String>,
    /// Turn off this rule (repeatable)
    #[arg(long, value_name = "RULE")]
    pub allow: Vec<String>,
    /// Warn about images whose compressed size exceeds this, and about pods whose images together exceed it [default:
    /// 2GiB, if `large-image` is on]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_image_size: Option<u64>,
    /// Lowest severity that makes the run fail, with exit status 1
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    pub fail_on: FailOn,
    /// Exit with 4 if an image could not be verified, or the chart of a release was not rendered
    #[arg(long)]
    pub fail_on_unverified: bool,
    /// File with known findings, which are counted but not reported and do not fail the run. Its paths are relative to
    /// the current folder
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write the findings of this run to a baseline file, and exit with 0; --baseline is ignored
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list_images", "explain", "list_rules"])]
    pub write_baseline: Option<PathBuf>,
    /// Ignore suppression comments and annotations (use for untrusted pull requests)
    #[arg(long)]
    pub no_suppressions: bool,
}

/// Options for the report.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Report format [default: human, or github in GitHub Actions]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<FormatArg>,
    /// Also write a report to a file; - replaces the default report on standard output (repeatable)
    #[arg(long, value_name = "FORMAT=FILE")]
    pub output: Vec<OutputArg>,
    /// List all images instead of checking them
    #[arg(long)]
    pub list_images: bool,
    /// List each image once in each group, with the number of its uses
    #[arg(long, value_enum, value_name = "GROUP", requires = "list_images")]
    pub by: Option<GroupingArg>,
    /// When to use color; NO_COLOR and CLICOLOR_FORCE are respected
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// Print findings and errors, but no summary, hints, or progress; JSON is not affected
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print every finding in full. On standard error, print the requests and retries for each host, how long they
    /// took, and why a host was given up
    #[arg(short, long)]
    pub verbose: bool,
    /// Show no progress bar (none is shown in CI, or if standard error is not a terminal)
    #[arg(long)]
    pub no_progress: bool,
}

/// Options for the configuration file.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Configuration")]
pub struct ConfigArgs {
    /// Configuration file [default: .pullcheck.yaml in this folder or above, within the Git repository]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Do not look for a configuration file
    #[arg(long, conflicts_with = "config")]
    pub no_config: bool,
    /// Print the effective configuration and where each value came from, as a file for --config
    #[arg(long)]
    pub print_config: bool,
}

/// Options that print information about the program instead of a run.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Help")]
pub struct HelpArgs {
    /// Explain a rule: what it reports, why the pull fails, and what to change
    #[arg(long, value_name = "RULE")]
    pub explain: Option<String>,
    /// List all rules
    #[arg(long)]
    pub list_rules: bool,
    /// Print the completion script for a shell
    #[arg(long, value_enum, value_name = "SHELL")]
    pub completions: Option<Shell>,
    /// Print all options
    #[arg(long, action = ArgAction::HelpShort)]
    pub help: Option<bool>,
    /// Print the common options
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
    /// One HEAD request for the manifest, as the runtime resolves a name; If the platforms of the nodes are known, the
    /// index is read, and the image for each platform is requested too.
    #[default]
    Head,
    /// The manifest, the image for each platform, and its configuration are read.
    Manifest,
    /// Each layer is requested too.
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
    fn platform_option_accepts_lists_and_repetition() {
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
            ("amd64", "`amd64` is not a platform: expected OS/ARCH[/VARIANT], for example linux/amd64"),
            ("linux/amd64,", "`` is not a platform"),
            ("darwin/arm64", "`darwin/arm64`: no node runs `darwin`; use linux or windows"),
            ("linux/amd46", "`linux/amd46`: unknown architecture `amd46`"),
            ("linux/arm/big", "`linux/arm/big`: unknown variant `big` of arm"),
            ("linux/amd64/", "`linux/amd64/` is not a platform"),
        ] {
            let error = platforms(&["--platform", text]).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn command_line_definition_is_valid() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }
}
