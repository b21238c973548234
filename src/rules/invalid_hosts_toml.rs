//! `invalid-hosts-toml`: a `hosts.toml` of the nodes that containerd ignores, or that prevents the pull.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::inventory::ProblemKind;
use crate::kubelet::probe::{Outcome, Unknown};
use crate::rules::engine::meta::Meta;
use crate::rules::selection::attribution::Attribution;
use crate::rules::selection::attribution::attribute;
use crate::rules::selection::attribution::doubt;
use crate::rules::{Context, ImageFacts, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/invalid-hosts-toml.md")));

/// Reports a `hosts.toml` that containerd ignores, or that breaks the pull.
pub(super) struct InvalidHostsToml;

impl Rule for InvalidHostsToml {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        for problem in &cx.inventory.problems {
            if problem.kind != ProblemKind::IgnoredHostsToml {
                continue;
            }
            let message = format!("containerd cannot read this hosts.toml and ignores it: {}", problem.message);
            let finding = Finding::new(META.id, META.severity, message, problem.span, "cannot be read");
            out.push(finding.help("fix the line; until then, containerd and pullcheck ignore the whole file"));
        }
        let refused = cx.images().filter(|facts| attribute(cx, facts) == Some(Attribution::NodeConfig));
        out.extend(refused.filter_map(|facts| unusable(&facts)));
    }
}

/// Reports an image of a registry whose `hosts.toml` contains entries that cannot be used.
fn unusable(facts: &ImageFacts<'_>) -> Option<Finding> {
    let registry = facts.reference()?.registry();
    let answer = facts.judged.answer.as_deref()?;
    let words = answer.attempts.iter().find_map(|(_, outcome)| match outcome {
        Outcome::Unknown(Unknown::NodeConfig, evidence) => evidence.message.as_deref(),
        _ => None,
    })?;
    // The message does not name the image: all images of one registry are one fault.
    let message = format!(
        "containerd cannot pull images of {registry}, because its hosts.toml folder names a file that cannot be \
         used: {words}{}",
        doubt(facts)
    );
    let severity = facts.raised_severity(&META);
    let finding = Finding::new(META.id, severity, message, facts.image.text.span, "never requested")
        .help("add the file, or fix the line that names it; files are looked up by `--certs-dir` and the path")
        .event(facts.judged.event.clone());
    Some(finding.subject(facts.subject()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::kubelet::probe::{Evidence, PullAnswer};
    use crate::kubelet::verdict::{Cause, Verdict};
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, answer};

    #[test]
    fn ignored_hosts_toml_is_a_warning_and_failing_one_an_error() {
        let mut facts = Facts::default();
        facts.problem(ProblemKind::IgnoredHostsToml, "capabilities = 'pull'", "line 2: `capabilities`: must be a list");
        facts.problem(ProblemKind::Template, "{{ if }}", "");
        let pod = facts.pod(PodOrigin::Template);
        let unknown = Unknown::NodeConfig;
        let words = "unable to load CA cert \"/ca.pem\"";
        let evidence = Evidence { message: Some(words.to_owned()), ..Evidence::default() };
        let judged = facts.image(pod, "reg.example/api:1", Verdict::Fails(Cause::Unknown(unknown)));
        let attempts = vec![(None, Outcome::Unknown(unknown, evidence))];
        judged.answer = answer(PullAnswer { attempts, ..PullAnswer::default() });
        let expected = [(Severity::Warning, "capabilities = 'pull'"), (Severity::Error, "reg.example/api:1")];
        assert_eq!(facts.flags(&InvalidHostsToml), expected);
        assert!(facts.check(&InvalidHostsToml)[1].message.ends_with(words));
    }
}
