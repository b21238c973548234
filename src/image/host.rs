//! What a registry's name alone shows: whether only the node can reach it, and which registry was probably meant.

use std::net::IpAddr;

use crate::image::well_known::{IMPOSTORS, OF_ANY_NAME, SHORT, WELL_KNOWN};

/// A host whose name is one typo away from a well-known registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostTypo {
    /// The registry that was meant.
    pub meant: &'static str,
    /// Whether the name is in a public zone, so that it exists nowhere if it does not resolve. A typo in the last
    /// label can also be a zone that only the cluster resolves.
    pub public: bool,
    /// Whether the host is known to pose as a registry.
    pub impostor: bool,
}

/// Whether a registry is well known, or belongs to a cloud, so that its answers are predictable.
pub fn is_well_known(registry: &str) -> bool {
    let is_cloud = || OF_ANY_NAME.iter().any(|suffix| registry.ends_with(suffix)) || registry.contains(".dkr");
    WELL_KNOWN.contains(&registry) || SHORT.contains(&registry) || is_cloud()
}

/// The registry that was meant by `registry`, a host as a reference names it: one insertion, deletion, substitution
/// or transposition away (optimal string alignment). Names of three and four letters often differ by one letter from
/// each other, so only a transposition is a typo there. A host with a port is never taken for a typo.
pub fn typo_in(registry: &str) -> Option<HostTypo> {
    let host = registry.to_ascii_lowercase();
    let is_known = || WELL_KNOWN.contains(&&*host) || SHORT.contains(&&*host);
    let of_family = || OF_ANY_NAME.iter().any(|suffix| host.ends_with(suffix));
    if !host.contains('.') || host.contains(':') || is_known() || of_family() {
        return None;
    }
    let near = |meant: &&&str| differ_in_one_place(meant, &host) && strsim::osa_distance(meant, &host) == 1;
    let transposed = |meant: &&&str| meant.len() == host.len() && strsim::levenshtein(meant, &host) == 2 && near(meant);
    let meant = WELL_KNOWN.iter().find(near).or_else(|| SHORT.iter().find(transposed))?;
    Some(HostTypo { meant, public: is_public(meant, &host), impostor: IMPOSTORS.contains(&&*host) })
}

/// Whether two hosts differ by one typo: one letter added, missing, changed or swapped, or another last label
/// (`registry.gitlab.io` for `registry.gitlab.com`). Differences in numbers or single letters distinguish machines,
/// and are not typos.
pub(crate) fn is_slip(host: &str, other: &str) -> bool {
    let labels = |host: &str| host.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (one, two) = (labels(host), labels(other));
    if host == other || one.len() < 2 || host.contains(':') != other.contains(':') {
        return false;
    }
    if let ([rest @ .., _], [other @ .., _]) = (&one[..], &two[..])
        && rest == other
        && !host.contains(':')
    {
        return true;
    }
    let differing: Vec<_> = one.iter().zip(&two).filter(|(one, two)| one != two).collect();
    let numbered = |label: &str| label.bytes().any(|byte| byte.is_ascii_digit());
    let meaningful =
        |(one, two): &(&String, &String)| one.len().max(two.len()) > 2 && !(numbered(one) && numbered(two));
    strsim::osa_distance(host, other) == 1 && (one.len() != two.len() || differing.iter().all(meaningful))
}

/// Whether all but two neighboring letters are the same, as after one edit. This is called for every image and
/// registry, so it must cost less than the distance itself.
fn differ_in_one_place(a: &str, b: &str) -> bool {
    let same = |pairs: &mut dyn Iterator<Item = (u8, u8)>| pairs.take_while(|(a, b)| a == b).count();
    let front = same(&mut a.bytes().zip(b.bytes()));
    let back = same(&mut a.bytes().rev().zip(b.bytes().rev()));
    a.len().abs_diff(b.len()) <= 1 && front + back + 2 >= a.len().max(b.len())
}

