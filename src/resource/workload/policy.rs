//! Policies: what looks like a pod in them is a pattern, a patch, or a part of an object that another one is merged with.
//! None of their images is pulled as it is written. What may change the images of others is in [`super::rewriter`].

use crate::resource::ResourceName;

/// Groups all of whose kinds are policies, or the reports of one.
const GROUPS: &[&str] = &[
    // Kyverno: `pattern`, `mutate`, `generate`, and the kinds with CEL.
    "kyverno.io",
    "policies.kyverno.io",
    "reports.kyverno.io",
    "wgpolicyk8s.io",
    // Gatekeeper.
    "templates.gatekeeper.sh",
    "constraints.gatekeeper.sh",
    "mutations.gatekeeper.sh",
    "expansion.gatekeeper.sh",
    "status.gatekeeper.sh",
    "config.gatekeeper.sh",
    // Sigstore's policy-controller.
    "policy.sigstore.dev",
    "jspolicy.com",
];

/// Kinds of groups that have others, too.
const KINDS: &[(&str, &[&str])] = &[
    (
        "admissionregistration.k8s.io",
        &[
            "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
        ],
    ),
    (
        "policies.kubewarden.io",
        &["AdmissionPolicy", "AdmissionPolicyGroup", "ClusterAdmissionPolicy", "ClusterAdmissionPolicyGroup"],
    ),
];

/// Whether an object is a policy of Open Cluster Management: an `objectDefinition` is what an object must, or must not,
/// have, and is merged with the cluster's where it must (`api/v1/configurationpolicy_types.go` of
/// config-policy-controller). Its images are listed, and not judged.
pub(crate) fn holds_objects(name: &ResourceName) -> bool {
    name.group() == "policy.open-cluster-management.io"
}

/// Whether an object is a policy of Kyverno that may make whole objects. Their images are listed, and not judged.
pub(crate) fn generates_objects(name: &ResourceName) -> bool {
    name.group() == "kyverno.io" && matches!(name.kind.as_str(), "ClusterPolicy" | "Policy")
}

/// Whether an object is a policy.
pub(crate) fn is_policy(name: &ResourceName) -> bool {
    let group = name.group();
    GROUPS.contains(&group) || KINDS.iter().any(|(of, kinds)| *of == group && kinds.contains(&name.kind.as_str()))
}
