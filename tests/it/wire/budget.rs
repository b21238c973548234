//! How many requests a run costs.

use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use pullcheck::kubelet::probe::plan::{Plan, ReadPlan};
use pullcheck::kubelet::probe::{Attempt, Denial, Outcome, Prober, Unknown};
use pullcheck::registry::{Client, ClientOptions, Concurrency, Progress, probe_all};
use pullcheck_support::{Access, Answer, Bearer, Registry, Run};

use super::{block_on, credential, found, image, plain, with};

fn wide(server: &Registry) -> ClientOptions {
    ClientOptions { concurrency: 64, host_concurrency: 64, ..plain(server) }
}

#[track_caller]
fn assert_found(outcome: Outcome) {
    found(outcome);
}

fn ask_all(options: ClientOptions, attempts: &[Attempt]) -> Vec<Outcome> {
    block_on(async {
        let client = Client::new(options).unwrap();
        join_all(attempts.iter().map(|attempt| client.probe(attempt))).await
    })
}

/// A thousand tags of one repository that bob may read.
fn many_tags() -> Registry {
    Registry::start(|r| {
        let held = r.private("acme/secret", "bob", "s3cret");
        for tag in 0..1000 {
            held.image(&tag.to_string());
        }
    })
}

#[test]
fn many_tags_of_one_repository_cost_one_challenge_and_one_token() {
    let server = many_tags();
    let attempts: Vec<Attempt> =
        (0..1000).map(|tag| with(image(&server.host(), &format!("acme/secret:{tag}")), "bob", "s3cret")).collect();
    ask_all(wide(&server), &attempts).into_iter().for_each(assert_found);
    assert_eq!(server.count(), 1000 + 1 + 1);
    assert_eq!(server.lines().iter().filter(|line| *line == "POST /token").count(), 1);
}

#[test]
fn many_repositories_cost_one_challenge_and_a_token_each() {
    let server = Registry::start(|r| {
        for repository in 0..50 {
            let held = r.repository(&format!("acme/r{repository}"));
            held.access(Access::Bearer(Bearer::public()));
            for tag in 0..20 {
                held.image(&tag.to_string());
            }
        }
    });
    let names = (0..50).flat_map(|r| (0..20).map(move |tag| format!("acme/r{r}:{tag}")));
    let attempts: Vec<Attempt> = names.map(|name| image(&server.host(), &name)).collect();
    ask_all(wide(&server), &attempts).into_iter().for_each(assert_found);
    assert_eq!(server.count(), 1000 + 1 + 50);
}

#[test]
fn open_registries_cost_one_request_per_image() {
    let server = Registry::start(|r| {
        for tag in 0..1000 {
            r.image("acme/api", &tag.to_string());
        }
    });
    let attempts: Vec<Attempt> = (0..1000).map(|tag| image(&server.host(), &format!("acme/api:{tag}"))).collect();
    ask_all(wide(&server), &attempts).into_iter().for_each(assert_found);
    assert_eq!(server.count(), 1000);
}

/// A connection costs three ways across the world, and a registry counts them.
#[test]
fn a_connection_serves_many_requests() {
    let server = many_tags();
    let attempts: Vec<Attempt> =
        (0..1000).map(|tag| with(image(&server.host(), &format!("acme/secret:{tag}")), "bob", "s3cret")).collect();
    let options = ClientOptions { concurrency: 64, host_concurrency: 8, ..plain(&server) };
    ask_all(options, &attempts).into_iter().for_each(assert_found);
    let connections = server.connections();
    // Now and then one is opened while another is just becoming free.
    assert!(connections <= 16, "{connections} connections for {} requests", server.count());
}

