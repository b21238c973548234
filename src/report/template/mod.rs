//! Which line of a chart's template wrote an image, and which values went into it.
//!
//! Works on texts alone. A line is reported only if no other line can have written the image, and a value only if it
//! explains what was rendered.

mod budget;
mod eval;
pub(crate) mod field;
mod lex;
mod parse;
pub(crate) mod tree;
mod value;

use std::rc::Rc;

pub(crate) use crate::report::template::budget::Budget;
use crate::report::template::eval::{Defines, Document, Eval, File, Record, Records};
use crate::report::template::field::{TemplateField, fields, fits};
use crate::report::template::parse::{Node, parse};
use crate::report::template::tree::Tree;
pub(crate) use crate::report::template::value::Supplier;
use crate::report::template::value::{Value, known, open, plain, supplied, suppliers, trim};
use crate::resource::chart::ChartFile;
use crate::text::source::{SourceId, Span};

/// The templates of a chart and its subcharts, which share their named templates.
pub(crate) struct Program {
    files: Vec<File>,
    bodies: Vec<Vec<Node>>,
    defines: Defines,
    budget: Rc<Budget>,
}

/// The cost of a close look at a line that may have written an image, in nodes of a template.
const COMPARISON: usize = 10;

/// The largest template that is examined, in bytes.
const MAX_TEMPLATE: usize = 1 << 20;

/// The longest mapping of a container that is searched for its name, in bytes.
const MAX_MAPPING: usize = 16 << 10;

/// How many fields before and after an image are searched for the name of its container.
const MAX_FIELDS: usize = 200;

impl Program {
    /// Parses the templates within the budget.
    pub(crate) fn new<'t>(texts: impl IntoIterator<Item = (SourceId, &'t str)>, budget: &Rc<Budget>) -> Self {
        let mut program =
            Self { files: Vec::new(), bodies: Vec::new(), defines: Defines::new(), budget: Rc::clone(budget) };
        for (source, text) in texts.into_iter().filter(|(_, text)| text.len() <= MAX_TEMPLATE) {
            let parsed = parse(text);
            let at = program.files.len();
            let fields = fields(text);
            let documents = documents(text, &fields);
            program.files.push(File { source, text: text.into(), fields: Rc::new(fields), documents });
            program.defines.extend(parsed.defines.into_iter().map(|(name, body)| (name, (at, Rc::new(body)))));
            program.bodies.push(parsed.body);
        }
        program
    }

    /// Runs one template under the values of its chart.
    pub(crate) fn run(&self, source: SourceId, chart: &ChartFile, values: Option<&Rc<Tree>>) -> Option<Traced<'_>> {
        let at = self.files.iter().position(|file| file.source == source)?;
        let values = values.map_or(Value::Unknown, |values| Value::Tree(Rc::clone(values)));
        let place = |field: &Option<(String, Span)>, key| {
            field.as_ref().map_or(Value::Unknown, |(text, span)| supplied(text, *span, key))
        };
        let about = open([
            ("Name", plain(&chart.name)),
            ("AppVersion", place(&chart.app_version, "appVersion")),
            ("Version", place(&chart.version, "version")),
        ]);
        let mut eval =
            Eval::new(&self.files, &self.defines, open([("Values", values), ("Chart", about)]), &self.budget);
        eval.file(at, &self.bodies[at]);
        let whole = eval.is_whole() && self.budget.spend(eval.spent());
        Some(Traced { opaque: eval.opaque, records: eval.records, program: self, whole })
    }
}

/// The output of the fields of a template.
pub(crate) struct Traced<'p> {
    program: &'p Program,
    records: Records,
    opaque: bool,
    whole: bool,
}

/// A rendered image whose line is searched for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WantedImage<'w> {
    /// The key whose value is the image.
    pub(crate) key: &'w str,
    pub(crate) value: &'w str,
    pub(crate) container: Option<&'w str>,
    pub(crate) kind: &'w str,
    pub(crate) name: Option<&'w str>,
    /// Whether no other container of the object has the same image.
    pub(crate) sole: bool,
}

/// The line that wrote an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateLine {
    /// The place of the expression.
    pub(crate) span: Span,
    /// The values that went into the image.
    pub(crate) suppliers: Vec<(Supplier, String)>,
}