/// Whether only the owner of a public zone could give the name an address: the last label is the registry's with its
/// letters swapped, or it is the same, and so is the second-level label unless the host has only two labels.
fn is_public(meant: &str, host: &str) -> bool {
    let labels = |name: &'_ str| name.rsplit('.').map(str::to_owned).collect::<Vec<_>>();
    let (meant, host) = (labels(meant), labels(host));
    let [top, second, ..] = &meant[..] else { return false };
    let [own_top, own_second, ..] = &host[..] else { return false };
    let same_zone = second == own_second || host.len() == 2;
    let swapped = top != own_top && top.len() == own_top.len() && strsim::levenshtein(top, own_top) == 2;
    meant.len() == host.len() && (swapped || top == own_top && same_zone)
}

/// Whether a registry is the node itself, or a service inside the cluster. `registry` may have a port.
pub fn is_node_local(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.is_empty() => host,
        _ => registry,
    };
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => address.is_loopback() || address.is_unspecified(),
        Err(_) => is_local_name(host),
    }
}

/// Whether a name refers to the node, or to something in its cluster.
pub fn is_local_name(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || [".localhost", ".svc", ".cluster.local"].iter().any(|suffix| host.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_one_edit_from_a_known_registry_is_a_typo() {
        let cases = [
            ("gchr.io", "ghcr.io", true),
            ("ghrc.io", "ghcr.io", true),
            ("ghcr.oi", "ghcr.io", true),
            ("gher.io", "ghcr.io", true),
            ("quay.oi", "quay.io", true),
            ("quay.ip", "quay.io", false),
            ("qauy.io", "quay.io", true),
            ("dokcer.io", "docker.io", true),
            ("docker.co", "docker.io", false),
            ("DOKCER.io", "docker.io", true),
            ("grc.io", "gcr.io", true),
            ("registy.k8s.io", "registry.k8s.io", true),
            ("registry.k8.io", "registry.k8s.io", false),
            ("registry.k8s.oi", "registry.k8s.io", true),
            ("mcr.mircosoft.com", "mcr.microsoft.com", false),
            ("mrc.microsoft.com", "mcr.microsoft.com", true),
            ("docker.elastic.io", "docker.elastic.co", false),
        ];
        for (host, meant, public) in cases {
            let typo = typo_in(host);
            assert_eq!(typo.map(|typo| (typo.meant, typo.public)), Some((meant, public)), "{host}");
        }
    }

    #[test]
    fn similar_hosts_are_typos_of_each_other() {
        for (one, other) in [
            ("registry.gitlab.io", "registry.gitlab.com"),
            ("ghcr.io", "gchr.io"),
            ("reg.acme.example", "regs.acme.example"),
            ("harbour.acme.example", "harbor.acme.example"),
        ] {
            assert!(is_slip(one, other) && is_slip(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("ghcr.io", "ghcr.io"),
            ("ghcr.io", "quay.io"),
            ("reg1.acme.example", "reg2.acme.example"),
            ("a.acme.example", "b.acme.example"),
            ("reg.example:5000", "reg.example:5001"),
            ("reg.example:5000", "reg.example"),
            ("localhost", "localhos"),
        ] {
            assert!(!is_slip(one, other), "{one} {other}");
        }
    }

    #[test]
    fn known_and_unrelated_hosts_are_not_typos() {
        let own =
            ["ghcr.io", "gcr.io", "GCR.io", "eu.gcr.io", "acr.io", "cr.io", "us-docker.pkg.dev", "docker.internal"];
        let other = ["ghcr.io:443", "localhost", "quay.example.com", "gchr.io:5000", "ghcr.example", "Acme"];
        for host in own.into_iter().chain(other).chain(WELL_KNOWN.iter().copied()).chain(SHORT.iter().copied()) {
            assert_eq!(typo_in(host), None, "{host}");
        }
    }

    #[test]
    fn node_local_registries_are_recognized() {
        for registry in
            ["localhost:5000", "127.0.0.1", "127.0.0.1:80", "[::1]:5000", "[::1]", "x.default.svc:5000", "R.localhost"]
        {
            assert!(is_node_local(registry), "{registry}");
        }
        for registry in ["docker.io", "svc.example.com", "10.0.0.1:5000", "[fd00::1]:5000", "localhost.example.com"] {
            assert!(!is_node_local(registry), "{registry}");
        }
    }
}
