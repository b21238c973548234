//! Which addresses may be contacted: names in manifests and answers come from untrusted sources.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kind of network that an address leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressClass {
    /// A public address on the internet.
    Public,
    /// An address in a private network.
    Private,
    /// A loopback address of this machine.
    Loopback,
    /// Link-local, or the metadata service of a cloud: never to be contacted.
    Forbidden,
}

/// The metadata services that are not link-local: Alibaba, Azure, AWS and Google over IPv6.
const METADATA_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

/// Classifies an address; one that embeds an IPv4 address is classified as that.
pub(crate) fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => embedded(v6).map_or_else(|| classify_v6(v6), classify_v4),
    }
}

/// Names of metadata services, which a proxy in a cloud would resolve.
const METADATA_NAMES: [&str; 7] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.azure.internal",
    "metadata.tencentyun.com",
];

/// Whether a name means the metadata service of a cloud.
pub(crate) fn is_metadata_name(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    METADATA_NAMES.iter().any(|name| name.eq_ignore_ascii_case(host))
}

/// The address in a URL's host, or `None` if the host is a name to be resolved. URLs write IPv4 addresses in one form
/// only.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

fn classify_v4(v4: Ipv4Addr) -> AddressClass {
    let [a, b, ..] = v4.octets();
    if v4.is_link_local() || v4.is_multicast() || v4.is_broadcast() || METADATA_V4.contains(&v4) {
        AddressClass::Forbidden
    } else if v4.is_loopback() || a == 0 {
        // 0.0.0.0 reaches this machine on Linux.
        AddressClass::Loopback
    } else if v4.is_private() || (a == 100 && (64..128).contains(&b)) {
        AddressClass::Private
    } else {
        AddressClass::Public
    }
}

fn classify_v6(v6: Ipv6Addr) -> AddressClass {
    if v6.is_unicast_link_local() || v6.is_multicast() || METADATA_V6.contains(&v6) {
        AddressClass::Forbidden
    } else if v6.is_loopback() || v6.is_unspecified() {
        AddressClass::Loopback
    } else if v6.is_unique_local() {
        AddressClass::Private
    } else {
        AddressClass::Public
    }
}

/// The IPv4 address that an IPv4-mapped, 6to4 or NAT64 address leads to.
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ip_addresses_are_classified() {
        let table = [
            ("140.82.112.33", AddressClass::Public),
            ("2606:50c0:8000::154", AddressClass::Public),
            ("10.1.2.3", AddressClass::Private),
            ("172.16.0.1", AddressClass::Private),
            ("192.168.1.1", AddressClass::Private),
            ("100.64.0.1", AddressClass::Private),
            ("fd12::1", AddressClass::Private),
            ("127.0.0.1", AddressClass::Loopback),
            ("127.9.9.9", AddressClass::Loopback),
            ("0.0.0.0", AddressClass::Loopback),
            ("::", AddressClass::Loopback),
            ("::1", AddressClass::Loopback),
            ("::ffff:127.0.0.1", AddressClass::Loopback),
            ("169.254.169.254", AddressClass::Forbidden),
            ("::ffff:169.254.169.254", AddressClass::Forbidden),
            ("64:ff9b::a9fe:a9fe", AddressClass::Forbidden),
            ("2002:a9fe:a9fe::1", AddressClass::Forbidden),
            ("fe80::1", AddressClass::Forbidden),
            ("fd00:ec2::254", AddressClass::Forbidden),
            ("100.100.100.200", AddressClass::Forbidden),
            ("168.63.129.16", AddressClass::Forbidden),
        ];
        for (address, class) in table {
            assert_eq!(classify(address.parse().unwrap()), class, "{address}");
        }
    }
}
