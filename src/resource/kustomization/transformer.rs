//! `transformers` and `replacements`: how the built-in ones change what is pulled.
//!
//! Follows `api/internal/builtins` and `api/types/replacement.go` of kustomize 5.8.3.

use super::fields::Fields;
use super::image::ImageRule;
use super::patch::{self, ObjectSelector, Patch};
use super::unrendered::{is_of_credentials, is_of_images};
use crate::text::source::Span;
use crate::text::yaml::scalar::Scalar;
use crate::text::yaml::{self, Node, Piece};

/// An entry in `transformers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transformer {
    /// The text of the entry as written.
    pub text: String,
    /// The effects of its documents, if they are inline in the kustomization; `None` for a file or folder.
    pub inline: Option<Vec<Effect>>,
    /// The place of the entry.
    pub span: Span,
}

/// The effect of a transformer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// No effect on what is pulled or on the credentials.
    Harmless,
    /// Adds a prefix and a suffix to names.
    Names {
        /// The text before the name.
        prefix: String,
        /// The text after the name.
        suffix: String,
    },
    /// Sets the namespace; with `unset_only`, only for objects that have none.
    Namespace {
        /// The name of the namespace.
        name: String,
        /// Whether objects that have a namespace keep it.
        unset_only: bool,
    },
    /// Rewrites images: those of containers, and the fields at these paths.
    Image {
        /// The rule that is applied.
        rule: Box<ImageRule>,
        /// The paths in `fieldSpecs`.
        paths: Vec<String>,
    },
    /// Patches objects.
    Patches(Vec<Patch>),
    /// Replaces fields of objects.
    Replacements(Vec<Replacement>),
    /// An unknown effect; the kind of the transformer.
    Unknown(String),
}

/// An entry in `replacements`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The file that contains the replacement.
    pub path: Option<String>,
    /// The object that the value is copied from.
    pub source: Option<ObjectSelector>,
    /// The source's field and options, as kustomize prints them after its id.
    pub shown_path: String,
    /// The fields that are replaced.
    pub targets: Vec<Replaced>,
    /// The place of the entry.
    pub span: Span,
}

/// A target of a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// Selects the objects to change.
    pub select: ObjectSelector,
    /// The `fieldPaths` that have to exist.
    pub paths: Vec<String>,
    /// Whether it may set an image.
    pub images: bool,
    /// Whether it may set the credentials that an image is pulled with: names of Secrets and service accounts, or
    /// namespaces.
    pub credentials: bool,
    /// Whether it may set the name of a Secret or service account.
    pub renames: bool,
}

/// A document in the inputs that kustomize reads as instructions for other objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aside {
    /// The configuration of a built-in plugin.
    Transformer(Effect),
    /// Replacements in a separate file.
    Replacements(Vec<Replacement>),
    /// A document that may be a transformer configuration.
    Configuration {
        /// Whether it has `images`, and so defines which fields contain images.
        images: bool,
    },
}

impl Aside {
    /// Reads a document; `None` if it is not such a document.
    pub(crate) fn read(root: Node<'_>) -> Option<Self> {
        if root.str("apiVersion") == Some("builtin") {
            return Some(Self::Transformer(Effect::read(root)));
        }
        let is_replacement = |node: Node<'_>| node.get("targets").is_some_and(Node::is_sequence);
        if root.is_sequence() && root.items().next().is_some_and(is_replacement) {
            return Some(Self::Replacements(root.items().map(Replacement::read).collect()));
        }
        if root.get("kind").is_some() || !root.is_mapping() {
            return None;
        }
        if is_replacement(root) {
            return Some(Self::Replacements(vec![Replacement::read(root)]));
        }
        Some(Self::Configuration { images: root.get("images").is_some() })
    }
}

impl Effect {
    fn read(root: Node<'_>) -> Self {
        let kind = root.str("kind").unwrap_or_default();
        let unknown = || Self::Unknown(kind.to_owned());
        // A function in a container may do anything.
        if root.at(&["metadata", "annotations", "config.kubernetes.io/function"]).is_some() {
            return unknown();
        }
        let paths = || root.get("fieldSpecs").into_iter().flat_map(Node::items).filter_map(|spec| spec.str("path"));
        let dotted = |path: &str| path.replace("[]", "").replace('/', ".");
        let is_safe = |path: &str| !is_of_images(&dotted(path)) && !is_of_credentials(&dotted(path));
        let text = |key: &str| root.str(key).unwrap_or_default().to_owned();
        match kind {
            "LabelTransformer" | "AnnotationsTransformer" | "ReplicaCountTransformer" | "HashTransformer" => {
                Self::Harmless
            }
            "PrefixTransformer" | "SuffixTransformer" | "PrefixSuffixTransformer" => {
                if !paths().all(|path| path == "metadata/name" || is_safe(path)) {
                    return unknown();
                }
                if paths().any(|path| path == "metadata/name") {
                    Self::Names { prefix: text("prefix"), suffix: text("suffix") }
                } else {
                    Self::Harmless
                }
            }
            "NamespaceTransformer" => match root.at(&["metadata", "namespace"]).and_then(Node::as_str) {
                Some(name) => Self::Namespace {
                    name: name.to_owned(),
                    unset_only: root.get("unsetOnly").is_some_and(|node| node.text() == Some("true")),
                },
                None => unknown(),
            },
            "ImageTagTransformer" => {
                let mut rule = root.get("imageTag").and_then(|entry| ImageRule::of("imageTag".to_owned(), entry));
                // kustomize prints a date in an object with its time after reading it.
                let is_date = |node: Node<'_>| {
                    let text = node.text().unwrap_or_default();
                    node.is_plain() && text.len() >= 8 && text.bytes().filter(|b| *b == b'-').count() == 2
                };
                let of_tag = root.get("imageTag").into_iter().flat_map(Node::entries).map(|entry| entry.value);
                let has_date = of_tag.filter(|value| !value.is_mapping()).any(|value| {
                    is_date(value) && value.text().is_some_and(|text| text.starts_with(|c: char| c.is_ascii_digit()))
                });
                rule.iter_mut().for_each(|rule| rule.is_broken |= has_date);
                let paths = paths().map(dotted).collect();
                rule.map_or(Self::Harmless, |rule| Self::Image { rule: Box::new(rule), paths })
            }
            "PatchTransformer" => Self::Patches(vec![patch::entry("PatchTransformer".to_owned(), root)]),
            "PatchJson6902Transformer" => {
                Self::Patches(vec![patch::of_json("PatchJson6902Transformer".to_owned(), root)])
            }
            "PatchStrategicMergeTransformer" => Self::Patches(patch::of_merges(root)),
            "ReplacementTransformer" => {
                let list = root.get("replacements").into_iter().flat_map(Node::items);
                Self::Replacements(list.map(Replacement::read).collect())
            }
            _ => unknown(),
        }
    }

    /// The kind of a transformer that cannot be followed; `None` if it can.
    pub(crate) fn unknown(&self) -> Option<&str> {
        match self {
            Self::Unknown(kind) => Some(kind),
            _ => None,
        }
    }
}

