//! The cluster that pods are judged for: what the operator declares about it, in addition to the inputs.

use crate::image::runtime::Runtime;
use crate::kubelet::operator::OperatorFacts;

/// Facts about the cluster that decide what is pulled, and with what.
#[derive(Debug, Clone, Default)]
pub struct ClusterFacts {
    /// `--closed`: a pull secret or service account that the inputs lack does not exist.
    pub closed: bool,
    /// `--certs-dir`: how the nodes reach registries is known. A registry that they cannot reach, such as one that
    /// speaks plain HTTP, therefore certainly fails.
    pub certs_dir: bool,
    /// `--namespace`: the namespace of objects that name none; `None` matches any.
    pub namespace: Option<String>,
    /// `--credential-hosts`: globs of hosts that a wildcard key of the supplied configuration may be sent to.
    pub credential_hosts: Vec<String>,
    /// `--runtime`: the container runtime whose behavior and event texts are modeled.
    pub runtime: Runtime,
    /// Declared objects, credentials and platforms of the nodes.
    pub operator: OperatorFacts,
}
