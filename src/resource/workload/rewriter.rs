//! Objects that replace images in pods when the API server admits them: mutating policies, and webhooks that are
//! known to do so.
//!
//! If one of them is in the inputs, the image that the kubelet pulls cannot be determined from the manifests.

use crate::resource::Object;
use crate::resource::workload::{ImageText, ImageUse, WorkloadFacts};
use crate::text::go::glob;
use crate::text::source::Span;
use crate::text::yaml::Node;

/// An object that may write other images into pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewriter {
    /// Description of the object in messages: `the AssignImage internal-registry`.
    pub what: String,
    /// The place of its name.
    pub span: Span,
    /// Globs of the namespaces that it is limited to; empty if it may act on any.
    pub namespaces: Vec<String>,
}

impl Rewriter {
    /// Whether it may change the pods in a namespace; `None` is an unknown namespace.
    pub fn covers(&self, namespace: Option<&str>) -> bool {
        let is_meant =
            |glob: &String| namespace.is_none_or(|name| glob::matches(glob.as_bytes(), name.as_bytes()) != Ok(false));
        self.namespaces.is_empty() || self.namespaces.iter().any(is_meant)
    }
}

/// Parts of the names of programs that replace the registry in the images of pods: `imageswap-webhook`,
/// `k8s-image-swapper`, `harbor-container-webhook`, `kube-image-keeper`, Zarf's agent, `tugger`.
const PROGRAMS: &[&str] = &[
    "imageswap",
    "image-swap",
    "harbor-container-webhook",
    "kube-image-keeper",
    "agent-pod.zarf.dev",
    "zarf-agent",
    "image-rewrite",
    "image-relocation",
    "tugger",
];

/// Reads an object that rewrites images, detected by its kind or by the programs that it runs: `images` are its own.
pub(super) fn extract<'d>(object: &Object<'d>, images: &[ImageUse], found: &mut WorkloadFacts<'d>) {
    let spec = object.node.get("spec");
    let namespaces = match (object.name.group(), object.name.kind.as_str()) {
        ("kyverno.io", "ClusterPolicy" | "Policy") => of_kyverno(spec),
        ("policies.kyverno.io", "MutatingPolicy" | "NamespacedMutatingPolicy")
        | ("admissionregistration.k8s.io", "MutatingAdmissionPolicy") => {
            let mutations = spec.and_then(|spec| spec.get("mutations"));
            mutations.filter(|node| any_text(*node, is_expression_of_image)).map(|_| Vec::new())
        }
        // The match section selects the pods that it changes (`pkg/mutation/mutators/assignimage` of Gatekeeper).
        ("mutations.gatekeeper.sh", "AssignImage") => Some(of_gatekeeper(spec)),
        ("mutations.gatekeeper.sh", "Assign") => {
            let location = spec.and_then(|spec| spec.str("location"));
            location.filter(|path| path.ends_with(".image")).map(|_| of_gatekeeper(spec))
        }
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration") => of_webhooks(object),
        _ => images.iter().any(is_known_image).then(Vec::new),
    };
    let Some(mut namespaces) = namespaces else { return };
    // A policy in a namespace acts only on that namespace.
    let is_namespaced = matches!(object.name.kind.as_str(), "Policy" | "NamespacedMutatingPolicy");
    if let Some(own) = object.name.namespace.clone().filter(|_| is_namespaced) {
        namespaces = vec![own];
    }
    let span = object.node.at(&["metadata", "name"]).unwrap_or(object.node).span();
    found.rewriters.push(Rewriter { what: format!("the {}", object.name), span, namespaces });
}

fn is_known_image(image: &ImageUse) -> bool {
    match &image.image {
        ImageText::Reference(reference) => is_program(reference.repository().rsplit('/').next().unwrap_or_default()),
        _ => false,
    }
}

fn is_program(name: &str) -> bool {
    PROGRAMS.iter().any(|part| name.contains(part))
}

/// The namespaces of the webhooks in a configuration whose name, or whose service's name, is that of a known program.
fn of_webhooks(object: &Object<'_>) -> Option<Vec<String>> {
    let whole = object.name.name.as_deref().is_some_and(is_program);
    let service = |webhook: Node<'_>| webhook.at(&["clientConfig", "service", "name"])?.as_str().map(is_program);
    let is_known =
        |webhook: &Node<'_>| whole || webhook.str("name").is_some_and(is_program) || service(*webhook) == Some(true);
    let webhooks = object.node.get("webhooks").into_iter().flat_map(Node::items).filter(is_known);
    let scopes: Vec<Vec<String>> = webhooks.map(|webhook| of_selector(webhook.get("namespaceSelector"))).collect();
    (whole || !scopes.is_empty()).then(|| union(scopes))
}

/// The namespaces that a selector names by the label that every namespace has. Empty if it uses another label, which
/// a namespace may be given at any time.
fn of_selector(selector: Option<Node<'_>>) -> Vec<String> {
    const NAME: &str = "kubernetes.io/metadata.name";
    let Some(selector) = selector else { return Vec::new() };
    if let Some(name) = selector.get("matchLabels").and_then(|labels| labels.str(NAME)) {
        return vec![name.to_owned()];
    }
    let expressions = selector.get("matchExpressions").into_iter().flat_map(Node::items);
    let mut named = expressions.filter(|item| item.str("key") == Some(NAME) && item.str("operator") == Some("In"));
    named.next().map(|item| texts(item.get("values"))).unwrap_or_default()
}

