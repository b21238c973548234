//! Who is let in, and how others are refused.

use pullcheck::probe::{Denial, Evidence, Outcome, Prober, Unknown};
use pullcheck::registry::Client;
use pullcheck_support::{Access, Answer, Bearer, Refusal, Registry, Script};

use super::{ask, found, image, plain, shown, unknown, with};

#[track_caller]
fn denied(outcome: Outcome) -> (Denial, Evidence) {
    match outcome {
        Outcome::Denied(denial, evidence) => (denial, evidence),
        other => panic!("not denied, but {other:?}"),
    }
}

fn secret(access: Access) -> impl FnOnce(&mut Script) {
    move |r| {
        r.image("acme/secret", "1").access(access);
    }
}

fn hub() -> Bearer {
    Bearer::private("bob", "s3cret").stranger("eve", "known")
}

const BASIC: [&str; 2] = ["HEAD /v2/acme/secret/manifests/1", "HEAD /v2/acme/secret/manifests/1"];
const BEARER: [&str; 3] = ["HEAD /v2/acme/secret/manifests/1", "GET /token", "HEAD /v2/acme/secret/manifests/1"];

#[test]
fn the_right_password_opens() {
    let bearer = Access::Bearer(hub());
    let basic = Access::Basic(vec![("bob".to_owned(), "s3cret".to_owned())]);
    for (access, lines) in [(bearer, &BEARER[..]), (basic, &BASIC[..])] {
        let server = Registry::start(secret(access));
        found(ask(plain(&server), &with(image(&server.host(), "acme/secret:1"), "bob", "s3cret")));
        assert_eq!(server.lines(), lines);
        assert_eq!(server.requests()[0].authorization, None, "nothing is sent that was not asked for");
        assert_eq!(server.requests().last().unwrap().user.as_deref(), Some("bob"));
    }
}

#[test]
fn a_public_image_behind_a_token_needs_no_password() {
    let server = Registry::start(secret(Access::Bearer(Bearer::public())));
    found(ask(plain(&server), &image(&server.host(), "acme/secret:1")));
    assert_eq!(server.lines(), BEARER);
    let token = &server.requests()[1];
    assert_eq!(
        token.query,
        format!("service={}&scope=repository%3Aacme%2Fsecret%3Apull", server.host().replace(':', "%3A"))
    );
    assert_eq!(token.authorization, None);
}

#[test]
fn a_wrong_password() {
    let server = Registry::start(secret(Access::Bearer(hub())));
    let (denial, evidence) = denied(ask(plain(&server), &with(image(&server.host(), "acme/secret:1"), "bob", "wrong")));
    assert_eq!(denial, Denial::BadCredentials);
    let expected = format!("GET http://{}/token 401 UNAUTHORIZED: incorrect username or password", server.host());
    assert_eq!(shown(&evidence), expected);
    assert_eq!(server.lines(), BEARER[..2]);

    let server = Registry::start(secret(Access::Basic(vec![("bob".to_owned(), "s3cret".to_owned())])));
    let (denial, evidence) = denied(ask(plain(&server), &with(image(&server.host(), "acme/secret:1"), "bob", "wrong")));
    assert_eq!((denial, evidence.status), (Denial::BadCredentials, Some(401)));
    assert_eq!(server.lines(), BASIC);
}

/// Each way of saying no, to nobody and to a user who has no right to read.
#[test]
fn refusals_are_told_apart() {
    let cases = [
        (Refusal::InsufficientScope, Denial::DeniedOrAbsent, 3, 401),
        (Refusal::Unauthorized, Denial::Auth, 3, 401),
        (Refusal::Forbidden, Denial::Denied, 3, 403),
        (Refusal::TokenForbidden, Denial::DeniedOrAbsent, 2, 403),
    ];
    for (refusal, expected, requests, status) in cases {
        for user in [None, Some(("eve", "known"))] {
            let server = Registry::start(secret(Access::Bearer(hub().refusing(refusal))));
            let attempt = image(&server.host(), "acme/secret:1");
            let attempt = user.map_or(attempt.clone(), |(user, password)| with(attempt, user, password));
            let (denial, evidence) = denied(ask(plain(&server), &attempt));
            assert_eq!((denial, evidence.status), (expected, Some(status)), "{refusal:?} {user:?}");
            assert_eq!(server.count(), requests, "{refusal:?} {user:?}");
        }
    }
    let server = Registry::start(secret(Access::Bearer(hub().refusing(Refusal::TokenUnauthorized))));
    let (denial, _) = denied(ask(plain(&server), &image(&server.host(), "acme/secret:1")));
    assert_eq!((denial, server.count()), (Denial::DeniedOrAbsent, 2));
}

