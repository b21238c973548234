//! `invalid-kustomization`: a kustomization that kustomize refuses to build, so that none of it is deployed.

use std::sync::LazyLock;

use crate::findings::finding::{Edit, Finding, Fix, Safety, Severity};
use crate::resource::kustomization::{Refusal, Remedy, Versions};
use crate::rules::engine::meta::Meta;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/invalid-kustomization.md")));

/// Reports a kustomization that kustomize cannot build, with kustomize's own message.
pub(super) struct InvalidKustomization;

impl Rule for InvalidKustomization {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.inventory.refusals.iter().map(|refusal| finding(cx, refusal)));
    }
}

fn finding(cx: &Context<'_>, refusal: &Refusal) -> Finding {
    let words = &refusal.words;
    let (severity, message) = match refusal.versions {
        Versions::All => {
            (META.severity, format!("kustomize rejects this kustomization, so nothing in it is deployed: {words}"))
        }
        Versions::Older => (
            Severity::Warning,
            format!("kustomize 5.5 (in kubectl 1.32) rejects this kustomization, and 5.8 accepts it: {words}"),
        ),
        Versions::Restricted => (
            Severity::Warning,
            format!(
                "kustomize and `kubectl apply -k` reject this kustomization, unless their load restrictions are \
                 disabled: {words}"
            ),
        ),
        Versions::BeforeLast => (
            Severity::Warning,
            format!(
                "kustomize before 5.8.3 (as in kubectl 1.37) fails on this name, and 5.8.3 ignores the entry: \
                 {words}"
            ),
        ),
    };
    let written = cx.sources.slice(refusal.span);
    let finding = Finding::new(META.id, severity, message, refusal.span, refusal.label.clone());
    let finding = refusal
        .others
        .iter()
        .fold(finding, |finding, other| finding.related(*other, "this path does not exist either"));
    let finding = refusal.related.iter().fold(finding, |finding, (span, what)| finding.related(*span, *what));
    match &refusal.remedy {
        Remedy::Advice(help) => finding.help(help.clone()),
        Remedy::None => match refusal.versions {
            Versions::BeforeLast => finding.help("fix the regular expression; a single `.` or `*` is not a wildcard"),
            Versions::Older => finding.help("remove it, or build with a newer kustomize"),
            Versions::Restricted => finding.help(
                "move the file below the folder, or name a folder with a kustomization; Flux, and kustomize with \
                 `--load-restrictor LoadRestrictionsNone`, build it",
            ),
            Versions::All => {
                finding.help("write it as the kustomization reference shows; `kubectl kustomize` prints the error")
            }
        },
        Remedy::Quote(text) => {
            let quoted = format!("\"{text}\"");
            let key = key_before(cx, refusal).map(|key| format!("{key}: ")).unwrap_or_default();
            let help = format!("quote it, because YAML reads it as {}: `{key}{quoted}`", refusal.label);
            finding.help(help).fix(fix(refusal, format!("quote it: {quoted}"), quoted, Safety::Safe))
        }
        Remedy::Rename(key) => {
            let help = format!("if `{written}` means `{key}`, use that name");
            finding.help(help).fix(fix(refusal, format!("rename it to {key}"), key.clone(), Safety::Unsafe))
        }
        Remedy::Replace(value) => finding.help(format!("write `{value}`")).fix(fix(
            refusal,
            format!("write {value}"),
            value.clone(),
            Safety::Unsafe,
        )),
        Remedy::Member(path) => finding.help(format!(
            "add `{path}` there, or remove the reference; paths are relative to the kustomization's folder"
        )),
    }
}

/// Returns the key in front of a value, if it is a plain word.
fn key_before<'a>(cx: &Context<'a>, refusal: &Refusal) -> Option<&'a str> {
    let text = cx.sources.get(refusal.span.source).text().get(..refusal.span.start as usize)?;
    let before = text.trim_end().strip_suffix(':')?;
    let start = before.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    before.get(start..).filter(|key| !key.is_empty())
}

fn fix(refusal: &Refusal, title: String, replacement: String, safety: Safety) -> Option<Fix> {
    Some(Fix { title, safety, edits: vec![Edit { span: refusal.span, replacement }] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::Facts;

    #[test]
    fn help_and_fix_quote_a_number() {
        let mut facts = Facts::default();
        let span = facts.spanned("7284872").span;
        let words = "json: cannot unmarshal number into Go struct field Image.images.newTag of type string";
        let refusal = |versions, remedy| Refusal {
            span,
            label: "a number".to_owned(),
            words: words.to_owned(),
            others: Vec::new(),
            related: Vec::new(),
            versions,
            remedy,
        };
        facts.inventory.refusals =
            vec![refusal(Versions::All, Remedy::Quote("7284872".to_owned())), refusal(Versions::Older, Remedy::None)];
        let found = facts.check(&InvalidKustomization);
        let severities: Vec<Severity> = found.iter().map(|finding| finding.severity).collect();
        assert_eq!(severities, [Severity::Error, Severity::Warning]);
        assert!(found[0].message.ends_with(words));
        assert_eq!(found[0].help.as_deref(), Some("quote it, because YAML reads it as a number: `\"7284872\"`"));
        let [fix] = found[0].fixes.as_slice() else { panic!("one fix") };
        assert_eq!((fix.safety, fix.edits[0].replacement.as_str()), (Safety::Safe, "\"7284872\""));
    }
}
