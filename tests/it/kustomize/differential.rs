//! Against the real tool.
#![expect(clippy::print_stdout, reason = "the counts are what a developer runs it for")]

use std::path::{Path, PathBuf};
use std::process::Command;

use pullcheck_support::renderer;

use super::generate::{Files, files};
use super::{Outcome, Said, rendered, said, write};

/// `kustomize build` or `kubectl kustomize`; `PULLCHECK_KUSTOMIZE` names another program.
fn tool() -> Option<(PathBuf, &'static str)> {
    if let Some(program) = std::env::var_os("PULLCHECK_KUSTOMIZE") {
        let program = PathBuf::from(program);
        let is_kubectl = program.file_name().is_some_and(|name| name == "kubectl");
        return Some((program, if is_kubectl { "kustomize" } else { "build" }));
    }
    let (name, _) = renderer(&["kustomize", "kubectl"])?;
    Some((PathBuf::from(name), if name == "kubectl" { "kustomize" } else { "build" }))
}

pub(super) fn outcome(program: &Path, command: &str, folder: &Path) -> (Outcome, String) {
    let output = Command::new(program).arg(command).arg(folder.join("o")).output().unwrap();
    let outcome = match output.status.success() {
        true => Outcome::Built(rendered(&String::from_utf8_lossy(&output.stdout))),
        false => Outcome::Refused,
    };
    (outcome, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn shown(files: &Files) -> String {
    let file = |(name, text): (&String, &String)| match name.starts_with("base/") && !name.contains("kustomization") {
        true => format!("# {name}\n"),
        false => format!("# {name}\n{}\n", text.trim_end()),
    };
    files.iter().map(file).collect()
}

/// Compares a range of seeds; the answers that do not hold.
fn compare(seeds: std::ops::Range<u64>) -> Option<(Vec<String>, String)> {
    let (program, command) = tool()?;
    let mut faults = Vec::new();
    let (mut refused, mut told, mut whole, mut all) = (0, 0, 0, 0);
    for seed in seeds {
        let folder = tempfile::tempdir().unwrap();
        let files = files(seed);
        write(folder.path(), &files);
        let (outcome, words) = outcome(&program, command, folder.path());
        let said: Said = said(folder.path());
        all += 1;
        whole += usize::from(said.is_whole());
        if outcome == Outcome::Refused {
            refused += 1;
            told += usize::from(said.refusal.is_some());
        }
        if !said.holds(&outcome) {
            let words: String = words.lines().filter(|line| !line.starts_with("# Warning")).collect();
            faults.push(format!("seed {seed}\n{}{outcome:?}\n{words:.900}\n{said:?}\n", shown(&files)));
        } else if std::env::var_os("PULLCHECK_PARTIAL").is_some() && !said.is_whole() {
            let words: String = words.lines().filter(|line| !line.starts_with("# Warning")).collect();
            println!("PARTIAL seed {seed}\n{}{words:.900}\n", shown(&files));
        }
    }
    Some((faults, format!("{all} cases, {refused} refused, {told} of them by an error; {whole} told as a whole")))
}

#[test]
fn a_few_generated_kustomizations_match_the_real_tool() {
    let Some((faults, summary)) = compare(0..60) else { return };
    assert!(faults.is_empty(), "{summary}\n{}", faults.join("\n"));
}

/// `PULLCHECK_KUSTOMIZE=~/bin/kustomize cargo test --test it -- --ignored thousands --nocapture`
#[test]
#[ignore = "takes minutes"]
fn thousands_of_generated_kustomizations_match_the_real_tool() {
    let number = |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let start = number("PULLCHECK_SEED", 0);
    let Some((faults, summary)) = compare(start..start + number("PULLCHECK_CASES", 2500)) else { return };
    println!("{summary}");
    assert!(faults.is_empty(), "{} faults, {summary}\n{}", faults.len(), faults.join("\n"));
}
