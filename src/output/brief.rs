//! Findings in brief. In a repository with hundreds of moving tags nobody reads the five hundredth snippet, and the
//! one error among them gets lost. So a few findings of each rule are drawn, more get a line each, and the rest are
//! counted by folder. Findings that fail the run are never shortened.

use std::collections::BTreeMap;

use super::edge::Edge;
use super::order::Fault;
use crate::findings::finding::{Finding, Severity};

/// Returns how many faults of a rule are shown in full before the others are shortened.
const fn in_full(severity: Severity) -> usize {
    match severity {
        Severity::Note => 1,
        Severity::Warning | Severity::Error => 3,
    }
}

/// How many faults get a line each.
const LINES: usize = 10;

/// How many folders are named.
const FOLDERS: usize = 6;

/// The shortened faults of one rule and severity.
pub(super) struct Brief<'a, 'f> {
    pub(super) rule: &'static str,
    pub(super) severity: Severity,
    pub(super) faults: Vec<&'f Fault<'a>>,
}

/// Separates faults into those that are shown in full and the others, both in their order. Faults of severity
/// `full_from` and above are shown in full; `None` means all of them.
pub(super) fn part<'a, 'f>(
    faults: &'f [Fault<'a>],
    full_from: Option<Severity>,
) -> (Vec<&'f Fault<'a>>, Vec<Brief<'a, 'f>>) {
    let mut full = Vec::new();
    let mut briefs: Vec<Brief<'a, 'f>> = Vec::new();
    let mut counts: BTreeMap<(Severity, &str), (usize, usize)> = BTreeMap::new();
    for fault in faults {
        counts.entry((fault.first.severity, fault.first.rule)).or_default().0 += 1;
    }
    for fault in faults {
        let (severity, rule) = (fault.first.severity, fault.first.rule);
        let (all, shown) = counts.entry((severity, rule)).or_default();
        *shown += 1;
        // A single fault that is left over takes little more room than the note about it.
        if full_from.is_none_or(|from| severity >= from) || *shown <= in_full(severity) || *all == in_full(severity) + 1
        {
            full.push(fault);
        } else if let Some(brief) = briefs.iter_mut().find(|brief| (brief.rule, brief.severity) == (rule, severity)) {
            brief.faults.push(fault);
        } else {
            briefs.push(Brief { rule, severity, faults: vec![fault] });
        }
    }
    (full, briefs)
}

impl Brief<'_, '_> {
    /// `174 more, at 480 places`.
    pub(super) fn count(&self) -> String {
        let places: usize = self.faults.iter().map(|fault| 1 + fault.others.len()).sum();
        format!("{} more, at {}", self.faults.len(), number(places, "place"))
    }

    /// Returns the faults that get a line each.
    pub(super) fn first(&self) -> impl Iterator<Item = &Fault<'_>> {
        self.faults.iter().take(LINES).copied()
    }

    /// Returns the summary of the other faults.
    pub(super) fn rest(&self, edge: &Edge<'_>) -> Option<String> {
        let others = self.faults.get(LINES..).filter(|others| !others.is_empty())?;
        let findings =
            || others.iter().flat_map(|fault| std::iter::once(fault.first).chain(fault.others.iter().copied()));
        let places = number(findings().count(), "place");
        Some(format!("and {} more, at {places}{}", others.len(), folders(edge, findings())))
    }
}

/// Returns the place of a fault, and its message, for one line.
pub(super) fn line(edge: &Edge<'_>, fault: &Fault<'_>) -> (String, String) {
    let place = edge.place(fault.first.primary.span);
    let message = edge.line(gist(&fault.first.message));
    match fault.others.len() {
        0 => (place, message),
        others => (place, format!("{message} (and at {})", number(others, "other place"))),
    }
}

