//! `chart-not-found`: the registry has no such chart or artifact, so that a GitOps tool cannot fetch it. Also says of
//! the others why they are not verified, for `unverified-image`.

use std::sync::LazyLock;

use crate::findings::finding::{Finding, Subject};
use crate::kubelet::artifact::{ArtifactAnswer, JudgedArtifact, reference_of};
use crate::kubelet::probe::{TagList, Unknown};
use crate::kubelet::verdict::{Cause, Verdict};
use crate::resource::chart::artifact::{ChartArtifact, Fetcher, Wanted};
use crate::rules::engine::meta::Meta;
use crate::rules::evidence::nearest_tag::nearest;
use crate::rules::{Context, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/chart-not-found.md")));

/// Reports charts that do not exist in their registry.
pub(super) struct ChartNotFound;

impl Rule for ChartNotFound {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        let artifacts = cx.inventory.chart_artifacts.iter().zip(cx.artifacts);
        let missing = artifacts.filter(|(_, judged)| matches!(judged.verdict, Verdict::Fails(_)));
        out.extend(missing.map(|(artifact, judged)| {
            let (what, label) = missing_part(artifact, judged);
            let message = format!("{what}, so {}", consequence(artifact.fetcher));
            Finding::new(META.id, META.severity, message, artifact.span, label)
                .help(help(artifact, judged))
                .event(condition(artifact, judged))
                .subject(subject(cx, artifact))
        }));
    }
}

fn subject(cx: &Context<'_>, artifact: &ChartArtifact) -> Subject {
    let resource = Some(cx.inventory.resource(artifact.resource).name.clone());
    Subject { resource, image: Some(reference_of(artifact)), ..Subject::default() }
}

/// Returns what does not exist, and a label for its place.
fn missing_part(artifact: &ChartArtifact, judged: &JudgedArtifact) -> (String, &'static str) {
    let repository = &artifact.repository;
    let has_no_repository = match tags(judged) {
        Some(TagList::NoRepository) => true,
        Some(TagList::Tags(_) | TagList::Incomplete(_) | TagList::Unknown) | None => false,
    };
    if has_no_repository {
        let (registry, path) = repository.split_once('/').unwrap_or((repository, ""));
        return (format!("{registry} has no repository {path:?}"), "no such repository");
    }
    match &artifact.wanted {
        Wanted::Tag(tag) | Wanted::Placeholder(tag) if tags(judged).and_then(TagList::known).is_some() => {
            (format!("{repository} has no tag {tag:?}"), "no such tag")
        }
        Wanted::Tag(tag) | Wanted::Placeholder(tag) => {
            (format!("{repository} has no tag {tag:?}, or does not exist at all"), "no such tag or repository")
        }
        Wanted::Digest(digest) => (format!("{repository} has no manifest {digest}"), "no such digest"),
        Wanted::Range(range) => {
            let filter = if range.filter.is_some() { " that fits the filter" } else { "" };
            (format!("{repository} has no tag{filter} in the range {:?}", range.text), "no version in this range")
        }
    }
}

fn tags(judged: &JudgedArtifact) -> Option<&TagList> {
    match judged.answer.as_ref()? {
        ArtifactAnswer::Tags(tags) => Some(tags),
        ArtifactAnswer::Manifest(answer) => answer.tags.as_ref(),
    }
}

const fn consequence(fetcher: Fetcher) -> &'static str {
    match fetcher {
        Fetcher::FluxOciRepository => "Flux cannot fetch it, and applies nothing of it",
        Fetcher::FluxHelmChart => "Flux cannot fetch the chart, and installs nothing of it",
        Fetcher::ArgoCd => "Argo CD cannot fetch the chart, and the sync fails",
        Fetcher::HelmController => "helm cannot fetch the chart, and the install job fails",
        Fetcher::Fleet => "Fleet cannot fetch the chart, and deploys nothing of it",
        Fetcher::Kustomize => "kustomize cannot fetch the chart, and the build fails",
    }
}

fn help(artifact: &ChartArtifact, judged: &JudgedArtifact) -> String {
    let known = tags(judged).and_then(TagList::known);
    match (&artifact.wanted, known) {
        (Wanted::Tag(tag), Some(tags)) => {
            let near = nearest(tag, tags);
            let list: Vec<String> = near.iter().map(|near| format!("`{}`", near.tag)).collect();
            match near.first() {
                Some(best) if best.likely => format!("did you mean `{}`?", best.tag),
                Some(_) => format!("publish it first, or use an existing tag: {}", list.join(", ")),
                None => "publish it first, or use an existing tag".to_owned(),
            }
        }
        (Wanted::Range(_), Some([])) => "the repository has no tags: publish the chart first".into(),
        (Wanted::Range(_), Some(_)) => {
            "widen the range, or publish a version in it; prereleases are in a range only if it names one".to_owned()
        }
        (Wanted::Digest(_), _) => "it was deleted or pushed to another repository: write an existing digest".to_owned(),
        _ => "check the name and the version for typos, or publish it first".to_owned(),
    }
}

