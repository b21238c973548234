//! The meaning of the command line: files are read, the environment is consulted, and nothing is left to decide.
#![expect(clippy::disallowed_methods, reason = "options are where files and environment come in")]

use std::borrow::Cow;
use std::env;
use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::credential::dockerconfig::{DockerConfig, Format as ConfigFormat};
use crate::credential::sensitive::Sensitive;
use crate::error::UsageError;
use crate::findings::finding::Severity;
use crate::image::runtime::Runtime;
use crate::input::credential_helper::Helpers;
use crate::input::load::WalkOptions;
use crate::input::render::{self, RenderOptions};
use crate::inventory::Inventory;
use crate::kubelet::cluster::ClusterFacts;
use crate::kubelet::operator::Named;
use crate::kubelet::operator::NodeCredentials;
use crate::kubelet::operator::OperatorFacts;
use crate::kubelet::operator::SuppliedSecret;
use crate::kubelet::probe::plan::Depth;
use crate::options::args::{
    Args, ClusterArgs, Color, DepthArg, FailOn, LimitArgs, RegistryArgs, RenderArgs, RuleArgs, RuntimeArg,
};
use crate::options::baseline_file;
use crate::options::config::{self, Invocation, Layers, Policy};
use crate::options::fetch;
use crate::options::outputs::Outputs;
use crate::options::values::PullSecretFile;
use crate::output::{Format, Grouping, Style};
use crate::registry::chart::FetchOptions;
use crate::registry::{CertsDir, ClientOptions, Identity};
use crate::resource::workload::custom::kind::CustomKind;
use crate::rules::Settings;
use crate::rules::engine::levels::{Level, Levels};
use crate::text::go::base64;
use crate::text::source::Sources;

/// The environment variable with the operator's dockerconfigjson, raw or base64.
const DOCKERCONFIGJSON_VARIABLE: &str = "PULLCHECK_DOCKERCONFIGJSON";

/// Largest configuration that is read, in bytes: a Secret contains 1 MiB at most.
const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// The task of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Check the inputs and report.
    Check,
    /// List the images: `--list-images`.
    ListImages,
    /// Show the page of a rule: `--explain`.
    Explain(String),
    /// List all rules: `--list-rules`.
    ListRules,
}

/// All settings of a run.
#[derive(Debug)]
pub struct Options {
    /// The task of the run.
    pub task: Task,
    /// The groups of the list of images; `None` if each use is listed.
    pub grouping: Option<Grouping>,
    /// The inputs: files, folders, globs, `-`.
    pub paths: Vec<String>,
    /// How to walk folders.
    pub walk: WalkOptions,
    /// How to render charts and kustomizations; `None` if they are not rendered.
    pub render: Option<RenderOptions>,
    /// Also parse ConfigMaps and CustomResourceDefinitions.
    pub parse_all: bool,
    /// Kinds that the configuration defines.
    pub kinds: Vec<CustomKind>,
    /// Whether a run without anything to check succeeds.
    pub allow_empty: bool,
    /// The settings of rules and of resolution.
    pub settings: Settings,
    /// The levels of rules, file by file.
    pub layers: Layers,
    /// The contents of the cluster's pull secrets, as supplied by the operator.
    pub supplied: Option<DockerConfig>,
    /// The credential helpers that its file names.
    pub helpers: Helpers,
    /// How to reach registries.
    pub client: ClientOptions,
    /// How long a lookup that found an image stays cached; 0 if nothing is cached.
    pub cache_time_to_live: Duration,
    /// The lowest severity of findings that fail the run.
    pub fail_on: FailOn,
    /// Whether unverified images fail the run.
    pub fail_on_unverified: bool,
    /// The formats and destinations of the reports.
    pub outputs: Outputs,
    /// The baseline that was read.
    pub baseline: Option<PathBuf>,
    /// The baseline to write.
    pub write_baseline: Option<PathBuf>,
    /// The file for a job summary, with the format `github`.
    pub job_summary: Option<PathBuf>,
    /// When to use color.
    pub color: Color,
    /// Findings and errors only.
    pub quiet: bool,
    /// Print the traffic of each host.
    pub verbose: bool,
    /// Show no progress bar.
    pub no_progress: bool,
}

