//! What of a kustomization only its rendered form shows.

use super::Kustomization;
use super::effective::BuiltPod;
use crate::source::Span;
use crate::yaml::{self, Node, Piece};

/// Something that is not followed, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfollowed {
    /// What it is.
    pub reason: Reason,
    /// The entry, or the kustomization's first key.
    pub span: Span,
}

/// What is not followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A file or folder from the network.
    Remote(String),
    /// A file or folder that is not among the inputs.
    Missing(String),
    /// A patch that may change what is pulled.
    Patch,
    /// `replacements` that may set an image.
    Replacements,
    /// `replacements` that may set what an image is pulled with: names of Secrets, service accounts, namespaces.
    CredentialReplacements,
    /// `transformers`.
    Transformers,
    /// `generators`.
    Generators,
    /// Helm charts.
    Charts,
}

impl Reason {
    /// What all of its kind are called.
    const fn words(&self) -> &'static str {
        match self {
            Self::Remote(_) => "remote resources",
            Self::Missing(_) => "resources that are not among the inputs",
            Self::Patch => "patches that are not followed",
            Self::Replacements | Self::CredentialReplacements => "`replacements`",
            Self::Transformers => "`transformers`",
            Self::Generators => "`generators`",
            Self::Charts => "`helmCharts`",
        }
    }

    /// What it is called in the kustomization, where that says more.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Remote(member) | Self::Missing(member) => Some(member),
            _ => None,
        }
    }

    /// Marks the images that it may change, and those that may be pulled with something else.
    pub(super) fn mark(&self, pods: &mut [BuiltPod]) {
        match self {
            Self::Replacements | Self::Transformers => pods.iter_mut().for_each(BuiltPod::blur_images),
            Self::CredentialReplacements => pods.iter_mut().for_each(BuiltPod::blur_credentials),
            _ => {}
        }
    }
}

/// A build of which something is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrendered {
    /// The place to show, in the kustomization's file.
    pub span: Span,
    /// Its folder, `.` for the current one.
    pub folder: String,
    /// What is not followed, each once.
    pub parts: Vec<String>,
    /// Whether charts are among it, which kustomize inflates only where it is told to.
    pub has_charts: bool,
}

impl Unrendered {
    pub(super) fn new(root: &Kustomization, reasons: &[Unfollowed]) -> Self {
        let own = reasons.iter().find(|it| it.span.source == root.span.source);
        let mut sorted: Vec<&Reason> = reasons.iter().map(|it| &it.reason).collect();
        sorted.sort();
        sorted.dedup();
        Self {
            span: own.map_or(root.span, |it| it.span),
            folder: if root.folder.is_empty() { ".".to_owned() } else { root.folder.clone() },
            parts: parts(&sorted),
            has_charts: sorted.contains(&&Reason::Charts),
        }
    }
}

/// Each kind of what is not followed, with the first names.
fn parts(reasons: &[&Reason]) -> Vec<String> {
    const SHOWN: usize = 3;
    let alike = reasons.chunk_by(|one, other| one.words() == other.words());
    let part = |alike: &[&Reason]| {
        let names: Vec<String> = alike.iter().filter_map(|it| it.name()).map(|name| format!("`{name}`")).collect();
        let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        let words = alike.first().map_or("", |reason| reason.words());
        match (names.len(), names.len().saturating_sub(SHOWN)) {
            (0, _) => words.to_owned(),
            (_, 0) => format!("{words} ({shown})"),
            (_, more) => format!("{words} ({shown} and {more} more)"),
        }
    };
    alike.map(part).collect()
}

