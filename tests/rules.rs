//! The pages of the rules are their tests: every example of `rules/*.md` runs, and finds exactly what it announces. So
//! does every example of the table of kinds.
#![expect(clippy::disallowed_methods, reason = "the pages are files, and the environment must not matter")]

#[path = "rules/agreement.rs"]
mod agreement;
#[path = "rules/example.rs"]
mod example;
#[path = "rules/fake_registry.rs"]
mod fake_registry;
#[path = "rules/kinds.rs"]
mod kinds;
#[path = "rules/pages.rs"]
mod pages;
#[path = "rules/run.rs"]
mod run;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs};

use libtest_mimic::{Arguments, Failed, Trial};
use pullcheck::resource::workload::custom::kind;
use pullcheck::rules::RULES;

use example::Example;
use run::Answers;

/// What the shell knows of real credentials is none of an example's.
const CREDENTIALS: &str = "PULLCHECK_DOCKERCONFIGJSON";

fn main() -> ExitCode {
    if env::var_os(CREDENTIALS).is_some() {
        return without_credentials().unwrap_or(ExitCode::FAILURE);
    }
    let mut trials = vec![
        test("the reader of examples".to_owned(), example::reads_marks_and_blocks),
        test("the pages are the rules".to_owned(), || pages::pages_are_the_rules(&page_files()?)),
    ];
    for rule in RULES {
        let meta = rule.meta();
        trials.push(test(format!("rules/{}.md: the page is complete", meta.id), || pages::is_complete(meta)));
        trials.push(test(format!("rules/{}.md: the page is explained", meta.id), || pages::is_explained(meta)));
        match example::parse(meta.id, meta.body) {
            Ok(examples) => trials.extend(examples.into_iter().flat_map(runs)),
            Err(error) => trials.push(test(format!("rules/{}.md: the page is read", meta.id), || Err(error))),
        }
    }
    for kind in kind::table() {
        trials.extend(
            kind.kinds
                .iter()
                .map(|name| test(format!("kinds/{name}.{}", kind.group), || kinds::finds_what_is_marked(kind, name))),
        );
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The same run in a clean environment.
fn without_credentials() -> Option<ExitCode> {
    let mut again = Command::new(env::current_exe().ok()?);
    let status = again.args(env::args_os().skip(1)).env_remove(CREDENTIALS).status().ok()?;
    Some(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One trial for each way in which an example runs.
fn runs(example: Example) -> impl Iterator<Item = Trial> {
    let whatever = {
        let example = example.clone();
        test(format!("{} (whatever happens)", example.name), move || agreement::holds_whatever_happens(&example))
    };
    let as_announced = Answers::of(&example).iter().map(move |&answers| {
        let example = example.clone();
        let name = format!("{}{}", example.name, answers.suffix());
        test(name, move || run::run_example(&example, answers))
    });
    as_announced.chain([whatever])
}

fn test(name: String, run: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, move || run().map_err(Failed::from))
}

fn page_files() -> Result<BTreeSet<String>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    entries.map(|entry| Ok(entry.map_err(|e| e.to_string())?.file_name().to_string_lossy().into_owned())).collect()
}
