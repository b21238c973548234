//! Evaluates a template under the values of its chart, piece by piece, with the place that each piece comes from.
//!
//! This is not a template engine: anything it does not understand is unknown, and no conclusion is drawn from it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use crate::report::template::budget::Budget;
use crate::report::template::field::{self, TemplateField};
use crate::report::template::parse::{Branch, Expr, Node};
use crate::report::template::value::{
    BYTES, MAX_TEXT, Part, Value, changed, cost, dict, field_of, first_true, known, parts, printf, same, trim, trimmed,
    truth,
};
use crate::text::source::SourceId;

/// A file that the evaluation uses.
pub(super) struct File {
    pub(super) source: SourceId,
    pub(super) text: Rc<str>,
    pub(super) fields: Rc<Vec<TemplateField>>,
    pub(super) documents: Vec<Document>,
}

/// A document of a template.
pub(super) struct Document {
    /// Byte offset at which the document begins.
    pub(super) start: usize,
    /// The fields that write its kind, as indexes into the file's fields.
    pub(super) kinds: Vec<usize>,
    /// The fields that write its name, as indexes into the file's fields.
    pub(super) names: Vec<usize>,
}

/// Named templates: for each name, the file and the nodes.
pub(super) type Defines = BTreeMap<String, (usize, Rc<Vec<Node>>)>;

/// What each field wrote: one record for every time that the template reaches it.
pub(super) type Records = BTreeMap<(usize, usize), Vec<Record>>;

/// The output of a field at one time.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    pub(super) parts: Vec<Part>,
    /// Whether no condition is known to exclude it.
    pub(super) live: bool,
}

/// How deep named templates are followed within each other.
const MAX_DEPTH: u8 = 24;

pub(super) struct Eval<'a> {
    pub(super) files: &'a [File],
    pub(super) defines: &'a Defines,
    pub(super) records: Records,
    /// Whether some action may write whole containers.
    pub(super) opaque: bool,
    root: Value,
    variables: Vec<(String, Value)>,
    budget: u32,
    given: u32,
    depth: u8,
    recording: bool,
    live: bool,
}

impl<'a> Eval<'a> {
    pub(super) fn new(files: &'a [File], defines: &'a Defines, root: Value, all: &Budget) -> Self {
        Self {
            files,
            defines,
            records: BTreeMap::new(),
            opaque: false,
            variables: vec![("$".to_owned(), root.clone())],
            root,
            budget: all.for_one(),
            given: all.for_one(),
            depth: 0,
            recording: true,
            live: true,
        }
    }

    /// Runs a template file.
    pub(super) fn file(&mut self, file: usize, body: &[Node]) {
        let dot = self.root.clone();
        self.run(file, body, &dot);
    }

    /// Whether the whole template was visited.
    pub(super) fn is_whole(&self) -> bool {
        self.budget > 0
    }

    /// Returns the cost of the evaluation.
    pub(super) const fn spent(&self) -> usize {
        (self.given - self.budget) as usize
    }

    fn spend(&mut self, cost: usize) {
        self.budget = self.budget.saturating_sub(u32::try_from(cost).unwrap_or(u32::MAX));
    }

    fn run(&mut self, file: usize, nodes: &[Node], dot: &Value) -> Vec<Part> {
        let mut out = Vec::new();
        let scope = self.variables.len();
        for node in nodes {
            let Some(left) = self.budget.checked_sub(1) else { break };
            self.budget = left;
            let before = out.len();
            self.node(file, node, dot, &mut out);
            self.spend(out.get(before..).map_or(0, cost));
        }
        if self.budget == 0 {
            out = vec![Part::unknown()];
        }
        self.variables.truncate(scope);
        out
    }

