//! Documents that kubectl rejects: what kind of problem they have, and which parts of them could be secret.

use std::ops::Range;

use super::template_sign::{self, TemplateCheck};
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
            // A ConfigMap does not contain images that would remain unchecked.
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

    /// Returns the decoder's message. If the document could be a Secret, the parts that the message quotes are
    /// removed. All values of such a document are masked, because it is unknown which of them contain the password.
    fn message_without_secrets(&mut self, source: &Source, document: &str, error: &SyntaxError) -> String {
        let around = source.text().get(error.at.range()).unwrap_or_default();
        if !may_hold_a_secret(document) && !may_hold_a_secret(around) {
            return error.message.clone();
        }
        self.mask_broken_secret(document, error.document);
        without_quotes(&error.message)
    }

    /// Masks everything after a key, and lines without one. Without a parsed tree it is unknown which lines contain
    /// the values.
    fn mask_broken_secret(&mut self, text: &str, document: Span) {
        let mut at = document.start;
        for line in text.split_inclusive('\n') {
            let value = value_in_line(line);
            let (start, end) = (at + value.start as u32, at + value.end as u32);
            self.masked.push(Span::new(document.source, start, end));
            // `Secret` occurs in many messages.
            let public =
                line.starts_with("kind:") || line.starts_with("apiVersion:") || is_plain_word(&line[value.clone()]);
            if !public {
                self.secret_texts.push(Sensitive::new(&line[value]));
            }
            at += line.len() as u32;
        }
    }

    /// Whether a document is broken because it is an unrendered template. The text around its placeholders is read.
    fn is_template(&mut self, source: &Source, text: &str, error: &SyntaxError, options: ReadOptions<'_>) -> bool {
        if matches!(source.origin(), SourceOrigin::Rendered(_)) {
            return false;
        }
        if has_template_ending(source.name()) {
            return true;
        }
        let failed_at = (error.at.start - error.document.start) as usize;
        match template_sign::look(text, failed_at) {
            TemplateCheck::Broken => false,
            TemplateCheck::Template => true,
            TemplateCheck::Masked { text: masked, near, in_line, readable } => {
                let read = yaml::read_masked(error.document, text, &masked, &mut |document| {
                    if readable {
                        self.add_document(source, document, options.kinds);
                    }
                });
                self.documents -= usize::from(read.is_ok() && readable);
                // If the parser stops at the same place without the signs, those in other lines are not the cause.
                match read {
                    Ok(()) => true,
                    Err(at) => in_line || near && at != failed_at,
                }
            }
        }
    }

    /// A file for ytt is valid YAML, but the values that its comments compute are missing.
    pub(super) fn add_ytt(&mut self, source: &Source, document: &Document<'_>) {
        let is_ytt = |span: &Span| source.text().get(span.range()).is_some_and(|text| text.starts_with("#@ "));
        if let Some(span) = document.comments().find(is_ytt) {
            self.problems.push(Problem { kind: ProblemKind::Template, span, message: String::new() });
        }
    }

    /// Reports a root that is a scalar instead of an object, if the text looks like a manifest.
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

    /// Reports a name that is not a string: the API server expects a string, and rejects the object.
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
        // Before rendering, neither the content of a template nor the end of a document is known.
        if self
            .problems
            .last()
            .is_some_and(|problem| problem.kind == ProblemKind::Template && problem.span.source == error.at.source)
        {
            return;
        }
        let kind = ProblemKind::UnreadYaml { certain: options.named || is_manifest(text) };
        self.problems.push(Problem { kind, span: error.at, message });
    }
}

/// Whether a file's name has an extension for templates.
fn has_template_ending(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    matches!(ending, "erb" | "gotmpl" | "j2" | "jinja" | "jinja2" | "templ" | "template" | "tmpl" | "tpl")
}

/// Whether a text is meant for a cluster: as a manifest, or as a kustomization.
fn is_meant(source: &Source, text: &str) -> bool {
    is_manifest(text) || kustomization::is_file_name(source.name())
}

/// Whether a text that cannot be parsed is meant as a manifest: it has `apiVersion:` and `kind:` at the start of a
/// line.
fn is_manifest(text: &str) -> bool {
    let has_line = |key: &str| text.lines().any(|line| line.starts_with(key));
    has_line("apiVersion:") && has_line("kind:")
}

/// Removes the parts of the document that a decoder's message quotes.
fn without_quotes(message: &str) -> String {
    const SEPARATOR: &str = "invalid Yaml document separator: ";
    if message.starts_with(SEPARATOR) {
        return format!("{SEPARATOR}{MASKED}");
    }
    for (open, close) in [('`', '`'), ('\'', '\'')] {
        if let (Some(start), Some(end)) = (message.find(open), message.rfind(close))
            // `'-'` comes from the decoder itself.
            && end > start + 2
        {
            return format!("{}{open}{MASKED}{close}{}", &message[..start], &message[end + close.len_utf8()..]);
        }
    }
    message.to_owned()
}

/// The replacement for text that could be secret.
const MASKED: &str = "***";

/// The part of a line that could be secret: the text after its key, or the whole line if it has none. Empty for keys
/// whose values identify the object.
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

/// Whether a value is a short word of letters, which is more likely a label's value than a secret. The value is
/// masked in its own place. The same word in other files, in paths, and in image names has to stay readable, because
/// most broken documents are templates with lines like `component: controller`.
fn is_plain_word(value: &str) -> bool {
    let word = value.trim_matches(['"', '\'']);
    word.len() < 12 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}
