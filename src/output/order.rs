//! The order of findings: errors before warnings before notes, and within each the widest outage first.
//!
//! A pod that cannot be pulled is one pod that does not run. If it is the network plugin, a node is not ready, and
//! if it is an admission webhook, nothing at all can be changed any more. Manifests do not declare this, so it is
//! derived from names: a wrong guess costs a place in the order, never a finding.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::findings::finding::Finding;
use crate::resource::ResourceName;

/// What stops when the pods of an object do not run, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// The cluster itself.
    System,
    /// Nodes get no network, so no pod starts on them.
    Network,
    /// The API server refuses changes until the webhook answers.
    Admission,
    /// Others wait for certificates, names, volumes, secrets, traffic.
    Infrastructure,
    /// Something is missing on each node.
    EveryNode,
    /// A single workload.
    Workload,
}

const NETWORK: [&str; 15] = [
    "calico",
    "cilium",
    "flannel",
    "weave-net",
    "kindnet",
    "aws-node",
    "azure-cni",
    "canal",
    "antrea",
    "kube-router",
    "kube-proxy",
    "kube-ovn",
    "ovnkube",
    "multus",
    "-cni",
];

const ADMISSION: [&str; 7] =
    ["webhook", "admission", "gatekeeper", "kyverno", "kubewarden", "sidecar-injector", "policy-controller"];

const INFRASTRUCTURE: [&str; 24] = [
    "cert-manager",
    "external-secrets",
    "sealed-secrets",
    "external-dns",
    "coredns",
    "kube-dns",
    "ingress-nginx",
    "ingress-controller",
    "traefik",
    "istiod",
    "linkerd",
    "metallb",
    "metrics-server",
    "prometheus-operator",
    "csi-",
    "longhorn",
    "rook-ceph",
    "vault-agent",
    "cluster-autoscaler",
    "karpenter",
    "argocd",
    "argo-cd",
    "flux-system",
    "kube-state-metrics",
];

/// Sorts faults: the worst first; among equals the one with most places, then the first of the inputs.
pub(super) fn worst_first(faults: &mut [Fault<'_>]) {
    // Stable: faults come in the order of their places.
    faults.sort_by_cached_key(|fault| {
        let all = || std::iter::once(fault.first).chain(fault.others.iter().copied());
        let reach = all().map(reach).min().unwrap_or(Reach::Workload);
        (Reverse(fault.first.severity), reach, Reverse(all().count()))
    });
}

fn reach(finding: &Finding) -> Reach {
    finding.subject.resource.as_ref().map_or(Reach::Workload, of)
}

fn of(resource: &ResourceName) -> Reach {
    let (name, namespace) = (resource.name.as_deref().unwrap_or_default(), resource.namespace.as_deref());
    let namespace = namespace.unwrap_or_default();
    let is = |words: &[&str]| words.iter().any(|word| name.contains(word) || namespace.contains(word));
    if namespace == "kube-system" {
        Reach::System
    } else if is(&NETWORK) {
        Reach::Network
    } else if ADMISSION.iter().any(|word| name.contains(word)) {
        Reach::Admission
    } else if is(&INFRASTRUCTURE) {
        Reach::Infrastructure
    } else if resource.kind == "DaemonSet" {
        Reach::EveryNode
    } else {
        Reach::Workload
    }
}

/// One fault: the finding at its first place, and the same finding at other places.
pub(super) struct Fault<'a> {
    pub(super) first: &'a Finding,
    pub(super) others: Vec<&'a Finding>,
}

/// Findings with the same rule, severity, message and help are one fault, at the place of the first.
pub(super) fn faults(findings: &[Finding]) -> Vec<Fault<'_>> {
    let mut faults: Vec<Fault<'_>> = Vec::new();
    let mut known = HashMap::new();
    for finding in findings {
        let key = (finding.rule, finding.severity, &finding.message, &finding.help);
        match known.get(&key).and_then(|&at: &usize| faults.get_mut(at)) {
            Some(fault) => fault.others.push(finding),
            None => {
                known.insert(key, faults.len());
                faults.push(Fault { first: finding, others: Vec::new() });
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::{Severity, Subject};
    use crate::text::source::{SourceId, Span};

    fn finding(severity: Severity, at: u32, kind: &str, namespace: &str, name: &str) -> Finding {
        let resource = ResourceName {
            kind: kind.to_owned(),
            namespace: Some(namespace.to_owned()).filter(|text| !text.is_empty()),
            name: Some(name.to_owned()),
            ..ResourceName::default()
        };
        let subject = Subject { resource: Some(resource), ..Subject::default() };
        Finding::new("image-not-found", severity, name, Span::new(SourceId(0), at, at + 1), "").subject(subject)
    }

    #[test]
    fn faults_are_sorted_by_severity_and_impact() {
        let findings = [
            finding(Severity::Note, 1, "DaemonSet", "kube-system", "note"),
            finding(Severity::Error, 2, "Deployment", "shop", "cart"),
            finding(Severity::Error, 3, "Deployment", "shop", "api"),
            finding(Severity::Warning, 4, "Deployment", "kube-system", "warning"),
            finding(Severity::Error, 5, "DaemonSet", "logging", "log-agent"),
            finding(Severity::Error, 6, "Deployment", "cert-manager", "cainjector"),
            finding(Severity::Error, 7, "Deployment", "", "policy-webhook"),
            finding(Severity::Error, 8, "DaemonSet", "", "calico-node"),
            finding(Severity::Error, 9, "Deployment", "kube-system", "scheduler"),
            finding(Severity::Error, 10, "Deployment", "cert-manager", "cert-manager-webhook"),
        ];
        let mut faults: Vec<Fault<'_>> = findings.iter().map(|first| Fault { first, others: Vec::new() }).collect();
        worst_first(&mut faults);
        let order: Vec<&str> = faults.iter().map(|fault| fault.first.message.as_str()).collect();
        let expected = "scheduler calico-node policy-webhook cert-manager-webhook cainjector log-agent cart api warning \
                        note";
        assert_eq!(order.join(" "), expected);
    }

    #[test]
    fn faults_with_more_places_come_first() {
        let findings = [
            finding(Severity::Error, 1, "Deployment", "shop", "one"),
            finding(Severity::Error, 2, "Deployment", "shop", "two"),
            finding(Severity::Error, 3, "Deployment", "shop", "two"),
        ];
        let [one, two, three] = &findings;
        let mut faults = vec![Fault { first: one, others: Vec::new() }, Fault { first: two, others: vec![three] }];
        worst_first(&mut faults);
        assert_eq!(faults.iter().map(|fault| fault.first.message.as_str()).collect::<Vec<_>>(), ["two", "one"]);
    }

    #[test]
    fn fault_is_ranked_by_its_worst_place() {
        let findings = [
            finding(Severity::Error, 1, "Deployment", "shop", "cart"),
            finding(Severity::Error, 2, "Deployment", "shop", "api"),
            finding(Severity::Error, 3, "DaemonSet", "kube-system", "api"),
        ];
        let [cart, api, system] = &findings;
        let mut faults =
            vec![Fault { first: cart, others: vec![cart, cart] }, Fault { first: api, others: vec![system] }];
        worst_first(&mut faults);
        assert_eq!(faults[0].first.message, "api");
    }
}
