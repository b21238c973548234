//! The annotation `pullcheck.dev/ignore`, for manifests that cannot contain comments: JSON, and the output of
//! charts.

use crate::findings::suppression::{ANNOTATION, DirectiveFault, Misdirected, Scope, Suppression, Suppressions};
use crate::text::source::{Span, Spanned};
use crate::text::yaml::Node;
use crate::text::yaml::scalar::Scalar;

/// The prefix of pullcheck's annotations.
const PREFIX: &str = "pullcheck.dev/";

/// Characters that separate the names of rules.
const SEPARATORS: [char; 6] = [',', ';', ' ', '\t', '\n', '\r'];

impl Suppressions {
    /// Adds what the `metadata` of an object, or of its pod template, silences in it. `whole` is the object or template.
    pub(crate) fn add_annotation(&mut self, whole: Span, metadata: Option<Node<'_>>) {
        let Some(annotations) = metadata.and_then(|metadata| metadata.get("annotations")) else { return };
        for entry in annotations.entries() {
            let is_ours = |key: &str| key.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
            let key = entry.key.text().filter(|key| is_ours(key) && *key != ANNOTATION);
            if key.is_some() {
                self.invalid.push(Misdirected { span: entry.key.span(), fault: DirectiveFault::UnknownAnnotation });
            }
        }
        let Some(entry) = annotations.entry(ANNOTATION) else { return };
        let value = entry.value;
        // An empty value has no text to point at.
        let span = if value.span().range().is_empty() { entry.key.span() } else { value.span() };
        let fault = match value.scalar() {
            Some(Scalar::String(text)) => {
                let rules = names(value, text);
                if !rules.is_empty() {
                    return self.valid.push(Suppression { scope: Scope::Object(whole), rules, reason: None, span });
                }
                DirectiveFault::EmptyAnnotation
            }
            // The API server reads it as an empty string.
            Some(Scalar::Null) => DirectiveFault::EmptyAnnotation,
            _ => DirectiveFault::NotAString,
        };
        self.invalid.push(Misdirected { span, fault });
    }
}

/// Returns the names that a value lists, each with its place.
fn names(value: Node<'_>, text: &str) -> Vec<Spanned<String>> {
    let place = value.place();
    let mut at = 0;
    let mut names = Vec::new();
    for part in text.split(SEPARATORS) {
        if !part.is_empty() {
            names.push(Spanned { value: part.to_owned(), span: place.where_is(&(at..at + part.len())) });
        }
        at += part.len() + 1;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::SourceId;
    use crate::text::yaml::{Piece, read};

    /// Returns the rules that an annotation silences, and its faults, each with the flagged text.
    fn read_annotation(text: &str) -> (Vec<&str>, Vec<(&str, DirectiveFault)>) {
        let mut found = Suppressions::default();
        read(SourceId(0), text, false, &mut |piece| {
            if let Piece::Document(document) = piece {
                let root = document.root().expect("a root");
                found.add_annotation(root.span(), root.get("metadata"));
            }
        });
        let rules = found.valid.iter().flat_map(|suppression| &suppression.rules).map(|rule| &text[rule.span.range()]);
        let faults = found.invalid.iter().map(|directive| (&text[directive.span.range()], directive.fault));
        (rules.collect(), faults.collect())
    }

    #[test]
    fn annotation_rule_names_have_spans_in_every_yaml_style() {
        let of = |value: &str| {
            let text = format!("metadata:\n  annotations:\n    pullcheck.dev/ignore: {value}\n");
            read_annotation(&text).0.join("|")
        };
        assert_eq!(of("mutable-tag"), "mutable-tag");
        assert_eq!(of("' a-b , c '"), "a-b|c");
        assert_eq!(of("\"a-b\\nc;\\u0064\""), "a-b|c|\\u0064");
        assert_eq!(of("|\n      a-b\n      c"), "a-b|c");
        assert_eq!(of(">-\n      a-b,\n      c"), "a-b|c");
        let json = r#"{"metadata": {"annotations": {"pullcheck.dev/ignore": "a,b"}}}"#;
        assert_eq!(read_annotation(json).0, ["a", "b"]);
        let alias = "x: &names a,b\nmetadata: {annotations: {pullcheck.dev/ignore: *names}}\n";
        assert_eq!(read_annotation(alias).0, ["*names", "*names"]);
    }

    #[test]
    fn invalid_annotations_are_classified() {
        use DirectiveFault::{EmptyAnnotation, NotAString, UnknownAnnotation};
        let of = |annotation: &str| {
            let text = format!("metadata:\n  annotations:\n    {annotation}\n");
            let (_, faults) = read_annotation(&text);
            faults.first().map(|(text, fault)| ((*text).to_owned(), *fault))
        };
        let is = |text: &str, fault| Some((text.to_owned(), fault));
        assert_eq!(of("pullcheck.dev/ignore:"), is("pullcheck.dev/ignore", EmptyAnnotation));
        assert_eq!(of("pullcheck.dev/ignore: ''"), is("''", EmptyAnnotation));
        assert_eq!(of("pullcheck.dev/ignore: true"), is("true", NotAString));
        assert_eq!(of("pullcheck.dev/ignore: [a]"), is("[a]", NotAString));
        assert_eq!(of("pullcheck.dev/ignores: a"), is("pullcheck.dev/ignores", UnknownAnnotation));
        assert_eq!(of("example.com/ignore: a"), None);
    }
}