/// A host that never answers takes its own places only.
#[test]
fn unresponsive_host_does_not_delay_others() {
    let silent = Registry::start(|r| {
        // What it asks for is learned from this one, so that the others are asked for side by side.
        r.image("acme/api", "0");
        for tag in 1..100 {
            r.answer("*", &format!("/v2/acme/api/manifests/{tag}"), [Answer::hang()]);
        }
    });
    let busy = many_tags();
    let mut options = ClientOptions { concurrency: 64, host_concurrency: 8, ..plain(&silent) };
    options.plain_http.push(busy.host().parse().unwrap());
    // Longer than the run may take.
    options.timeout = Duration::from_secs(60);
    let slow: Vec<Attempt> = (0..100).map(|tag| image(&silent.host(), &format!("acme/api:{tag}"))).collect();
    let quick: Vec<Attempt> =
        (0..200).map(|tag| with(image(&busy.host(), &format!("acme/secret:{tag}")), "bob", "s3cret")).collect();
    block_on(async {
        let client = Client::new(options).unwrap();
        let slow = join_all(slow.iter().map(|attempt| client.probe(attempt)));
        let quick = join_all(quick.iter().map(|attempt| client.probe(attempt)));
        match select(slow, quick).await {
            Either::Right((outcomes, _)) => outcomes.into_iter().for_each(assert_found),
            Either::Left(_) => panic!("the silent host was waited for"),
        }
    });
}

/// The whole command: its report counts what the server counts.
fn run_on(server: &Registry, images: &[String], password: &str) -> serde_json::Value {
    let config = serde_json::json!({"auths": {server.host(): {"username": "bob", "password": password}}});
    let secret = serde_json::json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull", "namespace": "a"},
        "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": config.to_string()}});
    let container = |(at, image): (usize, &String)| serde_json::json!({"name": format!("c{at}"), "image": format!("{}/{image}", server.host())});
    let containers: Vec<_> = images.iter().enumerate().map(container).collect();
    let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "a"},
        "spec": {"imagePullSecrets": [{"name": "pull"}], "containers": containers}});
    let output = Run::new(env!("CARGO_BIN_EXE_pullcheck"))
        .args(["--format=json", "--fail-on=never", "--concurrency=64", "--host-concurrency=64"])
        .arg(format!("--plain-http={}", server.host()))
        .arg("-")
        .stdin(format!("{secret}\n{pod}\n"))
        .output()
        .assert_status(0);
    let report: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(report["summary"]["unique_images"], images.len());
    assert_eq!(report["summary"]["requests"], server.count(), "the report and the server count the same");
    report
}

#[test]
fn a_run_over_a_thousand_images_costs_a_request_each() {
    let server = Registry::start(|r| {
        for number in 0..1000 {
            r.image(&format!("acme/r{}", number / 20), &(number % 20).to_string());
        }
    });
    let images: Vec<String> = (0..1000).map(|number| format!("acme/r{}:{}", number / 20, number % 20)).collect();
    let report = run_on(&server, &images, "s3cret");
    assert_eq!((&report["summary"]["pullable"], server.count()), (&1000.into(), 1000));
}

#[test]
fn a_run_over_a_thousand_tags_costs_one_token() {
    let server = many_tags();
    let images: Vec<String> = (0..1000).map(|tag| format!("acme/secret:{tag}")).collect();
    let report = run_on(&server, &images, "s3cret");
    assert_eq!((&report["summary"]["pullable"], server.count()), (&1000.into(), 1002));
}

/// An account must not be locked because two hundred references name it.
#[test]
fn wrong_password_is_sent_at_most_twice() {
    let bearer = Access::Bearer(Bearer::private("bob", "s3cret"));
    let basic = Access::Basic(vec![("bob".to_owned(), "s3cret".to_owned())]);
    for access in [bearer, basic] {
        let start = || {
            Registry::start(|r| {
                for repository in 0..20 {
                    let held = r.repository(&format!("acme/r{repository}")).access(access.clone());
                    for tag in 0..10 {
                        held.image(&tag.to_string());
                    }
                }
            })
        };
        let names = || (0..20).flat_map(|r| (0..10).map(move |tag| format!("acme/r{r}:{tag}")));
        let assert_shown = |server: &Registry| {
            let shown = server.requests().iter().filter(|request| request.user.as_deref() == Some("bob")).count();
            assert!((1..=2).contains(&shown), "{access:?}: shown {shown} times");
        };

        let server = start();
        let attempts: Vec<Attempt> = names().map(|name| with(image(&server.host(), &name), "bob", "wrong")).collect();
        let (mut denied, mut withheld) = (0, 0);
        for outcome in ask_all(wide(&server), &attempts) {
            match outcome {
                Outcome::Denied(Denial::BadCredentials, _) => denied += 1,
                Outcome::Unknown(Unknown::CredentialWithheld, _) => withheld += 1,
                other => panic!("{other:?}"),
            }
        }
        // A token costs two requests, so that one repository uses them up.
        let asked = if matches!(access, Access::Bearer(_)) { 1 } else { 2 };
        assert_eq!((denied, withheld), (10 * asked, 10 * (20 - asked)), "{access:?}");
        assert_shown(&server);

        // With the diagnosis of the failure, which asks without the password.
        let server = start();
        let report = run_on(&server, &names().collect::<Vec<_>>(), "wrong");
        assert_eq!(report["summary"]["failing"], 10 * asked);
        assert_eq!(report["summary"]["unverified"], 10 * (20 - asked));
        assert_shown(&server);
    }
}