/// What of a kustomization is not followed, by its own keys.
pub(super) fn read(root: Node<'_>) -> Vec<Unfollowed> {
    let mut found = Vec::new();
    let mut note = |reason, key: &str| {
        let entry = root.entry(key).filter(|entry| entry.value.items().next().is_some() || entry.value.is_mapping());
        found.extend(entry.map(|entry| Unfollowed { reason, span: entry.key.span() }));
    };
    for key in ["helmCharts", "helmChartInflationGenerator"] {
        note(Reason::Charts, key);
    }
    note(Reason::Generators, "generators");
    if root.get("transformers").into_iter().flat_map(Node::items).any(may_set_images) {
        note(Reason::Transformers, "transformers");
    }
    let replacements = || root.get("replacements").into_iter().flat_map(Node::items);
    if replacements().any(|it| may_replace(it, is_of_images)) {
        note(Reason::Replacements, "replacements");
    }
    if replacements().any(|it| may_replace(it, is_of_credentials)) {
        note(Reason::CredentialReplacements, "replacements");
    }
    found
}

/// Built-in transformers of names, labels and the like are harmless; what stands in a file of its own is not looked at.
fn may_set_images(transformer: Node<'_>) -> bool {
    const HARMLESS: [&str; 7] = [
        "AnnotationsTransformer",
        "HashTransformer",
        "LabelTransformer",
        "NamespaceTransformer",
        "PrefixTransformer",
        "ReplicaCountTransformer",
        "SuffixTransformer",
    ];
    let Some(text) = transformer.text().filter(|text| text.contains('\n')) else { return true };
    let mut harmless = true;
    yaml::read(transformer.span().source, text, true, &mut |piece| match piece {
        Piece::Document(document) => {
            let kind = document.root().and_then(|root| root.str("kind"));
            harmless &= kind.is_some_and(|kind| HARMLESS.contains(&kind));
        }
        Piece::Refused(_) | Piece::Unread(_) => {}
        Piece::Skipped | Piece::Broken(_) => harmless = false,
    });
    !harmless
}

/// Those in a file of its own could replace anything.
fn may_replace(replacement: Node<'_>, is_meant: fn(&str) -> bool) -> bool {
    let paths = replacement.get("targets").into_iter().flat_map(Node::items);
    let mut paths = paths.filter_map(|target| target.get("fieldPaths")).flat_map(Node::items).filter_map(Node::as_str);
    replacement.get("path").is_some() || paths.any(is_meant)
}

/// Whether a field path may lead to an image, or to something that holds one: `spec.template.spec.containers`,
/// `spec.containers.[name=web].image`, `spec.containers.*`.
fn is_of_images(path: &str) -> bool {
    const HOLDERS: [&str; 7] = ["spec", "template", "jobTemplate", "volumes", "reference", "repository", "version"];
    let is_item = |part: &&str| {
        matches!(*part, "*" | "-")
            || part.ends_with(']')
            || !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())
    };
    let last = path.split('.').rfind(|part| !is_item(part)).unwrap_or_default();
    let lower = last.to_ascii_lowercase();
    !path.contains('.')
        || HOLDERS.contains(&last)
        || ["image", "containers", "tag", "sha"].iter().any(|it| lower.ends_with(it))
}

fn is_of_credentials(path: &str) -> bool {
    ["imagePullSecrets", "serviceAccount", "metadata.namespace"].iter().any(|part| path.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_paths_tell_what_is_replaced() {
        for path in [
            "spec.template.spec.containers.[name=web].image",
            "spec.template.spec.containers.[image=a.b].image",
            "spec.template.spec.containers.0.image",
            "spec.template.spec.containers",
            "spec.template.spec.initContainers.*",
            "spec.template.spec",
            "spec.sidecarImage",
            "spec.image.tag",
            "spec",
        ] {
            assert!(is_of_images(path), "{path}");
        }
        for path in ["metadata.name", "metadata.annotations.a", "spec.template.spec.containers.0.env.0.value", "data.x"]
        {
            assert!(!is_of_images(path), "{path}");
        }
        assert!(is_of_credentials("spec.template.spec.imagePullSecrets.0.name"));
        assert!(is_of_credentials("metadata.namespace"));
        assert!(!is_of_credentials("metadata.name"));
    }
}
