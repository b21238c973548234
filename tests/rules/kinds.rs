//! Kinds of operators: each row of the table against its own example, one trial for each of its kinds.

use std::collections::BTreeSet;

use pullcheck::input::gather::{Gathered, gather_sources};
use pullcheck::inventory::ReadOptions;
use pullcheck::resource::workload::custom::kind::CustomKind;
use pullcheck::resource::workload::{ImageText, Skip};
use pullcheck::text::source::{Encoding, Source};

/// The example of a row with another of its kinds.
fn example(kind: &CustomKind, name: &str) -> String {
    let text = kind.example.as_deref().unwrap_or_default();
    let first = format!("kind: {}", kind.kinds[0]);
    let line = |line: &str| if line == first { format!("kind: {name}\n") } else { format!("{line}\n") };
    text.lines().map(line).collect()
}

/// The word of the table's marks for an image that is not judged, or none.
fn skipped(image: &ImageText) -> &'static str {
    match image {
        ImageText::Reference(_) => "",
        ImageText::Skipped(Skip::Placeholder) => "placeholder ",
        ImageText::Skipped(Skip::PulledByAnother) => "elsewhere-pulled ",
        other => panic!("not a good example: {other:?}"),
    }
}

/// What the marks of an example announce: `line: mark`, with the value where the mark does not give it.
fn announced(text: &str) -> BTreeSet<String> {
    let lines = text.lines().enumerate().filter_map(|(at, line)| {
        let (written, mark) = line.split_once(" # ")?;
        let mark = mark.trim();
        let value = written.rsplit_once(": ").or_else(|| written.rsplit_once("- "))?.1.trim_matches('\'');
        let words: Vec<&str> = mark.split(' ').collect();
        let kind = words.iter().position(|word| ["container", "init", "volume", "other"].contains(word));
        let kind = kind.filter(|_| mark != "not an image")?;
        let composed = words.get(kind + 1).is_some_and(|word| word.contains('/'));
        let (before, after) = words.split_at(kind + 1);
        let value = if composed { after[0] } else { value };
        let rest = if composed { &after[1..] } else { after };
        let rest: String = rest.iter().map(|word| format!(" {word}")).collect();
        Some(format!("{}: {} {value}{rest}", at + 1, before.join(" ")))
    });
    lines.collect()
}

/// What is found, in the same words.
fn found(gathered: &Gathered, text: &str) -> BTreeSet<String> {
    let lines = gathered.inventory.images.iter().map(|image| {
        let pod = gathered.inventory.pod(image.pod);
        let at = gathered.sources.locate(image.text.span).expect("in the example").start;
        let shown = text[image.text.span.range()].trim_matches('\'');
        assert_eq!(shown, image.written.as_ref().unwrap_or(&image.text.value), "the span is that of the value");
        let secrets: Vec<&str> = pod.pull_secrets.iter().flatten().map(|secret| secret.name.as_str()).collect();
        let mut line = format!("{}: {}{}", at.line, skipped(&image.image), image.container.kind.as_str());
        line = format!("{line} {}", image.text.value);
        if !secrets.is_empty() {
            line = format!("{line} with {}", secrets.join(", "));
        }
        match &pod.service_account {
            Some(account) => line = format!("{line} as {}", account.value),
            None if pod.chosen.service_account => line.push_str(" as ?"),
            None => {}
        }
        if pod.chosen.namespace {
            line.push_str(" elsewhere");
        }
        line
    });
    lines.collect()
}

/// Finds what the example of a row marks, and nothing else, in an object of one of its kinds.
pub(crate) fn finds_what_is_marked(kind: &CustomKind, name: &str) -> Result<(), String> {
    let text = example(kind, name);
    let gathered = gather_sources(vec![Source::new("a.yaml", text.as_str(), Encoding::Utf8)], ReadOptions::default());
    let mut faults = Vec::new();
    if !gathered.inventory.problems.is_empty() || !gathered.inventory.misplaced.is_empty() {
        faults.push(format!("{:?} {:?}", gathered.inventory.problems, gathered.inventory.misplaced));
    }
    let (announced, found) = (announced(&text), found(&gathered, &text));
    // The pods of some kinds run an image of their operator.
    let has_images = kind.pods.iter().any(|pod| pod.pod_spec.is_some() || !pod.images.is_empty());
    if announced.is_empty() && has_images {
        faults.push("the example marks no image".to_owned());
    }
    let images = gathered.inventory.images.len();
    if images != found.len() {
        faults.push(format!("{images} images at {} places", found.len()));
    }
    faults.extend(announced.difference(&found).map(|line| format!("missing {line}")));
    faults.extend(found.difference(&announced).map(|line| format!("not marked {line}")));
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}
