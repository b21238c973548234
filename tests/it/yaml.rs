//! Streams as kubectl reads them, checked against a table from its own decoder (`yaml/kubectl_decoder.go`).

use pullcheck::text::source::SourceId;
use pullcheck::text::yaml::scalar::{self, Number, Scalar};
use pullcheck::text::yaml::{self, Node, Piece};
use serde_json::{Map, Value, json};

/// What becomes of a stream: the documents that are applied, why it ends early, and what of it is dropped in silence.
struct Reading {
    docs: Vec<Value>,
    refused: Option<String>,
    unread: usize,
}

fn read(text: &str) -> Reading {
    let mut reading = Reading { docs: Vec::new(), refused: None, unread: 0 };
    let mut starts = Vec::new();
    yaml::read(SourceId(0), text, true, &mut |piece| {
        if reading.refused.is_some() {
            return;
        }
        match piece {
            Piece::Document(document) => {
                let Some(root) = document.root() else { return };
                reading.docs.push(value(root));
                starts.push(root.span().start);
            }
            Piece::Broken(error) => reading.refused = Some(error.message),
            Piece::Refused(error) => {
                if starts.last().is_some_and(|&start| start >= error.document.start) {
                    reading.docs.pop();
                }
                reading.refused = Some(error.message);
            }
            Piece::Unread(_) => reading.unread += 1,
            Piece::Skipped => panic!("nothing is skipped"),
        }
    });
    reading.docs.retain(|document| !document.is_null());
    reading
}

fn value(node: Node<'_>) -> Value {
    if node.is_sequence() {
        return Value::Array(node.items().map(value).collect());
    }
    if node.is_mapping() {
        let mut fields = Map::new();
        fill(node, &mut fields);
        for (key, expected) in fields.iter().filter(|(key, _)| key.chars().all(char::is_alphabetic)) {
            if let Some(entry) = node.entry(key) {
                assert_eq!(&value(entry.value), expected, "`{key}` is looked up as it is listed");
            }
        }
        return Value::Object(fields);
    }
    match node.scalar() {
        Some(Scalar::Null) => Value::Null,
        Some(Scalar::Bool(value)) => json!(value),
        Some(Scalar::String(text)) => json!(text),
        Some(Scalar::Number) => match node.text().and_then(scalar::number) {
            Some(Number::Signed(value)) => json!(value as f64),
            Some(Number::Unsigned(value)) => json!(value as f64),
            Some(Number::Float(value)) => json!(value),
            None => panic!("a number has a value"),
        },
        None => json!("no value"),
    }
}

fn fill(node: Node<'_>, fields: &mut Map<String, Value>) {
    for entry in node.entries() {
        match entry.key.key() {
            Some(key) => _ = fields.insert(key.into_owned(), value(entry.value)),
            None if entry.value.is_sequence() => {
                let merged: Vec<_> = entry.value.items().collect();
                merged.into_iter().rev().for_each(|item| fill(item, fields));
            }
            None => fill(entry.value, fields),
        }
    }
}

/// All numbers as floats: the table has them as Go writes them.
fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(floats).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), floats(value))).collect(),
        other => other.clone(),
    }
}

/// kubectl's words without its own, and without the line, which it counts from the start of the document.
fn words(refused: &str) -> &str {
    let words = refused.strip_prefix("error converting YAML to JSON: ").unwrap_or(refused);
    let words = words.strip_prefix("yaml: ").unwrap_or(words);
    words.strip_prefix("line ").and_then(|rest| rest.split_once(": ")).map_or(words, |(_, words)| words)
}

#[test]
fn every_row_is_read_as_kubectl_reads_it() {
    let mut rows = 0;
    for line in include_str!("yaml/rows.jsonl").lines() {
        let row: Value = serde_json::from_str(line).expect("JSON");
        let text = row["in"].as_str().expect("a text");
        let reading = read(text);
        let docs: Vec<Value> = row["docs"].as_array().expect("documents").iter().map(floats).collect();
        assert_eq!(reading.docs.iter().map(floats).collect::<Vec<_>>(), docs, "{text:?}");
        let expected = row["refused"].as_str().map(words);
        let said =
            reading.refused.as_deref().map(|said| said.split('…').next().unwrap_or_default().trim_end_matches('{'));
        match (expected, said) {
            (Some(expected), Some(said)) => assert!(expected.starts_with(said), "{text:?}: {expected} | {said}"),
            (expected, said) => assert_eq!(said, expected, "{text:?}"),
        }
        rows += 1;
    }
    assert!(rows > 700, "{rows} rows");
}

#[test]
fn documents_that_kubectl_ignores_are_reported() {
    for text in ["a: 1\n...\nb: 2\n", "---\n{\"a\":1}{\"b\":2}\n", "{a: 1}\nb: 2\n", "a: 1\n%YAML 1.1\n"] {
        let reading = read(text);
        assert_eq!((reading.docs.len(), reading.refused, reading.unread), (1, None, 1), "{text:?}");
    }
    for text in ["a: 1\n...\n", "a: 1\n...\n# c\n...\n", "{\"a\":1}{\"b\":2}\n", "a: 1\n---\nb: 2\n"] {
        assert_eq!(read(text).unread, 0, "{text:?}");
    }
}
