//! `image-not-found`: the registry has no such tag, digest or repository.

use std::sync::LazyLock;

use crate::findings::finding::{Edit, Finding, Fix, Safety};
use crate::image::reference::Reference;
use crate::kubelet::probe::{Outcome, TagList};
use crate::rules::engine::meta::Meta;
use crate::rules::evidence::image_automation;
use crate::rules::evidence::nearest_tag::nearest;
use crate::rules::evidence::registry_message::{quoted, refusals};
use crate::rules::evidence::retired::retired;
use crate::rules::selection::attribution::Attribution;
use crate::rules::selection::attribution::attribute;
use crate::rules::selection::attribution::doubt;
use crate::rules::selection::attribution::is_official_image;
use crate::rules::{Context, ImageFacts, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/image-not-found.md")));

/// Reports an image that does not exist in its registry.
pub(super) struct ImageNotFound;

impl Rule for ImageNotFound {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        out.extend(cx.images().filter(|facts| attribute(cx, facts) == Some(Attribution::NotFound)).filter_map(
            |facts| {
                let image = facts.reference()?;
                let missing = missing(&facts, image);
                let message = format!("{}{}", message(&facts, image, missing), doubt(&facts));
                let severity = facts.severity(&META);
                let finding = Finding::new(META.id, severity, message, facts.image.text.span, missing.label());
                let mut help = help(&facts, image, missing);
                if let Some(retired) = retired(image) {
                    help = format!("{} {}: move to {}", retired.prefix, retired.fate, retired.instead);
                }
                let finding = finding.help(help).event(facts.judged.event.clone()).subject(facts.subject());
                let finding = with_automation(cx, &facts, finding);
                Some(finding.fix(tag_fix(cx, &facts, image, missing)))
            },
        ));
    }
}

/// What does not exist, according to the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Repository,
    Tag,
    TagOrRepository,
    Digest,
    /// `HEAD` does not find the image, and `GET` does.
    ByHead,
}

impl Missing {
    const fn label(self) -> &'static str {
        match self {
            Self::Repository => "no such repository",
            Self::Tag => "no such tag",
            Self::TagOrRepository => "no such tag or repository",
            Self::Digest => "no such digest",
            Self::ByHead => "not found by containerd",
        }
    }
}

/// Returns what is missing. The tag list is the best evidence: for a missing repository many registries answer
/// `MANIFEST_UNKNOWN` for the manifest and `NAME_UNKNOWN` only for the tag list.
fn missing(facts: &ImageFacts<'_>, image: &Reference) -> Missing {
    let answer = facts.judged.answer.as_deref();
    let code = refusals(facts).find_map(|evidence| evidence.code.as_deref());
    match answer.and_then(|answer| answer.tags.as_ref()) {
        _ if matches!(answer.and_then(|answer| answer.explained.as_ref()), Some(Outcome::Found(_))) => Missing::ByHead,
        Some(TagList::NoRepository) => Missing::Repository,
        _ if code == Some("NAME_UNKNOWN") => Missing::Repository,
        _ if image.digest().is_some() => Missing::Digest,
        Some(TagList::Tags(_) | TagList::Incomplete(_)) => Missing::Tag,
        _ => Missing::TagOrRepository,
    }
}

fn message(facts: &ImageFacts<'_>, image: &Reference, missing: Missing) -> String {
    let name = image.name();
    let tag = image.tag().unwrap_or("latest");
    match missing {
        Missing::Repository => format!("{} has no repository {:?}", image.registry(), image.repository()),
        Missing::Tag => format!("{name} has no tag {tag:?}"),
        Missing::TagOrRepository => format!("{name} has no tag {tag:?}, or does not exist at all{}", quoted(facts)),
        Missing::Digest => {
            format!("{name} has no manifest {}", image.digest().unwrap_or_default())
        }
        Missing::ByHead => format!(
            "{} has {:?}, but answers 404 to the HEAD request that containerd sends",
            image.registry(),
            facts.image.text.value
        ),
    }
}

fn help(facts: &ImageFacts<'_>, image: &Reference, missing: Missing) -> String {
    let text = &facts.image.text.value;
    if !matches!(missing, Missing::Tag | Missing::ByHead) && is_official_image(facts) && !text.contains('/') {
        return format!(
            "a name without a registry refers to an official image on Docker Hub: write `<registry>/…/{text}`"
        );
    }
    let tags = facts.judged.answer.as_deref().and_then(|answer| answer.tags.as_ref());
    match (missing, tags) {
        (Missing::Tag, Some(TagList::Tags(tags) | TagList::Incomplete(tags))) => {
            near_tags(image.tag().unwrap_or("latest"), tags)
        }
        (Missing::ByHead, _) => {
            "fix the registry or the proxy in front of it: `docker pull` and CRI-O, which send GET, get the image, \
             but containerd does not"
                .to_owned()
        }
        (Missing::Digest, _) => "it was deleted or pushed to another repository: pin an existing digest".to_owned(),
        (Missing::Repository, _) => "check the name for typos, or push the image first".to_owned(),
        _ => "check the name and the tag for typos, or push the image first".to_owned(),
    }
}

