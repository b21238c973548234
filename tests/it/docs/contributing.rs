//! CONTRIBUTING.md describes the code layout correctly, and the rule that it walks through works.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use pullcheck::rules::engine::meta::Meta;

use super::{Block, inline_code, prose_and_blocks, read, root};

const DOCUMENT: &str = ".github/CONTRIBUTING.md";

/// The file that a block is or changes: the line before it names it, and nothing else.
fn file_of<'t>(block: &Block<'t>) -> Option<&'t str> {
    block.lead.strip_prefix('`')?.strip_suffix("`:").filter(|file| !file.contains('`'))
}

/// The files that the walk-through makes or changes.
pub(super) fn files() -> Vec<String> {
    let document = read(DOCUMENT);
    let (_, blocks) = prose_and_blocks(&document);
    blocks.iter().filter_map(file_of).map(str::to_owned).collect()
}

/// Adds the lines that begin with `+` behind the line that stands before them, which has to be there once.
fn patched(text: &str, diff: &[&str]) -> Result<String, String> {
    let mut lines: Vec<&str> = text.lines().collect();
    for pair in diff.windows(2) {
        let [before, Some(added)] = [pair.first().copied(), pair.get(1).and_then(|line| line.strip_prefix('+'))] else {
            continue;
        };
        let before = before.and_then(|line| line.strip_prefix([' ', '+'])).ok_or("an added line has none before it")?;
        let places: Vec<usize> = (0..lines.len()).filter(|&at| lines.get(at) == Some(&before)).collect();
        let [at] = places[..] else { return Err(format!("{before:?} stands there {} times", places.len())) };
        lines.insert(at + 1, added);
    }
    Ok(lines.join("\n") + "\n")
}

/// What the files of the walk-through hold once it has been followed, in the order in which it names them.
fn followed(document: &str) -> Vec<(String, String)> {
    let (_, blocks) = prose_and_blocks(document);
    let named = blocks.iter().filter_map(|block| Some((file_of(block)?, block)));
    let content = |file: &str, block: &Block<'_>| match block.language {
        "diff" => patched(&read(file), &block.lines).unwrap_or_else(|fault| panic!("{DOCUMENT} on {file}: {fault}")),
        _ => block.lines.join("\n") + "\n",
    };
    named.map(|(file, block)| (file.to_owned(), content(file, block))).collect()
}

#[test]
fn walk_through_files_match_the_source_layout() {
    let files = followed(&read(DOCUMENT));
    let [(page_file, page), (rule_file, rule), (list_file, list)] = &files[..] else {
        panic!("not three files: {:?}", files.iter().map(|(file, _)| file).collect::<Vec<_>>())
    };
    let meta = Meta::parse(page.clone().leak()).expect("the page is one");
    assert_eq!(page_file, &format!("rules/{}.md", meta.id));
    let module = meta.id.replace('-', "_");
    assert_eq!(rule_file, &format!("src/rules/{module}.rs"));
    assert!(rule.contains(&format!("include_str!(\"../../{page_file}\")")), "it reads another page:\n{rule}");
    let (_, after) = rule.split_once("struct ").expect("a rule is a struct");
    let (name, _) = after.split_once(';').expect("a struct without fields");
    assert_eq!(list_file, "src/rules/mod.rs");
    for line in [format!("mod {module};"), format!("    &{module}::{name},")] {
        assert!(list.lines().any(|entry| entry == line), "{list_file} has no line {line:?}");
    }
}

#[test]
fn diff_adds_each_line_after_its_context_line() {
    let diff = [" b", "+new", "+newer", "@@", " c", "+last"];
    assert_eq!(patched("a\nb\nc\n", &diff).as_deref(), Ok("a\nb\nnew\nnewer\nc\nlast\n"));
    assert!(patched("a\n", &diff).is_err());
    assert!(patched("b\nb\nc\n", &diff).is_err());
}

/// Follows the walk-through in a copy of the sources and runs the commands that it ends with.
#[test]
#[ignore = "compiles a copy of the sources: .ci/run asks for it"]
fn the_walk_through_works() {
    let workspace = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contributing");
    let copy = workspace.join("pullcheck");
    let _ = fs::remove_dir_all(&copy);
    copy_of(root(), &copy);
    fs::write(workspace.join("Cargo.toml"), workspace_of_copy()).expect("it can be written");
    fs::copy(root().join("Cargo.lock"), workspace.join("Cargo.lock")).expect("it can be copied");
    let document = read(DOCUMENT);
    for (file, content) in followed(&document) {
        fs::write(copy.join(file), content).expect("it can be written");
    }
    let (_, blocks) = prose_and_blocks(&document);
    let commands = blocks.iter().filter(|block| block.lead == "Then:").flat_map(|block| &block.lines);
    let commands: Vec<&str> = commands.copied().chain(["cargo fmt --check"]).collect();
    assert!(commands.len() > 2, "are the commands still read?");
    for command in commands {
        let status = in_copy(&copy, command).status().expect("there is a shell");
        assert!(status.success(), "in {}: {command}", copy.display());
    }
    let index = fs::read_to_string(copy.join("docs/src/rules/index.md")).expect("it is there");
    assert!(index.contains("[`pull-request-tag`]"));
    assert!(copy.join("docs/src/rules/pull-request-tag.md").exists());
}