impl TryFrom<Args> for Options {
    type Error = UsageError;

    fn try_from(args: Args) -> Result<Self, UsageError> {
        Self::new(args, &Policy::default())
    }
}

impl TryFrom<Invocation> for Options {
    type Error = UsageError;

    fn try_from(invocation: Invocation) -> Result<Self, UsageError> {
        Self::new(invocation.args, &invocation.policy)
    }
}

impl Options {
    /// Combines a command line and the policy of a configuration.
    ///
    /// # Errors
    /// Options contradict each other, or name a file that cannot be read.
    pub fn new(args: Args, policy: &Policy) -> Result<Self, UsageError> {
        let Args { paths, inputs, render, cluster, credentials, registry, limits, rules, output, help, .. } = args;
        let task = match (help.explain, help.list_rules, output.list_images) {
            (Some(rule), ..) => Task::Explain(rule),
            (None, true, _) => Task::ListRules,
            (None, false, true) => Task::ListImages,
            (None, false, false) => Task::Check,
        };
        let reads_stdin = paths.iter().any(|path| path == "-");
        if reads_stdin && credentials.dockerconfigjson.as_deref() == Some(Path::new("-")) {
            return Err(UsageError::new("standard input can be read only once: as a manifest or as dockerconfigjson"));
        }
        let default = if is_github_actions() { Format::Github } else { Format::Human };
        let grouping = output.by.map(Grouping::from);
        let outputs = Outputs::new(output.format, output.output, task == Task::ListImages, default)?;
        if let Some(file) = rules.write_baseline.as_deref().filter(|file| outputs.has(file)) {
            let file = file.display();
            return Err(UsageError::new(format!(
                "--output, --write-baseline: a report and a baseline cannot both be written to {file}"
            )));
        }
        if !registry.certs_dir.is_empty() && cluster.runtime == RuntimeArg::Crio {
            let hint = "CRI-O does not read hosts.toml; declare the mirrors with --mirror";
            return Err(UsageError::new(format!("--certs-dir cannot be used with --runtime cri-o: {hint}")));
        }
        let layers = Layers::new(policy, Self::levels(&rules)?, Self::turned_on(&rules));
        let supplied = supplied(credentials.dockerconfigjson.as_deref())?;
        let baseline = match (&rules.baseline, &rules.write_baseline) {
            (Some(file), None) => Some((file.clone(), baseline_file::read(file)?)),
            _ => None,
        };
        let runtime = match cluster.runtime {
            RuntimeArg::Containerd => Runtime::Containerd,
            RuntimeArg::Containerd2_3 => Runtime::Containerd2_3,
            RuntimeArg::Containerd2_1 => Runtime::Containerd2_1,
            RuntimeArg::ContainerdOne => Runtime::ContainerdOne,
            RuntimeArg::Crio => Runtime::Crio,
        };
        let offline = registry.offline;
        let has_certs_dir = !registry.certs_dir.is_empty();
        let depth = registry.depth;
        let cache_time_to_live = if limits.no_cache { Duration::ZERO } else { limits.cache_ttl };
        let client = client_options(registry, limits, runtime)?;
        let fetch = render.fetch_charts.then(|| {
            let access = supplied.as_ref().map(|supplied| (&supplied.config, &supplied.helpers));
            let hosts = (&render.chart_hosts[..], &credentials.credential_hosts[..]);
            fetch::options(&client, access, hosts, cache_time_to_live)
        });
        if fetch.is_some() && offline {
            return Err(UsageError::new(fetch::OFFLINE));
        }
        let render = render_options(render, inputs.namespace.as_deref(), fetch)?;
        let settings = Settings {
            cluster: ClusterFacts {
                closed: cluster.closed,
                certs_dir: has_certs_dir,
                namespace: inputs.namespace,
                credential_hosts: credentials.credential_hosts,
                runtime,
                operator: operator_facts(cluster)?,
            },
            offline,
            supplied: supplied.is_some(),
            depth: match depth {
                DepthArg::Head => Depth::Head,
                DepthArg::Manifest => Depth::Manifest,
                DepthArg::Layers => Depth::Layers,
            },
            now: SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs()),
            levels: layers.base(),
            max_image_size: rules.max_image_size,
            no_suppressions: rules.no_suppressions,
            baseline: baseline.as_ref().map(|(_, baseline)| baseline.clone()),
            write_baseline: rules.write_baseline.is_some(),
            mutable_tags: policy.mutable_tags.clone(),
            allowed_registries: policy.allowed_registries.clone(),
            ..Settings::default()
        };
        Ok(Self {
            task,
            grouping,
            paths,
            walk: WalkOptions {
                exclude: inputs.exclude,
                hidden: inputs.hidden,
                no_ignore: inputs.no_ignore,
                stdin_filename: inputs.stdin_filename,
            },
            render,
            parse_all: inputs.parse_all,
            kinds: policy.kinds.clone(),
            allow_empty: inputs.allow_empty,
            settings,
            layers,
            supplied: supplied.as_ref().map(|supplied| supplied.config.clone()),
            helpers: supplied.map(|supplied| supplied.helpers).unwrap_or_default(),
            cache_time_to_live,
            client,
            fail_on: rules.fail_on,
            fail_on_unverified: rules.fail_on_unverified,
            outputs,
            baseline: baseline.map(|(file, _)| file),
            write_baseline: rules.write_baseline,
            job_summary: env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()).map(PathBuf::from),
            color: output.color,
            quiet: output.quiet,
            verbose: output.verbose,
            no_progress: output.no_progress,
        })
    }

    /// Returns the settings of a run over these sources.
    pub fn settings_of(&self, sources: &Sources) -> Cow<'_, Settings> {
        self.layers.settle(&self.settings, sources, &config::current_folder())
    }

    /// Returns the style of the report. A terminal gets Unicode, and color unless a setting turns it off.
    pub fn style(&self) -> Style {
        let terminal = io::stdout().is_terminal();
        let color = match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if set("NO_COLOR") => false,
            Color::Auto => terminal && env::var_os("TERM").is_none_or(|term| term != "dumb") || set("CLICOLOR_FORCE"),
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(env::var_os).find(|value| !value.is_empty());
        let utf8 = locale.is_none_or(|value| {
            let value = value.to_string_lossy().to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        });
        Style {
            color,
            unicode: terminal && (utf8 || cfg!(windows)),
            width: terminal.then(terminal_width).flatten(),
            full_from: match self.fail_on {
                _ if self.verbose => None,
                FailOn::Error | FailOn::Never => Some(Severity::Error),
                FailOn::Warning => Some(Severity::Warning),
                FailOn::Note => None,
            },
        }
    }

    /// Returns the levels of rules that the command line sets.
    ///
    /// # Errors
    /// A rule is unknown, or is given two severities.
    pub(crate) fn levels(args: &RuleArgs) -> Result<Levels, UsageError> {
        let mut levels = Levels::default();
        let options = [
            ("--deny", &args.deny, Level::At(Severity::Error)),
            ("--warn", &args.warn, Level::At(Severity::Warning)),
            ("--note", &args.note, Level::At(Severity::Note)),
            ("--allow", &args.allow, Level::Off),
        ];
        for (option, rules, level) in options {
            for rule in rules {
                levels.set(rule, level).map_err(|error| UsageError::new(format!("{option} {rule}: {error}")))?;
            }
        }
        Ok(levels)
    }

    /// Returns the rules that an option turns on.
    pub(crate) fn turned_on(args: &RuleArgs) -> Vec<&'static str> {
        args.max_image_size.iter().map(|_| "large-image").collect()
    }

    /// Whether the text given as a file name could be the configuration itself: JSON, base64, `user:password`.
    pub(crate) fn may_be_content(path: &Path) -> bool {
        let text = path.to_string_lossy();
        // Without the slash, so that the names of folders do not form one long word.
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '+' && c != '=');
        text.contains(['{', '"', ':', '\n']) || words.into_iter().any(|word| word.len() >= 24)
    }

    /// Whether to show progress: somebody is watching.
    pub fn shows_progress(&self) -> bool {
        let terminal = io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb");
        terminal && !self.quiet && !self.no_progress && !set("CI")
    }

    /// Returns every secret that the redactor must know: those of the operator's configurations (`supplied` is the
    /// one that credential helpers completed) and of the inputs' Secrets.
    pub fn secrets_of(&self, supplied: Option<&DockerConfig>, inventory: &Inventory) -> Vec<Sensitive> {
        let given = self.settings.cluster.operator.pull_secrets.iter().map(|given| &given.config);
        let supplied = supplied.into_iter().chain(given).flat_map(DockerConfig::secrets);
        let headers = self.client.certs_dir.secrets();
        supplied.chain(inventory.secret_texts.iter().cloned()).chain(headers).collect()
    }
}

