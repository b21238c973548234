//! Holds what pullcheck says against what the node did, and both against the exceptions that are known.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use crate::placeholders::fill;
use crate::registry_hosts::World;
use crate::run::{self, Depth, Seen};
use crate::scenario::{self, Failure, Node, NodeAnswer, Scenario};

/// How pullcheck can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    /// The node fails, and pullcheck says that it pulls.
    FalsePass,
    /// The node pulls, and pullcheck says that it fails.
    FalseAlarm,
    /// It says another text than the node, or one where the node pulls.
    WrongText,
    /// It does not run at all.
    Refused,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FalsePass => "false-pass",
            Self::FalseAlarm => "false-alarm",
            Self::WrongText => "wrong-text",
            Self::Refused => "refused",
        })
    }
}

/// Scenarios of which pullcheck does not say what the node does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    fault: Fault,
    scenarios: BTreeSet<String>,
    /// All of them where none is named.
    #[serde(default)]
    nodes: BTreeSet<String>,
    /// All of them where none is named.
    #[serde(default)]
    depths: BTreeSet<Depth>,
    /// Why that is right, or what is to be mended.
    why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionFile {
    #[serde(default)]
    exception: Vec<Exception>,
}

/// The lists of exceptions.
#[derive(Debug)]
pub(crate) struct Exceptions {
    /// By the name of their file.
    listed: Vec<(&'static str, Exception)>,
}

/// What is right as it is: an image that is pulled and cannot be started, a fault that HEAD does not show.
const RIGHT: &str = "exceptions.toml";
/// What is to be mended.
const KNOWN_FAULTS: &str = "known_faults.toml";

impl Exceptions {
    pub(crate) fn read() -> Result<Self, String> {
        let mut listed = Vec::new();
        for file in [RIGHT, KNOWN_FAULTS] {
            let read: ExceptionFile = scenario::read(&scenario::folder().join(file))?;
            listed.extend(read.exception.into_iter().map(|exception| (file, exception)));
        }
        Ok(Self { listed })
    }

