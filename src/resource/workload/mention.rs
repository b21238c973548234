//! Images that are named only by a flag, an environment variable, or an annotation: another program creates a pod
//! with them, or puts them into the pod. `mentions.yaml` contains the names.

use std::ops::Range;
use std::sync::LazyLock;

use crate::image::reference::Reference;
use crate::resource::workload::pod::{CONTAINER_LISTS, PodSpec, decided_by};
use crate::resource::workload::{
    Chosen, Container, ContainerKind, DecidedBy, ImageText, ImageUse, Pod, PodId, PodOrigin, WorkloadFacts,
};
use crate::text::placeholder::is_placeholder;
use crate::text::source::{SourceId, Span, Spanned};
use crate::text::yaml::{self, Node, Piece};

/// What kind of name a row contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MentionKind {
    Flag,
    Env,
    Annotation,
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    kind: MentionKind,
    /// The name, without the `*` at its end.
    name: String,
    /// Whether the name may be followed by more characters.
    open: bool,
    /// The annotation that contains the tag.
    tag: Option<String>,
    /// Whether a value without a slash is not a complete image.
    with_slash: bool,
}

static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let mut rows = Vec::new();
    yaml::read(SourceId(0), include_str!("mentions.yaml"), true, &mut |piece| {
        if let Piece::Document(document) = piece {
            rows.extend(document.root().into_iter().flat_map(Node::items).filter_map(Row::read));
        }
    });
    rows
});

impl Row {
    fn read(node: Node<'_>) -> Option<Self> {
        let kinds = [("flag", MentionKind::Flag), ("env", MentionKind::Env), ("annotation", MentionKind::Annotation)];
        let (kind, name) = kinds.into_iter().find_map(|(key, kind)| Some((kind, node.str(key)?)))?;
        Some(Self {
            kind,
            name: name.trim_end_matches('*').to_owned(),
            open: name.ends_with('*'),
            tag: node.str("tag").map(str::to_owned),
            with_slash: node.str("only") == Some("with-slash"),
        })
    }

    fn of(kind: MentionKind, name: &str) -> Option<&'static Self> {
        let is = |row: &&Self| {
            row.kind == kind && name.strip_prefix(row.name.as_str()).is_some_and(|rest| row.open || rest.is_empty())
        };
        TABLE.iter().find(is)
    }
}

/// An image that is the value of a known name.
struct Mention<'a> {
    row: &'static Row,
    /// The scalar that contains the image.
    node: Node<'a>,
    /// The length of the text before the image: in the scalar as written, and in its value.
    before: (usize, usize),
    /// The scalar with the tag, if the row has one.
    tag: Option<Node<'a>>,
    container: Option<String>,
    path: String,
}

/// Adds the images that a pod spec and its metadata mention, with a pod of their own: the program that reads the name
/// decides on the credentials.
pub(super) fn extract(spec: &PodSpec<'_>, found: &mut WorkloadFacts<'_>) {
    let pod = PodId(found.pods.len() as u32);
    let images: Vec<ImageUse> = mentions(spec).into_iter().filter_map(|mention| mention.image(pod)).collect();
    if images.is_empty() {
        return;
    }
    found.pods.push(Pod {
        resource: spec.resource,
        origin: PodOrigin::Mention,
        span: spec.node.span(),
        namespace: spec.namespace.clone(),
        service_account: None,
        pull_secrets: None,
        demand: Default::default(),
        // The pod that names the image need not be the one that pulls it.
        chosen: Chosen { service_account: true, ..Chosen::default() },
        hidden: Default::default(),
        release: None,
    });
    found.images.extend(images);
}

fn mentions<'a>(spec: &PodSpec<'a>) -> Vec<Mention<'a>> {
    let mut found = Vec::new();
    for (list, _) in CONTAINER_LISTS {
        for (at, container) in spec.node.get(list).into_iter().flat_map(Node::items).enumerate() {
            let path = spec.join(format!("{list}[{at}]"));
            in_flags(container, &path, &mut found);
            in_env(container, &path, &mut found);
        }
    }
    let annotations = spec.metadata.and_then(|metadata| metadata.get("annotations"));
    if let Some(annotations) = annotations {
        in_annotations(annotations, &spec.metadata_path(), &mut found);
    }
    found
}

