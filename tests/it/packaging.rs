//! What is made for other programs to read, hooks, templates and the image's recipe, fits the command and the package.
//! Whether those programs take it is shown by `tests/packaging/`.
#![expect(clippy::disallowed_methods, reason = "the documents are files")]

use std::path::Path;

use clap::Parser as _;
use pullcheck::options::Args;

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(document: &str) -> String {
    std::fs::read_to_string(root().join(document)).expect("the document is there")
}

fn args(command: &str) -> Args {
    let words: Vec<&str> = command.split_whitespace().collect();
    assert_eq!(words.first(), Some(&"pullcheck"));
    Args::try_parse_from(&words).unwrap_or_else(|error| panic!("{command}: {error}"))
}

/// The value of `key` in a block of YAML that has it once, on a line of its own.
fn value<'t>(block: &'t str, key: &str) -> &'t str {
    let found =
        block.lines().find_map(|line| line.trim_start_matches([' ', '-']).strip_prefix(key)?.strip_prefix(": "));
    found.unwrap_or_else(|| panic!("no {key} in {block}"))
}

#[test]
fn options_in_every_hook_match_its_id() {
    let hooks = read(".pre-commit-hooks.yaml");
    let blocks: Vec<&str> = hooks.split("\n\n").filter(|block| block.starts_with("- id: ")).collect();
    let ids: Vec<&str> = blocks.iter().map(|block| value(block, "id")).collect();
    assert_eq!(ids, ["pullcheck", "pullcheck-registry", "pullcheck-system", "pullcheck-registry-system"]);
    for (block, id) in blocks.into_iter().zip(ids) {
        let args = args(value(block, "entry"));
        assert!(args.inputs.allow_empty, "a commit without manifests is none to refuse: {id}");
        assert_eq!(args.registry.offline, !id.contains("registry"), "{id}");
        assert_eq!(value(block, "language"), if id.ends_with("-system") { "system" } else { "rust" });
        assert_eq!((value(block, "pass_filenames"), value(block, "require_serial")), ("false", "true"));
    }
}

#[test]
fn user_options_override_hook_options() {
    let args =
        args("pullcheck --allow-empty --offline --fail-on note --exclude a --allow-empty --fail-on never --exclude b");
    assert_eq!(args.inputs.exclude, ["a", "b"]);
    assert!(args.inputs.allow_empty && args.registry.offline);
    assert_eq!(
        format!("{:?}", args.rules.fail_on),
        format!("{:?}", self::args("pullcheck --fail-on never").rules.fail_on)
    );
}

#[test]
fn integration_files_name_the_current_version() {
    let template = read(".packaging/gitlab-ci.yml");
    let [gitlab, pre_commit] = ["gitlab", "pre-commit"].map(|page| read(&format!("docs/src/integrations/{page}.md")));
    let include =
        format!("remote: https://raw.githubusercontent.com/pullcheck/pullcheck/v{VERSION}/.packaging/gitlab-ci.yml\n");
    assert!(gitlab.contains(&include) && template.contains(&include));
    assert!(template.contains(&format!("PULLCHECK_VERSION: \"{VERSION}\"\n")));
    assert!(pre_commit.contains(&format!("    rev: v{VERSION}\n")));
}

#[test]
fn gitlab_template_command_parses() {
    let template = read(".packaging/gitlab-ci.yml");
    let command = template.lines().find_map(|line| line.trim_start().strip_prefix("- pullcheck ")).expect("a command");
    let command =
        format!("pullcheck {}", command.replace("$PULLCHECK_OPTIONS", "").replace("$PULLCHECK_PATHS", "a b/*.yaml"));
    assert_eq!(args(&command).paths, ["a", "b/*.yaml"]);
    for (format, report) in [("gitlab", "codequality"), ("junit", "junit")] {
        let file = value(&template, report);
        assert!(command.contains(&format!("--output {format}={file} ")), "{report} is of another file: {file}");
    }
}

#[test]
fn dockerfile_copies_only_existing_files() {
    let ignored = read(".packaging/Dockerfile.dockerignore");
    let recipe = read(".packaging/Dockerfile");
    let copies =
        recipe.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|copy| !copy.starts_with("--from"));
    let mut sources = 0;
    for copy in copies {
        let (copied, _) = copy.rsplit_once(' ').expect("a source and a target");
        for source in copied.split(' ') {
            assert!(root().join(source).exists(), "{source}");
            assert!(
                ignored.lines().any(|line| line.strip_prefix('!') == Some(source)),
                "the build cannot see {source}"
            );
            sources += 1;
        }
    }
    assert!(sources >= 5, "are the lines still read?");
}
