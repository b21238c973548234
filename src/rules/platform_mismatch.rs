//! `platform-mismatch`: the image exists, but not for all nodes that the pod may run on.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::findings::finding::Finding;
use crate::image::manifest::ManifestBody;
use crate::image::node::Fit;
use crate::image::platform::Platform;
use crate::image::runtime::Runtime;
use crate::kubelet::verdict::Cause;
use crate::rules::engine::meta::Meta;
use crate::rules::selection::attribution::doubt;
use crate::rules::{Context, ImageFacts, Rule};

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/platform-mismatch.md")));

/// How many platforms one message lists.
const MAX_LISTED: usize = 12;

/// Reports an image that is not built for the nodes that its pod can run on.
pub(super) struct PlatformMismatch;

impl Rule for PlatformMismatch {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Vec<Finding>) {
        let concerned = cx.images().filter(|facts| facts.judged.verdict.cause() == Some(Cause::Platform));
        out.extend(concerned.filter_map(|facts| finding(cx, &facts)));
    }
}

fn finding(cx: &Context<'_>, facts: &ImageFacts<'_>) -> Option<Finding> {
    let content = facts.judged.answer.as_deref()?.content.as_ref()?.as_ref().ok()?;
    let platforms = facts.judged.manifest.as_ref()?.platforms.as_deref().unwrap_or_default();
    let nodes = sorted(facts, content, cx.settings.cluster.runtime);
    let text = &facts.image.text.value;
    let message = match &**content {
        ManifestBody::Image(_) => single(text, platforms, &nodes),
        ManifestBody::Index(_) | ManifestBody::Malformed(_) => index(text, platforms, &nodes),
    };
    let label = match nodes.without.as_slice() {
        [] => "does not name a platform".to_owned(),
        without => format!("not for {}", list(without, "or")),
    };
    let message = message + &doubt(facts);
    let finding = Finding::new(META.id, facts.severity(&META), message, facts.image.text.span, label)
        .help(help(platforms, &nodes, cx.settings.cluster.runtime))
        .event(facts.judged.event.clone())
        .subject(facts.subject());
    let spans = facts.pod.demand.spans.iter();
    Some(spans.fold(finding, |finding, span| finding.related(*span, "the pod selects these nodes")))
}

/// The nodes that the pod can run on, by whether the image is built for them.
struct Sorted {
    /// Nodes that the image is built for.
    with: Vec<String>,
    /// Nodes that the image is not built for.
    without: Vec<String>,
    /// Nodes for which it could not be determined whether the image is built for them.
    open: Vec<String>,
    /// Platforms of nodes that the image is not built for.
    lacking: Vec<Platform>,
}

fn sorted(facts: &ImageFacts<'_>, content: &ManifestBody, runtime: Runtime) -> Sorted {
    let config = facts.judged.answer.as_deref().and_then(|answer| answer.config.as_ref()?.as_ref().ok());
    let mut sorted = Sorted { with: vec![], without: vec![], open: vec![], lacking: vec![] };
    for nodes in facts.judged.pull.nodes.iter() {
        let fit = match (content, config) {
            (ManifestBody::Index(entries), _) => nodes.fit_index(runtime, entries),
            (ManifestBody::Image(_), Some(config)) => nodes.fit_image(&config.platform),
            (ManifestBody::Image(_), None) => Fit::Maybe,
            (ManifestBody::Malformed(_), _) => Fit::No,
        };
        let list = match fit {
            Fit::Yes => &mut sorted.with,
            Fit::Maybe => &mut sorted.open,
            Fit::No => {
                sorted.lacking.extend(nodes.platform().cloned());
                &mut sorted.without
            }
        };
        list.push(nodes.to_string());
    }
    sorted
}

fn index(text: &str, platforms: &[Platform], nodes: &Sorted) -> String {
    let has = match platforms {
        [] => "the index names no platforms".to_owned(),
        some => format!("it is built for {}", list(some, "and")),
    };
    if nodes.without.is_empty() {
        return format!("unknown whether {text:?} has an image for {} nodes: {has}", list(&nodes.open, "and"));
    }
    let some = if nodes.with.is_empty() { "" } else { ", and the pod may run on one" };
    format!("{text:?} has no image for {} nodes{some}: {has}", list(&nodes.without, "or"))
}

