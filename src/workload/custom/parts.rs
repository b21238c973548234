//! An image that is written in parts: `baseImage` with `sha`, `tag` or `version`, or a model's with `runtimeVersion`.
//!
//! Follows `pkg/operator/image.go` of the Prometheus operator, which still reads these fields, and
//! `pkg/controller/v1beta1/inferenceservice/utils/utils.go` of KServe (`UpdateImageTag`).

use crate::source::Spanned;
use crate::workload::custom::path::Field;
use crate::workload::placeholder::is_placeholder;
use crate::workload::pod::{classify, is_to_be_written};
use crate::workload::{Container, DecidedBy, ImageText, ImageUse, PodId};
use crate::yaml::Node;

/// The image of a mapping with such parts; `None` where it has an `image`, or the operator's own version counts.
pub(super) fn image(field: &Field<'_>, pod: PodId, container: Container, path: &str) -> Option<ImageUse> {
    let text = |key: &str| field.value.get(key).and_then(Node::as_str).filter(|text| !text.trim().is_empty());
    let has_image = field.value.get("image").is_some_and(|image| is_to_be_written(image) || text("image").is_some());
    let base = field.value.get("baseImage").filter(|base| base.as_str().is_some_and(|text| !text.is_empty()))?;
    if has_image {
        return None;
    }
    let written = base.as_str()?;
    let last = written.rsplit('/').next().unwrap_or(written);
    let whole = match (text("sha"), text("tag").or_else(|| text("version"))) {
        _ if last.contains([':', '@']) || is_placeholder(written) => written.to_owned(),
        (Some(sha), _) => format!("{written}@sha256:{sha}"),
        (None, Some(tag)) => format!("{written}:{tag}"),
        (None, None) => return None,
    };
    Some(ImageUse {
        pod,
        container,
        path: format!("{path}.baseImage"),
        image: classify(&whole, false),
        written: (whole != written).then(|| written.to_owned()),
        text: Spanned { value: whole, span: base.span() },
        declared_policy: None,
        decided_by: Vec::new(),
        stream_tag: None,
    })
}

/// The image of a model's container: a `runtimeVersion` takes the place of its tag, but not of a digest.
pub(super) fn of_runtime(image: ImageUse, container: Node<'_>) -> ImageUse {
    let version = container.get("runtimeVersion").filter(|version| version.as_str().is_some_and(|it| !it.is_empty()));
    let (Some(version), ImageText::Reference(reference)) = (version, &image.image) else { return image };
    if reference.digest().is_some() {
        return image;
    }
    let written = &image.text.value;
    let is_of_tag = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let name = written.rsplit_once(':').filter(|(_, tag)| tag.chars().all(is_of_tag)).map_or(&**written, |it| it.0);
    let whole = format!("{name}:{}", version.as_str().unwrap_or_default());
    let mut decided_by = image.decided_by.clone();
    decided_by.push(DecidedBy { span: version.span(), message: "its tag is set here".to_owned() });
    ImageUse {
        image: classify(&whole, false),
        written: image.written.or_else(|| (whole != *written).then(|| written.clone())),
        text: Spanned { value: whole, span: image.text.span },
        decided_by,
        ..image
    }
}
