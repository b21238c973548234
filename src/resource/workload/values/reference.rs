//! Values that a release takes from elsewhere: ConfigMaps, Secrets, and files of the repository.

use super::ChartName;
use super::chart_defaults::ChartDefaults;
use crate::text::source::{SourceId, Span};
use crate::text::yaml::Place;

/// A reference from a release to a set of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValuesReference {
    /// Where the values are.
    pub target: ReferenceTarget,
    /// The place of the reference.
    pub span: Span,
    /// Whether the release is installed without the values if they do not exist.
    pub is_optional: bool,
}

/// What a reference to values names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceTarget {
    /// A key of a ConfigMap.
    ConfigMap {
        /// The namespace in which the installer looks for it; `None` if it is unknown.
        namespace: Option<String>,
        /// The name of the object.
        name: String,
        /// The key whose value is YAML.
        key: String,
    },
    /// A file.
    File {
        /// The path as written.
        path: String,
        /// What the path is relative to.
        base: FileBase,
    },
    /// The values of a chart in the inputs.
    Chart,
    /// Something that is not followed: a Secret, a URL, a glob.
    Unfollowed,
}

impl ReferenceTarget {
    /// The name of the ConfigMap that the reference is to.
    pub fn config_map(&self) -> Option<&str> {
        match self {
            Self::ConfigMap { name, .. } => Some(name),
            Self::File { .. } | Self::Chart | Self::Unfollowed => None,
        }
    }
}

/// What the path of a file is relative to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileBase {
    /// The folder of the file that describes the release.
    Release,
    /// The folder of the chart.
    Chart,
    /// The root of a repository, with its URL.
    Repository(String),
}

/// A set of values that was found.
#[derive(Debug, Clone)]
pub struct FoundText<'s> {
    /// The source that contains it.
    pub source: SourceId,
    /// The YAML text.
    pub text: &'s str,
    /// The place of the text, if it is the value of a key; `None` for a whole file.
    pub place: Option<Place>,
    /// The path of the value; empty for a whole file.
    pub path: String,
}

/// The result of looking a reference up.
#[derive(Debug, Clone)]
pub enum FoundReference<'s> {
    /// The values.
    Text(FoundText<'s>),
    /// There are none, and the release is installed without them.
    Absent,
    /// They are not in the inputs, or it is not certain which ones are meant.
    Unknown,
}

/// Finds the values that releases refer to.
pub trait ReferenceLookup {
    /// Looks up a reference of a release that a file describes. `chart` is the path of the release's chart as written.
    fn find(&self, reference: &ValuesReference, file: SourceId, chart: Option<&str>) -> FoundReference<'_>;

    /// Returns what a chart uses by default, if that is known.
    fn defaults(&self, chart: &ChartName) -> Option<ChartDefaults>;
}

/// Knows a single file: everything that it refers to is unknown.
pub struct NoLookup;

impl ReferenceLookup for NoLookup {
    fn find(&self, _: &ValuesReference, _: SourceId, _: Option<&str>) -> FoundReference<'_> {
        FoundReference::Unknown
    }

    fn defaults(&self, _: &ChartName) -> Option<ChartDefaults> {
        None
    }
}
