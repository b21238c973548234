//! Controllers that copy a Secret into other namespaces, as requested by annotations on the Secret.
//!
//! Follows emberstack/kubernetes-reflector v10.0.63 (`MirroringPropertiesExtensions.cs`: a pattern must match the
//! whole name), mittwald/kubernetes-replicator v2.12.4 (`replicate/common`: likewise), and the annotations in the
//! documentation of Rancher (project-scoped secrets) and kubeops/config-syncer.

use crate::text::placeholder::is_placeholder;
use crate::text::yaml::Node;
use crate::text::yaml::scalar::Scalar;

/// A controller that copies a Secret into namespaces other than that of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Copier {
    /// Annotations `reflector.v1.k8s.emberstack.com/…`.
    Reflector,
    /// Annotations `replicator.v1.mittwald.de/…`.
    Replicator,
    /// The annotation `field.cattle.io/projectId`: into every namespace in the project.
    Rancher,
    /// The annotation `kubed.appscode.com/sync`.
    ConfigSyncer,
    /// The External Secrets Operator, for a ClusterExternalSecret.
    ClusterExternalSecret,
    /// The operator of ClusterSecrets.
    ClusterSecret,
    /// Kyverno, through a `generate` rule.
    Kyverno,
    /// registry-creds, for a ClusterPullSecret.
    RegistryCreds,
}

impl Copier {
    /// The controller's name in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reflector => "reflector",
            Self::Replicator => "kubernetes-replicator",
            Self::Rancher => "Rancher",
            Self::ConfigSyncer => "config-syncer",
            Self::ClusterExternalSecret => "the External Secrets Operator",
            Self::ClusterSecret => "ClusterSecret",
            Self::Kyverno => "Kyverno",
            Self::RegistryCreds => "registry-creds",
        }
    }
}

/// The namespaces that a controller copies a Secret to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CopyTarget {
    /// The namespace with this name.
    Namespace(String),
    /// The namespaces whose whole name matches a pattern; `.*` in it matches any text.
    Matching(String),
    /// All namespaces.
    Everywhere,
    /// Namespaces that are not known from the inputs: selected by label or pattern, or on demand.
    Unknown,
}

/// The copies of a Secret that one controller makes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Copies {
    /// The controller that makes the copies.
    pub by: Copier,
    /// The namespaces that it copies the Secret to.
    pub to: Vec<CopyTarget>,
}

/// Whether and why a namespace has a Secret, in ascending order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presence {
    /// A controller may copy it there.
    Perhaps(Copier),
    /// A controller copies it there.
    Copied(Copier),
    /// The namespace is not known, so that any is possible.
    Possible,
    /// The Secret is created there.
    Made,
}

const REFLECTOR: &str = "reflector.v1.k8s.emberstack.com/";
const REPLICATOR: &str = "replicator.v1.mittwald.de/";

impl Copies {
    /// Reads the annotations of a Secret.
    pub(super) fn of_annotations(annotations: Option<Node<'_>>) -> Vec<Self> {
        let Some(annotations) = annotations else { return Vec::new() };
        let has = |key: &str| annotations.get(key).is_some();
        let mut copies: Vec<_> = [reflector(annotations), replicator(annotations)].into_iter().flatten().collect();
        if has("field.cattle.io/projectId") {
            copies.push(Self { by: Copier::Rancher, to: vec![CopyTarget::Unknown] });
        }
        if has("kubed.appscode.com/sync") {
            copies.push(Self { by: Copier::ConfigSyncer, to: vec![CopyTarget::Unknown] });
        }
        copies
    }

    /// Returns the controllers that may fill other Secrets with the content of a Secret with these annotations, and in
    /// which namespaces. The other Secrets name this one. Both controllers reject copies that are not allowed here.
    /// Without a list of namespaces, the reflector allows all (`MatchNamespace`), and the replicator none
    /// (`IsReplicationPermitted`).
    pub(super) fn lent(annotations: Option<Node<'_>>) -> Vec<Self> {
        let Some(annotations) = annotations else { return Vec::new() };
        let lent = |by: Copier, prefix: &str, key: &str| {
            let get = |key: &str| annotations.get(&format!("{prefix}{key}"));
            let allowed = get(key).is_some_and(is_true);
            let listed = get(&format!("{key}-namespaces")).and_then(Node::text).map(namespaces);
            let by_label = get(&format!("{key}-namespaces-selector")).map(|_| vec![CopyTarget::Unknown]);
            let unlisted = if by == Copier::Reflector { vec![CopyTarget::Everywhere] } else { Vec::new() };
            let to = by_label.or_else(|| listed.filter(|list| !list.is_empty())).unwrap_or(unlisted);
            allowed.then_some(Self { by, to })
        };
        let reflector = lent(Copier::Reflector, REFLECTOR, "reflection-allowed");
        reflector.into_iter().chain(lent(Copier::Replicator, REPLICATOR, "replication-allowed")).collect()
    }

