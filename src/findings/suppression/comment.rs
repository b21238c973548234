//! Directives in comments: `# pullcheck: ignore[rule, …] reason`.

use std::ops::Range;

use crate::findings::suppression::{DirectiveFault, Misdirected, Scope, Suppression, Suppressions};
use crate::text::source::{Source, SourceId, Span, Spanned};

/// The prefix of a directive, after `#` and white space.
const NAME: &str = "pullcheck:";

/// The verbs of directives.
const VERBS: [&str; 2] = ["ignore", "ignore-file"];

/// Reads the directives of a source. `comments` are those of the documents that were parsed. In a document that is
/// `broken`, everything that looks like a directive is taken for one, because comments cannot be distinguished
/// there.
pub(crate) fn read(id: SourceId, source: &Source, comments: &[Span], broken: &[Span]) -> Suppressions {
    let mut found = Suppressions::default();
    let head = head_end(source);
    let span = |range: Range<usize>| Span::new(id, range.start as u32, range.end as u32);
    let of_head = (1..head).filter_map(|line| comment_of(source, line)).map(span);
    let of_broken = broken.iter().flat_map(|document| {
        let lines = source.line_of(document.start)..=source.line_of(document.end);
        lines.filter_map(|line| comment_of(source, line)).map(span)
    });
    let below = comments.iter().copied().chain(of_broken).filter(|comment| source.line_of(comment.start) >= head);
    let mut targets = Targets::default();
    for comment in of_head.chain(below) {
        for directive in directives(source.text(), comment) {
            found.add(directive, source, source.line_of(directive.start) < head, &mut targets);
        }
    }
    found
}

impl Suppressions {
    fn add(&mut self, directive: Span, source: &Source, at_head: bool, targets: &mut Targets) {
        let fault = match parse(directive, source.text()) {
            Ok((Verb::IgnoreFile, ..)) if !at_head => DirectiveFault::NotAtHead,
            Ok((verb, rules, reason)) => {
                let scope = match verb {
                    Verb::Ignore => Scope::Line(directive.source, targets.line_of(source, directive.start)),
                    Verb::IgnoreFile => Scope::File(directive.source),
                };
                return self.valid.push(Suppression { scope, rules, reason, span: directive });
            }
            Err(fault) => fault,
        };
        self.invalid.push(Misdirected { span: directive, fault });
    }

    /// In the order of their places, each once.
    pub(crate) fn sort(&mut self) {
        self.valid.sort_by_key(|suppression| suppression.span);
        self.valid.dedup();
        self.invalid.sort_by_key(|directive| directive.span);
        self.invalid.dedup();
    }
}

/// Returns the line after the file's first comment block: the first that is neither blank, nor a comment, nor a
/// document's beginning.
fn head_end(source: &Source) -> u32 {
    let is_head = |line: &str| {
        let line = line.trim_start_matches('\u{feff}').trim();
        let begun = line.strip_prefix("---").map(str::trim_start);
        line.is_empty()
            || line.starts_with(['#', '%'])
            || begun.is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
    };
    let lines = 1..=source.line_count();
    lines.into_iter().find(|line| !is_head(source.line(*line))).unwrap_or(source.line_count() + 1)
}

/// Returns the part of a line that looks like a comment.
fn comment_of(source: &Source, line: u32) -> Option<Range<usize>> {
    let range = source.line_range(line);
    let text = source.text().get(range.clone())?;
    let bytes = text.trim_start_matches('\u{feff}').as_bytes();
    let mark = text.len() - bytes.len();
    let begins = |at: usize| at == 0 || matches!(bytes.get(at - 1), Some(b' ' | b'\t'));
    let at = memchr::memchr_iter(b'#', bytes).find(|&at| begins(at))?;
    Some(range.start + mark + at..range.start + text.trim_end().len())
}

/// Returns the directives in a comment. They may follow other words, and one another:
/// `# renovate: … # pullcheck: ignore[…]`.
fn directives(text: &str, comment: Span) -> Vec<Span> {
    let words = text.get(comment.range()).unwrap_or_default();
    let starts = words.match_indices('#').map(|(at, _)| at);
    let starts: Vec<usize> = starts.filter(|at| is_directive(words.get(at + 1..).unwrap_or_default())).collect();
    let ends = starts.iter().skip(1).copied().chain([words.len()]);
    let spans = starts.iter().zip(ends).filter_map(|(&start, end)| {
        let length = words.get(start..end)?.trim_end().len();
        let start = comment.start + start as u32;
        Some(Span::new(comment.source, start, start + length as u32))
    });
    spans.collect()
}

/// Whether words begin as a directive does, or are clearly meant as one.
fn is_directive(words: &str) -> bool {
    let words = words.trim_start();
    words.starts_with(NAME) || is_meant(words)
}

