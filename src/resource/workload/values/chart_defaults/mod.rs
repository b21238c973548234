//! What common charts use where the values of a release set only a part of an image.
//!
//! `table.txt` lists the charts. Its rows are made from the charts themselves: each version that is in a row was
//! rendered with a tag of its own at each path, and the row says what the rendered objects then contained.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::ChartName;

static TABLE: LazyLock<BTreeMap<&'static str, Vec<Chart>>> = LazyLock::new(|| read(include_str!("table.txt")));

/// A chart of one publisher.
#[derive(Debug, Default)]
struct Chart {
    /// The URLs at which it is published: those of HTTP repositories, and those of the chart itself in a registry.
    urls: Vec<&'static str>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    path: &'static str,
    first: Version,
    last: Version,
    image: DefaultImage,
}

/// The three numbers of a version. Versions with more than these are not in the table.
type Version = [u32; 3];

/// What one version of a chart uses by default.
#[derive(Debug, Clone, Copy)]
pub struct ChartDefaults {
    chart: &'static Chart,
    version: Version,
}

/// An image that a chart uses by default, and what it makes of values that set parts of it.
///
/// Its name is `registry`, a slash, and `repository`; each part of it is replaced by the value that sets it, with the
/// exceptions that the other fields describe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultImage {
    /// The part of the name that a value `registry` replaces. `None` if there is no such part: `repository` is then
    /// the whole name.
    pub registry: Option<&'static str>,
    /// The rest of the name.
    pub repository: &'static str,
    /// The key of the value that replaces `repository`: usually the same word, but `image` in ingress-nginx.
    pub name_key: &'static str,
    /// Whether the chart reads `registry` beside the tag. It comes before `repository`, whatever that contains.
    pub reads_registry: bool,
    /// Whether a value `repository` is the whole name, so that the default registry is not put before it.
    pub repository_is_whole: bool,
    /// The tag.
    pub tag: DefaultTag,
    /// Whether the chart sets a digest too. It stays if values change the tag alone, and nodes then pull by digest.
    pub has_digest: bool,
    /// What the chart does with a digest in values.
    pub digest_use: DigestUse,
    /// The paths of [`Self::changed_by`], with commas between them.
    changed_by: &'static str,
}

/// The tag that a chart uses if values set none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultTag {
    /// The same in all these versions of the chart.
    Literal(&'static str),
    /// `appVersion` of the chart, or what the chart makes of it: only the chart tells.
    AppVersion,
    /// A tag that changes with the version of the chart: only the chart tells.
    Varying,
}

/// What a chart does with a digest in its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestUse {
    /// It does not read one.
    Unread,
    /// `repository:tag@digest`, of the key `digest`.
    AfterTag,
    /// `repository@digest`: the tag is left out.
    InsteadOfTag,
    /// `repository:tag@sha256:…`, of the key `sha`, which has no `sha256:`.
    Sha,
}

/// Returns what a chart uses by default; `None` if the table does not contain the chart of this publisher in this very
/// version. The chart's source must be completed ([`super::SourceTable::complete`]).
pub fn defaults(chart: &ChartName) -> Option<ChartDefaults> {
    let named = chart.chart.as_deref()?;
    let version = version(chart.version.as_deref()?)?;
    let (name, url) = match (named.strip_prefix("oci://"), chart.repository.as_deref()) {
        (Some(whole), None) => (whole.trim_end_matches('/').rsplit('/').next()?, format!("oci://{whole}")),
        (None, Some(repository)) => (named, url_of(repository, named)),
        _ => return None,
    };
    let url = url.trim_end_matches('/');
    let chart = TABLE.get(name)?.iter().find(|chart| chart.urls.contains(&url))?;
    Some(ChartDefaults { chart, version })
}

/// Returns the URL of a repository, or that of the chart itself in a registry. Argo CD writes registries without
/// `oci://`.
fn url_of(repository: &str, name: &str) -> String {
    let repository = repository.trim_end_matches('/');
    match repository.split_once("://") {
        Some(("oci", _)) => format!("{repository}/{name}"),
        Some(_) => repository.to_owned(),
        None => format!("oci://{repository}/{name}"),
    }
}

impl DefaultImage {
    /// The paths of other values that change the image if they are set: they replace the registry or the whole name, or
    /// add something to it or to the tag.
    pub fn changed_by(&self) -> impl Iterator<Item = &'static str> {
        self.changed_by.split(',').filter(|path| !path.is_empty())
    }
}

impl ChartDefaults {
    /// Returns the image whose parts are set below a path of the values, such as `controller.image`.
    pub fn at(&self, path: &str) -> Option<DefaultImage> {
        let fits = |row: &&Row| row.path == path && (row.first..=row.last).contains(&self.version);
        self.chart.rows.iter().find(fits).map(|row| row.image)
    }
}

/// Reads `1.2.3` or `v1.2.3`.
fn version(text: &str) -> Option<Version> {
    let mut numbers = text.strip_prefix('v').unwrap_or(text).split('.');
    let mut next = || {
        let number = numbers.next()?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| number.parse().ok())?
    };
    let version = [next()?, next()?, next()?];
    numbers.next().is_none().then_some(version)
}

fn read(table: &'static str) -> BTreeMap<&'static str, Vec<Chart>> {
    let mut charts: BTreeMap<&str, Vec<Chart>> = BTreeMap::new();
    let mut name = "";
    for line in table.lines() {
        let mut words = line.split_ascii_whitespace();
        let chart = charts.get_mut(name).and_then(|charts| charts.last_mut());
        match (words.next(), chart) {
            (Some("chart"), _) => {
                name = words.next().unwrap_or_default();
                charts.entry(name).or_default().push(Chart::default());
            }
            (Some("at"), Some(chart)) => chart.urls.extend(words.next()),
            (Some("image"), Some(chart)) => chart.rows.extend(row(words)),
            _ => {}
        }
    }
    charts
}

fn row(mut words: std::str::SplitAsciiWhitespace<'static>) -> Option<Row> {
    let (path, first, last) = (words.next()?, version(words.next()?)?, version(words.next()?)?);
    let registry = words.next().filter(|registry| *registry != "-");
    let repository = words.next()?;
    let tag = match words.next()? {
        "app-version" => DefaultTag::AppVersion,
        "varying" => DefaultTag::Varying,
        literal => DefaultTag::Literal(literal.strip_prefix('=')?),
    };
    let mut image = DefaultImage {
        registry,
        repository,
        name_key: "repository",
        reads_registry: false,
        repository_is_whole: false,
        tag,
        has_digest: false,
        digest_use: DigestUse::Unread,
        changed_by: "",
    };
    for word in words {
        match word {
            "registry" => image.reads_registry = true,
            "whole" => image.repository_is_whole = true,
            "digest" => image.has_digest = true,
            "tag@digest" => image.digest_use = DigestUse::AfterTag,
            "@digest" => image.digest_use = DigestUse::InsteadOfTag,
            "tag@sha" => image.digest_use = DigestUse::Sha,
            _ => match word.split_once('=')? {
                ("key", key) => image.name_key = key,
                ("changed-by", paths) => image.changed_by = paths,
                _ => return None,
            },
        }
    }
    Some(Row { path, first, last, image })
}

#[cfg(test)]
mod tests;