/// The namespaces in the rules that set an image (`api/kyverno/v1/{rule,mutation,match_resources}_types.go`).
fn of_kyverno(spec: Option<Node<'_>>) -> Option<Vec<String>> {
    let rules = spec.and_then(|spec| spec.get("rules")).into_iter().flat_map(Node::items);
    let setting = rules.filter(|rule| rule.get("mutate").is_some_and(sets_image));
    let scopes: Vec<Vec<String>> = setting.map(|rule| of_match(rule.get("match"))).collect();
    (!scopes.is_empty()).then(|| union(scopes))
}

fn of_match(filter: Option<Node<'_>>) -> Vec<String> {
    let Some(filter) = filter else { return Vec::new() };
    let resources = |item: Node<'_>| texts(item.at(&["resources", "namespaces"]));
    let any: Vec<Vec<String>> = filter.get("any").into_iter().flat_map(Node::items).map(resources).collect();
    if !any.is_empty() {
        return union(any);
    }
    // All filters must match, so that the first one that names namespaces is enough.
    let all = filter.get("all").into_iter().flat_map(Node::items).map(resources).find(|names| !names.is_empty());
    all.unwrap_or_else(|| resources(filter))
}

fn of_gatekeeper(spec: Option<Node<'_>>) -> Vec<String> {
    texts(spec.and_then(|spec| spec.at(&["match", "namespaces"])))
}

/// The union of several scopes; if one of them is unlimited, so is the union.
fn union(scopes: Vec<Vec<String>>) -> Vec<String> {
    if scopes.iter().any(Vec::is_empty) { Vec::new() } else { scopes.concat() }
}

fn texts(list: Option<Node<'_>>) -> Vec<String> {
    list.into_iter().flat_map(Node::items).filter_map(Node::as_str).map(str::to_owned).collect()
}

/// Whether a `mutate` section sets an image: by a patch with such a key, or a JSON patch with such a path. A key in
/// parentheses is a condition; a key with a leading `+` is set if it is missing.
fn sets_image(mutate: Node<'_>) -> bool {
    let mut open = vec![mutate];
    while let Some(node) = open.pop() {
        if node.is_alias() {
            continue;
        }
        for entry in node.entries() {
            let key = entry.key.text().unwrap_or_default();
            let is_set = matches!(key, "image" | "+(image)") && entry.value.as_str().is_some() && !is_added(node);
            let is_path =
                matches!(key, "patchesJson6902" | "path") && entry.value.text().is_some_and(has_path_of_image);
            if is_set || is_path {
                return true;
            }
            // Sections that are only read: `context` and the conditions.
            if !matches!(key, "context" | "preconditions" | "targets") {
                open.push(entry.value);
            }
        }
        open.extend(node.items());
    }
    false
}

/// Whether a text contains a JSON pointer that ends in `/image`.
fn has_path_of_image(text: &str) -> bool {
    const PATH: &str = "/image";
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "_-./:@~".contains(c));
    text.match_indices(PATH).any(|(at, _)| text.get(at + PATH.len()..).is_some_and(ends))
}

/// Whether a container in a patch is added, like a sidecar: it has its own name.
fn is_added(container: Node<'_>) -> bool {
    container.str("name").is_some_and(|name| !name.contains("{{") && !name.contains(['*', '?']))
}

/// Whether a CEL expression sets an image: `image: …` in an `Object{}` whose name is not a literal text, or a
/// `JSONPatch{}` for it.
fn is_expression_of_image(text: &str) -> bool {
    let values = |key: &'static str| {
        text.match_indices(key).filter_map(move |(at, word)| {
            let before = text.get(..at)?.chars().next_back();
            let is_word = before.is_some_and(|c| c.is_ascii_alphanumeric() || "_.".contains(c));
            let after = text.get(at + word.len()..)?.trim_start_matches(['"', '\'']);
            after.trim_start().strip_prefix(':').filter(|_| !is_word).map(str::trim_start)
        })
    };
    let is_added = || values("name").any(|value| value.starts_with(['"', '\'']));
    has_path_of_image(text) || values("image").next().is_some() && !is_added()
}

/// Whether any text in a node satisfies a predicate. Aliases are not read again.
fn any_text(node: Node<'_>, is: fn(&str) -> bool) -> bool {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if node.text().is_some_and(is) {
            return true;
        }
        if !node.is_alias() {
            open.extend(node.items());
            open.extend(node.entries().map(|entry| entry.value));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_patches_and_expressions_that_set_an_image_match() {
        for text in
            ["[{op: replace, path: /spec/containers/0/image, value: a}]", "- path: \"/spec/x/image\"\n  op: add"]
        {
            assert!(has_path_of_image(text), "{text}");
        }
        for text in ["- path: /spec/imagePullSecrets", "value: ghcr.io/image:1", "path: /spec/image/tag", "/images"] {
            assert!(!has_path_of_image(text), "{text}");
        }
        for text in ["Object{spec: Object.spec{containers: [{ image: 'a' }]}}", "JSONPatch{path: '/spec/image'}"] {
            assert!(is_expression_of_image(text), "{text}");
        }
        for text in [
            "Object.spec.initContainers{name: \"proxy\", image: \"mesh/proxy:1\"}",
            "object.spec.image == 'a' ? {x: 1} : {}",
            "container.image: ",
            "imagePullPolicy: 'Always'",
        ] {
            assert!(!is_expression_of_image(text), "{text}");
        }
    }

    #[test]
    fn rewriter_covers_an_unknown_namespace() {
        let span = Span::new(crate::text::source::SourceId(0), 0, 0);
        let of = |globs: &[&str]| Rewriter {
            what: String::new(),
            span,
            namespaces: globs.iter().map(|glob| (*glob).to_owned()).collect(),
        };
        assert!(
            of(&[]).covers(Some("shop")) && of(&["team-*"]).covers(None) && of(&["a", "team-*"]).covers(Some("team-a"))
        );
        assert!(!of(&["team-*"]).covers(Some("shop")));
    }
}