fn single(text: &str, platforms: &[Platform], nodes: &Sorted) -> String {
    let some = if nodes.with.is_empty() { "" } else { ", and the pod may run on one" };
    format!(
        "{text:?} is built only for {}: {} nodes still pull it{some}, but its container exits at once with `exec \
         format error`",
        list(platforms, "and"),
        list(&nodes.without, "or")
    )
}

fn help(platforms: &[Platform], nodes: &Sorted, runtime: Runtime) -> String {
    let own = |(node, platform): (&Platform, &Platform)| {
        crate::image::platform::runs(node, platform)
            && crate::image::platform::matches(Runtime::ContainerdOne, node, platform)
            && !crate::image::platform::matches(runtime, node, platform)
    };
    let mut pairs = nodes.lacking.iter().flat_map(|node| platforms.iter().map(move |platform| (node, platform)));
    if let Some((node, platform)) = pairs.find(|pair| own(*pair)) {
        let runtime = if runtime == Runtime::Crio { "CRI-O" } else { "containerd since 2.1" };
        return format!(
            "a {node} node can run {platform}, but {runtime} accepts only the node's own platform: build the image \
             for it"
        );
    }
    if nodes.without.is_empty() {
        return "write the platforms into the index, as `docker buildx build --platform` does".to_owned();
    }
    let build = format!("build it for {} too", list(&nodes.without, "and"));
    if platforms.is_empty() {
        return build;
    }
    let labels = labels(platforms, &nodes.lacking);
    format!("{build}, or restrict the pod to matching nodes{labels}")
}

/// Returns the labels that distinguish the nodes that an image is built for from the others: `: `kubernetes.io/os:
/// linux``.
fn labels(platforms: &[Platform], lacking: &[Platform]) -> String {
    let label = |name: &str, part: fn(&Platform) -> &str| {
        let mut values: Vec<&str> = platforms.iter().map(part).collect();
        values.sort_unstable();
        values.dedup();
        let [value] = values[..] else { return None };
        let differs = lacking.is_empty() || lacking.iter().any(|node| part(node) != value);
        (differs && !value.is_empty()).then(|| format!("`kubernetes.io/{name}: {value}`"))
    };
    let os = label("os", |platform| &platform.os).filter(|_| !lacking.is_empty());
    let both: Vec<_> = os.into_iter().chain(label("arch", |platform| &platform.architecture)).collect();
    if both.is_empty() { String::new() } else { format!(": {}", both.join(" and ")) }
}

