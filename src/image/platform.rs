//! Platforms of nodes and index entries, and which entry of an index a node pulls.
//!
//! There are three matchers, since the runtimes differ. containerd's local pull takes what the node can run
//! (`platforms.Only`). Its transfer service takes only the node's own platform (`platforms.Ordered`). CRI-O compares
//! the written values. Follows `database.go`, `platforms.go` and `compare.go` of containerd/platforms v1.0.0-rc.1
//! (containerd 2.0 and 2.1), and `internal/pkg/platform/platform_matcher.go` of containers/image 5.36 (the same in
//! go.podman.io/image 5.38). Builds of Windows (`os.version`) and `os.features` are ignored.

use std::fmt;
use std::str::FromStr;

use crate::image::runtime::Runtime;

/// The operating systems of nodes.
pub const SYSTEMS: [&str; 2] = ["linux", "windows"];

/// The architectures of nodes, in Go's names: those that Kubernetes is released for, and those that others build it
/// for.
pub const ARCHITECTURES: [&str; 11] =
    ["amd64", "arm64", "arm", "ppc64le", "s390x", "riscv64", "loong64", "386", "mips64le", "mipsle", "ppc64"];

/// `os/arch[/variant]`, as an index entry or an operator writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    /// Operating system: `linux`, `windows`.
    pub os: String,
    /// Architecture in Go's terms: `amd64`, `arm64`.
    pub architecture: String,
    /// Variant, empty if there is none: `v7`.
    pub variant: String,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

impl Platform {
    /// Creates a platform from its parts.
    pub fn new(os: &str, architecture: &str, variant: &str) -> Self {
        Self { os: os.to_owned(), architecture: architecture.to_owned(), variant: variant.to_owned() }
    }

    /// The normalized spelling that containerd compares. An entry without an operating system has that of the node
    /// which reads it, `host`.
    fn normalized(&self, host: &str) -> Self {
        let os = match lower(if self.os.is_empty() { host } else { &self.os }) {
            os if os == "macos" => "darwin".to_owned(),
            os => os,
        };
        let (architecture, variant) = (lower(&self.architecture), lower(&self.variant));
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("i386", _) => ("386", ""),
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64" | "amd64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
            ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
            ("aarch64" | "arm64", variant) => ("arm64", variant),
            ("armhf", _) => ("arm", "v7"),
            ("armel", _) => ("arm", "v6"),
            ("arm", "" | "7") => ("arm", "v7"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "6") => ("arm", "v6"),
            ("arm", "8") => ("arm", "v8"),
            other => other,
        };
        Self { os, architecture: architecture.to_owned(), variant: variant.to_owned() }
    }
}

/// The preference of a runtime's node for an entry: the lowest rank in an index is chosen. `None` if the node never
/// takes it. An entry *without* a platform is a candidate for every runtime, after all that have one.
pub fn rank(runtime: Runtime, node: &Platform, entry: &Platform) -> Option<u32> {
    match runtime {
        Runtime::Crio => literal(node, entry),
        Runtime::ContainerdOne => only(node, entry),
        _ => ordered(node, entry).then_some(0),
    }
}

/// Whether a node of a runtime takes an entry at all.
pub fn matches(runtime: Runtime, node: &Platform, entry: &Platform) -> bool {
    rank(runtime, node, entry).is_some()
}

/// Whether the code of an image can run on a node, whatever the runtime's checks. Variants are ignored, as an image's
/// configuration rarely contains them.
pub fn runs(node: &Platform, image: &Platform) -> bool {
    let host = host_of(node);
    let (node, image) = (node.normalized(host), image.normalized(host));
    let also = matches!((&*node.architecture, &*image.architecture), ("amd64", "386") | ("arm64", "arm"));
    node.os == image.os && (node.architecture == image.architecture || also)
}

/// Why a text is not the platform of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// The text does not have two or three parts.
    #[error("`{0}` is not a platform: expected OS/ARCH[/VARIANT], for example linux/amd64")]
    Form(String),
    /// No node has this operating system.
    #[error("`{0}`: no node runs `{1}`; use linux or windows")]
    System(String, String),
    /// No node has this architecture.
    #[error("`{0}`: unknown architecture `{1}`; use its name in Go, for example amd64 or arm64")]
    Architecture(String, String),
    /// The architecture has no such variant.
    #[error("`{0}`: unknown variant `{1}` of {2}")]
    Variant(String, String, String),
}

impl FromStr for Platform {
    type Err = PlatformError;

    /// Parses the platform of a node, as an operator writes it, in the spelling of its labels. A variant is kept only
    /// for 32-bit ARM: on other nodes, runtimes detect none (`cpuinfo.go`), or always the same (`v8` of arm64), so no
    /// node takes an entry for `amd64/v3`.
    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts.as_slice() {
            [os, architecture] => (*os, *architecture, ""),
            [os, architecture, variant] if !variant.is_empty() => (*os, *architecture, *variant),
            _ => return Err(PlatformError::Form(text.to_owned())),
        };
        if os.is_empty() || architecture.is_empty() {
            return Err(PlatformError::Form(text.to_owned()));
        }
        let normalized = Self::new(os, architecture, variant).normalized("linux");
        if !SYSTEMS.contains(&&*normalized.os) {
            return Err(PlatformError::System(text.to_owned(), os.to_owned()));
        }
        if !ARCHITECTURES.contains(&&*normalized.architecture) {
            return Err(PlatformError::Architecture(text.to_owned(), architecture.to_owned()));
        }
        let is_version = version_of(&normalized.variant).is_some() || arm64_versions(&normalized.variant).is_some();
        if !normalized.variant.is_empty() && !is_version {
            let architecture = normalized.architecture;
            return Err(PlatformError::Variant(text.to_owned(), variant.to_owned(), architecture));
        }
        // A missing variant is unknown: a node of `arm` can be of any version.
        let is_open = variant.is_empty() && architecture.eq_ignore_ascii_case("arm");
        let variant = if normalized.architecture == "arm" && !is_open { normalized.variant } else { String::new() };
        Ok(Self { variant, ..normalized })
    }
}

