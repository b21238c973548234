//! What a hostile server may make the command hold, measured on the built command as a process of its own.
#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "the command that is measured may be named by the environment")]

use pullcheck_support::{Answer, Registry, Run, Script};
use serde_json::json;

const PATH: &str = "/v2/acme/api/manifests/";
const TAGS: &str = "/v2/acme/api/tags/list";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What no server may drive the command beyond, in KiB. `.ci/run` holds the released one against it.
const LIMIT: u64 = 64 * 1024;

/// What a build for debugging may need besides: its code and its stack frames are several times as large.
const DEBUG_ALLOWANCE: u64 = 24 * 1024;

#[track_caller]
fn assert_below_limit(peak: u64) {
    let released = std::env::var_os("PULLCHECK_BIN").is_some() || !cfg!(debug_assertions);
    let limit = if released { LIMIT } else { LIMIT + DEBUG_ALLOWANCE };
    assert!(peak < limit, "{peak} KiB of {limit}");
}

/// Runs the command on so many tags of a registry, and gives the most that it held at once, in KiB.
fn peak(tags: usize, options: &[&str], script: impl FnOnce(&mut Script)) -> u64 {
    let server = Registry::start(script);
    let image = |tag| json!({"name": "c", "image": format!("{}/acme/api:{tag}", server.host())});
    let containers: Vec<_> = (0..tags).map(image).collect();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": containers}});
    let program = std::env::var_os("PULLCHECK_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_pullcheck").into());
    // The run has a folder of its own; what is named is meant from here.
    let program = std::path::absolute(program).expect("a path");
    let run = Run::new(program).args(["--fail-on=never", "--plain-http", &server.host()]).args(options).arg("-");
    let (output, peak) = run.stdin(pod.to_string()).output_and_peak();
    output.assert_status(0);
    peak.expect("Linux tells how much a process has held")
}

/// Bodies that come by `GET`, each with this many spaces behind it.
fn bodies(tags: usize, body: &str, padding: u64) -> impl FnOnce(&mut Script) + use<> {
    let answer = Answer::status(200).header("Content-Type", INDEX).body(body).padded(padding);
    move |r| {
        for tag in 0..tags {
            let path = format!("{PATH}{tag}");
            r.answer("HEAD", &path, [Answer::status(405)]).answer("GET", &path, [answer.clone()]);
        }
    }
}

/// A list of as many values as 4 MiB hold.
fn many(name: &str, value: &str) -> String {
    format!(r#"{{"{name}":[{}{value}]}}"#, format!("{value},").repeat(4_300_000 / (value.len() + 1)))
}

/// As many at once as an operator may allow one host: each connection holds what was read ahead for it.
const WIDE: [&str; 2] = ["--host-concurrency=64", "--platform=linux/amd64"];

#[test]
fn endless_bodies_stay_within_the_memory_limit() {
    assert_below_limit(peak(64, &WIDE, bodies(64, "{", 1 << 30)));
}

#[test]
fn largest_bodies_stay_within_the_memory_limit() {
    let index = many("manifests", r#"{"digest":"sha256:00","platform":{"os":"linux"}}"#);
    assert_below_limit(peak(64, &WIDE, bodies(64, &index, 0)));
}

/// What was read of an index is held to the end.
#[test]
fn largest_indexes_stay_within_the_memory_limit() {
    let part = "x".repeat(2000);
    let platform = json!({"os": part, "architecture": part, "variant": part});
    let entry = json!({"digest": format!("sha256:{}", "0a".repeat(32)), "platform": platform});
    let index = json!({"manifests": vec![entry; 250]}).to_string();
    assert_below_limit(peak(64, &WIDE, bodies(64, &index, 0)));
}

#[test]
fn lists_of_millions_stay_within_the_memory_limit() {
    let index = many("manifests", "0");
    let nested = format!(r#"{{"manifests":[{index}]}}"#);
    let layers = format!(r#"{{"config":{{}},{}"#, &many("layers", "{}")[1..]);
    for body in [index, nested, layers, many("config", "0")] {
        assert_below_limit(peak(1, &[], bodies(1, &body, 0)));
    }
}

#[test]
fn tag_lists_and_errors_stay_within_the_memory_limit() {
    let tags = many("tags", "\"1\"");
    let errors = "[".to_owned() + &"[],".repeat(20_000) + "[]]";
    let script = move |r: &mut Script| {
        r.answer("*", &format!("{PATH}0"), [Answer::status(404).body(errors.clone())]);
        r.answer("GET", TAGS, [Answer::status(200).body(tags)]);
    };
    assert_below_limit(peak(1, &[], script));
    let script = |r: &mut Script| {
        for tag in 0..64 {
            r.answer("*", &format!("{PATH}{tag}"), [Answer::error(404, "X", "").padded(1 << 30)]);
        }
        r.answer("GET", TAGS, [Answer::status(200).body("{").padded(1 << 30)]);
    };
    assert_below_limit(peak(64, &WIDE, script));
}
