//! Policies: a part that looks like a pod is a pattern, a patch, or a part of an object that is merged with another
//! one. None of their images is pulled as written. Policies that may change the images of other objects are in
//! [`super::rewriter`].

use crate::resource::ResourceName;

/// Groups that contain only policies and their reports.
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

/// Policy kinds in groups that contain other kinds, too.
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

/// Whether an object is a policy of Open Cluster Management. An `objectDefinition` describes what an object must, or
/// must not, have. In the first case it is merged with the object in the cluster
/// (`api/v1/configurationpolicy_types.go` of config-policy-controller). Its images are listed, but not checked.
pub(crate) fn holds_objects(name: &ResourceName) -> bool {
    name.group() == "policy.open-cluster-management.io"
}

/// Whether an object is a Kyverno policy that may create whole objects. Their images are listed, but not checked.
pub(crate) fn generates_objects(name: &ResourceName) -> bool {
    name.group() == "kyverno.io" && matches!(name.kind.as_str(), "ClusterPolicy" | "Policy")
}

/// Whether an object is a policy.
pub(crate) fn is_policy(name: &ResourceName) -> bool {
    let group = name.group();
    GROUPS.contains(&group) || KINDS.iter().any(|(of, kinds)| *of == group && kinds.contains(&name.kind.as_str()))
}
