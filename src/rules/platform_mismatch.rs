//! `platform-mismatch`: the image is there, and nodes that the pod may run on have no use for it.

use std::sync::LazyLock;

use crate::event::Runtime;
use crate::finding::Finding;
use crate::manifest::Content;
use crate::node::Fit;
use crate::platform::Platform;
use crate::rules::attribution::doubt;
use crate::rules::meta::Meta;
use crate::rules::{Context, ImageFacts, Rule};
use crate::verdict::Cause;

static META: LazyLock<Meta> = LazyLock::new(|| Meta::of_page(include_str!("../../rules/platform-mismatch.md")));

/// The rule.
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
    let nodes = sorted(facts, content, cx.settings.runtime);
    let text = &facts.image.text.value;
    let message = match &**content {
        Content::Image(_) => single(text, platforms, &nodes),
        Content::Index(_) => index(text, platforms, &nodes),
    };
    let label = match nodes.without.as_slice() {
        [] => "does not say for which platform".to_owned(),
        without => format!("not for {}", list(without, "or")),
    };
    let message = message + &doubt(facts);
    let finding = Finding::new(META.id, facts.severity(&META), message, facts.image.text.span, label)
        .help(help(platforms, &nodes, cx.settings.runtime))
        .event(facts.judged.event.clone())
        .subject(facts.subject());
    let spans = facts.pod.demand.spans.iter();
    Some(spans.fold(finding, |finding, span| finding.related(*span, "the pod asks for these nodes")))
}

/// The nodes that count, told apart.
struct Sorted {
    /// Those that the image is for.
    with: Vec<String>,
    /// Those that it is not for.
    without: Vec<String>,
    /// Those of which it could not be told.
    open: Vec<String>,
    /// Platforms of nodes that the image is not for.
    lacking: Vec<Platform>,
}

fn sorted(facts: &ImageFacts<'_>, content: &Content, runtime: Runtime) -> Sorted {
    let config = facts.judged.answer.as_deref().and_then(|answer| answer.config.as_ref()?.as_ref().ok());
    let mut sorted = Sorted { with: vec![], without: vec![], open: vec![], lacking: vec![] };
    for nodes in facts.judged.pull.nodes.iter() {
        let fit = match (content, config) {
            (Content::Index(entries), _) => nodes.fit_index(runtime, entries),
            (Content::Image(_), Some(platform)) => nodes.fit_image(platform),
            (Content::Image(_), None) => Fit::Maybe,
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
        [] => "the index names no platform at all".to_owned(),
        some => format!("it is there for {}", list(some, "and")),
    };
    if nodes.without.is_empty() {
        return format!(
            "whether {text:?} has an image for {} nodes could not be told: {has}",
            list(&nodes.open, "and")
        );
    }
    let some = if nodes.with.is_empty() { "" } else { ", and the pod may be put on one" };
    format!("{text:?} has no image for {} nodes{some}: {has}", list(&nodes.without, "or"))
}

fn single(text: &str, platforms: &[Platform], nodes: &Sorted) -> String {
    let some = if nodes.with.is_empty() { "" } else { ", and the pod may be put on one" };
    format!(
        "{text:?} is for {} alone: {} nodes pull it all the same{some}, and then its container ends at once, with `exec \
         format error`",
        list(platforms, "and"),
        list(&nodes.without, "or")
    )
}

fn help(platforms: &[Platform], nodes: &Sorted, runtime: Runtime) -> String {
    let own = |(node, platform): (&Platform, &Platform)| {
        crate::platform::runs(node, platform)
            && crate::platform::matches(Runtime::ContainerdOne, node, platform)
            && !crate::platform::matches(runtime, node, platform)
    };
    let mut pairs = nodes.lacking.iter().flat_map(|node| platforms.iter().map(move |platform| (node, platform)));
    if let Some((node, platform)) = pairs.find(|pair| own(*pair)) {
        let runtime = if runtime == Runtime::Crio { "CRI-O" } else { "containerd 2.1 and later" };
        return format!(
            "a {node} node could run {platform}, but {runtime} takes the node's own platform only: build the image for it"
        );
    }
    if nodes.without.is_empty() {
        return "write the platforms into the index, as `docker buildx build --platform` does".to_owned();
    }
    let mut keep = platforms.iter().map(|platform| &*platform.architecture).collect::<Vec<_>>();
    keep.dedup();
    let build = format!("build it for {} too", list(&nodes.without, "and"));
    match keep.as_slice() {
        [architecture] => {
            format!("{build}, or keep the pod on nodes that it is for: `kubernetes.io/arch: {architecture}`")
        }
        [] => build,
        _ => format!("{build}, or keep the pod on nodes that it is for"),
    }
}

/// `a, b and c`, each once.
fn list<T: ToString>(items: &[T], last: &str) -> String {
    let mut names: Vec<String> = Vec::new();
    for name in items.iter().map(ToString::to_string) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names.split_last() {
        None => String::new(),
        Some((one, [])) => one.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}
