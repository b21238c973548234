//! Who is let in, and how others are refused.

use pullcheck::image::runtime::Runtime;
use pullcheck::kubelet::probe::{Attempt, Denial, Evidence, Outcome, Prober, Unknown};
use pullcheck::registry::{Client, ClientOptions};
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
const ANONYMOUS: [&str; 3] = ["HEAD /v2/acme/secret/manifests/1", "GET /token", "HEAD /v2/acme/secret/manifests/1"];
const BEARER: [&str; 3] = ["HEAD /v2/acme/secret/manifests/1", "POST /token", "HEAD /v2/acme/secret/manifests/1"];

#[test]
fn correct_password_grants_access() {
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

/// containerd sends a credential after a 401 alone.
#[test]
fn forbidden_without_challenge_does_not_blame_credential() {
    let manifest = "/v2/acme/secret/manifests/1";
    let forbidden = || Answer::status(403);
    let asks = || Answer::status(401).header("WWW-Authenticate", "Basic realm=\"x\"");
    let table = [(vec![forbidden()], 1, true), (vec![asks(), forbidden()], 2, false)];
    for (answers, requests, bare) in table {
        let server = Registry::start(|r| {
            r.answer("*", manifest, answers);
        });
        let attempt = with(image(&server.host(), "acme/secret:1"), "bob", "s3cret");
        let (denial, evidence) = denied(ask(plain(&server), &attempt));
        assert_eq!((denial, evidence.bare, server.count()), (Denial::Denied, bare, requests));
    }
}

#[test]
fn a_public_image_behind_a_token_needs_no_password() {
    let server = Registry::start(secret(Access::Bearer(Bearer::public())));
    found(ask(plain(&server), &image(&server.host(), "acme/secret:1")));
    assert_eq!(server.lines(), ANONYMOUS);
    let token = &server.requests()[1];
    assert_eq!(
        token.query,
        format!("service={}&scope=repository%3Aacme%2Fsecret%3Apull", server.host().replace(':', "%3A"))
    );
    assert_eq!(token.authorization, None);
}

#[test]
fn wrong_password_is_reported_as_bad_credentials() {
    let server = Registry::start(secret(Access::Bearer(hub())));
    let (denial, evidence) = denied(ask(plain(&server), &with(image(&server.host(), "acme/secret:1"), "bob", "wrong")));
    assert_eq!(denial, Denial::BadCredentials);
    let expected = format!("GET http://{}/token 401 UNAUTHORIZED: incorrect username or password", server.host());
    assert_eq!(shown(&evidence), expected);
    // As containerd does: by `GET` once more, behind a 401.
    assert_eq!(server.lines(), ["HEAD /v2/acme/secret/manifests/1", "POST /token", "GET /token"]);

    let server = Registry::start(secret(Access::Basic(vec![("bob".to_owned(), "s3cret".to_owned())])));
    let (denial, evidence) = denied(ask(plain(&server), &with(image(&server.host(), "acme/secret:1"), "bob", "wrong")));
    assert_eq!((denial, evidence.status), (Denial::BadCredentials, Some(401)));
    assert_eq!(server.lines(), BASIC);
}

/// Each way of saying no, to nobody and to a user who has no right to read.
#[test]
fn refusals_are_distinguished() {
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
fn basic_challenge_without_a_password_is_auth_required() {
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
fn unknown_auth_scheme_is_denied_as_no_challenge() {
    for challenge in [None, Some("Negotiate"), Some("Digest realm=\"x\"")] {
        let server = Registry::start(|r| {
            let answer = challenge.iter().fold(Answer::status(401), |answer, c| answer.header("WWW-Authenticate", c));
            r.answer("HEAD", "/v2/acme/api/manifests/1", [answer]);
        });
        let (denial, _) = denied(ask(plain(&server), &with(image(&server.host(), "acme/api:1"), "bob", "s3cret")));
        assert_eq!((denial, server.count()), (Denial::NoChallenge, 1));
        assert_eq!(server.requests()[0].authorization, None);
    }
}

#[test]
fn token_response_without_token_is_an_auth_server_error() {
    let decoding = |why: &str| Some(format!("unable to decode token response: {why}"));
    let missing = || Some("authorization server did not include a token in the response".to_owned());
    let header = || Some("failed to do request: net/http: invalid header field value for \"Authorization\"".to_owned());
    let answers = [
        (Answer::status(200).body(""), decoding("EOF")),
        (Answer::status(200).body("{}"), missing()),
        (Answer::status(200).body(r#"{"token":""}"#), missing()),
        (Answer::status(200).body("{\"token\":\"a\\nb\"}"), header()),
        (Answer::status(200).body("<html>"), decoding("invalid character '<' looking for beginning of value")),
        (Answer::status(400), None),
        (Answer::status(404), None),
        (Answer::status(200).body("{\"token\":\"").padded(1 << 30), decoding("EOF")),
    ];
    for (answer, message) in answers {
        let server = Registry::start(|r| {
            r.image("acme/secret", "1").access(Access::Bearer(Bearer::public()));
            r.answer("GET", "/token", [answer.clone()]);
        });
        let (cause, evidence) = unknown(ask(plain(&server), &image(&server.host(), "acme/secret:1")));
        assert_eq!(cause, Unknown::AuthServer, "{answer:?}");
        assert_eq!((evidence.message, server.count()), (message, 2), "{answer:?}");
    }
}

#[test]
fn challenge_without_realm_is_an_auth_server_error() {
    let server = Registry::start(|r| {
        let answer = Answer::status(401).header("WWW-Authenticate", "Bearer service=\"x\"");
        r.answer("HEAD", "/v2/acme/api/manifests/1", [answer]);
    });
    let (cause, _) = unknown(ask(plain(&server), &image(&server.host(), "acme/api:1")));
    assert_eq!((cause, server.count()), (Unknown::AuthServer, 1));
}

#[test]
fn token_endpoint_rate_limit_is_reported() {
    let server = Registry::start(|r| {
        r.image("acme/secret", "1").access(Access::Bearer(Bearer::public()));
        r.answer("GET", "/token", [Answer::error(429, "TOOMANYREQUESTS", "slow down")]);
    });
    let (cause, evidence) = unknown(ask(plain(&server), &image(&server.host(), "acme/secret:1")));
    assert_eq!(cause, Unknown::RateLimited);
    assert_eq!(shown(&evidence), format!("GET http://{}/token 429 TOOMANYREQUESTS: slow down", server.host()));
    assert_eq!(server.count(), 2);
}

/// A registry whose token endpoint answers POST and GET with these.
fn token_endpoint(post: Answer, get: Answer) -> Registry {
    let server = Registry::start(|r| {
        r.answer("POST", "/token", [post]);
        r.answer("GET", "/token", [get]);
    });
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"reg & co\"", server.host());
    server.change(|r| {
        for repository in ["secret", "other"] {
            for tag in ["1", "2"] {
                let manifest =
                    Answer::status(200).header("Docker-Content-Digest", &format!("sha256:{}", "a".repeat(64)));
                let manifest = manifest.header("Content-Type", "application/vnd.oci.image.manifest.v1+json").body("{}");
                let path = format!("/v2/acme/{repository}/manifests/{tag}");
                r.answer("HEAD", &path, [manifest.behind(Answer::status(401).header("WWW-Authenticate", &realm))]);
            }
        }
    });
    server
}

/// What both ways of asking accept.
fn token() -> Answer {
    Answer::status(200).body(r#"{"token":"an-opaque-token","access_token":"an-opaque-token"}"#)
}

fn bob(server: &Registry, name: &str) -> Attempt {
    with(image(&server.host(), name), "bob", "s3&cret")
}

#[test]
fn password_is_posted_to_the_token_endpoint() {
    let server = token_endpoint(token(), Answer::status(500));
    let manifest = "HEAD /v2/acme/secret/manifests/1";
    found(ask(plain(&server), &bob(&server, "acme/secret:1")));
    assert_eq!(server.lines(), [manifest, "POST /token", manifest]);
    let post = &server.requests()[1];
    let form = "grant_type=password&username=bob&password=s3%26cret&service=reg+%26+co&client_id=pullcheck\
                &scope=repository%3Aacme%2Fsecret%3Apull";
    assert_eq!((post.body.as_str(), post.query.as_str()), (form, ""));
    assert_eq!(post.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(post.authorization, None);
    assert_eq!(server.requests()[2].authorization.as_deref(), Some("Bearer an-opaque-token"));
}

/// containerd goes on by `GET` behind four statuses, and gives up behind all others, whatever `GET` would answer.
#[test]
fn token_get_follows_a_post_only_after_four_statuses() {
    for (status, falls_back) in [
        (400, true),
        (401, true),
        (404, true),
        (405, true),
        (402, false),
        (403, false),
        (406, false),
        (411, false),
        (415, false),
        (429, false),
        (500, false),
        (501, false),
    ] {
        let server = token_endpoint(Answer::status(status), token());
        let outcome = ask(plain(&server), &bob(&server, "acme/secret:1"));
        let gets = server.lines().iter().filter(|line| *line == "GET /token").count();
        assert_eq!((matches!(outcome, Outcome::Found(_)), gets), (falls_back, usize::from(falls_back)), "{status}");
    }
}

#[test]
fn malformed_token_post_answer_is_a_refusal() {
    for body in ["<html>", r#"{"token":"t"}"#, r#"{"access_token":"t","expires_in":"300"}"#, ""] {
        let server = token_endpoint(Answer::status(200).body(body), token());
        let (cause, evidence) = denied(ask(plain(&server), &bob(&server, "acme/secret:1")));
        assert_eq!(
            (cause, evidence.method, evidence.status),
            (Denial::TokenRefused, Some("POST"), Some(200)),
            "{body}"
        );
        assert!(!server.lines().contains(&"GET /token".to_owned()), "{body}");
    }
}

/// What a realm does not know, it is not asked for each repository.
#[test]
fn realm_without_post_support_is_posted_to_once() {
    for (status, posts) in [(404, 1), (405, 1), (400, 1), (401, 2)] {
        let server = token_endpoint(Answer::status(status), token());
        super::block_on(async {
            let client = Client::new(plain(&server)).unwrap();
            for name in ["acme/secret:1", "acme/other:1", "acme/other:2"] {
                found(client.probe(&bob(&server, name)).await);
            }
        });
        let count = |method: &str| server.lines().iter().filter(|line| **line == format!("{method} /token")).count();
        assert_eq!((count("POST"), count("GET")), (posts, 2), "{status}");
    }
}

#[test]
fn token_post_requires_password_and_containerd() {
    let server = token_endpoint(token(), token());
    found(ask(plain(&server), &image(&server.host(), "acme/secret:1")));
    assert_eq!(server.lines()[1], "GET /token");
    let server = token_endpoint(token(), token());
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"reg & co\"", server.host());
    server.change(|r| {
        r.answer("GET", "/v2/", [Answer::status(401).header("WWW-Authenticate", &realm)]);
    });
    let options = ClientOptions { runtime: Runtime::Crio, ..plain(&server) };
    found(ask(options, &bob(&server, "acme/secret:1")));
    assert_eq!(server.lines(), ["GET /v2/", "GET /token", "HEAD /v2/acme/secret/manifests/1"]);
    assert!(server.requests()[1].query.starts_with("account=bob&service="), "{}", server.requests()[1].query);
}

/// Two requests carry it, whatever the number of images and repositories.
#[test]
fn a_wrong_password_is_not_posted_again() {
    let refused = || Answer::error(401, "UNAUTHORIZED", "no");
    let server = token_endpoint(refused(), refused());
    super::block_on(async {
        let client = Client::new(plain(&server)).unwrap();
        for name in ["acme/secret:1", "acme/secret:2", "acme/secret:1"] {
            let (denial, evidence) = denied(client.probe(&bob(&server, name)).await);
            assert_eq!((denial, evidence.method), (Denial::BadCredentials, Some("GET")));
        }
        let (cause, evidence) = unknown(client.probe(&bob(&server, "acme/other:1")).await);
        assert_eq!(cause, Unknown::CredentialWithheld);
        assert!(evidence.message.unwrap().contains("acme/secret"));
    });
    let carrying = server.requests().into_iter().filter(|request| request.path == "/token");
    assert_eq!(carrying.count(), 2);
}

/// A password in a body follows no redirect that would carry it on; what is left behind the other redirects is a
/// `GET` without it.
#[test]
fn redirected_token_post_does_not_carry_the_password() {
    for (status, lines) in [(307, 1), (308, 1), (301, 2), (302, 2), (303, 2)] {
        let server = token_endpoint(Answer::status(status).header("Location", "/elsewhere"), token());
        server.change(|r| {
            r.answer("GET", "/elsewhere", [Answer::status(200).body("<html>Log in</html>")]);
        });
        let outcome = ask(plain(&server), &bob(&server, "acme/secret:1"));
        match status {
            307 | 308 => assert_eq!(unknown(outcome).0, Unknown::AuthServer, "{status}"),
            _ => assert_eq!(denied(outcome).0, Denial::TokenRefused, "{status}"),
        }
        assert_eq!(server.lines()[1..], ["POST /token", "GET /elsewhere"][..lines], "{status}");
        assert!(server.requests().get(2).is_none_or(|get| get.body.is_empty() && get.authorization.is_none()));
    }
}

/// A node asks for a token for each pull: one that was kept and is refused is renewed, however young it is, as long as
/// that helps.
#[test]
fn refused_cached_token_is_renewed() {
    let server = Registry::start(|_| {});
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"s\"", server.host());
    let manifest = |tag: &str, refusals: usize| {
        let good = Answer::status(200).header("Docker-Content-Digest", &format!("sha256:{}", "a".repeat(64)));
        let good = good.header("Content-Type", "application/vnd.oci.image.manifest.v1+json").body("{}");
        let refused = || Answer::status(401).header("WWW-Authenticate", &realm);
        let answers: Vec<Answer> = (0..refusals).map(|_| refused()).chain([good]).collect();
        server.change(|r| {
            r.answer("HEAD", &format!("/v2/acme/secret/manifests/{tag}"), answers);
        });
    };
    // The challenge; then the tokens of one pull are spent for the next.
    manifest("1", 1);
    manifest("2", 1);
    let tokens = (1..4).map(|at| Answer::status(200).body(format!(r#"{{"access_token":"t{at}"}}"#)));
    server.change(|r| {
        r.answer("POST", "/token", tokens.collect::<Vec<_>>());
    });
    super::block_on(async {
        let client = Client::new(plain(&server)).unwrap();
        found(client.probe(&bob(&server, "acme/secret:1")).await);
        found(client.probe(&bob(&server, "acme/secret:2")).await);
    });
    let sent: Vec<_> = server.requests().iter().filter_map(|request| request.authorization.clone()).collect();
    assert_eq!(sent, ["Bearer t1", "Bearer t1", "Bearer t2"]);
}

/// A registry that refuses a token which it has just given refuses the next: it is not asked for one per tag.
#[test]
fn a_new_token_that_is_refused_is_not_renewed() {
    let server = Registry::start(|r| {
        let access = Access::Bearer(hub().refusing(Refusal::Unauthorized));
        for tag in 0..20 {
            r.image("acme/secret", &tag.to_string()).access(access.clone());
        }
    });
    super::block_on(async {
        let client = Client::new(plain(&server)).unwrap();
        for tag in 0..20 {
            let attempt = with(image(&server.host(), &format!("acme/secret:{tag}")), "eve", "known");
            assert_eq!(denied(client.probe(&attempt).await).0, Denial::Auth);
        }
    });
    assert_eq!(server.lines().iter().filter(|line| *line == "POST /token").count(), 1);
}

/// A refusal of one repository says nothing of another, as long as the password may be good.
#[test]
fn refused_password_is_still_tried_for_another_repository() {
    let users = |name: &str| Access::Basic(vec![(name.to_owned(), "s3&cret".to_owned())]);
    let server = Registry::start(|r| {
        r.image("a/x", "1").access(users("alice"));
        r.image("b/x", "1").access(users("bob"));
        r.image("c/x", "1").access(users("alice"));
        r.image("d/x", "1").access(users("alice"));
    });
    super::block_on(async {
        let client = Client::new(plain(&server)).unwrap();
        assert_eq!(denied(client.probe(&bob(&server, "a/x:1")).await).0, Denial::BadCredentials);
        found(client.probe(&bob(&server, "b/x:1")).await);
        for name in ["c/x:1", "d/x:1"] {
            assert_eq!(denied(client.probe(&bob(&server, name)).await).0, Denial::BadCredentials, "it is known now");
        }
    });
    let server = Registry::start(|r| {
        for name in ["a/x", "b/x", "c/x"] {
            r.image(name, "1").access(users("alice"));
        }
    });
    super::block_on(async {
        let client = Client::new(plain(&server)).unwrap();
        for name in ["a/x:1", "b/x:1"] {
            assert_eq!(denied(client.probe(&bob(&server, name)).await).0, Denial::BadCredentials);
        }
        assert_eq!(unknown(client.probe(&bob(&server, "c/x:1")).await).0, Unknown::CredentialWithheld);
    });
    assert_eq!(server.requests().iter().filter(|request| request.user.is_some()).count(), 2);
}

/// CRI-O asks for the root of the API first; what it is told there says nothing of the image.
#[test]
fn missing_api_root_is_not_a_missing_image() {
    for (status, cause) in [(404, Unknown::RegistryError), (403, Unknown::RegistryError), (429, Unknown::RateLimited)] {
        let server = Registry::start(|r| {
            r.image("acme/api", "1");
            r.answer("GET", "/v2/", [Answer::status(status)]);
        });
        let options = ClientOptions { runtime: Runtime::Crio, ..plain(&server) };
        assert_eq!(unknown(ask(options, &image(&server.host(), "acme/api:1"))).0, cause, "{status}");
        found(ask(plain(&server), &image(&server.host(), "acme/api:1")));
    }
}