/// Returns `a, b and c`, each once, and only as many as a reader can take in: the registry chooses what an index
/// lists.
fn list<T: ToString>(items: &[T], last: &str) -> String {
    let mut seen = BTreeSet::new();
    let mut names: Vec<String> =
        items.iter().map(ToString::to_string).filter(|name| seen.insert(name.clone())).collect();
    if let more @ 1.. = names.len().saturating_sub(MAX_LISTED) {
        names.truncate(MAX_LISTED);
        names.push(format!("{more} more"));
    }
    match names.split_last() {
        None => String::new(),
        Some((one, [])) => one.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Severity;
    use crate::image::manifest::Entry;
    use crate::image::node::Nodes;
    use crate::kubelet::probe::{Manifest, Outcome, PullAnswer};
    use crate::kubelet::verdict::{self, Verdict};
    use crate::resource::workload::PodOrigin;
    use crate::rules::testing::{Facts, answer};

    /// Returns the finding for an index with these entries on nodes of these platforms.
    fn said(entries: &[&str], nodes: &[&str]) -> (Severity, String, Option<String>) {
        let mut facts = Facts::default();
        let pod = facts.pod(PodOrigin::Template);
        let entry = |text: &&str| Entry { digest: None, platform: text.parse().ok(), ..Entry::default() };
        let content = Some(Ok(std::sync::Arc::new(ManifestBody::Index(entries.iter().map(entry).collect()))));
        let attempts = vec![(None, Outcome::Found(Manifest::default()))];
        let pull_answer = PullAnswer { attempts, content, ..PullAnswer::default() };
        let nodes: Vec<Nodes> = nodes.iter().map(|text| Nodes::of(&text.parse().expect("a platform"))).collect();
        let judged = facts.image(pod, "ghcr.io/acme/api:1", Verdict::NotPulled);
        judged.pull.nodes = nodes.into();
        let nodes = std::sync::Arc::clone(&judged.pull.nodes);
        judged.manifest = verdict::found_by(&pull_answer)
            .map(|manifest| verdict::content::described(manifest, &pull_answer, &nodes, Runtime::Containerd));
        judged.answer = answer(pull_answer);
        let (image, judged) = (&facts.inventory.images[0], &mut facts.judged[0]);
        let runtime = Runtime::Containerd;
        judged.verdict = verdict::judge(image, PodOrigin::Template, &judged.pull, judged.answer.as_deref(), runtime);
        let finding = facts.check(&PlatformMismatch).remove(0);
        (finding.severity, finding.message, finding.help)
    }

    #[test]
    fn message_lists_available_and_missing_platforms() {
        let (severity, message, help) = said(&["linux/amd64"], &["linux/arm64"]);
        assert_eq!(severity, Severity::Error);
        assert_eq!(message, "\"ghcr.io/acme/api:1\" has no image for linux/arm64 nodes: it is built for linux/amd64");
        assert_eq!(
            help.as_deref(),
            Some("build it for linux/arm64 too, or restrict the pod to matching nodes: `kubernetes.io/arch: amd64`")
        );
        let (severity, message, _) = said(&["linux/amd64", "linux/s390x"], &["linux/amd64", "linux/arm64"]);
        assert_eq!(severity, Severity::Warning);
        assert_eq!(
            message,
            "\"ghcr.io/acme/api:1\" has no image for linux/arm64 nodes, and the pod may run on one: it is built for \
             linux/amd64 and linux/s390x"
        );
    }

    #[test]
    fn help_lists_only_the_node_labels_that_differ() {
        let help = |entries: &[&str], nodes: &[&str]| said(entries, nodes).2.unwrap_or_default();
        let windows = help(&["windows/amd64"], &["linux/amd64"]);
        assert!(windows.ends_with("matching nodes: `kubernetes.io/os: windows`"), "{windows}");
        let both = help(&["linux/amd64"], &["windows/arm64"]);
        assert!(both.ends_with(": `kubernetes.io/os: linux` and `kubernetes.io/arch: amd64`"), "{both}");
        let several = help(&["linux/amd64", "linux/arm64"], &["windows/amd64"]);
        assert!(several.ends_with(": `kubernetes.io/os: linux`"), "{several}");
        let none = help(&["linux/amd64", "linux/s390x"], &["linux/arm64"]);
        assert!(none.ends_with("matching nodes"), "{none}");
    }

    #[test]
    fn help_explains_a_compatible_but_unaccepted_platform() {
        for (entry, node) in
            [("linux/386", "linux/amd64"), ("linux/arm/v6", "linux/arm/v7"), ("linux/arm/v7", "linux/arm64")]
        {
            let (severity, _, help) = said(&[entry], &[node]);
            assert_eq!(severity, Severity::Error);
            let expected = format!(
                "a {node} node can run {entry}, but containerd since 2.1 accepts only the node's own platform: build \
                 the image for it"
            );
            assert_eq!(help, Some(expected));
        }
    }

    #[test]
    fn long_platform_lists_are_shortened() {
        let names: Vec<String> = (0..100).map(|at| format!("p{at}")).collect();
        assert_eq!(list(&names[..3], "and"), "p0, p1 and p2");
        assert_eq!(list(&names, "and"), "p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11 and 88 more");
        assert_eq!(list(&["a", "a"], "or"), "a");
    }
}
