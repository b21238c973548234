//! Images that are set by tags of OpenShift image streams.

use crate::inventory::Inventory;
use crate::resource::workload::openshift::{StreamTag, TagSource};
use crate::resource::workload::tag_name::TagName;
use crate::resource::workload::{DecidedBy, ImageText, Skip};
use crate::text::source::Spanned;

/// Maximum number of tags that are followed from one to another in a stream.
const MAX_ALIASES: usize = 8;

/// Sets each image that a stream's tag in the inputs replaces to the image that the tag refers to. Such images remain
/// unchecked: the inputs do not show which image the tag referred to when it was imported, or whether it was imported.
pub(crate) fn resolve(inventory: &mut Inventory) {
    let Inventory { images, pods, stream_tags, image_streams, .. } = inventory;
    for image in images.iter_mut().filter(|image| image.image == ImageText::Skipped(Skip::SetByImageStream)) {
        let namespace = || pods.get(image.pod.0 as usize).and_then(|pod| pod.namespace.clone());
        let local =
            || TagName::parse(namespace(), &image.text.value).filter(|name| image_streams.contains(&name.stream));
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

/// Returns the image that a tag refers to, and whether it is pulled from that registry; `None` if that is not certain.
fn origin<'t>(name: &TagName, tags: &'t [StreamTag]) -> Option<(&'t Spanned<String>, bool)> {
    let mut wanted = name.clone();
    let mut by_source = true;
    for _ in 0..MAX_ALIASES {
        let mut found = tags.iter().filter(|tag| tag.name.may_be(&wanted));
        let tag = found.next().filter(|_| found.next().is_none())?;
        match &tag.source {
            TagSource::Image { image, from_source } => return Some((image, by_source && *from_source)),
            // It is not documented which of the two policies then applies.
            TagSource::Tag(other) => (wanted.tag, by_source) = (other.clone(), false),
            TagSource::Other => return None,
        }
    }
    None
}
