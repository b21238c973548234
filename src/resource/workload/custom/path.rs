//! Paths to fields of an object: `spec.tasks[].template.spec`, `spec.{driver,executor}.image`, `spec.replicaSpecs.*`.
//!
//! A step is a key, `{a,b}` for one of several keys, or `*` for every key. `[]` after a step means every item in its
//! list, and `[key=field]` means the items whose `key` equals the part's `field`. `.` alone is the node where the
//! path begins.

use std::fmt;

use crate::resource::workload::misplaced::SecretsForm;
use crate::resource::workload::value::is_to_be_written;
use crate::text::yaml::{Entry, Node};

/// A path from one node of an object to others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathField(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Any of these keys.
    Keys(Vec<String>),
    /// Every key of a mapping.
    AnyKey,
    /// Every item in a list.
    Items,
    /// The items for the part that a pod is created from: one of their keys equals a field of the part.
    ItemsOf {
        /// The key of the item.
        key: String,
        /// The field of the part.
        field: String,
        /// The value of that field in the part.
        value: Option<String>,
    },
}

impl fmt::Display for PathField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        for (at, step) in self.0.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            match step {
                Step::Keys(keys) if keys.len() == 1 => write!(f, "{dot}{}", keys.concat())?,
                Step::Keys(keys) => write!(f, "{dot}{{{}}}", keys.join(","))?,
                Step::AnyKey => write!(f, "{dot}*")?,
                Step::Items => f.write_str("[]")?,
                Step::ItemsOf { key, field, .. } => write!(f, "[{key}={field}]")?,
            }
        }
        Ok(())
    }
}

/// A field that a path matches.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    /// The key, or the value itself if it is an item in a list.
    pub(super) key: Node<'a>,
    /// The value of the field.
    pub(super) value: Node<'a>,
    /// The node that contains the field; `None` for the node where the path begins.
    pub(super) parent: Option<Node<'a>>,
    /// Path from the node where the path begins, with list indices: `spec.tasks[2].image`.
    pub(super) path: String,
    /// Whether an alias leads to the field: it may then occur any number of times.
    pub(super) is_repeated: bool,
}

impl<'a> Field<'a> {
    /// The node where paths begin.
    pub(super) fn root(node: Node<'a>, path: &str) -> Self {
        Self { key: node, value: node, parent: None, path: path.to_owned(), is_repeated: false }
    }

    /// Returns the field as an entry of a mapping.
    pub(super) fn entry(&self) -> Entry<'a> {
        Entry { key: self.key, value: self.value }
    }

    fn items(&self, wanted: impl Fn(Node<'a>) -> bool) -> Vec<Field<'a>> {
        let items = self.value.items().enumerate().filter(|(_, item)| wanted(*item));
        items.map_while(|(at, item)| self.below(item, item, || format!("{}[{at}]", self.path))).collect()
    }

    /// Returns a field below this one; `None` if aliases lead to an excessive number of fields.
    fn below(&self, key: Node<'a>, value: Node<'a>, path: impl FnOnce() -> String) -> Option<Self> {
        let is_repeated = self.is_repeated || self.value.is_alias();
        let may_be = !is_repeated || value.document().may_repeat(1);
        may_be.then(|| Self { key, value, parent: Some(self.value), path: path(), is_repeated })
    }
}

impl PathField {
    /// Reads a path.
    ///
    /// # Errors
    /// Returns a short description of what is wrong with the path.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "." {
            return Ok(Self::default());
        }
        let mut steps = Vec::new();
        for part in split_outside_braces(text) {
            let (name, lists) = part.find('[').map_or((part, ""), |at| part.split_at(at));
            steps.push(step(name).ok_or_else(|| format!("{part:?} is not a key, a `{{list,of,keys}}` or `*`"))?);
            let wrong = || format!("{part:?}: only `[]` and `[key=field]` can follow a key");
            for list in lists.split_inclusive(']') {
                let inner = list.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or_else(wrong)?;
                steps.push(items(inner).ok_or_else(wrong)?);
            }
        }
        Ok(Self(steps))
    }

    /// The path to a single key.
    pub(super) fn key(name: &str) -> Self {
        Self(vec![Step::Keys(vec![name.to_owned()])])
    }

    /// The path of the field that contains pull secrets, and the form that the rest of the path implies.
    pub(super) fn holder(&self) -> (Self, SecretsForm) {
        let cut = |at: usize| Self(self.0[..at].to_vec());
        match self.0.as_slice() {
            [.., Step::Items, Step::Keys(_)] => (cut(self.0.len() - 2), SecretsForm::Objects),
            [.., Step::Items] => (cut(self.0.len() - 1), SecretsForm::Names),
            _ => (self.clone(), SecretsForm::Name),
        }
    }

    /// Binds the path to one part of an object.
    pub(super) fn of_part(&self, part: Node<'_>) -> Self {
        let bound = |step: &Step| match step {
            Step::ItemsOf { key, field, .. } => {
                let value = part.get(field).and_then(Node::text).map(str::to_owned);
                Step::ItemsOf { key: key.clone(), field: field.clone(), value }
            }
            other => other.clone(),
        };
        Self(self.0.iter().map(bound).collect())
    }

    /// The fields that the path matches from a node, in source order.
    pub(super) fn fields<'a>(&self, from: &Field<'a>) -> Vec<Field<'a>> {
        let mut fields = vec![from.clone()];
        for step in &self.0 {
            fields = fields.iter().flat_map(|field| step.from(field)).collect();
        }
        fields
    }

    /// Like [`Self::fields`], including lists or items that are template expressions: their future content is not
    /// known.
    pub(super) fn fields_or_unwritten<'a>(&self, from: &Field<'a>) -> Vec<Field<'a>> {
        let (mut fields, mut unwritten) = (vec![from.clone()], Vec::new());
        for step in &self.0 {
            let (open, written): (Vec<_>, Vec<_>) = fields
                .into_iter()
                .partition(|field| field.parent.is_some() && !field.value.is_null() && is_to_be_written(field.value));
            unwritten.extend(open);
            fields = written.iter().flat_map(|field| step.from(field)).collect();
        }
        fields.extend(unwritten);
        fields
    }
}

