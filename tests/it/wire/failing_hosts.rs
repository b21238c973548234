//! Hosts that are given up, and what that costs: never more requests than the policies say, and never another host's
//! verdict.

use std::time::Duration;

use futures_util::future::join_all;
use pullcheck::kubelet::probe::plan::{Plan, ReadPlan};
use pullcheck::kubelet::probe::{Attempt, Evidence, Outcome, Prober, Unknown};
use pullcheck::registry::{Client, ClientOptions, Concurrency, HostTraffic, Progress, probe_all};
use pullcheck_support::{Access, Answer, Bearer, Registry};

use super::{block_on, found, image, plain, quick, shown, unknown};

/// As many images as each host of the great test has.
const IMAGES: usize = 40;

/// A registry that gives one answer to every question of this method, whatever the image.
fn answering(method: &str, answers: &[Answer]) -> Registry {
    Registry::start(|r| {
        for at in 0..IMAGES {
            r.image("acme/api", &at.to_string());
            r.answer(method, &path(at), answers.to_vec());
        }
    })
}

fn path(at: usize) -> String {
    format!("/v2/acme/api/manifests/{at}")
}

fn images(host: &str, count: usize) -> Vec<Attempt> {
    (0..count).map(|at| image(host, &format!("acme/api:{at}"))).collect()
}

fn plan(image: Attempt) -> Plan {
    Plan {
        image,
        credentials: vec![],
        try_anonymous: true,
        supplied: vec![],
        want_tags: true,
        look: ReadPlan::default(),
    }
}

/// One after the other, so that what happens to whom is certain.
fn in_turn(options: ClientOptions, attempts: &[Attempt]) -> Vec<Outcome> {
    block_on(async {
        let client = Client::new(options).unwrap();
        let mut outcomes = Vec::new();
        for attempt in attempts {
            outcomes.push(client.probe(attempt).await);
        }
        outcomes
    })
}

fn causes(outcomes: Vec<Outcome>) -> Vec<(Unknown, Evidence)> {
    outcomes.into_iter().map(unknown).collect()
}

fn kinds(outcomes: &[Outcome]) -> Vec<Option<Unknown>> {
    let kind = |outcome: &Outcome| match outcome {
        Outcome::Unknown(unknown, _) => Some(*unknown),
        _ => None,
    };
    outcomes.iter().map(kind).collect()
}

#[test]
fn host_is_stopped_after_three_failures_with_its_cause() {
    let server = answering("HEAD", &[Answer::status(503)]);
    let causes = causes(in_turn(plain(&server), &images(&server.host(), 5)));
    let kinds: Vec<_> = causes.iter().map(|(cause, _)| *cause).collect();
    use Unknown::{HostStopped, RegistryError};
    assert_eq!(kinds, [RegistryError, RegistryError, RegistryError, HostStopped, HostStopped]);
    assert_eq!(shown(&causes[4].1), format!("HEAD http://{}{}: 503 Service Unavailable", server.host(), path(4)));
    assert_eq!(server.count(), 9, "three images, three times each");
}

#[test]
fn conclusive_answer_resets_the_failure_count() {
    let server = Registry::start(|r| {
        for at in 0..5 {
            let status = if at == 2 { 404 } else { 500 };
            r.answer("HEAD", &path(at), [Answer::status(status)]);
        }
    });
    let options = ClientOptions { retries: 0, ..plain(&server) };
    let outcomes = in_turn(options, &images(&server.host(), 5));
    assert!(!kinds(&outcomes).contains(&Some(Unknown::HostStopped)), "{outcomes:?}");
    assert_eq!(server.count(), 5);
}

