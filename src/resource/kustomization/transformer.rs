//! `transformers` and `replacements`: what the built-in ones change of what is pulled.
//!
//! Follows `api/internal/builtins` and `api/types/replacement.go` of kustomize 5.8.3.

use super::fields::Fields;
use super::image::ImageRule;
use super::patch::{self, Patch, Target};
use super::unrendered::{is_of_credentials, is_of_images};
use crate::text::source::Span;
use crate::text::yaml::scalar::Scalar;
use crate::text::yaml::{self, Node, Piece};

/// An entry of `transformers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transformer {
    /// As it is written.
    pub text: String,
    /// What its documents do, where they stand in the kustomization itself; a file or folder else.
    pub inline: Option<Vec<Effect>>,
    /// The entry.
    pub span: Span,
}

/// What a transformer does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Nothing to what is pulled, or with what.
    Harmless,
    /// It puts these around names.
    Names {
        /// In front.
        prefix: String,
        /// Behind.
        suffix: String,
    },
    /// It sets the namespace; of those only that have none, where `unset_only`.
    Namespace {
        /// The namespace.
        name: String,
        /// Whether others keep theirs.
        unset_only: bool,
    },
    /// It rewrites images: those of containers, and the fields at these paths.
    Image {
        /// The rule.
        rule: Box<ImageRule>,
        /// `fieldSpecs`.
        paths: Vec<String>,
    },
    /// It patches.
    Patches(Vec<Patch>),
    /// It replaces fields.
    Replacements(Vec<Replacement>),
    /// It is not known what it does; its kind.
    Unknown(String),
}

/// An entry of `replacements`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The file that it stands in.
    pub path: Option<String>,
    /// The object that the value is taken from.
    pub source: Option<Target>,
    /// The field of it, and the options, as kustomize prints them behind its id.
    pub shown_path: String,
    /// What it replaces.
    pub targets: Vec<Replaced>,
    /// The entry.
    pub span: Span,
}

/// A target of a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// Of which objects.
    pub select: Target,
    /// `fieldPaths` that have to be there.
    pub paths: Vec<String>,
    /// Whether it may set an image.
    pub images: bool,
    /// Whether it may set what an image is pulled with: names of Secrets and service accounts, namespaces.
    pub credentials: bool,
    /// Whether it may set the name of a Secret or service account.
    pub renames: bool,
}

/// A document among the inputs that kustomize reads for what it says of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aside {
    /// The configuration of a built-in plugin.
    Transformer(Effect),
    /// Replacements in a file of their own.
    Replacements(Vec<Replacement>),
    /// What may be a transformer configuration; whether it says which fields hold images.
    Configuration {
        /// It has `images`.
        images: bool,
    },
}

impl Aside {
    /// Reads a document; `None` where it is nothing of the kind.
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
                // An object's date is printed with its time once it has been read.
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

    /// What it cannot be followed for; `None` where it can.
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
            let select = fields.get("select").map(Target::read).unwrap_or_default();
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
            source: fields.get("source").filter(|node| node.is_mapping()).map(Target::read),
            targets: fields.items("targets").map(target).collect(),
            span: node.span(),
        }
    }
}

/// Whether a field path of a replacement leads to something in an object; one that needs more than is read here may.
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
    match step.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        Some(condition) => {
            let (key, value) = condition.split_once('=')?;
            node.items().find(|item| item.get(key).and_then(Node::text) == Some(value))
        }
        None if node.is_sequence() => node.items().nth(step.parse().ok()?),
        None => node.get(step),
    }
}

/// `transformers`.
pub(crate) fn read(fields: &Fields<'_>) -> Vec<Transformer> {
    let entry = |node: Node<'_>| {
        // kustomize reads a list of nothing in an empty text.
        let text = node.as_str().filter(|text| !text.trim().is_empty())?;
        Some(Transformer { text: text.to_owned(), inline: inline(node, text), span: node.span() })
    };
    fields.items("transformers").filter_map(entry).collect()
}

/// The transformers that a text holds; `None` where it is a path.
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
        // What kubectl says of a document is no matter here.
        Piece::Refused(_) | Piece::Unread(_) => {}
    });
    (!is_path).then_some(effects)
}
