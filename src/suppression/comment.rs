//! Directives in comments: `# pullcheck: ignore[rule, …] reason`.

use crate::source::{Source, SourceId, Span, Spanned};
use crate::suppression::{DirectiveFault, Misdirected, Scope, Suppression, Suppressions};

/// What a directive begins with, behind `#` and white space.
const NAME: &str = "pullcheck:";

/// Reads the directives of a source. `comments` are those of the documents that were parsed; of a document that is
/// `broken`, and of the lines before the first document, any line that begins with `#` counts.
pub(crate) fn read(id: SourceId, source: &Source, comments: &[Span], broken: &[Span]) -> Suppressions {
    let mut found = Suppressions::default();
    let head = head_end(source);
    let lines_of = |range: std::ops::Range<u32>| own_lines(source, range).map(|(start, end)| Span::new(id, start, end));
    let of_broken = broken.iter().flat_map(|span| lines_of(span.start..span.end));
    let below = comments.iter().copied().chain(of_broken).filter(|comment| comment.start >= head);
    for comment in lines_of(0..head).chain(below) {
        let Some(directive) = directive(source.text(), comment) else { continue };
        let at_head = comment.start < head;
        match parse(directive, source.text()) {
            Ok((Verb::Ignore, rules, reason)) => {
                let scope = Scope::Line(id, target_line(source, comment.start));
                found.valid.push(Suppression { scope, rules, reason, span: directive });
            }
            Ok((Verb::IgnoreFile, rules, reason)) if at_head => {
                found.valid.push(Suppression { scope: Scope::File(id), rules, reason, span: directive });
            }
            Ok((Verb::IgnoreFile, ..)) => {
                found.invalid.push(Misdirected { span: directive, fault: DirectiveFault::NotAtHead });
            }
            Err(fault) => found.invalid.push(Misdirected { span: directive, fault }),
        }
    }
    found.valid.sort_by_key(|it| it.span);
    found.valid.dedup_by_key(|it| it.span);
    found.invalid.sort_by_key(|it| it.span);
    found.invalid.dedup_by_key(|it| it.span);
    found
}

/// Where the file's first comment block ends: before the first line that is neither blank, nor a comment, nor a
/// document's beginning.
fn head_end(source: &Source) -> u32 {
    let is_head = |line: &str| {
        let line = line.trim_start_matches('\u{feff}').trim();
        line.is_empty() || line.starts_with('#') || line == "---" || line.starts_with('%')
    };
    let mut end = 0;
    for line in source.text().split_inclusive('\n') {
        if !is_head(line) {
            break;
        }
        end += line.len();
    }
    end as u32
}

/// Lines of a part of the source that hold nothing but a comment, from `#` to the line's end.
fn own_lines(source: &Source, range: std::ops::Range<u32>) -> impl Iterator<Item = (u32, u32)> {
    let mut at = range.start;
    let text = source.text().get(range.start as usize..range.end as usize).unwrap_or_default();
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len() as u32;
        let bare = line.trim_start_matches(['\u{feff}', ' ', '\t']);
        let from = start + (line.len() - bare.len()) as u32;
        bare.starts_with('#').then(|| (from, from + bare.trim_end().len() as u32))
    })
}

/// The directive in a comment, which may follow other words: `# renovate: … # pullcheck: ignore[…]`.
fn directive(text: &str, comment: Span) -> Option<Span> {
    let words = text.get(comment.range())?;
    let starts = words.match_indices('#').map(|(at, _)| at);
    let at = starts.into_iter().find(|at| words[at + 1..].trim_start().starts_with(NAME))?;
    Some(Span::new(comment.source, comment.start + at as u32, comment.end))
}

/// What a directive wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Ignore,
    IgnoreFile,
}

type Parsed = (Verb, Vec<Spanned<String>>, Option<String>);

fn parse(directive: Span, text: &str) -> Result<Parsed, DirectiveFault> {
    let words = text.get(directive.range()).unwrap_or_default();
    let rest = words.trim_start_matches('#').trim_start().strip_prefix(NAME).unwrap_or_default().trim_start();
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
    let (verb, rest) = rest.split_at(end);
    let verb = match verb {
        "ignore" => Verb::Ignore,
        "ignore-file" => Verb::IgnoreFile,
        _ => return Err(DirectiveFault::Unknown),
    };
    let list = rest.trim_start().strip_prefix('[').ok_or(DirectiveFault::NoRules)?;
    let (list, reason) = list.split_once(']').ok_or(DirectiveFault::NoRules)?;
    let rules: Vec<_> = list.split(',').filter_map(|name| rule(directive, words, name)).collect();
    if rules.is_empty() {
        return Err(DirectiveFault::NoRules);
    }
    let reason = reason.trim_matches([' ', '\t', ':', '-', '\u{2014}', '\r', '\n']);
    Ok((verb, rules, (!reason.is_empty()).then(|| reason.to_owned())))
}

