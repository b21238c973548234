//! What holds for every page of `rules/`.

use std::collections::BTreeSet;

use clap::CommandFactory;
use pullcheck::options::Args;
use pullcheck::output::{self, Style};
use pullcheck::rules::RULES;
use pullcheck::rules::engine::meta::Meta;

use crate::example;

/// Sections that every page has, in this order. *Options* may stand before *References*.
const SECTIONS: [&str; 5] = ["What it does", WHY, "Examples", "Fix", "References"];

/// The reasons: of a pull that fails, and of one that need not fail.
const REASONS: [&str; 2] = [WHY, "Why this matters"];
const WHY: &str = "Why the pull fails";

/// The pages that are there are those of the rules.
pub(crate) fn pages_are_the_rules(files: &BTreeSet<String>) -> Result<(), String> {
    let rules: BTreeSet<String> = RULES.iter().map(|rule| format!("{}.md", rule.meta().id)).collect();
    if rules.len() != RULES.len() {
        return Err("two rules have the same id".to_owned());
    }
    equal("rules/*.md", files, &rules)
}

/// One page: its sections, its event text, its references, a bad and a good example.
pub(crate) fn is_complete(meta: &Meta) -> Result<(), String> {
    let why = headings(meta.body).find(|heading| REASONS.contains(heading)).unwrap_or(WHY);
    let plain = |heading| if heading == why { WHY } else { heading };
    let sections: Vec<&str> = headings(meta.body).filter(|heading| *heading != "Options").map(plain).collect();
    equal("sections", &sections, &SECTIONS.to_vec())?;
    if let Some(place) = headings(meta.body).position(|heading| heading == "Options") {
        equal("place of *Options*", &place, &4)?;
    }
    if !section(meta.body, why).contains("\n```\n") {
        return Err(format!("*{why}* shows no event"));
    }
    let references = section(meta.body, "References");
    let links = references.lines().filter(|line| line.starts_with("- [") && line.contains("](https://"));
    if links.count() < 2 || !references.contains("kubernetes.io") {
        return Err("*References* has too few links".to_owned());
    }
    if let Some(line) = meta.body.lines().find(|line| line.contains('\t') || line.ends_with(' ')) {
        return Err(format!("stray white space: {line:?}"));
    }
    names_options_that_exist(meta)?;
    let examples = example::parse(meta.id, meta.body)?;
    let (bad, good): (Vec<_>, Vec<_>) = examples.iter().partition(|example| example.expects(meta.id));
    if bad.is_empty() || good.is_empty() {
        return Err(format!("{} bad and {} good examples", bad.len(), good.len()));
    }
    if meta.online && !bad.iter().any(|example| example.registry.is_some()) {
        return Err("no bad example asks a registry".to_owned());
    }
    Ok(())
}

/// Every option in the prose, and of `pullcheck` in a command line, is one. Those of an example's `args` are parsed.
fn names_options_that_exist(meta: &Meta) -> Result<(), String> {
    let command = Args::command();
    let known: Vec<&str> = command.get_arguments().filter_map(|argument| argument.get_long()).collect();
    let prose = meta.body.split("\n```").step_by(2);
    let code = prose.flat_map(|text| text.split('`').skip(1).step_by(2));
    for command in code.flat_map(|code| code.split(" | ")) {
        if !command.starts_with("--") && !command.starts_with("pullcheck") {
            continue;
        }
        let mut options = command.split_whitespace().filter_map(|word| word.strip_prefix("--"));
        if let Some(unknown) = options.find(|option| !known.contains(option)) {
            return Err(format!("there is no option --{unknown}"));
        }
    }
    Ok(())
}

/// What `--explain` prints keeps every word and loses the Markdown.
pub(crate) fn is_explained(meta: &Meta) -> Result<(), String> {
    let text = output::explain(meta, &Style::default());
    for left in ["```", "](http", "\n#"] {
        if text.contains(left) {
            return Err(format!("{left:?} is left in\n{text}"));
        }
    }
    equal("title", &text.lines().nth(1), &Some(meta.title))
}

fn headings(body: &str) -> impl Iterator<Item = &str> {
    body.lines().filter_map(|line| line.strip_prefix("## "))
}

fn section<'b>(body: &'b str, heading: &str) -> &'b str {
    let after = body.split_once(&format!("\n## {heading}\n")).map_or("", |(_, after)| after);
    after.split("\n## ").next().unwrap_or(after)
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{what}: found {found:?}, expected {expected:?}")),
    }
}