fn render_options(
    args: RenderArgs,
    namespace: Option<&str>,
    fetch: Option<FetchOptions>,
) -> Result<Option<RenderOptions>, UsageError> {
    if !args.render {
        return Ok(None);
    }
    // Helm accepts addresses too, and fetches them.
    for file in &args.values {
        let name = || format!("--values {}", file.display());
        let metadata = fs::metadata(file).map_err(|error| UsageError::new(format!("{}: {error}", name())))?;
        if !metadata.is_file() {
            return Err(UsageError::new(format!("{}: it is not a regular file", name())));
        }
    }
    if let Some(name) = args.release_name.as_deref().filter(|name| !render::is_release_name(name)) {
        let hint = "Helm accepts lowercase letters, digits, `-`, and `.`, at most 53 characters";
        return Err(UsageError::new(format!("--release-name {name}: {hint}")));
    }
    Ok(Some(RenderOptions {
        values: args.values,
        set: args.set,
        release_name: args.release_name,
        namespace: namespace.map(str::to_owned),
        path: env::var_os("PATH").unwrap_or_default(),
        limits: render::RenderLimits::default(),
        fetch,
    }))
}

fn operator_facts(cluster: ClusterArgs) -> Result<OperatorFacts, UsageError> {
    let service_accounts = distinct("--service-account", cluster.service_account, |account| &account.named)?;
    let pull_secrets = pull_secrets(cluster.pull_secret)?;
    let node_credentials = NodeCredentials::new(&cluster.node_credentials);
    Ok(OperatorFacts {
        service_accounts,
        pull_secrets,
        assumed_secrets: cluster.assume_pull_secret,
        node_credentials: node_credentials.map_err(|error| UsageError::new(format!("--node-credentials: {error}")))?,
        expected_images: cluster.expect_image,
        always_pull_images: cluster.always_pull_images,
        platforms: cluster.platform,
    })
}