#[test]
fn failed_tag_lists_do_not_stop_the_host() {
    let server = Registry::start(|r| {
        r.image("acme/api", "4");
        for repository in 0..4 {
            r.answer("GET", &format!("/v2/acme/r{repository}/tags/list"), [Answer::status(500)]);
        }
    });
    block_on(async {
        let client = Client::new(ClientOptions { retries: 0, ..plain(&server) }).unwrap();
        for repository in 0..4 {
            client.tags(&image(&server.host(), &format!("acme/r{repository}:1"))).await;
        }
        found(client.explain(&image(&server.host(), "acme/api:4")).await);
    });
    assert_eq!(server.count(), 5);
}

#[test]
fn certificate_error_is_reported_for_all_images() {
    let server = Registry::start_tls(|r| {
        r.image("reg.example/acme/api", "1");
    });
    let connect = format!("reg.example={}", server.address());
    let options = ClientOptions { connect_to: vec![connect.parse().unwrap()], ..quick() };
    let causes = causes(in_turn(options, &images("reg.example", 6)));
    assert!(causes.iter().all(|(cause, _)| matches!(cause, Unknown::Tls(_))), "{causes:?}");
    assert_eq!(causes[5].1.message, causes[0].1.message);
}

#[test]
fn rate_limit_without_short_retry_after_stops_the_host() {
    for answer in [Answer::status(429), Answer::status(429).header("Retry-After", "11")] {
        let server = answering("HEAD", &[answer]);
        let causes = causes(in_turn(plain(&server), &images(&server.host(), 4)));
        assert!(causes.iter().all(|(cause, _)| *cause == Unknown::RateLimited));
        assert_eq!(causes[0].1.status, Some(429));
        assert_eq!((causes[3].1.status, causes[3].1.retry_after), (None, causes[0].1.retry_after));
        assert!(causes[3].1.message.as_ref().unwrap().starts_with("not requested"), "{:?}", causes[3]);
        assert_eq!(server.count(), 1);
    }
}

#[test]
fn short_retry_after_pause_is_waited_out() {
    let seconds = Answer::status(429).header("Retry-After", "0");
    let date = Answer::status(429)
        .header("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT")
        .header("Date", "Wed, 21 Oct 2026 07:28:00 GMT");
    for limited in [seconds, date] {
        let server = Registry::start(|r| {
            for at in 0..4 {
                r.image("acme/api", &at.to_string());
            }
            r.answer("HEAD", &path(0), [limited, Answer::status(405)]);
        });
        in_turn(plain(&server), &images(&server.host(), 4)).into_iter().for_each(|outcome| drop(found(outcome)));
        assert_eq!(server.count(), 4 + 1 + 1, "one more for the pause, one GET after the 405");
    }
}

#[test]
fn second_429_stops_the_host() {
    let server = answering("HEAD", &[Answer::status(429).header("Retry-After", "0")]);
    let causes = causes(in_turn(plain(&server), &images(&server.host(), 4)));
    assert!(causes.iter().all(|(cause, _)| *cause == Unknown::RateLimited));
    assert_eq!((causes[0].1.status, causes[0].1.retry_after), (Some(429), Some(0)));
    assert_eq!(server.count(), 2);
}

/// The pause is the host's, not the probe's: a probe's own time is less than it.
#[test]
fn retry_after_pause_does_not_use_up_the_timeout() {
    let server = Registry::start(|r| {
        r.image("acme/api", "0").image("1");
        r.answer("HEAD", &path(0), [Answer::status(429).header("Retry-After", "1"), Answer::status(405)]);
        r.answer("HEAD", &path(1), [Answer::status(503).header("Retry-After", "1"), Answer::status(405)]);
    });
    let options = ClientOptions { timeout: Duration::from_millis(700), ..plain(&server) };
    block_on(async {
        let client = Client::new(options).unwrap();
        let attempts = images(&server.host(), 2);
        join_all(attempts.iter().map(|attempt| client.probe(attempt)))
            .await
            .into_iter()
            .for_each(|answer| drop(found(answer)));
    });
    assert_eq!(server.count(), 6);
}

