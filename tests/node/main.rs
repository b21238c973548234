//! What real nodes made of images, and what pullcheck says of the same: see `README.md`.
#![expect(clippy::disallowed_methods, reason = "the scenarios are files, and the environment must not matter")]

mod agreement;
mod compare;
mod content;
mod on_node;
mod placeholders;
mod registry_hosts;
mod run;
mod scenario;

use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::{env, fs};

use libtest_mimic::{Arguments, Failed, Trial};

use compare::Exceptions;
use run::Depth;
use scenario::{Node, Scenario};

/// Set where the environment is a clean one.
const CLEAN: &str = "NODE_SUITE_IS_CLEAN";

fn main() -> ExitCode {
    if env::var_os(CLEAN).is_none() {
        return in_a_clean_environment().unwrap_or(ExitCode::FAILURE);
    }
    let words: Vec<String> = env::args().skip(1).collect();
    if let Some(code) = on_node::command(&words) {
        return code;
    }
    let trials = match (scenario::scenarios(), Exceptions::read()) {
        (Ok(scenarios), Ok(exceptions)) => trials(scenarios, exceptions),
        (scenarios, exceptions) => {
            let error = scenarios.err().or(exceptions.err()).unwrap_or_default();
            vec![test("the scenarios are read".to_owned(), || Err(error))]
        }
    };
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The same run without what the shell says to pullcheck, and with a system that trusts one authority, which signs nothing
/// here: to read the real ones for each scenario would take most of the time.
fn in_a_clean_environment() -> Option<ExitCode> {
    let folder = tempfile::tempdir().ok()?;
    let authorities = folder.path().join("authorities.pem");
    fs::write(&authorities, pullcheck_support::certificate_authority()).ok()?;
    let mut again = Command::new(env::current_exe().ok()?);
    again.args(env::args_os().skip(1)).env(CLEAN, "1").env("SSL_CERT_FILE", authorities).env_remove("SSL_CERT_DIR");
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PULLCHECK_")) {
        again.env_remove(name);
    }
    let code = again.status().ok()?.code().and_then(|code| u8::try_from(code).ok());
    Some(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// One for each scenario on each node that it was tried on, at each depth.
fn trials(scenarios: Vec<Scenario>, exceptions: Exceptions) -> Vec<Trial> {
    let exceptions = Arc::new(exceptions);
    let about = {
        let (exceptions, scenarios) = (Arc::clone(&exceptions), scenarios.clone());
        test("the exceptions are about scenarios".to_owned(), move || exceptions.are_about(&scenarios))
    };
    let counted = {
        let scenarios = scenarios.clone();
        test("README.md counts them".to_owned(), move || scenario::are_counted(&scenarios))
    };
    let texts = test("texts are told apart".to_owned(), compare::tells_texts_apart);
    let of = move |scenario: Scenario| {
        let exceptions = Arc::clone(&exceptions);
        let asked = Node::ALL.into_iter().filter(|node| scenario.answers(*node).is_some());
        let asked: Vec<_> = asked.flat_map(|node| Depth::ALL.map(|depth| (node, depth))).collect();
        let scenario = Arc::new(scenario);
        asked.into_iter().map(move |(node, depth)| {
            let name = format!("{}/{} {} {}", scenario.group, scenario.id, node.name(), depth.name());
            let (scenario, exceptions) = (Arc::clone(&scenario), Arc::clone(&exceptions));
            test(name, move || compare::holds(&scenario, node, depth, &exceptions))
        })
    };
    [about, counted, texts].into_iter().chain(scenarios.into_iter().flat_map(of)).collect()
}

fn test(name: String, run: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, move || run().map_err(Failed::from))
}
