//! What the command tells while it asks, how it is interrupted, and what it tells of it after.
#![expect(clippy::disallowed_methods, reason = "makes the files that are read")]

use std::fs;

use pullcheck_support::{Answer, Registry, Run};
use serde_json::Value;
use tempfile::TempDir;

fn manifests(images: &[String]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let pod = |image: &String| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, image: '{image}'}}]}}\n"
        )
    };
    let pods: Vec<String> = images.iter().map(pod).collect();
    fs::write(folder.path().join("pods.yaml"), pods.join("---\n")).unwrap();
    folder
}

fn pullcheck(folder: &TempDir, servers: &[&Registry]) -> Run {
    let plain = servers.iter().map(|server| format!("--plain-http={}", server.host()));
    Run::new(env!("CARGO_BIN_EXE_pullcheck")).within(folder.path()).args(plain)
}

#[test]
fn verbose_prints_traffic_per_host_to_stderr() {
    let server = Registry::start(|r| {
        r.image("acme/api", "1").image("2");
        r.answer("HEAD", "/v2/acme/api/manifests/2", [Answer::status(503), Answer::status(405)]);
    });
    let folder = manifests(&["1", "2"].map(|tag| format!("{}/acme/api:{tag}", server.host())));
    let output = pullcheck(&folder, &[&server]).arg("-v").output().assert_status(0);
    let line = format!("pullcheck: {}: 4 requests, 1 retry, ", server.host());
    assert_eq!(output.stderr.lines().count(), 1, "{output}");
    assert!(output.stderr.starts_with(&line), "{output}");
    let silent = pullcheck(&folder, &[&server]).output().assert_status(0);
    assert_eq!((silent.stderr.as_str(), silent.stdout), ("", output.stdout), "no bar where nobody looks");
}

#[test]
fn verbose_and_findings_explain_why_a_host_was_given_up() {
    let server = Registry::start(|r| {
        for tag in 0..20 {
            r.answer("HEAD", &format!("/v2/acme/api/manifests/{tag}"), [Answer::status(500)]);
        }
    });
    let images: Vec<String> = (0..20).map(|tag| format!("{}/acme/api:{tag}", server.host())).collect();
    let output = pullcheck(&manifests(&images), &[&server]).args(["-v", "--retries=0"]).output().assert_status(0);
    let output = output.assert_stderr_has("; given up: 500 Internal Server Error\n");
    let told = format!("{} failed too often, so the rest of its images was not checked", server.host());
    assert!(output.stdout.split_whitespace().collect::<Vec<_>>().join(" ").contains(&told), "{output}");
    let _ = output.assert_stdout_has("500 Internal Server Error");
}

#[test]
fn quiet_prints_only_findings() {
    let server = Registry::start(|r| {
        r.image("acme/api", "1");
    });
    let folder = manifests(&[format!("{}/acme/api:1", server.host())]);
    let output = pullcheck(&folder, &[&server]).arg("-q").output().assert_status(0);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    let json = pullcheck(&folder, &[&server]).args(["-q", "--format=json"]).output().assert_status(0);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["summary"]["pullable"], 1, "JSON is whole");
    assert_eq!(report["findings"], Value::Array(vec![]));

    let folder = manifests(&[format!("{}/acme/api:2", server.host())]);
    let output = pullcheck(&folder, &[&server]).arg("-q").output();
    assert!(output.stdout.contains("image-not-found") && !output.stdout.contains("1 file, 1 image"), "{output}");
    pullcheck(&folder, &[&server]).args(["-q", "-v"]).output().assert_status(2);
}

#[cfg(unix)]
mod interrupted {
    use super::*;
    use std::process::Command;

    /// Signals a run that knows of one image and will never hear of the other.
    fn half_done(signals: &[&str], extra: &[&str]) -> pullcheck_support::Output {
        let server = Registry::start(|r| {
            r.image("acme/api", "1");
            r.answer("HEAD", "/v2/acme/api/manifests/2", [Answer::hang()]);
        });
        let folder = manifests(&["1", "2"].map(|tag| format!("{}/acme/api:{tag}", server.host())));
        let one_by_one = ["--host-concurrency=1", "--timeout=60s", "--format=json"];
        pullcheck(&folder, &[&server]).args(one_by_one).args(extra).output_after(|process| {
            // The second is asked for when the first has answered.
            while server.count() < 2 {
                std::thread::yield_now();
            }
            for signal in signals {
                let sent = Command::new("kill").arg(signal).arg(process.to_string()).status().unwrap();
                assert!(sent.success());
            }
        })
    }

    #[test]
    fn interrupted_run_reports_results_so_far() {
        for signal in ["-INT", "-TERM"] {
            let output = half_done(&[signal], &[]).assert_status(130);
            let report: Value = serde_json::from_str(&output.stdout).expect("the report is whole");
            let told = |at: usize| (report["images"][at]["verdict"].clone(), report["images"][at]["cause"].clone());
            assert_eq!(told(1), ("unverified".into(), "interrupted".into()), "{output}");
            assert_eq!(told(0), ("pullable".into(), Value::Null), "{output}");
            assert_eq!(output.stderr, "pullcheck: interrupted: the report contains what was found until then\n");
        }
    }

    #[test]
    fn interrupt_overrides_every_other_exit_status() {
        half_done(&["-INT"], &["--fail-on=note", "--fail-on-unverified"]).assert_status(130);
    }

    /// The report waits for its reader, longer than whoever interrupts twice.
    #[test]
    #[cfg(target_os = "linux")]
    fn second_signal_ends_the_run_immediately() {
        let server = Registry::start(|r| {
            r.answer("HEAD", "/v2/acme/api/manifests/0", [Answer::hang()]);
        });
        let images: Vec<String> = (0..300).map(|tag| format!("{}/acme/api:{tag}", server.host())).collect();
        let folder = manifests(&images);
        let run = pullcheck(&folder, &[&server]).args(["--timeout=60s", "--format=json"]);
        let output = run.output_after(|process| {
            while server.count() == 0 {
                std::thread::yield_now();
            }
            // Nobody reads the report yet, and no pipe holds all of it.
            let stat = format!("/proc/{process}/stat");
            while !fs::read_to_string(&stat).unwrap().contains(") Z ") {
                let sent = Command::new("kill").arg("-INT").arg(process.to_string()).status().unwrap();
                assert!(sent.success());
            }
        });
        assert!(serde_json::from_str::<Value>(&output.assert_status(130).stdout).is_err(), "it did not wait");
    }
}
