//! Parameters of OpenShift Templates, filled in with their default values as `oc process` does
//! (openshift/library-go `pkg/template/templateprocessing/template.go`).

use std::collections::BTreeMap;

use crate::text::source::{Span, Spanned};
use crate::text::yaml::{Document, Filling, Node};

/// Maximum depth of nested lists and objects that are followed.
const MAX_DEPTH: u8 = 64;

/// Maximum length of a filled-in text, in bytes. A longer text is neither an image nor a name, and stays as written.
const MAX_FILLED: usize = 64 << 10;

/// Maximum number of bytes that all filled-in texts of a document may have. Later texts stay as written.
const MAX_ALL_FILLED: usize = 64 << 20;

/// The parameters of a template that have a value, by name.
type Parameters = BTreeMap<String, Spanned<String>>;

/// Fills in the objects of all Templates in a document. Values that become part of a Secret are not filled in,
/// because default passwords are meant to be replaced. The places of those values are added to `masked`.
pub(crate) fn fill<'a>(document: &'a Document<'a>, masked: &mut Vec<Span>) {
    let mut filler = Filler { fillings: Vec::new(), left: MAX_ALL_FILLED, masked };
    if let Some(root) = document.root() {
        filler.templates(root, 8);
    }
    let Filler { fillings, .. } = filler;
    document.fill(fillings);
}

/// Whether an object is a Template with objects.
pub(crate) fn is_template(kind: &str, node: Node<'_>) -> bool {
    kind == "Template" && node.get("objects").is_some()
}

/// Whether the namespace of a template's object is kept: `oc process` removes one that does not refer to a parameter,
/// so that the object is created in the namespace of the user who applies it.
pub(crate) fn keeps_namespace(written: &str) -> bool {
    references(written).next().is_some()
}

struct Filler<'f, 'a> {
    fillings: Vec<(Node<'a>, Filling)>,
    /// The number of bytes that may still be filled in.
    left: usize,
    masked: &'f mut Vec<Span>,
}

impl<'a> Filler<'_, 'a> {
    fn templates(&mut self, node: Node<'a>, depth: u8) {
        let kind = node.str("kind").unwrap_or_default();
        if is_template(kind, node) {
            let (given, all) = parameters(node);
            for object in node.get("objects").into_iter().flat_map(Node::items).filter(|_| !all.is_empty()) {
                self.object(object, &given, &all);
            }
        } else if kind.ends_with("List") && depth > 0 {
            node.get("items").into_iter().flat_map(Node::items).for_each(|item| self.templates(item, depth - 1));
        }
    }

    fn object(&mut self, object: Node<'a>, given: &Parameters, all: &Parameters) {
        let is_secret = object.str("kind") == Some("Secret");
        for entry in object.entries() {
            if is_secret && matches!(entry.key.text(), Some("data" | "stringData")) {
                self.mask(entry.value, all, MAX_DEPTH);
            } else {
                self.walk(entry.value, given, MAX_DEPTH);
            }
        }
    }

    fn walk(&mut self, node: Node<'a>, given: &Parameters, depth: u8) {
        // The target of an alias is visited in its own place.
        if depth == 0 || node.is_alias() {
            return;
        }
        if let Some(text) = node.written() {
            let filling = substitute(text, given).filter(|filling| filling.text.len() <= self.left);
            if let Some(filling) = filling {
                self.left -= filling.text.len();
                self.fillings.push((node, filling));
            }
        }
        node.entries().for_each(|entry| self.walk(entry.value, given, depth - 1));
        node.items().for_each(|item| self.walk(item, given, depth - 1));
    }

    fn mask(&mut self, node: Node<'a>, all: &Parameters, depth: u8) {
        if depth == 0 || node.is_alias() {
            return;
        }
        let named = node.written().into_iter().flat_map(references).filter_map(|(_, name)| all.get(name));
        self.masked.extend(named.map(|value| value.span));
        node.entries().for_each(|entry| self.mask(entry.value, all, depth - 1));
        node.items().for_each(|item| self.mask(item, all, depth - 1));
    }
}

