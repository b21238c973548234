//! Servers that mean harm.

use pullcheck::kubelet::probe::{Defect, Outcome, Unknown};
use pullcheck_support::{Access, Answer, Bearer, Registry};

use super::{ask, found, image, plain, unknown, with};

const PATH: &str = "/v2/acme/api/manifests/1";

#[test]
fn password_does_not_follow_a_redirect_to_another_host() {
    let elsewhere = Registry::start(|r| {
        r.image("acme/api", "1");
    });
    let server = Registry::start(|r| {
        r.image("acme/api", "1").access(Access::Basic(vec![("bob".to_owned(), "s3cret".to_owned())]));
        let challenge = Answer::status(401).header("WWW-Authenticate", "Basic realm=\"x\"");
        let redirect = Answer::status(307).header("Location", &format!("http://{}{PATH}", elsewhere.host()));
        r.answer("HEAD", PATH, [challenge, redirect]);
    });
    let mut options = plain(&server);
    options.plain_http.push(elsewhere.host().parse().unwrap());
    found(ask(options, &with(image(&server.host(), "acme/api:1"), "bob", "s3cret")));
    assert!(server.requests()[1].authorization.is_some());
    assert_eq!(elsewhere.requests()[0].authorization, None);
    assert_eq!((server.count(), elsewhere.count()), (2, 1));
}

#[test]
fn password_follows_a_redirect_on_the_same_host() {
    let server = Registry::start(|r| {
        let challenge = Answer::status(401).header("WWW-Authenticate", "Basic realm=\"x\"");
        r.answer("HEAD", PATH, [challenge, Answer::status(307).header("Location", "/v2/moved/manifests/1")]);
        r.image("moved", "1").access(Access::Basic(vec![("bob".to_owned(), "s3cret".to_owned())]));
    });
    found(ask(plain(&server), &with(image(&server.host(), "acme/api:1"), "bob", "s3cret")));
    assert_eq!(server.count(), 3);
}

#[test]
fn redirects_stop_after_five() {
    let server = Registry::start(|r| {
        r.answer("HEAD", PATH, [Answer::status(307).header("Location", PATH)]);
    });
    let (cause, evidence) = unknown(ask(plain(&server), &image(&server.host(), "acme/api:1")));
    assert_eq!((cause, evidence.message.as_deref()), (Unknown::RegistryError, Some("stopped after 5 redirects")));
    assert_eq!(server.count(), 6);
}

#[test]
fn redirect_to_a_metadata_address_is_refused() {
    for location in ["http://169.254.169.254/latest", "http://[::ffff:169.254.169.254]/", "http://0xa9fea9fe/"] {
        let server = Registry::start(|r| {
            r.answer("HEAD", PATH, [Answer::status(307).header("Location", location)]);
        });
        let (cause, evidence) = unknown(ask(plain(&server), &image(&server.host(), "acme/api:1")));
        assert_eq!(cause, Unknown::NodeLocal, "{location}");
        assert!(evidence.message.unwrap().ends_with("is a link-local or metadata address, which is not contacted"));
        assert_eq!(server.count(), 1);
    }
}

#[test]
fn challenge_from_a_redirect_target_is_not_answered() {
    let elsewhere = Registry::start(|r| {
        r.image("acme/api", "1").access(Access::Basic(vec![("bob".to_owned(), "s3cret".to_owned())]));
    });
    let server = Registry::start(|r| {
        let redirect = Answer::status(307).header("Location", &format!("http://{}{PATH}", elsewhere.host()));
        r.answer("HEAD", PATH, [redirect]);
    });
    let mut options = plain(&server);
    options.plain_http.push(elsewhere.host().parse().unwrap());
    let outcome = ask(options, &with(image(&server.host(), "acme/api:1"), "bob", "s3cret"));
    assert!(!matches!(outcome, Outcome::Found(_)), "{outcome:?}");
    assert!(elsewhere.requests().iter().all(|request| request.authorization.is_none()));
}

#[test]
fn endless_manifest_body_is_cut() {
    let server = Registry::start(|r| {
        r.answer("HEAD", PATH, [Answer::status(405)]);
        let endless = Answer::status(200).header("Content-Type", "application/vnd.oci.image.index.v1+json");
        r.answer("GET", PATH, [endless.body("{").padded(1 << 34)]);
    });
    let manifest = found(ask(plain(&server), &image(&server.host(), "acme/api:1")));
    assert_eq!((manifest.defect, manifest.digest), (Some(Defect::TooBig), None));
}

#[test]
fn endless_error_body_is_cut() {
    let server = Registry::start(|r| {
        r.answer("HEAD", PATH, [Answer::status(405)]);
        r.answer("GET", PATH, [Answer::status(404).body("{").padded(1 << 34)]);
    });
    assert!(matches!(ask(plain(&server), &image(&server.host(), "acme/api:1")), Outcome::Absent(_)));
}

#[test]
fn echoed_password_is_not_quoted() {
    let server = Registry::start(|r| {
        r.image("acme/api", "1").access(Access::Bearer(Bearer::public()));
        r.answer("GET", "/token", [Answer::error(401, "UNAUTHORIZED", "no user bob with password s3cret")]);
    });
    let outcome = ask(plain(&server), &with(image(&server.host(), "acme/api:1"), "bob", "s3cret"));
    assert!(!format!("{outcome:?}").contains("s3cret"), "{outcome:?}");
}
