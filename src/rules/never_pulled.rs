//! `never-pulled`: the policy forbids the pull.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::kubelet::verdict::Verdict;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/never-pulled.md")));

/// Reports the pull policy `Never`: the image must already be on the node.
pub(super) struct NeverPulled;

impl Rule for NeverPulled {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.images().filter(|facts| facts.judged.verdict == Verdict::NotPulled).filter_map(|facts| {
            let policy = facts.image.declared_policy.as_ref()?;
            let message = format!(
                "with the pull policy `Never`, {:?} must already be on every node: on other nodes the container \
                 waits with ErrImageNeverPull",
                facts.image.text.value
            );
            let finding = Finding::new(META.id, META.severity, message, policy.span, "never pulled");
            let help = "to let the nodes pull it, write `IfNotPresent`";
            Some(finding.help(help).subject(facts.subject()))
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, pullable};

    #[test]
    fn finding_points_at_the_pull_policy() {
        for (verdict, expected) in [(Verdict::NotPulled, &[(Severity::Note, "Never")][..]), (pullable(), &[])] {
            let mut facts = Facts::default();
            let pod = facts.pod(PodOrigin::Template);
            facts.image(pod, "nginx:1.27", verdict);
            facts.inventory.images[0].declared_policy = Some(facts.spanned("Never"));
            assert_eq!(facts.flags(&NeverPulled), expected);
        }
    }
}
