//! Documents that kubectl does not take: what they are, and what of them could be secret.

use std::ops::Range;

use super::template_sign::{self, Look};
use crate::credential::sensitive::Sensitive;
use crate::inventory::{Inventory, Problem, ProblemKind, ReadOptions};
use crate::resource::kustomization;
use crate::resource::secret::may_hold_a_secret;
use crate::text::source::{Source, SourceOrigin, Span};
use crate::text::yaml::scalar::Scalar;
use crate::text::yaml::split::split;
use crate::text::yaml::{self, Document, Node, SyntaxError};

impl Inventory {
    pub(super) fn add_broken(&mut self, source: &Source, error: SyntaxError, options: ReadOptions) {
        self.documents += 1;
        let text = source.text().get(error.document.range()).unwrap_or_default();
        let kind = if self.is_template(source, text, &error, options) {
            // A ConfigMap has no image that would not be checked.
            if split(text, options.parse_all).iter().all(|chunk| chunk.skip) {
                return;
            }
            ProblemKind::Template
        } else {
            ProblemKind::InvalidYaml { certain: options.named || is_meant(source, text) }
        };
        let message = self.message_without_secrets(source, text, &error);
        self.problems.push(Problem { kind, span: error.at, message });
    }

    /// The decoder's words, without what they quote where that could be a Secret's: all values of such a document are
    /// masked, as nobody knows which of them hold the password.
    fn message_without_secrets(&mut self, source: &Source, document: &str, error: &SyntaxError) -> String {
        let around = source.text().get(error.at.range()).unwrap_or_default();
        if !may_hold_a_secret(document) && !may_hold_a_secret(around) {
            return error.message.clone();
        }
        self.mask_broken_secret(document, error.document);
        without_quotes(&error.message)
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

    /// Whether a document is broken because nobody rendered it. What stands around its placeholders is read.
    fn is_template(&mut self, source: &Source, text: &str, error: &SyntaxError, options: ReadOptions<'_>) -> bool {
        if matches!(source.origin(), SourceOrigin::Rendered(_)) {
            return false;
        }
        if has_template_ending(source.name()) {
            return true;
        }
        let failed_at = (error.at.start - error.document.start) as usize;
        match template_sign::look(text, failed_at) {
            Look::Broken => false,
            Look::Template => true,
            Look::Masked { text: masked, near, in_line, readable } => {
                let read = yaml::read_masked(error.document, text, &masked, &mut |document| {
                    if readable {
                        self.add_document(source, document, options.kinds);
                    }
                });
                self.documents -= usize::from(read.is_ok() && readable);
                // Where the parser gives up at the same place without them, signs in other lines are not to blame.
                match read {
                    Ok(()) => true,
                    Err(at) => in_line || near && at != failed_at,
                }
            }
        }
    }

    /// A file of ytt's is YAML, but what its comments compute is not there yet.
    pub(super) fn add_ytt(&mut self, source: &Source, document: &Document<'_>) {
        let is_ytt = |span: &Span| source.text().get(span.range()).is_some_and(|text| text.starts_with("#@ "));
        if let Some(span) = document.comments().find(is_ytt) {
            self.problems.push(Problem { kind: ProblemKind::Template, span, message: String::new() });
        }
    }

    /// A text that is no object. What looks like a broken manifest is one, to the reader.
    pub(super) fn check_root(&mut self, document: &Document<'_>, root: Node<'_>) {
        let found = match root.scalar() {
            Some(Scalar::String(_)) => "string",
            Some(Scalar::Number) => "number",
            Some(Scalar::Bool(_)) => "bool",
            Some(Scalar::Null) | None => return,
        };
        if is_manifest(document.text()) {
            let message = format!("json: cannot unmarshal {found} into Go value of type unstructured.detector");
            let kind = ProblemKind::RefusedYaml { certain: true };
            self.problems.push(Problem { kind, span: root.span(), message });
        }
    }

    /// A name that is no string: the API server decodes it into one, and refuses the object.
    pub(super) fn check_names(&mut self, object: Node<'_>) {
        if object.str("apiVersion").is_none() {
            return;
        }
        for key in ["name", "namespace"] {
            let Some(value) = object.get("metadata").and_then(|metadata| metadata.get(key)) else { continue };
            let found = match value.scalar() {
                Some(Scalar::Bool(_)) => "bool",
                Some(Scalar::Number) => "number",
                _ => continue,
            };
            let message =
                format!("json: cannot unmarshal {found} into Go struct field ObjectMeta.metadata.{key} of type string");
            let kind = ProblemKind::RefusedYaml { certain: true };
            self.problems.push(Problem { kind, span: value.span(), message });
        }
    }

    pub(super) fn add_refused(&mut self, source: &Source, error: SyntaxError, options: ReadOptions<'_>) {
        let text = source.text().get(error.document.range()).unwrap_or_default();
        let at = (error.at.start - error.document.start) as usize;
        let rendered = matches!(source.origin(), SourceOrigin::Rendered(_));
        // `{{ x }}` alone is a mapping as the key of another.
        let is_template = !rendered
            && text.get(at..).is_some_and(|rest| rest.starts_with("{"))
            && text.get(..at).is_some_and(|before| before.ends_with('{'));
        let kind = if is_template {
            ProblemKind::Template
        } else {
            ProblemKind::RefusedYaml { certain: options.named || is_meant(source, text) }
        };
        let message = self.message_without_secrets(source, text, &error);
        self.problems.push(Problem { kind, span: error.at, message });
    }

    pub(super) fn add_unread(&mut self, source: &Source, error: SyntaxError, options: ReadOptions<'_>) {
        let text = source.text().get(error.document.range()).unwrap_or_default();
        let message = self.message_without_secrets(source, text, &error);
        // What it holds is not known before it is rendered, nor where a document ends.
        if self.problems.last().is_some_and(|it| it.kind == ProblemKind::Template && it.span.source == error.at.source)
        {
            return;
        }
        let kind = ProblemKind::UnreadYaml { certain: options.named || is_manifest(text) };
        self.problems.push(Problem { kind, span: error.at, message });
    }
}

/// Whether a file's name says that it is a template.
fn has_template_ending(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    matches!(ending, "erb" | "gotmpl" | "j2" | "jinja" | "jinja2" | "templ" | "template" | "tmpl" | "tpl")
}

/// Whether a text is meant for a cluster: as a manifest, or as a kustomization.
fn is_meant(source: &Source, text: &str) -> bool {
    is_manifest(text) || kustomization::is_file_name(source.name())
}

/// Whether a text that is no tree is meant as a manifest: it says at the start of a line what it is.
fn is_manifest(text: &str) -> bool {
    let has_line = |key: &str| text.lines().any(|line| line.starts_with(key));
    has_line("apiVersion:") && has_line("kind:")
}

/// A message of the decoder without the parts of the document that it quotes.
fn without_quotes(message: &str) -> String {
    const SEPARATOR: &str = "invalid Yaml document separator: ";
    if message.starts_with(SEPARATOR) {
        return format!("{SEPARATOR}{MASKED}");
    }
    for (open, close) in [('`', '`'), ('\'', '\'')] {
        if let (Some(start), Some(end)) = (message.find(open), message.rfind(close))
            // `'-'` is a word of the decoder's own.
            && end > start + 2
        {
            return format!("{}{open}{MASKED}{close}{}", &message[..start], &message[end + close.len_utf8()..]);
        }
    }
    message.to_owned()
}

/// What stands in the place of what could be secret.
const MASKED: &str = "***";

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
