//! `legacy-dockercfg`: a pull secret in the format that docker left behind in 2015.

use std::sync::LazyLock;

use crate::credential::dockerconfig::Format;
use crate::findings::finding::Finding;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/legacy-dockercfg.md")));

/// Reports Secrets in the legacy `.dockercfg` format.
pub(super) struct LegacyDockercfg;

impl Rule for LegacyDockercfg {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        for readable in &cx.readable_secrets {
            let Some(declared) = &readable.secret.declared_type else { continue };
            if declared.value == Format::DockerCfg.secret_type() {
                let name = &readable.secret.name.value;
                let message =
                    format!("the pull secret {name:?} uses the legacy `.dockercfg` format, which still works");
                let help = "create a `kubernetes.io/dockerconfigjson` under another name, with the same entries \
                            inside `{\"auths\": …}` under the key `.dockerconfigjson`; the type of a Secret is \
                            immutable";
                out.push(readable.finding(cx, (&META, META.severity), message, declared.span, "legacy").help(help));
            }
        }
    }
}
