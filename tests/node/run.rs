//! What pullcheck says of a scenario: in this process, over real sockets of loopback.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use pullcheck::check;
use pullcheck::input::gather;
use pullcheck::inventory::ReadOptions;
use pullcheck::options::Options;
use pullcheck::options::config::Invocation;
use pullcheck::registry::{Client, ClientOptions, Concurrency, ConnectTo, Lookup, Progress, Proxies, Resolving};
use pullcheck::report::ImageReport;
use pullcheck::text::source::{Encoding, Source};
use pullcheck_support::{Authority, Site};

use crate::placeholders::fill;
use crate::registry_hosts::World;
use crate::scenario::{Node, Scenario};

/// How much is read of each image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Depth {
    /// What HEAD of the manifest shows.
    Head,
    /// Manifests and configurations as well.
    Manifest,
    /// Everything that a node fetches.
    Layers,
}

impl Depth {
    pub(crate) const ALL: [Self; 3] = [Self::Head, Self::Manifest, Self::Layers];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Manifest => "manifest",
            Self::Layers => "layers",
        }
    }

    /// Its options.
    const fn args(self) -> &'static [&'static str] {
        match self {
            Self::Head => &[],
            Self::Manifest => &["--depth=manifest"],
            Self::Layers => &["--depth=layers"],
        }
    }
}

/// Names that lead to the test's hosts, whether a world has them or not: who is asked without being there says 404.
const NAMES: [&str; 9] = [
    "registry.acme.test",
    "mirror.acme.test",
    "mirror2.acme.test",
    "auth.acme.test",
    "sso.acme.test",
    "registry-1.docker.io",
    "auth.docker.io",
    "docker.io",
    "ghcr.io",
];

/// Ports with TLS.
pub(crate) const TLS_PORTS: [u16; 2] = [443, 5000];
/// Ports without.
pub(crate) const PLAIN_PORTS: [u16; 2] = [80, 5080];
/// Nobody listens here.
const DEAD_PORTS: [u16; 1] = [7777];

static AUTHORITY: LazyLock<Arc<Authority>> = LazyLock::new(Arc::default);

/// What is said of an image.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) verdict: &'static str,
    pub(crate) cause: Option<&'static str>,
    pub(crate) event: Option<String>,
}

/// What pullcheck says of each image, in the order of the manifests.
///
/// # Errors
/// It does not take the options, or the `hosts.toml`.
pub(crate) fn run(scenario: &Scenario, world: &Arc<World>, node: Node, depth: Depth) -> Result<Vec<Seen>, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let options = options(scenario, node, depth, folder.path())?;
    let here = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    let site =
        Site::start(&here, &here, Arc::clone(&AUTHORITY), Arc::clone(world)).map_err(|error| error.to_string())?;
    let client = client_options(options.client, &site);
    let text = fill(&scenario.manifests, world);
    let source = Source::new("scenario.yaml", text, Encoding::Utf8);
    let gathered = gather::gather_sources(vec![source], ReadOptions::default());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let report = runtime.block_on(async {
        let client = Client::with_lookup(client, Arc::new(NoNames)).map_err(|error| error.to_string())?;
        let prober = (&client, Concurrency { all: 64, per_registry: 8 });
        Ok::<_, String>(check::check(gathered, &options.settings, None, Some(prober), &Progress::default()).await.1)
    })?;
    runtime.shutdown_background();
    Ok(report.images.iter().map(seen).collect())
}

fn seen(image: &ImageReport) -> Seen {
    Seen { verdict: image.verdict.unwrap_or_default(), cause: image.cause, event: image.event.clone() }
}

/// The options, as on the command line of somebody who knows the node.
fn options(scenario: &Scenario, node: Node, depth: Depth, folder: &Path) -> Result<Options, String> {
    let mut words = vec!["pullcheck".to_owned(), "--no-config".to_owned(), format!("--runtime={}", node.runtime())];
    words.extend(depth.args().iter().map(ToString::to_string));
    words.extend(scenario.args.iter().cloned());
    // CRI-O reads no hosts.toml.
    if node != Node::Crio {
        write_hosts_toml(scenario, folder).map_err(|error| error.to_string())?;
        words.push(format!("--certs-dir={}", folder.display()));
    }
    let invocation = Invocation::new(words.into_iter().map(Into::into), None).map_err(|error| error.to_string())?;
    Options::try_from(invocation).map_err(|error| error.to_string())
}

/// The node's `certs.d`.
pub(crate) fn write_hosts_toml(scenario: &Scenario, folder: &Path) -> io::Result<()> {
    for (host, text) in &scenario.hosts_toml {
        // Where no file can have a colon in its name, containerd has another name for it.
        let name = match host.split_once(':') {
            Some((host, port)) if cfg!(windows) => format!("{host}_{port}_"),
            _ => host.clone(),
        };
        fs::create_dir_all(folder.join(&name))?;
        fs::write(folder.join(&name).join("hosts.toml"), text)?;
    }
    Ok(())
}

/// Every name leads to the test's sockets, whatever the port; and nothing is waited for.
fn client_options(client: ClientOptions, site: &Site) -> ClientOptions {
    let dead = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let ports = TLS_PORTS.map(|port| (port, site.tls()[0]));
    let ports = ports.into_iter().chain(PLAIN_PORTS.map(|port| (port, site.plain()[0])));
    let ports: Vec<_> = ports.chain(DEAD_PORTS.map(|port| (port, dead))).collect();
    let at = |name: &str, (port, address): &(u16, SocketAddr)| {
        let host = format!("{name}:{port}").parse().expect("a host and a port");
        ConnectTo { host, address: *address }
    };
    ClientOptions {
        connect_to: NAMES.iter().flat_map(|name| ports.iter().map(|port| at(name, port))).collect(),
        ca_certs: vec![AUTHORITY.pem().as_bytes().to_vec()],
        retry_delay: Duration::from_millis(1),
        proxies: Proxies::Off,
        ..client
    }
}

/// No name leads off this machine; the others do not exist.
struct NoNames;

impl Lookup for NoNames {
    fn lookup(&self, _: &str) -> Resolving {
        Box::pin(std::future::ready(Err(io::Error::other("Name or service not known"))))
    }
}
