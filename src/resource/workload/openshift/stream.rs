//! Image streams: the images that their tags refer to, and the image that a trigger on a stream sets.
//!
//! Follows openshift/api `image/v1/types.go`: a tag with reference policy `Source`, the default, is pulled from the
//! place it was imported from, by the digest of that import. A tag with `Local` is pulled from the cluster's own
//! registry.

use crate::resource::Object;
use crate::resource::workload::tag_name::TagName;
use crate::resource::workload::value::spanned_string;
use crate::text::source::Spanned;
use crate::text::yaml::Node;
use crate::text::yaml::scalar::Scalar;

/// A tag of an image stream in the inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamTag {
    /// The name of the stream and the tag.
    pub name: TagName,
    /// The image or tag that it refers to.
    pub source: TagSource,
}

/// The image or tag that a stream's tag refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagSource {
    /// An image in a registry (`from.kind: DockerImage`).
    Image {
        /// The reference to the image.
        image: Spanned<String>,
        /// Whether it is pulled from that registry, and not through the cluster's own one.
        from_source: bool,
    },
    /// Another tag of the same stream.
    Tag(String),
    /// Any other source.
    Other,
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

/// Returns the tags of an image stream.
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
