//! `unresolved-placeholder`: another program fills the image in, so it is not checked.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::resource::workload::{ImageText, Skip};
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/unresolved-placeholder.md")));

/// Reports an image that another program has yet to fill in.
pub(super) struct UnresolvedPlaceholder;

impl Rule for UnresolvedPlaceholder {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.images().filter_map(|facts| {
            // The other reasons to skip an image are not faults: the program that fills it in is known.
            let ImageText::Skipped(Skip::Placeholder) = facts.image.image else { return None };
            let text = &facts.image.text.value;
            let message = format!("{text:?} contains a placeholder, so the image is unknown and not checked");
            let finding = Finding::new(META.id, META.severity, message, facts.image.text.span, "placeholder");
            Some(finding.help(help(text)).subject(facts.subject()))
        }));
    }
}

/// Names the program that fills in such a placeholder.
fn help(text: &str) -> &'static str {
    if text.starts_with("ko://") {
        "`ko resolve` builds the image and writes its reference: check its output"
    } else if text.contains("{{") {
        "render it first and check the result: `helm template … | pullcheck -`"
    } else if text.contains("$(") {
        "the kubelet expands `$(X)` only in `command`, `args`, and `env`: check the output of `oc process`, Tekton, \
         or your pipeline"
    } else if text.contains('$') {
        "substitute it first and check the result: `envsubst < file | pullcheck -`"
    } else {
        "write the image, or check the manifest after it is filled in"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::verdict::{Cause, Verdict};
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::Facts;

    #[test]
    fn only_placeholders_are_flagged() {
        let skips = [
            (Skip::Placeholder, Cause::Placeholder, 1),
            (Skip::Injected, Cause::Placeholder, 0),
            (Skip::RewrittenByKustomize, Cause::RewrittenByKustomize, 0),
            (Skip::SetByImageStream, Cause::SetByImageStream, 0),
        ];
        for (skip, cause, expected) in skips {
            let mut facts = Facts::default();
            let pod = facts.pod(PodOrigin::Template);
            facts.image_as(pod, "api", ImageText::Skipped(skip), Verdict::Skipped(cause));
            assert_eq!(facts.check(&UnresolvedPlaceholder).len(), expected, "{skip:?}");
        }
    }

    #[test]
    fn help_names_the_tool_that_fills_in_the_placeholder() {
        let cases = [
            ("ko://example.com/cmd", "ko resolve"),
            ("{{ .Values.image }}", "helm template"),
            ("$(IMAGE)", "oc process"),
            ("${IMAGE}:1", "envsubst"),
            ("<image>", "filled in"),
        ];
        for (text, expected) in cases {
            assert!(help(text).contains(expected), "{text}");
        }
    }
}
