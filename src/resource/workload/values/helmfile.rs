//! The releases in a `helmfile.yaml`.
//!
//! Follows `pkg/state/{state,release,state_exec_tmpl,util,storage}.go` of helmfile 1.8.0. Of the file only what is YAML
//! is read: a value with a template expression is unknown.

use super::chart::HELMFILE_REPOSITORY;
use super::part::Part;
use super::reference::{FileBase, ReferenceTarget};
use super::release::{Reading, known, text};
use super::{ChartSource, Installer, Parameter, SourceReference, TargetNamespace};
use crate::text::placeholder::is_placeholder;
use crate::text::source::Span;
use crate::text::yaml::Node;

/// The kind assigned to such a file, which does not contain one.
pub(super) const HELMFILE: &str = "helmfile.yaml";

/// The values of more releases in one document are not read: each may read the same large file.
const MAX_RELEASES: usize = 1_000;

/// How many templates one release inherits, and how many bytes of templates all releases of a document do.
const MAX_TEMPLATES: usize = 16;
const MAX_INHERITED: usize = 1 << 20;

/// Whether the name of a file says that it is for helmfile, as `helmfile.yaml` and `helmfile.d/web.yaml` do.
pub(crate) fn is_file_name(file: &str) -> bool {
    let mut parts = file.rsplit('/');
    parts.by_ref().take(2).any(|part| part.contains("helmfile"))
}

/// Whether a document is for helmfile.
fn is_helmfile(file: &str, root: Node<'_>) -> bool {
    if root.get("kind").is_some() || root.get("apiVersion").is_some() {
        return false;
    }
    let others = ["repositories", "helmDefaults", "helmfiles", "bases", "commonLabels", "defaultInherit"];
    let has_others = || others.iter().any(|key| root.get(key).is_some());
    let is_release = |item: Node<'_>| item.get("name").is_some() && item.get("chart").is_some();
    let mut releases = root.get("releases").into_iter().flat_map(Node::items).peekable();
    match is_file_name(file) {
        true => releases.peek().is_some() || root.get("repositories").is_some_and(Node::is_sequence),
        false => releases.peek().is_some() && releases.all(is_release) && has_others(),
    }
}

/// Returns the place of the releases in a helmfile that is a template as a whole: helmfile fills it in before it reads
/// it, so that it is not read here.
pub(crate) fn template(file: &str, root: Node<'_>) -> Option<Span> {
    let is_template = file.ends_with(".gotmpl") && root.document().text().contains("{{");
    (is_template && is_helmfile(file, root)).then(|| Some(root.entry("releases")?.key.span())).flatten()
}

/// Returns the repositories of charts that a helmfile declares.
pub(crate) fn repositories(file: &str, root: Node<'_>) -> Vec<ChartSource> {
    if root.get("repositories").is_none() || !is_helmfile(file, root) {
        return Vec::new();
    }
    let items = root.get("repositories").into_iter().flat_map(Node::items);
    let source = |item: Node<'_>| {
        let (name, url) = (item.str("name")?, item.str("url")?);
        let url = match is_true(item.get("oci")) && !url.contains("://") {
            true => format!("oci://{url}"),
            false => url.to_owned(),
        };
        Some(ChartSource::of_helmfile(name, url, item.span().source))
    };
    items.filter_map(source).collect()
}

/// Returns the places of the passwords for repositories.
pub(crate) fn passwords(file: &str, root: Node<'_>) -> Vec<Span> {
    let is_known = root.get("repositories").is_some() && is_helmfile(file, root);
    let items = root.get("repositories").filter(|_| is_known).into_iter().flat_map(Node::items);
    items.filter_map(|item| item.get("password")).map(Node::span).collect()
}

/// Returns the releases of a document; `None` if it is not for helmfile.
pub(super) fn of_helmfile<'d>(file: &str, root: Node<'d>) -> Option<Vec<Reading<'d>>> {
    if !is_helmfile(file, root) || template(file, root).is_some() {
        return None;
    }
    let mut state = State { root, inherited_bytes: MAX_INHERITED };
    let items = root.get("releases").into_iter().flat_map(Node::items).enumerate();
    Some(items.filter_map(|(at, item)| state.release(at, item)).collect())
}

