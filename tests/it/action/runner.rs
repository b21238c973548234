//! A runner of GitHub Actions, as far as `action.yml` needs one: it evaluates expressions, runs each step with the
//! runner's shell and environment files, and reads them as the runner does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pullcheck::text::source::SourceId;
use pullcheck::text::yaml::{self, Node, Piece};
use pullcheck_support::{Output, Run};
use tempfile::TempDir;

use super::fs;

/// What `shell: bash` means (actions/runner, `ScriptHandlerHelpers.cs`), without the script.
pub(super) const BASH: [&str; 4] = ["--noprofile", "--norc", "-eo", "pipefail"];

type Values = BTreeMap<String, String>;

/// One step of a composite action.
struct Step {
    id: String,
    run: String,
    env: Values,
}

/// `action.yml`, with nothing in it that this runner does not know.
struct Action {
    defaults: Values,
    outputs: Values,
    steps: Vec<Step>,
}

/// A job that uses the action.
pub(super) struct Job {
    /// The workspace: the repository that is checked.
    pub(super) workspace: TempDir,
    /// What else the job has: the temporary folder, environment files, programs.
    pub(super) outside: TempDir,
    inputs: Values,
    env: Values,
    github: Values,
}

/// What a use of the action left.
#[derive(Debug)]
pub(super) struct Done {
    /// Exit status of the last step that ran.
    pub(super) status: i32,
    /// Both streams of all steps.
    pub(super) log: String,
    /// Outputs of the action.
    pub(super) outputs: Values,
    /// The job summary.
    pub(super) summary: String,
    /// The steps that ran.
    pub(super) ran: Vec<String>,
}

/// Whether the action can download here: every runner has curl. Elsewhere a test that needs it says so and does nothing.
pub(super) fn can_download() -> bool {
    pullcheck_support::installed(&["curl"], "PULLCHECK_REQUIRE_CURL").is_some()
}

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Calls a function with the top node of a YAML file of the repository.
pub(super) fn with_yaml<T>(file: &str, mut take: impl FnMut(Node<'_>) -> T) -> T {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let mut taken = None;
    yaml::read(SourceId(0), &text, true, &mut |piece| match piece {
        Piece::Document(document) => taken = document.root().map(&mut take),
        _ => panic!("{file} is no YAML"),
    });
    taken.unwrap()
}

fn texts(node: Option<Node<'_>>) -> Values {
    let entry =
        |pair: yaml::Entry<'_>| (pair.key.text().unwrap().to_owned(), pair.value.text().unwrap_or("").to_owned());
    node.into_iter().flat_map(Node::entries).map(entry).collect()
}

/// The key `field` of every entry of a mapping.
fn fields(node: Option<Node<'_>>, field: &str) -> Values {
    let entry =
        |pair: yaml::Entry<'_>| (pair.key.text().unwrap().to_owned(), pair.value.str(field).unwrap_or("").to_owned());
    node.into_iter().flat_map(Node::entries).map(entry).collect()
}

impl Action {
    fn read() -> Self {
        with_yaml("action.yml", |action| {
            let steps = action.at(&["runs", "steps"]).unwrap();
            Self {
                defaults: fields(action.get("inputs"), "default"),
                outputs: fields(action.get("outputs"), "value"),
                steps: steps.items().map(Step::read).collect(),
            }
        })
    }
}

impl Step {
    fn read(step: Node<'_>) -> Self {
        for entry in step.entries() {
            let key = entry.key.text().unwrap();
            assert!(["name", "id", "shell", "env", "run"].contains(&key), "no step of ours has the key {key}");
        }
        assert_eq!(step.str("shell"), Some("bash"));
        let run = step.str("run").unwrap().to_owned();
        assert!(!run.contains("${{"), "what is evaluated inside a script becomes a part of it: {run}");
        Self { id: step.str("id").unwrap().to_owned(), run, env: texts(step.get("env")) }
    }
}

/// What the runner makes of a text: each `${{ … }}` is replaced once, and what comes of it is not looked at again.
fn evaluated(text: &str, known: &Values) -> String {
    let mut pieces = text.split("${{");
    let mut whole = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").unwrap();
        let name = name.trim();
        let value = known.get(name).cloned();
        // A step or an output that there is not is empty; anything else would be a slip.
        let value = value.or_else(|| name.starts_with("steps.").then(String::new));
        whole += &value.unwrap_or_else(|| panic!("an expression that is not known: {name}"));
        whole += rest;
    }
    whole
}

/// An environment file: `NAME=VALUE`, or `NAME<<DELIMITER` and lines up to the delimiter (actions/runner,
/// `FileCommandManager.cs`).
fn file_commands(text: &str) -> Values {
    let mut values = Values::new();
    let mut lines = text.split_terminator('\n');
    while let Some(line) = lines.next() {
        let heredoc = line.find("<<").filter(|at| line.find('=').is_none_or(|equals| *at < equals));
        let (name, value) = match heredoc {
            Some(at) => {
                let delimiter = &line[at + 2..];
                let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
                (&line[..at], value.join("\n"))
            }
            None => line.split_once('=').map(|(name, value)| (name, value.to_owned())).expect("neither form"),
        };
        assert!(values.insert(name.to_owned(), value).is_none(), "{name} is set twice");
    }
    values
}

