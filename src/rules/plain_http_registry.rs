//! `plain-http-registry`: the registry answers with HTTP, and the runtime expects HTTPS.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::image::runtime::Runtime;
use crate::kubelet::verdict::Verdict;
use crate::rules::engine::meta::Meta;
use crate::rules::selection::attribution::Attribution;
use crate::rules::selection::attribution::attribute;
use crate::rules::selection::attribution::doubt;
use crate::rules::{Context, ImageFacts, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/plain-http-registry.md")));

/// Reports a registry that answers with plain HTTP on the port where the runtime expects HTTPS.
pub(super) struct PlainHttpRegistry;

impl Rule for PlainHttpRegistry {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        let concerned = cx.images().filter(|facts| attribute(cx, facts) == Some(Attribution::PlainHttp));
        out.extend(concerned.filter_map(|facts| finding(cx, &facts)));
    }
}

fn finding(cx: &Context<'_>, facts: &ImageFacts<'_>) -> Option<Finding> {
    let registry = facts.reference()?.registry();
    let unless = match facts.judged.verdict {
        Verdict::Fails(_) => ", and the nodes' hosts.toml files do not allow it",
        _ => ", which the nodes must be configured for",
    };
    // The message does not name the image: all images of one registry are one fault.
    let message = format!("{registry} uses plain HTTP{unless}, but the runtime requires HTTPS{}", doubt(facts));
    let severity = facts.raised_severity(&META);
    let finding = Finding::new(META.id, severity, message, facts.image.text.span, "pulled over HTTPS");
    let finding = finding.help(help(registry, cx.settings.cluster.runtime)).event(facts.judged.event.clone());
    Some(finding.subject(facts.subject()))
}

fn help(registry: &str, runtime: Runtime) -> String {
    let configure = match runtime {
        Runtime::Crio => {
            format!("a `[[registry]]` with `location = \"{registry}\"` and `insecure = true` in registries.conf")
        }
        _ => format!("`server = \"http://{registry}\"` in /etc/containerd/certs.d/{registry}/hosts.toml"),
    };
    format!(
        "give the registry a certificate, or configure every node: {configure}; if they are configured, pass \
         `--plain-http {registry}`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::kubelet::probe::Unknown;
    use crate::kubelet::verdict::Cause;
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::Facts;

    #[test]
    fn plain_http_is_an_error_only_with_known_node_config() {
        let cause = Cause::Unknown(Unknown::PlainHttp);
        for (verdict, severity, words) in [
            (Verdict::Unverified(cause), Severity::Warning, "which the nodes must be configured for"),
            (Verdict::Fails(cause), Severity::Error, "the nodes' hosts.toml files do not allow it"),
        ] {
            let mut facts = Facts::default();
            let pod = facts.pod(PodOrigin::Template);
            facts.image(pod, "reg.example:5000/api:1", verdict);
            let found = facts.check(&PlainHttpRegistry).remove(0);
            assert_eq!(found.severity, severity);
            assert!(found.message.contains(words), "{}", found.message);
        }
    }

    #[test]
    fn help_names_the_config_file_of_the_runtime() {
        assert!(help("reg.example:5000", Runtime::Containerd).contains("certs.d/reg.example:5000/hosts.toml"));
        assert!(help("reg.example:5000", Runtime::Crio).contains("registries.conf"));
    }
}
