//! `unrendered-template`: a template of Helm's or of another tool, or a chart, that can be checked only in its
//! rendered form.

use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::inventory::ProblemKind;
use crate::resource::workload::values::is_helmfile_name;
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/unrendered-template.md")));

/// Reports a Helm chart that is not rendered, once, with the number of unchecked templates.
pub(super) struct UnrenderedTemplate;

impl Rule for UnrenderedTemplate {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        let templates = cx.inventory.problems.iter().filter(|problem| problem.kind == ProblemKind::Template);
        // The parser's message is left out: it is about YAML, which a template is not, and without it all templates
        // of a chart are one fault.
        out.extend(templates.map(|problem| {
            let message = "this template is not rendered, so its images are not checked";
            let file = cx.sources.get(problem.span.source).name();
            let help = match is_helmfile_name(file) {
                true => {
                    format!("check what is deployed: `helmfile --file {} template | pullcheck -`", word(file))
                }
                false => "render it first and check the result: `helm template … | pullcheck -`, or use the tool that \
                          it is for"
                    .to_owned(),
            };
            Finding::new(META.id, META.severity, message, problem.span, "template").help(help)
        }));
        out.extend(cx.inventory.charts.charts.iter().map(|unrendered| {
            let (chart, count) = (&unrendered.chart, unrendered.templates);
            let templates = if count == 1 { "template" } else { "templates" };
            let message =
                format!("this chart is not rendered, so the images of its {count} {templates} are not checked");
            let command = format!("helm template {} {}", word(&chart.name), word(&chart.folder));
            Finding::new(META.id, META.severity, message, chart.name_span, "this chart")
                .help(format!("check the rendered output: `{command} | pullcheck -`, or pass `--render`"))
        }));
    }
}

/// Returns a word of a command line, quoted if a shell would split or change it.
pub(super) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%,:=".contains(c);
    let is_word = !text.is_empty() && !text.starts_with('-') && text.chars().all(plain);
    if is_word { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::rules::testing::Facts;

    #[test]
    fn all_templates_in_a_chart_are_one_fault() {
        let mut facts = Facts::default();
        facts.problem(ProblemKind::Template, "{{ if }}", "line 1: a");
        facts.problem(ProblemKind::Template, "{{ end }}", "line 2: b");
        facts.problem(ProblemKind::Unreadable, "", "");
        let found = facts.check(&UnrenderedTemplate);
        assert_eq!(facts.flags(&UnrenderedTemplate), [(Severity::Note, "{{ if }}"), (Severity::Note, "{{ end }}")]);
        assert_eq!((&found[0].message, &found[0].help), (&found[1].message, &found[1].help));
    }
}
