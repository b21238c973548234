//! `render-failed`: a chart or kustomization that could not be rendered, so its objects are unknown.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::inventory::ProblemKind;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/render-failed.md")));

/// Parts of the tools' messages (`action.CheckDependencies` of Helm; `api/internal/target` and
/// `api/internal/plugins` of kustomize), each with advice.
const HELP: &[(&str, &str)] = &[
    ("missing in charts/", "fetch the chart dependencies first: `helm dependency build`; `--render` downloads nothing"),
    (
        "--enable-helm",
        "`--render` does not run Helm for a kustomization: build it yourself, `kustomize build --enable-helm … | \
         pullcheck -`",
    ),
    (
        "alpha-plugins",
        "`--render` does not run plugins: build it yourself, `kustomize build --enable-alpha-plugins … | pullcheck \
         -`",
    ),
    (
        "is not in or below",
        "kustomize reads only files in the kustomization's own folder: move the file there, or make its folder a \
         base",
    ),
    ("and was stopped", "render it yourself and check the result: `… | pullcheck -`"),
];

/// Reports a chart or kustomization that `--render` could not render.
pub(super) struct RenderFailed;

impl Rule for RenderFailed {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        for problem in &cx.inventory.problems {
            let ProblemKind::RenderFailed { tool } = problem.kind else { continue };
            let what = if tool.starts_with("helm") { "chart" } else { "kustomization" };
            let words = &problem.message;
            let message = format!("cannot render this {what}, so its contents are not checked; {tool}: {words}");
            let known = HELP.iter().find(|(part, _)| words.contains(part));
            let help = known.map_or_else(
                || format!("fix it until `{tool}` succeeds, or skip the folder with `--exclude`"),
                |(_, help)| (*help).to_owned(),
            );
            out.push(Finding::new(META.id, META.severity, message, problem.span, "").help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::Facts;

    #[test]
    fn message_quotes_the_whole_tool_output() {
        let mut facts = Facts::default();
        let words = "Error: a\n  b: found in Chart.yaml, but missing in charts/ directory: redis";
        facts.problem(ProblemKind::RenderFailed { tool: "helm template" }, "apiVersion: v2", words);
        facts.problem(ProblemKind::RenderFailed { tool: "kubectl kustomize" }, "resources: []", "error: x");
        facts.problem(ProblemKind::Template, "{{ if }}", "");
        let found = facts.check(&RenderFailed);
        assert_eq!(found.len(), 2);
        assert!(found[0].message.starts_with("cannot render this chart, ") && found[0].message.ends_with(words));
        assert!(found[0].help.as_ref().is_some_and(|help| help.contains("helm dependency build")));
        assert!(found[1].message.starts_with("cannot render this kustomization, "), "{}", found[1].message);
    }
}
