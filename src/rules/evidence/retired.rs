//! Places in registries that are shut down or frozen, each with the date and its replacement. A place that still
//! gets new images does not belong here.

use crate::image::reference::Reference;

/// A part of a registry that is no longer updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retired {
    /// `registry[/repository-prefix]`, cut at a `/`.
    pub prefix: &'static str,
    /// What became of the registry, with the date.
    pub fate: &'static str,
    /// The replacement to write instead.
    pub instead: &'static str,
}

/// Retired places of images. The first match applies.
const RETIRED: &[Retired] = &[
    Retired {
        prefix: "k8s.gcr.io",
        fate: "has been frozen since 2023-04-03: no images or tags are added",
        instead: "registry.k8s.io, which has the same images under the same names",
    },
    Retired {
        prefix: "gcr.io/google-containers",
        fate: "has been frozen since 2020: the project's images moved to k8s.gcr.io, then to registry.k8s.io",
        instead: "registry.k8s.io",
    },
    Retired {
        prefix: "gcr.io/google_containers",
        fate: "has been frozen since 2020: the project's images moved to k8s.gcr.io, then to registry.k8s.io",
        instead: "registry.k8s.io",
    },
    Retired {
        prefix: "gcr.io/kubernetes-helm",
        fate: "contains Tiller, which ended with Helm 2 on 2020-11-13",
        instead: "Helm 3 or later, which needs no Tiller; its last images are in ghcr.io/helm/tiller",
    },
    Retired {
        prefix: "gcr.io/kubebuilder",
        fate: "gets no more images, and its removal was announced for 2025-03-18 or later",
        instead: "quay.io/brancz/kube-rbac-proxy, or the authentication that controller-runtime has built in",
    },
    Retired {
        prefix: "docker.pkg.github.com",
        fate: "was replaced by ghcr.io in 2021 and never allowed anonymous pulls",
        instead: "ghcr.io/OWNER/IMAGE, without the repository's name between them",
    },
    Retired {
        prefix: "quay.io/kubernetes-ingress-controller/nginx-ingress-controller",
        fate: "has been frozen since 2020 (version 0.33)",
        instead: "registry.k8s.io/ingress-nginx/controller",
    },
    Retired {
        prefix: "quay.io/coreos/kube-state-metrics",
        fate: "has been frozen since 2021 (version 1.9)",
        instead: "registry.k8s.io/kube-state-metrics/kube-state-metrics",
    },
    Retired {
        prefix: "quay.io/coreos/prometheus-operator",
        fate: "has been frozen since 2020 (version 0.42)",
        instead: "quay.io/prometheus-operator/prometheus-operator",
    },
    // https://lists.centos.org/pipermail/centos-devel/2023-May/142956.html
    Retired {
        prefix: "registry.centos.org",
        fate: "was shut down in June 2023: the name does not resolve",
        instead: "quay.io/centos/centos (CentOS Stream) or quay.io/sclorg",
    },
    // https://jfrog.com/blog/into-the-sunset-bintray-jcenter-gocenter-and-chartcenter/
    Retired {
        prefix: "docker.bintray.io",
        fate: "was shut down with Bintray on 2021-05-01",
        instead: "releases-docker.jfrog.io for JFrog's images, or the location where the project publishes now",
    },
    // https://github.com/antrea-io/antrea/issues/6003
    Retired {
        prefix: "projects.registry.vmware.com",
        fate: "was emptied in June 2024: VMware's images moved to projects.packages.broadcom.com, and those of other \
               projects moved elsewhere",
        instead: "projects.packages.broadcom.com, or the location where the project publishes now (Antrea: \
                  docker.io/antrea)",
    },
    Retired {
        prefix: "docker.io/bitnamilegacy",
        fate: "has been frozen since 2025-08-28: it gets no fixes and is meant only for migration",
        instead: "an image from the project itself, or a Bitnami Secure Images subscription",
    },
    Retired {
        prefix: "docker.io/bitnami",
        fate: "lost its versioned tags in 2025 (2025-08-28 to 2025-09-29); only `latest` is left",
        instead: "an image from the project itself; the old tags are frozen in docker.io/bitnamilegacy",
    },
];

/// Below `docker.io/bitnami`, and published there as before.
const LIVE: &[&str] = &["docker.io/bitnami/sealed-secrets-controller", "docker.io/bitnami/sealed-secrets-kubeseal"];

/// Returns what became of the place that an image is in, or `None` if it is still in use.
pub(crate) fn retired(image: &Reference) -> Option<&'static Retired> {
    let name = image.name();
    // Both names lead to Docker Hub's own API.
    let hub = ["registry-1.docker.io/", "registry.hub.docker.com/"];
    let of_hub = hub.iter().find_map(|alias| name.strip_prefix(alias)).map(|path| format!("docker.io/{path}"));
    let name = of_hub.as_deref().unwrap_or(name);
    let below = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let retired = RETIRED.iter().find(|retired| below(retired.prefix))?;
    let hardened = retired.prefix == "docker.io/bitnami" && image.tag() == Some("latest");
    (!hardened && !LIVE.contains(&name)).then_some(retired)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_retired_registry_prefixes_match() {
        let prefix = |text: &str| retired(&Reference::parse(text).expect("a reference")).map(|retired| retired.prefix);
        let cases = [
            ("k8s.gcr.io/pause:3.9", Some("k8s.gcr.io")),
            ("gcr.io/google_containers/pause:3.0", Some("gcr.io/google_containers")),
            ("gcr.io/kubernetes-helm/tiller:v2.16.0", Some("gcr.io/kubernetes-helm")),
            ("gcr.io/kubernetes-helmet/x:1", None),
            ("gcr.io/distroless/static:nonroot", None),
            ("registry.k8s.io/pause:3.9", None),
            ("bitnami/redis:7.2", Some("docker.io/bitnami")),
            ("docker.io/bitnami/redis", None),
            ("bitnami/sealed-secrets-controller:0.32.0", None),
            ("bitnamilegacy/redis", Some("docker.io/bitnamilegacy")),
            ("bitnamicharts/redis:1", None),
            ("registry-1.docker.io/bitnami/redis:7", Some("docker.io/bitnami")),
            ("registry-1.docker.io/bitnami/redis:latest", None),
            ("registry.hub.docker.com/bitnamilegacy/redis:7", Some("docker.io/bitnamilegacy")),
            ("registry-1.docker.io/bitnamicharts/redis:1", None),
            ("registry.centos.org/centos/centos:7", Some("registry.centos.org")),
            ("docker.bintray.io/jfrog/artifactory-oss:6", Some("docker.bintray.io")),
            ("projects.registry.vmware.com/antrea/antrea-ubuntu:v1.9.0", Some("projects.registry.vmware.com")),
            ("quay.io/coreos/etcd:v3.5.0", None),
            ("quay.io/coreos/kube-state-metrics:v1.9.8", Some("quay.io/coreos/kube-state-metrics")),
        ];
        for (text, expected) in cases {
            assert_eq!(prefix(text), expected, "{text}");
        }
    }
}
