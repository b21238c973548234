//! The pages of the rules are their tests: every example of `rules/*.md` runs, and finds exactly what it announces.
#![expect(clippy::disallowed_methods, reason = "the pages are files")]

#[path = "rules/example.rs"]
mod example;
#[path = "rules/pages.rs"]
mod pages;
#[path = "rules/run.rs"]
mod run;
#[path = "rules/table.rs"]
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use pullcheck::rules::RULES;

fn main() -> ExitCode {
    let mut trials = vec![
        test("the reader of examples".to_owned(), example::reads_marks_and_blocks),
        test("the pages are the rules".to_owned(), || pages::pages_are_the_rules(&page_files()?)),
    ];
    for rule in RULES {
        let meta = rule.meta();
        trials.push(test(format!("{}: the page is complete", meta.id), || pages::is_complete(meta)));
        trials.push(test(format!("{}: the page is explained", meta.id), || pages::is_explained(meta)));
        match example::parse(meta.id, meta.body) {
            Ok(examples) => trials.extend(
                examples.into_iter().map(|example| test(example.name.clone(), move || run::run_example(&example))),
            ),
            Err(error) => trials.push(test(format!("{}: the page is read", meta.id), || Err(error))),
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn test(name: String, run: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, move || run().map_err(Failed::from))
}

fn page_files() -> Result<BTreeSet<String>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    entries.map(|entry| Ok(entry.map_err(|e| e.to_string())?.file_name().to_string_lossy().into_owned())).collect()
}
