//! Finds the suppressions that apply to a place. A file may contain a million suppressions or places, so neither
//! list is scanned for each item of the other.

use std::collections::HashMap;

use crate::findings::suppression::{Scope, Suppression};
use crate::text::source::{Source, Sources, Span};

/// The suppressions of all sources by scope.
pub(super) struct Index<'a> {
    /// The first suppression that silences a rule in a scope, and the number of the rule in it: further ones are not
    /// needed.
    rules: HashMap<(Scope, &'a str), (usize, usize)>,
    objects: Objects,
}

impl<'a> Index<'a> {
    pub(super) fn new(suppressions: &'a [Suppression]) -> Self {
        let mut rules = HashMap::new();
        for (at, suppression) in suppressions.iter().enumerate() {
            for (number, rule) in suppression.rules.iter().enumerate() {
                rules.entry((suppression.scope, rule.value.as_str())).or_insert((at, number));
            }
        }
        let objects = suppressions.iter().filter_map(|suppression| match suppression.scope {
            Scope::Object(span) => Some(span),
            _ => None,
        });
        Self { rules, objects: Objects::new(objects.collect()) }
    }

    /// Returns the suppressions that silence a rule at a place, with the number of the rule in each; the nearest
    /// first.
    pub(super) fn about(&self, rule: &'a str, place: Span, sources: &Sources) -> Vec<(usize, usize)> {
        if self.rules.is_empty() {
            return Vec::new();
        }
        let lines = lines_of(place, sources.get(place.source));
        let lines = lines.into_iter().map(|line| Scope::Line(place.source, line));
        let objects = self.objects.around(place).into_iter().map(Scope::Object);
        let scopes = lines.chain(objects).chain([Scope::File(place.source)]);
        scopes.filter_map(|scope| self.rules.get(&(scope, rule)).copied()).collect()
    }
}

/// Objects and pod templates, of which each is inside another, or next to it.
struct Objects(Vec<Nested>);

struct Nested {
    span: Span,
    /// Index of the innermost span around this one.
    parent: Option<usize>,
}

impl Objects {
    fn new(mut spans: Vec<Span>) -> Self {
        spans.sort_unstable_by_key(|span| (span.source, span.start, std::cmp::Reverse(span.end)));
        spans.dedup();
        let mut nested: Vec<Nested> = Vec::with_capacity(spans.len());
        for span in spans {
            let mut parent = nested.len().checked_sub(1);
            while let Some(around) = parent.and_then(|at| nested.get(at)).filter(|around| !holds(around.span, span)) {
                parent = around.parent;
            }
            nested.push(Nested { span, parent });
        }
        Self(nested)
    }

    /// Returns the spans that contain a place, the innermost first.
    fn around(&self, place: Span) -> Vec<Span> {
        let before =
            self.0.partition_point(|object| (object.span.source, object.span.start) <= (place.source, place.start));
        let mut next = before.checked_sub(1);
        let mut found = Vec::new();
        while let Some(object) = next.and_then(|at| self.0.get(at)) {
            found.extend(holds(object.span, place).then_some(object.span));
            next = object.parent;
        }
        found
    }
}

fn holds(outer: Span, inner: Span) -> bool {
    outer.source == inner.source && outer.start <= inner.start && inner.end <= outer.end
}

/// Returns the lines whose comments apply to a place: those on which it begins and ends, and the one that leads up
/// to it.
pub(crate) fn lines_of(place: Span, source: &Source) -> Vec<u32> {
    let first = source.line_of(place.start);
    let last = source.line_of(place.end.saturating_sub(1).max(place.start));
    let mut lines = vec![first];
    lines.extend((last != first).then_some(last));
    lines.extend(leading_line(first, place, source));
    lines
}

/// Returns the line of the key of a value that begins on a line of its own (`image: >-`), with blank lines and
/// comments in between.
fn leading_line(first: u32, place: Span, source: &Source) -> Option<u32> {
    let start = source.line_range(first).start;
    let before = source.text().get(start..place.start as usize)?;
    if !before.trim_start_matches('\u{feff}').trim().is_empty() {
        return None;
    }
    let (line, code) =
        (1..first).rev().map(|line| (line, code_of(source.line(line)))).find(|(_, code)| !code.is_empty())?;
    leads_on(code).then_some(line)
}

/// Returns a line without its comment.
fn code_of(line: &str) -> &str {
    let line = line.trim_start_matches('\u{feff}').trim();
    if line.starts_with('#') {
        return "";
    }
    let comment = line.find(" #").or_else(|| line.find("\t#"));
    line.get(..comment.unwrap_or(line.len())).unwrap_or(line).trim_end()
}

/// Whether a line ends in a key, or in the head of a block scalar.
fn leads_on(code: &str) -> bool {
    let is_lead = |word: &str| {
        let block = word.trim_start_matches(['|', '>']).trim_start_matches(['+', '-']);
        word.starts_with(['&', '!'])
            || word.starts_with(['|', '>']) && block.bytes().all(|byte| byte.is_ascii_digit() || b"+-".contains(&byte))
    };
    let last = code.split_whitespace().rev().find(|word| !is_lead(word));
    last.is_some_and(|word| word.ends_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::{Encoding, SourceId};

    fn span(start: u32, end: u32) -> Span {
        Span::new(SourceId(0), start, end)
    }

    /// Returns the lines whose comments apply to `x`.
    fn lines(text: &str) -> Vec<u32> {
        let at = text.find('x').expect("an x") as u32;
        lines_of(span(at, at + 1), &Source::new("a.yaml", text, Encoding::Utf8))
    }

    #[test]
    fn a_value_belongs_to_the_line_of_its_key() {
        assert_eq!(lines("a:\n- image: x\n"), [2]);
        assert_eq!(lines("image:\n  x\n"), [2, 1]);
        assert_eq!(lines("image: >- # why\r\n\r\n  x\r\n"), [3, 1]);
        assert_eq!(lines("image: &a !!str |2-\n    x\n"), [2, 1]);
        assert_eq!(lines("image:\n  # a comment\n  x\n"), [3, 1]);
        assert_eq!(lines("image: a\nx: b\n"), [2]);
        assert_eq!(lines("containers:\n- image: x\n"), [2]);
        assert_eq!(lines("x\n"), [1]);
    }

    #[test]
    fn multiline_span_belongs_to_its_first_and_last_line() {
        let source = Source::new("a.yaml", "a: 'one\n two\n three'\n", Encoding::Utf8);
        assert_eq!(lines_of(span(3, 20), &source), [1, 3]);
    }

    #[test]
    fn enclosing_objects_are_found_innermost_first() {
        let objects = Objects::new(vec![span(40, 50), span(10, 20), span(0, 30), span(0, 30)]);
        assert_eq!(objects.around(span(12, 14)), [span(10, 20), span(0, 30)]);
        assert_eq!(objects.around(span(22, 24)), [span(0, 30)]);
        assert_eq!(objects.around(span(45, 50)), [span(40, 50)]);
        assert_eq!(objects.around(span(18, 22)), [span(0, 30)]);
        assert!(objects.around(span(31, 32)).is_empty() && objects.around(span(45, 51)).is_empty());
    }
}