impl Replacement {
    pub(crate) fn read(node: Node<'_>) -> Self {
        let fields = Fields::of(node);
        let target = |node: Node<'_>| {
            let fields = Fields::of(node);
            let select = fields.get("select").map(ObjectSelector::read).unwrap_or_default();
            let paths = || fields.items("fieldPaths").filter_map(Node::as_str);
            let may_be = |kind: &&str| select.kind.as_ref().is_none_or(|pattern| pattern.fits(kind) != Some(false));
            let holds_names = ["Secret", "ServiceAccount"].iter().any(may_be);
            let options = fields.get("options").map(Fields::of).unwrap_or_default();
            let creates = options.get("create").is_some_and(|node| node.scalar() == Some(Scalar::Bool(true)));
            Replaced {
                paths: paths().filter(|_| !creates).map(str::to_owned).collect(),
                images: paths().any(is_of_images),
                credentials: paths().any(is_of_credentials),
                renames: holds_names && paths().any(|path| matches!(path, "metadata.name" | "metadata" | "*")),
                select,
            }
        };
        let source = fields.get("source").map(Fields::of).unwrap_or_default();
        let shown_path = source.str("fieldPath").filter(|path| !path.is_empty());
        Self {
            path: fields.str("path").map(str::to_owned),
            shown_path: shown_path.map(|path| format!(":{path}")).unwrap_or_default(),
            source: fields.get("source").filter(|node| node.is_mapping()).map(ObjectSelector::read),
            targets: fields.items("targets").map(target).collect(),
            span: node.span(),
        }
    }
}

/// Whether a field path of a replacement leads to something in an object. A path that needs more syntax than is read
/// here is assumed to.
pub(crate) fn leads_somewhere(object: Node<'_>, path: &str) -> bool {
    let mut node = object;
    let mut rest = path;
    while !rest.is_empty() {
        let end = match rest.starts_with('[') {
            true => rest.find(']').map_or(rest.len(), |at| at + 1),
            false => rest.find('.').unwrap_or(rest.len()),
        };
        let (step, behind) = rest.split_at(end);
        rest = behind.strip_prefix('.').unwrap_or(behind);
        if step.contains('\\') || step == "*" || step == "-" {
            return true;
        }
        match stepped(node, step) {
            Some(next) => node = next,
            None => return false,
        }
    }
    true
}

fn stepped<'a>(node: Node<'a>, step: &str) -> Option<Node<'a>> {
    match step.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(condition) => {
            let (key, value) = condition.split_once('=')?;
            node.items().find(|item| item.get(key).and_then(Node::text) == Some(value))
        }
        None if node.is_sequence() => node.items().nth(step.parse().ok()?),
        None => node.get(step),
    }
}

/// Reads `transformers`.
pub(crate) fn read(fields: &Fields<'_>) -> Vec<Transformer> {
    let entry = |node: Node<'_>| {
        // kustomize reads an empty text as an empty list.
        let text = node.as_str().filter(|text| !text.trim().is_empty())?;
        Some(Transformer { text: text.to_owned(), inline: inline(node, text), span: node.span() })
    };
    fields.items("transformers").filter_map(entry).collect()
}

/// The effects of the transformers in an inline text; `None` if the text is a path.
fn inline(node: Node<'_>, text: &str) -> Option<Vec<Effect>> {
    let mut effects = Vec::new();
    let mut is_path = !text.contains(['\n', '{']);
    if is_path {
        return None;
    }
    yaml::read(node.span().source, text, true, &mut |piece| match piece {
        Piece::Document(document) => {
            let Some(root) = document.root() else { return };
            is_path |= !root.is_mapping();
            effects.push(match Aside::read(root) {
                Some(Aside::Transformer(effect)) => effect,
                _ => Effect::Unknown(root.str("kind").unwrap_or_default().to_owned()),
            });
        }
        Piece::Skipped => effects.push(Effect::Unknown("ConfigMap".to_owned())),
        Piece::Broken(_) => is_path = true,
        // Faults that only kubectl finds in a document do not matter here.
        Piece::Refused(_) | Piece::Unread(_) => {}
    });
    (!is_path).then_some(effects)
}