/// Returns a fix that writes the tag that was probably meant. The registry names it, and nothing but a tag may get
/// into a file.
fn tag_fix(cx: &Context<'_>, facts: &ImageFacts<'_>, image: &Reference, missing: Missing) -> Option<Fix> {
    let tags = facts.judged.answer.as_deref()?.tags.as_ref().and_then(TagList::known);
    let (Missing::Tag, Some(tags), Some(wanted)) = (missing, tags, image.tag()) else { return None };
    let best = nearest(wanted, tags).into_iter().find(|near| near.likely)?;
    let is_tag = best.tag.len() <= 128 && best.tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    facts.image.text.value.strip_suffix(wanted).filter(|name| is_tag && name.ends_with(':'))?;
    let edits = vec![Edit { span: facts.place_of(cx.sources, wanted)?, replacement: best.tag.to_owned() }];
    Some(Fix { title: format!("use the tag `{}`", best.tag), safety: Safety::Unsafe, edits })
}

/// Says if Flux may write another image into the line than the one that does not exist.
fn with_automation(cx: &Context<'_>, facts: &ImageFacts<'_>, finding: Finding) -> Finding {
    let Some(marker) = image_automation::marker(cx.sources, facts.image) else { return finding };
    let message = format!(
        "Flux may write this line: image automation sets what the ImagePolicy `{}/{}` selects",
        marker.namespace, marker.policy
    );
    finding.related(marker.span, message)
}

