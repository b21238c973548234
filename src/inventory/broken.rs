//! Documents that kubectl does not take: what they are, and what of them could be secret.

use std::ops::Range;

use crate::inventory::{Inventory, Problem, ProblemKind, ReadOptions};
use crate::sensitive::Sensitive;
use crate::source::{Source, SourceOrigin, Span};
use crate::yaml::SyntaxError;

impl Inventory {
    pub(super) fn add_broken(&mut self, source: &Source, error: SyntaxError, options: ReadOptions) {
        self.documents += 1;
        let text = source.text().get(error.document.range()).unwrap_or_default();
        let rendered = matches!(source.origin(), SourceOrigin::Rendered(_));
        let kind = if text.contains("{{") && !rendered {
            ProblemKind::Template
        } else {
            ProblemKind::InvalidYaml { certain: options.named || is_manifest(text) }
        };
        if text.lines().any(may_be_of_a_secret) {
            self.mask_broken_secret(text, error.document);
        }
        self.problems.push(Problem { kind, span: error.at, message: error.message });
    }

    /// Without a tree nobody knows which lines hold the values: all that stands behind a key, and lines without one,
    /// could be secret.
    fn mask_broken_secret(&mut self, text: &str, document: Span) {
        let mut at = document.start;
        for line in text.split_inclusive('\n') {
            let value = value_in_line(line);
            let (start, end) = (at + value.start as u32, at + value.end as u32);
            self.masked.push(Span::new(document.source, start, end));
            // `Secret` is a word of every message.
            let public =
                line.starts_with("kind:") || line.starts_with("apiVersion:") || is_plain_word(&line[value.clone()]);
            if !public {
                self.secret_texts.push(Sensitive::new(&line[value]));
            }
            at += line.len() as u32;
        }
    }

    pub(super) fn add_refused(&mut self, source: &Source, error: SyntaxError, options: ReadOptions<'_>) {
        let text = source.text().get(error.document.range()).unwrap_or_default();
        let kind = ProblemKind::RefusedYaml { certain: options.named || is_manifest(text) };
        self.problems.push(Problem { kind, span: error.at, message: error.message });
    }

    pub(super) fn add_unread(&mut self, source: &Source, error: SyntaxError, options: ReadOptions<'_>) {
        let text = source.text().get(error.document.range()).unwrap_or_default();
        let kind = ProblemKind::UnreadYaml { certain: options.named || is_manifest(text) };
        self.problems.push(Problem { kind, span: error.at, message: error.message });
    }
}

/// Whether a text that is no tree is meant as a manifest: it says at the start of a line what it is.
fn is_manifest(text: &str) -> bool {
    let has_line = |key: &str| text.lines().any(|line| line.starts_with(key));
    has_line("apiVersion:") && has_line("kind:")
}

/// Whether a line of a document that cannot be parsed says that it is a Secret, in YAML or JSON, or holds a value of
/// one.
fn may_be_of_a_secret(line: &str) -> bool {
    let is_kind = |after: &str| {
        let kind = after.trim_start_matches(['"', '\'']).trim_start().strip_prefix(':').unwrap_or_default();
        kind.trim_start().trim_start_matches(['"', '\'']).starts_with("Secret")
    };
    line.split("kind").skip(1).any(is_kind) || line.contains("stringData") || line.contains(".dockerc")
}

/// What of a line could be secret: what stands behind its key, or all of it when it has none. Empty for keys whose
/// values tell where the reader is.
fn value_in_line(line: &str) -> Range<usize> {
    const PUBLIC: [&str; 6] = ["apiVersion", "kind", "metadata", "name", "namespace", "type"];
    let end = line.trim_end().len();
    let start = end - line[..end].trim_start().len();
    let Some(colon) = line[start..end].find(": ").map(|at| start + at) else {
        return if line[..end].ends_with(':') { end..end } else { start..end };
    };
    let key = line[start..colon].trim_start_matches("- ").trim_matches('"');
    let one_value = !line[colon + 1..end].contains([':', ',']);
    if PUBLIC.contains(&key) && one_value { end..end } else { colon + 2..end }
}

/// A short word of letters: the value of a label sooner than a secret. It is masked where it stands, but the same word
/// in other files, in paths and image names, has to stay readable: most broken documents are templates that say
/// `component: controller`.
fn is_plain_word(value: &str) -> bool {
    let word = value.trim_matches(['"', '\'']);
    word.len() < 12 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}
