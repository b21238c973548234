//! Registries that want our password, or us, somewhere else.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use pullcheck::kubelet::probe::{Attempt, Denial, Evidence, Outcome, Prober, Unknown};
use pullcheck::registry::{Client, ClientOptions, Lookup, Resolving};
use pullcheck_support::{Answer, Logged, Registry};

use super::{ask, block_on, image, plain, quick, unknown, with};

const PATH: &str = "/v2/acme/api/manifests/1";

/// A registry whose challenge names this realm.
fn naming(realm: &str) -> Registry {
    let challenge = format!(r#"Bearer realm="{realm}",service="x""#);
    Registry::start(|r| {
        r.answer("HEAD", PATH, [Answer::status(401).header("WWW-Authenticate", &challenge)]);
    })
}

fn asked_as_bob(server: &Registry) -> (Unknown, Evidence) {
    unknown(ask(plain(server), &with(image(&server.host(), "acme/api:1"), "bob", "s3cret")))
}

#[track_caller]
fn no_password_came(server: &Registry) {
    let carries = |request: &Logged| request.authorization.is_some() || request.body.contains("s3cret");
    assert!(!server.requests().iter().any(carries), "{:?}", server.requests());
}

#[test]
fn metadata_or_loopback_realm_is_not_contacted() {
    for realm in [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/",
        "http://[fe80::1]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://2852039166/",
        "http://127.0.0.2:1/token",
        "http://[::1]:1/token",
    ] {
        let server = naming(realm);
        let (cause, evidence) = asked_as_bob(&server);
        assert_eq!(cause, Unknown::NodeLocal, "{realm}: {evidence:?}");
        assert_eq!(server.count(), 1);
        no_password_came(&server);
    }
}

#[test]
fn realm_that_is_not_an_http_url_is_not_contacted() {
    for realm in ["file:///etc/passwd", "ftp://127.0.0.1/", "/token", "", "https://", "http://:80/", "data:,x"] {
        let server = naming(realm);
        let (cause, evidence) = asked_as_bob(&server);
        assert_eq!(cause, Unknown::AuthServer, "{realm}: {evidence:?}");
        assert_eq!(server.count(), 1);
        no_password_came(&server);
    }
}

#[test]
fn realm_redirect_to_another_host_is_not_followed() {
    for (post, status) in [(405, 307), (405, 302), (307, 307), (308, 307)] {
        let elsewhere = Registry::start(|r| {
            r.answer(
                "*",
                "/token",
                [Answer::status(200).json(&serde_json::json!({"token": "t", "access_token": "t"}))],
            );
        });
        let there = format!("http://{}/token", elsewhere.host());
        let server = Registry::start(|r| {
            r.private("acme/api", "bob", "s3cret").image("1");
            r.answer("POST", "/token", [Answer::status(post).header("Location", &there)]);
            r.answer("GET", "/token", [Answer::status(status).header("Location", &there)]);
        });
        let mut options = plain(&server);
        options.plain_http.push(elsewhere.host().parse().unwrap());
        let (cause, _) = unknown(ask(options, &with(image(&server.host(), "acme/api:1"), "bob", "s3cret")));
        assert_eq!((cause, elsewhere.count()), (Unknown::AuthServer, 0), "{post} {status}");
    }
}

#[test]
fn malformed_tokens_are_refused_and_not_quoted() {
    let deep = format!("{}1{}", r#"{"token":"#.repeat(100_000), "}".repeat(100_000));
    let tokens = [
        r#"{"token":"a\nAuthorization: Basic x"}"#.to_owned(),
        r#"{"token":"a\r\n\r\nGET / HTTP/1.1"}"#.to_owned(),
        "{\"token\":\"a\u{0}b\"}".to_owned(),
        format!(r#"{{"token":"{}"}}"#, "t".repeat(1 << 20)),
        r#"{"token":["t"]}"#.to_owned(),
        format!(r#"{{"token":{}}}"#, "[".repeat(30_000)),
        deep[..60_000].to_owned(),
        deep,
    ];
    for token in tokens {
        let server = Registry::start(|r| {
            r.private("acme/api", "bob", "s3cret").image("1");
            r.answer("POST", "/token", [Answer::status(200).body(token.replace("token", "access_token"))]);
        });
        let attempt = with(image(&server.host(), "acme/api:1"), "bob", "s3cret");
        let evidence = match ask(plain(&server), &attempt) {
            Outcome::Denied(Denial::TokenRefused, evidence) => evidence,
            other => panic!("{other:?}"),
        };
        let words = evidence.message.unwrap_or_default();
        let is_gos =
            words.starts_with("unable to decode token response: ") || words.starts_with("failed to do request: ");
        assert!(
            is_gos && !words.contains("Basic x") && words.len() < 200,
            "the answer's body holds the token: {words}"
        );
        assert_eq!(server.count(), 2);
    }
}

#[test]
fn repeated_challenges_are_answered_once() {
    let many = vec![r#"Basic realm="x""#; 1000].join(", ");
    let server = Registry::start(|r| {
        r.image("acme/api", "1");
        r.answer("HEAD", PATH, [Answer::status(401).header("WWW-Authenticate", &many)]);
    });
    let outcome = ask(plain(&server), &with(image(&server.host(), "acme/api:1"), "bob", "s3cret"));
    assert!(matches!(outcome, Outcome::Denied(Denial::BadCredentials, _)), "{outcome:?}");
    assert_eq!(server.count(), 2);
}

/// Every name leads to one address; remembers which were asked for.
struct Everywhere(IpAddr, Mutex<Vec<String>>);

impl Lookup for Everywhere {
    fn lookup(&self, host: &str) -> Resolving {
        self.1.lock().unwrap().push(host.to_owned());
        Box::pin(std::future::ready(Ok(vec![self.0])))
    }
}

fn ask_at(address: &str, attempt: &Attempt) -> (Unknown, Evidence) {
    let names = Arc::new(Everywhere(address.parse().unwrap(), Mutex::default()));
    unknown(block_on(async { Client::with_lookup(quick(), names).unwrap().probe(attempt).await }))
}

#[test]
fn registry_that_resolves_to_unsafe_address_is_not_contacted() {
    let server = Registry::start(|r| {
        r.image("acme/api", "1");
    });
    for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "169.254.169.254", "fd00:ec2::254"] {
        let registry = format!("rebind.example:{}", server.address().port());
        let attempt = with(image(&registry, "acme/api:1"), "bob", "s3cret");
        let (cause, evidence) = ask_at(address, &attempt);
        assert_eq!(cause, Unknown::NodeLocal, "{address}: {evidence:?}");
        assert!(evidence.message.unwrap().starts_with("rebind.example resolves to "));
    }
    assert_eq!(server.count(), 0);
}

#[test]
fn redirect_and_realm_hosts_are_resolved_and_checked() {
    let redirect = Answer::status(307).header("Location", "http://inner.example:1/");
    let challenge = Answer::status(401).header("WWW-Authenticate", r#"Bearer realm="http://inner.example:1/token""#);
    for answer in [redirect, challenge] {
        let server = Registry::start(|r| {
            r.answer("HEAD", PATH, [answer]);
        });
        let names = Arc::new(Everywhere([127, 0, 0, 1].into(), Mutex::default()));
        let options: ClientOptions = plain(&server);
        let lookup = Arc::clone(&names);
        let attempt = with(image(&server.host(), "acme/api:1"), "bob", "s3cret");
        let (cause, _) =
            unknown(block_on(async { Client::with_lookup(options, lookup).unwrap().probe(&attempt).await }));
        assert_eq!(cause, Unknown::NodeLocal);
        assert_eq!(*names.1.lock().unwrap(), ["inner.example"]);
        no_password_came(&server);
    }
}
