//! Registries that everyone knows, by host. As of November 2026.

/// Registries of which any slip of the keyboard is taken for one.
pub(crate) const WELL_KNOWN: &[&str] = &[
    "container-registry.oracle.com",
    "docker.elastic.co",
    "docker.io",
    "docker.pkg.github.com",
    "ghcr.io",
    "index.docker.io",
    "k8s.gcr.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
    "quay.io",
    "registry-1.docker.io",
    "registry.access.redhat.com",
    "registry.connect.redhat.com",
    "registry.developers.crunchydata.com",
    "registry.digitalocean.com",
    "registry.gitlab.com",
    "registry.hub.docker.com",
    "registry.k8s.io",
    "registry.opensource.zalan.do",
    "registry.redhat.io",
    "registry.suse.com",
    "xpkg.crossplane.io",
    "xpkg.upbound.io",
];

/// Registries whose names are so short that another letter makes the name of somebody else's.
pub(crate) const SHORT: &[&str] = &["cgr.dev", "dhi.io", "gcr.io", "icr.io", "lscr.io", "nvcr.io", "ttl.sh"];

/// Below these every name may be a registry.
pub(crate) const OF_ANY_NAME: &[&str] =
    &[".azurecr.cn", ".azurecr.de", ".azurecr.io", ".azurecr.us", ".gcr.io", ".icr.io", ".pkg.dev"];

/// Hosts that answer as a registry does, and collect the passwords that are sent to them. `ghrc.io`: reported in
/// August 2025, <https://bmitch.net/blog/2025-08-22-ghrc-appears-malicious/>.
pub(crate) const IMPOSTORS: &[&str] = &["ghrc.io"];
