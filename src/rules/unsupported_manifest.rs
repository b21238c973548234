//! `unsupported-manifest`: the manifest is there, and the runtime cannot use it.

use std::sync::LazyLock;

use crate::event::Runtime;
use crate::finding::{Finding, Severity};
use crate::probe::Defect;
use crate::rules::meta::Meta;
use crate::rules::{Context, ImageFacts, Rule};
use crate::verdict::{Cause, Verdict};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/unsupported-manifest.md")));

/// The rule.
pub(super) struct UnsupportedManifest;

impl Rule for UnsupportedManifest {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.images().filter_map(|facts| {
            let Verdict::Fails(Cause::Defect(defect)) = facts.judged.verdict else { return None };
            let (message, help) = words(&facts, defect)?;
            // CRI-O converts schema 1, and containerd up to 1.7 still took it.
            let certain = defect != Defect::Schema1 || cx.settings.runtime == Runtime::Containerd;
            let severity = if certain { META.severity } else { Severity::Warning };
            let finding = Finding::new(META.id, severity, message, facts.image.text.span, "cannot be used");
            Some(finding.help(help).event(facts.judged.event.clone()).subject(facts.subject()))
        }));
    }
}

fn words(facts: &ImageFacts<'_>, defect: Defect) -> Option<(String, &'static str)> {
    let text = &facts.image.text.value;
    let registry = facts.reference()?.registry();
    Some(match defect {
        Defect::Schema1 => (
            format!("{text:?} has a manifest of Docker's schema 1, which containerd no longer takes since 2.0"),
            "pull and push it with a current client, or build it anew",
        ),
        Defect::NotAnImage => (
            format!("{text:?} is no container image but another artifact, such as a Helm chart"),
            "look for a slip in the name: a chart and its image often share a repository",
        ),
        Defect::TooBig => (
            format!("the manifest of {text:?} is larger than the 4 MiB that containerd reads"),
            "build the image with fewer layers and annotations",
        ),
        Defect::BrokenProxy => (
            format!("{registry} names {text:?} and then sends a manifest of 0 bytes"),
            "the registry, or a proxy before it, answers HEAD requests wrongly: mend it there",
        ),
        Defect::BrokenRegistry => (
            format!("{registry} sends {text:?} with a `Docker-Content-Digest` that is no digest"),
            "the registry, or a proxy before it, is broken: mend it there",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::Facts;
    use crate::workload::PodOrigin;

    #[test]
    fn every_defect_is_an_error_but_schema_one_where_the_runtime_may_take_it() {
        use Severity::{Error, Warning};
        let cases = [
            (Defect::Schema1, Runtime::Containerd, Error),
            (Defect::Schema1, Runtime::ContainerdOne, Warning),
            (Defect::Schema1, Runtime::Crio, Warning),
            (Defect::NotAnImage, Runtime::Crio, Error),
            (Defect::TooBig, Runtime::Containerd, Error),
            (Defect::BrokenProxy, Runtime::Containerd, Error),
            (Defect::BrokenRegistry, Runtime::Containerd, Error),
        ];
        for (defect, runtime, severity) in cases {
            let mut facts = Facts::default();
            facts.settings.runtime = runtime;
            let pod = facts.pod(PodOrigin::Template);
            facts.image(pod, "nginx:1", Verdict::Fails(Cause::Defect(defect)));
            assert_eq!(facts.flags(&UnsupportedManifest), [(severity, "nginx:1")], "{defect:?}");
        }
    }
}