    /// Every entry speaks of a scenario and a node that there are, and gives its reason; none says what another says.
    pub(crate) fn are_about(&self, scenarios: &[Scenario]) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for (file, exception) in &self.listed {
            if exception.why.is_empty() || exception.scenarios.is_empty() {
                return Err(format!("{file}: an entry without scenarios or reason: {exception:?}"));
            }
            if *file == RIGHT && !matches!(exception.fault, Fault::FalsePass | Fault::FalseAlarm) {
                return Err(format!("{file}: {} is never right", exception.fault));
            }
            if let Some(name) = exception.nodes.iter().find(|name| Node::named(name).is_none()) {
                return Err(format!("{file}: there is no node {name:?}"));
            }
            for id in &exception.scenarios {
                let scenario = scenarios.iter().find(|scenario| scenario.id == *id);
                let scenario = scenario.ok_or_else(|| format!("{file}: there is no scenario {id:?}"))?;
                for node in Node::ALL.into_iter().filter(|node| exception.names(*node)) {
                    if scenario.answers(node).is_none() && !exception.nodes.is_empty() {
                        return Err(format!("{file}: {} was not asked for {id:?}", node.name()));
                    }
                    for depth in Depth::ALL.into_iter().filter(|depth| exception.covers(*depth)) {
                        if !seen.insert((id, node, depth, exception.fault)) {
                            return Err(format!("{file}: {id:?} is listed twice for {}", node.name()));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn of(&self, scenario: &Scenario, node: Node, depth: Depth) -> impl Iterator<Item = &(&'static str, Exception)> {
        self.listed.iter().filter(move |(_, exception)| {
            exception.scenarios.contains(&scenario.id) && exception.names(node) && exception.covers(depth)
        })
    }
}

impl Exception {
    fn names(&self, node: Node) -> bool {
        self.nodes.is_empty() || self.nodes.contains(node.name())
    }

    fn covers(&self, depth: Depth) -> bool {
        self.depths.is_empty() || self.depths.contains(&depth)
    }
}

/// Runs a scenario. Everything that pullcheck says is what the node does, but for the exceptions, and each of these is
/// needed.
pub(crate) fn holds(scenario: &Scenario, node: Node, depth: Depth, exceptions: &Exceptions) -> Result<(), String> {
    let world = Arc::new(World::of(scenario));
    let answers = scenario.answers(node).unwrap_or_default();
    let mut found = BTreeSet::new();
    let mut shown = if scenario.note.is_empty() { String::new() } else { format!("\n{}", scenario.note) };
    match run::run(scenario, &world, node, depth) {
        Err(error) => {
            found.insert(Fault::Refused);
            shown.push_str(&format!("\npullcheck does not run: {error}"));
        }
        Ok(seen) if seen.len() != answers.len() => {
            return Err(format!("{} images, and {} answers of the node", seen.len(), answers.len()));
        }
        Ok(seen) => {
            for (seen, answer) in seen.iter().zip(&answers) {
                let answer = filled(answer, &world);
                found.extend(fault(seen, &answer));
                shown.push_str(&show(seen, &answer));
            }
        }
    }
    for (file, exception) in exceptions.of(scenario, node, depth) {
        if !found.remove(&exception.fault) {
            let fault = exception.fault;
            return Err(format!("{file} lists it as {fault}, which it is not any more: take it out there{shown}"));
        }
    }
    match found.first() {
        None => Ok(()),
        Some(fault) => Err(format!("{fault}{shown}")),
    }
}

/// The answer with the digests of this world.
pub(crate) fn filled(answer: &NodeAnswer, world: &World) -> NodeAnswer {
    match answer {
        NodeAnswer::Pulls(pulls) => NodeAnswer::Pulls(*pulls),
        NodeAnswer::Fails(Failure { reason, text }) => {
            NodeAnswer::Fails(Failure { reason: reason.clone(), text: fill(text, world) })
        }
    }
}

fn show(seen: &Seen, answer: &NodeAnswer) -> String {
    let node = match answer {
        NodeAnswer::Pulls(_) => "pulls".to_owned(),
        NodeAnswer::Fails(failure) => format!("fails ({})\n           {}", failure.reason, failure.text),
    };
    let cause = seen.cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
    let event = seen.event.as_ref().map(|event| format!("\n           {event}")).unwrap_or_default();
    format!("\nnode:      {node}\npullcheck: {}{cause}{event}", seen.verdict)
}

/// What is wrong with what is said of an image.
pub(crate) fn fault(seen: &Seen, answer: &NodeAnswer) -> Option<Fault> {
    match answer {
        NodeAnswer::Pulls(_) if seen.verdict == "fails" => Some(Fault::FalseAlarm),
        NodeAnswer::Pulls(_) => seen.event.is_some().then_some(Fault::WrongText),
        NodeAnswer::Fails(_) if seen.verdict == "pullable" => Some(Fault::FalsePass),
        NodeAnswer::Fails(failure) => {
            let event = seen.event.as_deref()?;
            (!matches(event, &failure.text)).then_some(Fault::WrongText)
        }
    }
}

/// Whether a text is what was predicted; `…` stands for whatever the node knows alone.
pub(crate) fn matches(predicted: &str, text: &str) -> bool {
    let mut parts = predicted.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// The tests of this module itself.
pub(crate) fn tells_texts_apart() -> Result<(), String> {
    let table = [
        ("a b", "a b", true),
        ("a b", "a b c", false),
        ("a … c", "a b c", true),
        ("a … c", "a  c", true),
        ("a …", "a b c", true),
        ("… c", "a b c", true),
        ("a…b…c", "a1b2c", true),
        ("a…b…c", "a1c", false),
        ("ab…bc", "abc", false),
    ];
    for (predicted, text, expected) in table {
        if matches(predicted, text) != expected {
            return Err(format!("{predicted:?} and {text:?}"));
        }
    }
    Ok(())
}
