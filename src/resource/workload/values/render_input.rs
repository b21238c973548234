//! What Helm gets to render the chart of a release: its name, namespace and values.

use super::part::Part;
use super::reference::{ReferenceTarget, ValuesReference};
use super::release::Reading;
use super::{ChartName, Installer, ReleaseKey};
use super::{fleet, helmfile};
use crate::resource::{self, Object, ResourceName};
use crate::text::placeholder::is_placeholder;
use crate::text::source::{Source, SourceId};
use crate::text::yaml::scalar::Scalar;
use crate::text::yaml::{self, Node, Piece};

/// A release as its chart is rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderInput {
    /// The place of the release and its name, as in [`super::Release`].
    pub key: ReleaseKey,
    /// The object that describes the release.
    pub object: ResourceName,
    /// The program that installs it.
    pub installer: Installer,
    /// The name of the release; `None` if it is unknown.
    pub name: Option<String>,
    /// The namespace of the release; `None` if it is unknown.
    pub namespace: Option<String>,
    /// The chart as the object names it.
    pub chart: ChartName,
    /// Whether the chart's name is the path of a folder.
    pub is_folder: bool,
    /// The chart itself: an archive in base64.
    pub content: Option<String>,
    /// The sets of values: later ones take precedence.
    pub values: Vec<RenderValues>,
    /// Single values that take precedence over all sets.
    pub parameters: Vec<ParameterText>,
    /// A field whose values are not followed.
    pub unread: Option<String>,
    /// Whether something may change the images of the rendered objects.
    pub is_post_rendered: bool,
    /// Whether the installer runs the tests of the chart, as `helm test` does.
    pub runs_tests: bool,
}

/// A set of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenderValues {
    /// YAML.
    Text(String),
    /// Values that are elsewhere, and the path of the reference.
    Elsewhere(ValuesReference, String),
}

/// A single value, as Helm's `--set` or `--set-string` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterText {
    /// The path in the values, in Helm's syntax.
    pub name: String,
    /// The value, with a backslash before each comma.
    pub value: String,
    /// Whether the value is a string whatever it looks like.
    pub is_string: bool,
}

/// Returns the releases of a file that a chart can be rendered for. Objects for several clusters, and charts that
/// kustomize inflates, are left out.
pub fn render_inputs(id: SourceId, source: &Source) -> Vec<RenderInput> {
    let mut found = Vec::new();
    yaml::read(id, source.text(), false, &mut |piece| {
        let Piece::Document(document) = piece else { return };
        let Some(root) = document.root() else { return };
        let mut objects = Vec::new();
        resource::objects(root, &mut objects);
        // The generators of an ApplicationSet fill in its template.
        for object in objects.iter().filter(|object| object.name.kind != "ApplicationSet") {
            found.extend(render_inputs_of(object));
        }
        let readings = fleet::of_fleet(source.name(), root).unwrap_or_default();
        let name = ResourceName { kind: fleet::FLEET_FILE.to_owned(), ..ResourceName::default() };
        found.extend(readings.into_iter().filter_map(|reading| of_reading(reading, &name)));
        for reading in helmfile::of_helmfile(source.name(), root).unwrap_or_default() {
            let kind = helmfile::HELMFILE.to_owned();
            let name = ResourceName { kind, name: reading.release.name.clone(), ..ResourceName::default() };
            found.extend(of_reading(reading, &name));
        }
    });
    found
}

/// Returns the releases of an object that a chart can be rendered for.
pub(crate) fn render_inputs_of(object: &Object<'_>) -> Vec<RenderInput> {
    let readings = super::of_object(object).unwrap_or_default().into_iter();
    readings.filter_map(|reading| of_reading(reading, &object.name)).collect()
}

fn of_reading(reading: Reading<'_>, object: &ResourceName) -> Option<RenderInput> {
    if reading.release.is_partial || !reading.targets.is_empty() {
        return None;
    }
    let mut unread = reading.unread;
    let mut values = Vec::new();
    let mut is_folder = false;
    for part in reading.parts {
        let text = match part {
            // Helm reads them with the chart.
            Part::Elsewhere(ValuesReference { target: ReferenceTarget::Chart, .. }, _) => {
                is_folder = true;
                continue;
            }
            Part::Elsewhere(reference, path) => {
                values.push(RenderValues::Elsewhere(reference, path));
                continue;
            }
            Part::Text(node, path) => (node.as_str().map(str::to_owned), path, node.is_null()),
            Part::Tree(node, path) => (json(node), path, false),
        };
        match text {
            (Some(text), ..) => values.push(RenderValues::Text(text)),
            (None, _, true) => {}
            (None, path, false) => unread = unread.or(Some(path)),
        }
    }
    let parameter = |own: &super::Parameter<'_>| ParameterText {
        name: own.name.clone(),
        value: escaped(own.value.text().unwrap_or_default()),
        is_string: own.is_string,
    };
    let known = |text: Option<String>| text.filter(|text| !is_placeholder(text));
    Some(RenderInput {
        key: reading.release.key(),
        object: object.clone(),
        installer: reading.release.installer,
        name: known(reading.release.name),
        namespace: known(reading.namespace.value),
        chart: reading.release.chart,
        is_folder,
        content: reading.content.and_then(|content| content.as_str().map(str::to_owned)),
        values,
        parameters: reading.parameters.iter().map(parameter).collect(),
        unread,
        is_post_rendered: reading.is_post_rendered,
        runs_tests: reading.runs_tests,
    })
}

/// Returns a value for `--set`, in which a comma ends a value unless a backslash is before it.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut is_escaped = false;
    for character in value.chars() {
        if character == ',' && !is_escaped {
            text.push('\\');
        }
        is_escaped = character == '\\' && !is_escaped;
        text.push(character);
    }
    text
}

/// How deep values are nested.
const MAX_DEPTH: u8 = 64;

/// The size of values in bytes, as large as the API server accepts an object.
const MAX_BYTES: usize = 3 << 20;

/// Returns a node as JSON with the types that kubectl reads; `None` if it is too large.
fn json(node: Node<'_>) -> Option<String> {
    let mut text = String::new();
    write(node, MAX_DEPTH, &mut text)?;
    Some(text)
}

fn write(node: Node<'_>, depth: u8, text: &mut String) -> Option<()> {
    let depth = depth.checked_sub(1).filter(|_| text.len() <= MAX_BYTES)?;
    if node.is_mapping() {
        text.push('{');
        for (at, entry) in node.entries().enumerate() {
            text.push_str(if at == 0 { "" } else { "," });
            text.push_str(&serde_json::to_string(&entry.key.key()?).ok()?);
            text.push(':');
            write(entry.value, depth, text)?;
        }
        text.push('}');
        return Some(());
    }
    if node.is_sequence() {
        text.push('[');
        for (at, item) in node.items().enumerate() {
            text.push_str(if at == 0 { "" } else { "," });
            write(item, depth, text)?;
        }
        text.push(']');
        return Some(());
    }
    let written = node.text().unwrap_or_default();
    match node.scalar() {
        None | Some(Scalar::Null) => text.push_str("null"),
        Some(Scalar::Bool(value)) => text.push_str(if value { "true" } else { "false" }),
        // A number in one of YAML's own forms, such as 0o17, is read by Helm as YAML too.
        Some(Scalar::Number) => text.push_str(written),
        Some(Scalar::String(value)) => text.push_str(&serde_json::to_string(value).ok()?),
    }
    Some(())
}
