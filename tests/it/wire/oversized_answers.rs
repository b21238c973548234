//! Servers that send too much, too slowly, too deeply, or no HTTP at all.
#![expect(clippy::disallowed_methods, reason = "patience is measured")]

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use pullcheck::image::manifest::ManifestBody;
use pullcheck::kubelet::probe::{Attempt, Defect, Evidence, Outcome, Prober, TagList, Unknown, Unread};
use pullcheck::registry::{Client, ClientOptions};
use pullcheck_support::{Answer, Raw, Registry, Wire};

use super::{ask, block_on, found, image, list, plain, quick, unknown};

const PATH: &str = "/v2/acme/api/manifests/1";
const TAGS: &str = "/v2/acme/api/tags/list";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Settings for a server below HTTP, with little patience.
fn hasty(server: &Raw) -> ClientOptions {
    ClientOptions {
        plain_http: vec![server.host().parse().unwrap()],
        timeout: Duration::from_millis(200),
        retries: 0,
        ..quick()
    }
}

/// The end of a probe, which must come soon.
#[track_caller]
fn soon(options: ClientOptions, server: &Raw) -> (Unknown, Evidence) {
    let start = Instant::now();
    let end = unknown(ask(options, &image(&server.host(), "acme/api:1")));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    end
}

/// A server that answers every request with these bytes and closes.
fn saying(answer: impl Into<Vec<u8>>) -> Raw {
    let answer = answer.into();
    Raw::start(move |wire| {
        if wire.head().is_some() {
            wire.send(&answer);
            wire.finish();
        }
    })
}

/// Asks by digest for what the server sends as a manifest.
fn content(server: &Registry, digest: &str) -> Result<ManifestBody, Unread> {
    let attempt: Attempt = image(&server.host(), &format!("acme/api@{digest}"));
    let content = block_on(async { Client::new(plain(server)).unwrap().content(&attempt).await });
    content.map(|content| (*content).clone())
}

/// A registry that answers `GET` only, with this body as an index.
fn getting(body: impl Into<Vec<u8>>) -> Registry {
    let answer = Answer::status(200).header("Content-Type", INDEX).body(body);
    Registry::start(|r| {
        r.answer("HEAD", PATH, [Answer::status(405)]).answer("GET", PATH, [answer]);
    })
}

#[test]
fn endless_slow_head_times_out() {
    let drips: [fn(&mut Wire); 4] = [
        |wire| wire.drip("", Duration::from_millis(5)),
        |wire| wire.drip("H", Duration::from_millis(20)),
        |wire| {
            wire.send("HTTP/1.1 200 OK\r\nX: ");
            wire.drip("y", Duration::from_millis(5));
        },
        |wire| wire.drip("HTTP/1.1 100 Continue\r\n\r\n", Duration::from_millis(5)),
    ];
    for (at, drip) in drips.into_iter().enumerate() {
        let server = Raw::start(move |wire| {
            if wire.head().is_some() {
                drip(wire);
            }
        });
        let (cause, _) = soon(hasty(&server), &server);
        // A line of eleven H is no HTTP, which may be seen before the time is over.
        assert!(cause == Unknown::Timeout || (at == 1 && cause == Unknown::Network), "{at}: {cause:?}");
    }
}

#[test]
fn endless_slow_body_times_out() {
    let server = Raw::start(|wire| {
        while let Some(head) = wire.head() {
            if head.starts_with("HEAD") {
                wire.send("HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n");
            } else {
                wire.send(format!("HTTP/1.1 200 OK\r\nContent-Type: {INDEX}\r\nContent-Length: 900000\r\n\r\n"));
                wire.drip(" ", Duration::from_millis(5));
            }
        }
    });
    assert_eq!(soon(hasty(&server), &server).0, Unknown::Timeout);
    assert_eq!(server.heads().len(), 2);
}

