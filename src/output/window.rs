//! One line of source text as it is shown: masked, made visible, and shortened around the marks if it is too long.
//!
//! The cost depends on what is shown, not on the length of the line: a minified file is one line.

use std::ops::Range;

use super::edge::Edge;
use super::sanitize;
use crate::text::source::SourceId;

/// A shown line that maps source bytes to its own.
pub(super) struct Window {
    /// The shown text, without a line break.
    pub(super) text: String,
    /// Per shown character: its byte in the source, and its bytes in `text`.
    map: Vec<(usize, Range<usize>)>,
}

impl Window {
    /// Shows `line` (its bytes in the source) in about `limit` columns, so that the ends of `marks` can be seen.
    pub(super) fn new(
        edge: &Edge<'_>,
        source: SourceId,
        line: Range<usize>,
        marks: &[Range<usize>],
        limit: usize,
    ) -> Self {
        let text = edge.sources.get(source).text();
        let mut line = line;
        if line.start == 0 && text.starts_with('\u{feff}') {
            line.start = line.end.min('\u{feff}'.len_utf8());
        }
        let gap = if edge.style.unicode { "…" } else { "..." };
        let kept = match back(text, &line, line.end, limit) == line.start {
            true => vec![line.clone()],
            false => Cutter { text, line: line.clone(), limit, gap: gap.chars().count() }.kept(marks),
        };
        let mut window = Self { text: String::new(), map: Vec::new() };
        let mut shown_to = line.start;
        for range in kept {
            if range.start > shown_to {
                window.text.push_str(gap);
            }
            shown_to = range.end;
            window.push(edge, source, range);
        }
        if shown_to < line.end {
            window.text.push_str(gap);
        }
        window
    }

    fn push(&mut self, edge: &Edge<'_>, source: SourceId, range: Range<usize>) {
        let text = edge.sources.get(source).text();
        let hidden = edge.hidden(source);
        let mut next = hidden.partition_point(|masked| masked.end <= range.start);
        for (at, c) in text[range.clone()].char_indices() {
            let at = range.start + at;
            while hidden.get(next).is_some_and(|masked| masked.end <= at) {
                next += 1;
            }
            let start = self.text.len();
            match c {
                _ if hidden.get(next).is_some_and(|masked| masked.contains(&at)) => self.text.push('*'),
                // The renderer expands tabs.
                '\t' => self.text.push('\t'),
                '[' if sanitize::ends_in_command_head(&self.text) => self.text.push_str("\\["),
                _ => sanitize::push(&mut self.text, c),
            }
            self.map.push((at, start..self.text.len()));
        }
    }

    /// Returns the bytes of `text` that show these bytes of the source; removed bytes are treated as shown.
    pub(super) fn shown(&self, bytes: &Range<usize>) -> Range<usize> {
        let first = self.map.partition_point(|(at, _)| *at < bytes.start);
        let start = self.map.get(first).map_or(self.text.len(), |(_, shown)| shown.start);
        let past = self.map.partition_point(|(at, _)| *at < bytes.end);
        let end = past.checked_sub(1).and_then(|last| self.map.get(last)).map_or(0, |(_, shown)| shown.end);
        start..end.max(start)
    }
}

/// Returns the offset `count` characters before `from`, but not before the line's start.
fn back(text: &str, line: &Range<usize>, from: usize, count: usize) -> usize {
    match count.checked_sub(1) {
        None => from,
        Some(last) => {
            text[line.start..from].char_indices().rev().nth(last).map_or(line.start, |(at, _)| line.start + at)
        }
    }
}

/// Returns the offset `count` characters after `from`, but not after `end`.
fn forth(text: &str, from: usize, end: usize, count: usize) -> usize {
    text[from..end].char_indices().nth(count).map_or(end, |(at, _)| from + at)
}

/// Decides which parts of a long line are kept.
struct Cutter<'t> {
    text: &'t str,
    line: Range<usize>,
    limit: usize,
    /// Columns of the replacement for a piece that is left out.
    gap: usize,
}

impl Cutter<'_> {
    /// Disjoint ranges in order. Some text around every mark is kept. Of a mark that is too long, its head and its
    /// tail are kept, because an image is recognized by its registry and by its tag.
    fn kept(&self, marks: &[Range<usize>]) -> Vec<Range<usize>> {
        let Self { text, ref line, limit, gap } = *self;
        let mut ranges = Vec::new();
        if marks.is_empty() {
            ranges.push(line.start..forth(text, line.start, line.end, limit.saturating_sub(gap)));
        }
        let share = limit.saturating_sub(gap * (marks.len() + 1)) / marks.len().max(1);
        for mark in marks {
            let mut start = back(text, line, mark.start, share / 3);
            if start != line.start {
                start = back(text, line, mark.start, share / 8);
            }
            let left = share.saturating_sub(text[start..mark.start].chars().count());
            let end = forth(text, mark.end, line.end, share / 8);
            let room = left.saturating_sub(text[mark.end..end].chars().count()).max(8);
            if forth(text, mark.start, mark.end, room) == mark.end {
                ranges.push(start..forth(text, mark.start, line.end, left.max(room)).max(mark.end));
            } else {
                let room = room.saturating_sub(gap).max(8);
                ranges.push(start..forth(text, mark.start, mark.end, room / 2));
                ranges.push(back(text, line, mark.end, room / 2)..end);
            }
        }
        ranges.sort_unstable_by_key(|range| range.start);
        // A gap of three characters is not worth its mark.
        ranges.into_iter().fold(Vec::new(), |mut kept: Vec<Range<usize>>, range| {
            match kept.last_mut().filter(|last| last.end + 3 >= range.start) {
                Some(last) => last.end = last.end.max(range.end),
                None => kept.push(range),
            }
            kept
        })
    }
}
