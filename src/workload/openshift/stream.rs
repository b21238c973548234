//! Image streams: what their tags stand for, and what a trigger that follows one makes of an image.
//!
//! Follows openshift/api `image/v1/types.go`: a tag with reference policy `Source`, the default, is pulled from where it
//! was imported from, by the digest of that import; one with `Local` from the cluster's own registry.

use crate::inventory::Inventory;
use crate::resource::Object;
use crate::source::Spanned;
use crate::workload::placeholder::Skip;
use crate::workload::pod::spanned_string;
use crate::workload::{DecidedBy, ImageText};
use crate::yaml::Node;
use crate::yaml::scalar::Scalar;

/// Tags of one stream that stand for one another are followed this far.
const MAX_ALIASES: usize = 8;

/// The name of a stream's tag, as a trigger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagName {
    /// Namespace of the stream; `None` where neither the trigger nor its object names one.
    pub namespace: Option<String>,
    /// The stream.
    pub stream: String,
    /// The tag.
    pub tag: String,
}

/// A tag of an image stream of the inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamTag {
    /// What it is called.
    pub name: TagName,
    /// What it stands for.
    pub source: TagSource,
}

/// What the tag of a stream stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagSource {
    /// An image of a registry (`from.kind: DockerImage`).
    Image {
        /// The image.
        image: Spanned<String>,
        /// Whether it is pulled from there, and not through the cluster's own registry.
        from_source: bool,
    },
    /// Another tag of the same stream.
    Tag(String),
    /// Something else.
    Other,
}

impl TagName {
    /// Reads `stream:tag`; without a tag it is `latest`.
    pub(super) fn parse(namespace: Option<String>, name: &str) -> Option<Self> {
        let (stream, tag) = name.split_once(':').unwrap_or((name, "latest"));
        let is_name = !stream.is_empty() && !stream.contains(['/', '@']) && !tag.is_empty();
        is_name.then(|| Self { namespace, stream: stream.to_owned(), tag: tag.to_owned() })
    }

    fn may_be(&self, other: &Self) -> bool {
        let elsewhere = self.namespace.is_some() && other.namespace.is_some() && self.namespace != other.namespace;
        self.stream == other.stream && self.tag == other.tag && !elsewhere
    }
}

/// The name of an image stream that pods may use as an image (`spec.lookupPolicy.local`).
pub(crate) fn local_stream(object: &Object<'_>) -> Option<String> {
    let local = object.node.at(&["spec", "lookupPolicy", "local"]).and_then(Node::scalar) == Some(Scalar::Bool(true));
    object.name.name.clone().filter(|_| is_stream(object) && local)
}

/// Whether an object is an image stream.
pub(super) fn is_stream(object: &Object<'_>) -> bool {
    object.name.kind == "ImageStream" && matches!(object.name.group(), "" | "image.openshift.io")
}

/// The tags of an image stream.
pub(crate) fn tags(object: &Object<'_>) -> Vec<StreamTag> {
    let Some(stream) = object.name.name.clone().filter(|_| is_stream(object)) else { return Vec::new() };
    let tags = object.node.at(&["spec", "tags"]).into_iter().flat_map(Node::items);
    let read = |tag: Node<'_>| {
        let name = TagName {
            namespace: object.name.namespace.clone(),
            stream: stream.clone(),
            tag: tag.str("name")?.to_owned(),
        };
        Some(StreamTag { source: source(tag, &stream), name })
    };
    tags.filter_map(read).collect()
}

fn source(tag: Node<'_>, stream: &str) -> TagSource {
    let Some(from) = tag.get("from") else { return TagSource::Other };
    match (from.str("kind"), from.get("name").and_then(spanned_string)) {
        (Some("DockerImage"), Some(image)) => {
            let policy = tag.at(&["referencePolicy", "type"]).and_then(Node::as_str);
            TagSource::Image { image, from_source: matches!(policy, None | Some("" | "Source")) }
        }
        (Some("ImageStreamTag"), Some(name)) => match name.value.split_once(':') {
            Some((of, tag)) if of == stream => TagSource::Tag(tag.to_owned()),
            Some(_) => TagSource::Other,
            None => TagSource::Tag(name.value),
        },
        _ => TagSource::Other,
    }
}

/// Says of images that a stream's tag of the inputs sets what they are set to. They stay unjudged: what the tag stood
/// for when it was imported, and whether it was, the inputs do not tell.
pub(crate) fn resolve(inventory: &mut Inventory) {
    let Inventory { images, pods, stream_tags, image_streams, .. } = inventory;
    for image in images.iter_mut().filter(|image| image.image == ImageText::Skipped(Skip::SetByImageStream)) {
        let namespace = || pods.get(image.pod.0 as usize).and_then(|pod| pod.namespace.clone());
        let local = || TagName::parse(namespace(), &image.text.value).filter(|it| image_streams.contains(&it.stream));
        let Some(name) = image.stream_tag.clone().or_else(local) else { continue };
        let Some((source, from_source)) = origin(&name, stream_tags) else { continue };
        if from_source {
            let written = std::mem::replace(&mut image.text.value, source.value.clone());
            image.written.get_or_insert(written);
        }
        let message = format!("the tag `{}:{}` of the image stream is imported from here", name.stream, name.tag);
        image.decided_by.push(DecidedBy { span: source.span, message });
    }
}

/// The image that a tag stands for, and whether it is pulled from there; `None` where that is not certain.
fn origin<'t>(name: &TagName, tags: &'t [StreamTag]) -> Option<(&'t Spanned<String>, bool)> {
    let mut wanted = name.clone();
    let mut by_source = true;
    for _ in 0..MAX_ALIASES {
        let mut found = tags.iter().filter(|tag| tag.name.may_be(&wanted));
        let tag = found.next().filter(|_| found.next().is_none())?;
        match &tag.source {
            TagSource::Image { image, from_source } => return Some((image, by_source && *from_source)),
            // Which of the two policies counts then is not documented.
            TagSource::Tag(other) => (wanted.tag, by_source) = (other.clone(), false),
            TagSource::Other => return None,
        }
    }
    None
}
