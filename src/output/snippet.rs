//! The source text around the labels of one fault, of one file or several, in the form that miette draws.
//!
//! miette would search a whole file for every label, and knows one file per diagnostic. It is given a small virtual
//! text instead: the shown lines of every place, one after another, each with its file name and line numbers.

use std::ops::Range;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use unicode_width::UnicodeWidthStr;

use super::edge::Edge;
use super::window::Window;
use super::words;
use crate::text::source::{Position, Span};

/// Lines shown before and after a label.
const CONTEXT: u32 = 1;

/// A span over more lines than this is drawn at its first line only.
const MOST_LINES: u32 = 4;

/// A label is wrapped to no fewer columns than this, though it then leaves the screen.
const NARROWEST: usize = 24;

/// A label with its place in the virtual text.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) message: String,
    pub(super) shown: Range<usize>,
    pub(super) primary: bool,
}

/// The virtual text of a snippet.
#[derive(Debug)]
pub(super) struct Snippet {
    blocks: Vec<Block>,
    /// In the order of the virtual text.
    pub(super) marks: Vec<Mark>,
}

/// Some consecutive lines of one file.
#[derive(Debug)]
struct Block {
    name: String,
    first_line: u32,
    /// Byte offset of its text in the virtual text.
    offset: usize,
    text: String,
    /// Byte offsets of marks in the virtual text, with their places in the file.
    places: Vec<(usize, Position)>,
}

/// A span to draw: the lines that it touches, with the bytes of the file.
struct DrawnSpan {
    span: Span,
    lines: (u32, u32),
    bytes: Range<usize>,
    at: Position,
    message: String,
    primary: bool,
}

impl Snippet {
    /// Draws the labels, the first of which is the primary one. The second list is of those that cannot be drawn:
    /// they overlap another, or their file could not be read.
    pub(super) fn new(edge: &Edge<'_>, labels: &[(Span, &str)], columns: usize) -> (Self, Vec<usize>) {
        let mut targets: Vec<DrawnSpan> = Vec::new();
        let mut left_out = Vec::new();
        for (index, (span, message)) in labels.iter().enumerate() {
            let drawn = DrawnSpan::new(edge, *span, message, index == 0);
            match drawn.filter(|new| !targets.iter().any(|old| old.overlaps(new))) {
                Some(target) => targets.push(target),
                None => left_out.push(index),
            }
        }
        let mut snippet = Self { blocks: Vec::new(), marks: Vec::new() };
        for group in group(targets) {
            snippet.push(edge, &group, columns);
        }
        (snippet, left_out)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    fn push(&mut self, edge: &Edge<'_>, group: &[DrawnSpan], columns: usize) {
        let Some(source) = group.first().map(|target| target.span.source) else { return };
        let file = edge.sources.get(source);
        let first = group.iter().map(|target| target.lines.0).min().unwrap_or(1).saturating_sub(CONTEXT).max(1);
        let last = group.iter().map(|target| target.lines.1).max().unwrap_or(1).saturating_add(CONTEXT);
        let last = last.min(file.line_count());
        // There is nothing to show after the last line break.
        let touched = group.iter().any(|target| target.lines.1 == last);
        let last = if !touched && file.line(last).is_empty() && last == file.line_count() { last - 1 } else { last };
        // A gap separates a label at the end of one block from the next one.
        let offset = self.blocks.last().map_or(0, |block| block.offset + block.text.len() + 2);
        let limit = columns.saturating_sub(last.to_string().len() + 4).max(20);
        let mut block =
            Block { name: edge.file(source), first_line: first, offset, text: String::new(), places: Vec::new() };
        let mut room = vec![limit; group.len()];
        let mut ends: Vec<(Option<usize>, usize)> = vec![(None, 0); group.len()];
        for line in first..=last {
            let bytes = file.line_range(line);
            let touched: Vec<_> = group.iter().map(|target| target.on(line, &bytes)).collect();
            let parts: Vec<_> = touched.iter().flatten().cloned().collect();
            let window = Window::new(edge, source, bytes, &parts, limit);
            for ((end, room), part) in ends.iter_mut().zip(&mut room).zip(&touched) {
                if let Some(part) = part {
                    let shown = window.shown(part);
                    *room = limit.saturating_sub(window.text[..shown.start].width() + shown.len() / 2 + 4);
                    let base = offset + block.text.len();
                    *end = (end.0.or(Some(base + shown.start)), base + shown.end);
                }
            }
            block.text.push_str(&window.text);
            block.text.push('\n');
        }
        for ((target, (start, end)), room) in group.iter().zip(ends).zip(room) {
            let start = start.unwrap_or(offset);
            block.places.push((start, target.at));
            let message = textwrap::fill(&target.message, words(room.max(NARROWEST)));
            self.marks.push(Mark { message, shown: start..end.max(start), primary: target.primary });
        }
        self.blocks.push(block);
    }
}

impl DrawnSpan {
    fn new(edge: &Edge<'_>, span: Span, message: &str, primary: bool) -> Option<Self> {
        let file = edge.sources.get(span.source);
        let text = file.text();
        let start = boundary(text, span.range().start);
        let end = boundary(text, span.range().end).max(start);
        // A line break at the end of a span would draw it into the next line.
        let end = start + text[start..end].trim_end().len();
        let at = edge.sources.locate(Span::new(span.source, start as u32, end as u32))?;
        let (first, last) = (at.start.line, at.end.line);
        let cut = last - first >= MOST_LINES;
        let bytes = start..if cut { file.line_range(first).end.max(start) } else { end };
        let message = edge.line(message);
        Some(Self { span, lines: (first, if cut { first } else { last }), bytes, at: at.start, message, primary })
    }

    fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (&self.bytes, &other.bytes);
        self.span.source == other.span.source && (a == b || a.start < b.end && b.start < a.end)
    }

    /// Returns the bytes of this target on a line.
    fn on(&self, line: u32, bytes: &Range<usize>) -> Option<Range<usize>> {
        (self.lines.0..=self.lines.1).contains(&line).then(|| {
            let start = self.bytes.start.clamp(bytes.start, bytes.end);
            start..self.bytes.end.clamp(start, bytes.end)
        })
    }
}

/// Returns the last place at or before `offset` at which text can be cut.
fn boundary(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// Groups targets that are close together in one file; the primary label's group comes first, the others in order of
/// place.
fn group(targets: Vec<DrawnSpan>) -> Vec<Vec<DrawnSpan>> {
    let mut sorted = targets;
    sorted.sort_by_key(|target| (target.span.source, target.bytes.start));
    let mut groups: Vec<Vec<DrawnSpan>> = Vec::new();
    for target in sorted {
        let near = |group: &&mut Vec<DrawnSpan>| {
            let last = group.iter().map(|other| other.lines.1).max().unwrap_or(0);
            group.iter().any(|other| other.span.source == target.span.source)
                && target.lines.0 <= last.saturating_add(2 * CONTEXT + 1)
        };
        match groups.last_mut().filter(near) {
            Some(group) => group.push(target),
            None => groups.push(vec![target]),
        }
    }
    groups.sort_by_key(|group| !group.iter().any(|target| target.primary));
    groups
}

impl SourceCode for Snippet {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (start, end) = (span.offset(), span.offset() + span.len());
        let holds = |block: &&Block| block.offset <= start && end <= block.offset + block.text.len();
        let block = self.blocks.iter().find(holds).ok_or(MietteError::OutOfBounds)?;
        // Without context miette asks for the place of the span itself, otherwise for the text around it: here the
        // block.
        let place = block.places.iter().find(|(at, _)| *at == start).filter(|_| before + after == 0);
        let position = place.map_or(Position { line: block.first_line, column: 1 }, |(_, position)| *position);
        let whole = SourceSpan::from((block.offset, block.text.len()));
        Ok(Box::new(MietteSpanContents::new_named(
            block.name.clone(),
            block.text.as_bytes(),
            whole,
            position.line as usize - 1,
            position.column as usize - 1,
            block.text.matches('\n').count(),
        )))
    }
}
