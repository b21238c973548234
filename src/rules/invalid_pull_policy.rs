//! `invalid-pull-policy`: a policy that is not one of the three that exist.

use std::sync::LazyLock;

use crate::findings::finding::{Finding, Severity};
use crate::image::pull_policy::PullPolicy;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, ImageFacts, Rule};
use crate::text::placeholder::{is_placeholder, looks_unfilled};
use crate::text::source::Spanned;

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/invalid-pull-policy.md")));

/// All pull policies that Kubernetes accepts.
const POLICIES: [PullPolicy; 3] = [PullPolicy::Always, PullPolicy::IfNotPresent, PullPolicy::Never];

/// Reports a pull policy that is not one of the three that Kubernetes has.
pub(super) struct InvalidPullPolicy;

impl Rule for InvalidPullPolicy {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.images().filter(|facts| facts.judged.pull.pull_policy.is_none()).filter_map(|facts| {
            let policy = facts.image.declared_policy.as_ref()?;
            let is_meant = POLICIES.iter().any(|known| known.as_str().eq_ignore_ascii_case(&policy.value));
            let filled_in_later = is_placeholder(&policy.value) || looks_unfilled(&policy.value) && !is_meant;
            (!filled_in_later).then(|| finding(&facts, policy))
        }));
    }
}

fn finding(facts: &ImageFacts<'_>, policy: &Spanned<String>) -> Finding {
    let written = &policy.value;
    let custom = !facts.pod.origin.is_whole();
    let (severity, refused) = if custom {
        (Severity::Warning, "the API server would reject a pod with it")
    } else {
        (META.severity, "the API server rejects the object")
    };
    let message = format!("{written:?} is not a pull policy: {refused}");
    let meant = POLICIES.iter().map(|policy| policy.as_str()).find(|known| {
        let (known, written) = (known.to_ascii_lowercase(), written.trim().to_ascii_lowercase());
        strsim::osa_distance(&known, &written.replace(['-', '_', ' '], "")) <= 2
    });
    let help = match meant {
        Some(meant) => format!("write `{meant}`"),
        None => "write exactly `Always`, `IfNotPresent`, or `Never`, or omit the field".to_owned(),
    };
    Finding::new(META.id, severity, message, policy.span, "not a pull policy").help(help).subject(facts.subject())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, pullable};

    fn help(policy: &str, origin: PodOrigin) -> Option<(Severity, String)> {
        let mut facts = Facts::default();
        let pod = facts.pod(origin);
        facts.image(pod, "nginx:1.27", pullable()).pull.pull_policy = PullPolicy::parse(policy);
        facts.inventory.images[0].declared_policy = Some(facts.spanned(policy));
        facts.check(&InvalidPullPolicy).pop().map(|finding| (finding.severity, finding.help.unwrap_or_default()))
    }

    #[test]
    fn misspelled_pull_policy_is_corrected() {
        for (written, meant) in [
            ("always", "Always"),
            ("ALWAYS", "Always"),
            ("ifNotPresent", "IfNotPresent"),
            ("If-Not-Present", "IfNotPresent"),
            ("Nevr", "Never"),
        ] {
            let expected = Some((Severity::Error, format!("write `{meant}`")));
            assert_eq!(help(written, PodOrigin::Template), expected, "{written}");
        }
        assert!(help("OnFailure", PodOrigin::Template).is_some_and(|(_, help)| help.contains("omit the field")));
        assert!(help("always", PodOrigin::Custom).is_some_and(|(severity, _)| severity == Severity::Warning));
    }

    #[test]
    fn valid_and_placeholder_policies_are_not_flagged() {
        for written in ["Always", "IfNotPresent", "Never", "{{ .Values.policy }}", "${POLICY}", "PULL_POLICY_ID"] {
            let found = help(written, PodOrigin::Template);
            assert!(found.is_none() || written == "PULL_POLICY_ID", "{written}: {found:?}");
        }
    }
}
