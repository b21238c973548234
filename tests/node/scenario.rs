//! The scenarios as they are written: `scenarios/*.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A node that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    Containerd2_4,
    Containerd1_7,
    Crio,
}

impl Node {
    pub(crate) const ALL: [Self; 3] = [Self::Containerd2_4, Self::Containerd1_7, Self::Crio];

    /// Its runtime, as the scenarios name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Containerd2_4 => "containerd-2.4.2",
            Self::Containerd1_7 => "containerd-1.7.35",
            Self::Crio => "cri-o-1.36.3",
        }
    }

    /// The same for `--runtime`.
    pub(crate) const fn runtime(self) -> &'static str {
        match self {
            Self::Containerd2_4 => "containerd",
            Self::Containerd1_7 => "containerd-1",
            Self::Crio => "cri-o",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|node| node.name() == name)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioFile {
    /// Worlds that several scenarios have.
    #[serde(default)]
    world: BTreeMap<String, Vec<Host>>,
    #[serde(default)]
    scenario: Vec<Scenario>,
}

/// Manifests, the registries that the node finds, and what it made of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Scenario {
    pub(crate) id: String,
    /// What is to be seen.
    #[serde(default)]
    pub(crate) note: String,
    /// A world by name, instead of hosts.
    world: Option<String>,
    #[serde(default, rename = "host")]
    pub(crate) hosts: Vec<Host>,
    /// Options of pullcheck that say what the node is.
    #[serde(default)]
    pub(crate) args: Vec<String>,
    /// YAML.
    pub(crate) manifests: String,
    /// The node's `certs.d`: the text of `hosts.toml` by folder.
    #[serde(default)]
    pub(crate) hosts_toml: BTreeMap<String, String>,
    /// By node, or under `all`.
    #[serde(default)]
    node: BTreeMap<String, Answers>,
    /// The name of its file.
    #[serde(skip)]
    pub(crate) group: String,
}

/// One host.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Host {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) auth: Auth,
    /// The users that may read; all of them where none is named.
    pub(crate) readers: Option<Vec<String>>,
    /// Repositories that everyone may read.
    #[serde(default)]
    pub(crate) public: Vec<String>,
    /// What the token endpoint answers who names no user.
    #[serde(default = "unauthorized")]
    pub(crate) anonymous: u16,
    /// What the token endpoint answers to POST, where it is no 200.
    pub(crate) post: Option<u16>,
    /// What the token endpoint answers to everything.
    pub(crate) token: Option<Reply>,
    /// By default `https://NAME/token`.
    pub(crate) realm: Option<String>,
    /// By default the name.
    pub(crate) service: Option<String>,
    /// Whether a token that does not do is answered with `error="insufficient_scope"`.
    #[serde(default = "yes")]
    pub(crate) scope_error: bool,
    #[serde(default)]
    pub(crate) certificate: Certificate,
    #[serde(default)]
    pub(crate) images: Images,
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
}

/// How a host guards its repositories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Auth {
    #[default]
    None,
    Basic,
    Bearer,
}

/// The certificate that a host shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Certificate {
    #[default]
    Good,
    UnknownCa,
    Expired,
    Future,
    WrongName,
}

/// The images of a host by `REPOSITORY:TAG`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Images {
    Set(ImageSet),
    Each(BTreeMap<String, Recipe>),
}

impl Default for Images {
    fn default() -> Self {
        Self::Each(BTreeMap::new())
    }
}

/// Images that many hosts have.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ImageSet {
    /// `team/app` with `1`, a Docker image, `2`, an OCI image, `multi`, an index, and `list`, a manifest list.
    Standard,
}

/// How an image is made. Exactly one of the first six is given; two recipes that are alike make the same bytes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Recipe {
    /// A Docker image of this seed.
    pub(crate) docker: Option<String>,
    /// An OCI image of this seed.
    pub(crate) oci: Option<String>,
    /// An OCI index of images of this seed, one for each of `platforms`.
    pub(crate) index: Option<String>,
    /// A Docker manifest list of the same.
    pub(crate) list: Option<String>,
    /// An OCI index of these.
    pub(crate) entries: Option<Vec<Entry>>,
    pub(crate) artifact: Option<Artifact>,
    /// This text as a manifest of type `media-type`.
    pub(crate) text: Option<String>,
    #[serde(default)]
    pub(crate) media_type: String,
    #[serde(default)]
    pub(crate) platforms: Vec<String>,
    /// `linux/amd64` by default.
    pub(crate) platform: Option<String>,
    #[serde(default)]
    pub(crate) layer: Compression,
    /// The layer's media type.
    pub(crate) layer_type: Option<String>,
    /// The configuration's text.
    pub(crate) config: Option<String>,
    /// Bytes of an annotation.
    #[serde(default)]
    pub(crate) padding: usize,
    /// The manifest has no field `mediaType`.
    #[serde(default)]
    pub(crate) no_media_type: bool,
    /// The registry lacks what the index lists.
    #[serde(default)]
    pub(crate) without_children: bool,
    /// What `Content-Type` says.
    pub(crate) content_type: Option<String>,
    /// What `Docker-Content-Digest` says; `none`: it is not sent.
    pub(crate) digest_header: Option<String>,
    /// HEAD is answered without `Content-Length`.
    #[serde(default)]
    pub(crate) no_length: bool,
}