fn in_flags<'a>(container: Node<'a>, path: &str, found: &mut Vec<Mention<'a>>) {
    for key in ["command", "args"] {
        let items: Vec<Node<'a>> = container.get(key).into_iter().flat_map(Node::items).collect();
        for (at, item) in items.iter().enumerate() {
            let Some(text) = item.as_str().filter(|text| text.starts_with('-')) else { continue };
            let (name, value) = match text.split_once('=') {
                Some((name, _)) => (name, Some((*item, at, name.len() + 1))),
                None => (text, items.get(at + 1).map(|next| (*next, at + 1, 0))),
            };
            let name = name.strip_prefix("--").or_else(|| name.strip_prefix('-')).unwrap_or(name);
            let (Some(row), Some((node, at, before))) = (Row::of(MentionKind::Flag, name), value) else { continue };
            let written_before = node.written().and_then(|text| text.find('=')).map_or(0, |at| at + 1);
            let before = (if before == 0 { 0 } else { written_before }, before);
            let container = container.str("name").map(str::to_owned);
            found.push(Mention { row, node, before, tag: None, container, path: format!("{path}.{key}[{at}]") });
        }
    }
}

fn in_env<'a>(container: Node<'a>, path: &str, found: &mut Vec<Mention<'a>>) {
    for (at, variable) in container.get("env").into_iter().flat_map(Node::items).enumerate() {
        let row = variable.str("name").and_then(|name| Row::of(MentionKind::Env, name));
        let (Some(row), Some(node)) = (row, variable.get("value")) else { continue };
        let (container, path) = (container.str("name").map(str::to_owned), format!("{path}.env[{at}].value"));
        found.push(Mention { row, node, before: (0, 0), tag: None, container, path });
    }
}

fn in_annotations<'a>(annotations: Node<'a>, path: &str, found: &mut Vec<Mention<'a>>) {
    for entry in annotations.entries() {
        let Some(key) = entry.key.text() else { continue };
        let Some(row) = Row::of(MentionKind::Annotation, key) else { continue };
        let tag = row.tag.as_ref().map(|tag| annotations.get(tag));
        // The program that reads it has a default tag, which is not known here.
        let Some(tag) = tag.map_or(Some(None), |tag| tag.map(Some)) else { continue };
        let path = format!("{path}.annotations['{key}']");
        found.push(Mention { row, node: entry.value, before: (0, 0), tag, container: None, path });
    }
}

impl Mention<'_> {
    /// Returns the image use; `None` if the value is not an image, or not yet known.
    fn image(self, pod: PodId) -> Option<ImageUse> {
        let text = self.node.as_str()?.get(self.before.1..)?;
        let written = self.node.written()?.get(self.before.0..)?;
        let tag = self.tag.map(|tag| tag.as_str().ok_or(())).transpose().ok()?;
        let value = tag.map_or_else(|| text.to_owned(), |tag| format!("{text}:{tag}"));
        if is_placeholder(&value) || self.row.with_slash && !value.contains('/') {
            return None;
        }
        let reference = Reference::parse(&value).ok()?;
        let mut decisions = self.node.filling().map(decided_by).unwrap_or_default();
        decisions.extend(self.tag.map(|tag| DecidedBy { span: tag.span(), message: "its tag is set here".into() }));
        Some(ImageUse {
            pod,
            container: Container { kind: ContainerKind::Other, name: self.container },
            path: self.path,
            written: (written != value).then(|| written.to_owned()),
            text: Spanned { value, span: place(self.node, self.before.0..self.before.0 + written.len()) },
            decided_by: decisions,
            stream_tag: None,
            built_by: None,
            image: ImageText::Reference(reference),
            declared_policy: None,
        })
    }
}

/// The place of a part of a scalar, or of the whole scalar if its written form differs from its value.
fn place(node: Node<'_>, part: Range<usize>) -> Span {
    let found = node.written_place().find(&part).filter(|_| part.start > 0);
    found.filter(|span| span.range().len() == part.len()).unwrap_or_else(|| node.span())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_in_the_mention_table_is_read() {
        let text = include_str!("mentions.yaml");
        let rows = text.lines().filter(|line| line.starts_with("- ")).count();
        assert_eq!((TABLE.len(), text.matches("\n  source: ").count()), (rows, rows));
        assert!(
            Row::of(MentionKind::Env, "RELATED_IMAGE_ETCD").is_some() && Row::of(MentionKind::Env, "RELATED").is_none()
        );
        assert!(
            Row::of(MentionKind::Flag, "nop-image-x").is_none() && Row::of(MentionKind::Env, "nop-image").is_none()
        );
    }
}