/// A name of the list with its place.
fn rule(directive: Span, words: &str, name: &str) -> Option<Spanned<String>> {
    let name = name.trim();
    let offset = (name.as_ptr() as usize).checked_sub(words.as_ptr() as usize)? as u32;
    let start = directive.start + offset;
    let span = Span::new(directive.source, start, start + name.len() as u32);
    (!name.is_empty()).then(|| Spanned { value: name.to_owned(), span })
}

/// The line that a comment speaks of: its own, or, where it stands alone, the next that is neither blank nor a comment.
fn target_line(source: &Source, comment: u32) -> u32 {
    let mut line = source.line_of(comment);
    let begins = |line: u32| source.line(line).trim_start_matches('\u{feff}').trim_start();
    if !begins(line).starts_with('#') {
        return line;
    }
    while line < source.line_count() && (begins(line).starts_with('#') || begins(line).is_empty()) {
        line += 1;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Encoding;

    fn read_text(text: &str) -> Suppressions {
        let source = Source::new("a.yaml", text, Encoding::Utf8);
        let id = SourceId(0);
        let mut comments = Vec::new();
        let mut broken = Vec::new();
        crate::yaml::read(id, source.text(), false, &mut |piece| match piece {
            crate::yaml::Piece::Document(document) => comments.extend(document.comments()),
            crate::yaml::Piece::Broken(error) => broken.push(error.document),
            crate::yaml::Piece::Skipped => {}
        });
        read(id, &source, &comments, &broken)
    }

    fn valid(text: &str) -> Vec<(Scope, String, Option<String>)> {
        let names = |it: &Suppression| it.rules.iter().map(|rule| &*rule.value).collect::<Vec<_>>().join(",");
        read_text(text).valid.iter().map(|it| (it.scope, names(it), it.reason.clone())).collect()
    }

    fn line(line: u32) -> Scope {
        Scope::Line(SourceId(0), line)
    }

    #[test]
    fn a_comment_speaks_of_its_line_or_of_the_next() {
        let text = "kind: Pod\n\
                    a: b # pullcheck: ignore[mutable-tag] it is pinned\n\
                    # pullcheck: ignore[a-b, c]\n\
                    # another comment\n\
                    \n\
                    c: d # renovate: x # pullcheck:ignore[e]: why\n";
        let expected = [
            (line(2), "mutable-tag".to_owned(), Some("it is pinned".to_owned())),
            (line(6), "a-b,c".to_owned(), None),
            (line(6), "e".to_owned(), Some("why".to_owned())),
        ];
        assert_eq!(valid(text), expected);
    }

    #[test]
    fn a_whole_file_is_spoken_of_at_its_head_only() {
        let text =
            "# licence\n# pullcheck: ignore-file[mutable-tag] old\n---\nkind: Pod\n# pullcheck: ignore-file[x]\n";
        let found = read_text(text);
        assert_eq!(found.valid.iter().map(|it| it.scope).collect::<Vec<_>>(), [Scope::File(SourceId(0))]);
        assert_eq!(found.invalid.iter().map(|it| it.fault).collect::<Vec<_>>(), [DirectiveFault::NotAtHead]);
    }

    #[test]
    fn what_looks_like_a_comment_in_a_text_is_none() {
        assert_eq!(valid("kind: Pod\na: |\n  # pullcheck: ignore[x]\nb: '# pullcheck: ignore[x]'\n"), []);
    }

    #[test]
    fn a_document_that_cannot_be_parsed_keeps_its_comments() {
        let text = "apiVersion: v1\nkind: Pod\n# pullcheck: ignore[invalid-yaml] known\na: [\n";
        assert_eq!(valid(text), [(line(4), "invalid-yaml".to_owned(), Some("known".to_owned()))]);
    }

    #[test]
    fn faults_are_told_apart() {
        let fault = |comment: &str| read_text(&format!("kind: Pod\n{comment}\n")).invalid.first().map(|it| it.fault);
        assert_eq!(fault("# pullcheck: ignore"), Some(DirectiveFault::NoRules));
        assert_eq!(fault("# pullcheck: ignore[]"), Some(DirectiveFault::NoRules));
        assert_eq!(fault("# pullcheck: ignore[a"), Some(DirectiveFault::NoRules));
        assert_eq!(fault("# pullcheck: disable[a]"), Some(DirectiveFault::Unknown));
        assert_eq!(fault("# pullcheck is a tool"), None);
        assert_eq!(fault("# see pullcheck: ignore[a]"), None);
    }

    #[test]
    fn rules_have_their_places() {
        let text = "kind: Pod # pullcheck: ignore[ a , b ]\n";
        let found = read_text(text);
        let places: Vec<_> = found.valid[0].rules.iter().map(|rule| &text[rule.span.range()]).collect();
        assert_eq!(places, ["a", "b"]);
        assert_eq!(&text[found.valid[0].span.range()], "# pullcheck: ignore[ a , b ]");
    }
}
