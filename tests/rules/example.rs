//! Reads the examples of a rule's page: fenced blocks below the headings of its *Examples* section.
//!
//! | block | meaning |
//! |---|---|
//! | `yaml` | a file. `# error: [rule-id]` at the end of a line says what is found there, and is taken away before the file is read. `title="…"` names it, `unreadable="…"` says that reading it fails with these words, `unrendered="…"` that `helm template` fails with them |
//! | `findings` | what is found where a comment cannot stand: `error: rule-id @ "flagged text"`, `@ file`, or without a place |
//! | `registry` | what registries answer, in the language of `pullcheck_support::language`; without it the example runs offline |
//! | `args` | options, as on the command line |
//! | `config` | the configuration file of the run, as `--config` takes it |
//! | `json`, `toml` | a file that `args` names by its `title="…"`, or by a folder in it |
//!
//! Several `yaml` blocks under one heading are one input.

use std::collections::BTreeMap;

/// One example of a page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Example {
    /// `rules/rule-id.md: heading`.
    pub(crate) name: String,
    pub(crate) files: Vec<File>,
    pub(crate) expected: Vec<Expected>,
    pub(crate) registry: Option<String>,
    pub(crate) args: Vec<String>,
    /// The configuration file.
    pub(crate) config: Option<String>,
    /// What `args` names.
    pub(crate) configs: Vec<File>,
}

/// One file of an example, without its marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) text: String,
    /// Why it cannot be read.
    pub(crate) unreadable: Option<String>,
    /// With which words `helm template` fails to render its chart.
    pub(crate) unrendered: Option<String>,
}

/// A finding that an example announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) severity: String,
    pub(crate) rule: String,
    pub(crate) place: Place,
}

/// Where it is announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The line that it begins on.
    Line(String, u32),
    /// The flagged text.
    Text(String),
    /// The file.
    File(String),
    /// Anywhere.
    Anywhere,
}

impl Example {
    /// Whether it announces the rule.
    pub(crate) fn expects(&self, rule: &str) -> bool {
        self.expected.iter().any(|expected| expected.rule == rule)
    }
}

/// The examples of a page.
pub(crate) fn parse(rule: &str, body: &str) -> Result<Vec<Example>, String> {
    let mut examples: Vec<Example> = Vec::new();
    let mut lines = body.lines().skip_while(|line| *line != "## Examples").skip(1);
    while let Some(line) = lines.next().filter(|line| !line.starts_with("## ")) {
        if let Some(heading) = line.strip_prefix("### ") {
            examples.push(Example { name: format!("rules/{rule}.md: {heading}"), ..Example::default() });
        } else if let Some(info) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let example = examples.last_mut().ok_or("a block before the first heading of an example")?;
            example.add(info, &block).map_err(|error| format!("{}: {error}", example.name))?;
        }
    }
    Ok(examples)
}

impl Example {
    fn add(&mut self, info: &str, block: &[&str]) -> Result<(), String> {
        let kind = info.split_whitespace().next().unwrap_or_default();
        match kind {
            "yaml" => self.add_file(&attributes(info)?, block),
            "json" | "toml" => {
                let title = attributes(info)?.remove("title").ok_or("a json or toml block without a title")?;
                self.configs.push(File {
                    name: title.to_owned(),
                    text: block.join("\n"),
                    unreadable: None,
                    unrendered: None,
                });
            }
            "findings" => self.expected.extend(block.iter().map(|line| finding(line)).collect::<Result<Vec<_>, _>>()?),
            "registry" => self.registry = Some(block.join("\n")),
            "config" => self.config = Some(format!("{}\n", block.join("\n"))),
            "args" => self.args.extend(block.iter().flat_map(|line| line.split_whitespace()).map(str::to_owned)),
            _ => return Err(format!("a block of an unknown kind: ```{info}")),
        }
        Ok(())
    }

