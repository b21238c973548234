//! Images that are written in parts: `baseImage` with `sha`, `tag` or `version`, or a model's image with
//! `runtimeVersion`.
//!
//! Follows `pkg/operator/image.go` of the Prometheus operator, which still reads these fields, and
//! `pkg/controller/v1beta1/inferenceservice/utils/utils.go` of KServe (`UpdateImageTag`).

use crate::resource::workload::custom::path::Field;
use crate::resource::workload::pod::classify;
use crate::resource::workload::value::is_to_be_written;
use crate::resource::workload::{Container, DecidedBy, ImageText, ImageUse, PodId, Skip};
use crate::text::placeholder::is_placeholder;
use crate::text::source::Spanned;
use crate::text::yaml::Node;

/// Returns the image of a mapping with such parts; `None` if it has an `image`, or the operator chooses the version.
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
        built_by: None,
    })
}

/// Returns the image that is composed of a mapping's `registry`, `repository` and `image` with its `digest`, `tag` or
/// `version`; `None` if there is none of these, and the operator chooses the image.
///
/// Follows `ImagePath` of the GPU operator (v26.7.0 `internal/image/image.go`): a version that is a digest is
/// appended with an `@`, an `image` alone is the whole image, and an `image` with only a version is rejected.
pub(super) fn of_object(field: &Field<'_>, pod: PodId, container: Container, path: &str) -> Option<ImageUse> {
    let of = |key: &str| field.value.get(key).filter(|node| node.text().is_some_and(|text| !text.trim().is_empty()));
    let name = ["registry", "repository", "image"].into_iter().filter_map(|key| Some((key, of(key)?)));
    let name: Vec<(&str, Node<'_>)> = name.collect();
    let version = ["digest", "tag", "version"].into_iter().find_map(of);
    let &(key, last) = name.last()?;
    let written = last.text()?.trim_matches('/');
    // A single word is the last part of a name, and the rest of the name is missing.
    if key == "image" && name.len() == 1 && !written.contains('/') {
        return None;
    }
    let joined: Vec<&str> = name.iter().filter_map(|(_, node)| Some(node.text()?.trim_matches('/'))).collect();
    let is_whole = key == "image" && joined.len() == 1;
    let whole = match version.and_then(Node::text) {
        Some(version) if version.starts_with("sha256:") => format!("{}@{version}", joined.join("/")),
        Some(version) => format!("{}:{version}", joined.join("/")),
        None if is_whole => written.to_owned(),
        None => return None,
    };
    let decided = |node: Node<'_>| DecidedBy { span: node.span(), message: "its tag is set here".to_owned() };
    Some(ImageUse {
        pod,
        container,
        path: format!("{path}.{key}"),
        image: classify(&whole, false),
        written: (whole != written).then(|| written.to_owned()),
        text: Spanned { value: whole, span: last.span() },
        declared_policy: None,
        decided_by: version.map(decided).into_iter().collect(),
        stream_tag: None,
        built_by: None,
    })
}

/// Returns the image of a URI with the scheme `oci`, optionally with the way the kubelet should pull it; `None` for
/// any other URI.
///
/// Follows `ParseOciScheme` of KServe (`pkg/utils/storage.go`): the pod itself fetches `oci+fetch`.
pub(super) fn of_uri(field: &Field<'_>, pod: PodId, container: Container, path: &str) -> Option<ImageUse> {
    let written = field.value.as_str()?;
    let image =
        ["oci://", "oci+modelcar://", "oci+native://"].iter().find_map(|scheme| written.strip_prefix(scheme))?;
    Some(ImageUse {
        pod,
        container,
        path: path.to_owned(),
        image: classify(image, false),
        written: Some(written.to_owned()),
        text: Spanned { value: image.to_owned(), span: field.value.span() },
        declared_policy: None,
        decided_by: Vec::new(),
        stream_tag: None,
        built_by: None,
    })
}

/// Adds a tag from another field to an image without one. If there is no such tag, the operator chooses it, and the
/// image that is pulled is not known.
///
/// Follows `WithLatestTag` and `MungeVersion` of the system-upgrade-controller (`pkg/upgrade/container/container.go`,
/// `pkg/upgrade/plan/plan.go`): a `+` is not valid in tags and is replaced by `-`.
pub(super) fn tag(image: &mut ImageUse, tag: Option<Node<'_>>) {
    let ImageText::Reference(reference) = &image.image else { return };
    let text = &image.text.value;
    let is_tagged = reference.digest().is_some() || text.rsplit('/').next().is_some_and(|last| last.contains(':'));
    if is_tagged {
        return;
    }
    let Some((node, tag)) = tag.and_then(|node| Some((node, node.text()?.replace('+', "-")))) else {
        image.image = ImageText::Skipped(Skip::PulledByAnother);
        return;
    };
    let whole = format!("{text}:{tag}");
    image.written = image.written.take().or_else(|| Some(text.clone()));
    image.image = classify(&whole, false);
    image.text.value = whole;
    image.decided_by.push(DecidedBy { span: node.span(), message: "its tag is set here".to_owned() });
}

/// Returns the image of a model's container: a `runtimeVersion` replaces its tag, but not a digest.
pub(super) fn of_runtime(image: ImageUse, container: Node<'_>) -> ImageUse {
    let version =
        container.get("runtimeVersion").filter(|version| version.as_str().is_some_and(|text| !text.is_empty()));
    let (Some(version), ImageText::Reference(reference)) = (version, &image.image) else { return image };
    if reference.digest().is_some() {
        return image;
    }
    let written = &image.text.value;
    let is_of_tag = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let name =
        written.rsplit_once(':').filter(|(_, tag)| tag.chars().all(is_of_tag)).map_or(&**written, |parts| parts.0);
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
