//! Which host is asked, under which name and over which transport.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use pullcheck::kubelet::probe::{Prober, Unknown};
use pullcheck::registry::{Client, ClientOptions, Lookup, OptionsError, Resolving};
use pullcheck_support::{Access, Bearer, Certificate, Registry, certificate_authority, registry_lines};

use super::{ask, block_on, found, image, plain, quick, unknown};

/// Every name has this address.
struct Table(&'static str);

impl Lookup for Table {
    fn lookup(&self, _: &str) -> Resolving {
        let result = match self.0 {
            "" => Err(io::Error::other("failed to lookup address information: Name or service not known")),
            address => Ok(vec![address.parse::<IpAddr>().unwrap()]),
        };
        Box::pin(std::future::ready(result))
    }
}

fn connect(server: &Registry, hosts: &[&str]) -> ClientOptions {
    let connect_to = hosts.iter().map(|host| format!("{host}={}", server.address()).parse().unwrap()).collect();
    ClientOptions { connect_to, ca_certs: vec![server.ca_pem().as_bytes().to_vec()], ..quick() }
}

#[test]
fn connect_to_serves_many_registries_from_one_server() {
    let lines = "ghcr.io/acme/api:1 = 200 index linux/amd64,linux/arm64\n\
                 redis:7 = 200\n\
                 quay.io/acme/api:1 = 401 Bearer\n";
    let server = Registry::start_tls(|r| registry_lines::apply(&registry_lines::parse(lines).unwrap(), r));
    let options = connect(&server, &["ghcr.io", "docker.io", "quay.io"]);
    block_on(async {
        let client = Client::with_lookup(options, Arc::new(Table(""))).unwrap();
        found(client.probe(&image("ghcr.io", "acme/api:1")).await);
        found(client.probe(&image("docker.io", "library/redis:7")).await);
        assert!(matches!(
            client.probe(&image("quay.io", "acme/api:1")).await,
            pullcheck::kubelet::probe::Outcome::Denied(..)
        ));
        assert_eq!(client.requests(), server.count());
    });
    let hosts: Vec<String> = server.requests().into_iter().map(|request| request.host).collect();
    assert_eq!(hosts, ["ghcr.io", "registry-1.docker.io", "quay.io", "quay.io", "quay.io"]);
}

#[test]
fn connect_to_keeps_the_port_in_the_host_name() {
    let server = Registry::start_tls(|r| {
        r.image("reg.example:5000/acme/api", "1");
    });
    for host in ["reg.example", "reg.example:5000"] {
        found(ask(connect(&server, &[host]), &image("reg.example:5000", "acme/api:1")));
    }
    assert!(server.requests().iter().all(|request| request.host == "reg.example:5000"));
    // The certificate is still checked against the name.
    let (cause, _) = unknown(ask(connect(&server, &["other.example"]), &image("other.example", "acme/api:1")));
    assert!(matches!(cause, Unknown::Tls(_)), "{cause:?}");
}

#[test]
fn plain_http_works_with_connect_to_for_an_address() {
    let server = Registry::start(|r| {
        r.image("acme/api", "1");
    });
    for host in ["10.20.30.40:5000", "reg.example"] {
        let options = ClientOptions { plain_http: vec![host.parse().unwrap()], ..connect(&server, &[host]) };
        found(ask(ClientOptions { ca_certs: vec![], ..options }, &image(host, "acme/api:1")));
    }
    let hosts: Vec<String> = server.requests().into_iter().map(|request| request.host).collect();
    assert_eq!(hosts, ["10.20.30.40:5000", "reg.example"]);
}

#[test]
fn unworkable_client_options_are_rejected() {
    let server = Registry::start(|_| {});
    let address = ClientOptions { ca_certs: vec![], ..connect(&server, &["10.20.30.40:5000"]) };
    assert_eq!(Client::new(address).err(), Some(OptionsError::AddressOverTls("10.20.30.40:5000".to_owned())));
    let empty = ClientOptions { ca_certs: vec![b"hello".to_vec()], ..quick() };
    assert_eq!(Client::new(empty).err(), Some(OptionsError::NoCertificate));
}

#[test]
fn untrusted_certificates_are_reported_as_in_go() {
    let cases = [
        (Certificate::Good, false, "certificate signed by unknown authority"),
        (Certificate::Expired, true, "certificate has expired or is not yet valid"),
        (Certificate::WrongName, true, "certificate is valid for other.example, not reg.example"),
    ];
    for (certificate, trusted, words) in cases {
        let server = Registry::start_tls(|r| {
            r.certificate(certificate).image("reg.example/acme/api", "1");
        });
        let mut options = connect(&server, &["reg.example"]);
        if !trusted {
            options.ca_certs = vec![certificate_authority().into_bytes()];
        }
        let (cause, evidence) = unknown(ask(options, &image("reg.example", "acme/api:1")));
        assert!(matches!(cause, Unknown::Tls(_)), "{cause:?}");
        let expected = format!("tls: failed to verify certificate: x509: {words}");
        assert_eq!(evidence.message, Some(expected));
        assert_eq!(evidence.url.as_deref(), Some("https://reg.example/v2/acme/api/manifests/1"));
        assert_eq!(server.count(), 0);
    }
}

#[test]
fn http_answer_on_the_tls_port_is_plain_http() {
    let server = Registry::start(|_| {});
    let (cause, evidence) =
        unknown(ask(connect(&server, &["reg.example"]).without_ca(), &image("reg.example", "a/b:1")));
    assert_eq!(cause, Unknown::PlainHttp);
    assert_eq!(evidence.message.as_deref(), Some("http: server gave HTTP response to HTTPS client"));
}

#[test]
fn loopback_and_cluster_hosts_are_not_contacted() {
    let server = Registry::start(|r| {
        r.image("acme/api", "1");
    });
    let inside = "registry.default.svc.cluster.local:5000";
    for registry in [server.host().as_str(), "localhost:5000", inside, "registry.default.svc"] {
        let (cause, _) = unknown(ask(quick(), &image(registry, "acme/api:1")));
        assert_eq!(cause, Unknown::NodeLocal, "{registry}");
    }
    assert_eq!(server.count(), 0);
    found(ask(plain(&server), &image(&server.host(), "acme/api:1")));
}

#[test]
fn unresolvable_and_local_names_are_not_contacted() {
    let cases = [
        ("", Unknown::NoSuchHost, "dial tcp: lookup reg.invalid: no such host"),
        ("127.0.0.1", Unknown::NodeLocal, "reg.invalid resolves to a loopback address, which is not contacted"),
        ("::1", Unknown::NodeLocal, "reg.invalid resolves to a loopback address, which is not contacted"),
        (
            "169.254.169.254",
            Unknown::NodeLocal,
            "reg.invalid resolves to a link-local or metadata address, which is not contacted",
        ),
    ];
    for (address, expected, words) in cases {
        let outcome = block_on(async {
            let client = Client::with_lookup(quick(), Arc::new(Table(address))).unwrap();
            client.probe(&image("reg.invalid", "acme/api:1")).await
        });
        let (cause, evidence) = unknown(outcome);
        assert_eq!((cause, evidence.message.as_deref()), (expected, Some(words)), "{address}");
    }
}

#[test]
fn metadata_address_in_a_reference_is_not_contacted() {
    for registry in ["169.254.169.254", "169.254.169.254:80", "2852039166.", "[fe80::1]:5000", "100.100.100.200"] {
        let (cause, _) = unknown(ask(quick(), &image(registry, "latest/meta-data:1")));
        assert_eq!(cause, Unknown::NodeLocal, "{registry}");
    }
}

/// A registry may not send us, or our password, where it likes.
#[test]
fn unsafe_token_realm_is_not_contacted() {
    let realms = [
        "http://169.254.169.254/token",
        "https://169.254.169.254/token",
        "https://[fd00:ec2::254]/token",
        "http://reg.example/token",
        "https://127.0.0.1:1/token",
        "ftp://reg.example/token",
        "/token",
        "",
    ];
    for realm in realms {
        let server = Registry::start_tls(|r| {
            r.image("reg.example/acme/api", "1").access(Access::Bearer(Bearer::private("bob", "s3cret")));
            r.host("reg.example").realm(realm);
        });
        let attempt = super::with(image("reg.example", "acme/api:1"), "bob", "s3cret");
        let (cause, _) = unknown(ask(connect(&server, &["reg.example"]), &attempt));
        assert!(matches!(cause, Unknown::NodeLocal | Unknown::AuthServer), "{realm}: {cause:?}");
        assert_eq!(server.count(), 1, "{realm}");
        assert!(server.requests().iter().all(|request| request.authorization.is_none()));
    }
}

trait WithoutCa {
    fn without_ca(self) -> Self;
}

impl WithoutCa for ClientOptions {
    fn without_ca(mut self) -> Self {
        self.ca_certs.clear();
        self
    }
}