/// A document, with what its releases have in common.
struct State<'d> {
    root: Node<'d>,
    /// How many bytes of templates the releases may still inherit.
    inherited_bytes: usize,
}

/// A release, or a template for releases.
#[derive(Clone)]
struct Holder<'d> {
    node: Node<'d>,
    path: String,
    /// Fields that are not inherited.
    except: Vec<&'d str>,
}

impl<'d> Holder<'d> {
    fn get(&self, key: &str) -> Option<Node<'d>> {
        self.node.get(key).filter(|node| !node.is_null() && !self.except.contains(&key))
    }
}

impl<'d> State<'d> {
    /// Reads a release; `None` if it is not installed.
    fn release(&mut self, at: usize, item: Node<'d>) -> Option<Reading<'d>> {
        let own = Holder { node: item, path: format!("releases[{at}]"), except: Vec::new() };
        let mut holders = Vec::new();
        let is_whole = self.inherit(&own, &mut Vec::new(), &mut holders);
        // A release takes precedence over the templates that it inherits.
        let field = |key: &str| {
            let mut found = holders.iter().rev().filter_map(|holder| holder.get(key));
            found.find(|node| node.text().is_none_or(|text| !text.is_empty()))
        };
        let condition = field("condition").and_then(Node::text).map(str::to_ascii_lowercase);
        if field("installed").is_some_and(|node| node.text() == Some("false")) || condition.as_deref() == Some("false")
        {
            return None;
        }
        let mut reading = Reading::new(Installer::Helmfile, item);
        if !is_whole {
            reading.unread = Some(format!("{}.inherit", own.path));
            reading.is_doubtful = true;
        }
        reading.release.name = text(field("name"));
        let namespace = text(self.root.get("namespace")).or_else(|| text(field("namespace")));
        let namespace = namespace.filter(|name| !is_placeholder(name));
        reading.namespace = TargetNamespace { value: namespace.clone(), is_chosen: true };
        // A template, or an anchor, gives several releases one chart: the place must be that of this release.
        let own_part = |key: &str| item.get(key).filter(|node| is_within(node.span(), item.span()));
        let place = own_part("chart").or_else(|| own_part("name")).unwrap_or(item);
        let chart = text(self.root.get("chart")).or_else(|| text(field("chart")));
        reading.release.chart.version = text(field("version"));
        self.chart(&mut reading, chart, item);
        reading.release.span = place.span();
        if at >= MAX_RELEASES {
            reading.unread.get_or_insert(join(&own, "values"));
            return Some(reading);
        }
        let name = known(field("name"));
        let names = Names { release: name.as_deref(), namespace: namespace.as_deref() };
        let prefix = text(field("valuesPathPrefix")).unwrap_or_default();
        let handler = text(field("missingFileHandler")).or_else(|| text(self.root.get("missingFileHandler")));
        let is_optional = handler.is_some_and(|handler| handler != "Error");
        for key in ["valuesTemplate", "values"] {
            for holder in &holders {
                for (at, node) in holder.get(key).into_iter().flat_map(Node::items).enumerate() {
                    let path = format!("{}[{at}]", join(holder, key));
                    match node.as_str() {
                        None => reading.parts.push(Part::Tree(node, path)),
                        Some(file) => {
                            let target = of_file(&names.fill_in(&format!("{prefix}{file}")));
                            reading.refer(target, node, is_optional, path);
                        }
                    }
                }
            }
        }
        for key in ["setTemplate", "set", "setString"] {
            for holder in &holders {
                parameters(&mut reading, holder, key);
            }
        }
        for holder in &holders {
            for key in ["env", "secrets"] {
                if holder.get(key).is_some_and(|node| node.items().next().is_some()) {
                    reading.unread.get_or_insert_with(|| join(holder, key));
                    reading.is_doubtful |= key == "env";
                }
            }
        }
        let patches = ["jsonPatches", "strategicMergePatches", "transformers"];
        let has_patches = patches.iter().any(|key| field(key).is_some_and(|node| node.items().next().is_some()));
        let defaults = self.root.get("helmDefaults");
        let has_renderer =
            field("postRenderer").or_else(|| defaults?.get("postRenderer")).is_some_and(|node| !node.is_null());
        reading.is_post_rendered = has_patches || has_renderer;
        let lists = ["args", "syncArgs", "templateArgs"].into_iter().filter_map(|key| defaults?.get(key));
        let sets_values =
            |node: Node<'_>| node.text().is_some_and(|text| text.contains("--set") || text.contains("-f"));
        if lists.flat_map(Node::items).any(sets_values) {
            reading.unread.get_or_insert_with(|| "helmDefaults".to_owned());
            reading.is_doubtful = true;
        }
        Some(reading)
    }

    /// Adds a release, or a template, behind those that it inherits. Returns whether all of these are known.
    fn inherit(&mut self, own: &Holder<'d>, outer: &mut Vec<&'d str>, holders: &mut Vec<Holder<'d>>) -> bool {
        let mut is_whole = true;
        let field = own.node.get("inherit");
        let is_list = field.is_some_and(Node::is_sequence);
        let single = field.filter(|_| !is_list).into_iter();
        let listed = field.filter(|_| is_list).into_iter().flat_map(Node::items);
        let mut wanted: Vec<(&'d str, Vec<&'d str>)> = Vec::new();
        for item in single.chain(listed) {
            let except = item.get("except").into_iter().flat_map(Node::items).filter_map(Node::as_str).collect();
            match item.str("template") {
                Some(name) => wanted.push((name, except)),
                None => is_whole &= item.is_null(),
            }
        }
        if outer.is_empty() {
            let defaults = self.root.get("defaultInherit");
            let single = defaults.and_then(Node::as_str);
            let listed = defaults.into_iter().flat_map(Node::items).filter_map(Node::as_str);
            let mut first: Vec<_> = single.into_iter().chain(listed).map(|name| (name, Vec::new())).collect();
            first.retain(|(name, _)| !wanted.iter().any(|(own, _)| own == name));
            wanted.splice(0..0, first);
        }
        for (name, except) in wanted {
            let template = self.root.at(&["templates", name]);
            let cost = template.map_or(0, |node| node.span().range().len());
            let is_possible = holders.len() < MAX_TEMPLATES && cost <= self.inherited_bytes && !outer.contains(&name);
            let Some(node) = template.filter(|_| is_possible) else {
                is_whole = false;
                continue;
            };
            self.inherited_bytes -= cost;
            let path = format!("templates.{name}");
            let from = holders.len();
            outer.push(name);
            is_whole &= self.inherit(&Holder { node, path, except: Vec::new() }, outer, holders);
            outer.pop();
            for holder in holders.iter_mut().skip(from) {
                holder.except.extend(&except);
            }
        }
        holders.push(own.clone());
        is_whole
    }

    /// Sets the chart: a folder, a URL, or a name within a repository.
    fn chart(&self, reading: &mut Reading<'d>, chart: Option<String>, item: Node<'d>) {
        let Some(chart) = chart else { return };
        if !is_placeholder(&chart) {
            if is_folder(&chart) {
                let place = item.get("chart").unwrap_or(item);
                reading.refer(ReferenceTarget::Chart, place, true, String::new());
            } else if let Some((repository, _)) = chart.split_once('/').filter(|_| !chart.contains("://")) {
                reading.release.chart.source = Some(SourceReference {
                    kind: HELMFILE_REPOSITORY.to_owned(),
                    name: repository.to_owned(),
                    namespace: None,
                    file: item.span().source,
                });
            }
        }
        reading.release.chart.chart = Some(chart);
    }
}

fn join(holder: &Holder<'_>, key: &str) -> String {
    format!("{}.{key}", holder.path)
}

fn is_true(node: Option<Node<'_>>) -> bool {
    node.is_some_and(|node| node.text() == Some("true"))
}

fn is_within(inner: Span, outer: Span) -> bool {
    inner.source == outer.source && outer.start <= inner.start && inner.end <= outer.end
}

/// Whether a chart is a folder, rather than a name within a repository (`isLocalChart`).
fn is_folder(chart: &str) -> bool {
    if chart.starts_with("./") || chart.starts_with("../") {
        return true;
    }
    !chart.contains("://") && (chart.starts_with('/') || !matches!(chart.split('/').count(), 2 | 3))
}

/// Returns what an entry of `values` names: a file next to the helmfile, unless helmfile fetches it or fills it in.
fn of_file(path: &str) -> ReferenceTarget {
    let is_followed = !path.contains(['*', '?', '[', '{', '$'])
        && !path.contains("://")
        && !path.contains("::")
        && !path.starts_with('/')
        && !path.ends_with(".gotmpl");
    match is_followed {
        true => ReferenceTarget::File { path: path.to_owned(), base: FileBase::Release },
        false => ReferenceTarget::Unfollowed,
    }
}

/// Adds the values in a list for `--set` or `--set-string`.
fn parameters<'d>(reading: &mut Reading<'d>, holder: &Holder<'d>, key: &str) {
    for (at, item) in holder.get(key).into_iter().flat_map(Node::items).enumerate() {
        let path = format!("{}[{at}]", join(holder, key));
        let value = item.get("value").filter(|value| value.text().is_some_and(|text| !text.is_empty()));
        // helmfile escapes what `--set` would read as a list, and fetches `ref+`.
        let is_plain = |text: &str| !text.contains(['{', '}', '\\']) && !text.contains("ref+");
        match (item.str("name").filter(|name| is_plain(name)), value) {
            (Some(name), Some(value)) if value.text().is_some_and(is_plain) => {
                let (name, path) = (name.to_owned(), format!("{path}.value"));
                reading.parameters.push(Parameter { name, value, path, is_string: key == "setString" });
            }
            _ => {
                reading.unread.get_or_insert(path);
                reading.is_doubtful = true;
            }
        }
    }
}

