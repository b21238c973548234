//! The charts of releases, and the Flux objects that say where they are.

use std::collections::BTreeMap;

use crate::resource::Object;
use crate::text::source::SourceId;

/// A chart as an object names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChartName {
    /// The name, path or URL of the chart.
    pub chart: Option<String>,
    /// The URL of its repository.
    pub repository: Option<String>,
    /// The version, or range of versions.
    pub version: Option<String>,
    /// What an OCIRepository takes the version for; `None` for charts that are named otherwise.
    pub pin: Option<ChartPin>,
    /// The object that says where the chart is.
    pub source: Option<SourceReference>,
}

/// The field of an OCIRepository that says which artifact is meant: the first that is set counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChartPin {
    /// `ref.digest`.
    Digest,
    /// `ref.semver`: a range of versions.
    Semver,
    /// `ref.semver` among the tags that `ref.semverFilter` leaves, which is a pattern in Go's syntax.
    Filtered,
    /// `ref.tag`, or `latest` without any.
    Tag,
}

/// A reference to a Flux source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceReference {
    /// The kind, such as `OCIRepository`.
    pub kind: String,
    /// The name of the object.
    pub name: String,
    /// The namespace, if the reference or the release names one.
    pub namespace: Option<String>,
    /// The file that contains the reference.
    pub file: SourceId,
}

/// An OCIRepository or HelmRepository, or a repository that a helmfile declares.
///
/// Follows `api/v1/{ocirepository,helmrepository}_types.go` of Flux's source-controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartSource {
    kind: String,
    namespace: Option<String>,
    name: String,
    url: String,
    version: Option<(ChartPin, String)>,
    file: SourceId,
}

/// The kind of the repositories that a helmfile declares.
pub(super) const HELMFILE_REPOSITORY: &str = "helmfile";

impl ChartSource {
    /// Returns the repository that a helmfile declares.
    pub(super) fn of_helmfile(name: &str, url: String, file: SourceId) -> Self {
        let kind = HELMFILE_REPOSITORY.to_owned();
        Self { kind, namespace: None, name: name.to_owned(), url, version: None, file }
    }

    /// Reads an object of one of these kinds.
    pub(super) fn of(object: &Object<'_>) -> Option<Self> {
        let name = &object.name;
        let is_source = name.group() == "source.toolkit.fluxcd.io";
        if !is_source || !matches!(name.kind.as_str(), "OCIRepository" | "HelmRepository") {
            return None;
        }
        let spec = object.node.get("spec")?;
        let reference = spec.get("ref");
        let pins = [("digest", ChartPin::Digest), ("semver", ChartPin::Semver), ("tag", ChartPin::Tag)];
        let is_filtered = reference.and_then(|reference| reference.str("semverFilter")).is_some();
        let version = pins.into_iter().find_map(|(key, pin)| Some((pin, reference?.str(key)?.to_owned())));
        let version = version.map(|(pin, text)| match pin {
            ChartPin::Semver if is_filtered => (ChartPin::Filtered, text),
            pin => (pin, text),
        });
        Some(Self {
            kind: name.kind.clone(),
            namespace: name.namespace.clone(),
            name: name.name.clone()?,
            url: spec.str("url")?.to_owned(),
            version,
            file: object.node.span().source,
        })
    }
}

/// The sources of charts in the inputs, by kind and name.
#[derive(Debug, Default)]
pub struct SourceTable<'s>(BTreeMap<(&'s str, &'s str), Vec<&'s ChartSource>>);

/// More sources of one name are not told apart: each release looks at all of them.
const MAX_SAME_NAME: usize = 256;

impl<'s> SourceTable<'s> {
    /// Collects sources.
    pub fn new(sources: &'s [ChartSource]) -> Self {
        let mut table: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for source in sources {
            table.entry((source.kind.as_str(), source.name.as_str())).or_default().push(source);
        }
        Self(table)
    }

    /// Returns the chart with what its source says about it, if there is one source that is certainly meant.
    pub fn complete(&self, chart: &ChartName) -> ChartName {
        let mut whole = chart.clone();
        let Some(reference) = &chart.source else { return whole };
        let named = self.0.get(&(reference.kind.as_str(), reference.name.as_str()));
        let Some(source) = named.and_then(|named| choose(reference, named)) else { return whole };
        if reference.kind == HELMFILE_REPOSITORY {
            whole.chart = whole.chart.and_then(|chart| Some(chart.split_once('/')?.1.to_owned()));
        }
        match (reference.kind.as_str(), source.url.starts_with("oci://")) {
            ("OCIRepository", _) => {
                whole.chart = Some(source.url.clone());
                let (pin, version) = source.version.clone().unzip();
                whole.version = version.or(whole.version);
                whole.pin = Some(pin.unwrap_or(ChartPin::Tag));
            }
            (_, true) => {
                let chart = whole.chart.as_deref().unwrap_or_default();
                whole.chart = Some(format!("{}/{chart}", source.url.trim_end_matches('/')));
            }
            (_, false) => whole.repository = Some(source.url.clone()),
        }
        whole
    }
}

/// Chooses the source in the same namespace, or else in the same file. A kustomization may give both their namespace,
/// so a source that names none may be meant too.
fn choose<'s>(reference: &SourceReference, named: &[&'s ChartSource]) -> Option<&'s ChartSource> {
    if named.len() > MAX_SAME_NAME {
        return None;
    }
    let only = |fits: &dyn Fn(&ChartSource) -> bool| {
        let mut fitting = named.iter().copied().filter(|source| fits(source));
        let first = fitting.next()?;
        fitting.all(|other| (&other.url, &other.version) == (&first.url, &first.version)).then_some(first)
    };
    let is_near = |source: &ChartSource| source.file == reference.file;
    let is_possible = |source: &ChartSource| {
        source.namespace.is_none() || reference.namespace.is_none() || source.namespace == reference.namespace
    };
    let near = only(&|source| is_near(source) && is_possible(source));
    // helmfile looks no further than the file.
    near.or_else(|| only(&is_possible).filter(|_| reference.kind != HELMFILE_REPOSITORY))
}
