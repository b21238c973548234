//! Fields of unknown kinds that look like an image: they are not checked, and this is reported.

use crate::image::reference::Reference;
use crate::resource::Object;
use crate::resource::workload::custom::walk::{Step, render};
use crate::resource::workload::value::spanned_string;
use crate::resource::workload::{ResourceId, WorkloadFacts};
use crate::text::placeholder::is_placeholder;
use crate::text::source::Span;
use crate::text::yaml::Node;

/// A field of an unknown kind that looks like an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unchecked {
    /// The object that contains the field.
    pub resource: ResourceId,
    /// The place of the value.
    pub span: Span,
    /// Path of the field in its object.
    pub path: String,
    /// The value; empty if it is not a text.
    pub value: String,
}

/// Groups whose kinds do not contain pods, whatever the names of their fields: kinds of Kubernetes itself without a
/// pod template, and reports of scanners.
const GROUPS: &[&str] = &[
    "aquasecurity.github.io",
    "argoproj-labs.io",
    "image.openshift.io",
    "image.toolkit.fluxcd.io",
    // Tools that create clusters on the local machine.
    "k3d.io",
    "kind.x-k8s.io",
    "kustomize.config.k8s.io",
    "metrics.k8s.io",
    "operator.openshift.io",
    "snapshot.storage.k8s.io",
    "spdx.softwarecomposition.kubescape.io",
    "trivy.aquasecurity.io",
];

/// Whether an object may contain images that no table covers: a group with a dot belongs to an operator, except for
/// those of Kubernetes itself.
fn may_hold_images(object: &Object<'_>) -> bool {
    let group = object.name.group();
    let is_of_kubernetes = group.ends_with(".k8s.io") && group.matches('.').count() == 2 && !group.contains("-x");
    group.contains('.') && !is_of_kubernetes && !GROUPS.contains(&group)
}

/// Notes the first field of an object that looks like an image and was not read.
pub(super) fn note<'d>(object: &Object<'d>, resource: ResourceId, found: &mut WorkloadFacts<'d>) {
    if !may_hold_images(object) {
        return;
    }
    let known: Vec<Span> = found
        .images
        .iter()
        .rev()
        .take_while(|image| found.pod(image.pod).resource == resource)
        .map(|image| image.text.span)
        .collect();
    let mut search = Search { known, steps: Vec::new(), found: None };
    for entry in object.node.entries() {
        let Some(key) = entry.key.text().filter(|key| !matches!(*key, "metadata" | "status")) else { continue };
        search.field(key, entry.value, object.node);
    }
    let Some((path, value)) = search.found else { return };
    let value = spanned_string(value)
        .unwrap_or_else(|| crate::text::source::Spanned { value: String::new(), span: value.span() });
    found.unchecked.push(Unchecked { resource, span: value.span, path, value: value.value });
}

struct Search<'a> {
    known: Vec<Span>,
    steps: Vec<Step<'a>>,
    found: Option<(String, Node<'a>)>,
}

impl<'a> Search<'a> {
    fn field(&mut self, key: &'a str, value: Node<'a>, parent: Node<'a>) {
        self.steps.push(Step::Key(key));
        let is_image = || is_image(key, value, parent) || self.is_bare_image(key, value);
        if self.found.is_none() && !self.known.contains(&value.span()) && is_image() {
            self.found = Some((render(&self.steps), value));
        }
        self.below(value);
        self.steps.pop();
    }

    /// Whether a field is like `image: nginx` or `image: acme/api`: such a word is an image in an object's own
    /// fields. Deeper down it is just as often a machine image, as in cloud resources (`spec.forProvider` of
    /// Crossplane, templates of Cluster API).
    fn is_bare_image(&self, key: &str, value: Node<'_>) -> bool {
        let is_near = match self.steps.as_slice() {
            [Step::Key("spec"), Step::Key(_)] => true,
            [Step::Key("spec"), Step::Key(part), Step::Key(_)] => *part != "forProvider",
            _ => false,
        };
        let is_reference = |text: &str| Reference::parse(text).is_ok() && !is_placeholder(text) && !is_picture(text);
        key == "image" && is_near && value.as_str().is_some_and(is_reference)
    }

