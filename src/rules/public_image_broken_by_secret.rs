//! `public-image-broken-by-secret`: the pod's credentials are rejected, and without credentials the image can be
//! pulled.
//!
//! Follows `PullImage` of `pkg/kubelet/kuberuntime/kuberuntime_image.go`: anonymous only if no key matches.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::rules::access_denied::{credential_faults, owners, related};
use crate::rules::engine::meta::Meta;
use crate::rules::evidence::registry_message::quoted;
use crate::rules::selection::attribution::Attribution;
use crate::rules::selection::attribution::attribute;
use crate::rules::selection::attribution::doubt;
use crate::rules::selection::attribution::sent_credentials;
use crate::rules::{Context, ImageFacts, Rule};

static META: LazyLock<Meta> =
    LazyLock::new(|| Meta::of_page(include_str!("../../rules/public-image-broken-by-secret.md")));

/// Reports a public image that a rejected pull secret makes impossible to pull.
pub(super) struct PublicImageBrokenBySecret;

impl Rule for PublicImageBrokenBySecret {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        for facts in cx.images() {
            if attribute(cx, &facts) == Some(Attribution::PublicBroken) {
                out.push(finding(cx, &facts));
            }
        }
    }
}

fn finding(cx: &Context<'_>, facts: &ImageFacts<'_>) -> Finding {
    let text = &facts.image.text.value;
    let message = format!(
        "{text:?} is public, but the registry rejects the credentials of {}{}{}, and the kubelet does not fall back \
         to an anonymous pull{}",
        owners(facts),
        credential_faults(cx, facts),
        quoted(facts),
        doubt(facts)
    );
    let finding = Finding::new(META.id, facts.severity(&META), message, facts.image.text.span, "public, but refused")
        .help("renew the credentials, or remove the matching entry from the secret")
        .event(facts.judged.event.clone())
        .subject(facts.subject());
    sent_credentials(facts).fold(finding, |finding, sent| related(cx, facts, finding, sent))
}
