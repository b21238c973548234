//! Counts how pullcheck and nodes agree, image by image.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::compare::{self, Fault};
use crate::registry_hosts::World;
use crate::run::{self, Depth};
use crate::scenario::{self, Node, NodeAnswer, Scenario};

/// How often it is so.
#[derive(Debug, Default)]
pub(crate) struct Agreement(BTreeMap<String, usize>);

impl Agreement {
    /// Runs pullcheck on a scenario and holds it against what a node made of it, in digests of this world.
    pub(crate) fn add(
        &mut self,
        scenario: &Scenario,
        world: &Arc<World>,
        answers: &[NodeAnswer],
        node: Node,
        depth: Depth,
    ) {
        let seen = run::run(scenario, world, node, depth);
        let Some(seen) = seen.ok().filter(|seen| seen.len() == answers.len()) else {
            *self.0.entry(Fault::Refused.to_string()).or_default() += answers.len();
            return;
        };
        for (seen, answer) in seen.iter().zip(answers) {
            let what = compare::fault(seen, answer).map_or_else(
                || {
                    let (node, text) = match answer {
                        NodeAnswer::Pulls(_) => ("pulls", ""),
                        NodeAnswer::Fails(_) if seen.event.is_some() => ("fails", ", with its text"),
                        NodeAnswer::Fails(_) => ("fails", ", without a text"),
                    };
                    format!("node {node}, pullcheck: {}{text}", seen.verdict)
                },
                |fault| fault.to_string(),
            );
            *self.0.entry(what).or_default() += 1;
        }
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(what, count)| writeln!(f, "{count:5}  {what}"))
    }
}

/// The agreement with what was recorded, for each node and depth.
pub(crate) fn with_what_was_recorded() -> Result<String, String> {
    let scenarios = scenario::scenarios()?;
    let mut text = String::new();
    for (node, depth) in Node::ALL.into_iter().flat_map(|node| Depth::ALL.map(|depth| (node, depth))) {
        let mut agreement = Agreement::default();
        for scenario in &scenarios {
            let Some(answers) = scenario.answers(node) else { continue };
            let world = Arc::new(World::of(scenario));
            let answers: Vec<_> = answers.iter().map(|answer| compare::filled(answer, &world)).collect();
            agreement.add(scenario, &world, &answers, node, depth);
        }
        text.push_str(&format!("{}, depth {}\n{agreement}", node.name(), depth.name()));
    }
    Ok(text)
}