/// A line that may have written the image.
struct Candidate<'t> {
    file: &'t File,
    field: &'t TemplateField,
    records: &'t [Record],
    /// Whether the container's name next to it also matched.
    by_name: bool,
    /// Whether it writes this very image with the values of the chart.
    by_image: bool,
}

impl Traced<'_> {
    /// Returns the line that wrote an image, if it is certain.
    pub(crate) fn find(&self, wanted: WantedImage<'_>) -> Option<TemplateLine> {
        let candidates: Vec<Candidate<'_>> = self.candidates(wanted);
        let chosen = match &candidates[..] {
            [] => return None,
            [one] => (!self.opaque || one.by_name || one.by_image).then_some(one)?,
            _ => {
                let named: Vec<_> = candidates.iter().filter(|candidate| candidate.by_name).collect();
                match &named[..] {
                    [one] => one,
                    _ => {
                        let pool = if named.is_empty() { candidates.iter().collect() } else { named.clone() };
                        let mut proven = pool.into_iter().filter(|candidate| candidate.by_image);
                        let one = proven.next().filter(|_| wanted.sole || !named.is_empty())?;
                        proven.next().is_none().then_some(one)?
                    }
                }
            }
        };
        self.whole.then(|| {
            let range = &chosen.field.whole;
            let span = Span::new(chosen.file.source, range.start as u32, range.end as u32);
            TemplateLine { span, suppliers: common_suppliers(chosen.records, wanted.value) }
        })
    }

    fn candidates(&self, wanted: WantedImage<'_>) -> Vec<Candidate<'_>> {
        let mut found = Vec::new();
        if !self.program.budget.spend(self.records.len() / 16) {
            return found;
        }
        for ((file_at, field_at), records) in &self.records {
            let Some(file) = self.program.files.get(*file_at) else { continue };
            let Some(field) = file.fields.get(*field_at) else { continue };
            if field.key == wanted.key && !self.program.budget.spend(1) {
                return Vec::new();
            }
            let may_be = field.key == wanted.key && field_fits(field, wanted.value);
            if !may_be || !fits_object(file, field, wanted) {
                continue;
            }
            if !self.program.budget.spend(COMPARISON + records.len()) {
                return Vec::new();
            }
            let beside = beside(&file.text, &file.fields, *field_at, "name");
            let mut by_name = false;
            if let (Some(at), Some(container)) = (beside, wanted.container) {
                if !field_fits(&file.fields[at], container) {
                    continue;
                }
                let named = self.records.get(&(*file_at, at)).into_iter().flatten();
                by_name = named
                    .map(|record| known(&trim(record.parts.clone())))
                    .any(|name| name.as_deref() == Some(container));
            }
            let mut written = records.iter().filter(|record| record.live);
            let by_image = written.any(|record| known(&trim(record.parts.clone())).as_deref() == Some(wanted.value));
            found.push(Candidate { file, field, records, by_name, by_image });
        }
        found
    }
}

/// Whether the kind and name of the document around a field allow the object.
fn fits_object(file: &File, field: &TemplateField, wanted: WantedImage<'_>) -> bool {
    let after = file.documents.partition_point(|document| document.start <= field.range.start);
    let Some(document) = after.checked_sub(1).and_then(|at| file.documents.get(at)) else { return true };
    let fit = |fields: &[usize], text: &str| {
        let mut fields = fields.iter().filter_map(|&at| file.fields.get(at));
        fields.all(|field| field_fits(field, text))
    };
    fit(&document.kinds, wanted.kind) && wanted.name.is_none_or(|name| fit(&document.names, name))
}

/// Whether a field can have written a text.
fn field_fits(field: &TemplateField, text: &str) -> bool {
    text.len() <= 4096 && fits(field.skeleton.iter().map(Option::as_deref), text)
}

/// Returns the documents of a template, in order, with the fields that identify their objects.
fn documents(text: &str, fields: &[TemplateField]) -> Vec<Document> {
    let starts = std::iter::once(0).chain(text.match_indices("\n---").map(|(at, _)| at + 1));
    let mut documents: Vec<Document> =
        starts.map(|start| Document { start, kinds: Vec::new(), names: Vec::new() }).collect();
    let tops = tops(text);
    for (at, field) in fields.iter().enumerate() {
        let after = documents.partition_point(|document| document.start <= field.range.start);
        let Some(document) = after.checked_sub(1).and_then(|at| documents.get_mut(at)) else { continue };
        if field.key == "kind" && field.column == 0 {
            document.kinds.push(at);
        }
        if field.key == "name" && field.column == 2 && is_in_metadata(text, &tops, document.start, field.range.start) {
            document.names.push(at);
        }
    }
    documents
}