#[test]
fn retry_after_beyond_the_deadline_is_not_waited_out() {
    let server = answering("HEAD", &[Answer::status(429).header("Retry-After", "5")]);
    let options = ClientOptions { deadline: Duration::from_secs(4), ..plain(&server) };
    let causes = causes(in_turn(options, &images(&server.host(), 2)));
    assert!(causes.iter().all(|(cause, _)| *cause == Unknown::RateLimited), "{causes:?}");
    assert_eq!(server.count(), 1);
}

#[test]
fn token_endpoint_is_stopped_as_a_separate_host() {
    let realm = answering("GET", &[]);
    realm.change(|r| {
        r.answer("GET", "/token", [Answer::status(429)]);
    });
    let server = Registry::start(|r| {
        for repository in 0..3 {
            r.image(&format!("acme/r{repository}"), "1").access(Access::Bearer(Bearer::public()));
        }
        r.image("acme/open", "1");
        r.host("").realm(&format!("http://{}/token", realm.host()));
    });
    let mut options = plain(&server);
    options.plain_http.push(realm.host().parse().unwrap());
    let names = ["acme/r0:1", "acme/r1:1", "acme/r2:1"];
    let attempts: Vec<_> = names.iter().map(|name| image(&server.host(), name)).collect();
    let causes = causes(in_turn(options, &attempts));
    assert!(causes.iter().all(|(cause, _)| *cause == Unknown::RateLimited), "{causes:?}");
    assert_eq!(causes[2].1.url, Some(format!("http://{}/token", realm.host())));
    assert_eq!((realm.count(), server.count()), (1, 1), "the challenge is known");
}

#[test]
fn an_interrupted_client_answers_at_once() {
    let server = answering("HEAD", &[Answer::hang()]);
    let (outcomes, after) = block_on(async {
        let client = Client::new(plain(&server)).unwrap();
        let attempts = images(&server.host(), 8);
        let interrupter = client.interrupter();
        let all = join_all(attempts.iter().map(|attempt| client.probe(attempt)));
        let interrupt = async {
            while server.count() == 0 {
                tokio::task::yield_now().await;
            }
            interrupter.interrupt();
        };
        let (outcomes, ()) = tokio::join!(all, interrupt);
        (outcomes, client.probe(&attempts[0]).await)
    });
    assert_eq!(kinds(&outcomes), [Some(Unknown::Interrupted); 8]);
    assert_eq!(unknown(after).0, Unknown::Interrupted);
    assert_eq!(server.count(), 1);
}

#[test]
fn unresolvable_host_fails_all_images_without_requests() {
    struct Nowhere;
    impl pullcheck::registry::Lookup for Nowhere {
        fn lookup(&self, _: &str) -> pullcheck::registry::Resolving {
            Box::pin(std::future::ready(Err(std::io::Error::other("Name or service not known"))))
        }
    }
    block_on(async {
        let client = Client::with_lookup(quick(), std::sync::Arc::new(Nowhere)).unwrap();
        let attempts = images("reg.example", 6);
        let outcomes = join_all(attempts.iter().map(|attempt| client.probe(attempt))).await;
        assert_eq!(kinds(&outcomes), [Some(Unknown::NoSuchHost); 6]);
        assert_eq!((client.requests(), client.traffic()), (0, vec![]));
    });
}

/// What the answers to one host's images were.
fn tally(outcomes: &[Outcome]) -> Vec<(&'static str, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for outcome in outcomes {
        *counts.entry(pullcheck::kubelet::verdict::outcome_name(outcome)).or_default() += 1;
    }
    counts.into_iter().collect()
}