    fn add_file(&mut self, attributes: &BTreeMap<&str, &str>, block: &[&str]) {
        let number = self.files.len() + 1;
        let name = attributes.get("title").map_or_else(|| format!("example{number}.yaml"), |&title| title.to_owned());
        let mut text = String::new();
        for (line, at) in block.iter().zip(1..) {
            let (line, marks) = without_marks(line);
            text.push_str(line);
            text.push('\n');
            self.expected.extend(marks.into_iter().map(|(severity, rule)| Expected {
                severity,
                rule,
                place: Place::Line(name.clone(), at),
            }));
        }
        let unreadable = attributes.get("unreadable").map(|&why| why.to_owned());
        let unrendered = attributes.get("unrendered").map(|&why| why.to_owned());
        self.files.push(File { name, text, unreadable, unrendered });
    }
}

/// `yaml title="a b" unreadable="c"`.
fn attributes(info: &str) -> Result<BTreeMap<&str, &str>, String> {
    let mut found = BTreeMap::new();
    let mut rest = info.trim_start_matches(|c: char| !c.is_whitespace()).trim_start();
    while !rest.is_empty() {
        let (key, value) = rest.split_once("=\"").ok_or_else(|| format!("not an attribute: {rest}"))?;
        let (value, after) = value.split_once('"').ok_or_else(|| format!("an open quote: {rest}"))?;
        found.insert(key, value);
        rest = after.trim_start();
    }
    Ok(found)
}

/// Takes `# error: [a, b]` marks off the end of a line.
fn without_marks(line: &str) -> (&str, Vec<(String, String)>) {
    let mut rest = line;
    let mut marks = Vec::new();
    while let Some((before, severity, rules)) = last_mark(rest) {
        marks.extend(rules.split(',').map(|rule| (severity.to_owned(), rule.trim().to_owned())));
        rest = before;
    }
    (rest, marks)
}

fn last_mark(line: &str) -> Option<(&str, &str, &str)> {
    let (before, mark) = line.strip_suffix(']')?.rsplit_once(" # ")?;
    let (severity, rules) = mark.split_once(": [")?;
    ["error", "warning", "note"].contains(&severity).then_some((before.trim_end(), severity, rules))
}

/// `error: rule-id @ "text"`.
fn finding(line: &str) -> Result<Expected, String> {
    let (what, place) = match line.split_once(" @ ") {
        Some((what, place)) => match place.strip_prefix('"').and_then(|place| place.strip_suffix('"')) {
            Some(text) => (what, Place::Text(text.to_owned())),
            None => (what, Place::File(place.to_owned())),
        },
        None => (line, Place::Anywhere),
    };
    let (severity, rule) = what.split_once(": ").ok_or_else(|| format!("not a finding: {line}"))?;
    Ok(Expected { severity: severity.to_owned(), rule: rule.to_owned(), place })
}

/// What is wrong with this reader; its own tests, as `harness = false` has no `#[test]`.
pub(crate) fn reads_marks_and_blocks() -> Result<(), String> {
    let page = "## Examples\n\n### One\n\n```yaml title=\"a b.yaml\"\nx: '#' # error: [r-a, r-b] # note: [r-c]\ny: 1 # \
                kept\n```\n\n```config\nk:\n  - v\n```\n\n```findings\nerror: r-d @ \"t # t\"\nnote: r-e @ f.yaml\n```\n\n## Fix\n\n```yaml\nz\n```\n";
    let examples = parse("rule", page)?;
    let [example] = &examples[..] else { return Err(format!("{examples:?}")) };
    let found: Vec<_> = example.expected.iter().map(|e| (&*e.severity, &*e.rule, e.place.clone())).collect();
    let line = || Place::Line("a b.yaml".to_owned(), 1);
    let expected = [
        ("note", "r-c", line()),
        ("error", "r-a", line()),
        ("error", "r-b", line()),
        ("error", "r-d", Place::Text("t # t".to_owned())),
        ("note", "r-e", Place::File("f.yaml".to_owned())),
    ];
    let text = &example.files[0].text;
    let config = example.config.as_deref() == Some("k:\n  - v\n");
    match config && found == expected && text == "x: '#'\ny: 1 # kept\n" && example.name == "rules/rule.md: One" {
        true => Ok(()),
        false => Err(format!("{example:#?}")),
    }
}