#[test]
fn a_basic_challenge_without_a_credential() {
    for attempt in [|a| a, |a| with(a, "bob", "")] {
        let server = Registry::start(secret(Access::Basic(vec![("bob".to_owned(), "s3cret".to_owned())])));
        let (denial, evidence) = denied(ask(plain(&server), &attempt(image(&server.host(), "acme/secret:1"))));
        assert_eq!(denial, Denial::AuthRequired);
        assert_eq!(shown(&evidence), format!("HEAD http://{}/v2/acme/secret/manifests/1 401", server.host()));
        assert_eq!(server.count(), 1);
    }
}

#[test]
fn a_403_without_challenge_is_a_denial() {
    let server = Registry::start(|r| {
        let expired =
            Answer::error(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.");
        r.answer("HEAD", "/v2/acme/api/manifests/1", [expired]);
    });
    let (denial, evidence) = denied(ask(plain(&server), &image(&server.host(), "acme/api:1")));
    assert_eq!((denial, evidence.status, server.count()), (Denial::Denied, Some(403), 1));
}

#[test]
fn a_401_that_asks_for_nothing_we_know() {
    for challenge in [None, Some("Negotiate"), Some("Digest realm=\"x\"")] {
        let server = Registry::start(|r| {
            let answer = challenge.iter().fold(Answer::status(401), |answer, c| answer.header("WWW-Authenticate", c));
            r.answer("HEAD", "/v2/acme/api/manifests/1", [answer]);
        });
        let (denial, _) = denied(ask(plain(&server), &with(image(&server.host(), "acme/api:1"), "bob", "s3cret")));
        assert_eq!((denial, server.count()), (Denial::Auth, 1));
        assert_eq!(server.requests()[0].authorization, None);
    }
}

#[test]
fn a_token_endpoint_that_hands_out_no_token() {
    let answers = [
        Answer::status(200).body(""),
        Answer::status(200).body("{}"),
        Answer::status(200).body(r#"{"token":""}"#),
        Answer::status(200).body("{\"token\":\"a\\nb\"}"),
        Answer::status(200).body("<html>"),
        Answer::status(400),
        Answer::status(404),
        Answer::status(302).header("Location", "/elsewhere"),
        Answer::status(200).body("{\"token\":\"").padded(1 << 30),
    ];
    for answer in answers {
        let server = Registry::start(|r| {
            r.image("acme/secret", "1").access(Access::Bearer(Bearer::public()));
            r.answer("GET", "/token", [answer.clone()]);
        });
        let (cause, evidence) = unknown(ask(plain(&server), &image(&server.host(), "acme/secret:1")));
        assert_eq!(cause, Unknown::AuthServer, "{answer:?}");
        assert_eq!((evidence.message, server.count()), (None, 2), "{answer:?}");
    }
}

#[test]
fn a_challenge_without_realm() {
    let server = Registry::start(|r| {
        let answer = Answer::status(401).header("WWW-Authenticate", "Bearer service=\"x\"");
        r.answer("HEAD", "/v2/acme/api/manifests/1", [answer]);
    });
    let (cause, _) = unknown(ask(plain(&server), &image(&server.host(), "acme/api:1")));
    assert_eq!((cause, server.count()), (Unknown::AuthServer, 1));
}

#[test]
fn a_rate_limit_at_the_token_endpoint() {
    let server = Registry::start(|r| {
        r.image("acme/secret", "1").access(Access::Bearer(Bearer::public()));
        r.answer("GET", "/token", [Answer::error(429, "TOOMANYREQUESTS", "slow down")]);
    });
    let (cause, evidence) = unknown(ask(plain(&server), &image(&server.host(), "acme/secret:1")));
    assert_eq!(cause, Unknown::RateLimited);
    assert_eq!(shown(&evidence), format!("GET http://{}/token 429 TOOMANYREQUESTS: slow down", server.host()));
    assert_eq!(server.count(), 2);
}

/// A registry whose token endpoint answers GET with this status and POST with those answers.
fn post_only(get: u16, answers: impl IntoIterator<Item = Answer>) -> Registry {
    let server = Registry::start(|r| {
        r.answer("GET", "/token", [Answer::status(get)]);
        r.answer("POST", "/token", answers);
    });
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"reg & co\"", server.host());
    server.change(|r| {
        for tag in ["1", "2"] {
            let manifest = Answer::status(200).header("Docker-Content-Digest", &format!("sha256:{}", "a".repeat(64)));
            let manifest = manifest.header("Content-Type", "application/vnd.oci.image.manifest.v1+json").body("{}");
            let path = format!("/v2/acme/secret/manifests/{tag}");
            r.answer("HEAD", &path, [manifest.behind(Answer::status(401).header("WWW-Authenticate", &realm))]);
        }
    });
    server
}

/// containerd sends POST first; we send it where GET is not known.
#[test]
fn a_token_endpoint_that_knows_post_alone() {
    for status in [404, 405] {
        let server = post_only(status, [Answer::status(200).body(r#"{"access_token":"an-opaque-token"}"#)]);
        let manifest = "HEAD /v2/acme/secret/manifests/1";
        found(ask(plain(&server), &with(image(&server.host(), "acme/secret:1"), "bob", "s3&cret")));
        assert_eq!(server.lines(), [manifest, "GET /token", "POST /token", manifest]);
        let post = &server.requests()[2];
        let form = "grant_type=password&username=bob&password=s3%26cret&service=reg+%26+co&client_id=pullcheck\
                    &scope=repository%3Aacme%2Fsecret%3Apull";
        assert_eq!((post.body.as_str(), post.query.as_str()), (form, ""));
        assert_eq!(post.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(post.authorization, None);
        assert_eq!(server.requests()[3].authorization.as_deref(), Some("Bearer an-opaque-token"));
    }
}

#[test]
fn nobody_posts_without_a_password_or_where_get_is_known() {
    let server = post_only(404, [Answer::status(200).body(r#"{"access_token":"an-opaque-token"}"#)]);
    let (cause, evidence) = unknown(ask(plain(&server), &image(&server.host(), "acme/secret:1")));
    assert_eq!((cause, evidence.method, evidence.status), (Unknown::AuthServer, Some("GET"), Some(404)));
    assert_eq!(server.count(), 2);
    for status in [400, 403, 429] {
        let server = post_only(status, [Answer::status(200).body(r#"{"access_token":"an-opaque-token"}"#)]);
        let outcome = ask(plain(&server), &with(image(&server.host(), "acme/secret:1"), "bob", "s3cret"));
        assert!(!matches!(outcome, Outcome::Found(_)), "{status}");
        assert_eq!(server.count(), 2, "{status}");
    }
}

/// Two requests carry it, whatever the number of images.
#[test]
fn a_wrong_password_by_post_is_not_shown_again() {
    let server = post_only(405, [Answer::error(401, "UNAUTHORIZED", "no")]);
    super::block_on(async {
        let client = Client::new(plain(&server)).unwrap();
        for tag in ["1", "2", "1"] {
            let attempt = with(image(&server.host(), &format!("acme/secret:{tag}")), "bob", "wrong");
            let (denial, evidence) = denied(client.probe(&attempt).await);
            assert_eq!((denial, evidence.method), (Denial::BadCredentials, Some("POST")));
        }
    });
    let carrying = server.requests().into_iter().filter(|request| request.path == "/token");
    assert_eq!(carrying.count(), 2);
}

/// A password in a body follows no redirect.
#[test]
fn a_post_is_not_redirected() {
    let server = post_only(404, [Answer::status(307).header("Location", "/elsewhere")]);
    let outcome = ask(plain(&server), &with(image(&server.host(), "acme/secret:1"), "bob", "s3cret"));
    assert_eq!(unknown(outcome).0, Unknown::AuthServer);
    assert_eq!(server.lines()[1..], ["GET /token", "POST /token"]);
}