#[test]
fn oversized_response_heads_are_refused() {
    let many: String = (0..10_000).map(|number| format!("X-{number}: y\r\n")).collect();
    let long = format!("X: {}\r\n", "y".repeat(1 << 20));
    for headers in [many, long] {
        let server = saying(format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 0\r\n\r\n"));
        let (cause, evidence) = soon(hasty(&server), &server);
        assert_eq!(cause, Unknown::Network);
        assert_eq!(evidence.message.as_deref(), Some("net/http: malformed HTTP response"));
        assert_eq!(server.heads().len(), 1);
    }
}

#[test]
fn non_http_answer_is_a_malformed_response() {
    for junk in ["<html>HTTP/0.9</html>\n", "SSH-2.0-OpenSSH_9.9\r\n", "\0\0\0\0\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n"] {
        let server = saying(junk);
        let (cause, evidence) = soon(hasty(&server), &server);
        assert_eq!(cause, Unknown::Network, "{junk:?}");
        assert_eq!(evidence.message.as_deref(), Some("net/http: malformed HTTP response"), "{junk:?}");
    }
}

#[test]
fn broken_tls_handshake_is_a_network_or_tls_error() {
    // Half of a handshake record, a record of a megabyte, an alert, nothing.
    for bytes in
        [&b"\x16\x03\x03\x00\x7a\x02\x00"[..], b"\x16\x03\x03\xff\xff\x02", b"\x15\x03\x03\x00\x02\x02\x28", b""]
    {
        let server = Raw::start(move |wire| {
            wire.send(bytes);
            wire.finish();
        });
        let options = ClientOptions {
            connect_to: vec![format!("reg.example={}", server.address()).parse().unwrap()],
            plain_http: Vec::new(),
            ..hasty(&server)
        };
        let (cause, evidence) = unknown(ask(options, &image("reg.example", "acme/api:1")));
        assert!(matches!(cause, Unknown::Network | Unknown::Tls(_)), "{bytes:?}: {cause:?} {evidence:?}");
    }
}

#[test]
fn redirect_to_loopback_is_not_followed() {
    for location in ["http://127.0.0.2:1/", "http://[::1]:1/", "http://localhost:1/", "http://0.0.0.0:1/"] {
        let server = Registry::start(|r| {
            r.answer("HEAD", PATH, [Answer::status(307).header("Location", location)]);
        });
        let (cause, evidence) = unknown(ask(plain(&server), &image(&server.host(), "acme/api:1")));
        assert_eq!(cause, Unknown::NodeLocal, "{location}: {evidence:?}");
        assert_eq!(server.count(), 1);
    }
}

#[test]
fn deeply_nested_json_is_harmless() {
    let depth = 100_000;
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"{"manifests":["#, "]}"), (r#"{"config":"#, "}")] {
        let body = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        let server = getting(body.clone());
        let manifest = found(ask(plain(&server), &image(&server.host(), "acme/api:1")));
        match manifest.content.as_deref() {
            None | Some(ManifestBody::Malformed(_)) => {}
            Some(ManifestBody::Index(entries)) => assert!(entries.iter().all(|entry| entry.digest.is_none())),
            Some(ManifestBody::Image(image)) => assert_eq!((image.config_digest.as_ref(), image.size), (None, 0)),
        }

        let server = Registry::start(|r| {
            r.answer("HEAD", PATH, [Answer::status(405)]);
            r.answer("GET", PATH, [Answer::status(404).body(body.clone())]);
            r.answer("GET", TAGS, [Answer::status(200).body(body.clone())]);
        });
        let outcome = ask(plain(&server), &image(&server.host(), "acme/api:1"));
        assert!(matches!(&outcome, Outcome::Absent(evidence) if evidence.message.is_none()), "{outcome:?}");
        assert_eq!(list(plain(&server), &image(&server.host(), "acme/api:1")), TagList::Unknown);
    }
}

#[test]
fn invalid_digests_are_dropped() {
    for digest in ["../../x", "sha256:../../x", "sha256:", "sha256:%2e%2e", "md5:00", "sha256:E3B0"] {
        let server = Registry::start(|r| {
            let answer = Answer::status(200).header("Content-Type", INDEX).header("Docker-Content-Digest", digest);
            r.answer("HEAD", PATH, [answer.header("Content-Length", "9")]);
        });
        let manifest = found(ask(plain(&server), &image(&server.host(), "acme/api:1")));
        assert_eq!((manifest.defect, manifest.digest), (Some(Defect::BrokenRegistry), None), "{digest}");

        let body = serde_json::json!({"manifests": [{"digest": digest, "platform": {"os": "linux"}}]}).to_string();
        let server = getting(body);
        let manifest = found(ask(plain(&server), &image(&server.host(), "acme/api:1")));
        let Some(ManifestBody::Index(entries)) = manifest.content.as_deref() else { panic!("{manifest:?}") };
        assert_eq!(entries[0].digest, None, "{digest}");
    }
}

