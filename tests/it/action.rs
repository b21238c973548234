//! `action.yml`, its steps run as a runner runs them, against a server with releases on loopback.
#![expect(clippy::disallowed_methods, reason = "makes the files that are read")]

mod gate;
mod install;
mod release;
mod runner;

use std::fs;

use pullcheck_support::Raw;
use release::{Files, executable, release, serve};
use runner::{Done, Job, can_download, root, with_yaml};

use crate::report_parsers::{self, Command};

const OWN: &str = env!("CARGO_PKG_VERSION");
const TARGET: &str = "x86_64-unknown-linux-musl";

fn pod(image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n  - {{name: web, image: '{image}'}}\n"
    )
}

/// A job whose server has a release of this version, and the file to which that writes its arguments.
fn job(files: &[(&str, &str)]) -> (Raw, Job) {
    with_server(serve(release(OWN, TARGET)), files)
}

fn with_server(server: Raw, files: &[(&str, &str)]) -> (Raw, Job) {
    let job = Job::new(files);
    let told = job.outside("told").display().to_string();
    let url = format!("http://{}", server.host());
    (server, job.env("GITHUB_SERVER_URL", &url).env("TOLD", &told).input("offline", "true"))
}

/// The arguments that the program was given, over all of its runs.
fn told(job: &Job) -> Vec<String> {
    let text = fs::read_to_string(job.outside("told")).unwrap_or_default();
    text.split("=\n").skip(1).map(|argument| argument.trim_end_matches('\n').to_owned()).collect()
}

/// A `cargo` that notes what it is asked, where, and with which secrets, and installs `pullcheck`.
fn cargo(job: Job) -> Job {
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" \"in $PWD\" \"secret ${{PULLCHECK_DOCKERCONFIGJSON-none}}\" >'{}'\n\
         while [ \"$1\" != --root ]; do shift; done\nln -s '{}' \"$2/bin/pullcheck\"\n",
        job.outside("cargo").display(),
        env!("CARGO_BIN_EXE_pullcheck"),
    );
    job.program("cargo", &script)
}

fn commands(done: &Done) -> Vec<Command> {
    done.log.lines().filter_map(Command::parse).collect()
}

#[test]
fn findings_fail_the_step_and_become_annotations() {
    if !can_download() {
        return;
    }
    let bad = pod("ghcr.io/acme/Web:1");
    let (_server, job) = job(&[("pods/bad.yaml", &bad), ("pods/good.yaml", &pod("ghcr.io/acme/api:main"))]);
    let done = job.run().assert_status(1).assert_log_has("downloaded, checksum verified");
    assert_eq!(done.all(["exit-status", "errors", "warnings", "notes"]), ["1", "1", "1", "0"]);
    assert_eq!(done.all(["images", "pullable", "failing", "unverified"]), ["2", "0", "1", "1"]);
    report_parsers::sarif(&fs::read_to_string(&done.outputs["sarif-file"]).unwrap()).unwrap();
    report_parsers::report(&fs::read_to_string(&done.outputs["json-file"]).unwrap()).unwrap();
    assert!(done.summary.contains("invalid-image-reference"), "{done:#?}");
    let commands: Vec<_> = commands(&done)
        .into_iter()
        .map(|command| (command.name.clone(), command.property("file").map(str::to_owned)))
        .collect();
    let expected = [("error", "pods/bad.yaml"), ("warning", "pods/good.yaml")];
    assert_eq!(commands, expected.map(|(name, file)| (name.to_owned(), Some(file.to_owned()))));
    // Three reports, one run.
    assert_eq!(told(&job).iter().filter(|argument| *argument == "--").count(), 1);
    let left: Vec<_> = fs::read_dir(job.workspace.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["pods"], "nothing is left in the repository");
}

#[test]
fn run_without_findings_succeeds() {
    if !can_download() {
        return;
    }
    let (_server, job) = job(&[("pod.yaml", &pod("ghcr.io/acme/api:1.2.3"))]);
    // A pull request from a fork gets no secret: the variable is there, and empty.
    let done = job.env("PULLCHECK_DOCKERCONFIGJSON", "").run().assert_status(0);
    assert_eq!(done.all(["exit-status", "errors", "unverified"]), ["0", "0", "1"]);
    assert_eq!(commands(&done), []);
}

