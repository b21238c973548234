//! Servers that fail, hang or break off.

use std::time::{Duration, Instant};

use pullcheck::kubelet::probe::{Prober, Unknown};
use pullcheck::registry::{Client, ClientOptions};
use pullcheck_support::{Access, Answer, Bearer, Registry};

use super::{ask, block_on, found, image, plain, quick, shown, unknown};

const PATH: &str = "/v2/acme/api/manifests/1";

fn answering(answers: impl IntoIterator<Item = Answer>) -> Registry {
    Registry::start(|r| {
        r.image("acme/api", "1");
        r.answer("HEAD", PATH, answers);
    })
}

#[test]
fn inconclusive_statuses_give_unknown_outcomes() {
    let cases = [
        (429, Unknown::RateLimited, 1),
        (500, Unknown::RegistryError, 3),
        (502, Unknown::RegistryError, 3),
        (503, Unknown::RegistryError, 3),
        (504, Unknown::RegistryError, 3),
        (408, Unknown::RegistryError, 3),
        (400, Unknown::RegistryError, 1),
        (418, Unknown::RegistryError, 1),
        (204, Unknown::RegistryError, 1),
    ];
    for (status, expected, requests) in cases {
        let server = answering([Answer::status(status)]);
        let (cause, evidence) = unknown(ask(plain(&server), &image(&server.host(), "acme/api:1")));
        assert_eq!(cause, expected, "{status}");
        assert_eq!(shown(&evidence), format!("HEAD http://{}{PATH} {status}", server.host()));
        assert_eq!(server.count(), requests, "{status}");
    }
}

#[test]
fn transient_failures_are_retried() {
    let server = answering([Answer::status(503), Answer::abort(), Answer::status(405)]);
    found(ask(plain(&server), &image(&server.host(), "acme/api:1")));
    assert_eq!(
        server.lines(),
        [format!("HEAD {PATH}"), format!("HEAD {PATH}"), format!("HEAD {PATH}"), format!("GET {PATH}")]
    );
}

#[test]
fn connection_closed_without_answer_is_a_network_error() {
    let server = answering([Answer::abort()]);
    let (cause, evidence) = unknown(ask(plain(&server), &image(&server.host(), "acme/api:1")));
    assert_eq!((cause, evidence.message.as_deref()), (Unknown::Network, Some("EOF")));
    assert_eq!(server.count(), 3);
}

#[test]
fn reset_within_a_body_is_a_network_error() {
    let server = Registry::start(|r| {
        r.image("acme/api", "1");
        r.answer("HEAD", PATH, [Answer::status(405)]);
        r.answer("GET", PATH, [Answer::status(200).body("x".repeat(1000)).reset_in_body()]);
    });
    let (cause, evidence) = unknown(ask(plain(&server), &image(&server.host(), "acme/api:1")));
    assert_eq!((cause, evidence.method), (Unknown::Network, Some("GET")));
    assert_eq!(server.count(), 4, "one HEAD, three GET");
}

#[test]
fn refused_connection_is_a_network_error() {
    // Bound and let go: nobody else is given it so soon.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let host = format!("127.0.0.1:{port}");
    let options = ClientOptions { plain_http: vec![host.parse().unwrap()], ..quick() };
    let (cause, evidence) = unknown(ask(options, &image(&host, "acme/api:1")));
    assert_eq!((cause, evidence.message.as_deref()), (Unknown::Network, Some("dial tcp: connect: connection refused")));
}

#[test]
fn timed_out_request_is_not_retried() {
    let server = answering([Answer::hang()]);
    let options = ClientOptions { timeout: Duration::from_millis(60), ..plain(&server) };
    let (cause, evidence) = unknown(ask(options, &image(&server.host(), "acme/api:1")));
    assert_eq!((cause, evidence.message.as_deref()), (Unknown::Timeout, Some("context deadline exceeded")));
    assert_eq!(server.count(), 1);
}

#[test]
fn probe_timeout_covers_its_token_and_retries() {
    let server = Registry::start(|r| {
        r.image("acme/api", "1").access(Access::Bearer(Bearer::public()));
        r.answer("GET", "/token", [Answer::status(503), Answer::hang()]);
    });
    let options = ClientOptions { timeout: Duration::from_millis(200), ..plain(&server) };
    let (cause, evidence) = unknown(ask(options, &image(&server.host(), "acme/api:1")));
    assert_eq!((cause, evidence.url), (Unknown::Timeout, Some(format!("http://{}/token", server.host()))));
    assert_eq!(server.count(), 3);
}

#[test]
fn no_requests_are_sent_after_the_deadline() {
    let server = answering([Answer::hang()]);
    let options = ClientOptions { deadline: Duration::from_millis(500), ..plain(&server) };
    block_on(async {
        let client = Client::new(options).unwrap();
        for _ in 0..3 {
            let (cause, _) = unknown(client.probe(&image(&server.host(), "acme/api:1")).await);
            assert_eq!(cause, Unknown::Deadline);
        }
    });
    assert_eq!(server.count(), 1);
}

/// Waiting for a turn does not use up a probe's time.
#[test]
#[expect(clippy::disallowed_methods, reason = "asserts a lower bound only: without it the queue was none")]
fn waiting_in_the_queue_does_not_use_up_the_timeout() {
    let server = answering([Answer::status(405).after(Duration::from_millis(30))]);
    let options = ClientOptions { timeout: Duration::from_millis(500), host_concurrency: 1, ..plain(&server) };
    let start = Instant::now();
    block_on(async {
        let client = Client::new(options).unwrap();
        let attempt = image(&server.host(), "acme/api:1");
        let all = futures_util::future::join_all((0..40).map(|_| client.probe(&attempt))).await;
        all.into_iter().for_each(|outcome| drop(found(outcome)));
    });
    assert!(start.elapsed() > Duration::from_millis(500), "else the limit did not hold");
}