fn near_tags(wanted: &str, tags: &[String]) -> String {
    let near = nearest(wanted, tags);
    let list: Vec<_> = near.iter().map(|near| format!("`{}`", near.tag)).collect();
    match near.first() {
        Some(best) if best.likely => {
            let others =
                list.get(1..).filter(|rest| !rest.is_empty()).map(|rest| format!(" Similar: {}", rest.join(", ")));
            format!("did you mean `{}`?{}", best.tag, others.unwrap_or_default())
        }
        Some(_) => format!("push it first, or use an existing tag: {}", list.join(", ")),
        None if tags.is_empty() => "the repository has no tags: push the image first".to_owned(),
        None => "push it first, or use an existing tag; none has a similar name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::kubelet::probe::{Denial, Evidence, Manifest, PullAnswer};
    use crate::kubelet::verdict::{Cause, Verdict};
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, answer, evidence};

    fn absent(text: &str, code: Option<&str>, tags: Option<TagList>) -> Finding {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        let judged = facts.image(pod, text, Verdict::Fails(Cause::Absent));
        let evidence = Evidence { code: code.map(str::to_owned), ..evidence(404) };
        let attempts = vec![(None, Outcome::Absent(evidence))];
        judged.answer = answer(PullAnswer { attempts, tags, ..PullAnswer::default() });
        let mut found = facts.check(&ImageNotFound);
        assert_eq!(facts.flags(&ImageNotFound), [(Severity::Error, text)]);
        found.remove(0)
    }

    fn tags(tags: &[&str]) -> Option<TagList> {
        Some(TagList::Tags(tags.iter().map(|&tag| tag.to_owned()).collect()))
    }

    #[test]
    fn missing_repository_is_distinguished_from_missing_tag() {
        let digest = format!("ghcr.io/acme/api@sha256:{}", "0a".repeat(32));
        let cases = [
            ("ghcr.io/acme/api:1.9", Some("MANIFEST_UNKNOWN"), tags(&["1.8"]), "ghcr.io/acme/api has no tag \"1.9\""),
            (
                "ghcr.io/acme/api:1.9",
                Some("MANIFEST_UNKNOWN"),
                Some(TagList::NoRepository),
                "ghcr.io has no repository \"acme/api\"",
            ),
            ("ghcr.io/acme/api:1.9", Some("NAME_UNKNOWN"), None, "ghcr.io has no repository \"acme/api\""),
            ("ghcr.io/acme/api:1.9", Some("MANIFEST_UNKNOWN"), Some(TagList::Unknown), "or does not exist at all"),
            (&digest, Some("MANIFEST_UNKNOWN"), tags(&["1.8"]), "has no manifest sha256:0a"),
        ];
        for (text, code, tags, expected) in cases {
            let message = absent(text, code, tags).message;
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn absence_after_head_is_explained_by_the_get_answer() {
        let explained = |explained: Outcome| {
            let mut facts = Facts::default();
            let pod = facts.pod(PodOrigin::Template);
            let judged = facts.image(pod, "ghcr.io/acme/api:1.9", Verdict::Fails(Cause::Absent));
            let attempts = vec![(None, Outcome::Absent(evidence(404)))];
            let explained = Some(explained);
            judged.answer = answer(PullAnswer { attempts, explained, ..PullAnswer::default() });
            facts.check(&ImageNotFound).remove(0)
        };
        let absent = |code: &str, message: &str| {
            let (code, message) = (Some(code.to_owned()), Some(message.to_owned()));
            Outcome::Absent(Evidence { code, message, ..evidence(404) })
        };
        let repository = explained(absent("NAME_UNKNOWN", "repository name not known to registry"));
        assert_eq!(repository.message, "ghcr.io has no repository \"acme/api\"");
        let words = explained(absent("MANIFEST_UNKNOWN", "manifest tagged by \"1.9\" is not found")).message;
        assert!(words.ends_with("at all (it says: manifest tagged by \"1.9\" is not found)"), "{words}");
        let wrong = explained(Outcome::Found(Manifest::default()));
        assert!(wrong.message.contains("answers 404 to the HEAD request"), "{}", wrong.message);
        assert!(wrong.help.is_some_and(|help| help.contains("`docker pull` and CRI-O")));
    }

    #[test]
    fn did_you_mean_is_used_only_for_likely_tags() {
        let cases = [
            (tags(&["1.9.0", "1.8"]), "did you mean `1.9.0`? Similar: `1.8`"),
            (tags(&["v1.9"]), "did you mean `v1.9`?"),
            (tags(&["2.0", "1.7"]), "push it first, or use an existing tag: `1.7`, `2.0`"),
            (tags(&["edge"]), "none has a similar name"),
            (tags(&[]), "has no tags"),
        ];
        for (tags, expected) in cases {
            let help = absent("ghcr.io/acme/api:1.9", None, tags).help.unwrap_or_default();
            assert!(help.contains(expected), "{help}");
        }
    }

    #[test]
    fn help_for_absent_short_name_mentions_missing_registry() {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        facts.image(pod, "shop-api:1", Verdict::Fails(Cause::Absent));
        facts.image(pod, "acme/shop-api:1", Verdict::Fails(Cause::Denied(Denial::DeniedOrAbsent)));
        assert_eq!(facts.flags(&ImageNotFound), [(Severity::Error, "shop-api:1")]);
        let help = facts.check(&ImageNotFound).pop().and_then(|finding| finding.help).unwrap_or_default();
        assert!(help.contains("a name without a registry"), "{help}");
    }

    #[test]
    fn line_that_flux_may_write_is_pointed_at() {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        let judged = facts.image(pod, "ghcr.io/acme/api:1.9", Verdict::Fails(Cause::Absent));
        let attempts = vec![(None, Outcome::Absent(evidence(404)))];
        judged.answer = answer(PullAnswer { attempts, ..PullAnswer::default() });
        assert!(facts.check(&ImageNotFound)[0].related.is_empty());
        let line = facts.write("ghcr.io/acme/api:1.9 # {\"$imagepolicy\": \"flux-system:api\"}");
        facts.inventory.images[0].text.span.start = line.start;
        facts.inventory.images[0].text.span.end = line.start + 20;
        let finding = facts.check(&ImageNotFound).remove(0);
        assert_eq!((finding.severity, finding.related[0].span.start), (Severity::Error, line.start + 21));
        let message = &finding.related[0].message;
        assert!(message.contains("the ImagePolicy `flux-system/api` selects"), "{message}");
    }

    #[test]
    fn fix_replaces_only_a_mistyped_tag() {
        let fix = |text: &str, listed: &[&str]| {
            let mut facts = Facts::default();
            let pod = facts.pod(PodOrigin::Template);
            let judged = facts.image(pod, text, Verdict::Fails(Cause::Absent));
            let attempts = vec![(None, Outcome::Absent(evidence(404)))];
            judged.answer = answer(PullAnswer { attempts, tags: tags(listed), ..PullAnswer::default() });
            let found = facts.check(&ImageNotFound).remove(0);
            found.fixes.into_iter().flat_map(|fix| fix.edits).next().map(|edit| {
                let at = (edit.span.start - found.primary.span.start) as usize;
                let end = (edit.span.end - found.primary.span.start) as usize;
                (text[at..end].to_owned(), edit.replacement)
            })
        };
        let expected = Some(("2.14.l".to_owned(), "2.14.1".to_owned()));
        assert_eq!(fix("ghcr.io/2.14.l/web:2.14.l", &["2.14.1", "2.13.0"]), expected);
        // The next version is not a typo; if no tag is written, none can be replaced; and an invalid tag is not
        // suggested.
        assert_eq!(fix("ghcr.io/acme/web:2.14.9", &["2.13.0"]), None);
        assert_eq!(fix("ghcr.io/acme/web", &["latests"]), None);
        assert_eq!(fix("ghcr.io/acme/web:2.14.l", &["2.14.\n"]), None);
    }
}