/// Returns the offsets of the lines that are not indented and are neither actions nor comments.
fn tops(text: &str) -> Vec<usize> {
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
    let is_top = |at: &usize| !text[*at..].starts_with(['\n', '\r', ' ', '{', '#']);
    starts.filter(is_top).collect()
}

/// Whether `metadata:` is the key above a place that is two columns deep.
fn is_in_metadata(text: &str, tops: &[usize], start: usize, at: usize) -> bool {
    let above = tops.partition_point(|top| *top <= at).checked_sub(1).and_then(|above| tops.get(above));
    above.is_some_and(|&above| above >= start && text[above..].starts_with("metadata:"))
}

/// Returns the field of a key in the same mapping as another field.
fn beside(text: &str, fields: &[TemplateField], at: usize, key: &str) -> Option<usize> {
    let field = fields.get(at)?;
    let same = |other: &TemplateField| other.column == field.column && other.key == key;
    // The range is from the first field of its list item to the first of the next.
    let broken = |from: usize, to: usize| {
        to.saturating_sub(from) > MAX_MAPPING
            || text.get(from..to).unwrap_or_default().lines().skip(1).any(|line| {
                let trimmed = line.trim_start_matches(' ');
                let indent = line.len() - trimmed.len();
                let is_plain = !trimmed.is_empty() && !trimmed.starts_with("{{") && !trimmed.starts_with('#');
                is_plain && (indent < field.column && !starts_item_at(line, field.column) || trimmed.starts_with("---"))
            })
    };
    let up = || {
        if field.starts_item {
            return None;
        }
        for index in (0..at).rev().take(MAX_FIELDS) {
            let other = fields.get(index)?;
            if broken(line_start(text, other.range.start), line_start(text, field.range.start)) {
                return None;
            }
            if same(other) {
                return Some(index);
            }
            if other.starts_item && other.column == field.column {
                return None;
            }
        }
        None
    };
    let down = || {
        for (index, other) in fields.iter().enumerate().skip(at + 1).take(MAX_FIELDS) {
            let item = other.starts_item && other.column <= field.column;
            if item || broken(field.range.end, other.range.end) {
                return None;
            }
            if same(other) {
                return Some(index);
            }
        }
        None
    };
    up().or_else(down)
}

/// Whether a line begins a list item whose first key is at a column.
fn starts_item_at(line: &str, column: usize) -> bool {
    line.len() - line.trim_start_matches([' ', '-']).len() == column && line.trim_start().starts_with("- ")
}

fn line_start(text: &str, at: usize) -> usize {
    // One before, so that the first line that is examined is this one.
    text.get(..at).and_then(|before| before.rfind('\n')).unwrap_or(0)
}

/// Returns the values that supplied the text every time, each with its part of the text.
fn common_suppliers(records: &[Record], value: &str) -> Vec<(Supplier, String)> {
    let explained: Vec<Vec<Supplier>> = {
        let parts = || records.iter().map(|record| trim(record.parts.clone()));
        let exact: Vec<_> = parts().filter(|parts| known(parts).as_deref() == Some(value)).collect();
        let all = if exact.is_empty() { parts().collect() } else { exact };
        all.iter().filter_map(|parts| suppliers(parts, value)).collect()
    };
    let Some((first, rest)) = explained.split_first() else { return Vec::new() };
    let texts: Vec<_> = records.iter().flat_map(|record| &record.parts).collect();
    let text_of = |supplier: &Supplier| {
        let part = texts.iter().find(|part| part.from.as_ref() == Some(supplier))?;
        Some(part.text.as_ref()?.trim().to_owned())
    };
    let common = first.iter().filter(|supplier| rest.iter().all(|other| other.contains(supplier)));
    common.filter_map(|supplier| Some((supplier.clone(), text_of(supplier)?))).collect()
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
