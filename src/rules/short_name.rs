//! `short-name`: a name without a registry, which CRI-O completes from the node's configuration.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::image::runtime::Runtime;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/short-name.md")));

/// Reports an image name without a registry.
pub(super) struct ShortName;

impl Rule for ShortName {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        let message = match cx.settings.cluster.runtime {
            Runtime::Crio => {
                "the image name has no registry: CRI-O rejects it if the node searches several registries, and pulls \
                 it from a registry other than Docker Hub if the node is configured to"
            }
            _ => {
                "the image name has no registry: containerd uses Docker Hub, and other runtimes use the registries \
                 that the node is configured for"
            }
        };
        out.extend(cx.images().filter_map(|facts| {
            let image = facts.reference()?;
            let text = &facts.image.text.value;
            // To containerd, a first part with capitals is a registry (`splitDockerDomain` of
            // distribution/reference).
            let has_registry = image.registry() != "docker.io" && cx.settings.cluster.runtime.is_containerd();
            (is_short(text) && !has_registry).then_some(())?;
            let rest = text.strip_prefix("library/").unwrap_or(text);
            let full = match image.repository().split_once('/') {
                Some(("library", _)) => format!("docker.io/library/{rest}"),
                _ => format!("{}/{text}", image.registry()),
            };
            let finding = Finding::new(META.id, META.severity, message, facts.image.text.span, "no registry");
            Some(finding.help(format!("write the full name: `{full}`")).subject(facts.subject()))
        }));
    }
}

/// Whether a name has no host in front, like `IsShortName` of containers/image (`pkg/shortnames`).
fn is_short(text: &str) -> bool {
    match text.split_once('/') {
        Some((first, _)) => !first.contains(['.', ':']) && first != "localhost",
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, pullable};

    #[test]
    fn help_offers_the_full_name() {
        let cases = [
            ("nginx:1", Some("write the full name: `docker.io/library/nginx:1`")),
            ("library/nginx", Some("write the full name: `docker.io/library/nginx`")),
            ("grafana/grafana:11", Some("write the full name: `docker.io/grafana/grafana:11`")),
            ("localhost:5000", Some("write the full name: `docker.io/library/localhost:5000`")),
            ("docker.io/nginx:1", None),
            ("localhost/nginx", None),
            ("NVIDIA/cuda:12", None),
            ("reg:5000/nginx", None),
        ];
        for (text, expected) in cases {
            let mut facts = Facts::default();
            let pod = facts.pod(PodOrigin::Template);
            facts.image(pod, text, pullable());
            let help = facts.check(&ShortName).pop().and_then(|finding| finding.help);
            assert_eq!(help.as_deref(), expected, "{text}");
        }
    }
}
