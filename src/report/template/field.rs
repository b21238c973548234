//! The lines of a template that write a key and its value: `image: "{{ .Values.image }}"`.

use std::ops::Range;

use crate::report::template::lex::{Token, tokens};

/// A key whose value is in the template's own text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateField {
    pub(crate) key: String,
    /// The column of the key, 0-based.
    pub(crate) column: usize,
    /// Whether a `- ` precedes the key: the first key of a list item.
    pub(crate) starts_item: bool,
    /// The value, its quotes left out.
    pub(crate) range: Range<usize>,
    /// The value as it is written.
    pub(crate) whole: Range<usize>,
    /// The fixed text of the value, in pieces; `None` is the output of an action.
    pub(crate) skeleton: Vec<Option<String>>,
}

/// Returns all fields of a template, in order.
pub(crate) fn fields(text: &str) -> Vec<TemplateField> {
    let actions: Vec<Range<usize>> = tokens(text)
        .into_iter()
        .filter_map(|token| match token {
            Token::Action(outer, _) => Some(outer),
            Token::Text(_) => None,
        })
        .collect();
    let lines = Lines { text, actions };
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let end = lines.end(at);
        found.extend(lines.field(at, end));
        at = end + 1;
    }
    found
}

struct Lines<'t> {
    text: &'t str,
    actions: Vec<Range<usize>>,
}

impl Lines<'_> {
    /// Returns the end of the line that begins at `start`; a line break within an action does not end it.
    fn end(&self, start: usize) -> usize {
        let mut at = start;
        loop {
            let Some(end) = self.text[at..].find('\n').map(|found| at + found) else { return self.text.len() };
            let over = self.actions.partition_point(|action| action.start <= end);
            match over.checked_sub(1).and_then(|index| self.actions.get(index)).filter(|action| end < action.end) {
                Some(action) => at = action.end,
                None => return end,
            }
        }
    }

    fn field(&self, start: usize, end: usize) -> Option<TemplateField> {
        let line = &self.text[start..end];
        let mut rest = line.trim_start_matches(' ');
        let mut starts_item = false;
        while let Some(item) = rest.strip_prefix("- ") {
            (rest, starts_item) = (item.trim_start_matches(' '), true);
        }
        let column = line.len() - rest.len();
        let (key, value) = rest.split_once(':')?;
        let bare = key.trim_matches(['"', '\'']);
        let is_key = !bare.is_empty()
            && bare.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/'));
        if !is_key || !(value.is_empty() || value.starts_with([' ', '\t', '\r'])) {
            return None;
        }
        let may_be_image = bare.to_ascii_lowercase().ends_with("image") || bare == "reference";
        let range = self.value(end - value.len(), end, (column, may_be_image))?;
        let whole = range.clone();
        let text = &self.text[range.clone()];
        let quoted =
            text.len() > 1 && ['"', '\''].iter().any(|&quote| text.starts_with(quote) && text.ends_with(quote));
        let range = if quoted { range.start + 1..range.end - 1 } else { range };
        let skeleton = self.skeleton(&range);
        Some(TemplateField { key: bare.to_owned(), column, starts_item, range, whole, skeleton })
    }

    /// Returns the value of a key. The value is on the key's line or, for a block scalar and for an image that an
    /// action writes, on the next one. Below other keys an action may write a whole mapping.
    fn value(&self, start: usize, end: usize, (column, may_be_image): (usize, bool)) -> Option<Range<usize>> {
        let range = self.without_comment(start, end);
        let text = &self.text[range.clone()];
        if !text.is_empty() && !matches!(text, ">" | ">-" | "|" | "|-") {
            return (!text.starts_with(['&', '*', '{', '['].as_slice()) || text.starts_with("{{")).then_some(range);
        }
        let next = end + 1;
        let line = self.text.get(next..self.end(next.min(self.text.len())))?;
        let deeper = line.len() - line.trim_start_matches(' ').len() > column;
        let action = may_be_image && line.trim_start().starts_with("{{");
        (deeper && (action || !text.is_empty())).then(|| self.without_comment(next, next + line.len()))
    }

    /// Returns a piece of a line without the blanks around it and the comment at its end.
    fn without_comment(&self, start: usize, end: usize) -> Range<usize> {
        let text = &self.text[start..end];
        let mut comments = text.match_indices(" #").map(|(at, _)| start + at);
        let end = comments.find(|&at| self.action_at(at).is_none()).unwrap_or(end);
        let text = &self.text[start..end];
        let start = start + (text.len() - text.trim_start().len());
        start..start + text.trim().len()
    }

    fn action_at(&self, at: usize) -> Option<&Range<usize>> {
        let after = self.actions.partition_point(|action| action.start <= at);
        self.actions.get(after.checked_sub(1)?).filter(|action| at < action.end)
    }

    fn skeleton(&self, range: &Range<usize>) -> Vec<Option<String>> {
        let first = self.actions.partition_point(|action| action.start < range.start);
        let until = self.actions.partition_point(|action| action.end <= range.end);
        let inside = || self.actions.get(first..until).unwrap_or_default().iter();
        let controls = |action: &&Range<usize>| {
            let inner = self.text[(*action).clone()].trim_start_matches(['{', '-']).trim_start();
            ["if", "else", "end", "with", "range"].iter().any(|word| {
                inner.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
            })
        };
        let first = inside().find(controls).map(|action| action.start);
        let last = inside().rfind(controls).map(|action| action.end);
        let mut wild: Vec<Range<usize>> = inside().cloned().collect();
        if let (Some(first), Some(last)) = (first, last) {
            wild.retain(|action| action.end <= first || action.start >= last);
            wild.push(first..last);
            wild.sort_by_key(|action| action.start);
        }
        let mut skeleton = Vec::new();
        let mut at = range.start;
        for action in wild {
            if action.start > at {
                skeleton.push(Some(self.text[at..action.start].to_owned()));
            }
            skeleton.push(None);
            at = action.end;
        }
        if at < range.end {
            skeleton.push(Some(self.text[at..range.end].to_owned()));
        }
        skeleton
    }
}