/// Whether a text is meant as a directive, such as `pullcheck ignore[…]` or `Pullcheck-ignore-file[…]`: the author
/// believes that it works.
fn is_meant(words: &str) -> bool {
    let Some((name, rest)) = words.split_at_checked(NAME.len() - 1) else { return false };
    let verb = rest.trim_start_matches([' ', ':', '-', '.', '/']);
    let end = verb.find('[').unwrap_or_default();
    name.eq_ignore_ascii_case("pullcheck")
        && verb.len() < rest.len()
        && verb
            .get(..end)
            .map(str::trim_end)
            .is_some_and(|verb| VERBS.iter().any(|known| verb.eq_ignore_ascii_case(known)))
}

/// The verb of a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Ignore,
    IgnoreFile,
}

type Parsed = (Verb, Vec<Spanned<String>>, Option<String>);

fn parse(directive: Span, text: &str) -> Result<Parsed, DirectiveFault> {
    let words = text.get(directive.range()).unwrap_or_default();
    let rest = words.trim_start_matches('#').trim_start();
    let rest = rest.strip_prefix(NAME).ok_or(DirectiveFault::NoColon)?.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
    let (verb, rest) = rest.split_at(end);
    let verb = match verb {
        "ignore" => Verb::Ignore,
        "ignore-file" => Verb::IgnoreFile,
        _ => return Err(DirectiveFault::Unknown),
    };
    let list = rest.trim_start().strip_prefix('[').ok_or(DirectiveFault::NoRules)?;
    let (list, reason) = list.split_once(']').ok_or(DirectiveFault::Unclosed)?;
    let rules: Vec<_> = list.split(',').filter_map(|name| rule(directive, words, name)).collect();
    if rules.is_empty() {
        return Err(DirectiveFault::NoRules);
    }
    let reason = reason.trim_matches([' ', '\t', ':', '-', '\u{2014}', '\r', '\n']);
    Ok((verb, rules, (!reason.is_empty()).then(|| reason.to_owned())))
}

/// Returns a name of the list with its place.
fn rule(directive: Span, words: &str, name: &str) -> Option<Spanned<String>> {
    let name = name.trim();
    let offset = (name.as_ptr() as usize).checked_sub(words.as_ptr() as usize)? as u32;
    let start = directive.start + offset;
    let span = Span::new(directive.source, start, start + name.len() as u32);
    (!name.is_empty()).then(|| Spanned { value: name.to_owned(), span })
}

/// Finds the lines that comments apply to.
#[derive(Default)]
struct Targets {
    /// The last block of comments: the first line of it that was examined, and the line of code after it. A block of
    /// thousands is scanned once.
    block: Option<(u32, Option<u32>)>,
}

