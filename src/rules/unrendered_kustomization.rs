//! `unrendered-kustomization`: a kustomization whose images can be determined only by rendering it.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::resource::kustomization::PartialBuild;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/unrendered-kustomization.md")));

/// Reports a kustomization that can be checked only when it is rendered.
pub(super) struct UnrenderedKustomization;

impl Rule for UnrenderedKustomization {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.inventory.unrendered.iter().map(|unrendered| {
            let parts = unrendered.parts.join(", ");
            let message = format!("only part of what this kustomization deploys is known; not followed: {parts}");
            Finding::new(META.id, META.severity, message, unrendered.span, "not followed").help(help(unrendered))
        }));
    }
}

fn help(unrendered: &PartialBuild) -> String {
    let folder = quoted(&unrendered.folder);
    if unrendered.is_deployed {
        "check what the tool deploys: `flux build kustomization NAME --path FOLDER | pullcheck -`, or `argocd app \
         manifests NAME | pullcheck -`"
            .to_owned()
    } else if unrendered.has_charts {
        format!(
            "render it and check the result: `kustomize build --enable-helm {folder} | pullcheck -`; pullcheck \
             itself never passes --enable-helm, because it runs code from the charts"
        )
    } else {
        format!("render it and check the result: `kubectl kustomize {folder} | pullcheck -`, or pass `--render`")
    }
}

/// Returns a folder, quoted for a shell.
fn quoted(folder: &str) -> String {
    let is_plain = folder.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+,@".contains(&b));
    if is_plain && !folder.starts_with('-') {
        folder.to_owned()
    } else {
        format!("'{}'", folder.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::Facts;

    #[test]
    fn help_shows_the_render_command() {
        let mut facts = Facts::default();
        let span = facts.spanned("helmCharts").span;
        let unrendered = |folder: &str, has_charts| PartialBuild {
            span,
            folder: folder.to_owned(),
            parts: vec!["a".to_owned(), "b".to_owned()],
            has_charts,
            is_deployed: false,
        };
        let deployed = PartialBuild { is_deployed: true, ..unrendered("a", false) };
        facts.inventory.unrendered = vec![unrendered("a/b", false), unrendered("a b", true), deployed];
        let found = facts.check(&UnrenderedKustomization);
        assert!(found[0].message.ends_with("not followed: a, b"));
        let helps: Vec<&str> = found.iter().filter_map(|finding| finding.help.as_deref()).collect();
        assert!(helps[0].contains("`kubectl kustomize a/b | pullcheck -`, or pass `--render`"));
        assert!(helps[1].contains("--enable-helm 'a b' | pullcheck -"));
        assert!(helps[2].contains("`flux build kustomization"));
    }
}