    /// Aliases are not followed: their target is visited in its own place.
    fn below(&mut self, node: Node<'a>) {
        if node.is_alias() || self.found.is_some() {
            return;
        }
        for entry in node.entries() {
            self.field(entry.key.text().unwrap_or_default(), entry.value, node);
        }
        for (at, item) in node.items().enumerate() {
            self.steps.push(Step::Index(at));
            self.below(item);
            self.steps.pop();
        }
    }
}

/// Whether the key and the value of a field identify it as an image.
fn is_image(key: &str, value: Node<'_>, parent: Node<'_>) -> bool {
    let text = value.as_str();
    match key {
        "images" => value.items().filter_map(Node::as_str).any(|item| is_written_out(after_equals(item))),
        // A chart's values in a single text.
        "values" | "valuesContent" => text.is_some_and(has_image_line),
        "repository" => {
            let has_tag = ["tag", "digest"].into_iter().any(|key| parent.get(key).is_some_and(|node| !node.is_null()));
            has_tag
                && text.is_some_and(|text| {
                    text.contains('/') && Reference::parse(&text.to_ascii_lowercase()).is_ok() && !is_placeholder(text)
                })
        }
        _ if key == "image" || key.ends_with("Image") => {
            text.is_some_and(|text| is_written_out(text) || is_of_transport(text))
        }
        _ => false,
    }
}

/// Returns the part after the `=` in `old=new`, the syntax of Argo CD for the images that kustomize should set.
fn after_equals(text: &str) -> &str {
    text.split_once('=').map_or(text, |(_, new)| new)
}

/// Whether a text is a reference with a host or a tag: a single word may be anything.
pub(in crate::resource::workload) fn is_written_out(text: &str) -> bool {
    // A reference in capitals is still meant as one.
    let Ok(reference) = Reference::parse(&text.to_ascii_lowercase()) else { return false };
    let host = text.split('/').next().filter(|first| first.len() < text.len());
    let has_host = host.is_some_and(|host| host.contains(['.', ':']) || host == "localhost");
    let has_tag = reference.digest().is_some() || text.rsplit('/').next().is_some_and(|last| last.contains(':'));
    (has_host || has_tag) && !is_picture(text) && !is_placeholder(text)
}

pub(in crate::resource::workload) fn is_picture(text: &str) -> bool {
    [".png", ".svg", ".jpg", ".jpeg", ".gif", ".webp", ".ico"].iter().any(|ending| text.ends_with(ending))
}

/// Whether a text is like `docker://nginx`, the syntax of containers/image, Argo CD, KubeVirt, and others.
fn is_of_transport(text: &str) -> bool {
    let reference = ["docker://", "oci://"].into_iter().find_map(|transport| text.strip_prefix(transport));
    reference.is_some_and(|name| Reference::parse(&name.to_ascii_lowercase()).is_ok() && !is_placeholder(name))
}

/// Whether a line in a YAML text sets an image, or the repository of one.
fn has_image_line(text: &str) -> bool {
    text.lines().any(|line| {
        let Some((key, value)) = line.trim().trim_start_matches("- ").split_once(": ") else { return false };
        let value = value.trim().trim_matches(['"', '\'']);
        match key {
            "repository" => {
                value.contains('/') && Reference::parse(&value.to_ascii_lowercase()).is_ok() && !is_placeholder(value)
            }
            _ => (key == "image" || key.ends_with("Image")) && is_written_out(value),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_with_host_or_tag_is_recognized_as_an_image() {
        for text in
            ["ghcr.io/acme/api", "ghcr.io/Acme/api:1", "api:1.9", "acme/api:1.9", "localhost/api", "reg:5000/api"]
        {
            assert!(is_written_out(text), "{text}");
        }
        for text in
            ["api", "acme/api", "https://acme.example/a.png", "acme.example/logo.png", "a b", "", "{{ x }}:1", "Ubuntu"]
        {
            assert!(!is_written_out(text), "{text}");
        }
    }

    #[test]
    fn image_lines_in_a_values_text_are_found() {
        assert!(has_image_line("image:\n  repository: ghcr.io/acme/api\n  tag: 1\n"));
        assert!(has_image_line("a:\n  - image: acme/api:1\n"));
        assert!(!has_image_line("repository: https://charts.example\nimage: api\ntitle: my image: a:1\n"));
    }
}