/// Returns what `kubectl describe` shows for the object, as far as it does not depend on the registry's words
/// (`reconcileSource` and `getTagBySemver` of source-controller 1.9).
fn condition(artifact: &ChartArtifact, judged: &JudgedArtifact) -> Option<String> {
    match (&artifact.wanted, artifact.fetcher, tags(judged)) {
        (Wanted::Range(range), Fetcher::FluxOciRepository, Some(TagList::Tags(_))) => Some(format!(
            "failed to determine the artifact tag for 'oci://{}': no match found for semver: {}",
            artifact.repository, range.text
        )),
        _ => None,
    }
}

/// The findings of `unverified-image` about charts: all of a registry that have the same reason are one fault.
pub(super) fn unverified(cx: &Context<'_>, meta: &Meta) -> Vec<Finding> {
    let artifacts = cx.inventory.chart_artifacts.iter().zip(cx.artifacts);
    let finding = |(artifact, judged): (&ChartArtifact, &JudgedArtifact)| {
        let Verdict::Unverified(cause) = judged.verdict else { return None };
        // One line says it for all.
        if cx.settings.offline && cause == Cause::Unknown(Unknown::Offline) {
            return None;
        }
        let (reason, help) = reason(artifact, judged, cause)?;
        let message = format!("unknown whether this chart or artifact can be fetched: {reason}");
        let finding = Finding::new(meta.id, meta.severity, message, artifact.span, "not verified");
        let finding = match artifact.rewritten_by {
            Some(span) => finding.related(span, "this may set another one".to_owned()),
            None => finding,
        };
        Some(finding.help(help.to_owned()).subject(subject(cx, artifact)))
    };
    artifacts.filter_map(finding).collect()
}

fn reason(artifact: &ChartArtifact, judged: &JudgedArtifact, cause: Cause) -> Option<(String, &'static str)> {
    let registry = artifact.repository.split('/').next().unwrap_or_default();
    let is_list = matches!(judged.answer, Some(ArtifactAnswer::Tags(_)));
    let later = "run again later; if it persists, the cluster may get the same answer";
    let reach = "check that this machine can reach the registry: the cluster may use another route";
    let own = "check it with your own credentials: `--dockerconfigjson FILE`";
    Some(match cause {
        Cause::Unknown(Unknown::Offline) if judged.answer.is_none() => return unasked(registry),
        Cause::Unknown(Unknown::Offline | Unknown::NodeConfig) => return None,
        Cause::Unknown(_) if is_list => {
            (format!("the tags at {registry} could not be listed as a whole, and its version is a range"), own)
        }
        Cause::Unknown(Unknown::RateLimited) => (format!("{registry} limits the rate of requests"), later),
        Cause::Unknown(Unknown::Dns | Unknown::NoSuchHost) => {
            (format!("the name {registry} does not resolve here"), reach)
        }
        Cause::Unknown(Unknown::Network | Unknown::Timeout | Unknown::HostStopped | Unknown::NodeLocal) => {
            (format!("{registry} cannot be reached from here"), reach)
        }
        Cause::Unknown(Unknown::Tls(_)) => (format!("TLS handshake with {registry} failed"), reach),
        Cause::Unknown(Unknown::PlainHttp) => {
            (format!("{registry} uses plain HTTP"), "if that is intended: `--plain-http HOST`")
        }
        Cause::Unknown(Unknown::Deadline | Unknown::Interrupted) => {
            ("the run ended before it was asked for".into(), "run again")
        }
        Cause::Unknown(_) => (format!("{registry} fails"), later),
        Cause::Denied(_) | Cause::SecretUnknown | Cause::ServiceAccountUnknown | Cause::MalformedPullSecret => {
            (format!("{registry} requires credentials, and those in the inputs do not open it"), own)
        }
        Cause::Absent => (format!("{registry} may show it only to the credentials of the cluster"), own),
        Cause::RewrittenByKustomize => (
            "a patch may set another one".to_owned(),
            "check what is deployed: `kubectl kustomize FOLDER | pullcheck -`",
        ),
        _ => (
            "its name is not that of a registry".to_owned(),
            "write the registry's host and the repository: `oci://HOST/PATH`",
        ),
    })
}

/// The reason if an artifact was not asked for although others are; `--offline` is reported once for all.
fn unasked(registry: &str) -> Option<(String, &'static str)> {
    (!registry.contains(['.', ':'])).then(|| {
        (
            format!("{registry} is a name without a domain, which only the cluster can resolve"),
            "if this machine can reach it, check it there: `helm pull oci://…`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::chart::artifact::Fetcher;

    #[test]
    fn each_fetcher_says_what_fails() {
        let fetchers = [
            Fetcher::FluxOciRepository,
            Fetcher::FluxHelmChart,
            Fetcher::ArgoCd,
            Fetcher::HelmController,
            Fetcher::Fleet,
            Fetcher::Kustomize,
        ];
        for fetcher in fetchers {
            assert!(consequence(fetcher).contains("cannot fetch"), "{fetcher:?}");
        }
    }
}
