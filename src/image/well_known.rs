//! Well-known registries, by host. As of November 2026.

/// Registries for which any single typo is recognized.
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

/// Registries with names so short that changing one letter gives somebody else's name.
pub(crate) const SHORT: &[&str] = &["cgr.dev", "dhi.io", "gcr.io", "icr.io", "lscr.io", "nvcr.io", "ttl.sh"];

/// Zones in which every name may be a registry.
pub(crate) const OF_ANY_NAME: &[&str] =
    &[".azurecr.cn", ".azurecr.de", ".azurecr.io", ".azurecr.us", ".gcr.io", ".icr.io", ".pkg.dev"];

/// Hosts that answer like a registry, and collect the passwords that are sent to them. `ghrc.io`: reported in August
/// 2025, <https://bmitch.net/blog/2025-08-22-ghrc-appears-malicious/>.
pub(crate) const IMPOSTORS: &[&str] = &["ghrc.io"];