/// Returns the first clause of a message: what is wrong, without the reason and the consequences.
fn gist(message: &str) -> &str {
    let end = ["; ", ": ", ", so ", " (", "\n"].iter().filter_map(|mark| message.find(mark)).min();
    end.and_then(|end| message.get(..end)).unwrap_or(message)
}

/// Returns `: 120 in charts, 44 in deploy`, or an empty text if all are in one folder.
pub(super) fn folders<'a>(edge: &Edge<'_>, findings: impl Iterator<Item = &'a Finding>) -> String {
    let files: Vec<&str> = findings.map(|finding| edge.sources.get(finding.primary.span.source).name()).collect();
    let common = common_folder(&files);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files {
        // A file next to the folders is counted for the folder that contains them.
        let end = file.get(common..).and_then(|rest| rest.find('/')).map_or(common, |end| common + end);
        let folder = file.get(..end).unwrap_or_default().trim_end_matches('/');
        *counts.entry(if folder.is_empty() { "." } else { folder }).or_default() += 1;
    }
    if counts.len() < 2 {
        return String::new();
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let named = counts.iter().take(FOLDERS).map(|(folder, count)| format!("{count} in {}", edge.line(folder)));
    let mut named: Vec<String> = named.collect();
    let others: usize = counts.iter().skip(FOLDERS).map(|(_, count)| count).sum();
    if others > 0 {
        named.push(format!("{others} elsewhere"));
    }
    format!(": {}", named.join(", "))
}

/// Returns the length in bytes of the longest folder, with its slash, that contains all files.
fn common_folder(files: &[&str]) -> usize {
    let Some((first, others)) = files.split_first() else { return 0 };
    let folder = |file: &[u8]| file.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    others.iter().fold(folder(first.as_bytes()), |common, file| {
        let same = first.bytes().zip(file.bytes()).take(common).take_while(|(a, b)| a == b).count();
        first.as_bytes().get(..same).map_or(0, folder)
    })
}

pub(super) fn number(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::{SourceId, Span};

    fn warnings(count: u32) -> Vec<Finding> {
        let finding =
            |at| Finding::new("mutable-tag", Severity::Warning, "it moves", Span::new(SourceId(0), at, at), "");
        (0..count).map(finding).collect()
    }

    fn parted(count: u32, full_from: Option<Severity>) -> (usize, Vec<usize>) {
        let findings = warnings(count);
        let faults: Vec<Fault<'_>> = findings.iter().map(|first| Fault { first, others: Vec::new() }).collect();
        let (full, briefs) = part(&faults, full_from);
        (full.len(), briefs.iter().map(|brief| brief.faults.len()).collect())
    }

    #[test]
    fn many_findings_are_shortened_unless_they_fail_the_run() {
        assert_eq!(parted(4, Some(Severity::Error)), (4, vec![]));
        assert_eq!(parted(5, Some(Severity::Error)), (3, vec![2]));
        assert_eq!(parted(5, Some(Severity::Warning)), (5, vec![]));
        assert_eq!(parted(5, None), (5, vec![]));
    }

    #[test]
    fn gist_is_the_first_clause_of_the_message() {
        assert_eq!(gist("the tag of \"a:latest\" is mutable; any restart"), "the tag of \"a:latest\" is mutable");
        assert_eq!(gist("\"nginx\" names no tag, so the kubelet"), "\"nginx\" names no tag");
        assert_eq!(gist("it is refused (it says: no), and"), "it is refused");
        assert_eq!(gist("a plain one"), "a plain one");
    }

    #[test]
    fn a_common_folder_ends_at_a_slash() {
        assert_eq!(common_folder(&["a/bc/x.yaml", "a/bd/y.yaml"]), 2);
        assert_eq!(common_folder(&["a/x.yaml", "a/y.yaml"]), 2);
        assert_eq!(common_folder(&["x.yaml", "a/y.yaml"]), 0);
        assert_eq!(common_folder(&["a/é/x", "a/è/x"]), 2);
    }
}