#[test]
fn content_that_does_not_match_its_digest_is_rejected() {
    let server = Registry::start(|r| {
        r.repository("acme/api").manifest(DIGEST, INDEX, r#"{"manifests":[]}"#);
    });
    let unread = content(&server, DIGEST).unwrap_err();
    assert_eq!(unread.defect, Some(Defect::ContentMismatch));
}

#[test]
fn compressed_bodies_are_not_decompressed() {
    // The head of a gzip stream, and what a bomb is made of.
    let mut bomb = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03".to_vec();
    bomb.resize(64 * 1024, 0);
    let server = Registry::start(|r| {
        r.answer("HEAD", PATH, [Answer::status(405)]);
        let packed = Answer::status(200).header("Content-Type", INDEX).header("Content-Encoding", "gzip");
        r.answer("GET", PATH, [packed.body(bomb)]);
    });
    let manifest = found(ask(plain(&server), &image(&server.host(), "acme/api:1")));
    assert_eq!(manifest.content, None);
}

#[test]
fn endless_tag_pages_stop_after_five() {
    let page = Answer::status(200).json(&serde_json::json!({"tags": ["1"]}));
    let server = Registry::start(|r| {
        r.answer("GET", TAGS, [page.header("Link", &format!("<{TAGS}?n=1000>; rel=\"next\""))]);
    });
    assert_eq!(
        list(plain(&server), &image(&server.host(), "acme/api:2")),
        TagList::Incomplete(vec!["1".to_owned(); 5])
    );
    assert_eq!(server.count(), 5);
}

#[test]
fn oversized_lists_are_cut_or_refused() {
    let list = |name: &str, item: &str| format!(r#"{{"{name}":[{}{item}]}}"#, format!("{item},").repeat(20_000));
    for body in
        [list("manifests", "0"), list("manifests", "{}"), format!(r#"{{"config":{{}},{}"#, &list("layers", "0")[1..])]
    {
        let server = getting(body);
        let manifest = found(ask(plain(&server), &image(&server.host(), "acme/api:1")));
        assert_eq!(manifest.content, None);
    }
    let server = Registry::start(|r| {
        r.answer("GET", TAGS, [Answer::status(200).body(list("tags", "\"1\""))]);
    });
    let TagList::Incomplete(tags) = super::list(plain(&server), &image(&server.host(), "acme/api:2")) else {
        panic!("a list of tags")
    };
    assert_eq!(tags.len(), 10_000);
}

/// Few large bodies are read at once. A host that sends one slowly costs another host's image no time of its own.
#[test]
fn a_large_manifest_waits_for_a_slow_one_and_is_read() {
    const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
    let slow = Raw::start(|wire| {
        wire.head();
        wire.send(format!("HTTP/1.1 200 OK\r\nContent-Type: {OCI}\r\nContent-Length: 4000000\r\n\r\n"));
        wire.send(vec![b' '; 300 << 10]);
        wire.drip(" ", Duration::from_millis(50));
    });
    let server = Registry::start(|r| {
        let bytes = format!("{{{}}}", " ".repeat(300 << 10));
        let answer = Answer::status(200).header("Content-Type", OCI).body(bytes).after(Duration::from_millis(600));
        r.answer("GET", "/v2/acme/large/manifests/1", [answer]);
    });
    let options = ClientOptions {
        plain_http: [slow.host(), server.host()].iter().map(|host| host.parse().unwrap()).collect(),
        timeout: Duration::from_secs(1),
        ..quick()
    };
    block_on(async {
        let client = Client::new(options).unwrap();
        // The first is alone until the host's silence is noticed; the last waits for the place of one before.
        let slowly = (0..5).map(|at| image(&slow.host(), &format!("acme/slow{at}:1"))).collect::<Vec<_>>();
        let slowly = async {
            while server.count() == 0 {
                tokio::task::yield_now().await;
            }
            join_all(slowly.iter().map(|attempt| client.explain(attempt))).await
        };
        let large = image(&server.host(), "acme/large:1");
        let other = client.explain(&large);
        let (slowly, other) = tokio::join!(slowly, other);
        let late = [Unknown::Timeout, Unknown::HostStopped];
        assert!(slowly.into_iter().all(|outcome| late.contains(&unknown(outcome).0)));
        found(other);
    });
}