/// How many lines above an action are searched for the key that it belongs to.
const MAX_LINES: usize = 500;

/// Keys below which no container is ever written.
const HARMLESS: &[&str] = &[
    "affinity",
    "annotations",
    "args",
    "command",
    "data",
    "dnsConfig",
    "env",
    "envFrom",
    "hostAliases",
    "imagePullSecrets",
    "labels",
    "lifecycle",
    "livenessProbe",
    "matchLabels",
    "nodeSelector",
    "ports",
    "readinessProbe",
    "resources",
    "rules",
    "securityContext",
    "selector",
    "startupProbe",
    "stringData",
    "tolerations",
    "topologySpreadConstraints",
    "volumeMounts",
];

/// Whether the output of an action is below a key that contains no container, judged by the lines above it.
pub(super) fn is_harmless(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.len() - start;
    // After a key on its own line, the action writes that key's value.
    if let Some((key, _)) = before[start..].split_once(':') {
        return HARMLESS.contains(&key.trim_start_matches([' ', '-']));
    }
    if !before[start..].trim().is_empty() {
        return false;
    }
    let above = before[..start].lines().rev().take(MAX_LINES).filter(|line| {
        let trimmed = line.trim_start();
        !trimmed.is_empty() && !trimmed.starts_with("{{") && !trimmed.starts_with('#')
    });
    let mut parents = above.filter(|line| line.len() - line.trim_start_matches([' ', '-']).len() < column);
    parents.next().is_some_and(|line| {
        let key = line.trim_start_matches([' ', '-']).split(':').next().unwrap_or_default();
        HARMLESS.contains(&key)
    })
}

/// Whether a text consists of the parts, in which `None` matches anything.
pub(crate) fn fits<'p>(parts: impl IntoIterator<Item = Option<&'p str>>, text: &str) -> bool {
    let mut ends = vec![0];
    for part in parts {
        let mut next = Vec::new();
        match part {
            // Anything from the first end on.
            None => next.extend(ends.first().into_iter().flat_map(|&first| first..=text.len())),
            Some(part) => {
                next.extend(
                    ends.iter()
                        .filter(|&&at| text.as_bytes()[at..].starts_with(part.as_bytes()))
                        .map(|at| at + part.len()),
                );
            }
        }
        next.dedup();
        ends = next;
    }
    ends.last() == Some(&text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, &str)> {
        fields(text).into_iter().map(|field| (field.key, &text[field.range])).collect()
    }

    fn of<'t>(pairs: &[(&str, &'t str)]) -> Vec<(String, &'t str)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
    }

    #[test]
    fn value_extends_to_the_end_of_its_line() {
        let text = "  - name: a # x\n    image: \"{{ .r }}:{{ .t }}\" # y\n    x: {{ include \"a # b\"\n   . }}\n    tag: 'v1'\n";
        let expected =
            [("name", "a"), ("image", "{{ .r }}:{{ .t }}"), ("x", "{{ include \"a # b\"\n   . }}"), ("tag", "v1")];
        assert_eq!(values(text), of(&expected));
        let found = fields(text);
        assert_eq!((found[0].column, found[0].starts_item, found[1].column, found[1].starts_item), (4, true, 4, false));
        assert_eq!(&text[found[1].whole.clone()], "\"{{ .r }}:{{ .t }}\"");
    }

    #[test]
    fn value_may_be_on_the_next_line() {
        assert_eq!(
            values("image: >-\n  a:{{ .t }}\ninitImage:\n  {{ .y }}\nz:\n  a: b\n"),
            of(&[("image", "a:{{ .t }}"), ("initImage", "{{ .y }}"), ("a", "b")])
        );
    }

    #[test]
    fn skeleton_contains_only_certain_text() {
        let skeleton = |text: &str| fields(text).remove(0).skeleton;
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(skeleton("image: \"a/{{ .x }}:v{{ .t }}\""), [text("a/"), None, text(":v"), None]);
        assert_eq!(skeleton("image: a{{ if .x }}@{{ .x }}{{ else }}:b{{ end }}-c"), [text("a"), None, text("-c")]);
    }

    #[test]
    fn skeleton_parts_match_a_whole_text() {
        let fits = |parts: &[Option<&str>], text| super::fits(parts.iter().copied(), text);
        assert!(fits(&[None, Some(":"), None], "a:5000/b:1"));
        assert!(fits(&[Some("a"), None, Some("1")], "a1"));
        assert!(!fits(&[Some("a"), None, Some("1")], "a1 "));
        assert!(!fits(&[Some("é"), None], "e"));
        assert!(fits(&[], "") && !fits(&[], "a"));
    }
}