/// Five sick hosts among three healthy ones: the healthy ones' verdicts are complete, the sick ones cost what the
/// policies allow, and each says what ails it.
#[test]
fn failing_hosts_do_not_affect_healthy_hosts() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let healthy: Vec<Registry> = (0..3).map(|_| answering("POST", &[])).collect();
    let hangs = answering("HEAD", &[Answer::hang()]);
    let limits = answering("HEAD", &[Answer::status(429)]);
    let fails = answering("HEAD", &[Answer::status(503)]);
    let resets = answering("HEAD", &[Answer::status(200).header("Content-Type", "application/json")]);
    resets.change(|r| {
        for at in 0..IMAGES {
            r.answer("GET", &path(at), [Answer::status(200).body("x".repeat(1000)).reset_in_body()]);
        }
    });
    let mut hosts = vec![closed.clone()];
    hosts.extend(healthy.iter().chain([&hangs, &limits, &fails, &resets]).map(Registry::host));
    let options = ClientOptions {
        plain_http: hosts.iter().map(|host| host.parse().unwrap()).collect(),
        timeout: Duration::from_secs(2),
        ..quick()
    };
    let attempts: Vec<Attempt> = hosts.iter().flat_map(|host| images(host, IMAGES)).collect();
    let plans: Vec<Plan> = attempts.into_iter().map(plan).collect();
    assert!(plans.len() >= 300);
    let (answers, traffic) = block_on(async {
        let client = Client::new(options).unwrap();
        (
            probe_all(&client, &plans, Concurrency { all: usize::MAX, per_registry: 8 }, &Progress::default()).await,
            client.traffic(),
        )
    });
    let outcomes: Vec<Outcome> = answers.iter().map(|answer| answer.attempts[0].1.clone()).collect();
    let of = |host: &str| tally(&outcomes[IMAGES * hosts.iter().position(|name| name == host).unwrap()..][..IMAGES]);
    let sent = |host: &str| traffic.iter().find(|entry: &&HostTraffic| entry.host == host).unwrap().clone();

    for server in &healthy {
        assert_eq!(of(&server.host()), [("found", IMAGES)]);
        assert_eq!(server.count(), IMAGES);
        assert_eq!(sent(&server.host()).stopped, None);
    }
    assert_eq!(of(&limits.host()), [("rate-limited", IMAGES)]);
    assert_eq!(limits.count(), 1);
    assert_eq!(sent(&limits.host()).stopped.as_deref(), Some("429 Too Many Requests"));

    // Eight may be under way when the third fails, and two have failed before: ten images, asked three times at most.
    let (most, stopped) = (8 + 2, "host-stopped");
    for (host, own, times) in
        [(&closed, "network", 3), (&hangs.host(), "timeout", 1), (&fails.host(), "registry-error", 3)]
    {
        let tally = of(host);
        let count = |name| tally.iter().find(|entry| entry.0 == name).map_or(0, |entry| entry.1);
        assert!((3..=most).contains(&count(own)), "{own}: {tally:?}");
        assert_eq!(count(own) + count(stopped), IMAGES);
        assert!(sent(host).requests <= most * times, "{:?}", sent(host));
        assert!(sent(host).stopped.is_some());
    }
    // Its HEAD answers, so each image may be asked for; only what it breaks off is given up.
    assert!(of(&resets.host()).iter().all(|(name, _)| ["network", stopped].contains(name)), "{:?}", of(&resets.host()));
    let gets = resets.lines().iter().filter(|line| line.starts_with("GET")).count();
    assert!(gets <= most * 3 && resets.count() - gets <= IMAGES, "{gets} of {}", resets.count());
    for server in [&hangs, &fails, &resets] {
        assert_eq!(sent(&server.host()).requests, server.count());
    }
}

/// A registry may fail at `GET` of what it has not: that must not cost the tokens of what it has.
#[test]
fn failed_explanations_do_not_stop_the_host() {
    let server = Registry::start(|r| {
        for at in 0..4 {
            r.answer("GET", &path(at), [Answer::status(500)]);
        }
        r.image("acme/web", "1").access(Access::Bearer(Bearer::public()));
    });
    block_on(async {
        let client = Client::new(ClientOptions { retries: 0, ..plain(&server) }).unwrap();
        for attempt in images(&server.host(), 4) {
            client.explain(&attempt).await;
        }
        found(client.probe(&image(&server.host(), "acme/web:1")).await);
    });
}

