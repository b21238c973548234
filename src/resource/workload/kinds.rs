//! The built-in kinds that contain a pod spec, and its path.
//!
//! Follows `staging/src/k8s.io/api/{core,apps,batch,extensions}` of Kubernetes 1.37 and the legacy versions that the
//! API server once served.

use crate::resource::ResourceName;
use crate::resource::workload::PodOrigin;

/// A built-in kind and the path of its pod spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltinKind {
    kind: &'static str,
    groups: &'static [&'static str],
    /// Keys from the object to the metadata of its pods.
    pub pod_metadata: &'static [&'static str],
    /// Keys from the object to the pod spec.
    pub pod_spec: &'static [&'static str],
    /// The origin of its pods: the object itself, or a template in it.
    pub origin: PodOrigin,
}

impl BuiltinKind {
    /// Whether a group and kind are those of this built-in kind.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.kind == kind && self.groups.contains(&group)
    }

    /// Keys from the object to its pod template; `None` if it is the pod itself.
    pub fn template(&self) -> Option<&'static [&'static str]> {
        self.pod_metadata.split_last().map(|(_, path)| path).filter(|path| !path.is_empty())
    }
}

/// The keys on the path from an object to its pods.
pub(super) const LEVEL_KEYS: &[&str] = &["kind", "metadata", "spec", "template", "jobTemplate"];

const APPS: &[&str] = &["apps", "extensions"];

const fn template(kind: &'static str, groups: &'static [&'static str]) -> BuiltinKind {
    BuiltinKind {
        kind,
        groups,
        pod_metadata: &["spec", "template", "metadata"],
        pod_spec: &["spec", "template", "spec"],
        origin: PodOrigin::Template,
    }
}

/// Every built-in kind with a pod spec. No cluster serves the legacy `v1` form of the apps kinds, but it occurs in
/// old files with the same meaning.
pub const BUILTIN: &[BuiltinKind] = &[
    BuiltinKind {
        kind: "Pod",
        groups: &[""],
        pod_metadata: &["metadata"],
        pod_spec: &["spec"],
        origin: PodOrigin::Pod,
    },
    BuiltinKind {
        kind: "PodTemplate",
        groups: &[""],
        pod_metadata: &["template", "metadata"],
        pod_spec: &["template", "spec"],
        origin: PodOrigin::Template,
    },
    template("ReplicationController", &[""]),
    template("Deployment", APPS),
    template("ReplicaSet", APPS),
    template("StatefulSet", APPS),
    template("DaemonSet", APPS),
    template("Job", &["batch"]),
    BuiltinKind {
        kind: "CronJob",
        groups: &["batch"],
        pod_metadata: &["spec", "jobTemplate", "spec", "template", "metadata"],
        pod_spec: &["spec", "jobTemplate", "spec", "template", "spec"],
        origin: PodOrigin::Template,
    },
];

/// Returns the built-in kind of an object. An object in a foreign group does not have one, even if its kind has the
/// same name.
pub fn builtin(name: &ResourceName) -> Option<&'static BuiltinKind> {
    BUILTIN.iter().find(|builtin| builtin.is(name.group(), &name.kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtin_kind_requires_its_api_group() {
        let name = |api_version: &str, kind: &str| ResourceName {
            api_version: api_version.into(),
            kind: kind.into(),
            ..ResourceName::default()
        };
        for (api_version, kind) in [("v1", "Pod"), ("apps/v1", "DaemonSet"), ("extensions/v1beta1", "Deployment")] {
            assert!(builtin(&name(api_version, kind)).is_some(), "{api_version} {kind}");
        }
        for (api_version, kind) in [("apps.kruise.io/v1alpha1", "DaemonSet"), ("v1", "Service"), ("x/v1", "Pod")] {
            assert!(builtin(&name(api_version, kind)).is_none(), "{api_version} {kind}");
        }
    }
}