/// The copy is the member of a workspace, with the same profiles. Were it a root, cargo would take its crates for those
/// of the sources themselves, and the dependencies could not be shared.
fn workspace_of_copy() -> String {
    let manifest = read("Cargo.toml");
    let (_, profiles) = manifest.split_once("\n[profile.").expect("there are profiles");
    let (profiles, _) = profiles.split_once("\n[lints.").expect("lints stand behind them");
    format!("[workspace]\nmembers = [\"pullcheck\"]\nresolver = \"3\"\n\n[profile.{profiles}")
}

/// A command in the copy: its programs in a folder of their own, their crates beside those that are compiled already.
fn in_copy(copy: &Path, command: &str) -> Command {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target folder");
    let mut shell = Command::new("sh");
    shell.args(["-ec", command]).current_dir(copy);
    // What cargo tells a test of its package makes build scripts run again.
    for (name, _) in std::env::vars_os() {
        let of_package =
            |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|prefix| name.starts_with(prefix));
        if name.to_str().is_some_and(of_package) {
            shell.env_remove(name);
        }
    }
    shell
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TARGET_DIR", copy.with_file_name("target"))
        .env("CARGO_BUILD_BUILD_DIR", target);
    shell
}

/// Copies a file or a folder, without history and what was built in it.
fn copy_of(from: &Path, to: &Path) {
    if from.is_file() {
        fs::copy(from, to).expect("a file can be copied");
        return;
    }
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder can be read") {
        let entry = entry.expect("an entry can be read");
        if ![".git", "target", "corpus", "artifacts"].iter().any(|other| entry.file_name() == *other) {
            copy_of(&entry.path(), &to.join(entry.file_name()));
        }
    }
}

#[test]
fn contributing_lists_every_module_of_the_library() {
    let document = read(DOCUMENT);
    let (_, table) = document.split_once("| module | purpose |").expect("there is a table of modules");
    let (table, _) = table.split_once("\n\n").expect("a table ends");
    let listed: BTreeSet<&str> = inline_code(table).into_iter().collect();
    let library = read("src/lib.rs");
    let modules =
        library.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'));
    let (known, unknown): (Vec<&str>, Vec<&str>) = modules.partition(|module| {
        let (file, folder) = (format!("src/{module}.rs"), format!("src/{module}/"));
        listed.iter().any(|path| *path == file || path.starts_with(&folder))
    });
    assert!(unknown.is_empty(), "{DOCUMENT} does not say what they are for: {unknown:?}");
    assert!(known.len() > 14, "are the modules still read?");
}

/// Targets by the options that choose them, and variables that tests read.
#[test]
fn every_target_and_variable_in_contributing_exists() {
    let document = read(DOCUMENT);
    let (prose, blocks) = prose_and_blocks(&document);
    let lines = prose
        .into_iter()
        .chain(blocks.into_iter().filter(|block| block.language.is_empty()).flat_map(|block| block.lines));
    let words: Vec<&str> = lines.flat_map(|line| line.split([' ', '`', ','])).collect();
    let cargo = read("Cargo.toml");
    let mut targets = 0;
    for pair in words.windows(2) {
        let [option @ ("--test" | "--bench" | "--example"), name] = pair else { continue };
        let (kind, declared) = (option.trim_start_matches('-'), format!("name = \"{name}\"\n"));
        assert!(cargo.split("[[").any(|table| table.starts_with(kind) && table.contains(&declared)), "{option} {name}");
        targets += 1;
    }
    assert!(targets > 3, "are the targets still read?");
    for word in words.iter().filter_map(|word| word.split_once('=').map(|(name, _)| name)) {
        if let Some(variable) = word.strip_prefix("PULLCHECK_") {
            let tests =
                ["it/spans.rs", "it/action/runner.rs", "support/src/tools.rs", "bench/corpus.rs", "registry/main.rs"];
            let read = tests.map(|file| read(&format!("tests/{file}")));
            assert!(read.iter().any(|source| source.contains(variable)), "no test reads {word}");
        }
    }
}
