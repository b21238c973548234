//! Values of an ApplicationSet: JSON, as far as it is known, with the places that it comes from.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::text::source::Span;
use crate::text::yaml::Node;
use crate::text::yaml::scalar::Scalar;

/// Stands in a text for a part that is not known. No path and no name contains it.
pub(crate) const UNKNOWN: char = '\0';

/// Maximum depth of mappings that are merged into each other.
const MAX_MERGES: u8 = 8;

/// Maximum number of keys that are merged into a mapping.
const MAX_MERGED: usize = 256;

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Data {
    pub(super) value: Value,
    /// The place of the scalar; `None` if it is worked out, like a folder's name.
    pub(super) span: Option<Span>,
}

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// No input shows it.
    Unknown,
    /// What Go templates get for a key that does not exist.
    Missing,
    Null,
    Bool(bool),
    /// A number as written. Go reads it as float64.
    Number(String),
    /// An integer that is written in a template.
    Integer(i64),
    /// A text, with [`UNKNOWN`] for parts that are not known.
    Text(String),
    List(Vec<Data>),
    Map(BTreeMap<String, Data>),
}

impl From<Value> for Data {
    fn from(value: Value) -> Self {
        Self { value, span: None }
    }
}

impl Data {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Value::Text(text.into()).into()
    }

    /// Reads a node of YAML. At most `left` values are read.
    pub(super) fn read(node: Node<'_>, left: &mut usize) -> Self {
        let span = Some(node.span());
        let Some(rest) = left.checked_sub(1) else { return Value::Unknown.into() };
        *left = rest;
        let value = if node.is_mapping() {
            let mut map: BTreeMap<String, Data> = BTreeMap::new();
            for entry in node.entries() {
                if entry.key.is_merge() {
                    let mut merged = BTreeSet::new();
                    keys(entry.value, MAX_MERGES, &mut merged);
                    for key in merged {
                        if let Some(value) = node.get(&key) {
                            map.insert(key.into_owned(), Self::read(value, left));
                        }
                    }
                } else if let Some(key) = entry.key.key().filter(|_| *left > 0) {
                    // Of duplicates, the last one counts.
                    map.insert(key.into_owned(), Self::read(entry.value, left));
                }
            }
            Value::Map(map)
        } else if node.is_sequence() {
            Value::List(node.items().map(|item| Self::read(item, left)).collect())
        } else {
            match node.scalar() {
                Some(Scalar::String(text)) => Value::Text(text.to_owned()),
                Some(Scalar::Bool(truth)) => Value::Bool(truth),
                Some(Scalar::Null) => Value::Null,
                Some(Scalar::Number) => Value::Number(node.text().unwrap_or_default().to_owned()),
                None => Value::Unknown,
            }
        };
        Self { value, span }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(map) => map.get(key).filter(|data| data.value != Value::Null),
            _ => None,
        }
    }

    pub(super) fn str(&self, key: &str) -> Option<&str> {
        match &self.get(key)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_true(&self, key: &str) -> bool {
        self.get(key).is_some_and(|data| data.value == Value::Bool(true))
    }

    /// The items of a list; none for anything else.
    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of a mapping; none for anything else.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&String, &Self)> {
        let map = if let Value::Map(map) = &self.value { Some(map) } else { None };
        map.into_iter().flatten()
    }

    /// The text that Go prints for a scalar (`%v`); `None` if that is not known.
    pub(super) fn printed(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Number(text) => {
                let number: f64 = text.parse().ok()?;
                // Go writes others with an exponent.
                let is_plain = number == 0.0 || (1e-4..1e6).contains(&number.abs());
                is_plain.then(|| number.to_string())
            }
            Value::Unknown | Value::Missing | Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether Go takes the value for empty (`IsTrue` of `text/template`); `None` if that is not known.
    pub(super) fn is_empty(&self) -> Option<bool> {
        Some(match &self.value {
            Value::Unknown => return None,
            Value::Missing | Value::Null => true,
            Value::Bool(truth) => !truth,
            Value::Number(text) => text.parse::<f64>().ok()? == 0.0,
            Value::Integer(number) => *number == 0,
            Value::Text(text) if text.chars().all(|c| c == UNKNOWN) && !text.is_empty() => return None,
            Value::Text(text) => text.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Map(map) => map.is_empty(),
        })
    }

    /// Whether any part of the value is not known.
    pub(super) fn has_unknown(&self) -> bool {
        match &self.value {
            Value::Unknown => true,
            Value::Text(text) => text.contains(UNKNOWN),
            Value::List(items) => items.iter().any(Self::has_unknown),
            Value::Map(map) => map.iter().any(|(key, data)| key.contains(UNKNOWN) || data.has_unknown()),
            _ => false,
        }
    }

    /// Whether there are more values than these in it, or a longer text.
    pub(super) fn is_larger_than(&self, values: usize, length: usize) -> bool {
        let mut left = values;
        let mut open = vec![self];
        while let Some(data) = open.pop() {
            let Some(rest) = left.checked_sub(1) else { return true };
            left = rest;
            match &data.value {
                Value::Text(text) if text.len() > length => return true,
                Value::List(items) if items.len() > left => return true,
                Value::List(items) => open.extend(items),
                Value::Map(map) if map.len() > left => return true,
                Value::Map(map) => open.extend(map.values()),
                _ => {}
            }
        }
        false
    }

    /// Sets the values of another mapping in this one, mapping by mapping.
    pub(super) fn override_with(&mut self, other: &Self) {
        match (&mut self.value, &other.value) {
            (Value::Map(own), Value::Map(other)) => {
                for (key, data) in other {
                    match own.get_mut(key) {
                        Some(there) => there.override_with(data),
                        None => drop(own.insert(key.clone(), data.clone())),
                    }
                }
            }
            _ => *self = other.clone(),
        }
    }

    /// Takes from another mapping what is empty in this one, as `mergo.Merge` does.
    pub(super) fn complete_with(&mut self, other: &Self) {
        let is_empty = self.is_empty() == Some(true);
        match (&mut self.value, &other.value) {
            (Value::Map(own), Value::Map(other)) => {
                for (key, data) in other {
                    match own.get_mut(key) {
                        Some(there) => there.complete_with(data),
                        None => drop(own.insert(key.clone(), data.clone())),
                    }
                }
            }
            _ if is_empty => *self = other.clone(),
            _ => {}
        }
    }
}