/// What helmfile knows of a release when it fills in the paths of its values.
struct Names<'n> {
    release: Option<&'n str>,
    namespace: Option<&'n str>,
}

impl Names<'_> {
    /// Returns a path with the name and the namespace of the release in the place of the expressions for them.
    fn fill_in(&self, path: &str) -> String {
        let mut filled = String::new();
        let mut rest = path;
        while let Some((before, (inside, after))) =
            rest.split_once("{{").and_then(|(before, rest)| Some((before, rest.split_once("}}")?)))
        {
            let value = match inside.trim() {
                ".Release.Name" => self.release,
                ".Release.Namespace" => self.namespace,
                _ => None,
            };
            let Some(value) = value else { return path.to_owned() };
            filled.push_str(before);
            filled.push_str(value);
            rest = after;
        }
        filled + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chart_is_a_folder_by_the_number_of_its_parts() {
        for chart in ["./a", "../a/b", "a", "/a/b", "a/b/c/d"] {
            assert!(is_folder(chart), "{chart}");
        }
        for chart in ["a/b", "a/b/c", "oci://a/b", "git::https://a.example/b@c"] {
            assert!(!is_folder(chart), "{chart}");
        }
    }

    #[test]
    fn names_of_the_release_are_filled_in() {
        let names = Names { release: Some("web"), namespace: None };
        let of = |path: &str| names.fill_in(path);
        assert_eq!(of("a/{{ .Release.Name }}/{{.Release.Name}}.yaml"), "a/web/web.yaml");
        assert_eq!(of("{{ .Release.Namespace }}.yaml"), "{{ .Release.Namespace }}.yaml");
        assert_eq!(of("{{ .Environment.Name"), "{{ .Environment.Name");
    }
}
