//! `invalid-image-reference`: the kubelet cannot parse the image, or the API server refuses the field.

use std::sync::LazyLock;

use crate::finding::Finding;
use crate::reference::ReferenceError;
use crate::rules::meta::Meta;
use crate::rules::{Context, ImageFacts, Rule};
use crate::workload::{ContainerKind, ImageText, InvalidImage, PodOrigin};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/invalid-image-reference.md")));

/// The rule.
pub(super) struct InvalidImageReference;

impl Rule for InvalidImageReference {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.images().filter_map(|facts| {
            let ImageText::Invalid(fault) = &facts.image.image else { return None };
            let (message, label, help) = words(&facts, fault)?;
            let finding = Finding::new(META.id, META.severity, message, facts.image.text.span, label);
            Some(finding.help(help).event(facts.judged.event.clone()).subject(facts.subject()))
        }));
    }
}

/// Message, label and help. `None` where an operator may fill the field in before a pod sees it.
fn words(facts: &ImageFacts<'_>, fault: &InvalidImage) -> Option<(String, String, String)> {
    let operator_fills_in = facts.pod.origin == PodOrigin::Custom;
    match fault {
        InvalidImage::Unparsable(error) => Some(unparsable(facts, error)),
        InvalidImage::Empty | InvalidImage::NotAString if operator_fills_in => None,
        InvalidImage::Empty => {
            let field = if facts.image.container.kind == ContainerKind::Volume { "reference" } else { "image" };
            Some((
                format!("the image is empty, and the API server requires one (`{field}: Required value`)"),
                "empty".to_owned(),
                format!("write the image here, or remove the container or volume that `{field}` stands in"),
            ))
        }
        InvalidImage::NotAString => Some((
            "the image is not a string, so the API server refuses to decode the resource".to_owned(),
            "not a string".to_owned(),
            "write the whole reference as one string: `image: registry/repository:tag`".to_owned(),
        )),
    }
}

fn unparsable(facts: &ImageFacts<'_>, error: &ReferenceError) -> (String, String, String) {
    let text = &facts.image.text.value;
    if text.trim() != text {
        return around_whitespace(facts);
    }
    let message = format!("the kubelet cannot parse the image {text:?}: {error}");
    (message, "InvalidImageName".to_owned(), suggestion(text))
}

/// The API server looks at the white space of a Pod's images alone; of a template's only its pods are refused.
fn around_whitespace(facts: &ImageFacts<'_>) -> (String, String, String) {
    let text = &facts.image.text.value;
    let then = match facts.pod.origin {
        PodOrigin::Pod => "the API server refuses the pod",
        PodOrigin::Template => "the API server accepts the template and then refuses each of its pods (FailedCreate)",
        PodOrigin::Custom => "no pod with it can start",
    };
    (
        format!("white space around the image {text:?}: {then}"),
        "`must not have leading or trailing whitespace`".to_owned(),
        match text.trim() {
            "" => "write the image here".to_owned(),
            trimmed => format!("write `{trimmed}`; mind line breaks that a block scalar (`|`, `>`) adds"),
        },
    )
}

/// What to write instead, for the usual slips.
fn suggestion(text: &str) -> String {
    if let Some((scheme, rest)) = text.split_once("://") {
        return format!("an image reference has no scheme: remove `{scheme}://` and write `{rest}`");
    }
    if let Some(name) = text.strip_suffix([':', '@']) {
        return format!("write a tag or digest at the end, or `{name}` alone");
    }
    let (name, _) = text.split_once('@').unwrap_or((text, ""));
    let repository = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map_or(name, |(name, _)| name);
    if repository.split('/').skip(1).any(has_upper_case) || (!repository.contains('/') && has_upper_case(repository)) {
        return format!("a repository is lower case: `{}`", text.replacen(repository, &repository.to_lowercase(), 1));
    }
    "write `[registry[:port]/]repository[:tag][@digest]`".to_owned()
}

fn has_upper_case(part: &str) -> bool {
    part.contains(|c: char| c.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use crate::rules::testing::Facts;
    use crate::verdict::{Cause, Verdict};

    fn help(text: &str, fault: InvalidImage, origin: PodOrigin) -> Option<String> {
        let mut facts = Facts::default();
        let pod = facts.pod(origin);
        facts.image_as(pod, text, ImageText::Invalid(fault), Verdict::Fails(Cause::InvalidName));
        let found = facts.check(&InvalidImageReference);
        assert!(found.iter().all(|finding| finding.severity == Severity::Error));
        found.into_iter().next().and_then(|finding| finding.help)
    }

    #[test]
    fn the_usual_slips_are_told_what_to_write() {
        let cases = [
            ("docker://nginx", "remove `docker://` and write `nginx`"),
            ("nginx:", "or `nginx` alone"),
            ("ghcr.io/Acme/api:V1", "`ghcr.io/acme/api:V1`"),
            ("MyApp:1", "`myapp:1`"),
            ("alpine:invalid!", "`[registry[:port]/]repository[:tag][@digest]`"),
            (" nginx", "write `nginx`"),
        ];
        for (text, expected) in cases {
            let help = help(text, InvalidImage::Unparsable(ReferenceError::Format), PodOrigin::Template);
            assert!(help.as_deref().is_some_and(|help| help.contains(expected)), "{text}: {help:?}");
        }
    }

    #[test]
    fn an_operator_may_fill_an_empty_image_in() {
        assert!(help("\"\"", InvalidImage::Empty, PodOrigin::Template).is_some());
        assert_eq!(help("\"\"", InvalidImage::Empty, PodOrigin::Custom), None);
        assert_eq!(help("{}", InvalidImage::NotAString, PodOrigin::Custom), None);
    }
}