fn client_options(args: RegistryArgs, limits: LimitArgs, runtime: Runtime) -> Result<ClientOptions, UsageError> {
    let ca_certs = args.ca_cert.iter().map(|path| ca_cert(path)).collect::<Result<_, _>>()?;
    let client_cert = identity(args.client_cert.as_deref(), args.client_key.as_deref())?;
    let certs_dir = CertsDir::read(&args.certs_dir, runtime);
    Ok(ClientOptions {
        plain_http: args.plain_http,
        connect_to: args.connect_to,
        ca_certs,
        client_cert,
        insecure: args.insecure_skip_tls_verify,
        mirrors: args.mirror,
        certs_dir: certs_dir.map_err(|error| UsageError::new(format!("--certs-dir: {error}")))?,
        runtime,
        timeout: limits.timeout,
        connect_timeout: limits.connect_timeout,
        deadline: limits.deadline,
        concurrency: limits.concurrency,
        host_concurrency: limits.host_concurrency,
        retries: limits.retries,
        ..ClientOptions::default()
    })
}

/// The operator's registry configuration.
struct Supplied {
    config: DockerConfig,
    helpers: Helpers,
}

/// Whether the log is read by GitHub Actions, which obeys commands in it.
pub(crate) fn is_github_actions() -> bool {
    set("GITHUB_ACTIONS")
}

/// Whether an environment variable turns something on.
fn set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0")
}