/// Returns the parameters of a template that are filled in, and all parameters with a written value. A parameter
/// without a value is passed on the command line, and a generated one has a new value each time.
fn parameters(template: Node<'_>) -> (Parameters, Parameters) {
    let (mut given, mut all) = (Parameters::new(), Parameters::new());
    for parameter in template.get("parameters").into_iter().flat_map(Node::items) {
        let (Some(name), Some(value)) = (parameter.str("name"), parameter.get("value")) else { continue };
        let spanned = Spanned { value: value.text().unwrap_or_default().to_owned(), span: value.span() };
        all.insert(name.to_owned(), spanned.clone());
        // The last of several parameters with the same name takes precedence.
        given.remove(name);
        if value.as_str().is_some_and(|text| !text.is_empty()) {
            given.insert(name.to_owned(), spanned);
        }
    }
    (given, all)
}

/// Fills in a string; `None` if it does not refer to a parameter, or to one without a known value.
fn substitute(text: &str, given: &Parameters) -> Option<Filling> {
    let filling = |text, typed, parameters| Some(Filling { text, typed, parameters });
    let named = |name: &str| {
        let value = given.get(name).filter(|value| value.value.len() <= MAX_FILLED)?;
        Some((value.value.as_str(), Spanned { value: name.to_owned(), span: value.span }))
    };
    if let Some(name) = whole_reference(text) {
        let (value, parameter) = named(name)?;
        return filling(value.to_owned(), true, vec![parameter]);
    }
    if text.len() > MAX_FILLED {
        return None;
    }
    let mut out = text.to_owned();
    let mut parameters: Vec<Spanned<String>> = Vec::new();
    for (reference, name) in references(text) {
        let (value, parameter) = named(name)?;
        // Each reference is searched in the result of the previous replacements.
        out = out.replacen(reference, value, 1);
        if out.len() > MAX_FILLED {
            return None;
        }
        if !parameters.contains(&parameter) {
            parameters.push(parameter);
        }
    }
    if parameters.is_empty() { None } else { filling(out, false, parameters) }
}

/// The name in a string that consists only of `${{NAME}}`.
fn whole_reference(text: &str) -> Option<&str> {
    text.strip_prefix("${{")?.strip_suffix("}}").filter(|name| is_name(name))
}

/// Every `${NAME}` in a string, with its name.
fn references(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.match_indices("${").filter_map(|(at, _)| {
        let rest = &text[at + 2..];
        let name = &rest[..rest.bytes().take_while(|b| is_of_name(*b)).count()];
        let is_reference = !name.is_empty() && rest[name.len()..].starts_with('}');
        is_reference.then(|| (&text[at..at + name.len() + 3], name))
    })
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_of_name)
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::SourceId;

    fn substituted(text: &str) -> Option<(String, bool)> {
        let value = |text: &str| Spanned { value: text.to_owned(), span: Span::new(SourceId(0), 0, 0) };
        let given = [("A", "a"), ("B_2", "b"), ("N", "${A}")];
        let given = given.into_iter().map(|(name, text)| (name.to_owned(), value(text))).collect();
        substitute(text, &given).map(|filling| (filling.text, filling.typed))
    }

    #[test]
    fn text_that_would_grow_too_large_is_not_substituted() {
        let value = Spanned { value: "x".repeat(1 << 10), span: Span::new(SourceId(0), 0, 0) };
        let given = BTreeMap::from([("A".to_owned(), value)]);
        assert!(substitute(&"${A}".repeat(60), &given).is_some());
        assert!(substitute(&"${A}".repeat(70), &given).is_none());
    }

    #[test]
    fn parameters_are_substituted_as_in_oc_process() {
        let string = |text: &str| Some((text.to_owned(), false));
        assert_eq!(substituted("${A}/${B_2}:${A}"), string("a/b:a"));
        assert_eq!(substituted("$${A}"), string("$a"));
        assert_eq!(substituted("${N}${A}"), string("a${A}"));
        assert_eq!(substituted("${{A}}"), Some(("a".to_owned(), true)));
        assert_eq!(substituted("x${{A}}"), None);
        assert_eq!(substituted("${A}:${UNKNOWN}"), None);
        assert_eq!(substituted("${A-B}"), None);
        assert_eq!(substituted("plain"), None);
    }
}