impl Targets {
    /// Returns the line that a comment applies to: its own or, if the comment is alone on its line, the next line
    /// that is neither blank nor a comment.
    fn line_of(&mut self, source: &Source, comment: u32) -> u32 {
        let line = source.line_of(comment);
        let begins = |line: u32| source.line(line).trim_start_matches('\u{feff}').trim_start();
        if !begins(line).starts_with('#') {
            return line;
        }
        let last = source.line_count();
        if let Some((first, code)) = self.block
            && (first..=code.unwrap_or(last)).contains(&line)
        {
            return code.unwrap_or(line);
        }
        let is_code = |line: &u32| !begins(*line).is_empty() && !begins(*line).starts_with('#');
        let code = (line..=last).find(is_code);
        self.block = Some((line, code));
        code.unwrap_or(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::source::Encoding;

    fn read_text(text: &str) -> Suppressions {
        let source = Source::new("a.yaml", text, Encoding::Utf8);
        let id = SourceId(0);
        let mut comments = Vec::new();
        let mut broken = Vec::new();
        crate::text::yaml::read(id, source.text(), false, &mut |piece| match piece {
            crate::text::yaml::Piece::Document(document) => comments.extend(document.comments()),
            crate::text::yaml::Piece::Broken(error) => broken.push(error.document),
            _ => {}
        });
        let mut found = read(id, &source, &comments, &broken);
        found.sort();
        found
    }

    fn valid(text: &str) -> Vec<(Scope, String, Option<String>)> {
        let names =
            |suppression: &Suppression| suppression.rules.iter().map(|rule| &*rule.value).collect::<Vec<_>>().join(",");
        read_text(text)
            .valid
            .iter()
            .map(|suppression| (suppression.scope, names(suppression), suppression.reason.clone()))
            .collect()
    }

    fn line(line: u32) -> Scope {
        Scope::Line(SourceId(0), line)
    }

    #[test]
    fn comment_applies_to_its_own_or_the_next_line() {
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
    fn ignore_file_is_valid_only_at_the_head_of_the_file() {
        let text =
            "# licence\n# pullcheck: ignore-file[mutable-tag] old\n---\nkind: Pod\n# pullcheck: ignore-file[x]\n";
        let found = read_text(text);
        assert_eq!(
            found.valid.iter().map(|suppression| suppression.scope).collect::<Vec<_>>(),
            [Scope::File(SourceId(0))]
        );
        assert_eq!(
            found.invalid.iter().map(|directive| directive.fault).collect::<Vec<_>>(),
            [DirectiveFault::NotAtHead]
        );
    }

    #[test]
    fn comment_inside_a_scalar_is_ignored() {
        assert_eq!(valid("kind: Pod\na: |\n  # pullcheck: ignore[x]\nb: '# pullcheck: ignore[x]'\n"), []);
    }

    #[test]
    fn a_document_that_cannot_be_parsed_keeps_its_comments() {
        let text = "apiVersion: v1\nkind: Pod\n# pullcheck: ignore[invalid-yaml] known\na: [\n";
        assert_eq!(valid(text), [(line(4), "invalid-yaml".to_owned(), Some("known".to_owned()))]);
    }

    #[test]
    fn invalid_comments_are_classified() {
        let fault = |comment: &str| {
            read_text(&format!("kind: Pod\n{comment}\n")).invalid.first().map(|directive| directive.fault)
        };
        assert_eq!(fault("# pullcheck: ignore"), Some(DirectiveFault::NoRules));
        assert_eq!(fault("# pullcheck: ignore[]"), Some(DirectiveFault::NoRules));
        assert_eq!(fault("# pullcheck: ignore mutable-tag"), Some(DirectiveFault::NoRules));
        assert_eq!(fault("# pullcheck: ignore[a"), Some(DirectiveFault::Unclosed));
        assert_eq!(fault("# pullcheck ignore[a]"), Some(DirectiveFault::NoColon));
        assert_eq!(fault("# Pullcheck: ignore[a]"), Some(DirectiveFault::NoColon));
        assert_eq!(fault("# Pullcheck: Ignore[a]"), Some(DirectiveFault::NoColon));
        assert_eq!(fault("# PULLCHECK: IGNORE-FILE[a]"), Some(DirectiveFault::NoColon));
        assert_eq!(fault("# pullcheck: Ignore[a]"), Some(DirectiveFault::Unknown));
        assert_eq!(fault("# pullcheck-ignore-file[a]"), Some(DirectiveFault::NoColon));
        assert_eq!(fault("# pullcheck ignores [a]"), None);
        assert_eq!(fault("# pullcheck.dev/ignore: a"), None);
        assert_eq!(fault("# pullcheck: disable[a]"), Some(DirectiveFault::Unknown));
        assert_eq!(fault("# pullcheck is a tool"), None);
        assert_eq!(fault("# see pullcheck: ignore[a]"), None);
    }

    #[test]
    fn one_comment_may_contain_two_directives() {
        let text = "a: b # pullcheck: ignore[a] one # pullcheck: ignore[b] two\r\n";
        let of = |name: &str, reason: &str| (line(1), name.to_owned(), Some(reason.to_owned()));
        assert_eq!(valid(text), [of("a", "one"), of("b", "two")]);
    }

    #[test]
    fn comment_at_the_end_of_a_broken_line_is_read() {
        let text = "apiVersion: v1\nkind: Pod\na: [ # pullcheck: ignore[invalid-yaml]\n";
        assert_eq!(valid(text), [(line(3), "invalid-yaml".to_owned(), None)]);
    }

    #[test]
    fn comments_are_read_with_any_line_ending_and_bom() {
        for text in [
            "\u{feff}# pullcheck: ignore-file[a]\r\n--- # x\r\nb: c\r\n# pullcheck: ignore[d] e\r\n\r\nf: g\r\n",
            "# pullcheck: ignore-file[a]\r--- # x\rb: c\r# pullcheck: ignore[d] e\r\rf: g\r",
        ] {
            let file = (Scope::File(SourceId(0)), "a".to_owned(), None);
            assert_eq!(valid(text), [file, (line(6), "d".to_owned(), Some("e".to_owned()))], "{text:?}");
        }
    }

    #[test]
    fn comment_rule_names_have_spans() {
        let text = "kind: Pod # pullcheck: ignore[ a , b ]\n";
        let found = read_text(text);
        let places: Vec<_> = found.valid[0].rules.iter().map(|rule| &text[rule.span.range()]).collect();
        assert_eq!(places, ["a", "b"]);
        assert_eq!(&text[found.valid[0].span.range()], "# pullcheck: ignore[ a , b ]");
    }
}
