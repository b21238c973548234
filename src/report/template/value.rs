//! Values in a template, the parts of text that they are written as, and the functions that transform them.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::report::template::field;
use crate::report::template::tree::Tree;
use crate::text::source::Span;

/// A part of the output of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// The text of the part; `None` if it is not known.
    pub(crate) text: Option<String>,
    /// The value that supplied the part.
    pub(crate) from: Option<Supplier>,
    /// Whether the text is in the template itself, so that values do not change it.
    pub(crate) fixed: bool,
}

/// A scalar of a values file or of Chart.yaml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Supplier {
    pub(crate) span: Span,
    /// The path of the value in its file: `image.tag`, `appVersion`.
    pub(crate) path: String,
}

impl Part {
    pub(super) fn unknown() -> Self {
        Self { text: None, from: None, fixed: false }
    }

    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), from: None, fixed: false }
    }
}

/// A value during the evaluation of a template.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Unknown,
    Nil,
    Bool(bool),
    Text(Vec<Part>),
    Tree(Rc<Tree>),
    /// Keys and values; of an open mapping not all are known.
    Dict(Rc<BTreeMap<String, Value>>, bool),
}

/// How many bytes of text cost as much to copy as a node costs to visit.
pub(super) const BYTES: usize = 64;

/// The longest text that a function may produce, in bytes: no image is as long.
pub(super) const MAX_TEXT: usize = 64 << 10;

/// Returns the cost of copying parts.
pub(super) fn cost(parts: &[Part]) -> usize {
    parts.iter().map(|part| 1 + part.text.as_ref().map_or(0, |text| text.len() / BYTES)).sum()
}

/// Whether two values are certainly equal.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Nil, Value::Nil) | (Value::Unknown, Value::Unknown) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::Tree(a), Value::Tree(b)) => Rc::ptr_eq(a, b) || a == b,
        (Value::Dict(a, _), Value::Dict(b, _)) => Rc::ptr_eq(a, b),
        _ => false,
    }
}

pub(super) fn field_of(value: &Value, key: &str) -> Value {
    match value {
        Value::Tree(tree) if matches!(tree.as_ref(), Tree::Map(_)) => {
            tree.get(key).map_or(Value::Nil, |child| Value::Tree(Rc::clone(child)))
        }
        Value::Tree(tree) if matches!(tree.as_ref(), Tree::Null) => Value::Nil,
        Value::Dict(map, open) => match map.get(key) {
            Some(value) => value.clone(),
            None if *open => Value::Unknown,
            None => Value::Nil,
        },
        Value::Nil => Value::Nil,
        _ => Value::Unknown,
    }
}

/// Whether a condition takes a value for true.
pub(super) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Unknown => None,
        Value::Nil => Some(false),
        Value::Bool(value) => Some(*value),
        Value::Text(parts) => match known(parts) {
            Some(text) => Some(!text.is_empty()),
            None => parts.iter().any(|part| part.text.as_ref().is_some_and(|text| !text.is_empty())).then_some(true),
        },
        Value::Tree(tree) => Some(match tree.as_ref() {
            Tree::Null => false,
            Tree::Scalar(leaf) => !leaf.is_empty,
            Tree::List(items) => !items.is_empty(),
            Tree::Map(map) => !map.is_empty(),
        }),
        Value::Dict(map, open) => (*open || !map.is_empty()).then_some(true).or(Some(false)),
    }
}

pub(super) fn first_true(values: &[Value]) -> Value {
    for value in values {
        match truth(value) {
            Some(true) => return value.clone(),
            Some(false) => {}
            None => return Value::Unknown,
        }
    }
    values.last().cloned().unwrap_or(Value::Nil)
}

/// Returns the parts that a value is written as.
pub(super) fn parts(value: Value) -> Vec<Part> {
    match value {
        Value::Text(parts) => parts,
        Value::Bool(value) => vec![Part::text(value.to_string())],
        Value::Tree(tree) => match tree.as_ref() {
            Tree::Scalar(leaf) => {
                let from = Some(Supplier { span: leaf.span, path: leaf.path.clone() });
                vec![Part { text: Some(leaf.text.clone()), from, fixed: false }]
            }
            _ => vec![Part::unknown()],
        },
        Value::Nil => Vec::new(),
        Value::Unknown | Value::Dict(..) => vec![Part::unknown()],
    }
}

/// Returns the text of the parts, if all of it is known.
pub(super) fn known(parts: &[Part]) -> Option<String> {
    parts.iter().map(|part| part.text.as_deref()).collect()
}

/// Returns the text without the blanks at both ends.
pub(super) fn trim(mut parts: Vec<Part>) -> Vec<Part> {
    let blank = |part: &Part| part.text.as_ref().is_some_and(|text| text.trim().is_empty());
    let first = parts.iter().position(|part| !blank(part)).unwrap_or(parts.len());
    parts.drain(..first);
    while parts.last().is_some_and(blank) {
        parts.pop();
    }
    if let Some(text) = parts.first_mut().and_then(|part| part.text.as_mut()) {
        *text = text.trim_start().to_owned();
    }
    if let Some(text) = parts.last_mut().and_then(|part| part.text.as_mut()) {
        *text = text.trim_end().to_owned();
    }
    parts
}