/// Reads the operator's configuration: the option, otherwise the environment.
fn supplied(path: Option<&Path>) -> Result<Option<Supplied>, UsageError> {
    let (name, content) = match path {
        Some(path) => {
            let name = match Options::may_be_content(path) {
                true => {
                    "--dockerconfigjson (which takes a file; its value is not shown, as it could be a secret)".into()
                }
                false => format!("--dockerconfigjson {}", path.display()),
            };
            let read = if path == Path::new("-") { read_capped(io::stdin().lock()) } else { read_file(path) };
            let content = read.map_err(|error| UsageError::new(format!("{name}: {error}")))?;
            (name, content)
        }
        None => match env::var(DOCKERCONFIGJSON_VARIABLE) {
            Ok(content) if !content.trim().is_empty() => (DOCKERCONFIGJSON_VARIABLE.to_owned(), content.into_bytes()),
            Ok(_) | Err(env::VarError::NotPresent) => return Ok(None),
            Err(env::VarError::NotUnicode(_)) => {
                return Err(UsageError::new(format!("{DOCKERCONFIGJSON_VARIABLE} is not UTF-8")));
            }
        },
    };
    let (content, config) = docker_config(&name, content)?;
    Ok(Some(Supplied { config, helpers: Helpers::read(&content) }))
}

/// Reads a dockerconfigjson, raw or base64; returns its JSON too.
fn docker_config(name: &str, content: Vec<u8>) -> Result<(Vec<u8>, DockerConfig), UsageError> {
    let content = if content.trim_ascii_start().starts_with(b"{") {
        content
    } else {
        let hint = "is neither JSON nor base64-encoded JSON; expected the content of a docker config.json";
        let decoded = base64::decode(content.trim_ascii(), base64::Padding::Required);
        decoded.map_err(|_| UsageError::new(format!("{name} {hint}")))?.to_vec()
    };
    let config = DockerConfig::decode(&content, ConfigFormat::DockerConfigJson);
    match config {
        Ok(config) => Ok((content, config)),
        Err(error) => Err(UsageError::new(format!("{name} is not a dockerconfigjson: {error}"))),
    }
}

fn pull_secrets(files: Vec<PullSecretFile>) -> Result<Vec<SuppliedSecret>, UsageError> {
    let read = |PullSecretFile { named, file }| {
        let name = format!("--pull-secret {}", file.display());
        let content = read_file(&file).map_err(|error| UsageError::new(format!("{name}: {error}")))?;
        let (_, config) = docker_config(&name, content)?;
        Ok(SuppliedSecret { named, config, file: file.display().to_string() })
    };
    distinct("--pull-secret", files.into_iter().map(read).collect::<Result<_, _>>()?, |given| &given.named)
}

/// Refuses two values for one object: choosing one would be a guess.
fn distinct<T>(option: &str, values: Vec<T>, named: impl Fn(&T) -> &Named) -> Result<Vec<T>, UsageError> {
    for (at, value) in values.iter().enumerate() {
        if values[..at].iter().any(|other| named(other) == named(value)) {
            return Err(UsageError::new(format!("{option}: `{}` is given twice", named(value).name)));
        }
    }
    Ok(values)
}

fn ca_cert(path: &Path) -> Result<Vec<u8>, UsageError> {
    read_file(path).map_err(|error| UsageError::new(format!("--ca-cert {}: {error}", path.display())))
}

fn identity(certificate: Option<&Path>, key: Option<&Path>) -> Result<Option<Identity>, UsageError> {
    let (Some(certificate), Some(key)) = (certificate, key) else { return Ok(None) };
    let read = |option: &str, path: &Path| {
        read_file(path).map_err(|error| UsageError::new(format!("{option} {}: {error}", path.display())))
    };
    let identity = Identity::from_pem(&read("--client-cert", certificate)?, &read("--client-key", key)?);
    identity.map(Some).map_err(|error| {
        let (certificate, key) = (certificate.display(), key.display());
        UsageError::new(format!("--client-cert {certificate}, --client-key {key}: {error}"))
    })
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    read_capped(fs::File::open(path)?)
}

fn read_capped(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    reader.take(MAX_CONFIG_BYTES + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_CONFIG_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 4 MiB"));
    }
    Ok(content)
}

/// Returns the columns of the terminal; `COLUMNS` takes precedence if it is set.
fn terminal_width() -> Option<usize> {
    let columns = env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
}
