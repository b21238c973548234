//! What goes wrong before a registry answers: names, connections, TLS.

use std::net::TcpListener;

use pullcheck::registry::{ClientOptions, ConnectTo};
use pullcheck_support::{Answer, Certificate, Registry, Script, certificate_authority};

use super::{ROW, Row, options, quick};

const HOST: &str = "reg.example";
const ROW_HERE: Row<'static> = Row { image: "reg.example/shop/api:1.9", rules: &["note unverified-image"], ..ROW };

fn client(server: &Registry, authority: &str) -> ClientOptions {
    let connect_to = vec![ConnectTo { host: HOST.parse().unwrap(), address: server.address() }];
    ClientOptions { connect_to, ca_certs: vec![authority.as_bytes().to_vec()], ..quick(options(ROW_HERE.args).client) }
}

fn shows(certificate: Certificate) -> impl FnOnce(&mut Script) {
    move |r| {
        r.certificate(certificate).repository("reg.example/shop/api").image("1.9");
    }
}

#[test]
fn untrusted_certificate_is_reported_with_its_reason() {
    let unknown = "failed to do request: Head \"https://reg.example/v2/shop/api/manifests/1.9\": tls: failed to verify \
                   certificate: x509: ";
    let (authority, name) =
        ("certificate signed by unknown authority", "certificate is valid for other.example, not reg.example");
    let expired = "certificate has expired or is not yet valid: …";
    let [authority, name, expired] = [authority, name, expired].map(|words| format!("{unknown}{words}"));
    let cases = [
        (Certificate::Good, "unverified tls", "warning", "signed by an authority that is unknown here", &authority),
        (Certificate::WrongName, "unverified tls", "warning", "valid for other.example, not reg.example", &name),
        (Certificate::Expired, "fails tls", "error", "has expired or is not yet valid", &expired),
    ];
    for (certificate, verdict, severity, says, event) in cases {
        let server = Registry::start_tls(shows(certificate));
        let strange = certificate_authority();
        let known = if certificate == Certificate::Good { strange.as_str() } else { server.ca_pem() };
        let rule = format!("{severity} untrusted-certificate");
        let row = Row { name: says, verdict, rules: &[&rule], says, event, ..ROW_HERE };
        row.compare(&row.run(client(&server, known)), &server.requests());
    }
}

#[test]
fn plain_http_on_the_tls_port_is_reported() {
    let server = Registry::start(|_| {});
    let row = Row {
        name: "plain HTTP",
        verdict: "unverified plain-http",
        rules: &["warning plain-http-registry"],
        says: "`--plain-http reg.example`",
        event: "failed to do request: Head \"https://reg.example/v2/shop/api/manifests/1.9\": http: server gave HTTP response \
                to HTTPS client",
        ..ROW_HERE
    };
    let options = ClientOptions { ca_certs: vec![], ..client(&server, "") };
    row.compare(&row.run(options.clone()), &[]);
    let crio = Row {
        name: "plain HTTP, CRI-O",
        args: &["--runtime", "cri-o"],
        says: "registries.conf",
        event: "unable to pull image: initializing source docker://reg.example/shop/api:1.9: pinging container registry \
                reg.example: Get \"https://reg.example/v2/\": http: server gave HTTP response to HTTPS client",
        ..row
    };
    crio.compare(&crio.run(options), &[]);
}

#[test]
fn unresolvable_host_leaves_the_image_unverified() {
    let row = Row {
        name: "DNS",
        verdict: "unverified dns",
        says: "lookup reg.example: no such host",
        event: "failed to do request: Head \"https://reg.example/v2/shop/api/manifests/1.9\": dial tcp: lookup \
                        reg.example on …: no such host",
        ..ROW_HERE
    };
    row.compare(&row.run(quick(options(&[]).client)), &[]);
}

#[test]
fn refused_connection_leaves_the_image_unverified() {
    // Bound and let go: nobody else is given it so soon.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let connect_to = vec![ConnectTo { host: HOST.parse().unwrap(), address }];
    let row = Row {
        name: "refused",
        verdict: "unverified network",
        says: "connection refused",
        event: "failed to do request: Head \"https://reg.example/v2/shop/api/manifests/1.9\": dial tcp …: connect: \
                        connection refused",
        ..ROW_HERE
    };
    row.compare(&row.run(ClientOptions { connect_to, ..quick(options(&[]).client) }), &[]);
}

#[test]
fn unresponsive_server_is_asked_once() {
    let server = Registry::start_tls(|r| {
        r.also_named(HOST).answer("HEAD", "/v2/shop/api/manifests/1.9", [Answer::hang()]);
    });
    let row = Row {
        name: "timeout",
        verdict: "unverified timeout",
        says: "did not answer in time",
        requests: &["HEAD 1.9"],
        ..ROW_HERE
    };
    let options = ClientOptions { timeout: std::time::Duration::from_millis(300), ..client(&server, server.ca_pem()) };
    row.compare(&row.run(options), &server.requests());
}
