use std::fmt::Write as _;

use super::data::{Data, UNKNOWN, Value};
use super::{Application, Budget, Repository, generate, is_match};
use crate::text::source::{Encoding, Source, SourceId, Sources};
use crate::text::yaml::{self, Piece};

const TABLE: &str = include_str!("applications.txt");

/// The Applications of an ApplicationSet, written as in the table, and whether any is uncertain.
fn generated(set: &str, file: &str, sources: &Sources) -> (Vec<String>, bool) {
    let repository = Repository::new(sources);
    let mut applications = Vec::new();
    yaml::read(SourceId(0), set, true, &mut |piece| {
        if let Piece::Document(document) = piece
            && let Some(root) = document.root()
        {
            applications = generate(root, file, &repository, &mut Budget::default());
        }
    });
    let is_uncertain = applications.iter().any(Application::is_uncertain);
    let mut lines: Vec<String> = applications.iter().map(line).collect();
    lines.sort();
    (lines, is_uncertain)
}

fn line(application: &Application) -> String {
    let at = |path: &[&str]| path.iter().try_fold(&application.data, |data, key| data.get(key));
    let mut text = String::new();
    let source = ["spec", "source"];
    let name = at(&["metadata", "name"]);
    let namespace = at(&["spec", "destination", "namespace"]);
    let path = at(&["spec", "source", "path"]);
    let images = at(&[source[0], source[1], "kustomize", "images"]).map_or(&[][..], Data::items);
    for data in [name, namespace, path].into_iter().chain(images.iter().map(Some)) {
        let value = match data.map(|data| &data.value) {
            Some(Value::Text(text)) => text.as_str(),
            Some(Value::Unknown) => "\0",
            _ => "",
        };
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
        _ = write!(text, " \"{escaped}\"");
    }
    text.trim_start().to_owned()
}

#[test]
fn generated_applications_match_those_of_argo_cd() {
    let (files, cases) = TABLE.split_once("\n=== ").unwrap();
    let files = files.split("\n--- ").skip(1).map(|file| {
        let (name, text) = file.split_once('\n').unwrap();
        Source::new(name, format!("{text}\n"), Encoding::Utf8)
    });
    let sources = Sources::new(files.collect());
    let (mut whole, mut count) = (0, 0);
    let mut wrong = String::new();
    for case in cases.split("\n=== ") {
        let (head, case) = case.split_once('\n').unwrap();
        let (number, expected) = head.split_once(' ').unwrap();
        let (spec, answer) = case.split_once('\n').unwrap_or((case, ""));
        let spec = spec.strip_prefix("@print ").map_or_else(|| spec.to_owned(), printing);
        let set = format!("{{\"kind\": \"ApplicationSet\", \"spec\": {spec}}}");
        let (lines, is_uncertain) = generated(&set, "argo/sets/set.yaml", &sources);
        let answer: Vec<&str> = answer.lines().collect();
        let has_unknown = is_uncertain || lines.iter().any(|line| line.contains(UNKNOWN));
        let has_failed = answer == ["ERROR"];
        let is_known = if has_failed { lines.is_empty() || is_uncertain } else { lines == answer && !is_uncertain };
        let is_possible = |line: &String| {
            let pattern: Vec<u8> = line.bytes().map(|byte| if byte == 0 { b'*' } else { byte }).collect();
            answer.iter().any(|answer| is_match(&pattern, answer.as_bytes()))
        };
        let is_right = is_known || has_unknown && (has_failed || lines.iter().all(is_possible));
        if !is_right || is_known != (expected == "all") {
            _ = writeln!(wrong, "{number}: {lines:?}, uncertain {is_uncertain}, but Argo CD makes {answer:?}");
        }
        whole += usize::from(is_known);
        count += 1;
    }
    assert_eq!(wrong, "");
    assert_eq!((count, whole), (149, 127));
}

/// An ApplicationSet with a Go template as the tag of an image.
fn printing(template: &str) -> String {
    let image = format!("ghcr.io/acme/web:{template}").replace('\\', "\\\\").replace('"', "\\\"");
    let element = r#"{"n": "web", "tag": "1", "num": 5, "f": 1.25, "big": 12345678, "small": 1e-05, "neg": -3, "yes": true,
        "l": ["p", "q"], "m": {"x": "mx"}, "nul": null}"#;
    format!(
        r#"{{"goTemplate": true, "generators": [{{"list": {{"elements": [{element}]}}}}], "template": {{"metadata":
        {{"name": "n"}}, "spec": {{"source": {{"repoURL": "https://git.example/a", "path": "apps/web", "kustomize":
        {{"images": ["{image}"]}}}}, "destination": {{"namespace": "x"}}}}}}}}"#
    )
}