/// A host may name another realm for each repository, and leave some open: what was learned from one repository
/// must not refuse another.
#[test]
fn challenge_of_one_repository_does_not_affect_another() {
    let server = Registry::start(|r| {
        r.image("acme/open", "1");
        r.image("acme/secret", "1").access(Access::Bearer(Bearer::private("bob", "s3cret")));
        r.image("acme/other", "1");
        let realm = |realm: &str| format!(r#"Bearer realm="{realm}",service="s",scope="repository:acme/other:pull""#);
        let challenge = Answer::status(401).header("WWW-Authenticate", &realm("http://127.0.0.1:1/none"));
        r.answer("HEAD", "/v2/acme/closed/manifests/1", [challenge]);
    });
    block_on(async {
        let client = Client::new(plain(&server)).unwrap();
        let ask = |name| with(image(&server.host(), name), "bob", "wrong");
        let secret = client.probe(&ask("acme/secret:1")).await;
        assert!(matches!(secret, Outcome::Denied(Denial::BadCredentials, _)), "{secret:?}");
        // The realm refuses the password, but these two never ask for it.
        found(client.probe(&ask("acme/open:1")).await);
        found(client.probe(&ask("acme/other:1")).await);
        let closed = client.probe(&ask("acme/closed:1")).await;
        assert!(matches!(closed, Outcome::Unknown(..)), "its own realm does not answer: {closed:?}");
    });
}

#[test]
fn probe_all_sends_each_request_once() {
    let server = Registry::start(|r| {
        r.private("acme/secret", "bob", "s3cret").image("1").image("2");
        r.image("acme/api", "1");
    });
    let plan = |name: &str, users: &[(&str, &str)]| Plan {
        image: image(&server.host(), name),
        credentials: users.iter().map(|(user, password)| credential(user, password)).collect(),
        try_anonymous: true,
        supplied: vec![],
        want_tags: true,
        look: ReadPlan::default(),
    };
    let bob = [("bob", "s3cret")];
    let plans = [
        plan("acme/secret:1", &bob),
        plan("acme/secret:1", &bob),
        plan("acme/secret:3", &bob),
        plan("acme/secret:4", &bob),
        plan("acme/api:1", &[]),
        plan("acme/secret:2", &[]),
    ];
    let answers = block_on(async {
        probe_all(
            &Client::new(wide(&server)).unwrap(),
            &plans,
            Concurrency { all: usize::MAX, per_registry: 8 },
            &Progress::default(),
        )
        .await
    });
    let last = |at: usize| &answers[at].attempts.last().unwrap().1;
    assert!(matches!(last(0), Outcome::Found(_)));
    assert!(matches!(last(2), Outcome::Absent(_)) && matches!(last(3), Outcome::Absent(_)));
    assert!(answers[2].tags.is_some() && answers[3].tags.is_some());
    assert!(matches!(last(4), Outcome::Found(_)));
    assert!(matches!(last(5), Outcome::Denied(Denial::DeniedOrAbsent, _)));
    let lines = server.lines();
    let count = |line: &str| lines.iter().filter(|l| *l == line).count();
    assert_eq!(count("GET /v2/acme/secret/tags/list"), 1);
    assert_eq!((count("POST /token"), count("GET /token")), (1, 1), "one for bob, one for nobody");
    // Bob: one challenge and three tags; nobody: one challenge for the host, and the other image of it.
    let heads = lines.iter().filter(|line| line.starts_with("HEAD ")).count();
    assert!((6..=8).contains(&heads), "{lines:#?}");
}
