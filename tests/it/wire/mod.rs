//! The prober on the wire, against the scripted registry: each cause with its evidence and its number of requests.

mod auth;
mod budget;
mod charts;
mod command;
mod contents;
mod depths;
mod failing_hosts;
mod faults;
mod host_names;
mod hostile_servers;
mod manifest_lookup;
mod memory;
mod mirrors;
mod oversized_answers;
mod proxies;
mod realms;
mod redirect_targets;
mod tags;
mod tls;

use std::time::Duration;

use pullcheck::credential::pair::Credential;
use pullcheck::credential::sensitive::Sensitive;
use pullcheck::kubelet::probe::{Attempt, Evidence, Manifest, Outcome, Prober, TagList, TagOrDigest, Unknown};
use pullcheck::registry::{Client, ClientOptions, Proxies};
use pullcheck_support::Registry;

/// A question about an image of the registry, or of a registry that stands in its own name (`ghcr.io/acme/api:1`).
fn image(registry: &str, name: &str) -> Attempt {
    let (repository, target) = match name.split_once('@') {
        Some((repository, digest)) => (repository, TagOrDigest::Digest(digest.to_owned())),
        None => {
            let (repository, tag) = name.rsplit_once(':').unwrap();
            (repository, TagOrDigest::Tag(tag.to_owned()))
        }
    };
    Attempt { registry: registry.to_owned(), repository: repository.to_owned(), target, credential: None }
}

fn credential(user: &str, password: &str) -> Credential {
    Credential { username: Sensitive::new(user), password: Sensitive::new(password) }
}

fn with(attempt: Attempt, user: &str, password: &str) -> Attempt {
    attempt.with(Some(&credential(user, password)))
}

/// Settings with which a test never waits long and never leaves this machine.
fn quick() -> ClientOptions {
    ClientOptions {
        timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(5),
        deadline: Duration::from_secs(30),
        retry_delay: Duration::from_millis(1),
        proxies: Proxies::Off,
        ..ClientOptions::default()
    }
}

/// Settings for a plain HTTP server.
fn plain(server: &Registry) -> ClientOptions {
    ClientOptions { plain_http: vec![server.host().parse().unwrap()], ..quick() }
}

/// Runs a future to its end, without waiting for the resolver's threads.
fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let output = runtime.block_on(future);
    runtime.shutdown_background();
    output
}

/// Asks one question with a client of its own.
fn ask(options: ClientOptions, attempt: &Attempt) -> Outcome {
    block_on(async { Client::new(options).unwrap().probe(attempt).await })
}

fn list(options: ClientOptions, attempt: &Attempt) -> TagList {
    block_on(async { Client::new(options).unwrap().tags(attempt).await })
}

#[track_caller]
fn found(outcome: Outcome) -> Manifest {
    match outcome {
        Outcome::Found(manifest) => manifest,
        other => panic!("not found, but {other:?}"),
    }
}

#[track_caller]
fn unknown(outcome: Outcome) -> (Unknown, Evidence) {
    match outcome {
        Outcome::Unknown(unknown, evidence) => (unknown, evidence),
        other => panic!("not unknown, but {other:?}"),
    }
}

/// The evidence as `HEAD http://…/path 404 CODE: message`, without what was not seen.
fn shown(evidence: &Evidence) -> String {
    let mut text = format!("{} {}", evidence.method.unwrap_or("-"), evidence.url.as_deref().unwrap_or("-"));
    if let Some(status) = evidence.status {
        text.push_str(&format!(" {status}"));
    }
    if let Some(code) = &evidence.code {
        text.push_str(&format!(" {code}"));
    }
    if let Some(message) = &evidence.message {
        text.push_str(&format!(": {message}"));
    }
    text
}