/// The keys of a mapping that is merged into another one, and of those that are merged into it.
fn keys<'a>(node: Node<'a>, depth: u8, found: &mut BTreeSet<Cow<'a, str>>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    node.items().for_each(|item| keys(item, depth, found));
    for entry in node.entries().take(MAX_MERGED) {
        match entry.key.is_merge() {
            true => keys(entry.value, depth, found),
            false => found.extend(entry.key.key().filter(|_| found.len() < MAX_MERGED)),
        }
    }
}

/// A JSON text, and the place of each of its nodes in source order.
#[derive(Debug, Default)]
pub(super) struct Json {
    pub(super) text: String,
    pub(super) places: Vec<Span>,
}

impl Json {
    /// Appends a value. A node without a place has the one of what is around it.
    pub(super) fn write(&mut self, data: &Data, around: Span) {
        let span = data.span.unwrap_or(around);
        match &data.value {
            Value::List(items) => {
                self.places.push(span);
                self.text.push('[');
                for (at, item) in items.iter().enumerate() {
                    self.text.push_str(if at > 0 { "," } else { "" });
                    self.write(item, span);
                }
                self.text.push(']');
            }
            Value::Map(map) => {
                self.places.push(span);
                self.text.push('{');
                for (at, (key, value)) in map.iter().enumerate() {
                    self.text.push_str(if at > 0 { "," } else { "" });
                    self.string(key, span);
                    self.text.push(':');
                    self.write(value, span);
                }
                self.text.push('}');
            }
            Value::Text(text) => self.string(text, span),
            Value::Unknown => self.string("\0", span),
            scalar => {
                self.places.push(span);
                self.text.push_str(&match scalar {
                    Value::Bool(truth) => truth.to_string(),
                    Value::Number(_) | Value::Integer(_) => data.printed().unwrap_or_else(|| "0".to_owned()),
                    _ => "null".to_owned(),
                });
            }
        }
    }

    fn string(&mut self, text: &str, span: Span) {
        self.places.push(span);
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => self.text.extend(['\\', c]),
                c if c < ' ' => self.text.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }
}
