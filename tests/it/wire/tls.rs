//! TLS: who is shown to whom, who is believed, and over which protocol.

use pullcheck::kubelet::probe::Unknown;
use pullcheck::registry::{Client, ClientOptions, Identity, Proxies};
use pullcheck_support::{Certificate, ClientCertificate, Registry};

use super::{Prober, ask, block_on, found, image, quick, unknown};

/// Settings that lead `reg.example` to a TLS server and trust it.
fn trusting(server: &Registry) -> ClientOptions {
    ClientOptions {
        connect_to: vec![format!("reg.example={}", server.address()).parse().unwrap()],
        ca_certs: vec![server.ca_pem().as_bytes().to_vec()],
        ..quick()
    }
}

fn identity(client: &ClientCertificate) -> Option<Identity> {
    Some(Identity::from_pem(client.certificate.as_bytes(), client.key.as_bytes()).unwrap())
}

#[test]
fn server_accepts_only_the_right_client_certificate() {
    let (client, stranger) = (ClientCertificate::new(), ClientCertificate::new());
    let server = Registry::start_tls(|r| {
        r.demand_client(&client.authority).image("reg.example/acme/api", "1");
    });
    let attempt = image("reg.example", "acme/api:1");
    found(ask(ClientOptions { client_cert: identity(&client), ..trusting(&server) }, &attempt));
    assert_eq!(server.count(), 1);
    for client_cert in [None, identity(&stranger)] {
        let (cause, evidence) = unknown(ask(ClientOptions { client_cert, ..trusting(&server) }, &attempt));
        assert!(matches!(cause, Unknown::Tls(_)), "{cause:?}");
        assert_eq!(evidence.message.as_deref(), Some("remote error: tls: certificate required"));
    }
    assert_eq!(server.count(), 1);
}

#[test]
fn insecure_host_accepts_any_certificate() {
    for certificate in [Certificate::Good, Certificate::Expired, Certificate::WrongName, Certificate::SelfSigned] {
        let server = Registry::start_tls(|r| {
            r.certificate(certificate).image("reg.example/acme/api", "1");
        });
        let options = ClientOptions { ca_certs: Vec::new(), ..trusting(&server) };
        let attempt = image("reg.example", "acme/api:1");
        for insecure in ["reg.example", "reg.example:443"] {
            found(ask(ClientOptions { insecure: vec![insecure.parse().unwrap()], ..options.clone() }, &attempt));
        }
        for insecure in ["other.example", "reg.example:444"] {
            let options = ClientOptions { insecure: vec![insecure.parse().unwrap()], ..options.clone() };
            assert!(matches!(unknown(ask(options, &attempt)).0, Unknown::Tls(_)), "{insecure} {certificate:?}");
        }
    }
}

/// A host that is not checked vouches for no other: its redirects lead to servers that are.
#[test]
fn insecure_host_does_not_cover_its_redirect_target() {
    let other = Registry::start_tls(|r| {
        r.image("other.example/acme/api", "1");
    });
    let server = Registry::start_tls(|r| {
        r.also_named("reg.example");
        let there = "https://other.example/v2/acme/api/manifests/1";
        let redirect = pullcheck_support::Answer::status(307).header("Location", there);
        r.answer("*", "/v2/acme/api/manifests/1", [redirect]);
    });
    let connect = |name: &str, server: &Registry| format!("{name}={}", server.address()).parse().unwrap();
    let options = ClientOptions {
        connect_to: vec![connect("reg.example", &server), connect("other.example", &other)],
        insecure: vec!["reg.example".parse().unwrap()],
        ..quick()
    };
    let (cause, evidence) = unknown(ask(options, &image("reg.example", "acme/api:1")));
    assert!(matches!(cause, Unknown::Tls(_)), "{cause:?}");
    assert_eq!(evidence.url.as_deref(), Some("https://other.example/v2/acme/api/manifests/1"));
    assert_eq!((server.count(), other.count()), (1, 0));
}

/// `openssl req -x509` marks it as an authority, and Go does not mind.
#[test]
fn trusted_self_signed_certificate_is_accepted() {
    let server = Registry::start_tls(|r| {
        r.certificate(Certificate::SelfSigned).image("reg.example/acme/api", "1");
    });
    found(ask(trusting(&server), &image("reg.example", "acme/api:1")));
    // Neither another one nor another name.
    let other = Registry::start_tls(|r| {
        r.certificate(Certificate::SelfSigned);
    });
    let options = ClientOptions { ca_certs: vec![other.ca_pem().as_bytes().to_vec()], ..trusting(&server) };
    assert!(matches!(unknown(ask(options, &image("reg.example", "acme/api:1"))).0, Unknown::Tls(_)));
    let connect_to = vec![format!("wrong.example={}", server.address()).parse().unwrap()];
    let options = ClientOptions { connect_to, ..trusting(&server) };
    let (_, evidence) = unknown(ask(options, &image("wrong.example", "acme/api:1")));
    assert!(evidence.message.unwrap().contains("certificate is valid for"), "the name is checked");
}

#[test]
fn many_requests_share_one_http2_connection() {
    let server = Registry::start_tls(|r| {
        r.http2();
        for tag in 0..60 {
            r.image("acme/api", &tag.to_string());
        }
    });
    let options = ClientOptions {
        plain_http: Vec::new(),
        mirrors: vec![format!("reg.example=https://{}", server.host()).parse().unwrap()],
        ca_certs: vec![server.ca_pem().as_bytes().to_vec()],
        proxies: Proxies::Off,
        concurrency: 30,
        host_concurrency: 30,
        ..quick()
    };
    block_on(async {
        let client = Client::new(options).unwrap();
        let attempts: Vec<_> = (0..60).map(|tag| image("reg.example", &format!("acme/api:{tag}"))).collect();
        found(client.probe(&attempts[0]).await);
        let all = futures_util::future::join_all(attempts[1..].iter().map(|attempt| client.probe(attempt))).await;
        all.into_iter().for_each(|outcome| drop(found(outcome)));
    });
    assert!(server.requests().iter().all(|request| request.http2));
    assert_eq!((server.count(), server.connections()), (60, 1));
}