    /// Returns how the copies reach a namespace, if they do. A `namespace` of `None` is not known.
    pub(super) fn presence(&self, namespace: Option<&str>) -> Option<Presence> {
        let reaches = |target: &CopyTarget| match (target, namespace) {
            (CopyTarget::Everywhere, _) => Some(Presence::Copied(self.by)),
            (CopyTarget::Namespace(to), Some(namespace)) => (to == namespace).then_some(Presence::Copied(self.by)),
            (CopyTarget::Matching(pattern), Some(namespace)) => {
                matches(pattern, namespace).then_some(Presence::Copied(self.by))
            }
            (CopyTarget::Unknown, _) | (CopyTarget::Namespace(_) | CopyTarget::Matching(_), None) => {
                Some(Presence::Perhaps(self.by))
            }
        };
        self.to.iter().filter_map(reaches).max()
    }
}

/// The Secret that another is filled from, as `namespace/name`, and the controller that does so.
pub(super) fn mirrored(annotations: Option<Node<'_>>) -> Option<(Copier, &str)> {
    let annotations = annotations?;
    let source = |by: Copier, key: &str| Some((by, annotations.str(key)?));
    source(Copier::Reflector, "reflector.v1.k8s.emberstack.com/reflects")
        .or_else(|| source(Copier::Replicator, "replicator.v1.mittwald.de/replicate-from"))
}

/// With `reflection-allowed`, a Secret may be mirrored if an object asks for it. With `reflection-auto-enabled` it is
/// mirrored into all allowed namespaces, or those in `reflection-auto-namespaces`.
fn reflector(annotations: Node<'_>) -> Option<Copies> {
    let get = |key: &str| annotations.get(&format!("{REFLECTOR}{key}"));
    if !get("reflection-allowed").is_some_and(is_true) {
        return None;
    }
    let listed = |key: &str| get(key).and_then(Node::text).map(namespaces).filter(|list| !list.is_empty());
    let allowed = listed("reflection-allowed-namespaces");
    let by_label =
        get("reflection-auto-namespaces-selector").is_some() || get("reflection-allowed-namespaces-selector").is_some();
    let to = if !get("reflection-auto-enabled").is_some_and(is_true) || by_label {
        allowed.unwrap_or_else(|| vec![CopyTarget::Unknown]).iter().map(|_| CopyTarget::Unknown).collect()
    } else {
        match (listed("reflection-auto-namespaces"), allowed) {
            (None, None) => vec![CopyTarget::Everywhere],
            (Some(list), None) | (None, Some(list)) => list,
            // Both must match.
            (Some(auto), Some(allowed)) => auto.into_iter().map(|to| within(to, &allowed)).collect(),
        }
    };
    Some(Copies { by: Copier::Reflector, to })
}

/// `replicate-to` pushes the Secret. `replication-allowed` lets another Secret request the content, under any name.
fn replicator(annotations: Node<'_>) -> Option<Copies> {
    let pushed = annotations.get(&format!("{REPLICATOR}replicate-to")).and_then(Node::text).map(namespaces);
    let matching = annotations.get(&format!("{REPLICATOR}replicate-to-matching")).map(|_| CopyTarget::Unknown);
    let to: Vec<_> = pushed.into_iter().flatten().chain(matching).collect();
    (!to.is_empty()).then_some(Copies { by: Copier::Replicator, to })
}

fn is_true(node: Node<'_>) -> bool {
    node.scalar() == Some(Scalar::Bool(true)) || node.text().is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// Reads a comma-separated list of namespaces and regular expressions.
fn namespaces(list: &str) -> Vec<CopyTarget> {
    let patterns = list.split(',').map(str::trim).filter(|pattern| !pattern.is_empty());
    patterns.map(CopyTarget::of_pattern).collect()
}

impl CopyTarget {
    /// The namespaces whose whole name a regular expression matches, if it has one of the simple forms in common use.
    pub(super) fn of_pattern(pattern: &str) -> Self {
        let inner = pattern.strip_prefix('^').unwrap_or(pattern);
        let inner = inner.strip_suffix('$').unwrap_or(inner);
        let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        match inner {
            _ if is_placeholder(pattern) || inner.is_empty() => Self::Unknown,
            name if is_plain(name) => Self::Namespace(name.to_owned()),
            open if open.split(".*").all(str::is_empty) => Self::Everywhere,
            open if open.split(".*").all(is_plain) => Self::Matching(open.to_owned()),
            _ => Self::Unknown,
        }
    }
}

/// Whether a pattern of text and `.*` matches a whole name.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once(".*") else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split(".*").collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

fn within(to: CopyTarget, allowed: &[CopyTarget]) -> CopyTarget {
    let fits = allowed.iter().any(|target| *target == CopyTarget::Everywhere || *target == to);
    if fits { to } else { CopyTarget::Unknown }
}
