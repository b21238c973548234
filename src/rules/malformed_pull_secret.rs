//! `malformed-pull-secret`: a pull secret that cannot be decoded, and that breaks every image of the pods that name
//! it.
//!
//! Follows `ValidateSecret` of `pkg/apis/core/validation/validation.go` for what is refused at apply, and
//! `MakeDockerKeyring` of `pkg/credentialprovider/secrets/secrets.go` for what fails at the pull.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::findings::finding::{Finding, Severity, Subject};
use crate::resource::secret::{Malformed, RefusedBy, Secret, SecretContent};
use crate::rules::engine::meta::Meta;
use crate::rules::selection::attribution::is_harmless;
use crate::rules::{Context, Rule};
use crate::text::source::Span;

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/malformed-pull-secret.md")));

/// Reports a pull secret whose content the kubelet cannot decode.
pub(super) struct MalformedPullSecret;

impl Rule for MalformedPullSecret {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        for (index, secret) in cx.inventory.secrets.iter().enumerate() {
            if let SecretContent::Malformed(malformed) = &secret.content {
                out.push(finding(cx, index, secret, malformed));
            }
        }
    }
}

fn finding(cx: &Context<'_>, index: usize, secret: &Secret, malformed: &Malformed) -> Finding {
    let (name, why) = (&secret.name.value, &malformed.message);
    let mut references: BTreeSet<Span> = BTreeSet::new();
    let mut breaks = false;
    let mut event = None;
    for facts in cx.images_of_kubelets() {
        let mut named = facts.judged.pull.secrets.iter().filter(|named| named.object == Some(index)).peekable();
        if named.peek().is_some() && !is_harmless(&facts) {
            breaks = true;
            event = event.or(facts.judged.event.as_ref());
        }
        references.extend(named.map(|named| named.span));
    }
    let (message, severity) = match malformed.refused_by {
        RefusedBy::ApiServer => (
            format!("the API server rejects the pull secret {name:?}, because it cannot decode the value: {why}"),
            META.severity,
        ),
        RefusedBy::Kubelet => (
            format!(
                "the kubelet cannot decode the pull secret {name:?}, and pulls no image for a pod that names it: \
                 {why}"
            ),
            if breaks { META.severity } else { Severity::Warning },
        ),
    };
    let subject = Subject { resource: Some(cx.inventory.resource(secret.resource).name.clone()), ..Subject::default() };
    let create_again = format!(
        "recreate it: `kubectl create secret docker-registry {name} --docker-server=… --docker-username=… \
         --docker-password=… --dry-run=client -o yaml`"
    );
    let help = match begins_with_mark(cx, malformed) {
        true => format!(
            "the source file begins with a byte order mark, which Go's JSON decoder rejects: save it as UTF-8 \
             without one (Notepad and PowerShell 5 write one), or {create_again}"
        ),
        false => create_again,
    };
    let finding = Finding::new(META.id, severity, message, malformed.span, "cannot be decoded")
        .help(help)
        .event(event.cloned())
        .subject(subject);
    references.iter().fold(finding, |finding, &at| finding.related(at, "every pull with it fails"))
}

/// Whether a byte order mark is the part that cannot be decoded: as it is, escaped, or in base64.
fn begins_with_mark(cx: &Context<'_>, malformed: &Malformed) -> bool {
    let written = cx.sources.slice(malformed.span).trim_start_matches(['"', '\'', '|', '>', '-', '\n', ' ']);
    malformed.message.starts_with("invalid character 'ï' looking for beginning of value")
        && ["\u{feff}", "\\ufeff", "\\uFEFF", "77u/"].iter().any(|mark| written.starts_with(mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::pull::SecretState;
    use crate::kubelet::verdict::{Cause, Verdict};
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::Facts;

    fn malformed(refused_by: RefusedBy, named: bool) -> Vec<(Severity, usize)> {
        let mut facts = Facts::default();
        let span = facts.write("e30=");
        let content = SecretContent::Malformed(Malformed { message: "no".to_owned(), span, refused_by });
        let object = facts.secret(None, "regcred", Some("kubernetes.io/dockerconfigjson"), content);
        let pod = facts.pod(PodOrigin::Template);
        facts.image(pod, "nginx:1", Verdict::Fails(Cause::MalformedPullSecret)).event = Some("Error: no".to_owned());
        facts.image(pod, "redis:1", Verdict::Fails(Cause::MalformedPullSecret));
        if named {
            facts.name_secret(pod, "regcred", SecretState::Malformed, Some(object));
        }
        assert_eq!(facts.check(&MalformedPullSecret)[0].event.as_deref(), named.then_some("Error: no"));
        assert!(facts.flags(&MalformedPullSecret).iter().all(|(_, text)| *text == "e30="));
        facts.check(&MalformedPullSecret).iter().map(|found| (found.severity, found.related.len())).collect()
    }

    #[test]
    fn help_names_a_byte_order_mark() {
        let help = |written: &str, message: &str| {
            let mut facts = Facts::default();
            let span = facts.write(written);
            let malformed = Malformed { message: message.to_owned(), span, refused_by: RefusedBy::ApiServer };
            facts.secret(None, "regcred", None, SecretContent::Malformed(malformed));
            facts.check(&MalformedPullSecret).remove(0).help.unwrap_or_default()
        };
        let words = "invalid character 'ï' looking for beginning of value";
        for written in ["\u{feff}{}", "'\u{feff}{}'", "\"\\ufeff{}\"", "77u/e30="] {
            assert!(help(written, words).contains("byte order mark"), "{written}");
        }
        assert!(help("７", words).starts_with("recreate it"), "another character that begins with that byte");
        assert!(help("77u/e30=", "unexpected end of JSON input").starts_with("recreate it"));
    }

    #[test]
    fn severity_depends_on_the_component_that_rejects_it() {
        assert_eq!(malformed(RefusedBy::ApiServer, false), [(Severity::Error, 0)]);
        assert_eq!(malformed(RefusedBy::Kubelet, true), [(Severity::Error, 1)]);
        assert_eq!(malformed(RefusedBy::Kubelet, false), [(Severity::Warning, 0)]);
    }
}