impl Step {
    fn from<'a>(&self, field: &Field<'a>) -> Vec<Field<'a>> {
        let joined = |key: &str| if field.path.is_empty() { key.to_owned() } else { format!("{}.{key}", field.path) };
        match self {
            Self::Keys(keys) => {
                let entries = keys.iter().filter_map(|key| Some((key, field.value.entry(key)?)));
                entries.map_while(|(key, entry)| field.below(entry.key, entry.value, || joined(key))).collect()
            }
            Self::AnyKey => {
                let named = field.value.entries().filter_map(|entry| Some((entry.key.text()?, entry)));
                named.map_while(|(key, entry)| field.below(entry.key, entry.value, || joined(key))).collect()
            }
            Self::Items => field.items(|_| true),
            Self::ItemsOf { key, value, .. } => {
                field.items(|item| value.is_some() && item.get(key).and_then(Node::text) == value.as_deref())
            }
        }
    }
}

fn items(inner: &str) -> Option<Step> {
    if inner.is_empty() {
        return Some(Step::Items);
    }
    let (key, field) = inner.split_once('=')?;
    let is_step = is_key(key) && is_key(field);
    is_step.then(|| Step::ItemsOf { key: key.to_owned(), field: field.to_owned(), value: None })
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-/".contains(&b))
}

fn step(name: &str) -> Option<Step> {
    match name.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        _ if name == "*" => Some(Step::AnyKey),
        Some(keys) => {
            let keys: Vec<String> = keys.split(',').map(|key| key.trim().to_owned()).collect();
            // A key that is named twice would duplicate every match.
            let is_new = |at: usize| !keys[..at].contains(&keys[at]);
            let is_step = keys.iter().enumerate().all(|(at, key)| is_key(key) && is_new(at));
            is_step.then_some(Step::Keys(keys))
        }
        None => is_key(name).then(|| Step::Keys(vec![name.to_owned()])),
    }
}

fn split_outside_braces(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    text.split(move |c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == '.' && depth == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::SourceId;
    use crate::text::yaml::{Piece, read};

    fn paths(path: &str, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        read(SourceId(0), text, false, &mut |piece| {
            let Piece::Document(document) = piece else { return };
            let root = Field::root(document.root().expect("a root"), "");
            let path = PathField::parse(path).expect("a path");
            found.extend(path.fields(&root).into_iter().map(|field| field.path));
        });
        found
    }

    #[test]
    fn field_path_selects_every_matching_field() {
        let text = "spec: {a: {image: x}, b: {image: y}, tasks: [{image: z}, {name: n}, {image: w}]}\n";
        assert_eq!(paths("spec.tasks[].image", text), ["spec.tasks[0].image", "spec.tasks[2].image"]);
        assert_eq!(paths("spec.{a,c}.image", text), ["spec.a.image"]);
        assert_eq!(paths("spec.*.image", text), ["spec.a.image", "spec.b.image"]);
        assert_eq!(paths("spec.tasks.image", text), [""; 0]);
        assert_eq!(paths(".", text), [""]);
    }

    #[test]
    fn nested_aliases_do_not_multiply_fields_without_limit() {
        let many = |alias: &str| vec![alias; 300].join(", ");
        let text = format!(
            "x: {{a: &a {{b: 1}}, s: &s [{}], t: &t {{s: [{}]}}}}\nt: [{}]\n",
            many("*a"),
            many("*s"),
            many("*t")
        );
        let found = paths("t[].s[][].b", &text);
        assert!(found.len() < 100_000, "{}", found.len());
        let sane = "x: &x {s: [{b: 1}, {b: 2}]}\nt: [*x, *x]\n";
        assert_eq!(paths("t[].s[].b", sane), ["t[0].s[0].b", "t[0].s[1].b", "t[1].s[0].b", "t[1].s[1].b"]);
    }

    #[test]
    fn field_path_is_displayed_as_written() {
        for text in [".", "a", "spec.tasks[].image", "steps[][].inline", "spec.{a,b}.*.image", "a[b=c].d"] {
            assert_eq!(PathField::parse(text).expect("a path").to_string(), text);
        }
    }

    #[test]
    fn invalid_field_path_is_rejected() {
        for wrong in ["", "a..b", "a[0]", "{a,}.b", "{a,b,a}.b", "a.[]", "$.a", "a b", "a[=b]", "a[]b", "a[", "a]"] {
            assert!(PathField::parse(wrong).is_err(), "{wrong}");
        }
    }
}