    fn node(&mut self, file: usize, node: &Node, dot: &Value, out: &mut Vec<Part>) {
        match node {
            Node::Text(range) => {
                self.record_text(file, range);
                let text = self.files.get(file).and_then(|file| file.text.get(range.clone())).unwrap_or_default();
                out.push(Part::text(text));
            }
            Node::Emit(range, expr) => {
                let opaque = self.opaque;
                let parts = self.within_field(file, range.start, |eval| parts(eval.value(expr, dot)));
                let in_field = self.field_at(file, range.start).is_some();
                let text = self.files.get(file).map_or("", |file| &file.text);
                if in_field || self.recording && field::is_harmless(text, range.start) {
                    self.opaque = opaque;
                } else {
                    self.opaque |= self.recording && parts.iter().any(|part| part.text.is_none());
                }
                out.extend(parts);
            }
            Node::Assign(name, expr) => {
                let value = self.value(expr, dot);
                self.spend(self.variables.len() / BYTES);
                // `=` and `:=` differ only in whether the name exists. A shadowing `:=` is rare, and has no other
                // effect.
                match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
                    Some(known) => known.1 = value,
                    None => self.variables.push((name.clone(), value)),
                }
            }
            Node::Branches { start, with, branches } => {
                let parts = self.within_field(file, *start, |eval| eval.branches(file, *with, branches, dot));
                out.extend(parts);
            }
            Node::Loop { start, names, body } => {
                let parts = self.within_field(file, *start, |eval| {
                    let before = eval.snapshot();
                    eval.variables.extend(names.iter().map(|name| (name.clone(), Value::Unknown)));
                    eval.run(file, body, &Value::Unknown);
                    eval.restore(before, None);
                    vec![Part::unknown()]
                });
                out.extend(parts);
            }
        }
    }

    fn snapshot(&mut self) -> Vec<(String, Value)> {
        let size = |(_, value): &(String, Value)| match value {
            Value::Text(parts) => 1 + cost(parts),
            _ => 1,
        };
        // A few of them cost no more than the branch itself.
        self.spend(self.variables.iter().map(size).sum::<usize>() / 16);
        if self.budget == 0 { Vec::new() } else { self.variables.clone() }
    }

    /// Restores variables. Those that were changed become unknown, unless the change certainly happened.
    fn restore(&mut self, before: Vec<(String, Value)>, happened: Option<bool>) {
        let after = std::mem::replace(&mut self.variables, before);
        for (known, (_, new)) in self.variables.iter_mut().zip(after) {
            match happened {
                Some(true) => known.1 = new,
                None if !same(&known.1, &new) => known.1 = Value::Unknown,
                _ => {}
            }
        }
    }

    fn branches(&mut self, file: usize, with: bool, branches: &[Branch], dot: &Value) -> Vec<Part> {
        let mut decided = Some(false);
        let mut out = Vec::new();
        for branch in branches {
            let (value, name) = match &branch.condition {
                Some((name, expr)) => (self.value(expr, dot), name.clone()),
                None => (Value::Bool(true), None),
            };
            let holds = if branch.condition.is_some() { truth(&value) } else { Some(true) };
            let runs = match (decided, holds) {
                (Some(true), _) | (_, Some(false)) => Some(false),
                (Some(false), holds) => holds,
                (None, _) => None,
            };
            if runs == Some(false) && !self.recording {
                continue;
            }
            let inner = if with && branch.condition.is_some() { value.clone() } else { dot.clone() };
            let before = self.snapshot();
            self.variables.extend(name.map(|name| (name, value)));
            let live = self.live;
            self.live &= runs != Some(false);
            let written = self.run(file, &branch.body, &inner);
            self.live = live;
            self.restore(before, runs);
            if runs == Some(true) {
                out = written;
            }
            decided = match (decided, runs) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (_, None) | (None, _) => None,
                (decided, Some(false)) => decided,
            };
        }
        if decided.is_none() { vec![Part::unknown()] } else { out }
    }

    /// Evaluates an action within a field. Its output is part of the field, and fields in what it includes are not
    /// fields then.
    fn within_field(&mut self, file: usize, at: usize, write: impl FnOnce(&mut Self) -> Vec<Part>) -> Vec<Part> {
        let Some(field) = self.field_at(file, at) else { return write(self) };
        let recording = std::mem::replace(&mut self.recording, false);
        let parts = write(self);
        self.recording = recording;
        if recording {
            self.record(file, field, at, parts.clone());
        }
        parts
    }

    fn field_at(&self, file: usize, at: usize) -> Option<usize> {
        let fields = &self.files.get(file)?.fields;
        let after = fields.partition_point(|field| field.range.start <= at);
        let index = after.checked_sub(1)?;
        fields.get(index).filter(|field| at < field.range.end).map(|_| index)
    }

    fn record(&mut self, file: usize, field: usize, at: usize, parts: Vec<Part>) {
        let starts =
            self.files.get(file).and_then(|file| file.fields.get(field)).is_some_and(|field| at <= field.range.start);
        let records = self.records.entry((file, field)).or_default();
        if starts || records.is_empty() {
            records.push(Record { parts: Vec::new(), live: self.live });
        }
        if let Some(record) = records.last_mut() {
            record.parts.extend(parts);
        }
    }

    fn record_text(&mut self, file: usize, range: &Range<usize>) {
        if !self.recording {
            return;
        }
        let Some(template) = self.files.get(file) else { return };
        let first = template.fields.partition_point(|field| field.range.end <= range.start);
        let fields = Rc::clone(&template.fields);
        let text = Rc::clone(&template.text);
        for (index, field) in
            fields.iter().enumerate().skip(first).take_while(|(_, field)| field.range.start < range.end)
        {
            let (start, end) = (range.start.max(field.range.start), range.end.min(field.range.end));
            let written = text.get(start..end).unwrap_or_default();
            self.record(file, index, start, vec![Part { fixed: true, ..Part::text(written) }]);
        }
    }

    fn value(&mut self, expr: &Expr, dot: &Value) -> Value {
        let Some(left) = self.budget.checked_sub(1) else { return Value::Unknown };
        self.budget = left;
        match expr {
            Expr::Dot => self.counted(dot.clone()),
            Expr::Var(name) => {
                self.spend(self.variables.len() / BYTES);
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                let value = known.map_or(Value::Unknown, |(_, value)| value.clone());
                self.counted(value)
            }
            Expr::Str(text) | Expr::Word(text) if !matches!(text.as_str(), "true" | "false") => {
                Value::Text(vec![Part::text(text.clone())])
            }
            Expr::Str(text) => Value::Text(vec![Part::text(text.clone())]),
            Expr::Word(text) => Value::Bool(text == "true"),
            Expr::Nil => Value::Nil,
            Expr::Field(base, path) => {
                let base = self.value(base, dot);
                path.iter().fold(base, |value, key| field_of(&value, key))
            }
            Expr::Call(name, arguments) => {
                let value = self.call(name, arguments, dot);
                self.counted(value)
            }
            Expr::Unknown => Value::Unknown,
        }
    }

    /// Subtracts the cost of a value; the result is unknown if the budget is used up or the text is too long.
    fn counted(&mut self, value: Value) -> Value {
        if let Value::Text(parts) = &value {
            self.spend(cost(parts));
            if self.budget == 0
                || parts.iter().filter_map(|part| part.text.as_ref()).map(String::len).sum::<usize>() > MAX_TEXT
            {
                return Value::Unknown;
            }
        }
        value
    }

    fn call(&mut self, name: &str, arguments: &[Expr], dot: &Value) -> Value {
        let values: Vec<Value> = arguments.iter().map(|argument| self.value(argument, dot)).collect();
        let last = values.last().cloned().unwrap_or(Value::Unknown);
        match name {
            "include" => self.include(&values),
            "default" => match truth(&last) {
                Some(true) => last,
                Some(false) => values.first().cloned().unwrap_or(Value::Unknown),
                None => Value::Unknown,
            },
            "coalesce" | "or" => first_true(&values),
            "and" => match values.iter().find(|value| truth(value) != Some(true)) {
                Some(value) if truth(value).is_none() => Value::Unknown,
                Some(value) => value.clone(),
                None => last,
            },
            "not" | "empty" => truth(&last).map_or(Value::Unknown, |flag| Value::Bool(!flag)),
            "eq" | "ne" => {
                let texts: Option<Vec<String>> = values.iter().map(|value| known(&parts(value.clone()))).collect();
                match texts.as_deref() {
                    Some([first, rest @ ..]) => Value::Bool(rest.contains(first) == (name == "eq")),
                    _ => Value::Unknown,
                }
            }
            "required" | "toString" | "quote" | "squote" | "nindent" | "indent" | "toStrings" => last,
            "trim" => trimmed(last),
            "tpl" => {
                let text = values.first().cloned().unwrap_or(Value::Unknown);
                let plain = known(&parts(text.clone())).is_some_and(|text| !text.contains("{{"));
                if plain { text } else { Value::Unknown }
            }
            "ternary" => match (truth(&last), &values[..]) {
                (Some(yes), [a, b, _]) => {
                    if yes {
                        a.clone()
                    } else {
                        b.clone()
                    }
                }
                _ => Value::Unknown,
            },
            "dict" => dict(&values),
            "get" | "index" => {
                let keys: Option<Vec<String>> =
                    values.iter().skip(1).map(|value| known(&parts(value.clone()))).collect();
                let first = values.first().cloned().unwrap_or(Value::Unknown);
                keys.map_or(Value::Unknown, |keys| keys.iter().fold(first, |value, key| field_of(&value, key)))
            }
            "hasKey" => match (values.first(), values.get(1).and_then(|value| known(&parts(value.clone())))) {
                (Some(Value::Tree(tree)), Some(key)) => Value::Bool(tree.get(&key).is_some()),
                (Some(Value::Dict(map, false)), Some(key)) => Value::Bool(map.contains_key(&key)),
                _ => Value::Unknown,
            },
            "printf" => printf(&values),
            "print" => Value::Text(values.into_iter().flat_map(parts).collect()),
            "trunc" | "trimSuffix" | "trimPrefix" | "lower" | "upper" | "replace" => changed(name, &values),
            _ => Value::Unknown,
        }
    }

    fn include(&mut self, values: &[Value]) -> Value {
        let name = values.first().and_then(|value| known(&parts(value.clone())));
        let Some((file, body)) = name.and_then(|name| self.defines.get(&name)).cloned() else { return Value::Unknown };
        if self.depth >= MAX_DEPTH {
            return Value::Unknown;
        }
        let dot = values.get(1).cloned().unwrap_or(Value::Nil);
        self.depth += 1;
        let outer = std::mem::replace(&mut self.variables, vec![("$".to_owned(), dot.clone())]);
        let parts = self.run(file, &body, &dot);
        self.variables = outer;
        self.depth -= 1;
        Value::Text(trim(parts))
    }
}
