//! The same scenarios on a real node: this program is its registries, and has its runtime pull. Not a test: see
//! `README.md` for what the node has to be like, and `run-on-node.sh` for how this is started.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program of its own")]

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use pullcheck_support::{Answer, Asked, Authority, Certificate, Hosts, Site};
use serde_json::Value;

use crate::agreement::{self, Agreement};
use crate::compare;
use crate::placeholders::fill;
use crate::registry_hosts::World;
use crate::run::{Depth, PLAIN_PORTS, TLS_PORTS, write_hosts_toml};
use crate::scenario::{self, Failure, Node, NodeAnswer, Pulls, Scenario};

const USAGE: &str = "usage: agreement
       authority FOLDER
       on-node NODE AUTHORITY-FOLDER CERTS-D-FOLDER ONLY PULLER [ARGUMENT...]

NODE is one of containerd-2.4.2, containerd-1.7.35, cri-o-1.36.3: whose recorded answers are compared.
ONLY is part of the names of the scenarios that are run; \"\" is all of them.
PULLER is run with the file of a scenario's manifests as its last argument.";

/// Does what these words ask for, where they are not a test's.
pub(crate) fn command(words: &[String]) -> Option<ExitCode> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["agreement"] => agreement::with_what_was_recorded().map(|text| {
            print!("{text}");
            true
        }),
        ["authority", folder] => Authority::kept_in(Path::new(folder)).map(|_| true).map_err(|error| error.to_string()),
        ["on-node", node, authority, certs_d, only, puller @ ..] if !puller.is_empty() => {
            rerun(node, Path::new(authority), Path::new(certs_d), only, puller)
        }
        ["agreement" | "authority" | "on-node", ..] => Err(USAGE.to_owned()),
        _ => return None,
    };
    Some(match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    })
}

/// Runs scenario after scenario and prints where the node does not do what was recorded. Whether it always does.
fn rerun(node: &str, authority: &Path, certs_d: &Path, only: &str, puller: &[&str]) -> Result<bool, String> {
    let node = Node::named(node).ok_or_else(|| format!("there is no node {node:?}\n{USAGE}"))?;
    let told = |error: io::Error| error.to_string();
    let authority = Arc::new(Authority::kept_in(authority).map_err(told)?);
    let everywhere = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let hosts = Arc::new(Changing::default());
    let (tls, plain) = (TLS_PORTS.map(everywhere), PLAIN_PORTS.map(everywhere));
    let _site = Site::start(&tls, &plain, authority, Arc::clone(&hosts)).map_err(told)?;
    let folder = tempfile::tempdir().map_err(told)?;
    let (mut asked, mut agreed) = (0, 0);
    let mut agreements = Depth::ALL.map(|depth| (depth, Agreement::default()));
    for scenario in scenario::scenarios()?.iter().filter(|scenario| scenario.id.contains(only)) {
        let world = Arc::new(World::of(scenario));
        hosts.become_those_of(&world);
        empty(certs_d).and_then(|()| write_hosts_toml(scenario, certs_d)).map_err(told)?;
        let file = folder.path().join("manifests.yaml");
        fs::write(&file, fill(&scenario.manifests, &world)).map_err(told)?;
        let now = pull(puller, &file).map_err(|error| format!("{}: {error}", scenario.id))?;
        let recorded = scenario.answers(node).unwrap_or_default();
        let recorded: Vec<_> = recorded.iter().map(|answer| compare::filled(answer, &world)).collect();
        for (depth, agreement) in &mut agreements {
            agreement.add(scenario, &world, &now, node, *depth);
        }
        asked += 1;
        if now.len() == recorded.len() && now.iter().zip(&recorded).all(|(now, then)| are_alike(now, then)) {
            agreed += 1;
        } else {
            println!("{}", difference(scenario, &recorded, &now));
        }
    }
    println!("{}: {agreed} of {asked} scenarios as recorded", node.name());
    for (depth, agreement) in &agreements {
        print!("What pullcheck says of these images at depth {}:\n{agreement}", depth.name());
    }
    Ok(agreed == asked)
}

/// The hosts of one scenario after the other, behind the same sockets.
#[derive(Default)]
struct Changing(Mutex<Option<Arc<World>>>);

