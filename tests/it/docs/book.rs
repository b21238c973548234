//! The book: which pages it has, and those that are generated from the rules.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use pullcheck::rules::RULES;
use pullcheck::rules::engine::meta::Meta;

use super::{generated_from, generated_part, inline_code, read, root};

const SOURCES: &str = "docs/src";
const SUMMARY: &str = "docs/src/SUMMARY.md";
const RULES_LINE: &str = "- [Rules](rules/index.md)\n";

/// The Markdown files of the book, by their paths from the root, without the table of contents.
pub(super) fn pages() -> Vec<String> {
    let mut pages = Vec::new();
    let mut folders = vec![SOURCES.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).expect("the folder is there") {
            let entry = entry.expect("it is listed");
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            match entry.file_type().expect("it has a type").is_dir() {
                true => folders.push(path),
                false if path.ends_with(".md") && path != SUMMARY => pages.push(path),
                false => {}
            }
        }
    }
    pages.sort();
    pages
}

/// Whether a page is that of a single rule, which is generated.
pub(super) fn is_of_rule(page: &str) -> bool {
    page.strip_prefix("docs/src/rules/").is_some_and(|name| name != "index.md")
}

/// The page of a rule in the book: a head made of the front matter, then the text of `rules/ID.md`, which mdBook
/// includes without its front matter.
fn page_of(meta: &Meta) -> String {
    let whole = read(&format!("rules/{}.md", meta.id));
    let body = meta.body.trim_start_matches('\n');
    let first_line = whole.lines().count() - body.lines().count() + 1;
    let yes = |holds: bool| if holds { "yes" } else { "no" };
    format!(
        "# {id}\n\n{title}.\n\n\
         *Default: **{level}**. Queries the registry: {online}. Offers a fix: {fix}. Since {since}.*\n\n{{{{#include ../../../rules/{id}.md:{first_line}:}}}}\n",
        id = meta.id,
        title = meta.title,
        level = meta.default_level(),
        online = yes(meta.online),
        fix = yes(meta.fix),
        since = meta.since,
    )
}

/// What is generated from the rules: a page for each, the index, and their lines in the summary. Tests that read the
/// book as a whole call this first, so that they never see a half of it.
pub(super) fn generate() {
    let mut table = String::from("\n| rule | by default | what it finds |\n|---|---|---|\n");
    for rule in RULES {
        let meta = rule.meta();
        generated_from(&format!("docs/src/rules/{}.md", meta.id), |_| page_of(meta));
        let _ = writeln!(table, "| [`{0}`]({0}.md) | {1} | {2} |", meta.id, meta.default_level(), meta.title);
    }
    table.push('\n');
    generated_part("docs/src/rules/index.md", "rules", &table);
    generated_from(SUMMARY, |summary| {
        let (before, rest) = summary.split_once(RULES_LINE).expect("the summary lists the rules");
        let mut fresh = format!("{before}{RULES_LINE}");
        for rule in RULES {
            let _ = writeln!(fresh, "  - [{0}](rules/{0}.md)", rule.meta().id);
        }
        fresh.extend(rest.split_inclusive('\n').skip_while(|line| line.starts_with("  - ")));
        fresh
    });
}

#[test]
fn summary_lists_every_page_once_and_every_rule_has_a_page() {
    generate();
    let expected: BTreeSet<String> = RULES.iter().map(|rule| format!("docs/src/rules/{}.md", rule.meta().id)).collect();
    let present: BTreeSet<String> = pages().into_iter().filter(|page| is_of_rule(page)).collect();
    assert_eq!(present, expected, "pages of rules");
    let summary = read(SUMMARY);
    let targets = summary.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    let mut listed: Vec<String> = targets.map(|target| format!("{SOURCES}/{target}")).collect();
    listed.sort();
    assert_eq!(listed, pages());
}

/// Texts that the troubleshooting page quotes come from the pages of the rules or were recorded on real nodes. `…`
/// replaces what differs from case to case.
#[test]
fn troubleshooting_quotes_come_from_rules_or_real_nodes() {
    let mut known: String = RULES.iter().map(|rule| rule.meta().body).collect();
    for recorded in std::fs::read_dir(root().join("tests/node/scenarios")).expect("the scenarios are there") {
        let recorded = recorded.expect("it is listed").path();
        known.push_str(&std::fs::read_to_string(recorded).expect("it is text"));
    }
    let page = read("docs/src/troubleshooting.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" | "));
    let mut texts = 0;
    for (cell, _) in rows {
        let cell = format!("`{cell}");
        for part in inline_code(&cell).into_iter().flat_map(|text| text.split('…')) {
            let part = part.trim_matches([' ', ':']);
            assert!(known.contains(part), "no rule and no node has {part:?}");
            texts += 1;
        }
    }
    assert!(texts > 40, "are the texts still read?");
}