pub(super) fn trimmed(value: Value) -> Value {
    match value {
        Value::Text(parts) => Value::Text(trim(parts)),
        value => value,
    }
}

pub(super) fn dict(values: &[Value]) -> Value {
    let mut map = BTreeMap::new();
    for pair in values.chunks(2) {
        let [key, value] = pair else { return Value::Unknown };
        let Some(key) = known(&parts(key.clone())) else { return Value::Unknown };
        map.insert(key, value.clone());
    }
    Value::Dict(Rc::new(map), false)
}

/// Evaluates `printf` with `%s`, `%v` and `%d` only.
pub(super) fn printf(values: &[Value]) -> Value {
    let Some(format) = values.first().and_then(|value| known(&parts(value.clone()))) else { return Value::Unknown };
    let mut arguments = values.iter().skip(1);
    let mut out = Vec::new();
    let mut pieces = format.split('%');
    out.extend(pieces.next().map(Part::text));
    while let Some(piece) = pieces.next() {
        if piece.is_empty() {
            out.push(Part::text("%"));
            out.extend(pieces.next().map(Part::text));
            continue;
        }
        let Some(rest) = piece.strip_prefix(['s', 'v', 'd']) else { return Value::Unknown };
        let Some(argument) = arguments.next() else { return Value::Unknown };
        if matches!(argument, Value::Nil) {
            return Value::Unknown;
        }
        out.extend(parts(argument.clone()));
        out.push(Part::text(rest));
    }
    Value::Text(out)
}

/// Applies a function that may change a text: if it does, the origin of the text is lost.
pub(super) fn changed(name: &str, values: &[Value]) -> Value {
    let texts: Option<Vec<String>> = values.iter().map(|value| known(&parts(value.clone()))).collect();
    let Some(texts) = texts else { return Value::Unknown };
    let Some(text) = texts.last() else { return Value::Unknown };
    let new = match (name, &texts[..]) {
        ("lower", _) => text.to_lowercase(),
        ("upper", _) => text.to_uppercase(),
        ("trimSuffix", [end, _]) => text.strip_suffix(end.as_str()).unwrap_or(text).to_owned(),
        ("trimPrefix", [start, _]) => text.strip_prefix(start.as_str()).unwrap_or(text).to_owned(),
        ("replace", [old, new, _])
            if text.len().saturating_mul(new.len() + 1) > MAX_TEXT << 4 && new.len() > old.len() =>
        {
            return Value::Unknown;
        }
        ("replace", [old, new, _]) => text.replace(old.as_str(), new),
        ("trunc", [length, _]) => match length.parse::<usize>() {
            Ok(length) => text.chars().take(length).collect(),
            Err(_) => return Value::Unknown,
        },
        _ => return Value::Unknown,
    };
    if new == *text { values.last().cloned().unwrap_or(Value::Unknown) } else { Value::Text(vec![Part::text(new)]) }
}

/// Returns the keys of a map if all are known.
pub(super) fn open(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let map = entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Value::Dict(Rc::new(map), true)
}

/// Returns a text that no value supplied.
pub(super) fn plain(text: &str) -> Value {
    Value::Text(vec![Part::text(text)])
}

/// Returns a text with its place.
pub(super) fn supplied(text: &str, span: Span, path: &str) -> Value {
    let from = Some(Supplier { span, path: path.to_owned() });
    Value::Text(vec![Part { text: Some(text.to_owned()), from, fixed: false }])
}

/// Returns the values that supplied a text, given the parts that it was composed of. Values that were overridden
/// when it was rendered are not among them: the result is the fewest values that explain the text, or `None` if
/// nothing explains it.
pub(crate) fn suppliers(parts: &[Part], text: &str) -> Option<Vec<Supplier>> {
    let set: Vec<usize> = (0..parts.len()).filter(|&at| parts[at].from.is_some()).collect();
    if set.len() > 8 || parts.len() > 256 || text.len() > 1024 {
        return None;
    }
    let mut best: Option<(u32, BTreeSet<usize>)> = None;
    for wild in 0_u32..1 << set.len() {
        let count = wild.count_ones();
        if best.as_ref().is_some_and(|(fewest, _)| *fewest < count) {
            continue;
        }
        let is_wild = |at: usize| set.iter().position(|&index| index == at).is_some_and(|bit| wild & 1 << bit != 0);
        let shown = parts.iter().enumerate().map(|(at, part)| part.text.as_deref().filter(|_| !is_wild(at)));
        if !field::fits(shown, text) {
            continue;
        }
        let kept: BTreeSet<usize> = set.iter().copied().filter(|&at| !is_wild(at)).collect();
        best = Some(match best {
            Some((fewest, common)) if fewest == count => (count, &common & &kept),
            _ => (count, kept),
        });
    }
    let (_, kept) = best?;
    let nonempty = |at: &usize| parts[*at].text.as_ref().is_some_and(|text| !text.is_empty());
    Some(kept.into_iter().filter(nonempty).filter_map(|at| parts[at].from.clone()).collect())
}