/// One image of an index.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) image: Recipe,
    pub(crate) platform: Option<String>,
}

/// What is no image.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Artifact {
    Helm,
    Schema1,
}

/// How a layer is packed.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    #[default]
    Gzip,
    Zstd,
}

/// An exception to what a host would answer. The first one that fits counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    #[serde(default)]
    pub(crate) when: When,
    pub(crate) then: Then,
}

/// All of it has to fit.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct When {
    pub(crate) method: Option<String>,
    /// `https` or `http`.
    pub(crate) scheme: Option<String>,
    /// Part of the path.
    pub(crate) path: Option<String>,
    /// There is an `Authorization`, which begins with this.
    pub(crate) with: Option<String>,
    /// There is no `Authorization` that begins with this.
    pub(crate) without: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Then {
    Answer(Reply),
    /// Status and target, in which `{path}` is the path that was asked for.
    Redirect(u16, String),
    /// The connection is closed.
    Close,
    /// This path stands for `/v2` of the registry's API, which is nowhere else.
    Under(String),
}

/// An answer as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) body: String,
    /// Code and message of a registry's error, instead of a body.
    pub(crate) error: Option<(String, String)>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Answers {
    /// One for each image.
    Each(Vec<NodeAnswer>),
    One(NodeAnswer),
}

/// What a node made of an image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum NodeAnswer {
    Pulls(Pulls),
    Fails(Failure),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pulls {
    Pulls,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failure {
    /// The container's `state.waiting.reason`.
    pub(crate) reason: String,
    /// The event's text.
    pub(crate) text: String,
}

fn yes() -> bool {
    true
}

fn unauthorized() -> u16 {
    401
}

impl Scenario {
    /// What a node made of each image, in the order of init containers, containers and volumes; `None` where it was not
    /// asked.
    pub(crate) fn answers(&self, node: Node) -> Option<Vec<NodeAnswer>> {
        Some(match self.node.get(node.name()).or_else(|| self.node.get("all"))? {
            Answers::One(answer) => vec![answer.clone()],
            Answers::Each(answers) => answers.clone(),
        })
    }
}

/// This folder.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node")
}

pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// All scenarios, by group and in their order.
pub(crate) fn scenarios() -> Result<Vec<Scenario>, String> {
    let folder = folder().join("scenarios");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let mut worlds = BTreeMap::new();
    let mut scenarios = Vec::new();
    for path in paths {
        let mut file: ScenarioFile = read(&path)?;
        worlds.append(&mut file.world);
        let group = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        scenarios.extend(file.scenario.into_iter().map(|scenario| Scenario { group: group.clone(), ..scenario }));
    }
    for scenario in &mut scenarios {
        if let Some(name) = &scenario.world {
            let world = worlds.get(name).ok_or_else(|| format!("{}: there is no world {name:?}", scenario.id))?;
            scenario.hosts.extend(world.iter().cloned());
        }
        let unknown = scenario.node.keys().find(|name| *name != "all" && Node::named(name).is_none());
        if let Some(name) = unknown {
            return Err(format!("{}: there is no node {name:?}", scenario.id));
        }
    }
    Ok(scenarios)
}

/// The README has a row for each node, with the counts of these.
pub(crate) fn are_counted(scenarios: &[Scenario]) -> Result<(), String> {
    let path = folder().join("README.md");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    for node in Node::ALL {
        let asked: Vec<_> = scenarios.iter().filter_map(|scenario| scenario.answers(node)).collect();
        let images: Vec<_> = asked.iter().flatten().collect();
        let pulled = images.iter().filter(|answer| matches!(answer, NodeAnswer::Pulls(_))).count();
        let (all, failed) = (images.len(), images.len() - pulled);
        let row = format!("| {} | {} | {all} | {pulled} | {failed} |", node.name(), asked.len());
        if !text.lines().any(|line| line == row) {
            return Err(format!("README.md lacks this row: {row}"));
        }
    }
    Ok(())
}
