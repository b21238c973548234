//! Where a registry may send us: never onto this machine, into the cloud's metadata, or out of TLS, and never with a
//! password that is for somebody else.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use pullcheck::kubelet::probe::{Outcome, Prober, Unknown};
use pullcheck::registry::{Client, ClientOptions, Lookup, Resolving};
use pullcheck_support::{Access, Answer, Bearer, Registry};

use super::{block_on, image, quick, shown, unknown, with};

const PATH: &str = "/v2/acme/api/manifests/1";

/// Names that lead where their first label says.
struct Labels;

impl Lookup for Labels {
    fn lookup(&self, host: &str) -> Resolving {
        let address = match host.split('.').next() {
            Some("metadata4") => Some("169.254.169.254"),
            Some("metadata6") => Some("fd00:ec2::254"),
            Some("mapped") => Some("::ffff:169.254.169.254"),
            Some("home") => Some("127.0.0.1"),
            Some("zero") => Some("0.0.0.0"),
            _ => None,
        };
        let found = address.map(|address| vec![address.parse::<IpAddr>().unwrap()]);
        Box::pin(std::future::ready(found.ok_or_else(|| io::Error::other("Name or service not known"))))
    }
}

const PLACES: [&str; 5] = [
    "metadata4.evil.example",
    "metadata6.evil.example",
    "mapped.evil.example",
    "home.evil.example",
    "zero.evil.example",
];

/// Asks `reg.example`, which is at the server, with a password.
fn ask(server: &Registry) -> Outcome {
    let options = ClientOptions {
        connect_to: vec![format!("reg.example={}", server.address()).parse().unwrap()],
        ca_certs: vec![server.ca_pem().as_bytes().to_vec()],
        ..quick()
    };
    let attempt = with(image("reg.example", "acme/api:1"), "bob", "s3cret");
    block_on(async { Client::with_lookup(options, Arc::new(Labels)).unwrap().probe(&attempt).await })
}

#[test]
fn redirect_to_a_name_with_unsafe_address_is_not_followed() {
    for place in PLACES {
        let server = Registry::start_tls(|r| {
            r.also_named("reg.example");
            let there = format!("https://{place}{PATH}");
            r.answer("HEAD", PATH, [Answer::status(307).header("Location", &there)]);
        });
        let (cause, evidence) = unknown(ask(&server));
        assert_eq!(cause, Unknown::NodeLocal, "{place}");
        assert!(shown(&evidence).ends_with("address, which is not contacted"), "{}", shown(&evidence));
        assert_eq!(server.count(), 1);
    }
}

#[test]
fn realm_name_with_unsafe_address_is_not_contacted() {
    let metadata = ["metadata.google.internal", "METADATA.google.internal.", "instance-data"];
    for place in PLACES.into_iter().chain(metadata) {
        let server = Registry::start_tls(|r| {
            r.image("reg.example/acme/api", "1").access(Access::Bearer(Bearer::private("bob", "s3cret")));
            r.host("reg.example").realm(&format!("https://{place}/token"));
        });
        let (cause, _) = unknown(ask(&server));
        assert_eq!(cause, Unknown::NodeLocal, "{place}");
        assert!(server.requests().iter().all(|request| request.authorization.is_none()));
        assert_eq!(server.count(), 1);
    }
}

#[test]
fn redirect_from_https_to_http_is_refused() {
    let elsewhere = Registry::start(|r| {
        r.image("acme/api", "1");
    });
    let server = Registry::start_tls(|r| {
        r.also_named("reg.example");
        let there = format!("http://{}{PATH}", elsewhere.host());
        r.answer("HEAD", PATH, [Answer::status(307).header("Location", &there)]);
    });
    let (cause, evidence) = unknown(ask(&server));
    assert_eq!(cause, Unknown::RegistryError);
    assert_eq!(evidence.message.as_deref(), Some("redirect from https to http refused"));
    assert_eq!((server.count(), elsewhere.count()), (1, 0));
}

/// Whoever names the realm would get the password by it.
#[test]
fn token_endpoint_redirect_is_not_followed() {
    let server = Registry::start_tls(|r| {
        r.image("reg.example/acme/api", "1").access(Access::Bearer(Bearer::private("bob", "s3cret")));
        r.answer("*", "/token", [Answer::status(307).header("Location", "/v2/elsewhere")]);
    });
    let (cause, _) = unknown(ask(&server));
    assert_eq!(cause, Unknown::AuthServer);
    assert_eq!(server.lines(), [&format!("HEAD {PATH}"), "POST /token"]);
}

/// A token is for the registry that it was asked for.
#[test]
fn token_does_not_follow_a_redirect_to_another_host() {
    let elsewhere = Registry::start(|r| {
        r.image("acme/api", "1");
    });
    let server = Registry::start(|r| {
        r.image("acme/api", "1").access(Access::Bearer(Bearer::private("bob", "s3cret")));
    });
    let challenge = format!("Bearer realm=\"http://{}/token\"", server.host());
    server.change(|r| {
        let there = Answer::status(307).header("Location", &format!("http://{}{PATH}", elsewhere.host()));
        r.answer("HEAD", PATH, [there.behind(Answer::status(401).header("WWW-Authenticate", &challenge))]);
    });
    let mut options = super::plain(&server);
    options.plain_http.push(elsewhere.host().parse().unwrap());
    super::found(super::ask(options, &with(image(&server.host(), "acme/api:1"), "bob", "s3cret")));
    assert!(server.requests()[2].authorization.as_deref().is_some_and(|value| value.starts_with("Bearer ")));
    assert_eq!(elsewhere.requests()[0].authorization, None);
}

/// What a mirror redirects to gets neither the password nor the mirror's headers.
#[test]
fn mirror_redirect_does_not_carry_the_password() {
    let blobs = Registry::start(|r| {
        r.image("acme/api", "1");
    });
    let mirror = Registry::start(|r| {
        let there = Answer::status(307).header("Location", &format!("http://{}{PATH}", blobs.host()));
        r.answer("HEAD", PATH, [there.behind(Answer::status(401).header("WWW-Authenticate", "Basic realm=\"m\""))]);
    });
    let mut options = super::plain(&blobs);
    options.mirrors.push(format!("reg.example=http://{}", mirror.host()).parse().unwrap());
    super::found(super::ask(options, &with(image("reg.example", "acme/api:1"), "bob", "s3cret")));
    assert!(mirror.requests()[1].authorization.is_some());
    assert_eq!(blobs.requests()[0].authorization, None);
}