#[test]
fn hanging_host_leaves_a_slot_for_other_hosts() {
    // The registries begin in the order of their names: the one that hangs shall be the first to take places.
    let mut servers = [answering("POST", &[]), answering("POST", &[])];
    servers.sort_by_key(Registry::host);
    let [hangs, healthy] = servers;
    hangs.change(|r| {
        for at in 0..8 {
            r.answer("HEAD", &path(at), [Answer::hang()]);
        }
    });
    let options = ClientOptions {
        plain_http: [&hangs, &healthy].iter().map(|server| server.host().parse().unwrap()).collect(),
        concurrency: 4,
        host_concurrency: 4,
        ..quick()
    };
    let mut plans: Vec<Plan> = images(&hangs.host(), 8).into_iter().map(plan).collect();
    plans.push(plan(image(&healthy.host(), "acme/api:1")));
    block_on(async {
        let client = Client::new(options).unwrap();
        // The challenge of a host is asked for by one alone; the eight are to hang all at once.
        client.probe(&image(&hangs.host(), "acme/other:1")).await;
        let concurrency = Concurrency { all: 4, per_registry: 4 };
        let progress = Progress::default();
        let all = probe_all(&client, &plans, concurrency, &progress);
        let quick = async {
            while progress.seen().is_none_or(|(done, _)| done < 1) {
                tokio::task::yield_now().await;
            }
            client.interrupter().interrupt();
        };
        let (answers, ()) = tokio::join!(all, quick);
        let outcomes: Vec<Outcome> = answers.iter().map(|answer| answer.attempts[0].1.clone()).collect();
        assert_eq!(kinds(&outcomes[..8]), [Some(Unknown::Interrupted); 8], "none was waited for");
        found(outcomes[8].clone());
    });
}

/// The first asks what the host wants to know, and the others wait for that: not for ever.
#[test]
fn probes_do_not_wait_forever_for_a_hanging_first_probe() {
    let hangs = answering("HEAD", &[Answer::hang()]);
    let options = ClientOptions { timeout: Duration::from_secs(3), ..plain(&hangs) };
    block_on(async {
        let client = Client::new(options).unwrap();
        let attempts = images(&hangs.host(), 8);
        let all = join_all(attempts.iter().map(|attempt| client.probe(attempt)));
        let interrupt = async {
            while hangs.count() < 8 {
                tokio::task::yield_now().await;
            }
            client.interrupter().interrupt();
        };
        let (outcomes, ()) = tokio::join!(all, interrupt);
        assert_eq!(kinds(&outcomes), [Some(Unknown::Interrupted); 8], "the first has not come to its end");
    });
}

/// What is asked late of a host that hangs does not wait its whole time.
#[test]
fn late_probe_ends_when_its_host_is_stopped() {
    let hangs = answering("HEAD", &[Answer::hang()]);
    let options = ClientOptions { timeout: Duration::from_secs(2), ..plain(&hangs) };
    block_on(async {
        let client = Client::new(options).unwrap();
        client.probe(&image(&hangs.host(), "acme/other:1")).await;
        let attempts = images(&hangs.host(), 4);
        let first = join_all(attempts[..3].iter().map(|attempt| client.probe(attempt)));
        let last = async {
            // Not to wait for anything: it is to be late.
            tokio::time::sleep(Duration::from_secs(1)).await;
            client.probe(&attempts[3]).await
        };
        let (outcomes, last) = tokio::join!(first, last);
        assert_eq!(kinds(&outcomes), [Some(Unknown::Timeout); 3]);
        assert_eq!(kinds(&[last]), [Some(Unknown::HostStopped)]);
        assert_eq!(hangs.count(), 5);
    });
}