#[test]
fn every_input_becomes_its_own_argument() {
    if !can_download() {
        return;
    }
    let (_server, job) =
        job(&[("a b/pod.yaml", &pod("ghcr.io/acme/api:main")), ("c.yaml", &pod("x")), (".team.yaml", "")]);
    let job = job
        .input("paths", "a b/pod.yaml\n\nc.yaml\r\n")
        .input("format", "plain")
        .input("fail-on", "warning")
        .input("config", ".team.yaml")
        .input("sarif-file", "out file.sarif")
        .input("args", "--exclude\n*.tmp x\n--closed\n");
    let done = job.run().assert_status(1).assert_log_has("a b/pod.yaml:6:24: warning[mutable-tag]");
    let told = told(&job);
    assert_eq!(told[0], "--output=sarif=out file.sarif");
    assert!(told[1].starts_with("--output=json="), "{told:?}");
    let rest = [
        "--format=plain",
        "--fail-on=warning",
        "--config=.team.yaml",
        "--offline",
        "--exclude",
        "*.tmp x",
        "--closed",
        "--",
        "a b/pod.yaml",
        "c.yaml",
    ];
    assert_eq!(told[2..], rest);
    assert_eq!(done.outputs["sarif-file"], "out file.sarif");
    report_parsers::sarif(&fs::read_to_string(job.workspace.path().join("out file.sarif")).unwrap()).unwrap();
}

/// Names and inputs that a careless script would run, split, expand, or take for options.
const HOSTILE: [&str; 9] = [
    "--config=evil",
    "-",
    "a  b $(touch pwned) `touch pwned`.yaml",
    "\"; touch pwned; \".yaml",
    "'; rm -rf \"$GITHUB_WORKSPACE\"; '.yaml",
    "${{ github.token }} ${IFS}.yaml",
    "::error::x%0A::add-mask::y.yaml",
    "##[error]$HOME ~ {a,b} !! \\.yaml",
    "zürich\u{202e}*[a]?.yaml",
];

#[test]
fn hostile_paths_are_passed_literally() {
    if !can_download() {
        return;
    }
    let bad = pod("ghcr.io/acme/Web:1");
    let files: Vec<(&str, &str)> = HOSTILE.iter().map(|name| (*name, bad.as_str())).collect();
    let (_server, job) = job(&files);
    let before = fs::read_dir(job.workspace.path()).unwrap().count();
    let job = job.input("paths", &HOSTILE.join("\n"));
    let done = job.run().assert_status(1);
    assert_eq!(told(&job).into_iter().skip_while(|argument| argument != "--").skip(1).collect::<Vec<_>>(), HOSTILE);
    // All were read, but for standard input, which is empty.
    assert_eq!(done.outputs["errors"], "8", "{done:#?}");
    assert_only_annotations(&done);
    assert_eq!(fs::read_dir(job.workspace.path()).unwrap().count(), before, "something was run");
}

#[track_caller]
fn assert_only_annotations(done: &Done) {
    for command in commands(done) {
        assert!(["error", "warning", "notice"].contains(&command.name.as_str()), "{command:?}\n{done:#?}");
        assert!(
            command.property("title").is_some_and(|title| title.starts_with("pullcheck")),
            "{command:?}\n{done:#?}"
        );
    }
    assert!(!done.log.contains("##["), "{done:#?}");
}

#[test]
fn hostile_file_name_injects_no_workflow_commands() {
    if !can_download() {
        return;
    }
    let bad = pod("ghcr.io/acme/Web:1");
    let name = "x\n::add-mask::y\nerrors=0\n\"errors\": 0,\n.yaml";
    let (_server, job) = job(&[(name, &bad)]);
    let done = job.run().assert_status(1);
    assert_eq!(done.all(["exit-status", "errors"]), ["1", "1"]);
    assert_only_annotations(&done);
}

#[test]
fn hostile_sarif_file_name_is_used_literally() {
    if !can_download() {
        return;
    }
    let names = HOSTILE.into_iter().filter(|name| *name != "-" && !name.contains('/'));
    for name in names.chain(["x\nerrors<<y\n5\ny\n.sarif"]) {
        let (_server, job) = job(&[("pod.yaml", &pod("ghcr.io/acme/Web:1"))]);
        let job = job.input("sarif-file", name);
        let done = job.run().assert_status(1);
        assert_eq!(done.all(["sarif-file", "errors"]), [name, "1"]);
        report_parsers::sarif(&fs::read_to_string(job.workspace.path().join(name)).unwrap()).unwrap();
        assert_only_annotations(&done);
    }
}

