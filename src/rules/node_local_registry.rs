//! `node-local-registry`: a registry on the node or in the cluster, which cannot be reached from elsewhere.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::image::host;
use crate::kubelet::probe::Unknown;
use crate::kubelet::verdict::{Cause, Verdict};
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, ImageFacts, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/node-local-registry.md")));

/// Reports an image from a registry that only the node or the cluster can reach.
pub(super) struct NodeLocalRegistry;

impl Rule for NodeLocalRegistry {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.images().filter(concerns).filter_map(|facts| {
            let registry = facts.reference()?.registry();
            let (message, help) = words(registry);
            let finding = Finding::new(META.id, META.severity, message, facts.image.text.span, "not verified");
            Some(finding.help(help).subject(facts.subject()))
        }));
    }
}

/// Whether an image is from such a registry, and was not asked for there.
pub(crate) fn concerns(facts: &ImageFacts<'_>) -> bool {
    let unseen = Verdict::Unverified(Cause::Unknown(Unknown::NodeLocal));
    let offline = Verdict::Unverified(Cause::Unknown(Unknown::Offline));
    (facts.judged.verdict == unseen || facts.judged.verdict == offline)
        && facts.reference().is_some_and(|image| host::is_node_local(image.registry()))
}

fn words(registry: &str) -> (String, String) {
    let option = format!("if this machine can reach the same registry, pass `--plain-http {registry}` or");
    let name = registry.rsplit_once(':').map_or(registry, |(name, _)| name);
    if name.ends_with(".svc") || name.ends_with(".cluster.local") {
        let message = format!(
            "{registry} is an internal name of the cluster: it is not reachable from here, and a node resolves it \
             only if it is configured to, because pulls run outside of any pod"
        );
        (message, format!("{option} `--connect-to {registry}=ADDRESS:PORT`"))
    } else {
        let message = format!(
            "{registry} refers to each node itself: it is not reachable from here, and a node without its own \
             registry cannot pull from it"
        );
        (message, format!("use a registry that every node can reach; {option} `--connect-to`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, pullable};

    #[test]
    fn only_unverified_node_local_images_are_flagged() {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        let offline = || Verdict::Unverified(Cause::Unknown(Unknown::Offline));
        facts.image(pod, "localhost:5000/a:1", offline());
        facts.image(pod, "registry.kube-system.svc:5000/a:1", Verdict::Unverified(Cause::Unknown(Unknown::NodeLocal)));
        facts.image(pod, "localhost:5000/b:1", pullable());
        facts.image(pod, "localhost:5000/c:1", Verdict::NotPulled);
        facts.image(pod, "reg.example.com/d:1", offline());
        let expected = [(Severity::Note, "localhost:5000/a:1"), (Severity::Note, "registry.kube-system.svc:5000/a:1")];
        assert_eq!(facts.flags(&NodeLocalRegistry), expected);
    }
}