/// `platforms.Ordered(node)`: the node's own platform, in any spelling.
fn ordered(node: &Platform, entry: &Platform) -> bool {
    let host = host_of(node);
    node.normalized(host) == entry.normalized(host)
}

/// `platforms.Only(node)`: the platforms that the node can run, its own first. The rank is the entry's place in
/// `platformVector`. It is computed without building the vector, because its length depends on the operator's input.
fn only(node: &Platform, entry: &Platform) -> Option<u32> {
    let host = host_of(node);
    let (node, entry) = (node.normalized(host), entry.normalized(host));
    if node.os != entry.os {
        return None;
    }
    let same = entry.architecture == node.architecture;
    match node.architecture.as_str() {
        "amd64" => {
            let own = version_of(&node.variant).filter(|version| *version > 1);
            let below = || match own {
                // The last element of the vector, v1, is compared as the empty variant.
                Some(own) if entry.variant.is_empty() => Some(own - 1),
                Some(own) => steps_down(own, &entry.variant, 2),
                None => None,
            };
            match (entry.architecture.as_str(), entry.variant.as_str()) {
                ("386", "") => Some(own.unwrap_or(1)),
                _ if !same => None,
                (_, variant) if variant == node.variant => Some(0),
                _ => below(),
            }
        }
        "arm" if same => arm(&node.variant, &entry.variant),
        "arm64" => {
            let versions = arm64_versions(&node.variant)?;
            let own = versions.iter().position(|version| *version == entry.variant);
            match entry.architecture.as_str() {
                "arm64" => own.map(|at| at as u32),
                "arm" => arm("v8", &entry.variant).map(|at| at + versions.len() as u32),
                _ => None,
            }
        }
        _ => (same && entry.variant == node.variant).then_some(0),
    }
}

/// The rank on 32-bit ARM, which runs images for its own version and for any version down to 5.
fn arm(node: &str, entry: &str) -> Option<u32> {
    if node == entry {
        return Some(0);
    }
    steps_down(version_of(node).filter(|version| *version > 5)?, entry, 5)
}

/// How far a variant `vN` is below version `own`, down to `least`; `None` if it is not.
fn steps_down(own: u32, variant: &str, least: u32) -> Option<u32> {
    let version: u32 = variant.strip_prefix('v')?.parse().ok()?;
    let below = (least..own).contains(&version) && *variant == format!("v{version}");
    below.then(|| own - version)
}

/// The number of a variant, by `strconv.Atoi` after an optional `v`: it accepts a sign.
fn version_of(variant: &str) -> Option<u32> {
    let version: i64 = variant.strip_prefix('v').unwrap_or(variant).parse().ok()?;
    u32::try_from(version.clamp(0, i64::from(u32::MAX))).ok()
}

/// The variants of arm64 that a node of `variant` runs, its own first, normalized: v9.x runs v8.0 to v8.(x+5) too. A
/// variant that containerd does not know runs nothing, not even itself.
fn arm64_versions(variant: &str) -> Option<Vec<String>> {
    let (major, minor) = match variant {
        "" => (8, 0),
        "v9" => (9, 0),
        _ => {
            let (major, minor) = variant.strip_prefix('v')?.split_once('.')?;
            (major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?)
        }
    };
    let known = matches!((major, minor), (8, 0..=9) | (9, 0..=7));
    let spelt = [String::new(), format!("v{major}"), format!("v{major}.{minor}")].iter().any(|text| text == variant);
    if !known || !spelt {
        return None;
    }
    let down = |major: u32, from: u32| {
        (0..=from).rev().map(move |minor| match (major, minor) {
            (8, 0) => String::new(),
            (major, 0) => format!("v{major}"),
            (major, minor) => format!("v{major}.{minor}"),
        })
    };
    Some(match major {
        8 => down(8, minor).collect(),
        _ => down(9, minor).chain(down(8, (minor + 5).min(9))).collect(),
    })
}

/// CRI-O: an exact comparison. An ARM node takes the variants that are known to run there, and no variant at all. A
/// node whose variant is not known takes any.
fn literal(node: &Platform, entry: &Platform) -> Option<u32> {
    if (&node.os, &node.architecture) != (&entry.os, &entry.architecture) {
        return None;
    }
    let known: &[&str] = match node.architecture.as_str() {
        "arm" => &["v8", "v7", "v6", "v5"],
        "arm64" => &["v8"],
        _ => &[],
    };
    let own = node.variant.as_str();
    let wanted: Vec<&str> = match known.iter().position(|variant| *variant == own) {
        _ if own.is_empty() => std::iter::once("").chain(known.iter().copied()).collect(),
        Some(at) => known.iter().skip(at).copied().chain([""]).collect(),
        None => vec![own, ""],
    };
    wanted.iter().position(|variant| *variant == entry.variant).map(|at| at as u32)
}

/// The operating system used for an empty one: `runtime.GOOS` of the runtime.
fn host_of(node: &Platform) -> &str {
    if node.os.is_empty() { "linux" } else { &node.os }
}

/// `strings.ToLower`: each character by its simple mapping, whatever its context.
fn lower(text: &str) -> String {
    text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}