#[test]
fn hostile_input_values_inject_no_commands() {
    if !can_download() {
        return;
    }
    for input in ["format", "fail-on", "config", "args", "offline", "version"] {
        for value in HOSTILE.into_iter().filter(|value| *value != "--config=evil" && *value != "-") {
            let (_server, job) = job(&[("pod.yaml", &pod("ghcr.io/acme/Web:1"))]);
            let job = job.input(input, value);
            let done = job.run();
            assert_ne!(done.status, 0, "{input}: {value}\n{done:#?}");
            assert_only_annotations(&done);
            let left: Vec<_> =
                fs::read_dir(job.workspace.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(left, ["pod.yaml"], "{input}: {value}");
        }
    }
}

#[test]
fn usage_error_leaves_report_outputs_empty() {
    if !can_download() {
        return;
    }
    let (_server, job) = job(&[("pod.yaml", &pod("nginx")), ("old.sarif", "of another run")]);
    let done = job.input("sarif-file", "old.sarif").input("fail-on", "panic").run().assert_status(2);
    assert_eq!(done.all(["exit-status", "errors", "images", "sarif-file", "json-file"]), ["2", "", "", "", ""]);
    let (_server, job) = self::job(&[]);
    let done = job.run().assert_status(3);
    assert_eq!(done.all(["exit-status", "images"]), ["3", "0"]);
}

#[test]
fn offline_input_accepts_only_true_or_false() {
    if !can_download() {
        return;
    }
    let (_server, job) = job(&[("pod.yaml", &pod("nginx"))]);
    let job = job.input("offline", "perhaps");
    job.run().assert_status(2).assert_log_has("::error title=pullcheck::offline: write true or false");
    assert_eq!(told(&job), [""; 0]);
    // It is not passed either way: nothing that is parsed asks a registry.
    let job = job.input("offline", "false").input("paths", "absent");
    job.run().assert_status(2);
    assert!(!told(&job).contains(&"--offline".to_owned()));
}

#[test]
fn credentials_in_the_environment_reach_only_pullcheck() {
    if !can_download() {
        return;
    }
    with_yaml("action.yml", |action| {
        let inputs = action.get("inputs").unwrap();
        assert!(
            inputs
                .entries()
                .all(|entry| !entry.key.text().unwrap().contains("config") || entry.key.text() == Some("config"))
        );
    });
    let (_server, job) = with_server(serve(Files::new()), &[("pod.yaml", &pod("nginx"))]);
    let job = cargo(job).env("PULLCHECK_DOCKERCONFIGJSON", "{broken");
    // Only who reads it can complain of it.
    job.run().assert_status(2).assert_log_has("PULLCHECK_DOCKERCONFIGJSON");
    assert!(fs::read_to_string(job.outside("cargo")).unwrap().ends_with("secret none\n"));
}

#[test]
fn documents_name_every_action_input_and_output() {
    const PAGE: &str = "docs/src/integrations/github.md";
    let section = fs::read_to_string(root().join(PAGE)).unwrap();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains(&format!("uses: pullcheck/pullcheck@v{OWN}\n")), "the version in README.md is stale");
    assert!(section.contains(&format!("uses: pullcheck/pullcheck@v{OWN}\n")), "the version is stale");
    let names = |key: &str| -> Vec<String> {
        with_yaml("action.yml", |action| {
            action.get(key).unwrap().entries().map(|entry| entry.key.text().unwrap().to_owned()).collect()
        })
    };
    let (inputs, outputs) = (names("inputs"), names("outputs"));
    for name in inputs.iter().chain(&outputs) {
        assert!(section.contains(&format!("`{name}`")), "{PAGE} does not name {name}");
    }
    for used in section.split("steps.pullcheck.outputs.").skip(1) {
        let name = used.split([' ', '}']).next().unwrap();
        assert!(outputs.iter().any(|output| output == name), "there is no output {name}");
    }
}