impl Changing {
    fn become_those_of(&self, world: &Arc<World>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(world));
    }

    fn now(&self) -> Option<Arc<World>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Hosts for Changing {
    fn certificate(&self, name: &str) -> Certificate {
        self.now().map_or(Certificate::Good, |world| world.certificate(name))
    }

    fn answer(&self, asked: &Asked) -> Answer {
        self.now().map_or_else(|| Answer::status(404), |world| world.answer(asked))
    }
}

/// Takes the folders of the scenario before out of the node's `certs.d`.
fn empty(certs_d: &Path) -> io::Result<()> {
    fs::create_dir_all(certs_d)?;
    let entries: Vec<PathBuf> =
        fs::read_dir(certs_d)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    let is_ours = |folder: &PathBuf| folder.is_dir() && fs::read_dir(folder).is_ok_and(|files| files.count() < 2);
    match entries.iter().find(|entry| !is_ours(entry)) {
        Some(other) => {
            Err(io::Error::other(format!("{} is not of a scenario: give a folder of its own", other.display())))
        }
        None => entries.iter().try_for_each(fs::remove_dir_all),
    }
}

/// What the puller says of each image.
fn pull(puller: &[&str], file: &Path) -> Result<Vec<NodeAnswer>, String> {
    let (program, arguments) = puller.split_first().ok_or(USAGE)?;
    let command = Command::new(program).args(arguments).arg(file).stderr(Stdio::inherit()).output();
    let output = command.map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} ended with {}", output.status));
    }
    String::from_utf8_lossy(&output.stdout).lines().map(answer).collect()
}

/// One line of a puller: `{"pullable": false, "reason": "ErrImagePull", "events": ["Warning Failed …"]}`.
fn answer(line: &str) -> Result<NodeAnswer, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
    if value["pullable"] == Value::Bool(true) {
        return Ok(NodeAnswer::Pulls(Pulls::Pulls));
    }
    let events: Vec<&str> = value["events"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let first = |what: &[&str]| events.iter().find(|event| what.iter().any(|what| event.contains(what)));
    // The event of the pull says more than the one of the container that follows it.
    let of_pull = first(&[" Failed Failed to pull image", " InspectFailed ", " ErrImageNeverPull "]);
    let event = of_pull.or_else(|| first(&["Warning Failed "])).copied().unwrap_or_default();
    let text = event.splitn(3, ' ').nth(2).unwrap_or_default().to_owned();
    Ok(NodeAnswer::Fails(Failure { reason: value["reason"].as_str().unwrap_or_default().to_owned(), text }))
}

/// Whether two answers differ in nothing but addresses and times.
fn are_alike(now: &NodeAnswer, then: &NodeAnswer) -> bool {
    match (now, then) {
        (NodeAnswer::Fails(now), NodeAnswer::Fails(then)) => {
            now.reason == then.reason && lasting(&now.text) == lasting(&then.text)
        }
        (now, then) => now == then,
    }
}

/// A text without what is another one each time.
fn lasting(text: &str) -> String {
    let is_address = |word: &str| {
        word.trim_end_matches(':').rsplit_once(':').is_some_and(|(host, _)| host.parse::<Ipv4Addr>().is_ok())
    };
    let is_time = |word: &str| {
        let parts = word.trim_end_matches([',', ';', ']', ':']).split_once('T');
        parts.is_some_and(|(date, time)| date.split('-').count() == 3 && time.split(':').count() == 3)
    };
    let words = text.split(' ').map(|word| if is_address(word) || is_time(word) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

fn difference(scenario: &Scenario, recorded: &[NodeAnswer], now: &[NodeAnswer]) -> String {
    let show = |answers: &[NodeAnswer]| {
        let shown = answers.iter().map(|answer| match answer {
            NodeAnswer::Pulls(_) => "pulls".to_owned(),
            NodeAnswer::Fails(failure) => format!("{}: {}", failure.reason, failure.text),
        });
        shown.collect::<Vec<_>>().join("\n            ")
    };
    format!("{}/{}\n  recorded: {}\n  now:      {}", scenario.group, scenario.id, show(recorded), show(now))
}
