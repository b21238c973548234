//! `invalid-image-reference`: the kubelet cannot parse the image, or the API server refuses the field.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::image::reference::{Diagnosis, ReferenceError};
use crate::resource::workload::{ContainerKind, ImageText, InvalidImage, PodOrigin};
use crate::rules::engine::meta::Meta;
use crate::rules::selection::attribution::doubt;
use crate::rules::{Context, ImageFacts, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/invalid-image-reference.md")));

/// Reports an image reference that the kubelet cannot parse.
pub(super) struct InvalidImageReference;

impl Rule for InvalidImageReference {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.images().filter_map(|facts| {
            let ImageText::Invalid(fault) = &facts.image.image else { return None };
            let (message, label, help) = words(&facts, fault)?;
            let message = message + &doubt(&facts);
            let finding = Finding::new(META.id, facts.severity(&META), message, facts.image.text.span, label);
            Some(finding.help(help).event(facts.judged.event.clone()).subject(facts.subject()))
        }));
    }
}

/// Returns message, label and help, or `None` if an operator may fill the field in before a pod sees it.
fn words(facts: &ImageFacts<'_>, fault: &InvalidImage) -> Option<(String, String, String)> {
    let operator_fills_in = !facts.pod.origin.is_whole();
    match fault {
        InvalidImage::Unparsable(error) => Some(unparsable(facts, error)),
        InvalidImage::Empty | InvalidImage::NotAString if operator_fills_in => None,
        InvalidImage::Empty => {
            let field = if facts.image.container.kind == ContainerKind::Volume { "reference" } else { "image" };
            Some((
                format!("the image is empty, and the API server requires one (`{field}: Required value`)"),
                "empty".to_owned(),
                format!("set the image, or remove the container or volume with `{field}`"),
            ))
        }
        InvalidImage::NotAString => Some((
            "the image is not a string, so the API server rejects the resource".to_owned(),
            "not a string".to_owned(),
            "write the whole reference as one string: `image: registry/repository:tag`".to_owned(),
        )),
    }
}

fn unparsable(facts: &ImageFacts<'_>, error: &ReferenceError) -> (String, String, String) {
    let text = &facts.image.text.value;
    let Diagnosis { reason, help, replacement, .. } = error.diagnose(text);
    if text.trim() != text {
        return around_whitespace(facts, replacement);
    }
    let message = format!("the kubelet cannot parse the image {text:?}: {reason}");
    let help = match (replacement.map(|replacement| format!("write `{replacement}`")), help) {
        (Some(written), Some(help)) => format!("{written}; {help}"),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => "write `[registry[:port]/]repository[:tag][@digest]`".to_owned(),
    };
    (message, error.to_string(), help)
}

/// The API server checks the white space of a Pod's images alone; for a template, only its pods are refused. It
/// accepts that of a volume, and the kubelet fails on it.
fn around_whitespace(facts: &ImageFacts<'_>, trimmed: Option<String>) -> (String, String, String) {
    let text = &facts.image.text.value;
    let is_volume = facts.image.container.kind == ContainerKind::Volume;
    let then = match facts.pod.origin {
        PodOrigin::Pod | PodOrigin::Template | PodOrigin::Patched if is_volume => {
            "the API server accepts it in a volume, but the kubelet cannot parse it"
        }
        PodOrigin::Pod => "the API server rejects the pod",
        PodOrigin::Template | PodOrigin::Patched => {
            "the API server accepts the template and then rejects each of its pods (FailedCreate)"
        }
        PodOrigin::Operator | PodOrigin::Custom | PodOrigin::Unrendered | PodOrigin::Mention | PodOrigin::Values => {
            "no pod with it can start"
        }
    };
    (
        format!("whitespace around the image {text:?}: {then}"),
        if is_volume { "whitespace" } else { "`must not have leading or trailing whitespace`" }.to_owned(),
        match trimmed {
            Some(trimmed) if text.ends_with('\n') => {
                format!("write `{trimmed}` after `image:`, on one line: a block scalar (`|`, `>`) appends a line break")
            }
            Some(trimmed) => format!("write `{trimmed}`"),
            None => "remove the whitespace".to_owned(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::image::reference::Reference;
    use crate::kubelet::verdict::{Cause, Verdict};
    use crate::rules::testing::Facts;

    fn help(text: &str, fault: InvalidImage, origin: PodOrigin) -> Option<String> {
        let mut facts = Facts::default();
        let pod = facts.pod(origin);
        facts.image_as(pod, text, ImageText::Invalid(fault), Verdict::Fails(Cause::InvalidName));
        let found = facts.check(&InvalidImageReference);
        assert!(found.iter().all(|finding| finding.severity == Severity::Error));
        found.into_iter().next().and_then(|finding| finding.help)
    }

    #[test]
    fn help_corrects_an_unparsable_image() {
        let cases = [
            ("docker://nginx:1", PodOrigin::Template, "write `nginx:1`"),
            ("ghcr.io/Acme/api:V1", PodOrigin::Template, "write `ghcr.io/acme/api:V1`"),
            (" nginx", PodOrigin::Pod, "write `nginx`"),
            (
                "api:7.284872e+06",
                PodOrigin::Template,
                "Helm prints a number of its values this way: quote the tag there (`tag: \"7284872\"`)",
            ),
            (
                "api:5e+06",
                PodOrigin::Template,
                "Helm prints a number of its values this way: quote the tag there (`tag: \"5000000\"`)",
            ),
            (
                "api:1.2+06",
                PodOrigin::Template,
                "write `api:1.2_06`; build metadata is not allowed in a tag; Helm and others write `_` for the `+`",
            ),
            (
                "nginx\n",
                PodOrigin::Pod,
                "write `nginx` after `image:`, on one line: a block scalar (`|`, `>`) appends a line break",
            ),
        ];
        for (text, origin, expected) in cases {
            let error = Reference::parse(text).expect_err(text);
            assert_eq!(help(text, InvalidImage::Unparsable(error), origin).as_deref(), Some(expected));
        }
    }

    #[test]
    fn api_server_accepts_whitespace_in_a_volume_image() {
        for (kind, said) in [
            (ContainerKind::Container, "the API server rejects the pod"),
            (ContainerKind::Volume, "the API server accepts it in a volume, but the kubelet cannot parse it"),
        ] {
            let mut facts = Facts::default();
            let pod = facts.pod(PodOrigin::Pod);
            let error = Reference::parse("nginx ").expect_err("a blank");
            let image = ImageText::Invalid(InvalidImage::Unparsable(error));
            facts.image_as(pod, "nginx ", image, Verdict::Fails(Cause::InvalidName));
            facts.inventory.images[0].container.kind = kind;
            assert!(facts.check(&InvalidImageReference)[0].message.ends_with(said), "{kind:?}");
        }
    }

    #[test]
    fn invalid_image_in_a_custom_resource_is_a_warning() {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Custom);
        let error = Reference::parse("nginx:").expect_err("no tag");
        let image = ImageText::Invalid(InvalidImage::Unparsable(error));
        facts.image_as(pod, "nginx:", image, Verdict::Unverified(Cause::InvalidName));
        assert_eq!(facts.flags(&InvalidImageReference), [(Severity::Warning, "nginx:")]);
    }

    #[test]
    fn empty_image_in_a_custom_resource_has_no_help() {
        assert!(help("\"\"", InvalidImage::Empty, PodOrigin::Template).is_some());
        assert_eq!(help("\"\"", InvalidImage::Empty, PodOrigin::Custom), None);
        assert_eq!(help("{}", InvalidImage::NotAString, PodOrigin::Custom), None);
    }
}