impl Job {
    /// A job on Linux, x86-64, whose workspace has these files.
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let job = Self {
            workspace: tempfile::tempdir().unwrap(),
            outside: tempfile::tempdir().unwrap(),
            inputs: Values::new(),
            env: Values::new(),
            github: Values::from([("github.action_repository".to_owned(), "acme/pullcheck".to_owned())]),
        };
        for (name, text) in files {
            let path = job.workspace.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        for folder in ["temp", "files", "bin"] {
            fs::create_dir(job.outside.path().join(folder)).unwrap();
        }
        job.runner("Linux", "X64")
    }

    pub(super) fn runner(self, os: &str, arch: &str) -> Self {
        self.env("RUNNER_OS", os).env("RUNNER_ARCH", arch)
    }

    pub(super) fn input(mut self, name: &str, value: &str) -> Self {
        self.inputs.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(super) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Where the action comes from; nothing for `uses: ./`.
    pub(super) fn repository(mut self, name: &str) -> Self {
        self.github.insert("github.action_repository".to_owned(), name.to_owned());
        self
    }

    /// A program that the runner has.
    pub(super) fn program(self, name: &str, script: &str) -> Self {
        super::executable(&self.outside.path().join("bin").join(name), script);
        self
    }

    /// A file outside the workspace.
    pub(super) fn outside(&self, name: &str) -> PathBuf {
        self.outside.path().join(name)
    }

    /// Uses the action.
    pub(super) fn run(&self) -> Done {
        let action = Action::read();
        for name in self.inputs.keys() {
            assert!(action.defaults.contains_key(name), "there is no input {name}");
        }
        let inputs = action.defaults.iter().chain(&self.inputs);
        let mut known: Values = inputs.map(|(name, value)| (format!("inputs.{name}"), value.clone())).collect();
        known.extend(self.github.clone());
        let mut done =
            Done { status: 0, log: String::new(), outputs: Values::new(), summary: String::new(), ran: Vec::new() };
        for step in action.steps {
            // A step without `if` runs when all before it went well.
            if done.status != 0 {
                break;
            }
            let (output, outputs) = self.step(&step, &known);
            done.status = output.status.unwrap();
            done.log += &(output.stdout + &output.stderr);
            done.summary += &fs::read_to_string(self.outside("files/summary")).unwrap();
            known.extend(outputs.into_iter().map(|(name, value)| (format!("steps.{}.outputs.{name}", step.id), value)));
            done.ran.push(step.id);
        }
        done.outputs = action.outputs.into_iter().map(|(name, value)| (name, evaluated(&value, &known))).collect();
        done
    }

    fn step(&self, step: &Step, known: &Values) -> (Output, Values) {
        let script = self.outside("script.sh");
        fs::write(&script, &step.run).unwrap();
        let path = format!("{}:{}", self.outside("bin").display(), std::env::var("PATH").unwrap());
        let mut run = Run::new("bash").args(BASH).arg(&script).within(self.workspace.path()).env("PATH", path);
        for (name, value) in &self.env {
            run = run.env(name, value);
        }
        for (name, value) in &step.env {
            run = run.env(name, evaluated(value, known));
        }
        for name in ["output", "env", "path", "summary", "state"] {
            let file = self.outside("files").join(name);
            fs::write(&file, "").unwrap();
            let variable = if name == "summary" { "STEP_SUMMARY".to_owned() } else { name.to_uppercase() };
            run = run.env(&format!("GITHUB_{variable}"), file);
        }
        let run = run
            .env("CI", "true")
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_ACTION_PATH", root())
            .env("GITHUB_WORKSPACE", self.workspace.path())
            .env("RUNNER_TEMP", self.outside("temp"));
        let output = run.output();
        for name in ["env", "path", "state"] {
            let file = fs::read_to_string(self.outside("files").join(name)).unwrap();
            assert_eq!(file, "", "the action leaves the environment of later steps alone");
        }
        (output, file_commands(&fs::read_to_string(self.outside("files/output")).unwrap()))
    }
}

impl Done {
    #[track_caller]
    pub(super) fn assert_status(self, expected: i32) -> Self {
        assert_eq!(self.status, expected, "{self:#?}");
        self
    }

    #[track_caller]
    pub(super) fn assert_log_has(self, text: &str) -> Self {
        assert!(self.log.contains(text), "the log lacks {text:?}\n{self:#?}");
        self
    }

    /// These outputs, in this order.
    pub(super) fn all<const N: usize>(&self, names: [&str; N]) -> [&str; N] {
        names.map(|name| self.outputs[name].as_str())
    }
}
